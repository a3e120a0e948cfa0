/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_store_rows.c — keys and values of the stores' tables: round trips, wrong sizes, what of them are facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/index/store_rows.h"

/* A value that was encoded, the table it is of, and where its decoder lies. */
typedef struct sample {
    frn_table table;
    uint8_t bytes[FRN_ROW_RUN];
    size_t size;
    bool open_ended; /* A longer value may be good too: its last member has no size of its own. */
    bool hint;       /* It ends in one. */
} sample;

enum {
    SAMPLES = 7
};

static const uint64_t hint = UINT64_C(0x0000002a00001000);

static size_t keep(uint8_t *out, firn_slice value)
{
    memmove(out, value.data, value.size);
    return value.size;
}

static void samples_make(sample out[SAMPLES])
{
    frn_row_digest digest = {
        .seq = 7, .offset = 53, .chunks = 2, .length = UINT64_C(1) << 40, .time_ns = -5, .hint = hint};
    frn_row_chunk chunk = {.seq = 9, .offset = 30, .length = 1048576, .hint = hint};
    frn_row_run run = {.create_seq = 11, .created_ns = 12, .agent_name = {"agent", 5}, .hint = hint};
    frn_row_run_head head = {.status = FIRN_RUN_COMPLETED, .event_count = 3, .end_seq = 14, .hint = hint};
    frn_row_release release = {
        .seq = 15, .origin = 16, .created_at = {.seconds = -17, .nanoseconds = 18}, .hint = hint};
    frn_row_events events = {.there = 5, .seqs = {[0] = 19, [2] = 20}};

    memset(out, 0, SAMPLES * sizeof *out);
    out[0].size = keep(out[0].bytes, frn_row_digest_encode(out[0].bytes, &digest));
    out[0].table = FRN_TABLE_DIGEST;
    out[1].size = keep(out[1].bytes, frn_row_chunk_encode(out[1].bytes, &chunk));
    out[1].table = FRN_TABLE_CHUNK;
    out[2].size = keep(out[2].bytes, frn_row_run_encode(out[2].bytes, &run));
    out[2].table = FRN_TABLE_RUN;
    run.git_sha = (firn_slice){"0123abcd", 8};
    out[3].size = keep(out[3].bytes, frn_row_run_encode(out[3].bytes, &run));
    out[3].table = FRN_TABLE_RUN;
    out[3].open_ended = true;
    out[4].size = keep(out[4].bytes, frn_row_run_head_encode(out[4].bytes, &head));
    out[4].table = FRN_TABLE_RUN_HEAD;
    out[5].size = keep(out[5].bytes, frn_row_release_encode(out[5].bytes, &release));
    out[5].table = FRN_TABLE_RELEASE;
    out[6].size = keep(out[6].bytes, frn_row_events_encode((uint8_t[FRN_ROW_EVENTS]){0}, &events));
    out[6].table = FRN_TABLE_RUN_EVENTS;
    for (int i = 0; i < SAMPLES; i++) {
        out[i].hint = out[i].table != FRN_TABLE_RUN_EVENTS;
    }
}

/* Decodes a value by its table; *out_hint: the hint in it, 0 if the table has none. */
static fmt_verdict decode(frn_table table, firn_slice value, uint64_t *out_hint)
{
    union {
        frn_row_digest digest;
        frn_row_chunk chunk;
        frn_row_run run;
        frn_row_run_head head;
        frn_row_release release;
        frn_row_events events;
    } row;
    fmt_verdict verdict;

    *out_hint = 0;
    switch (table) {
    case FRN_TABLE_DIGEST:
        verdict = frn_row_digest_decode(value, &row.digest);
        *out_hint = verdict == FMT_OK ? row.digest.hint : 0;
        return verdict;
    case FRN_TABLE_CHUNK:
        verdict = frn_row_chunk_decode(value, &row.chunk);
        *out_hint = verdict == FMT_OK ? row.chunk.hint : 0;
        return verdict;
    case FRN_TABLE_RUN:
        verdict = frn_row_run_decode(value, &row.run);
        *out_hint = verdict == FMT_OK ? row.run.hint : 0;
        return verdict;
    case FRN_TABLE_RUN_HEAD:
        verdict = frn_row_run_head_decode(value, &row.head);
        *out_hint = verdict == FMT_OK ? row.head.hint : 0;
        return verdict;
    case FRN_TABLE_RELEASE:
        verdict = frn_row_release_decode(value, &row.release);
        *out_hint = verdict == FMT_OK ? row.release.hint : 0;
        return verdict;
    default:
        return frn_row_events_decode(value, &row.events);
    }
}

