/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_footer.c — any bytes as the footer region of a segment: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

static void take(const uint8_t *data, size_t size, uint32_t salt)
{
    fmt_footer footer;
    uint64_t before = 0;

    if (fmt_footer_decode(data, size, salt, &footer) != FMT_OK)
        return;
    MUST(footer.first_seq <= footer.next_seq);
    for (uint32_t i = 0; i < footer.anchors_count; i++) {
        fmt_anchor anchor = fmt_footer_anchor(data, i);

        MUST(anchor.offset > before && anchor.offset < footer.end_offset);
        before = anchor.offset;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t salt = fmt_salt(fuzz_ledger_id, FUZZ_SEGMENT, FUZZ_INCARNATION);
    uint8_t *copy = malloc(size + 1);

    MUST(copy != NULL);
    take(data, size, salt);
    if (size >= FMT_FOOTER_HEADER) {
        memcpy(copy, data, size);
        memcpy(copy, FMT_FOOTER_MAGIC_TEXT, 8);
        fmt_put32(copy + FMT_FOOTER_CRC, fmt_crc32c(fmt_crc32c(salt, copy, FMT_FOOTER_CRC),
                                                    copy + FMT_FOOTER_ANCHORS_COUNT, size - FMT_FOOTER_ANCHORS_COUNT));
        take(copy, size, salt);
    }
    free(copy);
    return 0;
}
