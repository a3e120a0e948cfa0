/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h — mount a state of a recorded disk, open the ledger that is on it, and demand all that was marked. */
#ifndef TEST_REPLAY_JUDGE_H
#define TEST_REPLAY_JUDGE_H

#include "test/kill/history.h"
#include "test/replay/blocks.h"
#include "test/replay/picture.h"

/** A recording, as it is judged. */
typedef struct judge {
    const block_log *log;
    const char *file_system;
    const char *mount; /**< A folder. */
    uint64_t seed;     /**< Of the recording. */
    shared *shared;
    tally *tally;
} judge;

/** Judges a disk on which all marks before block `end` must hold. `salt` varies what is tried. */
void judge_disk(const judge *j, const picture *disk, size_t end, uint64_t salt);

#endif
