/* SPDX-License-Identifier: Apache-2.0 */
/* content.c — content as a view sees it: is it there, what is it, its bytes whole or piece by piece. */
#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/intake/options.h"
#include "engine/read/view.h"
#include "engine/store/content.h"
#include "engine/intake/field.h"
#include "format/stores.h"

#include <string.h>

static firn_status unknown(firn_error *err, const uint8_t *digest)
{
    char text[FIRN_DIGEST_TEXT_SIZE];

    firn_digest_format(digest, text);
    return frn_fail(err, FIRN_ENOTFOUND, "content not found: %s", text);
}

/* Where content is; buf: for the row. FIRN_ENOTFOUND comes without a text. */
static firn_status row_get(firn_view *view, const uint8_t *digest, firn_buf *buf, frn_row_digest *out_row,
                           firn_error *err)
{
    uint8_t key[FRN_ROW_DIGEST_KEY];
    fmt_verdict verdict;
    firn_status status =
        frn_index_get(view->rows, FRN_TABLE_DIGEST, frn_row_digest_key_encode(key, FRN_HASH_SHA256, digest), buf, err);

    if (status == FIRN_OK) {
        verdict = frn_row_digest_decode(frn_slice_of(buf), out_row);
        status = verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_DIGEST, verdict);
    }
    return status;
}

static firn_content content_of(const uint8_t *digest, const frn_row_digest *row)
{
    firn_content content = {
        .size = row->length, .chunks = row->chunks, .seq = row->seq, .stored_at = firn_time_of_ns(row->time_ns)};

    memcpy(content.digest, digest, FIRN_DIGEST_SIZE);
    return content;
}

firn_status firn_content_has(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE], int *out_has, firn_error *err)
{
    firn_buf buf = {0};
    frn_row_digest row;
    firn_status status;

    if (view == NULL || digest == NULL || out_has == NULL) {
        return frn_fail(err, FIRN_EINVAL, "has content: view, digest or out_has is NULL");
    }
    status = row_get(view, digest, &buf, &row, err);
    firn_buf_free(&buf);
    if (status != FIRN_OK && status != FIRN_ENOTFOUND) {
        return frn_wrap(err, status, "has content");
    }
    *out_has = status == FIRN_OK;
    return FIRN_OK;
}

firn_status firn_content_stat(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE], firn_content *out_content,
                              firn_error *err)
{
    firn_buf buf = {0};
    frn_row_digest row;
    firn_status status;

    if (view == NULL || digest == NULL || out_content == NULL) {
        return frn_fail(err, FIRN_EINVAL, "stat content: view, digest or out_content is NULL");
    }
    status = row_get(view, digest, &buf, &row, err);
    firn_buf_free(&buf);
    if (status == FIRN_ENOTFOUND) {
        status = unknown(err, digest);
    }
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "stat content");
    }
    *out_content = content_of(digest, &row);
    return FIRN_OK;
}

static firn_status content_next(firn_view *view, const uint8_t *after, firn_buf *key, firn_buf *value,
                                firn_content *out_content, firn_error *err)
{
    uint8_t from[FRN_ROW_DIGEST_KEY], code;
    const uint8_t *digest;
    frn_row_digest row;
    fmt_verdict verdict;
    firn_status status;

    memset(from, 0, sizeof from);
    from[0] = FRN_HASH_SHA256;
    if (after != NULL) {
        (void)frn_row_digest_key_encode(from, FRN_HASH_SHA256, after);
    }
    status =
        frn_index_seek(view->rows, FRN_TABLE_DIGEST, (firn_slice){from, sizeof from}, after != NULL, key, value, err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_digest_key_decode(frn_slice_of(key), &code, &digest);
    if (verdict == FMT_OK && code != FRN_HASH_SHA256) {
        return FIRN_END;
    }
    if (verdict == FMT_OK) {
        verdict = frn_row_digest_decode(frn_slice_of(value), &row);
    }
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_DIGEST, verdict);
    }
    *out_content = content_of(digest, &row);
    return FIRN_OK;
}

firn_status firn_content_next(firn_view *view, const uint8_t *after, firn_content *out_content, firn_error *err)
{
    firn_buf key = {0}, value = {0};
    firn_status status;

    if (view == NULL || out_content == NULL) {
        return frn_fail(err, FIRN_EINVAL, "next content: %s is NULL", view == NULL ? "view" : "out_content");
    }
    status = content_next(view, after, &key, &value, out_content, err);
    firn_buf_free(&key);
    firn_buf_free(&value);
    return status < 0 ? frn_wrap(err, status, "next content") : status;
}

