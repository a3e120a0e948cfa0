/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.c — the backend of io_uring: every write, queued or blocking, goes through a ring.
 *
 * Three rings. The main ring is the queue: one thread fills and submits its submission side, one thread takes from its
 * completion side, at the same time; so reap() must never call what touches the submission side, and waits with
 * io_uring_enter itself (IORING_FEAT_EXT_ARG carries the timeout). The aux ring carries the blocking writes of any
 * thread, one at a time under its mutex. The wake ring sends reap_wake() as a message into the main ring.
 *
 * The lock. Writes that are in flight when a process is killed reach the disk later. So both rings that write hold the
 * description of the lock's file as a registered file: the kernel lets go of it only when the ring has no write left,
 * and until then the lock is taken.
 *
 * Slots. A completion brings back 64 bits; they name a slot, which holds the caller's tag. A slot is written by the
 * queueing thread and handed over by its state; so everything that the queueing thread did before is seen by the reaping
 * thread. The kernel's part in that is invisible to tools.
 */
#include "engine/io/backend.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "engine/base/trace.h"
#include "engine/io/posix.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* user_data of a completion: index of a slot plus 1, or this. */
#define WAKE_DATA UINT64_MAX

enum { SLOT_FREE = 0, SLOT_TAKEN = 1, SLOT_UNSENT = 2 };
/* A write of more is cut; the completion says how far it came. */
enum { WRITE_MAX = 1 << 30 };
/* One operation at a time; and more than the log ever has in flight. */
enum { AUX_ENTRIES = 2, MAIN_ENTRIES = 64 };

typedef struct slot {
    _Atomic uint32_t state;
    uint64_t tag;
} slot;

typedef struct uring_io {
    frn_posix posix;

    frn_mutex aux_mutex;     /**< Guards aux, aux_broken, lock_fd. */
    struct io_uring aux;
    bool aux_open;
    int aux_broken;          /**< errno that says that aux cannot be used any more. */
    int lock_fd;             /**< The descriptor of the lock that is held, or -1. */

    frn_mutex wake_mutex;    /**< Guards wake. */
    struct io_uring wake;
    bool wake_open;
    int wake_fd;             /**< eventfd where messages are not to be had, or -1. */
    _Atomic bool wake_pending;
    bool messages;           /**< The kernel has IORING_OP_MSG_RING. */

    struct io_uring main;
    unsigned main_entries;   /**< 0: main is not open, as in an instance that may not write. */
    slot *slots;
    unsigned depth;
    unsigned next_slot;      /**< Queueing thread: where the search for a free slot begins. */
    unsigned *unsent;        /**< Queueing thread: slots in the submission side, oldest first. */
    unsigned unsent_count;
    _Atomic int broken;      /**< errno of a submission that can never succeed; unsent slots then end with it. */
    const uint8_t *buffers;  /**< Registered with main, NULL if none. */
    size_t buffer_size;
    unsigned buffers_count;
} uring_io;

/* Blocking writes. */

static int64_t aux_once(uring_io *u, int fd, const void *data, size_t size, uint64_t offset)
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
    uring_io *u = (uring_io *)posix;
    int64_t result;

    frn_mutex_lock(&u->aux_mutex);
    do {
        result = u->aux_broken != 0 ? -u->aux_broken : aux_once(u, fd, data, size < WRITE_MAX ? size : WRITE_MAX, offset);
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
    uring_io *u = (uring_io *)file->io;
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
    uring_io *u = (uring_io *)file->io;
    frn_posix_file *f = (frn_posix_file *)file;
    int none = -1;

    if (f->locked && atomic_load(&u->posix.in_flight) == 0) {
        frn_mutex_lock(&u->aux_mutex);
        if (u->lock_fd == f->fd) {
            u->lock_fd = -1;
        }
        (void)io_uring_register_files_update(&u->aux, 0, &none, 1);
        if (u->main_entries > 0) {
            (void)io_uring_register_files_update(&u->main, 0, &none, 1);
        }
        frn_mutex_unlock(&u->aux_mutex);
    }
    frn_posix_file_close(file);
}

/* The queue. */

/* A ring with room for one registered file. 0 or -errno. */
static int ring_open(struct io_uring *ring, unsigned entries, struct io_uring_params *params)
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

/* Rings count against RLIMIT_MEMLOCK on some kernels, so the main ring is opened with the instance, when there is still a
   choice; this is for a caller that wants it larger. */
static int main_enlarge(uring_io *u, unsigned depth)
{
    struct io_uring_params params = {0};
    int rc;

    if (depth <= u->main_entries) {
        return 0;
    }
    io_uring_queue_exit(&u->main);
    u->main_entries = 0;
    atomic_store(&u->wake_pending, false);
    rc = ring_open(&u->main, depth, &params);
    u->main_entries = rc == 0 ? params.sq_entries : 0;
    return rc;
}

