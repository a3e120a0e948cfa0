/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb.c — the LMDB backend of the index, its write side: the delta over the newest generation.
 *
 * Happy path. Batches go to the delta and cost what they cost in the memory index. A read that the delta cannot answer
 * looks below through a transaction that belongs to the write side, and hands out what lies in the map. After a merge
 * the write side moves to the new generation with its next commit, and from then on commits drop twice as many rows of
 * the delta, if these are below for everybody, as they add.
 *
 * What can fail. Reads below: see index.h. Everything else as in the memory index.
 */
#include "engine/index/lmdb.h"

#include <assert.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_index.h"

/* Commits between two looks for views that are too old, while any holds a state back. */
enum {
    COMMITS_PER_LOOK = 64
};

static void lmdb_begin(frn_index *index, uint64_t seq_first)
{
    frn_index_begin(frn_lmdb_of(index)->delta, seq_first);
}

static void lmdb_distrust(frn_index *index, const char *why)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);

    if (!atomic_exchange(&lmdb->distrusted, true)) {
        frn_lmdb_env_distrust(&lmdb->env, why);
    }
}

static bool lmdb_is_trusted(const frn_index *index)
{
    return !atomic_load(&((const frn_lmdb_index *)index)->distrusted);
}

static frn_lmdb_slot *slot_of(const frn_lmdb_index *lmdb)
{
    return &lmdb->write_generation->slots[0];
}

firn_status frn_lmdb_met(frn_lmdb_index *lmdb, firn_status status, firn_error *err)
{
    if (status != FIRN_ECORRUPT) {
        return status;
    }
    lmdb_distrust(&lmdb->index, err != NULL ? err->text : "a row is damaged");
    return frn_wrap(err, status, "the index is damaged, the log is not; opening again builds it anew");
}

/* What lies below, for the write side. FIRN_ENOTFOUND without a text. */
static firn_status below_get(frn_lmdb_index *lmdb, frn_table table, firn_slice key, firn_slice *out_value,
                             firn_error *err)
{
    return lmdb->write_generation->rows_count == 0
               ? FIRN_ENOTFOUND
               : frn_lmdb_met(lmdb, frn_lmdb_get(slot_of(lmdb), table, key, out_value, err), err);
}

static firn_status lmdb_put(frn_index *index, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    frn_lmdb_front *front = lmdb->fronts[table];

    if (front != NULL && front->known && frn_lmdb_compare(key, (firn_slice){front->key, front->size}) < 0) {
        front->known = false;
    }
    return frn_index_put(lmdb->delta, table, key, value, err);
}

static firn_status lmdb_remove(frn_index *index, frn_table table, firn_slice key, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    firn_slice value;
    firn_status status;

    if (frn_memory_newest(frn_lmdb_delta(lmdb), table, key) != NULL) {
        return frn_index_delete(lmdb->delta, table, key, err);
    }
    status = below_get(lmdb, table, key, &value, err);
    if (status == FIRN_ENOTFOUND) {
        return frn_fail(err, FIRN_ENOTFOUND, "no such row in table %s", frn_table_name(table));
    }
    return status < 0 ? status : frn_memory_tombstone(frn_lmdb_delta(lmdb), table, key, err);
}

static firn_status lmdb_read(frn_index *index, frn_table table, firn_slice key, firn_slice *out_value, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    const frn_version *version = frn_memory_newest(frn_lmdb_delta(lmdb), table, key);

    if (version == NULL) {
        return below_get(lmdb, table, key, out_value, err);
    }
    if (version->deleted) {
        return FIRN_ENOTFOUND;
    }
    *out_value = (firn_slice){version->data, version->size};
    return FIRN_OK;
}

/* The first living row of both. */
static firn_status seek_both(frn_lmdb_index *lmdb, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                             firn_slice *out_value, firn_error *err)
{
    const bool nothing = lmdb->write_generation->rows_count == 0;
    const frn_version *version;
    const frn_row *row;
    firn_slice key, value;
    firn_status below;
    int order;

    for (;;) {
        below = nothing ? FIRN_END : frn_lmdb_seek(slot_of(lmdb), table, from, after, &key, &value, err);
        below = frn_lmdb_met(lmdb, below, err);
        if (below < 0) {
            return below;
        }
        do {
            row = frn_memory_row_seek(frn_lmdb_delta(lmdb), table, from, after);
            order = row == NULL ? 1 : -1;
            if (row != NULL && below == FIRN_OK) {
                order = frn_lmdb_compare((firn_slice){row->key, row->key_size}, key);
            }
            if (order > 0) {
                if (below == FIRN_OK) {
                    *out_key = key;
                    *out_value = value;
                }
                return below;
            }
            version = atomic_load_explicit(&row->newest, memory_order_relaxed);
            from = (firn_slice){row->key, row->key_size};
            after = true;
            if (!version->deleted) {
                *out_key = from;
                *out_value = (firn_slice){version->data, version->size};
                return FIRN_OK;
            }
        } while (order < 0);
    }
}

