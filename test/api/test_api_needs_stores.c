/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_needs_stores.c — what later subsystems need from stores and index, one test a need, named by its number.
 *
 * N6 is in test_api_content.c, N8 with the index on disk, N9 in the teardown of every test of this folder, and N7 for
 * the cache alone in test_cache.c.
 */
#include "test/api/api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/cache/cache.h"
#include "engine/intake/core.h"
#include "engine/io/io.h"
#include "engine/ledger/ledger.h"
#include "format/kinds.h"
#include "test/api/runs.h"

/* ---- N3 ---- */

/* A record of any kind in any stream, as a later version might append it. */
typedef struct later_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    uint16_t kind;
} later_verb;

static void later_digest(const frn_verb *verb, frn_digest *digest)
{
    frn_digest_number(digest, ((const later_verb *)(const void *)verb)->kind);
}

static firn_status later_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const later_verb *later = (const later_verb *)(const void *)verb;
    firn_slice body = {"\x83\0\1\1\xa3new\2\xc4\3\1\2\3", 13};
    frn_row_head head;
    uint32_t stream;
    firn_status status = frn_decision_stream(decision, later->stream, &stream, err);

    if (status == FIRN_OK) {
        status = frn_apply_head(&decision->apply, stream, &head, err);
    }
    return status == FIRN_OK ? frn_decision_record(decision, later->kind, stream, head.version + 1, &body, 1, err)
                             : status;
}

static firn_status append_later(firn_ledger *ledger, const char *stream, uint16_t kind, firn_error *err)
{
    static const frn_verb_ops ops = {"later", later_digest, later_decide};
    frn_stream_ref ref = {.name = S(stream)};
    later_verb verb = {{&ops}, &ref, kind};
    const frn_verb *verbs[] = {&verb.verb};
    frn_call call = {.verbs = verbs,
                     .verbs_count = 1,
                     .bound = {.records = 1, .records_size = 100, .names = 1, .names_size = 100},
                     .what = "append"};

    return frn_intake_commit(ledger, &call, NULL, err);
}

/* The records are there, each with its kind and body, and are no events. */
static void expect_kept(firn_ledger *ledger, uint64_t first_seq, const uint16_t *kinds, size_t count)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = first_seq};
    firn_record record;
    firn_scan *scan;
    firn_error err;

    OK(err, firn_scan_open(ledger, &options, &scan, &err));
    for (size_t i = 0; i < count; i++) {
        OK(err, firn_scan_next(scan, &record, &err));
        assert_int_equal(record.kind, kinds[i]);
        assert_int_equal(record.body.size, 13);
        assert_memory_equal((const uint8_t *)record.body.data + 5, "new", 3);
        assert_int_equal(record.payload.size, 0);
    }
    firn_scan_close(scan);
}

/* N3: spaces have 32 consecutive kinds. A ledger with kinds of known blocks that this version does not know, K+31 among
 * them, opens, answers as without them, verifies and replays; they are kept and handed to who scans. A kind outside all
 * blocks cannot come in. */
static void test_need_n3_unknown_kinds(void **state)
{
    static const uint16_t kinds[] = {FMT_BLOCK_SPACE,        FMT_BLOCK_SPACE + 31, FMT_BLOCK_LEDGER + 31,
                                     FMT_BLOCK_CONTENT + 31, FMT_BLOCK_RUN + 31,   FMT_BLOCK_RELEASE + 31,
                                     FMT_BLOCK_ENTITY,       FMT_BLOCK_ACTION + 31};
    static const char *const streams[] = {"space:x", "space:x", "other", "other", "run:R", "release:agent", "e", "a"};
    api_world *world = *state;
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_release_args promote = {.struct_size = sizeof promote, .name = S("agent"), .spec_digest = digest};
    firn_release_result result;
    firn_error err;

    assert_int_equal(FMT_BLOCK_SPACE_COUNT, 32);
    assert_string_equal(fmt_kind_block(FMT_BLOCK_SPACE + 31), "space");
    assert_null(fmt_kind_block(FMT_BLOCK_SPACE + 32));
    OK(err, firn_digest_of(S("v1"), digest, &err));
    create(world->ledger, "R");
    append_ok(world->ledger, "R", 1, "k");
    OK(err, firn_release_promote(world->ledger, &promote, NULL, &err));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        OK(err, append_later(world->ledger, streams[i], kinds[i], &err));
    }
    EXPECT(FIRN_ECORRUPT, err, NULL, append_later(world->ledger, "x", FMT_BLOCK_SPACE + 32, &err));
    for (int open = 0; open < 2; open++) {
        expect_kept(world->ledger, 4, kinds, sizeof kinds / sizeof kinds[0]);
        append_ok(world->ledger, "R", 2 + (uint64_t)open, "k");
        assert_int_equal(get(world->ledger, "R").event_count, 2 + open);
        OK(err, firn_release_promote(world->ledger, &promote, &result, &err));
        assert_int_equal(result.release_number, 2 + open);
        api_close(world);
        api_remove_index(world);
        if (world->folder[0] != '\0') {
            OK(err, firn_verify(world->url, NULL, &(firn_report){.struct_size = sizeof(firn_report)}, &err));
        }
        api_open(world);
    }
}

