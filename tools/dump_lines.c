/* SPDX-License-Identifier: Apache-2.0 */
/* dump_lines.c — print lines as text or JSON. */
#include "tools/dump_lines.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_gen.h>

#include "format/body.h"
#include "format/time.h"

firn_status dump_lines_open(dump_lines *lines, FILE *out, bool json)
{
    *lines = (dump_lines){.out = out};
    if (json) {
        lines->json = yajl_gen_alloc(NULL);
        if (lines->json == NULL)
            return FIRN_ENOMEM;
    }
    return FIRN_OK;
}

void dump_lines_close(dump_lines *lines)
{
    if (lines->json != NULL)
        yajl_gen_free(lines->json);
    lines->json = NULL;
}

static void json_string(dump_lines *lines, const void *text, size_t size)
{
    (void)yajl_gen_string(lines->json, (const unsigned char *)text, size);
}

void dump_begin(dump_lines *lines, int depth, const char *type)
{
    if (lines->json == NULL) {
        fprintf(lines->out, "%*s%s", 2 * depth, "", type);
        return;
    }
    (void)yajl_gen_map_open(lines->json);
    json_string(lines, "type", 4);
    json_string(lines, type, strlen(type));
}

void dump_end(dump_lines *lines)
{
    const unsigned char *text;
    size_t size;

    if (lines->json != NULL) {
        (void)yajl_gen_map_close(lines->json);
        if (yajl_gen_get_buf(lines->json, &text, &size) == yajl_gen_status_ok)
            (void)fwrite(text, 1, size, lines->out);
        yajl_gen_clear(lines->json);
        yajl_gen_reset(lines->json, NULL);
    }
    (void)fputc('\n', lines->out);
}

static void put_name(dump_lines *lines, const char *name)
{
    if (lines->json != NULL)
        json_string(lines, name, strlen(name));
    else
        fprintf(lines->out, " %s=", name);
}

void dump_number(dump_lines *lines, const char *name, uint64_t value)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, value);

    put_name(lines, name);
    if (lines->json != NULL)
        (void)yajl_gen_number(lines->json, digits, (size_t)size); /* yajl's integers are signed. */
    else
        fputs(digits, lines->out);
}

void dump_text(dump_lines *lines, const char *name, const char *value)
{
    put_name(lines, name);
    if (lines->json != NULL)
        json_string(lines, value, strlen(value));
    else
        fprintf(lines->out, strpbrk(value, " =") == NULL ? "%s" : "\"%s\"", value);
}

void dump_crc(dump_lines *lines, const char *name, uint32_t value)
{
    char digits[9];

    (void)snprintf(digits, sizeof digits, "%08" PRIx32, value);
    dump_text(lines, name, digits);
}

void dump_hex(dump_lines *lines, const char *name, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * FIRN_STREAM_NAME_SIZE_MAX + 1];
    const uint8_t *bytes = data;

    if (size > FIRN_STREAM_NAME_SIZE_MAX)
        size = FIRN_STREAM_NAME_SIZE_MAX; /* The longest thing that is printed so. */
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
    dump_text(lines, name, text);
}

void dump_bytes(dump_lines *lines, const char *name, firn_slice value)
{
    const uint8_t *bytes = value.data;
    char hex_name[32];

    if (!fmt_utf8_check(value)) {
        (void)snprintf(hex_name, sizeof hex_name, "%s_hex", name);
        dump_hex(lines, hex_name, value.data, value.size);
        return;
    }
    put_name(lines, name);
    if (lines->json != NULL) {
        json_string(lines, value.data, value.size);
        return;
    }
    (void)fputc('"', lines->out);
    for (size_t i = 0; i < value.size; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            fprintf(lines->out, "\\x%02x", bytes[i]);
        else if (bytes[i] == '"' || bytes[i] == '\\')
            fprintf(lines->out, "\\%c", bytes[i]);
        else
            (void)fputc(bytes[i], lines->out);
    }
    (void)fputc('"', lines->out);
}

void dump_time(dump_lines *lines, const char *name, int64_t time_ns)
{
    enum {
        NS = 1000000000
    };
    int64_t part = time_ns % NS;
    time_t seconds;
    struct tm tm;
    char text[40];

    if (lines->json != NULL) {
        put_name(lines, name);
        (void)yajl_gen_integer(lines->json, time_ns);
        return;
    }
    if (part < 0)
        part += NS;
    seconds = (time_t)((time_ns - part) / NS);
    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        text[0] = '\0';
    put_name(lines, name);
    fprintf(lines->out, "%s.%09" PRId64 "Z", text, part);
}

void dump_instant(dump_lines *lines, const char *name, firn_time time)
{
    char text[FIRN_TIME_TEXT_SIZE];

    fmt_time_format(time, text);
    dump_text(lines, name, text);
}

void dump_null(dump_lines *lines, const char *name)
{
    put_name(lines, name);
    if (lines->json != NULL)
        (void)yajl_gen_null(lines->json);
    else
        fputs("null", lines->out);
}
