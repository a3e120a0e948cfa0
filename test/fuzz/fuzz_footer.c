/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_footer.c — any bytes as the footer region of a segment: as they are, mended, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/segment.h"
#include "test/fuzz/mend.h"

enum {
    ANCHORS_MAX = 4096
};

/** What decodes must encode to the same fields and anchors; bytes without a meaning may differ. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    static fmt_anchor anchors[ANCHORS_MAX];
    fmt_footer footer;
    uint64_t before = 0;
    uint8_t *again;
    fmt_verdict verdict = fmt_footer_decode(data, size, fuzz_salt(), &footer);

    if (verdict != FMT_OK)
        return verdict;
    MUST(footer.first_seq <= footer.next_seq);
    MUST(footer.anchors_count <= (size - FMT_FOOTER_HEADER) / FMT_ANCHOR_SIZE);
    for (uint32_t i = 0; i < footer.anchors_count; i++) {
        fmt_anchor anchor = fmt_footer_anchor(data, i);

        MUST(anchor.offset > before && anchor.offset < footer.end_offset);
        before = anchor.offset;
        if (i < ANCHORS_MAX)
            anchors[i] = anchor;
    }
    if (footer.anchors_count > ANCHORS_MAX)
        return FMT_OK;
    again = fuzz_memory(1, size);
    fmt_footer_encode(again, size, fuzz_salt(), &footer, anchors);
    MUST(memcmp(again + FMT_FOOTER_ANCHORS_COUNT, data + FMT_FOOTER_ANCHORS_COUNT,
                FMT_FOOTER_RESERVED - FMT_FOOTER_ANCHORS_COUNT) == 0);
    MUST(memcmp(again + FMT_FOOTER_HEADER, data + FMT_FOOTER_HEADER, (size_t)footer.anchors_count * FMT_ANCHOR_SIZE) ==
         0);
    return FMT_OK;
}

static void mend(uint8_t *data, size_t size)
{
    fuzz_mend_footer(data, size, fuzz_salt());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(data, size, size, take, mend);
    return 0;
}
