/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring_queue.c — the queue on the main ring: one thread queues and sends, one reaps, at the same time.
 *
 * The two sides of the ring. Queueing touches the submission side only, reaping the completion side only. So reap()
 * must never call anything of liburing's that submits, and waits with io_uring_enter itself, which takes a timeout as
 * an argument (IORING_FEAT_EXT_ARG). Measured with a lone writer, that costs about a microsecond less than poll on the
 * ring.
 *
 * Slots. A completion brings back 64 bits; they name a slot, which holds the caller's tag. A slot is written by the
 * queueing thread and handed over by its state; so everything that the queueing thread did before is seen by the
 * reaping thread. The kernel's part in that is invisible to tools.
 *
 * What can fail. An operation ends with its errno as its result. A submission that the kernel refuses for good, which
 * takes a process that forbids itself io_uring, leaves operations in the submission side: their slots are marked
 * unsent, and reap() gives them back with the errno of the refusal.
 */
#include "engine/io/uring.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"
#include "engine/base/trace.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* user_data of a completion: index of a slot plus 1, or this. */
#define WAKE_DATA UINT64_MAX

enum {
    SLOT_FREE = 0,
    SLOT_TAKEN = 1,
    SLOT_UNSENT = 2
};

/* Rings count against RLIMIT_MEMLOCK on some kernels, so the main ring is opened with the instance, when there is still
   a choice; this is for a caller that wants it larger. */
static int main_enlarge(frn_uring *u, unsigned depth)
{
    struct io_uring_params params = {0};
    int rc;

    if (depth <= u->main_entries) {
        return 0;
    }
    io_uring_queue_exit(&u->main);
    u->main_entries = 0;
    atomic_store(&u->wake_pending, false);
    rc = frn_uring_ring_open(&u->main, depth, &params);
    u->main_entries = rc == 0 ? params.sq_entries : 0;
    return rc;
}

/* A kernel that refuses to pin the buffers costs speed only. */
static firn_status register_buffers(frn_uring *u, void *buffers, size_t buffer_size, unsigned buffers_count,
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

void frn_uring_queue_close(frn_uring *u)
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

firn_status frn_uring_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size, unsigned buffers_count,
                                 unsigned depth, firn_error *err)
{
    frn_uring *u = (frn_uring *)io;
    int lock_fd = lock == NULL ? u->lock_fd : ((frn_posix_file *)lock)->fd;
    int rc;

    assert(!u->posix.read_only && depth > 0 && atomic_load(&u->posix.in_flight) == 0);
    frn_uring_queue_close(u);
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

static frn_uring_slot *take_slot(frn_uring *u, uint64_t tag)
{
    frn_uring_slot *s = NULL;

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
static void hand_over(frn_uring *u, frn_uring_slot *s, struct io_uring_sqe *sqe)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)(s - u->slots) + 1);
    atomic_store_explicit(&s->state, SLOT_TAKEN, memory_order_release);
}

void frn_uring_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag)
{
    frn_uring *u = (frn_uring *)file->io;
    int fd = ((frn_posix_file *)file)->queue_fd;
    frn_uring_slot *s = take_slot(u, tag);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->main);
    /* Wraps to more than any area where data lies before it. */
    uintptr_t at = (uintptr_t)data - (uintptr_t)u->buffers;

    assert(((frn_posix_file *)file)->writable && data != NULL && size > 0 && size <= FRN_URING_WRITE_MAX);
    if (sqe == NULL) {
        assert(atomic_load(&u->broken) != 0);
        return;
    }
    if (u->buffers != NULL && at < u->buffer_size * u->buffers_count && size <= u->buffer_size - at % u->buffer_size) {
        io_uring_prep_write_fixed(sqe, fd, data, (unsigned)size, offset, (int)(at / u->buffer_size));
    } else {
        io_uring_prep_write(sqe, fd, data, (unsigned)size, offset);
    }
    sqe->rw_flags = durable ? RWF_DSYNC : 0;
    hand_over(u, s, sqe);
}

void frn_uring_queue_sync(frn_file *file, uint64_t tag)
{
    frn_uring *u = (frn_uring *)file->io;
    frn_uring_slot *s = take_slot(u, tag);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->main);

    if (sqe == NULL) {
        assert(atomic_load(&u->broken) != 0);
        return;
    }
    io_uring_prep_fsync(sqe, ((frn_posix_file *)file)->fd, IORING_FSYNC_DATASYNC);
    hand_over(u, s, sqe);
}

void frn_uring_queue_send(frn_io *io)
{
    frn_uring *u = (frn_uring *)io;
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
        frn_uring_reap_wake(io);
    }
}

static void finish(frn_uring *u, frn_uring_slot *s, int64_t result, frn_completion *out)
{
    *out = (frn_completion){.tag = s->tag, .result = result};
    atomic_store_explicit(&s->state, SLOT_FREE, memory_order_release);
    atomic_fetch_sub(&u->posix.in_flight, 1);
}

/* Takes what is there, without any wait. */
static unsigned collect(frn_uring *u, frn_completion *out, unsigned max, bool *out_woken)
{
    struct io_uring_cqe *cqe;
    unsigned count = 0;
    int broken = atomic_load(&u->broken);

    while (count < max && io_uring_peek_cqe(&u->main, &cqe) == 0) {
        uint64_t data = cqe->user_data;
        int64_t result = cqe->res;
        frn_uring_slot *s;

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

/* Sleeps until there is a completion or a wake, at most for left_ns (< 0: no limit). Returns true for a wake that
   cannot come as a completion. */
static bool wait_in_ring(frn_uring *u, int64_t left_ns)
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

static bool wait_in_poll(frn_uring *u, int64_t left_ns)
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

unsigned frn_uring_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    frn_uring *u = (frn_uring *)io;
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

static void send_message(frn_uring *u)
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

void frn_uring_reap_wake(frn_io *io)
{
    frn_uring *u = (frn_uring *)io;
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
