/* SPDX-License-Identifier: Apache-2.0 */
/* damage_list.c — faults one after the other: every sector harmed in every way, every file in every way. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/crash/damage_random.h"

/* One fault was done to d: all is asked. */
static void judge(const damage_world *w, disk *d, fault_sum *f)
{
    outcome out;

    damage_sum(w, d, f);
    damage_read(w, d, &out);
    damage_verify(w, d, &out);
    damage_judge_faults(w, f, 1, &out);
    disk_free(d);
}

/* ---- sectors ---- */

typedef struct sector {
    const char *name;
    uint64_t offset;
} sector;

enum {
    SECTORS_MAX = 4 * SEGMENT / SECTOR
};

/* Sectors with bytes that a check covers; of segments, of files of the kind that p is of. */
static unsigned list_sectors(const damage_world *w, sector out[SECTORS_MAX])
{
    unsigned count = 0;

    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];

        for (uint64_t at = p->offset / SECTOR * SECTOR; at < p->offset + p->size && p->kind != PART_UNUSED;
             at += SECTOR) {
            bool same = count > 0 && out[count - 1].offset == at && strcmp(out[count - 1].name, p->name) == 0;

            if (!same && count < SECTORS_MAX) {
                out[count++] = (sector){p->name, at};
            }
        }
    }
    return count;
}

static void put_sector(const damage_world *w, const sector *at, const uint8_t *bytes, const char *what,
                       const char *from, uint64_t offset)
{
    disk *d = disk_copy(w->d);
    fault_sum f = {.sectors = 1};
    uint64_t size = 0;

    (void)snprintf(damage_place, sizeof damage_place, "%s log, %s: sector at %" PRIu64 " %s %s %" PRIu64,
                   w->clean ? "clean" : "unclean", at->name, at->offset, what, from, offset);
    (void)disk_has(d, at->name, &size);
    disk_poke(d, at->name, bytes, (size_t)(size - at->offset < SECTOR ? size - at->offset : SECTOR), at->offset);
    judge(w, d, &f);
}

static void cannot_read(const damage_world *w, const sector *at)
{
    disk *d = disk_copy(w->d);
    disk_fault fault = {.offset = at->offset, .size = SECTOR, .kind = DISK_FAULT_ERROR};
    fault_sum f = {.sectors = 1, .unreadable_count = 1};

    (void)snprintf(damage_place, sizeof damage_place, "%s log, %s: sector at %" PRIu64 " cannot be read",
                   w->clean ? "clean" : "unclean", at->name, at->offset);
    (void)snprintf(fault.name, sizeof fault.name, "%s", at->name);
    f.unreadable[0].name = at->name;
    f.unreadable[0].offset = at->offset;
    disk_fault_add(d, &fault);
    judge(w, d, &f);
}

static bool peek_sector(const disk *d, const char *name, uint64_t offset, uint8_t out[SECTOR])
{
    uint64_t size = 0;

    memset(out, 0, SECTOR);
    if (!disk_has(d, name, &size) || offset >= size) {
        return false;
    }
    disk_peek(d, name, out, (size_t)(size - offset < SECTOR ? size - offset : SECTOR), offset);
    return true;
}

uint64_t damage_list_sectors(const damage_world *w)
{
    static sector all[SECTORS_MAX];
    unsigned count = list_sectors(w, all);
    uint8_t bytes[SECTOR], noise[SECTOR];
    uint64_t faults = 0;

    for (unsigned i = 0; i < SECTOR; i++) {
        noise[i] = (uint8_t)(i * 167 + 13);
    }
    for (unsigned i = 0; i < count; i++) {
        put_sector(w, &all[i], memset(bytes, 0, SECTOR), "is zero", "", 0);
        put_sector(w, &all[i], noise, "is noise", "", 0);
        cannot_read(w, &all[i]);
        faults += 3;
        for (unsigned k = 0; k < w->snapshots_count; k++, faults++) {
            (void)peek_sector(w->snapshots[k], all[i].name, all[i].offset, bytes);
            put_sector(w, &all[i], bytes, "is as it was behind batch", "", k);
        }
        for (unsigned k = 0; k < count; k++, faults++) {
            (void)peek_sector(w->d, all[k].name, all[k].offset, bytes);
            put_sector(w, &all[i], bytes, "is that of", all[k].name, all[k].offset);
        }
        for (int past = 0; past < 2; past++) {
            if (peek_sector(past ? w->past : w->foreign, all[i].name, all[i].offset, bytes)) {
                put_sector(w, &all[i], bytes, past ? "is that of a copy that went on" : "is another ledger's", "", 0);
                faults++;
            }
        }
    }
    return faults;
}

