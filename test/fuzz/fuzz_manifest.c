/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest.c — any bytes as a slot of the manifest: as they are, mended, and then with one bit flipped. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/manifest.h"
#include "test/fuzz/mend.h"

static fmt_run runs[FMT_MANIFEST_RUNS_MAX];
static fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
static firn_cut cuts[FMT_MANIFEST_CUTS_MAX];

/** What decodes must encode to the same fields and lists; reserved bytes may differ. */
static fmt_verdict take(const uint8_t *data, size_t size)
{
    fmt_manifest manifest = {.runs = runs, .incarnations = incarnations, .cuts = cuts};
    fmt_verdict verdict = fmt_manifest_decode(data, size, &manifest);
    size_t encoded;
    uint8_t *again;

    if (verdict != FMT_OK)
        return verdict;
    encoded = fmt_manifest_size(&manifest);
    MUST(encoded <= size && encoded <= FMT_MANIFEST_SIZE && encoded == fmt_get32(data + FMT_MANIFEST_LENGTH));
    for (uint32_t i = 0; i < manifest.runs_count; i++)
        MUST(runs[i].count >= 1 && runs[i].first - 1 <= manifest.segment_highest - runs[i].count);
    again = fuzz_memory(1, encoded);
    fmt_manifest_encode(again, &manifest);
    MUST(memcmp(again + FMT_MANIFEST_VERSION, data + FMT_MANIFEST_VERSION,
                FMT_MANIFEST_RESERVED - FMT_MANIFEST_VERSION) == 0);
    MUST(memcmp(again + FMT_MANIFEST_HEADER, data + FMT_MANIFEST_HEADER, encoded - FMT_MANIFEST_HEADER) == 0);
    return FMT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fmt_verdict verdict = take(data, size);
    uint8_t *copy = fuzz_copy(0, data, size);

    MUST(take(copy, size) == verdict);
    fuzz_mend_manifest(copy, size);
    if (take(copy, size) == FMT_OK) {
        fuzz_flip(copy, fmt_get32(copy + FMT_MANIFEST_LENGTH));
        MUST(take(copy, size) != FMT_OK);
    }
    return 0;
}
