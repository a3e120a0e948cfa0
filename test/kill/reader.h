/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h — a process that opens a ledger for reading, again and again, and notes each record that it is shown. */
#ifndef TEST_KILL_READER_H
#define TEST_KILL_READER_H

#include "test/kill/shared.h"

typedef struct reader {
    shared *shared;
    const char *url;
    firn_options options; /**< The mode is set by the reader. */
} reader;

/** What the process does, until it is killed; arg is a reader. */
void reader_run(void *arg);

#endif
