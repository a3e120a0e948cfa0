/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.h — the only way in: decide, allocate, apply, release.
 *
 * A call is a list of verbs with conditions and at most one idempotency key. It is decided under the tail lock: key
 * first, then conditions, then the verbs in order, each of which reads rows, the tentative ones of earlier verbs
 * included, and hands over records, which are encoded in place and applied at once. One refusal undoes all of it. What
 * the answer rests on is everything allocated at that moment, so that is what must be durable before it is given.
 */
#ifndef FRN_INTAKE_INTAKE_H
#define FRN_INTAKE_INTAKE_H

#include <stdbool.h>

#include "engine/intake/apply.h"
#include "engine/intake/digest.h"
#include "engine/log/log.h"
#include "firn/batch.h"
#include "format/batch.h"

typedef struct frn_verb frn_verb;
typedef struct frn_decision frn_decision;

/** A stream as a call names it. Belongs to the call; the decision remembers in it what it found. */
typedef struct frn_stream_ref {
    firn_slice name;   /**< Checked by frn_name_check(). */
    uint64_t decision; /**< The decision that id belongs to; 0: not looked up. */
    uint32_t id;       /**< 0: the stream does not exist. */
} frn_stream_ref;

/** What a verb does. */
typedef struct frn_verb_ops {
    const char *name; /**< For the digest: one word, never changed. */
    /** Everything that makes this request different from another one. NULL: it is never made under a key. */
    void (*digest)(const frn_verb *verb, frn_digest *digest);
    /** Reads rows of decision->apply.index, calls frn_decision_stream() and frn_decision_record(), or refuses. */
    firn_status (*decide)(const frn_verb *verb, frn_decision *decision, firn_error *err);
} frn_verb_ops;

/** What every verb begins with; its arguments follow. */
struct frn_verb {
    const frn_verb_ops *ops;
};

/** What a call takes at most; whoever adds a verb to it adds the verb's share. */
typedef struct frn_bound {
    size_t records;
    size_t records_size; /**< Encoded, headers included. */
    size_t names;        /**< Streams named, each once. */
    size_t names_size;
} frn_bound;

/** FIRN_OK; FIRN_ETOOBIG: the batch passes FIRN_BATCH_RECORDS_MAX or FIRN_BATCH_SIZE_MAX. key may be NULL. */
firn_status frn_bound_check(const frn_bound *bound, const fmt_batch_key *key, firn_error *err) FIRN_NODISCARD;

/** A stream must be at this version; 0: it must not exist. */
typedef struct frn_condition {
    frn_stream_ref *stream;
    uint64_t version;
} frn_condition;

/** One call. Everything in it is borrowed until it is decided. */
typedef struct frn_call {
    const frn_verb *const *verbs;
    size_t verbs_count;
    const frn_condition *conditions;
    size_t conditions_count;
    fmt_batch_key key; /**< key.key empty: none. digest NULL: computed. */
    frn_bound bound;
    firn_slice subject; /**< For texts: the one stream that is appended to; empty: see what. */
    const char *what;   /**< For texts: "commit batch" and the like. */
} frn_call;

/** A call being decided; what its verbs see. Guarded by the tail lock. */
struct frn_decision {
    frn_apply apply; /**< Rows: apply.index to read; its timestamp: apply.time_ns. */
    uint64_t serial; /**< Counts decisions, from 1. */
    frn_log_place place;
    fmt_batch_writer writer;
    fmt_name *names; /**< Streams that come into being with this batch; names borrowed from the call. */
    size_t names_count;
    size_t names_capacity;
};

/** Numbers the stream of this name; a new one comes into being with the batch. FIRN_OK; what frn_index_put() says. */
firn_status frn_decision_stream(frn_decision *decision, frn_stream_ref *ref, uint32_t *out_stream,
                                firn_error *err) FIRN_NODISCARD;
/** The same without bringing it into being: *out_stream is 0 if there is none. */
firn_status frn_decision_stream_find(frn_decision *decision, frn_stream_ref *ref, uint32_t *out_stream,
                                     firn_error *err) FIRN_NODISCARD;
/**
 * Appends a record to the batch and applies it. version: the next one of its stream, see frn_apply_head(). The body is
 * given in parts, read during the call. Within the bound that the verb announced. What apply says.
 */
firn_status frn_decision_record(frn_decision *decision, uint16_t kind, uint32_t stream, uint64_t version,
                                const firn_slice *parts, size_t parts_count, firn_error *err) FIRN_NODISCARD;

/** What a ledger keeps for its decisions; guarded by the tail lock. */
typedef struct frn_intake {
    frn_heap *heap;
    frn_decision decision;
} frn_intake;

void frn_intake_init(frn_intake *intake, frn_heap *heap);
void frn_intake_done(frn_intake *intake);

/** Decide a call and wait for its answer; see firn_batch_commit(). */
firn_status frn_intake_commit(firn_ledger *ledger, const frn_call *call, firn_receipt *out_receipt,
                              firn_error *err) FIRN_NODISCARD;
/** Decide a call, answer by ticket; see firn_batch_submit(). */
firn_status frn_intake_submit(firn_ledger *ledger, const frn_call *call, const firn_submit_options *options,
                              firn_ticket **out_ticket, firn_error *err) FIRN_NODISCARD;

#endif
