/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c — a segment in memory: its name, its counts, its anchors. */
#include "engine/log/private.h"

#include "format/bytes.h"
#include "format/crc32c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void frn_segment_name(uint64_t number, char out[FRN_SEGMENT_NAME_SIZE])
{
    (void)snprintf(out, FRN_SEGMENT_NAME_SIZE, "%016" PRIx64 ".seg", number);
}

uint64_t frn_segment_number(const char *name)
{
    char expected[FRN_SEGMENT_NAME_SIZE];
    uint64_t number;

    if (strlen(name) != 20) {
        return 0;
    }
    number = strtoull(name, NULL, 16);
    frn_segment_name(number, expected);
    return strcmp(name, expected) == 0 ? number : 0;
}

uint64_t frn_segment_data_end(const frn_log *log, uint64_t size)
{
    return size - fmt_footer_size(size, log->alignment);
}

frn_segment *frn_segment_new(frn_log *log, uint64_t number, uint64_t size, uint64_t incarnation, bool writable)
{
    frn_segment *segment = frn_alloc_zero(log->heap, 1, sizeof *segment);
    size_t footer_size = (size_t)fmt_footer_size(size, log->alignment);

    if (segment == NULL) {
        return NULL;
    }
    segment->number = number;
    segment->size = size;
    segment->incarnation = incarnation;
    segment->salt = fmt_salt(log->ledger_id, number, incarnation);
    segment->end_offset = log->alignment;
    segment->counts.number = number;
    segment->counts.incarnation = incarnation;
    segment->anchors = frn_alloc(log->heap, fmt_anchors_max(size) * sizeof *segment->anchors);
    if (segment->anchors == NULL) {
        frn_segment_free(log, segment);
        return NULL;
    }
    if (writable) {
        segment->footer = frn_alloc_aligned(log->heap, log->alignment, footer_size);
        if (segment->footer == NULL) {
            frn_segment_free(log, segment);
            return NULL;
        }
    }
    return segment;
}

void frn_segment_free(frn_log *log, frn_segment *segment)
{
    if (segment == NULL) {
        return;
    }
    if (segment->file != NULL) {
        log->io->ops->file_close(segment->file);
    }
    frn_free(log->heap, segment->footer);
    frn_free(log->heap, segment->anchors);
    frn_free(log->heap, segment);
}

void frn_segment_count_group(frn_segment *segment, const fmt_group *group, uint64_t offset, uint64_t size,
                             uint32_t records, int64_t first_time_ns, int64_t last_time_ns)
{
    fmt_footer *counts = &segment->counts;
    uint8_t crc[4];

    if (counts->groups == 0) {
        counts->first_seq = group->first_seq;
        counts->first_time_ns = first_time_ns;
        counts->prev_crc = group->prev_crc;
    }
    fmt_put32(crc, group->crc);
    counts->groups_crc = fmt_crc32c(counts->groups_crc, crc, sizeof crc);
    counts->groups++;
    counts->batches += group->batches;
    counts->records += records;
    counts->next_seq = group->next_seq;
    counts->end_offset = offset + size;
    counts->last_time_ns = last_time_ns;
    counts->last_crc = group->crc;
    if (offset >= segment->anchor_next && segment->anchors_count < fmt_anchors_max(segment->size)) {
        segment->anchors[segment->anchors_count++] = (fmt_anchor){.first_seq = group->first_seq, .offset = offset};
        segment->anchor_next = offset + FMT_ANCHOR_SPACING;
        counts->anchors_count = segment->anchors_count;
    }
    segment->last_crc = group->crc;
}

firn_status frn_segments_reserve(frn_log *log, frn_segments *segments, size_t more)
{
    size_t capacity = segments->capacity == 0 ? 16 : segments->capacity;
    frn_segment **grown;

    if (segments->count + more <= segments->capacity) {
        return FIRN_OK;
    }
    while (capacity < segments->count + more) {
        capacity *= 2;
    }
    grown = frn_realloc(log->heap, segments->at, capacity * sizeof(frn_segment *));
    if (grown == NULL) {
        return FIRN_ENOMEM;
    }
    segments->at = grown;
    segments->capacity = capacity;
    return FIRN_OK;
}

firn_status frn_segments_push(frn_log *log, frn_segments *segments, frn_segment *segment)
{
    firn_status status = frn_segments_reserve(log, segments, 1);

    if (status < 0) {
        return status;
    }
    segments->at[segments->count++] = segment;
    return FIRN_OK;
}
