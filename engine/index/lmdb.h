/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb.h — open, build and remove an index that is kept on disk by LMDB.
 *
 * The folder of an index holds data.mdb and lock.mdb. It is derived from the log: whatever is wrong with it, the cure
 * is to build it again. Every outcome that asks for this is FIRN_ECORRUPT with FIRN_DETAIL_INDEX, and its text says
 * what was found. Damage that is met while the index is open is noted in a third file, "distrusted", which holds that
 * text: it lasts until the index is removed, whatever becomes of the process. Whether the mark fits the log (seq beyond
 * its end, incarnation unknown) is for the caller to judge by frn_index_mark_get().
 */
#ifndef FRN_INDEX_LMDB_H
#define FRN_INDEX_LMDB_H

#include "engine/index/index.h"

enum {
    FRN_LMDB_STORES_MAX = 16 /**< Stores whose versions an index can note. */
};

/** How a store lays out its rows: a row written by another version is not read but built again. */
typedef struct frn_index_store {
    uint16_t block;   /**< The first number of the store's tables: it names the store. */
    uint16_t version; /**< Counted up when keys or values of the store's rows change. */
} frn_index_store;

typedef struct frn_lmdb_options {
    frn_index_options index; /**< size_max: of the rows in memory that wait to be merged. */
    uint64_t map_size; /**< Address space that is reserved, and so the largest file; 0: 1 TiB. Where the process may
                            not have so much, halves of it are tried. */
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    frn_index_store stores[FRN_LMDB_STORES_MAX]; /**< Ascending by block. */
    unsigned stores_count;
    unsigned readers_max;   /**< Lookups on disk that views make at one time; more wait for one another. 0: 16. */
    bool create;            /**< Make the folder and an empty index if there is none. */
    bool read_only;         /**< Another process may be writing: never merges, frn_index_refresh() follows. The file is
                                 not changed, but for the table of readers in lock.mdb. */
    uint64_t sort_size_max; /**< Bulk: bytes of rows sorted in memory; more go through files. 0: 256 MiB. */
} frn_lmdb_options;

/**
 * Opens the index in a folder. The caller holds the ledger's lock, or read_only is set.
 * @return FIRN_OK: frn_index_mark_get() says from where to replay, also for views: nothing at or below the mark is in
 *   the write side's hands. FIRN_ENOTFOUND: there is none, and create is not set. FIRN_ECORRUPT with FIRN_DETAIL_INDEX:
 *   damaged, of another ledger, or of other versions of stores: build it again. FIRN_EBUSY: this process has it open.
 *   FIRN_ENEWER: written by a later form of this file: build it again, or leave it to whom it belongs. FIRN_EEXISTS:
 *   something that is no folder has its name. FIRN_ENOMEM, FIRN_ENOSPC, FIRN_EACCES, FIRN_EIO.
 */
firn_status frn_index_open_lmdb(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index **out_index, firn_error *err) FIRN_NODISCARD;

/*
 * An index on disk that nobody need have open, looked at without LMDB. One state of it is pinned, as a reader of LMDB
 * pins it, so that a process that writes meanwhile does not write over it.
 */
typedef struct frn_index_file frn_index_file;

/**
 * Pins the newest state and reads its mark; of options, stores and their count are used.
 * @return FIRN_OK; FIRN_ENOTFOUND: there is none; FIRN_ECORRUPT with FIRN_DETAIL_INDEX; FIRN_ENEWER; FIRN_ESTATE: it is
 *   of other versions of the stores, or changes faster than it is read; FIRN_ENOMEM; FIRN_EACCES, FIRN_EIO.
 */
firn_status frn_index_file_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index_file **out_file, firn_error *err) FIRN_NODISCARD;
void frn_index_file_mark(const frn_index_file *file, frn_index_mark *out_mark);
/**
 * Hands over every row of that state, as frn_index_check() does.
 * @return as frn_index_check(); FIRN_ESTATE: it could not be pinned, or no longer, and was written over: what was told
 *   has no meaning.
 */
firn_status frn_index_file_check(frn_index_file *file, const frn_index_checker *checker,
                                 firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. */
void frn_index_file_close(frn_index_file *file);

/** Removes an index and what a bulk build left beside it; what else is in its folder stays. FIRN_OK also if there is
    none; FIRN_EEXISTS: something else has the name of one of its files; FIRN_EIO, FIRN_EACCES. Nobody in this process
    has it open. */
firn_status frn_index_remove_lmdb(const char *folder, firn_error *err) FIRN_NODISCARD;

/*
 * Bulk: build an index from rows in any order, sorted and appended to a file beside the folder (its name with ".new"
 * behind), which takes the folder's place when it is whole and synced. Memory: sort_size_max and some MiB. One thread.
 */
typedef struct frn_index_bulk frn_index_bulk;

/** Begins anew, whatever an earlier bulk build left. FIRN_OK, FIRN_ENOMEM, FIRN_EIO, FIRN_ENOSPC, FIRN_EACCES. */
firn_status frn_index_bulk_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index_bulk **out_bulk, firn_error *err) FIRN_NODISCARD;
/** Takes a row: of several of one key the last one counts. After a failure only closing is possible. */
firn_status frn_index_bulk_put(frn_index_bulk *bulk, frn_table table, firn_slice key, firn_slice value,
                               firn_error *err) FIRN_NODISCARD;
/** Takes a row out, whether it was put or not. */
firn_status frn_index_bulk_delete(frn_index_bulk *bulk, frn_table table, firn_slice key,
                                  firn_error *err) FIRN_NODISCARD;
/**
 * Sorts, writes, syncs, and puts the new index in the place of the one that may be there (which readers in other
 * processes keep until they open anew; nobody in this process has it open). mark is stored as it is, but for the
 * ledger's id, which is that of the options. bulk is only to be closed then. After a failure the folder is as before.
 */
firn_status frn_index_bulk_finish(frn_index_bulk *bulk, const frn_index_mark *mark, firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. Removes what is not finished. */
void frn_index_bulk_close(frn_index_bulk *bulk);

/**
 * An empty index for a replay from the first record on, which bulk build makes the index of a folder. Write side only:
 * no views, no merges. unread: tables that replay only puts rows into. frn_index_stat() tells the memory that rows of
 * the other tables take; those of the unread take sort_size_max. size_max of the options holds for the former. After a
 * failure of a put it is only to be closed. @return as frn_index_bulk_open().
 */
firn_status frn_index_build_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                 const frn_table *unread, size_t unread_count, frn_index **out_index,
                                 firn_error *err) FIRN_NODISCARD;
/** Brings all rows to disk, up to the mark, which is the last commit; as frn_index_bulk_finish(). The index is only to
    be closed then. */
firn_status frn_index_build_finish(frn_index *index, const frn_index_mark *mark, firn_error *err) FIRN_NODISCARD;

#endif
