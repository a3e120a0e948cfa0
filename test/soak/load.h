/* SPDX-License-Identifier: Apache-2.0 */
/* load.h — what the soak does with a ledger that is open: one function a kind of call. */
#ifndef TEST_SOAK_LOAD_H
#define TEST_SOAK_LOAD_H

#include "test/disk/dice.h"
#include "test/soak/truth.h"

enum {
    LOAD_CONTENTS = 64
};

/** Goes on over many openings; all that it keeps has a fixed size. */
typedef struct load {
    truth *truth;
    dice dice;
    firn_ledger *ledger; /**< Open for writing, while the functions below are called. */
    firn_batch *batch;   /**< Of it. */
    firn_buf buf;
    uint64_t batches;  /**< Of this round. */
    uint64_t events;   /**< As truth_event() numbers them. */
    uint64_t contents; /**< Numbers of all; the newest LOAD_CONTENTS are read back. */
    uint64_t runs;
    uint64_t releases;
} load;

/** The ledger was opened. */
void load_begin(load *l, firn_ledger *ledger);
/** Before it is closed. */
void load_end(load *l);

void load_append(load *l);
void load_batch(load *l);
void load_content(load *l);
void load_run(load *l);
void load_release(load *l);
void load_scan(load *l);
void load_get(load *l);
void load_look(load *l);
void load_read_again(load *l);

/** A process that follows the ledger, whatever happens to its writers; arg is a follower. */
typedef struct follower {
    const char *url;
    uint64_t seed;
    bool stays;              /**< With one handle for ever; else it opens the ledger anew now and then. */
    shared *shared;          /**< To say what is wrong, */
    atomic_ullong *seen_seq; /**< and what it was shown last. Both shared with the test. */
} follower;
void follower_run(void *arg);

#endif
