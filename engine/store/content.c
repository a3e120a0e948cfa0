/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c — bytes kept once by their digest: put, and the rows that find them.
 *
 * Happy path: digest before the decision, one lookup under the tail lock, one record. What is longer than a chunk is
 * a record a chunk and a manifest, in the same batch as long as it fits one. A put of what is there appends nothing;
 * that its answer waits for the earlier record is intake's doing.
 */
#include "engine/store/content.h"

#include "engine/base/error.h"
#include "engine/intake/batch.h"
#include "engine/intake/core.h"
#include "engine/intake/field.h"
#include "format/stores.h"

#include <string.h>

_Static_assert((int)FMT_UPLOAD_SIZE == (int)FRN_UPLOAD_SIZE, "two sizes of an upload id");

firn_status frn_content_digest(frn_digests *digests, firn_slice bytes, uint8_t out_digest[FIRN_DIGEST_SIZE],
                               firn_error *err)
{
    frn_digest *digest;
    firn_status status = frn_digest_begin(digests, &digest, err);

    if (status != FIRN_OK) {
        return status;
    }
    frn_digest_raw(digest, bytes);
    return frn_digest_finish(digest, out_digest, err);
}

uint64_t frn_content_size_max(uint32_t chunk_size)
{
    uint64_t chunks = (FIRN_BODY_SIZE_MAX - FMT_CONTENT_MANIFEST_PREFIX_MAX - FMT_CONTENT_MANIFEST_SUFFIX_MAX) /
                      FMT_CONTENT_MANIFEST_DIGEST_SIZE;

    return chunks * chunk_size;
}

frn_bound frn_content_put_bound(const frn_content_put *put)
{
    frn_bound bound = {.records = 1, .records_size = put->bytes.size + fmt_record_size(FMT_BLOB_PREFIX_MAX)};

    if (put->chunks != 0) {
        bound.records = put->chunks - put->staged + 1;
        bound.records_size = put->bytes.size + (put->chunks - put->staged) * fmt_record_size(FMT_CHUNK_PREFIX_MAX) +
                             fmt_record_size(FMT_CONTENT_MANIFEST_PREFIX_MAX + FMT_CONTENT_MANIFEST_SUFFIX_MAX +
                                             put->chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE);
    }
    return bound;
}

static void put_digest(const frn_verb *verb, frn_digest *digest)
{
    const frn_content_put *put = (const frn_content_put *)(const void *)verb;

    frn_digest_bytes(digest, (firn_slice){verb->ops->name, strlen(verb->ops->name)});
    frn_digest_bytes(digest, (firn_slice){put->digest, sizeof put->digest});
}

/* A record of content: it has no subject, so it stands in the ledger's own stream. */
static firn_status content_record(frn_decision *decision, uint16_t kind, const firn_slice *parts, size_t parts_count,
                                  firn_error *err)
{
    frn_row_head head;
    firn_status status = frn_apply_head(&decision->apply, 0, &head, err);

    return status != FIRN_OK ? status
                             : frn_decision_record(decision, kind, 0, head.version + 1, parts, parts_count, err);
}

static firn_status chunk_record(frn_decision *decision, const uint8_t *upload, uint64_t index, firn_slice bytes,
                                firn_error *err)
{
    uint8_t prefix[FMT_CHUNK_PREFIX_MAX];
    fmt_content_chunk chunk = {.upload = upload, .index = index, .bytes = bytes};
    firn_slice parts[] = {{prefix, fmt_content_chunk_prefix(prefix, &chunk)}, bytes};

    return content_record(decision, FMT_KIND_CONTENT_CHUNK, parts, 2, err);
}

static firn_status manifest_record(frn_decision *decision, const frn_content_put *put, firn_error *err)
{
    uint8_t prefix[FMT_CONTENT_MANIFEST_PREFIX_MAX], suffix[FMT_CONTENT_MANIFEST_SUFFIX_MAX];
    fmt_content_manifest manifest = {
        .digest = put->digest,
        .size = put->size,
        .chunk_size = put->chunk_size,
        .upload = put->upload,
        .chunks = put->chunks,
    };
    firn_slice parts[] = {
        {prefix, fmt_content_manifest_prefix(prefix, &manifest)},
        {put->chunk_digests, put->chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE},
        {suffix, fmt_content_manifest_suffix(suffix, firn_time_of_ns(decision->apply.time_ns))},
    };

    return content_record(decision, FMT_KIND_CONTENT_MANIFEST, parts, 3, err);
}

static firn_status blob_record(frn_decision *decision, const frn_content_put *put, firn_error *err)
{
    uint8_t prefix[FMT_BLOB_PREFIX_MAX];
    fmt_content_blob blob = {put->digest, firn_time_of_ns(decision->apply.time_ns), put->bytes};
    firn_slice parts[] = {{prefix, fmt_content_blob_prefix(prefix, &blob)}, put->bytes};

    return content_record(decision, FMT_KIND_CONTENT_BLOB, parts, 2, err);
}

