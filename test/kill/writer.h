/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h — a process that appends with several threads until it is killed, and notes what was acknowledged. */
#ifndef TEST_KILL_WRITER_H
#define TEST_KILL_WRITER_H

#include "test/kill/shared.h"

typedef struct writer writer;
struct writer {
    shared *shared;
    const char *url;
    firn_options options;
    uint64_t seed;  /**< Of the plans. */
    uint32_t round; /**< Likewise. */
    unsigned threads;
    uint64_t batches_max; /**< Of each thread; then the ledger is closed cleanly, if nobody kills the process before. */
    bool withstands;      /**< What fails after `cutting` was set does not end its work: withstand.h. */
    bool waits_for_room;  /**< There will be room again, when there is none. */

    /* Called in the process: when a phase began, and for each acknowledgement, by any thread. May be NULL. */
    void (*phase_begun)(const writer *w, writer_phase phase);
    void (*batch_acknowledged)(const writer *w, const ack *a);
};

/** What the process does; arg is a writer. */
void writer_run(void *arg);

/** Wait, within bounds, until the process has opened the ledger. */
void wait_open(shared *s);

/** Open, and try again while writes of a process that was killed are in flight. Bounded. */
firn_status open_patiently(const char *url, const firn_options *options, firn_ledger **out_ledger, firn_error *err);

#endif
