/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h — what all works share: a ledger to measure, payloads, random numbers, the process's CPU time. */
#ifndef BENCH_LEDGER_H
#define BENCH_LEDGER_H

#include "bench/bench.h"

/** A new ledger in `folder`, by the parameters of a case; returns when its spare log files are there. */
firn_status bench_ledger_open(const bench_case *setting, const char *folder, firn_progress progress,
                              firn_ledger **out_ledger, firn_error *err) FIRN_NODISCARD;

/** The ledger in `folder`, for reading. */
firn_status bench_ledger_open_read(const bench_case *setting, const char *folder, firn_ledger **out_ledger,
                                   firn_error *err) FIRN_NODISCARD;

/** The ledger in `folder`, by the parameters of a case. */
firn_status bench_ledger_reopen(const bench_case *setting, const char *folder, firn_open_mode mode,
                                firn_ledger **out_ledger, firn_error *err) FIRN_NODISCARD;

/** A closed ledger in `folder` with the records that will be read. */
firn_status bench_fill(const bench_case *setting, const char *folder, firn_error *err) FIRN_NODISCARD;
/** Reads all records once. */
firn_status bench_warm(const bench_case *setting, const char *folder, firn_error *err) FIRN_NODISCARD;

/** Operations that a case may do: its count, or what fits the spare log files, or no limit. */
uint64_t bench_count_max(const bench_case *setting);

/** A sequence of numbers; never 0 inside. */
typedef struct bench_random {
    uint64_t state;
} bench_random;

void bench_random_start(bench_random *random, uint64_t seed);
uint64_t bench_random_next(bench_random *random);

/** Printable bytes, the same for the same seed; slices of them are payloads. Freed by the caller; NULL: no memory. */
enum {
    BENCH_POOL_SIZE = 1024 * 1024
};
char *bench_pool_new(const bench_case *setting);
firn_slice bench_pool_payload(const char *pool, const bench_case *setting, bench_random *random);

/** User and system time of this process. */
uint64_t bench_cpu_ns(void);

/** Figures of the ledger before, to be taken from those at the end. */
firn_status bench_round_start(firn_ledger *ledger, bench_round *round, firn_error *err) FIRN_NODISCARD;
firn_status bench_round_end(firn_ledger *ledger, const bench_case *setting, bench_round *round,
                            firn_error *err) FIRN_NODISCARD;

#endif
