/* SPDX-License-Identifier: Apache-2.0 */
/* spoilt_index.c — an index in memory whose k-th operation on a row goes wrong. */
#include "test/api/spoilt_index.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/index/lmdb.h"

typedef struct instance {
    frn_index index;
    frn_index *rows;
    frn_heap *heap;
    spoilt_index *spoilt;
} instance;

typedef struct spoilt_view {
    frn_index_view view;
    frn_index_view *rows;
} spoilt_view;

static instance *instance_of(const frn_index *index)
{
    return (instance *)(uintptr_t)index;
}

static frn_index *below(const frn_index *index)
{
    return instance_of(index)->rows;
}

/* Whether it is this operation's turn: only operations that can go wrong in the wanted way count. */
static bool is_turn(spoilt_index *spoilt, spoilt_how how)
{
    if (spoilt->how != how || spoilt->at == 0 || --spoilt->at != 0) {
        return false;
    }
    spoilt->hit++;
    return true;
}

static firn_status unreadable(firn_error *err)
{
    return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "a row is damaged");
}

/* A copy, so that what the memory index owns stays as it is. */
static firn_slice copied(spoilt_index *spoilt, firn_slice bytes, size_t size)
{
    free(spoilt->scratch.data);
    spoilt->scratch.data = malloc(bytes.size + 1);
    if (spoilt->scratch.data == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(spoilt->scratch.data, bytes.data, size);
    }
    return (firn_slice){spoilt->scratch.data, size};
}

static firn_slice shortened(spoilt_index *spoilt, firn_slice value)
{
    return value.size == 0 ? value : copied(spoilt, value, value.size - 1);
}

/* What becomes of a value that a view gives. */
static void view_value(spoilt_index *spoilt, frn_table table, firn_buf *value)
{
    uint8_t *data = value->data, kept[sizeof spoilt->before[0].data];
    size_t size = value->size < sizeof kept ? value->size : sizeof kept;

    if (value->size == 0) {
        return;
    }
    memcpy(kept, data, size);
    if (is_turn(spoilt, SPOILT_SHORT)) {
        value->size--;
    } else if (is_turn(spoilt, SPOILT_EMPTY)) {
        value->size = 0;
    } else if (spoilt->before[table].size != 0 && spoilt->before[table].size <= value->size &&
               is_turn(spoilt, SPOILT_OTHER)) {
        memcpy(data, spoilt->before[table].data, spoilt->before[table].size);
        value->size = spoilt->before[table].size;
    } else if (value->size >= 8 && is_turn(spoilt, SPOILT_SEQ)) {
        data[0] ^= 0x40;
        data[7] ^= 0x40;
    }
    memcpy(spoilt->before[table].data, kept, size);
    spoilt->before[table].size = size;
}

static void spoilt_close(frn_index *index)
{
    instance *in = instance_of(index);

    frn_index_close(in->rows);
    frn_free(in->heap, in);
}

static void spoilt_begin(frn_index *index, uint64_t seq_first)
{
    frn_index_begin(below(index), seq_first);
}

static firn_status spoilt_put(frn_index *index, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    if (is_turn(instance_of(index)->spoilt, SPOILT_WRITE)) {
        return frn_fail(err, FIRN_ENOMEM, "row: out of memory");
    }
    return frn_index_put(below(index), table, key, value, err);
}

static firn_status spoilt_remove(frn_index *index, frn_table table, firn_slice key, firn_error *err)
{
    if (is_turn(instance_of(index)->spoilt, SPOILT_WRITE)) {
        return frn_fail(err, FIRN_ENOMEM, "row: out of memory");
    }
    return frn_index_delete(below(index), table, key, err);
}

static firn_status spoilt_read(frn_index *index, frn_table table, firn_slice key, firn_slice *out_value,
                               firn_error *err)
{
    spoilt_index *spoilt = instance_of(index)->spoilt;
    firn_status status;

    if (is_turn(spoilt, SPOILT_READ)) {
        return unreadable(err);
    }
    status = frn_index_read(below(index), table, key, out_value, err);
    if (status == FIRN_OK && is_turn(spoilt, SPOILT_SHORT)) {
        *out_value = shortened(spoilt, *out_value);
    } else if (status == FIRN_OK && is_turn(spoilt, SPOILT_EMPTY)) {
        *out_value = copied(spoilt, *out_value, 0);
    }
    return status;
}

static firn_status spoilt_read_seek(frn_index *index, frn_table table, firn_slice from, bool after, firn_slice *out_key,
                                    firn_slice *out_value, firn_error *err)
{
    spoilt_index *spoilt = instance_of(index)->spoilt;
    firn_status status;

    if (is_turn(spoilt, SPOILT_READ)) {
        return unreadable(err);
    }
    status = frn_index_read_seek(below(index), table, from, after, out_key, out_value, err);
    if (status == FIRN_OK && is_turn(spoilt, SPOILT_SHORT)) {
        *out_value = shortened(spoilt, *out_value);
    } else if (status == FIRN_OK && is_turn(spoilt, SPOILT_EMPTY)) {
        *out_value = copied(spoilt, *out_value, 0);
    } else if (status == FIRN_OK && is_turn(spoilt, SPOILT_KEY)) {
        *out_key = copied(spoilt, *out_key, 1);
    }
    return status;
}