/* A kernel that refuses to pin the buffers costs speed only. */
static firn_status register_buffers(uring_io *u, void *buffers, size_t buffer_size, unsigned buffers_count,
                                    firn_error *err)
{
    struct iovec *parts;
    int rc;

    if (buffers_count == 0) {
        return FIRN_OK;
    }
    parts = frn_alloc_zero(u->posix.heap, buffers_count, sizeof *parts);
    if (parts == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open the queue");
    }
    for (unsigned i = 0; i < buffers_count; i++) {
        parts[i] = (struct iovec){.iov_base = (uint8_t *)buffers + i * buffer_size, .iov_len = buffer_size};
    }
    rc = io_uring_register_buffers(&u->main, parts, buffers_count);
    frn_free(u->posix.heap, parts);
    if (rc != 0) {
        frn_trace_say(&u->posix.trace, "io: buffers are not registered: %s", strerrordesc_np(-rc));
        return FIRN_OK;
    }
    u->buffers = buffers;
    u->buffer_size = buffer_size;
    u->buffers_count = buffers_count;
    return FIRN_OK;
}

/* Takes back what an earlier queue_open set up; the ring stays. */
static void queue_close(uring_io *u)
{
    if (u->buffers != NULL && u->main_entries > 0) {
        (void)io_uring_unregister_buffers(&u->main);
    }
    u->buffers = NULL;
    frn_free(u->posix.heap, u->slots);
    frn_free(u->posix.heap, u->unsent);
    u->slots = NULL;
    u->unsent = NULL;
}

static firn_status uring_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size,
                                    unsigned buffers_count, unsigned depth, firn_error *err)
{
    uring_io *u = (uring_io *)io;
    int lock_fd = lock == NULL ? u->lock_fd : ((frn_posix_file *)lock)->fd;
    int rc;

    assert(!u->posix.read_only && depth > 0 && atomic_load(&u->posix.in_flight) == 0);
    queue_close(u);
    u->slots = frn_alloc_zero(u->posix.heap, depth, sizeof *u->slots);
    u->unsent = frn_alloc_zero(u->posix.heap, depth, sizeof *u->unsent);
    if (u->slots == NULL || u->unsent == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open the queue");
    }
    u->depth = depth;
    u->next_slot = 0;
    u->unsent_count = 0;
    rc = main_enlarge(u, depth);
    if (rc != 0) {
        return frn_fail_os(err, -rc, "open the queue");
    }
    rc = io_uring_register_files_update(&u->main, 0, &lock_fd, 1);
    if (rc != 1) {
        return frn_fail_os(err, -rc, "register the lock");
    }
    return register_buffers(u, buffers, buffer_size, buffers_count, err);
}

static slot *take_slot(uring_io *u, uint64_t tag)
{
    slot *s = NULL;

    assert(u->slots != NULL);
    /* The caller keeps to depth, so one is free. */
    for (unsigned i = 0; s == NULL; i++) {
        unsigned index = (u->next_slot + i) % u->depth;

        assert(i < u->depth);
        if (atomic_load_explicit(&u->slots[index].state, memory_order_acquire) == SLOT_FREE) {
            s = &u->slots[index];
            u->next_slot = (index + 1) % u->depth;
            u->unsent[u->unsent_count++] = index;
        }
    }
    atomic_store_explicit(&s->state, SLOT_TAKEN, memory_order_relaxed);
    s->tag = tag;
    atomic_fetch_add(&u->posix.in_flight, 1);
    return s;
}

/* Hands the slot over; its state is what orders everything before with the reaping thread. */
static void hand_over(uring_io *u, slot *s, struct io_uring_sqe *sqe)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)(s - u->slots) + 1);
    atomic_store_explicit(&s->state, SLOT_TAKEN, memory_order_release);
}

static void uring_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag)
{
    uring_io *u = (uring_io *)file->io;
    int fd = ((frn_posix_file *)file)->queue_fd;
    slot *s = take_slot(u, tag);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->main);
    const uint8_t *from = data;
    size_t at = u->buffers != NULL && from >= u->buffers ? (size_t)(from - u->buffers) : SIZE_MAX;

    assert(((frn_posix_file *)file)->writable && data != NULL && size > 0 && size <= WRITE_MAX);
    if (sqe == NULL) {
        assert(atomic_load(&u->broken) != 0);
        return;
    }
    if (at < u->buffer_size * u->buffers_count && size <= u->buffer_size - at % u->buffer_size) {
        io_uring_prep_write_fixed(sqe, fd, data, (unsigned)size, offset, (int)(at / u->buffer_size));
    } else {
        io_uring_prep_write(sqe, fd, data, (unsigned)size, offset);
    }
    sqe->rw_flags = durable ? RWF_DSYNC : 0;
    hand_over(u, s, sqe);
}

