/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rows.h — keys and values of the tables of content, runs and releases, as bytes and back.
 *
 *   table       key                                value
 *   DIGEST      1 hash code, 32 digest             8 seq, 4 offset, 4 chunks, 8 length, 8 time, 8 hint
 *   CHUNK       16 upload, 4 index (BE)            8 seq, 4 offset, 4 length, 8 hint
 *   RUN         4 stream (BE)                      8 create seq, 8 created, 32 spec digest, 16 print,
 *                                                  1 agent name size, agent name, 1 git sha given, git sha,
 *                                                  8 hint
 *   RUN_HEAD    4 stream (BE)                      1 status, 8 events, 8 highest event_seq, 8 end seq, 8 hint
 *   RUN_BY_AGE  8 create seq (BE, complemented)    4 stream
 *   RUN_EVENTS  4 stream (BE), 8 block (BE)        8 there, 8 starts, 8 seq per start, 16 print per event
 *   RELEASE     4 stream (BE),                     8 seq, 8 origin, 8 created, 4 nanoseconds, 8 hint
 *               8 number (BE, complemented)
 *
 * DIGEST serves every store that keeps bytes by digest: bytes at offset in the body of record seq, or, with chunks, the
 * manifest in it. RUN_EVENTS holds the 64 event_seqs of a block: bit n of *there* says that event 64·block + n is
 * there, the same bit of *starts* that it does not follow the event before it in the log too, so that a row of events
 * appended together has one seq. A print is the beginning of a SHA-256 over what makes two events (or two creations
 * of a run) identical. Complemented numbers lie in descending order.
 *
 * A hint is where the record whose seq the row holds stood when the row was made (frn_log_hint_pack(); 0: unknown). It
 * makes reading the record one read of the log, and it is believed only if the record verifies there. So it is no fact
 * about the ledger: rows that follow from the same records may differ in it once records have moved. It stands at the
 * end of a value, and whoever compares rows compares frn_row_facts().
 */
#ifndef FRN_INDEX_STORE_ROWS_H
#define FRN_INDEX_STORE_ROWS_H

#include "engine/index/index.h"
#include "firn/run.h"
#include "format/verdict.h"

enum {
    FRN_UPLOAD_SIZE = 16,
    FRN_PRINT_SIZE = 16,
    FRN_BLOCK_EVENTS = 64,
    FRN_ROW_DIGEST_KEY = 1 + FIRN_DIGEST_SIZE,
    FRN_ROW_HINT = 8,
    FRN_ROW_DIGEST = 32 + FRN_ROW_HINT,
    FRN_ROW_CHUNK_KEY = FRN_UPLOAD_SIZE + 4,
    FRN_ROW_CHUNK = 16 + FRN_ROW_HINT,
    FRN_ROW_RUN_KEY = 4,
    FRN_ROW_RUN =
        8 + 8 + FIRN_DIGEST_SIZE + FRN_PRINT_SIZE + 1 + FIRN_TEXT_SIZE_MAX + 1 + FIRN_TEXT_SIZE_MAX + FRN_ROW_HINT,
    FRN_ROW_RUN_HEAD = 25 + FRN_ROW_HINT,
    FRN_ROW_RUN_BY_AGE_KEY = 8,
    FRN_ROW_RUN_BY_AGE = 4,
    FRN_ROW_EVENTS_KEY = 12,
    FRN_ROW_EVENTS = 16 + FRN_BLOCK_EVENTS * (8 + FRN_PRINT_SIZE),
    FRN_ROW_RELEASE_KEY = 12,
    FRN_ROW_RELEASE = 28 + FRN_ROW_HINT
};

/** Hash codes of multihash. */
enum {
    FRN_HASH_SHA256 = 0x12,
    FRN_HASH_BLAKE3 = 0x1e
};

/** What of a value is a function of the ledger's records alone: all but its hint. */
firn_slice frn_row_facts(frn_table table, firn_slice value);

firn_slice frn_row_digest_key_encode(uint8_t out[FRN_ROW_DIGEST_KEY], uint8_t code, const uint8_t *digest);
/** *out_digest is borrowed from the key. */
fmt_verdict frn_row_digest_key_decode(firn_slice key, uint8_t *out_code, const uint8_t **out_digest) FIRN_NODISCARD;

