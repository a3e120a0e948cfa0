/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_merge.c — bring the rows of the delta to disk, with the mark, in one transaction; follow another process.
 *
 * Happy path. A view that does not age is opened on the delta at the durable position; the rows that it sees above the
 * mark, tombstones too, are taken table by table in the order of their keys, portion by portion, so that neither the
 * write side nor a view waits; LMDB gets them in that order, and the mark last. After the commit the new state is taken
 * as the newest generation. Nothing is taken out of the delta here: that is for the write side, once no view is left
 * that needs it.
 *
 * Measured, release build, two busy cores, random keys of 32 bytes into an index that grows to 1 M of them: one merge
 * of 1 M rows 0.70 M rows/s and a file of 67 MB; ten of 100 k from 0.86 down to 0.31 M/s, 261 MB. Dropping a row that
 * was merged costs 1.2 us, most of it waiting for memory. Memory: the delta, and up to 512 MiB of pages that LMDB holds
 * in a transaction before it begins to write them out early.
 *
 * What can fail. Before the commit everything: the transaction is aborted and the disk is as it was. If the commit
 * fails otherwise than because the file system refused to take more, LMDB would let the next transaction begin as if
 * nothing had happened; what is in the kernel's cache need not be on the device then. So no further merge is tried.
 * Should only the taking of the new state fail, the delta still has every row, and the next merge writes them again.
 */
#include <inttypes.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_index.h"
#include "engine/index/lmdb_write.h"

static firn_status table_write(frn_lmdb_writer *writer, frn_index_view *view, uint64_t seq_above, frn_table table,
                               frn_memory_rows *rows, firn_error *err)
{
    frn_memory_taken row;
    firn_status status, taken;
    size_t at;

    rows->from_size = 0;
    do {
        taken = frn_memory_take(view, seq_above, table, rows, err);
        if (taken < 0) {
            return taken;
        }
        at = 0;
        while (frn_memory_taken_next(rows, &at, &row)) {
            status = frn_lmdb_write(writer, table, row.key, row.value, row.deleted, err);
            if (status < 0) {
                return status;
            }
        }
    } while (taken != FIRN_END);
    return FIRN_OK;
}

