/* SPDX-License-Identifier: Apache-2.0 */
/* model.c — decide calls against a plain list of batches. */
#include "test/crash/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_AGE_DEFAULT_NS (UINT64_C(7) * 24 * 3600 * 1000000000)

static void *need(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

model_request *model_request_new(size_t bytes_size)
{
    model_request *request = need(calloc(1, sizeof *request + bytes_size));

    request->refs = 1;
    return request;
}

void model_request_unref(model_request *request)
{
    if (--request->refs == 0) {
        free(request);
    }
}

firn_slice model_stream_name(unsigned stream)
{
    static const char *const names[MODEL_STREAMS] = {
        "a", "runs/2", "a stream with a longer name, as a document's would be", "d", "ünïcode", "f",
    };

    return stream < MODEL_STREAMS ? (firn_slice){.data = names[stream], .size = strlen(names[stream])}
                                  : model_verb_stream_name(stream - MODEL_STREAMS);
}

firn_status model_records(model_stores *s, const model_request *request, model_record out_records[MODEL_RECORDS_MAX],
                          unsigned *out_count)
{
    unsigned events = request->events_count;
    unsigned verbs = 0;
    firn_status status;

    for (unsigned i = 0; i < events; i++) {
        out_records[i] = (model_record){.kind = request->events[i].kind, .stream = (int)request->events[i].stream};
    }
    status = model_stores_decide(s, request->verbs, request->verbs_count, out_records + events, &verbs);
    for (unsigned i = events; i < events + verbs; i++) {
        out_records[i].stream += out_records[i].stream < 0 ? 0 : MODEL_STREAMS;
    }
    *out_count = events + verbs;
    return status;
}

void model_init(model *m)
{
    *m = (model){.key_age_ns = KEY_AGE_DEFAULT_NS, .next_seq = 1};
}

void model_done(model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        model_request_unref(m->batches[i].request);
    }
    free(m->batches);
    *m = (model){0};
}

static bool is_over(const model *m, const model_batch *batch, int64_t clock_ns)
{
    return (uint64_t)clock_ns - (uint64_t)batch->time_ns >= m->key_age_ns;
}

/* A batch with a key removes up to two keys that are over their age, the oldest first. One that is over and still
   there comes back to life when the age is raised, so the model has to do the same. */
static void take_key(model *m, const model_batch *batch)
{
    m->keys[batch->request->scope][batch->request->key] = m->count;
    for (int round = 0; round < 2; round++) {
        size_t *oldest = NULL;

        for (unsigned i = 0; i < MODEL_SCOPES * MODEL_KEYS; i++) {
            size_t *at = &m->keys[i / MODEL_KEYS][i % MODEL_KEYS];

            if (*at != 0 && (oldest == NULL || *at < *oldest)) {
                oldest = at;
            }
        }
        if (oldest != NULL && is_over(m, &m->batches[*oldest - 1], batch->time_ns)) {
            *oldest = 0;
        }
    }
}

/* Takes the rows of a batch in. */
static void apply(model *m, const model_batch *batch)
{
    const model_request *request = batch->request;
    model_record records[MODEL_RECORDS_MAX];
    unsigned count;

    (void)model_records(&m->stores, request, records, &count);
    for (unsigned i = 0; i < count; i++) {
        model_stream *stream;

        if (records[i].stream < 0) {
            continue;
        }
        stream = &m->streams[records[i].stream];
        if (stream->id == 0) {
            stream->id = ++m->streams_count;
            stream->first_seq = batch->first_seq + i;
        }
        stream->version++;
        stream->last_seq = batch->first_seq + i;
    }
    if (request->sets_key_age) {
        m->key_age_ns = request->age_ns;
    }
    if (request->has_key) {
        take_key(m, batch);
    }
    m->next_seq = batch->first_seq + batch->count;
    m->time_ns = batch->time_ns;
}

