/* SPDX-License-Identifier: Apache-2.0 */
/* history.c — encode batches and records of a history canonically, for its logical digest. */
#include "format/history.h"

#include "format/body.h"
#include "format/bytes.h"
#include "format/kinds.h"
#include "format/stores.h"

#include <string.h>

enum {
    TIMESTAMP_TYPE = 0xff, /* Of msgpack's ext, -1. */
    TIMESTAMP_SIZE = 13,   /* Type, nanoseconds, seconds: the only form that is written. */
    UPLOAD_OF_CHUNK = 1,   /* Members that hold the id of an upload. */
    UPLOAD_OF_MANIFEST = 4
};

void fmt_history_start(uint8_t out[FMT_HISTORY_START_HEADER], uint32_t flags)
{
    memcpy(out + FMT_HISTORY_START_MAGIC, FMT_HISTORY_START_MAGIC_TEXT,
           FMT_HISTORY_START_VERSION - FMT_HISTORY_START_MAGIC);
    fmt_put32(out + FMT_HISTORY_START_VERSION, FMT_HISTORY_VERSION);
    fmt_put32(out + FMT_HISTORY_START_FLAGS, flags);
}

/* Returns where it ends. */
static uint8_t *put_bytes(uint8_t *at, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(at, data, size);
    }
    return at + size;
}

size_t fmt_history_batch(uint8_t out[FMT_HISTORY_BATCH_MAX], const fmt_batch *batch, uint32_t flags)
{
    const fmt_batch_key *key = &batch->key;
    bool without_time = (flags & FMT_HISTORY_NO_TIME) != 0;
    uint8_t *end = out + FMT_HISTORY_BATCH_HEADER;

    out[FMT_HISTORY_BATCH_TAG] = 'B';
    fmt_put64(out + FMT_HISTORY_BATCH_FIRST_SEQ, batch->first_seq);
    fmt_put32(out + FMT_HISTORY_BATCH_COUNT, batch->count);
    fmt_put64(out + FMT_HISTORY_BATCH_TIME, without_time ? 0 : (uint64_t)batch->time_ns);
    fmt_put16(out + FMT_HISTORY_BATCH_SCOPE_SIZE, batch->has_key ? (uint16_t)key->scope.size : 0);
    fmt_put16(out + FMT_HISTORY_BATCH_KEY_SIZE, batch->has_key ? (uint16_t)key->key.size : 0);
    if (batch->has_key) {
        end = put_bytes(end, key->digest, FIRN_DIGEST_SIZE);
        end = put_bytes(end, key->scope.data, key->scope.size);
        end = put_bytes(end, key->key.data, key->key.size);
    }
    return (size_t)(end - out);
}

size_t fmt_history_record(uint8_t out[FMT_HISTORY_RECORD_MAX], const fmt_record *record, firn_slice name)
{
    out[FMT_HISTORY_RECORD_TAG] = 'R';
    fmt_put64(out + FMT_HISTORY_RECORD_SEQ, record->seq);
    fmt_put16(out + FMT_HISTORY_RECORD_KIND, (uint16_t)record->kind);
    fmt_put64(out + FMT_HISTORY_RECORD_VERSION, record->version);
    fmt_put16(out + FMT_HISTORY_RECORD_NAME_SIZE, (uint16_t)name.size);
    fmt_put32(out + FMT_HISTORY_RECORD_BODY_SIZE, (uint32_t)record->body.size);
    return (size_t)(put_bytes(out + FMT_HISTORY_RECORD_HEADER, name.data, name.size) - out);
}

/* The member that holds the id of an upload; 0: none. */
static size_t upload_member(uint32_t kind)
{
    return kind == FMT_KIND_CONTENT_CHUNK      ? UPLOAD_OF_CHUNK
           : kind == FMT_KIND_CONTENT_MANIFEST ? UPLOAD_OF_MANIFEST
                                               : 0;
}

static bool is_timestamp(const fmt_value *value)
{
    return value->type == FMT_VALUE_EXT && value->bytes.size == TIMESTAMP_SIZE &&
           *(const uint8_t *)value->bytes.data == TIMESTAMP_TYPE;
}

size_t fmt_history_masks(const fmt_record *record, uint32_t flags, fmt_history_mask out_masks[FMT_HISTORY_MEMBERS_MAX])
{
    fmt_value values[FMT_HISTORY_MEMBERS_MAX];
    bool without_time = (flags & FMT_HISTORY_NO_TIME) != 0;
    size_t upload = upload_member(record->kind);
    size_t count = 0;

    if (record->kind <= FIRN_EVENT_KIND_MAX || (upload == 0 && !without_time) ||
        fmt_body_members(record->body, values, FMT_HISTORY_MEMBERS_MAX) != FMT_OK) {
        return 0;
    }
    for (size_t i = 0; i < FMT_HISTORY_MEMBERS_MAX; i++) {
        size_t skip = is_timestamp(&values[i]) && without_time ? 1 : 0; /* Its type stays. */

        if (skip > 0 || (i + 1 == upload && values[i].type == FMT_VALUE_BIN)) {
            const uint8_t *bytes = values[i].bytes.data;

            out_masks[count++] = (fmt_history_mask){(size_t)(bytes - (const uint8_t *)record->body.data) + skip,
                                                    values[i].bytes.size - skip};
        }
    }
    return count;
}
