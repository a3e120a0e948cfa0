/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_segment.c — headers and footers of segments, and the geometry that follows from their sizes. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

enum {
    REGION = 4096,
    ANCHORS = 3
};
#define SALT 0xf007u

static const fmt_segment good_segment = {
    .version = FMT_VERSION,
    .compatible = 5,
    .ledger_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .number = 12,
    .incarnation = 3,
    .generation = 44,
    .size = 65536,
    .alignment = 4096,
    .time_ns = 1700000000000000000,
};

static const fmt_footer good_footer = {
    .number = 12,
    .incarnation = 3,
    .first_seq = 1000,
    .next_seq = 1100,
    .end_offset = 196608,
    .groups = 6,
    .batches = 20,
    .records = 100,
    .first_time_ns = 5,
    .last_time_ns = 6,
    .prev_crc = 1,
    .last_crc = 2,
    .groups_crc = 3,
    .anchors_count = ANCHORS,
};
static const fmt_anchor good_anchors[ANCHORS] = {{1000, 4096}, {1040, 69632}, {1090, 131072}};

#define SAME(a, b, field) assert_int_equal((a)->field, (b)->field)

/* Field by field, for structs may have padding. */
static void check_same_segment(const fmt_segment *a, const fmt_segment *b)
{
    SAME(a, b, version);
    SAME(a, b, compatible);
    SAME(a, b, incompatible);
    assert_memory_equal(a->ledger_id, b->ledger_id, FIRN_LEDGER_ID_SIZE);
    SAME(a, b, number);
    SAME(a, b, incarnation);
    SAME(a, b, generation);
    SAME(a, b, size);
    SAME(a, b, alignment);
    SAME(a, b, time_ns);
}

static void check_same_footer(const fmt_footer *a, const fmt_footer *b)
{
    SAME(a, b, number);
    SAME(a, b, incarnation);
    SAME(a, b, first_seq);
    SAME(a, b, next_seq);
    SAME(a, b, end_offset);
    SAME(a, b, groups);
    SAME(a, b, batches);
    SAME(a, b, records);
    SAME(a, b, first_time_ns);
    SAME(a, b, last_time_ns);
    SAME(a, b, prev_crc);
    SAME(a, b, last_crc);
    SAME(a, b, groups_crc);
    SAME(a, b, anchors_count);
}

static fmt_verdict judge_segment(const uint8_t *data, size_t size, const void *arg)
{
    fmt_segment segment;

    (void)arg;
    return fmt_segment_decode(data, size, &segment);
}

static fmt_verdict judge_footer(const uint8_t *data, size_t size, const void *arg)
{
    fmt_footer footer;

    (void)arg;
    return fmt_footer_decode(data, size, SALT, &footer);
}

static void segment_round_trip(void **state)
{
    uint8_t out[FMT_SEGMENT_HEADER];
    fmt_segment segment;

    (void)state;
    fmt_segment_encode(out, &good_segment);
    assert_int_equal(fmt_segment_decode(out, sizeof out, &segment), FMT_OK);
    check_same_segment(&segment, &good_segment);
    CHECK_FLIPS(out, sizeof out, judge_segment, NULL);
    CHECK_TRUNCATIONS(out, sizeof out, judge_segment, NULL);
}

static fmt_verdict judge_changed(fmt_segment changed)
{
    uint8_t out[FMT_SEGMENT_HEADER];
    fmt_segment segment = {0};
    fmt_verdict verdict;

    fmt_segment_encode(out, &changed);
    verdict = fmt_segment_decode(out, sizeof out, &segment);
    if (verdict == FMT_NEWER)
        check_same_segment(&segment, &changed);
    return verdict;
}

