/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matrix.h — the ways in which a history is run again: none of them may change it.
 *
 * A row of the matrix says what is special about a run. All else that must not matter is drawn for each run, so that
 * rows meet each other's values. Compaction gets its row when there is one.
 */
#ifndef TEST_DIFFER_MATRIX_H
#define TEST_DIFFER_MATRIX_H

#include <stdbool.h>

#include "firn.h"
#include "test/disk/dice.h"

typedef enum place_kind {
    PLACE_MEMORY, /**< mem:NAME */
    PLACE_FOLDER,
    PLACE_BARE,     /**< A folder whose index is in memory. */
    PLACE_SIMULATED /**< A simulated disk; background work is done in steps. */
} place_kind;

/** How a run stops and goes on in between. */
typedef enum stop_kind {
    STOP_CLOSE, /**< Closed cleanly. */
    STOP_CUT,   /**< A power cut. Simulated disk. */
    STOP_DEATH, /**< The process dies, the device lives on. Simulated disk. */
    STOP_KILL   /**< SIGKILL. Folder. */
} stop_kind;

struct variation;

/** One run. */
typedef struct setting {
    const struct variation *row;
    place_kind place;
    firn_options options;
    unsigned submit_in; /**< One call in so many is not waited for; 0: none. */
    unsigned drain_in;  /**< After one call in so many, all that were made are. */
    unsigned stop_in;   /**< After one call in so many the run stops and goes on. */
    stop_kind stop;
    bool anew;       /**< Whenever it goes on, the index is built anew. */
    bool followed;   /**< A reader looks at what is there now and then, and answers in the end. */
    bool other_time; /**< All of it some hours later: times are left out of the comparison. */
} setting;

typedef struct variation {
    const char *name;
    const char *options; /**< Fields of firn_options that it sets, apart by blanks. */
    void (*apply)(setting *with, dice *d);
} variation;

/** The first one is the reference. */
extern const variation matrix[];
extern const unsigned matrix_count;
/** Fields of firn_options that are drawn for every run. */
extern const char *const matrix_drawn;
/** Fields that are the same in all runs, each with the reason; NULL ends them. */
extern const char *const matrix_fixed[][2];

setting matrix_setting(unsigned row, uint64_t seed);
/** A setting in one line. */
void matrix_describe(const setting *with, char *out_text, size_t size);

#endif