/* Used by one thread at a time. Of content in one record, all of it is loaded from the beginning; of content in chunks,
   one chunk at a time. places and digests are NULL in the first case. */
struct firn_content_reader {
    firn_ledger *ledger;
    firn_view view; /* Only to read the log through: its rows are not used. */
    firn_content content;
    frn_row_digest row;
    uint64_t chunk_size;
    bool check;
    frn_row_chunk *places;
    uint8_t *digests; /* FIRN_DIGEST_SIZE each. */
    uint64_t loaded;  /* Chunk in bytes; UINT64_MAX: none. */
    firn_slice bytes; /* In buf. */
    firn_buf buf;
};

void firn_content_reader_close(firn_content_reader *reader)
{
    frn_heap *heap;

    if (reader == NULL) {
        return;
    }
    heap = reader->ledger->heap;
    firn_buf_free(&reader->buf);
    frn_free(heap, reader->places);
    frn_free(heap, reader->digests);
    frn_free(heap, reader);
}

static firn_status check(firn_view *view, const uint8_t *expected, firn_slice bytes, firn_error *err)
{
    uint8_t actual[FIRN_DIGEST_SIZE];
    firn_status status = frn_content_digest(&view->ledger->digests, bytes, actual, err);

    if (status == FIRN_OK && memcmp(actual, expected, sizeof actual) != 0) {
        status = frn_digest_differs(err, expected, actual);
    }
    return status;
}

/* What a row says that the body of a record with bytes at its end is long. What cannot be is left to the log. */
static size_t body_size(uint32_t offset, uint64_t length)
{
    return length > FIRN_BODY_SIZE_MAX ? 0 : (size_t)offset + (size_t)length;
}

