/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_store_keys.c — keys and values of the tables of content, runs and releases: round trips,
 * every truncation and a byte too many, the order of keys, and values that no encoder makes.
 *
 * One row of the table below is one key or value: how it is made, and what decodes and encodes it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/index/store_rows.h"

enum {
    BYTES_MAX = FRN_ROW_EVENTS
};
_Static_assert((int)BYTES_MAX >= (int)FRN_ROW_RUN, "a row of runs is longer");

static const uint8_t digest[FIRN_DIGEST_SIZE] = {1, 2, 3, [31] = 32};
static const uint8_t upload[FRN_UPLOAD_SIZE] = {9, 8, 7, [15] = 1};
static const char longest[FIRN_TEXT_SIZE_MAX] = "the longest name there may be, with NULs behind it";

/* ---- decode and encode again, each as one type ---- */

static fmt_verdict digest_key(firn_slice in, uint8_t *out, firn_slice *again)
{
    const uint8_t *at;
    uint8_t code;
    fmt_verdict verdict = frn_row_digest_key_decode(in, &code, &at);

    *again = verdict == FMT_OK ? frn_row_digest_key_encode(out, code, at) : *again;
    return verdict;
}

static fmt_verdict digest_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    frn_row_digest row;
    fmt_verdict verdict = frn_row_digest_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_digest_encode(out, &row) : *again;
    return verdict;
}

static fmt_verdict chunk_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    frn_row_chunk row;
    fmt_verdict verdict = frn_row_chunk_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_chunk_encode(out, &row) : *again;
    return verdict;
}

static fmt_verdict run_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    frn_row_run row;
    fmt_verdict verdict = frn_row_run_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_run_encode(out, &row) : *again;
    return verdict;
}

static fmt_verdict run_head_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    frn_row_run_head row;
    fmt_verdict verdict = frn_row_run_head_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_run_head_encode(out, &row) : *again;
    return verdict;
}

static fmt_verdict run_by_age_key(firn_slice in, uint8_t *out, firn_slice *again)
{
    uint64_t seq;
    fmt_verdict verdict = frn_row_run_by_age_key_decode(in, &seq);

    *again = verdict == FMT_OK ? frn_row_run_by_age_key_encode(out, seq) : *again;
    return verdict;
}

static fmt_verdict run_by_age_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    uint32_t stream;
    fmt_verdict verdict = frn_row_run_by_age_decode(in, &stream);

    *again = verdict == FMT_OK ? frn_row_run_by_age_encode(out, stream) : *again;
    return verdict;
}

static fmt_verdict events_key(firn_slice in, uint8_t *out, firn_slice *again)
{
    uint32_t stream;
    uint64_t block;
    fmt_verdict verdict = frn_row_events_key_decode(in, &stream, &block);

    *again = verdict == FMT_OK ? frn_row_events_key_encode(out, stream, block) : *again;
    return verdict;
}

static fmt_verdict events_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    static frn_row_events row;
    fmt_verdict verdict = frn_row_events_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_events_encode(out, &row) : *again;
    return verdict;
}

static fmt_verdict release_key(firn_slice in, uint8_t *out, firn_slice *again)
{
    uint32_t stream;
    uint64_t number;
    fmt_verdict verdict = frn_row_release_key_decode(in, &stream, &number);

    *again = verdict == FMT_OK ? frn_row_release_key_encode(out, stream, number) : *again;
    return verdict;
}

static fmt_verdict release_value(firn_slice in, uint8_t *out, firn_slice *again)
{
    frn_row_release row;
    fmt_verdict verdict = frn_row_release_decode(in, &row);

    *again = verdict == FMT_OK ? frn_row_release_encode(out, &row) : *again;
    return verdict;
}

/* ---- rows to be decoded, made from numbers at their limits ---- */

static const uint64_t numbers[] = {0, 1, 255, 256, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX};

