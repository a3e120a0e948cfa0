/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_index.c — the index on disk: whatever becomes of it, a ledger gives the answers that its log gives. */
#include "test/api/indexed.h"

#include "engine/ledger/private.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HANG_SECONDS = 40 /* Only a hang takes so long; SIGALRM ends it. */
};

/* After a clean close nothing is replayed, and the indexed_answers are the same. */
static void test_clean(void **state)
{
    api_world *world = *state;
    indexed_answers before;

    indexed_fill(world, 100);
    before = indexed_ask(world->ledger);
    api_reopen(world);
    assert_int_equal(indexed_stat(world->ledger).replayed_records, 0);
    assert_int_equal(indexed_stat(world->ledger).merged_seq, before.records);
    api_close(world);
    indexed_check(world, &before);
}

/* The index was deleted, whole or in part. */
static void test_deleted(void **state)
{
    static const char *const parts[] = {"rm -r @/index", "rm @/index/data.mdb", "rm @/index/lock.mdb"};
    api_world *world = *state;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        indexed_answers before;

        indexed_fill(world, 40);
        before = indexed_ask(world->ledger);
        api_close(world);
        indexed_shell(world, parts[i]);
        indexed_check(world, &before);
    }
}

/* The index is built anew because the host asks for it; who opens for reading does without it. */
static void test_anew(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    indexed_answers before, after;
    firn_ledger *ledger;
    firn_error err;

    indexed_fill(world, 40);
    before = indexed_ask(world->ledger);
    api_close(world);
    options.index_anew = 1;
    for (int i = 0; i < 2; i++) {
        options.mode = i == 0 ? FIRN_OPEN_READ : FIRN_OPEN_WRITE;
        OK(err, firn_open(world->url, &options, &ledger, &err));
        after = indexed_ask(ledger);
        indexed_same(&before, &after);
        assert_int_equal(indexed_stat(ledger).replayed_records, before.records);
        assert_string_equal(indexed_stat(ledger).index_note,
                            i == 0 ? "on disk is not used: asked for" : "is built anew: asked for");
        OK(err, firn_close(ledger, &err));
    }
    options.index_anew = 2;
    EXPECT(FIRN_EINVAL, err, NULL, firn_open(world->url, &options, &ledger, &err));
    indexed_check(world, &before);
}

/* Bytes of the index are other ones: at its beginning, in the middle, everywhere; or it was cut. */
static void test_corrupted(void **state)
{
    static const char *const harms[] = {
        ": > @/index/data.mdb",
        "truncate -s 5000 @/index/data.mdb",
        "truncate -s 12288 @/index/data.mdb",
        "dd if=/dev/urandom of=@/index/data.mdb bs=4096 count=2 conv=notrunc status=none",
        "dd if=/dev/urandom of=@/index/data.mdb bs=512 count=1 seek=1 conv=notrunc status=none",
        "head -c 100000 /dev/urandom > @/index/data.mdb",
        "head -c 300000 /dev/zero > @/index/data.mdb",
    };
    api_world *world = *state;

    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        indexed_answers before;

        indexed_fill(world, 25);
        before = indexed_ask(world->ledger);
        api_close(world);
        indexed_shell(world, harms[i]);
        indexed_check(world, &before);
    }
}

/* The index is that of another ledger. */
static void test_foreign(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    char other[300];
    firn_ledger *ledger;
    indexed_answers before;
    firn_error err;

    (void)snprintf(other, sizeof other, "%s.other", world->folder);
    options.mode = FIRN_OPEN_CREATE;
    OK(err, firn_open(other, &options, &ledger, &err));
    (void)APPEND(ledger, "elsewhere", 1, "x");
    OK(err, firn_close(ledger, &err));
    indexed_fill(world, 100);
    before = indexed_ask(world->ledger);
    api_close(world);
    indexed_shell(world, "cp @.other/index/data.mdb @/index/data.mdb");
    indexed_check(world, &before);
    api_remove_folder(other);
}

/* Puts an index in place that has the mark and no rows, as if it were that of a build in which one store lays out its
   rows in another version. */
