/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_view.c — views of the memory index: rows as they were at one seq, for any thread.
 *
 * Happy path. A view stands at its seq and owns nothing at first. When a version is superseded and its successor is
 * durable, it is still needed if and only if a view stands at or above it and below the successor; the highest such
 * view takes it on its list. So a row has at most one version for each view, besides those that are not durable yet,
 * however long a view stays and however often the row is written. When a view goes, its list is looked at again. Every
 * answer is copied under the shared lock: nothing points into the index when the lock is given up.
 *
 * What can fail. A view that is too old is let go: it leaves the array of views and pins nothing from then on. Whoever
 * notices first does it: a call on the view, or the write side when the view would keep a version. A reader asks for
 * `expired` after it has the lock: what the view needs is freed only under the exclusive lock, after the flag was set;
 * so either the reader sees the flag, or its lock came first and the versions are still there.
 *
 * Why a view that opens late loses nothing. It stands at or above the durable position that it reads under views_lock;
 * the write side drops a version only after it saw, before that lock was free, a durable position not below the
 * successor.
 */
#include "engine/index/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"

/* Rows passed over under one hold of the lock before the writer gets its chance. */
enum {
    ROWS_SKIPPED_MAX = 64
};

static int64_t clock_now(const frn_memory_index *memory)
{
    return memory->options.monotonic_ns != NULL ? memory->options.monotonic_ns(memory->options.clock_arg)
                                                : frn_monotonic_ns();
}

static bool too_old(const frn_memory_index *memory, const frn_memory_view *view)
{
    int64_t age_ns;

    if (memory->options.view_age_max_ns == 0 || view->ageless) {
        return false;
    }
    age_ns = clock_now(memory) - view->opened_ns;
    return age_ns > 0 && (uint64_t)age_ns > memory->options.view_age_max_ns;
}

