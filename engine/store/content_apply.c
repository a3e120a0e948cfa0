/* SPDX-License-Identifier: Apache-2.0 */
/* content_apply.c — the rows of content: where the bytes of a digest are, where the chunks of an upload are. */
#include "engine/base/error.h"
#include "engine/store/content.h"
#include "engine/intake/damage.h"
#include "format/stores.h"

static firn_status digest_put(frn_apply *apply, const uint8_t *digest, const frn_row_digest *row, firn_error *err)
{
    uint8_t key[FRN_ROW_DIGEST_KEY], value[FRN_ROW_DIGEST];

    return frn_index_put(apply->index, FRN_TABLE_DIGEST, frn_row_digest_key_encode(key, FRN_HASH_SHA256, digest),
                         frn_row_digest_encode(value, row), err);
}

static uint32_t offset_in(const fmt_record *record, firn_slice bytes)
{
    return (uint32_t)((const uint8_t *)bytes.data - (const uint8_t *)record->body.data);
}

static firn_status blob_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    fmt_content_blob blob;
    fmt_verdict verdict = fmt_content_blob_decode(record->body, &blob);

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    return digest_put(apply, blob.digest,
                      &(frn_row_digest){
                          .seq = record->seq,
                          .offset = offset_in(record, blob.bytes),
                          .length = blob.bytes.size,
                          .time_ns = apply->time_ns,
                          .hint = apply->hint,
                      },
                      err);
}

static firn_status chunk_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    uint8_t key[FRN_ROW_CHUNK_KEY], value[FRN_ROW_CHUNK];
    fmt_content_chunk chunk;
    frn_row_chunk row;
    fmt_verdict verdict = fmt_content_chunk_decode(record->body, &chunk);

    if (verdict != FMT_OK || chunk.index > UINT32_MAX) {
        return frn_body_bad(err, record, verdict != FMT_OK ? verdict : FMT_LENGTH);
    }
    row = (frn_row_chunk){record->seq, offset_in(record, chunk.bytes), (uint32_t)chunk.bytes.size, apply->hint};
    return frn_index_put(apply->index, FRN_TABLE_CHUNK,
                         frn_row_chunk_key_encode(key, chunk.upload, (uint32_t)chunk.index),
                         frn_row_chunk_encode(value, &row), err);
}

static firn_status manifest_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    uint8_t key[FRN_ROW_CHUNK_KEY];
    fmt_content_manifest manifest;
    firn_slice value;
    fmt_verdict verdict = fmt_content_manifest_decode(record->body, &manifest);
    firn_status status;

    if (verdict != FMT_OK || manifest.chunks == 0 || manifest.chunks > UINT32_MAX) {
        return frn_body_bad(err, record, verdict != FMT_OK ? verdict : FMT_LENGTH);
    }
    for (uint32_t i = 0; i < manifest.chunks; i++) {
        status = frn_index_read(apply->index, FRN_TABLE_CHUNK, frn_row_chunk_key_encode(key, manifest.upload, i),
                                &value, err);
        if (status == FIRN_ENOTFOUND) {
            return frn_contradicts(err, record, "a manifest names a chunk that is not there");
        }
        if (status != FIRN_OK) {
            return status;
        }
    }
    return digest_put(apply, manifest.digest,
                      &(frn_row_digest){
                          .seq = record->seq,
                          .chunks = (uint32_t)manifest.chunks,
                          .length = manifest.size,
                          .time_ns = apply->time_ns,
                          .hint = apply->hint,
                      },
                      err);
}

firn_status frn_content_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    switch (record->kind) {
    case FMT_KIND_CONTENT_BLOB:
        return blob_apply(apply, record, err);
    case FMT_KIND_CONTENT_CHUNK:
        return chunk_apply(apply, record, err);
    case FMT_KIND_CONTENT_MANIFEST:
        return manifest_apply(apply, record, err);
    default:
        return FIRN_OK; /* Of a newer version: kept, not understood. */
    }
}