/* The bytes of content that is one record. *out_bytes lies in buf. */
static firn_status blob_load(firn_view *view, const uint8_t *digest, const frn_row_digest *row, bool checked,
                             firn_buf *buf, firn_slice *out_bytes, firn_error *err)
{
    fmt_record record;
    fmt_content_blob blob;
    firn_status status =
        frn_view_record_at(view, row->seq, row->hint, body_size(row->offset, row->length), buf, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (record.kind != FMT_KIND_CONTENT_BLOB || fmt_content_blob_decode(record.body, &blob) != FMT_OK ||
        blob.bytes.size != row->length || memcmp(blob.digest, digest, FIRN_DIGEST_SIZE) != 0) {
        return frn_view_bad(err, row->seq, "is not the content that the index says");
    }
    *out_bytes = blob.bytes;
    return checked ? check(view, digest, blob.bytes, err) : FIRN_OK;
}

static firn_status load_chunk(firn_content_reader *reader, uint64_t index, firn_error *err)
{
    uint64_t left = reader->content.size - index * reader->chunk_size;
    const frn_row_chunk *place = &reader->places[index];
    fmt_record record;
    fmt_content_chunk chunk;
    firn_status status = frn_view_record_at(&reader->view, place->seq, place->hint,
                                            body_size(place->offset, place->length), &reader->buf, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (record.kind != FMT_KIND_CONTENT_CHUNK || fmt_content_chunk_decode(record.body, &chunk) != FMT_OK ||
        chunk.index != index || chunk.bytes.size != (left < reader->chunk_size ? left : reader->chunk_size)) {
        return frn_view_bad(err, place->seq, "is not the chunk that the index says");
    }
    reader->bytes = chunk.bytes;
    return reader->check ? check(&reader->view, reader->digests + index * FIRN_DIGEST_SIZE, chunk.bytes, err) : FIRN_OK;
}

static firn_status load(firn_content_reader *reader, uint64_t index, firn_error *err)
{
    firn_status status;

    if (reader->loaded == index) {
        return FIRN_OK;
    }
    reader->loaded = UINT64_MAX;
    status = reader->content.chunks == 0 ? blob_load(&reader->view, reader->content.digest, &reader->row, reader->check,
                                                     &reader->buf, &reader->bytes, err)
                                         : load_chunk(reader, index, err);
    if (status == FIRN_OK) {
        reader->loaded = index;
    } else if (status == FIRN_ECORRUPT) {
        frn_spoilt_note(&reader->ledger->spoilt, reader->content.seq);
    }
    return status;
}

/* Finds the chunks that the manifest in buf names. */
static firn_status chunks_find(firn_content_reader *reader, firn_view *view, const fmt_content_manifest *manifest,
                               firn_error *err)
{
    uint8_t key[FRN_ROW_CHUNK_KEY];
    firn_buf value = {0};
    fmt_value element;
    size_t at = 0;
    firn_status status = FIRN_OK;

    for (uint32_t i = 0; i < manifest->chunks && status == FIRN_OK; i++) {
        if (fmt_value_next(&manifest->chunk_digests, &at, &element)) {
            memcpy(reader->digests + (size_t)i * FIRN_DIGEST_SIZE, element.bytes.data, FIRN_DIGEST_SIZE);
        }
        status =
            frn_index_get(view->rows, FRN_TABLE_CHUNK, frn_row_chunk_key_encode(key, manifest->upload, i), &value, err);
        if (status == FIRN_ENOTFOUND ||
            (status == FIRN_OK && frn_row_chunk_decode(frn_slice_of(&value), &reader->places[i]) != FMT_OK)) {
            status = frn_view_bad(err, reader->content.seq, "names a chunk that the index has not");
        }
    }
    firn_buf_free(&value);
    return status;
}

static firn_status manifest_load(firn_content_reader *reader, firn_view *view, firn_error *err)
{
    frn_heap *heap = reader->ledger->heap;
    fmt_record record;
    fmt_content_manifest manifest;
    uint64_t size = FMT_CONTENT_MANIFEST_PREFIX_MAX + FMT_CONTENT_MANIFEST_SUFFIX_MAX +
                    (uint64_t)reader->row.chunks * FMT_CONTENT_MANIFEST_DIGEST_SIZE;
    firn_status status =
        frn_view_record_at(view, reader->row.seq, reader->row.hint, body_size(0, size), &reader->buf, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (record.kind != FMT_KIND_CONTENT_MANIFEST || fmt_content_manifest_decode(record.body, &manifest) != FMT_OK ||
        manifest.size != reader->content.size || manifest.chunks != reader->content.chunks) {
        return frn_view_bad(err, reader->content.seq, "is not the manifest that the index says");
    }
    reader->chunk_size = manifest.chunk_size;
    reader->places = frn_alloc_zero(heap, manifest.chunks, sizeof *reader->places);
    reader->digests = frn_alloc_zero(heap, manifest.chunks, FIRN_DIGEST_SIZE);
    if (reader->places == NULL || reader->digests == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "places of %llu chunks", (unsigned long long)manifest.chunks);
    }
    return chunks_find(reader, view, &manifest, err);
}

/* Reads options and row. */
static firn_status find(firn_view *view, const uint8_t *digest, const firn_content_read_options *options,
                        bool *out_check, firn_buf *buf, frn_row_digest *out_row, firn_error *err)
{
    firn_content_read_options own;
    firn_status status = frn_options_read(&own, sizeof own, options, "read options", err);

    if (status == FIRN_OK) {
        status = row_get(view, digest, buf, out_row, err);
    }
    if (status == FIRN_OK) {
        *out_check = own.check_digest != 0;
    }
    return status == FIRN_ENOTFOUND ? unknown(err, digest) : status;
}

static firn_status reader_open(firn_view *view, const uint8_t *digest, const frn_row_digest *row, bool checked,
                               firn_content_reader **out_reader, firn_error *err)
{
    firn_content_reader *reader;
    firn_status status;

    reader = frn_alloc_zero(view->ledger->heap, 1, sizeof *reader);
    if (reader == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "reader");
    }
    reader->ledger = view->ledger;
    reader->view.ledger = view->ledger;
    reader->content = content_of(digest, row);
    reader->row = *row;
    reader->check = checked;
    reader->loaded = UINT64_MAX;
    reader->chunk_size = row->length;
    status = row->chunks == 0 ? FIRN_OK : manifest_load(reader, view, err);
    if (status == FIRN_ECORRUPT) {
        frn_spoilt_note(&view->ledger->spoilt, row->seq);
    }
    if (status != FIRN_OK) {
        firn_content_reader_close(reader);
        return status;
    }
    *out_reader = reader;
    return FIRN_OK;
}

firn_status firn_content_reader_open(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                                     const firn_content_read_options *options, firn_content_reader **out_reader,
                                     firn_content *out_content, firn_error *err)
{
    firn_buf buf = {0};
    frn_row_digest row;
    bool checked = false;
    firn_status status;

    if (view == NULL || digest == NULL || out_reader == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open content: view, digest or out_reader is NULL");
    }
    status = find(view, digest, options, &checked, &buf, &row, err);
    if (status == FIRN_OK) {
        status = reader_open(view, digest, &row, checked, out_reader, err);
    }
    firn_buf_free(&buf);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "open content");
    }
    if (out_content != NULL) {
        *out_content = (*out_reader)->content;
    }
    return FIRN_OK;
}

