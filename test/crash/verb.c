/* SPDX-License-Identifier: Apache-2.0 */
/* verb.c — the stores' verbs in a world: in batches, alone, and what views must answer about them. */
#include <string.h>

#include "test/crash/world.h"

static firn_status collect_append(world *w, const model_verb *v, firn_error *err)
{
    char texts[MODEL_APPENDS_MAX][MODEL_TEXT_SIZE];
    firn_run_event events[MODEL_APPENDS_MAX];

    for (unsigned i = 0; i < v->count; i++) {
        events[i] = model_event_of(v->subject, v->first == 0 ? 0 : v->first + i, v->first == 0 ? i : 0, texts[i]);
    }
    return firn_batch_run_append(w->batch, model_run_id(v->subject), events, v->count, NULL, NULL, err);
}

firn_status world_collect_verbs(world *w, const model_request *request, firn_error *err)
{
    firn_status status = FIRN_OK;

    for (unsigned i = 0; status == FIRN_OK && i < request->verbs_count; i++) {
        const model_verb *v = &request->verbs[i];
        bool is_release = v->kind == MODEL_PROMOTE;
        firn_run_args run = model_run_args(v->kind == MODEL_CREATE ? v->subject : 0);
        firn_release_args release = model_release_args(is_release ? v->subject : 0, is_release ? v->first : 0);
        firn_run_summary summary = model_summary(v->subject);

        switch (v->kind) {
        case MODEL_PUT:
            status = firn_batch_content_put(w->batch, model_content(v->subject), NULL, NULL, err);
            break;
        case MODEL_CREATE:
            status = firn_batch_run_create(w->batch, &run, NULL, err);
            break;
        case MODEL_APPEND:
            status = collect_append(w, v, err);
            break;
        case MODEL_END:
            status = firn_batch_run_end(w->batch, model_run_id(v->subject), (firn_run_status)v->first, &summary, err);
            break;
        case MODEL_PROMOTE:
        default:
            status = firn_batch_release_promote(w->batch, &release, NULL, err);
            break;
        }
    }
    return status;
}

bool world_fits_verb(const model_request *request)
{
    return request->verbs_count == 1 && request->events_count == 0 && request->expects_count == 0 && !request->has_key;
}

static void check_result(const char *what, uint64_t got, uint64_t want)
{
    if (got != want) {
        violation("%s: %llu, should be %llu", what, (unsigned long long)got, (unsigned long long)want);
    }
}

static firn_status call_put(world *w, const model_verb *v, uint32_t appended, firn_error *err)
{
    firn_content_put_result result;
    firn_status status = firn_content_put(w->ledger, model_content(v->subject), model_digest(v->subject), &result, err);

    if (status == FIRN_OK) {
        check_result("existing content", result.existing, appended == 0);
        check_result("size of content", result.size, model_content(v->subject).size);
        check_result("digest of content", 0, memcmp(result.digest, model_digest(v->subject), FIRN_DIGEST_SIZE) != 0);
    }
    return status;
}

static firn_status call_append(world *w, const model_verb *v, uint32_t appended, firn_error *err)
{
    char texts[MODEL_APPENDS_MAX][MODEL_TEXT_SIZE];
    firn_run_event events[MODEL_APPENDS_MAX];
    uint64_t numbers[MODEL_APPENDS_MAX];
    const model_run *run = &w->m->stores.runs[v->subject];
    firn_run_appended result;
    firn_status status;

    for (unsigned i = 0; i < v->count; i++) {
        events[i] = model_event_of(v->subject, v->first == 0 ? 0 : v->first + i, v->first == 0 ? i : 0, texts[i]);
    }
    status = firn_run_append(w->ledger, model_run_id(v->subject), events, v->count, numbers, &result, err);
    if (status == FIRN_OK) {
        check_result("events appended", result.appended, appended);
        check_result("duplicate events", result.duplicates, v->count - appended);
        check_result("events of the run", result.event_count, run->count);
        check_result("last event", result.last_event_seq, run->last);
        for (unsigned i = 0; i < v->count; i++) {
            check_result("number of an event", numbers[i],
                         v->first == 0 ? run->last - v->count + 1 + i : (uint64_t)v->first + i);
        }
    }
    return status;
}

firn_status world_call_verb(world *w, const model_request *request, const model_answer *want, firn_receipt *out_receipt,
                            firn_error *err)
{
    const model_verb *v = &request->verbs[0];
    bool is_release = v->kind == MODEL_PROMOTE;
    firn_run_args run = model_run_args(v->kind == MODEL_CREATE ? v->subject : 0);
    firn_release_args release = model_release_args(is_release ? v->subject : 0, is_release ? v->first : 0);
    firn_run_summary summary = model_summary(v->subject);
    firn_release_result promoted;
    firn_run_created created;
    firn_status status;

    /* These calls give no receipt. */
    *out_receipt = (firn_receipt){.first_seq = want->first_seq, .count = want->count, .time_ns = want->time_ns};
    out_receipt->cursor.incarnation = w->incarnation;
    out_receipt->cursor.seq = want->first_seq + want->count - 1;
    switch (v->kind) {
    case MODEL_PUT:
        return call_put(w, v, want->count, err);
    case MODEL_CREATE:
        status = firn_run_create(w->ledger, &run, &created, err);
        if (status == FIRN_OK) {
            check_result("created", created.created, want->count);
        }
        return status;
    case MODEL_APPEND:
        return call_append(w, v, want->count, err);
    case MODEL_END:
        return firn_run_end(w->ledger, model_run_id(v->subject), (firn_run_status)v->first, &summary, err);
    case MODEL_PROMOTE:
    default:
        status = firn_release_promote(w->ledger, &release, &promoted, err);
        if (status == FIRN_OK) {
            check_result("number of a release", promoted.release_number, w->m->stores.releases[v->subject]);
            check_result("seq of a release", promoted.seq, want->first_seq);
        }
        return status;
    }
}

