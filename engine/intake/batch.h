/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h — a batch being collected, as the stores see it: add verbs, name streams. */
#ifndef FRN_INTAKE_BATCH_H
#define FRN_INTAKE_BATCH_H

#include <stdbool.h>

#include "engine/intake/arena.h"
#include "engine/intake/intake.h"

/** A stream that a batch names: once, however often it is used. */
typedef struct frn_batch_stream {
    frn_stream_ref ref;
    uint64_t hash;
    bool counted; /**< Its name is in the batch's bound: some verb may bring it into being. */
} frn_batch_stream;

/** Used by one thread at a time. All that is collected lies in the arena. */
struct firn_batch {
    firn_ledger *ledger;
    frn_arena arena;
    frn_bound bound;
    frn_verb **verbs;
    size_t verbs_count;
    size_t verbs_capacity;
    frn_condition *conditions;
    size_t conditions_count;
    size_t conditions_capacity;
    frn_batch_stream **streams; /**< A hash table with at least one empty place in two; NULL: empty. */
    size_t streams_count;
    size_t streams_capacity; /**< A power of two, or 0. */
    frn_batch_stream *last;  /**< The stream named last: most events follow one of the same stream. */
    fmt_batch_key key;
    uint8_t digest[FIRN_DIGEST_SIZE];
};

/** The stream of this name, checked and copied. FIRN_OK, FIRN_EINVAL, FIRN_ETOOBIG, FIRN_ENOMEM. */
firn_status frn_batch_stream_get(firn_batch *batch, firn_slice name, frn_batch_stream **out_stream,
                                 firn_error *err) FIRN_NODISCARD;

/** A copy of bytes that lives as long as the batch's content; data NULL stays NULL, which differs from empty.
    FIRN_OK, FIRN_ENOMEM. */
firn_status frn_batch_copy(firn_batch *batch, firn_slice bytes, firn_slice *out_copy, firn_error *err) FIRN_NODISCARD;

/** Whether the batch still has room for a share; stream may be NULL. *out_bound is the batch's bound with it: to be
    stored in the batch once nothing can fail any more. FIRN_OK, FIRN_ETOOBIG. */
firn_status frn_batch_bound(const firn_batch *batch, const frn_batch_stream *stream, size_t records,
                            size_t records_size, frn_bound *out_bound, firn_error *err) FIRN_NODISCARD;

/** Adds a verb that lies in the arena. FIRN_OK, FIRN_ENOMEM. */
firn_status frn_batch_verb_add(firn_batch *batch, frn_verb *verb, firn_error *err) FIRN_NODISCARD;

#endif
