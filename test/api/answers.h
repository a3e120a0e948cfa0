/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers.h — every public query asked of one ledger, and all that it answers as one text: equal ledgers, equal texts.
 */
#ifndef TEST_API_ANSWERS_H
#define TEST_API_ANSWERS_H

#include <stdbool.h>

#include "test/api/api.h"

/** What is left out, so that ledgers can be compared that were written by different processes. */
enum {
    ANSWERS_ALL = 0,
    ANSWERS_ANY_LEDGER = 1, /**< What is random in a ledger: the names of uploads. */
    ANSWERS_ANY_LIFE = 2    /**< In which incarnation a record was written. */
};

/** Asks everything. url: of the ledger; NULL: it has none, and is not verified. The text is the caller's, from
   malloc(). */
char *answers_ask(firn_ledger *ledger, const char *url, unsigned left_out);

/** Names of public functions that the questions call, a line each question, names apart by blanks; NULL ends them. */
extern const char *const answers_asked[];
/** Names of public functions that do not answer out of a ledger's history: they change it, or are of one moment, or of
    no ledger. */
extern const char *const answers_not_asked[];

#endif
