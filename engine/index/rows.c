/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c — keys and values of the ledger's own tables, as bytes and back. */
#include "engine/index/rows.h"

#include <assert.h>
#include <string.h>

#include "format/bytes.h"

static void put_big(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static uint64_t get_big(const uint8_t *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static fmt_verdict size_verdict(firn_slice bytes, size_t size)
{
    return bytes.size < size ? FMT_SHORT : bytes.size > size ? FMT_LENGTH : FMT_OK;
}

firn_slice frn_row_stream_id_encode(uint8_t out[FRN_ROW_STREAM_ID], uint32_t stream)
{
    fmt_put32(out, stream);
    return (firn_slice){out, FRN_ROW_STREAM_ID};
}

fmt_verdict frn_row_stream_id_decode(firn_slice value, uint32_t *out_stream)
{
    fmt_verdict verdict = size_verdict(value, FRN_ROW_STREAM_ID);

    if (verdict == FMT_OK) {
        *out_stream = fmt_get32(value.data);
    }
    return verdict;
}

firn_slice frn_row_stream_key_encode(uint8_t out[FRN_ROW_STREAM_KEY], uint32_t stream)
{
    put_big(out, stream, FRN_ROW_STREAM_KEY);
    return (firn_slice){out, FRN_ROW_STREAM_KEY};
}

fmt_verdict frn_row_stream_key_decode(firn_slice key, uint32_t *out_stream)
{
    fmt_verdict verdict = size_verdict(key, FRN_ROW_STREAM_KEY);

    if (verdict == FMT_OK) {
        *out_stream = (uint32_t)get_big(key.data, FRN_ROW_STREAM_KEY);
    }
    return verdict;
}

firn_slice frn_row_stream_encode(uint8_t out[FRN_ROW_STREAM], const frn_row_stream *stream)
{
    assert(stream->name.size >= 1 && stream->name.size <= FIRN_STREAM_NAME_SIZE_MAX);
    fmt_put64(out, stream->first_seq);
    memcpy(out + 8, stream->name.data, stream->name.size);
    return (firn_slice){out, 8 + stream->name.size};
}

fmt_verdict frn_row_stream_decode(firn_slice value, frn_row_stream *out_stream)
{
    const uint8_t *at = value.data;

    if (value.size < 8 + 1) {
        return FMT_SHORT;
    }
    if (value.size > FRN_ROW_STREAM) {
        return FMT_LENGTH;
    }
    *out_stream = (frn_row_stream){.first_seq = fmt_get64(at), .name = {at + 8, value.size - 8}};
    return FMT_OK;
}

firn_slice frn_row_head_encode(uint8_t out[FRN_ROW_HEAD], const frn_row_head *head)
{
    fmt_put64(out, head->version);
    fmt_put64(out + 8, head->last_seq);
    return (firn_slice){out, FRN_ROW_HEAD};
}

fmt_verdict frn_row_head_decode(firn_slice value, frn_row_head *out_head)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_HEAD);

    if (verdict == FMT_OK) {
        *out_head = (frn_row_head){.version = fmt_get64(at), .last_seq = fmt_get64(at + 8)};
    }
    return verdict;
}

firn_slice frn_row_key_key_encode(uint8_t out[FRN_ROW_KEY_KEY], firn_slice scope, firn_slice key)
{
    assert(scope.size <= FIRN_KEY_SIZE_MAX);
    assert(key.size >= 1 && key.size <= FIRN_KEY_SIZE_MAX);
    put_big(out, scope.size, 2);
    if (scope.size > 0) {
        memcpy(out + 2, scope.data, scope.size);
    }
    memcpy(out + 2 + scope.size, key.data, key.size);
    return (firn_slice){out, 2 + scope.size + key.size};
}

