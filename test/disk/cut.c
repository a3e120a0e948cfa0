/* SPDX-License-Identifier: Apache-2.0 */
/* cut.c — the disks that a power cut or the death of a process leaves behind. */
#include "test/disk/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "test/disk/effect.h"

/* An empty disk with the inodes of d, all without content, and a clock that goes on. */
static disk *like(const disk *d, uint64_t seed)
{
    disk *made = disk_new(seed);

    made->controls.wall_ns = d->controls.wall_ns;
    made->controls.no_fua = d->controls.no_fua;
    made->monotonic_ns = d->monotonic_ns;
    made->stamp = d->stamp;
    made->next_id = d->next_id;
    made->inodes = disk_need(malloc((d->inodes_count + 1) * sizeof(inode *)));
    made->inodes_count = d->inodes_count;
    for (size_t i = 0; i < d->inodes_count; i++) {
        made->inodes[i] = disk_need(calloc(1, sizeof(inode)));
    }
    return made;
}

static void put_garbage(const effect *e, uint64_t sector, disk_rest rest, dice *with, image **at)
{
    uint64_t garbage[IMAGE_SECTOR / sizeof(uint64_t)];
    effect one = *e;
    effect_bytes *bytes;
    uint64_t begin = (e->offset / IMAGE_SECTOR + sector) * IMAGE_SECTOR;

    if (rest == DISK_REST_OLD) {
        return;
    }
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        garbage[i] = rest == DISK_REST_ZERO ? 0 : dice_next(with);
    }
    /* Through an effect of one sector, so that the ends of an unaligned write stay its ends. */
    bytes = disk_need(malloc(sizeof *bytes + sizeof garbage));
    memcpy(bytes->data, garbage, sizeof garbage);
    one.bytes = bytes;
    one.offset = begin < e->offset ? e->offset : begin;
    one.size = begin + IMAGE_SECTOR - one.offset;
    if (one.offset + one.size > e->offset + e->size) {
        one.size = e->offset + e->size - one.offset;
    }
    one.bytes_at = 0;
    effect_apply(&one, at);
    free(bytes);
}

/* Each sector by dice: mostly kept, else old, zero or garbage. */
static void tear_by_dice(const effect *e, dice *with, image **at)
{
    uint64_t sectors = effect_sectors(e);
    uint64_t keep_in = 2 + dice_roll(with, 7);

    for (uint64_t s = 0; s < sectors; s++) {
        if (dice_chance(with, keep_in)) {
            put_garbage(e, s, (disk_rest)dice_roll(with, 3), with, at);
        } else {
            effect_apply_sectors(e, at, s, 1);
        }
    }
}

/* What the plan does to the i-th open effect of a file. */
static void cut_data(const disk_cut_plan *plan, const effect *e, uint64_t i, dice *with, image **at)
{
    uint64_t sectors = effect_sectors(e);
    uint64_t first = plan->sector < sectors ? plan->sector : sectors;

    switch (plan->how) {
    case DISK_CUT_TORN:
        if (i < plan->number) {
            effect_apply(e, at);
        } else if (i == plan->number && e->kind == EFFECT_DATA) {
            effect_apply_sectors(e, at, 0, first);
            for (uint64_t s = first; s < sectors; s++) {
                put_garbage(e, s, plan->rest, with, at);
            }
        }
        break;
    case DISK_CUT_HOLED:
        if (i != plan->number || e->kind != EFFECT_DATA) {
            effect_apply(e, at);
        } else {
            effect_apply_sectors(e, at, 0, first);
            if (first < sectors) {
                put_garbage(e, first, plan->rest, with, at);
                effect_apply_sectors(e, at, first + 1, sectors - first - 1);
            }
        }
        break;
    case DISK_CUT_RANDOM:
        if (e->kind == EFFECT_DATA && dice_chance(with, 2)) {
            tear_by_dice(e, with, at);
        } else if (dice_chance(with, 2)) {
            effect_apply(e, at);
        }
        break;
    default:
        break;
    }
}

static bool is_entry(const effect *e)
{
    return e->kind == EFFECT_CREATE || e->kind == EFFECT_RENAME || e->kind == EFFECT_REMOVE;
}

