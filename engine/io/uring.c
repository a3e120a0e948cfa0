/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.c — the backend of io_uring: every write, queued or blocking, goes through a ring.
 *
 * Three rings. The main ring is the queue, see uring_queue.c. The aux ring carries the blocking writes of any
 * thread, one at a time under its mutex. The wake ring sends reap_wake() as a message into the main ring.
 *
 * The lock. Writes that are in flight when a process is killed reach the disk later. So both rings that write hold the
 * description of the lock's file as a registered file: the kernel lets go of it only when the ring has no write left,
 * and until then the lock is taken.
 */
#include "engine/io/uring.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"
#include "engine/io/backend.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One operation at a time; and more than the log ever has in flight. */
enum {
    AUX_ENTRIES = 2,
    MAIN_ENTRIES = 64
};

/* Blocking writes. */

static int64_t aux_once(frn_uring *u, int fd, const void *data, size_t size, uint64_t offset)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->aux);
    struct io_uring_cqe *cqe;
    int64_t result;
    int rc;

    assert(sqe != NULL);
    io_uring_prep_write(sqe, fd, data, (unsigned)size, offset);
    do {
        rc = io_uring_submit_and_wait(&u->aux, 1);
    } while (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
    if (rc < 0) {
        u->aux_broken = -rc;
        return rc;
    }
    do {
        rc = io_uring_wait_cqe(&u->aux, &cqe);
    } while (rc == -EINTR || rc == -EAGAIN);
    if (rc < 0) {
        u->aux_broken = -rc;
        return rc;
    }
    result = cqe->res;
    io_uring_cqe_seen(&u->aux, cqe);
    return result;
}

static int64_t ring_write(frn_posix *posix, int fd, const void *data, size_t size, uint64_t offset)
{
    frn_uring *u = (frn_uring *)posix;
    int64_t result;

    frn_mutex_lock(&u->aux_mutex);
    do {
        result = u->aux_broken != 0
                     ? -u->aux_broken
                     : aux_once(u, fd, data, size < FRN_URING_WRITE_MAX ? size : FRN_URING_WRITE_MAX, offset);
    } while ((result == -EINTR || result == -EAGAIN) && u->aux_broken == 0);
    frn_mutex_unlock(&u->aux_mutex);
    if (result > 0) {
        atomic_fetch_add(&u->posix.ring_bytes, (uint64_t)result);
    }
    return result;
}

/* The lock. */

static firn_status uring_lock(frn_file *file, firn_error *err)
{
    frn_uring *u = (frn_uring *)file->io;
    frn_posix_file *f = (frn_posix_file *)file;
    firn_status status = frn_posix_lock(file, err);
    int rc;

    if (status != FIRN_OK) {
        return status;
    }
    frn_mutex_lock(&u->aux_mutex);
    rc = io_uring_register_files_update(&u->aux, 0, &f->fd, 1);
    if (rc == 1) {
        u->lock_fd = f->fd;
    }
    frn_mutex_unlock(&u->aux_mutex);
    return rc == 1 ? FIRN_OK : frn_fail_os(err, -rc, "register the lock %s", f->name);
}

static void uring_file_close(frn_file *file)
{
    frn_uring *u = (frn_uring *)file->io;
    frn_posix_file *f = (frn_posix_file *)file;
    int none = -1;

    /* With writes in flight the rings keep the lock until they are closed. */
    if (f->locked && atomic_load(&u->posix.in_flight) == 0) {
        frn_mutex_lock(&u->aux_mutex);
        u->lock_fd = -1;
        (void)io_uring_register_files_update(&u->aux, 0, &none, 1);
        if (u->main_entries > 0) {
            (void)io_uring_register_files_update(&u->main, 0, &none, 1);
        }
        frn_mutex_unlock(&u->aux_mutex);
    }
    frn_posix_file_close(file);
}

/* Opening and closing. */

int frn_uring_ring_open(struct io_uring *ring, unsigned entries, struct io_uring_params *params)
{
    int none = -1;
    int rc = io_uring_queue_init_params(entries, ring, params);

    if (rc != 0) {
        return rc;
    }
    rc = io_uring_register_files(ring, &none, 1);
    if (rc != 0) {
        io_uring_queue_exit(ring);
    }
    return rc;
}

static void rings_close(frn_uring *u)
{
    if (u->main_entries > 0) {
        io_uring_queue_exit(&u->main);
    }
    if (u->wake_open) {
        io_uring_queue_exit(&u->wake);
    }
    if (u->wake_fd >= 0) {
        (void)close(u->wake_fd);
    }
    if (u->aux_open) {
        io_uring_queue_exit(&u->aux);
    }
    frn_mutex_done(&u->wake_mutex);
    frn_mutex_done(&u->aux_mutex);
}

