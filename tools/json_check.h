/* SPDX-License-Identifier: Apache-2.0 */
/* json_check.h — is this text one JSON value, and if not, where does it fail? */
#ifndef TOOLS_JSON_CHECK_H
#define TOOLS_JSON_CHECK_H

#include "firn.h"

enum {
    TOOL_JSON_REASON_SIZE = 128
};

/**
 * FIRN_OK, or FIRN_EINVAL with the place in characters from 1 and what is wrong there, or FIRN_ENOMEM.
 * @param out_reason  TOOL_JSON_REASON_SIZE bytes.
 */
firn_status tool_json_check(firn_slice text, uint64_t *out_column, char *out_reason) FIRN_NODISCARD;

#endif
