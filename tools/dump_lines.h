/* SPDX-License-Identifier: Apache-2.0 */
/* dump_lines.h — one thing a line, as `type name=value …` or as a JSON object: told once, printed either way. */
#ifndef TOOLS_DUMP_LINES_H
#define TOOLS_DUMP_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "firn/time.h"

typedef struct yajl_gen_t yajl_gen_t;

/** Where lines go. A line is begun, given fields, and ended; nothing is buffered across lines. */
typedef struct dump_lines {
    FILE *out;
    yajl_gen_t *json; /**< NULL: text. */
} dump_lines;

/** FIRN_OK or FIRN_ENOMEM. out stays the caller's. */
FIRN_NODISCARD firn_status dump_lines_open(dump_lines *lines, FILE *out, bool json);
void dump_lines_close(dump_lines *lines);

/** depth indents text; JSON has it in the type alone. */
void dump_begin(dump_lines *lines, int depth, const char *type);
void dump_end(dump_lines *lines);

void dump_number(dump_lines *lines, const char *name, uint64_t value);
/** Eight hexadecimal digits. */
void dump_crc(dump_lines *lines, const char *name, uint32_t value);
void dump_hex(dump_lines *lines, const char *name, const void *data, size_t size);
/** A word or sentence of ours. */
void dump_text(dump_lines *lines, const char *name, const char *value);
/** Bytes of the user's: as text if they are UTF-8, else as hexadecimal digits under `name_hex`. */
void dump_bytes(dump_lines *lines, const char *name, firn_slice value);
/** JSON: ns since 1970; text: ISO 8601. */
void dump_time(dump_lines *lines, const char *name, int64_t time_ns);
/** An instant that fmt_time_check() accepts, as RFC 3339 text either way: a caller's may be one that ns cannot hold. */
void dump_instant(dump_lines *lines, const char *name, firn_time time);
/** What is not there: null. */
void dump_null(dump_lines *lines, const char *name);

#endif
