/* SPDX-License-Identifier: Apache-2.0 */
/* test_disk.c — the simulated disk keeps its own promises: what is durable, what a crash may take, what faults do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/disk/disk.h"

enum {
    PAGE = 4096,
    SECTOR = IMAGE_SECTOR
};

static firn_error err;
static _Alignas(4096) uint8_t page[4][PAGE];

static void fill_pages(void)
{
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < PAGE; k++) {
            page[i][k] = (uint8_t)(1 + i * 60 + k / SECTOR);
        }
    }
}

/* A disk with a durable, zero-filled file "a" of 8 pages, and an instance that has it open. */
typedef struct rig {
    disk *d;
    frn_io *io;
    frn_file *a;
} rig;

static frn_file *open_file(frn_io *io, const char *name, unsigned flags)
{
    frn_file *file = NULL;

    assert_int_equal(io->ops->open(io, name, flags, &file, &err), FIRN_OK);
    return file;
}

static rig rig_up(uint64_t seed)
{
    rig r = {.d = disk_new(seed)};
    uint64_t written;

    fill_pages();
    r.io = disk_open_io(r.d);
    r.a = open_file(r.io, "a", FRN_IO_WRITE | FRN_IO_CREATE | FRN_IO_QUEUE);
    assert_int_equal(r.a->ops->fill(r.a, 8 * PAGE, &written, &err), FIRN_OK);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    assert_int_equal(r.io->ops->sync_names(r.io, &err), FIRN_OK);
    assert_int_equal(r.io->ops->queue_open(r.io, r.a, page, PAGE, 4, 8, &err), FIRN_OK);
    assert_int_equal(disk_open_effects(r.d), 0);
    return r;
}

static void rig_down(rig *r)
{
    if (r->a != NULL) {
        r->a->ops->file_close(r->a);
    }
    if (r->io != NULL) {
        r->io->ops->close(r->io);
    }
    assert_int_equal(disk_counts_of(r->d)->misuses, 0);
    disk_free(r->d);
}

static void write_page(frn_file *file, int which, uint64_t at)
{
    assert_int_equal(file->ops->write(file, page[which], PAGE, at, &err), FIRN_OK);
}

/* The sectors of a disk's file "a" at page p that hold page `which`: bit s for sector s. */
static unsigned sectors_of(const disk *d, int which, uint64_t p)
{
    uint8_t got[PAGE];
    unsigned bits = 0;

    disk_peek(d, "a", got, PAGE, p * PAGE);
    for (unsigned s = 0; s < PAGE / SECTOR; s++) {
        bits |= (unsigned)(memcmp(got + s * SECTOR, page[which] + s * SECTOR, SECTOR) == 0) << s;
    }
    return bits;
}

static unsigned after_cut(const disk *d, disk_cut_plan plan, int which, uint64_t p)
{
    disk *cut = disk_cut(d, &plan);
    unsigned bits = disk_has(cut, "a", NULL) ? sectors_of(cut, which, p) : 0;

    assert_int_equal(disk_open_effects(cut), 0);
    disk_free(cut);
    return bits;
}

static const disk_cut_plan keep_none = {.how = DISK_CUT_NONE};
static const disk_cut_plan keep_all = {.how = DISK_CUT_ALL};

/* Reaps until count completions came; their results are summed up. */
static int64_t reap(frn_io *io, unsigned count)
{
    int64_t sum = 0;

    while (count > 0) {
        frn_completion done[4];
        unsigned n = io->ops->reap(io, done, count < 4 ? count : 4, -1);

        for (unsigned i = 0; i < n; i++) {
            sum += done[i].result;
        }
        count -= n;
    }
    return sum;
}

/* A blocking write can be lost in a power cut until its file was synced. */
static void test_write_is_pending_until_sync(void **state)
{
    rig r = rig_up(1);

    (void)state;
    write_page(r.a, 0, 0);
    assert_int_equal(sectors_of(r.d, 0, 0), 0xff);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0);
    assert_int_equal(after_cut(r.d, keep_all, 0, 0), 0xff);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0xff);
    assert_int_equal(disk_open_effects(r.d), 0);
    rig_down(&r);
}

