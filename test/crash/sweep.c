/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c — the crash sweep: random histories on a simulated disk, crashed at every step of the disk.
 *
 *   sweep [--seeds A..B | --seed N] [--states N] [--list FILE] [--long FILE] [--seconds N] [--no-shrink]
 *         [--assertions] [--at-least N] [--trace 1|2]
 *   sweep [--shrink] --seed N [--actions A,B,… [--more N]] [--set NAME=VALUE]… [--salt N] [--depth N] [--at ADDRESS]
 *
 * Each seed is one history; --states says how many crash states to make of it. --list runs the jobs of a file first:
 * what once failed, one a line, as the arguments of the second form. --long goes on from the seed kept in a file, for
 * --seconds, and keeps the next one there. --assertions: skip (status 77) if the build has none.
 * --at-least: fail if there were fewer states in all.
 *
 * A violation prints seed, address and crash. Then the tool looks for a simpler history that fails as well (for at most
 * SHRINK_SECONDS; --no-shrink: not at all; --shrink: for a job that is known to fail) and prints `keep:`, a line for
 * seeds.list, and `repeat:`, the command that goes straight to the failing state: history.c says what its arguments
 * mean, place.h what an address is. The status is 1.
 *
 * --plant makes a check fail on purpose, at a torn write while the model holds a key: it shows that violations are
 * found, shrunk and repeated; see shrink_check.py.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test/crash/history.h"
#include "test/crash/pool.h"

enum {
    STATES_DEFAULT = 2000,
    SECONDS_DEFAULT = 3600,
    SHRINK_SECONDS = 120,
    SEEDS_DEFAULT = 50,
    LONG_FROM = 1000001, /* Far from the seeds of every run. */
    HISTORIES_MANY = 200,
    ARGUMENTS_MAX = 64,
    SKIPPED = 77
};

typedef struct arguments {
    job job;
    uint64_t first;
    uint64_t last;
    uint64_t seconds;
    uint64_t at_least; /* States, else it fails. */
    const char *list;
    const char *saved;
    bool shrinks;
    bool no_shrink;
    bool wants_assertions;
} arguments;

static arguments asked;
static job running;

static _Noreturn void usage(const char *what)
{
    (void)fprintf(stderr,
                  "sweep: %s\nusage: sweep [--seeds A..B | --seed N] [--states N] [--list FILE] [--long FILE] "
                  "[--seconds N] [--no-shrink] [--assertions] [--at-least N] [--trace 1|2]\n"
                  "       sweep [--shrink] --seed N [--actions A,B,... [--more N]] [--set NAME=VALUE]... [--salt N] "
                  "[--depth N] [--at ADDRESS]\n",
                  what);
    exit(2);
}

/* ---- violations ---- */

/* Starts over as the tool that shrinks: what is in memory is not to be trusted, and a signal handler may do it. */
static void begin_shrinking(const char *text)
{
    static char words[JOB_TEXT_SIZE];
    static char name[] = "sweep", shrinks[] = "--shrink";
    static char *list[ARGUMENTS_MAX] = {name, shrinks};
    char *rest = NULL;
    unsigned count = 2;

    (void)text;
    running.only_depth = 0;
    job_text(&running, words);
    for (char *word = strtok_r(words, " ", &rest); word != NULL && count < ARGUMENTS_MAX - 1;
         word = strtok_r(NULL, " ", &rest)) {
        list[count++] = word;
    }
    list[count] = NULL;
    (void)execv("/proc/self/exe", list);
}

static void on_abort(int number)
{
    static char text[2 * PLACE_TEXT_SIZE];
    char address[PLACE_TEXT_SIZE];

    (void)signal(number, SIG_DFL);
    place_address(&place, address);
    (void)snprintf(text, sizeof text, "violation: seed %llu, action %llu, at %s: aborted\n",
                   (unsigned long long)place.seed, (unsigned long long)place.action, address);
    (void)!write(STDERR_FILENO, text, strlen(text));
    begin_shrinking(text);
    (void)raise(number);
}

static void watch(void)
{
    if (!asked.no_shrink && asked.job.only_depth == 0) {
        violation_hook = begin_shrinking;
        (void)signal(SIGABRT, on_abort);
    }
}

/* ---- running ---- */

static void run(const job *j, totals *sum)
{
    running = *j;
    history_run(j, sum);
}