static firn_slice make_digest_key(uint8_t *out, uint64_t n)
{
    return frn_row_digest_key_encode(out, n % 2 == 0 ? FRN_HASH_SHA256 : FRN_HASH_BLAKE3, digest);
}

static firn_slice make_digest(uint8_t *out, uint64_t n)
{
    return frn_row_digest_encode(out, &(frn_row_digest){.seq = n,
                                                        .offset = (uint32_t)n,
                                                        .chunks = (uint32_t)~n,
                                                        .length = ~n,
                                                        .time_ns = (int64_t)n,
                                                        .hint = n + 1});
}

static firn_slice make_chunk(uint8_t *out, uint64_t n)
{
    return frn_row_chunk_encode(
        out, &(frn_row_chunk){.seq = n, .offset = (uint32_t)n, .length = (uint32_t)~n, .hint = n + 2});
}

static firn_slice make_run(uint8_t *out, uint64_t n)
{
    frn_row_run row = {.create_seq = n,
                       .created_ns = (int64_t)~n,
                       .agent_name = {longest, n % FIRN_TEXT_SIZE_MAX},
                       .git_sha = {longest, (n + 200) % FIRN_TEXT_SIZE_MAX},
                       .hint = n + 3};

    memcpy(row.spec_digest, digest, sizeof digest);
    memcpy(row.print, upload, sizeof row.print);
    return frn_row_run_encode(out, &row);
}

/* A git sha that is null is not one that is empty. */
static firn_slice make_run_bare(uint8_t *out, uint64_t n)
{
    frn_row_run row = {.create_seq = n, .git_sha = {n % 2 == 0 ? NULL : longest, 0}};

    return frn_row_run_encode(out, &row);
}

static firn_slice make_run_head(uint8_t *out, uint64_t n)
{
    return frn_row_run_head_encode(out, &(frn_row_run_head){.status = (firn_run_status)(n % 4),
                                                            .event_count = n,
                                                            .last_event_seq = ~n,
                                                            .end_seq = n / 2,
                                                            .hint = n + 4});
}

static firn_slice make_run_by_age_key(uint8_t *out, uint64_t n)
{
    return frn_row_run_by_age_key_encode(out, n);
}

static firn_slice make_run_by_age(uint8_t *out, uint64_t n)
{
    return frn_row_run_by_age_encode(out, (uint32_t)n);
}

static firn_slice make_events_key(uint8_t *out, uint64_t n)
{
    return frn_row_events_key_encode(out, (uint32_t)n, ~n);
}

/* Events where n has bits; their seqs follow one another in threes. */
static firn_slice make_events(uint8_t *out, uint64_t n)
{
    static frn_row_events row;

    memset(&row, 0, sizeof row);
    row.there = n;
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        row.seqs[i] = 1000 + i + (uint64_t)(i / 3) * 100;
        memset(row.prints[i], (int)i, FRN_PRINT_SIZE);
    }
    return frn_row_events_encode(out, &row);
}

static firn_slice make_release_key(uint8_t *out, uint64_t n)
{
    return frn_row_release_key_encode(out, (uint32_t)n, ~n);
}

static firn_slice make_release(uint8_t *out, uint64_t n)
{
    return frn_row_release_encode(
        out, &(frn_row_release){n, ~n, {.seconds = (int64_t)n, .nanoseconds = (uint32_t)(n % 1000000000)}, n + 5});
}

