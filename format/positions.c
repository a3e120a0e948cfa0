/* SPDX-License-Identifier: Apache-2.0 */
/* positions.c — the file in which a writer tells readers how far its log is durable. */
#include "format/positions.h"

#include "format/bytes.h"

void fmt_positions_encode(uint8_t out[FMT_POSITIONS_HEADER], const fmt_positions *positions)
{
    fmt_put64(out + FMT_POSITIONS_DURABLE, positions->durable);
    fmt_put64(out + FMT_POSITIONS_SEGMENT, positions->segment);
    fmt_put64(out + FMT_POSITIONS_OFFSET, positions->offset);
    fmt_hint_seal(out, FMT_POSITIONS_HEADER, FMT_POSITIONS_MAGIC_TEXT, &positions->hint);
}

fmt_verdict fmt_positions_decode(const uint8_t *data, size_t size, fmt_positions *out_positions)
{
    fmt_hint hint;
    fmt_verdict verdict = fmt_hint_decode(data, size, FMT_POSITIONS_HEADER, FMT_POSITIONS_MAGIC_TEXT, &hint);

    if (verdict == FMT_OK) {
        *out_positions = (fmt_positions){
            .hint = hint,
            .durable = fmt_get64(data + FMT_POSITIONS_DURABLE),
            .segment = fmt_get64(data + FMT_POSITIONS_SEGMENT),
            .offset = fmt_get64(data + FMT_POSITIONS_OFFSET),
        };
    }
    return verdict;
}
