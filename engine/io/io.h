/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h — the seam to disk, clock and randomness: everything below the log goes through here.
 *
 * An frn_io is rooted at one folder and has two sides. The blocking side (open, read, write, sync,
 * rename, list …) may be used by any thread at any time. The queue is the log's write path: writes and
 * syncs are queued by one thread at a time (the log's tail lock), sent together, and reaped by one
 * thread at a time (the log's reap lock); queueing and reaping may happen at the same time.
 *
 * Durability: a queued write with FRN_IO_DURABLE is durable when its completion is reaped with the full
 * size; any other write once a sync that was queued after its completion was reaped has succeeded.
 * Creation, removal and renaming are durable after sync_names. Nothing else may be concluded.
 *
 * Backends: uring.c, portable.c, memory.c; the simulated disk of the tests is a fourth.
 */
#ifndef FRN_IO_IO_H
#define FRN_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/heap.h"
#include "engine/base/trace.h"
#include "firn/ledger.h"

typedef struct frn_io frn_io;
typedef struct frn_file frn_file;

enum {
    FRN_IO_NAME_SIZE_MAX = 95,   /**< Bytes of a file's name, without NUL; no slash. */
    FRN_IO_ALIGNMENT_MAX = 65536 /**< No backend asks for a larger alignment. */
};

/** How a file is opened. */
enum {
    FRN_IO_WRITE = 1,  /**< For reading and writing; else for reading. */
    FRN_IO_CREATE = 2, /**< Create it (mode 0600), FIRN_EEXISTS if it is there. */
    FRN_IO_QUEUE = 4   /**< Queued writes will go to it, by the method that durable_method says. */
};

/** How a queued operation ended. */
typedef struct frn_completion {
    uint64_t tag;   /**< As it was queued. */
    int64_t result; /**< Bytes written, 0 for a sync, or -errno. */
} frn_completion;

/** Facts about an instance, fixed while it is open, and counters. */
typedef struct frn_io_facts {
    firn_io_path path;             /**< FIRN_IO_AUTO for memory and simulated disks. */
    uint32_t alignment;            /**< Bytes; offsets, sizes and memory of queued writes are multiples: the
                                        largest of stx_dio_offset_align, the physical block and 4096. */
    bool direct;                   /**< Queued writes pass the page cache. */
    bool layout_guarantee;         /**< false: copy-on-write, overwriting moves bytes. */
    bool submits_are_done_by_reap; /**< true: queued work is carried out inside reap(), by its caller. */
    uint64_t ring_bytes;           /**< Bytes of writes completed by io_uring since open, both sides. */
    char note[128];                /**< Why not io_uring or not direct; "" otherwise. */
} frn_io_facts;

typedef void (*frn_io_name_fn)(void *arg, const char *name, uint64_t size);

typedef struct frn_io_ops {
    void (*close)(frn_io *io);
    void (*facts)(frn_io *io, frn_io_facts *out_facts);

    /* Blocking side. Failures name the file in the text. */
    /** FIRN_ECORRUPT: the name stands for something else than a file, a link included. */
    firn_status (*open)(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err);
    void (*file_close)(frn_file *file);
    firn_status (*size)(frn_file *file, uint64_t *out_size, firn_error *err);
    /** Reads until size bytes or the end of the file; *out_read < size only at the end. */
    firn_status (*read)(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read, firn_error *err);
    /** The same from the device, past every cache; data, size and offset aligned. */
    firn_status (*read_device)(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                               firn_error *err);
    /** Writes all of it, or fails. Not durable before sync. May extend the file. No alignment needed. */
    firn_status (*write)(frn_file *file, const void *data, size_t size, uint64_t offset, firn_error *err);
    /** Makes [0, size) written blocks of zeros, so that later writes change no metadata; extends the file to size.
     *out_written tells the bytes that went through write calls (0: the device did it). Not durable before sync. */
    firn_status (*fill)(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err);
    /** Gives up what lies behind size, which is no larger than the file. Not durable before sync. */
    firn_status (*shrink)(frn_file *file, uint64_t size, firn_error *err);
    /** Data and size of the file. A failure must never be retried. */
    firn_status (*sync)(frn_file *file, firn_error *err);
    firn_status (*sync_names)(frn_io *io, firn_error *err);
    /** Replaces to if it is there. */
    firn_status (*rename)(frn_io *io, const char *from, const char *to, firn_error *err);
    firn_status (*remove)(frn_io *io, const char *name, firn_error *err);
    /** Regular files of the folder, in any order. */
    firn_status (*list)(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err);
    /** How files opened later with FRN_IO_QUEUE are written: known only once the manifest was read. Not AUTO. */
    void (*durable_method_set)(frn_io *io, firn_durable_method method);
    /** Exclusive, until the file is closed and every queued write of this instance has ended, even if the
        process dies. FIRN_EBUSY at once if another instance holds it. */
    firn_status (*lock)(frn_file *file, firn_error *err);
    /** Whether lock() would find it taken; takes nothing. */
    firn_status (*lock_test)(frn_file *file, bool *out_taken, firn_error *err);

    /* Queue. Set up per instance, before the first queued operation. */
    /** Registers the lock's file and the buffers (one area, cut into equal parts) with the kernel where it allows.
        depth: operations in flight at most. lock NULL: the one that is held, if any; buffers_count 0: none.
        Calling it again, with nothing in flight, replaces what was set up. */
    firn_status (*queue_open)(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size, unsigned buffers_count,
                              unsigned depth, firn_error *err);
    /** Never blocks on the device. data must stay until the completion is reaped. Cannot fail while no more than depth
        operations are in flight: errors come as completions. */
    void (*queue_write)(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable, uint64_t tag);
    void (*queue_sync)(frn_file *file, uint64_t tag);
    /** Sends what is queued. */
    void (*queue_send)(frn_io *io);
    /** Takes completions in any order; waits until there is one, reap_wake() was called, or timeout_ns
        passed (0: does not wait, < 0: no limit). Returns their number. */
    unsigned (*reap)(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns);
    /** Makes a waiting (or the next) reap return; any thread. */
    void (*reap_wake)(frn_io *io);

    int64_t (*wall_clock_ns)(frn_io *io);
    int64_t (*monotonic_ns)(frn_io *io);
    firn_status (*random)(frn_io *io, void *data, size_t size, firn_error *err);
} frn_io_ops;

/** What every backend's instance and file begin with. */
struct frn_io {
    const frn_io_ops *ops;
};
struct frn_file {
    const frn_io_ops *ops;
    frn_io *io;
};

typedef struct frn_io_options {
    firn_io_path path; /**< AUTO, URING or PORTABLE. */
    bool create;       /**< Make the folder (0700) if it is missing; its parent must exist. */
    bool read_only;    /**< Nothing may be written. */
    bool no_link;      /**< The path's last part may not be a link: FIRN_EINVAL. What is in the folder never may. */
    frn_trace trace;
} frn_io_options;

/**
 * Opens a folder by the wanted path. FIRN_IO_AUTO falls back to portable where io_uring is missing
 * (ENOSYS, EPERM, sysctl, FIRN_NO_IO_URING in the environment), says so once through trace and in facts.note.
 * FIRN_ENOTFOUND: no such folder; FIRN_ETOOBIG: path too long; FIRN_EACCES; FIRN_EINVAL: not a folder.
 */
firn_status frn_io_open_folder(frn_heap *heap, const char *path, const frn_io_options *options, frn_io **out_io,
                               firn_error *err) FIRN_NODISCARD;

/** Measures the durable methods in this folder with a scratch file (a few dozen writes each), sets the fastest that
    works and returns it. FIRN_OK always names a method. Sets up the queue for itself: queue_open comes after it. */
firn_status frn_io_calibrate(frn_io *io, frn_heap *heap, firn_durable_method *out_method,
                             firn_error *err) FIRN_NODISCARD;

/** A named set of files in memory that outlives its instances: what `mem:` uses. Never shared between processes. */
typedef struct frn_memory_disk frn_memory_disk;
firn_status frn_memory_disk_new(frn_heap *heap, frn_memory_disk **out_disk, firn_error *err) FIRN_NODISCARD;
void frn_memory_disk_free(frn_memory_disk *disk);
firn_status frn_io_open_memory(frn_heap *heap, frn_memory_disk *disk, frn_io **out_io, firn_error *err) FIRN_NODISCARD;

#endif
