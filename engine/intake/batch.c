/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c — collect verbs and conditions into one atomic batch, and commit or submit it. */
#include "engine/intake/batch.h"

#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/name.h"
#include "engine/intake/options.h"

#include <string.h>

enum {
    ARRAY_CAPACITY_MIN = 16
};

firn_status firn_batch_new(firn_ledger *ledger, firn_batch **out_batch, firn_error *err)
{
    firn_batch *batch;

    if (ledger == NULL || out_batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "new batch: %s is NULL", ledger == NULL ? "ledger" : "out_batch");
    }
    batch = frn_alloc_zero(ledger->heap, 1, sizeof *batch);
    if (batch == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "new batch");
    }
    batch->ledger = ledger;
    frn_arena_init(&batch->arena, ledger->heap);
    *out_batch = batch;
    return FIRN_OK;
}

void firn_batch_free(firn_batch *batch)
{
    frn_heap *heap;

    if (batch == NULL) {
        return;
    }
    heap = batch->ledger->heap;
    frn_arena_done(&batch->arena);
    frn_free(heap, batch->verbs);
    frn_free(heap, batch->conditions);
    frn_free(heap, batch->streams);
    frn_free(heap, batch);
}

void firn_batch_reset(firn_batch *batch)
{
    frn_arena_reset(&batch->arena);
    batch->bound = (frn_bound){0};
    batch->verbs_count = 0;
    batch->conditions_count = 0;
    if (batch->streams_count != 0) {
        memset(batch->streams, 0, batch->streams_capacity * sizeof *batch->streams);
    }
    batch->streams_count = 0;
    batch->last = NULL;
    batch->key = (fmt_batch_key){0};
}

size_t firn_batch_count(const firn_batch *batch)
{
    return batch == NULL ? 0 : batch->bound.records;
}

