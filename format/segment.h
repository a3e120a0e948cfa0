/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h — header and footer of a log file.
 *
 * A segment is: header block (one alignment unit), groups, unused space, footer region. The footer region has a
 * fixed size that follows from the segment's size, so that it is found without a search; it is written when the
 * segment is sealed, after every group before it is durable: it is a witness.
 *
 * Header:
 *   offset  size  field         rule
 *        0     8  magic         "firn.seg"
 *        8     4  crc           CRC-32C of bytes [0, 8) and [12, header_size); not salted: it verifies by itself
 *       12     4  version       FMT_VERSION; higher: FMT_NEWER
 *       16     4  header_size   128 in version 1
 *       20     4  alignment     a power of two, FMT_ALIGNMENT_MIN … FMT_ALIGNMENT_MAX
 *       24     8  compatible    features that a reader may ignore
 *       32     8  incompatible  features that a reader must know; an unknown bit: FMT_NEWER
 *       40    16  ledger_id
 *       56     8  number        of the segment, from 1; also the file's name
 *       64     8  incarnation
 *       72     8  generation    of the manifest that first named this number
 *       80     8  size          bytes of the file, a multiple of alignment
 *       88     8  time          ns since 1970, when the header was written
 *       96    32  reserved      zero
 *
 * Footer, at size - fmt_footer_size():
 *   offset  size  field          rule
 *        0     8  magic          "firn.end"
 *        8     4  crc            CRC-32C of salt, bytes [0, 8) and [12, end of the region)
 *       12     4  anchors_count  0 … fmt_anchors_max()
 *       16     8  number         of the segment
 *       24     8  incarnation
 *       32     8  first_seq      the range [first_seq, next_seq) of the segment's groups;
 *       40     8  next_seq         equal if there are none
 *       48     8  end_offset     where the last group ends
 *       56     8  groups
 *       64     8  batches
 *       72     8  records
 *       80     8  first_time     timestamp of the first batch; 0 if there is none
 *       88     8  last_time      timestamp of the last batch
 *       96     4  prev_crc       crc of the last group before this segment
 *      100     4  last_crc       crc of its last group; prev_crc if it has none
 *      104     4  groups_crc     CRC-32C of the crc fields (4 bytes each) of its groups
 *      108    20  reserved       zero
 *      128     …  anchors        16 each: 8 first_seq of a group, 8 its offset; both ascending; then zeros
 */
#ifndef FMT_SEGMENT_H
#define FMT_SEGMENT_H

#include <stdbool.h>

#include "format/record.h"

enum {
    FMT_VERSION = 1,
    FMT_SEGMENT_HEADER = 128,   /**< Bytes of the header; zeros follow up to the alignment. */
    FMT_FOOTER_HEADER = 128,    /**< Bytes of the footer before its anchors. */
    FMT_ANCHOR_SIZE = 16,       /**< 8 first_seq of a group, 8 its offset. */
    FMT_ANCHOR_SPACING = 65536, /**< A footer holds at most one anchor for so many bytes of segment. */
    FMT_ALIGNMENT_MIN = 4096,
    FMT_ALIGNMENT_MAX = 65536,
    FMT_SEGMENT_SIZE_MIN = 65536
};

enum {
    FMT_SEGMENT_MAGIC = 0,
    FMT_SEGMENT_CRC = 8,
    FMT_SEGMENT_VERSION = 12,
    FMT_SEGMENT_HEADER_SIZE = 16,
    FMT_SEGMENT_ALIGNMENT = 20,
    FMT_SEGMENT_COMPATIBLE = 24,
    FMT_SEGMENT_INCOMPATIBLE = 32,
    FMT_SEGMENT_LEDGER_ID = 40,
    FMT_SEGMENT_NUMBER = 56,
    FMT_SEGMENT_INCARNATION = 64,
    FMT_SEGMENT_GENERATION = 72,
    FMT_SEGMENT_SIZE = 80,
    FMT_SEGMENT_TIME = 88,
    FMT_SEGMENT_RESERVED = 96
};

