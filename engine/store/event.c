/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c — the application's own events on named streams: one verb, a run of events of one stream.
 *
 * An event has no rows but the head of its stream, which every record moves (engine/intake/apply.c), so there is
 * nothing to apply here.
 */
#include "engine/base/error.h"
#include "engine/intake/batch.h"
#include "engine/intake/core.h"
#include "engine/intake/name.h"
#include "engine/intake/options.h"
#include "firn/event.h"
#include "format/body.h"

#include <string.h>

/* Events of one stream that follow each other. In a batch, growing is the array behind events and has room for capacity
   of them; in firn_append() events is the caller's and growing is NULL. */
typedef struct event_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    const firn_event *events;
    size_t count;
    firn_event *growing;
    size_t capacity;
} event_verb;

enum {
    RUN_CAPACITY_MIN = 8
};

_Static_assert(FIRN_EVENT_SIZE_MAX + FMT_EVENT_PREFIX_MAX <= FIRN_BODY_SIZE_MAX, "the largest event is no body");

/* Each event by itself: how a request was cut into calls on the batch makes no other request of it. */
static void event_digest(const frn_verb *verb, frn_digest *digest)
{
    const event_verb *run = (const event_verb *)(const void *)verb;

    for (size_t i = 0; i < run->count; i++) {
        frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
        frn_digest_bytes(digest, run->stream->name);
        frn_digest_number(digest, run->events[i].kind);
        frn_digest_bytes(digest, run->events[i].payload);
    }
}

static firn_status event_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const event_verb *run = (const event_verb *)(const void *)verb;
    uint8_t prefix[FMT_EVENT_PREFIX_MAX];
    frn_row_head head;
    uint32_t stream;
    firn_status status;

    status = frn_decision_stream(decision, run->stream, &stream, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_apply_head(&decision->apply, stream, &head, err);
    for (size_t i = 0; i < run->count && status == FIRN_OK; i++) {
        const firn_event *event = &run->events[i];
        firn_slice parts[2] = {{prefix, fmt_event_prefix(prefix, event->payload.size)}, event->payload};

        status = frn_decision_record(decision, (uint16_t)event->kind, stream, head.version + 1 + i, parts, 2, err);
    }
    return status;
}

static const frn_verb_ops event_ops = {.name = "event", .digest = event_digest, .decide = event_decide};

static firn_status event_check(uint32_t kind, firn_slice payload, firn_error *err)
{
    if (kind < 1 || kind > FIRN_EVENT_KIND_MAX) {
        return frn_fail(err, FIRN_EINVAL, "kind %u is out of range 1 to %d", kind, FIRN_EVENT_KIND_MAX);
    }
    if (payload.data == NULL && payload.size != 0) {
        return frn_fail(err, FIRN_EINVAL, "payload is NULL");
    }
    if (payload.size > FIRN_EVENT_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "payload of %zu bytes is larger than %d", payload.size, FIRN_EVENT_SIZE_MAX);
    }
    return FIRN_OK;
}

static size_t event_size_max(firn_slice payload)
{
    return fmt_record_size(FMT_EVENT_PREFIX_MAX + payload.size);
}

/* The run that an event of this stream can join, if it is the batch's last verb. */
static event_verb *run_open(const firn_batch *batch, const frn_batch_stream *stream)
{
    event_verb *run;

    if (batch->verbs_count == 0 || batch->verbs[batch->verbs_count - 1]->ops != &event_ops) {
        return NULL;
    }
    run = (event_verb *)(void *)batch->verbs[batch->verbs_count - 1];
    return run->stream == &stream->ref ? run : NULL;
}

