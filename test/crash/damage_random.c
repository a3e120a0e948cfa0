/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage_random.c — faults by dice, done to a copy of the disk, and what they changed.
 *
 * What is changed is found by comparing the bytes of all parts that a check covers: a stale sector may be the one that
 * is there, two flips may be none.
 */
#include "test/crash/damage_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTORS_MAX = 8
};

const char *const fault_names[FAULT_KINDS] = {
    [FAULT_FLIP] = "flip",           [FAULT_BURST] = "burst",
    [FAULT_ZERO] = "zero",           [FAULT_GARBAGE] = "garbage",
    [FAULT_STALE] = "stale",         [FAULT_MISDIRECTED] = "misdirected",
    [FAULT_STRANGE] = "strange",     [FAULT_UNREADABLE] = "unreadable",
    [FAULT_SWAPPED] = "swapped",     [FAULT_DOUBLED] = "doubled",
    [FAULT_MISSING] = "missing",     [FAULT_TRUNCATED] = "truncated",
    [FAULT_EXTENDED] = "extended",   [FAULT_FOREIGN_FILE] = "foreign file",
    [FAULT_PAST_FILE] = "past file", [FAULT_STALE_FILE] = "stale file",
};

/* A part that is there; those that matter are met more often than their size would say. */
static const part *some_part(const damage_world *w, const disk *d, dice *by)
{
    for (int tries = 0; tries < 100; tries++) {
        const part *p = &w->parts[dice_roll(by, w->parts_count)];
        uint64_t size;

        if (disk_has(d, p->name, &size) && size >= p->offset + p->size &&
            (p->kind != PART_UNUSED || dice_chance(by, 8))) {
            return p;
        }
    }
    return NULL;
}

static const char *some_file(const damage_world *w, const disk *d, dice *by, bool segment)
{
    for (int tries = 0; tries < 100; tries++) {
        const char *name = w->files.names[dice_roll(by, w->files.count)];

        if (disk_has(d, name, NULL) && (!segment || strstr(name, ".seg") != NULL)) {
            return name;
        }
    }
    return NULL;
}

static void change_bytes(const damage_world *w, disk *d, dice *by, fault_kind kind)
{
    const part *p = some_part(w, d, by);
    uint8_t bytes[64];
    uint64_t size, at;

    if (p == NULL) {
        return;
    }
    at = p->offset + dice_roll(by, p->size);
    size = kind == FAULT_FLIP ? 1 : 2 + dice_roll(by, sizeof bytes - 1);
    size = size < p->offset + p->size - at ? size : p->offset + p->size - at;
    disk_peek(d, p->name, bytes, (size_t)size, at);
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(kind == FAULT_FLIP ? 1u << dice_roll(by, 8) : 1 + dice_roll(by, 255));
    }
    disk_poke(d, p->name, bytes, (size_t)size, at);
}

/* Where sectors come from, if they were written before or elsewhere. */
static void take_sectors(const damage_world *w, dice *by, fault_kind kind, const char *name, uint64_t at, uint64_t size,
                         uint8_t *out)
{
    const disk *from = kind == FAULT_STALE     ? w->snapshots[dice_roll(by, w->snapshots_count)]
                       : kind == FAULT_STRANGE ? w->foreign
                                               : w->d;
    uint64_t there = 0;

    memset(out, 0, (size_t)size);
    if (kind == FAULT_GARBAGE) {
        for (uint64_t i = 0; i < size; i++) {
            out[i] = (uint8_t)dice_next(by);
        }
    } else if (kind == FAULT_MISDIRECTED) {
        const part *p = some_part(w, w->d, by);

        at = p->offset / SECTOR * SECTOR + dice_roll(by, (p->size + SECTOR - 1) / SECTOR) * SECTOR;
        name = p->name;
    }
    if (kind != FAULT_GARBAGE && kind != FAULT_ZERO && disk_has(from, name, &there) && at < there) {
        disk_peek(from, name, out, (size_t)(there - at < size ? there - at : size), at);
    }
}

static unsigned change_sectors(const damage_world *w, disk *d, dice *by, fault_kind kind, fault_sum *sum)
{
    const part *p = some_part(w, d, by);
    uint8_t bytes[SECTORS_MAX * SECTOR];
    uint64_t there = 0, at, size;

    if (p == NULL) {
        return 0;
    }
    (void)disk_has(d, p->name, &there);
    at = (p->offset + dice_roll(by, p->size)) / SECTOR * SECTOR;
    size = (uint64_t)SECTOR << dice_roll(by, 4);
    size = size < there - at ? size : there - at;
    if (kind == FAULT_UNREADABLE) {
        disk_fault fault = {.offset = at, .size = SECTOR, .kind = DISK_FAULT_ERROR};

        (void)snprintf(fault.name, sizeof fault.name, "%s", p->name);
        disk_fault_add(d, &fault);
        sum->unreadable[sum->unreadable_count].name = p->name;
        sum->unreadable[sum->unreadable_count++].offset = at;
        return 1;
    }
    take_sectors(w, by, kind, p->name, at, size, bytes);
    disk_poke(d, p->name, bytes, (size_t)size, at);
    return (unsigned)((size + SECTOR - 1) / SECTOR);
}

static void swap_files(disk *d, const char *one, const char *other)
{
    disk_copy_file(d, "keep", d, one);
    disk_copy_file(d, one, d, other);
    disk_copy_file(d, other, d, "keep");
    disk_unlink(d, "keep");
}

