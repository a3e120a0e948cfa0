/* SPDX-License-Identifier: Apache-2.0 */
/*
 * positions.h — what a writer tells readers in other processes: up to where its log is durable.
 *
 *   offset  size  field        rule
 *        0     8  magic        "firn.pos"
 *        8     4  crc          CRC-32C of bytes [0, 8) and [12, 64)
 *       12     4  version      FMT_VERSION; higher: FMT_NEWER
 *       16    16  ledger_id
 *       32     8  incarnation  of the writer
 *       40     8  durable      last durable seq; 0 none
 *       48     8  segment      number of the segment with the last durable group, 0 if there is no group
 *       56     8  offset       where that group ends
 *
 * Overwritten in place and never synced: whoever reads half of an old and half of a new one meets the crc. Within an
 * incarnation durable never falls, so it tells two contents apart.
 */
#ifndef FMT_POSITIONS_H
#define FMT_POSITIONS_H

#include "format/hint.h"

enum {
    FMT_POSITIONS_MAGIC = FMT_HINT_MAGIC,
    FMT_POSITIONS_CRC = FMT_HINT_CRC,
    FMT_POSITIONS_VERSION = FMT_HINT_VERSION,
    FMT_POSITIONS_LEDGER_ID = FMT_HINT_LEDGER_ID,
    FMT_POSITIONS_INCARNATION = FMT_HINT_INCARNATION,
    FMT_POSITIONS_DURABLE = 40,
    FMT_POSITIONS_SEGMENT = 48,
    FMT_POSITIONS_OFFSET = 56,
    FMT_POSITIONS_HEADER = 64 /**< All of it. */
};

#define FMT_POSITIONS_MAGIC_TEXT "firn.pos"

_Static_assert((int)FMT_POSITIONS_DURABLE == (int)FMT_HINT_HEADER && FMT_POSITIONS_HEADER == FMT_POSITIONS_OFFSET + 8,
               "positions have a hole");

typedef struct fmt_positions {
    fmt_hint hint; /**< Whose word it is. */
    uint64_t durable;
    uint64_t segment;
    uint64_t offset;
} fmt_positions;

void fmt_positions_encode(uint8_t out[FMT_POSITIONS_HEADER], const fmt_positions *positions);
/** FMT_OK, FMT_BLANK, FMT_SHORT, FMT_MAGIC, FMT_NEWER, FMT_CHECKSUM. */
fmt_verdict fmt_positions_decode(const uint8_t *data, size_t size, fmt_positions *out_positions) FIRN_NODISCARD;

#endif