/* Room for one more event in the run. The old array stays in the arena: at most as much again. */
static firn_status run_grow(firn_batch *batch, event_verb *run, firn_error *err)
{
    size_t capacity = run->capacity == 0 ? RUN_CAPACITY_MIN : 2 * run->capacity;
    firn_event *events;

    if (run->count < run->capacity) {
        return FIRN_OK;
    }
    events = frn_arena_take(&batch->arena, capacity * sizeof *events);
    if (events == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    if (run->count != 0) {
        memcpy(events, run->growing, run->count * sizeof *events);
    }
    run->growing = events;
    run->events = events;
    run->capacity = capacity;
    return FIRN_OK;
}

static firn_status run_begin(firn_batch *batch, frn_batch_stream *stream, event_verb **out_run, firn_error *err)
{
    event_verb *run = frn_arena_take(&batch->arena, sizeof *run);
    firn_status status;

    if (run == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    *run = (event_verb){.verb = {&event_ops}, .stream = &stream->ref};
    status = run_grow(batch, run, err);
    if (status == FIRN_OK) {
        status = frn_batch_verb_add(batch, &run->verb, err);
    }
    if (status == FIRN_OK) {
        *out_run = run;
    }
    return status;
}

static firn_status batch_event(firn_batch *batch, firn_slice name, uint32_t kind, firn_slice payload, firn_error *err)
{
    frn_batch_stream *stream;
    frn_bound bound;
    firn_event event = {.kind = kind};
    event_verb *run;
    firn_status status = event_check(kind, payload, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = frn_batch_stream_get(batch, name, &stream, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_batch_bound(batch, stream, 1, event_size_max(payload), &bound, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_batch_copy(batch, payload, &event.payload, err);
    if (status != FIRN_OK) {
        return status;
    }
    run = run_open(batch, stream);
    status = run == NULL ? run_begin(batch, stream, &run, err) : run_grow(batch, run, err);
    if (status != FIRN_OK) {
        return status;
    }
    run->growing[run->count++] = event;
    stream->counted = true;
    batch->bound = bound;
    return FIRN_OK;
}

firn_status firn_batch_event(firn_batch *batch, firn_slice stream, uint32_t kind, firn_slice payload, firn_error *err)
{
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "add event: batch is NULL");
    }
    status = batch_event(batch, stream, kind, payload, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "add event");
}

/* firn_append() as a call: one verb, at most one condition. It points into itself. */
typedef struct append_call {
    frn_stream_ref stream;
    event_verb run;
    const frn_verb *verbs[1];
    frn_condition condition;
    frn_call call;
} append_call;

static firn_status append_check(append_call *append, firn_slice stream, const firn_event *events, size_t events_count,
                                firn_error *err)
{
    firn_status status = frn_name_check(stream, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (events_count == 0 || events == NULL) {
        return frn_fail(err, FIRN_EINVAL, "no events are given");
    }
    if (events_count > FIRN_BATCH_RECORDS_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "%zu events are more than %d", events_count, FIRN_BATCH_RECORDS_MAX);
    }
    for (size_t i = 0; i < events_count; i++) {
        status = event_check(events[i].kind, events[i].payload, err);
        if (status != FIRN_OK) {
            return frn_wrap(err, status, "event %zu", i);
        }
        append->call.bound.records_size += event_size_max(events[i].payload);
    }
    return FIRN_OK;
}

static firn_status append_begin(append_call *append, firn_ledger *ledger, firn_slice stream, const firn_event *events,
                                size_t events_count, const firn_append_options *options, firn_error *err)
{
    firn_append_options own;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "append: ledger is NULL");
    }
    append->call = (frn_call){.bound = {.records = events_count, .names = 1, .names_size = stream.size}};
    status = append_check(append, stream, events, events_count, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "append");
    }
    append->stream = (frn_stream_ref){.name = stream};
    append->run =
        (event_verb){.verb = {&event_ops}, .stream = &append->stream, .events = events, .count = events_count};
    append->verbs[0] = &append->run.verb;
    append->call.verbs = append->verbs;
    append->call.verbs_count = 1;
    append->call.subject = stream;
    if (options == NULL) {
        return FIRN_OK;
    }
    status = frn_options_read(&own, sizeof own, options, "append options", err);
    if (status == FIRN_OK && (own.key.size != 0 || own.scope.size != 0)) {
        status = frn_key_check(own.scope, own.key, err);
    }
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "append");
    }
    append->call.key = (fmt_batch_key){.scope = own.scope, .key = own.key, .digest = own.digest};
    if (own.has_expected_version) {
        append->condition = (frn_condition){.stream = &append->stream, .version = own.expected_version};
        append->call.conditions = &append->condition;
        append->call.conditions_count = 1;
    }
    return FIRN_OK;
}

firn_status firn_append(firn_ledger *ledger, firn_slice stream, const firn_event *events, size_t events_count,
                        const firn_append_options *options, firn_receipt *out_receipt, firn_error *err)
{
    append_call append;
    firn_status status = append_begin(&append, ledger, stream, events, events_count, options, err);

    return status != FIRN_OK ? status : frn_intake_commit(ledger, &append.call, out_receipt, err);
}

firn_status firn_append_submit(firn_ledger *ledger, firn_slice stream, const firn_event *events, size_t events_count,
                               const firn_append_options *options, const firn_submit_options *submit,
                               firn_ticket **out_ticket, firn_error *err)
{
    append_call append;
    firn_status status = append_begin(&append, ledger, stream, events, events_count, options, err);

    return status != FIRN_OK ? status : frn_intake_submit(ledger, &append.call, submit, out_ticket, err);
}
