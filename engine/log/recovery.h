/* SPDX-License-Identifier: Apache-2.0 */
/* recovery.h — what recovery learns about a log before it is opened: shared by recover.c, settle.c and verify.c. */
#ifndef FRN_LOG_RECOVERY_H
#define FRN_LOG_RECOVERY_H

#include "engine/log/private.h"

/** A growing list of segment numbers. */
typedef struct frn_numbers {
    uint64_t *at;
    size_t count;
    size_t capacity;
} frn_numbers;

typedef struct frn_recovery {
    frn_log *log;
    frn_walk walk;
    bool live;            /**< A writer is at work: what is read may be changing. */
    uint64_t expected;    /**< The seq that the next group must begin with. */
    uint32_t last_crc;    /**< crc of the last group accepted. */
    int64_t last_time_ns; /**< Timestamp of the last batch accepted. */
    uint64_t witness;     /**< The highest seq that something proves to have been durable. */
    struct {
        uint64_t number; /**< 0: nowhere yet. */
        uint64_t offset;
        uint64_t seq;
        fmt_verdict verdict;
    } stop;                /**< Where the walk could not go on. */
    uint64_t cut_bytes;    /**< Bytes behind the end, up to the last place that looks written by this incarnation. */
    uint64_t cut_next_seq; /**< Behind the last seq that the tail claims to hold; 0 none. */
    unsigned missing;      /**< Named segments without a file. */
    fmt_reach reach;       /**< What the writer of an unclean log said, */
    bool reach_known;      /**< if it did, and nothing speaks against it. */
    bool reach_passed;     /**< The walk is behind its segment. */
    frn_numbers spares;    /**< Clean log: named segments with a good header and no group, in log order. */
    frn_numbers unused;    /**< Named segments that hold nothing and may be used again. */
    frn_numbers touched;   /**< Named segments without a group where a dead process may have groups in flight. */
    frn_numbers orphans;   /**< Files of segments that the manifest does not name. */
    firn_error damage;     /**< Status FIRN_OK: none. */
} frn_recovery;

/** Reads everything that the manifest in r->log names. r is zero but for log and live. Fills in log->segments. */
firn_status frn_recovery_scan(frn_recovery *r, firn_error *err) FIRN_NODISCARD;
void frn_recovery_done(frn_recovery *r);

/** The entry of an incarnation in the history, or NULL. */
const fmt_incarnation *frn_recovery_incarnation(const frn_log *log, uint64_t number);
/** Whether an incarnation owns [first_seq, next_seq). */
bool frn_recovery_owns(const frn_log *log, uint64_t incarnation, uint64_t first_seq, uint64_t next_seq);
/** Whether a good header is one of this log's own, under its own number. */
bool frn_recovery_header_fits(const frn_log *log, const fmt_segment *header, uint64_t number);
firn_status frn_recovery_number(frn_log *log, frn_numbers *numbers, uint64_t number, firn_error *err) FIRN_NODISCARD;

/** Makes what a scan found the truth: settles the tail, raises the incarnation if need be, rewrites the manifest, makes
   the first segment. The lock is held and there is no damage. */
firn_status frn_recovery_settle(frn_recovery *r, const frn_manifest_found *found, firn_error *err) FIRN_NODISCARD;

/** Syncs the files that hold an unclean tail: what was read of it past the cache cannot be lost any more. */
firn_status frn_recovery_sync(frn_recovery *r, firn_error *err) FIRN_NODISCARD;

/** Tells what lies beside the segments with records and is not as a writer leaves it: slots of the manifest, positions
    and reach, files without records, names that do not belong there. Of a log that nobody writes. */
firn_status frn_log_beside(frn_log *log, const frn_manifest_found *found, firn_finding_fn note, void *note_arg,
                           firn_error *err) FIRN_NODISCARD;

/** Opens a log for reading, and tells what verify wants to know beyond that. */
firn_status frn_log_look(frn_heap *heap, frn_io *io, const frn_log_options *options, frn_log **out_log,
                         frn_manifest_found *out_found, bool *out_live, uint64_t *out_tail_bytes,
                         firn_error *err) FIRN_NODISCARD;

#endif
