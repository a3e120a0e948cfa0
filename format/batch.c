/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c — write a batch in place, and take its header and trailer apart. */
#include "format/batch.h"

#include <assert.h>

#include "format/bytes.h"
#include "format/crc32c.h"

enum {
    COUNT_MASK = 0xffffff, /* The count shares four bytes with the flags. */
    COUNT_BITS = 24,
    NAME_HEADER = 4 + 2,                   /* Stream and size. */
    KEY_HEADER = 2 + 2 + FIRN_DIGEST_SIZE, /* Sizes of scope and key, and the digest. */
    NAMES_COUNT = 4,
    TRAILER_LENGTH = 4
};
_Static_assert(FMT_BATCH_FLAGS == FMT_BATCH_COUNT + 3, "count and flags are written as one number");
_Static_assert((int)FMT_BATCH_RECORDS_MAX <= (int)COUNT_MASK, "the count does not fit its three bytes");

size_t fmt_trailer_size(size_t names_count, size_t names_bytes, const fmt_batch_key *key)
{
    size_t size = 0;

    if (names_count > 0)
        size += NAMES_COUNT + names_count * NAME_HEADER + names_bytes;
    if (key != NULL)
        size += KEY_HEADER + key->scope.size + key->key.size;
    return size == 0 ? 0 : size + TRAILER_LENGTH;
}

void fmt_batch_begin(fmt_batch_writer *writer, uint8_t *out, size_t capacity, uint32_t salt, uint64_t first_seq,
                     int64_t time_ns, uint32_t content_crc)
{
    assert(capacity >= FMT_BATCH_HEADER && first_seq != 0);
    *writer = (fmt_batch_writer){
        .out = out,
        .capacity = capacity,
        .used = FMT_BATCH_HEADER,
        .first_seq = first_seq,
        .time_ns = time_ns,
        .salt = salt,
        .content_crc = content_crc,
    };
}

static uint32_t with_crc(uint32_t content_crc, uint32_t crc)
{
    return fmt_crc32c(content_crc, &crc, sizeof crc);
}

fmt_record fmt_batch_add(fmt_batch_writer *writer, uint16_t kind, uint32_t stream, uint64_t version,
                         const firn_slice *parts, size_t parts_count)
{
    uint8_t *at = writer->out + writer->used;
    fmt_record record = {.seq = writer->first_seq + writer->count, .version = version, .stream = stream, .kind = kind};
    uint32_t crc = fmt_record_encode(at, writer->salt, &record, parts, parts_count);

    record.body = (firn_slice){at + FMT_RECORD_HEADER, fmt_get32(at + FMT_RECORD_LENGTH)};
    writer->used += FMT_RECORD_HEADER + record.body.size;
    writer->count++;
    writer->content_crc = with_crc(writer->content_crc, crc);
    assert(writer->used <= writer->capacity && writer->count <= FMT_BATCH_RECORDS_MAX);
    return record;
}

static uint8_t *put_slice(uint8_t *at, firn_slice slice)
{
    if (slice.size > 0)
        memcpy(at, slice.data, slice.size);
    return at + slice.size;
}

/** Writes the trailer at `at`; returns its end. */
static uint8_t *put_trailer(uint8_t *at, const fmt_name *names, size_t names_count, const fmt_batch_key *key)
{
    uint8_t *start = at;

    if (names_count > 0) {
        fmt_put32(at, (uint32_t)names_count);
        at += NAMES_COUNT;
        for (size_t i = 0; i < names_count; i++) {
            assert(names[i].stream != 0 && names[i].name.size > 0 && names[i].name.size <= FIRN_STREAM_NAME_SIZE_MAX);
            fmt_put32(at, names[i].stream);
            fmt_put16(at + 4, (uint16_t)names[i].name.size);
            at = put_slice(at + NAME_HEADER, names[i].name);
        }
    }
    if (key != NULL) {
        assert(key->scope.size <= FIRN_KEY_SIZE_MAX && key->key.size > 0 && key->key.size <= FIRN_KEY_SIZE_MAX);
        fmt_put16(at, (uint16_t)key->scope.size);
        fmt_put16(at + 2, (uint16_t)key->key.size);
        memcpy(at + 4, key->digest, FIRN_DIGEST_SIZE);
        at = put_slice(at + KEY_HEADER, key->scope);
        at = put_slice(at, key->key);
    }
    if (at == start)
        return at;
    fmt_put32(at, (uint32_t)(at - start) + TRAILER_LENGTH);
    return at + TRAILER_LENGTH;
}

/** The checksum of everything but the records. The length takes part as a number, for it stands before the crc. */
static uint32_t batch_crc(const uint8_t *data, uint32_t salt, size_t trailer_at, size_t size)
{
    uint32_t crc = fmt_crc32c_keyed(salt, size, data + FMT_BATCH_FIRST_SEQ, FMT_BATCH_HEADER - FMT_BATCH_FIRST_SEQ);

    return fmt_crc32c(crc, data + trailer_at, size - trailer_at);
}

