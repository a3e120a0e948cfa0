/* SPDX-License-Identifier: Apache-2.0 */
/*
 * every.c — small things whole: every short history with every crash of it, and every crash of a recovery.
 *
 *   every --length N      [--part K/N] [--only NUMBER] [--long FILE] [--seconds N]
 *   every --workloads A..B             [--only NUMBER] [--long FILE] [--seconds N]
 *
 * --length: all sequences of at most so many operations. The alphabet is rig.c's: an append; a batch over two streams
 * that nobody waits for; a keyed call, once more its repetition, and another request under its key; a condition that is
 * refused; content, small and in chunks; create, append to, and finish a run; promote a release; one batch over all
 * stores; the age of keys set; merge; a segment sealed and the next begun; sync; spares made; one step of the log
 * driven; close and open; the death of the process and recovery. The creation of the ledger is the sequence of no
 * length. Crashed is each step of the disk in the last operation: those before it are sequences of their own. The
 * crashes are crash_every()'s.
 *
 * --workloads: each is a dozen actions by dice, crashed now and then; the recovery from each of these crashes is
 * crashed at each of its steps in every way, and the recovery from that now and then once more.
 *
 * --part K/N takes the K-th of N parts of them. --long goes on with the number kept in a file, for --seconds,
 * and keeps the next one; when the end is reached it says so and stays there. --only repeats one.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/crash/pool.h"
#include "test/crash/rig.h"

enum {
    LENGTH_MAX = 4,
    WORKLOAD_ACTIONS = 12,
    SEEDS = 7,
    SECONDS_DEFAULT = 3600
};

typedef struct arguments {
    unsigned length; /* 0: workloads. */
    uint64_t first;  /* Numbers. */
    uint64_t last;
    uint64_t part; /* From 0, of parts: which of them are run. */
    uint64_t parts;
    uint64_t seconds;
    const char *saved;
} arguments;

static arguments asked;
static struct {
    uint64_t number;
    uint64_t done;
    uint64_t states;
    uint64_t second;
    uint64_t distinct;
} sum;

static void on_violation(const char *text)
{
    (void)text;
    (void)fprintf(stderr, "repeat: every %s --only %" PRIu64 "\n", asked.length > 0 ? "--length 4" : "--workloads 1..1",
                  sum.number);
}

static void count(rig *r)
{
    sum.states += r->sweep.states;
    sum.second += r->sweep.second;
    sum.distinct += r->disks.count;
    sum.done++;
    rig_down(r);
}

/* Operations of the sequence with this number, the last one last: shorter ones come first. */
static unsigned operations_of(uint64_t number, unsigned out[LENGTH_MAX])
{
    uint64_t with_length = 1;
    unsigned length = 0;

    while (number >= with_length) {
        number -= with_length;
        with_length *= rig_operations_count;
        length++;
    }
    for (unsigned i = length; i > 0; i--) {
        out[i - 1] = (unsigned)(number % rig_operations_count);
        number /= rig_operations_count;
    }
    return length;
}

static void run_sequence(uint64_t number)
{
    unsigned operations[LENGTH_MAX];
    unsigned length = operations_of(number, operations);
    static rig r;

    rig_up_with(&r, 1 + number % SEEDS, true, number % 3 != 0, length == 0);
    r.sweep.every_row = true;
    for (unsigned i = 0; i < length; i++) {
        const rig_operation *operation = &rig_operations[operations[i]];

        place.action = i + 1;
        r.at.moment = 0;
        rig_crash(&r, i + 1 == length);
        trace("%s", operation->name);
        operation->run(&r);
    }
    count(&r);
}

static void run_workload(uint64_t seed)
{
    static rig r;

    rig_up(&r, seed, false);
    r.sweep.every_second = true;
    r.at.steps_in = 2;
    r.at.states_mean = 2;
    for (unsigned i = 0; i < WORKLOAD_ACTIONS; i++) {
        place.action = i + 1;
        r.at.moment = 0;
        world_act(&r.w, true);
    }
    count(&r);
}

static uint64_t load(void)
{
    uint64_t number = asked.first;
    FILE *file = fopen(asked.saved, "r");

    if (file != NULL) {
        if (fscanf(file, "%" SCNu64, &number) != 1) {
            number = asked.first;
        }
        (void)fclose(file);
    }
    return number;
}