static void segment_rules_are_kept(void **state)
{
    fmt_segment changed = good_segment;

    (void)state;
    changed.compatible = UINT64_MAX;
    assert_int_equal(judge_changed(changed), FMT_OK);
    changed.incompatible = 1;
    assert_int_equal(judge_changed(changed), FMT_NEWER);
    changed = good_segment;
    changed.version = FMT_VERSION + 1;
    assert_int_equal(judge_changed(changed), FMT_NEWER);
    changed.version = 0;
    assert_int_equal(judge_changed(changed), FMT_SYNTAX);
    changed = good_segment;
    changed.number = 0;
    assert_int_equal(judge_changed(changed), FMT_SYNTAX);
}

static fmt_verdict judge_geometry(uint64_t size, uint32_t alignment)
{
    fmt_segment changed = good_segment;

    changed.size = size;
    changed.alignment = alignment;
    return judge_changed(changed);
}

static void geometry_is_bound(void **state)
{
    (void)state;
    assert_int_equal(judge_geometry(65536, 4096), FMT_OK);
    assert_int_equal(judge_geometry(FMT_SEGMENT_SIZE_MAX, 65536), FMT_OK);
    assert_int_equal(judge_geometry(FMT_SEGMENT_SIZE_MAX + 65536, 65536), FMT_LENGTH);
    assert_int_equal(judge_geometry(65536 - 4096, 4096), FMT_LENGTH);
    assert_int_equal(judge_geometry(65536 + 512, 4096), FMT_LENGTH);
    assert_int_equal(judge_geometry(65536, 2048), FMT_LENGTH);
    assert_int_equal(judge_geometry(65536 * 6, 4096 * 3), FMT_LENGTH);
    assert_int_equal(judge_geometry(1 << 20, 131072), FMT_LENGTH);
    assert_int_equal(judge_geometry(1 << 20, 0), FMT_LENGTH);
    /* Header block, a group and a footer must fit. */
    assert_int_equal(judge_geometry(2 * 65536, 65536), FMT_LENGTH);
    assert_int_equal(judge_geometry(3 * 65536, 65536), FMT_OK);
}

/** A version to come may have a longer header; it is recognised as newer, not as damage. */
static void longer_header_of_a_newer_version(void **state)
{
    uint8_t out[512] = {0};
    fmt_segment changed = good_segment, segment = {0};
    uint32_t crc;

    (void)state;
    changed.version = 9;
    fmt_segment_encode(out, &changed);
    out[300] = 1;
    fmt_put32(out + FMT_SEGMENT_HEADER_SIZE, 512);
    crc = fmt_crc32c(fmt_crc32c(0, out, 8), out + 12, 512 - 12);
    fmt_put32(out + FMT_SEGMENT_CRC, crc);
    assert_int_equal(fmt_segment_decode(out, sizeof out, &segment), FMT_NEWER);
    assert_int_equal(segment.version, 9);
    assert_int_equal(fmt_segment_decode(out, FMT_SEGMENT_HEADER, &segment), FMT_SHORT);
    out[300] = 2;
    assert_int_equal(fmt_segment_decode(out, sizeof out, &segment), FMT_CHECKSUM);
}

static void segment_blank_and_foreign(void **state)
{
    uint8_t data[FMT_SEGMENT_HEADER] = {0};
    fmt_segment segment;

    (void)state;
    assert_int_equal(fmt_segment_decode(data, sizeof data, &segment), FMT_BLANK);
    memcpy(data, "SQLite format 3", 16);
    assert_int_equal(fmt_segment_decode(data, sizeof data, &segment), FMT_MAGIC);
}

static void footer_round_trip(void **state)
{
    uint8_t out[REGION];
    fmt_footer footer;

    (void)state;
    fmt_footer_encode(out, sizeof out, SALT, &good_footer, good_anchors);
    assert_int_equal(fmt_footer_decode(out, sizeof out, SALT, &footer), FMT_OK);
    check_same_footer(&footer, &good_footer);
    for (uint32_t i = 0; i < ANCHORS; i++) {
        assert_int_equal(fmt_footer_anchor(out, i).first_seq, good_anchors[i].first_seq);
        assert_int_equal(fmt_footer_anchor(out, i).offset, good_anchors[i].offset);
    }
    CHECK_FLIPS(out, sizeof out, judge_footer, NULL);
    CHECK_TRUNCATIONS(out, sizeof out, judge_footer, NULL);
    assert_int_equal(fmt_footer_decode(out, sizeof out, SALT + 1, &footer), FMT_CHECKSUM);
}