static void put_other_version(const api_world *world, const uint8_t *ledger_id, unsigned store)
{
    frn_lmdb_options options = {.stores_count = FRN_STORES};
    frn_index_bulk *bulk;
    frn_index_mark mark;
    char folder[300];
    frn_index *index;
    frn_heap heap;
    firn_error err;

    (void)snprintf(folder, sizeof folder, "%s/index", world->folder);
    frn_heap_init(&heap);
    memcpy(options.ledger_id, ledger_id, sizeof options.ledger_id);
    memcpy(options.stores, frn_stores_rows, sizeof frn_stores_rows);
    OK(err, frn_index_open_lmdb(&heap, folder, &options, &index, &err));
    frn_index_mark_get(index, &mark);
    frn_index_close(index);
    options.stores[store].version++;
    OK(err, frn_index_bulk_open(&heap, folder, &options, &bulk, &err));
    OK(err, frn_index_bulk_finish(bulk, &mark, &err));
    frn_index_bulk_close(bulk);
    assert_int_equal(atomic_load(&heap.live), 0);
}

/* A store lays out its rows in another version: the next open builds the index anew, and says why. */
static void test_other_versions(void **state)
{
    api_world *world = *state;
    firn_stats stats = indexed_stat(world->ledger);
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    indexed_answers before;

    memcpy(ledger_id, stats.ledger_id, sizeof ledger_id);
    indexed_fill(world, 100);
    for (unsigned store = 0; store < FRN_STORES; store++) {
        before = indexed_ask(world->ledger);
        api_close(world);
        put_other_version(world, ledger_id, store);
        api_open(world);
        stats = indexed_stat(world->ledger);
        assert_int_equal(stats.replayed_records, before.records);
        assert_non_null(strstr(stats.index_note, "other versions of the stores"));
        api_close(world);
        put_other_version(world, ledger_id, store);
        indexed_check(world, &before);
    }
}

/* The index is that of an earlier moment: only what came since is replayed. */
static void test_stale(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    firn_ledger *reader;
    uint64_t merged;
    indexed_answers before;
    char text[128];
    firn_error err;

    indexed_fill(world, 100);
    api_close(world);
    indexed_shell(world, "cp @/index/data.mdb @/index.old");
    api_open(world);
    merged = indexed_stat(world->ledger).merged_seq;
    indexed_fill(world, 50);
    before = indexed_ask(world->ledger);
    api_close(world);
    indexed_shell(world, "mv @/index.old @/index/data.mdb");
    options.mode = FIRN_OPEN_READ;
    options.replay_records_max = before.records - merged - 1;
    EXPECT(FIRN_EBEHIND, err, NULL, firn_open(world->url, &options, &reader, &err));
    (void)snprintf(text, sizeof text, "the index is %llu records behind, more than %llu",
                   (unsigned long long)(before.records - merged), (unsigned long long)options.replay_records_max);
    assert_non_null(strstr(err.text, text));
    options.replay_records_max++;
    OK(err, firn_open(world->url, &options, &reader, &err));
    OK(err, firn_close(reader, &err));
    api_open(world);
    assert_int_equal(indexed_stat(world->ledger).replayed_records, before.records - merged);
    api_close(world);
    indexed_check(world, &before);
}

/* The log is that of an earlier moment and the index proves that more was durable: damage, which a reader shows, until
   the index is gone. */
static void test_mark_beyond_log(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    firn_ledger *reader;
    indexed_answers before, now;
    firn_error err;

    indexed_fill(world, 50);
    before = indexed_ask(world->ledger);
    api_close(world);
    indexed_shell(world, "cp -r @ @.old");
    api_open(world);
    indexed_fill(world, 1);
    api_close(world);
    indexed_shell(world, "rm -r @.old/index && cp @.old/* @ && rm -r @.old");
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_open(world->url, &world->options, &world->ledger, &err));
    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    assert_int_equal(indexed_stat(reader).damage.status, FIRN_ECORRUPT);
    now = indexed_ask(reader);
    indexed_same(&now, &before);
    OK(err, firn_close(reader, &err));
    api_remove_index(world);
    indexed_check(world, &before);
}

static void append_and_die(api_world *world, int batches)
{
    world->options.replay_records_max = 200;
    api_open(world);
    indexed_fill(world, batches);
    (void)kill(getpid(), SIGKILL);
}

