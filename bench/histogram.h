/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h — latencies counted in buckets of one part in 64, for percentiles of any number of values. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Values below 64 have buckets of their own; above, each power of two has 64. */
enum {
    BENCH_SUB_BUCKETS = 64,
    BENCH_BUCKETS = 59 * BENCH_SUB_BUCKETS
};

/** Start with all zero. */
typedef struct bench_histogram {
    uint64_t counts[BENCH_BUCKETS];
    uint64_t total; /**< Sum of counts. */
    uint64_t max;   /**< The largest value itself. */
} bench_histogram;

void bench_histogram_add(bench_histogram *histogram, uint64_t value);
/** Adds `count` times the same value. */
void bench_histogram_add_many(bench_histogram *histogram, uint64_t value, uint64_t count);
void bench_histogram_merge(bench_histogram *histogram, const bench_histogram *other);

/**
 * The value that a share of all values does not exceed: 0.99 for p99. Rounded up to the end of its bucket,
 * never above max; 0 if there are no values.
 */
uint64_t bench_histogram_percentile(const bench_histogram *histogram, double share);

#endif
