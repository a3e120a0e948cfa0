/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h — a history as the calls that make it, from a seed: the same calls whatever ledger they are made on.
 *
 * An operation draws all that it asks for from a seed of its own, so it can be performed again on any ledger, and in
 * parts of a history. What only a ledger can know, the version that a condition names, is filled in by the first run,
 * the reference: the others ask for the same.
 */
#ifndef TEST_DIFFER_SCRIPT_H
#define TEST_DIFFER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum op_kind {
    OP_EVENTS,  /**< Events of some streams, with conditions and under a key by dice. */
    OP_MANY,    /**< Some hundred events. */
    OP_PUT,     /**< Content, known or of its own. */
    OP_PIECES,  /**< Content piece by piece: several batches, finished or left. */
    OP_CREATE,  /**< A run. */
    OP_APPEND,  /**< Events of a run, numbered by it. */
    OP_NUMBERS, /**< … with numbers of their own, some taken. */
    OP_END,
    OP_PROMOTE,
    OP_ACROSS, /**< Verbs of all stores in one batch, under a key by dice. */
    OP_KEY_AGE,
    OP_KINDS
} op_kind;

typedef struct op {
    op_kind kind;
    uint64_t seed;
    int64_t clock_ns; /**< What the ledger's clock says; it goes back now and then. */
    /* What the reference found. */
    uint64_t version;   /**< Of the stream that the operation is of first, before it. */
    uint64_t after_seq; /**< The last record when it was done. */
    char *answer;       /**< How it was answered; the script's. */
} op;

typedef struct script {
    uint64_t seed;
    size_t count;
    op *ops;
} script;

void script_make(script *s, uint64_t seed);
void script_done(script *s);

/** An operation of which a crash may leave a part. */
bool op_is_many_batches(const op *o);
/** The first operation that is not whole among the first `durable` records, by what the reference found. */
size_t script_resume(const script *s, uint64_t durable);

#endif
