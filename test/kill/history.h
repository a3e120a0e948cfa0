/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h — one ledger through many kills and power cuts: what must be in it, and the checks after each recovery.
 *
 * After a round (a writer that was killed, or ended) history_note() takes in what it had been told. history_judge()
 * opens the ledger and demands:
 *
 * - every acknowledged batch is where its receipt said;
 * - what an earlier recovery showed, or any reader was shown, is there unchanged;
 * - what is new was handed in in the rounds since then, is right to the last byte, whole, and of each thread the
 *   batches that came first: no hole, nothing twice, nothing of an earlier round;
 * - of a batch across the stores, content, run and release are in the answers of a view;
 * - seqs and versions are dense; the rows equal a replay and what `verify` makes of the log, which finds nothing;
 * - an index that was there is believed, and nothing up to its mark is replayed;
 * - the incarnation was raised if and only if the last process did not close the ledger;
 * - an idempotency key that is tried again finds its batch if that survived, and else appends it, once.
 */
#ifndef TEST_KILL_HISTORY_H
#define TEST_KILL_HISTORY_H

#include "test/disk/dice.h"
#include "test/kill/tally.h"
#include "test/kill/writer.h"

enum {
    ROUNDS_PENDING_MAX = 4,
    STREAMS_MAX = THREADS_MAX * PLAN_STREAMS + 1 + THREADS_MAX /* Of the plans' events, and releases of each thread. */
};

/** A record that a recovery showed. */
typedef struct known {
    uint64_t digest;
    plan_id id;
    unsigned index;
    uint64_t version;
} known;

/** A round that was not judged yet. */
typedef struct round_pending {
    uint32_t round;
    uint64_t submitted[THREADS_MAX];
    uint64_t found[THREADS_MAX]; /* Of these, batches that survived. */
    ack *acks;
    size_t acks_count;
    size_t acks_raced; /* Of these, the last ones, which came after the power was cut. */
} round_pending;

typedef enum closing {
    CLOSED_CLEAN,
    CLOSED_NOT,
    CLOSED_PERHAPS
} closing;

typedef struct history {
    shared *shared;
    dice dice;
    uint64_t seed;
    char url[512];
    firn_options options;
    unsigned threads;
    known *known;
    size_t known_count;
    size_t known_capacity;
    round_pending pending[ROUNDS_PENDING_MAX];
    unsigned pending_count;
    unsigned pending_at;              /* Of the record before, in a scan: rounds follow one another. */
    uint32_t stream_ids[STREAMS_MAX]; /* 0: not there yet. */
    uint64_t versions[STREAMS_MAX];
    plan fresh; /* The batch that a scan is in. */
    unsigned streams_count;
    uint64_t incarnation; /* Of the last known open; 0: none. */
    bool opened_unseen;   /* Perhaps opened since then. */
    bool index_kept;      /* There was an index when the ledger was last closed, and nobody deleted it. */
    bool index_doubted;
    closing closing;
    tally *tally;
} history;

/** A ledger that is not there yet, in a folder that is. Options and threads follow from the seed. */
void history_init(history *h, shared *s, tally *t, uint64_t seed, const char *folder, firn_io_path io_path);
/** All processes of the ledger are dead. */
void history_done(history *h);

/** The writer of another round. */
writer history_writer(const history *h, uint32_t round, uint64_t batches_max);

/** The round's writer is dead. `acks_before`: acknowledgements counted before the power was cut; SIZE_MAX if it was
 * not. */
void history_note(history *h, uint32_t round, size_t acks_before);

/** After that round, another process may have opened the ledger for writing, and was killed. */
void history_visited(history *h);

/** The index need not be good: it may be built anew, and until then be called damaged. */
void history_doubt_index(history *h);

/** Delete the index. Nobody writes the ledger. */
void history_forget_index(history *h);

/** False: too many rounds were not judged. */
bool history_may_wait(const history *h);

void history_judge(history *h);

#endif
