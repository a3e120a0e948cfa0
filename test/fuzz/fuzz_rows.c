/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rows.c — any bytes as each key and value of the index: what decodes lies within the input and encodes to the
 * same bytes; as a bucket of long keys too.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "engine/index/lmdb_row.h"
#include "engine/index/rows.h"
#include "engine/index/store_rows.h"

/** Decodes bytes and encodes what came out into out, which has room for any row. data NULL: it did not decode. */
typedef firn_slice (*again_fn)(firn_slice in, uint8_t *out);

/** No row is larger. */
#define ROW_MAX ((size_t)4096)
_Static_assert(ROW_MAX >= FRN_ROW_EVENTS && ROW_MAX >= FRN_ROW_KEY_KEY && ROW_MAX >= FRN_ROW_RUN &&
                   ROW_MAX >= FRN_ROW_STREAM,
               "a row is larger");

static firn_slice stream_id(firn_slice in, uint8_t *out)
{
    uint32_t stream;

    return frn_row_stream_id_decode(in, &stream) != FMT_OK ? (firn_slice){0} : frn_row_stream_id_encode(out, stream);
}

static firn_slice stream_key(firn_slice in, uint8_t *out)
{
    uint32_t stream;

    return frn_row_stream_key_decode(in, &stream) != FMT_OK ? (firn_slice){0} : frn_row_stream_key_encode(out, stream);
}

static firn_slice stream(firn_slice in, uint8_t *out)
{
    frn_row_stream row;

    if (frn_row_stream_decode(in, &row) != FMT_OK)
        return (firn_slice){0};
    fuzz_within(row.name, in.data, in.size);
    return frn_row_stream_encode(out, &row);
}

static firn_slice head(firn_slice in, uint8_t *out)
{
    frn_row_head row;

    return frn_row_head_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_head_encode(out, &row);
}

static firn_slice key_key(firn_slice in, uint8_t *out)
{
    firn_slice scope, key;

    if (frn_row_key_key_decode(in, &scope, &key) != FMT_OK)
        return (firn_slice){0};
    fuzz_within(scope, in.data, in.size);
    fuzz_within(key, in.data, in.size);
    return frn_row_key_key_encode(out, scope, key);
}

static firn_slice key(firn_slice in, uint8_t *out)
{
    frn_row_key row;

    return frn_row_key_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_key_encode(out, &row);
}

static firn_slice key_by_time_key(firn_slice in, uint8_t *out)
{
    int64_t time_ns;
    uint64_t first_seq;

    return frn_row_key_by_time_key_decode(in, &time_ns, &first_seq) != FMT_OK
               ? (firn_slice){0}
               : frn_row_key_by_time_key_encode(out, time_ns, first_seq);
}

static firn_slice setting(firn_slice in, uint8_t *out)
{
    uint64_t number;

    return frn_row_setting_decode(in, &number) != FMT_OK ? (firn_slice){0} : frn_row_setting_encode(out, number);
}

static firn_slice digest_key(firn_slice in, uint8_t *out)
{
    const uint8_t *digest;
    uint8_t code;

    if (frn_row_digest_key_decode(in, &code, &digest) != FMT_OK)
        return (firn_slice){0};
    fuzz_within((firn_slice){digest, FIRN_DIGEST_SIZE}, in.data, in.size);
    return frn_row_digest_key_encode(out, code, digest);
}

static firn_slice digest(firn_slice in, uint8_t *out)
{
    frn_row_digest row;

    return frn_row_digest_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_digest_encode(out, &row);
}

static firn_slice chunk(firn_slice in, uint8_t *out)
{
    frn_row_chunk row;

    return frn_row_chunk_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_chunk_encode(out, &row);
}

static firn_slice run_head(firn_slice in, uint8_t *out)
{
    frn_row_run_head row;

    return frn_row_run_head_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_run_head_encode(out, &row);
}

