/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_reach.c — any bytes as how far a writer will write: as they are, mended, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/reach.h"
#include "test/fuzz/mend.h"

/** What decodes must encode to the same bytes, but for an older version's number. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    uint8_t again[FMT_REACH_HEADER];
    fmt_reach reach;
    fmt_verdict verdict = fmt_reach_decode(data, size, &reach);

    if (verdict != FMT_OK)
        return verdict;
    fmt_reach_encode(again, &reach);
    MUST(memcmp(again + FMT_REACH_LEDGER_ID, data + FMT_REACH_LEDGER_ID, FMT_REACH_HEADER - FMT_REACH_LEDGER_ID) == 0);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(data, size, FMT_REACH_HEADER, take, fuzz_mend_reach);
    return 0;
}
