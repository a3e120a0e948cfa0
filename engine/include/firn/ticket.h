/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.h — answers of submitted calls: callback, poll, wait, eventfd. */
#ifndef FIRN_TICKET_H
#define FIRN_TICKET_H

#include "firn/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A submitted call. Freed by the caller, before the ledger is closed. Any thread may look and wait. */
typedef struct firn_ticket firn_ticket;

/**
 * Told the answer of a submitted call, once, by the thread that found it durable: a thread of the
 * ledger's, or any thread inside a firn call. Must not block and may call only _submit functions; its
 * own call still counts for outstanding_max while it runs.
 * @param status   As the blocking form would return.
 * @param receipt  NULL on failure. Ends with the call, like err.
 * @param err      NULL on success.
 */
typedef void (*firn_done_fn)(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err);

typedef struct firn_submit_options {
    size_t struct_size;
    firn_done_fn done; /**< NULL: ask the ticket instead. */
    void *arg;
} firn_submit_options;

/**
 * Look at a ticket.
 * @return FIRN_PENDING, or the status of the call; *out_receipt is filled in on FIRN_OK, err on an error.
 */
FIRN_API FIRN_NODISCARD firn_status firn_ticket_poll(firn_ticket *ticket, firn_receipt *out_receipt, firn_error *err);

/** Wait for the answer: timeout_ns < 0 for ever. FIRN_TIMEOUT if it did not come, else as firn_ticket_poll(). */
FIRN_API FIRN_NODISCARD firn_status firn_ticket_wait(firn_ticket *ticket, int64_t timeout_ns, firn_receipt *out_receipt,
                                                     firn_error *err);

/** Free a ticket, answered or not: the call itself goes on. No other call on it may run. NULL is accepted. */
FIRN_API void firn_ticket_free(firn_ticket *ticket);

/**
 * Make progress: send what is gathered, take in what the disk finished, run callbacks.
 * @param timeout_ns  How long to wait for something to finish if nothing has; 0: do not; < 0: for ever.
 *                    Returns at once, with FIRN_TIMEOUT, when nothing is outstanding.
 * @param out_done    Calls that were answered during this one. May be NULL.
 * @return FIRN_OK; FIRN_TIMEOUT: nothing was answered; FIRN_EPOISONED: the ledger is poisoned, and
 *   every call outstanding has been answered so.
 */
FIRN_API FIRN_NODISCARD firn_status firn_poll(firn_ledger *ledger, int64_t timeout_ns, size_t *out_done,
                                              firn_error *err);

/**
 * A file descriptor for poll, select or epoll; read 8 bytes from it, then call firn_poll(). The ledger
 * owns it and closes it; each call gives the same one.
 *
 * With FIRN_PROGRESS_AUTO it becomes readable when a call was answered. With FIRN_PROGRESS_MANUAL it is
 * readable while calls are outstanding, also while the disk is at work: a loop that calls firn_poll()
 * with a timeout of 0 then looks again and again; a timeout of the time of a write lets it sleep.
 * @return FIRN_OK, or FIRN_EIO.
 */
FIRN_API FIRN_NODISCARD firn_status firn_eventfd(firn_ledger *ledger, int *out_fd, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
