/* SPDX-License-Identifier: Apache-2.0 */
/* disk.c — a simulated disk as a whole: its life, what it holds, and meddling with it. */
#include "test/disk/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "test/disk/effect.h"

disk *disk_new(uint64_t seed)
{
    disk *d = disk_need(calloc(1, sizeof *d));

    d->dice = dice_of(seed);
    frn_heap_init(&d->heap);
    d->controls.wall_ns = INT64_C(1700000000000000000);
    return d;
}

void disk_free(disk *d)
{
    if (d == NULL) {
        return;
    }
    assert(d->instances == 0);
    while (d->effects_count > 0) {
        effect_remove(d, &d->effects[d->effects_count - 1]);
    }
    for (size_t i = 0; i < d->inodes_count; i++) {
        image_unref(d->inodes[i]->durable);
        image_unref(d->inodes[i]->cache);
        free(d->inodes[i]);
    }
    free(d->inodes);
    free(d->effects);
    free(d->durable_names.list);
    free(d->cache_names.list);
    if (d->companion != NULL) {
        d->companion->free(d->companion);
    }
    free(d);
}

disk_controls *disk_controls_of(disk *d)
{
    return &d->controls;
}

const disk_counts *disk_counts_of(const disk *d)
{
    return &d->counts;
}

dice *disk_dice(disk *d)
{
    return &d->dice;
}

void disk_accompany(disk *d, disk_companion *companion)
{
    assert(d->companion == NULL);
    d->companion = companion;
}

disk_companion *disk_companion_of(const disk *d)
{
    return d->companion;
}

unsigned disk_handles(const disk *d)
{
    return d->handles + d->instances;
}

unsigned disk_open_effects(const disk *d)
{
    unsigned count = 0;

    for (size_t i = 0; i < d->effects_count; i++) {
        count += effect_open(&d->effects[i]) ? 1 : 0;
    }
    return count;
}

unsigned disk_effect_sectors(const disk *d, unsigned i)
{
    for (size_t k = 0; k < d->effects_count; k++) {
        if (effect_open(&d->effects[k]) && i-- == 0) {
            return (unsigned)effect_sectors(&d->effects[k]);
        }
    }
    return 0;
}

unsigned disk_orphans(const disk *d)
{
    return effect_orphans(d);
}

bool disk_land(disk *d)
{
    unsigned orphans = effect_orphans(d);
    uint64_t pick;

    if (orphans == 0) {
        return false;
    }
    pick = dice_roll(&d->dice, orphans);
    for (size_t i = 0; i < d->effects_count; i++) {
        if (d->effects[i].orphan && pick-- == 0) {
            effect_land(d, i);
            break;
        }
    }
    return true;
}

/* Summed up, so that the order of names plays no part. */
static uint64_t hash_names(const disk *d, const names *n, bool durable)
{
    uint64_t h = 0;

    for (size_t i = 0; i < n->count; i++) {
        const inode *node = d->inodes[n->list[i].inode];
        uint64_t one = image_hash(durable ? node->durable : node->cache);

        for (const char *c = n->list[i].name; *c != '\0'; c++) {
            one = (one ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
        }
        h += one ^ (one >> 31);
    }
    return h;
}

uint64_t disk_hash(const disk *d)
{
    const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = hash_names(d, &d->durable_names, true);

    if (d->effects_count > 0) {
        h = (h + d->effects_count) * factor + hash_names(d, &d->cache_names, false);
    }
    for (size_t i = 0; i < d->effects_count; i++) {
        const effect *e = &d->effects[i];
        uint64_t facts = (uint64_t)e->kind << 8 | (uint64_t)e->state << 4 | (e->on_device ? 1 : 0) |
                         (e->orphan ? 2 : 0) | (e->lost ? 4 : 0);

        h = (h ^ (h >> 29) ^ facts ^ e->offset << 16) * factor;
    }
    return h;
}

disk *disk_copy(const disk *d)
{
    disk_cut_plan plan = {.how = DISK_CUT_ALL, .seed = d->dice.state};

    return disk_cut(d, &plan);
}

/* Meddling. */

static inode *inode_of(const disk *d, const char *name)
{
    int i = names_find(&d->cache_names, name);

    assert(i >= 0);
    return d->inodes[d->cache_names.list[i].inode];
}

bool disk_has(const disk *d, const char *name, uint64_t *out_size)
{
    int i = names_find(&d->cache_names, name);

    if (i >= 0 && out_size != NULL) {
        *out_size = image_size(d->inodes[d->cache_names.list[i].inode]->cache);
    }
    return i >= 0;
}

void disk_peek(const disk *d, const char *name, void *data, size_t size, uint64_t offset)
{
    image_read(inode_of(d, name)->cache, data, size, offset);
}

/* Makes the cached content the durable one, nothing being open. */
static void level(inode *node)
{
    assert(node->effects == 0);
    image_unref(node->durable);
    node->durable = image_ref(node->cache);
}

void disk_poke(disk *d, const char *name, const void *data, size_t size, uint64_t offset)
{
    inode *node = inode_of(d, name);

    image_write(&node->cache, data, size, offset);
    if (image_size(node->cache) < offset + size) {
        image_resize(&node->cache, offset + size);
    }
    level(node);
}

void disk_resize(disk *d, const char *name, uint64_t size)
{
    inode *node = inode_of(d, name);

    image_resize(&node->cache, size);
    image_trim(&node->cache);
    level(node);
}

void disk_unlink(disk *d, const char *name)
{
    names_unset(&d->cache_names, name);
    names_unset(&d->durable_names, name);
}

void disk_copy_file(disk *d, const char *to, const disk *from_disk, const char *from)
{
    image *content = image_ref(inode_of(from_disk, from)->cache);
    int number = inode_new(d);
    inode *node = d->inodes[number];

    image_unref(node->cache);
    node->cache = content;
    level(node);
    names_set(&d->cache_names, to, number);
    names_set(&d->durable_names, to, number);
}

void disk_names(const disk *d, void (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
    for (size_t i = 0; i < d->cache_names.count; i++) {
        fn(arg, d->cache_names.list[i].name, image_size(d->inodes[d->cache_names.list[i].inode]->cache));
    }
}

void disk_fault_add(disk *d, const disk_fault *fault)
{
    assert(d->faults_count < DISK_FAULTS_MAX);
    d->faults[d->faults_count++] = *fault;
}

void disk_faults_clear(disk *d)
{
    d->faults_count = 0;
}

const char *disk_op_name(disk_op op)
{
    static const char *const names_of_ops[DISK_OPS] = {
        [DISK_OPEN] = "open",
        [DISK_SIZE] = "size",
        [DISK_READ] = "read",
        [DISK_READ_DEVICE] = "read_device",
        [DISK_WRITE] = "write",
        [DISK_FILL] = "fill",
        [DISK_SHRINK] = "shrink",
        [DISK_SYNC] = "sync",
        [DISK_SYNC_NAMES] = "sync_names",
        [DISK_RENAME] = "rename",
        [DISK_REMOVE] = "remove",
        [DISK_LIST] = "list",
        [DISK_LOCK] = "lock",
        [DISK_LOCK_TEST] = "lock_test",
        [DISK_QUEUE_OPEN] = "queue_open",
        [DISK_QUEUE_WRITE] = "queue_write",
        [DISK_QUEUE_SYNC] = "queue_sync",
        [DISK_RANDOM] = "random",
        [DISK_COMPANION] = "companion",
    };

    return op < DISK_OPS ? names_of_ops[op] : "none";
}
