/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h — a simulated disk behind the I/O seam: it remembers what is durable and what is merely pending, and makes
 * from it any disk that a crash may leave.
 *
 * Model. A file has two contents: *durable*, and *cache*, the newest that a process reads. Between them stands one
 * list of *effects* for the whole disk, in the order in which they were issued: bytes of a file, a new size, and
 * entries of the folder (created, renamed, removed). An effect is
 *
 *   QUEUED    a queued write before queue_send(): in the memory of the process only, dies with it;
 *   FLIGHT    sent, its completion not reaped: after a crash it may be there, absent, or torn;
 *   PENDING   in the cache, not durable: a power cut may keep, drop or tear it;
 *   SETTLED   durable; it stays in the list only while an older effect of the same file is open.
 *
 * A blocking write is PENDING at once; a sync settles what was PENDING when it was issued, no more: writes whose
 * completion was not reaped by then are not covered. A queued write ends PENDING, or SETTLED if it was queued durable.
 * The device of a disk with no_fua knows no write that is durable by itself: what was queued durable is written, and
 * then the device's cache is flushed. That settles more than was asked for: of what else is PENDING, of any file,
 * whatever had reached the device by then, which is for the dice to say.
 * A failed sync leaves what it covered readable. By dice an effect may still be settled by a later sync, or it is lost:
 * in the cache alone, taken for clean, so that no later sync settles it and read_device() does not see it. Entries stay
 * as they were: a file system that cannot commit them does not say later that it did.
 *
 * read() sees the cache. read_device() sees the durable content and those effects that can be got at from the device:
 * all of a living process (a direct read writes dirty pages back first), and of a dead one those that the dice of
 * disk_die() left on_device; the others show up in read_device() only once a sync has settled them.
 *
 * Crashes. disk_cut() makes the disk that a power cut leaves: durable content and chosen effects, nothing pending.
 * disk_die() makes the disk that a dead process leaves on a live machine: all effects stay open and readable, those in
 * FLIGHT are finished, dropped or torn, or stay orphans that land later (disk_land()); what is unsent is lost.
 * Both leave the disk they start from as it was.
 *
 * A disk and its instances are used by one thread. Everything is a function of the calls and the dice.
 */
#ifndef TEST_DISK_DISK_H
#define TEST_DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/heap.h"
#include "engine/io/io.h"
#include "test/disk/dice.h"
#include "test/disk/image.h"

typedef struct disk disk;

/** Operations of the seam, as fault injection and counting know them. */
typedef enum disk_op {
    DISK_OPEN,
    DISK_SIZE,
    DISK_READ,
    DISK_READ_DEVICE,
    DISK_WRITE,
    DISK_FILL,
    DISK_SHRINK,
    DISK_SYNC,
    DISK_SYNC_NAMES,
    DISK_RENAME,
    DISK_REMOVE,
    DISK_LIST,
    DISK_LOCK,
    DISK_LOCK_TEST,
    DISK_QUEUE_OPEN,
    DISK_QUEUE_WRITE,
    DISK_QUEUE_SYNC,
    DISK_RANDOM,
    DISK_COMPANION, /**< Of another kind than files: a step only. */
    DISK_OPS
} disk_op;

/** "write", "queue_sync" and the like. */
const char *disk_op_name(disk_op op);

/** Called after every operation that changed the disk; reap() calls it before its caller learns of the completions. */
typedef void (*disk_step_fn)(void *arg, disk *d, disk_op op);

/** What a test sets and reads; all zero is a disk without faults. */
typedef struct disk_controls {
    disk_step_fn step; /**< May be NULL. It may cut and copy the disk, not change it. */
    void *step_arg;
    int64_t wall_ns;  /**< The wall clock; moves only when the test moves it. */
    uint64_t fail_at; /**< The operation with this number (1: the next) fails; 0: none. Counts down. */
    int fail_errno;
    bool fail_for_ever;  /**< And all after it. */
    bool fail_queued;    /**< Only writes and syncs of the queue count. */
    bool fail_short;     /**< A queued write that is to fail is written in part and says so instead. */
    uint64_t space_left; /**< Bytes that creating, filling and extending may still take, if space_limited. */
    bool space_limited;
    uint64_t land_in; /**< An orphan lands at one in so many operations; 0: only by disk_land(). */
    bool reap_eager;  /**< reap() takes all completions at once, in order. */
    bool no_fua;      /**< A durable write is a write and a flush: see below. Crashes leave a disk of the same kind. */
} disk_controls;

/** What the disk saw. */
typedef struct disk_counts {
    uint64_t ops; /**< Operations, fault injection's unit. */
    uint64_t by_op[DISK_OPS];
    uint64_t failed;               /**< Faults injected. */
    disk_op failed_op;             /**< The first one. */
    uint64_t syncs_after_failure;  /**< Syncs of a file whose sync had failed under the same instance. */
    uint64_t writes_after_failure; /**< Queued writes issued after the instance had reaped a failed one. */
    uint64_t failures_reaped;      /**< Completions of the queue that said so, short writes included. */
    uint64_t misuses;              /**< Breaches of the seam's contract by its caller; misuse tells the first. */
    const char *misuse;
    uint64_t bytes_settled;
} disk_counts;

/** An empty disk. */
disk *disk_new(uint64_t seed);
/** Instances must have been closed. NULL is accepted. */
void disk_free(disk *d);

disk_controls *disk_controls_of(disk *d);
const disk_counts *disk_counts_of(const disk *d);
dice *disk_dice(disk *d);

