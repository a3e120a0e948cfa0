/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.c — a short history, and the operations that it may consist of: every kind of call that changes a ledger, and
 * everything else that makes the disk change.
 */
#include "test/crash/rig.h"

#include <string.h>

void rig_up_with(rig *r, uint64_t seed, bool every, bool indexed, bool from_nothing)
{
    firn_error err;

    memset(r, 0, sizeof *r);
    r->with = settings_of(seed);
    r->with.indexed = indexed;
    r->with.options.replay_records_max = 0;
    r->with.options.outstanding_max = 128;
    r->sweep = (sweep){.with = &r->with, .seen = &r->states, .disks = &r->disks, .depth_max = CRASH_DEPTH_MAX};
    r->at = (crash_point){.sweep = &r->sweep, .m = &r->m, .seed = seed, .every = every, .steps_in = 1};
    r->at.states_mean = 4;
    place = (sweep_place){.seed = seed};
    model_init(&r->m);
    world_init(&r->w, &r->with, disk_new(seed), &r->m, seed);
    rig_crash(r, from_nothing);
    if (world_create(&r->w, &err) != FIRN_OK) {
        violation("create: %s", err.text);
    }
    r->at.incarnation = r->w.incarnation;
    rig_crash(r, true);
}

void rig_up(rig *r, uint64_t seed, bool every)
{
    rig_up_with(r, seed, every, seed % 3 != 0, false);
}

void rig_crash(rig *r, bool crash)
{
    disk_controls_of(r->w.d)->step = crash ? crash_step : NULL;
    disk_controls_of(r->w.d)->step_arg = &r->at;
}

void rig_down(rig *r)
{
    crash_end_history(&r->w);
    model_done(&r->m);
    seen_free(&r->states);
    seen_free(&r->disks);
}

model_request *rig_events(unsigned streams, unsigned count, size_t size, uint8_t fill)
{
    model_request *request = model_request_new(count * size);

    request->events_count = count;
    for (unsigned i = 0; i < count; i++) {
        request->events[i] = (model_event){.stream = i % streams, .kind = 1 + i, .size = size, .at = i * size};
        memset(request->bytes + i * size, fill + (int)i, size);
    }
    return request;
}

void rig_cross(world *w)
{
    unsigned run = w->m->stores.runs[0].created ? 1 : 0;
    model_request *request = rig_events(1, 1, 60, 7);

    request->verbs_count = 5;
    request->verbs[0] = (model_verb){.kind = MODEL_PUT, .subject = 3};
    request->verbs[1] = (model_verb){.kind = MODEL_CREATE, .subject = run};
    request->verbs[2] = (model_verb){.kind = MODEL_APPEND, .subject = run, .count = 3};
    request->verbs[3] = (model_verb){.kind = MODEL_END, .subject = run, .first = FIRN_RUN_COMPLETED};
    request->verbs[4] = (model_verb){.kind = MODEL_PROMOTE, .subject = 1, .first = 3};
    world_submit(w, request, true);
}

/* ---- the operations ---- */

static void append(rig *r)
{
    world_commit(&r->w, rig_events(1, 1, 50, 1));
}

/* Submitted, and nobody waits: the group may stay in memory, or go with the next one. */
static void batch(rig *r)
{
    world_submit(&r->w, rig_events(2, 3, 5000, 2), false);
}

static void with_key(rig *r, uint8_t fill)
{
    model_request *request = rig_events(2, 2, 100, fill);

    request->has_key = true;
    world_commit(&r->w, request);
}

/* Once more: what the first one did. */
static void keyed(rig *r)
{
    with_key(r, 4);
}

/* Behind the one above: a conflict. */
static void keyed_otherwise(rig *r)
{
    with_key(r, 5);
}

static void refused(rig *r)
{
    model_request *request = rig_events(1, 1, 10, 9);

    request->expects_count = 1;
    request->expects[0] = (model_expect){.stream = 0, .version = 77};
    world_submit(&r->w, request, false);
}

static void verb(rig *r, model_verb v)
{
    model_request *request = model_request_new(0);

    request->verbs_count = 1;
    request->verbs[0] = v;
    world_commit(&r->w, request);
}

static void put(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_PUT, .subject = 3});
}

/* Longer than a chunk, and than a segment. */
static void put_large(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_PUT, .subject = MODEL_CONTENTS - 1});
}

static void run_create(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_CREATE, .subject = 0});
}

/* Without the one above: refused. */
static void run_append(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_APPEND, .subject = 0, .count = 2});
}

static void run_finish(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_END, .subject = 0, .first = FIRN_RUN_COMPLETED});
}

static void promote(rig *r)
{
    verb(r, (model_verb){.kind = MODEL_PROMOTE, .subject = 0, .first = 3});
}

static void cross(rig *r)
{
    rig_cross(&r->w);
}

static void key_age(rig *r)
{
    model_request *request = model_request_new(0);

    request->sets_key_age = true;
    request->age_ns = UINT64_C(1) << 40;
    world_commit(&r->w, request);
}

static void merge(rig *r)
{
    world_merge(&r->w);
}

/* What is in a segment and this do not fit one: it is sealed, and the next one begins. */
static void rotate(rig *r)
{
    world_commit(&r->w, rig_events(2, 4, 14000, 3));
}

static void sync_all(rig *r)
{
    firn_error err;

    if (firn_sync(r->w.ledger, &err) != FIRN_OK) {
        violation("sync: %s", err.text);
    }
    r->m.floor = r->m.count;
}

static void make(rig *r)
{
    while (frn_ledger_step_make(r->w.ledger)) {
    }
}

static void drive(rig *r)
{
    (void)frn_ledger_step_drive(r->w.ledger);
    world_poll(&r->w);
}

static void reopen(rig *r)
{
    firn_error err;

    world_close(&r->w);
    if (world_open(&r->w, FIRN_OPEN_WRITE, &err) != FIRN_OK || !r->w.was_clean) {
        violation("open after a clean close: %s", err.text);
    }
}

/* The end of a process without a word, and the recovery behind it. */
static void die(rig *r)
{
    disk_controls controls = *disk_controls_of(r->w.d);
    disk *next = disk_die(r->w.d, DISK_LATE_RESOLVED, 1);
    size_t count;
    firn_error err;

    world_abandon(&r->w);
    world_done(&r->w);
    world_init(&r->w, &r->with, next, &r->m, 1);
    disk_controls_of(next)->step = controls.step;
    disk_controls_of(next)->step_arg = controls.step_arg;
    if (world_open(&r->w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("open after a death: %s", err.text);
    }
    count = world_check_log(&r->w);
    model_truncate(&r->m, count);
    r->at.incarnation = r->w.incarnation;
}

const rig_operation rig_operations[] = {
    {"append", append},
    {"batch", batch},
    {"keyed", keyed},
    {"keyed otherwise", keyed_otherwise},
    {"refused", refused},
    {"put", put},
    {"put large", put_large},
    {"run create", run_create},
    {"run append", run_append},
    {"run finish", run_finish},
    {"promote", promote},
    {"cross", cross},
    {"key age", key_age},
    {"merge", merge},
    {"rotate", rotate},
    {"sync", sync_all},
    {"make", make},
    {"drive", drive},
    {"reopen", reopen},
    {"die", die},
};
const unsigned rig_operations_count = sizeof rig_operations / sizeof rig_operations[0];
