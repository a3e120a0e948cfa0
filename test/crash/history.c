/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c — run one history: create, act, crash and go on, close.
 *
 * Each action rolls dice of its own, which follow from the seed and its number, and so do the crashes in it. So the
 * actions before it may be left out, and it is still asked for the same, as far as the ledger lets it.
 */
#include "test/crash/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESTART_IN = 40,
    LAND_IN = 20,
    STATES_MEAN = 8,
    PARTS = 8 /* Of the choices of an action. */
};

/* The history itself crashes and goes on in what is left. */
static void restart(crash_point *at, world *w, model *m, uint64_t seed)
{
    dice own = dice_of(seed);
    crash_made made = crash_choose(&own, w->d);
    disk *next = crash_make(w->d, &made);
    const settings *with = w->with;
    firn_error err;

    trace("the history crashes");
    world_abandon(w);
    world_done(w);
    world_init(w, with, next, m, dice_next(&own));
    disk_controls_of(next)->step = crash_step;
    disk_controls_of(next)->step_arg = at;
    disk_controls_of(next)->land_in = LAND_IN;
    at->again = true;
    at->steps_in = 4;
    if (world_open(w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("the history cannot go on: %s", err.text);
    }
    at->again = false;
    at->steps_in = 1;
    at->incarnation = w->incarnation;
    model_truncate(m, world_check_log(w));
}

/* What the number-th part of this action is decided by. */
static uint64_t part_of(const job *j, unsigned part)
{
    return dice_part(j->seed, place.action * PARTS + part);
}

static bool act(const job *j, crash_point *at, world *w, model *m)
{
    dice own = dice_of(part_of(j, 0));

    at->moment = 0;
    w->dice = dice_of(part_of(j, 1));
    w->merge_dice = dice_of(part_of(j, 2));
    *disk_dice(w->d) = dice_of(part_of(j, 3));
    world_act(w, true);
    if (!dice_chance(&own, RESTART_IN)) {
        return false;
    }
    restart(at, w, m, part_of(j, 4));
    return true;
}

/* The number of the next action; 0: the history ends. */
static uint64_t next_action(const job *j, const sweep *s, unsigned taken)
{
    if (j->has_actions) {
        return taken < j->actions_count ? j->actions[taken] : 0;
    }
    if (j->only_depth != 0) {
        return place.action < j->only[0].action ? place.action + 1 : 0;
    }
    return s->states < j->states && place.action < JOB_ACTIONS_MAX ? place.action + 1 : 0;
}

static void count(const job *j, const sweep *s, uint64_t actions, totals *sum)
{
    sum->actions += actions;
    sum->first = sum->histories == 0 ? j->seed : sum->first;
    sum->last = j->seed;
    sum->histories++;
    sum->states += s->states;
    sum->repeated += s->repeated;
    sum->second += s->second;
}

void history_run(const job *j, totals *sum)
{
    settings with = settings_of(j->seed);
    sweep s = {.with = &with, .seen = &sum->seen, .disks = &sum->disks, .planted = j->planted};
    crash_point at = {.sweep = &s, .seed = dice_part(j->seed, ~j->salt), .steps_in = 3};
    unsigned taken = 0;
    uint64_t next;
    firn_error err;
    model m;
    world w;

    for (unsigned i = 0; i < j->settings_count; i++) {
        (void)settings_change(&with, j->settings[i]);
    }
    s.depth_max = j->depth_max;
    s.only_depth = j->only_depth;
    memcpy(s.only, j->only, sizeof s.only);
    at.m = &m;
    at.states_mean = STATES_MEAN * j->more;
    place = (sweep_place){.seed = j->seed};
    model_init(&m);
    world_init(&w, &with, disk_new(j->seed), &m, j->seed);
    disk_controls_of(w.d)->step = crash_step;
    disk_controls_of(w.d)->step_arg = &at;
    if (world_create(&w, &err) != FIRN_OK) {
        violation("create: %s", err.text);
    }
    at.incarnation = w.incarnation;
    at.steps_in = 1;
    while ((next = next_action(j, &s, taken)) != 0) {
        place.action = next;
        taken++;
        sum->restarts += act(j, &at, &w, &m) ? 1 : 0;
    }
    crash_end_history(&w);
    model_done(&m);
    count(j, &s, taken, sum);
}

/* ---- asking for it ---- */

job job_new(uint64_t seed, uint64_t states)
{
    return (job){.seed = seed, .states = states, .more = 1, .depth_max = CRASH_DEPTH_MAX};
}

void job_text(const job *j, char out[JOB_TEXT_SIZE])
{
    sweep_place only = {.depth = j->only_depth};
    char address[PLACE_TEXT_SIZE];
    size_t length = 0;

#define ADD(...) length += (size_t)snprintf(out + length, JOB_TEXT_SIZE - length, __VA_ARGS__)
    ADD("--seed %llu", (unsigned long long)j->seed);
    if (!j->has_actions && j->only_depth == 0) {
        ADD(" --states %llu", (unsigned long long)j->states);
    }
    for (unsigned i = 0; i < j->settings_count; i++) {
        ADD(" --set %s", j->settings[i]);
    }
    if (j->has_actions) {
        ADD(" --actions %s", j->actions_count == 0 ? "none" : "");
        for (unsigned i = 0; i < j->actions_count; i++) {
            ADD("%s%u", i == 0 ? "" : ",", j->actions[i]);
        }
    }
    if (j->salt != 0) {
        ADD(" --salt %llu", (unsigned long long)j->salt);
    }
    if (j->more != 1 && j->only_depth == 0) {
        ADD(" --more %u", j->more);
    }
    if (j->depth_max != CRASH_DEPTH_MAX) {
        ADD(" --depth %u", j->depth_max);
    }
    if (j->only_depth != 0) {
        memcpy(only.crashes, j->only, sizeof only.crashes);
        place_address(&only, address);
        ADD(" --at %s", address);
    }
    if (j->planted) {
        ADD(" --plant");
    }
#undef ADD
}

static bool number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = text == NULL ? 0 : strtoull(text, &end, 10);
    return text != NULL && errno == 0 && end != text && *end == '\0';
}

