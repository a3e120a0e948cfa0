/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage.c — decay, loss and exchange of durable bytes, case by case: what is said, and what is left to be done.
 *
 * A small log is written and closed cleanly, or left. Each case tells the text, place and detail that its damage gets;
 * that no damage at all is passed over is shown by damage_sweep.c, which tries every bit, sector and file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/crash/damage_rig.h"

/* Without a fault the log is complete and verifies. */
static void test_undamaged(void **state)
{
    rig r = rig_write(true);
    outcome out = rig_judge(&r, r.d, "undamaged");

    (void)state;
    assert_true(outcome_complete(&r, &out));
    assert_false(outcome_noticed(&out));
    rig_drop(&r);
}

/* Both slots gone: there is no ledger to be believed. */
static void test_both_slots(void **state)
{
    rig r = rig_write(true);
    outcome out;

    (void)state;
    disk_fault_add(r.d, &(disk_fault){.name = "manifest.0", .offset = 40, .kind = DISK_FAULT_FLIP, .mask = 1});
    disk_fault_add(r.d, &(disk_fault){.name = "manifest.1", .offset = 41, .kind = DISK_FAULT_FLIP, .mask = 1});
    out = rig_judge(&r, r.d, "both slots");
    assert_int_equal(out.open, FIRN_ECORRUPT);
    assert_int_equal(out.verify, FIRN_ECORRUPT);
    rig_drop(&r);
}

/* Both slots of the manifest are those of an earlier time, as a disk that forgot two writes would show them: what was
   appended since proves it. */
static void test_stale_manifest(void **state)
{
    rig r = rig_write(true);
    disk *before = disk_copy(r.d);
    outcome out;

    (void)state;
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_OK);
    rig_append(&r, "one", 8, 300);
    rig_append(&r, "one", 9, 300);
    rig_leave(&r, true);
    disk_copy_file(r.d, "manifest.0", before, "manifest.0");
    disk_copy_file(r.d, "manifest.1", before, "manifest.1");
    out = rig_judge(&r, r.d, "stale manifest");
    rig_must_notice(&out, "stale manifest");
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.detail, FIRN_DETAIL_MANIFEST);
    disk_free(before);
    rig_drop(&r);
}

/* One slot of an earlier time loses nothing. */
static void test_one_stale_slot(void **state)
{
    for (int slot = 0; slot < 2; slot++) {
        char name[] = {'m', 'a', 'n', 'i', 'f', 'e', 's', 't', '.', (char)('0' + slot), '\0'};
        rig r = rig_write(true);
        disk *before = disk_copy(r.d);
        outcome out;

        (void)state;
        assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_OK);
        rig_append(&r, "one", 8, 300);
        rig_leave(&r, true);
        disk_copy_file(r.d, name, before, name);
        out = rig_judge(&r, r.d, "one stale slot");
        assert_true(outcome_complete(&r, &out));
        assert_int_equal(out.verify, FIRN_ECORRUPT);
        disk_free(before);
        rig_drop(&r);
    }
}

/* What a log says whose segment files were changed as wholes. */
static void check_files(void (*change)(disk *d, const disk *other), uint16_t detail, const char *what)
{
    rig r = rig_write(true);
    disk *d = disk_copy(r.d);
    disk *other = disk_new(99);
    rig foreign = {.d = other};
    outcome out;

    assert_int_equal(rig_open(&foreign, other, FIRN_OPEN_NEW), FIRN_OK);
    rig_append(&foreign, "foreign", 9, 50);
    rig_leave(&foreign, true);
    change(d, other);
    out = rig_judge(&r, d, what);
    rig_must_notice(&out, what);
    assert_int_equal(rig_open(&r, d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.detail, detail);
    assert_true(err.segment != 0);
    disk_free(d);
    rig_drop(&foreign);
    rig_drop(&r);
}

static void swap_files(disk *d, const disk *other)
{
    (void)other;
    disk_copy_file(d, "keep", d, segments[0]);
    disk_copy_file(d, segments[0], d, segments[1]);
    disk_copy_file(d, segments[1], d, "keep");
    disk_unlink(d, "keep");
}

static void lose_file(disk *d, const disk *other)
{
    (void)other;
    disk_unlink(d, segments[0]);
}

static void double_file(disk *d, const disk *other)
{
    (void)other;
    disk_copy_file(d, segments[1], d, segments[0]);
}

static void foreign_file(disk *d, const disk *other)
{
    disk_copy_file(d, segments[0], other, segments[0]);
}

static void test_swapped_segments(void **state)
{
    (void)state;
    check_files(swap_files, FIRN_DETAIL_SEGMENT_FOREIGN, "segments swapped");
}

static void test_missing_segment(void **state)
{
    (void)state;
    check_files(lose_file, FIRN_DETAIL_SEGMENT_MISSING, "segment missing");
}

static void test_doubled_segment(void **state)
{
    (void)state;
    check_files(double_file, FIRN_DETAIL_SEGMENT_FOREIGN, "segment doubled");
}

static void test_foreign_segment(void **state)
{
    (void)state;
    check_files(foreign_file, FIRN_DETAIL_SEGMENT_FOREIGN, "segment of another ledger");
}

/* A segment cut short in the middle of its groups is damage, not a signal and not a shorter log. */
static void test_shortened_segment(void **state)
{
    rig r = rig_write(true);
    outcome out;

    (void)state;
    for (uint64_t size = 0; size < 6 * PAGE; size += SECTOR) {
        disk *d = disk_copy(r.d);

        disk_resize(d, segments[0], size);
        out = rig_judge(&r, d, "segment cut short");
        rig_must_notice(&out, "segment cut short");
        assert_false(outcome_complete(&r, &out));
        disk_free(d);
    }
    rig_drop(&r);
}

/* After an unclean stop, damage to the last group, which no witness reaches, is cut, and the cut is reported. */
static void test_tail_is_cut(void **state)
{
    rig r = rig_write(false);
    uint8_t byte;
    firn_stats stats = {.struct_size = sizeof stats};
    outcome out = {0};

    (void)state;
    disk_peek(r.d, segments[1], &byte, 1, 2 * PAGE + 200);
    byte ^= 0x10;
    disk_poke(r.d, segments[1], &byte, 1, 2 * PAGE + 200);
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_OK);
    assert_int_equal(firn_stat(r.ledger, &stats, &err), FIRN_OK);
    assert_int_equal(stats.cuts_count, 1);
    assert_int_equal(stats.last_cut.segment, 2);
    assert_int_equal(stats.last_cut.offset, 2 * PAGE);
    assert_int_equal(stats.last_cut.first_seq, r.count);
    assert_int_equal(stats.last_cut.seqs_seen, 1);
    assert_true(stats.last_cut.bytes >= PAGE);
    rig_read_back(&r, &out, "a cut tail");
    assert_int_equal(out.records, r.count - 1);
    rig_leave(&r, true);
    out = rig_judge(&r, r.d, "after the cut");
    assert_false(outcome_noticed(&out));
    rig_drop(&r);
}

