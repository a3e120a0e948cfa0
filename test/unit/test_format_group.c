/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_group.c — groups: header, content and padding are one, in one place only. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"

static fmt_verdict judge(const uint8_t *data, size_t size, const void *arg)
{
    fmt_group group;
    size_t bad = SIZE_MAX;
    fmt_verdict verdict =
        fmt_group_decode(data, size, SAMPLE_SALT, SAMPLE_OFFSET, SAMPLE_SEGMENT, SAMPLE_INCARNATION, &group);

    (void)arg;
    if (verdict != FMT_OK)
        return verdict;
    if (size < fmt_group_size(group.content_size, SAMPLE_ALIGNMENT))
        return FMT_SHORT;
    verdict = fmt_group_check(data, size, SAMPLE_SALT, &group, &bad);
    if (verdict != FMT_OK)
        assert_in_range(bad, 0, size);
    return verdict;
}

static void round_trip(void **state)
{
    group_sample sample = sample_new();
    fmt_group group;
    size_t bad;

    (void)state;
    assert_int_equal(fmt_group_decode(sample.data, FMT_GROUP_HEADER, SAMPLE_SALT, SAMPLE_OFFSET, SAMPLE_SEGMENT,
                                      SAMPLE_INCARNATION, &group),
                     FMT_OK);
    assert_int_equal(group.segment, sample.group.segment);
    assert_int_equal(group.incarnation, sample.group.incarnation);
    assert_int_equal(group.first_seq, sample.group.first_seq);
    assert_int_equal(group.next_seq, sample.group.next_seq);
    assert_int_equal(group.durable, sample.group.durable);
    assert_int_equal(group.content_size, sample.group.content_size);
    assert_int_equal(group.content_crc, sample.group.content_crc);
    assert_int_equal(group.prev_crc, sample.group.prev_crc);
    assert_int_equal(group.batches, sample.group.batches);
    assert_int_equal(group.crc, sample.group.crc);
    assert_int_equal(fmt_group_check(sample.data, sample.size, SAMPLE_SALT, &group, &bad), FMT_OK);
    free(sample.data);
}

static void damage_is_noticed(void **state)
{
    group_sample sample = sample_new();

    (void)state;
    CHECK_FLIPS(sample.data, sample.size, judge, NULL);
    CHECK_TRUNCATIONS(sample.data, sample.size, judge, NULL);
    free(sample.data);
}

/** The content alone, cut anywhere: what follows the header never reads beyond what is there. */
static void content_is_bound(void **state)
{
    group_sample sample = sample_new();
    size_t whole = FMT_GROUP_HEADER + sample.group.content_size, bad;

    (void)state;
    for (size_t size = FMT_GROUP_HEADER; size < whole; size++) {
        uint8_t *copy = exact_copy(sample.data, size);

        assert_int_equal(fmt_group_check(copy, size, SAMPLE_SALT, &sample.group, &bad), FMT_SHORT);
        assert_int_equal(bad, size);
        free(copy);
    }
    free(sample.data);
}

static void place_is_noticed(void **state)
{
    group_sample sample = sample_new();
    const uint8_t *data = sample.data;
    fmt_group group;

    (void)state;
    assert_int_equal(fmt_group_decode(data, 64, SAMPLE_SALT, SAMPLE_OFFSET + SAMPLE_ALIGNMENT, SAMPLE_SEGMENT,
                                      SAMPLE_INCARNATION, &group),
                     FMT_CHECKSUM);
    assert_int_equal(
        fmt_group_decode(data, 64, SAMPLE_SALT + 1, SAMPLE_OFFSET, SAMPLE_SEGMENT, SAMPLE_INCARNATION, &group),
        FMT_CHECKSUM);
    assert_int_equal(
        fmt_group_decode(data, 64, SAMPLE_SALT, SAMPLE_OFFSET, SAMPLE_SEGMENT + 1, SAMPLE_INCARNATION, &group),
        FMT_PLACE);
    assert_int_equal(
        fmt_group_decode(data, 64, SAMPLE_SALT, SAMPLE_OFFSET, SAMPLE_SEGMENT, SAMPLE_INCARNATION + 1, &group),
        FMT_PLACE);
    free(sample.data);
}

static void blank_and_foreign(void **state)
{
    uint8_t data[FMT_GROUP_HEADER] = {0};
    fmt_group group;

    (void)state;
    assert_int_equal(fmt_group_decode(data, 64, 1, 0, 1, 1, &group), FMT_BLANK);
    assert_int_equal(fmt_group_decode(data, 63, 1, 0, 1, 1, &group), FMT_SHORT);
    data[63] = 1;
    assert_int_equal(fmt_group_decode(data, 64, 1, 0, 1, 1, &group), FMT_MAGIC);
    memcpy(data, "FGRP", 4);
    assert_int_equal(fmt_group_decode(data, 64, 1, 0, 1, 1, &group), FMT_CHECKSUM);
}

