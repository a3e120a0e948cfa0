/* SPDX-License-Identifier: Apache-2.0 */
/* history.h — one history of a ledger, crashed at the steps of its disk; and how it is asked for. */
#ifndef TEST_CRASH_HISTORY_H
#define TEST_CRASH_HISTORY_H

#include "test/crash/recover.h"

enum {
    JOB_ACTIONS_MAX = 4000,
    JOB_SETTINGS_MAX = 16,
    JOB_TEXT_SIZE = 64 * 1024
};

/** Which history, and which states of it. */
typedef struct job {
    uint64_t seed;
    uint64_t states;    /**< It ends after so many, if no actions are named. */
    uint64_t salt;      /**< Other crashes of the same history. */
    unsigned more;      /**< So many times as many states at each step. */
    unsigned depth_max; /**< As in a sweep. */
    bool planted;       /**< As in a sweep. */
    unsigned settings_count;
    const char *settings[JOB_SETTINGS_MAX]; /**< Changes, which settings_change() knows. */
    bool has_actions;
    unsigned actions_count;
    uint32_t actions[JOB_ACTIONS_MAX]; /**< Those taken, rising; the others are left out. */
    unsigned only_depth;               /**< As in a sweep. */
    crash_address only[CRASHES_MAX];
} job;

/** Sums over histories. */
typedef struct totals {
    uint64_t histories;
    uint64_t states;
    uint64_t repeated;
    uint64_t second;
    uint64_t actions;
    uint64_t restarts;
    uint64_t first; /**< Seeds run. */
    uint64_t last;
    uint64_t distinct; /**< Disks of histories whose hashes were let go. */
    seen seen;
    seen disks;
} totals;

/** Runs it; a violation ends the program. */
void history_run(const job *j, totals *sum);

job job_new(uint64_t seed, uint64_t states);
/** The arguments that ask for it. */
void job_text(const job *j, char out[JOB_TEXT_SIZE]);
/** One argument, `--name value` or `--name`. False if it is not a job's, or its value is wrong. */
bool job_option(job *j, const char *name, const char *value);

/** Finds a simpler job that fails too, and prints how to repeat it. Returns the status to end with; 0: j is fine. */
int shrink(const job *j, unsigned seconds);

#endif
