/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c — create a run, and end it.
 *
 * The decision and the record are one step under the tail lock, so a run ends once and takes no event behind its end.
 */
#include "engine/store/run.h"

#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/options.h"

#include <stdio.h>
#include <string.h>

const char *firn_run_status_name(firn_run_status status)
{
    static const char *const names[] = {"RUNNING", "COMPLETED", "FAILED", "CANCELLED"};

    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "UNKNOWN";
}

firn_status frn_run_unknown(firn_error *err, firn_slice run_id)
{
    return frn_fail(err, FIRN_ENOTFOUND, "run not found: %.*s%s", FRN_FIELD(run_id));
}

firn_status frn_run_running(frn_decision *decision, frn_stream_ref *ref, firn_slice run_id, uint32_t *out_stream,
                            firn_error *err)
{
    firn_status status = frn_decision_stream_find(decision, ref, out_stream, err);

    if (status == FIRN_OK) {
        status = *out_stream == 0 ? FIRN_ENOTFOUND : frn_run_hold(&decision->apply, *out_stream, err);
    }
    if (status == FIRN_ENOTFOUND) {
        return frn_run_unknown(err, run_id);
    }
    if (status == FIRN_OK && decision->apply.run.head.status != FIRN_RUN_RUNNING) {
        return frn_fail(err, FIRN_ESTATE, "run %.*s is %s, expected RUNNING", (int)run_id.size,
                        (const char *)run_id.data, firn_run_status_name(decision->apply.run.head.status));
    }
    return status;
}

/* Creating. In a batch, what the slices point to is the batch's own. */
typedef struct create_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    fmt_run_create create;
    uint8_t print[FRN_PRINT_SIZE];
    firn_run_created *created; /* May be NULL. Its member created is written when decided. */
} create_verb;

static void create_digest(const frn_verb *verb, frn_digest *digest)
{
    const create_verb *create = (const create_verb *)(const void *)verb;

    frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
    frn_digest_bytes(digest, create->create.run_id);
    frn_digest_bytes(digest, (firn_slice){create->print, sizeof create->print});
}

/* The run is there: is it the same? */
static firn_status create_again(const create_verb *create, frn_apply *apply, uint32_t stream, firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY];
    frn_row_run row;
    firn_slice value;
    fmt_verdict verdict;
    firn_status status = frn_index_read(apply->index, FRN_TABLE_RUN, frn_row_run_key_encode(key, stream), &value, err);

    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_run_decode(value, &row);
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_RUN, verdict);
    }
    if (memcmp(row.print, create->print, sizeof row.print) != 0) {
        return frn_fail(err, FIRN_EEXISTS, "run %.*s already exists with different content",
                        (int)create->create.run_id.size, (const char *)create->create.run_id.data);
    }
    return FIRN_OK;
}

