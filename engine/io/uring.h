/* SPDX-License-Identifier: Apache-2.0 */
/* uring.h — the instance that uring.c opens and uring_queue.c queues on. */
#ifndef FRN_IO_URING_H
#define FRN_IO_URING_H

#include "engine/base/thread.h"
#include "engine/io/posix.h"

#include <liburing.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A write of more is cut; the completion says how far it came. */
enum {
    FRN_URING_WRITE_MAX = 1 << 30
};

typedef struct frn_uring_slot {
    _Atomic uint32_t state;
    uint64_t tag;
} frn_uring_slot;

typedef struct frn_uring {
    frn_posix posix;

    frn_mutex aux_mutex; /**< Guards aux, aux_broken, lock_fd. */
    struct io_uring aux;
    bool aux_open;
    int aux_broken; /**< errno that says that aux cannot be used any more. */
    int lock_fd;    /**< The descriptor of the lock that is held, or -1. */

    frn_mutex wake_mutex; /**< Guards wake. */
    struct io_uring wake;
    bool wake_open;
    int wake_fd; /**< eventfd where messages are not to be had, or -1. */
    _Atomic bool wake_pending;
    bool messages; /**< The kernel has IORING_OP_MSG_RING. */

    struct io_uring main;
    unsigned main_entries; /**< 0: main is not open, as in an instance that may not write. */
    frn_uring_slot *slots;
    unsigned depth;
    unsigned next_slot; /**< Queueing thread: where the search for a free slot begins. */
    unsigned *unsent;   /**< Queueing thread: slots in the submission side, oldest first. */
    unsigned unsent_count;
    _Atomic int broken;     /**< errno of a submission that can never succeed; unsent slots then end with it. */
    const uint8_t *buffers; /**< Registered with main, NULL if none. */
    size_t buffer_size;
    unsigned buffers_count;
} frn_uring;

/** Opens a ring with room for one registered file. 0 or -errno. */
int frn_uring_ring_open(struct io_uring *ring, unsigned entries, struct io_uring_params *params);
/** Takes back what queue_open set up; the ring stays. */
void frn_uring_queue_close(frn_uring *u);

/* The operations of the queue, as frn_io_ops describes them. */
firn_status frn_uring_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size, unsigned buffers_count,
                                 unsigned depth, firn_error *err) FIRN_NODISCARD;
void frn_uring_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag);
void frn_uring_queue_sync(frn_file *file, uint64_t tag);
void frn_uring_queue_send(frn_io *io);
unsigned frn_uring_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns);
void frn_uring_reap_wake(frn_io *io);

#endif
