/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small.c — small histories whole: every sequence of two operations and every crash state of it, every crash point of a
 * recovery; and the needs of spaces that a crash could break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/crash/recover.h"

/** A history whose every crash state is checked. */
typedef struct rig {
    settings with;
    sweep sweep;
    model m;
    crash_point at;
    world w;
} rig;

static seen seen_states;
static seen seen_disks;

static void rig_up_with(rig *r, uint64_t seed, bool every, bool indexed)
{
    firn_error err;

    memset(r, 0, sizeof *r);
    r->with = settings_of(seed);
    r->with.indexed = indexed;
    r->with.options.replay_records_max = 0;
    r->with.options.outstanding_max = 128;
    r->sweep = (sweep){.with = &r->with, .dice = dice_of(seed), .seen = &seen_states, .disks = &seen_disks};
    r->at = (crash_point){.sweep = &r->sweep, .m = &r->m, .every = every};
    place = (sweep_place){.seed = seed, .plan = "history"};
    model_init(&r->m);
    world_init(&r->w, &r->with, disk_new(seed), &r->m, seed);
    if (world_create(&r->w, &err) != FIRN_OK) {
        violation("create: %s", err.text);
    }
    r->at.incarnation = r->w.incarnation;
    disk_controls_of(r->w.d)->step = crash_step;
    disk_controls_of(r->w.d)->step_arg = &r->at;
}

static void rig_up(rig *r, uint64_t seed, bool every)
{
    rig_up_with(r, seed, every, seed % 3 != 0);
}

static void rig_down(rig *r)
{
    crash_end_history(&r->w);
    model_done(&r->m);
    seen_free(&seen_states);
    seen_free(&seen_disks);
}

/* Events on `streams` streams, from the first on, of size bytes each. */
static model_request *events(unsigned streams, unsigned count, size_t size, uint8_t fill)
{
    model_request *request = model_request_new(count * size);

    request->events_count = count;
    for (unsigned i = 0; i < count; i++) {
        request->events[i] = (model_event){.stream = i % streams, .kind = 1 + i, .size = size, .at = i * size};
        memset(request->bytes + i * size, fill + (int)i, size);
    }
    return request;
}

/* N2: a transaction over three documents is one batch; after any crash all of it is there or nothing. */
static void test_n2_three_documents(void **state)
{
    uint64_t states = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        rig r;

        rig_up(&r, seed, true);
        for (unsigned i = 0; i < 4; i++) {
            model_request *request = events(3, 3, 900 + 400 * i, (uint8_t)(16 * i));

            if (i % 2 == 0) {
                world_submit(&r.w, request, false);
            } else {
                world_commit(&r.w, request);
            }
        }
        world_commit(&r.w, events(3, 6, 9000, 200));
        states += r.sweep.states;
        rig_down(&r);
    }
    print_message("N2: %llu states, every transaction whole or absent\n", (unsigned long long)states);
    assert_true(states > 300);
}

/* N10: 64 outstanding appends to one stream, each expecting the version that the one before it leaves, all succeed. */
static void test_n10_linear_appends_outstanding(void **state)
{
    rig r;

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        rig_up(&r, seed, false);
        disk_controls_of(r.w.d)->step = NULL;
        for (unsigned i = 0; i < 64; i++) {
            model_request *request = events(1, 1, 20, (uint8_t)i);

            request->expects_count = 1;
            request->expects[0] = (model_expect){.stream = 0, .version = i};
            world_submit(&r.w, request, i % 2 == 0);
        }
        assert_int_equal(r.w.live, 64);
        assert_int_equal(r.m.streams[0].version, 64);
        while (r.w.live > 0) {
            (void)frn_ledger_step_drive(r.w.ledger);
            (void)frn_ledger_step_make(r.w.ledger);
            world_poll(&r.w);
        }
        assert_int_equal(r.m.floor, r.m.count);
        rig_down(&r);
    }
}

enum {
    OPERATIONS = 12
};

static void conflict(world *w)
{
    model_request *request = events(1, 1, 10, 9);

    request->expects_count = 1;
    request->expects[0] = (model_expect){.stream = 0, .version = 77};
    world_submit(w, request, false);
}

static void keyed(world *w, uint8_t fill)
{
    model_request *request = events(2, 2, 100, fill);

    request->has_key = true;
    world_commit(w, request);
}

/* Events, content, the whole life of a run, and a release, in one batch; the content once more each time. */
static void cross(world *w)
{
    unsigned run = w->m->stores.runs[0].created ? 1 : 0;
    model_request *request = events(1, 1, 60, 7);

    request->verbs_count = 5;
    request->verbs[0] = (model_verb){.kind = MODEL_PUT, .subject = 3};
    request->verbs[1] = (model_verb){.kind = MODEL_CREATE, .subject = run};
    request->verbs[2] = (model_verb){.kind = MODEL_APPEND, .subject = run, .count = 3};
    request->verbs[3] = (model_verb){.kind = MODEL_END, .subject = run, .first = FIRN_RUN_COMPLETED};
    request->verbs[4] = (model_verb){.kind = MODEL_PROMOTE, .subject = 1, .first = 3};
    world_submit(w, request, true);
}

