/* SPDX-License-Identifier: Apache-2.0 */
/* run_end.c — end a run: complete, fail or cancel it. */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/store/run.h"

#include <string.h>

typedef struct end_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    firn_slice run_id;
    firn_run_status status;
    firn_run_summary summary;
} end_verb;

static void end_digest(const frn_verb *verb, frn_digest *digest)
{
    const end_verb *end = (const end_verb *)(const void *)verb;

    frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
    frn_digest_bytes(digest, end->run_id);
    frn_digest_number(digest, (uint64_t)end->status);
    frn_digest_number(digest, end->summary.total_events);
    frn_digest_number(digest, end->summary.duration_ms);
    frn_digest_number(digest, end->summary.success);
    frn_digest_bytes(digest, (firn_slice){end->summary.final_state_digest,
                                          end->summary.has_final_state_digest ? FIRN_DIGEST_SIZE : 0});
}

static firn_status end_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const end_verb *end = (const end_verb *)(const void *)verb;
    uint8_t body[FMT_RUN_END_SIZE_MAX];
    fmt_run_end own = {.run_id = end->run_id, .status = end->status, .summary = end->summary};
    firn_slice part = {body, 0};
    frn_row_head head;
    uint32_t stream;
    firn_status status = frn_run_running(decision, end->stream, end->run_id, &stream, err);

    if (status == FIRN_OK) {
        status = frn_apply_head(&decision->apply, stream, &head, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    /* A batch's time never decreases, so the end is not before the creation. */
    own.completed_at = firn_time_of_ns(decision->apply.time_ns);
    own.event_count = decision->apply.run.head.event_count;
    own.last_event_seq = decision->apply.run.head.last_event_seq;
    part.size = fmt_run_end_encode(body, &own);
    return frn_decision_record(decision, FMT_KIND_RUN_END, stream, head.version + 1, &part, 1, err);
}

static const frn_verb_ops end_ops = {.name = "run_end", .digest = end_digest, .decide = end_decide};

static const frn_bound end_bound = {.records = 1, .records_size = FMT_RECORD_HEADER + FMT_RUN_END_SIZE_MAX};

static firn_status end_check(end_verb *end, firn_slice run_id, firn_run_status status, const firn_run_summary *summary,
                             firn_error *err)
{
    if (status != FIRN_RUN_COMPLETED && status != FIRN_RUN_FAILED && status != FIRN_RUN_CANCELLED) {
        return frn_fail(err, FIRN_EINVAL, "invalid status: %d", (int)status);
    }
    if (summary == NULL) {
        return frn_fail(err, FIRN_EINVAL, "summary is NULL");
    }
    if (summary->success > 1 || summary->has_final_state_digest > 1) {
        return frn_fail(err, FIRN_EINVAL, "invalid %s: %u", summary->success > 1 ? "success" : "has_final_state_digest",
                        summary->success > 1 ? summary->success : summary->has_final_state_digest);
    }
    if (run_id.data == NULL || run_id.size == 0 || run_id.size > FIRN_RUN_ID_SIZE_MAX) {
        return frn_run_unknown(err, run_id.data == NULL ? (firn_slice){0} : run_id);
    }
    *end = (end_verb){.verb = {&end_ops}, .run_id = run_id, .status = status, .summary = *summary};
    return FIRN_OK;
}

/* firn_run_end() as a call. It points into itself. */
typedef struct end_call {
    end_verb end;
    frn_stream_ref stream;
    const frn_verb *verbs[1];
    frn_call call;
    char subject[FRN_SUBJECT_SIZE_MAX];
} end_call;

static firn_status end_begin(end_call *call, firn_ledger *ledger, firn_slice run_id, firn_run_status wanted,
                             const firn_run_summary *summary, firn_error *err)
{
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "end run: ledger is NULL");
    }
    status = end_check(&call->end, run_id, wanted, summary, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "end run");
    }
    call->stream = (frn_stream_ref){.name = frn_subject(call->subject, FRN_RUN_WORD, run_id)};
    call->end.stream = &call->stream;
    call->verbs[0] = &call->end.verb;
    call->call = (frn_call){.verbs = call->verbs, .verbs_count = 1, .bound = end_bound, .what = "end run"};
    return FIRN_OK;
}

firn_status firn_run_end(firn_ledger *ledger, firn_slice run_id, firn_run_status status,
                         const firn_run_summary *summary, firn_error *err)
{
    end_call call;
    firn_status begun = end_begin(&call, ledger, run_id, status, summary, err);

    return begun != FIRN_OK ? begun : frn_intake_commit(ledger, &call.call, NULL, err);
}

firn_status firn_run_end_submit(firn_ledger *ledger, firn_slice run_id, firn_run_status status,
                                const firn_run_summary *summary, const firn_submit_options *submit,
                                firn_ticket **out_ticket, firn_error *err)
{
    end_call call;
    firn_status begun = end_begin(&call, ledger, run_id, status, summary, err);

    return begun != FIRN_OK ? begun : frn_intake_submit(ledger, &call.call, submit, out_ticket, err);
}

static firn_status batch_end(firn_batch *batch, firn_slice run_id, firn_run_status wanted,
                             const firn_run_summary *summary, firn_error *err)
{
    end_verb *end = frn_arena_take(&batch->arena, sizeof *end);
    frn_stream_ref *stream = frn_arena_take(&batch->arena, sizeof *stream);
    char subject[FRN_SUBJECT_SIZE_MAX];
    frn_bound bound;
    firn_status status;

    if (end == NULL || stream == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    status = end_check(end, run_id, wanted, summary, err);
    if (status == FIRN_OK) {
        status = frn_batch_bound(batch, NULL, end_bound.records, end_bound.records_size, &bound, err);
    }
    if (status == FIRN_OK) {
        *stream = (frn_stream_ref){0};
        end->stream = stream;
        status = frn_batch_copy(batch, frn_subject(subject, FRN_RUN_WORD, run_id), &stream->name, err);
    }
    if (status == FIRN_OK) {
        status = frn_batch_copy(batch, run_id, &end->run_id, err);
    }
    if (status == FIRN_OK) {
        status = frn_batch_verb_add(batch, &end->verb, err);
    }
    if (status == FIRN_OK) {
        batch->bound = bound;
    }
    return status;
}

firn_status firn_batch_run_end(firn_batch *batch, firn_slice run_id, firn_run_status status,
                               const firn_run_summary *summary, firn_error *err)
{
    firn_status added;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "end run: batch is NULL");
    }
    added = batch_end(batch, run_id, status, summary, err);
    return added == FIRN_OK ? FIRN_OK : frn_wrap(err, added, "end run");
}