static void spoilt_commit(frn_index *index, uint64_t seq_last)
{
    frn_index_commit(below(index), seq_last);
}

static void spoilt_abort(frn_index *index)
{
    frn_index_abort(below(index));
}

static bool spoilt_reclaim(frn_index *index)
{
    return frn_index_reclaim(below(index));
}

static void spoilt_durable(frn_index *index, uint64_t seq)
{
    frn_index_durable(below(index), seq);
}

static void spoilt_mark(const frn_index *index, frn_index_mark *out_mark)
{
    frn_index_mark_get(below(index), out_mark);
}

static void spoilt_stat(frn_index *index, frn_index_stats *out_stats)
{
    frn_index_stat(below(index), out_stats);
}

static firn_status spoilt_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view, firn_error *err)
{
    instance *in = instance_of(index);
    spoilt_view *view = frn_alloc_zero(in->heap, 1, sizeof *view);
    firn_status status;

    if (view == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "view");
    }
    status = frn_index_view_open(in->rows, seq, &view->rows, err);
    if (status != FIRN_OK) {
        frn_free(in->heap, view);
        return status;
    }
    view->view = (frn_index_view){.ops = index->ops, .index = index, .seq = frn_index_view_seq(view->rows)};
    *out_view = &view->view;
    return FIRN_OK;
}

static void spoilt_view_close(frn_index_view *view)
{
    frn_heap *heap = instance_of(view->index)->heap;

    frn_index_view_close(((spoilt_view *)view)->rows);
    frn_free(heap, view);
}

static firn_status spoilt_get(frn_index_view *view, frn_table table, firn_slice key, firn_buf *out_value,
                              firn_error *err)
{
    spoilt_index *spoilt = instance_of(view->index)->spoilt;
    firn_status status;

    if (is_turn(spoilt, SPOILT_READ)) {
        return unreadable(err);
    }
    status = frn_index_get(((spoilt_view *)view)->rows, table, key, out_value, err);
    if (status == FIRN_OK) {
        view_value(spoilt, table, out_value);
    }
    return status;
}

static firn_status spoilt_seek(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                               firn_buf *out_value, firn_error *err)
{
    spoilt_index *spoilt = instance_of(view->index)->spoilt;
    firn_status status;

    if (is_turn(spoilt, SPOILT_READ)) {
        return unreadable(err);
    }
    status = frn_index_seek(((spoilt_view *)view)->rows, table, from, after, out_key, out_value, err);
    if (status == FIRN_OK && is_turn(spoilt, SPOILT_KEY)) {
        out_key->size = 1;
    }
    if (status == FIRN_OK) {
        view_value(spoilt, table, out_value);
    }
    return status;
}

static const frn_index_ops spoilt_ops = {.close = spoilt_close,
                                         .begin = spoilt_begin,
                                         .put = spoilt_put,
                                         .remove = spoilt_remove,
                                         .read = spoilt_read,
                                         .read_seek = spoilt_read_seek,
                                         .commit = spoilt_commit,
                                         .abort = spoilt_abort,
                                         .reclaim = spoilt_reclaim,
                                         .durable = spoilt_durable,
                                         .mark = spoilt_mark,
                                         .stat = spoilt_stat,
                                         .view_open = spoilt_view_open,
                                         .view_close = spoilt_view_close,
                                         .get = spoilt_get,
                                         .seek = spoilt_seek};

static firn_status place_open(void *arg, frn_heap *heap, const frn_lmdb_options *options, frn_index **out_index,
                              firn_error *err)
{
    instance *in = frn_alloc_zero(heap, 1, sizeof *in);
    firn_status status;

    if (in == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "index");
    }
    *in = (instance){.index = {.ops = &spoilt_ops}, .heap = heap, .spoilt = arg};
    status = frn_index_open_memory(heap, &options->index, &in->rows, err);
    if (status != FIRN_OK) {
        frn_free(heap, in);
        return status;
    }
    *out_index = &in->index;
    return FIRN_OK;
}

static firn_status place_remove(void *arg, firn_error *err)
{
    (void)arg;
    (void)err;
    return FIRN_OK;
}

frn_index_place spoilt_index_place(spoilt_index *spoilt)
{
    return (frn_index_place){.open = place_open, .remove = place_remove, .arg = spoilt};
}

void spoilt_index_done(spoilt_index *spoilt)
{
    free(spoilt->scratch.data);
    spoilt->scratch = (firn_buf){0};
}
