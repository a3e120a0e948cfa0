/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake.c — the life of a call: decide under the tail lock, then wait or leave a ticket.
 *
 * Happy path of a blocking call: lock, reserve a place in the log, decide and encode into it, commit rows and place,
 * send, unlock, wait. Nothing is allocated.
 *
 * What can fail, in this order: arguments and limits before the lock; the reservation (no room just now: wait and
 * decide anew; no space at all; poisoned); key, conditions and verbs, whose refusal rests on rows that may not be
 * durable yet, so that it waits like a success; memory for rows. Each leaves rows and log as they were.
 *
 * A refusal is not given when its ground turns out void: the caller hears FIRN_EPOISONED instead.
 */

#include "engine/intake/intake.h"

#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/name.h"
#include "engine/intake/options.h"

#include <string.h>

/* What came of the attempt to decide. */
typedef struct outcome {
    bool decided; /* false: status says why not, it rests on no state, and nothing need be durable. */
    firn_status status;
    uint64_t position;    /* Decided: what the answer rests on. */
    firn_receipt receipt; /* Decided and FIRN_OK. */
} outcome;

static firn_status wrap_call(const frn_call *call, firn_status status, firn_error *err)
{
    if (call->subject.size != 0) {
        return frn_wrap(err, status, "append to stream %.*s", FRN_NAME(call->subject));
    }
    return frn_wrap(err, status, "%s", call->what);
}

static firn_cursor cursor_at(frn_log *log, uint64_t seq)
{
    firn_cursor cursor = {.seq = seq};

    memcpy(cursor.ledger_id, frn_log_id(log), sizeof cursor.ledger_id);
    cursor.incarnation = seq == 0 ? frn_log_incarnation(log) : frn_log_incarnation_of(log, seq);
    return cursor;
}

/* Memory is no ground that could become void; everything else that key, conditions and verbs say rests on rows. */
static bool rests_on_state(firn_status status)
{
    return status != FIRN_ENOMEM && status != FIRN_ETOOBIG;
}

/* FIRN_OK: the key is known, *out has its receipt. FIRN_ENOTFOUND: it is not. FIRN_ECONFLICT: for another request. */
static firn_status key_find(firn_ledger *ledger, frn_decision *decision, const fmt_batch_key *key, firn_receipt *out,
                            firn_error *err)
{
    uint8_t row_key[FRN_ROW_KEY_KEY];
    frn_row_key row;
    firn_slice value;
    uint64_t age_ns;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_read(ledger->index, FRN_TABLE_KEY, frn_row_key_key_encode(row_key, key->scope, key->key), &value,
                            err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_key_decode(value, &row);
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_KEY, verdict);
    }
    status = frn_apply_key_age(ledger->index, &age_ns, err);
    if (status != FIRN_OK) {
        return status;
    }
    if (frn_key_is_over(row.time_ns, decision->place.time_ns, age_ns)) {
        return FIRN_ENOTFOUND;
    }
    if (memcmp(row.digest, key->digest, sizeof row.digest) != 0) {
        (void)frn_fail_detail(err, FIRN_ECONFLICT, FIRN_DETAIL_KEY,
                              "idempotency key was used for another request, at seq %llu",
                              (unsigned long long)row.first_seq);
        return frn_place(err, FIRN_ECONFLICT, 0, 0, row.first_seq);
    }
    *out = (firn_receipt){.first_seq = row.first_seq, .count = row.count, .existing = 1, .time_ns = row.time_ns};
    out->cursor = cursor_at(ledger->log, row.first_seq + row.count - 1);
    return FIRN_OK;
}

static firn_status conditions_check(frn_decision *decision, const frn_call *call, firn_error *err)
{
    for (size_t i = 0; i < call->conditions_count; i++) {
        const frn_condition *condition = &call->conditions[i];
        frn_row_head head = {0};
        uint32_t stream;
        firn_status status = frn_decision_stream_find(decision, condition->stream, &stream, err);

        if (status == FIRN_OK && stream != 0) {
            status = frn_apply_head(&decision->apply, stream, &head, err);
        }
        if (status != FIRN_OK) {
            return status;
        }
        if (head.version != condition->version) {
            status =
                frn_fail_detail(err, FIRN_ECONFLICT, FIRN_DETAIL_EXPECTED_VERSION, "expected version %llu, is at %llu",
                                (unsigned long long)condition->version, (unsigned long long)head.version);
            if (call->subject.size == 0) {
                status = frn_wrap(err, status, "stream %.*s", FRN_NAME(condition->stream->name));
            }
            return frn_place(err, status, 0, 0, head.last_seq);
        }
    }
    return FIRN_OK;
}

