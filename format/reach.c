/* SPDX-License-Identifier: Apache-2.0 */
/* reach.c — the file in which a writer says how far it may have written. */
#include "format/reach.h"

#include "format/bytes.h"

void fmt_reach_encode(uint8_t out[FMT_REACH_HEADER], const fmt_reach *reach)
{
    fmt_put64(out + FMT_REACH_SEGMENT, reach->segment);
    fmt_put64(out + FMT_REACH_OFFSET, reach->offset);
    fmt_put64(out + FMT_REACH_KNOWN_SEGMENT, reach->known_segment);
    fmt_put64(out + FMT_REACH_KNOWN_OFFSET, reach->known_offset);
    fmt_put64(out + FMT_REACH_KNOWN_NEXT_SEQ, reach->known_next_seq);
    fmt_put64(out + FMT_REACH_KNOWN_TIME, (uint64_t)reach->known_time_ns);
    fmt_put32(out + FMT_REACH_KNOWN_CRC, reach->known_crc);
    fmt_put32(out + FMT_REACH_RESERVED, 0);
    fmt_hint_seal(out, FMT_REACH_HEADER, FMT_REACH_MAGIC_TEXT, &reach->hint);
}

fmt_verdict fmt_reach_decode(const uint8_t *data, size_t size, fmt_reach *out_reach)
{
    fmt_hint hint;
    fmt_verdict verdict = fmt_hint_decode(data, size, FMT_REACH_HEADER, FMT_REACH_MAGIC_TEXT, &hint);

    if (verdict != FMT_OK) {
        return verdict;
    }
    if (fmt_get32(data + FMT_REACH_RESERVED) != 0) {
        return FMT_SYNTAX;
    }
    *out_reach = (fmt_reach){
        .hint = hint,
        .segment = fmt_get64(data + FMT_REACH_SEGMENT),
        .offset = fmt_get64(data + FMT_REACH_OFFSET),
        .known_segment = fmt_get64(data + FMT_REACH_KNOWN_SEGMENT),
        .known_offset = fmt_get64(data + FMT_REACH_KNOWN_OFFSET),
        .known_next_seq = fmt_get64(data + FMT_REACH_KNOWN_NEXT_SEQ),
        .known_time_ns = (int64_t)fmt_get64(data + FMT_REACH_KNOWN_TIME),
        .known_crc = fmt_get32(data + FMT_REACH_KNOWN_CRC),
    };
    return FMT_OK;
}