static void front_set(frn_lmdb_index *lmdb, frn_table table, firn_slice key)
{
    frn_lmdb_front *front = lmdb->fronts[table];

    if (front == NULL) {
        /* Without memory it is searched for each time. */
        front = frn_alloc(lmdb->heap, sizeof *front);
        lmdb->fronts[table] = front;
    }
    if (front != NULL) {
        front->known = true;
        front->size = (uint16_t)key.size;
        memcpy(front->key, key.data, key.size);
    }
}

static firn_status lmdb_read_seek(frn_index *index, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                                  firn_slice *out_value, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    const frn_lmdb_front *front = lmdb->fronts[table];
    firn_status status;

    if (from.size > 0) {
        return seek_both(lmdb, table, from, after, out_key, out_value, err);
    }
    if (front != NULL && front->known) {
        from = (firn_slice){front->key, front->size};
    }
    status = seek_both(lmdb, table, from, false, out_key, out_value, err);
    if (status == FIRN_OK) {
        front_set(lmdb, table, *out_key);
    }
    return status;
}

/* Drops rows that are below for everybody; rows_max of them are paid for. */
static void drop_on(frn_lmdb_index *lmdb, uint64_t rows_max)
{
    frn_memory_drop *drop = &lmdb->drop;
    uint64_t floor = atomic_load_explicit(&lmdb->floor, memory_order_acquire);

    if (!drop->busy && floor > drop->seq) {
        *drop = (frn_memory_drop){.seq = floor, .busy = true};
        lmdb->drop_credit = 0;
    }
    lmdb->drop_credit += rows_max;
    if (drop->busy && lmdb->drop_credit >= FRN_MEMORY_PORTION) {
        frn_memory_drop_some(frn_lmdb_delta(lmdb), drop, lmdb->drop_credit);
        lmdb->drop_credit = 0;
    }
}

static void lmdb_commit(frn_index *index, uint64_t seq_last)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    uint64_t rows = frn_lmdb_delta(lmdb)->batch.count;

    frn_index_commit(lmdb->delta, seq_last);
    if (atomic_load_explicit(&lmdb->generations_count, memory_order_relaxed) > 1) {
        frn_lmdb_write_side_move(lmdb);
        if (++lmdb->commits % COMMITS_PER_LOOK == 0) {
            frn_lmdb_views_expire(lmdb);
        }
    }
    drop_on(lmdb, 2 * rows);
}

static void lmdb_abort(frn_index *index)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);

    frn_index_abort(lmdb->delta);
    /* Rows that the batch had deleted live again, perhaps before the front. */
    for (unsigned table = 0; table < FRN_TABLES_MAX; table++) {
        if (lmdb->fronts[table] != NULL) {
            lmdb->fronts[table]->known = false;
        }
    }
}

static bool lmdb_reclaim(frn_index *index)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    bool more;

    frn_lmdb_views_expire(lmdb);
    frn_lmdb_write_side_move(lmdb);
    more = frn_index_reclaim(lmdb->delta);
    drop_on(lmdb, 16 * FRN_MEMORY_PORTION);
    return more || lmdb->drop.busy;
}

static void lmdb_durable(frn_index *index, uint64_t seq)
{
    frn_index_durable(frn_lmdb_of(index)->delta, seq);
}

static void lmdb_mark(const frn_index *index, frn_index_mark *out_mark)
{
    frn_lmdb_index *lmdb = frn_lmdb_of((frn_index *)(uintptr_t)index);

    frn_mutex_lock(&lmdb->lock);
    *out_mark = lmdb->newest->mark;
    frn_mutex_unlock(&lmdb->lock);
}