static bool actions(job *j, const char *text)
{
    char *end;

    j->has_actions = true;
    j->actions_count = 0;
    if (strcmp(text, "none") == 0) {
        return true;
    }
    for (;; text = end + 1) {
        unsigned long value = strtoul(text, &end, 10);

        if (end == text || value == 0 || value > JOB_ACTIONS_MAX || j->actions_count == JOB_ACTIONS_MAX) {
            return false;
        }
        j->actions[j->actions_count++] = (uint32_t)value;
        if (*end != ',') {
            return *end == '\0';
        }
    }
}

bool job_option(job *j, const char *name, const char *value)
{
    settings scratch = settings_of(1);
    uint64_t n = 0;
    bool is_number = number(value, &n);

    if (strcmp(name, "plant") == 0) {
        j->planted = true;
        return true;
    }
    if (value == NULL) {
        return false;
    }
    if (strcmp(name, "set") == 0) {
        if (j->settings_count == JOB_SETTINGS_MAX || !settings_change(&scratch, value)) {
            return false;
        }
        j->settings[j->settings_count++] = value;
        return true;
    }
    if (strcmp(name, "actions") == 0) {
        return actions(j, value);
    }
    if (strcmp(name, "at") == 0) {
        return place_parse(value, j->only, &j->only_depth);
    }
    if (strcmp(name, "seed") == 0) {
        j->seed = n;
    } else if (strcmp(name, "states") == 0) {
        j->states = n;
    } else if (strcmp(name, "salt") == 0) {
        j->salt = n;
    } else if (strcmp(name, "more") == 0) {
        j->more = (unsigned)n;
    } else if (strcmp(name, "depth") == 0 && n <= CRASH_DEPTH_MAX) {
        j->depth_max = (unsigned)n;
    } else {
        return false;
    }
    return is_number;
}
