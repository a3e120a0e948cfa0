/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_disk.h — an index on the machine of a simulated disk: ordered maps, of which a crash leaves a committed state.
 *
 * A *state* is all rows up to a mark, and the mark. Merging commits one as LMDB does with MDB_NOMETASYNC: the commit
 * syncs its pages, and with them the root of the state before, while its own root stays in the cache until the next
 * commit. So the death of a process leaves the newest state, and a power cut that one or the state before; during a
 * commit it may be the one before that. Rows and mark go together: nothing in between is ever left.
 *
 * By dice a crash leaves something worse, that an index may be whatever the log is: nothing at all, an index that
 * cannot be read, or one of a history that was taken back: rows that were allocated and not durable when a process
 * died, under a mark that was true until the log forked below it. Of those the log must not believe a word.
 */
#ifndef TEST_CRASH_INDEX_DISK_H
#define TEST_CRASH_INDEX_DISK_H

#include "engine/index/index.h"
#include "engine/ledger/ledger.h"
#include "test/disk/disk.h"

/** What is there when a ledger is opened. */
typedef enum index_left {
    INDEX_STATE,   /**< A state that was committed in this history. */
    INDEX_NOTHING, /**< No index. */
    INDEX_SPOILT,  /**< One that cannot be read. */
    INDEX_FORKED   /**< One of a history that ended. */
} index_left;

/** Gives d an empty place for an index. worse: crashes may leave what is worse than a committed state, and merges may
    fail. */
void index_disk_add(disk *d, bool worse);
/** Every merge of the ledger that is open says that what is there is spoilt. */
void index_disk_spoil(disk *d);
/** Opens and removes the index of d. It lives as long as d. */
frn_index_place index_disk_place(disk *d);

/** What is there, and its mark, which is all zero for NOTHING and SPOILT. */
index_left index_disk_look(const disk *d, frn_index_mark *out_mark);
/** The ledger was opened for writing: in this incarnation, with so much durable. */
void index_disk_opened(disk *d, uint64_t incarnation, uint64_t durable);
/** Makes the mark of what is there another one, rows and all else as they are; left: as what it shall be looked at. */
void index_disk_set_mark(disk *d, uint64_t seq, uint64_t incarnation, index_left left);

#endif
