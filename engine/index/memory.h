/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h — what the two sides of the memory index share: rows, versions, locks and the list of views. */
#ifndef FRN_INDEX_MEMORY_H
#define FRN_INDEX_MEMORY_H

#include <pthread.h>

#include "engine/base/thread.h"
#include "engine/index/index.h"
#include "engine/index/trie.h"

/**
 * One value that a row had. From the newest down, seqs fall; of two versions of one batch, which have the same seq,
 * only the upper one counts. Everything but seq and older may change while the batch is open: a view looks no further
 * at a version that is above it.
 */
typedef struct frn_version {
    uint64_t seq; /**< The first of its batch: no view stands inside one, so it tells as much as the last. */
    struct frn_version *older; /**< NULL for the oldest that is kept. */
    struct frn_version *newer; /**< What superseded it; NULL for the newest. Write side. */
    struct frn_version *next;  /**< In the one list that it is on. */
    frn_row *row;
    uint32_t capacity : 31; /**< Bytes of data. Write side. */
    uint32_t settled : 1;   /**< Durable and off the queue. Write side. */
    uint32_t : 0;           /* What follows is read by views: it must be a memory location of its own. */
    uint32_t size : 31;     /**< Bytes of value. */
    uint32_t deleted : 1;   /**< A tombstone. */
    uint8_t data[];
} frn_version;

_Static_assert(FRN_INDEX_VALUE_SIZE_MAX < INT32_MAX, "a value's size does not fit");

/**
 * Behind its key a row may have room for one version, its slot: most rows are written once, and then need one
 * allocation and lie in one place. Later versions use it again when it is free and they fit. Write side.
 */
enum {
    FRN_SLOT_NONE,
    FRN_SLOT_USED,
    FRN_SLOT_FREE
};

/** Versions linked by next. All zero is empty. */
typedef struct frn_version_list {
    frn_version *first;
    frn_version *last;
    uint64_t count;
} frn_version_list;

typedef struct frn_memory_view {
    frn_index_view view;
    int64_t opened_ns;
    bool ageless;          /**< Does not expire: the view of a merge. */
    atomic_bool expired;   /**< Set under views_lock, together with leaving the array of views. */
    frn_version_list kept; /**< Superseded versions that this view, and none above it, needs. views_lock. */
} frn_memory_view;

/**
 * The write side owns batch, queue and caches and is alone to change tables. It reads tables without a lock and changes
 * them under lock; views read them under lock shared. A new version on a row that is there needs no lock: it is
 * published by one pointer. views_lock guards the last group. Neither lock is taken while the other is held.
 *
 * A version is on at most one list: from its put on the batch, from commit on the queue, until it is durable and
 * leaves it for good as the newest of its row. When it has been superseded, and its successor leaves the queue, it is
 * freed, or goes to kept of a view; from there to ready when the view is gone, to be looked at again.
 */
typedef struct frn_memory_index {
    frn_index index;
    frn_heap *heap;
    frn_index_options options;

    uint64_t seq_first;                 /**< Of the open batch; 0: none is open. */
    frn_version_list batch;             /**< Versions of the open batch, in the order of their puts. */
    frn_version_list queue;             /**< Committed versions that are not settled: seqs never fall along it. */
    frn_row *last_row[FRN_TABLES_MAX];  /**< The last one found: appends to a stream come in series. */
    frn_row *front_row[FRN_TABLES_MAX]; /**< No living row lies before it; NULL: not known. */
    frn_trie tables[FRN_TABLES_MAX];
    pthread_rwlock_t lock;
    atomic_bool is_delta; /**< Rows may lie below, on disk: tombstones stay until they are dropped. Never cleared. */

    _Atomic uint64_t size; /**< These are written by the write side and read by any thread. */
    _Atomic uint64_t rows_count;
    _Atomic uint64_t versions_count;
    _Atomic uint64_t committed; /**< The last seq of the last batch. */
    _Atomic uint64_t durable;   /**< Written by any thread. */

    frn_mutex views_lock;
    frn_memory_view **views; /**< Those that have not expired, by seq and address. */
    size_t views_size;       /**< How many they are. */
    size_t views_capacity;
    uint64_t views_count;         /**< Open views, expired ones included. */
    frn_version_list ready;       /**< What views that are gone had kept. */
    _Atomic uint64_t ready_count; /**< Its count, for a look without the lock. */
} frn_memory_index;

static inline frn_memory_index *frn_memory_of(frn_index *index)
{
    return (frn_memory_index *)index;
}

