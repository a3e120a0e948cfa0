/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.c — the mark of the index as a witness: when recovery believes it, and when the index is built anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/crash/world.h"

enum {
    BATCHES = 5,
    PAGE = 4096
};

/** A ledger whose process died; all that it had appended was durable and merged. */
typedef struct rig {
    settings with;
    model m;
    world w;
    frn_index_mark mark;
} rig;

static firn_error err;

static void append(world *w, unsigned number)
{
    model_request *request = model_request_new(100);

    request->events_count = 1;
    request->events[0] = (model_event){.stream = number % 2, .kind = 1 + number, .size = 100};
    memset(request->bytes, (int)(1 + number), 100);
    world_commit(w, request);
}

/* The disk goes on in the next world after a power cut; `dies`: this process writes nothing any more. */
static void next_world(rig *r, bool dies)
{
    disk_cut_plan plan = {.how = DISK_CUT_ALL};
    disk *next;

    if (!dies) {
        world_close(&r->w);
    }
    next = disk_cut(r->w.d, &plan);
    if (dies) {
        world_abandon(&r->w);
    }
    world_done(&r->w);
    world_init(&r->w, &r->with, next, &r->m, 2);
}

static void up(rig *r, bool merged)
{
    disk *d;

    memset(r, 0, sizeof *r);
    r->with = settings_of(1);
    r->with.indexed = true;
    r->with.options.spare_segments = 1;
    r->with.options.replay_records_max = 0;
    place = (sweep_place){.seed = 1};
    model_init(&r->m);
    d = disk_new(1);
    index_disk_add(d, false);
    world_init(&r->w, &r->with, d, &r->m, 1);
    assert_int_equal(world_create(&r->w, &err), FIRN_OK);
    for (unsigned i = 0; i < BATCHES; i++) {
        append(&r->w, i);
    }
    if (merged) {
        world_merge(&r->w);
    }
    (void)index_disk_look(r->w.d, &r->mark);
    next_world(r, true);
}

static void down(rig *r)
{
    world_close(&r->w);
    world_done(&r->w);
    model_done(&r->m);
}

static firn_stats stats_of(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};

    assert_int_equal(firn_stat(r->w.ledger, &stats, &err), FIRN_OK);
    return stats;
}

/* The ledger is there as the model has it, and its rows are. */
static void check_all(rig *r)
{
    assert_int_equal(world_check_log(&r->w), r->m.count);
    world_check_rows(&r->w, r->m.count);
}

/* Opening for writing says that seq is lost, changes no byte, and says the same again; reading works up to there. */
static void expect_damage(rig *r, uint64_t seq)
{
    uint64_t hash = disk_hash(r->w.d);
    firn_options options = r->with.options;
    frn_index_place index = index_disk_place(r->w.d);
    frn_ledger_seam seam = {.heap = &r->w.heap, .io = disk_open_io(r->w.d), .index_place = &index};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_ledger *ledger = NULL;

    for (int round = 0; round < 2; round++) {
        assert_int_equal(frn_ledger_open_on(&seam, &options, &ledger, &err), FIRN_ECORRUPT);
        assert_int_equal(err.detail, FIRN_DETAIL_GROUP);
        assert_int_equal(err.seq, seq);
        assert_non_null(strstr(err.text, "was durable"));
    }
    options.mode = FIRN_OPEN_READ;
    assert_int_equal(frn_ledger_open_on(&seam, &options, &ledger, &err), FIRN_OK);
    assert_int_equal(firn_stat(ledger, &stats, &err), FIRN_OK);
    assert_int_equal(stats.damage.status, FIRN_ECORRUPT);
    assert_int_equal(stats.damage.seq, seq);
    assert_int_equal(stats.durable_seq, seq - 1);
    assert_int_equal(stats.replayed_records, seq - 1);
    assert_int_equal(frn_ledger_check(ledger, &err), FIRN_OK);
    frn_ledger_abandon(ledger);
    seam.io->ops->close(seam.io);
    assert_true(disk_hash(r->w.d) == hash);
}

/* Clears the last block of the first segment that holds anything, as a disk does that lost an acknowledged write. */
static void lose_last_group(disk *d)
{
    static const char name[] = "0000000000000001.seg";
    static const uint8_t zeros[PAGE];
    uint8_t block[PAGE];
    uint64_t size;

    assert_true(disk_has(d, name, &size));
    for (uint64_t at = size - size % PAGE; at > PAGE; at -= PAGE) {
        disk_peek(d, name, block, PAGE, at - PAGE);
        if (memcmp(block, zeros, PAGE) != 0) {
            disk_poke(d, name, zeros, PAGE, at - PAGE);
            return;
        }
    }
    fail_msg("the segment is empty");
}