/* ---- N7 ---- */

typedef struct deleter {
    char folder[300];
    _Atomic bool stop;
} deleter;

static void *delete_again_and_again(void *arg)
{
    deleter *own = arg;

    while (!atomic_load(&own->stop)) {
        api_remove_folder(own->folder);
    }
    return NULL;
}

/* N7: the folder `cache` beside the log is used, filled with rubbish and deleted while the ledger works: what is found
 * in it is right, no call fails, and no answer differs from those of a ledger without one. */
static void test_need_n7_cache_beside_the_log(void **state)
{
    api_world *world = *state;
    frn_cache *cache = world->ledger->cache;
    firn_report report = {.struct_size = sizeof report}, after = {.struct_size = sizeof after};
    uint8_t digest[FIRN_DIGEST_SIZE];
    char text[32], rubbish[320];
    firn_buf buf = {0};
    deleter other = {.stop = false};
    pthread_t thread;
    struct stat st;
    firn_error err;

    (void)snprintf(other.folder, sizeof other.folder, "%s/cache", world->folder);
    assert_non_null(cache);
    assert_int_equal(stat(other.folder, &st), -1); /* Nobody put anything yet. */
    create(world->ledger, "R");
    assert_int_equal(pthread_create(&thread, NULL, delete_again_and_again, &other), 0);
    for (unsigned i = 0; i < 60; i++) {
        firn_slice bytes = {text, (size_t)snprintf(text, sizeof text, "snapshot %u", i)};
        firn_status status;

        append_ok(world->ledger, "R", i, "k");
        OK(err, firn_digest_of(bytes, digest, &err));
        frn_cache_put(cache, digest, bytes);
        status = frn_cache_get(cache, digest, &buf, &err);
        assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND);
        assert_true(status != FIRN_OK || (buf.size == bytes.size && memcmp(buf.data, text, buf.size) == 0));
        assert_int_equal(get(world->ledger, "R").event_count, i + 1);
    }
    atomic_store(&other.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    OK(err, firn_replay(world->ledger, NULL, &report, &err));
    /* Who gets what was deleted learns that it is gone, and then it is kept again. */
    if (frn_cache_get(cache, digest, &buf, &err) != FIRN_OK) {
        frn_cache_put(cache, digest, (firn_slice){text, strlen(text)});
    }
    (void)snprintf(rubbish, sizeof rubbish, "%s/%s", other.folder, "rubbish");
    assert_int_equal(mkdir(rubbish, 0700), 0);
    api_reopen(world);
    OK(err, firn_replay(world->ledger, NULL, &after, &err));
    assert_memory_equal(report.digest, after.digest, sizeof report.digest);
    api_close(world);
    OK(err, firn_verify(world->url, NULL, &after, &err));
    assert_memory_equal(report.digest, after.digest, sizeof report.digest);
    api_open(world);
    OK(err, frn_cache_get(world->ledger->cache, digest, &buf, &err));
    assert_int_equal(stat(other.folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    firn_buf_free(&buf);
}

/* ---- N14 ---- */

/* N14: the horizon is exposed, and is the first seq: nothing is ever taken away in this version. The same in an empty
 * ledger, over many segments, after reopening, and for a reader. */
static void test_need_n14_horizon(void **state)
{
    api_world *world = *state;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_options reading = world->options;
    static uint8_t payload[100000];
    firn_ledger *reader;
    firn_error err;

    for (int i = 0; i < 20; i++) {
        OK(err, firn_stat(world->ledger, &stats, &err));
        assert_int_equal(stats.horizon_seq, 1);
        OK(err, firn_append(world->ledger, S("s"), &(firn_event){1, {payload, sizeof payload}}, 1, NULL, NULL, &err));
        if (i % 7 == 6) {
            api_reopen(world);
        }
    }
    assert_true(stats.segments_count > 2);
    reading.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &reading, &reader, &err));
    OK(err, firn_stat(reader, &stats, &err));
    assert_int_equal(stats.horizon_seq, 1);
    OK(err, firn_close(reader, &err));
}

/* ---- N16 ---- */

