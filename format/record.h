/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h — one fact: the unit of length prefix and checksum.
 *
 *   offset  size  field    rule
 *        0     4  length   bytes of body, 0 … FMT_BODY_SIZE_MAX
 *        4     4  crc      CRC-32C of salt, seq (8 bytes), bytes [8, 24) and the body
 *        8     2  kind     kinds.def; 1 … 32767 the application's
 *       10     2  flags    0 in version 1; unknown flags: FMT_NEWER
 *       12     4  stream   interned number, from 1; 0 the ledger itself
 *       16     8  version  number of the record in its stream, from 1
 *       24     …  body     msgpack
 *
 * The seq is not stored but salts the checksum: bytes in the wrong place cannot look valid.
 */
#ifndef FMT_RECORD_H
#define FMT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"
#include "format/verdict.h"

enum {
    FMT_RECORD_LENGTH = 0,
    FMT_RECORD_CRC = 4,
    FMT_RECORD_KIND = 8,
    FMT_RECORD_FLAGS = 10,
    FMT_RECORD_STREAM = 12,
    FMT_RECORD_VERSION = 16,
    FMT_RECORD_HEADER = 24,
    FMT_BODY_SIZE_MAX = FIRN_BODY_SIZE_MAX
};

/** A record as decoded, or to encode. body is borrowed from the bytes it was decoded from. */
typedef struct fmt_record {
    uint64_t seq;
    uint64_t version;
    uint32_t stream;
    uint16_t kind;
    uint16_t flags;
    firn_slice body;
} fmt_record;

/** What salts all checksums of a segment: CRC-32C of ledger id, segment number and incarnation. */
uint32_t fmt_salt(const uint8_t ledger_id[FIRN_LEDGER_ID_SIZE], uint64_t segment, uint64_t incarnation);

static inline size_t fmt_record_size(size_t body_size)
{
    return FMT_RECORD_HEADER + body_size;
}

/** Writes fmt_record_size() bytes; the body is given in parts, record->body is ignored. Returns the crc. */
uint32_t fmt_record_encode(uint8_t *out, uint32_t salt, const fmt_record *record, const firn_slice *parts,
                           size_t parts_count);

/** The checksum of the record at data as fmt_record_decode() computes it: for a text about one that differs. The
    record is there as a whole, by its length. */
uint32_t fmt_record_crc(const uint8_t *data, uint32_t salt, uint64_t seq);

/** Decodes and verifies the record at data, whose seq is known. *out_size: its bytes. */
fmt_verdict fmt_record_decode(const uint8_t *data, size_t size, uint32_t salt, uint64_t seq, fmt_record *out_record,
                              size_t *out_size);

#endif
