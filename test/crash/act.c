/* SPDX-License-Identifier: Apache-2.0 */
/* act.c — what a host does with a ledger, by dice. */
#include <string.h>

#include "test/crash/world.h"

enum {
    LARGE_SIZE = 90000
};

static size_t payload_size(world *w)
{
    if (dice_chance(&w->dice, w->with->large_in)) {
        return 15000 + dice_roll(&w->dice, LARGE_SIZE);
    }
    return dice_chance(&w->dice, 8) ? 0 : dice_roll(&w->dice, w->with->size_typical + 1);
}

static void add_conditions(world *w, model_request *request)
{
    if (dice_chance(&w->dice, 3)) {
        request->expects_count = 1 + (unsigned)dice_roll(&w->dice, MODEL_EXPECTS_MAX);
        for (unsigned i = 0; i < request->expects_count; i++) {
            unsigned stream = (request->events[0].stream + i) % MODEL_STREAMS;
            uint64_t version = w->m->streams[stream].version;

            request->expects[i].stream = stream;
            request->expects[i].version = dice_chance(&w->dice, 6) ? version + 1 : version;
        }
    }
    if (dice_chance(&w->dice, 4)) {
        request->has_key = true;
        request->key = (unsigned)dice_roll(&w->dice, MODEL_KEYS);
        request->scope = (unsigned)dice_roll(&w->dice, MODEL_SCOPES);
        request->has_digest = dice_chance(&w->dice, 3);
        memset(request->digest, (int)dice_roll(&w->dice, 2), sizeof request->digest);
    }
}

/* The request of an earlier batch once more: under its key it exists, without one it is appended again. */
static model_request *repeat(world *w)
{
    model_request *request = w->m->batches[dice_roll(&w->dice, w->m->count)].request;

    request->refs++;
    return request;
}

static model_verb verb(world *w, model_verb_kind kind, unsigned run)
{
    model_verb v = {.kind = kind, .subject = run};

    switch (kind) {
    case MODEL_PUT:
        v.subject = (unsigned)dice_roll(&w->dice, dice_chance(&w->dice, 6) ? MODEL_CONTENTS : MODEL_CONTENTS - 1);
        break;
    case MODEL_APPEND:
        v.first = dice_chance(&w->dice, 2) ? 0 : 1 + (unsigned)dice_roll(&w->dice, 20);
        v.count = 1 + (unsigned)dice_roll(&w->dice, MODEL_APPENDS_MAX);
        break;
    case MODEL_END:
        v.first = FIRN_RUN_COMPLETED + (unsigned)dice_roll(&w->dice, 3);
        break;
    case MODEL_PROMOTE:
        v.subject = (unsigned)dice_roll(&w->dice, MODEL_RELEASES);
        v.first = (unsigned)dice_roll(&w->dice, MODEL_CONTENTS);
        break;
    case MODEL_CREATE:
    default:
        break;
    }
    return v;
}

/* One verb, or a run's whole life with content and a release, or any few. */
static void add_verbs(world *w, model_request *request)
{
    static const model_verb_kind life[] = {MODEL_PUT, MODEL_CREATE, MODEL_APPEND, MODEL_END, MODEL_PROMOTE};
    unsigned run = (unsigned)dice_roll(&w->dice, MODEL_RUNS);
    bool whole = dice_chance(&w->dice, 4);
    unsigned count = whole ? 5 : 1 + (unsigned)dice_roll(&w->dice, dice_chance(&w->dice, 3) ? MODEL_VERBS_MAX : 1);

    for (unsigned i = 0; i < count; i++) {
        /* Ends are rare, or no run would have events. */
        model_verb_kind kind = (model_verb_kind)dice_roll(&w->dice, MODEL_PROMOTE + 1);

        kind = kind == MODEL_END && !dice_chance(&w->dice, 6) ? MODEL_APPEND : kind;
        request->verbs[i] = verb(w, whole ? life[i] : kind, run);
    }
    request->verbs_count = model_stores_have_room(&w->m->stores, request->verbs, count) ? count : 0;
}

model_request *world_request(world *w)
{
    model_event events[MODEL_EVENTS_MAX] = {{0}};
    unsigned count = (unsigned)dice_roll(&w->dice, dice_chance(&w->dice, 4) ? MODEL_EVENTS_MAX + 1 : 3);
    unsigned stream = (unsigned)dice_roll(&w->dice, MODEL_STREAMS);
    bool wide = dice_chance(&w->dice, 2);
    model_request *request;
    size_t size = 0;

    if (w->m->count > 0 && dice_chance(&w->dice, 6)) {
        request = repeat(w);
        if (!request->sets_key_age && model_stores_have_room(&w->m->stores, request->verbs, request->verbs_count)) {
            return request;
        }
        model_request_unref(request);
    }
    for (unsigned i = 0; i < count; i++) {
        events[i] = (model_event){
            .stream = wide ? (unsigned)dice_roll(&w->dice, MODEL_STREAMS) : stream,
            .kind = 1 + (uint32_t)dice_roll(&w->dice, FIRN_EVENT_KIND_MAX),
            .size = payload_size(w),
            .at = size,
        };
        size += events[i].size;
    }
    events[0].stream = count == 0 ? stream : events[0].stream;
    request = model_request_new(size);
    request->events_count = count;
    memcpy(request->events, events, sizeof events);
    for (size_t i = 0; i < size; i += 1 + (i > 256 ? 64 : 0)) {
        request->bytes[i] = (uint8_t)dice_next(&w->dice);
    }
    if (dice_chance(&w->dice, 3)) {
        add_verbs(w, request);
    }
    add_conditions(w, request);
    return request;
}

