/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.c — make crash states of a disk, recover each, and check it.
 *
 * A state is checked like this: before recovery, now and then, `verify` and an open for reading, which must find
 * nothing wrong and change no byte. Then recovery, with a second crash at its steps now and then. What it exposes must
 * be the model's prefix; a power cut right after must leave the same. Then, now and then, life goes on with the same
 * operations, late writes land, and the ledger is closed and opened, or crashes again.
 */
#include "test/crash/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REACH_LOOKS_IN = 2 /* One state in so many has every block of it looked at. */
};

bool seen_add(seen *s, uint64_t hash)
{
    size_t i;

    if (2 * s->count >= s->capacity) {
        seen grown = {.capacity = s->capacity == 0 ? 4096 : 2 * s->capacity};

        grown.slots = calloc(grown.capacity, sizeof *grown.slots);
        if (grown.slots == NULL) {
            abort();
        }
        for (size_t k = 0; k < s->capacity; k++) {
            if (s->slots[k] != 0) {
                (void)seen_add(&grown, s->slots[k]);
            }
        }
        free(s->slots);
        *s = grown;
    }
    hash = hash == 0 ? 1 : hash;
    for (i = (size_t)hash & (s->capacity - 1); s->slots[i] != 0; i = (i + 1) & (s->capacity - 1)) {
        if (s->slots[i] == hash) {
            return false;
        }
    }
    s->slots[i] = hash;
    s->count++;
    return true;
}

void seen_free(seen *s)
{
    free(s->slots);
    *s = (seen){0};
}

static disk *by_death(sweep *s, const disk *d)
{
    static const char *const texts[] = {"late writes resolved", "late writes hold the lock", "late writes, lock free"};
    disk_late late = (disk_late)dice_roll(&s->dice, 3);
    uint64_t seed = dice_next(&s->dice);

    (void)snprintf(place.plan, sizeof place.plan, "process death, %s, dice %llx", texts[late],
                   (unsigned long long)seed);
    return disk_die(d, late, seed);
}

disk *crash_state(sweep *s, const disk *d)
{
    static const char *const texts[] = {"none", "all", "prefix", "mask", "torn", "holed", "random"};
    unsigned open_effects = disk_open_effects(d);
    disk_cut_plan plan = {.how = DISK_CUT_NONE, .seed = dice_next(&s->dice)};
    uint64_t roll = dice_roll(&s->dice, 20);

    if (roll < 4) {
        return by_death(s, d);
    }
    if (open_effects > 0) {
        plan.rest = (disk_rest)dice_roll(&s->dice, 3);
        plan.number = dice_roll(&s->dice, open_effects);
        plan.sector = (unsigned)dice_roll(&s->dice, disk_effect_sectors(d, (unsigned)plan.number) + 1);
        if (roll < 5) {
            plan.how = DISK_CUT_ALL;
        } else if (roll < 7) {
            plan.how = DISK_CUT_PREFIX;
        } else if (roll < 10) {
            plan.how = DISK_CUT_MASK;
            plan.number = dice_next(&s->dice);
        } else if (roll < 14) {
            plan.how = DISK_CUT_TORN;
        } else if (roll < 16) {
            plan.how = DISK_CUT_HOLED;
        } else if (roll < 19) {
            plan.how = DISK_CUT_RANDOM;
        }
    }
    (void)snprintf(place.plan, sizeof place.plan, "power cut: %s %llx of %u, sector %u, rest %d, dice %llx",
                   texts[plan.how], (unsigned long long)plan.number, open_effects, plan.sector, (int)plan.rest,
                   (unsigned long long)plan.seed);
    return disk_cut(d, &plan);
}

/* Reading does not change a byte, finds nothing wrong, and shows what recovery must keep. */
static void check_unrecovered(sweep *s, disk *d, model *m)
{
    uint64_t hash = disk_hash(d);
    bool settled = disk_open_effects(d) == 0; /* Else reading may sync what it shows. */
    firn_verify_options options = {.struct_size = sizeof options};
    firn_report report = {.struct_size = sizeof report};
    frn_ledger_seam seam = {.threads = false};
    frn_heap heap;
    firn_error err;
    size_t count;
    world w;

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
    world_init(&w, s->with, d, m, 1);
    if (world_open(&w, FIRN_OPEN_READ, &err) != FIRN_OK) {
        violation("open for reading: %s", err.text);
    }
    count = world_check_log(&w);
    if (dice_chance(&s->dice, 2)) {
        world_check_rows(&w, count);
    }
    world_abandon(&w);
    if (settled && disk_hash(d) != hash) {
        violation("reading changed the disk");
    }
}