enum {
    FMT_FOOTER_MAGIC = 0,
    FMT_FOOTER_CRC = 8,
    FMT_FOOTER_ANCHORS_COUNT = 12,
    FMT_FOOTER_NUMBER = 16,
    FMT_FOOTER_INCARNATION = 24,
    FMT_FOOTER_FIRST_SEQ = 32,
    FMT_FOOTER_NEXT_SEQ = 40,
    FMT_FOOTER_END_OFFSET = 48,
    FMT_FOOTER_GROUPS = 56,
    FMT_FOOTER_BATCHES = 64,
    FMT_FOOTER_RECORDS = 72,
    FMT_FOOTER_FIRST_TIME = 80,
    FMT_FOOTER_LAST_TIME = 88,
    FMT_FOOTER_PREV_CRC = 96,
    FMT_FOOTER_LAST_CRC = 100,
    FMT_FOOTER_GROUPS_CRC = 104,
    FMT_FOOTER_RESERVED = 108
};

/** As text, without a final NUL. */
#define FMT_SEGMENT_MAGIC_TEXT "firn.seg"
#define FMT_FOOTER_MAGIC_TEXT "firn.end"
#define FMT_SEGMENT_SIZE_MAX (UINT64_C(4) * 1024 * 1024 * 1024)

/** Features that this build knows. */
#define FMT_COMPATIBLE_KNOWN UINT64_C(0)
#define FMT_INCOMPATIBLE_KNOWN UINT64_C(0)

typedef struct fmt_segment {
    uint32_t version;
    uint64_t compatible;
    uint64_t incompatible;
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t number;
    uint64_t incarnation;
    uint64_t generation; /**< Of the manifest that first named this number. */
    uint64_t size;       /**< Bytes of the file. */
    uint32_t alignment;
    int64_t time_ns; /**< When the header was written. */
} fmt_segment;

/** Writes FMT_SEGMENT_HEADER bytes. The crc covers all other bytes of the header. */
void fmt_segment_encode(uint8_t *out, const fmt_segment *segment);
/** FMT_BLANK: all zero; FMT_MAGIC; FMT_CHECKSUM; FMT_NEWER: version or incompatible flags (the rest is filled in);
    FMT_LENGTH: size or alignment out of range. */
fmt_verdict fmt_segment_decode(const uint8_t *data, size_t size, fmt_segment *out_segment);

typedef struct fmt_anchor {
    uint64_t first_seq;
    uint64_t offset;
} fmt_anchor;

typedef struct fmt_footer {
    uint64_t number;
    uint64_t incarnation;
    uint64_t first_seq; /**< Range [first_seq, next_seq) of the segment's groups; equal if there are none. */
    uint64_t next_seq;
    uint64_t end_offset; /**< Where the last group ends. */
    uint64_t groups;
    uint64_t batches;
    uint64_t records;
    int64_t first_time_ns; /**< Timestamps of the first and the last batch; 0 if there is none. */
    int64_t last_time_ns;
    uint32_t prev_crc;   /**< crc of the last group before this segment. */
    uint32_t last_crc;   /**< crc of its last group; prev_crc if it has none. */
    uint32_t groups_crc; /**< CRC-32C of the crcs of its groups. */
    uint32_t anchors_count;
} fmt_footer;

/** Anchors that fit the footer of a segment of this size, and bytes of its footer region (a multiple of alignment). */
uint32_t fmt_anchors_max(uint64_t segment_size);
uint64_t fmt_footer_size(uint64_t segment_size, uint32_t alignment);

/** Writes header and anchors, zeros up to fmt_footer_size(); the crc covers salt and all of it. */
void fmt_footer_encode(uint8_t *out, size_t size, uint32_t salt, const fmt_footer *footer, const fmt_anchor *anchors);
/** data: the whole region. FMT_BLANK if all of its first 128 bytes are zero. */
fmt_verdict fmt_footer_decode(const uint8_t *data, size_t size, uint32_t salt, fmt_footer *out_footer);
/** Anchor i of a footer that was decoded from data. */
fmt_anchor fmt_footer_anchor(const uint8_t *data, uint32_t i);

#endif
