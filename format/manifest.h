/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.h — one slot of the manifest: which segments there are, in the order of the log, and whose history it is.
 *
 * Two slots hold the same content; every change is written to both, one after the other, each synced, before
 * anything relies on it. The higher generation wins.
 */
#ifndef FMT_MANIFEST_H
#define FMT_MANIFEST_H

#include "firn/ledger.h"
#include "format/segment.h"

enum {
    FMT_MANIFEST_SIZE = 1024 * 1024,     /**< Bytes of a slot's file; the unused rest is zero. */
    FMT_MANIFEST_HEADER = 256,
    FMT_MANIFEST_RUNS_MAX = 8192,        /**< Runs of consecutive segment numbers. */
    FMT_MANIFEST_INCARNATIONS_MAX = 32768,
    FMT_MANIFEST_CUTS_MAX = 16
};

/** Segments first … first + count - 1, used in that order. */
typedef struct fmt_run {
    uint64_t first;
    uint64_t count;
} fmt_run;

/** Incarnation number begins at first_seq, in segments from `segment` on (in log order). Its predecessor ends before. */
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
    uint64_t generation;       /**< Counts changes, from 1. */
    int64_t time_ns;           /**< Of this change. */
    int64_t created_ns;
    uint64_t segment_size;
    uint32_t alignment;
    uint32_t durable_method;   /**< firn_durable_method as calibrated. */
    uint64_t segment_highest;  /**< Highest segment number ever named. */
    uint32_t clean;            /**< 1: closed cleanly; the tail fields hold. */
    uint64_t durable;          /**< Last seq known durable when this was written: a witness. */
    uint64_t tail_segment;     /**< Clean: the segment with the last group (0: no group yet), … */
    uint64_t tail_offset;      /**< … where that group ends, … */
    uint32_t tail_crc;         /**< … and its crc. */
    int64_t tail_time_ns;      /**< Timestamp of the last batch. */
    uint64_t cuts_total;       /**< Cuts since creation; the newest are kept. */
    fmt_run *runs;             /**< In log order, spares included. The caller's arrays in encode; */
    uint32_t runs_count;       /**<  in decode arrays of at least the maximum, filled in. */
    fmt_incarnation *incarnations; /**< Ascending; the last is the current one. At least one. */
    uint32_t incarnations_count;
    firn_cut *cuts;            /**< Newest first. */
    uint32_t cuts_count;
} fmt_manifest;

/** Bytes of the encoded content: what must be written. */
size_t fmt_manifest_size(const fmt_manifest *manifest);
/** Writes fmt_manifest_size() bytes. */
void fmt_manifest_encode(uint8_t *out, const fmt_manifest *manifest);
/** Arrays in *manifest must be set. FMT_BLANK, FMT_MAGIC, FMT_SHORT, FMT_LENGTH, FMT_CHECKSUM, FMT_NEWER (version and flags are
    filled in), FMT_ORDER: runs overlap, numbers above segment_highest, incarnations or their seqs not ascending. */
fmt_verdict fmt_manifest_decode(const uint8_t *data, size_t size, fmt_manifest *manifest);

#endif
