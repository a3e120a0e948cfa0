/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage_map.c — what each byte of a ledger's files is, and which check covers it, as docs/format.md says.
 *
 * The map is made from the pristine bytes and the format's own sizes, never from what an engine says about a damaged
 * disk: a byte is called unused because of where it lies, not because nothing happened when it was changed.
 */
#include "test/crash/damage_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/bytes.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/positions.h"
#include "format/reach.h"
#include "format/segment.h"

const struct part_rule part_rules[PART_KINDS] = {
    [PART_HEADER] = {"segment header", DUTY_FINDING},
    [PART_GROUP] = {"group", DUTY_FINDING},
    [PART_TAIL] = {"group without witness", DUTY_CUT},
    [PART_FOOTER] = {"footer", DUTY_FINDING},
    [PART_FOOTER_TORN] = {"footer of an unclean log", DUTY_NOTE},
    [PART_NO_FOOTER] = {"place of a footer", DUTY_NOTE},
    [PART_SPARE] = {"header of a spare", DUTY_NOTE},
    [PART_SLOT] = {"manifest slot", DUTY_NOTE},
    [PART_POSITIONS] = {"positions", DUTY_NOTE},
    [PART_REACH] = {"reach", DUTY_NOTE},
    [PART_UNUSED] = {"unused", DUTY_NONE},
};

static void add(damage_world *w, part_kind kind, const char *name, uint64_t segment, uint64_t from, uint64_t to)
{
    if (from == to) {
        return;
    }
    if (w->parts_count == PARTS_MAX) {
        damage_violation("more parts than there is room for");
    }
    w->parts[w->parts_count++] =
        (part){.kind = kind, .name = name, .segment = segment, .offset = from, .size = to - from};
}

/* A segment with or without records. Groups stand one behind the other from the first page on. */
static void map_segment(damage_world *w, const char *name, uint64_t number, uint64_t size)
{
    uint64_t footer = SEGMENT - fmt_footer_size(SEGMENT, PAGE), at = PAGE;
    uint8_t bytes[FMT_GROUP_HEADER];
    bool sealed, holds;

    if (size != SEGMENT) {
        damage_violation("%s: %llu bytes", name, (unsigned long long)size);
    }
    disk_peek(w->d, name, bytes, sizeof bytes, footer);
    sealed = memcmp(bytes, FMT_FOOTER_MAGIC_TEXT, 8) == 0;
    disk_peek(w->d, name, bytes, sizeof bytes, at);
    holds = fmt_get32(bytes + FMT_GROUP_MAGIC) == FMT_GROUP_MAGIC_VALUE;
    add(w, holds ? PART_HEADER : PART_SPARE, name, number, 0, FMT_SEGMENT_HEADER);
    add(w, PART_UNUSED, name, number, FMT_SEGMENT_HEADER, PAGE);
    for (; at < footer; disk_peek(w->d, name, bytes, sizeof bytes, at)) {
        uint64_t end;

        if (fmt_get32(bytes + FMT_GROUP_MAGIC) != FMT_GROUP_MAGIC_VALUE) {
            break;
        }
        end = at + fmt_group_size(fmt_get32(bytes + FMT_GROUP_CONTENT_SIZE), PAGE);
        add(w, fmt_get64(bytes + FMT_GROUP_FIRST_SEQ) <= w->proven ? PART_GROUP : PART_TAIL, name, number, at, end);
        at = end;
    }
    add(w, PART_UNUSED, name, number, at, footer);
    if (sealed) {
        add(w, w->clean ? PART_FOOTER : PART_FOOTER_TORN, name, number, footer, SEGMENT);
    } else {
        add(w, holds ? PART_NO_FOOTER : PART_UNUSED, name, number, footer, footer + FMT_FOOTER_HEADER);
        add(w, PART_UNUSED, name, number, footer + FMT_FOOTER_HEADER, SEGMENT);
    }
}

static void map_file(void *arg, const char *name, uint64_t size)
{
    damage_world *w = arg;
    char *kept = w->files.names[w->files.count];
    uint8_t bytes[FMT_MANIFEST_HEADER];
    uint64_t number = strtoull(name, NULL, 16);

    if (w->files.count++ == FILES_MAX || strlen(name) >= FILE_NAME_SIZE) {
        damage_violation("more files than there is room for");
    }
    memcpy(kept, name, strlen(name) + 1);
    if (strstr(name, ".seg") != NULL) {
        map_segment(w, kept, number, size);
    } else if (strncmp(name, "manifest.", 9) == 0) {
        disk_peek(w->d, name, bytes, sizeof bytes, 0);
        add(w, PART_SLOT, kept, 0, 0, fmt_get32(bytes + FMT_MANIFEST_LENGTH));
        add(w, PART_UNUSED, kept, 0, fmt_get32(bytes + FMT_MANIFEST_LENGTH), size);
    } else if (strcmp(name, "positions") == 0) {
        add(w, PART_POSITIONS, kept, 0, 0, FMT_POSITIONS_HEADER);
        add(w, PART_UNUSED, kept, 0, FMT_POSITIONS_HEADER, size);
    } else if (strcmp(name, "reach") == 0) {
        add(w, PART_REACH, kept, 0, 0, FMT_REACH_HEADER);
        add(w, PART_UNUSED, kept, 0, FMT_REACH_HEADER, size);
    } else if (strcmp(name, "lock") != 0 || size != 0) {
        damage_violation("no part is known of %s", name);
    }
}

/* The last record that something proves to have been durable, were all of its witnesses read. */
static uint64_t find_proven(const damage_world *w)
{
    static const char *const names[] = {"0000000000000001.seg", "0000000000000002.seg"};
    uint8_t bytes[FMT_MANIFEST_HEADER];
    uint64_t proven;

    disk_peek(w->d, "manifest.0", bytes, sizeof bytes, 0);
    proven = fmt_get64(bytes + FMT_MANIFEST_DURABLE);
    if (!w->clean) {
        disk_peek(w->d, "reach", bytes, FMT_REACH_HEADER, 0);
        proven = fmt_get64(bytes + FMT_REACH_KNOWN_NEXT_SEQ) > proven + 1
                     ? fmt_get64(bytes + FMT_REACH_KNOWN_NEXT_SEQ) - 1
                     : proven;
    }
    for (unsigned i = 0; i < 2; i++) {
        for (uint64_t at = PAGE; at < SEGMENT - PAGE; at += PAGE) {
            disk_peek(w->d, names[i], bytes, FMT_GROUP_HEADER, at);
            if (fmt_get32(bytes + FMT_GROUP_MAGIC) == FMT_GROUP_MAGIC_VALUE &&
                fmt_get64(bytes + FMT_GROUP_DURABLE) > proven) {
                proven = fmt_get64(bytes + FMT_GROUP_DURABLE);
            }
        }
    }
    return proven;
}

void damage_world_map(damage_world *w)
{
    w->proven = find_proven(w);
    disk_names(w->d, map_file, w);
}

const part *damage_part_at(const damage_world *w, const char *name, uint64_t offset)
{
    for (unsigned i = 0; i < w->parts_count; i++) {
        const part *p = &w->parts[i];

        if (strcmp(p->name, name) == 0 && offset >= p->offset && offset - p->offset < p->size) {
            return p;
        }
    }
    return NULL;
}
