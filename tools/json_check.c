/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_check.c — is this text one JSON value, and if not, where does it fail?
 *
 * yajl decides. It tells what is wrong, but the place only as the end of what it had looked at; so a text
 * that fails is read once more byte by byte, which shows the byte at which it fails, and from there the
 * start of the offending token is found by walking back.
 */
#include "tools/json_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

static const yajl_callbacks no_callbacks;

/** Characters before the byte at offset, plus one: bytes that do not continue one are counted. */
static uint64_t column_of(firn_slice text, size_t offset)
{
    const unsigned char *bytes = text.data;
    uint64_t column = 1;

    for (size_t i = 0; i < offset && i < text.size; i++)
        column += (bytes[i] & 0xc0) != 0x80;
    return column;
}

static bool is_one_of(unsigned char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/** The start of the token whose last byte stands at offset. */
static size_t token_start(const unsigned char *bytes, size_t offset)
{
    static const char number[] = "0123456789+-.eE";
    static const char literal[] = "aeflnrstu";
    size_t start = offset;

    if (bytes[offset] == '"') {
        bool escaped = true;

        /* The quote that no odd number of backslashes precedes. */
        while (start > 0 && escaped) {
            size_t slashes = 0;

            for (start--; start > 0 && bytes[start] != '"'; start--)
                ;
            while (slashes < start && bytes[start - 1 - slashes] == '\\')
                slashes++;
            escaped = slashes % 2 == 1;
        }
        return start;
    }
    if (is_one_of(bytes[offset], "0123456789")) {
        while (start > 0 && is_one_of(bytes[start - 1], number))
            start--;
        return start;
    }
    while (start > 0 && is_one_of(bytes[start], literal) && is_one_of(bytes[start - 1], literal))
        start--;
    return start;
}

/** Does a text fail before anything that may follow it? A space ends a number and changes nothing else. */
static bool prefix_fails(const unsigned char *bytes, size_t size)
{
    yajl_handle parser = yajl_alloc(&no_callbacks, NULL, NULL);
    bool fails = parser != NULL && (yajl_parse(parser, bytes, size) != yajl_status_ok ||
                                    yajl_parse(parser, (const unsigned char *)" ", 1) != yajl_status_ok);

    if (parser != NULL)
        yajl_free(parser);
    return fails;
}

/** Where a text that yajl refuses fails, as an offset; its size if it ends too early. */
static firn_status find_place(firn_slice text, size_t *out_offset, char *out_reason)
{
    yajl_handle parser = yajl_alloc(&no_callbacks, NULL, NULL);
    const unsigned char *bytes = text.data;
    yajl_status parsed = yajl_status_ok;
    size_t offset = 0;
    unsigned char *reason;

    if (parser == NULL)
        return FIRN_ENOMEM;
    for (offset = 0; offset < text.size; offset++) {
        parsed = yajl_parse(parser, bytes + offset, 1);
        if (parsed != yajl_status_ok)
            break;
    }
    if (parsed == yajl_status_ok)
        parsed = yajl_complete_parse(parser);
    reason = yajl_get_error(parser, 0, NULL, 0);
    snprintf(out_reason, TOOL_JSON_REASON_SIZE, "%s", reason != NULL ? (const char *)reason : "no JSON");
    out_reason[strcspn(out_reason, "\n")] = '\0';
    yajl_free_error(parser, reason);

    if (strncmp(out_reason, "parse error", strlen("parse error")) == 0 && strstr(out_reason, "EOF") == NULL) {
        /* A number ends only with the byte behind it: that byte may be innocent. */
        if (offset > 0 && (offset == text.size || prefix_fails(bytes, offset)))
            offset--;
        offset = token_start(bytes, offset);
    }
    yajl_free(parser);
    *out_offset = offset;
    return FIRN_EINVAL;
}

firn_status tool_json_check(firn_slice text, uint64_t *out_column, char *out_reason)
{
    yajl_handle parser = yajl_alloc(&no_callbacks, NULL, NULL);
    firn_status status = FIRN_EINVAL;
    size_t offset = 0;

    if (parser == NULL)
        return FIRN_ENOMEM;
    if (yajl_parse(parser, text.data, text.size) == yajl_status_ok && yajl_complete_parse(parser) == yajl_status_ok)
        status = FIRN_OK;
    yajl_free(parser);
    if (status == FIRN_OK)
        return FIRN_OK;
    status = find_place(text, &offset, out_reason);
    *out_column = column_of(text, offset);
    return status;
}
