/* SPDX-License-Identifier: Apache-2.0 */
/* json.h — judge one JSON text without keeping it: well-formed, not too deep, every number a binary64. */
#ifndef FMT_JSON_H
#define FMT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "firn/types.h"

enum {
    FMT_JSON_DEPTH_MAX = 120 /**< Containers within containers. */
};

/** The text without the white space before and behind it. */
firn_slice fmt_json_trim(firn_slice text);

/**
 * Whether text is one RFC 8259 value in UTF-8, with white space around it or not. Refused besides: escaped lone
 * surrogates, numbers beyond binary64, more than FMT_JSON_DEPTH_MAX containers within each other. Duplicate keys are
 * accepted.
 * @param out_at  Byte offset of what is wrong.
 * @return NULL, or what is wrong in a few words.
 */
const char *fmt_json_check(firn_slice text, size_t *out_at);

/** Whether a checked text is an object with a member of this name (ASCII), however the name is escaped. */
bool fmt_json_has_member(firn_slice text, const char *name);

#endif