/* A batch over all stores, then another, with merges before, between and behind: in every crash state all of a batch is
   in the answers of every store, or nothing. */
static void test_cross_store_batches(void **state)
{
    uint64_t states = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rig r;

        rig_up_with(&r, seed, true, seed != 2);
        r.sweep.every_row = true;
        world_commit(&r.w, events(1, 1, 30, 1));
        for (unsigned round = 0; round < 2; round++) {
            cross(&r.w);
            while (r.w.live > 0) {
                (void)frn_ledger_step_drive(r.w.ledger);
                world_poll(&r.w);
            }
            world_merge(&r.w);
        }
        states += r.sweep.states;
        rig_down(&r);
    }
    print_message("%llu states, every batch across the stores whole or absent\n", (unsigned long long)states);
    assert_true(states > 300);
}

static void reopen(rig *r)
{
    firn_error err;

    world_close(&r->w);
    if (world_open(&r->w, FIRN_OPEN_WRITE, &err) != FIRN_OK || !r->w.was_clean) {
        violation("open after a clean close: %s", err.text);
    }
}

static void operate(rig *r, unsigned operation)
{
    world *w = &r->w;
    firn_error err;

    switch (operation) {
    case 0:
        world_commit(w, events(1, 1, 50, 1));
        break;
    case 1:
        world_submit(w, events(3, 3, 5000, 2), false);
        break;
    case 2:
        world_commit(w, events(2, 2, 40000, 3));
        break;
    case 3:
        keyed(w, 4);
        break;
    case 4:
        keyed(w, 5);
        break;
    case 5:
        conflict(w);
        break;
    case 6:
        if (firn_sync(w->ledger, &err) != FIRN_OK) {
            violation("sync: %s", err.text);
        }
        w->m->floor = w->m->count;
        break;
    case 7:
        while (frn_ledger_step_make(w->ledger)) {
        }
        break;
    case 8:
        (void)frn_ledger_step_drive(w->ledger);
        break;
    case 9:
        cross(w);
        break;
    case 10:
        world_merge(w);
        break;
    default:
        reopen(r);
        break;
    }
}

/* Every sequence of two operations, crashed at every step of the disk in every way. */
static void test_every_short_history(void **state)
{
    uint64_t states = 0;

    (void)state;
    for (unsigned i = 0; i < OPERATIONS * OPERATIONS; i++) {
        rig r;

        rig_up_with(&r, 1 + i % 7, true, i / OPERATIONS == 10 || i % OPERATIONS == 10 || i % 3 == 0);
        place.action = i;
        operate(&r, i / OPERATIONS);
        operate(&r, i % OPERATIONS);
        states += r.sweep.states;
        rig_down(&r);
    }
    print_message("%d histories, %llu states\n", OPERATIONS * OPERATIONS, (unsigned long long)states);
    assert_true(states > 10000);
}

/* Ten workloads, crashed once, and once more at every step of the recovery in every way. */
static void test_every_crash_of_recovery(void **state)
{
    uint64_t second = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        rig r;

        rig_up(&r, seed, false);
        r.sweep.every_second = true;
        r.at.steps_in = 4;
        r.at.states_mean = 1;
        for (unsigned i = 0; i < 12; i++) {
            place.action = i;
            world_act(&r.w, true);
        }
        second += r.sweep.second;
        rig_down(&r);
    }
    print_message("%llu states after a second crash\n", (unsigned long long)second);
    assert_true(second > 1000);
}

/* The same seed gives the same history, the same crash states and the same disk at the end. */
static void test_seed_decides_all(void **state)
{
    uint64_t states[2], hash[2], distinct[2];

    (void)state;
    for (int round = 0; round < 2; round++) {
        rig r;

        rig_up(&r, 4242, false);
        r.at.steps_in = 1;
        r.at.states_mean = 4;
        for (unsigned i = 0; i < 60; i++) {
            place.action = i;
            world_act(&r.w, true);
        }
        states[round] = r.sweep.states;
        distinct[round] = seen_disks.count;
        hash[round] = disk_hash(r.w.d);
        rig_down(&r);
    }
    assert_true(states[0] > 100);
    assert_int_equal(states[0], states[1]);
    assert_int_equal(distinct[0], distinct[1]);
    assert_true(hash[0] == hash[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_n2_three_documents),      cmocka_unit_test(test_n10_linear_appends_outstanding),
        cmocka_unit_test(test_cross_store_batches),     cmocka_unit_test(test_every_short_history),
        cmocka_unit_test(test_every_crash_of_recovery), cmocka_unit_test(test_seed_decides_all),
    };
    int failed = cmocka_run_group_tests_name("small histories", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