/** An instance of the seam: a process. Closing it with writes in flight leaves them as orphans. */
frn_io *disk_open_io(disk *d);
/** The same with memory from a heap, which may refuse it. */
firn_status disk_open_io_in(disk *d, frn_heap *heap, frn_io **out_io, firn_error *err) FIRN_NODISCARD;
/** Files and instances that are open. */
unsigned disk_handles(const disk *d);

/** Effects that a cut may choose from: FLIGHT and PENDING. */
unsigned disk_open_effects(const disk *d);
/** Sectors of the i-th of them; 0 for a size or an entry. */
unsigned disk_effect_sectors(const disk *d, unsigned i);
/** Orphans that have not landed. */
unsigned disk_orphans(const disk *d);
/** A hash of all names, sizes and bytes, durable ones and, where effects are open, cached ones and what they are. */
uint64_t disk_hash(const disk *d);

/** What becomes of a sector that was not kept. */
typedef enum disk_rest {
    DISK_REST_OLD,
    DISK_REST_ZERO,
    DISK_REST_GARBAGE
} disk_rest;

/** Which effects a power cut keeps. */
typedef struct disk_cut_plan {
    enum {
        DISK_CUT_NONE,   /**< Durable content alone. */
        DISK_CUT_ALL,    /**< Everything open as well. */
        DISK_CUT_PREFIX, /**< The first `number` open effects. */
        DISK_CUT_MASK,   /**< The open effects whose bit is set in `number`; those beyond the 64th are dropped. */
        DISK_CUT_TORN,   /**< All before the `number`-th; of that one the first `sector` sectors. */
        DISK_CUT_HOLED,  /**< All but sector `sector` of the `number`-th. */
        DISK_CUT_SIZES,  /**< Sizes and entries, no data. */
        DISK_CUT_NAMES,  /**< Entries alone. */
        DISK_CUT_RANDOM  /**< Each kept, dropped or torn by dice. */
    } how;
    uint64_t number;
    unsigned sector;
    disk_rest rest; /**< For TORN and HOLED; RANDOM rolls it for each sector. */
    uint64_t seed;  /**< For RANDOM and for garbage. */
} disk_cut_plan;

/** The disk after a power cut. Its dice are seeded from the plan; controls are without faults, clock as here. */
disk *disk_cut(const disk *d, const disk_cut_plan *plan);

/** What becomes of writes in flight when their process dies. */
typedef enum disk_late {
    DISK_LATE_RESOLVED, /**< Finished, dropped or torn at once. */
    DISK_LATE_LOCKED,   /**< Orphans; the dead instance's lock is held until all of them have landed. */
    DISK_LATE_FREE      /**< Orphans; the lock is free: caches below the kernel. */
} disk_late;

/** The disk after the death of every instance, the device living on. */
disk *disk_die(const disk *d, disk_late late, uint64_t seed);
/** Let one orphan land, whole, torn or not at all. False if there is none. */
bool disk_land(disk *d);

/**
 * Something else on the same machine that meets the same crashes, an index for example. It belongs to the disk; what a
 * crash leaves of it belongs to the disk that the crash leaves.
 */
typedef struct disk_companion {
    struct disk_companion *(*cut)(const struct disk_companion *companion, const disk_cut_plan *plan);
    struct disk_companion *(*die)(const struct disk_companion *companion, uint64_t seed);
    uint64_t (*hash)(const struct disk_companion *companion);
    void (*free)(struct disk_companion *companion);
} disk_companion;

/** Gives d a companion, its only one; disk_free() frees it. */
void disk_accompany(disk *d, disk_companion *companion);
/** NULL: none. */
disk_companion *disk_companion_of(const disk *d);
/** The companion changed: calls the step function. */
void disk_companion_stepped(disk *d);

/** A latent fault: lies over the file, on every read; writing does not mend it. */
typedef struct disk_fault {
    char name[FRN_IO_NAME_SIZE_MAX + 1];
    uint64_t offset;
    size_t size;
    enum {
        DISK_FAULT_FLIP,  /**< Bits of the byte at offset that are set in mask. */
        DISK_FAULT_BYTES, /**< [offset, offset + size) reads as `bytes`, zeros if that is NULL. */
        DISK_FAULT_ERROR  /**< Reading any of [offset, offset + size) fails with EIO. */
    } kind;
    uint8_t mask;
    const uint8_t *bytes; /**< The caller's, until the overlay is cleared. */
} disk_fault;

enum {
    DISK_FAULTS_MAX = 8
};
/** Lays a fault over the disk; at most DISK_FAULTS_MAX. */
void disk_fault_add(disk *d, const disk_fault *fault);
void disk_faults_clear(disk *d);

/* Looking and meddling, as someone with the bare device could. Durable and cached content change together. */

/** Whether a file is there (in the cache), and its size. */
bool disk_has(const disk *d, const char *name, uint64_t *out_size);
/** Bytes as read() would give them, without faults. */
void disk_peek(const disk *d, const char *name, void *data, size_t size, uint64_t offset);
void disk_poke(disk *d, const char *name, const void *data, size_t size, uint64_t offset);
void disk_resize(disk *d, const char *name, uint64_t size);
void disk_unlink(disk *d, const char *name);
/** Make `to` a file with the content of `from` of another disk or this one; replaces `to`. */
void disk_copy_file(disk *d, const char *to, const disk *from_disk, const char *from);
/** Each name of the cache, in the order of creation. */
void disk_names(const disk *d, void (*fn)(void *arg, const char *name, uint64_t size), void *arg);

/** A disk with the same content, all of it durable, and nothing else. */
disk *disk_copy(const disk *d);

#endif
