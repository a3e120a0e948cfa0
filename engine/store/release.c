/* SPDX-License-Identifier: Apache-2.0 */
/* release.c — point a name to a digest; the rows of a name's releases. */
#include "engine/store/release.h"

#include "engine/base/error.h"
#include "engine/intake/batch.h"
#include "engine/intake/core.h"
#include "engine/intake/options.h"
#include "engine/intake/damage.h"
#include "engine/intake/field.h"
#include "format/stores.h"

#include <string.h>

/* The newest release of a stream. FIRN_ENOTFOUND, without a text: there is none. */
static firn_status newest(frn_apply *apply, uint32_t stream, uint64_t *out_number, frn_row_release *out_row,
                          firn_error *err)
{
    uint8_t from[FRN_ROW_RELEASE_KEY];
    firn_slice key, value;
    uint32_t found;
    fmt_verdict verdict;
    firn_status status =
        frn_index_read_seek(apply->index, FRN_TABLE_RELEASE, frn_row_release_key_encode(from, stream, UINT64_MAX),
                            false, &key, &value, err);

    if (status != FIRN_OK) {
        return status == FIRN_END ? FIRN_ENOTFOUND : status;
    }
    verdict = frn_row_release_key_decode(key, &found, out_number);
    if (verdict == FMT_OK && found != stream) {
        return FIRN_ENOTFOUND;
    }
    if (verdict == FMT_OK) {
        verdict = frn_row_release_decode(value, out_row);
    }
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_RELEASE, verdict);
}

typedef struct promote_verb {
    frn_verb verb;
    frn_stream_ref *stream;
    firn_release release;        /* But for number and time. */
    firn_release_result *result; /* May be NULL. Written when decided. */
} promote_verb;

static void digest_text_or_null(frn_digest *digest, firn_slice text)
{
    frn_digest_number(digest, text.data != NULL);
    frn_digest_bytes(digest, text);
}

static void promote_digest(const frn_verb *verb, frn_digest *digest)
{
    const promote_verb *promote = (const promote_verb *)(const void *)verb;

    frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
    frn_digest_bytes(digest, promote->release.name);
    frn_digest_bytes(digest, (firn_slice){promote->release.spec_digest, FIRN_DIGEST_SIZE});
    digest_text_or_null(digest, promote->release.version_label);
    frn_digest_bytes(digest, promote->release.promoted_by);
    digest_text_or_null(digest, promote->release.notes);
}

static bool is_later(firn_time a, firn_time b)
{
    return a.seconds > b.seconds || (a.seconds == b.seconds && a.nanoseconds > b.nanoseconds);
}

static firn_time next_nanosecond(firn_time time)
{
    return time.nanoseconds == 999999999 ? (firn_time){.seconds = time.seconds + 1}
                                         : (firn_time){.seconds = time.seconds, .nanoseconds = time.nanoseconds + 1};
}

static firn_status promote_record(frn_decision *decision, uint32_t stream, const firn_release *release, firn_error *err)
{
    uint8_t prefix[FMT_RELEASE_PREFIX_MAX], suffix[FMT_RELEASE_SUFFIX_MAX];
    firn_slice parts[] = {
        {prefix, fmt_release_prefix(prefix, release)}, release->notes, {suffix, fmt_release_suffix(suffix, release)}};
    frn_row_head head;
    firn_status status = frn_apply_head(&decision->apply, stream, &head, err);

    return status != FIRN_OK
               ? status
               : frn_decision_record(decision, FMT_KIND_RELEASE_PROMOTE, stream, head.version + 1, parts, 3, err);
}

