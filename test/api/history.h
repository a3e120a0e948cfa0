/* SPDX-License-Identifier: Apache-2.0 */
/* history.h — a history that gives every query something to answer; the same in any ledger. */
#ifndef TEST_API_HISTORY_H
#define TEST_API_HISTORY_H

#include "test/api/api.h"

enum {
    HISTORY_CONTENTS = 5,
    HISTORY_RUNS = 9,
    HISTORY_RELEASES = 3,
    HISTORY_KEYS = 12
};

/** Writes it. *clock_ns is what the ledger's clock says. part 0: the larger part; 1: what comes behind it. */
void history_fill(firn_ledger *ledger, int64_t *clock_ns, int part);

/* What stands in it; a number behind the last is of nothing that is there. */
firn_slice history_content(int i);
void history_key(int i, char out_text[24]);
void history_run_id(int i, char out_text[32]);
int64_t history_run_ns(int i); /**< When it was created. */
void history_release(int i, char out_text[32]);

#endif
