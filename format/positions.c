/* SPDX-License-Identifier: Apache-2.0 */
/* positions.c — the file in which a writer tells readers how far its log is durable. */
#include "format/positions.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

#include <string.h>

static uint32_t crc_of(const uint8_t *data)
{
    return fmt_crc32c(fmt_crc32c(0, data, FMT_POSITIONS_CRC), data + FMT_POSITIONS_VERSION,
                      FMT_POSITIONS_HEADER - FMT_POSITIONS_VERSION);
}

void fmt_positions_encode(uint8_t out[FMT_POSITIONS_HEADER], const fmt_positions *positions)
{
    memcpy(out + FMT_POSITIONS_MAGIC, FMT_POSITIONS_MAGIC_TEXT, FMT_POSITIONS_CRC - FMT_POSITIONS_MAGIC);
    fmt_put32(out + FMT_POSITIONS_VERSION, FMT_VERSION);
    memcpy(out + FMT_POSITIONS_LEDGER_ID, positions->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(out + FMT_POSITIONS_INCARNATION, positions->incarnation);
    fmt_put64(out + FMT_POSITIONS_DURABLE, positions->durable);
    fmt_put64(out + FMT_POSITIONS_SEGMENT, positions->segment);
    fmt_put64(out + FMT_POSITIONS_OFFSET, positions->offset);
    fmt_put32(out + FMT_POSITIONS_CRC, crc_of(out));
}

fmt_verdict fmt_positions_decode(const uint8_t *data, size_t size, fmt_positions *out_positions)
{
    if (size < FMT_POSITIONS_HEADER) {
        return FMT_SHORT;
    }
    if (data[0] == 0 && memcmp(data, data + 1, FMT_POSITIONS_HEADER - 1) == 0) {
        return FMT_BLANK;
    }
    if (memcmp(data + FMT_POSITIONS_MAGIC, FMT_POSITIONS_MAGIC_TEXT, FMT_POSITIONS_CRC - FMT_POSITIONS_MAGIC) != 0) {
        return FMT_MAGIC;
    }
    if (fmt_get32(data + FMT_POSITIONS_CRC) != crc_of(data)) {
        return FMT_CHECKSUM;
    }
    if (fmt_get32(data + FMT_POSITIONS_VERSION) > FMT_VERSION) {
        return FMT_NEWER;
    }
    memcpy(out_positions->ledger_id, data + FMT_POSITIONS_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    out_positions->incarnation = fmt_get64(data + FMT_POSITIONS_INCARNATION);
    out_positions->durable = fmt_get64(data + FMT_POSITIONS_DURABLE);
    out_positions->segment = fmt_get64(data + FMT_POSITIONS_SEGMENT);
    out_positions->offset = fmt_get64(data + FMT_POSITIONS_OFFSET);
    return FMT_OK;
}
