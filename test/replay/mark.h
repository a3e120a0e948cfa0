/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.h — what a recording says between the writes: which phase a writer came to, and what it was told is durable.
 *
 * A mark stands behind all that was durable when it was made. So a state of the disk that was cut behind it must hold
 * what it says.
 */
#ifndef TEST_REPLAY_MARK_H
#define TEST_REPLAY_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/kill/shared.h"

typedef enum mark_kind {
    MARK_OTHER,     /**< None of these. */
    MARK_PHASE,     /**< A writer began a phase. */
    MARK_ACK,       /**< A batch was acknowledged. */
    MARK_SUBMITTED, /**< The writer is dead: so many batches its threads may have handed in. */
    MARK_END        /**< The recording is whole. */
} mark_kind;

typedef struct mark {
    mark_kind kind;
    uint32_t round; /**< Of the next three kinds. */

    writer_phase phase; /**< Of MARK_PHASE; the next two of PHASE_OPEN. */
    uint64_t incarnation;
    bool was_clean;

    uint32_t thread; /**< Of MARK_ACK, with the next three. */
    uint64_t number;
    uint64_t first_seq;
    uint32_t count;

    uint64_t submitted[THREADS_MAX];
} mark;

/** As text without blanks. */
void mark_write(const mark *m, char *out, size_t out_size);

/** False: the text is none. */
bool mark_read(const char *text, mark *out);

#endif
