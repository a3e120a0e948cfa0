/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h — the table seam: ordered tables of versioned rows, written in batches, read at a seq.
 *
 * The index is a function of the log: apply writes rows, a decision reads the newest of them, a view reads them as
 * they were at one durable seq. What it holds can be thrown away and built again by replay.
 *
 * Versions. A batch is opened with the seq of its first record and committed with that of its last. Its rows become
 * visible all at once: a view at seq S sees a batch if and only if the batch's last record is ≤ S. Positions that
 * views and the durable position stand at are ends of batches (durable never moves otherwise); 0 is the empty ledger.
 * Within a batch a second put of a row overwrites the first. Abort leaves exactly the rows that were there before.
 *
 * Reclaiming. Of the versions of a row the index keeps the newest one that is ≤ both the durable position and every
 * open view, and all above it; the rest is freed by and by, on the write side. A delete leaves a tombstone that goes
 * the same way.
 *
 * Threads. Two sides. The write side (all functions that take an frn_index and are not said to be for any thread) is
 * used by one thread at a time, which holds the ledger's tail lock. Views are for any thread, several at once on the
 * same view too; only closing one must be the last call on it. Neither side waits for the other longer than one
 * lookup, or one bounded portion of reclaiming, takes.
 *
 * Backends: memory.c, and lmdb.c (opened by lmdb.h), which keeps a memory index over an LMDB environment: rows up to
 * the mark lie in the environment, later ones in memory until they are merged. The same contract test runs over each.
 *
 * A read of the LMDB backend can fail: FIRN_ECORRUPT with FIRN_DETAIL_INDEX means that what is on disk cannot be
 * believed. Nothing is lost. It is remembered on disk, so that who opens the index next is told to build it again from
 * the log, and nothing is merged into it any more; reading what is good goes on.
 */
#ifndef FRN_INDEX_INDEX_H
#define FRN_INDEX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/heap.h"
#include "firn/types.h"

#define TABLE(symbol, number, name, key, value) FRN_TABLE_##symbol = (number),
/** The tables, by the one table of them. */
typedef enum frn_table {
#include "engine/index/tables.def"
} frn_table;
#undef TABLE

enum {
    FRN_TABLES_MAX = 128,          /**< Numbers of tables are below. */
    FRN_INDEX_KEY_SIZE_MAX = 1024, /**< Bytes of a row's key, at least 1: a stream's name is the longest. */
    FRN_INDEX_VALUE_SIZE_MAX = 16 * 1024 * 1024 /**< Bytes of a row's value; 0 is a value too. */
};

/** "stream_by_name" and the like; NULL if there is no such table. */
const char *frn_table_name(unsigned table);

typedef struct frn_index frn_index;
typedef struct frn_index_view frn_index_view;

enum {
    FRN_INDEX_HINT_SIZE = 16 /**< Bytes that the index keeps with its mark and does not look into. */
};

/** Up to where the rows of an index are known to be on disk, and in which history. */
typedef struct frn_index_mark {
    uint64_t seq;         /**< The last record whose rows it holds; 0: replay from the beginning. */
    uint64_t incarnation; /**< The one that owns seq. */
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint8_t hint[FRN_INDEX_HINT_SIZE]; /**< Where in the log seq or its successor is, as the caller wrote it. */
} frn_index_mark;

/** Fills in incarnation and hint for mark->seq, which stands; the rest is the index's. */
typedef void (*frn_index_mark_fn)(void *arg, frn_index_mark *mark);

/** What one merge did. */
typedef struct frn_index_merged {
    uint64_t seq;        /**< The mark after it. */
    uint64_t rows_count; /**< Rows written or deleted on disk. */
    uint64_t bytes;      /**< Of their keys and values. */
} frn_index_merged;

typedef struct frn_index_stats {
    uint64_t size; /**< Bytes in memory: keys, values, nodes, and what the allocator adds to each. */
    uint64_t size_max;
    uint64_t rows_count;        /**< Rows in memory, tombstones and tentative ones included. */
    uint64_t versions_count;    /**< Versions of rows; equal to rows_count when nothing waits to be reclaimed. */
    uint64_t views_count;       /**< Open views, expired ones included. */
    uint64_t merged_seq;        /**< The mark; what is above it is the debt, which size and rows_count tell too. */
    uint64_t below_rows_count;  /**< Rows on disk; a bucket of long keys is one. */
    uint64_t below_size;        /**< Bytes of the file on disk that are in use. */
    uint64_t generations_count; /**< States on disk that something still reads, the newest included. */
} frn_index_stats;