/** Encodes the sample's header with a field changed, and judges header and content. */
static fmt_verdict judge_forged(size_t field, size_t field_size, uint64_t value, size_t *out_bad)
{
    group_sample sample = sample_new();
    fmt_verdict verdict;
    fmt_group group;

    memcpy(sample.data + field, &value, field_size);
    fmt_put32(sample.data + FMT_GROUP_CRC,
              fmt_crc32c(fmt_crc32c_u64(SAMPLE_SALT, SAMPLE_OFFSET), sample.data + 8, FMT_GROUP_HEADER - 8));
    verdict = fmt_group_decode(sample.data, sample.size, SAMPLE_SALT, SAMPLE_OFFSET, SAMPLE_SEGMENT, SAMPLE_INCARNATION,
                               &group);
    if (verdict == FMT_OK)
        verdict = fmt_group_check(sample.data, sample.size, SAMPLE_SALT, &group, out_bad);
    free(sample.data);
    return verdict;
}

static void rules_are_kept(void **state)
{
    group_sample sample = sample_new();
    size_t second = sample.second_batch, content_size = sample.group.content_size, bad = 0;

    (void)state;
    free(sample.data);
    assert_int_equal(judge_forged(FMT_GROUP_DURABLE, 8, 5, &bad), FMT_OK);
    assert_int_equal(judge_forged(FMT_GROUP_NEXT_SEQ, 8, SAMPLE_SEQ + 5, &bad), FMT_OK);
    assert_int_equal(judge_forged(FMT_GROUP_NEXT_SEQ, 8, SAMPLE_SEQ, &bad), FMT_ORDER);
    assert_int_equal(judge_forged(FMT_GROUP_FIRST_SEQ, 8, 0, &bad), FMT_ORDER);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_SIZE, 4, 0, &bad), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_SIZE, 4, FMT_GROUP_CONTENT_MAX + 1, &bad), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_SIZE, 4, FMT_GROUP_CONTENT_MAX, &bad), FMT_SHORT);
    assert_int_equal(judge_forged(FMT_GROUP_BATCHES, 4, 0, &bad), FMT_LENGTH);
    /* What the header says and the content does not keep, and where that shows. */
    assert_int_equal(judge_forged(FMT_GROUP_FIRST_SEQ, 8, SAMPLE_SEQ + 1, &bad), FMT_ORDER);
    assert_int_equal(bad, FMT_GROUP_HEADER);
    assert_int_equal(judge_forged(FMT_GROUP_NEXT_SEQ, 8, SAMPLE_SEQ + 2, &bad), FMT_ORDER);
    assert_int_equal(bad, second);
    assert_int_equal(judge_forged(FMT_GROUP_BATCHES, 4, 1, &bad), FMT_LENGTH);
    assert_int_equal(bad, second);
    assert_int_equal(judge_forged(FMT_GROUP_BATCHES, 4, 3, &bad), FMT_SHORT);
    assert_int_equal(bad, FMT_GROUP_HEADER + content_size);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_SIZE, 4, content_size - 1, &bad), FMT_SHORT);
    assert_int_equal(bad, second);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_SIZE, 4, content_size + 1, &bad), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_GROUP_CONTENT_CRC, 4, 1, &bad), FMT_CHECKSUM);
    assert_int_equal(bad, FMT_GROUP_CONTENT_CRC);
}

/** A whole batch of the same place, sound by itself, that the group was not sealed with. */
static void exchanged_batch_is_noticed(void **state)
{
    const firn_slice body = text_slice("other");
    group_sample sample = sample_new();
    size_t bad = 0;
    fmt_batch_writer writer;

    (void)state;
    fmt_batch_begin(&writer, sample.data + sample.second_batch, 1024, SAMPLE_SALT, SAMPLE_SEQ + 2, 1000, 0);
    (void)fmt_batch_add(&writer, 4, 7, 2, NULL, 0);
    (void)fmt_batch_finish(&writer, NULL, 0, NULL);
    assert_int_equal(fmt_group_check(sample.data, sample.size, SAMPLE_SALT, &sample.group, &bad), FMT_CHECKSUM);
    assert_int_equal(bad, FMT_GROUP_CONTENT_CRC);
    fmt_batch_begin(&writer, sample.data + sample.second_batch, 1024, SAMPLE_SALT, SAMPLE_SEQ + 2, 999, 0);
    (void)fmt_batch_add(&writer, 5, 7, 2, &body, 0);
    (void)fmt_batch_finish(&writer, NULL, 0, NULL);
    assert_int_equal(fmt_group_check(sample.data, sample.size, SAMPLE_SALT, &sample.group, &bad), FMT_ORDER);
    assert_int_equal(bad, sample.second_batch);
    free(sample.data);
}

static void sizes_are_aligned(void **state)
{
    (void)state;
    assert_int_equal(fmt_group_size(1, 4096), 4096);
    assert_int_equal(fmt_group_size(4096 - 64, 4096), 4096);
    assert_int_equal(fmt_group_size(4096 - 63, 4096), 8192);
    assert_int_equal(fmt_group_size(1, 65536), 65536);
    assert_int_equal(fmt_group_size(FMT_GROUP_CONTENT_MAX, 4096), FMT_GROUP_CONTENT_MAX + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(content_is_bound),  cmocka_unit_test(place_is_noticed),
        cmocka_unit_test(blank_and_foreign), cmocka_unit_test(rules_are_kept),
        cmocka_unit_test(sizes_are_aligned), cmocka_unit_test(exchanged_batch_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
