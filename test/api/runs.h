/* SPDX-License-Identifier: Apache-2.0 */
/* runs.h — runs for tests: the fixtures of the contract, and short forms of what tests do with runs. */
#ifndef TEST_API_RUNS_H
#define TEST_API_RUNS_H

#include <stdbool.h>

#include "test/api/api.h"

extern const firn_time t0;
extern const firn_run_summary sum0;
/** D(`spec`), once meta() was called. */
extern uint8_t spec[FIRN_DIGEST_SIZE];

void spec_of(const char *text, uint8_t out[FIRN_DIGEST_SIZE]);
/** META. run_id NULL: none. */
firn_run_args meta(const char *run_id);
/** EV. */
firn_run_event ev(uint64_t event_seq, const char *kind);

/** A run with META. */
firn_run_created create(firn_ledger *ledger, const char *run_id);
firn_status append1(firn_ledger *ledger, const char *run_id, firn_run_event event, uint64_t *out_seq,
                    firn_run_appended *out, firn_error *err);
void append_ok(firn_ledger *ledger, const char *run_id, uint64_t event_seq, const char *kind);
firn_view *view_of(firn_ledger *ledger);
/** The run as it is now. Its slices end with the next call. */
firn_run get(firn_ledger *ledger, const char *run_id);
bool is(firn_slice slice, const char *text);
/** The numbers of the events that a walk gives, as text: "1 2 3". It ends with the next call. */
const char *walk(firn_ledger *ledger, const char *run_id, firn_run_events_options options, size_t limit);
#define ALL(ledger, run_id) walk((ledger), (run_id), (firn_run_events_options){0}, SIZE_MAX)

#endif
