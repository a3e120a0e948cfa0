/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden_v1.c — a small ledger of format version 1, byte for byte, and what dump says about it.
 *
 * The files in v1/ are frozen: version 1 is read and written so for ever. Run with `--write FOLDER` this program makes
 * them; run with FOLDER it holds its own encoding and the dump against them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/body.h"
#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"
#include "format/kinds.h"
#include "format/manifest.h"
#include "tools/dump.h"

enum {
    SEGMENT_SIZE = 65536,
    ALIGNMENT = 4096,
    LARGE_BODY = 5000
};
#define CREATED INT64_C(1700000000000000000)

static const uint8_t ledger_id[FIRN_LEDGER_ID_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/** A segment being built. */
typedef struct segment_building {
    uint8_t data[SEGMENT_SIZE];
    uint64_t offset; /**< Of the next group. */
    uint64_t next_seq;
    uint32_t salt;
    fmt_segment header;
    fmt_footer footer;
    fmt_group group;
    fmt_batch_writer writer;
} segment_building;

static void segment_begin(segment_building *building, uint64_t number, uint64_t incarnation, uint64_t next_seq,
                          uint32_t prev_crc)
{
    memset(building, 0, sizeof *building);
    building->header = (fmt_segment){
        .version = FMT_VERSION,
        .number = number,
        .incarnation = incarnation,
        .generation = number + 1,
        .size = SEGMENT_SIZE,
        .alignment = ALIGNMENT,
        .time_ns = CREATED + (int64_t)number,
    };
    memcpy(building->header.ledger_id, ledger_id, sizeof ledger_id);
    fmt_segment_encode(building->data, &building->header);
    building->salt = fmt_salt(ledger_id, number, incarnation);
    building->offset = ALIGNMENT;
    building->next_seq = next_seq;
    building->footer = (fmt_footer){
        .number = number,
        .incarnation = incarnation,
        .first_seq = next_seq,
        .prev_crc = prev_crc,
        .last_crc = prev_crc,
    };
}

static void group_begin(segment_building *building)
{
    building->group = (fmt_group){
        .segment = building->header.number,
        .incarnation = building->header.incarnation,
        .first_seq = building->next_seq,
        .durable = building->next_seq - 1,
        .prev_crc = building->footer.last_crc,
    };
}

static void batch_begin(segment_building *building)
{
    uint8_t *at = building->data + building->offset + FMT_GROUP_HEADER + building->group.content_size;

    fmt_batch_begin(&building->writer, at, (size_t)(building->data + SEGMENT_SIZE - at), building->salt,
                    building->next_seq, CREATED + (int64_t)building->next_seq * 1000, building->group.content_crc);
}

static void add_event(segment_building *building, uint16_t kind, uint32_t stream, uint64_t version, const char *text,
                      size_t size)
{
    uint8_t prefix[FMT_EVENT_PREFIX_MAX];
    const firn_slice parts[2] = {{prefix, fmt_event_prefix(prefix, size)}, {text, size}};

    (void)fmt_batch_add(&building->writer, kind, stream, version, parts, 2);
}

static void batch_finish(segment_building *building, const fmt_name *names, size_t names_count,
                         const fmt_batch_key *key)
{
    fmt_batch_writer *writer = &building->writer;

    building->group.content_size += (uint32_t)fmt_batch_finish(writer, names, names_count, key);
    building->group.content_crc = writer->content_crc;
    building->group.batches++;
    building->next_seq += writer->count;
    building->footer.batches++;
    building->footer.records += writer->count;
    building->footer.last_time_ns = writer->time_ns;
    if (building->footer.first_time_ns == 0)
        building->footer.first_time_ns = writer->time_ns;
}

static void group_finish(segment_building *building)
{
    fmt_footer *footer = &building->footer;
    uint8_t field[4];

    building->group.next_seq = building->next_seq;
    footer->last_crc =
        fmt_group_encode(building->data + building->offset, building->salt, building->offset, &building->group);
    fmt_put32(field, footer->last_crc);
    footer->groups_crc = fmt_crc32c(footer->groups_crc, field, sizeof field);
    footer->groups++;
    building->offset += fmt_group_size(building->group.content_size, ALIGNMENT);
}

static void seal(segment_building *building)
{
    const fmt_anchor anchor = {.first_seq = building->footer.first_seq, .offset = ALIGNMENT};
    size_t size = (size_t)fmt_footer_size(SEGMENT_SIZE, ALIGNMENT);

    building->footer.next_seq = building->next_seq;
    building->footer.end_offset = building->offset;
    building->footer.anchors_count = 1;
    fmt_footer_encode(building->data + SEGMENT_SIZE - size, size, building->salt, &building->footer, &anchor);
}

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

    memcpy(manifest.ledger_id, ledger_id, sizeof ledger_id);
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

static FILE *open_in(const char *folder, const char *name, const char *suffix, const char *mode)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    file = fopen(path, mode);
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    return file;
}

/** Writes the bytes, or holds them against the file's; returns 1 on a difference. */
static int golden(const char *folder, const char *name, const char *suffix, int writing, const void *data, size_t size)
{
    FILE *file = open_in(folder, name, suffix, writing ? "wb" : "rb");
    uint8_t *there = malloc(size + 1);
    int differs;

    if (there == NULL)
        abort();
    if (writing)
        differs = fwrite(data, 1, size, file) != size;
    else
        differs = fread(there, 1, size + 1, file) != size || memcmp(there, data, size) != 0;
    if (fclose(file) != 0)
        differs = 1;
    if (differs)
        fprintf(stderr, "%s%s: %s\n", name, suffix, writing ? "not written" : "differs");
    free(there);
    return differs;
}

/** The dump of a golden file, as text and as JSON lines. */
static int golden_dump(const char *folder, const char *name, int writing, uint64_t bad)
{
    char path[4096];
    int differs = 0;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    for (int json = 0; json < 2; json++) {
        const dump_options options = {.json = json != 0, .batches = true, .records = true};
        dump_summary summary;
        firn_error err;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
            abort();
        if (dump_file(out, path, &options, &summary, &err) != FIRN_OK) {
            fprintf(stderr, "%s\n", err.text);
            exit(2);
        }
        (void)fclose(out);
        if (summary.bad != bad) {
            fprintf(stderr, "%s: %llu bad places, not %llu\n", name, (unsigned long long)summary.bad,
                    (unsigned long long)bad);
            differs = 1;
        }
        differs |= golden(folder, name, json ? ".jsonl" : ".txt", writing, text, size);
        free(text);
    }
    return differs;
}

int main(int argc, char **argv)
{
    int writing = argc == 3 && strcmp(argv[1], "--write") == 0, differs = 0;
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