struct frn_index_checker;

typedef struct frn_index_ops {
    void (*close)(frn_index *index);
    void (*begin)(frn_index *index, uint64_t seq_first);
    firn_status (*put)(frn_index *index, frn_table table, firn_slice key, firn_slice value, firn_error *err);
    firn_status (*remove)(frn_index *index, frn_table table, firn_slice key, firn_error *err);
    firn_status (*read)(frn_index *index, frn_table table, firn_slice key, firn_slice *out_value, firn_error *err);
    firn_status (*read_seek)(frn_index *index, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                             firn_slice *out_value, firn_error *err);
    void (*commit)(frn_index *index, uint64_t seq_last);
    void (*abort)(frn_index *index);
    bool (*reclaim)(frn_index *index);
    void (*durable)(frn_index *index, uint64_t seq);
    void (*mark)(const frn_index *index, frn_index_mark *out_mark);
    void (*stat)(frn_index *index, frn_index_stats *out_stats);
    firn_status (*view_open)(frn_index *index, uint64_t seq, frn_index_view **out_view, firn_error *err);
    void (*view_close)(frn_index_view *view);
    firn_status (*get)(frn_index_view *view, frn_table table, firn_slice key, firn_buf *out_value, firn_error *err);
    firn_status (*seek)(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                        firn_buf *out_value, firn_error *err);
    firn_status (*merge)(frn_index *index, frn_index_mark_fn fn, void *arg, frn_index_merged *out_merged,
                         firn_error *err);
    firn_status (*refresh)(frn_index *index, firn_error *err);
    firn_status (*check)(frn_index_view *view, const struct frn_index_checker *checker, firn_error *err);
    void (*distrust)(frn_index *index, const char *why);
    bool (*is_trusted)(const frn_index *index);
} frn_index_ops;

/** What every backend's instance and view begin with. */
struct frn_index {
    const frn_index_ops *ops;
};
struct frn_index_view {
    const frn_index_ops *ops;
    frn_index *index;
    uint64_t seq; /**< Where it stands. */
};

/** NULL is accepted. All views are closed before; a batch that is open is aborted. */
static inline void frn_index_close(frn_index *index)
{
    if (index != NULL) {
        index->ops->close(index);
    }
}

/* Writing: with the tail lock held. */

/** Opens a batch whose first record will have seq_first, which is above all before. None is open. */
static inline void frn_index_begin(frn_index *index, uint64_t seq_first)
{
    index->ops->begin(index, seq_first);
}

/**
 * Writes a row in the open batch. key and value are copied; they must not be borrowed from this index.
 * @return FIRN_OK; FIRN_ENOMEM; FIRN_ETOOBIG with FIRN_DETAIL_INDEX_LIMIT: the index would pass size_max. After a
 *   failure the row is as it was before the call, and the batch goes on or is aborted, as the caller likes.
 */
FIRN_NODISCARD static inline firn_status frn_index_put(frn_index *index, frn_table table, firn_slice key,
                                                       firn_slice value, firn_error *err)
{
    return index->ops->put(index, table, key, value, err);
}

/**
 * Deletes a row in the open batch. A row that is not there is FIRN_ENOTFOUND. The limit does not hold for deletes: room
 * can always be made. key may be borrowed from this index, and deletes leave borrowed slices alone: expiry deletes what
 * it has just found. @return FIRN_OK, FIRN_ENOTFOUND, FIRN_ENOMEM, or what a read may say; state after a failure as
 * with put.
 */
FIRN_NODISCARD static inline firn_status frn_index_delete(frn_index *index, frn_table table, firn_slice key,
                                                          firn_error *err)
{
    return index->ops->remove(index, table, key, err);
}

/**
 * The newest value of a row, rows of the open batch included: what decide and apply read. A batch need not be open.
 * *out_value is borrowed until the next put, commit, abort or reclaim.
 * @return FIRN_OK; FIRN_ENOTFOUND (without a text: it is an answer, not a failure); FIRN_ECORRUPT, FIRN_EIO as above.
 */
FIRN_NODISCARD static inline firn_status frn_index_read(frn_index *index, frn_table table, firn_slice key,
                                                        firn_slice *out_value, firn_error *err)
{
    return index->ops->read(index, table, key, out_value, err);
}

