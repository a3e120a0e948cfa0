/* SPDX-License-Identifier: Apache-2.0 */
/* merger.h — bring rows from memory into the index on disk before there are too many of them. */
#ifndef FRN_LEDGER_MERGER_H
#define FRN_LEDGER_MERGER_H

#include "engine/base/thread.h"
#include "engine/intake/core.h"

/** All zero until it is started; then moved, step and stat do nothing. */
typedef struct frn_merger {
    firn_ledger *ledger;
    uint64_t records_wanted; /**< So many durable records that the disk does not hold are worth a merge; */
    uint64_t records_max;    /**< at so many appends wait. */
    uint64_t bytes_wanted;
    uint64_t bytes_max;
    bool threads;
    frn_thread thread;
    frn_word work; /**< Changes when there may be something to merge, and to stop. */
    atomic_bool asleep;
    atomic_bool stopping;
    atomic_bool failing; /**< The last attempt failed: nobody waits for the next. */
    _Atomic uint64_t merged_seq;
    _Atomic uint64_t merged_bytes; /**< Of the log, when that merge began. */
    _Atomic uint64_t merges_count;
    _Atomic uint64_t merge_ns;
    frn_mutex busy; /**< One merge at a time. */
    frn_mutex telling;
    char note[128]; /**< Why the last attempt failed; "" if it did not. telling. */
} frn_merger;

/** The rows of ledger are complete and its index is on disk. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_merger_start(frn_merger *merger, firn_ledger *ledger, const firn_options *options, bool threads,
                             firn_error *err) FIRN_NODISCARD;
/** Ends the thread and merges what is left; nothing if it was not started. */
void frn_merger_stop(frn_merger *merger);
/** Durable moved. No lock but the log's reap. */
void frn_merger_moved(frn_merger *merger, uint64_t durable);
/** Merges all that is durable, whatever it is worth. True if something was merged. Any thread. */
bool frn_merger_step(frn_merger *merger);
void frn_merger_stat(frn_merger *merger, firn_stats *stats);

/** Fills in the incarnation of a mark: a frn_index_mark_fn whose arg is a frn_log. */
void frn_merger_mark(void *arg, frn_index_mark *mark);
/** Where the log goes on behind a mark, as it was noted. */
frn_log_hint frn_merger_hint(const frn_index_mark *mark);

#endif
