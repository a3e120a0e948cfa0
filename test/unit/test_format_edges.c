/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_edges.c — the codecs where one condition decides: the last byte, the first value that is too large. */
#include "test/unit/test_format.h"

#include "format/body.h"
#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/json.h"
#include "format/manifest.h"
#include "format/segment.h"
#include "format/stores.h"
#include "format/time.h"

enum {
    CAPACITY = 1024,
    REGION = 4096
};
#define SALT 77u

/* With the instruction and by tables a salted checksum is the same, as a ledger that moves to another machine needs it.
 */
static void crc_by_tables(void **state)
{
    uint8_t data[100];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37);
    for (size_t size = 0; size <= sizeof data; size++) {
        uint64_t value = UINT64_C(0x0123456789abcdef) * (size + 1);

        assert_int_equal(fmt_crc32c_keyed_portable(SALT, value, data, size), fmt_crc32c_keyed(SALT, value, data, size));
    }
}

/* A batch whose trailer is these bytes, with a good checksum. */
static fmt_verdict judge_trailer(uint32_t flags, const char *bytes, size_t size)
{
    uint8_t out[CAPACITY];
    fmt_batch_writer writer;
    fmt_batch batch;
    size_t at;
    uint32_t crc;

    fmt_batch_begin(&writer, out, sizeof out, SALT, 1, 1000, 0);
    (void)fmt_batch_add(&writer, 5, 7, 1, NULL, 0);
    at = fmt_batch_finish(&writer, NULL, 0, NULL);
    memcpy(out + at, bytes, size);
    fmt_put32(out + at + size, (uint32_t)size + 4);
    fmt_put32(out + FMT_BATCH_LENGTH, (uint32_t)(at + size + 4));
    fmt_put32(out + FMT_BATCH_COUNT, fmt_get32(out + FMT_BATCH_COUNT) | flags << 24);
    crc = fmt_crc32c(fmt_crc32c_u64(SALT, at + size + 4), out + FMT_BATCH_FIRST_SEQ,
                     FMT_BATCH_HEADER - FMT_BATCH_FIRST_SEQ);
    fmt_put32(out + FMT_BATCH_CRC, fmt_crc32c(crc, out + at, size + 4));
    return fmt_batch_decode(out, at + size + 4, SALT, &batch);
}

/* Names and keys that the trailer has no room for. */
static void trailers_that_end_early(void **state)
{
    static const char name[] = "\1\0\0\0\7\0\0\0\3\0abc";

    (void)state;
    assert_int_equal(judge_trailer(FMT_BATCH_NAMES, name, sizeof name - 1), FMT_OK);
    assert_int_equal(judge_trailer(FMT_BATCH_NAMES, name, sizeof name - 2), FMT_SYNTAX);
    assert_int_equal(judge_trailer(FMT_BATCH_NAMES, name, 9), FMT_SYNTAX);
    assert_int_equal(judge_trailer(FMT_BATCH_NAMES, name, 3), FMT_SYNTAX);
    assert_int_equal(judge_trailer(FMT_BATCH_KEY, name, 13), FMT_SYNTAX);
}

static const fmt_anchor good_anchors[2] = {{10, 4096}, {20, 65536}};
static const fmt_footer good_footer = {.number = 3,
                                       .incarnation = 1,
                                       .first_seq = 10,
                                       .next_seq = 30,
                                       .end_offset = 131072,
                                       .groups = 4,
                                       .batches = 6,
                                       .records = 20,
                                       .first_time_ns = 5,
                                       .last_time_ns = 9,
                                       .anchors_count = 2};

static fmt_verdict judge_footer(const fmt_footer *footer, const fmt_anchor *anchors)
{
    uint8_t out[REGION];
    fmt_footer found;

    fmt_footer_encode(out, sizeof out, SALT, footer, anchors);
    return fmt_footer_decode(out, sizeof out, SALT, &found);
}