fmt_verdict frn_row_key_key_decode(firn_slice row_key, firn_slice *out_scope, firn_slice *out_key)
{
    const uint8_t *at = row_key.data;
    size_t scope_size;

    if (row_key.size < 2) {
        return FMT_SHORT;
    }
    scope_size = get_big(at, 2);
    if (scope_size > FIRN_KEY_SIZE_MAX) {
        return FMT_LENGTH;
    }
    if (row_key.size < 2 + scope_size + 1) {
        return FMT_SHORT;
    }
    if (row_key.size > 2 + scope_size + FIRN_KEY_SIZE_MAX) {
        return FMT_LENGTH;
    }
    *out_scope = (firn_slice){at + 2, scope_size};
    *out_key = (firn_slice){at + 2 + scope_size, row_key.size - 2 - scope_size};
    return FMT_OK;
}

enum {
    KEY_DIGEST = 0,
    KEY_FIRST_SEQ = 32,
    KEY_TIME = 40,
    KEY_COUNT = 48
};
_Static_assert(KEY_FIRST_SEQ == KEY_DIGEST + FIRN_DIGEST_SIZE && KEY_COUNT + 4 == FRN_ROW_KEY, "a hole in KEY");

firn_slice frn_row_key_encode(uint8_t out[FRN_ROW_KEY], const frn_row_key *key)
{
    memcpy(out + KEY_DIGEST, key->digest, FIRN_DIGEST_SIZE);
    fmt_put64(out + KEY_FIRST_SEQ, key->first_seq);
    fmt_put64(out + KEY_TIME, (uint64_t)key->time_ns);
    fmt_put32(out + KEY_COUNT, key->count);
    return (firn_slice){out, FRN_ROW_KEY};
}

fmt_verdict frn_row_key_decode(firn_slice value, frn_row_key *out_key)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_KEY);

    if (verdict == FMT_OK) {
        memcpy(out_key->digest, at + KEY_DIGEST, FIRN_DIGEST_SIZE);
        out_key->first_seq = fmt_get64(at + KEY_FIRST_SEQ);
        out_key->time_ns = (int64_t)fmt_get64(at + KEY_TIME);
        out_key->count = fmt_get32(at + KEY_COUNT);
    }
    return verdict;
}

/* Two's complement with the sign flipped orders like the number. */
static const uint64_t sign = UINT64_C(1) << 63;

firn_slice frn_row_key_by_time_key_encode(uint8_t out[FRN_ROW_KEY_BY_TIME_KEY], int64_t time_ns, uint64_t first_seq)
{
    put_big(out, (uint64_t)time_ns ^ sign, 8);
    put_big(out + 8, first_seq, 8);
    return (firn_slice){out, FRN_ROW_KEY_BY_TIME_KEY};
}

fmt_verdict frn_row_key_by_time_key_decode(firn_slice key, int64_t *out_time_ns, uint64_t *out_first_seq)
{
    const uint8_t *at = key.data;
    fmt_verdict verdict = size_verdict(key, FRN_ROW_KEY_BY_TIME_KEY);

    if (verdict == FMT_OK) {
        *out_time_ns = (int64_t)(get_big(at, 8) ^ sign);
        *out_first_seq = get_big(at + 8, 8);
    }
    return verdict;
}

firn_slice frn_row_setting_key_encode(uint8_t out[FRN_ROW_SETTING_KEY], frn_setting setting)
{
    put_big(out, (uint64_t)setting, FRN_ROW_SETTING_KEY);
    return (firn_slice){out, FRN_ROW_SETTING_KEY};
}

firn_slice frn_row_setting_encode(uint8_t out[FRN_ROW_SETTING], uint64_t number)
{
    fmt_put64(out, number);
    return (firn_slice){out, FRN_ROW_SETTING};
}

fmt_verdict frn_row_setting_decode(firn_slice value, uint64_t *out_number)
{
    fmt_verdict verdict = size_verdict(value, FRN_ROW_SETTING);

    if (verdict == FMT_OK) {
        *out_number = fmt_get64(value.data);
    }
    return verdict;
}
