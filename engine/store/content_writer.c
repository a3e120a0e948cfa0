/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_writer.c — put content piece by piece: full chunks go to the log at once, the manifest comes last.
 *
 * One chunk is held back, so that what turns out to be no longer than a chunk becomes one record. Chunks of a writer
 * that was never finished stay in the log without a manifest and are seen by nobody.
 */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/store/content.h"
#include "engine/intake/field.h"
#include "format/stores.h"

#include <string.h>

enum {
    DIGESTS_CAPACITY_MIN = 16 /* Chunks. */
};

/* Used by one thread at a time. */
struct firn_content_writer {
    firn_ledger *ledger;
    frn_digest *digest; /* Of the whole; NULL once finished. */
    uint8_t *held;      /* The chunk that is being filled: chunk_size bytes. */
    size_t held_size;
    uint64_t size; /* Written so far. */
    uint8_t *chunk_digests;
    size_t chunks_capacity;
    size_t chunks; /* Staged. */
    bool over;     /* Finished, or failed: only to be closed. */
    uint8_t upload[FRN_UPLOAD_SIZE];
};

void firn_content_writer_close(firn_content_writer *writer)
{
    uint8_t unused[FIRN_DIGEST_SIZE];
    firn_status status;

    if (writer == NULL) {
        return;
    }
    if (writer->digest != NULL) {
        /* Gives the context back; what it would say interests nobody. */
        status = frn_digest_finish(writer->digest, unused, NULL);
        (void)status;
    }
    frn_free(writer->ledger->heap, writer->held);
    frn_free(writer->ledger->heap, writer->chunk_digests);
    frn_free(writer->ledger->heap, writer);
}

static firn_status writer_new(firn_ledger *ledger, firn_content_writer **out_writer, firn_error *err)
{
    firn_content_writer *writer = frn_alloc_zero(ledger->heap, 1, sizeof *writer);
    firn_status status;

    if (writer == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "writer");
    }
    writer->ledger = ledger;
    writer->held = frn_alloc(ledger->heap, ledger->content_chunk_size);
    if (writer->held == NULL) {
        status = frn_fail(err, FIRN_ENOMEM, "chunk of %u bytes", ledger->content_chunk_size);
        goto out;
    }
    status = ledger->io->ops->random(ledger->io, writer->upload, sizeof writer->upload, err);
    if (status == FIRN_OK) {
        status = frn_digest_begin(&ledger->digests, &writer->digest, err);
    }
    if (status == FIRN_OK) {
        *out_writer = writer;
        writer = NULL;
    }
out:
    firn_content_writer_close(writer);
    return status;
}

firn_status firn_content_writer_open(firn_ledger *ledger, firn_content_writer **out_writer, firn_error *err)
{
    firn_status status;

    if (ledger == NULL || out_writer == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open content writer: %s is NULL", ledger == NULL ? "ledger" : "out_writer");
    }
    status = ledger->writable
                 ? writer_new(ledger, out_writer, err)
                 : frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "the ledger is open for reading");
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "open content writer");
}

/* Room for the digest of one more chunk. */
static firn_status digests_grow(firn_content_writer *writer, firn_error *err)
{
    size_t capacity = writer->chunks_capacity == 0 ? DIGESTS_CAPACITY_MIN : 2 * writer->chunks_capacity;
    uint8_t *grown;

    if (writer->chunks < writer->chunks_capacity) {
        return FIRN_OK;
    }
    grown = frn_realloc(writer->ledger->heap, writer->chunk_digests, capacity * FMT_CONTENT_MANIFEST_DIGEST_SIZE);
    if (grown == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "digests of %zu chunks", capacity);
    }
    writer->chunk_digests = grown;
    writer->chunks_capacity = capacity;
    return FIRN_OK;
}

/* Notes the digest of the held chunk as that of the next one. */
static firn_status held_digest(firn_content_writer *writer, firn_error *err)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_status status = digests_grow(writer, err);

    if (status == FIRN_OK) {
        status =
            frn_content_digest(&writer->ledger->digests, (firn_slice){writer->held, writer->held_size}, digest, err);
    }
    if (status == FIRN_OK) {
        fmt_content_manifest_digest(writer->chunk_digests + writer->chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE, digest);
    }
    return status;
}

