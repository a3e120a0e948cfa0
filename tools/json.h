/* SPDX-License-Identifier: Apache-2.0 */
/* json.h — write JSON documents and lines, over yajl. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "firn.h"

/** A document being written. Running out of memory ends the process: nothing of the ledger's is at stake. */
typedef struct tool_json tool_json;

tool_json *tool_json_new(FILE *file, bool indent);
void tool_json_free(tool_json *json);

void tool_json_map(tool_json *json);
void tool_json_map_end(tool_json *json);
void tool_json_array(tool_json *json);
void tool_json_array_end(tool_json *json);
void tool_json_key(tool_json *json, const char *key);
/** Bytes that are no UTF-8 become U+FFFD. */
void tool_json_string(tool_json *json, firn_slice text);

/** A member of the open map. */
void tool_json_text_of(tool_json *json, const char *key, const char *value);
void tool_json_string_of(tool_json *json, const char *key, firn_slice value);
void tool_json_number_of(tool_json *json, const char *key, uint64_t value);
void tool_json_signed_of(tool_json *json, const char *key, int64_t value);
void tool_json_real_of(tool_json *json, const char *key, double value);
void tool_json_bool_of(tool_json *json, const char *key, bool value);
/** "2026-01-02T03:04:05.000000006Z". */
void tool_json_time_of(tool_json *json, const char *key, int64_t time_ns);
void tool_json_hex_of(tool_json *json, const char *key, const uint8_t *bytes, size_t size);
/** As text under `key` if the bytes are UTF-8, else in base64 under `key` + "_base64". */
void tool_json_bytes_of(tool_json *json, const char *key, firn_slice bytes);

/** Writes what is complete, with a newline behind it, and makes ready for the next document. */
void tool_json_write(tool_json *json);

#endif