static firn_status create_record(const create_verb *create, frn_decision *decision, firn_error *err)
{
    uint8_t prefix[FMT_RUN_CREATE_PREFIX_MAX], suffix[FMT_RUN_CREATE_SUFFIX_MAX];
    fmt_run_create own = create->create;
    firn_slice parts[3] = {{prefix, 0}, own.tags, {suffix, 0}};
    frn_row_head head;
    uint32_t stream;
    firn_status status = frn_decision_stream(decision, create->stream, &stream, err);

    if (status == FIRN_OK) {
        status = frn_apply_head(&decision->apply, stream, &head, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    own.created_at = firn_time_of_ns(decision->apply.time_ns);
    parts[0].size = fmt_run_create_prefix(prefix, &own);
    parts[2].size = fmt_run_create_suffix(suffix, &own);
    return frn_decision_record(decision, FMT_KIND_RUN_CREATE, stream, head.version + 1, parts, 3, err);
}

static firn_status create_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const create_verb *create = (const create_verb *)(const void *)verb;
    uint32_t stream;
    bool there = false;
    firn_status status = frn_decision_stream_find(decision, create->stream, &stream, err);

    if (status == FIRN_OK && stream != 0) {
        status = frn_run_hold(&decision->apply, stream, err);
        there = status == FIRN_OK;
        status = status == FIRN_ENOTFOUND ? FIRN_OK : status;
    }
    if (status == FIRN_OK) {
        status = there ? create_again(create, &decision->apply, stream, err) : create_record(create, decision, err);
    }
    if (status == FIRN_OK && create->created != NULL) {
        create->created->created = !there;
    }
    return status;
}

static const frn_verb_ops create_ops = {.name = "run_create", .digest = create_digest, .decide = create_decide};

/* A version 4 UUID as text. */
static firn_status id_make(firn_ledger *ledger, firn_run_created *created, firn_error *err)
{
    uint8_t bytes[16];
    char *at = created->run_id;
    firn_status status = ledger->io->ops->random(ledger->io, bytes, sizeof bytes, err);

    if (status != FIRN_OK) {
        return status;
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof bytes; i++) {
        at += snprintf(at, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes[i]);
    }
    created->run_id_size = (uint32_t)(at - created->run_id);
    return FIRN_OK;
}

static firn_status evaluation_check(const firn_run_evaluation *evaluation, firn_error *err)
{
    if (evaluation->is_promotion_gate > 1) {
        return frn_fail(err, FIRN_EINVAL, "invalid isPromotionGate: %u", evaluation->is_promotion_gate);
    }
    return frn_field_text("rubricPath", evaluation->rubric_path, FIRN_TEXT_SIZE_MAX, err);
}

/* Checks arguments and fills in the verb but for its stream; the id is in created. */
static firn_status create_check(firn_ledger *ledger, const firn_run_args *given, firn_run_created *created,
                                create_verb *create, firn_error *err)
{
    static const firn_slice null_tags = {"null", 4};
    firn_run_args own;
    firn_status status = frn_options_read(&own, sizeof own, given, "run", err);

    if (status != FIRN_OK) {
        return status;
    }
    if (given == NULL || own.spec_digest == NULL) {
        return frn_fail(err, FIRN_EINVAL, "%s is NULL", given == NULL ? "args" : "spec_digest");
    }
    if (own.run_id.data != NULL) {
        status = frn_field_id("run_id", own.run_id, FIRN_RUN_ID_SIZE_MAX, err);
        if (status == FIRN_OK) {
            memcpy(created->run_id, own.run_id.data, own.run_id.size);
            created->run_id_size = (uint32_t)own.run_id.size;
        }
    } else {
        status = id_make(ledger, created, err);
    }
    if (status == FIRN_OK) {
        created->run_id[created->run_id_size] = '\0';
        status = frn_field_text("agent_name", own.agent_name, FIRN_TEXT_SIZE_MAX, err);
    }
    if (status == FIRN_OK) {
        status = frn_field_text("git_sha", own.git_sha, FIRN_TEXT_SIZE_MAX, err);
    }
    if (status == FIRN_OK && own.evaluation != NULL) {
        status = evaluation_check(own.evaluation, err);
    }
    if (status == FIRN_OK) {
        status = frn_field_json("tags", own.tags.data == NULL ? null_tags : own.tags, FIRN_TAGS_SIZE_MAX,
                                &create->create.tags, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    create->verb.ops = &create_ops;
    create->create.run_id = (firn_slice){created->run_id, created->run_id_size};
    create->create.spec_digest = own.spec_digest;
    create->create.git_sha = own.git_sha;
    create->create.agent_name = own.agent_name;
    create->create.has_evaluation = own.evaluation != NULL;
    if (own.evaluation != NULL) {
        create->create.evaluation = *own.evaluation;
    }
    return frn_run_create_print(&ledger->digests, &create->create, create->print, err);
}

static frn_bound create_bound(const create_verb *create)
{
    return (frn_bound){
        .records = 1,
        .records_size =
            fmt_record_size(FMT_RUN_CREATE_PREFIX_MAX + FMT_RUN_CREATE_SUFFIX_MAX + create->create.tags.size),
        .names = 1,
        .names_size = strlen(FRN_RUN_WORD) + create->create.run_id.size,
    };
}

/* firn_run_create() as a call. It points into itself. */
typedef struct create_call {
    create_verb create;
    firn_run_created created;
    frn_stream_ref stream;
    const frn_verb *verbs[1];
    frn_call call;
    char subject[FRN_SUBJECT_SIZE_MAX];
} create_call;

static firn_status create_begin(create_call *call, firn_ledger *ledger, const firn_run_args *args, firn_error *err)
{
    firn_status status;

    *call = (create_call){.create = {.verb = {&create_ops}}};
    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "create run: ledger is NULL");
    }
    status = create_check(ledger, args, &call->created, &call->create, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "create run");
    }
    call->stream.name = frn_subject(call->subject, FRN_RUN_WORD, call->create.create.run_id);
    call->create.stream = &call->stream;
    call->create.created = &call->created;
    call->verbs[0] = &call->create.verb;
    call->call =
        (frn_call){.verbs = call->verbs, .verbs_count = 1, .bound = create_bound(&call->create), .what = "create run"};
    return FIRN_OK;
}

