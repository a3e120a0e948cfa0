/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h — runs, events, releases and content as the JSON objects in which other systems know them. */
#ifndef TOOLS_WIRE_H
#define TOOLS_WIRE_H

#include "firn.h"
#include "tools/json_text.h"

/** Members in their fixed order; payloads and tags byte for byte. Each appends one object to the text. */
void tool_wire_run(tool_json_text *text, const firn_run *run);
void tool_wire_event(tool_json_text *text, const firn_run_event *event);
void tool_wire_release(tool_json_text *text, const firn_release *release);

/** `"key":"2026-01-02T03:04:05Z"`. */
void tool_wire_time(tool_json_text *text, const char *key, firn_time time);
/** `"key":"<64 hex>"`. */
void tool_wire_digest(tool_json_text *text, const char *key, const uint8_t *digest);
void tool_wire_number(tool_json_text *text, const char *key, uint64_t number);
void tool_wire_bool(tool_json_text *text, const char *key, bool value);
/** data NULL: null. */
void tool_wire_string(tool_json_text *text, const char *key, firn_slice string);

/** Prints the text as a line on standard output and makes it empty. */
void tool_wire_print(tool_json_text *text);

/** The slice of a C string; of NULL, none. */
firn_slice tool_slice(const char *text);
/** The present time. */
firn_time tool_time_now(void);

#endif