static model_request *key_age_request(uint64_t age_ns)
{
    model_request *request = model_request_new(0);

    request->sets_key_age = true;
    request->age_ns = age_ns;
    return request;
}

firn_status world_create(world *w, firn_error *err)
{
    model_request *request = key_age_request(w->with->options.key_age_ns);
    firn_status status;

    (void)model_decide(w->m, request, disk_controls_of(w->d)->wall_ns);
    model_request_unref(request);
    status = world_open(w, FIRN_OPEN_CREATE, err);
    w->m->floor = status == FIRN_OK ? 1 : 0;
    return status;
}

static void move_clock(world *w)
{
    disk_controls *controls = disk_controls_of(w->d);

    controls->wall_ns += (int64_t)1000000 << dice_roll(&w->dice, 14);
    if (dice_chance(&w->dice, 8)) {
        controls->wall_ns -= INT64_C(3600000000000);
    }
}

static bool sync_all(world *w)
{
    firn_error err;
    firn_status status = firn_sync(w->ledger, &err);

    if (world_failed(w, status, &err)) {
        return false;
    }
    if (status != FIRN_OK) {
        violation("sync: %s", err.text);
    }
    if (!w->failing || !world_is_poisoned(w)) {
        w->m->floor = w->m->count;
    }
    return true;
}

static void drive(world *w)
{
    firn_error err;
    firn_status status;

    if (dice_chance(&w->dice, 2)) {
        (void)frn_ledger_step_drive(w->ledger);
        return;
    }
    status = firn_poll(w->ledger, dice_chance(&w->dice, 2) ? 0 : -1, NULL, &err);
    if (status != FIRN_OK && status != FIRN_TIMEOUT && !world_failed(w, status, &err)) {
        violation("poll: %s", err.text);
    }
}

static void reopen(world *w)
{
    uint64_t before = w->incarnation;
    firn_error err;

    world_close(w);
    if (world_open(w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("open after a clean close: %s", err.text);
    }
    if (!w->was_clean || w->incarnation != before) {
        violation("closed cleanly in incarnation %llu, opened %s in %llu", (unsigned long long)before,
                  w->was_clean ? "clean" : "unclean", (unsigned long long)w->incarnation);
    }
    if (world_check_log(w) != w->m->count) {
        violation("batches are missing after a clean close");
    }
}

void world_merge(world *w)
{
    firn_stats stats = {.struct_size = sizeof stats};
    size_t count = w->m->floor;
    bool merged = frn_ledger_step_merge(w->ledger);
    firn_error err;

    if (firn_stat(w->ledger, &stats, &err) != FIRN_OK) {
        violation("stat: %s", err.text);
    }
    if (merged) {
        world_counted.merges++;
        trace("merged up to %llu", (unsigned long long)stats.merged_seq);
    }
    if (stats.merged_seq > stats.durable_seq) {
        violation("rows up to seq %llu are merged, durable is %llu", (unsigned long long)stats.merged_seq,
                  (unsigned long long)stats.durable_seq);
    }
    while (count < w->m->count && w->m->batches[count].first_seq <= stats.merged_seq) {
        count++;
    }
    w->m->floor = count;
}

bool world_pay(world *w)
{
    uint64_t most = w->with->options.replay_records_max;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    if (!w->with->indexed || most == 0) {
        return true;
    }
    if (firn_stat(w->ledger, &stats, &err) != FIRN_OK) {
        violation("stat: %s", err.text);
    }
    if (stats.allocated_seq - stats.merged_seq + MODEL_RECORDS_MAX > most) {
        if (!sync_all(w)) {
            return false;
        }
        world_merge(w);
    }
    return true;
}

void world_act(world *w, bool reopens)
{
    uint64_t roll = dice_roll(&w->dice, 100);
    size_t count;

    if (roll < 40) {
        world_submit(w, world_request(w), dice_chance(&w->dice, 3));
    } else if (roll < 58) {
        world_commit(w, world_request(w));
    } else if (roll < 60) {
        world_commit(w, key_age_request(UINT64_C(1000000) << dice_roll(&w->dice, 24)));
    } else if (roll < 77) {
        drive(w);
    } else if (roll < 86) {
        (void)frn_ledger_step_make(w->ledger);
    } else if (roll < 89) {
        (void)sync_all(w);
    } else if (roll < 91 && !w->failing) {
        count = world_check_log(w);
        /* What a reader saw must stay. */
        w->m->floor = w->m->floor < count ? count : w->m->floor;
        world_check_rows(w, count);
    } else if (roll < 95) {
        move_clock(w);
    } else if (roll < 97) {
        disk_controls_of(w->d)->space_limited = true;
        disk_controls_of(w->d)->space_left = dice_roll(&w->dice, 3) * 70000;
    } else if (reopens) {
        disk_controls_of(w->d)->space_limited = false;
        reopen(w);
    }
    if (w->with->indexed && dice_chance(&w->merge_dice, w->with->merge_in)) {
        world_merge(w);
    }
    world_poll(w);
}
