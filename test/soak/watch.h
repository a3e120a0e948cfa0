/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h — the figures of a soak: taken now and then, kept as CSV, and judged at the end. */
#ifndef TEST_SOAK_WATCH_H
#define TEST_SOAK_WATCH_H

#include <stdint.h>
#include <stdio.h>

#include "test/soak/trend.h"

/** What is looked at. */
typedef struct watch {
    const char *url; /**< A folder. */
    int staying;     /**< Processes. */
    int reopening;
    FILE *csv;
    double began;
    double sampled; /* When; 0: never. */
    holding first;  /**< Of this process, behind the warm-up, and */
    holding last;   /**< last. */
} watch;

void watch_begin(watch *w, const char *csv);

/** Seconds since then. */
double watch_seconds(const watch *w);

/** The ledger was opened, after its writer was killed or closed it; how much processor time it took. */
void watch_opening(const watch *w, bool killed, double seconds);

/** Take all figures, unless it was done a moment ago. The ledger is closed; of `data_bytes` in record bodies. */
void watch_sample(watch *w, uint64_t rounds, uint64_t seq, uint64_t data_bytes);

/** Prints a line for each figure, and returns how many of them grew. */
unsigned watch_end(watch *w);

#endif