static firn_status rows_write(frn_lmdb_writer *writer, frn_index_view *view, uint64_t seq_above, firn_error *err)
{
    frn_memory_rows *rows = frn_alloc_zero(writer->heap, 1, sizeof *rows);
    firn_status status = rows == NULL ? frn_fail(err, FIRN_ENOMEM, "rows to merge") : FIRN_OK;

    for (unsigned table = 0; table < FRN_TABLES_MAX && status == FIRN_OK; table++) {
        status = table_write(writer, view, seq_above, (frn_table)table, rows, err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_write_flush(writer, err);
    }
    if (rows != NULL) {
        frn_free(writer->heap, rows->data);
    }
    frn_free(writer->heap, rows);
    return status;
}

/* One transaction: the rows that the view sees above the newest mark, and the mark. */
static firn_status merge_write(frn_lmdb_index *lmdb, frn_index_view *view, const frn_index_mark *mark,
                               frn_index_merged *out_merged, firn_error *err)
{
    /* Only this thread replaces the newest generation. Behind the mark, whose row is the first of the tree, the rows of
       the first merge can be appended. */
    frn_lmdb_writer writer = {.heap = lmdb->heap, .env = &lmdb->env, .append = lmdb->newest->rows_count == 0};
    firn_status status;
    int code = mdb_txn_begin(lmdb->env.env, NULL, 0, &writer.txn);

    if (code != 0) {
        return frn_lmdb_fail(err, code, "merge into the index");
    }
    status = rows_write(&writer, view, lmdb->newest->mark.seq, err);
    if (status == FIRN_OK) {
        status = frn_lmdb_mark_write(&lmdb->env, writer.txn, mark, &lmdb->options, err);
    }
    frn_lmdb_write_done(&writer);
    if (status < 0) {
        mdb_txn_abort(writer.txn);
        return status;
    }
    code = mdb_txn_commit(writer.txn);
    status = code == 0 ? frn_lmdb_env_extend(&lmdb->env, err) : frn_lmdb_fail(err, code, "commit to the index");
    if ((status == FIRN_ENOSPC || status == FIRN_ENOMEM) && !frn_lmdb_env_kept(&lmdb->env)) {
        return frn_fail(err, FIRN_EIO, "commit to the index: the device had no room for what it was given");
    }
    if (status == FIRN_OK) {
        *out_merged = (frn_index_merged){.seq = mark->seq, .rows_count = writer.rows_count, .bytes = writer.bytes};
    }
    return status;
}

static bool can_be_tried_again(firn_status status)
{
    return status == FIRN_OK || status == FIRN_ENOMEM || status == FIRN_ENOSPC || status == FIRN_ETOOBIG ||
           status == FIRN_FULL;
}

/* Takes the state that is on disk now and makes it the newest. */
static firn_status state_take(frn_lmdb_index *lmdb, firn_error *err)
{
    frn_lmdb_generation *generation;
    firn_status status = frn_lmdb_generation_new(lmdb, &generation, err);

    if (status == FIRN_OK) {
        frn_lmdb_generation_install(lmdb, generation);
    }
    return status;
}

firn_status frn_lmdb_merge(frn_index *index, frn_index_mark_fn fn, void *arg, frn_index_merged *out_merged,
                           firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    frn_index_mark mark = {0};
    frn_index_view *view = NULL;
    firn_status status;
    int dead;

    if (lmdb->options.read_only) {
        return frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "merge: the index is open for reading");
    }
    if (atomic_load(&lmdb->distrusted)) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "merge: damage was met in the index");
    }
    if (atomic_load_explicit(&lmdb->poisoned, memory_order_relaxed)) {
        return frn_fail(err, FIRN_EPOISONED, "merge: writing the index had failed");
    }
    frn_lmdb_views_expire(lmdb);
    frn_memory_delta(frn_lmdb_delta(lmdb));
    status = frn_memory_view_open_ageless(frn_lmdb_delta(lmdb), &view, err);
    if (status < 0) {
        return status;
    }
    *out_merged = (frn_index_merged){.seq = view->seq};
    if (view->seq > lmdb->newest->mark.seq) {
        mark.seq = view->seq;
        fn(arg, &mark);
        /* What processes left behind that died while they read holds pages for nobody. */
        (void)mdb_reader_check(lmdb->env.env, &dead);
        status = merge_write(lmdb, view, &mark, out_merged, err);
        if (!can_be_tried_again(status)) {
            atomic_store_explicit(&lmdb->poisoned, true, memory_order_relaxed);
        }
        if (status == FIRN_OK) {
            status = state_take(lmdb, err);
        }
        status = frn_lmdb_met(lmdb, status, err);
    }
    frn_memory_view_close(view);
    return status == FIRN_OK ? status : frn_wrap(err, status, "merge up to seq %" PRIu64, mark.seq);
}

firn_status frn_lmdb_refresh(frn_index *index, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    frn_lmdb_generation *generation;
    MDB_envinfo info;
    firn_status status;
    int code;

    if (!lmdb->options.read_only) {
        return FIRN_OK;
    }
    if (!frn_lmdb_env_is_current(&lmdb->env)) {
        return frn_fail(err, FIRN_ESTATE, "index %s: it was built again", lmdb->env.folder);
    }
    code = mdb_env_info(lmdb->env.env, &info);
    if (code != 0) {
        return frn_lmdb_fail(err, code, "follow the index");
    }
    frn_lmdb_views_expire(lmdb);
    if (info.me_last_txnid == mdb_txn_id(lmdb->newest->slots[0].txn)) {
        return FIRN_OK;
    }
    status = frn_lmdb_generation_new(lmdb, &generation, err);
    if (status != FIRN_OK) {
        return status;
    }
    if (atomic_load(&frn_lmdb_delta(lmdb)->rows_count) > 0 &&
        generation->mark.seq > atomic_load(&frn_lmdb_delta(lmdb)->committed)) {
        /* Rows in memory would hide later ones below: the write side has to come that far first. */
        frn_lmdb_generation_free(lmdb, generation);
        return FIRN_FULL;
    }
    /* In this order: a view on the state before must not stand at a seq that only this one reaches (see
       frn_lmdb_view_open()). */
    frn_memory_committed(frn_lmdb_delta(lmdb), generation->mark.seq);
    frn_lmdb_generation_install(lmdb, generation);
    frn_index_durable(lmdb->delta, generation->mark.seq);
    frn_lmdb_write_side_move(lmdb);
    return FIRN_OK;
}
