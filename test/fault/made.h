/* SPDX-License-Identifier: Apache-2.0 */
/* made.h — names and bytes of the sweep: what calls append, made from a number, and what the ledger holds before. */
#ifndef TEST_FAULT_MADE_H
#define TEST_FAULT_MADE_H

#include "firn.h"

enum {
    MADE_EVENTS = 3,       /**< Events of one append, to a stream as to a run. */
    MADE_KIND = 7,         /**< Of the application's events. */
    MADE_SIZE_MAX = 70000, /**< Bytes of the largest content: two chunks. */
    MADE_RUNS = 6          /**< Runs of the seed that may be ended. */
};

/* Of numbers from 0; each result lives until the next call of the same function. */
firn_slice made_stream(unsigned id);
firn_slice made_payload(unsigned id, unsigned i);
firn_slice made_run(unsigned id);
firn_slice made_release(unsigned id);
firn_slice made_content(unsigned id, size_t size);
const uint8_t *made_digest(unsigned id, size_t size);
uint64_t made_key_age(unsigned id);
/** Three, with numbers that belong to id. */
const firn_event *made_events(unsigned id);
const firn_run_event *made_run_events(unsigned id);
firn_run_args made_run_args(unsigned id);
firn_release_args made_release_args(unsigned id);

/** Fills an empty ledger: streams, a key, content, runs of every state, releases. Ends the program if that fails. */
void made_seed(firn_ledger *ledger);
/* What is in it. */
firn_slice made_seed_run(unsigned i);     /**< RUNNING; the first has events. */
firn_slice made_seed_content(unsigned i); /**< 0: small; 1: in chunks. */
const uint8_t *made_seed_digest(unsigned i);
#define MADE_SEED_STREAM "seed"
#define MADE_SEED_KEY "seed key"
#define MADE_SEED_RELEASE "seed release"
#define MADE_SEED_ENDED "seed run that ended"

#endif
