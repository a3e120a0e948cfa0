/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_needs.c — what later subsystems need from the core, one test a need, named by its number.
 *
 * N11, N12 and N13 run threads; the rest shows its need on one.
 */
#include "test/api/api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/intake/core.h"
#include "engine/ledger/ledger.h"

static const firn_event event = {1, {"x", 1}};

/* N1: a thousand records keep their seqs over closing and opening, and the next one follows the last. */
static void test_need_n1_seqs_stay(void **state)
{
    api_world *world = *state;
    firn_event events[7];
    char payloads[7][16];
    uint64_t next = 1;
    firn_receipt receipt;
    firn_record record;
    firn_buf buf = {0};
    firn_error err;

    while (next <= 1000) {
        size_t count = next % 7 + 1;

        for (size_t i = 0; i < count; i++) {
            (void)snprintf(payloads[i], sizeof payloads[i], "%d", (int)(next + i));
            events[i] = (firn_event){1, S(payloads[i])};
        }
        OK(err, firn_append(world->ledger, S("s"), events, count, NULL, &receipt, &err));
        assert_int_equal(receipt.first_seq, next);
        next += count;
        if (next % 5 == 0) {
            api_reopen(world);
        }
    }
    api_reopen(world);
    for (uint64_t seq = 1; seq < next; seq++) {
        OK(err, firn_get(world->ledger, seq, &buf, &record, &err));
        (void)snprintf(payloads[0], sizeof payloads[0], "%d", (int)seq);
        assert_int_equal(record.payload.size, strlen(payloads[0]));
        assert_memory_equal(record.payload.data, payloads[0], record.payload.size);
    }
    firn_buf_free(&buf);
    assert_int_equal(APPEND(world->ledger, "s", 1, "x").first_seq, next);
}

/* In a child: appends acknowledged records and dies without closing; tells its last receipt through a pipe. */
static void append_and_die(const char *url, int pipe_fd)
{
    firn_receipt receipt = {0};
    firn_ledger *ledger;

    if (firn_open(url, NULL, &ledger, NULL) == FIRN_OK) {
        for (int i = 0; i < 5; i++) {
            if (firn_append(ledger, S("s"), &event, 1, NULL, &receipt, NULL) != FIRN_OK) {
                _exit(1);
            }
        }
        if (write(pipe_fd, &receipt, sizeof receipt) == sizeof receipt) {
            _exit(0);
        }
    }
    _exit(1);
}

/* The kernel takes a dead process's ring down after its end was told: until then the lock is held. */
static void open_after_death(api_world *world)
{
    firn_status status = FIRN_EBUSY;
    firn_error err;

    world->options.mode = FIRN_OPEN_WRITE;
    for (int i = 0; i < 2000 && status == FIRN_EBUSY; i++) {
        (void)usleep(5000);
        status = firn_open(world->url, &world->options, &world->ledger, &err);
    }
    EXPECT(FIRN_OK, err, NULL, status);
}

/* N1: after an unclean stop history forks: cursors up to the fork hold, one beyond it is refused. */
static void test_need_n1_cursor_beyond_fork(void **state)
{
    api_world *world = *state;
    firn_receipt last, next;
    firn_scan_options options = {.struct_size = sizeof options};
    firn_cursor beyond;
    firn_scan *scan;
    firn_error err;
    int ends[2], child_status;
    pid_t child;

    (void)APPEND(world->ledger, "s", 1, "x");
    api_close(world);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        append_and_die(world->url, ends[1]);
    }
    assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    assert_int_equal(waitpid(child, &child_status, 0), child);
    assert_int_equal(child_status, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(last.first_seq, 6);
    open_after_death(world);
    assert_int_equal(api_count(world->ledger), 6);
    next = APPEND(world->ledger, "s", 1, "x");
    assert_int_equal(next.first_seq, 7);
    assert_true(next.cursor.incarnation > last.cursor.incarnation);
    options.after = &last.cursor;
    OK(err, firn_scan_open(world->ledger, &options, &scan, &err));
    firn_scan_close(scan);
    beyond = last.cursor;
    beyond.seq = 7;
    options.after = &beyond;
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_scan_open(world->ledger, &options, &scan, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_CURSOR);
    options.after = &next.cursor;
    OK(err, firn_scan_open(world->ledger, &options, &scan, &err));
    firn_scan_close(scan);
}

