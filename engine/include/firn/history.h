/* SPDX-License-Identifier: Apache-2.0 */
/* history.h — the logical digest of a ledger: equal histories have equal digests, however they are stored. */
#ifndef FIRN_HISTORY_H
#define FIRN_HISTORY_H

#include "firn/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which part of a history, and what of it. */
typedef struct firn_history_options {
    size_t struct_size;
    uint64_t first_seq;    /**< Start here; 0 and 1: at the beginning. */
    uint64_t last_seq;     /**< Stop behind this; 0, or beyond it: at the last record that is durable at the call. */
    uint32_t without_time; /**< 1: times do not count, for ledgers that were written at different times. */
    firn_progress_fn progress; /**< May be NULL. Bytes are those of bodies; their total is an estimate. */
    void *progress_arg;
} firn_history_options;

/** A part of a history, told by its digest. */
typedef struct firn_history {
    size_t struct_size; /**< Set by the caller. */
    uint64_t first_seq; /**< Of the first record read; 0: there is none. */
    uint64_t last_seq;  /**< Of the last one. */
    uint64_t batches;   /**< That have records among them. */
    uint64_t records;
    uint64_t bytes;                   /**< Of bodies. */
    uint8_t digest[FIRN_DIGEST_SIZE]; /**< SHA-256, as docs/format.md defines it. */
} firn_history;

/**
 * The logical digest of a ledger's history, or of a part of it.
 *
 * Two ledgers agree if they hold the same batches at the same seqs: the same records in the same streams under the same
 * keys at the same times. In which segments and groups, after how many crashes, by which way of writing, and under
 * which ledger id does not count. Records that compaction removed do not either, so ledgers that lack the same records
 * agree. Where two ledgers differ, digests of parts lead to the first record that does.
 *
 * Reads the log, verifying every checksum, and takes names of streams that are older than the part from the index.
 * @param options  NULL: all that is durable now, with times.
 * @return FIRN_OK; FIRN_EINVAL: options; FIRN_ECORRUPT: damage, the place is in err; FIRN_ESTATE: progress said to
 *   stop; FIRN_EIO, FIRN_ENOMEM. Of a ledger that is open for reading up to damage, what is before it is told: see
 *   firn_stats.
 * Threads: any. Blocks: for reading the part; nobody else. Memory: some 2 MiB and the largest batch, however long the
 * history is.
 */
FIRN_API FIRN_NODISCARD firn_status firn_history_digest(firn_ledger *ledger, const firn_history_options *options,
                                                        firn_history *out_history, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
