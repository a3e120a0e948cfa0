/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_members.c — any bytes as a line of JSON that the tool takes apart: events, objects of runs, summaries.
 *
 * What a member's value is said to be lies within the line and is JSON by itself; a string that was decoded is UTF-8
 * and, written as JSON and decoded again, the same. What the engine takes for JSON the tool does too.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/body.h"
#include "format/json.h"
#include "tools/json_check.h"
#include "tools/json_members.h"
#include "tools/json_text.h"
#include "tools/lines.h"

static void take_string(const tool_member *member)
{
    static tool_json_text text;
    firn_buf string = {0}, again = {0};
    firn_error err;
    firn_status status = tool_value_string(member, &string, &err);
    tool_member written = {.key = member->key};

    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    if (status == FIRN_OK) {
        MUST(string.data != NULL && fmt_utf8_check((firn_slice){string.data, string.size}));
        tool_json_text_reset(&text);
        tool_json_text_string(&text, (firn_slice){string.data, string.size});
        written.value = tool_json_text_slice(&text);
        MUST(tool_value_string(&written, &again, &err) == FIRN_OK);
        MUST(again.size == string.size && memcmp(again.data, string.data, string.size) == 0);
        free(again.data);
        free(string.data);
    }
}

static void take_value(const tool_member *member, firn_slice line, bool good)
{
    uint64_t number;
    bool value;
    firn_error err;
    size_t at;
    firn_status status;

    if (member->value.data == NULL)
        return;
    fuzz_within(member->value, line.data, line.size);
    MUST(!good || fmt_json_check(member->value, &at) == NULL);
    if (tool_value_is_null(member->value))
        return;
    status = tool_value_number(member, &number, &err);
    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    status = tool_value_bool(member, &value, &err);
    MUST(status == FIRN_OK || status == FIRN_EINVAL);
    /* yajl lets a lone surrogate pass, and what it makes of one is no UTF-8: the engine refuses it. */
    if (good)
        take_string(member);
}

static void count_line(void *arg, firn_slice line, tool_line_end end)
{
    size_t *sum = arg;

    *sum += line.size + (end == TOOL_LINE_NEWLINE);
}

/** However a stream is cut into pieces, no byte of it is lost. */
static void take_lines(firn_slice bytes)
{
    tool_lines lines = {0};
    size_t sum = 0, half = bytes.size / 2;

    MUST(tool_lines_feed(&lines, (firn_slice){bytes.data, half}, count_line, &sum) == FIRN_OK);
    MUST(tool_lines_feed(&lines, (firn_slice){(const uint8_t *)bytes.data + half, bytes.size - half}, count_line,
                         &sum) == FIRN_OK);
    tool_lines_finish(&lines, count_line, &sum);
    tool_lines_done(&lines);
    MUST(sum == bytes.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice line = {data, size};
    tool_member members[] = {{.key = "kind"}, {.key = "seq"}, {.key = "payload"}, {.key = "a"}};
    char reason[TOOL_JSON_REASON_SIZE];
    uint64_t column;
    size_t at;
    bool good = fmt_json_check(line, &at) == NULL;
    firn_error err;
    firn_status status;

    if (fuzz_hash(data, size) % 16 == 0)
        take_lines(line);
    status = tool_json_check(line, &column, reason);
    MUST(status == FIRN_OK || !good);
    MUST(status == FIRN_OK || (status == FIRN_EINVAL && column >= 1 && column <= size + 1 && reason[0] != '\0'));
    if (tool_members_read(line, "line", members, sizeof members / sizeof members[0], &err) != FIRN_OK) {
        MUST(err.status == FIRN_EINVAL && err.text[0] != '\0');
        return 0;
    }
    MUST(status == FIRN_OK);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        take_value(&members[i], line, good);
    return 0;
}