size_t fmt_batch_finish(fmt_batch_writer *writer, const fmt_name *names, size_t names_count, const fmt_batch_key *key)
{
    uint8_t *out = writer->out;
    size_t trailer_at = writer->used;
    uint32_t flags = (names_count > 0 ? FMT_BATCH_NAMES : 0u) | (key != NULL ? FMT_BATCH_KEY : 0u);
    uint32_t crc;

    assert(writer->count > 0);
    writer->used = (size_t)(put_trailer(out + trailer_at, names, names_count, key) - out);
    assert(writer->used <= writer->capacity && writer->used <= FMT_BATCH_SIZE_MAX);
    fmt_put32(out + FMT_BATCH_LENGTH, (uint32_t)writer->used);
    fmt_put64(out + FMT_BATCH_FIRST_SEQ, writer->first_seq);
    fmt_put64(out + FMT_BATCH_TIME, (uint64_t)writer->time_ns);
    fmt_put32(out + FMT_BATCH_COUNT, writer->count | flags << COUNT_BITS);
    crc = batch_crc(out, writer->salt, trailer_at, writer->used);
    fmt_put32(out + FMT_BATCH_CRC, crc);
    writer->content_crc = with_crc(writer->content_crc, crc);
    return writer->used;
}

/** Checks that the names are whole and takes the key apart: data is the trailer without its length. */
static fmt_verdict take_trailer(const uint8_t *data, size_t size, fmt_batch *batch)
{
    size_t at = 0;

    if (batch->flags & FMT_BATCH_NAMES) {
        if (size < NAMES_COUNT)
            return FMT_SYNTAX;
        batch->names_count = fmt_get32(data);
        at = NAMES_COUNT;
        if (batch->names_count == 0)
            return FMT_SYNTAX;
        for (uint32_t i = 0; i < batch->names_count; i++) {
            size_t name_size;

            if (size - at < NAME_HEADER)
                return FMT_SYNTAX;
            name_size = fmt_get16(data + at + 4);
            if (fmt_get32(data + at) == 0 || name_size == 0 || name_size > FIRN_STREAM_NAME_SIZE_MAX ||
                name_size > size - at - NAME_HEADER)
                return FMT_SYNTAX;
            at += NAME_HEADER + name_size;
        }
        batch->names = (firn_slice){data + NAMES_COUNT, at - NAMES_COUNT};
    }
    if (batch->flags & FMT_BATCH_KEY) {
        size_t scope_size, key_size;

        if (size - at < KEY_HEADER)
            return FMT_SYNTAX;
        scope_size = fmt_get16(data + at);
        key_size = fmt_get16(data + at + 2);
        if (scope_size > FIRN_KEY_SIZE_MAX || key_size == 0 || key_size > FIRN_KEY_SIZE_MAX ||
            size - at - KEY_HEADER < scope_size + key_size)
            return FMT_SYNTAX;
        batch->has_key = true;
        batch->key.digest = data + at + 4;
        batch->key.scope = (firn_slice){data + at + KEY_HEADER, scope_size};
        batch->key.key = (firn_slice){data + at + KEY_HEADER + scope_size, key_size};
        at += KEY_HEADER + scope_size + key_size;
    }
    return at == size ? FMT_OK : FMT_SYNTAX;
}

fmt_verdict fmt_batch_decode(const uint8_t *data, size_t size, uint32_t salt, fmt_batch *out_batch)
{
    fmt_batch batch = {0};
    size_t length, trailer_size = 0, trailer_at;
    fmt_verdict verdict = FMT_OK;

    if (size < FMT_BATCH_HEADER)
        return FMT_SHORT;
    length = fmt_get32(data + FMT_BATCH_LENGTH);
    if (length < FMT_BATCH_HEADER + FMT_RECORD_HEADER || length > FMT_BATCH_SIZE_MAX)
        return FMT_LENGTH;
    if (length > size)
        return FMT_SHORT;
    batch.flags = fmt_get32(data + FMT_BATCH_COUNT) >> COUNT_BITS;
    batch.count = fmt_get32(data + FMT_BATCH_COUNT) & COUNT_MASK;
    /* The trailer's length is used before the checksum that covers it: it is bounded by the batch's. */
    if (batch.flags != 0) {
        trailer_size = fmt_get32(data + length - TRAILER_LENGTH);
        if (trailer_size < TRAILER_LENGTH || trailer_size > length - FMT_BATCH_HEADER)
            return FMT_LENGTH;
    }
    trailer_at = length - trailer_size;
    batch.crc = fmt_get32(data + FMT_BATCH_CRC);
    if (batch_crc(data, salt, trailer_at, length) != batch.crc)
        return FMT_CHECKSUM;
    if (batch.flags & ~(uint32_t)(FMT_BATCH_NAMES | FMT_BATCH_KEY))
        return FMT_NEWER;
    batch.first_seq = fmt_get64(data + FMT_BATCH_FIRST_SEQ);
    batch.time_ns = (int64_t)fmt_get64(data + FMT_BATCH_TIME);
    batch.records = (firn_slice){data + FMT_BATCH_HEADER, trailer_at - FMT_BATCH_HEADER};
    batch.size = length;
    if (batch.count == 0 || batch.count > FMT_BATCH_RECORDS_MAX ||
        batch.records.size < (size_t)batch.count * FMT_RECORD_HEADER)
        return FMT_LENGTH;
    if (batch.first_seq == 0 || batch.first_seq > UINT64_MAX - batch.count)
        return FMT_ORDER;
    if (trailer_size > 0)
        verdict = take_trailer(data + trailer_at, trailer_size - TRAILER_LENGTH, &batch);
    if (verdict == FMT_OK)
        *out_batch = batch;
    return verdict;
}

bool fmt_batch_name_next(const fmt_batch *batch, size_t *at, fmt_name *out_name)
{
    const uint8_t *data;

    if (*at >= batch->names.size)
        return false;
    data = (const uint8_t *)batch->names.data + *at;
    *out_name = (fmt_name){.stream = fmt_get32(data), .name = {data + NAME_HEADER, fmt_get16(data + 4)}};
    *at += NAME_HEADER + out_name->name.size;
    return true;
}