static void run_line(char *line, const char *name, unsigned number, totals *sum)
{
    static job j;
    char *kept = NULL;

    j = job_new(1, asked.job.states);
    for (char *word = strtok_r(line, " \n", &kept); word != NULL; word = strtok_r(NULL, " \n", &kept)) {
        char *value = strcmp(word, "--plant") == 0 ? NULL : strtok_r(NULL, " \n", &kept);

        if (strncmp(word, "--", 2) != 0 || !job_option(&j, word + 2, value)) {
            (void)fprintf(stderr, "sweep: %s:%u: %s is not understood\n", name, number, word);
            exit(2);
        }
    }
    run(&j, sum);
}

static void run_list(const char *name, totals *sum)
{
    static char line[JOB_TEXT_SIZE];
    FILE *list = fopen(name, "r");

    if (list == NULL) {
        (void)fprintf(stderr, "sweep: %s: %s\n", name, strerror(errno));
        exit(2);
    }
    for (unsigned number = 1; fgets(line, sizeof line, list) != NULL; number++) {
        if (line[0] != '#' && line[0] != '\n') {
            run_line(line, name, number, sum);
        }
    }
    (void)fclose(list);
}

/* Goes on from the seed that the file keeps, for a time. */
static void run_long(const char *name, totals *sum)
{
    FILE *file = fopen(name, "r");
    time_t end = time(NULL) + (time_t)asked.seconds;
    unsigned long long kept;
    job j = asked.job;

    j.seed = asked.first;
    if (file != NULL) {
        j.seed = fscanf(file, "%llu", &kept) == 1 ? kept : j.seed;
        (void)fclose(file);
    }
    while (time(NULL) < end) {
        run(&j, sum);
        j.seed++;
        sum->distinct += sum->disks.count;
        seen_free(&sum->seen);
        seen_free(&sum->disks);
        file = fopen(name, "w");
        if (file == NULL) {
            (void)fprintf(stderr, "sweep: %s: %s\n", name, strerror(errno));
            exit(2);
        }
        (void)fprintf(file, "%llu\n", (unsigned long long)j.seed);
        (void)fclose(file);
    }
}

/* ---- what came of it ---- */

#define U(x) ((unsigned long long)(x))

/* False: something never came across. */
static bool tell_reached(void)
{
    const world_counts *c = &world_counted;

    (void)printf("indexes: %llu merges; %llu opens from a committed state, %llu of them behind the log, %llu without "
                 "an index, %llu with one that was spoilt, %llu with one of a history that was taken back; %llu calls "
                 "not taken because too much was not merged\n",
                 U(c->merges), U(c->left[INDEX_STATE]), U(c->behind), U(c->left[INDEX_NOTHING]),
                 U(c->left[INDEX_SPOILT]), U(c->left[INDEX_FORKED]), U(c->held));
    (void)printf("failures: %llu lives in which the disk was to fail, it did in %llu, which poisoned %llu; damage: "
                 "laid over %llu states, %llu times refused, %llu times without effect; %llu readers before recovery\n",
                 U(c->failing), U(c->failed), U(c->poisoned), U(c->damaged), U(c->refused), U(c->harmless),
                 U(c->readers));
    return c->merges > 0 && c->behind > 0 && c->left[INDEX_NOTHING] > 0 && c->left[INDEX_SPOILT] > 0 &&
           c->left[INDEX_FORKED] > 0 && c->held > 0 && c->poisoned > 0 && c->refused > 0 && c->harmless > 0 &&
           c->readers > 0;
}

static void tell(const totals *sum)
{
    double seconds = (double)clock() / CLOCKS_PER_SEC;

    (void)printf("crash sweep: seeds %llu to %llu: %llu histories, %llu actions, %llu restarts; %llu states, %llu of "
                 "them distinct disks, %llu after a second crash; %llu more were made and not new; 0 violations\n",
                 U(sum->first), U(sum->last), U(sum->histories), U(sum->actions), U(sum->restarts), U(sum->states),
                 U(sum->distinct + sum->disks.count), U(sum->second), U(sum->repeated));
    (void)printf("%.0f states a second of processor time\n", seconds > 0 ? (double)sum->states / seconds : 0);
}

static void tell_summary(const totals *sum)
{
    const world_counts *c = &world_counted;

    (void)printf("summary: states=%llu distinct=%llu second=%llu seeds=%llu actions=%llu failing=%llu poisoned=%llu "
                 "damaged=%llu refused=%llu cpu_seconds=%llu first_seed=%llu last_seed=%llu violations=0\n",
                 U(sum->states), U(sum->distinct + sum->disks.count), U(sum->second), U(sum->histories),
                 U(sum->actions), U(c->failed), U(c->poisoned), U(c->damaged), U(c->refused),
                 U(clock() / CLOCKS_PER_SEC), U(sum->first), U(sum->last));
}