/* A writer is killed while it merges again and again: what is replayed is bounded, the rows are those of the log. */
static void test_killed(void **state)
{
    enum {
        ROUNDS = 4
    };
    api_world *world = *state;
    firn_error err;

    api_close(world);
    for (int i = 0; i < ROUNDS; i++) {
        firn_stats stats;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            append_and_die(world, 90 + i * 11);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        world->options.mode = FIRN_OPEN_WRITE;
        while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
            (void)usleep(1000);
        }
        stats = indexed_stat(world->ledger);
        assert_int_equal(stats.was_clean, 0);
        assert_true(stats.durable_seq >= (uint64_t)(90 + i * 11) * 3);
        /* Each batch has three records, and the one that was being written is not counted yet. */
        assert_true(stats.replayed_records <= 2 * 200 + 3);
        OK(err, firn_replay(world->ledger, NULL, NULL, &err));
        api_close(world);
    }
    api_open(world);
}

/* The versions of all streams that a view sees add up to its seq, for each record moves one. */
static uint64_t sum_of_versions(firn_ledger *ledger, uint64_t *out_seq)
{
    firn_stream stream = {0};
    uint64_t sum = 0;
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    *out_seq = firn_view_seq(view);
    while (firn_stream_next(view, stream.id, &stream, &err) == FIRN_OK) {
        sum += stream.version;
    }
    firn_view_close(view);
    return sum;
}

/* Another process writes and merges; a reader that opened the index on disk follows it and takes newer states of it. */
static void test_follow_merges(void **state)
{
    enum {
        BATCHES = 300
    };
    api_world *world = *state;
    firn_options options = world->options;
    firn_cursor position = {0};
    uint64_t seq, sum, merged;
    firn_ledger *reader;
    firn_error err;
    int ends[2];
    pid_t child;
    char byte;

    api_close(world);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world->options.replay_records_max = 100;
        api_open(world);
        indexed_fill(world, 10);
        if (write(ends[1], "", 1) == 1) {
            indexed_fill(world, BATCHES);
        }
        (void)alarm(60);
        (void)pause();
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    options.mode = FIRN_OPEN_READ;
    options.replay_records_max = 300;
    OK(err, firn_open(world->url, &options, &reader, &err));
    merged = indexed_stat(reader).merged_seq;
    while (position.seq < (BATCHES + 10) * 3) {
        OK(err, firn_wait(reader, position.seq, INT64_C(20000000000), &err));
        firn_position(reader, &position);
        sum = sum_of_versions(reader, &seq);
        assert_int_equal(sum, seq);
        assert_true(seq >= position.seq);
    }
    assert_true(indexed_stat(reader).merged_seq > merged);
    OK(err, firn_replay(reader, NULL, NULL, &err));
    OK(err, firn_close(reader, &err));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
    world->options.mode = FIRN_OPEN_WRITE;
    while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
}

/* Fewer bytes may be behind the mark than the log writes beside its records (headers, positions): those are no debt,
   and appends wait for none that cannot be paid. */
static void test_fewer_bytes_than_a_header(void **state)
{
    static char payload[3000];
    api_world *world = *state;
    firn_event event = {1, {payload, sizeof payload}};
    firn_error err;

    api_close(world);
    world->options.segment_size = 65536;
    world->options.replay_bytes_max = 1;
    world->options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
    (void)alarm(HANG_SECONDS);
    for (int i = 0; i < 60; i++) {
        OK(err, firn_append(world->ledger, S("s"), &event, 1, NULL, NULL, &err));
    }
    (void)alarm(0);
    assert_true(indexed_stat(world->ledger).merges_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_clean),
        ON_FOLDER(test_deleted),
        ON_FOLDER(test_anew),
        ON_FOLDER(test_corrupted),
        ON_FOLDER(test_foreign),
        ON_FOLDER(test_stale),
        ON_FOLDER(test_mark_beyond_log),
        ON_FOLDER(test_killed),
        ON_FOLDER(test_follow_merges),
        ON_FOLDER(test_other_versions),
        ON_FOLDER(test_fewer_bytes_than_a_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
