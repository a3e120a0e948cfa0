/* SPDX-License-Identifier: Apache-2.0 */
/* record.h — read records: scan forward, get one, tail what comes. */
#ifndef FIRN_RECORD_H
#define FIRN_RECORD_H

#include "firn/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A durable record as it is read. Slices are borrowed; the call that fills one in says until when. */
typedef struct firn_record {
    uint64_t seq;
    int64_t time_ns;          /**< Timestamp of its batch: ns since 1970, never decreasing in a ledger. */
    uint64_t version;         /**< Its number within its stream, from 1. */
    uint64_t batch_first_seq; /**< Its batch covers the seqs batch_first_seq … */
    uint32_t batch_count;     /**< … batch_first_seq + batch_count - 1; the record with the last one ends it. */
    uint32_t stream;      /**< Number of its stream; 0: a record of the ledger itself. See firn_stream_get_by_id(). */
    uint32_t kind;        /**< 1 … FIRN_EVENT_KIND_MAX: an event; larger: a record of firn's own. */
    uint32_t reserved;    /**< 0. */
    uint64_t incarnation; /**< With ledger id and seq this makes a cursor. */
    firn_slice body;      /**< The whole msgpack body. */
    firn_slice payload;   /**< An event's payload; empty for other kinds. */
} firn_record;

typedef struct firn_scan_options {
    size_t struct_size;
    const firn_cursor *after; /**< Start behind this position; NULL: use first_seq. */
    uint64_t first_seq;       /**< Start here; 0 and 1: at the beginning. */
    uint64_t last_seq;        /**< Stop behind this; 0, or beyond it: at the last durable when the scan is opened. */
    size_t buffer_size;       /**< Bytes read at a time, at most a segment's. Default 1 MiB. */
} firn_scan_options;

/** A forward read over durable records. One thread at a time. Blocks no writer and no other reader. */
typedef struct firn_scan firn_scan;

/**
 * @param options  NULL: all records that are durable now.
 * @return FIRN_OK; FIRN_ECONFLICT (detail CURSOR): the cursor is of another ledger, or names a record
 *   that a fork of the history took back; FIRN_EINVAL: options, or both a cursor and a first seq; FIRN_ENOMEM.
 */
FIRN_API FIRN_NODISCARD firn_status firn_scan_open(firn_ledger *ledger, const firn_scan_options *options,
                                                   firn_scan **out_scan, firn_error *err);

/**
 * The next record; its checksums have been verified. Slices live until the next call on this scan.
 * @return FIRN_OK; FIRN_END; FIRN_ECORRUPT: the place is in err, and every further call says the same;
 *   FIRN_EIO, FIRN_ENOMEM: the call may be repeated.
 */
FIRN_API FIRN_NODISCARD firn_status firn_scan_next(firn_scan *scan, firn_record *out_record, firn_error *err);

/** NULL is accepted. */
FIRN_API void firn_scan_close(firn_scan *scan);

/**
 * A scan that goes on with what becomes durable later: each record once, no gap. One thread at a time. On a ledger
 * that is open for reading nothing comes later.
 */
typedef struct firn_tail firn_tail;

/** As firn_scan_open(); last_seq must be 0. The tail's position is its only state. */
FIRN_API FIRN_NODISCARD firn_status firn_tail_open(firn_ledger *ledger, const firn_scan_options *options,
                                                   firn_tail **out_tail, firn_error *err);

/**
 * The next record, waited for if need be: timeout_ns < 0 for ever, 0 not at all.
 * @return As firn_scan_next(), but FIRN_TIMEOUT instead of FIRN_END; FIRN_EPOISONED: all durable
 *   records were given and none will come. Open for reading, waiting may fail as firn_wait() does.
 */
FIRN_API FIRN_NODISCARD firn_status firn_tail_next(firn_tail *tail, int64_t timeout_ns, firn_record *out_record,
                                                   firn_error *err);

/** NULL is accepted. */
FIRN_API void firn_tail_close(firn_tail *tail);

/**
 * Read one durable record by its seq.
 *
 * The first get near a seq walks through some 64 KiB of log; from then on a get there is one short read. What the
 * ledger remembers for that takes at most 64 MiB.
 * @param buf  Takes the bytes; grown as needed. out_record's slices point into it.
 * @return FIRN_OK; FIRN_ENOTFOUND: no such durable record; FIRN_ECORRUPT, FIRN_EIO, FIRN_ENOMEM.
 */
FIRN_API FIRN_NODISCARD firn_status firn_get(firn_ledger *ledger, uint64_t seq, firn_buf *buf, firn_record *out_record,
                                             firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