/* The first size bytes of a sample in memory of exactly that size, so that a read beyond them is seen; 0xee behind. */
static fmt_verdict decode_exact(const sample *from, size_t size, uint64_t *out_hint)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    fmt_verdict verdict;

    assert_non_null(copy);
    memset(copy, 0xee, size);
    memcpy(copy, from->bytes, size < from->size ? size : from->size);
    verdict = decode(from->table, (firn_slice){copy, size}, out_hint);
    free(copy);
    return verdict;
}

/* The members of every value come back from its bytes, its hint among them. */
static void round_trips(void **state)
{
    sample samples[SAMPLES];
    frn_row_digest digest;
    frn_row_run run;
    frn_row_release release;
    uint64_t found;

    (void)state;
    samples_make(samples);
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal(decode_exact(&samples[i], samples[i].size, &found), FMT_OK);
        assert_int_equal(found, samples[i].hint ? hint : 0);
    }
    assert_int_equal(frn_row_digest_decode((firn_slice){samples[0].bytes, samples[0].size}, &digest), FMT_OK);
    assert_int_equal(digest.seq, 7);
    assert_int_equal(digest.offset, 53);
    assert_int_equal(digest.chunks, 2);
    assert_int_equal(digest.length, UINT64_C(1) << 40);
    assert_int_equal(digest.time_ns, -5);
    assert_int_equal(frn_row_run_decode((firn_slice){samples[2].bytes, samples[2].size}, &run), FMT_OK);
    assert_null(run.git_sha.data);
    assert_int_equal(run.agent_name.size, 5);
    assert_int_equal(frn_row_run_decode((firn_slice){samples[3].bytes, samples[3].size}, &run), FMT_OK);
    assert_int_equal(run.git_sha.size, 8);
    assert_memory_equal(run.git_sha.data, "0123abcd", 8);
    assert_int_equal(frn_row_release_decode((firn_slice){samples[5].bytes, samples[5].size}, &release), FMT_OK);
    assert_int_equal(release.created_at.seconds, -17);
    assert_int_equal(release.created_at.nanoseconds, 18);
}

/* A value that is shorter or longer than its members is refused, without a byte beyond it being read. */
static void wrong_sizes_are_refused(void **state)
{
    sample samples[SAMPLES];
    uint64_t found;

    (void)state;
    samples_make(samples);
    for (int i = 0; i < SAMPLES; i++) {
        for (size_t size = 0; size < samples[i].size; size++) {
            /* A git sha may be of any length: what is cut from it is told by the checksum of the row alone. */
            if (!samples[i].open_ended || size < samples[i].size - 8) {
                assert_int_not_equal(decode_exact(&samples[i], size, &found), FMT_OK);
            }
        }
        if (!samples[i].open_ended) {
            assert_int_not_equal(decode_exact(&samples[i], samples[i].size + 1, &found), FMT_OK);
        }
        assert_int_not_equal(decode_exact(&samples[i], sizeof samples[i].bytes + 64, &found), FMT_OK);
    }
}

/* Two rows that differ in their hints alone state the same facts; a difference anywhere else is one of facts. */
static void hints_are_no_facts(void **state)
{
    sample samples[SAMPLES];

    (void)state;
    samples_make(samples);
    for (int i = 0; i < SAMPLES; i++) {
        firn_slice facts = frn_row_facts(samples[i].table, (firn_slice){samples[i].bytes, samples[i].size});

        assert_ptr_equal(facts.data, samples[i].bytes);
        assert_int_equal(facts.size, samples[i].size - (samples[i].hint ? FRN_ROW_HINT : 0));
    }
    /* Of a value that is none, all of it is compared. */
    assert_int_equal(frn_row_facts(FRN_TABLE_DIGEST, (firn_slice){"short", 5}).size, 5);
    assert_int_equal(frn_row_facts(FRN_TABLE_STREAM, (firn_slice){"eight bytes", 11}).size, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(hints_are_no_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