typedef struct frn_row_digest {
    uint64_t seq;
    uint32_t offset; /**< Of the bytes in the body; 0 with chunks. */
    uint32_t chunks; /**< 0: one record. */
    uint64_t length; /**< Bytes of the whole. */
    int64_t time_ns;
    uint64_t hint;
} frn_row_digest;
firn_slice frn_row_digest_encode(uint8_t out[FRN_ROW_DIGEST], const frn_row_digest *row);
fmt_verdict frn_row_digest_decode(firn_slice value, frn_row_digest *out_row) FIRN_NODISCARD;

firn_slice frn_row_chunk_key_encode(uint8_t out[FRN_ROW_CHUNK_KEY], const uint8_t *upload, uint32_t index);
typedef struct frn_row_chunk {
    uint64_t seq;
    uint32_t offset;
    uint32_t length;
    uint64_t hint;
} frn_row_chunk;
firn_slice frn_row_chunk_encode(uint8_t out[FRN_ROW_CHUNK], const frn_row_chunk *row);
fmt_verdict frn_row_chunk_decode(firn_slice value, frn_row_chunk *out_row) FIRN_NODISCARD;

firn_slice frn_row_run_key_encode(uint8_t out[FRN_ROW_RUN_KEY], uint32_t stream);
/** What never changes about a run, as far as filters and repeats ask for it. */
typedef struct frn_row_run {
    uint64_t create_seq;
    int64_t created_ns;
    uint8_t spec_digest[FIRN_DIGEST_SIZE];
    uint8_t print[FRN_PRINT_SIZE];
    firn_slice agent_name; /**< Borrowed from the value. */
    firn_slice git_sha;    /**< data NULL: null. */
    uint64_t hint;
} frn_row_run;
firn_slice frn_row_run_encode(uint8_t out[FRN_ROW_RUN], const frn_row_run *row);
fmt_verdict frn_row_run_decode(firn_slice value, frn_row_run *out_row) FIRN_NODISCARD;

typedef struct frn_row_run_head {
    firn_run_status status;
    uint64_t event_count;
    uint64_t last_event_seq;
    uint64_t end_seq;
    uint64_t hint; /**< Of the record at end_seq. */
} frn_row_run_head;
firn_slice frn_row_run_head_encode(uint8_t out[FRN_ROW_RUN_HEAD], const frn_row_run_head *row);
fmt_verdict frn_row_run_head_decode(firn_slice value, frn_row_run_head *out_row) FIRN_NODISCARD;

firn_slice frn_row_run_by_age_key_encode(uint8_t out[FRN_ROW_RUN_BY_AGE_KEY], uint64_t create_seq);
fmt_verdict frn_row_run_by_age_key_decode(firn_slice key, uint64_t *out_create_seq) FIRN_NODISCARD;
firn_slice frn_row_run_by_age_encode(uint8_t out[FRN_ROW_RUN_BY_AGE], uint32_t stream);
fmt_verdict frn_row_run_by_age_decode(firn_slice value, uint32_t *out_stream) FIRN_NODISCARD;

firn_slice frn_row_events_key_encode(uint8_t out[FRN_ROW_EVENTS_KEY], uint32_t stream, uint64_t block);
fmt_verdict frn_row_events_key_decode(firn_slice key, uint32_t *out_stream, uint64_t *out_block) FIRN_NODISCARD;
/** Seqs and prints hold where there has a bit. */
typedef struct frn_row_events {
    uint64_t there;
    uint64_t seqs[FRN_BLOCK_EVENTS];
    uint8_t prints[FRN_BLOCK_EVENTS][FRN_PRINT_SIZE];
} frn_row_events;
firn_slice frn_row_events_encode(uint8_t out[FRN_ROW_EVENTS], const frn_row_events *row);
fmt_verdict frn_row_events_decode(firn_slice value, frn_row_events *out_row) FIRN_NODISCARD;

firn_slice frn_row_release_key_encode(uint8_t out[FRN_ROW_RELEASE_KEY], uint32_t stream, uint64_t number);
fmt_verdict frn_row_release_key_decode(firn_slice key, uint32_t *out_stream, uint64_t *out_number) FIRN_NODISCARD;
typedef struct frn_row_release {
    uint64_t seq;
    uint64_t origin; /**< The number of the promote that it is, or that it restored. */
    firn_time created_at;
    uint64_t hint;
} frn_row_release;
firn_slice frn_row_release_encode(uint8_t out[FRN_ROW_RELEASE], const frn_row_release *row);
fmt_verdict frn_row_release_decode(firn_slice value, frn_row_release *out_row) FIRN_NODISCARD;

#endif
