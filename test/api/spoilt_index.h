/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spoilt_index.h — an index in memory whose k-th operation on a row goes wrong.
 *
 * It stands between the engine and the memory index. A spoilt operation fails as LMDB would, or hands out a row that
 * does not make sense although its checksum was good: what another version of the engine, or a mistake of this one, may
 * leave.
 */
#ifndef TEST_API_SPOILT_INDEX_H
#define TEST_API_SPOILT_INDEX_H

#include "engine/index/index.h"
#include "engine/ledger/ledger.h"

/** What goes wrong. */
typedef enum spoilt_how {
    SPOILT_READ,  /**< A row cannot be read: FIRN_ECORRUPT. */
    SPOILT_WRITE, /**< There is no memory for a row. */
    SPOILT_SHORT, /**< A value lacks its last byte. */
    SPOILT_EMPTY, /**< A value has no bytes. */
    SPOILT_KEY,   /**< A key that was sought lacks all but its first byte. */
    SPOILT_OTHER, /**< A view gives the value that it gave before, of another row of the table if there was one. */
    SPOILT_SEQ,   /**< A view gives a value that names a record that is not there. */
    SPOILT_HOWS
} spoilt_how;

/** The next index that is opened, and the one that is open. */
typedef struct spoilt_index {
    spoilt_how how;
    uint64_t at;      /**< Counts down to the operation that is spoilt; 0: none is. */
    uint64_t hit;     /**< Operations that were. */
    firn_buf scratch; /**< What was handed out instead, until the next operation. */
    struct {
        size_t size;
        uint8_t data[256];
    } before[FRN_TABLES_MAX]; /**< The value that a view gave last, by table; longer ones are cut. */
} spoilt_index;

/** How a ledger opens it. The place must outlive the ledger. */
frn_index_place spoilt_index_place(spoilt_index *spoilt);

/** The ledger is closed. */
void spoilt_index_done(spoilt_index *spoilt);

#endif
