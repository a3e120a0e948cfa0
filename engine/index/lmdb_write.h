/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_write.h — write rows, in the order of their keys, within one write transaction of LMDB. */
#ifndef FRN_INDEX_LMDB_WRITE_H
#define FRN_INDEX_LMDB_WRITE_H

#include "engine/index/lmdb_env.h"

/** A bucket that is being put together: entries that were there, changed on the way. */
typedef struct frn_lmdb_bucket {
    frn_lmdb_key key;
    bool open;
    uint8_t *data; /**< What it will be. The heap's. */
    size_t size;
    size_t capacity;
    uint8_t *before; /**< What it was. The heap's. */
    size_t before_size;
    size_t before_at; /**< Entries below were carried over. */
} frn_lmdb_bucket;

/** All zero but heap, env, txn and append is a writer. */
typedef struct frn_lmdb_writer {
    frn_heap *heap;
    const frn_lmdb_env *env;
    MDB_txn *txn;
    MDB_cursor *cursor; /**< Opened by the first row. */
    bool append;        /**< The tree is empty but for the mark: rows go to its end. */
    uint64_t rows_count;
    uint64_t bytes;
    frn_lmdb_bucket bucket;
} frn_lmdb_writer;

/** Writes or deletes a row. Keys ascend, over all tables. FIRN_OK, FIRN_ENOMEM, or as frn_lmdb_fail() says. */
firn_status frn_lmdb_write(frn_lmdb_writer *writer, unsigned table, firn_slice key, firn_slice value, bool deleted,
                           firn_error *err) FIRN_NODISCARD;
/** Writes what is still held back; then the transaction may be committed. */
firn_status frn_lmdb_write_flush(frn_lmdb_writer *writer, firn_error *err) FIRN_NODISCARD;
/** Frees what the writer holds, but for the transaction, which is ended after it. */
void frn_lmdb_write_done(frn_lmdb_writer *writer);

#endif
