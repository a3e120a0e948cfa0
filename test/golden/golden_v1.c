/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden_v1.c — a small ledger of format version 1, byte for byte, and what dump says about it.
 *
 * The files in v1/ are frozen: version 1 is read and written so for ever. Run with `--write FOLDER` this program makes
 * them; run with FOLDER it holds its own encoding and the dump against them.
 */
#include "test/golden/golden.h"

#include <stdio.h>
#include <string.h>

#include "format/body.h"
#include "format/kinds.h"
#include "format/manifest.h"

enum {
    LARGE_BODY = 5000
};

/** Three groups: the ledger's own record and named streams; a key and a large body; two batches in one group. */
static void build_first(segment_building *building)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {0xd1, 0x9e, 0x57};
    static char large[LARGE_BODY];
    const fmt_name names[2] = {{1, {"builds", 6}}, {2, {"git/log", 7}}};
    const fmt_name accented = {3, {"n\xc3\xa9v\xc3\xa9", 6}};
    const fmt_batch_key key = {.scope = {"deploy", 6}, .key = {"2023-11-14 \"a\"", 14}, .digest = digest};
    uint8_t age[FMT_KEY_AGE_SIZE_MAX];
    firn_slice body = {age, fmt_key_age_encode(age, UINT64_C(604800000000000))};

    memset(large, 'x', sizeof large);
    segment_begin(building, 1, 1, 1, 0);
    group_begin(building);
    batch_begin(building);
    (void)fmt_batch_add(&building->writer, FMT_KIND_LEDGER_KEY_AGE, 0, 1, &body, 1);
    batch_finish(building, NULL, 0, NULL);
    batch_begin(building);
    add_event(building, 1, 1, 1, "gcc -c a.c", 10);
    add_event(building, 7, 2, 1, "", 0);
    batch_finish(building, names, 2, NULL);
    group_finish(building);

    group_begin(building);
    batch_begin(building);
    add_event(building, 1, 1, 2, large, sizeof large);
    add_event(building, FIRN_EVENT_KIND_MAX, 1, 3, "done", 4);
    batch_finish(building, NULL, 0, &key);
    group_finish(building);

    group_begin(building);
    batch_begin(building);
    add_event(building, 2, 3, 1, "snow", 4);
    batch_finish(building, &accented, 1, NULL);
    batch_begin(building);
    add_event(building, 2, 3, 2, "ice", 3);
    batch_finish(building, NULL, 0, NULL);
    group_finish(building);
    seal(building);
}

/** One group of the second incarnation; not sealed. */
static void build_second(segment_building *building, uint64_t next_seq, uint32_t prev_crc)
{
    segment_begin(building, 2, 2, next_seq, prev_crc);
    group_begin(building);
    batch_begin(building);
    add_event(building, 1, 1, 4, "after the crash", 15);
    batch_finish(building, NULL, 0, NULL);
    group_finish(building);
}

static size_t build_manifest(uint8_t *out, const segment_building *first, const segment_building *second)
{
    fmt_run run = {.first = 1, .count = 3};
    fmt_incarnation incarnations[2] = {{1, 1, 1}, {2, first->next_seq, 2}};
    firn_cut cut = {CREATED + 5, 2, 1, first->offset, 4096, first->next_seq, 1};
    fmt_manifest manifest = {
        .version = FMT_VERSION,
        .generation = 6,
        .time_ns = CREATED + 9,
        .created_ns = CREATED,
        .segment_size = SEGMENT_SIZE,
        .alignment = ALIGNMENT,
        .durable_method = FIRN_DURABLE_DIRECT_DSYNC,
        .segment_highest = 3,
        .clean = 1,
        .durable = second->next_seq - 1,
        .tail_segment = 2,
        .tail_offset = second->offset,
        .tail_crc = second->footer.last_crc,
        .tail_time_ns = second->footer.last_time_ns,
        .cuts_total = 1,
        .runs = &run,
        .runs_count = 1,
        .incarnations = incarnations,
        .incarnations_count = 2,
        .cuts = &cut,
        .cuts_count = 1,
    };

    memcpy(manifest.ledger_id, golden_id, sizeof golden_id);
    fmt_manifest_encode(out, &manifest);
    return fmt_manifest_size(&manifest);
}

/** The first segment with a flipped header of its second group, a flipped body in its third, and a flipped footer. */
static void break_first(segment_building *building)
{
    building->data[2 * ALIGNMENT + FMT_GROUP_NEXT_SEQ] ^= 1;
    building->data[4 * ALIGNMENT + FMT_GROUP_HEADER + FMT_BATCH_HEADER + FMT_RECORD_HEADER] ^= 0x80;
    building->data[SEGMENT_SIZE - ALIGNMENT + FMT_FOOTER_RECORDS] ^= 1;
}

int main(int argc, char **argv)
{
    bool writing = argc == 3 && strcmp(argv[1], "--write") == 0;
    int differs = 0;
    const char *folder = argv[argc - 1];
    static segment_building first, second;
    static uint8_t manifest[FMT_MANIFEST_SIZE];
    size_t manifest_size;

    if (argc != 2 && !writing) {
        fprintf(stderr, "usage: %s [--write] FOLDER\n", argv[0]);
        return 2;
    }
    build_first(&first);
    build_second(&second, first.next_seq, first.footer.last_crc);
    manifest_size = build_manifest(manifest, &first, &second);
    differs |= golden(folder, "0000000000000001", ".seg", writing, first.data, SEGMENT_SIZE);
    differs |= golden(folder, "0000000000000002", ".seg", writing, second.data, SEGMENT_SIZE);
    differs |= golden(folder, "manifest", ".0", writing, manifest, manifest_size);
    break_first(&first);
    differs |= golden(folder, "0000000000000001", ".broken.seg", writing, first.data, SEGMENT_SIZE);
    memset(first.data, 0, FMT_SEGMENT_HEADER);
    differs |= golden(folder, "0000000000000001", ".headless.seg", writing, first.data, SEGMENT_SIZE);
    differs |= golden_dump(folder, "0000000000000001.seg", writing, 0);
    differs |= golden_dump(folder, "0000000000000002.seg", writing, 0);
    differs |= golden_dump(folder, "manifest.0", writing, 0);
    differs |= golden_dump(folder, "0000000000000001.broken.seg", writing, 3);
    differs |= golden_dump(folder, "0000000000000001.headless.seg", writing, 4);
    return differs;
}