static firn_status put_records(frn_decision *decision, const frn_content_put *put, firn_error *err)
{
    const uint8_t *at = put->bytes.data;
    size_t left = put->bytes.size;
    firn_status status = FIRN_OK;

    if (put->chunks == 0) {
        return blob_record(decision, put, err);
    }
    for (size_t i = put->staged; i < put->chunks && status == FIRN_OK; i++) {
        size_t size = left < put->chunk_size ? left : put->chunk_size;

        status = chunk_record(decision, put->upload, i, (firn_slice){at, size}, err);
        at += size;
        left -= size;
    }
    return status == FIRN_OK ? manifest_record(decision, put, err) : status;
}

/* Whether the content that the row finds is good, as far as anybody knows. */
static firn_status row_believe(const frn_content_put *put, firn_slice value, bool *out_good, firn_error *err)
{
    frn_row_digest row;
    fmt_verdict verdict = frn_row_digest_decode(value, &row);

    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_DIGEST, verdict);
    }
    *out_good = !frn_spoilt_has(put->spoilt, row.seq);
    return FIRN_OK;
}

static firn_status put_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const frn_content_put *put = (const frn_content_put *)(const void *)verb;
    uint8_t key[FRN_ROW_DIGEST_KEY];
    firn_slice value;
    firn_status status = frn_index_read(decision->apply.index, FRN_TABLE_DIGEST,
                                        frn_row_digest_key_encode(key, FRN_HASH_SHA256, put->digest), &value, err);
    bool existing = false;

    if (status == FIRN_OK) {
        status = row_believe(put, value, &existing, err);
    } else if (status == FIRN_ENOTFOUND) {
        status = FIRN_OK;
    }
    if (status == FIRN_OK && !existing) {
        status = put_records(decision, put, err);
    }
    if (status == FIRN_OK && put->result != NULL) {
        *put->result = (firn_content_put_result){.size = put->size, .existing = existing};
        memcpy(put->result->digest, put->digest, sizeof put->digest);
    }
    return status;
}

const frn_verb_ops frn_content_put_ops = {.name = "content_put", .digest = put_digest, .decide = put_decide};

typedef struct stage_verb {
    frn_verb verb;
    const uint8_t *upload;
    uint64_t index;
    firn_slice bytes;
} stage_verb;

static firn_status stage_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const stage_verb *stage = (const stage_verb *)(const void *)verb;

    return chunk_record(decision, stage->upload, stage->index, stage->bytes, err);
}

/* Never under a key. */
static const frn_verb_ops stage_ops = {.name = "content_stage", .decide = stage_decide};

firn_status frn_content_stage(firn_ledger *ledger, const uint8_t *upload, uint64_t index, firn_slice bytes,
                              firn_error *err)
{
    stage_verb stage = {{&stage_ops}, upload, index, bytes};
    const frn_verb *verbs[] = {&stage.verb};
    frn_call call = {
        .verbs = verbs,
        .verbs_count = 1,
        .bound = {.records = 1, .records_size = fmt_record_size(FMT_CHUNK_PREFIX_MAX + bytes.size)},
        .what = "put chunk",
    };

    return frn_intake_commit(ledger, &call, NULL, err);
}

/* What can be said before the decision: digests, and how the bytes will be cut. memory for the digests of chunks comes
   from the arena if there is one, else from the ledger's heap. */
static firn_status put_prepare(firn_ledger *ledger, frn_arena *arena, firn_slice bytes, const uint8_t *expected,
                               frn_content_put *put, firn_error *err)
{
    const uint8_t *data = bytes.data;
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_status status;

    if (bytes.data == NULL && bytes.size != 0) {
        return frn_fail(err, FIRN_EINVAL, "bytes is NULL");
    }
    *put = (frn_content_put){.verb = {&frn_content_put_ops},
                             .spoilt = &ledger->spoilt,
                             .bytes = bytes,
                             .size = bytes.size,
                             .chunk_size = ledger->content_chunk_size};
    status = frn_content_digest(&ledger->digests, bytes, put->digest, err);
    if (status == FIRN_OK && expected != NULL && memcmp(expected, put->digest, FIRN_DIGEST_SIZE) != 0) {
        status = frn_digest_differs(err, expected, put->digest);
    }
    if (status != FIRN_OK || bytes.size <= put->chunk_size) {
        return status;
    }
    put->chunks = (bytes.size + put->chunk_size - 1) / put->chunk_size;
    status = ledger->io->ops->random(ledger->io, put->upload, sizeof put->upload, err);
    if (status != FIRN_OK) {
        return status;
    }
    put->chunk_digests = arena != NULL ? frn_arena_take(arena, put->chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE)
                                       : frn_alloc(ledger->heap, put->chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE);
    if (put->chunk_digests == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "digests of %zu chunks", put->chunks);
    }
    for (size_t i = 0; i < put->chunks && status == FIRN_OK; i++) {
        size_t left = bytes.size - i * put->chunk_size;

        status = frn_content_digest(
            &ledger->digests, (firn_slice){data + i * put->chunk_size, left < put->chunk_size ? left : put->chunk_size},
            digest, err);
        fmt_content_manifest_digest(put->chunk_digests + i * FMT_CONTENT_MANIFEST_DIGEST_SIZE, digest);
    }
    return status;
}

