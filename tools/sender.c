/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c — keep several batches under way, and tell of each in order when it is acknowledged.
 *
 * Tickets stand in a ring in the order of sending. Batches are decided and made durable in that order, so only
 * the oldest needs to be looked at.
 *
 * Why the ledger's own thread drives it (FIRN_PROGRESS_AUTO): without it the descriptor to wait on would be readable as
 * long as the disk is at work, and whoever waits for input beside it would look again and again. Recording a build took
 * 0.3 s of processor time so, and takes 0.05.
 */
#include "tools/sender.h"

#include <stdlib.h>
#include <time.h>

#include "tools/error.h"

struct tool_sender {
    firn_ledger *ledger;
    tool_acknowledged_fn acknowledged;
    void *arg;
    firn_status failed; /**< Of the first batch that failed; FIRN_OK if none has. */
    firn_error failed_err;
    unsigned max;
    unsigned first; /**< Position of the oldest ticket. */
    unsigned count;
    firn_ticket *tickets[];
};

firn_status tool_sender_new(firn_ledger *ledger, unsigned outstanding_max, tool_acknowledged_fn acknowledged, void *arg,
                            tool_sender **out_sender, firn_error *err)
{
    tool_sender *sender = calloc(1, sizeof *sender + outstanding_max * sizeof sender->tickets[0]);

    if (sender == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    sender->ledger = ledger;
    sender->acknowledged = acknowledged;
    sender->arg = arg;
    sender->max = outstanding_max;
    *out_sender = sender;
    return FIRN_OK;
}

void tool_sender_free(tool_sender *sender)
{
    if (sender == NULL)
        return;
    for (; sender->count > 0; sender->count--) {
        firn_ticket_free(sender->tickets[sender->first]);
        sender->first = (sender->first + 1) % sender->max;
    }
    free(sender);
}

/** Takes answers from the oldest ticket on, up to the first that is pending. */
static void take_answers(tool_sender *sender)
{
    while (sender->count > 0) {
        firn_ticket *ticket = sender->tickets[sender->first];
        firn_receipt receipt = {0};
        firn_error err;
        firn_status status = firn_ticket_poll(ticket, &receipt, &err);

        if (status == FIRN_PENDING)
            return;
        if (status == FIRN_OK) {
            sender->acknowledged(sender->arg, &receipt);
        } else if (sender->failed == FIRN_OK) {
            sender->failed = status;
            sender->failed_err = err;
        }
        firn_ticket_free(ticket);
        sender->first = (sender->first + 1) % sender->max;
        sender->count--;
    }
}

/** Drives the ledger, waiting for an answer if `wait`, and takes what is answered. */
static firn_status drive(tool_sender *sender, bool wait, firn_error *err)
{
    firn_status status = firn_poll(sender->ledger, wait ? -1 : 0, NULL, err);

    take_answers(sender);
    if (sender->failed < 0) {
        *err = sender->failed_err;
        return sender->failed;
    }
    return status < 0 ? status : FIRN_OK;
}

firn_status tool_sender_take(tool_sender *sender, firn_error *err)
{
    return drive(sender, false, err);
}

firn_status tool_sender_send(tool_sender *sender, firn_batch *batch, firn_error *err)
{
    firn_ticket *ticket = NULL;
    firn_status status;

    while (sender->count == sender->max) {
        status = drive(sender, true, err);
        if (status < 0)
            return status;
    }
    while ((status = firn_batch_submit(batch, NULL, &ticket, err)) == FIRN_FULL) {
        /* With nothing under way there is nothing to wait for: a segment is being made, or the index merged. */
        if (sender->count == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        status = drive(sender, true, err);
        if (status < 0)
            return status;
    }
    if (status < 0)
        return status;
    sender->tickets[(sender->first + sender->count) % sender->max] = ticket;
    sender->count++;
    return drive(sender, false, err);
}

firn_status tool_sender_finish(tool_sender *sender, firn_error *err)
{
    firn_status status = FIRN_OK;

    while (sender->count > 0 && status >= 0) {
        status = firn_poll(sender->ledger, -1, NULL, err);
        take_answers(sender);
    }
    /* A poisoned ledger has answered everything. */
    take_answers(sender);
    if (sender->failed < 0) {
        *err = sender->failed_err;
        return sender->failed;
    }
    return status < 0 ? status : FIRN_OK;
}
