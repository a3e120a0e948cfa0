/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_segment.c — any bytes as the header of a segment: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

/** What decodes must encode to the same fields; reserved bytes may differ. */
static void take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_SEGMENT_HEADER];
    fmt_segment segment;

    if (fmt_segment_decode(data, size, &segment) != FMT_OK)
        return;
    MUST(segment.size <= FMT_SEGMENT_SIZE_MAX && segment.size % segment.alignment == 0);
    MUST(fmt_footer_size(segment.size, segment.alignment) < segment.size);
    fmt_segment_encode(again, &segment);
    MUST(memcmp(again + FMT_SEGMENT_VERSION, data + FMT_SEGMENT_VERSION, FMT_SEGMENT_RESERVED - FMT_SEGMENT_VERSION) ==
         0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    uint32_t header_size;

    MUST(copy != NULL);
    take(data, size);
    if (size >= FMT_SEGMENT_HEADER) {
        memcpy(copy, data, size);
        memcpy(copy, FMT_SEGMENT_MAGIC_TEXT, 8);
        header_size = fmt_get32(copy + FMT_SEGMENT_HEADER_SIZE);
        if (header_size >= FMT_SEGMENT_HEADER && header_size <= size)
            fmt_put32(copy + FMT_SEGMENT_CRC,
                      fmt_crc32c(fmt_crc32c(0, copy, FMT_SEGMENT_CRC), copy + FMT_SEGMENT_VERSION,
                                 header_size - FMT_SEGMENT_VERSION));
        take(copy, size);
    }
    free(copy);
    return 0;
}
