/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h — one or more whole batches: the unit of one write. Private to the log.
 *
 *   offset  size  field         rule
 *        0     4  magic         "FGRP"
 *        4     4  crc           CRC-32C of salt, the group's byte offset in the segment (8) and bytes [8, 64)
 *        8     8  segment       number of the segment
 *       16     8  incarnation
 *       24     8  first_seq     the range [first_seq, next_seq) that the group covers,
 *       32     8  next_seq        removed seqs included: ranges join without gaps
 *       40     8  durable       the last seq known durable when the group was sent; 0 none
 *       48     4  content_size  bytes of the batches that follow the header
 *       52     4  content_crc   CRC-32C of the crc fields (4 bytes each) of its records and batches, each
 *                               batch's records before the batch itself
 *       56     4  prev_crc      crc of the group before, across segments and incarnations; 0 for the first ever
 *       60     4  batches       number of batches, at least 1
 *       64     …  content       batches without gaps, then zeros up to the alignment
 */
#ifndef FMT_GROUP_H
#define FMT_GROUP_H

#include "format/batch.h"

enum {
    FMT_GROUP_MAGIC = 0,
    FMT_GROUP_CRC = 4,
    FMT_GROUP_SEGMENT = 8,
    FMT_GROUP_INCARNATION = 16,
    FMT_GROUP_FIRST_SEQ = 24,
    FMT_GROUP_NEXT_SEQ = 32,
    FMT_GROUP_DURABLE = 40,
    FMT_GROUP_CONTENT_SIZE = 48,
    FMT_GROUP_CONTENT_CRC = 52,
    FMT_GROUP_PREV_CRC = 56,
    FMT_GROUP_BATCHES = 60,
    FMT_GROUP_HEADER = 64
};
#define FMT_GROUP_MAGIC_VALUE 0x50524746u
/** Bytes of content at most: one batch of full size fits. */
#define FMT_GROUP_CONTENT_MAX ((uint32_t)FMT_BATCH_SIZE_MAX)

typedef struct fmt_group {
    uint64_t segment;
    uint64_t incarnation;
    uint64_t first_seq;
    uint64_t next_seq;
    uint64_t durable;
    uint32_t content_size;
    uint32_t content_crc;
    uint32_t prev_crc;
    uint32_t batches;
    uint32_t crc; /**< Decoded; encode returns it. */
} fmt_group;

/** Bytes that a group with this content takes in the segment. */
uint64_t fmt_group_size(uint32_t content_size, uint32_t alignment);

/** Writes the 64 bytes of the header; returns its crc. */
uint32_t fmt_group_encode(uint8_t *out, uint32_t salt, uint64_t offset, const fmt_group *group);

/** Verifies the header alone: magic, crc, range not empty, content_size 1 … FMT_GROUP_CONTENT_MAX, segment and
    incarnation as given. FMT_BLANK if all 64 bytes are zero. */
fmt_verdict fmt_group_decode(const uint8_t *data, size_t size, uint32_t salt, uint64_t offset, uint64_t segment,
                             uint64_t incarnation, fmt_group *out_group);

/** Verifies everything behind a decoded header: each batch and record, ranges, content_crc, padding. data is the
    whole group, fmt_group_size() bytes. *out_bad: offset in data of what is wrong. */
fmt_verdict fmt_group_check(const uint8_t *data, size_t size, uint32_t salt, const fmt_group *group, size_t *out_bad);

#endif
