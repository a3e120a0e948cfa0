/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_hint.c — positions and reach, the blocks that begin with a common head: round trip, damage, verdicts. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/positions.h"
#include "format/reach.h"

#define WHO                                                                                    \
    {                                                                                          \
        .ledger_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, .incarnation = 3 \
    }

static const fmt_positions positions = {.hint = WHO, .durable = 4710, .segment = 11, .offset = 67084288};

static const fmt_reach reach = {
    .hint = WHO,
    .segment = 12,
    .offset = 8388608,
    .known_segment = 11,
    .known_offset = 67084288,
    .known_next_seq = 4711,
    .known_time_ns = 1700000000000000000,
    .known_crc = 0xabcdef01,
};

static fmt_verdict judge_positions(const uint8_t *data, size_t size, const void *arg)
{
    fmt_positions got;

    (void)arg;
    return fmt_positions_decode(data, size, &got);
}

static fmt_verdict judge_reach(const uint8_t *data, size_t size, const void *arg)
{
    fmt_reach got;

    (void)arg;
    return fmt_reach_decode(data, size, &got);
}

static void encode_positions(uint8_t *out)
{
    fmt_positions_encode(out, &positions);
}

static void encode_reach(uint8_t *out)
{
    fmt_reach_encode(out, &reach);
}

static const struct block {
    size_t size;
    void (*encode)(uint8_t *out);
    fmt_verdict (*judge)(const uint8_t *data, size_t size, const void *arg);
    int reserved; /* Offset of bytes that must be zero; 0: none. */
} blocks[2] = {{FMT_POSITIONS_HEADER, encode_positions, judge_positions, 0},
               {FMT_REACH_HEADER, encode_reach, judge_reach, FMT_REACH_RESERVED}};

/* What is encoded is decoded, whatever stands behind it. */
static void test_round_trip(void **state)
{
    uint8_t bytes[FMT_REACH_HEADER + 1];
    fmt_positions got_positions;
    fmt_reach got;

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    fmt_positions_encode(bytes, &positions);
    assert_int_equal(fmt_positions_decode(bytes, sizeof bytes, &got_positions), FMT_OK);
    assert_memory_equal(got_positions.hint.ledger_id, positions.hint.ledger_id, FIRN_LEDGER_ID_SIZE);
    assert_int_equal(got_positions.hint.incarnation, positions.hint.incarnation);
    assert_int_equal(got_positions.durable, positions.durable);
    assert_int_equal(got_positions.segment, positions.segment);
    assert_int_equal(got_positions.offset, positions.offset);
    fmt_reach_encode(bytes, &reach);
    assert_int_equal(fmt_reach_decode(bytes, sizeof bytes, &got), FMT_OK);
    assert_memory_equal(got.hint.ledger_id, reach.hint.ledger_id, FIRN_LEDGER_ID_SIZE);
    assert_int_equal(got.hint.incarnation, reach.hint.incarnation);
    assert_int_equal(got.segment, reach.segment);
    assert_int_equal(got.offset, reach.offset);
    assert_int_equal(got.known_segment, reach.known_segment);
    assert_int_equal(got.known_offset, reach.known_offset);
    assert_int_equal(got.known_next_seq, reach.known_next_seq);
    assert_int_equal(got.known_time_ns, reach.known_time_ns);
    assert_int_equal(got.known_crc, reach.known_crc);
}

/* Nothing that differs by a bit, and no part of it, is believed; nor is one taken for the other. */
static void test_damage(void **state)
{
    uint8_t bytes[FMT_REACH_HEADER];

    (void)state;
    for (int i = 0; i < 2; i++) {
        blocks[i].encode(bytes);
        CHECK_FLIPS(bytes, blocks[i].size, blocks[i].judge, NULL);
        CHECK_TRUNCATIONS(bytes, blocks[i].size, blocks[i].judge, NULL);
        assert_int_equal(blocks[1 - i].judge(bytes, sizeof bytes, NULL), FMT_MAGIC);
    }
}

static void make_good(uint8_t *bytes, size_t size)
{
    fmt_put32(bytes + FMT_HINT_CRC,
              fmt_crc32c(fmt_crc32c(0, bytes, FMT_HINT_CRC), bytes + FMT_HINT_VERSION, size - FMT_HINT_VERSION));
}

/* A block that was never written, one of a later version, and one whose reserved bytes mean something. */
static void test_verdicts(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct block *block = &blocks[i];
        uint8_t bytes[FMT_REACH_HEADER] = {0};

        assert_int_equal(block->judge(bytes, sizeof bytes, NULL), FMT_BLANK);
        block->encode(bytes);
        fmt_put32(bytes + FMT_HINT_VERSION, 2);
        assert_int_equal(block->judge(bytes, sizeof bytes, NULL), FMT_CHECKSUM);
        make_good(bytes, block->size);
        assert_int_equal(block->judge(bytes, sizeof bytes, NULL), FMT_NEWER);
        if (block->reserved != 0) {
            block->encode(bytes);
            fmt_put32(bytes + block->reserved, 2);
            make_good(bytes, block->size);
            assert_int_equal(block->judge(bytes, sizeof bytes, NULL), FMT_SYNTAX);
        }
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
