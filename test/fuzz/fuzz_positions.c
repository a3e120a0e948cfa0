/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_positions.c — any bytes as what a writer tells readers: as they are, mended, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/positions.h"
#include "test/fuzz/mend.h"

/** What decodes must encode to the same bytes, but for an older version's number. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_POSITIONS_HEADER];
    fmt_positions positions;
    fmt_verdict verdict = fmt_positions_decode(data, size, &positions);

    if (verdict != FMT_OK)
        return verdict;
    fmt_positions_encode(again, &positions);
    MUST(memcmp(again + FMT_POSITIONS_LEDGER_ID, data + FMT_POSITIONS_LEDGER_ID,
                FMT_POSITIONS_HEADER - FMT_POSITIONS_LEDGER_ID) == 0);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(data, size, FMT_POSITIONS_HEADER, take, fuzz_mend_positions);
    return 0;
}
