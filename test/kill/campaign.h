/* SPDX-License-Identifier: Apache-2.0 */
/*
 * campaign.h — a number of rounds to run, some ledgers at a time, in one go or over many calls.
 *
 *   PROGRAM [--seed N] [--COUNTED N] [--lanes N] [--folder NAME] [--long FILE] [--seconds N] [--portable] [--fs NAME]
 *
 * Killed processes and failing devices mostly wait, so lanes, which are processes, take ledgers side by side. Each has
 * a folder of its own. --long keeps in FILE which ledgers are done and goes on behind them. Whatever a lane finds ends
 * the campaign with status 1, and so does a ledger that takes longer than any should: its lane is killed and its seed
 * named. The last line on standard output is a summary of all that was counted. A signal ends lanes, and their files
 * go.
 */
#ifndef TEST_KILL_CAMPAIGN_H
#define TEST_KILL_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "test/kill/shared.h"
#include "test/kill/tally.h"

enum {
    LANES_MAX = 8,
    SKIPPED = 77 /**< The status of a test that cannot run here. */
};

typedef struct campaign {
    const char *program;
    const char *counted;     /**< Name of the option that says how many, and of the rounds in the summary. */
    uint64_t count;          /**< That many; set by the option. */
    unsigned at_once;        /**< Rounds of one ledger. */
    unsigned lanes;          /**< Ledgers at a time. */
    unsigned ledger_seconds; /**< No ledger takes as long. */
    uint64_t seed;           /**< Of the first ledger; if it is 0, one that no run had before, printed at the end. */
    bool portable;           /**< --portable. */
    const char *file_system; /**< --fs NAME. */
    const char *only;        /**< --only NAME: one kind of what the program does. */
    const char *saved;       /**< --long FILE: keeps the first seed and the rounds done. */
    uint64_t done;           /**< Rounds of earlier calls. */
    time_t end;              /**< 0: no limit. */
} campaign;

/** Takes the options, makes the folder for files, sets `place`. Ends the program if they are wrong. */
void campaign_options(campaign *c, int argc, char **argv);

/** The program cannot run here: says why, removes the folder. Returns SKIPPED. */
int campaign_skip(const char *reason);

/** For a program that does its rounds itself, one by one: whether there is another. Keeps how many are done. */
bool campaign_more(const campaign *c, uint64_t done);

/** One ledger, from its creation to its removal, in the lane's folder (place.folder). `rounds` is 1 … at_once. */
typedef void (*campaign_ledger_fn)(const campaign *c, uint64_t seed, unsigned rounds, shared *s, tally *t);

/** Runs it, prints the summary, removes the folder. Returns the status of the program. */
int campaign_run(const campaign *c, campaign_ledger_fn run);

#endif
