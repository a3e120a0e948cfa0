/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h — the records of one call: atomic, one timestamp, at most one idempotency key.
 *
 *   offset  size  field      rule
 *        0     4  length     bytes of the whole batch: header, records, trailer
 *        4     4  crc        CRC-32C of salt, length (8 bytes), bytes [8, 28) and the trailer
 *        8     8  first_seq  seq of the first record
 *       16     8  time       ns since 1970-01-01T00:00:00Z, never decreasing in a ledger
 *       24     3  count      records, 1 … FMT_BATCH_RECORDS_MAX
 *       27     1  flags      FMT_BATCH_…; unknown: FMT_NEWER
 *       28     …  records    count records, seqs ascending by one
 *        …     …  trailer    only if flags is not 0; in this order:
 *                              with NAMES: 4 count, then per name: 4 stream, 2 size, bytes
 *                              with KEY: 2 scope size, 2 key size, 32 digest, scope, key
 *                              4 length of the trailer, itself included
 *
 * The trailer comes last because names are known only when all verbs were decided, while records are
 * encoded in place; its length stands at its end so that it is found from the end of the batch, without
 * a walk over records that are not verified. The records are not covered by the batch's crc (they have
 * their own); the group's content_crc binds them together.
 */
#ifndef FMT_BATCH_H
#define FMT_BATCH_H

#include <stdbool.h>

#include "format/record.h"

enum {
    FMT_BATCH_LENGTH = 0,
    FMT_BATCH_CRC = 4,
    FMT_BATCH_FIRST_SEQ = 8,
    FMT_BATCH_TIME = 16,
    FMT_BATCH_COUNT = 24,
    FMT_BATCH_FLAGS = 27,
    FMT_BATCH_HEADER = 28,
    FMT_BATCH_RECORDS_MAX = FIRN_BATCH_RECORDS_MAX,
    FMT_BATCH_SIZE_MAX = FIRN_BATCH_SIZE_MAX
};

enum {
    FMT_BATCH_NAMES = 1,
    FMT_BATCH_KEY = 2,
    FMT_BATCH_SPARSE = 4 /**< Reserved for compaction: some seqs of the batch were removed. */
};

typedef struct fmt_batch_key {
    firn_slice scope;
    firn_slice key;
    const uint8_t *digest; /**< FIRN_DIGEST_SIZE bytes. */
} fmt_batch_key;

typedef struct fmt_name {
    uint32_t stream;
    firn_slice name;
} fmt_name;

/** Bytes of a trailer with these; 0 if there is nothing to say. key may be NULL. */
size_t fmt_trailer_size(size_t names_count, size_t names_bytes, const fmt_batch_key *key);

/** A batch being written in place. content_crc goes on from the group's: see group.h. */
typedef struct fmt_batch_writer {
    uint8_t *out;
    size_t capacity;
    size_t used;
    uint64_t first_seq;
    int64_t time_ns;
    uint32_t salt;
    uint32_t count;
    uint32_t content_crc;
} fmt_batch_writer;

void fmt_batch_begin(fmt_batch_writer *writer, uint8_t *out, size_t capacity, uint32_t salt, uint64_t first_seq,
                     int64_t time_ns, uint32_t content_crc);
/** Appends a record, its seq being the next. The caller made sure that it fits. Returns the record as encoded: the
    body is a slice of out. */
fmt_record fmt_batch_add(fmt_batch_writer *writer, uint16_t kind, uint32_t stream, uint64_t version,
                         const firn_slice *parts, size_t parts_count);
/** Writes trailer and header; at least one record was added. key may be NULL. Returns the batch's bytes. */
size_t fmt_batch_finish(fmt_batch_writer *writer, const fmt_name *names, size_t names_count, const fmt_batch_key *key);

/** A batch as decoded; slices point into its bytes. */
typedef struct fmt_batch {
    uint64_t first_seq;
    int64_t time_ns;
    uint32_t count;
    uint32_t flags;
    uint32_t crc;
    firn_slice records;
    firn_slice names; /**< The names section after its count; empty if none. */
    uint32_t names_count;
    bool has_key;
    fmt_batch_key key;
    size_t size; /**< Bytes of the whole batch. */
} fmt_batch;

/** Verifies header and trailer, not the records. */
fmt_verdict fmt_batch_decode(const uint8_t *data, size_t size, uint32_t salt, fmt_batch *out_batch);
/** Steps through the names of a decoded batch; *at starts at 0. false: no more. */
bool fmt_batch_name_next(const fmt_batch *batch, size_t *at, fmt_name *out_name);

#endif
