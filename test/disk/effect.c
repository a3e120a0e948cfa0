/* SPDX-License-Identifier: Apache-2.0 */
/* effect.c — the list of effects that are not durable yet: add, settle, lose, land, fold. */
#include "test/disk/effect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *disk_need(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

int names_find(const names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (strcmp(n->list[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void names_set(names *n, const char *name, int inode_number)
{
    int i = names_find(n, name);

    if (i < 0) {
        if (n->count == n->capacity) {
            n->capacity = n->capacity == 0 ? 16 : 2 * n->capacity;
            n->list = disk_need(realloc(n->list, n->capacity * sizeof *n->list));
        }
        i = (int)n->count++;
        effect_name(n->list[i].name, name);
    }
    n->list[i].inode = inode_number;
}

void names_unset(names *n, const char *name)
{
    int i = names_find(n, name);

    if (i >= 0) {
        n->count--;
        memmove(&n->list[i], &n->list[i + 1], (n->count - (size_t)i) * sizeof *n->list);
    }
}

void names_copy(names *to, const names *from)
{
    to->list = disk_need(malloc((from->count + 1) * sizeof *to->list));
    to->count = from->count;
    to->capacity = from->count + 1;
    if (from->count > 0) {
        memcpy(to->list, from->list, from->count * sizeof *to->list);
    }
}

int inode_new(disk *d)
{
    inode *node = disk_need(calloc(1, sizeof *node));

    node->durable = image_new();
    node->cache = image_ref(node->durable);
    d->inodes = disk_need(realloc(d->inodes, (d->inodes_count + 1) * sizeof *d->inodes));
    d->inodes[d->inodes_count] = node;
    return (int)d->inodes_count++;
}

void effect_name(char to[FRN_IO_NAME_SIZE_MAX + 1], const char *from)
{
    size_t length = strlen(from);

    assert(length <= FRN_IO_NAME_SIZE_MAX);
    memcpy(to, from, length + 1);
}

effect *effect_add(disk *d, effect_kind kind, effect_state state, int inode_number)
{
    effect *e;

    if (d->effects_count == d->effects_capacity) {
        d->effects_capacity = d->effects_capacity == 0 ? 16 : 2 * d->effects_capacity;
        d->effects = disk_need(realloc(d->effects, d->effects_capacity * sizeof *d->effects));
    }
    e = &d->effects[d->effects_count++];
    *e = (effect){.kind = kind, .state = state, .inode = inode_number, .id = ++d->next_id, .on_device = true};
    if (state == EFFECT_PENDING) {
        e->pending_since = ++d->stamp;
    }
    d->inodes[inode_number]->effects++;
    return e;
}

void effect_data(effect *e, const void *data, uint64_t size, uint64_t offset)
{
    e->offset = offset;
    e->size = size;
    if (data != NULL) {
        e->bytes = disk_need(malloc(sizeof *e->bytes + (size_t)size));
        e->bytes->refs = 1;
        memcpy(e->bytes->data, data, (size_t)size);
    }
}

static void bytes_unref(effect_bytes *bytes)
{
    if (bytes != NULL && --bytes->refs == 0) {
        free(bytes);
    }
}

effect *effect_find(disk *d, uint64_t id)
{
    for (size_t i = 0; i < d->effects_count; i++) {
        if (d->effects[i].id == id) {
            return &d->effects[i];
        }
    }
    return NULL;
}

void effect_remove(disk *d, effect *e)
{
    size_t i = (size_t)(e - d->effects);

    bytes_unref(e->bytes);
    d->inodes[e->inode]->effects--;
    d->effects_count--;
    memmove(e, e + 1, (d->effects_count - i) * sizeof *e);
}

bool effect_open(const effect *e)
{
    return e->state == EFFECT_FLIGHT || e->state == EFFECT_PENDING;
}

uint64_t effect_sectors(const effect *e)
{
    if (e->kind != EFFECT_DATA || e->size == 0) {
        return 0;
    }
    return (e->offset + e->size - 1) / IMAGE_SECTOR - e->offset / IMAGE_SECTOR + 1;
}

void effect_apply_sectors(const effect *e, image **at, uint64_t first, uint64_t count)
{
    uint64_t begin = (e->offset / IMAGE_SECTOR + first) * IMAGE_SECTOR;
    uint64_t end = begin + count * IMAGE_SECTOR;

    begin = begin < e->offset ? e->offset : begin;
    end = end > e->offset + e->size ? e->offset + e->size : end;
    if (begin < end) {
        image_write(at, e->bytes == NULL ? NULL : e->bytes->data + e->bytes_at + (begin - e->offset),
                    (size_t)(end - begin), begin);
    }
}

void effect_apply(const effect *e, image **at)
{
    if (e->kind == EFFECT_DATA) {
        effect_apply_sectors(e, at, 0, effect_sectors(e));
    } else if (e->kind == EFFECT_SIZE && e->size > image_size(*at)) {
        image_resize(at, e->size);
    } else if (e->kind == EFFECT_SHRINK && e->size < image_size(*at)) {
        image_resize(at, e->size);
        image_trim(at);
    }
}

void effect_apply_name(const effect *e, names *n)
{
    switch (e->kind) {
    case EFFECT_CREATE:
        names_set(n, e->from, e->inode);
        break;
    case EFFECT_RENAME:
        names_unset(n, e->from);
        names_set(n, e->to, e->inode);
        break;
    case EFFECT_REMOVE:
        names_unset(n, e->from);
        break;
    case EFFECT_DATA:
    case EFFECT_SIZE:
    case EFFECT_SHRINK:
        break;
    }
}

static bool is_name(const effect *e)
{
    return e->kind == EFFECT_CREATE || e->kind == EFFECT_RENAME || e->kind == EFFECT_REMOVE;
}

/* Marks, under a sync issued at stamp, what it covers: settled, or lost. */
static void mark(disk *d, bool of_names, int inode_number, uint64_t stamp, bool lose)
{
    for (size_t i = 0; i < d->effects_count; i++) {
        effect *e = &d->effects[i];

        if (e->state != EFFECT_PENDING || e->lost || e->pending_since > stamp || is_name(e) != of_names ||
            (!of_names && e->inode != inode_number)) {
            continue;
        }
        if (lose) {
            /* What reached the device is as before; the rest only looks written. */
            e->lost = dice_chance(&d->dice, 2);
            e->on_device = !e->lost;
        } else {
            e->state = EFFECT_SETTLED;
            d->counts.bytes_settled += e->kind == EFFECT_DATA ? e->size : 0;
        }
    }
    effect_fold(d);
}

void effect_settle_file(disk *d, int inode_number, uint64_t stamp)
{
    mark(d, false, inode_number, stamp, false);
}

void effect_settle_names(disk *d)
{
    mark(d, true, -1, d->stamp, false);
}

void effect_settle_flushed(disk *d)
{
    for (size_t i = 0; i < d->effects_count; i++) {
        effect *e = &d->effects[i];

        if (e->state == EFFECT_PENDING && !e->lost && e->kind == EFFECT_DATA && dice_chance(&d->dice, 2)) {
            e->state = EFFECT_SETTLED;
            d->counts.bytes_settled += e->size;
        }
    }
}

void effect_lose_file(disk *d, int inode_number, uint64_t stamp)
{
    mark(d, false, inode_number, stamp, true);
}

/* Whether an open effect before the i-th keeps it from being folded: of the same file, or any entry for an entry. */
static bool preceded(const disk *d, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (is_name(&d->effects[i]) ? is_name(&d->effects[k])
                                    : !is_name(&d->effects[k]) && d->effects[k].inode == d->effects[i].inode) {
            return true;
        }
    }
    return false;
}

/* The last effect of a file makes both contents the same: they share it. */
static void fold_content(inode *node, const effect *e)
{
    if (node->effects == 1) {
        image_unref(node->durable);
        node->durable = image_ref(node->cache);
    } else {
        effect_apply(e, &node->durable);
    }
}

void effect_fold(disk *d)
{
    size_t i = 0;

    while (i < d->effects_count) {
        effect *e = &d->effects[i];

        if (e->state != EFFECT_SETTLED || preceded(d, i)) {
            i++;
            continue;
        }
        if (is_name(e)) {
            effect_apply_name(e, &d->durable_names);
        } else {
            fold_content(d->inodes[e->inode], e);
        }
        effect_remove(d, e);
    }
}

image *effect_device_image(const disk *d, int inode_number)
{
    const inode *node = d->inodes[inode_number];
    image *img;

    if (node->effects == 0) {
        return image_ref(node->durable);
    }
    img = image_ref(node->durable);
    for (size_t i = 0; i < d->effects_count; i++) {
        const effect *e = &d->effects[i];

        if (e->inode == inode_number && !is_name(e) &&
            (e->state == EFFECT_SETTLED || (e->state == EFFECT_PENDING && e->on_device))) {
            effect_apply(e, &img);
        }
    }
    return img;
}

/* A part of a torn write that did land, as an effect of its own. */
static void land_part(disk *d, const effect *torn, uint64_t first, uint64_t count)
{
    effect *e;
    uint64_t begin = first == 0 ? 0 : (torn->offset / IMAGE_SECTOR + first) * IMAGE_SECTOR - torn->offset;
    uint64_t end = (torn->offset / IMAGE_SECTOR + first + count) * IMAGE_SECTOR - torn->offset;

    end = end > torn->size ? torn->size : end;
    if (begin >= end) {
        return;
    }
    e = effect_add(d, EFFECT_DATA, EFFECT_PENDING, torn->inode);
    e->offset = torn->offset + begin;
    e->size = end - begin;
    e->bytes = torn->bytes;
    e->bytes_at = torn->bytes_at + (size_t)begin;
    e->bytes->refs++;
    effect_apply(e, &d->inodes[e->inode]->cache);
}

void effect_land(disk *d, size_t i)
{
    effect e = d->effects[i];
    uint64_t sectors = effect_sectors(&e);
    uint64_t first, second;

    assert(e.state == EFFECT_FLIGHT && e.bytes != NULL);
    e.bytes->refs++;
    effect_remove(d, &d->effects[i]);
    switch (dice_roll(&d->dice, 8)) {
    case 0:
    case 1:
        break;
    case 2:
        land_part(d, &e, 0, dice_roll(&d->dice, sectors));
        break;
    case 3:
        first = dice_roll(&d->dice, sectors);
        second = first + dice_roll(&d->dice, sectors - first);
        land_part(d, &e, 0, first);
        land_part(d, &e, second + 1, sectors - second - 1);
        break;
    default:
        land_part(d, &e, 0, sectors);
        break;
    }
    bytes_unref(e.bytes);
    if (effect_orphans(d) == 0) {
        for (size_t k = 0; k < d->inodes_count; k++) {
            if (d->inodes[k] != NULL) {
                d->inodes[k]->held_by_dead = false;
            }
        }
    }
}

unsigned effect_orphans(const disk *d)
{
    unsigned count = 0;

    for (size_t i = 0; i < d->effects_count; i++) {
        count += d->effects[i].orphan ? 1 : 0;
    }
    return count;
}
