/* SPDX-License-Identifier: Apache-2.0 */
/* check.c — hold what a ledger shows against the model. */
#include <stdio.h>
#include <string.h>

#include "test/crash/world.h"

/* Where a walk over the log stands, and what the batches before made. */
typedef struct walk {
    model_stream streams[MODEL_STREAMS_ALL];
    unsigned streams_count;
    model_stream ledgers_own; /* Records without a stream: number 0. */
    model_stores stores;
    model_record records[MODEL_RECORDS_MAX]; /* Of this batch. */
} walk;

static void check_event(const model_request *request, const model_event *event, const firn_record *got)
{
    if (got->payload.size != event->size ||
        (event->size > 0 && memcmp(got->payload.data, request->bytes + event->at, event->size) != 0)) {
        violation("record %llu: not the payload of %zu bytes that was submitted", (unsigned long long)got->seq,
                  event->size);
    }
}

/* A record of a store: what its body says shows in the answers of world_check_rows(). */
static void check_stream(walk *k, const model_record *want, const firn_record *got)
{
    model_stream *stream = want->stream < 0 ? &k->ledgers_own : &k->streams[want->stream];

    if (want->stream >= 0 && stream->id == 0) {
        stream->id = ++k->streams_count;
    }
    stream->version++;
    if (got->kind != want->kind || got->stream != stream->id || got->version != stream->version) {
        violation("record %llu: kind %u stream %u version %llu should be kind %u stream %u version %llu",
                  (unsigned long long)got->seq, got->kind, got->stream, (unsigned long long)got->version, want->kind,
                  stream->id, (unsigned long long)stream->version);
    }
}

/* One record against the batch that should hold it. */
static void check_record(walk *k, const model_batch *batch, uint32_t i, const firn_record *got)
{
    const model_request *request = batch->request;
    unsigned long long seq = got->seq;
    unsigned count;

    if (got->seq != batch->first_seq + i || got->batch_first_seq != batch->first_seq ||
        got->batch_count != batch->count) {
        violation("record %llu of batch %llu +%u should be %llu of batch %llu +%u", seq,
                  (unsigned long long)got->batch_first_seq, got->batch_count,
                  (unsigned long long)(batch->first_seq + i), (unsigned long long)batch->first_seq, batch->count);
    }
    if (got->time_ns != batch->time_ns) {
        violation("record %llu has time %lld, submitted with %lld", seq, (long long)got->time_ns,
                  (long long)batch->time_ns);
    }
    if (request->sets_key_age) {
        k->ledgers_own.version++;
        if (got->kind <= FIRN_EVENT_KIND_MAX || got->stream != 0) {
            violation("record %llu should be the ledger's own", seq);
        }
        return;
    }
    if (i == 0 && (model_records(&k->stores, request, k->records, &count) != FIRN_OK || count != batch->count)) {
        violation("the batch of record %llu should not be there", seq);
    }
    check_stream(k, &k->records[i], got);
    if (i < request->events_count) {
        check_event(request, &request->events[i], got);
    }
}

/* Reads as far as it goes: what is there must be the model's. *out_part: records of a batch that is not whole. */
static size_t walk_log(world *w, uint32_t *out_part, firn_status *out_status, firn_error *err)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 16384};
    walk k = {.streams_count = 0};
    firn_scan *scan = NULL;
    size_t batches = 0;
    uint32_t i = 0;
    firn_record record;

    *out_status = firn_scan_open(w->ledger, &options, &scan, err);
    while (*out_status == FIRN_OK && (*out_status = firn_scan_next(scan, &record, err)) == FIRN_OK) {
        if (batches == w->m->count) {
            violation("record %llu was never submitted, or was taken back", (unsigned long long)record.seq);
        }
        check_record(&k, &w->m->batches[batches], i, &record);
        if (++i == w->m->batches[batches].count) {
            batches++;
            i = 0;
        }
    }
    firn_scan_close(scan);
    *out_part = i;
    return batches;
}

