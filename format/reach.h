/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h — what a writer promises before it writes: behind which place there is no group yet.
 *
 *   offset  size  field           rule
 *        0     8  magic           "firn.rch"
 *        8     4  crc             CRC-32C of bytes [0, 8) and [12, 96)
 *       12     4  version         FMT_VERSION; higher: FMT_NEWER
 *       16    16  ledger_id
 *       32     8  incarnation     of the writer
 *       40     8  segment         no group was sent to a segment behind this one in the log's order, 0: to none at all,
 *       48     8  offset            or to a place in it at or behind this one
 *       56     8  known_segment   the segment with the last group that was durable then, 0 if there is none;
 *       64     8  known_offset      where that group ends;
 *       72     8  known_next_seq    the seq behind its last record;
 *       80     8  known_time        the timestamp of its last batch;
 *       88     4  known_crc         and its crc
 *       92     4  reserved        zero
 *
 * One block, overwritten in place by a durable write before any group goes behind what it said until then. One that
 * does not verify, or is of another incarnation, says nothing: then every place may hold a group.
 */
#ifndef FMT_REACH_H
#define FMT_REACH_H

#include "format/hint.h"

enum {
    FMT_REACH_MAGIC = FMT_HINT_MAGIC,
    FMT_REACH_CRC = FMT_HINT_CRC,
    FMT_REACH_VERSION = FMT_HINT_VERSION,
    FMT_REACH_LEDGER_ID = FMT_HINT_LEDGER_ID,
    FMT_REACH_INCARNATION = FMT_HINT_INCARNATION,
    FMT_REACH_SEGMENT = 40,
    FMT_REACH_OFFSET = 48,
    FMT_REACH_KNOWN_SEGMENT = 56,
    FMT_REACH_KNOWN_OFFSET = 64,
    FMT_REACH_KNOWN_NEXT_SEQ = 72,
    FMT_REACH_KNOWN_TIME = 80,
    FMT_REACH_KNOWN_CRC = 88,
    FMT_REACH_RESERVED = 92,
    FMT_REACH_HEADER = 96 /**< All of it. */
};

#define FMT_REACH_MAGIC_TEXT "firn.rch"

_Static_assert((int)FMT_REACH_SEGMENT == (int)FMT_HINT_HEADER && FMT_REACH_HEADER == FMT_REACH_RESERVED + 4,
               "the reach has a hole");

typedef struct fmt_reach {
    fmt_hint hint; /**< Whose word it is. */
    uint64_t segment;
    uint64_t offset;
    uint64_t known_segment;
    uint64_t known_offset;
    uint64_t known_next_seq;
    int64_t known_time_ns;
    uint32_t known_crc;
} fmt_reach;

void fmt_reach_encode(uint8_t out[FMT_REACH_HEADER], const fmt_reach *reach);
/** FMT_OK, FMT_BLANK, FMT_SHORT, FMT_MAGIC, FMT_NEWER, FMT_CHECKSUM, FMT_SYNTAX: the reserved bytes are not zero. */
fmt_verdict fmt_reach_decode(const uint8_t *data, size_t size, fmt_reach *out_reach) FIRN_NODISCARD;

#endif