/* The number of views below (seq, address). With views_lock. */
static size_t views_below(const frn_memory_index *memory, uint64_t seq, const frn_memory_view *view)
{
    size_t low = 0;
    size_t high = memory->views_size;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const frn_memory_view *there = memory->views[middle];

        if (there->view.seq < seq || (there->view.seq == seq && (uintptr_t)there < (uintptr_t)view)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* With views_lock. */
static firn_status views_add(frn_memory_index *memory, frn_memory_view *view)
{
    size_t at = views_below(memory, view->view.seq, view);

    if (memory->views_size == memory->views_capacity) {
        size_t capacity = memory->views_capacity == 0 ? 16 : 2 * memory->views_capacity;
        frn_memory_view **views = frn_realloc(memory->heap, memory->views, capacity * sizeof(*views));

        if (views == NULL) {
            return FIRN_ENOMEM;
        }
        memory->views = views;
        memory->views_capacity = capacity;
    }
    memmove(&memory->views[at + 1], &memory->views[at], (memory->views_size - at) * sizeof memory->views[0]);
    memory->views[at] = view;
    memory->views_size++;
    return FIRN_OK;
}

/* Makes a view pin nothing, once. With views_lock. */
static void view_let_go(frn_memory_index *memory, frn_memory_view *view)
{
    size_t at;

    if (atomic_load_explicit(&view->expired, memory_order_relaxed)) {
        return;
    }
    at = views_below(memory, view->view.seq, view);
    assert(at < memory->views_size && memory->views[at] == view);
    memory->views_size--;
    memmove(&memory->views[at], &memory->views[at + 1], (memory->views_size - at) * sizeof memory->views[0]);
    frn_version_list_move(&memory->ready, &view->kept);
    atomic_store_explicit(&memory->ready_count, memory->ready.count, memory_order_relaxed);
    atomic_store_explicit(&view->expired, true, memory_order_relaxed);
}

bool frn_memory_keep(frn_memory_index *memory, frn_version *version)
{
    for (;;) {
        size_t below = memory->views_size == 0 ? 0 : views_below(memory, version->newer->seq, NULL);
        frn_memory_view *view = below == 0 ? NULL : memory->views[below - 1];

        if (view == NULL || view->view.seq < version->seq) {
            return false;
        }
        if (!too_old(memory, view)) {
            frn_version_list_add(&view->kept, version);
            return true;
        }
        view_let_go(memory, view);
    }
}

static firn_status view_open(frn_index *index, uint64_t seq, bool ageless, frn_index_view **out_view, firn_error *err)
{
    frn_memory_index *memory = frn_memory_of(index);
    frn_memory_view *view = frn_alloc(memory->heap, sizeof *view);
    firn_status status = FIRN_ENOMEM;
    uint64_t durable;

    if (view == NULL) {
        goto out;
    }
    assert(seq <= atomic_load_explicit(&memory->committed, memory_order_relaxed));
    *view = (frn_memory_view){
        .view = {.ops = index->ops, .index = index}, .opened_ns = clock_now(memory), .ageless = ageless};
    frn_mutex_lock(&memory->views_lock);
    durable = atomic_load_explicit(&memory->durable, memory_order_acquire);
    view->view.seq = seq > durable ? seq : durable;
    status = views_add(memory, view);
    memory->views_count += status == FIRN_OK;
    frn_mutex_unlock(&memory->views_lock);
    if (status < 0) {
        goto out;
    }
    *out_view = &view->view;
    view = NULL;
out:
    frn_free(memory->heap, view);
    return status == FIRN_OK ? status : frn_fail(err, status, "open view at seq %" PRIu64, seq);
}

firn_status frn_memory_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view, firn_error *err)
{
    return view_open(index, seq, false, out_view, err);
}

firn_status frn_memory_view_open_ageless(frn_memory_index *memory, frn_index_view **out_view, firn_error *err)
{
    return view_open(&memory->index, 0, true, out_view, err);
}

void frn_memory_view_close(frn_index_view *base)
{
    frn_memory_view *view = (frn_memory_view *)base;
    frn_memory_index *memory = frn_memory_of(base->index);

    frn_mutex_lock(&memory->views_lock);
    view_let_go(memory, view);
    memory->views_count--;
    frn_mutex_unlock(&memory->views_lock);
    frn_free(memory->heap, view);
}

firn_status frn_memory_expired(const frn_memory_index *memory, const frn_memory_view *view, firn_error *err)
{
    return frn_fail(err, FIRN_EEXPIRED, "view at seq %" PRIu64 " is older than %" PRIu64 " ms", view->view.seq,
                    memory->options.view_age_max_ns / 1000000);
}

bool frn_memory_view_expired(frn_memory_index *memory, frn_memory_view *view)
{
    if (too_old(memory, view)) {
        frn_mutex_lock(&memory->views_lock);
        view_let_go(memory, view);
        frn_mutex_unlock(&memory->views_lock);
    }
    return atomic_load_explicit(&view->expired, memory_order_relaxed);
}

/* Takes the shared lock, or says that the view has expired. */
static firn_status read_begin(frn_memory_index *memory, frn_memory_view *view, firn_error *err)
{
    (void)frn_memory_view_expired(memory, view);
    (void)pthread_rwlock_rdlock(&memory->lock);
    if (atomic_load_explicit(&view->expired, memory_order_relaxed)) {
        (void)pthread_rwlock_unlock(&memory->lock);
        return frn_memory_expired(memory, view, err);
    }
    return FIRN_OK;
}

static void read_finish(frn_memory_index *memory)
{
    (void)pthread_rwlock_unlock(&memory->lock);
}

const frn_version *frn_memory_version_at(const frn_row *row, uint64_t seq)
{
    const frn_version *version = atomic_load_explicit(&row->newest, memory_order_acquire);

    while (version != NULL && version->seq > seq) {
        version = version->older;
    }
    return version;
}

static firn_status copy_out(frn_heap *heap, firn_buf *buf, const void *data, size_t size, firn_error *err)
{
    firn_status status = frn_buf_reserve(heap, buf, size);

    if (status < 0) {
        return frn_fail(err, status, "row of %zu bytes", size);
    }
    if (size > 0) {
        memcpy(buf->data, data, size);
    }
    buf->size = size;
    return FIRN_OK;
}

firn_status frn_memory_get_any(frn_index_view *base, frn_table table, firn_slice key, firn_buf *out_value,
                               bool *out_deleted, firn_error *err)
{
    frn_memory_index *memory = frn_memory_of(base->index);
    const frn_version *version;
    const frn_row *row;
    firn_status status;

    status = read_begin(memory, (frn_memory_view *)base, err);
    if (status < 0) {
        return status;
    }
    row = frn_trie_find(&memory->tables[table], key);
    version = row == NULL ? NULL : frn_memory_version_at(row, base->seq);
    if (version == NULL) {
        status = FIRN_ENOTFOUND;
    } else {
        *out_deleted = version->deleted;
        status = version->deleted ? FIRN_OK : copy_out(memory->heap, out_value, version->data, version->size, err);
    }
    read_finish(memory);
    return status;
}

firn_status frn_memory_get(frn_index_view *base, frn_table table, firn_slice key, firn_buf *out_value, firn_error *err)
{
    bool deleted = false;
    firn_status status = frn_memory_get_any(base, table, key, out_value, &deleted, err);

    return status == FIRN_OK && deleted ? FIRN_ENOTFOUND : status;
}

static bool beyond(const frn_row *row, firn_slice last)
{
    size_t common = row->key_size < last.size ? row->key_size : last.size;
    int order = last.data == NULL ? -1 : memcmp(row->key, last.data, common);

    return order > 0 || (order == 0 && row->key_size > last.size);
}

static bool counts(const frn_version *version, bool tombstones)
{
    return version != NULL && (tombstones || !version->deleted);
}

static firn_status seek(frn_index_view *base, frn_table table, firn_slice from, bool after, firn_slice last,
                        firn_buf *out_key, firn_buf *out_value, bool *out_deleted, firn_error *err)
{
    frn_memory_index *memory = frn_memory_of(base->index);
    const frn_trie *trie = &memory->tables[table];
    const bool tombstones = out_deleted != NULL;
    const frn_version *version;
    const frn_row *row;
    firn_status status;
    bool found;

    do {
        status = read_begin(memory, (frn_memory_view *)base, err);
        if (status < 0) {
            return status;
        }
        row = frn_trie_seek(trie, from, after);
        version = row == NULL ? NULL : frn_memory_version_at(row, base->seq);
        for (int skipped = 0; row != NULL && !counts(version, tombstones) && skipped < ROWS_SKIPPED_MAX; skipped++) {
            row = frn_trie_seek(trie, (firn_slice){row->key, row->key_size}, true);
            version = row == NULL ? NULL : frn_memory_version_at(row, base->seq);
        }
        found = counts(version, tombstones);
        /* from may lie in out_key: from here on it is the key that was reached. */
        status =
            row == NULL || beyond(row, last) ? FIRN_END : copy_out(memory->heap, out_key, row->key, row->key_size, err);
        if (status == FIRN_OK && found) {
            status = copy_out(memory->heap, out_value, version->data, version->size, err);
            if (tombstones) {
                *out_deleted = version->deleted;
            }
        }
        read_finish(memory);
        from = (firn_slice){out_key->data, out_key->size};
        after = true;
    } while (status == FIRN_OK && !found);
    return status;
}

firn_status frn_memory_seek(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                            firn_buf *out_value, firn_error *err)
{
    return seek(view, table, from, after, (firn_slice){0}, out_key, out_value, NULL, err);
}

firn_status frn_memory_seek_any(frn_index_view *view, frn_table table, firn_slice from, bool after, firn_slice last,
                                firn_buf *out_key, firn_buf *out_value, bool *out_deleted, firn_error *err)
{
    return seek(view, table, from, after, last, out_key, out_value, out_deleted, err);
}
