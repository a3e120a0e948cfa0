/* SPDX-License-Identifier: Apache-2.0 */
/* json_members.h — the members of a JSON object, their values as the bytes that were given. */
#ifndef TOOLS_JSON_MEMBERS_H
#define TOOLS_JSON_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "firn.h"

/** A member that is looked for. The last of equal keys wins. */
typedef struct tool_member {
    const char *key;
    bool needed;
    firn_slice value; /**< Its text, without white space around it; data NULL: it is not there. Borrowed. */
} tool_member;

/**
 * Fill in the members of an object; members that nobody looks for are passed over.
 * @param what  Names the object in messages: `invalid JSON in {what}: …`.
 * @return FIRN_OK; FIRN_EINVAL: no JSON, no object, a needed member is missing; FIRN_ENOMEM.
 */
firn_status tool_members_read(firn_slice text, const char *what, tool_member *members, size_t members_count,
                              firn_error *err) FIRN_NODISCARD;

/** Is the value the literal null? */
bool tool_value_is_null(firn_slice value);
/** Values of one type, or FIRN_EINVAL with `invalid {key}: {text}`. */
firn_status tool_value_number(const tool_member *member, uint64_t *out_number, firn_error *err) FIRN_NODISCARD;
firn_status tool_value_bool(const tool_member *member, bool *out_value, firn_error *err) FIRN_NODISCARD;
/** The string without quotes and escapes; the caller frees out_string->data, which is never NULL. */
firn_status tool_value_string(const tool_member *member, firn_buf *out_string, firn_error *err) FIRN_NODISCARD;

#endif