/* N2: a transaction over three documents is one batch of full size, whose bounds a tail sees on every record. */
static void test_need_n2_batch_bounds(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_record record;
    firn_batch *batch;
    firn_tail *tail;
    firn_error err;
    char name[8];

    (void)APPEND(world->ledger, "before", 1, "x");
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int i = 0; i < FIRN_BATCH_RECORDS_MAX; i++) {
        (void)snprintf(name, sizeof name, "doc%d", i % 3);
        OK(err, firn_batch_event(batch, S(name), 1, S("change"), &err));
    }
    OK(err, firn_batch_commit(batch, &receipt, &err));
    firn_batch_free(batch);
    api_reopen(world);
    OK(err, firn_tail_open(world->ledger, NULL, &tail, &err));
    OK(err, firn_tail_next(tail, 0, &record, &err));
    for (uint64_t i = 0; i < FIRN_BATCH_RECORDS_MAX; i++) {
        OK(err, firn_tail_next(tail, 0, &record, &err));
        if (record.seq != 2 + i || record.batch_first_seq != 2 || record.batch_count != FIRN_BATCH_RECORDS_MAX ||
            record.time_ns != receipt.time_ns) {
            fail_msg("record %d is not as it was appended", (int)i);
        }
    }
    assert_int_equal(firn_tail_next(tail, 0, &record, &err), FIRN_TIMEOUT);
    firn_tail_close(tail);
}

/* N4: once its buffer is there, a scan reads large payloads without any allocation, as slices of it; get
   reads into the caller's buffer, which is grown once. */
static void test_need_n4_borrowed_payload(void **state)
{
    enum {
        SIZE = 1024 * 1024,
        COUNT = 6
    };
    uint8_t *payload = malloc(SIZE);
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_NEW, .segment_size = 128 * 65536};
    firn_scan_options scan_options = {.struct_size = sizeof scan_options, .buffer_size = 2 * SIZE};
    frn_heap heap, io_heap;
    frn_memory_disk *disk;
    firn_ledger *ledger;
    firn_buf buf = {0};
    firn_record record;
    firn_scan *scan;
    frn_io *io;
    void *kept;
    firn_error err;

    (void)state;
    assert_non_null(payload);
    frn_heap_init(&heap);
    frn_heap_init(&io_heap);
    OK(err, frn_memory_disk_new(&io_heap, &disk, &err));
    OK(err, frn_io_open_memory(&io_heap, disk, &io, &err));
    OK(err, frn_ledger_open_on(&(frn_ledger_seam){&heap, io, false}, &options, &ledger, &err));
    for (int i = 0; i < COUNT; i++) {
        memset(payload, i, SIZE);
        OK(err, firn_append(ledger, S("s"), &(firn_event){1, {payload, SIZE}}, 1, NULL, NULL, &err));
    }
    OK(err, firn_scan_open(ledger, &scan_options, &scan, &err));
    OK(err, firn_scan_next(scan, &record, &err));
    OK(err, firn_get(ledger, 1, &buf, &record, &err));
    kept = buf.data;
    heap.fail_for_ever = 1;
    atomic_store(&heap.fail_at, 1);
    for (int i = 1; i < COUNT; i++) {
        OK(err, firn_scan_next(scan, &record, &err));
        memset(payload, i, SIZE);
        assert_int_equal(record.payload.size, SIZE);
        assert_memory_equal(record.payload.data, payload, SIZE);
        /* The bin is the end of the body, and the same bytes. */
        assert_ptr_equal((const uint8_t *)record.payload.data + SIZE,
                         (const uint8_t *)record.body.data + record.body.size);
    }
    atomic_store(&heap.fail_at, 0);
    OK(err, firn_get(ledger, COUNT, &buf, &record, &err));
    assert_ptr_equal(buf.data, kept);
    assert_memory_equal(record.payload.data, payload, SIZE);
    firn_scan_close(scan);
    firn_buf_free(&buf);
    OK(err, firn_close(ledger, &err));
    io->ops->close(io);
    frn_memory_disk_free(disk);
    free(payload);
}

