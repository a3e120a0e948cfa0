/* SPDX-License-Identifier: Apache-2.0 */
/* json.c — write JSON documents and lines, over yajl. */
#include "tools/json.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "tools/text.h"

struct tool_json {
    yajl_gen gen;
    FILE *file;
};

/** yajl refuses only what a caller built wrongly, or for want of memory: both end here, loudly. */
static void must(yajl_gen_status status)
{
    if (status != yajl_gen_status_ok) {
        fprintf(stderr, "firn: JSON output failed (%d)\n", (int)status);
        abort();
    }
}

tool_json *tool_json_new(FILE *file, bool indent)
{
    tool_json *json = malloc(sizeof *json);

    if (json == NULL)
        abort();
    *json = (tool_json){.gen = yajl_gen_alloc(NULL), .file = file};
    if (json->gen == NULL)
        abort();
    yajl_gen_config(json->gen, yajl_gen_beautify, indent ? 1 : 0);
    yajl_gen_config(json->gen, yajl_gen_indent_string, "  ");
    return json;
}

void tool_json_free(tool_json *json)
{
    if (json == NULL)
        return;
    yajl_gen_free(json->gen);
    free(json);
}

void tool_json_map(tool_json *json)
{
    must(yajl_gen_map_open(json->gen));
}

void tool_json_map_end(tool_json *json)
{
    must(yajl_gen_map_close(json->gen));
}

void tool_json_array(tool_json *json)
{
    must(yajl_gen_array_open(json->gen));
}

void tool_json_array_end(tool_json *json)
{
    must(yajl_gen_array_close(json->gen));
}

void tool_json_key(tool_json *json, const char *key)
{
    must(yajl_gen_string(json->gen, (const unsigned char *)key, strlen(key)));
}

void tool_json_string(tool_json *json, firn_slice text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *bytes = text.data;
    unsigned char *valid;
    size_t size = 0;

    if (tool_utf8_valid(text)) {
        must(yajl_gen_string(json->gen, bytes != NULL ? bytes : (const unsigned char *)"", text.size));
        return;
    }
    valid = malloc(text.size * (sizeof replacement - 1));
    if (valid == NULL)
        abort();
    for (size_t i = 0; i < text.size;) {
        size_t step = tool_utf8_step(bytes + i, text.size - i);

        if (step == 0) {
            memcpy(valid + size, replacement, sizeof replacement - 1);
            size += sizeof replacement - 1;
            i++;
        } else {
            memcpy(valid + size, bytes + i, step);
            size += step;
            i += step;
        }
    }
    must(yajl_gen_string(json->gen, valid, size));
    free(valid);
}

void tool_json_string_of(tool_json *json, const char *key, firn_slice value)
{
    tool_json_key(json, key);
    tool_json_string(json, value);
}

void tool_json_text_of(tool_json *json, const char *key, const char *value)
{
    tool_json_string_of(json, key, (firn_slice){value, strlen(value)});
}

static void number_text(tool_json *json, const char *text)
{
    must(yajl_gen_number(json->gen, text, strlen(text)));
}

void tool_json_number_of(tool_json *json, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    tool_json_key(json, key);
    number_text(json, text);
}

void tool_json_signed_of(tool_json *json, const char *key, int64_t value)
{
    tool_json_key(json, key);
    must(yajl_gen_integer(json->gen, value));
}

void tool_json_real_of(tool_json *json, const char *key, double value)
{
    char text[32];

    tool_json_key(json, key);
    if (!isfinite(value)) {
        must(yajl_gen_null(json->gen));
        return;
    }
    snprintf(text, sizeof text, "%.6g", value);
    number_text(json, text);
}

void tool_json_bool_of(tool_json *json, const char *key, bool value)
{
    tool_json_key(json, key);
    must(yajl_gen_bool(json->gen, value));
}

void tool_json_time_of(tool_json *json, const char *key, int64_t time_ns)
{
    char text[TOOL_TIME_TEXT_SIZE];

    tool_time_text(time_ns, text);
    tool_json_text_of(json, key, text);
}

void tool_json_hex_of(tool_json *json, const char *key, const uint8_t *bytes, size_t size)
{
    char text[2 * 64 + 1] = "";

    if (size > 64)
        size = 64;
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    tool_json_text_of(json, key, text);
}

void tool_json_bytes_of(tool_json *json, const char *key, firn_slice bytes)
{
    char name[64];
    unsigned char *base64;
    int size;

    if (tool_utf8_valid(bytes)) {
        tool_json_string_of(json, key, bytes);
        return;
    }
    base64 = malloc((bytes.size + 2) / 3 * 4 + 1);
    if (base64 == NULL)
        abort();
    size = EVP_EncodeBlock(base64, bytes.data, (int)bytes.size);
    snprintf(name, sizeof name, "%s_base64", key);
    tool_json_key(json, name);
    must(yajl_gen_string(json->gen, base64, (size_t)size));
    free(base64);
}

void tool_json_write(tool_json *json)
{
    const unsigned char *data;
    size_t size;

    must(yajl_gen_get_buf(json->gen, &data, &size));
    /* A failure stays in the stream's error flag, which tool_output_finish() looks at. */
    (void)fwrite(data, 1, size, json->file);
    if (size == 0 || data[size - 1] != '\n')
        (void)fputc('\n', json->file);
    yajl_gen_clear(json->gen);
    yajl_gen_reset(json->gen, "");
}
