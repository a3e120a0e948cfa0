/* SPDX-License-Identifier: Apache-2.0 */
/* text.h — bytes, times and amounts as people read them. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "firn.h"

enum {
    TOOL_TIME_TEXT_SIZE = 40,
    TOOL_AMOUNT_TEXT_SIZE = 32
};

/** Bytes of the well-formed UTF-8 character at the start, 0 if there is none (overlong, surrogate, cut). */
size_t tool_utf8_step(const unsigned char *bytes, size_t size);
bool tool_utf8_valid(firn_slice text);

/** "2026-01-02T03:04:05.000000006Z". */
void tool_time_text(int64_t time_ns, char *out);
/** "1.5 MiB". */
void tool_size_text(uint64_t bytes, char *out);
/** "1,234,567". */
void tool_count_text(uint64_t count, char *out);
/** "85.2 us", "1.50 s". */
void tool_duration_text(uint64_t ns, char *out);

/** Bytes as they are where they can be seen; control characters, backslashes and what is no UTF-8 as \n, \\, \xNN. */
void tool_print_escaped(FILE *file, firn_slice bytes);
void tool_print_hex(FILE *file, firn_slice bytes);

#endif
