/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_threads.c — everything at once: blocking writers, submitters, pollers, views, tails and scans on one ledger.
 *
 * Meant for the thread sanitizer as much as for its own checks: each writer's stream is dense and in order, each tail
 * sees each record once, each answer comes once, and the rows equal a replay in the end.
 */
#include "test/api/api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WRITERS = 4,
    WRITES = 150,
    SUBMITTERS = 2,
    SUBMITS = 600,
    TAILS = 2,
    VIEWERS = 2
};
enum {
    RECORDS = WRITERS * WRITES + SUBMITTERS * SUBMITS
};

typedef struct crowd {
    firn_ledger *ledger;
    _Atomic unsigned answered;
    _Atomic bool finished;
    _Atomic bool failed;
} crowd;

typedef struct member {
    crowd *crowd;
    unsigned number;
} member;

static void check(crowd *c, bool good)
{
    if (!good) {
        atomic_store(&c->failed, true);
    }
}

static const firn_event event = {1, {"0123456789abcdef", 16}};

/* Blocking, with expected versions and keys, some calls twice. */
static void *write_some(void *arg)
{
    member *m = arg;
    char name[32], key[64];
    firn_receipt receipt, again;

    (void)snprintf(name, sizeof name, "writer-%u", m->number);
    for (uint64_t i = 0; i < WRITES; i++) {
        firn_append_options options = {.struct_size = sizeof options};

        options.has_expected_version = i % 3 == 0;
        options.expected_version = i;
        if (i % 5 == 0) {
            (void)snprintf(key, sizeof key, "%s-%d", name, (int)i);
            options.key = S(key);
        }
        check(m->crowd, firn_append(m->crowd->ledger, S(name), &event, 1, &options, &receipt, NULL) == FIRN_OK);
        check(m->crowd, receipt.count == 1 && receipt.existing == 0);
        if (i % 5 == 0) {
            check(m->crowd, firn_append(m->crowd->ledger, S(name), &event, 1, &options, &again, NULL) == FIRN_OK);
            check(m->crowd, again.existing == 1 && again.first_seq == receipt.first_seq);
        }
    }
    return NULL;
}

static void count_answer(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    crowd *c = arg;

    (void)err;
    check(c, status == FIRN_OK && receipt->count == 1);
    atomic_fetch_add(&c->answered, 1);
}

/* Submitting, by callback and by ticket in turn, as fast as the queue allows. */
static void *submit_some(void *arg)
{
    member *m = arg;
    crowd *c = m->crowd;
    firn_submit_options options = {.struct_size = sizeof options, .done = count_answer, .arg = c};
    char name[32];

    (void)snprintf(name, sizeof name, "submitter-%u", m->number);
    for (int i = 0; i < SUBMITS; i++) {
        firn_ticket *ticket = NULL;
        bool by_ticket = i % 4 == 0;
        firn_status status;

        do {
            status = firn_append_submit(c->ledger, S(name), &event, 1, NULL, by_ticket && i % 8 == 0 ? NULL : &options,
                                        by_ticket ? &ticket : NULL, NULL);
            if (status == FIRN_FULL) {
                firn_status polled = firn_poll(c->ledger, 1000000, NULL, NULL);

                check(c, polled == FIRN_OK || polled == FIRN_TIMEOUT);
            }
        } while (status == FIRN_FULL);
        check(c, status == FIRN_OK);
        if (by_ticket && i % 16 == 0) {
            check(c, firn_ticket_wait(ticket, -1, NULL, NULL) == FIRN_OK);
        }
        if (i % 8 == 0) {
            atomic_fetch_add(&c->answered, 1);
        }
        firn_ticket_free(ticket);
    }
    return NULL;
}

/* Every record once, in order. */
static void *tail_all(void *arg)
{
    member *m = arg;
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 4096 << m->number};
    firn_record record;
    firn_tail *tail;

    if (firn_tail_open(m->crowd->ledger, &options, &tail, NULL) != FIRN_OK) {
        check(m->crowd, false);
        return NULL;
    }
    for (uint64_t seq = 1; seq <= RECORDS && !atomic_load(&m->crowd->failed); seq++) {
        check(m->crowd, firn_tail_next(tail, -1, &record, NULL) == FIRN_OK && record.seq == seq);
    }
    firn_tail_close(tail);
    return NULL;
}

