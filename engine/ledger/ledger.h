/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h — open a ledger on a given seam, and call its background work step by step: for tests and the crash sweep.
 */
#ifndef FRN_LEDGER_LEDGER_H
#define FRN_LEDGER_LEDGER_H

#include <stdbool.h>

#include "engine/base/heap.h"
#include "engine/io/io.h"
#include "firn/ledger.h"

struct frn_index;
struct frn_lmdb_options;

/** How an index that outlives the handle of its ledger is opened and removed: as frn_index_open_lmdb() and
    frn_index_remove_lmdb() do it, and with their statuses. */
typedef struct frn_index_place {
    firn_status (*open)(void *arg, frn_heap *heap, const struct frn_lmdb_options *options, struct frn_index **out_index,
                        firn_error *err);
    firn_status (*remove)(void *arg, firn_error *err);
    void *arg;
} frn_index_place;

/** What a ledger stands on. heap and io stay the caller's and must outlive it. */
typedef struct frn_ledger_seam {
    frn_heap *heap;
    frn_io *io;
    bool threads; /**< false: no thread is started; progress comes from firn_poll(), blocking calls and the steps below.
                   */
    const char *index_folder; /**< The index is kept there; its parent is there. NULL: in memory, and gone at close. */
    const frn_index_place *index_place; /**< If not NULL, the index is kept by it, and there is no folder. */
    const char *cache_folder; /**< What can be computed again is kept there; its parent is there. NULL: nowhere. */
} frn_ledger_seam;

firn_status frn_ledger_open_on(const frn_ledger_seam *seam, const firn_options *options, firn_ledger **out_ledger,
                               firn_error *err) FIRN_NODISCARD;

/** Drop a ledger as a dying process would: no write, no sync, no wait; memory and handles are freed, tickets stay
    unanswered but may be freed before. Only without threads. */
void frn_ledger_abandon(firn_ledger *ledger);

/** Steps of background work, each false if there was nothing to do. Only without threads. */
bool frn_ledger_step_make(firn_ledger *ledger); /**< Make a bit of a spare segment. */
bool frn_ledger_step_drive(
    firn_ledger *ledger); /**< Send what is gathered, take one round of completions, answer calls. */
/** Merge what is durable into the index on disk. While more than replay_records_max durable records are not merged,
    there is no room for appends: submitting answers FIRN_FULL, and blocking calls wait, which nobody but another thread
    could end. */
bool frn_ledger_step_merge(firn_ledger *ledger);

/** Open for reading: take in what became durable since. See firn_wait() for statuses. */
firn_status frn_ledger_step_follow(firn_ledger *ledger, firn_error *err) FIRN_NODISCARD;

/** Rebuild the index from the log and compare it with the live one at the durable position: FIRN_OK or FIRN_EINVARIANT.
 */
firn_status frn_ledger_check(firn_ledger *ledger, firn_error *err) FIRN_NODISCARD;

/** firn_verify() on a given seam. */
firn_status frn_ledger_verify_on(const frn_ledger_seam *seam, const firn_verify_options *options,
                                 firn_report *out_report, firn_error *err) FIRN_NODISCARD;

#endif