/* Room for one more item in an array of the batch's. */
static firn_status array_grow(firn_batch *batch, void **array, size_t count, size_t *capacity, size_t item_size,
                              firn_error *err)
{
    size_t wanted = *capacity == 0 ? ARRAY_CAPACITY_MIN : 2 * *capacity;
    void *grown;

    if (count < *capacity) {
        return FIRN_OK;
    }
    grown = frn_realloc(batch->ledger->heap, *array, wanted * item_size);
    if (grown == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    *array = grown;
    *capacity = wanted;
    return FIRN_OK;
}

static uint64_t name_hash(firn_slice name)
{
    const uint8_t *bytes = name.data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool same_name(firn_slice a, firn_slice b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* The place of a name in the table, or the empty one where it belongs. */
static frn_batch_stream **stream_place(firn_batch *batch, firn_slice name, uint64_t hash)
{
    size_t mask = batch->streams_capacity - 1, at = hash & mask;

    while (batch->streams[at] != NULL &&
           (batch->streams[at]->hash != hash || !same_name(batch->streams[at]->ref.name, name))) {
        at = (at + 1) & mask;
    }
    return &batch->streams[at];
}

static firn_status streams_grow(firn_batch *batch, firn_error *err)
{
    frn_batch_stream **before = batch->streams;
    size_t before_capacity = batch->streams_capacity;
    size_t capacity = before_capacity == 0 ? ARRAY_CAPACITY_MIN : 2 * before_capacity;
    frn_batch_stream **grown;

    if (2 * (batch->streams_count + 1) <= before_capacity) {
        return FIRN_OK;
    }
    grown = frn_alloc_zero(batch->ledger->heap, capacity, sizeof(frn_batch_stream *));
    if (grown == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    batch->streams = grown;
    batch->streams_capacity = capacity;
    for (size_t i = 0; i < before_capacity; i++) {
        if (before[i] != NULL) {
            *stream_place(batch, before[i]->ref.name, before[i]->hash) = before[i];
        }
    }
    frn_free(batch->ledger->heap, before);
    return FIRN_OK;
}

firn_status frn_batch_copy(firn_batch *batch, firn_slice bytes, firn_slice *out_copy, firn_error *err)
{
    void *copy;

    if (bytes.size == 0) {
        *out_copy = (firn_slice){0};
        return FIRN_OK;
    }
    copy = frn_arena_take(&batch->arena, bytes.size);
    if (copy == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    memcpy(copy, bytes.data, bytes.size);
    *out_copy = (firn_slice){copy, bytes.size};
    return FIRN_OK;
}

firn_status frn_batch_stream_get(firn_batch *batch, firn_slice name, frn_batch_stream **out_stream, firn_error *err)
{
    frn_batch_stream *stream, **place;
    uint64_t hash;
    firn_status status;

    if (batch->last != NULL && name.data != NULL && same_name(batch->last->ref.name, name)) {
        *out_stream = batch->last;
        return FIRN_OK;
    }
    status = frn_name_check(name, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = streams_grow(batch, err);
    if (status != FIRN_OK) {
        return status;
    }
    hash = name_hash(name);
    place = stream_place(batch, name, hash);
    stream = *place;
    if (stream == NULL) {
        stream = frn_arena_take(&batch->arena, sizeof *stream);
        if (stream == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "batch");
        }
        *stream = (frn_batch_stream){.hash = hash};
        status = frn_batch_copy(batch, name, &stream->ref.name, err);
        if (status != FIRN_OK) {
            return status;
        }
        *place = stream;
        batch->streams_count++;
    }
    batch->last = stream;
    *out_stream = stream;
    return FIRN_OK;
}

firn_status frn_batch_bound(const firn_batch *batch, const frn_batch_stream *stream, size_t records,
                            size_t records_size, frn_bound *out_bound, firn_error *err)
{
    *out_bound = batch->bound;
    out_bound->records += records;
    out_bound->records_size += records_size;
    if (stream != NULL && !stream->counted) {
        out_bound->names++;
        out_bound->names_size += stream->ref.name.size;
    }
    return frn_bound_check(out_bound, batch->key.key.size == 0 ? NULL : &batch->key, err);
}

firn_status frn_batch_verb_add(firn_batch *batch, frn_verb *verb, firn_error *err)
{
    firn_status status = array_grow(batch, (void **)&batch->verbs, batch->verbs_count, &batch->verbs_capacity,
                                    sizeof *batch->verbs, err);

    if (status == FIRN_OK) {
        batch->verbs[batch->verbs_count++] = verb;
    }
    return status;
}

firn_status firn_batch_expect(firn_batch *batch, firn_slice stream, uint64_t version, firn_error *err)
{
    frn_batch_stream *named;
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "expect: batch is NULL");
    }
    status = frn_batch_stream_get(batch, stream, &named, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "expect");
    }
    status = array_grow(batch, (void **)&batch->conditions, batch->conditions_count, &batch->conditions_capacity,
                        sizeof *batch->conditions, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "expect");
    }
    batch->conditions[batch->conditions_count++] = (frn_condition){.stream = &named->ref, .version = version};
    return FIRN_OK;
}

firn_status firn_batch_key(firn_batch *batch, firn_slice scope, firn_slice key, const uint8_t *digest, firn_error *err)
{
    fmt_batch_key given = {.digest = NULL};
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "key: batch is NULL");
    }
    status = frn_key_check(scope, key, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "key");
    }
    status = frn_batch_copy(batch, scope, &given.scope, err);
    if (status == FIRN_OK) {
        status = frn_batch_copy(batch, key, &given.key, err);
    }
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "key");
    }
    if (digest != NULL) {
        memcpy(batch->digest, digest, sizeof batch->digest);
        given.digest = batch->digest;
    }
    batch->key = given;
    return FIRN_OK;
}

static frn_call call_of(const firn_batch *batch)
{
    return (frn_call){
        .verbs = (const frn_verb *const *)batch->verbs,
        .verbs_count = batch->verbs_count,
        .conditions = batch->conditions,
        .conditions_count = batch->conditions_count,
        .key = batch->key,
        .bound = batch->bound,
        .what = "commit batch",
    };
}

firn_status firn_batch_commit(firn_batch *batch, firn_receipt *out_receipt, firn_error *err)
{
    frn_call call;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "commit batch: batch is NULL");
    }
    call = call_of(batch);
    return frn_intake_commit(batch->ledger, &call, out_receipt, err);
}

firn_status firn_batch_submit(firn_batch *batch, const firn_submit_options *options, firn_ticket **out_ticket,
                              firn_error *err)
{
    frn_call call;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "submit batch: batch is NULL");
    }
    call = call_of(batch);
    return frn_intake_submit(batch->ledger, &call, options, out_ticket, err);
}
