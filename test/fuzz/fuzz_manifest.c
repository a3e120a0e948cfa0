/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest.c — any bytes as a slot of the manifest: as they are, and with their checksum made good. */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/manifest.h"

static fmt_run runs[FMT_MANIFEST_RUNS_MAX];
static fmt_incarnation incarnations[FMT_MANIFEST_INCARNATIONS_MAX];
static firn_cut cuts[FMT_MANIFEST_CUTS_MAX];

/** What decodes must encode to the same fields and lists; reserved bytes may differ. */
static void take(const uint8_t *data, size_t size)
{
    fmt_manifest manifest = {.runs = runs, .incarnations = incarnations, .cuts = cuts};
    size_t encoded;
    uint8_t *again;

    if (fmt_manifest_decode(data, size, &manifest) != FMT_OK)
        return;
    encoded = fmt_manifest_size(&manifest);
    MUST(encoded <= size && encoded <= FMT_MANIFEST_SIZE);
    again = malloc(encoded);
    MUST(again != NULL);
    fmt_manifest_encode(again, &manifest);
    MUST(memcmp(again + FMT_MANIFEST_VERSION, data + FMT_MANIFEST_VERSION,
                FMT_MANIFEST_RESERVED - FMT_MANIFEST_VERSION) == 0);
    MUST(memcmp(again + FMT_MANIFEST_HEADER, data + FMT_MANIFEST_HEADER, encoded - FMT_MANIFEST_HEADER) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    uint32_t length;

    MUST(copy != NULL);
    take(data, size);
    if (size >= FMT_MANIFEST_HEADER) {
        memcpy(copy, data, size);
        memcpy(copy, FMT_MANIFEST_MAGIC_TEXT, 8);
        length = fmt_get32(copy + FMT_MANIFEST_LENGTH);
        if (length >= FMT_MANIFEST_HEADER && length <= size)
            fmt_put32(copy + FMT_MANIFEST_CRC, fmt_crc32c(fmt_crc32c(0, copy, FMT_MANIFEST_CRC),
                                                          copy + FMT_MANIFEST_VERSION, length - FMT_MANIFEST_VERSION));
        take(copy, size);
    }
    free(copy);
    return 0;
}
