/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c — the file in which a writer says how far it may have written. */
#include "format/reach.h"

#include "format/bytes.h"
#include "format/crc32c.h"
#include "format/segment.h"

#include <string.h>

static uint32_t crc_of(const uint8_t *data)
{
    return fmt_crc32c(fmt_crc32c(0, data, FMT_REACH_CRC), data + FMT_REACH_VERSION,
                      FMT_REACH_HEADER - FMT_REACH_VERSION);
}

void fmt_reach_encode(uint8_t out[FMT_REACH_HEADER], const fmt_reach *reach)
{
    memcpy(out + FMT_REACH_MAGIC, FMT_REACH_MAGIC_TEXT, FMT_REACH_CRC - FMT_REACH_MAGIC);
    fmt_put32(out + FMT_REACH_VERSION, FMT_VERSION);
    memcpy(out + FMT_REACH_LEDGER_ID, reach->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(out + FMT_REACH_INCARNATION, reach->incarnation);
    fmt_put64(out + FMT_REACH_SEGMENT, reach->segment);
    fmt_put64(out + FMT_REACH_OFFSET, reach->offset);
    fmt_put64(out + FMT_REACH_KNOWN_SEGMENT, reach->known_segment);
    fmt_put64(out + FMT_REACH_KNOWN_OFFSET, reach->known_offset);
    fmt_put64(out + FMT_REACH_KNOWN_NEXT_SEQ, reach->known_next_seq);
    fmt_put64(out + FMT_REACH_KNOWN_TIME, (uint64_t)reach->known_time_ns);
    fmt_put32(out + FMT_REACH_KNOWN_CRC, reach->known_crc);
    fmt_put32(out + FMT_REACH_RESERVED, 0);
    fmt_put32(out + FMT_REACH_CRC, crc_of(out));
}

fmt_verdict fmt_reach_decode(const uint8_t *data, size_t size, fmt_reach *out_reach)
{
    if (size < FMT_REACH_HEADER) {
        return FMT_SHORT;
    }
    if (data[0] == 0 && memcmp(data, data + 1, FMT_REACH_HEADER - 1) == 0) {
        return FMT_BLANK;
    }
    if (memcmp(data + FMT_REACH_MAGIC, FMT_REACH_MAGIC_TEXT, FMT_REACH_CRC - FMT_REACH_MAGIC) != 0) {
        return FMT_MAGIC;
    }
    if (fmt_get32(data + FMT_REACH_CRC) != crc_of(data)) {
        return FMT_CHECKSUM;
    }
    if (fmt_get32(data + FMT_REACH_VERSION) > FMT_VERSION) {
        return FMT_NEWER;
    }
    if (fmt_get32(data + FMT_REACH_RESERVED) != 0) {
        return FMT_SYNTAX;
    }
    memcpy(out_reach->ledger_id, data + FMT_REACH_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    out_reach->incarnation = fmt_get64(data + FMT_REACH_INCARNATION);
    out_reach->segment = fmt_get64(data + FMT_REACH_SEGMENT);
    out_reach->offset = fmt_get64(data + FMT_REACH_OFFSET);
    out_reach->known_segment = fmt_get64(data + FMT_REACH_KNOWN_SEGMENT);
    out_reach->known_offset = fmt_get64(data + FMT_REACH_KNOWN_OFFSET);
    out_reach->known_next_seq = fmt_get64(data + FMT_REACH_KNOWN_NEXT_SEQ);
    out_reach->known_time_ns = (int64_t)fmt_get64(data + FMT_REACH_KNOWN_TIME);
    out_reach->known_crc = fmt_get32(data + FMT_REACH_KNOWN_CRC);
    return FMT_OK;
}