/* Key, conditions, verbs, batch-level facts. FIRN_OK: either *out_receipt is an existing one or records were written.
 */
static firn_status decide_rows(firn_ledger *ledger, frn_decision *decision, const frn_call *call,
                               const fmt_batch_key *key, firn_receipt *out_receipt, firn_error *err)
{
    firn_status status;

    if (key != NULL) {
        status = key_find(ledger, decision, key, out_receipt, err);
        if (status != FIRN_ENOTFOUND) {
            return status;
        }
    }
    status = conditions_check(decision, call, err);
    for (size_t i = 0; i < call->verbs_count && status == FIRN_OK; i++) {
        status = call->verbs[i]->ops->decide(call->verbs[i], decision, err);
    }
    if (status == FIRN_OK && decision->writer.count != 0) {
        status = frn_apply_finish(&decision->apply, decision->writer.count, key, err);
    }
    return status;
}

/* One attempt, with the tail lock held. *err is filled in when the outcome's status is an error. */
static void decide(firn_ledger *ledger, const frn_call *call, const fmt_batch_key *key, bool waits, outcome *out,
                   firn_error *err)
{
    frn_decision *decision = &ledger->intake.decision;
    frn_log_place *place = &decision->place;
    fmt_batch_writer *writer = &decision->writer;
    uint64_t last_seq;

    out->decided = false;
    out->receipt.existing = 0;
    out->status = frn_log_reserve(ledger->log,
                                  FMT_BATCH_HEADER + call->bound.records_size +
                                      fmt_trailer_size(call->bound.names, call->bound.names_size, key),
                                  place, err);
    if (out->status != FIRN_OK) {
        return;
    }
    decision->serial++;
    decision->names_count = 0;
    fmt_batch_begin(writer, place->data, place->size, place->salt, place->first_seq, place->time_ns,
                    place->content_crc);
    frn_apply_begin(&decision->apply, ledger->index, ledger->applies, &ledger->digests, place->first_seq,
                    place->time_ns);
    out->status = decide_rows(ledger, decision, call, key, &out->receipt, err);
    if (out->status != FIRN_OK || out->receipt.existing || writer->count == 0) {
        frn_apply_abort(&decision->apply);
        frn_log_cancel(ledger->log, place);
        out->decided = rests_on_state(out->status);
        out->position = frn_log_allocated(ledger->log);
        if (out->status == FIRN_OK && !out->receipt.existing) {
            out->receipt = (firn_receipt){.cursor = cursor_at(ledger->log, out->position), .time_ns = place->time_ns};
        }
        return;
    }
    last_seq = place->first_seq + writer->count - 1;
    out->receipt = (firn_receipt){.first_seq = place->first_seq, .count = writer->count, .time_ns = place->time_ns};
    out->receipt.cursor.seq = last_seq;
    out->receipt.cursor.incarnation = frn_log_incarnation(ledger->log);
    memcpy(out->receipt.cursor.ledger_id, frn_log_id(ledger->log), FIRN_LEDGER_ID_SIZE);
    (void)fmt_batch_finish(writer, decision->names, decision->names_count, key);
    frn_apply_commit(&decision->apply, last_seq);
    frn_log_commit(ledger->log, place, writer);
    frn_log_send(ledger->log, waits);
    out->decided = true;
    out->position = last_seq;
}

