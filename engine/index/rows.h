/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h — keys and values of the ledger's own tables, as bytes and back: the one home of their layout.
 *
 * Keys are encoded into a caller's array and handed back as a slice of it, which ends with the array. Decoders judge
 * exact sizes; names, scopes and keys in what they return are borrowed from the value they decoded.
 *
 *   table           key                                 value
 *   STREAM_BY_NAME  name                                4 stream
 *   STREAM          4 stream (BE)                       8 first_seq, name
 *   STREAM_HEAD     4 stream (BE)                       8 version, 8 last_seq
 *   KEY             2 scope size (BE), scope, key       32 digest, 8 first_seq, 8 time, 4 count
 *   KEY_BY_TIME     8 time (BE, sign flipped),          the key of the row in KEY
 *                   8 first_seq (BE)
 *   SETTING         2 setting (BE)                      8 number
 *
 * STREAM_HEAD stands apart from STREAM because it is written with every record: a version of it is 16 bytes, whatever
 * the name. The size before the scope keeps (scope, key) pairs apart; within a scope, keys lie in their order.
 */
#ifndef FRN_INDEX_ROWS_H
#define FRN_INDEX_ROWS_H

#include "engine/index/index.h"
#include "format/verdict.h"

enum {
    FRN_ROW_STREAM_KEY = 4,
    FRN_ROW_STREAM_ID = 4,
    FRN_ROW_STREAM = 8 + FIRN_STREAM_NAME_SIZE_MAX,
    FRN_ROW_HEAD = 16,
    FRN_ROW_KEY_KEY = 2 + 2 * FIRN_KEY_SIZE_MAX,
    FRN_ROW_KEY = 52,
    FRN_ROW_KEY_BY_TIME_KEY = 16,
    FRN_ROW_SETTING_KEY = 2,
    FRN_ROW_SETTING = 8
};

/** Rows of SETTING. Numbers are never changed and never reused. */
typedef enum frn_setting {
    FRN_SETTING_KEY_AGE = 1,      /**< How long an idempotency key is kept, in ns. */
    FRN_SETTING_STREAMS_COUNT = 2 /**< Streams so far: the highest number given to one. */
} frn_setting;

/** STREAM_BY_NAME: the key is the name itself. */
firn_slice frn_row_stream_id_encode(uint8_t out[FRN_ROW_STREAM_ID], uint32_t stream);
fmt_verdict frn_row_stream_id_decode(firn_slice value, uint32_t *out_stream) FIRN_NODISCARD;

/** The key of STREAM and of STREAM_HEAD. */
firn_slice frn_row_stream_key_encode(uint8_t out[FRN_ROW_STREAM_KEY], uint32_t stream);
fmt_verdict frn_row_stream_key_decode(firn_slice key, uint32_t *out_stream) FIRN_NODISCARD;

/** STREAM: what never changes about a stream. */
typedef struct frn_row_stream {
    uint64_t first_seq;
    firn_slice name; /**< 1 … FIRN_STREAM_NAME_SIZE_MAX bytes. */
} frn_row_stream;

firn_slice frn_row_stream_encode(uint8_t out[FRN_ROW_STREAM], const frn_row_stream *stream);
fmt_verdict frn_row_stream_decode(firn_slice value, frn_row_stream *out_stream) FIRN_NODISCARD;

/** STREAM_HEAD: how far a stream has come. */
typedef struct frn_row_head {
    uint64_t version; /**< Of its last record. */
    uint64_t last_seq;
} frn_row_head;

firn_slice frn_row_head_encode(uint8_t out[FRN_ROW_HEAD], const frn_row_head *head);
fmt_verdict frn_row_head_decode(firn_slice value, frn_row_head *out_head) FIRN_NODISCARD;

/** The key of KEY; scope 0 … FIRN_KEY_SIZE_MAX bytes, key 1 … FIRN_KEY_SIZE_MAX, checked by who took them in. */
firn_slice frn_row_key_key_encode(uint8_t out[FRN_ROW_KEY_KEY], firn_slice scope, firn_slice key);
fmt_verdict frn_row_key_key_decode(firn_slice row_key, firn_slice *out_scope, firn_slice *out_key) FIRN_NODISCARD;

/** KEY: the receipt of the batch that recorded an idempotency key. */
typedef struct frn_row_key {
    uint8_t digest[FIRN_DIGEST_SIZE]; /**< Of the request. */
    uint64_t first_seq;
    int64_t time_ns; /**< The batch's timestamp. */
    uint32_t count;  /**< Its records. */
} frn_row_key;

firn_slice frn_row_key_encode(uint8_t out[FRN_ROW_KEY], const frn_row_key *key);
fmt_verdict frn_row_key_decode(firn_slice value, frn_row_key *out_key) FIRN_NODISCARD;

/** KEY_BY_TIME: oldest first, for expiry; the value is what frn_row_key_key_encode() made. */
firn_slice frn_row_key_by_time_key_encode(uint8_t out[FRN_ROW_KEY_BY_TIME_KEY], int64_t time_ns, uint64_t first_seq);
fmt_verdict frn_row_key_by_time_key_decode(firn_slice key, int64_t *out_time_ns,
                                           uint64_t *out_first_seq) FIRN_NODISCARD;

firn_slice frn_row_setting_key_encode(uint8_t out[FRN_ROW_SETTING_KEY], frn_setting setting);
firn_slice frn_row_setting_encode(uint8_t out[FRN_ROW_SETTING], uint64_t number);
fmt_verdict frn_row_setting_decode(firn_slice value, uint64_t *out_number) FIRN_NODISCARD;

#endif