static void resize(const damage_world *w, disk *d, dice *by, fault_kind kind)
{
    const char *name = some_file(w, d, by, false);
    uint64_t size;

    if (name != NULL && disk_has(d, name, &size)) {
        disk_resize(d, name, kind == FAULT_TRUNCATED ? dice_roll(by, size + 1) : size + 1 + dice_roll(by, SEGMENT));
    }
}

/* A slot of a copy that went on by itself comes alone: with a segment of that copy it makes a history that is whole. */
static void change_files(const damage_world *w, disk *d, dice *by, fault_kind kind, bool alone)
{
    const disk *from = kind == FAULT_FOREIGN_FILE ? w->foreign
                       : kind == FAULT_PAST_FILE  ? w->past
                                                  : w->snapshots[dice_roll(by, w->snapshots_count)];
    bool twice = kind == FAULT_SWAPPED || kind == FAULT_DOUBLED;
    const char *one = some_file(w, d, by, twice), *other = twice ? some_file(w, d, by, true) : one;

    if (kind == FAULT_PAST_FILE && !alone && one != NULL && strncmp(one, "manifest.", 9) == 0) {
        one = NULL;
    }
    if (one == NULL || other == NULL || (twice && strcmp(one, other) == 0)) {
        return;
    }
    if (kind == FAULT_SWAPPED) {
        swap_files(d, one, other);
    } else if (kind == FAULT_DOUBLED) {
        disk_copy_file(d, one, d, other);
    } else if (kind == FAULT_MISSING) {
        disk_unlink(d, one);
    } else if (disk_has(from, one, NULL)) {
        disk_copy_file(d, one, from, one);
    }
}

fault_kind damage_do(const damage_world *w, disk *d, dice *by, bool alone, fault_sum *sum)
{
    fault_kind kind = (fault_kind)dice_roll(by, FAULT_KINDS);
    unsigned sectors = 1;

    switch (kind) {
    case FAULT_FLIP:
    case FAULT_BURST:
        change_bytes(w, d, by, kind);
        break;
    case FAULT_ZERO:
    case FAULT_GARBAGE:
    case FAULT_STALE:
    case FAULT_MISDIRECTED:
    case FAULT_STRANGE:
    case FAULT_UNREADABLE:
        sectors = change_sectors(w, d, by, kind, sum);
        break;
    case FAULT_TRUNCATED:
    case FAULT_EXTENDED:
        resize(w, d, by, kind);
        sectors = FAULT_WHOLE_FILE;
        break;
    default:
        change_files(w, d, by, kind, alone);
        sectors = FAULT_WHOLE_FILE;
        break;
    }
    sum->sectors = sectors > sum->sectors ? sectors : sum->sectors;
    return kind;
}

static bool is_changed(const damage_world *w, const disk *d, const part *p, uint64_t there, const fault_sum *sum)
{
    static uint8_t was[SEGMENT], is[SEGMENT];

    for (unsigned i = 0; i < sum->unreadable_count; i++) {
        if (strcmp(p->name, sum->unreadable[i].name) == 0 && p->offset < sum->unreadable[i].offset + SECTOR &&
            sum->unreadable[i].offset < p->offset + p->size) {
            return true;
        }
    }
    if (there < p->offset + p->size) {
        return true;
    }
    disk_peek(w->d, p->name, was, (size_t)p->size, p->offset);
    disk_peek(d, p->name, is, (size_t)p->size, p->offset);
    return memcmp(was, is, (size_t)p->size) != 0;
}

void damage_sum(const damage_world *w, const disk *d, fault_sum *sum)
{
    for (unsigned i = 0; i < w->files.count; i++) {
        uint64_t was = 0, is = 0;

        (void)disk_has(w->d, w->files.names[i], &was);
        sum->files = sum->files || !disk_has(d, w->files.names[i], &is) || was != is;
    }
    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];
        uint64_t there = 0;

        (void)disk_has(d, p->name, &there);
        if (p->kind != PART_UNUSED && is_changed(w, d, p, there, sum)) {
            sum->changed[p->kind] = true;
            if (p->kind == PART_SLOT) {
                sum->slots[p->name[strlen("manifest.")] - '0'] = true;
            }
        }
    }
}

bool damage_proofs_stand(const damage_world *w, const fault_sum *f, unsigned faults)
{
    return w->clean ? !(f->slots[0] && f->slots[1]) : faults == 1 && f->sectors == 1;
}

/* What must be said of one to three faults. */
void damage_judge_faults(const damage_world *w, const fault_sum *f, unsigned faults, const outcome *out)
{
    bool said = damage_is_said(out), complete = damage_is_complete(w, out);
    bool covered = f->changed[PART_HEADER] || f->changed[PART_GROUP] || f->changed[PART_FOOTER];
    bool any = f->files || f->unreadable_count > 0; /* A block may be read for what stands beside. */

    for (unsigned i = 0; i < PART_KINDS; i++) {
        any = any || f->changed[i];
    }
    if (damage_proofs_stand(w, f, faults)) {
        if (covered && !said) {
            damage_violation("nobody says anything");
        }
        if (!complete && !said && !f->changed[PART_TAIL]) {
            damage_violation("%" PRIu64 " records, and nobody says that there were more", out->records);
        }
    }
    /* Behind the end of an unclean log everything that is not zero may be a torn write. */
    if (!any &&
        (!complete || out->damage.status < 0 || out->verify < 0 || out->report.notes != 0 || (w->clean && said))) {
        damage_violation("nothing that matters was changed: %" PRIu64 " records, %s; %s; %s", out->records,
                         out->damage.text, out->finding.text, out->note.text);
    }
}