static firn_status promote_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const promote_verb *promote = (const promote_verb *)(const void *)verb;
    firn_release release = promote->release;
    frn_row_release before;
    uint64_t number = 0;
    uint32_t stream;
    firn_status status = frn_decision_stream(decision, promote->stream, &stream, err);

    if (status == FIRN_OK) {
        status = newest(&decision->apply, stream, &number, &before, err);
    }
    if (status != FIRN_OK && status != FIRN_ENOTFOUND) {
        return status;
    }
    release.created_at = firn_time_of_ns(decision->apply.time_ns);
    if (number != 0 && !is_later(release.created_at, before.created_at)) {
        release.created_at = next_nanosecond(before.created_at);
    }
    release.release_number = number + 1;
    release.seq = decision->place.first_seq + decision->writer.count;
    status = promote_record(decision, stream, &release, err);
    if (status == FIRN_OK && promote->result != NULL) {
        *promote->result = (firn_release_result){release.release_number, release.seq, release.created_at};
    }
    return status;
}

static const frn_verb_ops promote_ops = {.name = "release_promote", .digest = promote_digest, .decide = promote_decide};

static firn_status promote_check(const firn_release_args *given, promote_verb *promote, firn_error *err)
{
    firn_release_args own;
    firn_status status = frn_options_read(&own, sizeof own, given, "release", err);

    if (status != FIRN_OK) {
        return status;
    }
    if (given == NULL || own.spec_digest == NULL) {
        return frn_fail(err, FIRN_EINVAL, "%s is NULL", given == NULL ? "args" : "spec_digest");
    }
    status = frn_field_id("name", own.name, FIRN_RELEASE_NAME_SIZE_MAX, err);
    if (status == FIRN_OK) {
        status = frn_field_text("version_label", own.version_label, FIRN_TEXT_SIZE_MAX, err);
    }
    if (status == FIRN_OK) {
        status = frn_field_text("promoted_by", own.promoted_by, FIRN_TEXT_SIZE_MAX, err);
    }
    if (status == FIRN_OK) {
        status = frn_field_text("notes", own.notes, FIRN_RELEASE_NOTES_SIZE_MAX, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    *promote = (promote_verb){.verb = {&promote_ops}};
    promote->release.name = own.name;
    promote->release.version_label = own.version_label;
    promote->release.promoted_by = own.promoted_by;
    promote->release.notes = own.notes;
    memcpy(promote->release.spec_digest, own.spec_digest, FIRN_DIGEST_SIZE);
    return FIRN_OK;
}

static frn_bound promote_bound(const promote_verb *promote)
{
    return (frn_bound){
        .records = 1,
        .records_size = fmt_record_size(FMT_RELEASE_PREFIX_MAX + FMT_RELEASE_SUFFIX_MAX + promote->release.notes.size),
        .names = 1,
        .names_size = strlen(FRN_RELEASE_WORD) + promote->release.name.size,
    };
}

/* firn_release_promote() as a call. It points into itself. */
typedef struct promote_call {
    promote_verb promote;
    firn_release_result result;
    frn_stream_ref stream;
    const frn_verb *verbs[1];
    frn_call call;
    char subject[FRN_SUBJECT_SIZE_MAX];
} promote_call;

static firn_status promote_begin(promote_call *call, firn_ledger *ledger, const firn_release_args *args,
                                 firn_error *err)
{
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "promote: ledger is NULL");
    }
    status = promote_check(args, &call->promote, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "promote");
    }
    call->stream = (frn_stream_ref){.name = frn_subject(call->subject, FRN_RELEASE_WORD, call->promote.release.name)};
    call->promote.stream = &call->stream;
    call->promote.result = &call->result;
    call->verbs[0] = &call->promote.verb;
    call->call =
        (frn_call){.verbs = call->verbs, .verbs_count = 1, .bound = promote_bound(&call->promote), .what = "promote"};
    return FIRN_OK;
}

firn_status firn_release_promote(firn_ledger *ledger, const firn_release_args *args, firn_release_result *out_result,
                                 firn_error *err)
{
    promote_call call;
    firn_status status = promote_begin(&call, ledger, args, err);

    if (status == FIRN_OK) {
        status = frn_intake_commit(ledger, &call.call, NULL, err);
    }
    if (status == FIRN_OK && out_result != NULL) {
        *out_result = call.result;
    }
    return status;
}

