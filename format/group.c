/* SPDX-License-Identifier: Apache-2.0 */
/* group.c — header of a group, and the check of all that it holds. */
#include "format/group.h"

#include <assert.h>

#include "format/bytes.h"
#include "format/crc32c.h"

static bool all_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

uint64_t fmt_group_size(uint32_t content_size, uint32_t alignment)
{
    uint64_t size = (uint64_t)FMT_GROUP_HEADER + content_size;

    return (size + alignment - 1) / alignment * alignment;
}

static uint32_t header_crc(const uint8_t *data, uint32_t salt, uint64_t offset)
{
    return fmt_crc32c_keyed(salt, offset, data + FMT_GROUP_SEGMENT, FMT_GROUP_HEADER - FMT_GROUP_SEGMENT);
}

uint32_t fmt_group_encode(uint8_t *out, uint32_t salt, uint64_t offset, const fmt_group *group)
{
    uint32_t crc;

    assert(group->first_seq != 0 && group->first_seq < group->next_seq && group->batches > 0);
    fmt_put32(out + FMT_GROUP_MAGIC, FMT_GROUP_MAGIC_VALUE);
    fmt_put64(out + FMT_GROUP_SEGMENT, group->segment);
    fmt_put64(out + FMT_GROUP_INCARNATION, group->incarnation);
    fmt_put64(out + FMT_GROUP_FIRST_SEQ, group->first_seq);
    fmt_put64(out + FMT_GROUP_NEXT_SEQ, group->next_seq);
    fmt_put64(out + FMT_GROUP_DURABLE, group->durable);
    fmt_put32(out + FMT_GROUP_CONTENT_SIZE, group->content_size);
    fmt_put32(out + FMT_GROUP_CONTENT_CRC, group->content_crc);
    fmt_put32(out + FMT_GROUP_PREV_CRC, group->prev_crc);
    fmt_put32(out + FMT_GROUP_BATCHES, group->batches);
    crc = header_crc(out, salt, offset);
    fmt_put32(out + FMT_GROUP_CRC, crc);
    return crc;
}

fmt_verdict fmt_group_decode(const uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint64_t segment,
                             uint64_t incarnation, fmt_group *out_group)
{
    fmt_group group;

    if (size < FMT_GROUP_HEADER)
        return FMT_SHORT;
    if (all_zero(data, FMT_GROUP_HEADER))
        return FMT_BLANK;
    if (fmt_get32(data + FMT_GROUP_MAGIC) != FMT_GROUP_MAGIC_VALUE)
        return FMT_MAGIC;
    group = (fmt_group){
        .segment = fmt_get64(data + FMT_GROUP_SEGMENT),
        .incarnation = fmt_get64(data + FMT_GROUP_INCARNATION),
        .first_seq = fmt_get64(data + FMT_GROUP_FIRST_SEQ),
        .next_seq = fmt_get64(data + FMT_GROUP_NEXT_SEQ),
        .durable = fmt_get64(data + FMT_GROUP_DURABLE),
        .content_size = fmt_get32(data + FMT_GROUP_CONTENT_SIZE),
        .content_crc = fmt_get32(data + FMT_GROUP_CONTENT_CRC),
        .prev_crc = fmt_get32(data + FMT_GROUP_PREV_CRC),
        .batches = fmt_get32(data + FMT_GROUP_BATCHES),
        .crc = fmt_get32(data + FMT_GROUP_CRC),
    };
    if (header_crc(data, salt, offset) != group.crc)
        return FMT_CHECKSUM;
    if (group.segment != segment || group.incarnation != incarnation)
        return FMT_PLACE;
    if (group.first_seq == 0 || group.first_seq >= group.next_seq)
        return FMT_ORDER;
    if (group.content_size == 0 || group.content_size > FMT_GROUP_CONTENT_MAX || group.batches == 0)
        return FMT_LENGTH;
    *out_group = group;
    return FMT_OK;
}

/** What a walk through the content has seen. */
typedef struct content_walk {
    uint32_t salt;
    uint32_t content_crc;
    uint64_t next_seq; /**< Lowest seq that may come next. */
    int64_t time_ns;   /**< Of the batch before. */
    size_t at;         /**< Offset in the group of what is looked at. */
} content_walk;

static uint32_t crc_field(uint32_t content_crc, const uint8_t *field)
{
    return fmt_crc32c(content_crc, field, sizeof(uint32_t));
}

/** Verifies the batch at walk->at, which may not reach beyond end. */
static fmt_verdict walk_batch(content_walk *walk, const uint8_t *data, size_t end, uint64_t end_seq)
{
    size_t start = walk->at;
    fmt_record record;
    fmt_batch batch;
    fmt_verdict verdict;
    size_t left, size;

    verdict = fmt_batch_decode(data + start, end - start, walk->salt, &batch);
    if (verdict != FMT_OK)
        return verdict;
    if (batch.first_seq < walk->next_seq || batch.first_seq > end_seq || batch.count > end_seq - batch.first_seq ||
        batch.time_ns < walk->time_ns)
        return FMT_ORDER;
    left = batch.records.size;
    walk->at += FMT_BATCH_HEADER;
    for (uint32_t i = 0; i < batch.count; i++) {
        verdict = fmt_record_decode(data + walk->at, left, walk->salt, batch.first_seq + i, &record, &size);
        if (verdict != FMT_OK)
            return verdict;
        walk->content_crc = crc_field(walk->content_crc, data + walk->at + FMT_RECORD_CRC);
        walk->at += size;
        left -= size;
    }
    if (left != 0)
        return FMT_LENGTH;
    walk->content_crc = crc_field(walk->content_crc, data + start + FMT_BATCH_CRC);
    walk->next_seq = batch.first_seq + batch.count;
    walk->time_ns = batch.time_ns;
    walk->at = start + batch.size;
    return FMT_OK;
}

fmt_verdict fmt_group_check(const uint8_t *data, size_t size, uint32_t salt, const fmt_group *group, size_t *out_bad)
{
    size_t end = (size_t)FMT_GROUP_HEADER + group->content_size;
    content_walk walk = {.salt = salt, .next_seq = group->first_seq, .time_ns = INT64_MIN, .at = FMT_GROUP_HEADER};
    fmt_verdict verdict = FMT_OK;

    if (size < end) {
        walk.at = size;
        verdict = FMT_SHORT;
        goto out;
    }
    for (uint32_t i = 0; i < group->batches; i++) {
        verdict = walk_batch(&walk, data, end, group->next_seq);
        if (verdict != FMT_OK)
            goto out;
    }
    if (walk.at != end) {
        verdict = FMT_LENGTH;
        goto out;
    }
    if (walk.content_crc != group->content_crc) {
        walk.at = FMT_GROUP_CONTENT_CRC;
        verdict = FMT_CHECKSUM;
        goto out;
    }
    if (!all_zero(data + end, size - end))
        verdict = FMT_PADDING;
out:
    if (verdict != FMT_OK && out_bad != NULL)
        *out_bad = walk.at;
    return verdict;
}