/* ---- files ---- */

static disk *begin(const damage_world *w, const char *what, const char *name, const char *other, uint64_t number)
{
    (void)snprintf(damage_place, sizeof damage_place, "%s log, %s %s %s %" PRIu64, w->clean ? "clean" : "unclean", name,
                   what, other, number);
    return disk_copy(w->d);
}

static void finish(const damage_world *w, disk *d)
{
    fault_sum f = {.sectors = FAULT_WHOLE_FILE};

    judge(w, d, &f);
}

/* Files in the place of others: each of each kind in that of each other one. */
static uint64_t exchange_files(const damage_world *w)
{
    uint64_t faults = 0;

    for (unsigned i = 0; i < w->files.count; i++) {
        for (unsigned k = 0; k < w->files.count; k++) {
            const char *one = w->files.names[i], *other = w->files.names[k];
            disk *d;

            if (i == k) {
                continue;
            }
            d = begin(w, "has the content of", one, other, 0);
            disk_copy_file(d, one, d, other);
            finish(w, d);
            d = begin(w, "is exchanged with", one, other, 0);
            disk_copy_file(d, "keep", d, one);
            disk_copy_file(d, one, d, other);
            disk_copy_file(d, other, d, "keep");
            disk_unlink(d, "keep");
            finish(w, d);
            faults += 2;
        }
    }
    return faults;
}

/* A file that comes from elsewhere, or from earlier. */
static uint64_t replace_files(const damage_world *w)
{
    uint64_t faults = 0;

    for (unsigned i = 0; i < w->files.count; i++) {
        const char *name = w->files.names[i];

        for (unsigned k = 0; k < w->snapshots_count + 2; k++) {
            const disk *from = k == 0 ? w->foreign : k == 1 ? w->past : w->snapshots[k - 2];
            disk *d;

            if (disk_has(from, name, NULL)) {
                d = begin(w,
                          k == 0   ? "is another ledger's"
                          : k == 1 ? "is a copy's that went on"
                                   : "is as it was",
                          name, "", k);
                disk_copy_file(d, name, from, name);
                finish(w, d);
                faults++;
            }
        }
    }
    return faults;
}

static uint64_t resize_files(const damage_world *w)
{
    uint64_t faults = 0;

    for (unsigned i = 0; i < w->files.count; i++) {
        const char *name = w->files.names[i];
        uint64_t size = 0;
        disk *d = begin(w, "is missing", name, "", 0);

        (void)disk_has(w->d, name, &size);
        disk_unlink(d, name);
        finish(w, d);
        for (uint64_t to = 0; to < size; to += to < SEGMENT ? SECTOR : SEGMENT) {
            d = begin(w, "is cut to", name, "", to);
            disk_resize(d, name, to);
            finish(w, d);
            faults++;
        }
        for (uint64_t more = 1; more < 2 * SEGMENT; more *= 8) {
            d = begin(w, "is longer by", name, "", more);
            disk_resize(d, name, size + more);
            disk_poke(d, name, "more", 1, size + more - 1);
            finish(w, d);
            faults++;
        }
        faults++;
    }
    return faults;
}

uint64_t damage_list_files(const damage_world *w)
{
    return exchange_files(w) + replace_files(w) + resize_files(w);
}
