/* SPDX-License-Identifier: Apache-2.0 */
/* mend.c — make the checksums of mutated bytes good, by the rules of the format's headers. */
#include "test/fuzz/mend.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/positions.h"
#include "format/reach.h"

enum {
    COUNT_MASK = 0xffffff,
    TRAILER_LENGTH = 4,
    MAGIC_SIZE = 8
};

/** All of [0, size) but the 4 bytes of the checksum at `at`. */
static void mend_around(uint8_t *data, size_t size, size_t at, uint32_t start)
{
    uint32_t crc = fmt_crc32c(start, data, at);

    fmt_put32(data + at, fmt_crc32c(crc, data + at + 4, size - at - 4));
}

size_t fuzz_mend_record(uint8_t *data, size_t size, uint32_t salt, uint64_t seq)
{
    uint32_t length;

    if (size < FMT_RECORD_HEADER)
        return 0;
    length = fmt_get32(data + FMT_RECORD_LENGTH);
    if (length > size - FMT_RECORD_HEADER)
        return 0;
    fmt_put32(data + FMT_RECORD_CRC,
              fmt_crc32c_keyed(salt, seq, data + FMT_RECORD_KIND, FMT_RECORD_HEADER - FMT_RECORD_KIND + length));
    return FMT_RECORD_HEADER + (size_t)length;
}

size_t fuzz_mend_batch(uint8_t *data, size_t size, uint32_t salt, uint32_t *crcs)
{
    size_t length, at = FMT_BATCH_HEADER, used, end;
    uint32_t trailer = 0, count, crc;
    uint64_t seq;

    if (size < FMT_BATCH_HEADER)
        return 0;
    length = fmt_get32(data + FMT_BATCH_LENGTH);
    if (length < FMT_BATCH_HEADER + TRAILER_LENGTH || length > size)
        return 0;
    if (data[FMT_BATCH_FLAGS] != 0)
        trailer = fmt_get32(data + length - TRAILER_LENGTH);
    if (trailer > length - FMT_BATCH_HEADER)
        return 0;
    end = length - trailer;
    seq = fmt_get64(data + FMT_BATCH_FIRST_SEQ);
    count = fmt_get32(data + FMT_BATCH_COUNT) & COUNT_MASK;
    for (uint32_t i = 0; i < count && (used = fuzz_mend_record(data + at, end - at, salt, seq + i)) != 0; i++) {
        *crcs = fmt_crc32c(*crcs, data + at + FMT_RECORD_CRC, 4);
        at += used;
    }
    crc = fmt_crc32c_keyed(salt, length, data + FMT_BATCH_FIRST_SEQ, FMT_BATCH_HEADER - FMT_BATCH_FIRST_SEQ);
    fmt_put32(data + FMT_BATCH_CRC, fmt_crc32c(crc, data + end, trailer));
    *crcs = fmt_crc32c(*crcs, data + FMT_BATCH_CRC, 4);
    return length;
}

void fuzz_mend_group_header(uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint64_t segment,
                            uint64_t incarnation)
{
    if (size < FMT_GROUP_HEADER)
        return;
    fmt_put32(data + FMT_GROUP_MAGIC, FMT_GROUP_MAGIC_VALUE);
    fmt_put64(data + FMT_GROUP_SEGMENT, segment);
    fmt_put64(data + FMT_GROUP_INCARNATION, incarnation);
    fmt_put32(data + FMT_GROUP_CRC,
              fmt_crc32c_keyed(salt, offset, data + FMT_GROUP_SEGMENT, FMT_GROUP_HEADER - FMT_GROUP_SEGMENT));
}

size_t fuzz_mend_group(uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint32_t prev_crc)
{
    size_t end, at = FMT_GROUP_HEADER, used;
    uint32_t crcs = 0;

    if (size < FMT_GROUP_HEADER || fmt_get32(data + FMT_GROUP_CONTENT_SIZE) > size - FMT_GROUP_HEADER)
        return 0;
    end = FMT_GROUP_HEADER + (size_t)fmt_get32(data + FMT_GROUP_CONTENT_SIZE);
    while (at < end && (used = fuzz_mend_batch(data + at, end - at, salt, &crcs)) != 0)
        at += used;
    fmt_put32(data + FMT_GROUP_CONTENT_CRC, crcs);
    fmt_put32(data + FMT_GROUP_PREV_CRC, prev_crc);
    fuzz_mend_group_header(data, size, salt, offset, fmt_get64(data + FMT_GROUP_SEGMENT),
                           fmt_get64(data + FMT_GROUP_INCARNATION));
    return end;
}

void fuzz_mend_segment(uint8_t *data, size_t size)
{
    uint32_t header_size;

    if (size < FMT_SEGMENT_HEADER)
        return;
    memcpy(data, FMT_SEGMENT_MAGIC_TEXT, MAGIC_SIZE);
    header_size = fmt_get32(data + FMT_SEGMENT_HEADER_SIZE);
    if (header_size >= FMT_SEGMENT_HEADER && header_size <= size)
        mend_around(data, header_size, FMT_SEGMENT_CRC, 0);
}

void fuzz_mend_footer(uint8_t *data, size_t size, uint32_t salt)
{
    if (size < FMT_FOOTER_HEADER)
        return;
    memcpy(data, FMT_FOOTER_MAGIC_TEXT, MAGIC_SIZE);
    mend_around(data, size, FMT_FOOTER_CRC, salt);
}

void fuzz_mend_manifest(uint8_t *data, size_t size)
{
    uint32_t length;

    if (size < FMT_MANIFEST_HEADER)
        return;
    memcpy(data, FMT_MANIFEST_MAGIC_TEXT, MAGIC_SIZE);
    length = fmt_get32(data + FMT_MANIFEST_LENGTH);
    if (length >= FMT_MANIFEST_HEADER && length <= size)
        mend_around(data, length, FMT_MANIFEST_CRC, 0);
}

void fuzz_mend_positions(uint8_t *data, size_t size)
{
    if (size < FMT_POSITIONS_HEADER)
        return;
    memcpy(data, FMT_POSITIONS_MAGIC_TEXT, MAGIC_SIZE);
    mend_around(data, FMT_POSITIONS_HEADER, FMT_POSITIONS_CRC, 0);
}

void fuzz_mend_reach(uint8_t *data, size_t size)
{
    if (size < FMT_REACH_HEADER)
        return;
    memcpy(data, FMT_REACH_MAGIC_TEXT, MAGIC_SIZE);
    mend_around(data, FMT_REACH_HEADER, FMT_REACH_CRC, 0);
}
