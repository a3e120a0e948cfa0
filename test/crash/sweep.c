/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c — the crash sweep: random histories on a simulated disk, crashed at every step of the disk.
 *
 *   sweep [--seeds A..B | --seed N] [--states N] [--list FILE] [--long FILE] [--seconds N]
 *         [--trace 1|2]
 *
 * Each seed is one history; --states says how many crash states to make of it. --list runs the seeds of a file first:
 * those that once failed. --long goes on from the seed kept in a file, for --seconds, and keeps the next one there.
 * Prints a line at the end; a violation prints seed, state and action, and ends with status 1.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/crash/pool.h"
#include "test/crash/recover.h"

enum {
    ACTIONS_MAX = 4000,
    STATES_DEFAULT = 2000,
    SECONDS_DEFAULT = 3600,
    SEEDS_APART = 1000000,
    HISTORIES_MANY = 100
};

typedef struct totals {
    uint64_t histories;
    uint64_t states;
    uint64_t second;
    uint64_t actions;
    uint64_t restarts;
    uint64_t first; /* Seeds run. */
    uint64_t last;
    uint64_t distinct; /* Disks of histories whose hashes were let go. */
    seen seen;
    seen disks;
} totals;

/* The history itself crashes and goes on in what is left. */
static void restart(sweep *s, world *w, model *m, crash_point *at)
{
    disk *next;
    settings const *with = w->with;
    firn_error err;

    next = crash_state(s, w->d);
    world_abandon(w);
    world_done(w);
    world_init(w, with, next, m, dice_next(&s->dice));
    disk_controls_of(next)->step = crash_step;
    disk_controls_of(next)->step_arg = at;
    disk_controls_of(next)->land_in = 20;
    at->depth = 1;
    at->steps_in = 4;
    if (world_open(w, FIRN_OPEN_WRITE, &err) != FIRN_OK) {
        violation("the history cannot go on: %s", err.text);
    }
    at->depth = 0;
    at->steps_in = 1;
    at->incarnation = w->incarnation;
    model_truncate(m, world_check_log(w));
}

static void run_history(uint64_t seed, uint64_t states, totals *sum)
{
    settings with = settings_of(seed);
    sweep s = {.with = &with, .dice = dice_of(~seed), .seen = &sum->seen, .disks = &sum->disks};
    model m;
    crash_point at = {.sweep = &s, .m = &m, .steps_in = 3, .states_mean = 8};
    world w;
    firn_error err;

    place = (sweep_place){.seed = seed, .plan = "history"};
    model_init(&m);
    world_init(&w, &with, disk_new(seed), &m, seed);
    disk_controls_of(w.d)->step = crash_step;
    disk_controls_of(w.d)->step_arg = &at;
    if (world_create(&w, &err) != FIRN_OK) {
        violation("create: %s", err.text);
    }
    at.incarnation = w.incarnation;
    at.steps_in = 1;
    while (s.states < states && place.action < ACTIONS_MAX) {
        place.action++;
        world_act(&w, true);
        if (dice_chance(&s.dice, 40)) {
            restart(&s, &w, &m, &at);
            sum->restarts++;
            (void)snprintf(place.plan, sizeof place.plan, "history");
        }
    }
    sum->actions += place.action;
    crash_end_history(&w);
    model_done(&m);
    sum->first = sum->histories == 0 ? seed : sum->first;
    sum->last = seed;
    sum->histories++;
    sum->states += s.states;
    sum->second += s.second;
}

static uint64_t number(const char *text, const char *what)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        (void)fprintf(stderr, "sweep: %s is no number for %s\n", text, what);
        exit(2);
    }
    return value;
}

static void run_list(const char *name, uint64_t states, totals *sum)
{
    FILE *list = fopen(name, "r");
    char line[256];

    if (list == NULL) {
        (void)fprintf(stderr, "sweep: %s: %s\n", name, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof line, list) != NULL) {
        unsigned long long seed, own = states;

        if (line[0] != '#' && sscanf(line, "%llu %llu", &seed, &own) >= 1) {
            run_history(seed, own, sum);
        }
    }
    (void)fclose(list);
}

