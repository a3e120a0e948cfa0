/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c — parts of the tool and of the benchmark by themselves: exit codes, JSON, values, texts, percentiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/histogram.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/json_check.h"
#include "tools/json_members.h"
#include "tools/json_text.h"
#include "tools/lines.h"
#include "tools/oid_map.h"
#include "tools/text.h"
#include "tools/values.h"
#include "tools/wire.h"

/** Every status of the public list has the exit code that the design gives it. */
static void every_status_has_its_exit_code(void **state)
{
    static const struct {
        firn_status status;
        uint16_t detail;
        int code;
    } rows[] = {
        {FIRN_OK, 0, 0},         {FIRN_END, 0, 0},     {FIRN_ENOTFOUND, 0, 1},
        {FIRN_EINVARIANT, 0, 1}, {FIRN_EINVAL, 0, 2},  {FIRN_ETOOBIG, 0, 2},
        {FIRN_ECORRUPT, 0, 3},   {FIRN_ENEWER, 0, 3},  {FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER, 3},
        {FIRN_EIO, 0, 4},        {FIRN_ENOSPC, 0, 4},  {FIRN_ENOMEM, 0, 4},
        {FIRN_EPOISONED, 0, 4},  {FIRN_EBUSY, 0, 5},   {FIRN_EEXISTS, 0, 5},
        {FIRN_ECONFLICT, 0, 5},  {FIRN_ESTATE, 0, 5},  {FIRN_EACCES, 0, 5},
        {FIRN_EEXPIRED, 0, 5},   {FIRN_EBEHIND, 0, 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(tool_exit_code(rows[i].status, rows[i].detail), rows[i].code);
#define SEEN(name, value, text) assert_in_range(tool_exit_code((value), 0), (value) < 0 ? 1 : 0, (value) < 0 ? 5 : 0);
    FIRN_STATUS_MAP(SEEN)
#undef SEEN
}

static void check_place(const char *text, uint64_t column, const char *reason)
{
    char said[TOOL_JSON_REASON_SIZE] = "";
    uint64_t found = 0;

    if (tool_json_check((firn_slice){text, strlen(text)}, &found, said) != FIRN_EINVAL)
        fail_msg("taken for JSON: %s", text);
    if (found != column || strstr(said, reason) == NULL)
        fail_msg("%s: column %llu, %s", text, (unsigned long long)found, said);
}

/** Malformed JSON is refused with the column at which the offending token begins, counted in characters. */
static void malformed_json_is_told_with_its_column(void **state)
{
    static const char *const good[] = {
        "{}",           "[]",   "1", "-1.5e3", "true", "null", "\"\"", " {\"a\": [1, 2, {\"b\": \"\\u00e4\"}]} ",
        "\"\xc3\xa4\"", "{}\r",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char reason[TOOL_JSON_REASON_SIZE];
        uint64_t column;

        if (tool_json_check((firn_slice){good[i], strlen(good[i])}, &column, reason) != FIRN_OK)
            fail_msg("refused: %s", good[i]);
    }
    check_place("", 1, "EOF");
    check_place("   ", 4, "EOF");
    check_place("{\"a\":1,}", 8, "object key");
    check_place("{\"a\" 1}", 6, "colon");
    check_place("{\"a\":1 \"bcd\":2}", 8, "','");
    check_place("[1 \"a\\\"b\"]", 4, "','");
    check_place("[1 2]", 4, "','");
    check_place("[12 34", 5, "','");
    check_place("{1}", 2, "object key");
    check_place("[1}", 3, "','");
    check_place("[true false]", 7, "','");
    check_place("[1,2", 5, "EOF");
    check_place("{} x", 4, "garbage");
    check_place("{} {}", 4, "garbage");
    check_place("{\"\xc3\xa4\xc3\xa4\": nope}", 9, "invalid");
    check_place("{a:1}", 2, "invalid char");
    check_place("NaN", 1, "invalid char");
    check_place("\"a\tb\"", 3, "inside string");
    check_place("\"\xff\"", 2, "UTF8");
    check_place("\xef\xbb\xbf{}", 1, "invalid char");
}

/** Numbers, sizes and durations are read whole or not at all, and never wrap. */
static void values_are_read_whole_or_not_at_all(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(tool_parse_number("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_false(tool_parse_number("18446744073709551616", &value));
    assert_false(tool_parse_number("", &value));
    assert_false(tool_parse_number("-1", &value));
    assert_false(tool_parse_number(" 1", &value));
    assert_false(tool_parse_number("1x", &value));
    assert_true(value == UINT64_MAX);
    assert_true(tool_parse_size("64K", &value) && value == 65536);
    assert_true(tool_parse_size("3G", &value) && value == UINT64_C(3) << 30);
    assert_true(tool_parse_size("12", &value) && value == 12);
    assert_false(tool_parse_size("17179869184G", &value));
    assert_false(tool_parse_size("1KB", &value));
    assert_false(tool_parse_size("K", &value));
    assert_true(tool_parse_duration("50ms", &value) && value == 50000000);
    assert_true(tool_parse_duration("7d", &value) && value == UINT64_C(604800000000000));
    assert_true(tool_parse_duration("2", &value) && value == 2000000000);
    assert_false(tool_parse_duration("1y", &value));
    assert_false(tool_parse_duration("300000d", &value));
}

/** Only well-formed UTF-8 counts as text: no overlong forms, no surrogates, nothing cut or above U+10FFFF. */
static void only_well_formed_utf8_is_text(void **state)
{
    static const char *const good[] = {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8f\x94", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xff", "a\xe2\x82"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(tool_utf8_valid((firn_slice){good[i], strlen(good[i])}));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(tool_utf8_valid((firn_slice){bad[i], strlen(bad[i])}));
}

/** Times, amounts and bytes look as documented. */
static void texts_look_as_documented(void **state)
{
    char text[64];
    char *printed = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&printed, &size);

    (void)state;
    tool_time_text(INT64_C(1767323045000000006), text);
    assert_string_equal(text, "2026-01-02T03:04:05.000000006Z");
    tool_time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
    tool_count_text(1234567, text);
    assert_string_equal(text, "1,234,567");
    tool_count_text(0, text);
    assert_string_equal(text, "0");
    tool_count_text(UINT64_MAX, text);
    assert_string_equal(text, "18,446,744,073,709,551,615");
    tool_size_text(1023, text);
    assert_string_equal(text, "1023 B");
    tool_size_text(1536, text);
    assert_string_equal(text, "1.5 KiB");
    tool_duration_text(85200, text);
    assert_string_equal(text, "85.2 us");

    assert_non_null(file);
    tool_print_escaped(file, (firn_slice){"a\tb\n\\\0\x1b[0m\xc3\xa4\xff\xc2\x9b", 15});
    fclose(file);
    assert_string_equal(printed, "a\\tb\\n\\\\\\x00\\x1b[0m\xc3\xa4\\xff\\xc2\\x9b");
    free(printed);
}

/** JSON keeps 64-bit numbers exact, puts bytes that are no text in base64, and mends text that is none. */
static void json_is_exact_and_valid(void **state)
{
    char *printed = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&printed, &size);
    tool_json *json = tool_json_new(file, false);
    char reason[TOOL_JSON_REASON_SIZE];
    uint64_t column;

    (void)state;
    tool_json_map(json);
    tool_json_number_of(json, "n", UINT64_MAX);
    tool_json_bytes_of(json, "text", (firn_slice){"a\"\n", 3});
    tool_json_bytes_of(json, "raw", (firn_slice){"\xff\x00\x01", 3});
    tool_json_text_of(json, "mended", "x\xff");
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
    fclose(file);
    assert_string_equal(printed, "{\"n\":18446744073709551615,\"text\":\"a\\\"\\n\",\"raw_base64\":\"/wAB\","
                                 "\"mended\":\"x\xef\xbf\xbd\"}\n");
    assert_int_equal(tool_json_check((firn_slice){printed, size}, &column, reason), FIRN_OK);
    free(printed);
}

/** A percentile is never below the true one and at most one part in 64 above it. */
static void percentiles_are_close_from_above(void **state)
{
    static const double shares[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
    enum {
        COUNT = 20000
    };
    bench_histogram *histogram = calloc(2, sizeof *histogram);

    (void)state;
    assert_non_null(histogram);
    assert_int_equal(bench_histogram_percentile(histogram, 0.5), 0);
    /* The squares in any order: their percentiles are known. Odd and even ones go through a merge. */
    for (uint64_t i = 1; i <= COUNT; i++) {
        uint64_t value = (i * 7919 % COUNT + 1) * (i * 7919 % COUNT + 1);

        bench_histogram_add(&histogram[value % 2], value);
    }
    bench_histogram_merge(&histogram[0], &histogram[1]);
    assert_int_equal(histogram[0].total, COUNT);
    assert_int_equal(histogram[0].max, (uint64_t)COUNT * COUNT);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t rank = (uint64_t)(COUNT * shares[i] + 0.5);
        uint64_t found = bench_histogram_percentile(&histogram[0], shares[i]);

        assert_in_range(found, rank * rank, rank * rank + rank * rank / 64 + 1);
    }
    bench_histogram_add_many(&histogram[0], UINT64_MAX, 3);
    assert_true(bench_histogram_percentile(&histogram[0], 1) == UINT64_MAX);
    free(histogram);
}

/** What tool_lines_feed() told, one row a line: its text, and how it ended. */
typedef struct told_lines {
    char text[64];
    size_t size;
    size_t longest;
    size_t count;
} told_lines;

static void tell(void *arg, firn_slice line, tool_line_end end)
{
    told_lines *told = arg;

    told->count++;
    if (line.size > told->longest)
        told->longest = line.size;
    if (told->size + line.size + 1 > sizeof told->text)
        return;
    if (line.size > 0)
        memcpy(told->text + told->size, line.data, line.size);
    told->size += line.size;
    told->text[told->size++] = end == TOOL_LINE_NEWLINE ? '|' : end == TOOL_LINE_MORE ? '+' : '.';
}

/** Bytes fed in any portions give the same lines: empty ones, ones that come in parts, a last one without an end. */
static void lines_do_not_depend_on_portions(void **state)
{
    static const char text[] = "one\n\ntwo\nthree";

    (void)state;
    for (size_t portion = 1; portion <= sizeof text; portion++) {
        told_lines told = {.size = 0};
        tool_lines lines = {0};

        for (size_t i = 0; i < sizeof text - 1; i += portion) {
            size_t size = sizeof text - 1 - i < portion ? sizeof text - 1 - i : portion;

            assert_int_equal(tool_lines_feed(&lines, (firn_slice){text + i, size}, tell, &told), FIRN_OK);
        }
        tool_lines_finish(&lines, tell, &told);
        assert_int_equal(told.size, 15);
        assert_memory_equal(told.text, "one||two|three.", 15);
        tool_lines_done(&lines);
    }
}

/** A line without an end is told in pieces of at most 1 MiB, and takes no more memory than two of them. */
static void endless_lines_are_cut(void **state)
{
    static char block[256 * 1024];
    told_lines told = {.size = 0};
    tool_lines lines = {0};

    (void)state;
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 40; i++)
        assert_int_equal(tool_lines_feed(&lines, (firn_slice){block, sizeof block}, tell, &told), FIRN_OK);
    assert_in_range(lines.size, 1, 2 * TOOL_LINE_SIZE_MAX);
    tool_lines_finish(&lines, tell, &told);
    assert_int_equal(told.count, 10);
    assert_int_equal(told.longest, TOOL_LINE_SIZE_MAX);
    tool_lines_done(&lines);
}

/** Strings are escaped as canonical JSON has it; bytes that are no UTF-8 stand in base64 under another name. */
static void json_text_is_canonical(void **state)
{
    static const char expected[] =
        "{\"a\":\"q\\\"b\\\\s/\\u0001\\b\\f\\n\\r\\t\x7f\xc3\xa9\",\"b_base64\":\"/w==\",\"c\":\"00ff\",\"d\":7}";
    static const uint8_t bytes[] = {0, 255};
    tool_json_text text = {0};

    (void)state;
    tool_json_text_raw(&text, "{");
    tool_json_text_member(&text, "a", tool_slice("q\"b\\s/\x01\b\f\n\r\t\x7f\xc3\xa9"));
    tool_json_text_member(&text, "b", tool_slice("\xff"));
    tool_json_text_key(&text, "c");
    tool_json_text_hex(&text, bytes, sizeof bytes);
    tool_wire_number(&text, "d", 7);
    tool_json_text_raw(&text, "}");
    assert_int_equal(text.size, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.size);
    tool_json_text_done(&text);
}

static void check_member(const char *text, const char *value)
{
    tool_member members[] = {{"v", true, {NULL, 0}}, {"w", false, {NULL, 0}}};
    firn_error err;

    assert_int_equal(tool_members_read(tool_slice(text), "x", members, 2, &err), FIRN_OK);
    assert_int_equal(members[0].value.size, strlen(value));
    assert_memory_equal(members[0].value.data, value, strlen(value));
}

/** Members are found whatever stands around and inside them; the value is what was given, the last of equal keys wins.
 */
static void members_are_found_as_given(void **state)
{
    (void)state;
    check_member("{\"v\":1}", "1");
    check_member(" { \"u\" : {\"v\":[\"}\",{}]} , \"v\" : [1, {\"a\":\"]\\\"\"} , \"\"] } ",
                 "[1, {\"a\":\"]\\\"\"} , \"\"]");
    check_member("{\"v\":\"a\\\\\",\"w\":\"}\"}", "\"a\\\\\"");
    check_member("{\"v\":1,\"\\u0076\":-2.50e1}", "-2.50e1");
    check_member("{\"v\":null\n}", "null");
    check_member("{\"w\":[[[]],[]],\"v\":true}", "true");
}

/** What is no object, no JSON, or lacks a member is told with its name. */
static void wrong_objects_are_told(void **state)
{
    static const char *const rows[][2] = {
        {"[]", "an object is expected"}, {"{\"v\":1", "invalid JSON in x"}, {"{\"w\":1}", "no member \"v\""},
        {"", "invalid JSON in x"},       {"{\"v\" 1}", "at character 6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tool_member members[] = {{"v", true, {NULL, 0}}};
        firn_error err;

        assert_int_equal(tool_members_read(tool_slice(rows[i][0]), "x", members, 1, &err), FIRN_EINVAL);
        if (strstr(err.text, rows[i][1]) == NULL)
            fail_msg("%s: %s", rows[i][0], err.text);
    }
}

/** A name like a digest, of which some begin alike. */
static void name_oid(tool_oid *oid, uint32_t number)
{
    uint32_t spread = (number / 3) * 2654435761U;

    memcpy(oid->bytes, &spread, sizeof spread);
    memcpy(oid->bytes + 8, &number, sizeof number);
}

/** Names of objects lead to their digests, also when the map has grown many times. */
static void oid_map_keeps_what_is_put(void **state)
{
    tool_oid_map map = {0};
    tool_oid oid = {{0}};
    uint8_t digest[FIRN_DIGEST_SIZE] = {0};

    (void)state;
    assert_null(tool_oid_map_get(&map, &oid));
    for (uint32_t i = 0; i < 20000; i++) {
        name_oid(&oid, i);
        memcpy(digest, &i, sizeof i);
        tool_oid_map_put(&map, &oid, digest);
    }
    assert_int_equal(map.count, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        name_oid(&oid, i);
        assert_memory_equal(tool_oid_map_get(&map, &oid), &i, sizeof i);
    }
    oid.bytes[31] = 1;
    assert_null(tool_oid_map_get(&map, &oid));
    tool_oid_map_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_exit_code),
        cmocka_unit_test(malformed_json_is_told_with_its_column),
        cmocka_unit_test(values_are_read_whole_or_not_at_all),
        cmocka_unit_test(only_well_formed_utf8_is_text),
        cmocka_unit_test(texts_look_as_documented),
        cmocka_unit_test(json_is_exact_and_valid),
        cmocka_unit_test(percentiles_are_close_from_above),
        cmocka_unit_test(lines_do_not_depend_on_portions),
        cmocka_unit_test(endless_lines_are_cut),
        cmocka_unit_test(json_text_is_canonical),
        cmocka_unit_test(members_are_found_as_given),
        cmocka_unit_test(wrong_objects_are_told),
        cmocka_unit_test(oid_map_keeps_what_is_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
