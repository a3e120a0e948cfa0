/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.c — what is done to a crash state besides recovering it: readers before, life after, failures and damage.
 */
#include <errno.h>
#include <string.h>

#include "engine/base/heap.h"
#include "format/group.h"
#include "test/crash/recover.h"

enum {
    NAMES_MAX = 64,
    FAULT_SIZE_MAX = 4096,
    FAULT_TRIES = 16,
    SECTOR = 512,
    PAGE = 4096,
    DAMAGED_IN = 8 /* Of so many ledgers that were closed, one. */
};

void check_incarnation(const world *w, uint64_t before)
{
    if (before != 0 && (w->was_clean ? w->incarnation != before : w->incarnation <= before)) {
        violation("a ledger of incarnation %llu was opened %s in incarnation %llu", (unsigned long long)before,
                  w->was_clean ? "clean" : "unclean", (unsigned long long)w->incarnation);
    }
}

void check_verify(disk *d)
{
    firn_verify_options options = {.struct_size = sizeof options};
    firn_report report = {.struct_size = sizeof report};
    frn_ledger_seam seam = {.threads = false};
    frn_heap heap;
    firn_error err;

    frn_heap_init(&heap);
    seam.heap = &heap;
    seam.io = disk_open_io(d);
    if (frn_ledger_verify_on(&seam, &options, &report, &err) != FIRN_OK || report.findings != 0) {
        violation("verify of a healthy log: %s", err.text);
    }
    seam.io->ops->close(seam.io);
    if (atomic_load(&heap.live) != 0) {
        violation("verify left allocations");
    }
}

void check_unrecovered(crash_point *life, dice *own, disk *d, model *m)
{
    uint64_t hash = disk_hash(d);
    bool settled = disk_open_effects(d) == 0; /* Else reading may sync what it shows. */
    firn_error err;
    size_t count;
    world w;

    check_verify(d);
    world_init(&w, life->sweep->with, d, m, 1);
    if (world_open(&w, FIRN_OPEN_READ, &err) != FIRN_OK) {
        violation("open for reading: %s", err.text);
    }
    count = world_check_log(&w);
    if (dice_chance(own, 2)) {
        world_check_rows(&w, count);
    }
    world_abandon(&w);
    if (settled && disk_hash(d) != hash) {
        violation("reading changed the disk");
    }
    /* What a reader saw must stay, whatever comes next. */
    m->floor = m->floor < count ? count : m->floor;
    world_counted.readers++;
    if (life->depth <= life->sweep->depth_max) {
        crash_now(life, d, NULL);
    }
}