static void check_incarnation(const world *w, uint64_t before)
{
    if (before != 0 && (w->was_clean ? w->incarnation != before : w->incarnation <= before)) {
        violation("a ledger of incarnation %llu was opened %s in incarnation %llu", (unsigned long long)before,
                  w->was_clean ? "clean" : "unclean", (unsigned long long)w->incarnation);
    }
}

static void recover(sweep *s, disk *d, const model *m, uint64_t incarnation, unsigned depth);

/* The same operations go on, late writes land, and then the ledger is closed and opened, or crashes again. */
static void live_on(sweep *s, world *w, unsigned depth)
{
    unsigned acts = 1 + (unsigned)dice_roll(&s->dice, 6);
    uint64_t incarnation = w->incarnation;
    firn_error err;

    for (unsigned i = 0; i < acts; i++) {
        world_act(w, false);
        if (dice_chance(&s->dice, 3)) {
            (void)disk_land(w->d);
        }
    }
    if (depth < CRASH_DEPTH_MAX && dice_chance(&s->dice, 2)) {
        recover(s, crash_state(s, w->d), w->m, w->incarnation, depth + 1);
    }
    disk_controls_of(w->d)->space_limited = false;
    world_close(w);
    while (disk_land(w->d)) {
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

/* What was exposed survives a power cut that follows at once, and recovering it again changes nothing. */
static void check_exposed(sweep *s, const world *w, unsigned depth)
{
    disk_cut_plan plan = {.how = DISK_CUT_NONE, .seed = dice_next(&s->dice)};
    size_t length = strlen(place.plan);

    (void)snprintf(place.plan + length, sizeof place.plan - length, "; then a power cut after recovery");
    recover(s, disk_cut(w->d, &plan), w->m, w->incarnation, depth + 1);
}

/* A cursor to a record that the crash took back is refused: its seq will be given out again. */
static void check_cut_cursor(const world *w, uint64_t incarnation, size_t count)
{
    firn_cursor cursor;
    firn_scan_options options = {.struct_size = sizeof options, .after = &cursor};
    firn_scan *scan = NULL;
    firn_error err;
    firn_status status;

    if (incarnation == 0 || count == w->m->count) {
        return;
    }
    firn_position(w->ledger, &cursor);
    cursor.incarnation = incarnation;
    cursor.seq = w->m->batches[count].first_seq;
    status = firn_scan_open(w->ledger, &options, &scan, &err);
    if (status != FIRN_ECONFLICT || err.detail != FIRN_DETAIL_CURSOR) {
        violation("a cursor to seq %llu, which was cut: %s", (unsigned long long)cursor.seq, firn_status_name(status));
    }
}

static void recover_world(sweep *s, world *w, uint64_t incarnation, unsigned depth)
{
    firn_error err;
    size_t count;

    if (world_open(w, FIRN_OPEN_CREATE, &err) != FIRN_OK) {
        violation("recovery: %s: %s", firn_status_name(err.status), err.text);
    }
    disk_controls_of(w->d)->step = NULL;
    check_incarnation(w, incarnation);
    count = world_check_log(w);
    check_cut_cursor(w, incarnation, count);
    model_truncate(w->m, count);
    if (dice_chance(&s->dice, 4) || s->every_row) {
        world_check_rows(w, count);
    }
    if (depth < CRASH_DEPTH_MAX && dice_chance(&s->dice, 4)) {
        check_exposed(s, w, depth);
    }
    if (dice_chance(&s->dice, 4)) {
        live_on(s, w, depth);
    }
    if (dice_chance(&s->dice, 2)) {
        world_abandon(w);
    } else {
        world_close(w);
    }
}

static uint64_t claims(uint64_t hash, const model *m)
{
    return (hash ^ m->floor * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0x94d049bb133111eb) ^ m->count;
}

/* Recovers d, which becomes this function's, and checks what comes out. */
static void recover(sweep *s, disk *d, const model *m, uint64_t incarnation, unsigned depth)
{
    sweep_place outer = place;
    disk_controls *controls = disk_controls_of(d);
    crash_point again = {.sweep = s, .incarnation = incarnation, .depth = depth + 1, .steps_in = 6, .states_mean = 2};
    uint64_t with_index = 0;
    uint64_t hash;
    model fork;
    world w;

    /* The same disk under the same claims was checked already: no state of its own. */
    hash = disk_hash(d);
    if (disk_companion_of(d) != NULL) {
        with_index = disk_companion_of(d)->hash(disk_companion_of(d));
    }
    if (!seen_add(s->seen, claims(hash ^ with_index, m))) {
        disk_free(d);
        s->repeated++;
        return;
    }
    place.state = ++s->states;
    s->second += depth > 0 ? 1 : 0;
    (void)seen_add(s->disks, hash);
    trace("crash number %u: %s", depth + 1, place.plan);
    if (hash % REACH_LOOKS_IN == 0) {
        check_reach(d);
    }
    model_fork(m, m->count, &fork);
    world_init(&w, s->with, d, &fork, dice_next(&s->dice));
    if (incarnation != 0 && disk_orphans(d) == 0 && dice_chance(&s->dice, 16)) {
        check_unrecovered(s, d, &fork);
    }
    controls->land_in = dice_chance(&s->dice, 2) ? 0 : 100;
    again.every = s->every_second && depth == 0;
    if (again.every || (depth + 1 < CRASH_DEPTH_MAX && dice_chance(&s->dice, 12))) {
        again.m = &fork;
        controls->step = crash_step;
        controls->step_arg = &again;
    }
    recover_world(s, &w, incarnation, depth);
    world_done(&w);
    model_done(&fork);
    place = outer;
}

static void recover_cut(crash_point *at, const disk *d, disk_cut_plan plan, const char *what)
{
    sweep_place outer = place;

    (void)snprintf(place.plan, sizeof place.plan, "power cut: %s %llu, sector %u, rest %d", what,
                   (unsigned long long)plan.number, plan.sector, (int)plan.rest);
    recover(at->sweep, disk_cut(d, &plan), at->m, at->incarnation, at->depth);
    place = outer;
}

/* Nothing, every prefix, every open effect alone missing, every one torn and holed at each sector, the rest old or
   garbage; and the death of the process, three ways. */
static void every_state(crash_point *at, const disk *d)
{
    unsigned open_effects = disk_open_effects(d);

    for (unsigned i = 0; i < open_effects; i++) {
        unsigned sectors = disk_effect_sectors(d, i);

        recover_cut(at, d, (disk_cut_plan){.how = DISK_CUT_PREFIX, .number = i}, "prefix");
        recover_cut(at, d, (disk_cut_plan){.how = DISK_CUT_MASK, .number = ~(UINT64_C(1) << i)}, "mask");
        for (unsigned s = 0; s < sectors; s++) {
            for (int garbage = 0; garbage < 2; garbage++) {
                disk_rest rest = garbage != 0 ? DISK_REST_GARBAGE : DISK_REST_OLD;
                disk_cut_plan plan = {.number = i, .sector = s, .rest = rest, .seed = s};

                plan.how = DISK_CUT_TORN;
                recover_cut(at, d, plan, "torn");
                plan.how = DISK_CUT_HOLED;
                recover_cut(at, d, plan, "holed");
            }
        }
    }
    recover_cut(at, d, (disk_cut_plan){.how = DISK_CUT_ALL}, "all");
    for (int late = DISK_LATE_RESOLVED; late <= DISK_LATE_FREE; late++) {
        sweep_place outer = place;

        (void)snprintf(place.plan, sizeof place.plan, "process death, late writes %d", late);
        recover(at->sweep, disk_die(d, (disk_late)late, 1), at->m, at->incarnation, at->depth);
        place = outer;
    }
}

void crash_step(void *arg, disk *d, disk_op op)
{
    crash_point *at = arg;
    sweep *s = at->sweep;
    unsigned open_effects = disk_open_effects(d);
    uint64_t count = 0;

    trace("disk: %s, %u effects open", disk_op_name(op), open_effects);
    if (at->every) {
        every_state(at, d);
        return;
    }
    if (dice_chance(&s->dice, at->steps_in)) {
        count = open_effects == 0 ? dice_roll(&s->dice, 2) : dice_roll(&s->dice, 2 * at->states_mean) + 1;
    }
    for (uint64_t i = 0; i < count; i++) {
        sweep_place outer = place;

        recover(s, crash_state(s, d), at->m, at->incarnation, at->depth);
        place = outer;
    }
}

void crash_end_history(world *w)
{
    size_t count;
    firn_error err;

    disk_controls_of(w->d)->step = NULL;
    disk_controls_of(w->d)->space_limited = false;
    world_close(w);
    while (disk_land(w->d)) {
    }
    if (world_open(w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("open at the end: %s", err.text);
    }
    count = world_check_log(w);
    if (count != w->m->count) {
        violation("%zu batches at the end, the model has %zu", count, w->m->count);
    }
    world_check_rows(w, count);
    world_close(w);
    world_done(w);
}
