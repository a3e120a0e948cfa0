/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_manifest.c — slots of the manifest: round trip, damage, and lists that contradict themselves. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/manifest.h"

/** A manifest with room for the largest lists. */
typedef struct manifest_space {
    fmt_manifest manifest;
    fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
} manifest_space;

static manifest_space *space_new(void)
{
    manifest_space *space = calloc(1, sizeof *space);

    assert_non_null(space);
    space->manifest.runs = space->runs;
    space->manifest.incarnations = space->incarnations;
    space->manifest.cuts = space->cuts;
    return space;
}

/** Segments 4 … 9, then 2, of a ledger in its second incarnation that was closed cleanly. */
static manifest_space *good_new(void)
{
    manifest_space *good = space_new();

    good->runs[0] = (fmt_run){4, 6};
    good->runs[1] = (fmt_run){2, 1};
    good->incarnations[0] = (fmt_incarnation){1, 1, 4};
    good->incarnations[1] = (fmt_incarnation){2, 50, 6};
    good->cuts[0] = (firn_cut){77, 2, 5, 8192, 4096, 50, 3};
    good->manifest.version = FMT_VERSION;
    good->manifest.ledger_id[3] = 7;
    good->manifest.generation = 9;
    good->manifest.time_ns = 100;
    good->manifest.created_ns = 50;
    good->manifest.segment_size = 65536;
    good->manifest.alignment = 4096;
    good->manifest.durable_method = FIRN_DURABLE_DIRECT_DSYNC;
    good->manifest.segment_highest = 9;
    good->manifest.clean = 1;
    good->manifest.durable = 60;
    good->manifest.tail_segment = 6;
    good->manifest.tail_offset = 12288;
    good->manifest.tail_crc = 0x1234;
    good->manifest.tail_time_ns = 99;
    good->manifest.cuts_total = 1;
    good->manifest.runs_count = 2;
    good->manifest.incarnations_count = 2;
    good->manifest.cuts_count = 1;
    return good;
}

static fmt_verdict judge(const uint8_t *data, size_t size, const void *arg)
{
    static manifest_space scratch;
    fmt_manifest manifest = {.runs = scratch.runs, .incarnations = scratch.incarnations, .cuts = scratch.cuts};

    (void)arg;
    return fmt_manifest_decode(data, size, &manifest);
}

static uint8_t *encoded(const manifest_space *space, size_t *out_size)
{
    uint8_t *out;

    *out_size = fmt_manifest_size(&space->manifest);
    out = malloc(*out_size);
    assert_non_null(out);
    fmt_manifest_encode(out, &space->manifest);
    return out;
}

static void round_trip(void **state)
{
    manifest_space *good = good_new(), *decoded = space_new();
    size_t size;
    uint8_t *data = encoded(good, &size);

    (void)state;
    assert_int_equal(size, FMT_MANIFEST_HEADER + 2 * 16 + 2 * 24 + 56);
    assert_int_equal(fmt_manifest_decode(data, size, &decoded->manifest), FMT_OK);
    good->manifest.runs = decoded->manifest.runs;
    good->manifest.incarnations = decoded->manifest.incarnations;
    good->manifest.cuts = decoded->manifest.cuts;
    assert_memory_equal(&decoded->manifest, &good->manifest, sizeof good->manifest);
    assert_memory_equal(decoded->runs, good->runs, sizeof good->runs);
    assert_memory_equal(decoded->incarnations, good->incarnations, sizeof good->incarnations);
    assert_memory_equal(decoded->cuts, good->cuts, sizeof good->cuts);
    free(data);
    free(decoded);
    free(good);
}

static void damage_is_noticed(void **state)
{
    manifest_space *good = good_new();
    size_t size;
    uint8_t *data = encoded(good, &size);

    (void)state;
    CHECK_FLIPS(data, size, judge, NULL);
    CHECK_TRUNCATIONS(data, size, judge, NULL);
    free(data);
    free(good);
}

/** All lists as long as they may be: the slot holds them. */
static void fullest_manifest_fits(void **state)
{
    manifest_space *good = good_new(), *decoded = space_new();
    size_t size;
    uint8_t *data;

    (void)state;
    for (uint64_t i = 0; i < FMT_MANIFEST_RUNS_MAX; i++)
        good->runs[i] = (fmt_run){1 + 2 * i, 1};
    for (uint64_t i = 0; i < FMT_MANIFEST_INCARNATIONS_MAX; i++)
        good->incarnations[i] = (fmt_incarnation){1 + i, 1 + i / 2, 1};
    good->manifest.segment_highest = 2 * FMT_MANIFEST_RUNS_MAX;
    good->manifest.runs_count = FMT_MANIFEST_RUNS_MAX;
    good->manifest.incarnations_count = FMT_MANIFEST_INCARNATIONS_MAX;
    good->manifest.cuts_count = FMT_MANIFEST_CUTS_MAX;
    good->manifest.cuts_total = 1000;
    data = encoded(good, &size);
    assert_in_range(size, 1, FMT_MANIFEST_SIZE);
    assert_int_equal(fmt_manifest_decode(data, size, &decoded->manifest), FMT_OK);
    assert_memory_equal(decoded->runs, good->runs, sizeof good->runs);
    assert_memory_equal(decoded->incarnations, good->incarnations, sizeof good->incarnations);
    free(data);
    free(decoded);
    free(good);
}

