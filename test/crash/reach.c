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
    uint8_t bytes[FMT_MANIFEST_SIZE];
    fmt_run runs[FMT_MANIFEST_RUNS_MAX];
    fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
    firn_cut cuts[FMT_MANIFEST_CUTS_MAX];
    fmt_manifest manifest;
    fmt_reach reach;
    bool passed; /* Segments from here on are behind the one that the writer named. */
} look;

static size_t read_file(frn_io *io, const char *name, size_t size_max)
{
    frn_file *file = NULL;
    size_t got = 0;

    if (io->ops->open(io, name, 0, &file, NULL) != FIRN_OK) {
        return 0;
    }
    if (io->ops->read(file, look.bytes, size_max, 0, &got, NULL) != FIRN_OK) {
        got = 0;
    }
    io->ops->file_close(file);
    return got;
}

static bool read_manifest(frn_io *io, const char *name, uint64_t above)
{
    look.manifest = (fmt_manifest){.runs = look.runs, .incarnations = look.incarnations, .cuts = look.cuts};
    return fmt_manifest_decode(look.bytes, read_file(io, name, MANIFEST_READ), &look.manifest) == FMT_OK &&
           look.manifest.generation > above;
}

/* No group of the writer's incarnation may stand in this segment at or behind `end`. */
static void check_segment(frn_io *io, uint64_t number, uint64_t end)
{
    uint32_t salt = fmt_salt(look.reach.hint.ledger_id, number, look.reach.hint.incarnation);
    uint32_t alignment = look.manifest.alignment;
    char name[32];
    size_t size;
    fmt_group group;

    (void)snprintf(name, sizeof name, "%016llx.seg", (unsigned long long)number);
    size = read_file(io, name, sizeof look.bytes);
    for (uint64_t at = alignment; at + FMT_GROUP_HEADER <= size; at += alignment) {
        if (fmt_group_decode(look.bytes + at, FMT_GROUP_HEADER, salt, at, number, look.reach.hint.incarnation,
                             &group) == FMT_OK &&
            at + fmt_group_size(group.content_size, alignment) > end) {
            violation("a group of %u bytes stands at %llu of segment %llu, the writer said no further than %llu",
                      group.content_size, (unsigned long long)at, (unsigned long long)number, (unsigned long long)end);
        }
    }
}

void check_reach(disk *d)
{
    frn_io *io = disk_open_io(d);
    uint64_t generation;

    if (!read_manifest(io, "manifest.0", 0)) {
        look.manifest.generation = 0;
    }
    generation = look.manifest.generation;
    if (!read_manifest(io, "manifest.1", generation) && !read_manifest(io, "manifest.0", 0)) {
        goto out;
    }
    if (fmt_reach_decode(look.bytes, read_file(io, "reach", FMT_REACH_HEADER), &look.reach) != FMT_OK ||
        look.reach.hint.incarnation != look.incarnations[look.manifest.incarnations_count - 1].number) {
        goto out;
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
            check_segment(io, number, end);
        }
    }
out:
    io->ops->close(io);
}