/* Counts that contradict each other, and an anchor before the first record. */
static void footers_that_contradict(void **state)
{
    static const fmt_anchor early[2] = {{9, 4096}, {20, 65536}};
    fmt_footer footer = good_footer;

    (void)state;
    assert_int_equal(judge_footer(&footer, good_anchors), FMT_OK);
    assert_int_equal(judge_footer(&footer, early), FMT_ORDER);
    footer.batches = 3;
    assert_int_equal(judge_footer(&footer, good_anchors), FMT_ORDER);
    footer = good_footer;
    footer.records = 5;
    assert_int_equal(judge_footer(&footer, good_anchors), FMT_ORDER);
    footer = good_footer;
    footer.groups = 0;
    assert_int_equal(judge_footer(&footer, good_anchors), FMT_ORDER);
}

/* A manifest with one field of the header changed, and a good checksum. */
static fmt_verdict judge_manifest(size_t field, size_t size, uint64_t value)
{
    static uint8_t slot[FMT_MANIFEST_SIZE];
    static fmt_manifest manifest, found;
    static fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    static fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    static firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
    uint32_t length;

    memset(&manifest, 0, sizeof manifest);
    manifest.version = FMT_VERSION;
    manifest.generation = 1;
    manifest.durable_method = FIRN_DURABLE_DIRECT_DSYNC;
    manifest.alignment = 4096;
    manifest.segment_size = 1 << 20;
    manifest.segment_highest = 5;
    manifest.runs = runs;
    manifest.incarnations = incarnations;
    manifest.cuts = cuts;
    incarnations[0] = (fmt_incarnation){.number = 1, .first_seq = 1};
    manifest.incarnations_count = 1;
    fmt_manifest_encode(slot, &manifest);
    memcpy(slot + field, &value, size);
    length = fmt_get32(slot + FMT_MANIFEST_LENGTH);
    fmt_put32(slot + FMT_MANIFEST_CRC, fmt_crc32c(fmt_crc32c(0, slot, 8), slot + 12, length - 12));
    found = manifest;
    return fmt_manifest_decode(slot, length, &found);
}

/* Each field of the header at the last value that is allowed, and at the next. */
static void manifests_at_their_bounds(void **state)
{
    (void)state;
    assert_int_equal(judge_manifest(FMT_MANIFEST_RESERVED, 0, 0), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_VERSION, 4, 0), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_CLEAN, 4, 2), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_ALIGNMENT, 4, FMT_ALIGNMENT_MIN), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_ALIGNMENT, 4, FMT_ALIGNMENT_MIN / 2), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_ALIGNMENT, 4, FMT_ALIGNMENT_MAX), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_ALIGNMENT, 4, 2 * FMT_ALIGNMENT_MAX), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_ALIGNMENT, 4, 3 * FMT_ALIGNMENT_MIN), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_SEGMENT_SIZE, 8, FMT_SEGMENT_SIZE_MIN), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_SEGMENT_SIZE, 8, FMT_SEGMENT_SIZE_MIN - 4096), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_SEGMENT_SIZE, 8, FMT_SEGMENT_SIZE_MAX), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_SEGMENT_SIZE, 8, UINT64_C(1) + FMT_SEGMENT_SIZE_MAX), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_SEGMENT_SIZE, 8, FMT_SEGMENT_SIZE_MIN + 1), FMT_SYNTAX);
    assert_int_equal(judge_manifest(FMT_MANIFEST_TAIL_SEGMENT, 8, 5), FMT_OK);
    assert_int_equal(judge_manifest(FMT_MANIFEST_TAIL_SEGMENT, 8, 6), FMT_ORDER);
    assert_int_equal(judge_manifest(FMT_MANIFEST_HEADER, 8, 0), FMT_ORDER); /* Its incarnation has no number. */
}

static bool is_json(const char *text)
{
    size_t at;

    return fmt_json_check(text_slice(text), &at) == NULL;
}