firn_status firn_run_create(firn_ledger *ledger, const firn_run_args *args, firn_run_created *out_created,
                            firn_error *err)
{
    create_call call;
    firn_status status = create_begin(&call, ledger, args, err);

    if (status == FIRN_OK) {
        status = frn_intake_commit(ledger, &call.call, NULL, err);
    }
    if (status == FIRN_OK && out_created != NULL) {
        *out_created = call.created;
    }
    return status;
}

firn_status firn_run_create_submit(firn_ledger *ledger, const firn_run_args *args, firn_run_created *out_created,
                                   const firn_submit_options *submit, firn_ticket **out_ticket, firn_error *err)
{
    create_call call;
    firn_status status = create_begin(&call, ledger, args, err);

    if (status == FIRN_OK) {
        status = frn_intake_submit(ledger, &call.call, submit, out_ticket, err);
    }
    if (status == FIRN_OK && out_created != NULL) {
        *out_created = call.created;
    }
    return status;
}

/* Copies what a verb points to into the batch, and names its stream. */
static firn_status create_copy(firn_batch *batch, create_verb *create, firn_error *err)
{
    firn_slice spec = {create->create.spec_digest, FIRN_DIGEST_SIZE};
    firn_slice *texts[] = {&create->create.run_id,
                           &create->create.git_sha,
                           &create->create.agent_name,
                           &create->create.tags,
                           &create->create.evaluation.rubric_path,
                           &spec};
    char subject[FRN_SUBJECT_SIZE_MAX];
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == FIRN_OK; i++) {
        status = frn_batch_copy(batch, *texts[i], texts[i], err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    create->create.spec_digest = spec.data;
    create->stream = frn_arena_take(&batch->arena, sizeof *create->stream);
    if (create->stream == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    *create->stream = (frn_stream_ref){0};
    return frn_batch_copy(batch, frn_subject(subject, FRN_RUN_WORD, create->create.run_id), &create->stream->name, err);
}

static firn_status batch_create(firn_batch *batch, const firn_run_args *args, firn_run_created *out_created,
                                firn_error *err)
{
    create_verb *create = frn_arena_take(&batch->arena, sizeof *create);
    firn_run_created created = {0};
    frn_bound share, bound = batch->bound;
    firn_status status;

    if (create == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    *create = (create_verb){.created = out_created};
    status = create_check(batch->ledger, args, &created, create, err);
    if (status != FIRN_OK) {
        return status;
    }
    share = create_bound(create);
    bound.names += share.names;
    bound.names_size += share.names_size;
    bound.records += share.records;
    bound.records_size += share.records_size;
    status = frn_bound_check(&bound, batch->key.key.size == 0 ? NULL : &batch->key, err);
    if (status == FIRN_OK) {
        status = create_copy(batch, create, err);
    }
    if (status == FIRN_OK) {
        status = frn_batch_verb_add(batch, &create->verb, err);
    }
    if (status == FIRN_OK) {
        batch->bound = bound;
        if (out_created != NULL) {
            *out_created = created;
        }
    }
    return status;
}

firn_status firn_batch_run_create(firn_batch *batch, const firn_run_args *args, firn_run_created *out_created,
                                  firn_error *err)
{
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "create run: batch is NULL");
    }
    status = batch_create(batch, args, out_created, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "create run");
}