/* ---- arguments ---- */

static void take_seeds(char *text)
{
    char *dots = strstr(text, "..");
    char *end;

    if (dots == NULL) {
        usage("--seeds wants A..B");
    }
    asked.first = strtoull(text, &end, 10);
    if (end != dots) {
        usage("--seeds wants A..B");
    }
    asked.last = strtoull(dots + 2, &end, 10);
    if (*end != '\0') {
        usage("--seeds wants A..B");
    }
}

static const struct option options[] = {
    {"seeds", required_argument, NULL, 'r'},
    {"seed", required_argument, NULL, 's'},
    {"states", required_argument, NULL, 'j'},
    {"list", required_argument, NULL, 'l'},
    {"long", required_argument, NULL, 'g'},
    {"seconds", required_argument, NULL, 't'},
    {"trace", required_argument, NULL, 'v'},
    {"shrink", no_argument, NULL, 'k'},
    {"no-shrink", no_argument, NULL, 'n'},
    {"plant", no_argument, NULL, 'j'},
    {"assertions", no_argument, NULL, 'a'},
    {"at-least", required_argument, NULL, 'm'},
    {"actions", required_argument, NULL, 'j'},
    {"set", required_argument, NULL, 'j'},
    {"salt", required_argument, NULL, 'j'},
    {"more", required_argument, NULL, 'j'},
    {"depth", required_argument, NULL, 'j'},
    {"at", required_argument, NULL, 'j'},
    {NULL, 0, NULL, 0},
};

static void take_arguments(int argc, char **argv)
{
    int c, which = 0;

    asked = (arguments){.job = job_new(1, STATES_DEFAULT), .seconds = SECONDS_DEFAULT};
    while ((c = getopt_long(argc, argv, "", options, &which)) != -1) {
        switch (c) {
        case 'r':
            take_seeds(optarg);
            break;
        case 's':
        case 'j':
            if (!job_option(&asked.job, options[which].name, optarg)) {
                usage(options[which].name);
            }
            if (c == 's') {
                asked.first = asked.last = asked.job.seed;
            }
            break;
        case 'l':
            asked.list = optarg;
            break;
        case 'g':
            asked.saved = optarg;
            break;
        case 't':
            asked.seconds = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            asked.at_least = strtoull(optarg, NULL, 10);
            break;
        case 'v':
            trace_level = (int)strtol(optarg, NULL, 10);
            break;
        case 'k':
            asked.shrinks = true;
            break;
        case 'n':
            asked.no_shrink = true;
            break;
        case 'a':
            asked.wants_assertions = true;
            break;
        default:
            usage("what is that?");
        }
    }
    if (optind != argc || asked.job.more == 0) {
        usage("an argument too many, or --more 0");
    }
    if (asked.first == 0 && asked.last == 0) {
        asked.first = asked.saved != NULL ? LONG_FROM : 1;
        asked.last = SEEDS_DEFAULT;
    }
}

int main(int argc, char **argv)
{
    int status = 0;
    totals sum = {0};

    pool_serve_small();
    take_arguments(argc, argv);
    if (asked.shrinks) {
        status = shrink(&asked.job, SHRINK_SECONDS);
        (void)printf("summary: violations=%d\n", status);
        return status;
    }
#ifdef NDEBUG
    if (asked.wants_assertions) {
        (void)printf("skipped: built without assertions, which are half of what a sweep checks\n");
        return SKIPPED;
    }
#endif
    watch();
    if (asked.list != NULL) {
        run_list(asked.list, &sum);
    }
    if (asked.saved != NULL) {
        run_long(asked.saved, &sum);
    } else {
        for (uint64_t seed = asked.first; seed <= asked.last; seed++) {
            asked.job.seed = seed;
            run(&asked.job, &sum);
        }
    }
    tell(&sum);
    if (!tell_reached() && sum.histories >= HISTORIES_MANY) {
        (void)fprintf(stderr, "sweep: so many histories did not come across all that they should\n");
        status = 1;
    }
    if (sum.states < asked.at_least) {
        (void)fprintf(stderr, "sweep: fewer than %llu states\n", U(asked.at_least));
        status = 1;
    }
    tell_summary(&sum);
    seen_free(&sum.seen);
    seen_free(&sum.disks);
    image_pool_free();
    return status;
}
