/* SPDX-License-Identifier: Apache-2.0 */
/* content.h — content by digest: what a put and a writer share, and the rows of the kinds of block "content". */
#ifndef FRN_STORE_CONTENT_H
#define FRN_STORE_CONTENT_H

#include "engine/intake/apply.h"
#include "engine/intake/intake.h"
#include "firn/content.h"

enum {
    FRN_CONTENT_ROWS_VERSION = 1 /**< Counted up when keys or values of its rows change: older ones are built again. */
};

/** Applies the kinds of the block "content". */
firn_status frn_content_apply(frn_apply *apply, const fmt_record *record, firn_error *err);

/**
 * A put as a verb: bytes, of which the first staged chunks are in the log already. Whether it becomes one record or
 * chunks and a manifest is known beforehand: chunks is 0 for one record.
 */
typedef struct frn_content_put {
    frn_verb verb;
    firn_slice bytes; /**< Behind the staged chunks. */
    uint64_t size;    /**< Of the whole. */
    size_t chunks;
    size_t staged;
    uint32_t chunk_size;
    uint8_t *chunk_digests; /**< chunks times FMT_CONTENT_MANIFEST_DIGEST_SIZE bytes, as a manifest holds them. */
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint8_t upload[FRN_UPLOAD_SIZE];
    firn_content_put_result *result; /**< May be NULL. Written when decided. */
} frn_content_put;

extern const frn_verb_ops frn_content_put_ops;

/** What the verb takes of a batch at most. */
frn_bound frn_content_put_bound(const frn_content_put *put);

/** One chunk for an upload that may never be finished. Blocks until durable. */
firn_status frn_content_stage(firn_ledger *ledger, const uint8_t *upload, uint64_t index, firn_slice bytes,
                              firn_error *err) FIRN_NODISCARD;

/** SHA-256 of bytes alone. FIRN_OK, FIRN_ENOMEM. */
firn_status frn_content_digest(frn_digests *digests, firn_slice bytes, uint8_t out_digest[FIRN_DIGEST_SIZE],
                               firn_error *err) FIRN_NODISCARD;

/** Bytes that a manifest of chunks of this size can name. */
uint64_t frn_content_size_max(uint32_t chunk_size);

#endif