static bool same_slice(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void check_contents(firn_view *view, const model_stores *want, firn_buf *buf)
{
    static const firn_content_read_options with_digest = {.struct_size = sizeof with_digest, .check_digest = 1};
    firn_error err;

    for (unsigned i = 0; i < MODEL_CONTENTS; i++) {
        int has = 0;
        firn_status status = firn_content_has(view, model_digest(i), &has, &err);

        if (status != FIRN_OK || (has != 0) != want->contents[i]) {
            violation("content %u: %s, has %d, should be %d", i, firn_status_name(status), has, want->contents[i]);
        }
        status = firn_content_get(view, model_digest(i), &with_digest, buf, want->contents[i] ? &err : NULL);
        if (status != (want->contents[i] ? FIRN_OK : FIRN_ENOTFOUND)) {
            violation("content %u: %s: %s", i, firn_status_name(status),
                      status < 0 && want->contents[i] ? err.text : "");
        }
        if (want->contents[i] && !same_slice((firn_slice){.data = buf->data, .size = buf->size}, model_content(i))) {
            violation("content %u has other bytes", i);
        }
    }
}

static void check_events(firn_view *view, unsigned i, const model_run *want)
{
    firn_run_events *events = NULL;
    firn_run_event got;
    firn_error err;
    firn_status status = firn_run_events_open(view, model_run_id(i), NULL, &events, &err);
    char text[MODEL_TEXT_SIZE];

    for (unsigned number = 1; number < MODEL_RUN_EVENTS; number++) {
        const model_run_event *event = &want->events[number];
        firn_run_event should;

        if (event->there == 0) {
            continue;
        }
        should = model_event_of(i, event->automatic != 0 ? 0 : number, event->index, text);
        status = status == FIRN_OK ? firn_run_events_next(events, &got, &err) : status;
        if (status != FIRN_OK) {
            violation("run %u, event %u: %s", i, number, firn_status_name(status));
        }
        if (got.event_seq != number || !same_slice(got.kind, should.kind) || !same_slice(got.payload, should.payload) ||
            got.timestamp.seconds != should.timestamp.seconds) {
            violation("run %u, event %u: event %llu, or other content", i, number, (unsigned long long)got.event_seq);
        }
    }
    status = status == FIRN_OK ? firn_run_events_next(events, &got, &err) : status;
    if (status != FIRN_END) {
        violation("run %u has more events than it should: %s", i, firn_status_name(status));
    }
    firn_run_events_close(events);
}

static void check_runs(firn_view *view, const model_stores *want, firn_buf *buf)
{
    firn_error err;

    for (unsigned i = 0; i < MODEL_RUNS; i++) {
        const model_run *run = &want->runs[i];
        firn_run_args args = model_run_args(i);
        firn_run got = {.status = FIRN_RUN_RUNNING};
        firn_status status = firn_run_get(view, model_run_id(i), buf, &got, run->created ? &err : NULL);

        if (status != (run->created ? FIRN_OK : FIRN_ENOTFOUND)) {
            violation("run %u: %s: %s", i, firn_status_name(status), status < 0 && run->created ? err.text : "");
        }
        if (!run->created) {
            continue;
        }
        if (got.status != run->status || got.event_count != run->count || got.last_event_seq != run->last ||
            (run->status != FIRN_RUN_RUNNING && got.summary.duration_ms != model_summary(i).duration_ms)) {
            violation("run %u: %s, %llu events, the last %llu; should be %s, %u, %u", i,
                      firn_run_status_name(got.status), (unsigned long long)got.event_count,
                      (unsigned long long)got.last_event_seq, firn_run_status_name(run->status), run->count, run->last);
        }
        if (!same_slice(got.agent_name, args.agent_name) || !same_slice(got.git_sha, args.git_sha) ||
            memcmp(got.spec_digest, args.spec_digest, FIRN_DIGEST_SIZE) != 0) {
            violation("run %u was created with other arguments", i);
        }
        check_events(view, i, run);
    }
}

static void check_releases(firn_view *view, const model_stores *want, firn_buf *buf)
{
    firn_error err;

    for (unsigned i = 0; i < MODEL_RELEASES; i++) {
        firn_release got;
        firn_status status = firn_release_current(view, model_release_name(i), buf, &got, &err);
        unsigned number = want->releases[i];

        for (; status == FIRN_OK && number > 0; number--) {
            firn_release_args args = model_release_args(i, want->released[i][number - 1]);

            if (got.release_number != number || memcmp(got.spec_digest, args.spec_digest, FIRN_DIGEST_SIZE) != 0 ||
                !same_slice(got.notes, args.notes)) {
                violation("release %u, number %u: number %llu, or other content", i, number,
                          (unsigned long long)got.release_number);
            }
            status = firn_release_history(view, model_release_name(i), number, buf, &got, &err);
        }
        if (status != FIRN_END || number != 0) {
            violation("release %u: %s at number %u of %u", i, firn_status_name(status), number, want->releases[i]);
        }
    }
}

void world_check_stores(firn_view *view, const model_stores *want)
{
    firn_buf buf = {0};

    check_contents(view, want, &buf);
    check_runs(view, want, &buf);
    check_releases(view, want, &buf);
    firn_buf_free(&buf);
}
