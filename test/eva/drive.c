/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive.c — what Frama-C's EVA starts from: each decoder is given any bytes at all, of every size up to some bound.
 *
 * The bytes lie at the end of their array, so that a read behind the given size is one behind the array. EVA computes
 * what every variable may hold at every place, for all inputs at once; it raises an alarm wherever it cannot show that
 * an access is inside its object, a shift or a signed sum is defined, and a value read was written before. The
 * checksum is left open: fmt_crc32c() answers anything (crc.h), so everything behind it is reached.
 *
 * One function a decoder; test/eva/run calls EVA for each and compares the alarms with those that are known.
 */
#include <__fc_builtin.h>

#include "format/group.h"
#include "test/eva/crc.h"
#include "format/record.h"
#include "format/segment.h"

enum {
    RECORD_SIZES = 96,                  /* Header, and bodies of up to 72 bytes. */
    GROUP_SIZES = FMT_GROUP_HEADER + 8, /* The decoder of the header looks at nothing behind it. */
    SEGMENT_SIZES = FMT_SEGMENT_HEADER + 16,
    FOOTER_SIZES = FMT_FOOTER_HEADER + 4 * FMT_ANCHOR_SIZE
};

static uint64_t any64(void)
{
    return (uint64_t)Frama_C_unsigned_long_long_interval(0, UINT64_MAX);
}

static uint32_t any32(void)
{
    return (uint32_t)Frama_C_unsigned_int_interval(0, UINT32_MAX);
}

void drive_record(void)
{
    for (size_t size = 0; size <= RECORD_SIZES; size++) {
        uint8_t bytes[RECORD_SIZES];
        fmt_record record;
        size_t taken;

        Frama_C_make_unknown((char *)bytes, sizeof bytes);
        if (fmt_record_decode(bytes + RECORD_SIZES - size, size, any32(), any64(), &record, &taken) == FMT_OK) {
            /*@ assert taken <= size; */
            /*@ assert \valid_read((const uint8_t *)record.body.data + (0 .. record.body.size - 1)); */
            /*@ assert record.kind != 0 && record.version != 0 && record.flags == 0; */
        }
    }
}

void drive_group(void)
{
    for (size_t size = 0; size <= GROUP_SIZES; size++) {
        uint8_t bytes[GROUP_SIZES];
        fmt_group group;

        Frama_C_make_unknown((char *)bytes, sizeof bytes);
        if (fmt_group_decode(bytes + GROUP_SIZES - size, size, any32(), any64(), any64(), any64(), &group) == FMT_OK) {
            /*@ assert 0 < group.content_size <= FMT_GROUP_CONTENT_MAX; */
            /*@ assert group.batches > 0 && group.first_seq > 0; */
        }
    }
}

void drive_segment(void)
{
    for (size_t size = 0; size <= SEGMENT_SIZES; size++) {
        uint8_t bytes[SEGMENT_SIZES];
        fmt_segment segment;

        Frama_C_make_unknown((char *)bytes, sizeof bytes);
        if (fmt_segment_decode(bytes + SEGMENT_SIZES - size, size, &segment) == FMT_OK) {
            /*@ assert FMT_ALIGNMENT_MIN <= segment.alignment <= FMT_ALIGNMENT_MAX; */
            /*@ assert FMT_SEGMENT_SIZE_MIN <= segment.size <= FMT_SEGMENT_SIZE_MAX; */
            /*@ assert segment.number > 0; */
        }
    }
}

void drive_footer(void)
{
    for (size_t size = 0; size <= FOOTER_SIZES; size++) {
        uint8_t bytes[FOOTER_SIZES];
        fmt_footer footer;

        Frama_C_make_unknown((char *)bytes, sizeof bytes);
        if (fmt_footer_decode(bytes + FOOTER_SIZES - size, size, any32(), &footer) == FMT_OK) {
            /*@ assert footer.anchors_count <= (size - FMT_FOOTER_HEADER) / FMT_ANCHOR_SIZE; */
        }
    }
}