static void lmdb_stat(frn_index *index, frn_index_stats *out_stats)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    MDB_envinfo info;
    MDB_stat shape;

    frn_index_stat(lmdb->delta, out_stats);
    frn_mutex_lock(&lmdb->lock);
    out_stats->merged_seq = lmdb->newest->mark.seq;
    out_stats->below_rows_count = lmdb->newest->rows_count;
    frn_mutex_unlock(&lmdb->lock);
    out_stats->generations_count = atomic_load_explicit(&lmdb->generations_count, memory_order_relaxed);
    if (mdb_env_info(lmdb->env.env, &info) == 0 && mdb_env_stat(lmdb->env.env, &shape) == 0) {
        out_stats->below_size = (info.me_last_pgno + 1) * (uint64_t)shape.ms_psize;
    }
}

static void lmdb_close(frn_index *index)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    frn_lmdb_generation *newer;

    assert(lmdb->views == NULL);
    for (frn_lmdb_generation *generation = lmdb->oldest; generation != NULL; generation = newer) {
        newer = generation->newer;
        frn_lmdb_generation_free(lmdb, generation);
    }
    if (lmdb->env.env != NULL) {
        frn_lmdb_env_close(&lmdb->env);
    }
    for (unsigned table = 0; table < FRN_TABLES_MAX; table++) {
        frn_free(lmdb->heap, lmdb->fronts[table]);
    }
    frn_index_close(lmdb->delta);
    frn_mutex_done(&lmdb->lock);
    frn_free(lmdb->heap, lmdb);
}

static const frn_index_ops lmdb_ops = {.close = lmdb_close,
                                       .begin = lmdb_begin,
                                       .put = lmdb_put,
                                       .remove = lmdb_remove,
                                       .read = lmdb_read,
                                       .read_seek = lmdb_read_seek,
                                       .commit = lmdb_commit,
                                       .abort = lmdb_abort,
                                       .reclaim = lmdb_reclaim,
                                       .durable = lmdb_durable,
                                       .mark = lmdb_mark,
                                       .stat = lmdb_stat,
                                       .view_open = frn_lmdb_view_open,
                                       .view_close = frn_lmdb_view_close,
                                       .get = frn_lmdb_view_get,
                                       .seek = frn_lmdb_view_seek,
                                       .merge = frn_lmdb_merge,
                                       .refresh = frn_lmdb_refresh,
                                       .check = frn_lmdb_view_check,
                                       .distrust = lmdb_distrust,
                                       .is_trusted = lmdb_is_trusted};

/* A new environment gets the mark of the empty ledger. */
static firn_status mark_first(frn_lmdb_index *lmdb, firn_error *err)
{
    frn_index_mark mark = {0};
    firn_status status;
    MDB_txn *txn;
    int code = mdb_txn_begin(lmdb->env.env, NULL, 0, &txn);

    if (code != 0) {
        return frn_lmdb_fail(err, code, "begin the index");
    }
    status = frn_lmdb_mark_write(&lmdb->env, txn, &mark, &lmdb->options, err);
    if (status < 0) {
        mdb_txn_abort(txn);
        return status;
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? frn_lmdb_env_extend(&lmdb->env, err) : frn_lmdb_fail(err, code, "begin the index");
}

firn_status frn_index_open_lmdb(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index **out_index, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_alloc_zero(heap, 1, sizeof *lmdb);
    frn_lmdb_generation *generation;
    firn_status status;
    bool is_new = false;

    if (lmdb == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open index %s", folder);
    }
    assert(options->stores_count <= FRN_LMDB_STORES_MAX);
    lmdb->index.ops = &lmdb_ops;
    lmdb->heap = heap;
    lmdb->options = *options;
    frn_mutex_init(&lmdb->lock);
    status = frn_index_open_memory(heap, &options->index, &lmdb->delta, err);
    if (status == FIRN_OK) {
        status = frn_lmdb_env_open(&lmdb->env, folder, options, 0, &is_new, err);
    }
    if (status == FIRN_OK && is_new) {
        status = mark_first(lmdb, err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_generation_new(lmdb, &generation, err);
    }
    if (status != FIRN_OK) {
        lmdb_close(&lmdb->index);
        return status;
    }
    frn_lmdb_generation_install(lmdb, generation);
    frn_lmdb_write_side_move(lmdb);
    lmdb->drop.seq = generation->mark.seq;
    frn_memory_committed(frn_lmdb_delta(lmdb), generation->mark.seq);
    frn_index_durable(lmdb->delta, generation->mark.seq);
    if (generation->mark.seq > 0 || options->read_only) {
        frn_memory_delta(frn_lmdb_delta(lmdb));
    }
    *out_index = &lmdb->index;
    return FIRN_OK;
}
