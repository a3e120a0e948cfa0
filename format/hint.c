/* SPDX-License-Identifier: Apache-2.0 */
/* hint.c — the head of the small files beside the log: seal a block, and judge one. */
#include "format/hint.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

#include <string.h>

_Static_assert(FMT_HINT_CRC == FMT_HINT_MAGIC + 8 && FMT_HINT_VERSION == FMT_HINT_CRC + 4 &&
                   FMT_HINT_LEDGER_ID == FMT_HINT_VERSION + 4 &&
                   FMT_HINT_INCARNATION == FMT_HINT_LEDGER_ID + FIRN_LEDGER_ID_SIZE &&
                   FMT_HINT_HEADER == FMT_HINT_INCARNATION + 8,
               "the head of a hint has a hole");

static uint32_t crc_of(const uint8_t *block, size_t block_size)
{
    return fmt_crc32c(fmt_crc32c(0, block, FMT_HINT_CRC), block + FMT_HINT_VERSION, block_size - FMT_HINT_VERSION);
}

void fmt_hint_seal(uint8_t *block, size_t block_size, const char *magic, const fmt_hint *hint)
{
    memcpy(block + FMT_HINT_MAGIC, magic, FMT_HINT_CRC - FMT_HINT_MAGIC);
    fmt_put32(block + FMT_HINT_VERSION, FMT_VERSION);
    memcpy(block + FMT_HINT_LEDGER_ID, hint->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(block + FMT_HINT_INCARNATION, hint->incarnation);
    fmt_put32(block + FMT_HINT_CRC, crc_of(block, block_size));
}

fmt_verdict fmt_hint_decode(const uint8_t *data, size_t size, size_t block_size, const char *magic, fmt_hint *out_hint)
{
    if (size < block_size) {
        return FMT_SHORT;
    }
    if (data[0] == 0 && memcmp(data, data + 1, block_size - 1) == 0) {
        return FMT_BLANK;
    }
    if (memcmp(data + FMT_HINT_MAGIC, magic, FMT_HINT_CRC - FMT_HINT_MAGIC) != 0) {
        return FMT_MAGIC;
    }
    if (fmt_get32(data + FMT_HINT_CRC) != crc_of(data, block_size)) {
        return FMT_CHECKSUM;
    }
    if (fmt_get32(data + FMT_HINT_VERSION) > FMT_VERSION) {
        return FMT_NEWER;
    }
    memcpy(out_hint->ledger_id, data + FMT_HINT_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    out_hint->incarnation = fmt_get64(data + FMT_HINT_INCARNATION);
    return FMT_OK;
}