/** Encodes what `spoilt` holds, frees it, and judges the bytes. */
static fmt_verdict judge_spoilt(manifest_space *spoilt)
{
    size_t size;
    uint8_t *data = encoded(spoilt, &size);
    fmt_verdict verdict = judge(data, size, NULL);

    free(data);
    free(spoilt);
    return verdict;
}

static void lists_are_judged(void **state)
{
    manifest_space *spoilt = good_new();

    (void)state;
    spoilt->runs[1] = (fmt_run){9, 1};
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->runs[1] = (fmt_run){3, 2};
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->runs[1] = (fmt_run){1, UINT64_MAX};
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->runs[1].count = 0;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->runs[1].first = 0;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->manifest.segment_highest = 8;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->incarnations[1].number = 1;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->incarnations[1].first_seq = 0;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->incarnations[1].first_seq = 1;
    assert_int_equal(judge_spoilt(spoilt), FMT_OK);
    spoilt = good_new();
    spoilt->manifest.cuts_total = 0;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
    spoilt = good_new();
    spoilt->manifest.tail_segment = 10;
    assert_int_equal(judge_spoilt(spoilt), FMT_ORDER);
}

static void fields_are_judged(void **state)
{
    manifest_space *spoilt = good_new();

    (void)state;
    spoilt->manifest.clean = 2;
    assert_int_equal(judge_spoilt(spoilt), FMT_SYNTAX);
    spoilt = good_new();
    spoilt->manifest.alignment = 5000;
    assert_int_equal(judge_spoilt(spoilt), FMT_SYNTAX);
    spoilt = good_new();
    spoilt->manifest.segment_size = 65537;
    assert_int_equal(judge_spoilt(spoilt), FMT_SYNTAX);
    spoilt = good_new();
    spoilt->manifest.durable_method = 4;
    assert_int_equal(judge_spoilt(spoilt), FMT_SYNTAX);
    spoilt = good_new();
    spoilt->manifest.generation = 0;
    assert_int_equal(judge_spoilt(spoilt), FMT_SYNTAX);
    spoilt = good_new();
    spoilt->manifest.compatible = UINT64_MAX;
    assert_int_equal(judge_spoilt(spoilt), FMT_OK);
    spoilt = good_new();
    spoilt->manifest.incompatible = 4;
    assert_int_equal(judge_spoilt(spoilt), FMT_NEWER);
    spoilt = good_new();
    spoilt->manifest.version = FMT_VERSION + 1;
    assert_int_equal(judge_spoilt(spoilt), FMT_NEWER);
}

/** Puts a number into a field behind the encoder's back, with a good checksum, in a slot of full size. */
static fmt_verdict judge_forged(size_t field, uint32_t value)
{
    manifest_space *good = good_new();
    uint8_t *slot = calloc(1, FMT_MANIFEST_SIZE);
    fmt_verdict verdict;
    uint32_t length;

    assert_non_null(slot);
    fmt_manifest_encode(slot, &good->manifest);
    fmt_put32(slot + field, value);
    length = fmt_get32(slot + FMT_MANIFEST_LENGTH);
    if (length >= 12 && length <= FMT_MANIFEST_SIZE)
        fmt_put32(slot + FMT_MANIFEST_CRC, fmt_crc32c(fmt_crc32c(0, slot, 8), slot + 12, length - 12));
    verdict = judge(slot, FMT_MANIFEST_SIZE, NULL);
    free(slot);
    free(good);
    return verdict;
}

static void lengths_are_bound(void **state)
{
    (void)state;
    assert_int_equal(judge_forged(FMT_MANIFEST_TAIL_CRC, 1), FMT_OK);
    assert_int_equal(judge_forged(FMT_MANIFEST_LENGTH, 255), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_LENGTH, 256), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_LENGTH, FMT_MANIFEST_SIZE), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_LENGTH, FMT_MANIFEST_SIZE + 1), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_LENGTH, UINT32_MAX), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_HEADER_SIZE, 257), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_RUNS_COUNT, UINT32_MAX), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_INCARNATIONS_COUNT, UINT32_MAX), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_INCARNATIONS_COUNT, 0), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_CUTS_COUNT, UINT32_MAX), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_MANIFEST_MAGIC, 0), FMT_MAGIC);
}

static void blank_slot(void **state)
{
    uint8_t data[FMT_MANIFEST_HEADER] = {0};

    (void)state;
    assert_int_equal(judge(data, sizeof data, NULL), FMT_BLANK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(fullest_manifest_fits),
        cmocka_unit_test(lists_are_judged),
        cmocka_unit_test(fields_are_judged),
        cmocka_unit_test(lengths_are_bound),
        cmocka_unit_test(blank_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