/* N5: the clock is set back, within one open and over a reopen: timestamps never decrease, and go on when it catches
 * up. */
static void test_need_n5_time_never_decreases(void **state)
{
    api_world *world = *state;
    int64_t last = 0;
    firn_receipt receipt;

    api_close(world);
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    world->clock_ns = 1000000;
    api_open(world);
    for (int i = 0; i < 60; i++) {
        world->clock_ns += i % 7 == 6 ? -500000 : 90000;
        if (i % 20 == 13) {
            world->clock_ns = 1;
            api_reopen(world);
        }
        receipt = APPEND(world->ledger, "s", 1, "x");
        assert_true(receipt.time_ns >= last);
        assert_true(receipt.time_ns >= world->clock_ns);
        assert_true(receipt.time_ns == last || receipt.time_ns == world->clock_ns);
        last = receipt.time_ns;
    }
    world->clock_ns = last + 5;
    assert_int_equal(APPEND(world->ledger, "s", 1, "x").time_ns, last + 5);
}

/* N10: 64 calls in flight, each expecting the version that the one before it will have made: all succeed. */
static void test_need_n10_pipelined_versions(void **state)
{
    api_world *world = *state;
    firn_append_options options = {.struct_size = sizeof options, .has_expected_version = 1};
    firn_ticket *tickets[64];
    firn_receipt receipt;
    firn_error err;

    for (uint64_t i = 0; i < 64; i++) {
        options.expected_version = i;
        OK(err, firn_append_submit(world->ledger, S("branch"), &event, 1, &options, NULL, &tickets[i], &err));
    }
    for (uint64_t i = 0; i < 64; i++) {
        OK(err, firn_ticket_wait(tickets[i], -1, &receipt, &err));
        assert_int_equal(receipt.first_seq, i + 1);
        firn_ticket_free(tickets[i]);
    }
    assert_int_equal(api_stream(world->ledger, "branch").version, 64);
}

enum {
    RACE_ROUNDS = 60,
    RACERS = 2
};

typedef struct racer {
    firn_ledger *ledger;
    pthread_barrier_t *barrier;
    unsigned wins, losses;
    bool failed;
} racer;

static void *race(void *arg)
{
    racer *r = arg;
    firn_append_options options = {.struct_size = sizeof options, .has_expected_version = 1};
    firn_status status;

    for (uint64_t round = 0; round < RACE_ROUNDS; round++) {
        options.expected_version = round;
        (void)pthread_barrier_wait(r->barrier);
        status = firn_append(r->ledger, S("base"), &event, 1, &options, NULL, NULL);
        r->wins += status == FIRN_OK;
        r->losses += status == FIRN_ECONFLICT;
        r->failed = r->failed || (status != FIRN_OK && status != FIRN_ECONFLICT);
        (void)pthread_barrier_wait(r->barrier);
    }
    return NULL;
}

/* N11: two writers with the same expected version race: exactly one wins each round. */
static void test_need_n11_one_racer_wins(void **state)
{
    api_world *world = *state;
    pthread_barrier_t barrier;
    pthread_t threads[RACERS];
    racer racers[RACERS] = {{0}};

    assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){.ledger = world->ledger, .barrier = &barrier};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(racers[i].failed);
    }
    (void)pthread_barrier_destroy(&barrier);
    assert_int_equal(racers[0].wins + racers[1].wins, RACE_ROUNDS);
    assert_int_equal(racers[0].losses + racers[1].losses, RACE_ROUNDS);
    assert_int_equal(api_stream(world->ledger, "base").version, RACE_ROUNDS);
}

