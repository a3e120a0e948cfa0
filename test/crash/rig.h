/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h — a short history, whose crash states are all made, and the operations that it may consist of. */
#ifndef TEST_CRASH_RIG_H
#define TEST_CRASH_RIG_H

#include "test/crash/recover.h"

typedef struct rig {
    settings with;
    seen states;
    seen disks;
    sweep sweep;
    model m;
    crash_point at;
    world w;
} rig;

/** A ledger that is created and open, and a disk whose steps are crashed; `every`: in every way, else by dice. */
void rig_up(rig *r, uint64_t seed, bool every);
/** The same; indexed: the index outlives the process. `from_nothing`: creation is crashed as well. */
void rig_up_with(rig *r, uint64_t seed, bool every, bool indexed, bool from_nothing);
/** Whether steps of the disk are crashed from here on. */
void rig_crash(rig *r, bool crash);
/** Closes, opens and checks it. */
void rig_down(rig *r);

/** Events on `streams` streams, from the first on, of size bytes each. */
model_request *rig_events(unsigned streams, unsigned count, size_t size, uint8_t fill);
/** Events, content, the whole life of a run, and a release, in one batch; the content once more each time. */
void rig_cross(world *w);

/** What a short history may consist of. */
typedef struct rig_operation {
    const char *name;
    void (*run)(rig *r);
} rig_operation;
extern const rig_operation rig_operations[];
extern const unsigned rig_operations_count;

#endif
