/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h — what a case of the benchmark is, and what it yields. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/floor.h"
#include "bench/histogram.h"
#include "firn.h"

/** What a case does over and over. */
typedef enum bench_work {
    BENCH_APPEND,       /**< Append a batch and wait until it is durable. */
    BENCH_APPEND_ASYNC, /**< Keep appends under way from one thread. */
    BENCH_SCAN,         /**< Read all records in order, from the page cache. */
    BENCH_SCAN_COLD,    /**< The same, the page cache emptied before each pass. */
    BENCH_GET,          /**< Read one record by a random seq. */
    BENCH_REPLAY,       /**< Build the index anew from the log, in memory. */
    BENCH_REBUILD,      /**< Delete the index on disk and open: events of one stream. */
    BENCH_REBUILD_MIXED, /**< The same: content and events of runs. */
    BENCH_CRASH         /**< Open after the writer was killed. */
} bench_work;

/** A case. */
typedef struct bench_case {
    char name[32];
    bench_work work;
    uint32_t writers;     /**< BENCH_APPEND: threads. */
    uint32_t outstanding; /**< BENCH_APPEND_ASYNC: calls under way. */
    uint32_t batch;       /**< Records of a batch. */
    uint32_t size;        /**< Bytes of a payload. */
    uint64_t records;     /**< Reading: records of the ledger that is read. */
    bool records_given;   /**< It was asked for. */
    uint64_t count;       /**< Operations; 0: as many as duration_ns allows. */
    uint64_t duration_ns;
    bool burst; /**< Only as much as the log files made ahead hold. */
    uint64_t segment_size;
    uint32_t spares;
    uint64_t seed;
    uint32_t rounds;
    firn_io_path io_path;
    firn_durable_method durable_method;
    const char *dir;
} bench_case;

/** One round of a case. Large: do not put on the stack of a thread. */
typedef struct bench_round {
    uint64_t operations;
    uint64_t records;
    uint64_t duration_ns;
    uint64_t cpu_ns; /**< User and system time of the process. */
    uint64_t payload_bytes;
    uint64_t bytes_written;
    uint64_t bytes_filled;   /**< Zero-filling inside the clock. */
    uint64_t open_write_ns;  /**< BENCH_REBUILD, BENCH_CRASH: what opening took, the last time. */
    uint64_t open_read_ns;   /**< BENCH_CRASH. */
    uint64_t memory_peak;    /**< BENCH_REBUILD: bytes of memory of the process at most; 0: unknown. */
    bench_histogram latency; /**< Of operations; empty where a case has none. */
    firn_stats stats;        /**< At the end. */
} bench_round;

/** A case that ran: its best round, and how it compares. */
typedef struct bench_result {
    const bench_case *setting;
    bench_round best;
    double rate_median;       /**< Records per second over the rounds that count. */
    uint32_t rounds;          /**< That count. */
    uint32_t rounds_dropped;  /**< In which the floor moved by more than a fifth, or that met a scheduler tick. */
    bench_floor floor_before; /**< Of the best round. */
    bench_floor floor_after;
} bench_result;

double bench_rate(const bench_round *round);

/** Run all rounds of a case. `result` is caller's, any content. Every round has a fresh folder, removed behind it. */
firn_status bench_run(const bench_case *setting, bench_result *result, firn_error *err) FIRN_NODISCARD;

/** The works, each on a folder of its own; they fill in *round, which is all zero. */
firn_status bench_append(const bench_case *setting, const char *folder, bench_round *round,
                         firn_error *err) FIRN_NODISCARD;
firn_status bench_append_async(const bench_case *setting, const char *folder, bench_round *round,
                               firn_error *err) FIRN_NODISCARD;
firn_status bench_read(const bench_case *setting, const char *folder, bench_round *round,
                       firn_error *err) FIRN_NODISCARD;
firn_status bench_rebuild(const bench_case *setting, const char *folder, bench_round *round,
                          firn_error *err) FIRN_NODISCARD;
firn_status bench_crash(const bench_case *setting, const char *folder, bench_round *round,
                        firn_error *err) FIRN_NODISCARD;

/** A case that can be asked for by name: what differs from the caller's parameters. */
typedef struct bench_named {
    const char *name;
    bench_work work;
    uint32_t writers;
    uint32_t outstanding;
    uint32_t batch;
    uint32_t spares; /**< 0: as asked for. */
    uint64_t count;  /**< 0: as asked for. */
    uint64_t records; /**< 0: as asked for; else unless asked for. */
    bool burst;
    bool unnamed; /**< Not part of a run of all cases: its parameters are the caller's. */
} bench_named;

/** All cases there are; ends with name NULL. */
extern const bench_named bench_cases[];
/** Is the case one of those that a word on the command line means? */
bool bench_named_matches(const bench_named *named, const char *word);

#endif