static void push(model *m, const model_batch *batch)
{
    if (m->count == m->capacity) {
        m->capacity = m->capacity == 0 ? 64 : 2 * m->capacity;
        m->batches = need(realloc(m->batches, m->capacity * sizeof *m->batches));
    }
    m->batches[m->count++] = *batch;
    batch->request->refs++;
    apply(m, batch);
}

void model_fork(const model *m, size_t count, model *out_fork)
{
    assert(count <= m->count);
    model_init(out_fork);
    for (size_t i = 0; i < count; i++) {
        push(out_fork, &m->batches[i]);
    }
    out_fork->floor = m->floor < count ? m->floor : count;
}

void model_truncate(model *m, size_t count)
{
    model kept;

    if (count < m->count) {
        model_fork(m, count, &kept);
        model_done(m);
        *m = kept;
    }
    m->floor = count;
}

const model_batch *model_key(const model *m, unsigned scope, unsigned key, int64_t clock_ns)
{
    size_t i = m->keys[scope][key];

    if (i == 0 || is_over(m, &m->batches[i - 1], clock_ns)) {
        return NULL;
    }
    return &m->batches[i - 1];
}

static bool same_request(const model_request *a, const model_request *b)
{
    if (a->has_digest || b->has_digest) {
        return a->has_digest && b->has_digest && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
    }
    if (a->events_count != b->events_count || a->verbs_count != b->verbs_count ||
        memcmp(a->verbs, b->verbs, a->verbs_count * sizeof a->verbs[0]) != 0) {
        return false;
    }
    for (unsigned i = 0; i < a->events_count; i++) {
        const model_event *x = &a->events[i];
        const model_event *y = &b->events[i];

        if (x->stream != y->stream || x->kind != y->kind || x->size != y->size ||
            memcmp(a->bytes + x->at, b->bytes + y->at, x->size) != 0) {
            return false;
        }
    }
    return true;
}

static bool expects_hold(const model *m, const model_request *request)
{
    for (unsigned i = 0; i < request->expects_count; i++) {
        if (m->streams[request->expects[i].stream].version != request->expects[i].version) {
            return false;
        }
    }
    return true;
}

model_answer model_decide(model *m, model_request *request, int64_t clock_ns)
{
    model_answer answer = {.status = FIRN_OK, .position = m->count};
    model_batch batch = {.request = request};
    const model_batch *known = NULL;
    model_record records[MODEL_RECORDS_MAX];
    model_stores after = m->stores;
    firn_status decided;
    unsigned count;

    batch.time_ns = clock_ns > m->time_ns ? clock_ns : m->time_ns;
    if (request->has_key) {
        known = model_key(m, request->scope, request->key, batch.time_ns);
    }
    if (known != NULL && !same_request(known->request, request)) {
        answer.status = FIRN_ECONFLICT;
        answer.detail = FIRN_DETAIL_KEY;
    } else if (known != NULL) {
        answer.existing = 1;
        answer.first_seq = known->first_seq;
        answer.count = known->count;
        answer.time_ns = known->time_ns;
    } else if (!expects_hold(m, request)) {
        answer.status = FIRN_ECONFLICT;
        answer.detail = FIRN_DETAIL_EXPECTED_VERSION;
    } else if ((decided = model_records(&after, request, records, &count)) != FIRN_OK) {
        answer.status = decided;
        answer.detail = MODEL_DETAIL_ANY;
    } else if (count > 0 || request->sets_key_age) {
        batch.first_seq = m->next_seq;
        batch.count = request->sets_key_age ? 1 : count;
        push(m, &batch);
        answer.appended = true;
        answer.position = m->count;
        answer.first_seq = batch.first_seq;
        answer.count = batch.count;
        answer.time_ns = batch.time_ns;
    }
    return answer;
}

void model_answered(model *m, const model_answer *answer)
{
    if (m->floor < answer->position) {
        m->floor = answer->position;
    }
}
