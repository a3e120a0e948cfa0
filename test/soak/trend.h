/* SPDX-License-Identifier: Apache-2.0 */
/* trend.h — figures of processes, and whether they stay flat over many samples. */
#ifndef TEST_SOAK_TREND_H
#define TEST_SOAK_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a process holds. */
typedef struct holding {
    uint64_t anonymous_kib; /**< Memory of its own. Pages of files, the index's map among them, are the kernel's. */
    uint64_t resident_kib;  /**< With those. */
    uint64_t descriptors;   /**< Without those of */
    uint64_t segment_files; /**< segments, of which the engine keeps some open for reading: a cache. */
    uint64_t threads;
    uint64_t maps;
} holding;

/** Of a process that runs; ends the program if it does not. */
holding holding_of(int pid);

enum {
    TREND_SAMPLES_MAX = 8192
};

/** One figure over time. When there is no more room, every second sample is left out. */
typedef struct trend {
    const char *name;
    double relative; /**< It may grow by this part of its mean, */
    double absolute; /**< and by this much. */
    bool of_time;    /**< Its samples are times: of them the median of each tenth is taken. */
    size_t count;
    double at[TREND_SAMPLES_MAX];
    double value[TREND_SAMPLES_MAX];
} trend;

void trend_add(trend *t, double at, double value);

typedef struct trend_line {
    double mean;
    double growth; /**< From the first to the last sample behind the warm-up, by the line of least squares. */
    double limit;  /**< Of the growth. */
    size_t count;  /**< Samples behind the warm-up. */
} trend_line;

/** False: too few samples. */
bool trend_fit(const trend *t, trend_line *out);

#endif