/* The last acknowledged group is gone after a crash, and nothing in the log knows that it was durable. The index does:
   with its mark the loss is damage, without an index it looks like a torn tail. */
static void test_mark_tells_of_a_lost_tail(void **state)
{
    firn_stats stats;
    rig r;

    (void)state;
    for (int indexed = 0; indexed < 2; indexed++) {
        uint64_t last;

        up(&r, true);
        last = r.m.next_seq - 1;
        lose_last_group(r.w.d);
        if (indexed != 0) {
            expect_damage(&r, last);
            world_done(&r.w);
            model_done(&r.m);
            continue;
        }
        index_disk_place(r.w.d).remove(r.w.d, &err);
        r.m.floor--;
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        stats = stats_of(&r);
        assert_int_equal(stats.durable_seq, last - 1);
        model_truncate(&r.m, r.m.count - 1);
        check_all(&r);
        down(&r);
    }
}

/* The mark says that more was durable than the log holds, in the incarnation that wrote last: damage, after a crash and
   after a clean close. */
static void test_mark_ahead_is_damage(void **state)
{
    rig r;

    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        up(&r, true);
        if (clean != 0) {
            assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
            append(&r.w, 9);
            next_world(&r, false);
            (void)index_disk_look(r.w.d, &r.mark);
        }
        index_disk_set_mark(r.w.d, r.mark.seq + 1, r.mark.incarnation, INDEX_FORKED);
        expect_damage(&r, r.m.next_seq);
        index_disk_set_mark(r.w.d, r.mark.seq, r.mark.incarnation, INDEX_STATE);
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        check_all(&r);
        down(&r);
    }
}

/* The mark names an incarnation that the ledger never had, at a seq behind, at and ahead of the end: no witness, and
   its rows are not believed. */
static void test_mark_of_an_unknown_incarnation(void **state)
{
    rig r;

    (void)state;
    for (uint64_t ahead = 0; ahead < 3; ahead++) {
        firn_stats stats;

        up(&r, true);
        index_disk_set_mark(r.w.d, r.mark.seq - 1 + ahead, r.mark.incarnation + 7, INDEX_FORKED);
        assert_int_equal(world_open(&r.w, FIRN_OPEN_READ, &err), FIRN_OK);
        check_all(&r);
        world_abandon(&r.w);
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        stats = stats_of(&r);
        assert_non_null(strstr(stats.index_note, "its mark is not in the history"));
        assert_int_equal(stats.replayed_records, r.m.next_seq - 1);
        check_all(&r);
        down(&r);
    }
}

/* The ledger went on in another incarnation, and the mark stands at a seq that the ended one would have given out: no
   witness while the log is shorter, not believed when it is longer. */
static void test_mark_of_an_ended_incarnation(void **state)
{
    rig r;

    (void)state;
    for (unsigned more = 0; more < 4; more++) {
        uint64_t end;

        up(&r, true);
        end = r.mark.seq;
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        assert_int_equal(r.w.incarnation, r.mark.incarnation + 1);
        for (unsigned i = 0; i < more; i++) {
            append(&r.w, 20 + i);
        }
        next_world(&r, true);
        index_disk_set_mark(r.w.d, end + 2, r.mark.incarnation, INDEX_FORKED);
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        assert_non_null(strstr(stats_of(&r).index_note, "its mark is not in the history"));
        check_all(&r);
        down(&r);
    }
}

/* The mark is behind, or there is none yet: what is behind it is replayed, and no more. */
static void test_mark_behind(void **state)
{
    rig r;

    (void)state;
    for (int merged = 0; merged < 2; merged++) {
        uint64_t from;

        up(&r, merged != 0);
        from = merged != 0 ? r.mark.seq : 0;
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        append(&r.w, 30);
        append(&r.w, 31);
        next_world(&r, true);
        assert_int_equal(world_open(&r.w, FIRN_OPEN_WRITE, &err), FIRN_OK);
        assert_int_equal(stats_of(&r).replayed_records, r.m.next_seq - 1 - from);
        assert_string_equal(stats_of(&r).index_note, "");
        check_all(&r);
        down(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mark_tells_of_a_lost_tail),
        cmocka_unit_test(test_mark_ahead_is_damage),
        cmocka_unit_test(test_mark_of_an_unknown_incarnation),
        cmocka_unit_test(test_mark_of_an_ended_incarnation),
        cmocka_unit_test(test_mark_behind),
    };
    int failed = cmocka_run_group_tests_name("marks", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