/* Goes on from the seed that the file keeps, for a time. */
static void run_long(const char *name, unsigned long long seed, uint64_t states, uint64_t seconds, totals *sum)
{
    FILE *file = fopen(name, "r");
    time_t end = time(NULL) + (time_t)seconds;
    unsigned long long kept;

    if (file != NULL) {
        seed = fscanf(file, "%llu", &kept) == 1 ? kept : seed;
        (void)fclose(file);
    }
    while (time(NULL) < end) {
        run_history(seed++, states, sum);
        sum->distinct += sum->disks.count;
        seen_free(&sum->seen);
        seen_free(&sum->disks);
        file = fopen(name, "w");
        if (file == NULL) {
            (void)fprintf(stderr, "sweep: %s: %s\n", name, strerror(errno));
            exit(2);
        }
        (void)fprintf(file, "%llu\n", seed);
        (void)fclose(file);
    }
}

/* What came of indexes; false: something never did. */
static bool tell_indexes(void)
{
    const world_counts *c = &world_counted;

    (void)printf("indexes: %llu merges; %llu opens from a committed state, %llu of them behind the log, %llu without "
                 "an index, %llu with one that was spoilt, %llu with one of a history that was taken back; %llu calls "
                 "not taken because too much was not merged\n",
                 (unsigned long long)c->merges, (unsigned long long)c->left[INDEX_STATE], (unsigned long long)c->behind,
                 (unsigned long long)c->left[INDEX_NOTHING], (unsigned long long)c->left[INDEX_SPOILT],
                 (unsigned long long)c->left[INDEX_FORKED], (unsigned long long)c->held);
    return c->merges > 0 && c->behind > 0 && c->left[INDEX_NOTHING] > 0 && c->left[INDEX_SPOILT] > 0 &&
           c->left[INDEX_FORKED] > 0 && c->held > 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'r'},  {"seed", required_argument, NULL, 's'},
        {"states", required_argument, NULL, 'n'}, {"list", required_argument, NULL, 'l'},
        {"long", required_argument, NULL, 'g'},   {"seconds", required_argument, NULL, 't'},
        {"trace", required_argument, NULL, 'v'},  {NULL, 0, NULL, 0},
    };
    uint64_t first = 1, last = 50, states = STATES_DEFAULT, seconds = SECONDS_DEFAULT;
    const char *list = NULL, *saved = NULL;
    totals sum = {0};
    char kept[4096];
    char *dots;
    int c;

    pool_serve_small();
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'r' && (dots = strstr(optarg, "..")) != NULL) {
            *dots = '\0';
            first = number(optarg, "--seeds");
            last = number(dots + 2, "--seeds");
        } else if (c == 's') {
            first = last = number(optarg, "--seed");
        } else if (c == 'n') {
            states = number(optarg, "--states");
        } else if (c == 'l') {
            list = optarg;
        } else if (c == 'g') {
            saved = optarg;
        } else if (c == 't') {
            seconds = number(optarg, "--seconds");
        } else if (c == 'v') {
            trace_level = (int)number(optarg, "--trace");
        } else {
            (void)fprintf(stderr, "usage: sweep [--seeds A..B | --seed N] [--states N] [--list FILE] [--long FILE] "
                                  "[--seconds N] [--trace 1|2]\n");
            return 2;
        }
    }
    if (getenv("FIRN_TEST_LONG") != NULL && last >= first && saved == NULL) {
        /* The long campaign of test/run: on from where it stopped, far from the seeds of every run. */
        (void)snprintf(kept, sizeof kept, "%s/crash-sweep-%llu", getenv("FIRN_TEST_STATE"), (unsigned long long)first);
        saved = kept;
    }
    if (list != NULL) {
        run_list(list, states, &sum);
    }
    if (saved != NULL) {
        run_long(saved, first * SEEDS_APART + 1, states, seconds, &sum);
    } else {
        for (uint64_t seed = first; seed <= last; seed++) {
            run_history(seed, states, &sum);
        }
    }
    (void)printf(
        "crash sweep: seeds %llu to %llu: %llu histories, %llu actions, %llu restarts; %llu states, %llu of them "
        "distinct disks, %llu after a second crash; 0 violations\n",
        (unsigned long long)sum.first, (unsigned long long)sum.last, (unsigned long long)sum.histories,
        (unsigned long long)sum.actions, (unsigned long long)sum.restarts, (unsigned long long)sum.states,
        (unsigned long long)(sum.distinct + sum.disks.count), (unsigned long long)sum.second);
    if (!tell_indexes() && sum.histories >= HISTORIES_MANY) {
        (void)fprintf(stderr, "sweep: so many histories did not come across all that they should\n");
        status = 1;
    }
    seen_free(&sum.seen);
    seen_free(&sum.disks);
    image_pool_free();
    return status;
}
