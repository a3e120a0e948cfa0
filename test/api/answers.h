/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers.h — every public query asked of one ledger, and all that it answers as one text: equal ledgers, equal texts.
 */
#ifndef TEST_API_ANSWERS_H
#define TEST_API_ANSWERS_H

#include <stdbool.h>

#include "test/api/api.h"

/** Asks everything. url: of the ledger. any_ledger: leaves out what is random in a ledger, the names of uploads, so
   that ledgers can be compared that were written by different processes. The text is the caller's, from malloc(). */
char *answers_ask(firn_ledger *ledger, const char *url, bool any_ledger);

/** Names of public functions that the questions call, a line each question, names apart by blanks; NULL ends them. */
extern const char *const answers_asked[];
/** Names of public functions that do not answer out of a ledger's history: they change it, or are of one moment, or of
    no ledger. */
extern const char *const answers_not_asked[];

#endif
