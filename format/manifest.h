/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h — one slot of the manifest: which segments there are, in the order of the log, and whose history it is.
 *
 * Two slots hold the same content; every change is written to both, one after the other, each synced, before
 * anything relies on it. The higher generation wins.
 *
 *   offset  size  field               rule
 *        0     8  magic               "firn.man"
 *        8     4  crc                 CRC-32C of bytes [0, 8) and [12, length)
 *       12     4  version             FMT_VERSION; higher: FMT_NEWER
 *       16     4  header_size         256 in version 1
 *       20     4  length              bytes that carry meaning: header and lists; what follows in the file does not
 *       24     8  compatible          features that a reader may ignore
 *       32     8  incompatible        features that a reader must know; an unknown bit: FMT_NEWER
 *       40    16  ledger_id
 *       56     8  generation          counts changes, from 1
 *       64     8  time                ns since 1970, of this change
 *       72     8  created             ns since 1970, of the ledger's creation
 *       80     8  segment_size
 *       88     4  alignment
 *       92     4  durable_method      firn_durable_method
 *       96     8  segment_highest     highest segment number ever named
 *      104     8  durable             last seq known durable: a witness
 *      112     8  tail_segment        clean: the segment with the last group, 0 if there is no group;
 *      120     8  tail_offset           where that group ends;
 *      128     8  tail_time             the timestamp of the last batch;
 *      136     4  tail_crc              and the group's crc
 *      140     4  clean               1: closed cleanly, the tail fields hold; else 0
 *      144     8  cuts_total          cuts since creation
 *      152     4  runs_count          0 … FMT_MANIFEST_RUNS_MAX
 *      156     4  incarnations_count  1 … FMT_MANIFEST_INCARNATIONS_MAX
 *      160     4  cuts_count          0 … FMT_MANIFEST_CUTS_MAX
 *      164    92  reserved            zero
 *      256     …  runs                16 each: 8 first, 8 count; in log order, none overlap
 *        …     …  incarnations        24 each: 8 number, 8 first_seq, 8 segment
 *        …     …  cuts                56 each: 8 time, 8 incarnation, 8 segment, 8 offset, 8 bytes, 8 first_seq,
 *                                       8 seqs_seen; newest first
 */
#ifndef FMT_MANIFEST_H
#define FMT_MANIFEST_H

#include "firn/ledger.h"
#include "format/segment.h"

enum {
    FMT_MANIFEST_SIZE = 1024 * 1024, /**< Bytes of a slot's file. */
    FMT_MANIFEST_HEADER = 256,
    FMT_MANIFEST_RUNS_MAX = 8192, /**< Runs of consecutive segment numbers. */
    FMT_MANIFEST_INCARNATIONS_MAX = 32768,
    FMT_MANIFEST_CUTS_MAX = 16,
    FMT_RUN_SIZE = 16,
    FMT_INCARNATION_SIZE = 24,
    FMT_CUT_SIZE = 56
};

enum {
    FMT_MANIFEST_MAGIC = 0,
    FMT_MANIFEST_CRC = 8,
    FMT_MANIFEST_VERSION = 12,
    FMT_MANIFEST_HEADER_SIZE = 16,
    FMT_MANIFEST_LENGTH = 20,
    FMT_MANIFEST_COMPATIBLE = 24,
    FMT_MANIFEST_INCOMPATIBLE = 32,
    FMT_MANIFEST_LEDGER_ID = 40,
    FMT_MANIFEST_GENERATION = 56,
    FMT_MANIFEST_TIME = 64,
    FMT_MANIFEST_CREATED = 72,
    FMT_MANIFEST_SEGMENT_SIZE = 80,
    FMT_MANIFEST_ALIGNMENT = 88,
    FMT_MANIFEST_DURABLE_METHOD = 92,
    FMT_MANIFEST_SEGMENT_HIGHEST = 96,
    FMT_MANIFEST_DURABLE = 104,
    FMT_MANIFEST_TAIL_SEGMENT = 112,
    FMT_MANIFEST_TAIL_OFFSET = 120,
    FMT_MANIFEST_TAIL_TIME = 128,
    FMT_MANIFEST_TAIL_CRC = 136,
    FMT_MANIFEST_CLEAN = 140,
    FMT_MANIFEST_CUTS_TOTAL = 144,
    FMT_MANIFEST_RUNS_COUNT = 152,
    FMT_MANIFEST_INCARNATIONS_COUNT = 156,
    FMT_MANIFEST_CUTS_COUNT = 160,
    FMT_MANIFEST_RESERVED = 164
};

/** As text, without a final NUL. */
#define FMT_MANIFEST_MAGIC_TEXT "firn.man"

/** Segments first … first + count - 1, used in that order. */
typedef struct fmt_run {
    uint64_t first;
    uint64_t count;
} fmt_run;

/** Incarnation number begins at first_seq, in segments from `segment` on (in log order). Its predecessor ends
    before. */
typedef struct fmt_incarnation {
    uint64_t number;
    uint64_t first_seq;
    uint64_t segment;
} fmt_incarnation;

typedef struct fmt_manifest {
    uint32_t version;
    uint64_t compatible;
    uint64_t incompatible;
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t generation; /**< Counts changes, from 1. */
    int64_t time_ns;     /**< Of this change. */
    int64_t created_ns;
    uint64_t segment_size;
    uint32_t alignment;
    uint32_t durable_method;       /**< firn_durable_method as calibrated. */
    uint64_t segment_highest;      /**< Highest segment number ever named. */
    uint32_t clean;                /**< 1: closed cleanly; the tail fields hold. */
    uint64_t durable;              /**< Last seq known durable when this was written: a witness. */
    uint64_t tail_segment;         /**< Clean: the segment with the last group (0: no group yet), … */
    uint64_t tail_offset;          /**< … where that group ends, … */
    uint32_t tail_crc;             /**< … and its crc. */
    int64_t tail_time_ns;          /**< Timestamp of the last batch. */
    uint64_t cuts_total;           /**< Cuts since creation; the newest are kept. */
    fmt_run *runs;                 /**< In log order, spares included. The caller's arrays in encode; */
    uint32_t runs_count;           /**<  in decode arrays of at least the maximum, filled in. */
    fmt_incarnation *incarnations; /**< Ascending; the last is the current one. At least one. */
    uint32_t incarnations_count;
    firn_cut *cuts; /**< Newest first. */
    uint32_t cuts_count;
} fmt_manifest;

/** Bytes of the encoded content: what must be written. */
size_t fmt_manifest_size(const fmt_manifest *manifest);
/** Writes fmt_manifest_size() bytes. */
void fmt_manifest_encode(uint8_t *out, const fmt_manifest *manifest);
/** Arrays in *manifest must be set; its other fields hold after FMT_OK only. FMT_BLANK, FMT_MAGIC, FMT_SHORT,
    FMT_LENGTH, FMT_CHECKSUM, FMT_NEWER (version and flags are filled in), FMT_SYNTAX: a field beyond its range,
    FMT_ORDER: runs overlap, numbers above segment_highest, incarnations not ascending or their seqs descending. */
fmt_verdict fmt_manifest_decode(const uint8_t *data, size_t size, fmt_manifest *manifest);

#endif
