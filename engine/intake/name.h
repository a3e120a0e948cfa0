/* SPDX-License-Identifier: Apache-2.0 */
/* name.h — what may be a stream's name and an idempotency key, and how a name is shown in a text. */
#ifndef FRN_INTAKE_NAME_H
#define FRN_INTAKE_NAME_H

#include "firn/types.h"

/** FIRN_OK; FIRN_EINVAL: empty, not UTF-8, or control characters (C0, DEL, C1); FIRN_ETOOBIG. */
firn_status frn_name_check(firn_slice name, firn_error *err) FIRN_NODISCARD;

/** FIRN_OK; FIRN_EINVAL: no bytes in key; FIRN_ETOOBIG: either is too long. */
firn_status frn_key_check(firn_slice scope, firn_slice key, firn_error *err) FIRN_NODISCARD;

/** How many bytes of a checked name a text shows: at most 64, whole characters. */
int frn_name_shown(firn_slice name);

/** For "%.*s". */
#define FRN_NAME(name) frn_name_shown(name), (const char *)(name).data

#endif
