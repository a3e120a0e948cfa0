/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_positions.c — any bytes as what a writer tells readers: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/positions.h"

/** What decodes must encode to the same bytes, but for an older version's number. */
static void take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_POSITIONS_HEADER];
    fmt_positions positions;

    if (fmt_positions_decode(data, size, &positions) != FMT_OK)
        return;
    fmt_positions_encode(again, &positions);
    MUST(memcmp(again + FMT_POSITIONS_LEDGER_ID, data + FMT_POSITIONS_LEDGER_ID,
                FMT_POSITIONS_HEADER - FMT_POSITIONS_LEDGER_ID) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t copy[FMT_POSITIONS_HEADER];

    take(data, size);
    if (size >= sizeof copy) {
        memcpy(copy, data, sizeof copy);
        memcpy(copy, FMT_POSITIONS_MAGIC_TEXT, FMT_POSITIONS_CRC);
        fmt_put32(copy + FMT_POSITIONS_CRC,
                  fmt_crc32c(fmt_crc32c(0, copy, FMT_POSITIONS_CRC), copy + FMT_POSITIONS_VERSION,
                             FMT_POSITIONS_HEADER - FMT_POSITIONS_VERSION));
        take(copy, sizeof copy);
    }
    return 0;
}
