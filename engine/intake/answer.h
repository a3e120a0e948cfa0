/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h — submitted calls from their decision to their answer.
 *
 * A call is decided when it is submitted; its answer rests on the position that was allocated then and is given
 * when that position is durable, or void. Positions never decrease, so the calls form a queue: a ring that one
 * thread at a time fills (the tail lock) and one thread at a time empties (frn_answers_deliver() sees to that).
 * Neither side waits for the other.
 */
#ifndef FRN_INTAKE_ANSWER_H
#define FRN_INTAKE_ANSWER_H

#include <stdalign.h>
#include <stdbool.h>

#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "engine/log/log.h"
#include "firn/ticket.h"

enum {
    FRN_TICKET_PENDING, /**< Not answered; the owner has it. */
    FRN_TICKET_WAITED,  /**< Not answered, and somebody sleeps on the state, or did until his time was up. */
    FRN_TICKET_DONE,    /**< Answered; status, receipt and err hold. */
    FRN_TICKET_ORPHAN   /**< Not answered and let go: recycled with its answer. */
};

/** How long a thread rests that has calls to see answered while another one gives the answers. */
#define FRN_ANSWERS_REST_NS INT64_C(1000000)

/** From submission to answer the fields but state belong to the queue; afterwards, until freed, to the owner. */
struct firn_ticket {
    frn_word state;     /**< FRN_TICKET_… */
    firn_status status; /**< Of the decision; FIRN_EPOISONED overrides it. */
    uint64_t position;  /**< What must be durable before the answer is given. */
    struct frn_answers *answers;
    firn_ticket *next; /**< In a list of free tickets. */
    firn_done_fn done;
    void *arg;
    firn_receipt receipt;
    firn_error err; /**< Not initialised while status is FIRN_OK. */
};

typedef struct frn_ticket_chunk frn_ticket_chunk;

typedef struct frn_answers {
    frn_heap *heap;
    frn_log *log;
    firn_ticket **ring; /**< mask + 1 places; calls answered … submitted - 1 are in it. */
    uint64_t mask;
    uint64_t outstanding_max;
    bool manual;            /**< FIRN_PROGRESS_MANUAL. */
    _Atomic int event_fd;   /**< -1 until asked for. */
    _Atomic bool signalled; /**< Manual: event_fd was signalled and not polled since. */
    frn_word *driver_work;  /**< Bumped and woken on submission when driver_asleep; NULL: no driver. */
    _Atomic bool driver_asleep;

    /* Written under the tail lock. */
    alignas(64) _Atomic uint64_t submitted;
    firn_ticket *spare;
    frn_ticket_chunk *chunks;

    /* Written by the delivering thread. */
    alignas(64) _Atomic uint64_t answered;
    _Atomic uint32_t deliveries; /**< Wishes to deliver that were not served; who raises it from 0 delivers. */

    /* Any thread. */
    alignas(64) firn_ticket *_Atomic returned; /**< Freed tickets, taken over as a whole. */
} frn_answers;

/** Statuses: FIRN_OK, FIRN_ENOMEM. */
firn_status frn_answers_init(frn_answers *answers, frn_heap *heap, uint32_t outstanding_max, bool manual,
                             firn_error *err) FIRN_NODISCARD;
/** Frees all tickets, answered or not. */
void frn_answers_done(frn_answers *answers);

/** A ticket for a call about to be decided; tail lock held. FIRN_OK, FIRN_FULL, FIRN_ENOMEM. */
firn_status frn_answers_take(frn_answers *answers, const firn_submit_options *options, firn_ticket **out_ticket,
                             firn_error *err) FIRN_NODISCARD;
/** Give it back undecided; tail lock held. */
void frn_answers_give_back(frn_answers *answers, firn_ticket *ticket);
/** The call is decided: status, receipt or err, and position are set. Tail lock held. */
void frn_answers_push(frn_answers *answers, firn_ticket *ticket);
/** After the tail lock was released: lets somebody know that there is work. */
void frn_answers_announce(frn_answers *answers);

/** Answer all calls whose position is durable or void. Any thread, also inside a callback; without the tail lock. */
void frn_answers_deliver(frn_answers *answers);

/** Calls that are submitted and not answered; a hint unless the caller excludes both sides. */
uint64_t frn_answers_outstanding(const frn_answers *answers);
/** Make the eventfd readable, if there is one. */
void frn_answers_signal(frn_answers *answers);

#endif
