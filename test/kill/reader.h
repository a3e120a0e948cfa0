/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h — a process that opens a ledger again and again, and notes each record that it is shown. */
#ifndef TEST_KILL_READER_H
#define TEST_KILL_READER_H

#include "test/kill/shared.h"

typedef struct reader {
    shared *shared;
    const char *url;
    bool follows;         /**< Stays, and is shown what comes. */
    firn_options options; /**< The mode too: a reader, or one that recovers the ledger before it reads. */
} reader;

/** What the process does, until it is killed; arg is a reader. */
void reader_run(void *arg);

/** Somebody was shown a record: whoever is shown it too must be shown the same. */
void reader_note(shared *s, const firn_record *record);

#endif
