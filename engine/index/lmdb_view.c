/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_view.c — views of the LMDB index: what the delta says, and where it is silent, the view's generation.
 *
 * A lookup asks both under different locks and at different times, which is sound: the generation never changes, and
 * the delta has all that lies between the generation's mark and the view's seq as long as the view has not expired. It
 * is asked for that under the lock under which rows are dropped; so either the answer is whole, or it is FIRN_EEXPIRED.
 *
 * A view that has expired in the delta gives up its generation here: by the next call on it, by a merge, or by
 * reclaiming. A lookup that is going on keeps the generation for as long as its slot is lent.
 */
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/index/lmdb_index.h"

firn_status frn_lmdb_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(index);
    frn_lmdb_view *view = frn_alloc(lmdb->heap, sizeof *view);
    firn_status status;

    if (view == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open view");
    }
    *view = (frn_lmdb_view){.view = {.ops = index->ops, .index = index}};
    /* First the generation: from there on its mark holds back dropping. If it is not the newest any more, the seq may
       be one that only a newer one reaches (frn_lmdb_refresh()). */
    do {
        if (view->above != NULL) {
            frn_memory_view_close(view->above);
            frn_lmdb_generation_leave(lmdb, view->generation);
        }
        view->generation = frn_lmdb_generation_join(lmdb);
        if (seq < view->generation->mark.seq) {
            seq = view->generation->mark.seq;
        }
        status = frn_memory_view_open(lmdb->delta, seq, &view->above, err);
    } while (status == FIRN_OK && view->generation != atomic_load_explicit(&lmdb->newest_hint, memory_order_acquire));
    if (status < 0) {
        frn_lmdb_generation_leave(lmdb, view->generation);
        frn_free(lmdb->heap, view);
        return status;
    }
    view->view.seq = view->above->seq;
    frn_mutex_lock(&lmdb->lock);
    view->next = lmdb->views;
    view->at = &lmdb->views;
    if (view->next != NULL) {
        view->next->at = &view->next;
    }
    lmdb->views = view;
    frn_mutex_unlock(&lmdb->lock);
    *out_view = &view->view;
    return FIRN_OK;
}

/* What the view gives up. With lock; the caller leaves it without. */
static frn_lmdb_generation *let_go(frn_lmdb_view *view)
{
    frn_lmdb_generation *generation = view->generation;

    view->generation = NULL;
    return generation;
}

void frn_lmdb_view_close(frn_index_view *base)
{
    frn_lmdb_view *view = (frn_lmdb_view *)base;
    frn_lmdb_index *lmdb = frn_lmdb_of(base->index);
    frn_lmdb_generation *generation;

    frn_mutex_lock(&lmdb->lock);
    *view->at = view->next;
    if (view->next != NULL) {
        view->next->at = view->at;
    }
    generation = let_go(view);
    frn_mutex_unlock(&lmdb->lock);
    frn_memory_view_close(view->above);
    if (generation != NULL) {
        frn_lmdb_generation_leave(lmdb, generation);
    }
    frn_free(lmdb->heap, view);
}

void frn_lmdb_views_expire(frn_lmdb_index *lmdb)
{
    frn_lmdb_generation *generation;

    do {
        generation = NULL;
        frn_mutex_lock(&lmdb->lock);
        for (frn_lmdb_view *view = lmdb->views; view != NULL && generation == NULL; view = view->next) {
            if (view->generation != NULL && view->generation != lmdb->newest &&
                frn_memory_view_expired(frn_lmdb_delta(lmdb), (frn_memory_view *)view->above)) {
                generation = let_go(view);
            }
        }
        frn_mutex_unlock(&lmdb->lock);
        if (generation != NULL) {
            frn_lmdb_generation_leave(lmdb, generation);
        }
    } while (generation != NULL);
}

frn_lmdb_slot *frn_lmdb_slot_take(frn_lmdb_index *lmdb, frn_lmdb_view *view)
{
    frn_lmdb_generation *generation;
    frn_lmdb_slot *slot = NULL;
    uint32_t seen;

    frn_mutex_lock(&lmdb->lock);
    while ((generation = view->generation) != NULL && generation->free == NULL) {
        seen = atomic_load(&lmdb->returned);
        lmdb->waiting++;
        frn_mutex_unlock(&lmdb->lock);
        (void)frn_word_wait(&lmdb->returned, seen, -1);
        frn_mutex_lock(&lmdb->lock);
        lmdb->waiting--;
    }
    if (generation != NULL) {
        slot = generation->free;
        generation->free = slot->next;
        generation->lent++;
    }
    frn_mutex_unlock(&lmdb->lock);
    return slot;
}