/**
 * The first row with a key ≥ from (after: > from), as frn_index_read() would see it. An empty from is the beginning of
 * the table, which is found at once even behind many deleted rows. Both slices are borrowed like those of a
 * read. @return FIRN_OK, FIRN_END, FIRN_ECORRUPT, FIRN_EIO.
 */
FIRN_NODISCARD static inline firn_status frn_index_read_seek(frn_index *index, frn_table table, firn_slice from,
                                                             bool after, firn_slice *out_key, firn_slice *out_value,
                                                             firn_error *err)
{
    return index->ops->read_seek(index, table, from, after, out_key, out_value, err);
}

/** Ends the batch: its last record has seq_last ≥ the seq it was opened with. Cannot fail, and also pays a share of
    reclaiming in proportion to the batch. */
static inline void frn_index_commit(frn_index *index, uint64_t seq_last)
{
    index->ops->commit(index, seq_last);
}

/** Takes back every row of the open batch. Cannot fail and allocates nothing. */
static inline void frn_index_abort(frn_index *index)
{
    index->ops->abort(index);
}

/** Does a bounded portion of reclaiming; true if there is more that could be done at once. Commits do enough of it
    while records keep coming: this is for a ledger that falls idle. */
static inline bool frn_index_reclaim(frn_index *index)
{
    return index->ops->reclaim(index);
}

/* Positions and figures. Any thread. */

/** Durable moved to seq, the end of a committed batch; a lower seq than before is ignored. Takes no lock, frees
    nothing. */
static inline void frn_index_durable(frn_index *index, uint64_t seq)
{
    index->ops->durable(index, seq);
}

/** From where replay must start: behind the mark. The memory index has none: all zero. */
static inline void frn_index_mark_get(const frn_index *index, frn_index_mark *out_mark)
{
    index->ops->mark(index, out_mark);
}

static inline void frn_index_stat(frn_index *index, frn_index_stats *out_stats)
{
    index->ops->stat(index, out_stats);
}

/* Merging. Any thread, but one call at a time; the write side and views go on meanwhile. */

/**
 * Writes all rows up to the durable position as it is at the start to disk, sorted, in one transaction together with
 * the mark, for which fn is asked. Rows that are on disk then leave memory on the write side (commits, reclaim), as
 * soon as no view is older than this merge. An index without a disk does nothing.
 * @return FIRN_OK, also if there was nothing to do; FIRN_FULL: so many states are still read by views that no further
 *   one can be kept: later; FIRN_ENOMEM, FIRN_ENOSPC, FIRN_ETOOBIG with FIRN_DETAIL_INDEX_LIMIT (the map is full): the
 *   disk is as before, a later call may succeed; FIRN_EIO: writing failed; FIRN_EPOISONED: it had failed before: no
 *   further merge succeeds, reading goes on, opening anew decides.
 */
FIRN_NODISCARD static inline firn_status frn_index_merge(frn_index *index, frn_index_mark_fn fn, void *arg,
                                                         frn_index_merged *out_merged, firn_error *err)
{
    if (index->ops->merge == NULL) {
        *out_merged = (frn_index_merged){0};
        return FIRN_OK;
    }
    return index->ops->merge(index, fn, arg, out_merged, err);
}

/**
 * For an index that was opened for reading while another process writes it: takes the newest state on disk. Rows up to
 * its mark need not be replayed; the write side goes on behind the higher of the mark and what it had committed. An
 * index of any other kind does nothing. Write side.
 * @return FIRN_OK; FIRN_FULL as above, or the state on disk is ahead of rows in memory, which would hide later ones:
 *   later, when more was replayed; FIRN_ESTATE: another file stands in its place (the index was built again): open it
 *   anew; FIRN_ECORRUPT, FIRN_EIO, FIRN_ENOMEM.
 */
FIRN_NODISCARD static inline firn_status frn_index_refresh(frn_index *index, firn_error *err)
{
    return index->ops->refresh == NULL ? FIRN_OK : index->ops->refresh(index, err);
}

/* Views. Any thread. */

/**
 * Opens a view at seq, the end of a committed batch, durable as the caller knows; or at the position that
 * frn_index_durable() was last told, should that be higher (another thread was faster): view->seq says.
 * @return FIRN_OK, FIRN_ENOMEM.
 */
FIRN_NODISCARD static inline firn_status frn_index_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view,
                                                             firn_error *err)
{
    return index->ops->view_open(index, seq, out_view, err);
}

