/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c — hold what a writer said about its reach against every block of a crashed disk. */
#include <stdio.h>

#include "format/bytes.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/reach.h"
#include "test/crash/recover.h"

enum {
    MANIFEST_READ = 16 * 1024 /* Holds those of the sweep. */
};

/* What is looked at. Large: kept from call to call. */
static struct {
    uint8_t bytes[MANIFEST_READ];
    fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
    fmt_manifest manifest;
    fmt_reach reach;
    bool passed; /* Segments from here on are behind the one that the writer named. */
} look;

static size_t read_file(const disk *d, const char *name, size_t size_max)
{
    uint64_t size;

    if (!disk_has(d, name, &size)) {
        return 0;
    }
    size = size < size_max ? size : size_max;
    disk_peek(d, name, look.bytes, (size_t)size, 0);
    return (size_t)size;
}

static bool read_manifest(const disk *d, const char *name, uint64_t above)
{
    look.manifest = (fmt_manifest){.runs = look.runs, .incarnations = look.incarnations, .cuts = look.cuts};
    return fmt_manifest_decode(look.bytes, read_file(d, name, MANIFEST_READ), &look.manifest) == FMT_OK &&
           look.manifest.generation > above;
}

/* No group of the writer's incarnation may stand in this segment at or behind `end`. */
static void check_segment(const disk *d, uint64_t number, uint64_t end)
{
    uint32_t salt = fmt_salt(look.reach.hint.ledger_id, number, look.reach.hint.incarnation);
    uint32_t alignment = look.manifest.alignment;
    char name[32];
    uint64_t size;
    fmt_group group;

    (void)snprintf(name, sizeof name, "%016llx.seg", (unsigned long long)number);
    if (!disk_has(d, name, &size)) {
        return;
    }
    for (uint64_t at = alignment; at + FMT_GROUP_HEADER <= size; at += alignment) {
        disk_peek(d, name, look.bytes, FMT_GROUP_HEADER, at);
        if (fmt_group_decode(look.bytes, FMT_GROUP_HEADER, salt, at, number, look.reach.hint.incarnation, &group) ==
                FMT_OK &&
            at + fmt_group_size(group.content_size, alignment) > end) {
            violation("a group of %u bytes stands at %llu of segment %llu, the writer said no further than %llu",
                      group.content_size, (unsigned long long)at, (unsigned long long)number, (unsigned long long)end);
        }
    }
}

void check_reach(const disk *d)
{
    uint64_t generation;

    if (!read_manifest(d, "manifest.0", 0)) {
        look.manifest.generation = 0;
    }
    generation = look.manifest.generation;
    if (!read_manifest(d, "manifest.1", generation) && !read_manifest(d, "manifest.0", 0)) {
        return;
    }
    if (fmt_reach_decode(look.bytes, read_file(d, "reach", FMT_REACH_HEADER), &look.reach) != FMT_OK ||
        look.reach.hint.incarnation != look.incarnations[look.manifest.incarnations_count - 1].number) {
        return;
    }
    look.passed = look.reach.segment == 0;
    for (uint32_t i = 0; i < look.manifest.runs_count; i++) {
        for (uint64_t k = 0; k < look.runs[i].count; k++) {
            uint64_t number = look.runs[i].first + k;
            uint64_t end = look.passed ? 0 : UINT64_MAX;

            if (number == look.reach.segment) {
                end = look.reach.offset;
                look.passed = true;
            }
            check_segment(d, number, end);
        }
    }
}