/* What needs no state: may this handle write, is the call small enough, what is its digest. */
static firn_status prepare(firn_ledger *ledger, const frn_call *call, fmt_batch_key *key, uint8_t *digest_bytes,
                           firn_error *err)
{
    frn_digest *digest;
    firn_status status;

    if (!ledger->writable) {
        return frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "the ledger is open for reading");
    }
    if (atomic_load_explicit(&ledger->closing, memory_order_relaxed)) {
        return frn_fail_detail(err, FIRN_ESTATE, FIRN_DETAIL_CLOSING, "the ledger is being closed");
    }
    *key = call->key;
    status = frn_bound_check(&call->bound, key->key.size == 0 ? NULL : key, err);
    if (status != FIRN_OK || key->key.size == 0 || key->digest != NULL) {
        return status;
    }
    status = frn_digest_begin(&ledger->digests, &digest, err);
    if (status != FIRN_OK) {
        return status;
    }
    for (size_t i = 0; i < call->verbs_count; i++) {
        call->verbs[i]->ops->digest(call->verbs[i], digest);
    }
    key->digest = digest_bytes;
    return frn_digest_finish(digest, digest_bytes, err);
}

firn_status frn_intake_commit(firn_ledger *ledger, const frn_call *call, firn_receipt *out_receipt, firn_error *err)
{
    uint8_t digest_bytes[FIRN_DIGEST_SIZE];
    fmt_batch_key key;
    outcome out;
    uint32_t room;
    firn_status status = prepare(ledger, call, &key, digest_bytes, err);

    if (status != FIRN_OK) {
        return wrap_call(call, status, err);
    }
    for (;;) {
        frn_log_lock(ledger->log);
        room = frn_log_room(ledger->log);
        decide(ledger, call, key.key.size == 0 ? NULL : &key, true, &out, err);
        frn_log_unlock(ledger->log);
        if (out.status != FIRN_FULL) {
            break;
        }
        frn_log_wait_room(ledger->log, room);
    }
    if (out.decided && out.position != 0) {
        status = frn_log_wait(ledger->log, out.position, -1, err);
        if (status != FIRN_OK) {
            return wrap_call(call, status, err);
        }
    }
    if (out.status != FIRN_OK) {
        return wrap_call(call, out.status, err);
    }
    if (out_receipt != NULL) {
        *out_receipt = out.receipt;
    }
    return FIRN_OK;
}

firn_status frn_intake_submit(firn_ledger *ledger, const frn_call *call, const firn_submit_options *options,
                              firn_ticket **out_ticket, firn_error *err)
{
    uint8_t digest_bytes[FIRN_DIGEST_SIZE];
    fmt_batch_key key;
    firn_submit_options own;
    firn_ticket *ticket;
    outcome out;
    firn_status status = frn_options_read(&own, sizeof own, options, "submit options", err);

    if (status == FIRN_OK && own.done == NULL && out_ticket == NULL) {
        status = frn_fail(err, FIRN_EINVAL, "neither a callback nor a ticket: the answer would be lost");
    }
    if (status == FIRN_OK) {
        status = prepare(ledger, call, &key, digest_bytes, err);
    }
    if (status != FIRN_OK) {
        return wrap_call(call, status, err);
    }
    frn_log_lock(ledger->log);
    status = frn_answers_take(&ledger->answers, &own, &ticket, err);
    if (status == FIRN_OK) {
        /* The text of a refusal goes into the ticket; for one that is no answer it is copied out. */
        decide(ledger, call, key.key.size == 0 ? NULL : &key, false, &out, &ticket->err);
        if (out.decided) {
            ticket->status = out.status == FIRN_OK ? FIRN_OK : wrap_call(call, out.status, &ticket->err);
            ticket->receipt = out.receipt;
            ticket->position = out.position;
            atomic_store_explicit(&ticket->state, out_ticket == NULL ? FRN_TICKET_ORPHAN : FRN_TICKET_PENDING,
                                  memory_order_relaxed);
            frn_answers_push(&ledger->answers, ticket);
        } else {
            status = out.status;
            if (status < 0 && err != NULL) {
                *err = ticket->err;
            }
            frn_answers_give_back(&ledger->answers, ticket);
        }
    }
    frn_log_unlock(ledger->log);
    if (status == FIRN_FULL && frn_answers_outstanding(&ledger->answers) == 0) {
        /* What is in the way may be under way and waited for by nobody. */
        (void)frn_log_drive(ledger->log, 0);
    }
    if (status != FIRN_OK) {
        return status < 0 ? wrap_call(call, status, err) : status;
    }
    frn_answers_announce(&ledger->answers);
    if (out_ticket != NULL) {
        *out_ticket = ticket;
    }
    return FIRN_OK;
}
