/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small.c — a few histories on purpose: the needs of spaces that a crash could break, batches over all stores, and that
 * a seed decides everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "test/crash/rig.h"

/* N2: a transaction over three documents is one batch; after any crash all of it is there or nothing. */
static void test_n2_three_documents(void **state)
{
    uint64_t states = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        rig r;

        rig_up(&r, seed, true);
        for (unsigned i = 0; i < 4; i++) {
            model_request *request = rig_events(3, 3, 900 + 400 * i, (uint8_t)(16 * i));

            if (i % 2 == 0) {
                world_submit(&r.w, request, false);
            } else {
                world_commit(&r.w, request);
            }
        }
        world_commit(&r.w, rig_events(3, 6, 9000, 200));
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
        rig_crash(&r, false);
        for (unsigned i = 0; i < 64; i++) {
            model_request *request = rig_events(1, 1, 20, (uint8_t)i);

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

/* A batch over all stores, then another, with merges before, between and behind: in every crash state all of a batch is
   in the answers of every store, or nothing. */
static void test_cross_store_batches(void **state)
{
    uint64_t states = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rig r;

        rig_up_with(&r, seed, true, seed != 2, false);
        r.sweep.every_row = true;
        world_commit(&r.w, rig_events(1, 1, 30, 1));
        for (unsigned round = 0; round < 2; round++) {
            rig_cross(&r.w);
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
        distinct[round] = r.disks.count;
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
        cmocka_unit_test(test_n2_three_documents),
        cmocka_unit_test(test_n10_linear_appends_outstanding),
        cmocka_unit_test(test_cross_store_batches),
        cmocka_unit_test(test_seed_decides_all),
    };
    int failed = cmocka_run_group_tests_name("small histories", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