/* grows: a byte behind may belong to a text at the end. */
static const struct {
    const char *name;
    firn_slice (*make)(uint8_t *out, uint64_t n);
    fmt_verdict (*again)(firn_slice in, uint8_t *out, firn_slice *again);
    int grows;
} rows[] = {
    {"key of DIGEST", make_digest_key, digest_key, 0},
    {"DIGEST", make_digest, digest_value, 0},
    {"CHUNK", make_chunk, chunk_value, 0},
    {"RUN", make_run, run_value, 1},
    {"RUN without texts", make_run_bare, run_value, 1},
    {"RUN_HEAD", make_run_head, run_head_value, 0},
    {"key of RUN_BY_AGE", make_run_by_age_key, run_by_age_key, 0},
    {"RUN_BY_AGE", make_run_by_age, run_by_age_value, 0},
    {"key of RUN_EVENTS", make_events_key, events_key, 0},
    {"RUN_EVENTS", make_events, events_value, 0},
    {"key of RELEASE", make_release_key, release_key, 0},
    {"RELEASE", make_release, release_value, 0},
};

/* Decodes bytes in memory of exactly their size, so that a read beyond them is seen. */
static fmt_verdict judge(size_t row, const uint8_t *bytes, size_t size, uint8_t *out, firn_slice *again)
{
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    fmt_verdict verdict;

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    verdict = rows[row].again((firn_slice){exact, size}, out, again);
    free(exact);
    return verdict;
}

/* Whatever an encoder made decodes, and encodes to the same bytes. */
static void round_trips(void **state)
{
    uint8_t bytes[BYTES_MAX], out[BYTES_MAX];

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            firn_slice made = rows[row].make(bytes, numbers[i]), again = {0};

            assert_true(made.size <= sizeof bytes);
            if (judge(row, bytes, made.size, out, &again) != FMT_OK || again.size != made.size ||
                memcmp(out, bytes, made.size) != 0) {
                fail_msg("%s of %llu is not the same again", rows[row].name, (unsigned long long)numbers[i]);
            }
        }
    }
}

/* Cut anywhere, or with a byte behind it, nothing decodes; but a text at the end can be shorter or longer, and then the
 * bytes are those of another row. */
static void wrong_sizes(void **state)
{
    uint8_t bytes[BYTES_MAX + 1], out[BYTES_MAX];

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            firn_slice made = rows[row].make(bytes, numbers[i]), again = {0};

            bytes[made.size] = 0;
            for (size_t size = 0; size <= made.size + 1; size++) {
                fmt_verdict verdict = size == made.size ? FMT_SHORT : judge(row, bytes, size, out, &again);

                if (verdict == FMT_OK && (!rows[row].grows || again.size != size || memcmp(out, bytes, size) != 0)) {
                    fail_msg("%s of %llu decodes with %zu bytes, not %zu", rows[row].name,
                             (unsigned long long)numbers[i], size, made.size);
                }
            }
        }
    }
}

/* A run's names come back as they were, null and empty apart, also at their longest. */
static void names_of_a_run(void **state)
{
    static const firn_slice names[] = {{NULL, 0}, {"", 0}, {"abc", 3}, {longest, sizeof longest}};
    uint8_t bytes[FRN_ROW_RUN];
    frn_row_run row = {.create_seq = 1}, back;

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        row.agent_name = names[i / 4];
        row.git_sha = names[i % 4];
        assert_int_equal(frn_row_run_decode(frn_row_run_encode(bytes, &row), &back), FMT_OK);
        assert_int_equal(back.agent_name.size, row.agent_name.size);
        assert_int_equal(back.git_sha.size, row.git_sha.size);
        assert_int_equal(back.git_sha.data == NULL, row.git_sha.data == NULL);
        assert_true(row.agent_name.size == 0 ||
                    memcmp(back.agent_name.data, row.agent_name.data, row.agent_name.size) == 0);
        assert_true(row.git_sha.size == 0 || memcmp(back.git_sha.data, row.git_sha.data, row.git_sha.size) == 0);
    }
}

/* Appended together, 64 events take one seq; each alone, one each. */
static void events_take_what_they_need(void **state)
{
    static frn_row_events row;
    uint8_t bytes[FRN_ROW_EVENTS];

    (void)state;
    row.there = UINT64_MAX;
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        row.seqs[i] = 7 + i;
    }
    assert_int_equal(frn_row_events_encode(bytes, &row).size, 16 + 8 + FRN_BLOCK_EVENTS * FRN_PRINT_SIZE);
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        row.seqs[i] = 1000 - i;
    }
    assert_int_equal(frn_row_events_encode(bytes, &row).size, FRN_ROW_EVENTS);
}

