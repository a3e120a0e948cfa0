/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h — JSON text written straight into a buffer, in canonical form: payloads and specs. */
#ifndef TOOLS_JSON_TEXT_H
#define TOOLS_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "firn.h"

/**
 * Text that grows. Start with all zero. Running out of memory ends the process. No white space; strings are
 * escaped as the canonical form has it; who writes members in the order of their keys writes canonical JSON.
 */
typedef struct tool_json_text {
    char *data;
    size_t size;
    size_t capacity;
} tool_json_text;

void tool_json_text_done(tool_json_text *text);
/** Empty, the memory kept. */
void tool_json_text_reset(tool_json_text *text);
firn_slice tool_json_text_slice(const tool_json_text *text);

/** Bytes as they are: brackets, commas, values that are JSON already. */
void tool_json_text_raw(tool_json_text *text, const char *raw);
void tool_json_text_bytes(tool_json_text *text, firn_slice bytes);
/** `"key":`, behind a comma unless it is the first of its object. */
void tool_json_text_key(tool_json_text *text, const char *key);
void tool_json_text_number(tool_json_text *text, uint64_t number);
/** A string; the bytes must be UTF-8. */
void tool_json_text_string(tool_json_text *text, firn_slice string);
/** The bytes as a string if they are UTF-8, else as {"base64":"…"}. */
void tool_json_text_value(tool_json_text *text, firn_slice bytes);
/** A member: `"key":"…"` if the bytes are UTF-8, else `"key_base64":"…"`. */
void tool_json_text_member(tool_json_text *text, const char *key, firn_slice bytes);
/** Lower-case hexadecimal digits in quotes. */
void tool_json_text_hex(tool_json_text *text, const uint8_t *bytes, size_t size);

#endif
