/* SPDX-License-Identifier: Apache-2.0 */
/* perform.h — make the calls of a script on a ledger, waiting for each or not, and say how they were answered. */
#ifndef TEST_DIFFER_PERFORM_H
#define TEST_DIFFER_PERFORM_H

#include "firn.h"
#include "test/differ/script.h"

enum {
    CALL_EVENTS_MAX = 20 /**< Of a run, in one call. */
};

/** A call that was made. What results are written to must stay until it is answered. */
typedef struct call {
    const op *op;        /**< NULL: no call. */
    firn_ticket *ticket; /**< NULL: answered. */
    firn_status status;  /**< Once answered; as all below. */
    firn_error err;
    firn_receipt receipt; /**< Of events alone: the other calls give none where they wait. */
    firn_content_put_result put;
    firn_run_created created;
    firn_run_appended appended;
    firn_release_result promoted;
    uint64_t event_seqs[CALL_EVENTS_MAX];
    size_t event_seqs_count;
} call;

/** Makes the call of an operation. submits: *c may be without an answer when this returns. FIRN_FULL: nothing was
   taken, make progress and try again. Any other status is the answer, or FIRN_OK: it is in *c, or will come. */
firn_status perform(firn_ledger *ledger, const op *o, bool submits, call *c);
/** Waits for the answer. */
void perform_wait(call *c);
/** Lets go of a call that will not be answered. */
void perform_drop(call *c);
/** An answered call as text, from malloc(). */
char *perform_answer(const call *c);
/** The version of the stream that an operation is of first, of all that is durable now. */
uint64_t perform_version(firn_ledger *ledger, const op *o);

#endif
