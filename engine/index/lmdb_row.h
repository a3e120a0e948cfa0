/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_row.h — rows as they lie in LMDB: keys, checksums, buckets of long keys.
 *
 * All tables share one tree. A row's key there is its table's number, 1 byte, and its key; the value is that of the row
 * and a CRC-32C, 4 bytes, over the size of the key in 8 bytes, the key and the value. LMDB takes keys of up to 511
 * bytes. A key of 510 bytes or more lies, with all others that begin with the same 510, in a bucket: a row of these 510
 * bytes, whose value is entries in the order of their keys:
 *
 *   offset  size  field
 *        0     2  size of the rest of the key, 0 … 514
 *        2     4  size of the value
 *        6     …  rest of the key, value
 *
 * So rows lie in the order of their whole keys, however long those are. Why no digest of the key instead: it would
 * lose that order, by which streams are listed. What it costs: a bucket is read and written whole; keys that agree on
 * so much are few.
 *
 * Row {0, 'm'} is the mark (lmdb_env.h); it is before all tables.
 */
#ifndef FRN_INDEX_LMDB_ROW_H
#define FRN_INDEX_LMDB_ROW_H

#include <lmdb.h>

#include "engine/index/index.h"

enum {
    FRN_LMDB_PREFIX = 510, /**< A key of so many bytes or more is in a bucket. */
    FRN_LMDB_KEY_SIZE_MAX = 1 + FRN_LMDB_PREFIX,
    FRN_LMDB_CRC = 4,
    FRN_LMDB_ENTRY = 6 /**< What an entry has before its key. */
};

/** A key as LMDB sees it. */
typedef struct frn_lmdb_key {
    uint8_t data[FRN_LMDB_KEY_SIZE_MAX];
    size_t size; /**< FRN_LMDB_KEY_SIZE_MAX: a bucket. */
} frn_lmdb_key;

void frn_lmdb_key_set(frn_lmdb_key *out_key, unsigned table, firn_slice key);

/** What lookups happen through: a transaction and a cursor, used by one thread at a time. */
typedef struct frn_lmdb_slot {
    struct frn_lmdb_slot *next;
    struct frn_lmdb_generation *generation;
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_dbi dbi;
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX]; /**< A long key that was found. */
} frn_lmdb_slot;

uint32_t frn_lmdb_crc(const MDB_val *key, const void *value, size_t size);
/** The value without its checksum. FIRN_OK, or FIRN_ECORRUPT with FIRN_DETAIL_INDEX. */
firn_status frn_lmdb_unseal(const MDB_val *key, const MDB_val *value, firn_slice *out_value,
                            firn_error *err) FIRN_NODISCARD;

/** One entry of a bucket. */
typedef struct frn_lmdb_entry {
    firn_slice rest;
    firn_slice value;
    size_t size; /**< All of it. */
} frn_lmdb_entry;

/** The entry at an offset. FIRN_OK, FIRN_END, or FIRN_ECORRUPT. */
firn_status frn_lmdb_entry_at(firn_slice bucket, size_t offset, frn_lmdb_entry *out_entry,
                              firn_error *err) FIRN_NODISCARD;
/** The order of two keys, as memcmp() tells it. */
int frn_lmdb_compare(firn_slice a, firn_slice b);

/** Borrowed until the slot is given back. FIRN_OK, FIRN_ENOTFOUND, FIRN_ECORRUPT, FIRN_EIO. */
firn_status frn_lmdb_get(frn_lmdb_slot *slot, frn_table table, firn_slice key, firn_slice *out_value,
                         firn_error *err) FIRN_NODISCARD;
/** The first row ≥ from (after: > from). The key is borrowed until the next seek of the slot, too. FIRN_OK, FIRN_END,
    FIRN_ECORRUPT, FIRN_EIO. from may be the key that the last seek found. */
firn_status frn_lmdb_seek(frn_lmdb_slot *slot, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                          firn_slice *out_value, firn_error *err) FIRN_NODISCARD;

/** A status and a text for what LMDB returned. */
firn_status frn_lmdb_fail(firn_error *err, int code, const char *what);

#endif
