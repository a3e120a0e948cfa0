/* SPDX-License-Identifier: Apache-2.0 */
/* types.h — the small values that all nouns of firn share, and the limits of what enters. */
#ifndef FIRN_TYPES_H
#define FIRN_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "firn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_BODY_SIZE_MAX = 16 * 1024 * 1024,       /**< Bytes of the body of one record. */
    FIRN_EVENT_SIZE_MAX = 16 * 1024 * 1024 - 16, /**< Bytes of one event's payload: a body less its wrapping. */
    FIRN_BATCH_RECORDS_MAX = 65536,              /**< Records of one batch. */
    FIRN_BATCH_SIZE_MAX = 64 * 1024 * 1024,      /**< Encoded bytes of one batch. */
    FIRN_STREAM_NAME_SIZE_MAX = 1024,            /**< Bytes of a stream's name. */
    FIRN_TEXT_SIZE_MAX = 255,    /**< Bytes of an agent's name, an event's kind, a label and the like. */
    FIRN_KEY_SIZE_MAX = 256,     /**< Bytes of an idempotency key, and of its scope. */
    FIRN_EVENT_KIND_MAX = 32767, /**< Kinds 1 … this belong to the application. */
    FIRN_LEDGER_ID_SIZE = 16,    /**< Bytes of a ledger's id. */
    FIRN_DIGEST_SIZE = 32        /**< Bytes of a SHA-256 digest. */
};

/** Borrowed bytes. The function that hands one out says what ends them. */
typedef struct firn_slice {
    const void *data; /**< May be NULL when size is 0. */
    size_t size;
} firn_slice;

/**
 * Owned bytes that a read may grow. Start with all zero; firn_buf_free() frees data. The content
 * of a buffer that a failed call was given is undefined, its memory still owned.
 */
typedef struct firn_buf {
    void *data;
    size_t size;     /**< Bytes in use. */
    size_t capacity; /**< Bytes allocated. */
} firn_buf;

/** Frees what the buffer holds and makes it empty. NULL is accepted. */
FIRN_API void firn_buf_free(firn_buf *buf);

/** A position in a ledger that also tells which history it belongs to. All zero: the beginning. */
typedef struct firn_cursor {
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t incarnation; /**< The incarnation in which the record was appended. */
    uint64_t seq;         /**< The last record seen; 0 before the first. */
} firn_cursor;

/** What an acknowledged batch got. */
typedef struct firn_receipt {
    firn_cursor cursor; /**< The position of the batch's last record. */
    uint64_t first_seq; /**< Seq of the batch's first record; 0 if nothing was appended. */
    uint32_t count;     /**< Records; they have the seqs first_seq … first_seq + count - 1. */
    uint32_t existing;  /**< 1 if an idempotency key found an earlier batch: this is its receipt. */
    int64_t time_ns;    /**< The batch's timestamp: ns since 1970-01-01T00:00:00Z. */
} firn_receipt;

#ifdef __cplusplus
}
#endif
#endif
