/* SPDX-License-Identifier: Apache-2.0 */
/* recover.h — make crash states of a disk, recover each, and check it: the heart of the sweep. */
#ifndef TEST_CRASH_RECOVER_H
#define TEST_CRASH_RECOVER_H

#include "test/crash/seen.h"
#include "test/crash/world.h"

/** A sweep over the crash states of one history. */
typedef struct sweep {
    const settings *with;
    seen *seen;          /**< Of disks together with what must be on them. */
    seen *disks;         /**< Of disks alone. */
    uint64_t states;     /**< Checked so far in this history. */
    uint64_t repeated;   /**< Made once more, and skipped. */
    uint64_t second;     /**< Of states, crashes during the recovery from a crash, or soon after. */
    unsigned depth_max;  /**< Crashes in a row, less one; at most CRASH_DEPTH_MAX. */
    bool every_row;      /**< Answers from the rows are checked in each state, not only now and then. */
    bool every_second;   /**< Crash each first recovery at each of its steps, every state. */
    bool planted;        /**< A check that fails is planted: see recover.c. */
    unsigned only_depth; /**< Not 0: the one state with this address is made, and what leads to it. */
    crash_address only[CRASHES_MAX];
} sweep;

/** Where crash states are made: at the steps of one disk, while one process lives. */
typedef struct crash_point {
    sweep *sweep;
    const model *m;
    uint64_t seed;        /**< What is made here follows from it, the action if depth is 0, moment and index. */
    uint64_t incarnation; /**< The last known to have been opened; 0: the ledger may not exist yet. */
    unsigned depth;       /**< Crashes before this one. */
    uint32_t moment;      /**< Occasions to crash so far: since the action began, or since the crash before. */
    bool again;           /**< The history itself had crashed before. */
    bool every;           /**< At each step every state worth making; else by dice: */
    unsigned steps_in;    /**< At one step in so many … */
    unsigned states_mean; /**< … so many states are made, on average. */
} crash_point;

/** A disk_step_fn: makes states of the disk, recovers and checks them. arg is a crash_point. */
void crash_step(void *arg, disk *d, disk_op op);
/** One state of d, apart from the steps of the disk; made NULL: by dice. */
void crash_now(crash_point *at, disk *d, const crash_made *made);

/** Checks the log against the model, and the disk's health, as the end of a history: closes w and gives it back. */
void crash_end_history(world *w);

/** Chooses a crash of d by dice: a power cut, or the death of the process. */
crash_made crash_choose(dice *with, const disk *d);
/** The disk that it leaves. */
disk *crash_make(const disk *d, const crash_made *made);
typedef void (*crash_fn)(void *arg, uint32_t index, const crash_made *made);
/**
 * Every crash of d worth making. Of few open effects every subset; else every prefix, and every one alone missing. All
 * entries and sizes without data, and entries alone. Every effect torn and holed at each of its sectors, the rest old,
 * zeros or garbage; and the death of the process, three ways.
 */
void crash_every(const disk *d, crash_fn fn, void *arg);

/* What is checked of a recovered state, and what goes on in it: live.c. own: the dice of the state. */

/** Verify finds nothing wrong, and leaves nothing behind. */
void check_verify(disk *d);
/** Before recovery: verify and a reader find nothing wrong; what a reader shows must stay, and raises m's floor. */
void check_unrecovered(crash_point *life, dice *own, disk *d, model *m);
/** A bit, a sector or more of what is durable decays: it is found, or changes nothing. closed: the log was. */
void check_damaged(const sweep *s, dice *own, const disk *d, const model *m, bool closed);
/** The incarnation of a ledger that was opened, by the one before. */
void check_incarnation(const world *w, uint64_t before);
/** The same operations go on, late writes land, and then the ledger is closed and opened, or crashes again. */
void live_on(crash_point *life, dice *own, world *w);
/** Operations of the disk begin to fail, until the process ends; what it leaves is recovered. w has no ledger then. */
void live_failing(crash_point *life, dice *own, world *w);

/** No group of a crashed disk may stand where its writer had not said durably that it would write. */
void check_reach(const disk *d);

#endif
