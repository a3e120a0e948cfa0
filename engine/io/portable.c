/* SPDX-License-Identifier: Apache-2.0 */
/*
 * portable.c — the backend of plain system calls: pwritev2 and fdatasync.
 *
 * Queued operations wait in a queue of memory; reap() takes the oldest, carries it out and returns it. So the thread
 * that reaps does the work, one operation a call: those that wait for the first need not wait for the second.
 */
#include "engine/io/backend.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"
#include "engine/io/deferred.h"
#include "engine/io/posix.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

typedef struct portable_io {
    frn_posix posix;
    frn_deferred queue;
} portable_io;

static int64_t plain_write(frn_posix *posix, int fd, const void *data, size_t size, uint64_t offset)
{
    (void)posix;
    return frn_posix_pwrite(fd, data, size, offset, false);
}

static firn_status portable_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size,
                                       unsigned buffers_count, unsigned depth, firn_error *err)
{
    firn_status status = frn_deferred_open(&((portable_io *)io)->queue, depth);

    /* A write here is a system call of a thread of this process: it cannot outlive the process, nor the lock. */
    (void)lock;
    (void)buffers;
    (void)buffer_size;
    (void)buffers_count;
    return status == FIRN_OK ? FIRN_OK : frn_fail(err, status, "open the queue");
}

static void push(const frn_deferred_op *op)
{
    portable_io *p = (portable_io *)op->file->io;

    assert(((frn_posix_file *)op->file)->writable);
    atomic_fetch_add(&p->posix.in_flight, 1);
    frn_deferred_push(&p->queue, op);
}

static void portable_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable,
                                 uint64_t tag)
{
    assert(data != NULL);
    push(
        &(frn_deferred_op){.file = file, .data = data, .size = size, .offset = offset, .tag = tag, .durable = durable});
}

static void portable_queue_sync(frn_file *file, uint64_t tag)
{
    push(&(frn_deferred_op){.file = file, .tag = tag});
}

static void portable_queue_send(frn_io *io)
{
    frn_deferred_send(&((portable_io *)io)->queue);
}

static unsigned portable_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    portable_io *p = (portable_io *)io;
    frn_deferred_op op;
    const frn_posix_file *f;
    int64_t result;

    if (max == 0 || !frn_deferred_take(&p->queue, &op, timeout_ns)) {
        return 0;
    }
    f = (const frn_posix_file *)op.file;
    if (op.data != NULL) {
        result = frn_posix_pwrite(f->queue_fd, op.data, op.size, op.offset, op.durable);
    } else {
        result = fdatasync(f->fd) == 0 ? 0 : -errno;
    }
    atomic_fetch_sub(&p->posix.in_flight, 1);
    out[0] = (frn_completion){.tag = op.tag, .result = result};
    return 1;
}

static void portable_reap_wake(frn_io *io)
{
    frn_deferred_wake(&((portable_io *)io)->queue);
}

static void portable_close(frn_io *io)
{
    portable_io *p = (portable_io *)io;
    frn_heap *heap = p->posix.heap;

    frn_deferred_done(&p->queue);
    frn_posix_done(&p->posix);
    frn_free(heap, p);
}

static const frn_io_ops portable_ops = {
    .close = portable_close,
    .facts = frn_posix_facts,
    .open = frn_posix_open,
    .file_close = frn_posix_file_close,
    .size = frn_posix_size,
    .read = frn_posix_read,
    .read_device = frn_posix_read_device,
    .write = frn_posix_write,
    .fill = frn_posix_fill,
    .shrink = frn_posix_shrink,
    .sync = frn_posix_sync,
    .sync_names = frn_posix_sync_names,
    .rename = frn_posix_rename,
    .remove = frn_posix_remove,
    .list = frn_posix_list,
    .durable_method_set = frn_posix_durable_method_set,
    .lock = frn_posix_lock,
    .lock_test = frn_posix_lock_test,
    .queue_open = portable_queue_open,
    .queue_write = portable_queue_write,
    .queue_sync = portable_queue_sync,
    .queue_send = portable_queue_send,
    .reap = portable_reap,
    .reap_wake = portable_reap_wake,
    .wall_clock_ns = frn_posix_wall_clock_ns,
    .monotonic_ns = frn_posix_monotonic_ns,
    .random = frn_posix_random,
};

firn_status frn_io_open_portable(frn_heap *heap, const char *path, const frn_io_options *options, const char *note,
                                 frn_io **out_io, firn_error *err)
{
    portable_io *p = frn_alloc_zero(heap, 1, sizeof *p);
    firn_status status;

    if (p == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open folder %.*s", FRN_POSIX_PATH_TEXT_MAX, path);
    }
    p->posix.io.ops = &portable_ops;
    p->posix.write = plain_write;
    p->posix.path = FIRN_IO_PORTABLE;
    (void)snprintf(p->posix.path_note, sizeof p->posix.path_note, "%s", note);
    status = frn_posix_open_folder(&p->posix, heap, path, options, err);
    if (status != FIRN_OK) {
        frn_free(heap, p);
        return status;
    }
    frn_deferred_init(&p->queue, heap);
    *out_io = &p->posix.io;
    return FIRN_OK;
}
