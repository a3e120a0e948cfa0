/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c — the queue of the simulated disk: writes and syncs in flight, finished in seeded order.
 *
 * A write's bytes are copied when it is queued, and compared with the caller's buffer when it is reaped: a buffer that
 * was touched in between is a misuse. Its effect stands in the list from the start, so that a crash at any moment
 * finds it in flight. Completion moves it into the cache and makes it PENDING, or SETTLED if it was queued durable.
 */
#include "test/disk/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/error.h"

enum {
    IDLE_WAITS_MAX = 100000,
    NS = 1000000000
};

unsigned disk_in_flight(const disk_io *io)
{
    unsigned count = 0;

    for (size_t i = 0; i < io->queue_count; i++) {
        count += io->queue[i].sent && !io->queue[i].is_sync ? 1 : 0;
    }
    return count;
}

void disk_io_close(frn_io *base)
{
    disk_io *io = (disk_io *)base;
    disk *d = io->disk;

    if (io->files > 0) {
        disk_misuse(d, "instance closed with open files");
    }
    for (size_t i = 0; i < io->queue_count; i++) {
        effect *e = io->queue[i].is_sync ? NULL : effect_find(d, io->queue[i].effect);

        if (e != NULL && io->queue[i].sent) {
            e->orphan = true;
        } else if (e != NULL) {
            effect_remove(d, e);
        }
    }
    for (size_t i = 0; i < d->inodes_count; i++) {
        if (effect_orphans(d) == 0) {
            d->inodes[i]->held_by_dead = false;
        }
    }
    d->instances--;
    free(io->queue);
    frn_free(io->heap, io);
}

firn_status disk_queue_open(frn_io *base, frn_file *lock, void *buffers, size_t buffer_size, unsigned buffers_count,
                            unsigned depth, firn_error *err)
{
    disk_io *io = (disk_io *)base;
    int rc = disk_begin_op(io->disk, DISK_QUEUE_OPEN);

    (void)lock;
    (void)buffers;
    (void)buffer_size;
    (void)buffers_count;
    if (io->queue_count != 0 || depth == 0) {
        disk_misuse(io->disk, "queue opened without depth, or again with operations in flight");
        rc = EINVAL;
    }
    if (rc != 0) {
        return frn_fail_os(err, rc, "open the queue");
    }
    io->depth = depth;
    return FIRN_OK;
}

static queued *enqueue(disk_file *file, uint64_t tag, disk_op op)
{
    disk_io *io = file->io;
    queued *q;

    if (io->queue_count >= io->depth) {
        disk_misuse(io->disk, "more operations in flight than queue_open() was told");
    }
    if (io->write_failed) {
        io->disk->counts.writes_after_failure++;
    }
    if (io->queue_count == io->queue_capacity) {
        io->queue_capacity = io->queue_capacity == 0 ? 8 : 2 * io->queue_capacity;
        io->queue = disk_need(realloc(io->queue, io->queue_capacity * sizeof *io->queue));
    }
    q = &io->queue[io->queue_count++];
    *q = (queued){.tag = tag, .inode = file->inode, .file = file, .is_sync = op == DISK_QUEUE_SYNC};
    q->fail_errno = disk_begin_op(io->disk, op);
    return q;
}

void disk_queue_write(frn_file *base, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    queued *q = enqueue(file, tag, DISK_QUEUE_WRITE);
    effect *e;

    if (size == 0 || size % DISK_ALIGNMENT != 0 || offset % DISK_ALIGNMENT != 0 ||
        (uintptr_t)data % DISK_ALIGNMENT != 0) {
        disk_misuse(d, "unaligned queued write");
        q->fail_errno = EINVAL;
    }
    if (!file->writable || !file->queued_to) {
        disk_misuse(d, "queued write to a file that was not opened for it");
    }
    e = effect_add(d, EFFECT_DATA, EFFECT_QUEUED, file->inode);
    effect_data(e, data, size, offset);
    e->durable = durable;
    q->effect = e->id;
    q->data = data;
    q->size = size;
}

void disk_queue_sync(frn_file *base, uint64_t tag)
{
    disk_file *file = (disk_file *)base;
    queued *q = enqueue(file, tag, DISK_QUEUE_SYNC);

    q->stamp = file->io->disk->stamp++;
    if (file->io->disk->inodes[file->inode]->sync_failed == file->io->serial) {
        file->io->disk->counts.syncs_after_failure++;
    }
}

void disk_queue_send(frn_io *base)
{
    disk_io *io = (disk_io *)base;
    bool any = false;

    for (size_t i = 0; i < io->queue_count; i++) {
        queued *q = &io->queue[i];

        if (!q->sent) {
            q->sent = any = true;
            if (!q->is_sync) {
                effect_find(io->disk, q->effect)->state = EFFECT_FLIGHT;
            }
        }
    }
    if (any) {
        disk_stepped(io->disk, DISK_QUEUE_WRITE);
    }
}

