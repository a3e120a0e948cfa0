/* SPDX-License-Identifier: Apache-2.0 */
/* store_world.c — a ledger for a model test of one store, and the seeds that drive it. */
#include "test/model/store_world.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/ledger/ledger.h"

enum {
    SEEDS = 3, /* Of every run, in each place. */
    LONG_FIRST = 1000001,
    SECONDS_DEFAULT = 3600
};

static int64_t world_clock(void *arg)
{
    return ((store_world *)arg)->clock_ns;
}

static firn_ledger *open_as(store_world *world, firn_open_mode mode)
{
    firn_options options = world->options;
    firn_ledger *ledger;
    firn_error err;

    options.mode = mode;
    if (mode == FIRN_OPEN_READ) {
        options.replay_records_max = 0;
    }
    OK(err, firn_open(world->url, &options, &ledger, &err));
    return ledger;
}

static void close_it(firn_ledger *ledger)
{
    firn_error err;

    OK(err, firn_close(ledger, &err));
}

void store_world_begin(store_world *world, uint64_t seed, bool on_disk, uint32_t chunk_size)
{
    *world = (store_world){.seed = seed, .dice = dice_of(seed), .on_disk = on_disk, .clock_ns = 1000000};
    world->options = (firn_options){
        .struct_size = sizeof world->options,
        .segment_size = 65536 * (4 + dice_roll(&world->dice, 8)),
        .spare_segments = 1,
        .group_size_max = 131072,
        .replay_records_max = 16 + dice_roll(&world->dice, 100), /* So that rows are merged all the time. */
        .content_chunk_size = chunk_size,
        .clock = world_clock,
        .clock_arg = world,
    };
    if (on_disk) {
        (void)snprintf(world->url, sizeof world->url, "./model-XXXXXX");
        assert_non_null(mkdtemp(world->url));
    } else {
        (void)snprintf(world->url, sizeof world->url, "mem:model-%llu", (unsigned long long)seed);
    }
    world->ledger = open_as(world, FIRN_OPEN_NEW);
    world->keeper = on_disk ? NULL : open_as(world, FIRN_OPEN_READ);
}

void store_world_end(store_world *world)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err;

    store_world_check(world);
    close_it(world->ledger);
    if (world->on_disk) {
        OK(err, firn_verify(world->url, NULL, &report, &err));
        assert_int_equal(report.records, world->records);
        api_remove_folder(world->url);
    }
    close_it(world->keeper);
}

void store_world_reopen(store_world *world, store_look look, void *arg)
{
    char index[96];
    firn_ledger *reading;

    close_it(world->ledger);
    if (ROLL(world, 2) == 0 && world->on_disk) {
        (void)snprintf(index, sizeof index, "%s/index", world->url);
        api_remove_folder(index);
    }
    if (ROLL(world, 2) == 0) {
        reading = open_as(world, FIRN_OPEN_READ);
        look(arg, reading);
        close_it(reading);
    }
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
    look(arg, world->ledger);
}

void store_world_beside(store_world *world, store_look look, void *arg)
{
    firn_ledger *reading = open_as(world, FIRN_OPEN_READ);
    firn_error err;

    if (world->records != 0) {
        /* The writer tells other handles a few milliseconds later. */
        OK(err, firn_wait(reading, world->records - 1, -1, &err));
    }
    look(arg, reading);
    close_it(reading);
}

void store_world_check(store_world *world)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err;

    OK(err, frn_ledger_check(world->ledger, &err));
    OK(err, firn_replay(world->ledger, NULL, &report, &err));
    assert_int_equal(report.records, world->records);
}

void store_views_close(firn_view **views, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        firn_view_close(views[k]);
        views[k] = NULL;
    }
}

void store_world_move_clock(store_world *world)
{
    unsigned move = ROLL(world, 20);

    world->clock_ns += move == 0 ? -40000 : move < 4 ? 0 : (int64_t)dice_roll(&world->dice, 2000000000);
}

int64_t store_world_time(const store_world *world)
{
    return world->clock_ns > world->last_ns ? world->clock_ns : world->last_ns;
}

void store_world_appended(store_world *world, uint64_t records)
{
    if (records != 0) {
        world->last_ns = store_world_time(world);
        world->records += records;
    }
}

bool store_world_full(firn_status status)
{
    const struct timespec moment = {.tv_nsec = 200000};

    if (status == FIRN_FULL) {
        (void)nanosleep(&moment, NULL);
    }
    return status == FIRN_FULL;
}

void store_world_count(const store_world *world)
{
    firn_cursor position;

    firn_position(world->ledger, &position);
    assert_int_equal(position.seq, world->records);
}

const char *store_text(const char *format, ...)
{
    static char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

/* What the command line asked for; cmocka's tests take no arguments. */
static struct {
    void (*run)(uint64_t seed, bool on_disk);
    uint64_t seed; /* 0: those of every run. */
    const char *kept;
    time_t seconds;
} asked;

static void run_both(uint64_t seed)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        print_message("seed %llu, %s\n", (unsigned long long)seed, on_disk != 0 ? "on disk" : "in memory");
        asked.run(seed, on_disk != 0);
    }
}

/* Goes on from the seed that the file keeps, for a time. */
static void run_long(void)
{
    FILE *file = fopen(asked.kept, "r");
    time_t end = time(NULL) + asked.seconds;
    unsigned long long seed = LONG_FIRST;

    if (file != NULL) {
        if (fscanf(file, "%llu", &seed) != 1) {
            seed = LONG_FIRST;
        }
        (void)fclose(file);
    }
    while (time(NULL) < end) {
        run_both(seed++);
        file = fopen(asked.kept, "w");
        assert_non_null(file);
        (void)fprintf(file, "%llu\n", seed);
        assert_int_equal(fclose(file), 0);
    }
}

/* The store and its model agree after every step of random histories. */
static void agrees_with_the_model(void **state)
{
    (void)state;
    if (asked.kept != NULL) {
        run_long();
    } else if (asked.seed != 0) {
        run_both(asked.seed);
    } else {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            run_both(seed);
        }
    }
}

int store_main(int argc, char **argv, const char *name, void (*run)(uint64_t seed, bool on_disk))
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"long", required_argument, NULL, 'g'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};
    const char *given = getenv("FIRN_MODEL_SEED");
    int c;

    asked.run = run;
    asked.seconds = SECONDS_DEFAULT;
    asked.seed = given == NULL ? 0 : strtoull(given, NULL, 10);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's') {
            asked.seed = strtoull(optarg, NULL, 10);
        } else if (c == 'g') {
            asked.kept = optarg;
        } else if (c == 't') {
            asked.seconds = (time_t)strtoll(optarg, NULL, 10);
        } else {
            (void)fprintf(stderr, "usage: %s [--seed N | --long FILE [--seconds N]]\n", argv[0]);
            return 2;
        }
    }
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
