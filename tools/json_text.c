/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c — JSON text written straight into a buffer, in canonical form: payloads and specs. */
#include "tools/json_text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/text.h"

static char *room(tool_json_text *text, size_t size)
{
    if (text->capacity - text->size < size) {
        size_t capacity = text->capacity * 2 + size;
        char *data = realloc(text->data, capacity);

        if (data == NULL)
            abort();
        text->data = data;
        text->capacity = capacity;
    }
    return text->data + text->size;
}

void tool_json_text_done(tool_json_text *text)
{
    free(text->data);
    *text = (tool_json_text){0};
}

void tool_json_text_reset(tool_json_text *text)
{
    text->size = 0;
}

firn_slice tool_json_text_slice(const tool_json_text *text)
{
    return (firn_slice){text->data, text->size};
}

void tool_json_text_bytes(tool_json_text *text, firn_slice bytes)
{
    if (bytes.size == 0)
        return;
    memcpy(room(text, bytes.size), bytes.data, bytes.size);
    text->size += bytes.size;
}

void tool_json_text_raw(tool_json_text *text, const char *raw)
{
    tool_json_text_bytes(text, (firn_slice){raw, strlen(raw)});
}

void tool_json_text_key(tool_json_text *text, const char *key)
{
    if (text->size > 0 && text->data[text->size - 1] != '{')
        tool_json_text_raw(text, ",");
    tool_json_text_raw(text, "\"");
    tool_json_text_raw(text, key);
    tool_json_text_raw(text, "\":");
}

void tool_json_text_number(tool_json_text *text, uint64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    tool_json_text_raw(text, digits);
}

/** The short escape of a character, or 0. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

void tool_json_text_string(tool_json_text *text, firn_slice string)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *bytes = string.data;
    char *out = room(text, string.size * 6 + 2);
    char *start = out;

    *out++ = '"';
    for (size_t i = 0; i < string.size; i++) {
        unsigned char byte = bytes[i];
        char escape;

        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '\\';
        escape = short_escape(byte);
        if (escape != 0) {
            *out++ = escape;
            continue;
        }
        memcpy(out, "u00", 3);
        out[3] = hex[byte >> 4];
        out[4] = hex[byte & 15];
        out += 5;
    }
    *out++ = '"';
    text->size += (size_t)(out - start);
}

static void put_base64(tool_json_text *text, firn_slice bytes)
{
    char *out = room(text, (bytes.size + 2) / 3 * 4 + 3);
    int size;

    out[0] = '"';
    size = EVP_EncodeBlock((unsigned char *)out + 1, bytes.data, (int)bytes.size);
    out[1 + size] = '"';
    text->size += (size_t)size + 2;
}

void tool_json_text_value(tool_json_text *text, firn_slice bytes)
{
    if (tool_utf8_valid(bytes)) {
        tool_json_text_string(text, bytes);
        return;
    }
    tool_json_text_raw(text, "{\"base64\":");
    put_base64(text, bytes);
    tool_json_text_raw(text, "}");
}

void tool_json_text_member(tool_json_text *text, const char *key, firn_slice bytes)
{
    char name[64];

    if (tool_utf8_valid(bytes)) {
        tool_json_text_key(text, key);
        tool_json_text_string(text, bytes);
        return;
    }
    snprintf(name, sizeof name, "%s_base64", key);
    tool_json_text_key(text, name);
    put_base64(text, bytes);
}

void tool_json_text_hex(tool_json_text *text, const uint8_t *bytes, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    char *out = room(text, 2 * size + 2);

    *out++ = '"';
    for (size_t i = 0; i < size; i++) {
        *out++ = hex[bytes[i] >> 4];
        *out++ = hex[bytes[i] & 15];
    }
    *out = '"';
    text->size += 2 * size + 2;
}
