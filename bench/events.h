/* SPDX-License-Identifier: Apache-2.0 */
/* events.h — what appending to a run takes beyond raw appends: a run for each writer, events and JSON payloads. */
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include "bench/ledger.h"

/** The run of one writer, and the batch that it appends next. */
typedef struct bench_events {
    char id[24];
    firn_run_event *events;
} bench_events;

/** JSON texts of setting->size bytes, the same for the same seed; slices of them are payloads. Freed by the caller;
    NULL: no memory. */
char *bench_events_pool_new(const bench_case *setting);

/** Creates the run of a writer. `run` is all zero and must be freed, after a failure too. */
firn_status bench_events_begin(const bench_case *setting, firn_ledger *ledger, uint32_t writer, bench_events *run,
                               firn_error *err) FIRN_NODISCARD;
void bench_events_free(bench_events *run);
/** Appends a batch and waits until it is durable. The numbers of its events are the run's next ones. */
firn_status bench_events_append(const bench_case *setting, firn_ledger *ledger, bench_events *run, const char *pool,
                                bench_random *random, firn_error *err) FIRN_NODISCARD;
/** The same without waiting; the answer goes to the callback. FIRN_FULL: not now. */
firn_status bench_events_submit(const bench_case *setting, firn_ledger *ledger, bench_events *run, const char *pool,
                                bench_random *random, const firn_submit_options *options,
                                firn_error *err) FIRN_NODISCARD;

#endif