/** NULL is accepted. */
static inline void frn_index_view_close(frn_index_view *view)
{
    if (view != NULL) {
        view->ops->view_close(view);
    }
}

static inline uint64_t frn_index_view_seq(const frn_index_view *view)
{
    return view->seq;
}

/**
 * Copies the value that a row had at the view's seq.
 * @return FIRN_OK; FIRN_ENOTFOUND (without a text); FIRN_EEXPIRED: the view is older than view_age_max_ns, now and for
 *   every later call; FIRN_ENOMEM; FIRN_ECORRUPT, FIRN_EIO.
 */
FIRN_NODISCARD static inline firn_status frn_index_get(frn_index_view *view, frn_table table, firn_slice key,
                                                       firn_buf *out_value, firn_error *err)
{
    return view->ops->get(view, table, key, out_value, err);
}

/**
 * Copies the first row with a key ≥ from (after: > from) at the view's seq. An empty from is the beginning of the
 * table. from may lie in out_key, so that a loop goes on from where it was:
 * frn_index_seek(view, table, (firn_slice){key.data, key.size}, true, &key, &value, err).
 * @return FIRN_OK, FIRN_END, FIRN_EEXPIRED, FIRN_ENOMEM, FIRN_ECORRUPT, FIRN_EIO.
 */
FIRN_NODISCARD static inline firn_status frn_index_seek(frn_index_view *view, frn_table table, firn_slice from,
                                                        bool after, firn_buf *out_key, firn_buf *out_value,
                                                        firn_error *err)
{
    return view->ops->seek(view, table, from, after, out_key, out_value, err);
}

/** What frn_index_walk() calls for each row. The slices are borrowed for the call; any other status than FIRN_OK ends
    the walk. */
typedef firn_status (*frn_index_walk_fn)(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err);

/**
 * Hands over all rows that the view sees, by table number and key: what a digest or a comparison of two indexes is
 * made of. Takes no lock for longer than one row.
 * @return FIRN_OK at the end, the status of fn, FIRN_EEXPIRED, FIRN_ENOMEM.
 */
firn_status frn_index_walk(frn_index_view *view, frn_index_walk_fn fn, void *arg, firn_error *err) FIRN_NODISCARD;

/** Who is told by frn_index_check(). */
typedef struct frn_index_checker {
    frn_index_walk_fn row;
    /** A place on disk that cannot be believed, with its offset in the file; FIRN_EIO: that cannot be read. Rows that
        it hides are not handed over. */
    void (*damage)(void *arg, const firn_error *finding);
    void *arg;
} frn_index_checker;

/**
 * Like frn_index_walk(), but what lies on disk is read as bytes that may be anything, however much of it: the pages of
 * an LMDB file without LMDB, which would end the process at some of them.
 * @return FIRN_OK: all was read, also if damage was told; the status of checker->row; FIRN_EEXPIRED, FIRN_ENOMEM.
 */
FIRN_NODISCARD static inline firn_status frn_index_check(frn_index_view *view, const frn_index_checker *checker,
                                                         firn_error *err)
{
    return view->ops->check == NULL ? frn_index_walk(view, checker->row, checker->arg, err)
                                    : view->ops->check(view, checker, err);
}

/** Remembers on disk that the index cannot be believed: the next opening answers FIRN_ECORRUPT with FIRN_DETAIL_INDEX
    and why. As reads do by themselves. Any thread. */
static inline void frn_index_distrust(frn_index *index, const char *why)
{
    if (index->ops->distrust != NULL) {
        index->ops->distrust(index, why);
    }
}

/** False from the first read on that met damage. Any thread. */
static inline bool frn_index_is_trusted(const frn_index *index)
{
    return index->ops->is_trusted == NULL || index->ops->is_trusted(index);
}

/* Backends. */

typedef struct frn_index_options {
    uint64_t size_max;                  /**< Bytes; 0: no limit. */
    uint64_t view_age_max_ns;           /**< 0: views never expire. */
    int64_t (*monotonic_ns)(void *arg); /**< The clock that views age by; NULL: frn_monotonic_ns(). Any thread. */
    void *clock_arg;
} frn_index_options;

/** An empty index in memory, gone when it is closed. heap must outlive it. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_index_open_memory(frn_heap *heap, const frn_index_options *options, frn_index **out_index,
                                  firn_error *err) FIRN_NODISCARD;

#endif
