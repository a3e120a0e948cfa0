/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_segment.c — any bytes as the header of a segment: as they are, mended, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/segment.h"
#include "test/fuzz/mend.h"

/** What decodes must encode to the same fields; reserved bytes may differ. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_SEGMENT_HEADER];
    fmt_segment segment;
    fmt_verdict verdict = fmt_segment_decode(data, size, &segment);

    if (verdict != FMT_OK)
        return verdict;
    MUST(segment.size <= FMT_SEGMENT_SIZE_MAX && segment.size % segment.alignment == 0);
    MUST(fmt_footer_size(segment.size, segment.alignment) < segment.size);
    MUST(FMT_FOOTER_HEADER + (uint64_t)fmt_anchors_max(segment.size) * FMT_ANCHOR_SIZE <=
         fmt_footer_size(segment.size, segment.alignment));
    fmt_segment_encode(again, &segment);
    MUST(memcmp(again + FMT_SEGMENT_VERSION, data + FMT_SEGMENT_VERSION, FMT_SEGMENT_RESERVED - FMT_SEGMENT_VERSION) ==
         0);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(data, size, FMT_SEGMENT_HEADER, take, fuzz_mend_segment);
    return 0;
}