static fmt_verdict judge_changed_footer(fmt_footer changed, const fmt_anchor *anchors)
{
    uint8_t out[REGION];

    fmt_footer_encode(out, sizeof out, SALT, &changed, anchors);
    return judge_footer(out, sizeof out, NULL);
}

static void footer_rules_are_kept(void **state)
{
    const fmt_anchor same_seq[ANCHORS] = {{1000, 4096}, {1000, 69632}, {1090, 131072}};
    const fmt_anchor same_offset[ANCHORS] = {{1000, 4096}, {1040, 69632}, {1090, 69632}};
    const fmt_anchor beyond[ANCHORS] = {{1000, 4096}, {1040, 69632}, {1100, 131072}};
    const fmt_anchor far[ANCHORS] = {{1000, 4096}, {1040, 69632}, {1090, 196608}};
    uint8_t out[REGION];
    fmt_footer changed = good_footer;

    (void)state;
    assert_int_equal(judge_changed_footer(changed, same_seq), FMT_ORDER);
    assert_int_equal(judge_changed_footer(changed, same_offset), FMT_ORDER);
    assert_int_equal(judge_changed_footer(changed, beyond), FMT_ORDER);
    assert_int_equal(judge_changed_footer(changed, far), FMT_ORDER);
    changed.next_seq = 999;
    assert_int_equal(judge_changed_footer(changed, good_anchors), FMT_ORDER);
    changed = good_footer;
    changed.records = 101;
    assert_int_equal(judge_changed_footer(changed, good_anchors), FMT_ORDER);
    changed = good_footer;
    changed.last_time_ns = 4;
    assert_int_equal(judge_changed_footer(changed, good_anchors), FMT_ORDER);
    changed = (fmt_footer){.number = 1, .incarnation = 1, .first_seq = 7, .next_seq = 7, .end_offset = 4096};
    assert_int_equal(judge_changed_footer(changed, NULL), FMT_OK);
    changed.groups = changed.batches = changed.records = 1;
    assert_int_equal(judge_changed_footer(changed, NULL), FMT_ORDER);
    fmt_footer_encode(out, sizeof out, SALT, &good_footer, good_anchors);
    fmt_put32(out + FMT_FOOTER_ANCHORS_COUNT, (REGION - FMT_FOOTER_HEADER) / FMT_ANCHOR_SIZE + 1);
    fmt_put32(out + FMT_FOOTER_CRC, fmt_crc32c(fmt_crc32c(SALT, out, 8), out + 12, sizeof out - 12));
    assert_int_equal(judge_footer(out, sizeof out, NULL), FMT_LENGTH);
    memset(out, 0, FMT_FOOTER_HEADER);
    assert_int_equal(judge_footer(out, sizeof out, NULL), FMT_BLANK);
}

static void footer_region_sizes(void **state)
{
    (void)state;
    assert_int_equal(fmt_anchors_max(65536), 1);
    assert_int_equal(fmt_footer_size(65536, 4096), 4096);
    assert_int_equal(fmt_anchors_max(64 << 20), 1024);
    assert_int_equal(fmt_footer_size(64 << 20, 4096), 20480);
    assert_int_equal(fmt_footer_size(64 << 20, 65536), 65536);
    assert_int_equal(fmt_footer_size(FMT_SEGMENT_SIZE_MAX, 4096), 65536 * 16 + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_round_trip),        cmocka_unit_test(segment_rules_are_kept),
        cmocka_unit_test(geometry_is_bound),         cmocka_unit_test(longer_header_of_a_newer_version),
        cmocka_unit_test(segment_blank_and_foreign), cmocka_unit_test(footer_round_trip),
        cmocka_unit_test(footer_rules_are_kept),     cmocka_unit_test(footer_region_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