/* Whether a plan that takes effects as wholes keeps e, the i-th open one. */
static bool keeps(const disk_cut_plan *plan, const effect *e, uint64_t i, dice *with)
{
    switch (plan->how) {
    case DISK_CUT_NONE:
        return false;
    case DISK_CUT_ALL:
        return true;
    case DISK_CUT_PREFIX:
        return i < plan->number;
    case DISK_CUT_MASK:
        return i < 64 && (plan->number >> i & 1) != 0;
    case DISK_CUT_TORN:
        return i < plan->number;
    case DISK_CUT_HOLED:
        return true;
    case DISK_CUT_SIZES:
        return e->kind != EFFECT_DATA;
    case DISK_CUT_NAMES:
        return is_entry(e);
    case DISK_CUT_RANDOM:
        return dice_chance(with, 2);
    }
    return false;
}

disk *disk_cut(const disk *d, const disk_cut_plan *plan)
{
    bool wholes = plan->how != DISK_CUT_TORN && plan->how != DISK_CUT_HOLED && plan->how != DISK_CUT_RANDOM;
    disk *made = like(d, plan->seed);
    dice with = dice_of(plan->seed ^ UINT64_C(0x5bd1e995));
    uint64_t open_at = 0;

    names_copy(&made->durable_names, &d->durable_names);
    for (size_t i = 0; i < d->inodes_count; i++) {
        made->inodes[i]->durable = image_ref(d->inodes[i]->durable);
    }
    for (size_t i = 0; i < d->effects_count; i++) {
        const effect *e = &d->effects[i];
        image **at = &made->inodes[e->inode]->durable;
        uint64_t number = open_at;

        if (e->state == EFFECT_QUEUED) {
            continue;
        }
        open_at += effect_open(e) ? 1 : 0;
        if (is_entry(e)) {
            if (e->state == EFFECT_SETTLED || keeps(plan, e, number, &with)) {
                effect_apply_name(e, &made->durable_names);
            }
        } else if (e->state == EFFECT_SETTLED || (wholes && keeps(plan, e, number, &with))) {
            effect_apply(e, at);
        } else if (!wholes) {
            cut_data(plan, e, number, &with, at);
        }
    }
    for (size_t i = 0; i < made->inodes_count; i++) {
        image_trim(&made->inodes[i]->durable);
        made->inodes[i]->cache = image_ref(made->inodes[i]->durable);
    }
    names_copy(&made->cache_names, &made->durable_names);
    if (d->companion != NULL) {
        made->companion = d->companion->cut(d->companion, plan);
    }
    return made;
}

/* Copies everything, processes excepted. */
static disk *copy_whole(const disk *d, uint64_t seed)
{
    disk *made = like(d, seed);

    names_copy(&made->durable_names, &d->durable_names);
    names_copy(&made->cache_names, &d->cache_names);
    for (size_t i = 0; i < d->inodes_count; i++) {
        made->inodes[i]->durable = image_ref(d->inodes[i]->durable);
        made->inodes[i]->cache = image_ref(d->inodes[i]->cache);
        made->inodes[i]->effects = d->inodes[i]->effects;
        made->inodes[i]->held_by_dead = d->inodes[i]->held_by_dead;
    }
    made->effects = disk_need(malloc((d->effects_count + 1) * sizeof *made->effects));
    made->effects_capacity = d->effects_count + 1;
    made->effects_count = d->effects_count;
    for (size_t i = 0; i < d->effects_count; i++) {
        made->effects[i] = d->effects[i];
        if (made->effects[i].bytes != NULL) {
            made->effects[i].bytes->refs++;
        }
    }
    return made;
}

disk *disk_die(const disk *d, disk_late late, uint64_t seed)
{
    disk *made = copy_whole(d, seed);
    size_t i = 0;

    while (i < made->effects_count) {
        effect *e = &made->effects[i];

        if (e->state == EFFECT_QUEUED) {
            effect_remove(made, e);
            continue;
        }
        if (e->state == EFFECT_FLIGHT) {
            e->orphan = true;
        } else if (e->state == EFFECT_PENDING && dice_chance(&made->dice, 2)) {
            e->on_device = false;
        }
        i++;
    }
    if (late == DISK_LATE_LOCKED && effect_orphans(made) > 0) {
        for (i = 0; i < made->inodes_count; i++) {
            made->inodes[i]->held_by_dead |= d->inodes[i]->holder != NULL;
        }
    } else {
        for (i = 0; i < made->inodes_count; i++) {
            made->inodes[i]->held_by_dead = false;
        }
    }
    if (late == DISK_LATE_RESOLVED) {
        while (disk_land(made)) {
        }
    }
    effect_fold(made);
    if (d->companion != NULL) {
        made->companion = d->companion->die(d->companion, seed);
    }
    return made;
}
