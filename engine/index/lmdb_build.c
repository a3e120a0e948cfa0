/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_build.c — an index that is filled by replay from nothing: rows that nobody reads back are only sorted.
 *
 * Happy path. Rows of the tables that replay reads back lie in an index in memory. Those of the other tables, digests
 * above all, go straight to the sorter of a bulk build (lmdb_bulk.c), which costs them neither a place in a tree in
 * memory nor the random insertions of later merges. In the end the rows in memory are sorted in with them, and
 * everything is appended to a new file, which takes the place of the index that may be there.
 *
 * Who fills it asks frn_index_stat() for the memory that the rows read back take; when that is too much, what there is
 * is finished, and replay goes on with the index on disk, merging.
 *
 * What can fail: memory, and the file of the sorter. A batch cannot be taken back once it has put rows for the sorter:
 * after a failure all of it is only to be closed.
 */
#include "engine/index/lmdb.h"

#include <assert.h>

#include "engine/base/error.h"

typedef struct build {
    frn_index index;
    frn_heap *heap;
    frn_index *rows; /* Of the tables that are read back. */
    frn_index_bulk *bulk;
    bool unread[FRN_TABLES_MAX];
} build;

static build *build_of(const frn_index *index)
{
    return (build *)(uintptr_t)index;
}

static void build_close(frn_index *index)
{
    build *b = build_of(index);

    frn_index_close(b->rows);
    frn_index_bulk_close(b->bulk);
    frn_free(b->heap, b);
}

static void build_begin(frn_index *index, uint64_t seq_first)
{
    frn_index_begin(build_of(index)->rows, seq_first);
}

static firn_status build_put(frn_index *index, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    build *b = build_of(index);

    return b->unread[table] ? frn_index_bulk_put(b->bulk, table, key, value, err)
                            : frn_index_put(b->rows, table, key, value, err);
}

static firn_status build_remove(frn_index *index, frn_table table, firn_slice key, firn_error *err)
{
    assert(!build_of(index)->unread[table]);
    return frn_index_delete(build_of(index)->rows, table, key, err);
}

static firn_status build_read(frn_index *index, frn_table table, firn_slice key, firn_slice *out_value, firn_error *err)
{
    assert(!build_of(index)->unread[table]);
    return frn_index_read(build_of(index)->rows, table, key, out_value, err);
}

static firn_status build_read_seek(frn_index *index, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                                   firn_slice *out_value, firn_error *err)
{
    assert(!build_of(index)->unread[table]);
    return frn_index_read_seek(build_of(index)->rows, table, from, after, out_key, out_value, err);
}

static void build_commit(frn_index *index, uint64_t seq_last)
{
    frn_index_commit(build_of(index)->rows, seq_last);
}

static void build_abort(frn_index *index)
{
    frn_index_abort(build_of(index)->rows);
}

static bool build_reclaim(frn_index *index)
{
    return frn_index_reclaim(build_of(index)->rows);
}

static void build_durable(frn_index *index, uint64_t seq)
{
    frn_index_durable(build_of(index)->rows, seq);
}

static void build_mark(const frn_index *index, frn_index_mark *out_mark)
{
    (void)index;
    *out_mark = (frn_index_mark){0};
}

static void build_stat(frn_index *index, frn_index_stats *out_stats)
{
    frn_index_stat(build_of(index)->rows, out_stats);
}

/* Nobody looks at a state of it before it is finished: no views, no merges. */
static const frn_index_ops build_ops = {
    .close = build_close,
    .begin = build_begin,
    .put = build_put,
    .remove = build_remove,
    .read = build_read,
    .read_seek = build_read_seek,
    .commit = build_commit,
    .abort = build_abort,
    .reclaim = build_reclaim,
    .durable = build_durable,
    .mark = build_mark,
    .stat = build_stat,
};

firn_status frn_index_build_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                 const frn_table *unread, size_t unread_count, frn_index **out_index, firn_error *err)
{
    build *b = frn_alloc_zero(heap, 1, sizeof *b);
    firn_status status;

    if (b == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "build index %s", folder);
    }
    b->index.ops = &build_ops;
    b->heap = heap;
    for (size_t i = 0; i < unread_count; i++) {
        b->unread[unread[i]] = true;
    }
    status = frn_index_open_memory(heap, &options->index, &b->rows, err);
    if (status == FIRN_OK) {
        status = frn_index_bulk_open(heap, folder, options, &b->bulk, err);
    }
    if (status < 0) {
        build_close(&b->index);
        return status;
    }
    *out_index = &b->index;
    return FIRN_OK;
}

static firn_status row_add(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    return frn_index_bulk_put(arg, table, key, value, err);
}

firn_status frn_index_build_finish(frn_index *index, const frn_index_mark *mark, firn_error *err)
{
    build *b = build_of(index);
    frn_index_view *view = NULL;
    firn_status status;

    assert(index->ops == &build_ops);
    status = frn_index_view_open(b->rows, mark->seq, &view, err);
    if (status == FIRN_OK) {
        status = frn_index_walk(view, row_add, b->bulk, err);
    }
    frn_index_view_close(view);
    return status < 0 ? status : frn_index_bulk_finish(b->bulk, mark, err);
}