static firn_status reader_read(firn_content_reader *reader, uint64_t offset, uint8_t *data, size_t size,
                               size_t *out_size, firn_error *err)
{
    uint64_t left = offset < reader->content.size ? reader->content.size - offset : 0;
    size_t done = 0, wanted = left < size ? (size_t)left : size;
    firn_status status = FIRN_OK;

    while (done < wanted && status == FIRN_OK) {
        uint64_t index = (offset + done) / reader->chunk_size;
        size_t within = (size_t)((offset + done) % reader->chunk_size), part;

        status = load(reader, index, err);
        if (status == FIRN_OK) {
            part = reader->bytes.size - within;
            part = part < wanted - done ? part : wanted - done;
            memcpy(data + done, (const uint8_t *)reader->bytes.data + within, part);
            done += part;
        }
    }
    if (status == FIRN_OK) {
        *out_size = done;
    }
    return status;
}

firn_status firn_content_reader_read(firn_content_reader *reader, uint64_t offset, void *data, size_t size,
                                     size_t *out_size, firn_error *err)
{
    firn_status status;

    if (reader == NULL || out_size == NULL || (data == NULL && size != 0)) {
        return frn_fail(err, FIRN_EINVAL, "read content: reader, data or out_size is NULL");
    }
    status = reader_read(reader, offset, data, size, out_size, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "read content");
}

/* The record is read into the caller's buffer; the bytes move to its beginning. */
static firn_status get_blob(firn_view *view, const uint8_t *digest, const frn_row_digest *row, bool checked,
                            firn_buf *buf, firn_error *err)
{
    firn_slice bytes;
    firn_status status = blob_load(view, digest, row, checked, buf, &bytes, err);

    buf->size = 0;
    if (status == FIRN_OK) {
        memmove(buf->data, bytes.data, bytes.size);
        buf->size = bytes.size;
    } else if (status == FIRN_ECORRUPT) {
        frn_spoilt_note(&view->ledger->spoilt, row->seq);
    }
    return status;
}

static firn_status get_chunks(firn_content_reader *reader, firn_buf *buf, firn_error *err)
{
    size_t size = 0;
    firn_status status;

    if (reader->content.size > SIZE_MAX) {
        return frn_fail(err, FIRN_ENOMEM, "%llu bytes", (unsigned long long)reader->content.size);
    }
    status = frn_buf_reserve(reader->ledger->heap, buf, (size_t)reader->content.size);
    if (status != FIRN_OK) {
        return frn_fail(err, status, "%llu bytes", (unsigned long long)reader->content.size);
    }
    status = reader_read(reader, 0, buf->data, (size_t)reader->content.size, &size, err);
    if (status == FIRN_OK && reader->check) {
        status = check(&reader->view, reader->content.digest, (firn_slice){buf->data, size}, err);
    }
    buf->size = size;
    return status;
}

firn_status firn_content_get(firn_view *view, const uint8_t digest[FIRN_DIGEST_SIZE],
                             const firn_content_read_options *options, firn_buf *buf, firn_error *err)
{
    firn_content_reader *reader = NULL;
    frn_row_digest row;
    bool checked = false;
    firn_status status;

    if (view == NULL || digest == NULL || buf == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get content: view, digest or buf is NULL");
    }
    status = find(view, digest, options, &checked, buf, &row, err);
    if (status == FIRN_OK && row.chunks == 0) {
        status = get_blob(view, digest, &row, checked, buf, err);
        if (status == FIRN_ECORRUPT) {
            frn_spoilt_note(&view->ledger->spoilt, row.seq);
        }
    } else if (status == FIRN_OK) {
        buf->size = 0;
        status = reader_open(view, digest, &row, checked, &reader, err);
        if (status == FIRN_OK) {
            status = get_chunks(reader, buf, err);
        }
    }
    firn_content_reader_close(reader);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "get content");
}