/* N12: views opened between transactions show exactly what was before them, for ever, and hold up no writer. */
static void test_need_n12_views_stand_still(void **state)
{
    enum {
        VIEWS = 40
    };
    api_world *world = *state;
    firn_view *views[VIEWS];
    firn_stats stats = {.struct_size = sizeof stats};
    firn_stream stream;
    firn_error err;
    char name[16];

    for (int i = 0; i < VIEWS; i++) {
        OK(err, firn_view_open(world->ledger, &views[i], &err));
        (void)APPEND(world->ledger, "common", 1, "x");
        (void)snprintf(name, sizeof name, "own-%d", i);
        (void)APPEND(world->ledger, name, 1, "x");
    }
    OK(err, firn_stat(world->ledger, &stats, &err));
    assert_int_equal(stats.views_count, VIEWS);
    for (int i = VIEWS - 1; i >= 0; i--) {
        assert_int_equal(firn_view_seq(views[i]), 2 * i);
        (void)snprintf(name, sizeof name, "own-%d", i);
        EXPECT(FIRN_ENOTFOUND, err, NULL, firn_stream_get(views[i], S(name), &stream, &err));
        if (i > 0) {
            OK(err, firn_stream_get(views[i], S("common"), &stream, &err));
            assert_int_equal(stream.version, i);
            assert_int_equal(stream.last_seq, 2 * i - 1);
            (void)snprintf(name, sizeof name, "own-%d", i - 1);
            OK(err, firn_stream_get(views[i], S(name), &stream, &err));
        }
        /* Closed in an order that is not the one they were opened in. */
        if (i % 3 == 0) {
            firn_view_close(views[i]);
            views[i] = NULL;
        }
    }
    for (int i = 0; i < VIEWS; i++) {
        firn_view_close(views[i]);
    }
}

typedef struct follower {
    firn_ledger *ledger;
    uint64_t until;
    unsigned seed;
    bool failed;
} follower;

/* Reads all records once, closing its tail at random and going on from its cursor. */
static void *follow(void *arg)
{
    follower *f = arg;
    firn_cursor cursor = {.seq = 0};
    uint64_t batch_first = 1;
    firn_record record;
    firn_tail *tail;

    while (cursor.seq < f->until && !f->failed) {
        firn_scan_options options = {.struct_size = sizeof options, .after = &cursor, .buffer_size = 8192};
        unsigned left = (unsigned)rand_r(&f->seed) % 50;

        if (firn_tail_open(f->ledger, &options, &tail, NULL) != FIRN_OK) {
            f->failed = true;
            break;
        }
        while (left-- > 0 && cursor.seq < f->until && !f->failed) {
            firn_status status = firn_tail_next(tail, 5000000, &record, NULL);

            if (status == FIRN_TIMEOUT) {
                continue;
            }
            f->failed = status != FIRN_OK || record.seq != cursor.seq + 1 || record.batch_first_seq != batch_first;
            if (record.seq == record.batch_first_seq + record.batch_count - 1) {
                batch_first = record.seq + 1;
            }
            firn_position(f->ledger, &cursor);
            cursor.seq = record.seq;
            cursor.incarnation = record.incarnation;
        }
        firn_tail_close(tail);
    }
    return NULL;
}

/* N13: readers that pause and resume at random see each batch once, from the stored past into what is written
 * meanwhile. */
static void test_need_n13_tail_without_gap(void **state)
{
    enum {
        FOLLOWERS = 3,
        RECORDS = 1200
    };
    api_world *world = *state;
    follower followers[FOLLOWERS];
    pthread_t threads[FOLLOWERS];
    firn_event events[5] = {event, event, event, event, event};
    uint64_t appended = 0;
    firn_receipt receipt;
    firn_error err;

    print_message("seeds 1 … %d\n", FOLLOWERS);
    while (appended < RECORDS / 2) {
        OK(err, firn_append(world->ledger, S("s"), events, appended % 5 + 1, NULL, &receipt, &err));
        appended += receipt.count;
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        followers[i] = (follower){.ledger = world->ledger, .until = RECORDS, .seed = (unsigned)i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &followers[i]), 0);
    }
    while (appended < RECORDS) {
        OK(err, firn_append(world->ledger, S("s"), events, appended % 5 + 1, NULL, &receipt, &err));
        appended += receipt.count;
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(followers[i].failed);
    }
}

