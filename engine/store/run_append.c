/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_append.c — append events to a run.
 *
 * Happy path: texts are checked before the decision; under the tail lock each event costs a look at a bit of the row
 * that is held, its prefix, and apply. An event whose number is taken is compared by its print, never by its bytes in
 * the log, which may not be durable yet.
 */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/store/run.h"
#include "format/json.h"

#include <string.h>

/* Events for one run. In a batch, what they point to is the batch's own. */
typedef struct append_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    firn_slice run_id;
    const firn_run_event *events;
    size_t count;
    uint64_t *event_seqs;        /* May be NULL. Written when decided, like … */
    firn_run_appended *appended; /* … this. May be NULL. */
    uint64_t warnings;
} append_verb;

static void append_digest(const frn_verb *verb, frn_digest *digest)
{
    const append_verb *append = (const append_verb *)(const void *)verb;

    for (size_t i = 0; i < append->count; i++) {
        const firn_run_event *event = &append->events[i];

        frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
        frn_digest_bytes(digest, append->run_id);
        frn_digest_number(digest, event->auto_seq);
        frn_digest_number(digest, event->event_seq);
        frn_digest_bytes(digest, event->kind);
        frn_digest_number(digest, (uint64_t)event->timestamp.seconds);
        frn_digest_number(digest, event->timestamp.nanoseconds);
        frn_digest_bytes(digest, fmt_json_trim(event->payload));
    }
}

/* The number of an event. FIRN_ESTATE: none is left. */
static firn_status number_of(const append_verb *append, const frn_row_run_head *head, const firn_run_event *event,
                             uint64_t *out_event_seq, firn_error *err)
{
    if (!event->auto_seq) {
        *out_event_seq = event->event_seq;
        return FIRN_OK;
    }
    if (head->event_count != 0 && head->last_event_seq == UINT64_MAX) {
        return frn_fail(err, FIRN_ESTATE, "run %.*s has no sequence number after 18446744073709551615",
                        (int)append->run_id.size, (const char *)append->run_id.data);
    }
    *out_event_seq = head->event_count == 0 ? 1 : head->last_event_seq + 1;
    return FIRN_OK;
}

/* The number is taken: by the same event? */
static firn_status compare(const append_verb *append, frn_apply *apply, const fmt_run_event *event, firn_error *err)
{
    uint8_t print[FRN_PRINT_SIZE];
    firn_status status = frn_run_event_print(apply->digests, event->kind, event->payload, event->timestamp, print, err);

    if (status == FIRN_OK &&
        memcmp(print, apply->run.events.prints[frn_event_place(event->event_seq)], sizeof print) != 0) {
        status =
            frn_fail(err, FIRN_EEXISTS, "event %llu of run %.*s already exists with different content",
                     (unsigned long long)event->event_seq, (int)append->run_id.size, (const char *)append->run_id.data);
    }
    return status;
}

static firn_status event_decide(const append_verb *append, frn_decision *decision, uint32_t stream, size_t i,
                                firn_run_appended *counts, firn_error *err)
{
    uint8_t prefix[FMT_RUN_EVENT_PREFIX_MAX];
    const firn_run_event *given = &append->events[i];
    frn_apply *apply = &decision->apply;
    fmt_run_event event = {append->run_id, 0, given->kind, given->timestamp, fmt_json_trim(given->payload)};
    firn_slice parts[] = {{prefix, 0}, event.payload};
    frn_row_head head;
    firn_status status = number_of(append, &apply->run.head, given, &event.event_seq, err);

    if (status == FIRN_OK) {
        status = frn_run_hold_events(apply, event.event_seq, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    if (append->event_seqs != NULL) {
        append->event_seqs[i] = event.event_seq;
    }
    if ((apply->run.events.there & frn_event_bit(event.event_seq)) != 0) {
        counts->duplicates++;
        return compare(append, apply, &event, err);
    }
    status = frn_apply_head(apply, stream, &head, err);
    if (status != FIRN_OK) {
        return status;
    }
    counts->appended++;
    parts[0].size = fmt_run_event_prefix(prefix, &event);
    return frn_decision_record(decision, FMT_KIND_RUN_EVENT, stream, head.version + 1, parts, 2, err);
}

static firn_status append_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const append_verb *append = (const append_verb *)(const void *)verb;
    firn_run_appended counts = {.warnings = append->warnings};
    uint32_t stream;
    firn_status status = frn_run_running(decision, append->stream, append->run_id, &stream, err);

    for (size_t i = 0; i < append->count && status == FIRN_OK; i++) {
        status = event_decide(append, decision, stream, i, &counts, err);
    }
    if (status == FIRN_OK && append->appended != NULL) {
        counts.event_count = decision->apply.run.head.event_count;
        counts.last_event_seq = decision->apply.run.head.last_event_seq;
        *append->appended = counts;
    }
    return status;
}

static const frn_verb_ops append_ops = {.name = "run_append", .digest = append_digest, .decide = append_decide};

/* Everything that needs no state. *out_size: bytes of the records at most. */
static firn_status append_check(const firn_ledger *ledger, append_verb *append, size_t *out_size, firn_error *err)
{
    /* What a prefix takes besides run id and kind. */
    const size_t prefix_rest = FMT_RUN_EVENT_PREFIX_MAX - FIRN_RUN_ID_SIZE_MAX - FIRN_TEXT_SIZE_MAX;
    firn_status status = frn_run_events_check(ledger, append->events, append->count, &append->warnings, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (append->run_id.data == NULL || append->run_id.size == 0 || append->run_id.size > FIRN_RUN_ID_SIZE_MAX) {
        return frn_run_unknown(err, append->run_id.data == NULL ? (firn_slice){0} : append->run_id);
    }
    *out_size = 0;
    for (size_t i = 0; i < append->count; i++) {
        *out_size += fmt_record_size(prefix_rest + append->run_id.size + append->events[i].kind.size +
                                     append->events[i].payload.size);
    }
    return FIRN_OK;
}

/* firn_run_append() as a call. It points into itself. */
typedef struct append_call {
    append_verb append;
    firn_run_appended appended;
    frn_stream_ref stream;
    const frn_verb *verbs[1];
    frn_call call;
    char subject[FRN_SUBJECT_SIZE_MAX];
} append_call;

static firn_status append_begin(append_call *call, firn_ledger *ledger, firn_slice run_id, const firn_run_event *events,
                                size_t events_count, uint64_t *out_event_seqs, firn_error *err)
{
    size_t size = 0;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "append to run: ledger is NULL");
    }
    call->append = (append_verb){
        .verb = {&append_ops},
        .stream = &call->stream,
        .run_id = run_id,
        .events = events,
        .count = events_count,
        .event_seqs = out_event_seqs,
        .appended = &call->appended,
    };
    status = append_check(ledger, &call->append, &size, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "append to run");
    }
    call->stream = (frn_stream_ref){.name = frn_subject(call->subject, FRN_RUN_WORD, run_id)};
    call->verbs[0] = &call->append.verb;
    call->call = (frn_call){
        .verbs = call->verbs,
        .verbs_count = 1,
        .bound = {.records = events_count, .records_size = size},
        .what = "append to run",
    };
    return FIRN_OK;
}

