/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shrink.c — make a job that fails simpler for as long as it fails.
 *
 * Every candidate runs in a child, which says through shared memory where it failed. Tried are, in turn until nothing
 * helps: leaving out actions, halves first and single ones last; options without what is special; fewer crashes in a
 * row. A candidate whose actions are fewer has other steps to crash at, so each is tried with a few salts and with more
 * states at each step than the sweep makes. Any violation counts: the simplest may be another one of the same bug.
 * What is left is told with the address of the state that failed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/crash/history.h"

enum {
    SALTS = 3,
    MORE = 4,
    CHILD_SECONDS_MAX = 30,
    ROUNDS_MAX = 4
};

/** What a child found; shared. */
typedef struct report {
    sweep_place place;
    char text[PLACE_TEXT_SIZE];
} report;

static report *shared;
static time_t deadline;
static unsigned tried;

static void on_violation(const char *text)
{
    shared->place = place;
    (void)snprintf(shared->text, sizeof shared->text, "%s", text);
}

static void on_signal(int signal_number)
{
    on_violation(signal_number == SIGABRT ? "aborted" : "killed by a signal");
    _exit(1);
}

static void be_child(const job *j)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    static totals sum;
    int null = open("/dev/null", O_WRONLY);

    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)signal(signals[i], on_signal);
    }
    (void)alarm(CHILD_SECONDS_MAX);
    violation_hook = on_violation;
    history_run(j, &sum);
    _exit(0);
}

/* Whether j fails; where and how is then in *shared. One that takes too long does not. */
static bool fails(const job *j)
{
    int status = 0;
    pid_t child = fork();

    tried++;
    if (child < 0) {
        perror("sweep: fork");
        exit(2);
    }
    if (child == 0) {
        be_child(j);
    }
    if (waitpid(child, &status, 0) != child) {
        perror("sweep: waitpid");
        exit(2);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

/* Takes the candidate over if it fails, with the report of it. */
static bool take(job *best, report *found, const job *candidate)
{
    job salted = *candidate;

    for (unsigned i = 0; i < SALTS && time(NULL) < deadline; i++) {
        salted.salt = candidate->salt + i;
        if (fails(&salted)) {
            *best = salted;
            *found = *shared;
            return true;
        }
    }
    return false;
}

static void without(const job *j, unsigned first, unsigned count, job *out)
{
    *out = *j;
    memmove(out->actions + first, out->actions + first + count,
            (out->actions_count - first - count) * sizeof out->actions[0]);
    out->actions_count -= count;
}

static bool fewer_actions(job *best, report *found)
{
    static job candidate;
    bool any = false;

    for (unsigned size = (best->actions_count + 1) / 2; size > 0; size = size == 1 ? 0 : (size + 1) / 2) {
        unsigned first = 0;

        while (first < best->actions_count) {
            unsigned count = best->actions_count - first < size ? best->actions_count - first : size;

            without(best, first, count, &candidate);
            if (take(best, found, &candidate)) {
                any = true;
            } else {
                first += count;
            }
        }
    }
    return any;
}

static bool simpler_settings(job *best, report *found)
{
    static job candidate;
    bool any = false;

    for (unsigned i = 0; settings_simpler[i] != NULL; i++) {
        bool has = best->settings_count == JOB_SETTINGS_MAX;

        for (unsigned k = 0; k < best->settings_count; k++) {
            has |= strcmp(best->settings[k], settings_simpler[i]) == 0;
        }
        if (!has) {
            candidate = *best;
            candidate.settings[candidate.settings_count++] = settings_simpler[i];
            any |= take(best, found, &candidate);
        }
    }
    return any;
}

static bool fewer_crashes(job *best, report *found)
{
    static job candidate;

    for (unsigned depth = 0; depth < best->depth_max; depth++) {
        candidate = *best;
        candidate.depth_max = depth;
        if (take(best, found, &candidate)) {
            return true;
        }
    }
    return false;
}

static void tell(const job *best, const report *found)
{
    static char text[JOB_TEXT_SIZE];
    static job one;
    char address[PLACE_TEXT_SIZE];

    place_address(&found->place, address);
    (void)printf("shrunk, %u histories tried: %u actions, %u crashes%s%s: %s\n", tried, best->actions_count,
                 found->place.depth, found->place.depth > 0 ? " at " : "", address, found->text);
    job_text(best, text);
    (void)printf("keep: %s\n", text);
    one = *best;
    one.only_depth = found->place.depth;
    memcpy(one.only, found->place.crashes, sizeof one.only);
    if (!fails(&one)) {
        one.only_depth = 0; /* It does not rest on this state alone. */
    }
    job_text(&one, text);
    (void)printf("repeat: sweep %s\n", text);
}

int shrink(const job *j, unsigned seconds)
{
    static job best, candidate;
    static report found;
    bool any = true;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("sweep: mmap");
        exit(2);
    }
    deadline = time(NULL) + (time_t)seconds;
    best = *j;
    if (!fails(&best)) {
        (void)printf("nothing to shrink: no violation\n");
        return 0;
    }
    found = *shared;
    candidate = best;
    if (!candidate.has_actions) {
        candidate.has_actions = true;
        candidate.actions_count = (unsigned)found.place.action;
        for (unsigned i = 0; i < candidate.actions_count; i++) {
            candidate.actions[i] = i + 1;
        }
    }
    candidate.only_depth = 0;
    any = take(&best, &found, &candidate);
    best.more = MORE * best.more;
    for (unsigned round = 0; any && round < ROUNDS_MAX && time(NULL) < deadline; round++) {
        any = fewer_actions(&best, &found);
        any |= simpler_settings(&best, &found);
        any |= fewer_crashes(&best, &found);
    }
    tell(&best, &found);
    return 1;
}