size_t world_check_log(world *w)
{
    firn_status status;
    firn_error err;
    uint32_t part;
    size_t batches = walk_log(w, &part, &status, &err);

    if (status != FIRN_END) {
        violation("scan: %s", err.text);
    }
    if (part != 0) {
        violation("batch %llu ends after %u of %u records", (unsigned long long)w->m->batches[batches].first_seq, part,
                  w->m->batches[batches].count);
    }
    if (batches < w->m->floor) {
        violation("%zu batches are there, answers that were given rest on %zu", batches, w->m->floor);
    }
    return batches;
}

size_t world_check_damaged(world *w, firn_status *out_status, firn_error *err)
{
    uint32_t part;
    size_t batches = walk_log(w, &part, out_status, err);

    if (*out_status == FIRN_END && part != 0) {
        violation("batch %llu ends after %u of %u records", (unsigned long long)w->m->batches[batches].first_seq, part,
                  w->m->batches[batches].count);
    }
    if (*out_status != FIRN_END && *out_status != FIRN_ECORRUPT && *out_status != FIRN_EIO) {
        violation("scan of a damaged log: %s", firn_status_name(*out_status));
    }
    return batches;
}

/* Here and below: what should not be there is asked for without a text, which most of the time would go into. */
static void check_keys(firn_view *view, const model *m)
{
    firn_error err;

    for (unsigned scope = 0; scope < MODEL_SCOPES; scope++) {
        for (unsigned key = 0; key < MODEL_KEYS; key++) {
            const model_batch *want = model_key(m, scope, key, m->time_ns);
            char scope_text[16], key_text[16];
            firn_slice scope_slice = {.data = scope_text};
            firn_slice key_slice = {.data = key_text};
            firn_receipt receipt = {0};
            firn_status status;

            scope_slice.size = scope == 0 ? 0 : (size_t)snprintf(scope_text, sizeof scope_text, "key-%u", scope);
            key_slice.size = (size_t)snprintf(key_text, sizeof key_text, "key-%u", key);
            status = firn_key_get(view, scope_slice, key_slice, &receipt, want == NULL ? NULL : &err);
            if (status != (want == NULL ? FIRN_ENOTFOUND : FIRN_OK) ||
                (want != NULL && receipt.first_seq != want->first_seq)) {
                violation("key %u/%u: %s, batch %llu; the model has batch %llu", scope, key, firn_status_name(status),
                          (unsigned long long)receipt.first_seq,
                          (unsigned long long)(want == NULL ? 0 : want->first_seq));
            }
        }
    }
}

void world_check_rows(world *w, size_t count)
{
    firn_view *view = NULL;
    firn_stream stream;
    firn_error err;
    model m;

    model_fork(w->m, count, &m);
    if (firn_view_open(w->ledger, &view, &err) != FIRN_OK) {
        violation("view: %s", err.text);
    }
    if (firn_view_seq(view) != m.next_seq - 1) {
        violation("a view at seq %llu, the log ends at %llu", (unsigned long long)firn_view_seq(view),
                  (unsigned long long)m.next_seq - 1);
    }
    for (unsigned i = 0; i < MODEL_STREAMS_ALL; i++) {
        const model_stream *want = &m.streams[i];
        firn_status status = firn_stream_get(view, model_stream_name(i), &stream, want->id == 0 ? NULL : &err);

        if (status != (want->id == 0 ? FIRN_ENOTFOUND : FIRN_OK)) {
            violation("stream %u: %s", i, firn_status_name(status));
        }
        if (want->id != 0 && (stream.id != want->id || stream.version != want->version ||
                              stream.first_seq != want->first_seq || stream.last_seq != want->last_seq)) {
            violation("stream %u: id %u version %llu [%llu, %llu], should be id %u version %llu [%llu, %llu]", i,
                      stream.id, (unsigned long long)stream.version, (unsigned long long)stream.first_seq,
                      (unsigned long long)stream.last_seq, want->id, (unsigned long long)want->version,
                      (unsigned long long)want->first_seq, (unsigned long long)want->last_seq);
        }
    }
    check_keys(view, &m);
    world_check_stores(view, &m.stores);
    firn_view_close(view);
    if (frn_ledger_check(w->ledger, &err) != FIRN_OK) {
        violation("rows: %s", err.text);
    }
    model_done(&m);
}