/* Numbers around the first that no double holds, every escape, names that are escaped. */
static void json_at_its_bounds(void **state)
{
    static const char *const overflow =
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
        "342711559699508093042880177904174497792";
    char text[400];

    (void)state;
    assert_false(is_json(overflow));
    (void)snprintf(text, sizeof text, "%s.0", overflow);
    assert_false(is_json(text));
    (void)snprintf(text, sizeof text, "%s", overflow);
    text[strlen(text) - 1]--;
    assert_true(is_json(text));
    assert_true(is_json("1.7976931348623158e308"));
    assert_false(is_json("1e99999999999999999999"));
    assert_true(is_json("1e-99999999999999999999"));
    assert_true(is_json("\"\\b\\f\\n\\r\\t\\/\""));
    assert_false(is_json("\"\\ud800"));
    assert_false(is_json("\"\\ud800\""));
    assert_true(fmt_json_has_member(text_slice("{\"\\u0061b\": 1}"), "ab"));
    assert_false(fmt_json_has_member(text_slice("{\"\\u0061b\": 1}"), "bb"));
    assert_false(fmt_json_has_member(text_slice("{\"a\": 1}"), "ab"));
    assert_false(fmt_json_has_member(text_slice("{\"abc\": 1}"), "ab"));
    assert_false(fmt_json_has_member(text_slice("{}"), "ab"));
}

/* Instants before 1970, at both ends of the calendar, and texts that stop too early. */
static void times_at_their_bounds(void **state)
{
    static const char *const bad[] = {"",
                                      "2024",
                                      "2024-02-29T12:00:00",
                                      "2024-02-29T12:00:00.Z",
                                      "2024-02-29T12:00:0xZ",
                                      "2024-13-01T12:00:00Z",
                                      "2024-00-01T12:00:00Z",
                                      "2023-02-29T12:00:00Z",
                                      "2024-02-29T12:00:00+0100",
                                      "2024-02-29T12:00:00.123",
                                      "2024-02-29T12:00:00Zz"};
    char text[FIRN_TIME_TEXT_SIZE];
    firn_time time;

    (void)state;
    fmt_time_format((firn_time){.seconds = -1, .nanoseconds = 500000000}, text);
    assert_string_equal(text, "1969-12-31T23:59:59.500Z");
    assert_true(fmt_time_parse(text_slice(text), &time));
    assert_int_equal(time.seconds, -1);
    assert_true(fmt_time_parse(text_slice("2024-02-29T12:00:00.1234567891+01:00"), &time));
    assert_int_equal(time.nanoseconds, 123456789);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(fmt_time_parse(text_slice(bad[i]), &time));
    assert_false(fmt_time_parse((firn_slice){0}, &time));
    assert_true(fmt_time_check((firn_time){.seconds = INT64_C(253402300799), .nanoseconds = 999999999}));
    assert_false(fmt_time_check((firn_time){.seconds = INT64_C(253402300800)}));
    assert_false(fmt_time_check((firn_time){.seconds = INT64_MIN}));
    assert_false(fmt_time_check((firn_time){.nanoseconds = 1000000000}));
}

/* Heads of the short form of an event's body that promise more than there is, and arrays that are none. */
static void bodies_at_their_bounds(void **state)
{
    static const uint8_t head16[] = {0x82, 0, 1, 1, 0xc5, 0}, head32[] = {0x82, 0, 1, 1, 0xc6, 0, 0, 0};
    static const uint8_t broken[] = {0xc5, 0};
    fmt_value array = {.type = FMT_VALUE_ARRAY, .number = 1, .bytes = {broken, sizeof broken}}, element;
    firn_slice payload;
    size_t at = 0;

    (void)state;
    assert_int_not_equal(fmt_event_decode((firn_slice){head16, sizeof head16}, &payload), FMT_OK);
    assert_int_not_equal(fmt_event_decode((firn_slice){head32, sizeof head32}, &payload), FMT_OK);
    assert_false(fmt_value_next(&array, &at, &element));
    array.type = FMT_VALUE_MAP;
    assert_false(fmt_value_next(&array, &at, &element));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_by_tables),           cmocka_unit_test(trailers_that_end_early),
        cmocka_unit_test(footers_that_contradict), cmocka_unit_test(manifests_at_their_bounds),
        cmocka_unit_test(json_at_its_bounds),      cmocka_unit_test(times_at_their_bounds),
        cmocka_unit_test(bodies_at_their_bounds),
    };

    return cmocka_run_group_tests_name("format edges", tests, NULL, NULL);
}
