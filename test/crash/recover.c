/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.c — make crash states of a disk, recover each, and check it.
 *
 * Of every state: no group stands where its writer had not said that it would write; recovery succeeds, and what it
 * exposes is the model's prefix to the last byte, no shorter than what answers that were given rest on, every batch
 * whole; incarnation, cut and cursors are as they must be; when the process ends, no memory, handle or lock is left,
 * and the seam was not misused. By dice, of one state in a few: `verify` and a reader before anybody has recovered;
 * every answer from the rows, the rows against a replay, every content by its digest; damage laid over what is durable;
 * a second crash during recovery; a power cut right behind it, after which recovering again changes nothing; the same
 * operations going on, with late writes landing and the disk failing; and `verify` at the end.
 *
 * A check that fails can be planted, so that finding and shrinking can be shown: a state is wrong if the
 * history's own process was cut short by a power cut that tore a write, with a batch under a key in the model.
 */
#include "test/crash/recover.h"

enum {
    UNRECOVERED_IN = 16, /* Of so many states one is read before it is recovered, */
    DAMAGED_IN = 16,     /* or damaged, */
    SECOND_IN = 12,      /* or crashed at the steps of its recovery, */
    ROWS_IN = 4,         /* or has its rows looked at; */
    EXPOSED_IN = 4,      /* or is crashed again right behind its recovery, */
    FAILING_IN = 16,     /* or goes on with a disk that fails, */
    LIVE_IN = 4,         /* or with one that does not; */
    VERIFIED_IN = 8      /* and is verified at the end. */
};

/* What is made at this moment follows from it. */
static uint64_t moment_seed(const crash_point *at)
{
    return dice_part(dice_part(at->seed, at->depth == 0 ? place.action : 0), at->moment);
}

/* Whether the sweep is to go to this moment, or to this state of it. */
static bool wants_moment(const crash_point *at)
{
    const sweep *s = at->sweep;
    const crash_address *only = &s->only[at->depth];

    return s->only_depth == 0 ||
           (at->depth < s->only_depth && only->moment == at->moment && (at->depth > 0 || only->action == place.action));
}

static bool wants_state(const crash_point *at, uint32_t index)
{
    return at->sweep->only_depth == 0 || at->sweep->only[at->depth].index == index;
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

/* What was cut is told, and begins where the log ends. */
static void check_cut(const world *w)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    if (firn_stat(w->ledger, &stats, &err) != FIRN_OK) {
        violation("stat: %s", err.text);
    }
    /* Opening an empty ledger appends its first record. */
    if (!w->was_clean && stats.cuts_count > 0 && stats.last_cut.incarnation == w->incarnation &&
        stats.durable_seq > 1 && stats.last_cut.first_seq != stats.durable_seq + 1) {
        violation("the log ends at seq %llu, and the cut is said to begin at %llu",
                  (unsigned long long)stats.durable_seq, (unsigned long long)stats.last_cut.first_seq);
    }
}

/* What was exposed survives a crash that follows at once, and recovering it again changes nothing. */
static void check_exposed(crash_point *life, dice *own, disk *d)
{
    crash_made cut = {.plan.how = DISK_CUT_NONE, .open_effects = disk_open_effects(d)};

    cut.plan.seed = dice_next(own);
    crash_now(life, d, dice_chance(own, 2) ? &cut : NULL);
}

static void recover_world(crash_point *life, dice *own, world *w)
{
    sweep *s = life->sweep;
    uint64_t incarnation = life->incarnation;
    firn_error err;
    size_t count;

    if (world_open(w, FIRN_OPEN_CREATE, &err) != FIRN_OK) {
        violation("recovery: %s: %s", firn_status_name(err.status), err.text);
    }
    disk_controls_of(w->d)->step = NULL;
    check_incarnation(w, incarnation);
    life->incarnation = w->incarnation;
    count = world_check_log(w);
    check_cut_cursor(w, incarnation, count);
    check_cut(w);
    model_truncate(w->m, count);
    if (dice_chance(own, ROWS_IN) || s->every_row) {
        world_check_rows(w, count);
    }
    if (life->depth <= s->depth_max && dice_chance(own, EXPOSED_IN)) {
        check_exposed(life, own, w->d);
    }
    if (life->depth <= s->depth_max && dice_chance(own, FAILING_IN)) {
        live_failing(life, own, w);
        return;
    }
    if (dice_chance(own, LIVE_IN)) {
        live_on(life, own, w);
    }
    if (dice_chance(own, 2)) {
        world_abandon(w);
    } else {
        world_close(w);
    }
    if (dice_chance(own, VERIFIED_IN) && disk_orphans(w->d) == 0) {
        check_verify(w->d);
    }
}

