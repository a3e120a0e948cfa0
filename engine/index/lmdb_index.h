/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_index.h — what the parts of the LMDB index share: the delta above, the environment below, generations, views.
 *
 * Rows above the mark lie in the delta, a memory index; rows up to it lie below, in the environment. Whoever reads asks
 * the delta first, then below: a row or a tombstone in the delta hides what is below. A generation is one state of what
 * is below, with its mark and a few read transactions that see it. It holds what a reader asks of "below", and nothing
 * else: a sorted file between delta and environment would be one more thing that a generation holds.
 *
 * A view stands at a seq and owns a reference on the generation that was the newest when it was opened; its seq is at
 * or above that generation's mark. The delta keeps every version between the two: a version leaves it, other than by
 * being superseded, only when it is at or below the mark of the oldest generation that is left. Hence rows that were
 * merged twice over are in several places, and each of them tells the same.
 */
#ifndef FRN_INDEX_LMDB_INDEX_H
#define FRN_INDEX_LMDB_INDEX_H

#include "engine/index/lmdb_env.h"
#include "engine/index/memory_delta.h"

/** One state below. lock of the index guards what is not fixed. */
typedef struct frn_lmdb_generation {
    struct frn_lmdb_generation *newer;
    frn_index_mark mark;  /**< Fixed, like what follows up to slots. */
    uint64_t rows_count;  /**< Rows below. */
    frn_lmdb_state state; /**< Where its pages are. */
    frn_lmdb_slot *slots; /**< The first is the write side's, the others are lent. */
    unsigned slots_count;
    frn_lmdb_slot *free; /**< Those not lent, linked. */
    unsigned lent;
    unsigned refs; /**< Views, the write side, and being the newest. 0, and nothing lent: it goes. */
} frn_lmdb_generation;

typedef struct frn_lmdb_view {
    frn_index_view view;
    frn_index_view *above;           /**< The delta's view at the same seq. */
    frn_lmdb_generation *generation; /**< NULL when the view has expired. lock. */
    struct frn_lmdb_view *next;      /**< In the list of all views. lock. */
    struct frn_lmdb_view **at;       /**< What points to it there. lock. */
} frn_lmdb_view;

/** No living row of a table lies before it: expiry deletes from the front, over and over. Write side. */
typedef struct frn_lmdb_front {
    bool known;
    uint16_t size;
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
} frn_lmdb_front;

/**
 * The write side owns what has its name; lock guards the generations and the list of views, and is held for some
 * instructions only. Of the delta's locks, that of its views may be taken while it is held, never the reverse.
 */
typedef struct frn_lmdb_index {
    frn_index index;
    frn_heap *heap;
    frn_lmdb_options options;
    frn_index *delta;
    frn_lmdb_env env;

    frn_lmdb_generation *write_generation;  /**< What the write side reads below. Write side. */
    frn_lmdb_front *fronts[FRN_TABLES_MAX]; /**< NULL: not known. Write side. */
    frn_memory_drop drop;                   /**< Write side. */
    uint64_t commits;
    uint64_t drop_credit; /**< Rows that commits have paid for and that were not looked at. Write side. */

    frn_mutex lock;
    frn_lmdb_generation *oldest;
    frn_lmdb_generation *newest;
    frn_lmdb_view *views;
    frn_word returned; /**< Counts slots that came back: what views wait on for one. */
    unsigned waiting;  /**< Views that do. lock. */
    _Atomic uint64_t generations_count;
    _Atomic uint64_t floor;                     /**< The mark of the oldest generation. */
    _Atomic(frn_lmdb_generation *) newest_hint; /**< newest, to look without the lock whether it changed. */
    atomic_bool poisoned;                       /**< Writing failed: no further merge. */
    atomic_bool distrusted;                     /**< Damage was met below: no further merge either. */
} frn_lmdb_index;

static inline frn_lmdb_index *frn_lmdb_of(frn_index *index)
{
    return (frn_lmdb_index *)index;
}

static inline frn_memory_index *frn_lmdb_delta(frn_lmdb_index *lmdb)
{
    return frn_memory_of(lmdb->delta);
}

/* lmdb_generation.c */

/** Takes the newest state below as a generation, with one reference. FIRN_OK, FIRN_FULL, FIRN_ENOMEM, FIRN_ECORRUPT,
    FIRN_EIO. */
firn_status frn_lmdb_generation_new(frn_lmdb_index *lmdb, frn_lmdb_generation **out_generation,
                                    firn_error *err) FIRN_NODISCARD;
/** Makes it the newest: the reference passes to the index. */
void frn_lmdb_generation_install(frn_lmdb_index *lmdb, frn_lmdb_generation *generation);
/** Frees one that was never installed, or, at the end, all of them. */
void frn_lmdb_generation_free(frn_lmdb_index *lmdb, frn_lmdb_generation *generation);
/** Gives up a reference. */
void frn_lmdb_generation_leave(frn_lmdb_index *lmdb, frn_lmdb_generation *generation);
/** A reference on the newest. */
frn_lmdb_generation *frn_lmdb_generation_join(frn_lmdb_index *lmdb);
/** Moves the write side to the newest: what it borrowed from below is gone. Write side. */
void frn_lmdb_write_side_move(frn_lmdb_index *lmdb);

/* lmdb_view.c */

firn_status frn_lmdb_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view,
                               firn_error *err) FIRN_NODISCARD;
void frn_lmdb_view_close(frn_index_view *view);
firn_status frn_lmdb_view_get(frn_index_view *view, frn_table table, firn_slice key, firn_buf *out_value,
                              firn_error *err) FIRN_NODISCARD;
firn_status frn_lmdb_view_seek(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                               firn_buf *out_value, firn_error *err) FIRN_NODISCARD;
/** Borrows a transaction of the view's generation, waiting for one if need be; NULL: the view has expired. */
frn_lmdb_slot *frn_lmdb_slot_take(frn_lmdb_index *lmdb, frn_lmdb_view *view) FIRN_NODISCARD;
void frn_lmdb_slot_give(frn_lmdb_index *lmdb, frn_lmdb_slot *slot);
/** Passes on what the delta answered: an expired view gives up its generation. */
firn_status frn_lmdb_above_said(frn_lmdb_index *lmdb, frn_lmdb_view *view, firn_status status) FIRN_NODISCARD;
/** Lets go of the generations of views that are too old. */
void frn_lmdb_views_expire(frn_lmdb_index *lmdb);

/* lmdb_check.c */

firn_status frn_lmdb_view_check(frn_index_view *view, const frn_index_checker *checker,
                                firn_error *err) FIRN_NODISCARD;

/* lmdb.c */

/** Passes on the status of a read below. Damage is remembered, in memory and on disk, and err gets the cure. */
firn_status frn_lmdb_met(frn_lmdb_index *lmdb, firn_status status, firn_error *err) FIRN_NODISCARD;

/* lmdb_merge.c */

firn_status frn_lmdb_merge(frn_index *index, frn_index_mark_fn fn, void *arg, frn_index_merged *out_merged,
                           firn_error *err) FIRN_NODISCARD;
firn_status frn_lmdb_refresh(frn_index *index, firn_error *err) FIRN_NODISCARD;

#endif