firn_status firn_release_promote_submit(firn_ledger *ledger, const firn_release_args *args,
                                        firn_release_result *out_result, const firn_submit_options *submit,
                                        firn_ticket **out_ticket, firn_error *err)
{
    promote_call call;
    firn_status status = promote_begin(&call, ledger, args, err);

    if (status == FIRN_OK) {
        call.promote.result = out_result;
        status = frn_intake_submit(ledger, &call.call, submit, out_ticket, err);
    }
    return status;
}

static firn_status batch_promote(firn_batch *batch, const firn_release_args *args, firn_release_result *out_result,
                                 firn_error *err)
{
    promote_verb *promote = frn_arena_take(&batch->arena, sizeof *promote);
    frn_stream_ref *stream = frn_arena_take(&batch->arena, sizeof *stream);
    firn_slice *texts[4];
    char subject[FRN_SUBJECT_SIZE_MAX];
    frn_bound share, bound = batch->bound;
    firn_status status;

    if (promote == NULL || stream == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    status = promote_check(args, promote, err);
    if (status != FIRN_OK) {
        return status;
    }
    share = promote_bound(promote);
    bound.names += share.names;
    bound.names_size += share.names_size;
    bound.records += share.records;
    bound.records_size += share.records_size;
    status = frn_bound_check(&bound, batch->key.key.size == 0 ? NULL : &batch->key, err);
    texts[0] = &promote->release.name;
    texts[1] = &promote->release.version_label;
    texts[2] = &promote->release.promoted_by;
    texts[3] = &promote->release.notes;
    for (size_t i = 0; i < 4 && status == FIRN_OK; i++) {
        status = frn_batch_copy(batch, *texts[i], texts[i], err);
    }
    if (status == FIRN_OK) {
        *stream = (frn_stream_ref){0};
        promote->stream = stream;
        promote->result = out_result;
        status =
            frn_batch_copy(batch, frn_subject(subject, FRN_RELEASE_WORD, promote->release.name), &stream->name, err);
    }
    if (status == FIRN_OK) {
        status = frn_batch_verb_add(batch, &promote->verb, err);
    }
    if (status == FIRN_OK) {
        batch->bound = bound;
    }
    return status;
}

firn_status firn_batch_release_promote(firn_batch *batch, const firn_release_args *args,
                                       firn_release_result *out_result, firn_error *err)
{
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "promote: batch is NULL");
    }
    status = batch_promote(batch, args, out_result, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "promote");
}

static firn_status release_apply(frn_apply *apply, const fmt_record *record, bool rollback, firn_error *err)
{
    uint8_t key[FRN_ROW_RELEASE_KEY], value[FRN_ROW_RELEASE];
    firn_release release;
    frn_row_release before, row;
    uint64_t number = 0;
    fmt_verdict verdict = fmt_release_decode(record->body, rollback, &release);
    firn_status status;

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    status = newest(apply, record->stream, &number, &before, err);
    if (status != FIRN_OK && status != FIRN_ENOTFOUND) {
        return status;
    }
    if (release.release_number != number + 1) {
        return frn_contradicts(err, record, "a release's number is not the next one");
    }
    if (number != 0 && !is_later(release.created_at, before.created_at)) {
        return frn_contradicts(err, record, "a release is not later than the one before");
    }
    row = (frn_row_release){record->seq, rollback ? release.rollback_of : release.release_number, release.created_at,
                            apply->hint};
    return frn_index_put(apply->index, FRN_TABLE_RELEASE,
                         frn_row_release_key_encode(key, record->stream, release.release_number),
                         frn_row_release_encode(value, &row), err);
}

firn_status frn_release_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    if (record->stream == 0) {
        return frn_contradicts(err, record, "a release outside any stream");
    }
    switch (record->kind) {
    case FMT_KIND_RELEASE_PROMOTE:
        return release_apply(apply, record, false, err);
    case FMT_KIND_RELEASE_ROLLBACK:
        return release_apply(apply, record, true, err);
    default:
        return FIRN_OK; /* Of a newer version: kept, not understood. */
    }
}
