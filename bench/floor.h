/* SPDX-License-Identifier: Apache-2.0 */
/* floor.h — what this disk can do at best: the measure of every append. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "firn.h"

/** Durable writes, one at a time, into a file that was written before. */
typedef struct bench_floor {
    double rate;      /**< Writes of 4 KiB per second. */
    uint64_t p50_ns;  /**< Of one of them. */
    double bandwidth; /**< Bytes per second with writes of 1 MiB. */
    bool direct;      /**< With O_DIRECT; the file system may refuse it. */
} bench_floor;

/** Measure for at most about duration_ns in a file of its own in `folder`, removed again. */
firn_status bench_floor_measure(const char *folder, uint64_t duration_ns, bench_floor *out_floor,
                                firn_error *err) FIRN_NODISCARD;

#endif
