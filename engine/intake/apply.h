/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h — turn the records of a batch into rows: the one way, for live writes and for replay.
 *
 * begin, then the batch's names (frn_apply_name) and records (frn_apply_record), each name before the first record
 * of its stream, then finish, then commit; abort at any time takes everything back. What apply writes depends on the
 * batch and on the rows before it, on nothing else.
 *
 * Every record moves the head of its stream, whatever its kind; rows beyond that are the business of the store that
 * owns the kind's block.
 */
#ifndef FRN_INTAKE_APPLY_H
#define FRN_INTAKE_APPLY_H

#include <stdbool.h>

#include "engine/index/index.h"
#include "engine/index/rows.h"
#include "engine/index/store_rows.h"
#include "engine/intake/digest.h"
#include "format/batch.h"
#include "format/kinds.h"

/** One batch being applied. Guarded by the tail lock, like the index it writes. */
typedef struct frn_apply frn_apply;

/** Writes the rows of one record. The record and its body are read during the call only. A kind of the block that it
    does not know is FIRN_OK. FIRN_ECORRUPT: the record contradicts the rows. */
typedef firn_status (*frn_apply_fn)(frn_apply *apply, const fmt_record *record, firn_error *err);

enum {
    FRN_APPLY_BLOCK_SIZE = 32, /**< Kinds of a block behind the application's, as in kinds.def. */
    FRN_APPLY_BLOCKS = 9,      /**< Those blocks, from FMT_BLOCK_LEDGER. */
    FRN_APPLY_ROWS_VERSION = 1 /**< Of the ledger's own tables: counted up when their keys or values change. */
};

/** Which store owns which block: fns[(kind - FMT_BLOCK_LEDGER) / FRN_APPLY_BLOCK_SIZE]; NULL: heads only. */
typedef struct frn_apply_table {
    frn_apply_fn fns[FRN_APPLY_BLOCKS];
    /** Writes back what the run store holds of the run that records of this batch went to last. May be NULL. */
    firn_status (*run_flush)(frn_apply *apply, firn_error *err);
} frn_apply_table;

/** A run whose records follow each other: its head and one row of its events, held like the head of a stream. */
typedef struct frn_held_run {
    uint32_t stream; /**< 0: none is held. */
    bool head_dirty;
    bool events_held;
    bool events_dirty;
    frn_row_run_head head;
    uint64_t block; /**< Of events. */
    frn_row_events events;
} frn_held_run;

struct frn_apply {
    frn_index *index;
    const frn_apply_table *table;
    uint64_t first_seq;
    int64_t time_ns;
    uint32_t stream; /**< The stream whose head is held here … */
    bool held;       /**< … if any is, … */
    bool dirty;      /**< … and was moved since it was read. */
    frn_row_head head;
    frn_digests *digests;
    frn_held_run run; /**< The run store's. */
};

/** digests: for the stores that hash. */
void frn_apply_begin(frn_apply *apply, frn_index *index, const frn_apply_table *table, frn_digests *digests,
                     uint64_t first_seq, int64_t time_ns);
/** A stream comes into being. FIRN_ECORRUPT: not the next number, or the name is taken. */
firn_status frn_apply_name(frn_apply *apply, uint32_t stream, firn_slice name, firn_error *err) FIRN_NODISCARD;
firn_status frn_apply_record(frn_apply *apply, const fmt_record *record, firn_error *err) FIRN_NODISCARD;
/** What the batch as a whole says: its key, if it has one, is kept, and keys that are over their age go. */
firn_status frn_apply_finish(frn_apply *apply, uint32_t count, const fmt_batch_key *key,
                             firn_error *err) FIRN_NODISCARD;
void frn_apply_commit(frn_apply *apply, uint64_t last_seq);
void frn_apply_abort(frn_apply *apply);

/** The head of a stream as of now, its records of this batch included; all zero if it has none. */
firn_status frn_apply_head(frn_apply *apply, uint32_t stream, frn_row_head *out_head, firn_error *err) FIRN_NODISCARD;

/** How long keys are kept: the setting, or its default. */
firn_status frn_apply_key_age(frn_index *index, uint64_t *out_age_ns, firn_error *err) FIRN_NODISCARD;
/** Streams so far: the highest number given to one. */
firn_status frn_apply_streams_count(frn_index *index, uint64_t *out_count, firn_error *err) FIRN_NODISCARD;
#define FRN_KEY_AGE_DEFAULT_NS (UINT64_C(7) * 24 * 3600 * 1000000000)

/** Whether a key recorded at then_ns is over its age at now_ns ≥ then_ns. */
static inline bool frn_key_is_over(int64_t then_ns, int64_t now_ns, uint64_t age_ns)
{
    return (uint64_t)now_ns - (uint64_t)then_ns >= age_ns;
}

/** FIRN_ECORRUPT about a row that does not decode. */
firn_status frn_row_bad(firn_error *err, frn_table table, fmt_verdict verdict);

#endif
