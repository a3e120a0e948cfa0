/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c — submitted calls from their decision to their answer. */
#include "engine/intake/answer.h"

#include "engine/base/error.h"
#include "engine/base/notify.h"

#include <assert.h>
#include <string.h>

enum {
    CHUNK_TICKETS = 32
};

struct frn_ticket_chunk {
    frn_ticket_chunk *next;
    firn_ticket tickets[CHUNK_TICKETS];
};

firn_status frn_answers_init(frn_answers *answers, frn_heap *heap, uint32_t outstanding_max, bool manual,
                             firn_error *err)
{
    uint64_t places = 1;

    *answers = (frn_answers){.heap = heap, .outstanding_max = outstanding_max, .manual = manual};
    atomic_init(&answers->event_fd, -1);
    while (places < outstanding_max) {
        places *= 2;
    }
    answers->mask = places - 1;
    answers->ring = frn_alloc(heap, places * sizeof *answers->ring);
    return answers->ring != NULL ? FIRN_OK : frn_fail(err, FIRN_ENOMEM, "queue of %u calls", outstanding_max);
}

void frn_answers_done(frn_answers *answers)
{
    int fd = atomic_load(&answers->event_fd);

    while (answers->chunks != NULL) {
        frn_ticket_chunk *next = answers->chunks->next;

        frn_free(answers->heap, answers->chunks);
        answers->chunks = next;
    }
    frn_free(answers->heap, answers->ring);
    answers->ring = NULL;
    if (fd >= 0) {
        frn_notify_close(fd);
    }
}

uint64_t frn_answers_outstanding(const frn_answers *answers)
{
    /* answered first: read later it could overtake submitted. */
    uint64_t answered = atomic_load_explicit(&answers->answered, memory_order_acquire);

    return atomic_load_explicit(&answers->submitted, memory_order_acquire) - answered;
}

static bool chunk_add(frn_answers *answers)
{
    frn_ticket_chunk *chunk = frn_alloc_zero(answers->heap, 1, sizeof *chunk);

    if (chunk == NULL) {
        return false;
    }
    chunk->next = answers->chunks;
    answers->chunks = chunk;
    for (size_t i = 0; i < CHUNK_TICKETS; i++) {
        chunk->tickets[i].answers = answers;
        chunk->tickets[i].next = answers->spare;
        answers->spare = &chunk->tickets[i];
    }
    return true;
}

firn_status frn_answers_take(frn_answers *answers, const firn_submit_options *options, firn_ticket **out_ticket,
                             firn_error *err)
{
    firn_ticket *ticket;

    if (frn_answers_outstanding(answers) >= answers->outstanding_max) {
        return FIRN_FULL;
    }
    if (answers->spare == NULL) {
        answers->spare = atomic_exchange_explicit(&answers->returned, NULL, memory_order_acquire);
    }
    if (answers->spare == NULL && !chunk_add(answers)) {
        return frn_fail(err, FIRN_ENOMEM, "ticket");
    }
    ticket = answers->spare;
    answers->spare = ticket->next;
    ticket->done = options->done;
    ticket->arg = options->arg;
    *out_ticket = ticket;
    return FIRN_OK;
}

void frn_answers_give_back(frn_answers *answers, firn_ticket *ticket)
{
    ticket->next = answers->spare;
    answers->spare = ticket;
}

void frn_answers_push(frn_answers *answers, firn_ticket *ticket)
{
    uint64_t at = atomic_load_explicit(&answers->submitted, memory_order_relaxed);

    answers->ring[at & answers->mask] = ticket;
    if (answers->driver_work != NULL) {
        /* Pairs with the driver, which says that it sleeps and then looks at submitted once more. */
        atomic_store_explicit(&answers->submitted, at + 1, memory_order_seq_cst);
    } else {
        atomic_store_explicit(&answers->submitted, at + 1, memory_order_release);
    }
}

void frn_answers_announce(frn_answers *answers)
{
    if (answers->driver_work != NULL && atomic_load_explicit(&answers->driver_asleep, memory_order_seq_cst)) {
        atomic_fetch_add(answers->driver_work, 1);
        frn_word_wake(answers->driver_work, 1);
    }
    if (answers->manual) {
        frn_answers_signal(answers);
    }
}

void frn_answers_signal(frn_answers *answers)
{
    int fd = atomic_load_explicit(&answers->event_fd, memory_order_acquire);

    if (fd < 0 || (answers->manual && atomic_exchange(&answers->signalled, true))) {
        return;
    }
    frn_notify_signal(fd);
}

static void ticket_recycle(firn_ticket *ticket)
{
    frn_answers *answers = ticket->answers;
    firn_ticket *first = atomic_load_explicit(&answers->returned, memory_order_relaxed);

    /* Whoever takes from the list takes all of it, so that a ticket cannot come back between load and exchange. */
    do {
        ticket->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&answers->returned, &first, ticket, memory_order_release,
                                                    memory_order_relaxed));
}

static void ticket_answer(firn_ticket *ticket)
{
    bool good = ticket->status == FIRN_OK;
    uint32_t before;

    if (ticket->done != NULL) {
        ticket->done(ticket->arg, ticket->status, good ? &ticket->receipt : NULL, good ? NULL : &ticket->err);
    }
    before = atomic_exchange_explicit(&ticket->state, FRN_TICKET_DONE, memory_order_acq_rel);
    if (before == FRN_TICKET_WAITED) {
        frn_word_wake(&ticket->state, FRN_WAKE_ALL);
    } else if (before == FRN_TICKET_ORPHAN) {
        ticket_recycle(ticket);
    }
}

/* One sweep over what was submitted before it began: a callback that submits cannot keep it going for ever. */
static void sweep(frn_answers *answers)
{
    int poisoned = frn_log_poisoned(answers->log);
    uint64_t durable = frn_log_durable(answers->log);
    uint64_t end = atomic_load_explicit(&answers->submitted, memory_order_acquire);
    uint64_t first = atomic_load_explicit(&answers->answered, memory_order_relaxed);
    uint64_t at = first;

    for (; at != end; at++) {
        firn_ticket *ticket = answers->ring[at & answers->mask];

        if (ticket->position > durable) {
            if (poisoned == 0) {
                break;
            }
            ticket->status = frn_log_poison_why(answers->log, &ticket->err);
        }
        ticket_answer(ticket);
        atomic_store_explicit(&answers->answered, at + 1, memory_order_release);
    }
    if (at != first && !answers->manual) {
        frn_answers_signal(answers);
    }
}

void frn_answers_deliver(frn_answers *answers)
{
    uint32_t seen;

    if (answers->ring == NULL || atomic_fetch_add(&answers->deliveries, 1) != 0) {
        return; /* Somebody delivers, here or in a frame above this one, and will look again. */
    }
    do {
        seen = atomic_load(&answers->deliveries);
        sweep(answers);
    } while (atomic_fetch_sub(&answers->deliveries, seen) != seen);
}

void firn_ticket_free(firn_ticket *ticket)
{
    uint32_t state = FRN_TICKET_PENDING;

    if (ticket == NULL) {
        return;
    }
    while (state != FRN_TICKET_DONE) {
        assert(state == FRN_TICKET_PENDING || state == FRN_TICKET_WAITED);
        if (atomic_compare_exchange_strong(&ticket->state, &state, FRN_TICKET_ORPHAN)) {
            return;
        }
    }
    ticket_recycle(ticket);
}