/* A sync that was queued before a write's completion was reaped leaves that write pending. */
static void test_sync_covers_only_reaped_writes(void **state)
{
    rig r = rig_up(2);

    (void)state;
    disk_controls_of(r.d)->reap_eager = true;
    r.a->ops->queue_write(r.a, page[0], PAGE, 0, false, 1);
    r.a->ops->queue_sync(r.a, 2);
    r.io->ops->queue_send(r.io);
    assert_int_equal(reap(r.io, 2), PAGE);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0);
    r.a->ops->queue_sync(r.a, 3);
    r.io->ops->queue_send(r.io);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0);
    assert_int_equal(reap(r.io, 1), 0);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0xff);
    rig_down(&r);
}

/* A durable queued write is durable once reaped, and anything between nothing and all before. */
static void test_durable_write(void **state)
{
    rig r = rig_up(3);

    (void)state;
    r.a->ops->queue_write(r.a, page[1], PAGE, PAGE, true, 1);
    assert_int_equal(after_cut(r.d, keep_all, 1, 1), 0);
    r.io->ops->queue_send(r.io);
    assert_int_equal(after_cut(r.d, keep_none, 1, 1), 0);
    assert_int_equal(after_cut(r.d, keep_all, 1, 1), 0xff);
    assert_int_equal(reap(r.io, 1), PAGE);
    assert_int_equal(after_cut(r.d, keep_none, 1, 1), 0xff);
    rig_down(&r);
}

/* Without FUA a durable write flushes the device: other writes may become durable with it; with FUA none does. */
static void test_flush(void **state)
{
    unsigned flushed[2] = {0};

    (void)state;
    for (uint64_t seed = 0; seed < 32; seed++) {
        for (int no_fua = 0; no_fua < 2; no_fua++) {
            rig r = rig_up(seed);
            frn_file *b = open_file(r.io, "b", FRN_IO_WRITE | FRN_IO_CREATE);

            disk_controls_of(r.d)->no_fua = no_fua != 0;
            write_page(r.a, 0, 0);
            write_page(b, 0, 0);
            r.a->ops->queue_write(r.a, page[1], PAGE, PAGE, true, 1);
            r.io->ops->queue_send(r.io);
            assert_int_equal(reap(r.io, 1), PAGE);
            assert_int_equal(after_cut(r.d, keep_none, 1, 1), 0xff);
            flushed[no_fua] += after_cut(r.d, keep_none, 0, 0) == 0xff ? 1 : 0;
            b->ops->file_close(b);
            rig_down(&r);
        }
    }
    assert_int_equal(flushed[0], 0);
    assert_in_range(flushed[1], 1, 31);
}

/* A write is torn at every sector boundary; the rest is old, zeros or garbage; or one sector alone is missing. */
static void test_torn_writes(void **state)
{
    rig r = rig_up(4);

    (void)state;
    write_page(r.a, 1, 0);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    write_page(r.a, 0, 0);
    for (unsigned s = 0; s <= 8; s++) {
        unsigned front = (1u << s) - 1;

        for (int rest = DISK_REST_OLD; rest <= DISK_REST_GARBAGE; rest++) {
            disk_cut_plan torn = {.how = DISK_CUT_TORN, .sector = s, .rest = (disk_rest)rest, .seed = s};
            disk_cut_plan holed = {.how = DISK_CUT_HOLED, .sector = s, .rest = (disk_rest)rest, .seed = s};

            assert_int_equal(after_cut(r.d, torn, 0, 0), front);
            assert_int_equal(after_cut(r.d, torn, 1, 0), rest == DISK_REST_OLD ? 0xffu & ~front : 0);
            assert_int_equal(after_cut(r.d, holed, 0, 0), 0xffu & ~(1u << s));
        }
    }
    rig_down(&r);
}

