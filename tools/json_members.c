/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_members.c — the members of a JSON object, their values as the bytes that were given.
 *
 * The text is checked as a whole first; behind that check the end of a value is found by counting brackets
 * outside of strings, and nothing can be misread. Values stay slices of the text because payloads are kept
 * byte for byte. Strings are decoded by yajl.
 */
#include "tools/json_members.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "tools/error.h"
#include "tools/json_check.h"
#include "tools/values.h"

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

/** Behind the string that begins at a quote. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : end;
}

/** Behind the value that begins here. */
static const char *skip_value(const char *at, const char *end)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
        while (depth == 0 && at < end && at[-1] != '}' && at[-1] != ']' && *at != ',' && *at != '}' && *at != ']' &&
               !is_space(*at))
            at++;
    } while (depth > 0 && at < end);
    return at;
}

/** A yajl callback: keeps the string that was parsed. */
static int take_string(void *arg, const unsigned char *string, size_t size)
{
    firn_buf *buf = arg;

    buf->data = malloc(size + 1);
    if (buf->data == NULL)
        return 0;
    memcpy(buf->data, string, size);
    ((char *)buf->data)[size] = '\0';
    buf->size = size;
    buf->capacity = size + 1;
    return 1;
}

/** The string between quotes, decoded by yajl, with a NUL behind it. */
static firn_status decode(firn_slice quoted, firn_buf *out_string, firn_error *err)
{
    static const yajl_callbacks callbacks = {.yajl_string = take_string};
    firn_buf string = {0};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &string);

    if (parser == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    if (yajl_parse(parser, quoted.data, quoted.size) != yajl_status_ok ||
        yajl_complete_parse(parser) != yajl_status_ok || string.data == NULL) {
        yajl_free(parser);
        free(string.data);
        return tool_fail(err, FIRN_EINVAL, "no JSON string");
    }
    yajl_free(parser);
    *out_string = string;
    return FIRN_OK;
}

static firn_status take_members(const char *at, const char *end, tool_member *members, size_t members_count,
                                firn_error *err)
{
    for (at = skip_space(at + 1, end); at < end && *at == '"'; at = skip_space(at, end)) {
        const char *key = at;
        const char *value;
        firn_buf name = {0};
        firn_status status;

        at = skip_string(at, end);
        status = decode((firn_slice){key, (size_t)(at - key)}, &name, err);
        if (status < 0)
            return status;
        at = skip_space(at, end) + 1;
        value = skip_space(at, end);
        at = skip_value(value, end);
        for (size_t i = 0; i < members_count; i++)
            if (strlen(members[i].key) == name.size && memcmp(members[i].key, name.data, name.size) == 0)
                members[i].value = (firn_slice){value, (size_t)(at - value)};
        free(name.data);
        at = skip_space(at, end);
        at = skip_space(at < end ? at + 1 : end, end);
    }
    return FIRN_OK;
}

firn_status tool_members_read(firn_slice text, const char *what, tool_member *members, size_t members_count,
                              firn_error *err)
{
    char reason[TOOL_JSON_REASON_SIZE] = "out of memory";
    uint64_t column = 0;
    const char *end = (const char *)text.data + text.size;
    firn_status status = tool_json_check(text, &column, reason);
    const char *at;

    if (status < 0)
        return tool_fail(err, status, "invalid JSON in %s: %s at character %llu", what, reason,
                         (unsigned long long)column);
    at = skip_space(text.data, end);
    if (*at != '{')
        return tool_fail(err, FIRN_EINVAL, "invalid JSON in %s: an object is expected at byte 0", what);
    for (size_t i = 0; i < members_count; i++)
        members[i].value = (firn_slice){NULL, 0};
    status = take_members(at, end, members, members_count, err);
    for (size_t i = 0; i < members_count && status == FIRN_OK; i++)
        if (members[i].needed && members[i].value.data == NULL)
            status = tool_fail(err, FIRN_EINVAL, "invalid JSON in %s: no member \"%s\"", what, members[i].key);
    return status;
}

bool tool_value_is_null(firn_slice value)
{
    return value.data == NULL || (value.size == 4 && memcmp(value.data, "null", 4) == 0);
}

static firn_status invalid(const tool_member *member, firn_error *err)
{
    int size = member->value.size > 200 ? 200 : (int)member->value.size;

    return tool_fail(err, FIRN_EINVAL, "invalid %s: %.*s%s", member->key, size, (const char *)member->value.data,
                     member->value.size > 200 ? "..." : "");
}

firn_status tool_value_number(const tool_member *member, uint64_t *out_number, firn_error *err)
{
    char digits[24] = "";

    if (member->value.size < sizeof digits)
        memcpy(digits, member->value.data, member->value.size);
    if (!tool_parse_number(digits, out_number))
        return invalid(member, err);
    return FIRN_OK;
}

firn_status tool_value_bool(const tool_member *member, bool *out_value, firn_error *err)
{
    if (member->value.size == 4 && memcmp(member->value.data, "true", 4) == 0)
        *out_value = true;
    else if (member->value.size == 5 && memcmp(member->value.data, "false", 5) == 0)
        *out_value = false;
    else
        return invalid(member, err);
    return FIRN_OK;
}

firn_status tool_value_string(const tool_member *member, firn_buf *out_string, firn_error *err)
{
    if (decode(member->value, out_string, err) < 0)
        return err->status == FIRN_ENOMEM ? FIRN_ENOMEM : invalid(member, err);
    return FIRN_OK;
}
