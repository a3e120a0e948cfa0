/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_reach.c — the block in which a writer says how far it may have written. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/reach.h"

static const fmt_reach good = {
    .ledger_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .incarnation = 3,
    .segment = 12,
    .offset = 8388608,
    .known_segment = 11,
    .known_offset = 67084288,
    .known_next_seq = 4711,
    .known_time_ns = 1700000000000000000,
    .known_crc = 0xabcdef01,
};

static fmt_verdict judge(const uint8_t *data, size_t size, const void *arg)
{
    fmt_reach reach;

    (void)arg;
    return fmt_reach_decode(data, size, &reach);
}

/* What is encoded is decoded, whatever stands behind it. */
static void test_round_trip(void **state)
{
    uint8_t bytes[FMT_REACH_HEADER + 1];
    fmt_reach got;

    (void)state;
    bytes[FMT_REACH_HEADER] = 0xff;
    fmt_reach_encode(bytes, &good);
    assert_int_equal(fmt_reach_decode(bytes, sizeof bytes, &got), FMT_OK);
    assert_memory_equal(got.ledger_id, good.ledger_id, sizeof got.ledger_id);
    assert_int_equal(got.incarnation, good.incarnation);
    assert_int_equal(got.segment, good.segment);
    assert_int_equal(got.offset, good.offset);
    assert_int_equal(got.known_segment, good.known_segment);
    assert_int_equal(got.known_offset, good.known_offset);
    assert_int_equal(got.known_next_seq, good.known_next_seq);
    assert_int_equal(got.known_time_ns, good.known_time_ns);
    assert_int_equal(got.known_crc, good.known_crc);
}

/* Nothing that differs by a bit, and no part of it, is believed. */
static void test_damage(void **state)
{
    uint8_t bytes[FMT_REACH_HEADER];

    (void)state;
    fmt_reach_encode(bytes, &good);
    CHECK_FLIPS(bytes, sizeof bytes, judge, NULL);
    CHECK_TRUNCATIONS(bytes, sizeof bytes, judge, NULL);
}

/* A block that was never written, one of a later version, and one whose reserved bytes mean something. */
static void test_verdicts(void **state)
{
    uint8_t bytes[FMT_REACH_HEADER] = {0};

    (void)state;
    assert_int_equal(judge(bytes, sizeof bytes, NULL), FMT_BLANK);
    for (int what = 0; what < 2; what++) {
        fmt_reach_encode(bytes, &good);
        fmt_put32(bytes + (what == 0 ? FMT_REACH_VERSION : FMT_REACH_RESERVED), 2);
        assert_int_equal(judge(bytes, sizeof bytes, NULL), FMT_CHECKSUM);
        fmt_put32(bytes + FMT_REACH_CRC, fmt_crc32c(fmt_crc32c(0, bytes, FMT_REACH_CRC), bytes + FMT_REACH_VERSION,
                                                    FMT_REACH_HEADER - FMT_REACH_VERSION));
        assert_int_equal(judge(bytes, sizeof bytes, NULL), what == 0 ? FMT_NEWER : FMT_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