static void uring_queue_sync(frn_file *file, uint64_t tag)
{
    uring_io *u = (uring_io *)file->io;
    slot *s = take_slot(u, tag);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->main);

    if (sqe == NULL) {
        assert(atomic_load(&u->broken) != 0);
        return;
    }
    io_uring_prep_fsync(sqe, ((frn_posix_file *)file)->fd, IORING_FSYNC_DATASYNC);
    hand_over(u, s, sqe);
}

static void uring_reap_wake(frn_io *io);

static void uring_queue_send(frn_io *io)
{
    uring_io *u = (uring_io *)io;
    int broken = atomic_load(&u->broken);

    while (broken == 0 && io_uring_sq_ready(&u->main) > 0) {
        int rc = io_uring_submit(&u->main);

        if (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY || rc == -ENOMEM) {
            (void)sched_yield();
        } else if (rc < 0) {
            broken = -rc;
        } else {
            assert((unsigned)rc <= u->unsent_count);
            u->unsent_count -= (unsigned)rc;
            memmove(u->unsent, u->unsent + rc, u->unsent_count * sizeof *u->unsent);
        }
    }
    if (broken != 0) {
        atomic_store(&u->broken, broken);
        for (unsigned i = 0; i < u->unsent_count; i++) {
            atomic_store_explicit(&u->slots[u->unsent[i]].state, SLOT_UNSENT, memory_order_release);
        }
        u->unsent_count = 0;
        uring_reap_wake(io);
    }
}

static void finish(uring_io *u, slot *s, int64_t result, frn_completion *out)
{
    *out = (frn_completion){.tag = s->tag, .result = result};
    atomic_store_explicit(&s->state, SLOT_FREE, memory_order_release);
    atomic_fetch_sub(&u->posix.in_flight, 1);
}

/* Takes what is there, without any wait. */
static unsigned collect(uring_io *u, frn_completion *out, unsigned max, bool *out_woken)
{
    struct io_uring_cqe *cqe;
    unsigned count = 0;
    int broken = atomic_load(&u->broken);

    while (count < max && __io_uring_peek_cqe(&u->main, &cqe, NULL) == 0 && cqe != NULL) {
        uint64_t data = cqe->user_data;
        int64_t result = cqe->res;
        slot *s;

        io_uring_cq_advance(&u->main, 1);
        if (data == WAKE_DATA) {
            atomic_store(&u->wake_pending, false);
            *out_woken = true;
            continue;
        }
        s = &u->slots[data - 1];
        (void)atomic_load_explicit(&s->state, memory_order_acquire);
        if (result > 0) {
            atomic_fetch_add(&u->posix.ring_bytes, (uint64_t)result);
        }
        finish(u, s, result, &out[count++]);
    }
    for (unsigned i = 0; broken != 0 && i < u->depth && count < max; i++) {
        if (atomic_load_explicit(&u->slots[i].state, memory_order_acquire) == SLOT_UNSENT) {
            finish(u, &u->slots[i], -broken, &out[count++]);
        }
    }
    return count;
}

/* Sleeps until there is a completion or a wake, at most for left_ns (< 0: no limit). Returns true for a wake that cannot
   come as a completion. */
static bool wait_in_ring(uring_io *u, int64_t left_ns)
{
    struct __kernel_timespec ts = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    struct io_uring_getevents_arg arg = {.sigmask_sz = _NSIG / 8, .ts = left_ns < 0 ? 0 : (uint64_t)(uintptr_t)&ts};
    int rc = io_uring_enter2((unsigned)u->main.ring_fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                             (sigset_t *)&arg, sizeof arg);

    if (rc >= 0 || rc == -ETIME || rc == -EINTR) {
        return false;
    }
    /* The process has forbidden itself to wait here, and so to send messages; what is in flight still completes. */
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return atomic_exchange(&u->wake_pending, false);
}

static bool wait_in_poll(uring_io *u, int64_t left_ns)
{
    struct timespec ts = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    struct pollfd fds[2] = {{.fd = u->main.ring_fd, .events = POLLIN}, {.fd = u->wake_fd, .events = POLLIN}};
    uint64_t count;

    if (ppoll(fds, 2, left_ns < 0 ? NULL : &ts, NULL) <= 0 || (fds[1].revents & POLLIN) == 0) {
        return false;
    }
    atomic_store(&u->wake_pending, false);
    return read(u->wake_fd, &count, sizeof count) == sizeof count;
}

