/* SPDX-License-Identifier: Apache-2.0 */
/* options.h — read a caller's option struct of any age: shorter ones are filled up, longer ones must be zero behind. */
#ifndef FRN_INTAKE_OPTIONS_H
#define FRN_INTAKE_OPTIONS_H

#include "firn/types.h"

/** FIRN_EINVAL: a struct of that size there cannot be: less than a size_t, or absurd because it was never set. */
firn_status frn_struct_size_check(size_t size, const char *name, firn_error *err) FIRN_NODISCARD;

/**
 * Copies the struct at given, whose first member is its size, over own, which has own_size bytes and is zeroed first.
 * given may be NULL. FIRN_EINVAL: struct_size is less than a size_t or absurd, or there are non-zero bytes that this
 * version does not know.
 */
firn_status frn_options_read(void *own, size_t own_size, const void *given, const char *name,
                             firn_error *err) FIRN_NODISCARD;

#endif