/* Four pending effects give sixteen different disks, and prefixes are among them. */
static void test_every_subset(void **state)
{
    rig r = rig_up(5);
    uint64_t seen[16];

    (void)state;
    for (int i = 0; i < 4; i++) {
        write_page(r.a, i, (uint64_t)i * PAGE);
    }
    assert_int_equal(disk_open_effects(r.d), 4);
    for (uint64_t mask = 0; mask < 16; mask++) {
        disk_cut_plan plan = {.how = DISK_CUT_MASK, .number = mask};
        disk *cut = disk_cut(r.d, &plan);

        for (int i = 0; i < 4; i++) {
            assert_int_equal(sectors_of(cut, i, (uint64_t)i), (mask >> i & 1) != 0 ? 0xff : 0);
        }
        seen[mask] = disk_hash(cut);
        for (uint64_t k = 0; k < mask; k++) {
            assert_true(seen[k] != seen[mask]);
        }
        disk_free(cut);
    }
    for (uint64_t n = 0; n <= 4; n++) {
        disk_cut_plan plan = {.how = DISK_CUT_PREFIX, .number = n};
        disk *cut = disk_cut(r.d, &plan);

        assert_true(disk_hash(cut) == seen[(1u << n) - 1]);
        disk_free(cut);
    }
    rig_down(&r);
}

/* Creation, renaming and removal are pending until the folder is synced; a file's sync does not bring its name. */
static void test_names(void **state)
{
    rig r = rig_up(6);
    frn_file *b = open_file(r.io, "b", FRN_IO_WRITE | FRN_IO_CREATE);
    disk *cut;

    (void)state;
    write_page(b, 0, 0);
    assert_int_equal(b->ops->sync(b, &err), FIRN_OK);
    cut = disk_cut(r.d, &keep_none);
    assert_false(disk_has(cut, "b", NULL));
    disk_free(cut);
    assert_int_equal(r.io->ops->sync_names(r.io, &err), FIRN_OK);
    assert_int_equal(r.io->ops->rename(r.io, "b", "c", &err), FIRN_OK);
    assert_int_equal(r.io->ops->remove(r.io, "a", &err), FIRN_OK);
    cut = disk_cut(r.d, &keep_none);
    assert_true(disk_has(cut, "a", NULL) && disk_has(cut, "b", NULL) && !disk_has(cut, "c", NULL));
    disk_free(cut);
    cut = disk_cut(r.d, &(disk_cut_plan){.how = DISK_CUT_MASK, .number = 2});
    assert_true(!disk_has(cut, "a", NULL) && disk_has(cut, "b", NULL));
    disk_free(cut);
    assert_int_equal(r.io->ops->sync_names(r.io, &err), FIRN_OK);
    cut = disk_cut(r.d, &keep_none);
    assert_true(!disk_has(cut, "a", NULL) && !disk_has(cut, "b", NULL) && disk_has(cut, "c", NULL));
    disk_free(cut);
    b->ops->file_close(b);
    rig_down(&r);
}

/* A file that grew may come back with its size and without its data, or the other way round: then it did not grow. */
static void test_size_without_data(void **state)
{
    rig r = rig_up(7);
    uint64_t size;
    disk *cut;

    (void)state;
    write_page(r.a, 2, 8 * PAGE);
    assert_int_equal(disk_open_effects(r.d), 2);
    cut = disk_cut(r.d, &(disk_cut_plan){.how = DISK_CUT_MASK, .number = 1});
    assert_true(disk_has(cut, "a", &size));
    assert_int_equal(size, 9 * PAGE);
    assert_int_equal(sectors_of(cut, 2, 8), 0);
    disk_free(cut);
    cut = disk_cut(r.d, &(disk_cut_plan){.how = DISK_CUT_MASK, .number = 2});
    assert_true(disk_has(cut, "a", &size));
    assert_int_equal(size, 8 * PAGE);
    disk_free(cut);
    rig_down(&r);
}

/* A new file may come back as an entry alone, or with its size and blank. */
static void test_entry_and_size_alone(void **state)
{
    rig r = rig_up(7);
    frn_file *b = open_file(r.io, "b", FRN_IO_WRITE | FRN_IO_CREATE);
    uint64_t size;
    disk *cut;

    (void)state;
    write_page(b, 2, 0);
    write_page(r.a, 1, 0);
    cut = disk_cut(r.d, &(disk_cut_plan){.how = DISK_CUT_NAMES});
    assert_true(disk_has(cut, "b", &size));
    assert_int_equal(size, 0);
    assert_int_equal(sectors_of(cut, 1, 0), 0);
    disk_free(cut);
    cut = disk_cut(r.d, &(disk_cut_plan){.how = DISK_CUT_SIZES});
    assert_true(disk_has(cut, "b", &size));
    assert_int_equal(size, PAGE);
    assert_int_equal(sectors_of(cut, 1, 0), 0);
    disk_free(cut);
    b->ops->file_close(b);
    rig_down(&r);
}

