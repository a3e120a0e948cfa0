/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c — encode, decode and judge headers and footers of segments. */
#include "format/segment.h"

#include <assert.h>

#include "format/bytes.h"
#include "format/crc32c.h"

#define FOLLOWS(field, before, size) \
    _Static_assert((int)(field) == (int)(before) + (size), #field " leaves a hole or overlaps")
FOLLOWS(FMT_SEGMENT_CRC, FMT_SEGMENT_MAGIC, 8);
FOLLOWS(FMT_SEGMENT_VERSION, FMT_SEGMENT_CRC, 4);
FOLLOWS(FMT_SEGMENT_HEADER_SIZE, FMT_SEGMENT_VERSION, 4);
FOLLOWS(FMT_SEGMENT_ALIGNMENT, FMT_SEGMENT_HEADER_SIZE, 4);
FOLLOWS(FMT_SEGMENT_COMPATIBLE, FMT_SEGMENT_ALIGNMENT, 4);
FOLLOWS(FMT_SEGMENT_INCOMPATIBLE, FMT_SEGMENT_COMPATIBLE, 8);
FOLLOWS(FMT_SEGMENT_LEDGER_ID, FMT_SEGMENT_INCOMPATIBLE, 8);
FOLLOWS(FMT_SEGMENT_NUMBER, FMT_SEGMENT_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
FOLLOWS(FMT_SEGMENT_INCARNATION, FMT_SEGMENT_NUMBER, 8);
FOLLOWS(FMT_SEGMENT_GENERATION, FMT_SEGMENT_INCARNATION, 8);
FOLLOWS(FMT_SEGMENT_SIZE, FMT_SEGMENT_GENERATION, 8);
FOLLOWS(FMT_SEGMENT_TIME, FMT_SEGMENT_SIZE, 8);
FOLLOWS(FMT_SEGMENT_RESERVED, FMT_SEGMENT_TIME, 8);
FOLLOWS(FMT_SEGMENT_HEADER, FMT_SEGMENT_RESERVED, 32);

FOLLOWS(FMT_FOOTER_CRC, FMT_FOOTER_MAGIC, 8);
FOLLOWS(FMT_FOOTER_ANCHORS_COUNT, FMT_FOOTER_CRC, 4);
FOLLOWS(FMT_FOOTER_NUMBER, FMT_FOOTER_ANCHORS_COUNT, 4);
FOLLOWS(FMT_FOOTER_INCARNATION, FMT_FOOTER_NUMBER, 8);
FOLLOWS(FMT_FOOTER_FIRST_SEQ, FMT_FOOTER_INCARNATION, 8);
FOLLOWS(FMT_FOOTER_NEXT_SEQ, FMT_FOOTER_FIRST_SEQ, 8);
FOLLOWS(FMT_FOOTER_END_OFFSET, FMT_FOOTER_NEXT_SEQ, 8);
FOLLOWS(FMT_FOOTER_GROUPS, FMT_FOOTER_END_OFFSET, 8);
FOLLOWS(FMT_FOOTER_BATCHES, FMT_FOOTER_GROUPS, 8);
FOLLOWS(FMT_FOOTER_RECORDS, FMT_FOOTER_BATCHES, 8);
FOLLOWS(FMT_FOOTER_FIRST_TIME, FMT_FOOTER_RECORDS, 8);
FOLLOWS(FMT_FOOTER_LAST_TIME, FMT_FOOTER_FIRST_TIME, 8);
FOLLOWS(FMT_FOOTER_PREV_CRC, FMT_FOOTER_LAST_TIME, 8);
FOLLOWS(FMT_FOOTER_LAST_CRC, FMT_FOOTER_PREV_CRC, 4);
FOLLOWS(FMT_FOOTER_GROUPS_CRC, FMT_FOOTER_LAST_CRC, 4);
FOLLOWS(FMT_FOOTER_RESERVED, FMT_FOOTER_GROUPS_CRC, 4);
FOLLOWS(FMT_FOOTER_HEADER, FMT_FOOTER_RESERVED, 20);

enum {
    MAGIC_SIZE = 8
};
_Static_assert(sizeof FMT_SEGMENT_MAGIC_TEXT == MAGIC_SIZE + 1, "the magic of a segment has eight bytes");
_Static_assert(sizeof FMT_FOOTER_MAGIC_TEXT == MAGIC_SIZE + 1, "the magic of a footer has eight bytes");

static bool all_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/** Of everything in [0, size) but the crc field itself, which stands at the same place in header and footer. */
static uint32_t crc_around(uint32_t salt, const uint8_t *data, size_t size)
{
    return fmt_crc32c(fmt_crc32c(salt, data, FMT_SEGMENT_CRC), data + FMT_SEGMENT_VERSION, size - FMT_SEGMENT_VERSION);
}
_Static_assert((int)FMT_FOOTER_CRC == (int)FMT_SEGMENT_CRC, "crc_around() serves both");

void fmt_segment_encode(uint8_t *out, const fmt_segment *segment)
{
    memset(out, 0, FMT_SEGMENT_HEADER);
    memcpy(out + FMT_SEGMENT_MAGIC, FMT_SEGMENT_MAGIC_TEXT, MAGIC_SIZE);
    fmt_put32(out + FMT_SEGMENT_VERSION, segment->version);
    fmt_put32(out + FMT_SEGMENT_HEADER_SIZE, FMT_SEGMENT_HEADER);
    fmt_put32(out + FMT_SEGMENT_ALIGNMENT, segment->alignment);
    fmt_put64(out + FMT_SEGMENT_COMPATIBLE, segment->compatible);
    fmt_put64(out + FMT_SEGMENT_INCOMPATIBLE, segment->incompatible);
    memcpy(out + FMT_SEGMENT_LEDGER_ID, segment->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(out + FMT_SEGMENT_NUMBER, segment->number);
    fmt_put64(out + FMT_SEGMENT_INCARNATION, segment->incarnation);
    fmt_put64(out + FMT_SEGMENT_GENERATION, segment->generation);
    fmt_put64(out + FMT_SEGMENT_SIZE, segment->size);
    fmt_put64(out + FMT_SEGMENT_TIME, (uint64_t)segment->time_ns);
    fmt_put32(out + FMT_SEGMENT_CRC, crc_around(0, out, FMT_SEGMENT_HEADER));
}

/** Whether header block, one group and footer fit, and all are multiples of a sane alignment. */
static bool geometry_is_good(uint64_t size, uint32_t alignment)
{
    return alignment >= FMT_ALIGNMENT_MIN && alignment <= FMT_ALIGNMENT_MAX && (alignment & (alignment - 1)) == 0 &&
           size >= FMT_SEGMENT_SIZE_MIN && size <= FMT_SEGMENT_SIZE_MAX && size % alignment == 0 &&
           size >= 2 * (uint64_t)alignment + fmt_footer_size(size, alignment);
}

fmt_verdict fmt_segment_decode(const uint8_t *data, size_t size, fmt_segment *out_segment)
{
    fmt_segment segment;
    uint32_t header_size;

    if (size < FMT_SEGMENT_HEADER)
        return FMT_SHORT;
    if (all_zero(data, FMT_SEGMENT_HEADER))
        return FMT_BLANK;
    if (memcmp(data + FMT_SEGMENT_MAGIC, FMT_SEGMENT_MAGIC_TEXT, MAGIC_SIZE) != 0)
        return FMT_MAGIC;
    header_size = fmt_get32(data + FMT_SEGMENT_HEADER_SIZE);
    if (header_size < FMT_SEGMENT_HEADER || header_size > FMT_ALIGNMENT_MIN)
        return FMT_LENGTH;
    if (header_size > size)
        return FMT_SHORT;
    if (crc_around(0, data, header_size) != fmt_get32(data + FMT_SEGMENT_CRC))
        return FMT_CHECKSUM;
    segment = (fmt_segment){
        .version = fmt_get32(data + FMT_SEGMENT_VERSION),
        .compatible = fmt_get64(data + FMT_SEGMENT_COMPATIBLE),
        .incompatible = fmt_get64(data + FMT_SEGMENT_INCOMPATIBLE),
        .number = fmt_get64(data + FMT_SEGMENT_NUMBER),
        .incarnation = fmt_get64(data + FMT_SEGMENT_INCARNATION),
        .generation = fmt_get64(data + FMT_SEGMENT_GENERATION),
        .size = fmt_get64(data + FMT_SEGMENT_SIZE),
        .alignment = fmt_get32(data + FMT_SEGMENT_ALIGNMENT),
        .time_ns = (int64_t)fmt_get64(data + FMT_SEGMENT_TIME),
    };
    memcpy(segment.ledger_id, data + FMT_SEGMENT_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    if (segment.version > FMT_VERSION || (segment.incompatible & ~FMT_INCOMPATIBLE_KNOWN) != 0) {
        *out_segment = segment;
        return FMT_NEWER;
    }
    if (segment.version == 0 || segment.number == 0)
        return FMT_SYNTAX;
    if (header_size != FMT_SEGMENT_HEADER || !geometry_is_good(segment.size, segment.alignment))
        return FMT_LENGTH;
    *out_segment = segment;
    return FMT_OK;
}

uint32_t fmt_anchors_max(uint64_t segment_size)
{
    return (uint32_t)(segment_size / FMT_ANCHOR_SPACING);
}

uint64_t fmt_footer_size(uint64_t segment_size, uint32_t alignment)
{
    uint64_t size = FMT_FOOTER_HEADER + (uint64_t)fmt_anchors_max(segment_size) * FMT_ANCHOR_SIZE;

    return (size + alignment - 1) / alignment * alignment;
}

void fmt_footer_encode(uint8_t *out, size_t size, uint32_t salt, const fmt_footer *footer, const fmt_anchor *anchors)
{
    assert(size >= FMT_FOOTER_HEADER && footer->anchors_count <= (size - FMT_FOOTER_HEADER) / FMT_ANCHOR_SIZE);
    memset(out, 0, size);
    memcpy(out + FMT_FOOTER_MAGIC, FMT_FOOTER_MAGIC_TEXT, MAGIC_SIZE);
    fmt_put32(out + FMT_FOOTER_ANCHORS_COUNT, footer->anchors_count);
    fmt_put64(out + FMT_FOOTER_NUMBER, footer->number);
    fmt_put64(out + FMT_FOOTER_INCARNATION, footer->incarnation);
    fmt_put64(out + FMT_FOOTER_FIRST_SEQ, footer->first_seq);
    fmt_put64(out + FMT_FOOTER_NEXT_SEQ, footer->next_seq);
    fmt_put64(out + FMT_FOOTER_END_OFFSET, footer->end_offset);
    fmt_put64(out + FMT_FOOTER_GROUPS, footer->groups);
    fmt_put64(out + FMT_FOOTER_BATCHES, footer->batches);
    fmt_put64(out + FMT_FOOTER_RECORDS, footer->records);
    fmt_put64(out + FMT_FOOTER_FIRST_TIME, (uint64_t)footer->first_time_ns);
    fmt_put64(out + FMT_FOOTER_LAST_TIME, (uint64_t)footer->last_time_ns);
    fmt_put32(out + FMT_FOOTER_PREV_CRC, footer->prev_crc);
    fmt_put32(out + FMT_FOOTER_LAST_CRC, footer->last_crc);
    fmt_put32(out + FMT_FOOTER_GROUPS_CRC, footer->groups_crc);
    for (uint32_t i = 0; i < footer->anchors_count; i++) {
        uint8_t *at = out + FMT_FOOTER_HEADER + (size_t)i * FMT_ANCHOR_SIZE;

        fmt_put64(at, anchors[i].first_seq);
        fmt_put64(at + 8, anchors[i].offset);
    }
    fmt_put32(out + FMT_FOOTER_CRC, crc_around(salt, out, size));
}

fmt_anchor fmt_footer_anchor(const uint8_t *data, uint32_t i)
{
    const uint8_t *at = data + FMT_FOOTER_HEADER + (size_t)i * FMT_ANCHOR_SIZE;

    return (fmt_anchor){.first_seq = fmt_get64(at), .offset = fmt_get64(at + 8)};
}

/** Whether range, counts and anchors agree with one another. */
static bool footer_is_ordered(const uint8_t *data, const fmt_footer *footer)
{
    fmt_anchor before = {0};

    if (footer->first_seq > footer->next_seq || footer->records > footer->next_seq - footer->first_seq ||
        footer->last_time_ns < footer->first_time_ns || footer->batches < footer->groups ||
        footer->records < footer->batches || (footer->groups == 0) != (footer->first_seq == footer->next_seq))
        return false;
    for (uint32_t i = 0; i < footer->anchors_count; i++) {
        fmt_anchor anchor = fmt_footer_anchor(data, i);

        if (anchor.first_seq <= before.first_seq || anchor.offset <= before.offset ||
            anchor.first_seq < footer->first_seq || anchor.first_seq >= footer->next_seq ||
            anchor.offset >= footer->end_offset)
            return false;
        before = anchor;
    }
    return true;
}

fmt_verdict fmt_footer_decode(const uint8_t *data, size_t size, uint32_t salt, fmt_footer *out_footer)
{
    fmt_footer footer;

    if (size < FMT_FOOTER_HEADER)
        return FMT_SHORT;
    if (all_zero(data, FMT_FOOTER_HEADER))
        return FMT_BLANK;
    if (memcmp(data + FMT_FOOTER_MAGIC, FMT_FOOTER_MAGIC_TEXT, MAGIC_SIZE) != 0)
        return FMT_MAGIC;
    if (crc_around(salt, data, size) != fmt_get32(data + FMT_FOOTER_CRC))
        return FMT_CHECKSUM;
    footer = (fmt_footer){
        .number = fmt_get64(data + FMT_FOOTER_NUMBER),
        .incarnation = fmt_get64(data + FMT_FOOTER_INCARNATION),
        .first_seq = fmt_get64(data + FMT_FOOTER_FIRST_SEQ),
        .next_seq = fmt_get64(data + FMT_FOOTER_NEXT_SEQ),
        .end_offset = fmt_get64(data + FMT_FOOTER_END_OFFSET),
        .groups = fmt_get64(data + FMT_FOOTER_GROUPS),
        .batches = fmt_get64(data + FMT_FOOTER_BATCHES),
        .records = fmt_get64(data + FMT_FOOTER_RECORDS),
        .first_time_ns = (int64_t)fmt_get64(data + FMT_FOOTER_FIRST_TIME),
        .last_time_ns = (int64_t)fmt_get64(data + FMT_FOOTER_LAST_TIME),
        .prev_crc = fmt_get32(data + FMT_FOOTER_PREV_CRC),
        .last_crc = fmt_get32(data + FMT_FOOTER_LAST_CRC),
        .groups_crc = fmt_get32(data + FMT_FOOTER_GROUPS_CRC),
        .anchors_count = fmt_get32(data + FMT_FOOTER_ANCHORS_COUNT),
    };
    if (footer.anchors_count > (size - FMT_FOOTER_HEADER) / FMT_ANCHOR_SIZE)
        return FMT_LENGTH;
    if (!footer_is_ordered(data, &footer))
        return FMT_ORDER;
    *out_footer = footer;
    return FMT_OK;
}
