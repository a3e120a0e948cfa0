/* SPDX-License-Identifier: Apache-2.0 */
/* values.h — numbers, sizes and durations as they are typed. */
#ifndef TOOLS_VALUES_H
#define TOOLS_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/* Each takes the whole text, or says false: it is none, or does not fit. */

/** Decimal digits. */
bool tool_parse_number(const char *text, uint64_t *out_value);
/** A number with K, M or G behind it: powers of 1024. */
bool tool_parse_size(const char *text, uint64_t *out_bytes);
/** A number with ns, us, ms, s, m, h or d behind it; s if there is nothing. */
bool tool_parse_duration(const char *text, uint64_t *out_ns);

#endif
