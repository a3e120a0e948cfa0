/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cross.h — what a batch across the stores adds to its events: content, a run from creation to end, and a release.
 *
 * All of it follows from the plan's id: after a crash it is there whole, or nothing of it is.
 */
#ifndef TEST_KILL_CROSS_H
#define TEST_KILL_CROSS_H

#include "test/kill/plan.h"

enum {
    CROSS_EVENTS = 2,
    CROSS_RECORDS = 4 + CROSS_EVENTS,
    CROSS_RUN_FIRST = 1, /* Records of the run, within those of the batch across the stores. */
    CROSS_RUN_RECORDS = 2 + CROSS_EVENTS,
    CROSS_RELEASE = CROSS_RECORDS - 1
};

firn_status cross_collect(const plan *p, firn_batch *batch, firn_error *err);

/** The kind of record i of these. */
uint32_t cross_kind(unsigned i);

/** NULL if a view shows all of it, else what it shows wrong. */
const char *cross_differs(const plan *p, uint64_t release_number, firn_view *view);

#endif
