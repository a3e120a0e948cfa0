/* SPDX-License-Identifier: Apache-2.0 */
/* deferred.c — queued operations that wait until the reaping thread carries them out. */
#include "engine/io/deferred.h"

#include <assert.h>

void frn_deferred_init(frn_deferred *queue, frn_heap *heap)
{
    *queue = (frn_deferred){.heap = heap};
    frn_mutex_init(&queue->mutex);
    atomic_init(&queue->word, 0);
}

void frn_deferred_done(frn_deferred *queue)
{
    frn_free(queue->heap, queue->ops);
    frn_mutex_done(&queue->mutex);
}

firn_status frn_deferred_open(frn_deferred *queue, unsigned depth)
{
    frn_deferred_op *ops;

    assert(depth > 0 && frn_deferred_count(queue) == 0);
    ops = frn_alloc_zero(queue->heap, depth, sizeof *ops);
    if (ops == NULL) {
        return FIRN_ENOMEM;
    }
    frn_mutex_lock(&queue->mutex);
    frn_free(queue->heap, queue->ops);
    queue->ops = ops;
    queue->depth = depth;
    queue->head = queue->sent = queue->tail = 0;
    frn_mutex_unlock(&queue->mutex);
    return FIRN_OK;
}

void frn_deferred_push(frn_deferred *queue, const frn_deferred_op *op)
{
    frn_mutex_lock(&queue->mutex);
    assert(queue->tail - queue->head < queue->depth);
    queue->ops[queue->tail % queue->depth] = *op;
    queue->tail++;
    frn_mutex_unlock(&queue->mutex);
}

static void stir(frn_deferred *queue)
{
    atomic_fetch_add(&queue->word, 1);
    frn_word_wake(&queue->word, FRN_WAKE_ALL);
}

void frn_deferred_send(frn_deferred *queue)
{
    frn_mutex_lock(&queue->mutex);
    queue->sent = queue->tail;
    frn_mutex_unlock(&queue->mutex);
    stir(queue);
}

void frn_deferred_wake(frn_deferred *queue)
{
    frn_mutex_lock(&queue->mutex);
    queue->woken = true;
    frn_mutex_unlock(&queue->mutex);
    stir(queue);
}

bool frn_deferred_take(frn_deferred *queue, frn_deferred_op *out_op, int64_t timeout_ns)
{
    int64_t deadline_ns = timeout_ns > 0 ? frn_monotonic_ns() + timeout_ns : timeout_ns;
    bool last_look = timeout_ns == 0;

    for (;;) {
        uint32_t seen = atomic_load(&queue->word);
        bool found, woken;

        frn_mutex_lock(&queue->mutex);
        found = queue->head < queue->sent;
        if (found) {
            *out_op = queue->ops[queue->head % queue->depth];
            queue->head++;
        }
        woken = queue->woken;
        queue->woken = false;
        frn_mutex_unlock(&queue->mutex);
        if (found || woken || last_look) {
            return found;
        }
        last_look = !frn_word_wait(&queue->word, seen, deadline_ns);
    }
}

uint64_t frn_deferred_count(frn_deferred *queue)
{
    uint64_t count;

    frn_mutex_lock(&queue->mutex);
    count = queue->tail - queue->head;
    frn_mutex_unlock(&queue->mutex);
    return count;
}
