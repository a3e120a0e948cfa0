/* SPDX-License-Identifier: Apache-2.0 */
/* golden.c — build segments of fixed bytes, and hold files and their dumps against frozen ones. */
#include "test/golden/golden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/body.h"
#include "format/bytes.h"
#include "format/crc32c.h"
#include "tools/dump.h"

const uint8_t golden_id[FIRN_LEDGER_ID_SIZE] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

void segment_begin(segment_building *building, uint64_t number, uint64_t incarnation, uint64_t next_seq,
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
    memcpy(building->header.ledger_id, golden_id, sizeof golden_id);
    fmt_segment_encode(building->data, &building->header);
    building->salt = fmt_salt(golden_id, number, incarnation);
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

void group_begin(segment_building *building)
{
    building->group = (fmt_group){
        .segment = building->header.number,
        .incarnation = building->header.incarnation,
        .first_seq = building->next_seq,
        .durable = building->next_seq - 1,
        .prev_crc = building->footer.last_crc,
    };
}

void batch_begin(segment_building *building)
{
    uint8_t *at = building->data + building->offset + FMT_GROUP_HEADER + building->group.content_size;

    fmt_batch_begin(&building->writer, at, (size_t)(building->data + SEGMENT_SIZE - at), building->salt,
                    building->next_seq, CREATED + (int64_t)building->next_seq * 1000, building->group.content_crc);
}

void add_event(segment_building *building, uint16_t kind, uint32_t stream, uint64_t version, const char *text,
               size_t size)
{
    uint8_t prefix[FMT_EVENT_PREFIX_MAX];
    const firn_slice parts[2] = {{prefix, fmt_event_prefix(prefix, size)}, {text, size}};

    (void)fmt_batch_add(&building->writer, kind, stream, version, parts, 2);
}

void batch_finish(segment_building *building, const fmt_name *names, size_t names_count, const fmt_batch_key *key)
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

void group_finish(segment_building *building)
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

void seal(segment_building *building)
{
    const fmt_anchor anchor = {.first_seq = building->footer.first_seq, .offset = ALIGNMENT};
    size_t size = (size_t)fmt_footer_size(SEGMENT_SIZE, ALIGNMENT);

    building->footer.next_seq = building->next_seq;
    building->footer.end_offset = building->offset;
    building->footer.anchors_count = 1;
    fmt_footer_encode(building->data + SEGMENT_SIZE - size, size, building->salt, &building->footer, &anchor);
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

int golden(const char *folder, const char *name, const char *suffix, bool writing, const void *data, size_t size)
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

int golden_dump(const char *folder, const char *name, bool writing, uint64_t bad)
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
