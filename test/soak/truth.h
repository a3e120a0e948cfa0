/* SPDX-License-Identifier: Apache-2.0 */
/*
 * truth.h — what a ledger must hold, known in memory that does not grow: where it was looked at last, and a hash.
 *
 * Records up to checked_seq were looked at one by one when they were new; from then on a hash over all of them says
 * whether one has changed. What is new after a writer was killed: of each of its threads the batches that came first,
 * whole and right to the last byte, and among them every one that was acknowledged.
 */
#ifndef TEST_SOAK_TRUTH_H
#define TEST_SOAK_TRUTH_H

#include "test/kill/shared.h"

typedef struct truth {
    shared *shared; /* Of the writer that was killed. */
    uint64_t seed;
    uint64_t checked_seq;
    uint64_t hash;              /* Of the records up to there. */
    uint64_t acked_seq;         /**< The last record that somebody was told is durable. */
    uint32_t round;             /**< Whose batches come next, */
    uint64_t next[THREADS_MAX]; /**< and which, of each thread. */
    uint64_t next_event;        /**< Number of the next event that is in no batch of a plan. */

    uint64_t records;
    uint64_t data_bytes; /**< Of their bodies. */
    uint64_t acknowledged;
} truth;

/** The batches that come next are those of another round. */
void truth_begin_round(truth *t, uint32_t round);

/** Payload of event `number` of those that are in no batch of a plan; out has room for TRUTH_EVENT_MAX. */
enum {
    TRUTH_EVENT_MAX = 1024
};
size_t truth_event(uint64_t seed, uint64_t number, uint8_t *out);

/** NULL if one record by itself is right, else what is wrong. */
const char *truth_differs(uint64_t seed, const firn_record *record);

/** Look at what is new. Everything that was acknowledged must be there. */
void truth_go_on(truth *t, firn_ledger *ledger);

/** Every record that was looked at is what it was. */
void truth_read_again(const truth *t, firn_ledger *ledger);

#endif