/* After its process died a pending write is readable, may be missing on the device, and is lost by a later cut; a sync
   of the next process makes it durable. */
static void test_death_with_live_device(void **state)
{
    unsigned absent = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        rig r = rig_up(seed);
        rig next = {0};
        static _Alignas(4096) uint8_t got[PAGE];
        size_t n;

        write_page(r.a, 0, 0);
        next.d = disk_die(r.d, DISK_LATE_RESOLVED, seed);
        rig_down(&r);
        next.io = disk_open_io(next.d);
        next.a = open_file(next.io, "a", FRN_IO_WRITE);
        assert_int_equal(sectors_of(next.d, 0, 0), 0xff);
        assert_int_equal(after_cut(next.d, keep_none, 0, 0), 0);
        assert_int_equal(next.a->ops->read_device(next.a, got, PAGE, 0, &n, &err), FIRN_OK);
        absent += memcmp(got, page[0], PAGE) != 0 ? 1 : 0;
        assert_int_equal(next.a->ops->sync(next.a, &err), FIRN_OK);
        assert_int_equal(next.a->ops->read_device(next.a, got, PAGE, 0, &n, &err), FIRN_OK);
        assert_memory_equal(got, page[0], PAGE);
        assert_int_equal(after_cut(next.d, keep_none, 0, 0), 0xff);
        rig_down(&next);
    }
    assert_in_range(absent, 1, 15);
}

/* A dead writer's lock is held until its writes have landed; below the kernel they land without it. */
static void test_orphans(void **state)
{
    rig r = rig_up(8);
    rig next = {0};
    bool taken;

    (void)state;
    assert_int_equal(r.a->ops->lock(r.a, &err), FIRN_OK);
    r.a->ops->queue_write(r.a, page[0], PAGE, 0, true, 1);
    r.a->ops->queue_write(r.a, page[1], PAGE, PAGE, true, 2);
    r.io->ops->queue_send(r.io);
    r.a->ops->queue_write(r.a, page[2], PAGE, 2 * PAGE, true, 3);

    next.d = disk_die(r.d, DISK_LATE_LOCKED, 1);
    next.io = disk_open_io(next.d);
    next.a = open_file(next.io, "a", FRN_IO_WRITE);
    assert_int_equal(disk_orphans(next.d), 2);
    assert_int_equal(next.a->ops->lock_test(next.a, &taken, &err), FIRN_OK);
    assert_true(taken);
    assert_int_equal(next.a->ops->lock(next.a, &err), FIRN_EBUSY);
    assert_int_equal(sectors_of(next.d, 0, 0), 0);
    while (disk_land(next.d)) {
    }
    assert_int_equal(next.a->ops->lock(next.a, &err), FIRN_OK);
    assert_int_equal(sectors_of(next.d, 2, 2), 0);
    rig_down(&next);

    next.d = disk_die(r.d, DISK_LATE_FREE, 2);
    next.io = disk_open_io(next.d);
    next.a = open_file(next.io, "a", FRN_IO_WRITE);
    assert_int_equal(next.a->ops->lock(next.a, &err), FIRN_OK);
    assert_int_equal(disk_orphans(next.d), 2);
    rig_down(&next);
    (void)reap(r.io, 2);
    r.io->ops->queue_send(r.io);
    (void)reap(r.io, 1);
    rig_down(&r);
}

/* After a sync failed, what it covered stays readable, but a later sync may not make it durable; then the device does
   not have it. */
static void test_failed_sync(void **state)
{
    unsigned lost = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        static _Alignas(4096) uint8_t got[PAGE];
        rig r = rig_up(seed);
        bool durable;
        size_t n;

        write_page(r.a, 0, 0);
        disk_controls_of(r.d)->fail_at = 1;
        disk_controls_of(r.d)->fail_errno = EIO;
        assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_EIO);
        assert_int_equal(err.os_errno, EIO);
        assert_string_equal(err.text, "sync a: Input/output error");
        assert_int_equal(disk_counts_of(r.d)->syncs_after_failure, 0);
        assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
        assert_int_equal(disk_counts_of(r.d)->syncs_after_failure, 1);
        assert_int_equal(sectors_of(r.d, 0, 0), 0xff);
        assert_int_equal(after_cut(r.d, keep_all, 0, 0), 0xff);
        durable = after_cut(r.d, keep_none, 0, 0) == 0xff;
        assert_int_equal(r.a->ops->read_device(r.a, got, PAGE, 0, &n, &err), FIRN_OK);
        assert_int_equal(memcmp(got, page[0], PAGE) == 0, durable);
        lost += durable ? 0 : 1;
        rig_down(&r);
    }
    assert_in_range(lost, 1, 15);
}

