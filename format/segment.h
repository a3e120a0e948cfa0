/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h — header and footer of a log file.
 *
 * A segment is: header block (one alignment unit), groups, unused space, footer region. The footer region has a
 * fixed size that follows from the segment's size, so that it is found without a search; it is written when the
 * segment is sealed, after every group before it is durable: it is a witness.
 */
#ifndef FMT_SEGMENT_H
#define FMT_SEGMENT_H

#include <stdbool.h>

#include "format/record.h"

enum {
    FMT_VERSION = 1,
    FMT_SEGMENT_HEADER = 128,     /**< Bytes of the header; zeros follow up to the alignment. */
    FMT_FOOTER_HEADER = 128,      /**< Bytes of the footer before its anchors. */
    FMT_ANCHOR_SIZE = 16,         /**< 8 first_seq of a group, 8 its offset. */
    FMT_ANCHOR_SPACING = 65536,   /**< A footer holds at most one anchor for so many bytes of segment. */
    FMT_ALIGNMENT_MIN = 4096,
    FMT_ALIGNMENT_MAX = 65536,
    FMT_SEGMENT_SIZE_MIN = 65536
};
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
    uint64_t generation;  /**< Of the manifest that first named this number. */
    uint64_t size;        /**< Bytes of the file. */
    uint32_t alignment;
    int64_t time_ns;      /**< When the header was written. */
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
    uint64_t first_seq;    /**< Range [first_seq, next_seq) of the segment's groups; equal if there are none. */
    uint64_t next_seq;
    uint64_t end_offset;   /**< Where the last group ends. */
    uint64_t groups;
    uint64_t batches;
    uint64_t records;
    int64_t first_time_ns; /**< Timestamps of the first and the last batch; 0 if there is none. */
    int64_t last_time_ns;
    uint32_t prev_crc;     /**< crc of the last group before this segment. */
    uint32_t last_crc;     /**< crc of its last group; prev_crc if it has none. */
    uint32_t groups_crc;   /**< CRC-32C of the crcs of its groups. */
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
