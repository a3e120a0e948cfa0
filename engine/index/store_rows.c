/* SPDX-License-Identifier: Apache-2.0 */
/* store_rows.c — keys and values of the tables of content, runs and releases, as bytes and back. */
#include "engine/index/store_rows.h"

#include <assert.h>
#include <string.h>

#include "format/bytes.h"

static void put_big32(uint8_t *at, uint32_t value)
{
    fmt_put32(at, __builtin_bswap32(value));
}

static void put_big64(uint8_t *at, uint64_t value)
{
    fmt_put64(at, __builtin_bswap64(value));
}

static uint32_t get_big32(const uint8_t *at)
{
    return __builtin_bswap32(fmt_get32(at));
}

static uint64_t get_big64(const uint8_t *at)
{
    return __builtin_bswap64(fmt_get64(at));
}

static fmt_verdict size_verdict(firn_slice bytes, size_t size)
{
    return bytes.size < size ? FMT_SHORT : bytes.size > size ? FMT_LENGTH : FMT_OK;
}

firn_slice frn_row_facts(frn_table table, firn_slice value)
{
    switch (table) {
    case FRN_TABLE_DIGEST:
    case FRN_TABLE_CHUNK:
    case FRN_TABLE_RUN:
    case FRN_TABLE_RUN_HEAD:
    case FRN_TABLE_RELEASE:
        return (firn_slice){value.data, value.size < FRN_ROW_HINT ? value.size : value.size - FRN_ROW_HINT};
    default:
        return value;
    }
}

firn_slice frn_row_digest_key_encode(uint8_t out[FRN_ROW_DIGEST_KEY], uint8_t code, const uint8_t *digest)
{
    out[0] = code;
    memcpy(out + 1, digest, FIRN_DIGEST_SIZE);
    return (firn_slice){out, FRN_ROW_DIGEST_KEY};
}

fmt_verdict frn_row_digest_key_decode(firn_slice key, uint8_t *out_code, const uint8_t **out_digest)
{
    const uint8_t *at = key.data;
    fmt_verdict verdict = size_verdict(key, FRN_ROW_DIGEST_KEY);

    if (verdict == FMT_OK) {
        *out_code = at[0];
        *out_digest = at + 1;
    }
    return verdict;
}

firn_slice frn_row_digest_encode(uint8_t out[FRN_ROW_DIGEST], const frn_row_digest *row)
{
    fmt_put64(out, row->seq);
    fmt_put32(out + 8, row->offset);
    fmt_put32(out + 12, row->chunks);
    fmt_put64(out + 16, row->length);
    fmt_put64(out + 24, (uint64_t)row->time_ns);
    fmt_put64(out + 32, row->hint);
    return (firn_slice){out, FRN_ROW_DIGEST};
}

fmt_verdict frn_row_digest_decode(firn_slice value, frn_row_digest *out_row)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_DIGEST);

    if (verdict == FMT_OK) {
        out_row->seq = fmt_get64(at);
        out_row->offset = fmt_get32(at + 8);
        out_row->chunks = fmt_get32(at + 12);
        out_row->length = fmt_get64(at + 16);
        out_row->time_ns = (int64_t)fmt_get64(at + 24);
        out_row->hint = fmt_get64(at + 32);
    }
    return verdict;
}

firn_slice frn_row_chunk_key_encode(uint8_t out[FRN_ROW_CHUNK_KEY], const uint8_t *upload, uint32_t index)
{
    memcpy(out, upload, FRN_UPLOAD_SIZE);
    put_big32(out + FRN_UPLOAD_SIZE, index);
    return (firn_slice){out, FRN_ROW_CHUNK_KEY};
}

firn_slice frn_row_chunk_encode(uint8_t out[FRN_ROW_CHUNK], const frn_row_chunk *row)
{
    fmt_put64(out, row->seq);
    fmt_put32(out + 8, row->offset);
    fmt_put32(out + 12, row->length);
    fmt_put64(out + 16, row->hint);
    return (firn_slice){out, FRN_ROW_CHUNK};
}

fmt_verdict frn_row_chunk_decode(firn_slice value, frn_row_chunk *out_row)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_CHUNK);

    if (verdict == FMT_OK) {
        *out_row = (frn_row_chunk){fmt_get64(at), fmt_get32(at + 8), fmt_get32(at + 12), fmt_get64(at + 16)};
    }
    return verdict;
}

firn_slice frn_row_run_key_encode(uint8_t out[FRN_ROW_RUN_KEY], uint32_t stream)
{
    put_big32(out, stream);
    return (firn_slice){out, FRN_ROW_RUN_KEY};
}

enum {
    RUN_CREATED = 8,
    RUN_SPEC = 16,
    RUN_PRINT = RUN_SPEC + FIRN_DIGEST_SIZE,
    RUN_AGENT_SIZE = RUN_PRINT + FRN_PRINT_SIZE,
    RUN_AGENT = RUN_AGENT_SIZE + 1
};