/* N15: a key within its scope is found again after the rows were built anew from the log. */
static void test_need_n15_key_after_replay(void **state)
{
    api_world *world = *state;
    firn_append_options options = {.struct_size = sizeof options, .scope = S("space/client"), .key = S("tx-7")};
    firn_receipt first, again;
    firn_view *view;
    firn_error err;

    (void)APPEND(world->ledger, "s", 1, "x");
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &first, &err));
    (void)APPEND(world->ledger, "s", 1, "x");
    api_reopen(world);
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &again, &err));
    assert_int_equal(again.existing, 1);
    again.existing = 0;
    assert_memory_equal(&again, &first, sizeof first);
    OK(err, firn_view_open(world->ledger, &view, &err));
    OK(err, firn_key_get(view, S("space/client"), S("tx-7"), &again, &err));
    assert_int_equal(again.first_seq, 2);
    assert_int_equal(again.cursor.seq, 2);
    firn_view_close(view);
    assert_int_equal(api_count(world->ledger), 3);
}

/* A verb that refuses with a given status and detail. */
typedef struct refusing_verb {
    frn_verb verb;
    firn_status status;
    uint16_t detail;
} refusing_verb;

static void refusing_digest(const frn_verb *verb, frn_digest *digest)
{
    (void)verb;
    (void)digest;
}

static firn_status refusing_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const refusing_verb *refusing = (const refusing_verb *)(const void *)verb;

    (void)decision;
    if (err != NULL) {
        *err = (firn_error){.status = refusing->status, .detail = refusing->detail, .text = "as the store says"};
    }
    return refusing->status;
}

/* N18: whatever status and 16-bit detail a store refuses with reach the caller, blocking and by ticket. */
static void test_need_n18_detail_round_trip(void **state)
{
    static const frn_verb_ops ops = {"refusing", refusing_digest, refusing_decide};
    static const firn_status statuses[] = {FIRN_EINVAL, FIRN_ENOTFOUND, FIRN_EEXISTS,   FIRN_ECONFLICT,
                                           FIRN_ESTATE, FIRN_EACCES,    FIRN_EINVARIANT};
    static const uint16_t details[] = {0, 1, 0x100, 0x7fff, 0xffff};
    api_world *world = *state;
    firn_ticket *ticket;
    firn_error err;

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        for (size_t j = 0; j < sizeof details / sizeof details[0]; j++) {
            refusing_verb verb = {{&ops}, statuses[i], details[j]};
            const frn_verb *verbs[] = {&verb.verb};
            frn_call call = {.verbs = verbs, .verbs_count = 1, .what = "do it"};

            EXPECT(statuses[i], err, "do it: as the store says", frn_intake_commit(world->ledger, &call, NULL, &err));
            assert_int_equal(err.detail, details[j]);
            OK(err, frn_intake_submit(world->ledger, &call, NULL, &ticket, &err));
            EXPECT(statuses[i], err, "do it: as the store says", firn_ticket_wait(ticket, -1, NULL, &err));
            assert_int_equal(err.detail, details[j]);
            firn_ticket_free(ticket);
        }
    }
    assert_string_equal(firn_status_name(FIRN_EACCES), "FIRN_EACCES");
    assert_string_equal(firn_status_name(FIRN_EINVARIANT), "FIRN_EINVARIANT");
    assert_int_equal(APPEND(world->ledger, "s", 1, "x").first_seq, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_need_n1_seqs_stay),
        ON_FOLDER(test_need_n1_cursor_beyond_fork),
        ON_BOTH(test_need_n2_batch_bounds),
        cmocka_unit_test(test_need_n4_borrowed_payload),
        ON_BOTH(test_need_n5_time_never_decreases),
        ON_BOTH(test_need_n10_pipelined_versions),
        ON_BOTH_MANUAL(test_need_n10_pipelined_versions),
        ON_BOTH(test_need_n11_one_racer_wins),
        ON_BOTH(test_need_n12_views_stand_still),
        ON_BOTH(test_need_n13_tail_without_gap),
        ON_BOTH(test_need_n15_key_after_replay),
        ON_MEMORY(test_need_n18_detail_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