static void uring_close(frn_io *io)
{
    frn_uring *u = (frn_uring *)io;
    frn_heap *heap = u->posix.heap;

    /* The memory of writes in flight is the caller's and may go away after this. */
    if (u->slots != NULL) {
        frn_uring_queue_send(io);
    }
    while (atomic_load(&u->posix.in_flight) > 0) {
        frn_completion ended;

        (void)frn_uring_reap(io, &ended, 1, -1);
    }
    frn_uring_queue_close(u);
    rings_close(u);
    frn_posix_done(&u->posix);
    frn_free(heap, u);
}

/* One operation that does nothing: a filter may forbid submitting and allow the rest. 0 or -errno. */
static int nothing(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    int rc;

    io_uring_prep_nop(io_uring_get_sqe(ring));
    do {
        rc = io_uring_submit_and_wait(ring, 1);
    } while (rc == -EINTR);
    if (rc < 0) {
        return rc;
    }
    do {
        rc = io_uring_wait_cqe(ring, &cqe);
    } while (rc == -EINTR);
    if (rc == 0) {
        io_uring_cqe_seen(ring, cqe);
    }
    return rc;
}

/* Whether the kernel has all that is used. 0 or -errno. */
static int check_kernel(frn_uring *u, const struct io_uring_params *params, frn_uring_wake wake)
{
    static const int needed[] = {IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_FSYNC};
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->aux);
    int rc = 0;

    if (probe == NULL || (params->features & IORING_FEAT_EXT_ARG) == 0 ||
        (params->features & IORING_FEAT_NODROP) == 0) {
        rc = -ENOSYS;
    }
    for (size_t i = 0; rc == 0 && i < sizeof needed / sizeof needed[0]; i++) {
        rc = io_uring_opcode_supported(probe, needed[i]) ? 0 : -ENOSYS;
    }
    u->messages = rc == 0 && wake == FRN_URING_WAKE_AUTO && io_uring_opcode_supported(probe, IORING_OP_MSG_RING);
    io_uring_free_probe(probe);
    return rc == 0 ? nothing(&u->aux) : rc;
}

/* Opens the rings, all that the instance will need. 0 or -errno; rings_close() takes either. */
static int rings_open(frn_uring *u, frn_uring_wake wake, bool read_only)
{
    struct io_uring_params aux_params = {0}, main_params = {0};
    int rc = frn_uring_ring_open(&u->aux, AUX_ENTRIES, &aux_params);

    u->aux_open = rc == 0;
    if (rc == 0) {
        rc = check_kernel(u, &aux_params, wake);
    }
    if (rc != 0 || read_only) {
        return rc;
    }
    /* The completion side has twice as many entries: room for as many completions and a wake. */
    rc = frn_uring_ring_open(&u->main, MAIN_ENTRIES, &main_params);
    u->main_entries = rc == 0 ? main_params.sq_entries : 0;
    if (rc == 0 && u->messages) {
        rc = io_uring_queue_init(AUX_ENTRIES, &u->wake, 0);
        u->wake_open = rc == 0;
    } else if (rc == 0) {
        u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = u->wake_fd >= 0 ? 0 : -errno;
    }
    return rc;
}

static const frn_io_ops uring_ops = {
    .close = uring_close,
    .facts = frn_posix_facts,
    .open = frn_posix_open,
    .file_close = uring_file_close,
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
    .lock = uring_lock,
    .lock_test = frn_posix_lock_test,
    .queue_open = frn_uring_queue_open,
    .queue_write = frn_uring_queue_write,
    .queue_sync = frn_uring_queue_sync,
    .queue_send = frn_uring_queue_send,
    .reap = frn_uring_reap,
    .reap_wake = frn_uring_reap_wake,
    .wall_clock_ns = frn_posix_wall_clock_ns,
    .monotonic_ns = frn_posix_monotonic_ns,
    .random = frn_posix_random,
};

firn_status frn_io_open_uring(frn_heap *heap, const char *path, const frn_io_options *options, frn_uring_wake wake,
                              int *out_missing, frn_io **out_io, firn_error *err)
{
    frn_uring *u = frn_alloc_zero(heap, 1, sizeof *u);
    firn_status status;
    int rc;

    if (u == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open folder %.*s", FRN_POSIX_PATH_TEXT_MAX, path);
    }
    u->posix.io.ops = &uring_ops;
    u->posix.write = ring_write;
    u->posix.path = FIRN_IO_URING;
    u->wake_fd = -1;
    u->lock_fd = -1;
    frn_mutex_init(&u->aux_mutex);
    frn_mutex_init(&u->wake_mutex);
    rc = rings_open(u, wake, options->read_only);
    if (rc != 0) {
        *out_missing = -rc;
        status = frn_fail(err, FIRN_EIO, "no io_uring: %s", strerrordesc_np(-rc));
    } else {
        status = frn_posix_open_folder(&u->posix, heap, path, options, err);
    }
    if (status != FIRN_OK) {
        rings_close(u);
        frn_free(heap, u);
        return status;
    }
    *out_io = &u->posix.io;
    return FIRN_OK;
}