static unsigned uring_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    uring_io *u = (uring_io *)io;
    int64_t deadline_ns = timeout_ns > 0 ? frn_monotonic_ns() + timeout_ns : 0;
    bool woken = false;

    assert(u->slots != NULL && max > 0);
    for (;;) {
        unsigned count = collect(u, out, max, &woken);
        int64_t left_ns = timeout_ns > 0 ? deadline_ns - frn_monotonic_ns() : timeout_ns;

        if (count > 0 || woken || timeout_ns == 0 || (timeout_ns > 0 && left_ns <= 0)) {
            return count;
        }
        woken = u->wake_open ? wait_in_ring(u, left_ns) : wait_in_poll(u, left_ns);
    }
}

static void send_message(uring_io *u)
{
    struct io_uring_cqe *cqe;
    int rc;

    frn_mutex_lock(&u->wake_mutex);
    do {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->wake);

        if (sqe != NULL) {
            io_uring_prep_msg_ring(sqe, u->main.ring_fd, 0, WAKE_DATA, 0);
        }
        rc = io_uring_submit_and_wait(&u->wake, 1);
        if (rc >= 0) {
            do {
                rc = io_uring_wait_cqe(&u->wake, &cqe);
            } while (rc == -EINTR);
            if (rc == 0) {
                rc = cqe->res;
                io_uring_cqe_seen(&u->wake, cqe);
            }
        }
    } while (rc == -EINTR || rc == -EAGAIN || rc == -ENOMEM);
    frn_mutex_unlock(&u->wake_mutex);
}

static void uring_reap_wake(frn_io *io)
{
    uring_io *u = (uring_io *)io;
    uint64_t one = 1;

    /* One at a time: what is pending wakes for all that asked. */
    if (u->main_entries == 0 || atomic_exchange(&u->wake_pending, true)) {
        return;
    }
    if (u->wake_open) {
        send_message(u);
    } else {
        (void)!write(u->wake_fd, &one, sizeof one);
    }
}

/* Opening and closing. */

static void rings_close(uring_io *u)
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
    uring_io *u = (uring_io *)io;
    frn_heap *heap = u->posix.heap;

    /* The memory of writes in flight is the caller's and may go away after this. */
    while (atomic_load(&u->posix.in_flight) > 0) {
        frn_completion ended;

        (void)uring_reap(io, &ended, 1, -1);
    }
    queue_close(u);
    rings_close(u);
    frn_posix_done(&u->posix);
    frn_free(heap, u);
}

static int nothing(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    int rc;

    io_uring_prep_nop(io_uring_get_sqe(ring));
    rc = io_uring_submit_and_wait(ring, 1);
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
static int check_kernel(uring_io *u, const struct io_uring_params *params, frn_uring_wake wake)
{
    static const int needed[] = {IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_FSYNC};
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->aux);
    int rc = 0;

    if (probe == NULL || (params->features & IORING_FEAT_EXT_ARG) == 0 || (params->features & IORING_FEAT_NODROP) == 0) {
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
static int rings_open(uring_io *u, frn_uring_wake wake, bool read_only)
{
    struct io_uring_params aux_params = {0}, main_params = {0};
    int rc = ring_open(&u->aux, AUX_ENTRIES, &aux_params);

    u->aux_open = rc == 0;
    if (rc == 0) {
        rc = check_kernel(u, &aux_params, wake);
    }
    if (rc != 0 || read_only) {
        return rc;
    }
    /* The completion side has twice as many entries: room for as many completions and a wake. */
    rc = ring_open(&u->main, MAIN_ENTRIES, &main_params);
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
    .sync = frn_posix_sync,
    .sync_names = frn_posix_sync_names,
    .rename = frn_posix_rename,
    .remove = frn_posix_remove,
    .list = frn_posix_list,
    .durable_method_set = frn_posix_durable_method_set,
    .lock = uring_lock,
    .lock_test = frn_posix_lock_test,
    .queue_open = uring_queue_open,
    .queue_write = uring_queue_write,
    .queue_sync = uring_queue_sync,
    .queue_send = uring_queue_send,
    .reap = uring_reap,
    .reap_wake = uring_reap_wake,
    .wall_clock_ns = frn_posix_wall_clock_ns,
    .monotonic_ns = frn_posix_monotonic_ns,
    .random = frn_posix_random,
};

firn_status frn_io_open_uring(frn_heap *heap, const char *path, const frn_io_options *options, frn_uring_wake wake,
                              int *out_missing, frn_io **out_io, firn_error *err)
{
    uring_io *u = frn_alloc_zero(heap, 1, sizeof *u);
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
