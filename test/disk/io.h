/* SPDX-License-Identifier: Apache-2.0 */
/* io.h — an instance of the seam over a simulated disk: what its blocking side and its queue share. */
#ifndef TEST_DISK_IO_H
#define TEST_DISK_IO_H

#include "test/disk/effect.h"

enum {
    DISK_ALIGNMENT = 4096
};

typedef struct disk_file disk_file;

/** An operation of the queue. */
typedef struct queued {
    uint64_t tag;
    bool is_sync;
    bool sent;
    int fail_errno;  /**< Injected; 0: none. */
    uint64_t effect; /**< A write: its id. */
    uint64_t stamp;  /**< A sync: what it covers. */
    int inode;
    disk_file *file;  /**< NULL once closed. */
    const void *data; /**< The caller's, which must not change before the completion is reaped. */
    size_t size;
} queued;

typedef struct disk_io {
    frn_io base;
    disk *disk;
    frn_heap *heap;
    uint64_t serial; /**< Of the instances of this disk, from 1: a pointer may come back. */
    unsigned files;
    unsigned depth; /**< 0 before queue_open(). */
    bool woken;
    bool direct;       /**< What the facts say. */
    bool write_failed; /**< A failed write or sync was reaped. */
    unsigned idle;     /**< Waits in a row that nothing could end. */
    queued *queue;
    size_t queue_count;
    size_t queue_capacity;
} disk_io;

struct disk_file {
    frn_file base;
    disk_io *io;
    int inode;
    bool writable;  /**< Creating a file opens it for writing. */
    bool queued_to; /**< Opened with FRN_IO_QUEUE. */
};

/** Counts an operation; returns the errno that it shall fail with, or 0. */
int disk_begin_op(disk *d, disk_op op);
void disk_stepped(disk *d, disk_op op);
void disk_misuse(disk *d, const char *what);
/** False if the space ran out. */
bool disk_take_space(disk *d, uint64_t size);
const char *disk_file_name(const disk_file *file);
unsigned disk_in_flight(const disk_io *io);

/* The ops of the queue: queue.c. */
void disk_io_close(frn_io *base);
firn_status disk_queue_open(frn_io *base, frn_file *lock, void *buffers, size_t buffer_size, unsigned buffers_count,
                            unsigned depth, firn_error *err);
void disk_queue_write(frn_file *base, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag);
void disk_queue_sync(frn_file *base, uint64_t tag);
void disk_queue_send(frn_io *base);
unsigned disk_reap(frn_io *base, frn_completion *out, unsigned max, int64_t timeout_ns);
void disk_reap_wake(frn_io *base);

#endif
