/* SPDX-License-Identifier: Apache-2.0 */
/* ticket.c — ask for answers: poll and wait for one ticket, make progress for all, an eventfd for event loops. */
#include "engine/base/error.h"
#include "engine/base/notify.h"
#include "engine/intake/core.h"
#include "engine/intake/deadline.h"

#include <assert.h>

static firn_status ticket_result(const firn_ticket *ticket, firn_receipt *out_receipt, firn_error *err)
{
    if (ticket->status == FIRN_OK) {
        if (out_receipt != NULL) {
            *out_receipt = ticket->receipt;
        }
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = ticket->err;
    }
    return ticket->status;
}

firn_status firn_ticket_poll(firn_ticket *ticket, firn_receipt *out_receipt, firn_error *err)
{
    if (ticket == NULL) {
        return frn_fail(err, FIRN_EINVAL, "ticket is NULL");
    }
    if (atomic_load_explicit(&ticket->state, memory_order_acquire) != FRN_TICKET_DONE) {
        return FIRN_PENDING;
    }
    return ticket_result(ticket, out_receipt, err);
}

/* The answer is being given by another thread, or has been: sleeps until it is there. */
static firn_status ticket_sleep(firn_ticket *ticket, int64_t deadline_ns)
{
    uint32_t state = FRN_TICKET_PENDING;

    (void)atomic_compare_exchange_strong(&ticket->state, &state, FRN_TICKET_WAITED);
    for (;;) {
        state = atomic_load_explicit(&ticket->state, memory_order_acquire);
        if (state == FRN_TICKET_DONE) {
            return FIRN_OK;
        }
        assert(state == FRN_TICKET_WAITED);
        if (!frn_word_wait(&ticket->state, state, deadline_ns)) {
            /* The state stays: another thread may sleep on it. */
            state = atomic_load_explicit(&ticket->state, memory_order_acquire);
            return state == FRN_TICKET_DONE ? FIRN_OK : FIRN_TIMEOUT;
        }
    }
}

firn_status firn_ticket_wait(firn_ticket *ticket, int64_t timeout_ns, firn_receipt *out_receipt, firn_error *err)
{
    int64_t deadline_ns = frn_deadline(timeout_ns);
    firn_status status;

    if (ticket == NULL) {
        return frn_fail(err, FIRN_EINVAL, "ticket is NULL");
    }
    if (atomic_load_explicit(&ticket->state, memory_order_acquire) != FRN_TICKET_DONE) {
        /* Poisoned or durable, the answer comes with the delivery. */
        status = frn_log_wait(ticket->answers->log, ticket->position, deadline_ns, NULL);
        if (status == FIRN_TIMEOUT) {
            return FIRN_TIMEOUT;
        }
        frn_answers_deliver(ticket->answers);
        status = ticket_sleep(ticket, deadline_ns);
        if (status != FIRN_OK) {
            return status;
        }
    }
    return ticket_result(ticket, out_receipt, err);
}

/* One round of firn_poll(). If all is durable or void and calls are outstanding all the same, another thread is at
   giving answers: this one rests meanwhile. */
static void poll_round(firn_ledger *ledger, int64_t wait_ns)
{
    frn_word never = 0;

    (void)frn_log_drive(ledger->log, wait_ns);
    frn_answers_deliver(&ledger->answers);
    if (wait_ns != 0 && !frn_log_busy(ledger->log) && frn_answers_outstanding(&ledger->answers) != 0) {
        (void)frn_word_wait(&never, 0, frn_monotonic_ns() + FRN_ANSWERS_REST_NS);
    }
}

firn_status firn_poll(firn_ledger *ledger, int64_t timeout_ns, size_t *out_done, firn_error *err)
{
    int64_t deadline_ns = frn_deadline(timeout_ns), wait_ns = 0;
    frn_answers *answers;
    uint64_t before, after;
    int poisoned;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "ledger is NULL");
    }
    answers = &ledger->answers;
    atomic_store(&answers->signalled, false);
    before = atomic_load(&answers->answered);
    for (;;) {
        poll_round(ledger, wait_ns);
        poisoned = frn_log_poisoned(ledger->log);
        if (frn_answers_outstanding(answers) == 0) {
            break;
        }
        wait_ns = frn_deadline_left(deadline_ns);
        if (poisoned != 0) {
            wait_ns = FRN_ANSWERS_REST_NS; /* Whoever hears FIRN_EPOISONED may count on it that all are answered. */
        } else if (atomic_load(&answers->answered) != before || wait_ns == 0) {
            break;
        }
    }
    if (answers->manual && frn_answers_outstanding(answers) != 0) {
        frn_answers_signal(answers);
    }
    after = atomic_load(&answers->answered);
    if (out_done != NULL) {
        *out_done = (size_t)(after - before);
    }
    if (poisoned != 0) {
        return frn_log_poison_why(ledger->log, err);
    }
    return after != before ? FIRN_OK : FIRN_TIMEOUT;
}

firn_status firn_eventfd(firn_ledger *ledger, int *out_fd, firn_error *err)
{
    int fd, there = -1;
    firn_status status;

    if (ledger == NULL || out_fd == NULL) {
        return frn_fail(err, FIRN_EINVAL, "%s is NULL", ledger == NULL ? "ledger" : "out_fd");
    }
    fd = atomic_load(&ledger->answers.event_fd);
    if (fd < 0) {
        status = frn_notify_open(&fd, err);
        if (status != FIRN_OK) {
            return status;
        }
        if (!atomic_compare_exchange_strong(&ledger->answers.event_fd, &there, fd)) {
            frn_notify_close(fd);
            fd = there;
        }
        if (frn_answers_outstanding(&ledger->answers) != 0) {
            frn_answers_signal(&ledger->answers);
        }
    }
    *out_fd = fd;
    return FIRN_OK;
}