/* Values of the right size that no encoder makes: a status that is none, starts where no event is, events that follow
 * nothing. */
static void impossible_values(void **state)
{
    static frn_row_events back;
    uint8_t bytes[FRN_ROW_EVENTS] = {0};
    frn_row_run_head head;
    firn_slice made = make_run_head(bytes, 3);

    (void)state;
    for (int status = 0; status < 256; status++) {
        bytes[0] = (uint8_t)status;
        assert_int_equal(frn_row_run_head_decode(made, &head), status < 4 ? FMT_OK : FMT_SYNTAX);
    }
    made = make_events(bytes, 1); /* One event, one start. */
    bytes[8] = 2;                 /* The start is another one. */
    assert_int_equal(frn_row_events_decode(made, &back), FMT_SYNTAX);
    made = make_events(bytes, 3); /* Two events after one another. */
    bytes[8] = 2;                 /* The first follows what is not there. */
    assert_int_equal(frn_row_events_decode(made, &back), FMT_SYNTAX);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(frn_row_events_decode((firn_slice){bytes, sizeof bytes}, &back), FMT_OK);
    assert_int_equal(frn_row_events_decode((firn_slice){bytes, 16}, &back), FMT_SHORT);
}

/* Newer runs and releases come first, blocks and chunks in their order, within their stream or upload. */
static void order_of_keys(void **state)
{
    uint8_t low[FRN_ROW_DIGEST_KEY], high[FRN_ROW_DIGEST_KEY];

    (void)state;
    for (size_t i = 1; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t a = numbers[i - 1], b = numbers[i];

        (void)frn_row_run_by_age_key_encode(low, b);
        (void)frn_row_run_by_age_key_encode(high, a);
        assert_true(memcmp(low, high, FRN_ROW_RUN_BY_AGE_KEY) < 0);
        (void)frn_row_release_key_encode(low, 5, b);
        (void)frn_row_release_key_encode(high, 5, a);
        assert_true(memcmp(low, high, FRN_ROW_RELEASE_KEY) < 0);
        (void)frn_row_release_key_encode(low, 5, 0);
        (void)frn_row_release_key_encode(high, 6, UINT64_MAX);
        assert_true(memcmp(low, high, FRN_ROW_RELEASE_KEY) < 0);
        (void)frn_row_events_key_encode(low, 5, a);
        (void)frn_row_events_key_encode(high, 5, b);
        assert_true(memcmp(low, high, FRN_ROW_EVENTS_KEY) < 0);
        (void)frn_row_events_key_encode(low, 255, UINT64_MAX);
        (void)frn_row_events_key_encode(high, 256, 0);
        assert_true(memcmp(low, high, FRN_ROW_EVENTS_KEY) < 0);
        if (b <= UINT32_MAX) {
            (void)frn_row_chunk_key_encode(low, upload, (uint32_t)a);
            (void)frn_row_chunk_key_encode(high, upload, (uint32_t)b);
            assert_true(memcmp(low, high, FRN_ROW_CHUNK_KEY) < 0);
            (void)frn_row_run_key_encode(low, (uint32_t)a);
            (void)frn_row_run_key_encode(high, (uint32_t)b);
            assert_true(memcmp(low, high, FRN_ROW_RUN_KEY) < 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),       cmocka_unit_test(wrong_sizes),
        cmocka_unit_test(names_of_a_run),    cmocka_unit_test(events_take_what_they_need),
        cmocka_unit_test(impossible_values), cmocka_unit_test(order_of_keys),
    };

    return cmocka_run_group_tests_name("index_store_keys", tests, NULL, NULL);
}
