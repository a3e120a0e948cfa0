/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_delta.h — the memory index as the upper part of another: rows above a mark, over rows on disk.
 *
 * From frn_memory_delta() on, tombstones stay, for they hide rows below. Rows are taken to be written to disk by a
 * view that does not age, and dropped on the write side once they are on disk for everybody who may ask.
 */
#ifndef FRN_INDEX_MEMORY_DELTA_H
#define FRN_INDEX_MEMORY_DELTA_H

#include "engine/index/memory.h"

/** There are rows below, or there will be as soon as a view that is opened after this call has been merged. */
void frn_memory_delta(frn_memory_index *memory);

/** Makes seq the committed position if that is lower: what is below holds all rows up to it. Write side, no batch
    open. */
void frn_memory_committed(frn_memory_index *memory, uint64_t seq);

/** The newest version of a row, tentative or a tombstone too; NULL: none here. Write side. */
const frn_version *frn_memory_newest(frn_memory_index *memory, frn_table table, firn_slice key);

/** The first row ≥ from (after: > from), whatever its newest version is. Write side. */
const frn_row *frn_memory_row_seek(const frn_memory_index *memory, frn_table table, firn_slice from, bool after);

/** Deletes, in the open batch, a row that lies below and is not here. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_memory_tombstone(frn_memory_index *memory, frn_table table, firn_slice key,
                                 firn_error *err) FIRN_NODISCARD;

/** Rows on their way to disk, one behind the other, and how far they were looked for. All zero is empty. */
typedef struct frn_memory_rows {
    uint8_t *data; /**< The heap's. */
    size_t size;
    size_t capacity;
    uint8_t from[FRN_INDEX_KEY_SIZE_MAX]; /**< The last key that was looked at. */
    size_t from_size;                     /**< 0: none yet. */
} frn_memory_rows;

typedef struct frn_memory_taken {
    firn_slice key;
    firn_slice value;
    bool deleted;
} frn_memory_taken;

/**
 * Takes the next rows of a table whose version at the view's seq is above seq_above, as many as one hold of the lock
 * allows, in the order of their keys. What rows held before is gone.
 * @return FIRN_OK, with any number of rows; FIRN_END: none are left in the table; FIRN_ENOMEM.
 */
firn_status frn_memory_take(frn_index_view *view, uint64_t seq_above, frn_table table, frn_memory_rows *rows,
                            firn_error *err) FIRN_NODISCARD;
/** Hands out the row at *at, from 0, and moves *at behind it; false at the end. Borrowed until the next take. */
bool frn_memory_taken_next(const frn_memory_rows *rows, size_t *at, frn_memory_taken *out_taken);

/** How far dropping has come. All zero: nothing is to be dropped. */
typedef struct frn_memory_drop {
    uint64_t seq; /**< Rows up to it are on disk for everybody. */
    unsigned table;
    uint8_t from[FRN_INDEX_KEY_SIZE_MAX];
    size_t from_size;
    bool busy;
} frn_memory_drop;

/** Frees rows whose one version is durable and at or below drop->seq; looks at about rows_max rows, in portions. Clears
    drop->busy at the end of the last table. Write side. */
void frn_memory_drop_some(frn_memory_index *memory, frn_memory_drop *drop, uint64_t rows_max);

#endif