static uint64_t claims(uint64_t hash, const model *m)
{
    return (hash ^ m->floor * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0x94d049bb133111eb) ^ m->count;
}

static bool has_key(const model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->batches[i].request->has_key) {
            return true;
        }
    }
    return false;
}

/* Whether d was not recovered yet under the same claims; else it is no state of its own. */
static bool is_another(sweep *s, const disk *d, const model *m, uint64_t *out_hash)
{
    uint64_t with_index = 0;

    *out_hash = disk_hash(d);
    if (disk_companion_of(d) != NULL) {
        with_index = disk_companion_of(d)->hash(disk_companion_of(d));
    }
    return seen_add(s->seen, claims(*out_hash ^ with_index, m));
}

/* Recovers d, which becomes this function's, and checks what comes out. */
static void recover(crash_point *at, dice *own, disk *d)
{
    sweep *s = at->sweep;
    crash_point life = {.sweep = s, .seed = dice_next(own), .incarnation = at->incarnation, .depth = at->depth + 1};
    disk_controls *controls = disk_controls_of(d);
    uint64_t state = place.state;
    uint64_t hash;
    model fork;
    world w;

    if (!is_another(s, d, at->m, &hash)) {
        disk_free(d);
        s->repeated++;
        return;
    }
    place.state = ++s->states;
    s->second += at->depth > 0 || at->again ? 1 : 0;
    (void)seen_add(s->disks, hash);
    trace("crash number %u", at->depth + 1);
    if (s->planted && at->depth == 0 && place.made[0].plan.how == DISK_CUT_TORN && has_key(at->m)) {
        violation("planted: a write of the history was torn, and the model holds a key");
    }
    check_reach(d);
    model_fork(at->m, at->m->count, &fork);
    life.m = &fork;
    world_init(&w, s->with, d, &fork, dice_next(own));
    if (dice_chance(own, DAMAGED_IN) && at->incarnation != 0) {
        check_damaged(s, own, d, &fork, false);
    }
    if (dice_chance(own, UNRECOVERED_IN) && at->incarnation != 0 && disk_orphans(d) == 0) {
        check_unrecovered(&life, own, d, &fork);
    }
    controls->land_in = dice_chance(own, 2) ? 0 : 100;
    life.every = s->every_second && at->depth == 0;
    life.steps_in = 6;
    life.states_mean = 2;
    if ((dice_chance(own, SECOND_IN) && life.depth < s->depth_max) || life.every) {
        controls->step = crash_step;
        controls->step_arg = &life;
    }
    recover_world(&life, own, &w);
    world_done(&w);
    model_done(&fork);
    place.state = state;
}

/* Makes a state of d, as made says or by dice, and has it recovered. */
static void crash(crash_point *at, const disk *d, uint32_t index, const crash_made *made)
{
    dice own = dice_of(dice_part(moment_seed(at), index));
    crash_made *how = &place.made[at->depth];

    if (!wants_state(at, index)) {
        return;
    }
    *how = made == NULL ? crash_choose(&own, d) : *made;
    place.crashes[at->depth] =
        (crash_address){.action = at->depth == 0 ? (uint32_t)place.action : 0, .moment = at->moment, .index = index};
    place.depth = at->depth + 1;
    recover(at, &own, crash_make(d, how));
    place.depth = at->depth;
}

void crash_now(crash_point *at, disk *d, const crash_made *made)
{
    at->moment++;
    if (wants_moment(at)) {
        crash(at, d, 0, made);
    }
}

typedef struct every_one {
    crash_point *at;
    const disk *d;
} every_one;

static void crash_one(void *arg, uint32_t index, const crash_made *made)
{
    every_one *every = arg;

    crash(every->at, every->d, index, made);
}

void crash_step(void *arg, disk *d, disk_op op)
{
    crash_point *at = arg;
    unsigned open_effects = disk_open_effects(d);
    uint64_t count = 0;
    dice own;

    at->moment++;
    trace("disk: %s, %u effects open", disk_op_name(op), open_effects);
    if (!wants_moment(at)) {
        return;
    }
    if (at->every) {
        crash_every(d, crash_one, &(every_one){.at = at, .d = d});
        return;
    }
    if (at->sweep->only_depth != 0) {
        crash(at, d, at->sweep->only[at->depth].index, NULL);
        return;
    }
    own = dice_of(~moment_seed(at));
    if (dice_chance(&own, at->steps_in)) {
        count = open_effects == 0 ? dice_roll(&own, 2) : dice_roll(&own, 2 * at->states_mean) + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        crash(at, d, i, NULL);
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