firn_slice frn_row_run_encode(uint8_t out[FRN_ROW_RUN], const frn_row_run *row)
{
    size_t at = RUN_AGENT;

    assert(row->agent_name.size <= FIRN_TEXT_SIZE_MAX && row->git_sha.size <= FIRN_TEXT_SIZE_MAX);
    fmt_put64(out, row->create_seq);
    fmt_put64(out + RUN_CREATED, (uint64_t)row->created_ns);
    memcpy(out + RUN_SPEC, row->spec_digest, FIRN_DIGEST_SIZE);
    memcpy(out + RUN_PRINT, row->print, FRN_PRINT_SIZE);
    out[RUN_AGENT_SIZE] = (uint8_t)row->agent_name.size;
    if (row->agent_name.size != 0) {
        memcpy(out + at, row->agent_name.data, row->agent_name.size);
        at += row->agent_name.size;
    }
    out[at++] = row->git_sha.data != NULL;
    if (row->git_sha.size != 0) {
        memcpy(out + at, row->git_sha.data, row->git_sha.size);
        at += row->git_sha.size;
    }
    fmt_put64(out + at, row->hint);
    return (firn_slice){out, at + FRN_ROW_HINT};
}

fmt_verdict frn_row_run_decode(firn_slice value, frn_row_run *out_row)
{
    const uint8_t *at = value.data;
    size_t sha_at, end;

    if (value.size < RUN_AGENT + 1 + FRN_ROW_HINT) {
        return FMT_SHORT;
    }
    end = value.size - FRN_ROW_HINT;
    sha_at = (size_t)RUN_AGENT + at[RUN_AGENT_SIZE] + 1;
    if (end < sha_at) {
        return FMT_SHORT;
    }
    if (end > sha_at + FIRN_TEXT_SIZE_MAX || (at[sha_at - 1] == 0 && end != sha_at)) {
        return FMT_LENGTH;
    }
    out_row->create_seq = fmt_get64(at);
    out_row->created_ns = (int64_t)fmt_get64(at + RUN_CREATED);
    memcpy(out_row->spec_digest, at + RUN_SPEC, FIRN_DIGEST_SIZE);
    memcpy(out_row->print, at + RUN_PRINT, FRN_PRINT_SIZE);
    out_row->agent_name = (firn_slice){at + RUN_AGENT, at[RUN_AGENT_SIZE]};
    out_row->git_sha = at[sha_at - 1] == 0 ? (firn_slice){0} : (firn_slice){at + sha_at, end - sha_at};
    out_row->hint = fmt_get64(at + end);
    return FMT_OK;
}

firn_slice frn_row_run_head_encode(uint8_t out[FRN_ROW_RUN_HEAD], const frn_row_run_head *row)
{
    out[0] = (uint8_t)row->status;
    fmt_put64(out + 1, row->event_count);
    fmt_put64(out + 9, row->last_event_seq);
    fmt_put64(out + 17, row->end_seq);
    fmt_put64(out + 25, row->hint);
    return (firn_slice){out, FRN_ROW_RUN_HEAD};
}

fmt_verdict frn_row_run_head_decode(firn_slice value, frn_row_run_head *out_row)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_RUN_HEAD);

    if (verdict == FMT_OK && at[0] > FIRN_RUN_CANCELLED) {
        verdict = FMT_SYNTAX;
    }
    if (verdict == FMT_OK) {
        out_row->status = (firn_run_status)at[0];
        out_row->event_count = fmt_get64(at + 1);
        out_row->last_event_seq = fmt_get64(at + 9);
        out_row->end_seq = fmt_get64(at + 17);
        out_row->hint = fmt_get64(at + 25);
    }
    return verdict;
}

firn_slice frn_row_run_by_age_key_encode(uint8_t out[FRN_ROW_RUN_BY_AGE_KEY], uint64_t create_seq)
{
    put_big64(out, ~create_seq);
    return (firn_slice){out, FRN_ROW_RUN_BY_AGE_KEY};
}

fmt_verdict frn_row_run_by_age_key_decode(firn_slice key, uint64_t *out_create_seq)
{
    fmt_verdict verdict = size_verdict(key, FRN_ROW_RUN_BY_AGE_KEY);

    if (verdict == FMT_OK) {
        *out_create_seq = ~get_big64(key.data);
    }
    return verdict;
}

firn_slice frn_row_run_by_age_encode(uint8_t out[FRN_ROW_RUN_BY_AGE], uint32_t stream)
{
    fmt_put32(out, stream);
    return (firn_slice){out, FRN_ROW_RUN_BY_AGE};
}

fmt_verdict frn_row_run_by_age_decode(firn_slice value, uint32_t *out_stream)
{
    fmt_verdict verdict = size_verdict(value, FRN_ROW_RUN_BY_AGE);

    if (verdict == FMT_OK) {
        *out_stream = fmt_get32(value.data);
    }
    return verdict;
}

firn_slice frn_row_events_key_encode(uint8_t out[FRN_ROW_EVENTS_KEY], uint32_t stream, uint64_t block)
{
    put_big32(out, stream);
    put_big64(out + 4, block);
    return (firn_slice){out, FRN_ROW_EVENTS_KEY};
}