firn_status firn_run_append(firn_ledger *ledger, firn_slice run_id, const firn_run_event *events, size_t events_count,
                            uint64_t *out_event_seqs, firn_run_appended *out_appended, firn_error *err)
{
    append_call call;
    firn_status status = append_begin(&call, ledger, run_id, events, events_count, out_event_seqs, err);

    if (status == FIRN_OK) {
        status = frn_intake_commit(ledger, &call.call, NULL, err);
    }
    if (status == FIRN_OK && out_appended != NULL) {
        *out_appended = call.appended;
    }
    return status;
}

firn_status firn_run_append_submit(firn_ledger *ledger, firn_slice run_id, const firn_run_event *events,
                                   size_t events_count, uint64_t *out_event_seqs, firn_run_appended *out_appended,
                                   const firn_submit_options *submit, firn_ticket **out_ticket, firn_error *err)
{
    append_call call;
    firn_status status = append_begin(&call, ledger, run_id, events, events_count, out_event_seqs, err);

    if (status == FIRN_OK) {
        call.append.appended = out_appended;
        status = frn_intake_submit(ledger, &call.call, submit, out_ticket, err);
    }
    return status;
}

/* Copies events and all they point to into the batch. */
static firn_status events_copy(firn_batch *batch, append_verb *append, firn_error *err)
{
    firn_run_event *events = frn_arena_take(&batch->arena, append->count * sizeof *events);
    firn_status status = FIRN_OK;

    if (events == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    memcpy(events, append->events, append->count * sizeof *events);
    append->events = events;
    for (size_t i = 0; i < append->count && status == FIRN_OK; i++) {
        status = frn_batch_copy(batch, events[i].kind, &events[i].kind, err);
        if (status == FIRN_OK) {
            status = frn_batch_copy(batch, fmt_json_trim(events[i].payload), &events[i].payload, err);
        }
    }
    return status;
}

static firn_status batch_append(firn_batch *batch, append_verb *append, firn_error *err)
{
    char subject[FRN_SUBJECT_SIZE_MAX];
    append_verb *own = frn_arena_take(&batch->arena, sizeof *own);
    frn_bound bound;
    size_t size = 0;
    firn_status status = append_check(batch->ledger, append, &size, err);

    if (status == FIRN_OK) {
        status = frn_batch_bound(batch, NULL, append->count, size, &bound, err);
    }
    if (status == FIRN_OK) {
        status = events_copy(batch, append, err);
    }
    append->stream = frn_arena_take(&batch->arena, sizeof *append->stream);
    if (status == FIRN_OK && (own == NULL || append->stream == NULL)) {
        status = frn_fail(err, FIRN_ENOMEM, "batch");
    }
    if (status != FIRN_OK) {
        return status;
    }
    *append->stream = (frn_stream_ref){0};
    status = frn_batch_copy(batch, frn_subject(subject, FRN_RUN_WORD, append->run_id), &append->stream->name, err);
    if (status == FIRN_OK) {
        status = frn_batch_copy(batch, append->run_id, &append->run_id, err);
    }
    if (status == FIRN_OK) {
        *own = *append;
        status = frn_batch_verb_add(batch, &own->verb, err);
    }
    if (status == FIRN_OK) {
        batch->bound = bound;
    }
    return status;
}

firn_status firn_batch_run_append(firn_batch *batch, firn_slice run_id, const firn_run_event *events,
                                  size_t events_count, uint64_t *out_event_seqs, firn_run_appended *out_appended,
                                  firn_error *err)
{
    append_verb append = {
        .verb = {&append_ops},
        .run_id = run_id,
        .events = events,
        .count = events_count,
        .event_seqs = out_event_seqs,
        .appended = out_appended,
    };
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "append to run: batch is NULL");
    }
    status = batch_append(batch, &append, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "append to run");
}
