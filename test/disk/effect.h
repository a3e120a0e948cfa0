/* SPDX-License-Identifier: Apache-2.0 */
/* effect.h — what the files of test/disk share: inodes, the list of effects, and how effects become content. */
#ifndef TEST_DISK_EFFECT_H
#define TEST_DISK_EFFECT_H

#include "test/disk/disk.h"

typedef enum effect_kind {
    EFFECT_DATA,
    EFFECT_SIZE,
    EFFECT_SHRINK,
    EFFECT_CREATE,
    EFFECT_RENAME,
    EFFECT_REMOVE
} effect_kind;

typedef enum effect_state {
    EFFECT_QUEUED,
    EFFECT_FLIGHT,
    EFFECT_PENDING,
    EFFECT_SETTLED
} effect_state;

/** Bytes that copies of an effect share. */
typedef struct effect_bytes {
    unsigned refs;
    uint8_t data[];
} effect_bytes;

typedef struct effect {
    effect_kind kind;
    effect_state state;
    bool durable;   /**< A queued write: SETTLED when reaped. */
    bool lost;      /**< A sync failed over it: never SETTLED, and not on the device. */
    bool orphan;    /**< FLIGHT without a living process. */
    bool on_device; /**< Seen by read_device() while PENDING. */
    int inode;
    uint64_t id;            /**< Unique on its disk. */
    uint64_t pending_since; /**< The disk's stamp when it became PENDING: what a sync may cover. */
    uint64_t offset;
    uint64_t size;                       /**< Of data; or the new size. */
    effect_bytes *bytes;                 /**< NULL: zeros. */
    size_t bytes_at;                     /**< Where in bytes its data begins. */
    char from[FRN_IO_NAME_SIZE_MAX + 1]; /**< Entry: its name; RENAME: the old one. */
    char to[FRN_IO_NAME_SIZE_MAX + 1];
} effect;

struct disk_file;

/** A file. inodes are never reused; one without a name, handle or effect is freed by disk_cut() only. */
typedef struct inode {
    image *durable;
    image *cache;
    unsigned effects; /**< In the list, whatever state. */
    unsigned handles;
    const struct disk_file *holder; /**< Who holds the lock; NULL if nobody lives. */
    bool held_by_dead;              /**< Locked until every orphan has landed. */
    uint64_t sync_failed;           /**< The instance under which a sync failed, by its serial; 0 none. */
} inode;

typedef struct entry {
    char name[FRN_IO_NAME_SIZE_MAX + 1];
    int inode;
} entry;

typedef struct names {
    entry *list;
    size_t count;
    size_t capacity;
} names;

struct disk {
    disk_controls controls;
    disk_counts counts;
    frn_heap heap; /* Of instances that were opened without one. */
    dice dice;
    int64_t monotonic_ns;
    uint64_t serials; /**< Instances opened so far. */
    uint64_t stamp;   /**< Counts everything that becomes PENDING, and every sync issued. */
    uint64_t next_id;
    unsigned instances;
    unsigned handles;
    inode **inodes;
    size_t inodes_count;
    names durable_names;
    names cache_names;
    effect *effects;
    size_t effects_count;
    size_t effects_capacity;
    disk_fault faults[DISK_FAULTS_MAX];
    unsigned faults_count;
    disk_companion *companion; /**< May be NULL. */
};

/** Memory for tests: aborts when there is none. */
void *disk_need(void *p);

/* Names. */
int names_find(const names *n, const char *name); /**< Index in list, or -1. */
void names_set(names *n, const char *name, int inode_number);
void names_unset(names *n, const char *name);
void names_copy(names *to, const names *from);

int inode_new(disk *d);

/** Copies a name of at most FRN_IO_NAME_SIZE_MAX bytes. */
void effect_name(char to[FRN_IO_NAME_SIZE_MAX + 1], const char *from);
/** Adds an effect at the end; the caller fills in what its kind needs before the next one is added. */
effect *effect_add(disk *d, effect_kind kind, effect_state state, int inode_number);
/** Gives a DATA effect its bytes; data NULL: zeros. */
void effect_data(effect *e, const void *data, uint64_t size, uint64_t offset);
effect *effect_find(disk *d, uint64_t id);
void effect_remove(disk *d, effect *e);
bool effect_open(const effect *e);

/** Copies a DATA effect's sectors [first, first + count) to *at; partial sectors at both ends are its own. */
void effect_apply_sectors(const effect *e, image **at, uint64_t first, uint64_t count);
/** Copies all of a DATA effect, or grows to the size of a SIZE effect. */
void effect_apply(const effect *e, image **at);
void effect_apply_name(const effect *e, names *n);
uint64_t effect_sectors(const effect *e);

/** Makes what a sync issued at `stamp` covers durable. */
void effect_settle_file(disk *d, int inode_number, uint64_t stamp);
void effect_settle_names(disk *d);
/** The device's cache was flushed: by dice, what was in it is durable. */
void effect_settle_flushed(disk *d);
/** The sync failed: what it covered can be settled by none. */
void effect_lose_file(disk *d, int inode_number, uint64_t stamp);
/** Moves settled effects that no open one precedes into the durable content. */
void effect_fold(disk *d);
/** Content as read_device() sees it; to be given back with image_unref(). */
image *effect_device_image(const disk *d, int inode_number);

/** Ends the flight of an orphan by dice: whole, torn, or not at all. */
void effect_land(disk *d, size_t i);
unsigned effect_orphans(const disk *d);

#endif