fmt_verdict frn_row_events_key_decode(firn_slice key, uint32_t *out_stream, uint64_t *out_block)
{
    const uint8_t *at = key.data;
    fmt_verdict verdict = size_verdict(key, FRN_ROW_EVENTS_KEY);

    if (verdict == FMT_OK) {
        *out_stream = get_big32(at);
        *out_block = get_big64(at + 4);
    }
    return verdict;
}

static size_t bits_of(uint64_t set)
{
    size_t count = 0;

    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

/* The next bits from *end on that are set side by side: [*begin, *end). False: there are no more. */
static bool bits_next(uint64_t set, unsigned *begin, unsigned *end)
{
    uint64_t rest = *end == 64 ? 0 : set >> *end;

    if (rest == 0) {
        return false;
    }
    *begin = *end + (unsigned)__builtin_ctzll(rest);
    rest = ~(set >> *begin);
    *end = rest == 0 ? 64 : *begin + (unsigned)__builtin_ctzll(rest);
    return true;
}

firn_slice frn_row_events_encode(uint8_t out[FRN_ROW_EVENTS], const frn_row_events *row)
{
    uint64_t starts = 0;
    unsigned begin = 0, end = 0;
    size_t at = 16;

    while (bits_next(row->there, &begin, &end)) {
        for (unsigned i = begin; i < end; i++) {
            if (i == begin || row->seqs[i] != row->seqs[i - 1] + 1) {
                starts |= UINT64_C(1) << i;
                fmt_put64(out + at, row->seqs[i]);
                at += 8;
            }
        }
    }
    for (begin = end = 0; bits_next(row->there, &begin, &end); at += (end - begin) * FRN_PRINT_SIZE) {
        memcpy(out + at, row->prints[begin], (end - begin) * FRN_PRINT_SIZE);
    }
    fmt_put64(out, row->there);
    fmt_put64(out + 8, starts);
    return (firn_slice){out, at};
}

fmt_verdict frn_row_events_decode(firn_slice value, frn_row_events *out_row)
{
    const uint8_t *data = value.data, *seq_at, *print_at;
    unsigned begin = 0, end = 0;
    uint64_t starts, before;
    fmt_verdict verdict;

    if (value.size < 16) {
        return FMT_SHORT;
    }
    out_row->there = fmt_get64(data);
    starts = fmt_get64(data + 8);
    seq_at = data + 16;
    print_at = seq_at + 8 * bits_of(starts);
    verdict = size_verdict(value, (size_t)(print_at - data) + FRN_PRINT_SIZE * bits_of(out_row->there));
    /* A start is an event, and an event with none before it is a start. */
    before = out_row->there << 1;
    if (verdict == FMT_OK && ((starts & ~out_row->there) != 0 || (out_row->there & ~before & ~starts) != 0)) {
        verdict = FMT_SYNTAX;
    }
    while (verdict == FMT_OK && bits_next(out_row->there, &begin, &end)) {
        for (unsigned i = begin; i < end; i++) {
            if ((starts >> i & 1) != 0) {
                out_row->seqs[i] = fmt_get64(seq_at);
                seq_at += 8;
            } else {
                out_row->seqs[i] = out_row->seqs[i - 1] + 1;
            }
        }
        memcpy(out_row->prints[begin], print_at, (end - begin) * FRN_PRINT_SIZE);
        print_at += (end - begin) * FRN_PRINT_SIZE;
    }
    return verdict;
}

firn_slice frn_row_release_key_encode(uint8_t out[FRN_ROW_RELEASE_KEY], uint32_t stream, uint64_t number)
{
    put_big32(out, stream);
    put_big64(out + 4, ~number);
    return (firn_slice){out, FRN_ROW_RELEASE_KEY};
}

fmt_verdict frn_row_release_key_decode(firn_slice key, uint32_t *out_stream, uint64_t *out_number)
{
    const uint8_t *at = key.data;
    fmt_verdict verdict = size_verdict(key, FRN_ROW_RELEASE_KEY);

    if (verdict == FMT_OK) {
        *out_stream = get_big32(at);
        *out_number = ~get_big64(at + 4);
    }
    return verdict;
}

firn_slice frn_row_release_encode(uint8_t out[FRN_ROW_RELEASE], const frn_row_release *row)
{
    fmt_put64(out, row->seq);
    fmt_put64(out + 8, row->origin);
    fmt_put64(out + 16, (uint64_t)row->created_at.seconds);
    fmt_put32(out + 24, row->created_at.nanoseconds);
    fmt_put64(out + 28, row->hint);
    return (firn_slice){out, FRN_ROW_RELEASE};
}

fmt_verdict frn_row_release_decode(firn_slice value, frn_row_release *out_row)
{
    const uint8_t *at = value.data;
    fmt_verdict verdict = size_verdict(value, FRN_ROW_RELEASE);

    if (verdict == FMT_OK) {
        out_row->seq = fmt_get64(at);
        out_row->origin = fmt_get64(at + 8);
        out_row->created_at = (firn_time){.seconds = (int64_t)fmt_get64(at + 16), .nanoseconds = fmt_get32(at + 24)};
        out_row->hint = fmt_get64(at + 28);
    }
    return verdict;
}