static void save(uint64_t number)
{
    FILE *file = fopen(asked.saved, "w");

    if (file == NULL) {
        perror(asked.saved);
        exit(2);
    }
    (void)fprintf(file, "%" PRIu64 "\n", number);
    (void)fclose(file);
}

static _Noreturn void usage(void)
{
    (void)fprintf(stderr, "usage: every --length N | --workloads A..B [--part K/N] [--only NUMBER] [--long FILE] "
                          "[--seconds N] [--trace 1|2]\n");
    exit(2);
}

/* Sequences of at most so many operations. */
static uint64_t sequences(unsigned length)
{
    uint64_t all = 1, with_length = 1;

    for (unsigned i = 0; i < length; i++) {
        with_length *= rig_operations_count;
        all += with_length;
    }
    return all;
}

static void take_arguments(int argc, char **argv)
{
    static const struct option options[] = {
        {"length", required_argument, NULL, 'n'}, {"workloads", required_argument, NULL, 'w'},
        {"part", required_argument, NULL, 'p'},   {"only", required_argument, NULL, 'o'},
        {"long", required_argument, NULL, 'g'},   {"seconds", required_argument, NULL, 't'},
        {"trace", required_argument, NULL, 'v'},  {NULL, 0, NULL, 0},
    };
    uint64_t only = UINT64_MAX;
    bool good = false;
    int c;

    asked = (arguments){.parts = 1, .seconds = SECONDS_DEFAULT};
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n') {
            asked.length = (unsigned)strtoul(optarg, NULL, 10);
            good = asked.length > 0 && asked.length <= LENGTH_MAX;
            asked.last = good ? sequences(asked.length) - 1 : 0;
        } else if (c == 'w') {
            good = sscanf(optarg, "%" SCNu64 "..%" SCNu64, &asked.first, &asked.last) == 2;
        } else if (c == 'p') {
            good = sscanf(optarg, "%" SCNu64 "/%" SCNu64, &asked.part, &asked.parts) == 2 && asked.part-- > 0 &&
                   asked.part < asked.parts;
        } else if (c == 'o') {
            only = strtoull(optarg, NULL, 10);
        } else if (c == 'g') {
            asked.saved = optarg;
        } else if (c == 't') {
            asked.seconds = strtoull(optarg, NULL, 10);
        } else if (c == 'v') {
            trace_level = (int)strtol(optarg, NULL, 10);
        } else {
            usage();
        }
    }
    if (!good || optind != argc) {
        usage();
    }
    if (only != UINT64_MAX) {
        asked.first = asked.last = only;
    }
}

int main(int argc, char **argv)
{
    time_t end;

    pool_serve_small();
    take_arguments(argc, argv);
    violation_hook = on_violation;
    end = time(NULL) + (time_t)asked.seconds;
    for (sum.number = asked.saved != NULL ? load() : asked.first; sum.number <= asked.last; sum.number++) {
        if (asked.saved != NULL && time(NULL) >= end) {
            break;
        }
        /* By dice: neighbours are alike, and so are those as far apart as there are operations. */
        if (dice_part(sum.number, 0) % asked.parts != asked.part) {
            continue;
        }
        (asked.length > 0 ? run_sequence : run_workload)(sum.number);
        if (asked.saved != NULL) {
            save(sum.number + 1);
        }
    }
    (void)printf("%s %" PRIu64 " to %" PRIu64 ": %" PRIu64 " states, %" PRIu64 " after a second crash%s\n",
                 asked.length > 0 ? "sequences" : "workloads", asked.first, asked.last, sum.states, sum.second,
                 sum.number > asked.last ? "" : "; not at the end yet");
    (void)printf("summary: states=%" PRIu64 " distinct=%" PRIu64 " second=%" PRIu64 " %s=%" PRIu64
                 " complete=%d cpu_seconds=%ld violations=0\n",
                 sum.states, sum.distinct, sum.second, asked.length > 0 ? "sequences" : "workloads", sum.done,
                 sum.number > asked.last, (long)(clock() / CLOCKS_PER_SEC));
    image_pool_free();
    return 0;
}
