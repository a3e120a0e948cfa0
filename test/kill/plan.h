/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h — batches that describe themselves: what one holds follows from a seed and its id, which its payloads carry.
 *
 * So whoever reads a record knows, without having seen the writer, what it must be to the last byte.
 */
#ifndef TEST_KILL_PLAN_H
#define TEST_KILL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn.h"

enum {
    PLAN_EVENTS_MAX = 8,
    PLAN_SIZE_MIN = 40, /* The head of a payload. */
    PLAN_SIZE_MAX = 100000,
    PLAN_STREAMS = 4 /* Of a thread; the last one belongs to all threads. */
};

/** Which batch: the round of the test, the thread of its writer, and its number there, from 0. */
typedef struct plan_id {
    uint32_t round;
    uint32_t thread;
    uint64_t number;
} plan_id;

typedef struct plan {
    uint64_t seed;
    plan_id id;
    bool keyed; /**< Has an idempotency key, which names the id. */
    unsigned count;
    struct {
        unsigned stream;
        uint32_t kind;
        size_t size;
    } events[PLAN_EVENTS_MAX];
} plan;

plan plan_of(uint64_t seed, plan_id id);

/** Makes `batch` the batch of a plan. */
firn_status plan_collect(const plan *p, firn_batch *batch, firn_error *err);

/** The id that a payload claims, and its place in the batch; false: it is no payload of a plan. */
bool plan_read(firn_slice payload, plan_id *out_id, unsigned *out_index);

/** NULL if the record is number i of the plan's batch, else what is wrong with it. */
const char *plan_differs(const plan *p, unsigned i, const firn_record *record);

/** 64 bits over all that a record is: two readers that were shown the same have the same. Never 0. */
uint64_t record_digest(const firn_record *record);

#endif