static inline void frn_version_list_add(frn_version_list *list, frn_version *version)
{
    version->next = NULL;
    *(list->last == NULL ? &list->first : &list->last->next) = version;
    list->last = version;
    list->count++;
}

/** Takes the first; NULL from an empty list. */
static inline frn_version *frn_version_list_take(frn_version_list *list)
{
    frn_version *version = list->first;

    if (version != NULL) {
        list->first = version->next;
        list->last = list->first == NULL ? NULL : list->last;
        list->count--;
    }
    return version;
}

/** Puts all of from behind list and leaves from empty. */
static inline void frn_version_list_move(frn_version_list *list, frn_version_list *from)
{
    if (from->first != NULL) {
        *(list->last == NULL ? &list->first : &list->last->next) = from->first;
        list->last = from->last;
        list->count += from->count;
        *from = (frn_version_list){0};
    }
}

/** Adds to a figure that only the write side changes. */
static inline void frn_memory_count(_Atomic uint64_t *figure, uint64_t added)
{
    atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + added, memory_order_relaxed);
}

/* memory.c */

/** A row by its key, or NULL. Write side. */
frn_row *frn_memory_row_find(frn_memory_index *memory, frn_table table, firn_slice key);

/* memory_row.c */

/** A version for a row, not hung on it yet; in the row's slot if it can be. NULL: no memory. */
frn_version *frn_memory_version_new(frn_memory_index *memory, frn_row *row, firn_slice value);
/** Frees a version that is on no list any more. Its row is there. Under lock, if it was ever published. */
void frn_memory_version_free(frn_memory_index *memory, frn_version *version);
/** A row with its first version, in its table. NULL: no memory, nothing changed. */
frn_version *frn_memory_row_add(frn_memory_index *memory, frn_table table, firn_slice key, firn_slice value);
/** Takes a row without versions out of its table and frees it. Under lock. */
void frn_memory_row_free(frn_memory_index *memory, frn_row *row);
/** The most that a row with its first version takes. */
uint64_t frn_memory_row_cost_max(size_t key_size, size_t value_size);

/* memory_reclaim.c */

/** Versions that are freed under one hold of the lock: some microseconds. */
enum {
    FRN_MEMORY_PORTION = 64
};

/** Frees a row that is nothing but a settled tombstone with nothing below. Under lock. */
void frn_memory_row_tidy(frn_memory_index *memory, frn_row *row);
/** Looks at up to versions_max versions that are durable, in portions. True if there are more. */
bool frn_memory_reclaim(frn_memory_index *memory, uint64_t versions_max);

/* memory_view.c */

/** Whether a view needs this superseded version, whose successor is durable; then it is on that view's list. Under
    views_lock. Views that are found too old are let go on the way. */
bool frn_memory_keep(frn_memory_index *memory, frn_version *version);
/** Whether a view is too old; then it is let go, and stays so. */
bool frn_memory_view_expired(frn_memory_index *memory, frn_memory_view *view);
firn_status frn_memory_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view,
                                 firn_error *err) FIRN_NODISCARD;
/** A view at the durable position that does not expire. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_memory_view_open_ageless(frn_memory_index *memory, frn_index_view **out_view,
                                         firn_error *err) FIRN_NODISCARD;
void frn_memory_view_close(frn_index_view *view);
firn_status frn_memory_get(frn_index_view *view, frn_table table, firn_slice key, firn_buf *out_value,
                           firn_error *err) FIRN_NODISCARD;
firn_status frn_memory_seek(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                            firn_buf *out_value, firn_error *err) FIRN_NODISCARD;
/** The version of a row that counts at a seq, a tombstone too; NULL if it was not written then. Under lock. */
const frn_version *frn_memory_version_at(const frn_row *row, uint64_t seq);
/** What an expired view answers. */
firn_status frn_memory_expired(const frn_memory_index *memory, const frn_memory_view *view, firn_error *err);
/** Like frn_memory_get(), but a tombstone is FIRN_OK with *out_deleted set: only without it what lies below counts. */
firn_status frn_memory_get_any(frn_index_view *view, frn_table table, firn_slice key, firn_buf *out_value,
                               bool *out_deleted, firn_error *err) FIRN_NODISCARD;
/** Like frn_memory_seek(), but tombstones are rows, and nothing beyond last is found (data NULL: all is); then
    FIRN_END. */
firn_status frn_memory_seek_any(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_slice last,
                                firn_buf *out_key, firn_buf *out_value, bool *out_deleted,
                                firn_error *err) FIRN_NODISCARD;

#endif