/* Content that is too large for one batch, in several. */
static firn_status put_stream(firn_ledger *ledger, firn_slice bytes, const uint8_t *expected,
                              firn_content_put_result *out_result, firn_error *err)
{
    firn_content_writer *writer = NULL;
    firn_status status = firn_content_writer_open(ledger, &writer, err);

    if (status == FIRN_OK) {
        status = firn_content_writer_write(writer, bytes, err);
    }
    if (status == FIRN_OK) {
        status = firn_content_writer_finish(writer, expected, out_result, err);
    }
    firn_content_writer_close(writer);
    return status;
}

static frn_call put_call(const frn_content_put *put, const frn_verb *const *verbs)
{
    return (frn_call){.verbs = verbs, .verbs_count = 1, .bound = frn_content_put_bound(put), .what = "put content"};
}

firn_status firn_content_put(firn_ledger *ledger, firn_slice bytes, const uint8_t *expected,
                             firn_content_put_result *out_result, firn_error *err)
{
    frn_content_put put = {.chunk_digests = NULL};
    firn_content_put_result result;
    const frn_verb *verbs[] = {&put.verb};
    frn_call call;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "put content: ledger is NULL");
    }
    if (bytes.size > FIRN_BATCH_SIZE_MAX / 2) {
        return put_stream(ledger, bytes, expected, out_result, err);
    }
    status = put_prepare(ledger, NULL, bytes, expected, &put, err);
    if (status != FIRN_OK) {
        status = frn_wrap(err, status, "put content");
        goto out;
    }
    /* Half of a batch is room for what each chunk adds to its bytes. */
    put.result = &result;
    call = put_call(&put, verbs);
    status = frn_intake_commit(ledger, &call, NULL, err);
    if (status == FIRN_OK && out_result != NULL) {
        *out_result = result;
    }
out:
    frn_free(ledger->heap, put.chunk_digests);
    return status;
}

firn_status firn_content_put_submit(firn_ledger *ledger, firn_slice bytes, const uint8_t *expected,
                                    firn_content_put_result *out_result, const firn_submit_options *submit,
                                    firn_ticket **out_ticket, firn_error *err)
{
    frn_content_put put = {.chunk_digests = NULL};
    const frn_verb *verbs[] = {&put.verb};
    frn_call call;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "put content: ledger is NULL");
    }
    status = put_prepare(ledger, NULL, bytes, expected, &put, err);
    if (status != FIRN_OK) {
        status = frn_wrap(err, status, "put content");
    } else {
        put.result = out_result;
        call = put_call(&put, verbs);
        status = frn_intake_submit(ledger, &call, submit, out_ticket, err);
    }
    frn_free(ledger->heap, put.chunk_digests);
    return status;
}

static firn_status batch_put(firn_batch *batch, firn_slice bytes, const uint8_t *expected,
                             firn_content_put_result *out_result, firn_error *err)
{
    frn_content_put own, *put;
    frn_bound share, bound;
    firn_status status = put_prepare(batch->ledger, &batch->arena, bytes, expected, &own, err);

    if (status != FIRN_OK) {
        return status;
    }
    own.result = out_result;
    share = frn_content_put_bound(&own);
    status = frn_batch_bound(batch, NULL, share.records, share.records_size, &bound, err);
    if (status == FIRN_OK) {
        status = frn_batch_copy(batch, bytes, &own.bytes, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    put = frn_arena_take(&batch->arena, sizeof *put);
    if (put == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "batch");
    }
    *put = own;
    status = frn_batch_verb_add(batch, &put->verb, err);
    if (status == FIRN_OK) {
        batch->bound = bound;
    }
    return status;
}

firn_status firn_batch_content_put(firn_batch *batch, firn_slice bytes, const uint8_t *expected,
                                   firn_content_put_result *out_result, firn_error *err)
{
    firn_status status;

    if (batch == NULL) {
        return frn_fail(err, FIRN_EINVAL, "put content: batch is NULL");
    }
    status = batch_put(batch, bytes, expected, out_result, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "put content");
}