/* Queued operations fail and come short as told; writing on after that is counted. */
static void test_failed_queue(void **state)
{
    rig r = rig_up(10);
    disk_controls *c = disk_controls_of(r.d);
    int64_t got;

    (void)state;
    c->fail_at = 2;
    c->fail_errno = ENOSPC;
    r.a->ops->queue_write(r.a, page[0], PAGE, 0, true, 1);
    r.a->ops->queue_write(r.a, page[1], PAGE, PAGE, true, 2);
    r.io->ops->queue_send(r.io);
    assert_int_equal(reap(r.io, 2), PAGE - ENOSPC);
    assert_int_equal(after_cut(r.d, keep_none, 0, 0), 0xff);
    assert_int_equal(after_cut(r.d, keep_none, 1, 1), 0);
    assert_int_equal(disk_counts_of(r.d)->failed_op, DISK_QUEUE_WRITE);
    assert_int_equal(disk_counts_of(r.d)->writes_after_failure, 0);
    c->fail_at = 1;
    c->fail_short = true;
    r.a->ops->queue_write(r.a, page[2], PAGE, 2 * PAGE, true, 3);
    r.io->ops->queue_send(r.io);
    got = reap(r.io, 1);
    assert_true(got < PAGE);
    assert_int_equal(disk_counts_of(r.d)->writes_after_failure, 1);
    rig_down(&r);
}

/* Faults of the queue alone leave the blocking side in peace. */
static void test_failed_queue_alone(void **state)
{
    rig r = rig_up(10);

    (void)state;
    disk_controls_of(r.d)->fail_at = 1;
    disk_controls_of(r.d)->fail_queued = true;
    write_page(r.a, 0, 0);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    r.a->ops->queue_sync(r.a, 1);
    r.io->ops->queue_send(r.io);
    assert_int_equal(reap(r.io, 1), -EIO);
    rig_down(&r);
}

/* A full disk refuses to fill, to extend and to create, and leaves what is there. */
static void test_no_space(void **state)
{
    rig r = rig_up(11);
    frn_file *b = open_file(r.io, "b", FRN_IO_WRITE | FRN_IO_CREATE);
    frn_file *c = NULL;
    uint64_t written;

    (void)state;
    disk_controls_of(r.d)->space_limited = true;
    disk_controls_of(r.d)->space_left = 2 * PAGE;
    assert_int_equal(b->ops->fill(b, 3 * PAGE, &written, &err), FIRN_ENOSPC);
    assert_int_equal(b->ops->fill(b, 2 * PAGE, &written, &err), FIRN_OK);
    assert_int_equal(b->ops->write(b, page[0], PAGE, 2 * PAGE, &err), FIRN_ENOSPC);
    assert_int_equal(b->ops->write(b, page[0], PAGE, PAGE, &err), FIRN_OK);
    assert_int_equal(r.io->ops->open(r.io, "c", FRN_IO_WRITE | FRN_IO_CREATE, &c, &err), FIRN_ENOSPC);
    b->ops->file_close(b);
    rig_down(&r);
}