/* After an unclean stop, damage before a witness refuses writing and names the place; reading goes up to it. */
static void test_damage_before_witness(void **state)
{
    rig r = rig_write(false);
    frn_io *io = disk_open_io(r.d);
    uint8_t byte;
    firn_stats stats = {.struct_size = sizeof stats};
    outcome out = {0};

    (void)state;
    /* Without what the writer said about its reach everything is walked. */
    assert_int_equal(io->ops->remove(io, "reach", &err), FIRN_OK);
    io->ops->close(io);
    disk_peek(r.d, segments[1], &byte, 1, PAGE + 200);
    byte ^= 0x10;
    disk_poke(r.d, segments[1], &byte, 1, PAGE + 200);
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.segment, 2);
    assert_int_equal(err.offset, PAGE);
    assert_int_equal(err.seq, r.count - 1);
    assert_non_null(strstr(err.text, "segment 2"));
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_READ), FIRN_OK);
    assert_int_equal(firn_stat(r.ledger, &stats, &err), FIRN_OK);
    assert_int_equal(stats.damage.status, FIRN_ECORRUPT);
    assert_int_equal(stats.damage.seq, r.count - 1);
    rig_read_back(&r, &out, "up to the damage");
    assert_int_equal(out.records, r.count - 2);
    rig_leave(&r, true);
    rig_drop(&r);
}

/* What the writer knew to be durable is not walked when a ledger is opened after an unclean stop: damage there is found
   by whoever reads it, here by the replay that opening does, and by verification. */
static void test_damage_in_what_was_known(void **state)
{
    rig r = rig_write(false);
    uint8_t byte;
    outcome out = {0};

    (void)state;
    disk_peek(r.d, segments[1], &byte, 1, PAGE + 200);
    byte ^= 0x10;
    disk_poke(r.d, segments[1], &byte, 1, PAGE + 200);
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_WRITE), FIRN_ECORRUPT);
    assert_int_equal(err.segment, 2);
    assert_in_range(err.offset, PAGE, 2 * PAGE - 1);
    assert_int_equal(err.seq, r.count - 1);
    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_READ), FIRN_OK);
    rig_read_back(&r, &out, "up to the damage");
    assert_int_equal(out.records, r.count - 2);
    rig_leave(&r, true);
    out = rig_judge(&r, r.d, "damage in what was known");
    assert_true(outcome_noticed(&out));
    rig_drop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged),
        cmocka_unit_test(test_both_slots),
        cmocka_unit_test(test_stale_manifest),
        cmocka_unit_test(test_one_stale_slot),
        cmocka_unit_test(test_swapped_segments),
        cmocka_unit_test(test_missing_segment),
        cmocka_unit_test(test_doubled_segment),
        cmocka_unit_test(test_foreign_segment),
        cmocka_unit_test(test_shortened_segment),
        cmocka_unit_test(test_tail_is_cut),
        cmocka_unit_test(test_damage_before_witness),
        cmocka_unit_test(test_damage_in_what_was_known),
    };
    int failed = cmocka_run_group_tests_name("damage", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
