/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_write.c — write rows, in the order of their keys, within one write transaction of LMDB. */
#include "engine/index/lmdb_write.h"

#include <assert.h>
#include <string.h>

#include "engine/base/error.h"
#include "format/bytes.h"

static firn_status fail(int code, firn_error *err)
{
    return frn_lmdb_fail(err, code, "write the index");
}

static firn_status row_delete(frn_lmdb_writer *writer, const frn_lmdb_key *key, firn_error *err)
{
    MDB_val k = {key->size, (void *)(uintptr_t)key->data};
    int code = mdb_del(writer->txn, writer->env->dbi, &k, NULL);

    return code == 0 || code == MDB_NOTFOUND ? FIRN_OK : fail(code, err);
}

static firn_status row_put(frn_lmdb_writer *writer, const frn_lmdb_key *key, firn_slice value, firn_error *err)
{
    MDB_val k = {key->size, (void *)(uintptr_t)key->data};
    MDB_val v = {value.size + FRN_LMDB_CRC, NULL};
    uint32_t crc = frn_lmdb_crc(&k, value.data, value.size);
    int code = 0;

    if (writer->cursor == NULL) {
        code = mdb_cursor_open(writer->txn, writer->env->dbi, &writer->cursor);
    }
    if (code == 0) {
        code = mdb_cursor_put(writer->cursor, &k, &v, MDB_RESERVE | (writer->append ? MDB_APPEND : 0));
    }
    if (code != 0) {
        return fail(code, err);
    }
    if (value.size > 0) {
        memcpy(v.mv_data, value.data, value.size);
    }
    fmt_put32((uint8_t *)v.mv_data + value.size, crc);
    return FIRN_OK;
}

static firn_status reserve(frn_heap *heap, uint8_t **data, size_t *capacity, size_t size, firn_error *err)
{
    uint8_t *more;

    if (size > *capacity) {
        more = frn_realloc(heap, *data, 2 * size);
        if (more == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "bucket of long keys, %zu bytes", size);
        }
        *data = more;
        *capacity = 2 * size;
    }
    return FIRN_OK;
}

static firn_status entry_add(frn_lmdb_writer *writer, firn_slice rest, firn_slice value, firn_error *err)
{
    frn_lmdb_bucket *bucket = &writer->bucket;
    size_t size = FRN_LMDB_ENTRY + rest.size + value.size;
    firn_status status = reserve(writer->heap, &bucket->data, &bucket->capacity, bucket->size + size, err);
    uint8_t *at;

    if (status < 0) {
        return status;
    }
    at = bucket->data + bucket->size;
    fmt_put16(at, (uint16_t)rest.size);
    fmt_put32(at + 2, (uint32_t)value.size);
    memcpy(at + FRN_LMDB_ENTRY, rest.data, rest.size);
    if (value.size > 0) {
        memcpy(at + FRN_LMDB_ENTRY + rest.size, value.data, value.size);
    }
    bucket->size += size;
    return FIRN_OK;
}

static firn_status bucket_open(frn_lmdb_writer *writer, const frn_lmdb_key *key, firn_error *err)
{
    frn_lmdb_bucket *bucket = &writer->bucket;
    MDB_val k = {key->size, (void *)(uintptr_t)key->data};
    MDB_val v;
    firn_slice before = {0};
    firn_status status = FIRN_OK;
    int code = writer->append ? MDB_NOTFOUND : mdb_get(writer->txn, writer->env->dbi, &k, &v);

    if (code == 0) {
        status = frn_lmdb_unseal(&k, &v, &before, err);
    } else if (code != MDB_NOTFOUND) {
        status = fail(code, err);
    }
    if (status < 0) {
        return status;
    }
    /* Copied: the page may move with the next put. */
    bucket->before = frn_alloc(writer->heap, before.size);
    if (bucket->before == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "bucket of long keys, %zu bytes", before.size);
    }
    if (before.size > 0) {
        memcpy(bucket->before, before.data, before.size);
    }
    bucket->before_size = before.size;
    bucket->before_at = 0;
    bucket->size = 0;
    bucket->key = *key;
    bucket->open = true;
    return FIRN_OK;
}

/* Carries over what was there below rest (NULL: all of it), and passes rest itself. */
static firn_status bucket_carry(frn_lmdb_writer *writer, const firn_slice *rest, firn_error *err)
{
    frn_lmdb_bucket *bucket = &writer->bucket;
    firn_slice before = {bucket->before, bucket->before_size};
    frn_lmdb_entry entry = {0};
    firn_status status;
    int order = -1;

    for (; order < 0; bucket->before_at += entry.size) {
        status = frn_lmdb_entry_at(before, bucket->before_at, &entry, err);
        if (status != FIRN_OK) {
            return status == FIRN_END ? FIRN_OK : status;
        }
        order = rest == NULL ? -1 : frn_lmdb_compare(entry.rest, *rest);
        if (order > 0) {
            return FIRN_OK;
        }
        status = order < 0 ? entry_add(writer, entry.rest, entry.value, err) : FIRN_OK;
        if (status < 0) {
            return status;
        }
    }
    return FIRN_OK;
}

static firn_status bucket_close(frn_lmdb_writer *writer, firn_error *err)
{
    frn_lmdb_bucket *bucket = &writer->bucket;
    firn_status status = bucket_carry(writer, NULL, err);

    if (status == FIRN_OK && bucket->size > 0) {
        status = row_put(writer, &bucket->key, (firn_slice){bucket->data, bucket->size}, err);
    } else if (status == FIRN_OK) {
        status = row_delete(writer, &bucket->key, err);
    }
    frn_free(writer->heap, bucket->before);
    bucket->before = NULL;
    bucket->open = false;
    return status;
}

firn_status frn_lmdb_write(frn_lmdb_writer *writer, unsigned table, firn_slice key, firn_slice value, bool deleted,
                           firn_error *err)
{
    frn_lmdb_bucket *bucket = &writer->bucket;
    firn_status status = FIRN_OK;
    frn_lmdb_key whole;
    firn_slice rest;

    frn_lmdb_key_set(&whole, table, key);
    writer->rows_count++;
    writer->bytes += key.size + value.size;
    if (bucket->open && (bucket->key.size != whole.size || memcmp(bucket->key.data, whole.data, whole.size) != 0)) {
        status = bucket_close(writer, err);
    }
    if (status == FIRN_OK && whole.size < FRN_LMDB_KEY_SIZE_MAX) {
        return deleted ? row_delete(writer, &whole, err) : row_put(writer, &whole, value, err);
    }
    if (status == FIRN_OK && !bucket->open) {
        status = bucket_open(writer, &whole, err);
    }
    if (status < 0) {
        return status;
    }
    rest = (firn_slice){(const uint8_t *)key.data + FRN_LMDB_PREFIX, key.size - FRN_LMDB_PREFIX};
    status = bucket_carry(writer, &rest, err);
    if (status == FIRN_OK && !deleted) {
        status = entry_add(writer, rest, value, err);
    }
    return status;
}

firn_status frn_lmdb_write_flush(frn_lmdb_writer *writer, firn_error *err)
{
    return writer->bucket.open ? bucket_close(writer, err) : FIRN_OK;
}

void frn_lmdb_write_done(frn_lmdb_writer *writer)
{
    if (writer->cursor != NULL) {
        mdb_cursor_close(writer->cursor);
        writer->cursor = NULL;
    }
    frn_free(writer->heap, writer->bucket.before);
    frn_free(writer->heap, writer->bucket.data);
    writer->bucket = (frn_lmdb_bucket){0};
}