void live_on(crash_point *life, dice *own, world *w)
{
    unsigned acts = 1 + (unsigned)dice_roll(own, 6);
    uint64_t incarnation = w->incarnation;
    firn_error err;

    for (unsigned i = 0; i < acts; i++) {
        world_act(w, false);
        if (dice_chance(own, 3)) {
            (void)disk_land(w->d);
        }
    }
    if (dice_chance(own, 2) && life->depth <= life->sweep->depth_max) {
        crash_now(life, w->d, NULL);
    }
    disk_controls_of(w->d)->space_limited = false;
    world_close(w);
    while (disk_land(w->d)) {
    }
    if (dice_chance(own, DAMAGED_IN)) {
        check_damaged(life->sweep, own, w->d, w->m, true);
    }
    if (world_open(w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("open again: %s", err.text);
    }
    check_incarnation(w, incarnation);
    if (!w->was_clean) {
        violation("closed, and not opened clean");
    }
    if (world_check_log(w) != w->m->count) {
        violation("batches are missing after a close");
    }
}

/* ---- a disk that fails ---- */

/* A write or sync of the queue failed: nothing is taken any more, and nothing was written or synced since. */
static void check_poisoned(world *w)
{
    const disk_counts *counts = disk_counts_of(w->d);
    firn_event event = {.kind = 1};
    firn_error err;
    firn_status status = firn_append(w->ledger, model_stream_name(0), &event, 1, NULL, NULL, &err);

    if (!world_is_poisoned(w)) {
        violation("a write or sync of the queue failed, and the ledger is not poisoned");
    }
    if (status != FIRN_EPOISONED) {
        violation("append to a poisoned ledger: %s", firn_status_name(status));
    }
    if (counts->writes_after_failure != 0 || counts->syncs_after_failure != 0) {
        violation("%llu writes after a failed one, %llu syncs of a file behind a failed one",
                  (unsigned long long)counts->writes_after_failure, (unsigned long long)counts->syncs_after_failure);
    }
    world_counted.poisoned++;
}

void live_failing(crash_point *life, dice *own, world *w)
{
    static const int errnos[] = {EIO, ENOSPC};
    const disk_counts *counts = disk_counts_of(w->d);
    disk_controls *controls = disk_controls_of(w->d);
    unsigned acts = 2 + (unsigned)dice_roll(own, 8);
    uint64_t reaped = counts->failures_reaped;
    size_t count;

    controls->fail_queued = dice_chance(own, 2);
    controls->fail_at = 1 + dice_roll(own, controls->fail_queued ? 3 : 20);
    controls->fail_errno = errnos[dice_roll(own, 2)];
    controls->fail_short = dice_chance(own, 3);
    controls->fail_for_ever = dice_chance(own, 2);
    w->failing = true;
    trace("operation %llu of the disk will fail", (unsigned long long)controls->fail_at);
    for (unsigned i = 0; i < acts; i++) {
        world_act(w, false);
    }
    world_counted.failing++;
    world_counted.failed += counts->failed > 0 ? 1 : 0;
    if (counts->failures_reaped > reaped) {
        check_poisoned(w);
    }
    if (dice_chance(own, 2)) {
        controls->fail_at = 0;
        count = world_check_log(w);
        w->m->floor = w->m->floor < count ? count : w->m->floor;
    }
    crash_now(life, w->d, NULL);
    controls->space_limited = false;
    if (dice_chance(own, 2)) {
        world_close(w);
        crash_now(life, w->d, NULL);
    } else {
        world_abandon(w);
    }
}

/* ---- damage ---- */

typedef struct listed {
    char names[NAMES_MAX][FRN_IO_NAME_SIZE_MAX + 1];
    uint64_t sizes[NAMES_MAX];
    unsigned count;
} listed;

static void list(void *arg, const char *name, uint64_t size)
{
    listed *all = arg;

    if (all->count < NAMES_MAX && size > 0) {
        memcpy(all->names[all->count], name, strlen(name) + 1);
        all->sizes[all->count++] = size;
    }
}

/* Bytes of d that are not blank, and what shall be read instead. False: found none. */
static bool choose_fault(dice *own, const disk *d, disk_fault *out_fault)
{
    static uint8_t bytes[FAULT_SIZE_MAX];
    static uint8_t there[FAULT_SIZE_MAX];
    listed all = {.count = 0};
    disk_fault *f = out_fault;

    disk_names(d, list, &all);
    for (unsigned i = 0; i < FAULT_TRIES && all.count > 0; i++) {
        unsigned file = (unsigned)dice_roll(own, all.count);
        uint64_t kind = dice_roll(own, 8);
        bool changes = false;

        *f = (disk_fault){.offset = dice_roll(own, all.sizes[file]), .size = 1, .bytes = bytes};
        memcpy(f->name, all.names[file], sizeof f->name);
        if (kind < 4) {
            f->kind = DISK_FAULT_FLIP;
            f->mask = (uint8_t)(1u << dice_roll(own, 8));
        } else {
            static const size_t sizes[] = {8, SECTOR, SECTOR, FAULT_SIZE_MAX};

            f->kind = kind == 7 ? DISK_FAULT_ERROR : DISK_FAULT_BYTES;
            f->size = sizes[kind - 4];
            f->offset -= f->offset % f->size;
            /* Of noise, of nothing, or of what stands elsewhere in the file. */
            disk_peek(d, f->name, bytes, f->size, dice_roll(own, all.sizes[file] / f->size + 1) * f->size);
            for (size_t k = 0; k < f->size && kind != 6; k++) {
                bytes[k] = kind == 4 ? (uint8_t)dice_next(own) : 0;
            }
        }
        disk_peek(d, f->name, there, f->size, f->offset);
        for (size_t k = 0; k < f->size; k++) {
            changes |= there[k] != 0 && (f->kind != DISK_FAULT_BYTES || there[k] != bytes[k]);
        }
        if (changes) {
            return true;
        }
    }
    return false;
}

/* Whether a place may look with this damage as if nothing had been written there: segments begin as zeros. */
static bool hides_group(const disk_fault *fault)
{
    const uint8_t *bytes = fault->bytes;

    return fault->kind == DISK_FAULT_BYTES &&
           (bytes == NULL || (bytes[0] == 0 && memcmp(bytes, bytes + 1, fault->size - 1) == 0));
}

/* What an open for writing may lose: after an unclean stop the last groups, which no witness reaches. It tells, if it
   can see that something stood there. A ledger that was closed may lose nothing. */
static void check_lost(const world *w, const disk_fault *fault, bool closed, size_t count)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    if (firn_stat(w->ledger, &stats, &err) != FIRN_OK) {
        violation("stat: %s", err.text);
    }
    if (closed || w->was_clean ||
        (!hides_group(fault) && (stats.cuts_count == 0 || stats.last_cut.incarnation != w->incarnation))) {
        violation("damage took %zu of %zu batches, and nobody says so", w->m->floor - count, w->m->floor);
    }
}

static void check_damaged_open(world *w, const disk_fault *fault, bool closed, firn_open_mode mode)
{
    firn_error err;
    firn_status status = world_open(w, mode, &err);
    size_t count;

    if (status != FIRN_OK) {
        if (status != FIRN_ECORRUPT && (status != FIRN_EIO || fault->kind != DISK_FAULT_ERROR)) {
            violation("open of a damaged ledger: %s: %s", firn_status_name(status), err.text);
        }
        trace("damage is refused: %s", err.text);
        world_counted.refused += mode == FIRN_OPEN_WRITE ? 1 : 0;
        return;
    }
    count = world_check_damaged(w, &status, &err);
    if (status == FIRN_END && count >= w->m->floor) {
        world_counted.harmless++;
    } else if (status == FIRN_END && mode == FIRN_OPEN_WRITE) {
        check_lost(w, fault, closed, count);
    }
    world_abandon(w);
}

void check_damaged(const sweep *s, dice *own, const disk *d, const model *m, bool closed)
{
    disk *copy = disk_copy(d);
    disk_fault fault;
    model fork;
    world w;

    if (!choose_fault(own, copy, &fault)) {
        disk_free(copy);
        return;
    }
    trace("damage %d of %zu bytes at %llu of %s", (int)fault.kind, fault.size, (unsigned long long)fault.offset,
          fault.name);
    model_fork(m, m->count, &fork);
    world_init(&w, s->with, copy, &fork, dice_next(own));
    disk_fault_add(copy, &fault);
    world_counted.damaged++;
    if (dice_chance(own, 2)) {
        check_damaged_open(&w, &fault, closed, FIRN_OPEN_READ);
    }
    check_damaged_open(&w, &fault, closed, FIRN_OPEN_WRITE);
    world_done(&w);
    model_done(&fork);
}
