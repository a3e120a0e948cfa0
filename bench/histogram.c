/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c — latencies counted in buckets of one part in 64, for percentiles of any number of values. */
#include "bench/histogram.h"

#include <math.h>

enum {
    SUB_BITS = 6
};
_Static_assert(1 << SUB_BITS == BENCH_SUB_BUCKETS, "a power of two");

/** Powers of two above the exact range, 0 within it. */
static unsigned power_of(uint64_t value)
{
    unsigned bits = value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);

    return bits <= SUB_BITS ? 0 : bits - SUB_BITS;
}

static unsigned bucket_of(uint64_t value)
{
    unsigned power = power_of(value);

    if (power == 0)
        return (unsigned)value;
    /* value >> (power - 1) lies in [64, 128): its low six bits choose among the 64 of this power. */
    return power * BENCH_SUB_BUCKETS + (unsigned)((value >> (power - 1)) - BENCH_SUB_BUCKETS);
}

/** The largest value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    unsigned power = bucket / BENCH_SUB_BUCKETS;
    uint64_t step = bucket % BENCH_SUB_BUCKETS;

    if (power == 0)
        return step;
    return ((BENCH_SUB_BUCKETS + step + 1) << (power - 1)) - 1;
}

void bench_histogram_add_many(bench_histogram *histogram, uint64_t value, uint64_t count)
{
    histogram->counts[bucket_of(value)] += count;
    histogram->total += count;
    if (value > histogram->max)
        histogram->max = value;
}

void bench_histogram_add(bench_histogram *histogram, uint64_t value)
{
    bench_histogram_add_many(histogram, value, 1);
}

void bench_histogram_merge(bench_histogram *histogram, const bench_histogram *other)
{
    for (unsigned i = 0; i < BENCH_BUCKETS; i++)
        histogram->counts[i] += other->counts[i];
    histogram->total += other->total;
    if (other->max > histogram->max)
        histogram->max = other->max;
}

uint64_t bench_histogram_percentile(const bench_histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)ceil((double)histogram->total * share);
    uint64_t seen = 0;

    if (histogram->total == 0)
        return 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted) {
            uint64_t end = bucket_end(i);

            return end < histogram->max ? end : histogram->max;
        }
    }
    return histogram->max;
}
