/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_world.h — a ledger for a model test of one store: opened on disk or in memory, reopened, without its index,
 * read only, with a clock of the test's; and the seeds that drive it.
 *
 * The program's command line: nothing (the seeds of every run), `--seed N`, or `--long FILE [--seconds N]`, which goes
 * on from the seed that FILE keeps. FIRN_MODEL_SEED is as --seed.
 */
#ifndef TEST_MODEL_STORE_WORLD_H
#define TEST_MODEL_STORE_WORLD_H

#include "test/api/api.h"
#include "test/disk/dice.h"

/** Every choice comes from dice, so a seed repeats a history. */
typedef struct store_world {
    uint64_t seed;
    dice dice;
    bool on_disk;
    char url[64];
    firn_options options;
    firn_ledger *ledger; /**< Open for writing. */
    firn_ledger *keeper; /**< Keeps a disk in memory alive. */
    int64_t clock_ns;    /**< What the ledger's clock says. */
    int64_t last_ns;     /**< Timestamp of the last batch. */
    uint64_t records;    /**< Appended so far: the last seq. */
} store_world;

/** Looks at everything that a ledger holds and compares it with the model; arg as given to store_world_reopen(). */
typedef void (*store_look)(void *arg, firn_ledger *ledger);

void store_world_begin(store_world *world, uint64_t seed, bool on_disk, uint32_t chunk_size);
/** Rows against replay, then close, then verify; and the folder is removed. */
void store_world_end(store_world *world);

/** Close; perhaps remove the index; perhaps look through a handle that is open for reading; open again. */
void store_world_reopen(store_world *world, store_look look, void *arg);
/** Look through a handle that is open for reading beside the writer. */
void store_world_beside(store_world *world, store_look look, void *arg);
/** The rows are what the log says, by both ways of asking. */
void store_world_check(store_world *world);

/** Closes views, of which some may be NULL; all are NULL then. */
void store_views_close(firn_view **views, size_t count);

/** Mostly forward, sometimes standing still, sometimes back. */
void store_world_move_clock(store_world *world);
/** The timestamp that a batch gets now … */
int64_t store_world_time(const store_world *world);
/** … and that one with so many records was appended. */
void store_world_appended(store_world *world, uint64_t records);

/** After a submit that gave this status: whether it must be tried again, for rows must be merged first. */
bool store_world_full(firn_status status);

/** What is durable is what the model appended. */
void store_world_count(const store_world *world);

/** Roll: 0 … sides - 1. */
#define ROLL(world, sides) ((unsigned)dice_roll(&(world)->dice, (sides)))

/** What is written between quotes in texts: a static buffer, printed into. Overwritten by the next call. */
const char *store_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** main() of a model test: run makes one history, and fails by cmocka. */
int store_main(int argc, char **argv, const char *name, void (*run)(uint64_t seed, bool on_disk));

#endif