/* What an open ledger of so many streams holds in memory. */
typedef struct footprint {
    int64_t live;  /* Allocations. */
    uint64_t rows; /* In memory. */
    uint64_t size; /* Bytes of them. */
    uint64_t replayed;
    uint64_t replay_ns;
    uint64_t resident; /* Bytes of this process; for the text only. */
} footprint;

static uint64_t resident(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file != NULL) {
        if (fscanf(file, "%*u %llu", &pages) != 1) {
            pages = 0;
        }
        (void)fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Appends one event to each of the streams from first on, in batches. */
static void fill_streams(firn_ledger *ledger, unsigned first, unsigned count)
{
    firn_batch *batch;
    char name[32];
    firn_error err;

    OK(err, firn_batch_new(ledger, &batch, &err));
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "space:%u/branch", first + i);
        OK(err, firn_batch_event(batch, S(name), 1, S("x"), &err));
        if (i % 2000 == 1999 || i + 1 == count) {
            OK(err, firn_batch_commit(batch, NULL, &err));
            firn_batch_reset(batch);
        }
    }
    firn_batch_free(batch);
}

/* Opens the ledger, looks up a few streams, and says what it takes. */
static footprint open_and_look(const frn_ledger_seam *seam, const firn_options *options, unsigned streams)
{
    firn_stats stats = {.struct_size = sizeof stats};
    footprint taken;
    firn_ledger *ledger;
    firn_error err;
    char name[32];

    OK(err, frn_ledger_open_on(seam, options, &ledger, &err));
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "space:%u/branch", i * (streams / 50));
        assert_int_equal(api_stream(ledger, name).version, 1);
    }
    OK(err, firn_stat(ledger, &stats, &err));
    assert_int_equal(stats.streams_count, streams);
    taken = (footprint){atomic_load(&seam->heap->live), stats.delta_rows, stats.index_size,
                        stats.replayed_records,         stats.replay_ns,  resident()};
    print_message("%u streams: %lld allocations, %llu rows (%llu bytes) in memory, %llu records replayed in %.1f ms, "
                  "%.1f MiB resident\n",
                  streams, (long long)taken.live, (unsigned long long)taken.rows, (unsigned long long)taken.size,
                  (unsigned long long)taken.replayed, (double)taken.replay_ns / 1e6, (double)taken.resident / 1048576);
    OK(err, firn_close(ledger, &err));
    return taken;
}

/* N16: a ledger with many times the streams takes no more allocations when it is opened, no more bytes of
 * rows in memory, and replays nothing. FIRN_NEEDS_STREAMS sets how many (1,000,000 for the figures of the need). */
static void test_need_n16_many_streams(void **state)
{
    const char *given = getenv("FIRN_NEEDS_STREAMS");
    unsigned few = 2000, many = given == NULL ? 40000 : (unsigned)strtoul(given, NULL, 10);
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE, .segment_size = 16u << 20};
    char folder[] = "./needs-XXXXXX", index[40];
    frn_heap heap;
    frn_io_options io_options = {.path = FIRN_IO_PORTABLE, .create = true};
    frn_ledger_seam seam = {&heap, NULL, true, index, NULL};
    footprint small, large;
    firn_ledger *ledger;
    firn_error err;

    (void)state;
    assert_true(many > few);
    if (given != NULL) {
        options.segment_size = 512u << 20;
    }
    assert_non_null(mkdtemp(folder));
    (void)snprintf(index, sizeof index, "%s/index", folder);
    frn_heap_init(&heap);
    OK(err, frn_io_open_folder(&heap, folder, &io_options, &seam.io, &err));
    OK(err, frn_ledger_open_on(&seam, &options, &ledger, &err));
    fill_streams(ledger, 0, few);
    OK(err, firn_close(ledger, &err));
    options.mode = FIRN_OPEN_WRITE;
    small = open_and_look(&seam, &options, few);
    OK(err, frn_ledger_open_on(&seam, &options, &ledger, &err));
    fill_streams(ledger, few, many - few);
    OK(err, firn_close(ledger, &err));
    large = open_and_look(&seam, &options, many);
    /* Segments, and the thread that makes them, take a few more at one time or another; streams take none. */
    assert_true(large.live < small.live + 16);
    assert_int_equal(large.rows, small.rows);
    assert_int_equal(large.size, small.size);
    assert_int_equal(small.replayed, 0);
    assert_int_equal(large.replayed, 0);
    seam.io->ops->close(seam.io);
    assert_int_equal(atomic_load(&heap.live), 0);
    api_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_need_n3_unknown_kinds),
        ON_FOLDER(test_need_n7_cache_beside_the_log),
        ON_BOTH(test_need_n14_horizon),
        cmocka_unit_test(test_need_n16_many_streams),
    };

    return cmocka_run_group_tests_name("api_needs_stores", tests, NULL, NULL);
}