/* A view adds up: the versions of its streams are as many records as it sees. */
static void *view_some(void *arg)
{
    member *m = arg;
    firn_stream stream, again;
    firn_view *view;

    while (!atomic_load(&m->crowd->finished)) {
        uint64_t sum = 0;

        if (firn_view_open(m->crowd->ledger, &view, NULL) != FIRN_OK) {
            check(m->crowd, false);
            break;
        }
        stream.id = 0;
        while (firn_stream_next(view, stream.id, &stream, NULL) == FIRN_OK) {
            sum += stream.version;
            check(m->crowd,
                  firn_stream_get(view, S(stream.name), &again, NULL) == FIRN_OK && again.version == stream.version);
        }
        check(m->crowd, sum == firn_view_seq(view));
        firn_view_close(view);
    }
    return NULL;
}

/* Looks at figures, reads at random places and asks for a sync now and then. */
static void *look_around(void *arg)
{
    member *m = arg;
    firn_stats stats;
    firn_cursor cursor;
    firn_record record;
    firn_buf buf = {0};
    unsigned seed = 1;

    while (!atomic_load(&m->crowd->finished)) {
        stats = (firn_stats){.struct_size = sizeof stats};
        check(m->crowd, firn_stat(m->crowd->ledger, &stats, NULL) == FIRN_OK);
        check(m->crowd, stats.durable_seq <= stats.allocated_seq);
        firn_position(m->crowd->ledger, &cursor);
        if (cursor.seq > 0) {
            uint64_t seq = (uint64_t)rand_r(&seed) % cursor.seq + 1;

            check(m->crowd, firn_get(m->crowd->ledger, seq, &buf, &record, NULL) == FIRN_OK && record.seq == seq);
        }
        check(m->crowd, firn_sync(m->crowd->ledger, NULL) == FIRN_OK);
    }
    firn_buf_free(&buf);
    return NULL;
}

static void all_at_once(api_world *world)
{
    struct {
        void *(*run)(void *arg);
        unsigned count;
        bool writes;
    } roles[] = {{write_some, WRITERS, true},
                 {submit_some, SUBMITTERS, true},
                 {tail_all, TAILS, true},
                 {view_some, VIEWERS, false},
                 {look_around, 1, false}};
    crowd c = {.ledger = world->ledger};
    pthread_t threads[16];
    member members[16];
    bool writes[16];
    unsigned count = 0;
    firn_error err;
    char name[32];

    for (size_t role = 0; role < sizeof roles / sizeof roles[0]; role++) {
        for (unsigned i = 0; i < roles[role].count; i++) {
            members[count] = (member){&c, i};
            writes[count] = roles[role].writes;
            assert_int_equal(pthread_create(&threads[count], NULL, roles[role].run, &members[count]), 0);
            count++;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (writes[i]) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
    }
    OK(err, firn_sync(world->ledger, &err));
    atomic_store(&c.finished, true);
    for (unsigned i = 0; i < count; i++) {
        if (!writes[i]) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
    }
    api_close(world);
    assert_false(c.failed);
    assert_int_equal(c.answered, SUBMITTERS * SUBMITS);
    api_open(world);
    for (unsigned i = 0; i < WRITERS; i++) {
        (void)snprintf(name, sizeof name, "writer-%u", i);
        assert_int_equal(api_stream(world->ledger, name).version, WRITES);
    }
    assert_int_equal(api_count(world->ledger), RECORDS);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
}

/* A crowd on a ledger that makes progress by itself. */
static void test_crowd(void **state)
{
    all_at_once(*state);
}

/* The same with a queue that is full most of the time. */
static void test_crowd_short_queue(void **state)
{
    api_world *world = *state;

    api_close(world);
    world->options.outstanding_max = 3;
    world->options.groups_in_flight_max = 1;
    api_open(world);
    all_at_once(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_crowd),
        ON_BOTH_MANUAL(test_crowd),
        ON_BOTH(test_crowd_short_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
