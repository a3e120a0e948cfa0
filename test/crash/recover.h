/* SPDX-License-Identifier: Apache-2.0 */
/* recover.h — make crash states of a disk, recover each, and check it: the heart of the sweep. */
#ifndef TEST_CRASH_RECOVER_H
#define TEST_CRASH_RECOVER_H

#include "test/crash/world.h"

/** Hashes seen: how many states were different from each other. */
typedef struct seen {
    uint64_t *slots;
    size_t capacity;
    size_t count;
} seen;

bool seen_add(seen *s, uint64_t hash);
void seen_free(seen *s);

/** A sweep over the crash states of one history. */
typedef struct sweep {
    const settings *with;
    dice dice;
    seen *seen;        /**< Of disks together with what must be on them. */
    seen *disks;       /**< Of disks alone. */
    uint64_t states;   /**< Checked so far in this history. */
    uint64_t repeated; /**< Made once more, and skipped. */
    bool every_second; /**< Crash each first recovery at each of its steps, every state. */
    uint64_t second;   /**< Of these, crashes during the recovery from a crash. */
} sweep;

/** Where crash states are made: at the steps of one disk. */
typedef struct crash_point {
    sweep *sweep;
    const model *m;
    uint64_t incarnation; /**< The last known to have been opened; 0: the ledger may not exist yet. */
    unsigned depth;       /**< Crashes before this one. */
    bool every;           /**< At each step every state worth making; else by dice: */
    unsigned steps_in;    /**< At one step in so many … */
    unsigned states_mean; /**< … so many states are made, on average. */
} crash_point;

enum {
    CRASH_DEPTH_MAX = 3
};

/** A disk_step_fn: makes states of the disk, recovers and checks them. arg is a crash_point. */
void crash_step(void *arg, disk *d, disk_op op);

/** Checks the log against the model, and the disk's health, as the end of a history: closes w and gives it back. */
void crash_end_history(world *w);

/** No group of a crashed disk may stand where its writer had not said durably that it would write. */
void check_reach(disk *d);

/** Makes one crash state of d by dice: by power cut, or by the death of the process. */
disk *crash_state(sweep *s, const disk *d);

#endif