static firn_slice run_by_age_key(firn_slice in, uint8_t *out)
{
    uint64_t seq;

    return frn_row_run_by_age_key_decode(in, &seq) != FMT_OK ? (firn_slice){0}
                                                             : frn_row_run_by_age_key_encode(out, seq);
}

static firn_slice run_by_age(firn_slice in, uint8_t *out)
{
    uint32_t number;

    return frn_row_run_by_age_decode(in, &number) != FMT_OK ? (firn_slice){0} : frn_row_run_by_age_encode(out, number);
}

static firn_slice events_key(firn_slice in, uint8_t *out)
{
    uint32_t number;
    uint64_t block;

    return frn_row_events_key_decode(in, &number, &block) != FMT_OK ? (firn_slice){0}
                                                                    : frn_row_events_key_encode(out, number, block);
}

static firn_slice release_key(firn_slice in, uint8_t *out)
{
    uint32_t number;
    uint64_t release;

    return frn_row_release_key_decode(in, &number, &release) != FMT_OK
               ? (firn_slice){0}
               : frn_row_release_key_encode(out, number, release);
}

static firn_slice release(firn_slice in, uint8_t *out)
{
    frn_row_release row;

    return frn_row_release_decode(in, &row) != FMT_OK ? (firn_slice){0} : frn_row_release_encode(out, &row);
}

static const again_fn canonical[] = {
    stream_id, stream_key, stream,   head,           key_key,    key,        key_by_time_key, setting, digest_key,
    digest,    chunk,      run_head, run_by_age_key, run_by_age, events_key, release_key,     release,
};

/** Its mark of a git sha that is there may be any number but 0, and is written as 1. */
static void take_run(firn_slice in, uint8_t *out)
{
    frn_row_run row, again;
    firn_slice made;

    if (frn_row_run_decode(in, &row) != FMT_OK)
        return;
    fuzz_within(row.agent_name, in.data, in.size);
    fuzz_within(row.git_sha, in.data, in.size);
    made = frn_row_run_encode(out, &row);
    MUST(made.size == in.size && frn_row_run_decode(made, &again) == FMT_OK);
    MUST(again.agent_name.size == row.agent_name.size && again.git_sha.size == row.git_sha.size &&
         (again.git_sha.data == NULL) == (row.git_sha.data == NULL) && again.hint == row.hint);
}

/** An event that follows the one before it in the log may still be written as a start: the second time it is not. */
static void take_events(firn_slice in, uint8_t *out)
{
    static frn_row_events row, again;
    firn_slice made;

    if (frn_row_events_decode(in, &row) != FMT_OK)
        return;
    made = frn_row_events_encode(out, &row);
    MUST(made.size <= in.size && made.size <= FRN_ROW_EVENTS);
    MUST(frn_row_events_decode(made, &again) == FMT_OK && again.there == row.there);
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++)
        MUST((row.there >> i & 1) == 0 ||
             (again.seqs[i] == row.seqs[i] && memcmp(again.prints[i], row.prints[i], FRN_PRINT_SIZE) == 0));
}

static void take_bucket(firn_slice in)
{
    frn_lmdb_entry entry;
    firn_error err;
    firn_status status;
    size_t at = 0;

    while ((status = frn_lmdb_entry_at(in, at, &entry, &err)) == FIRN_OK) {
        fuzz_within(entry.rest, in.data, in.size);
        fuzz_within(entry.value, in.data, in.size);
        MUST(entry.size >= FRN_LMDB_ENTRY && entry.size <= in.size - at);
        at += entry.size;
    }
    MUST(status == FIRN_END ? at == in.size : status == FIRN_ECORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[ROW_MAX];
    firn_slice in = {data, size};

    for (size_t i = 0; i < sizeof canonical / sizeof canonical[0]; i++) {
        firn_slice again = canonical[i](in, out);

        MUST(again.data == NULL || (again.size == size && memcmp(again.data, data, size) == 0));
    }
    take_run(in, out);
    take_events(in, out);
    take_bucket(in);
    return 0;
}