static firn_status held_stage(firn_content_writer *writer, firn_error *err)
{
    firn_status status = held_digest(writer, err);

    if (status == FIRN_OK) {
        status = frn_content_stage(writer->ledger, writer->upload, writer->chunks,
                                   (firn_slice){writer->held, writer->held_size}, err);
    }
    if (status == FIRN_OK) {
        writer->chunks++;
        writer->held_size = 0;
    }
    return status;
}

static firn_status writer_write(firn_content_writer *writer, firn_slice bytes, firn_error *err)
{
    size_t chunk_size = writer->ledger->content_chunk_size, size;
    const uint8_t *at = bytes.data;
    firn_status status;

    if (bytes.size > frn_content_size_max((uint32_t)chunk_size) - writer->size) {
        return frn_fail(err, FIRN_ETOOBIG, "content longer than %llu bytes",
                        (unsigned long long)frn_content_size_max((uint32_t)chunk_size));
    }
    frn_digest_raw(writer->digest, bytes);
    writer->size += bytes.size;
    while (bytes.size != 0) {
        if (writer->held_size == chunk_size) {
            status = held_stage(writer, err);
            if (status != FIRN_OK) {
                return status;
            }
        }
        size = chunk_size - writer->held_size < bytes.size ? chunk_size - writer->held_size : bytes.size;
        memcpy(writer->held + writer->held_size, at, size);
        writer->held_size += size;
        at += size;
        bytes.size -= size;
    }
    return FIRN_OK;
}

/* A writer that failed or was finished says so. */
static firn_status writer_check(const firn_content_writer *writer, firn_error *err)
{
    if (writer == NULL) {
        return frn_fail(err, FIRN_EINVAL, "writer is NULL");
    }
    return writer->over ? frn_fail(err, FIRN_ESTATE, "the writer was finished, or failed before") : FIRN_OK;
}

firn_status firn_content_writer_write(firn_content_writer *writer, firn_slice bytes, firn_error *err)
{
    firn_status status = writer_check(writer, err);

    if (status == FIRN_OK && bytes.data == NULL && bytes.size != 0) {
        status = frn_fail(err, FIRN_EINVAL, "bytes is NULL");
    } else if (status == FIRN_OK) {
        status = writer_write(writer, bytes, err);
        writer->over = status != FIRN_OK;
    }
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "write content");
}

static firn_status writer_finish(firn_content_writer *writer, const uint8_t *expected, frn_content_put *put,
                                 firn_error *err)
{
    firn_status status = frn_digest_finish(writer->digest, put->digest, err);

    writer->digest = NULL;
    if (status == FIRN_OK && expected != NULL && memcmp(expected, put->digest, sizeof put->digest) != 0) {
        status = frn_digest_differs(err, expected, put->digest);
    }
    if (status == FIRN_OK && writer->chunks != 0) {
        /* The held bytes are the last chunk: there are some, or the chunk before would be held. */
        status = held_digest(writer, err);
        put->chunks = writer->chunks + 1;
    }
    return status;
}

firn_status firn_content_writer_finish(firn_content_writer *writer, const uint8_t *expected,
                                       firn_content_put_result *out_result, firn_error *err)
{
    firn_content_put_result result;
    frn_content_put put = {.verb = {&frn_content_put_ops}, .result = &result};
    const frn_verb *verbs[] = {&put.verb};
    frn_call call = {.verbs = verbs, .verbs_count = 1, .what = "put content"};
    firn_status status = writer_check(writer, err);

    if (status != FIRN_OK) {
        return frn_wrap(err, status, "put content");
    }
    writer->over = true;
    put.spoilt = &writer->ledger->spoilt;
    put.bytes = (firn_slice){writer->held, writer->held_size};
    put.size = writer->size;
    put.staged = writer->chunks;
    put.chunk_size = writer->ledger->content_chunk_size;
    memcpy(put.upload, writer->upload, sizeof put.upload);
    status = writer_finish(writer, expected, &put, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "put content");
    }
    put.chunk_digests = writer->chunk_digests;
    call.bound = frn_content_put_bound(&put);
    status = frn_intake_commit(writer->ledger, &call, NULL, err);
    if (status == FIRN_OK && out_result != NULL) {
        *out_result = result;
    }
    return status;
}