static int64_t finish_sync(disk_io *io, const queued *q)
{
    disk *d = io->disk;

    if (q->fail_errno != 0) {
        d->inodes[q->inode]->sync_failed = io->serial;
        effect_lose_file(d, q->inode, q->stamp);
        return -q->fail_errno;
    }
    effect_settle_file(d, q->inode, q->stamp);
    return 0;
}

/* The part of a failed or short write that came to be is on the device; only a sync can make it durable. */
static int64_t finish_write_badly(disk_io *io, const queued *q, effect *e)
{
    disk *d = io->disk;
    image **cache = &d->inodes[q->inode]->cache;
    uint64_t part = dice_roll(&d->dice, e->size / IMAGE_SECTOR) * IMAGE_SECTOR;

    if (part == 0) {
        effect_remove(d, e);
    } else {
        e->size = part;
        e->state = EFFECT_PENDING;
        e->pending_since = ++d->stamp;
        effect_apply(e, cache);
    }
    return d->controls.fail_short && part > 0 ? (int64_t)part : -q->fail_errno;
}

static int64_t finish_write(disk_io *io, const queued *q)
{
    disk *d = io->disk;
    effect *e = effect_find(d, q->effect);
    image **cache = &d->inodes[q->inode]->cache;
    bool durable = e->durable;

    if (q->file != NULL && memcmp(q->data, e->bytes->data, q->size) != 0) {
        disk_misuse(d, "the data of a queued write changed in flight");
    }
    if (q->fail_errno != 0) {
        return finish_write_badly(io, q, e);
    }
    e->state = EFFECT_PENDING;
    e->pending_since = ++d->stamp;
    effect_apply(e, cache);
    if (e->offset + e->size > image_size(*cache)) {
        uint64_t end = e->offset + e->size;

        /* Adding may move the list: e ends here. */
        effect_add(d, EFFECT_SIZE, durable ? EFFECT_SETTLED : EFFECT_PENDING, q->inode)->size = end;
        image_resize(cache, end);
    }
    if (durable) {
        effect_find(d, q->effect)->state = EFFECT_SETTLED;
        d->counts.bytes_settled += q->size;
        if (d->controls.no_fua) {
            effect_settle_flushed(d);
        }
        effect_fold(d);
    }
    return (int64_t)q->size;
}

static size_t pick_sent(disk_io *io)
{
    size_t sent = 0;
    uint64_t pick;

    for (size_t i = 0; i < io->queue_count; i++) {
        sent += io->queue[i].sent ? 1 : 0;
    }
    if (sent == 0) {
        return io->queue_count;
    }
    pick = io->disk->controls.reap_eager ? 0 : dice_roll(&io->disk->dice, sent);
    for (size_t i = 0; i < io->queue_count; i++) {
        if (io->queue[i].sent && pick-- == 0) {
            return i;
        }
    }
    return io->queue_count;
}

/* A wait that nothing can end is a hang: better to die with a text. */
static void wait_idle(disk_io *io, int64_t timeout_ns)
{
    if (timeout_ns > 0) {
        /* Real time as well: a caller that waits by its own clock would else come back at once, again and again. */
        (void)nanosleep(&(struct timespec){.tv_sec = timeout_ns / NS, .tv_nsec = timeout_ns % NS}, NULL);
        io->disk->monotonic_ns += timeout_ns;
    }
    if (timeout_ns != 0 && ++io->idle > IDLE_WAITS_MAX) {
        (void)fprintf(stderr, "simulated disk: reap() waits, nothing is in flight\n");
        abort();
    }
}

unsigned disk_reap(frn_io *base, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    disk_io *io = (disk_io *)base;
    disk *d = io->disk;
    unsigned count = 0;
    unsigned want = max;

    if (!d->controls.reap_eager) {
        want = (unsigned)dice_roll(&d->dice, 4) + (timeout_ns != 0 && !io->woken ? 1 : 0);
    }
    while (count < want && count < max) {
        size_t i = pick_sent(io);
        queued q;

        if (i == io->queue_count) {
            break;
        }
        q = io->queue[i];
        out[count].tag = q.tag;
        out[count].result = q.is_sync ? finish_sync(io, &q) : finish_write(io, &q);
        if (out[count].result < 0 || (!q.is_sync && (size_t)out[count].result < q.size)) {
            io->write_failed = true;
            d->counts.failures_reaped++;
        }
        count++;
        io->queue_count--;
        memmove(&io->queue[i], &io->queue[i + 1], (io->queue_count - i) * sizeof *io->queue);
    }
    if (count > 0) {
        io->idle = 0;
        disk_stepped(d, DISK_QUEUE_SYNC);
    } else if (!io->woken) {
        wait_idle(io, timeout_ns);
    }
    io->woken = false;
    return count;
}

void disk_reap_wake(frn_io *base)
{
    ((disk_io *)base)->woken = true;
}