void frn_lmdb_slot_give(frn_lmdb_index *lmdb, frn_lmdb_slot *slot)
{
    frn_lmdb_generation *generation = slot->generation;
    unsigned waiting;
    bool last;

    frn_mutex_lock(&lmdb->lock);
    slot->next = generation->free;
    generation->free = slot;
    /* The last one of a generation that nobody holds takes it along: by a reference that is given up at once. */
    last = --generation->lent == 0 && generation->refs == 0;
    generation->refs += last;
    waiting = lmdb->waiting;
    (void)atomic_fetch_add(&lmdb->returned, 1);
    frn_mutex_unlock(&lmdb->lock);
    if (waiting > 0) {
        /* All of them: they may wait for different generations. */
        (void)frn_word_wake(&lmdb->returned, FRN_WAKE_ALL);
    }
    if (last) {
        frn_lmdb_generation_leave(lmdb, generation);
    }
}

firn_status frn_lmdb_above_said(frn_lmdb_index *lmdb, frn_lmdb_view *view, firn_status status)
{
    frn_lmdb_generation *generation = NULL;

    if (status == FIRN_EEXPIRED) {
        frn_mutex_lock(&lmdb->lock);
        generation = let_go(view);
        frn_mutex_unlock(&lmdb->lock);
    }
    if (generation != NULL) {
        frn_lmdb_generation_leave(lmdb, generation);
    }
    return status;
}

static firn_status expired(frn_lmdb_index *lmdb, const frn_lmdb_view *view, firn_error *err)
{
    return frn_memory_expired(frn_lmdb_delta(lmdb), (const frn_memory_view *)view->above, err);
}

static firn_status copy_out(frn_heap *heap, firn_buf *buf, firn_slice from, firn_error *err)
{
    firn_status status = frn_buf_reserve(heap, buf, from.size);

    if (status < 0) {
        return frn_fail(err, status, "row of %zu bytes", from.size);
    }
    if (from.size > 0) {
        memcpy(buf->data, from.data, from.size);
    }
    buf->size = from.size;
    return FIRN_OK;
}

firn_status frn_lmdb_view_get(frn_index_view *base, frn_table table, firn_slice key, firn_buf *out_value,
                              firn_error *err)
{
    frn_lmdb_view *view = (frn_lmdb_view *)base;
    frn_lmdb_index *lmdb = frn_lmdb_of(base->index);
    frn_lmdb_slot *slot;
    firn_slice value;
    firn_status status;
    bool deleted = false;

    status = frn_lmdb_above_said(lmdb, view, frn_memory_get_any(view->above, table, key, out_value, &deleted, err));
    if (status != FIRN_ENOTFOUND) {
        return status == FIRN_OK && deleted ? FIRN_ENOTFOUND : status;
    }
    slot = frn_lmdb_slot_take(lmdb, view);
    if (slot == NULL) {
        return expired(lmdb, view, err);
    }
    status = frn_lmdb_met(lmdb, frn_lmdb_get(slot, table, key, &value, err), err);
    if (status == FIRN_OK) {
        status = copy_out(lmdb->heap, out_value, value, err);
    }
    frn_lmdb_slot_give(lmdb, slot);
    return status;
}

/* The first living row of both: from is what was reached, in a copy that the caller may overwrite. */
static firn_status seek_both(frn_lmdb_view *view, frn_lmdb_slot *slot, frn_table table, firn_slice from, bool after,
                             firn_buf *out_key, firn_buf *out_value, firn_error *err)
{
    frn_lmdb_index *lmdb = frn_lmdb_of(view->view.index);
    firn_slice key, value;
    firn_status below, status;
    bool deleted, hidden;

    do {
        hidden = false;
        key = (firn_slice){0};
        below = frn_lmdb_met(lmdb, frn_lmdb_seek(slot, table, from, after, &key, &value, err), err);
        if (below < 0) {
            return below;
        }
        do {
            status = frn_memory_seek_any(view->above, table, from, after, below == FIRN_OK ? key : (firn_slice){0},
                                         out_key, out_value, &deleted, err);
            if (status == FIRN_END && below == FIRN_OK) {
                status = copy_out(lmdb->heap, out_key, key, err);
                return status < 0 ? status : copy_out(lmdb->heap, out_value, value, err);
            }
            if (status != FIRN_OK || !deleted) {
                return status;
            }
            from = (firn_slice){out_key->data, out_key->size};
            after = true;
            hidden = below == FIRN_OK && frn_lmdb_compare(from, key) == 0;
        } while (!hidden);
    } while (true);
}

firn_status frn_lmdb_view_seek(frn_index_view *base, frn_table table, firn_slice from, bool after, firn_buf *out_key,
                               firn_buf *out_value, firn_error *err)
{
    frn_lmdb_view *view = (frn_lmdb_view *)base;
    frn_lmdb_index *lmdb = frn_lmdb_of(base->index);
    frn_lmdb_slot *slot = frn_lmdb_slot_take(lmdb, view);
    firn_status status;

    if (slot == NULL) {
        return expired(lmdb, view, err);
    }
    status = seek_both(view, slot, table, from, after, out_key, out_value, err);
    frn_lmdb_slot_give(lmdb, slot);
    return frn_lmdb_above_said(lmdb, view, status);
}
