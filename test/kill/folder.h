/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h — what the programs of this folder have in common: their options, a campaign that goes on, a place for
 * files. */
#ifndef TEST_KILL_FOLDER_H
#define TEST_KILL_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** A number of rounds to run, in one go or over many calls. */
typedef struct campaign {
    const char *program;
    const char *counted;     /**< Name of the option that says how many. */
    uint64_t count;          /**< That many; set by the option. */
    unsigned at_once;        /**< Rounds of one ledger. */
    uint64_t seed;           /**< Of the first ledger; by default one that no run had before, printed at the end. */
    bool portable;           /**< --portable. */
    const char *file_system; /**< --fs NAME. */
    const char *saved;       /**< --long FILE: keeps seed and rounds done. */
    uint64_t done;
    time_t end; /**< 0: no limit. */
    bool begun;
} campaign;

/** Takes the options, makes the folder for files, sets `place`. Ends the program if they are wrong. */
void campaign_options(campaign *c, int argc, char **argv);

/** Rounds done so far; `count` when it is over. To be called before each ledger. */
uint64_t campaign_next(campaign *c);

/** Removes a folder with all that is in it; what is not there is fine. */
void folder_remove(const char *name);

#endif
