/* SPDX-License-Identifier: Apache-2.0 */
/* deferred.h — queued operations that wait until the reaping thread carries them out. */
#ifndef FRN_IO_DEFERRED_H
#define FRN_IO_DEFERRED_H

#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "engine/io/io.h"

/** One queued operation. data NULL: a sync. */
typedef struct frn_deferred_op {
    frn_file *file;
    const void *data;
    size_t size;
    uint64_t offset;
    uint64_t tag;
    bool durable;
} frn_deferred_op;

/**
 * A first-in first-out queue of at most depth operations: [head, sent) may be carried out, [sent, tail) were not
 * sent. Everything but word is guarded by mutex; word changes with every send and wake.
 */
typedef struct frn_deferred {
    frn_heap *heap;
    frn_deferred_op *ops;
    unsigned depth;
    uint64_t head, sent, tail;
    bool woken;
    frn_mutex mutex;
    frn_word word;
} frn_deferred;

void frn_deferred_init(frn_deferred *queue, frn_heap *heap);
void frn_deferred_done(frn_deferred *queue);
/** Makes room for depth operations; the queue is empty. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_deferred_open(frn_deferred *queue, unsigned depth) FIRN_NODISCARD;
void frn_deferred_push(frn_deferred *queue, const frn_deferred_op *op);
void frn_deferred_send(frn_deferred *queue);
/** Takes the oldest sent operation, waiting as frn_io_ops.reap does. false: there is none. */
bool frn_deferred_take(frn_deferred *queue, frn_deferred_op *out_op, int64_t timeout_ns);
void frn_deferred_wake(frn_deferred *queue);
/** Operations queued and not taken. */
uint64_t frn_deferred_count(frn_deferred *queue);

#endif