/* A latent fault lies over every read, cached or not, and can be taken off again. */
static void test_overlay(void **state)
{
    rig r = rig_up(12);
    static _Alignas(4096) uint8_t got[PAGE];
    size_t n;

    (void)state;
    write_page(r.a, 0, 0);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    disk_fault_add(r.d, &(disk_fault){.name = "a", .offset = 700, .kind = DISK_FAULT_FLIP, .mask = 4});
    disk_fault_add(r.d, &(disk_fault){.name = "a", .offset = 1024, .size = SECTOR, .kind = DISK_FAULT_BYTES});
    assert_int_equal(r.a->ops->read(r.a, got, PAGE, 0, &n, &err), FIRN_OK);
    assert_int_equal(got[700], page[0][700] ^ 4);
    assert_int_equal(got[1024] | got[1535], 0);
    assert_int_equal(got[1536], page[0][1536]);
    assert_int_equal(r.a->ops->read_device(r.a, got, PAGE, 0, &n, &err), FIRN_OK);
    assert_int_equal(got[700], page[0][700] ^ 4);
    disk_faults_clear(r.d);
    disk_fault_add(r.d, &(disk_fault){.name = "a", .offset = 512, .size = SECTOR, .kind = DISK_FAULT_ERROR});
    assert_int_equal(r.a->ops->read(r.a, got, SECTOR, 0, &n, &err), FIRN_OK);
    assert_int_equal(r.a->ops->read(r.a, got, SECTOR, 1, &n, &err), FIRN_EIO);
    disk_faults_clear(r.d);
    assert_int_equal(r.a->ops->read(r.a, got, PAGE, 0, &n, &err), FIRN_OK);
    assert_memory_equal(got, page[0], PAGE);
    rig_down(&r);
}

/* Completions come in an order that depends on the seed alone, and not always in that of the writes. */
static void test_completions_are_seeded(void **state)
{
    unsigned reordered = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t order[2] = {0, 0};

        for (int round = 0; round < 2; round++) {
            rig r = rig_up(seed);
            unsigned left = 4;

            for (uint64_t i = 0; i < 4; i++) {
                r.a->ops->queue_write(r.a, page[i], PAGE, i * PAGE, true, i);
            }
            r.io->ops->queue_send(r.io);
            while (left > 0) {
                frn_completion done[4];
                unsigned n = r.io->ops->reap(r.io, done, 4, 0);

                for (unsigned i = 0; i < n; i++) {
                    order[round] = order[round] * 10 + done[i].tag;
                }
                left -= n;
            }
            rig_down(&r);
        }
        assert_int_equal(order[0], order[1]);
        reordered += order[0] != 123 ? 1 : 0;
    }
    assert_true(reordered > 0);
}

/* A buffer that changes while its write is in flight is reported. */
static void test_misuse_is_seen(void **state)
{
    rig r = rig_up(13);

    (void)state;
    r.a->ops->queue_write(r.a, page[0], PAGE, 0, true, 1);
    r.io->ops->queue_send(r.io);
    page[0][5] ^= 1;
    (void)reap(r.io, 1);
    assert_int_equal(disk_counts_of(r.d)->misuses, 1);
    assert_string_equal(disk_counts_of(r.d)->misuse, "the data of a queued write changed in flight");
    r.a->ops->file_close(r.a);
    r.io->ops->close(r.io);
    disk_free(r.d);
}

/* A disk made by a cut shares blocks with its origin, and writing to either leaves the other alone. */
static void test_copies_are_apart(void **state)
{
    rig r = rig_up(14);
    rig next = {0};

    (void)state;
    write_page(r.a, 0, 0);
    assert_int_equal(r.a->ops->sync(r.a, &err), FIRN_OK);
    next.d = disk_copy(r.d);
    assert_true(disk_hash(next.d) == disk_hash(r.d));
    next.io = disk_open_io(next.d);
    next.a = open_file(next.io, "a", FRN_IO_WRITE);
    write_page(next.a, 1, 0);
    write_page(r.a, 2, 0);
    assert_int_equal(sectors_of(next.d, 1, 0), 0xff);
    assert_int_equal(sectors_of(r.d, 2, 0), 0xff);
    assert_int_equal(next.a->ops->sync(next.a, &err), FIRN_OK);
    assert_true(disk_hash(next.d) != disk_hash(r.d));
    rig_down(&next);
    rig_down(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_is_pending_until_sync),
        cmocka_unit_test(test_sync_covers_only_reaped_writes),
        cmocka_unit_test(test_durable_write),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_torn_writes),
        cmocka_unit_test(test_every_subset),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_size_without_data),
        cmocka_unit_test(test_entry_and_size_alone),
        cmocka_unit_test(test_death_with_live_device),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_failed_sync),
        cmocka_unit_test(test_failed_queue),
        cmocka_unit_test(test_failed_queue_alone),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_completions_are_seeded),
        cmocka_unit_test(test_misuse_is_seen),
        cmocka_unit_test(test_copies_are_apart),
    };
    int failed = cmocka_run_group_tests_name("disk", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
