/* SPDX-License-Identifier: Apache-2.0 */
/* stat.c — figures and facts of an open ledger, and waiting for all that was submitted. */
#include "engine/base/error.h"
#include "engine/intake/options.h"
#include "engine/ledger/private.h"

#include <string.h>

/* The fields that the layers above the log know. */
static firn_status stat_fill(frn_house *house, firn_stats *stats, firn_error *err)
{
    firn_ledger *ledger = &house->core;
    frn_index_stats index;
    frn_index_mark mark;
    firn_status status;

    frn_log_stat(ledger->log, stats);
    /* The write side of the index belongs to who appends, or else to who follows. */
    frn_mutex_lock(&house->following);
    frn_index_stat(ledger->index, &index);
    frn_index_mark_get(ledger->index, &mark);
    stats->merged_seq = mark.seq;
    stats->index_size = index.size;
    stats->views_count = index.views_count;
    stats->delta_rows = index.rows_count;
    stats->index_file_size = index.below_size;
    stats->index_file_rows = index.below_rows_count;
    stats->delta_records = house->index_on_disk ? stats->durable_seq - mark.seq : 0;
    memcpy(stats->index_note, house->index_note, sizeof stats->index_note);
    frn_merger_stat(&house->merger, stats);
    stats->tickets_count = frn_answers_outstanding(&ledger->answers);
    stats->replayed_records = house->replayed_records;
    stats->replay_ns = house->replay_ns;
    stats->writable = ledger->writable;
    if (stats->damage.status == FIRN_OK) {
        stats->damage = house->damage;
    }
    frn_log_lock(ledger->log);
    status = frn_apply_streams_count(ledger->index, &stats->streams_count, err);
    frn_log_unlock(ledger->log);
    frn_mutex_unlock(&house->following);
    return status;
}

firn_status firn_stat(firn_ledger *ledger, firn_stats *stats, firn_error *err)
{
    firn_stats own;
    size_t size;
    firn_status status;

    if (ledger == NULL || stats == NULL) {
        return frn_fail(err, FIRN_EINVAL, "stat: %s is NULL", ledger == NULL ? "ledger" : "stats");
    }
    size = stats->struct_size;
    status = frn_struct_size_check(size, "stat", err);
    if (status != FIRN_OK) {
        return status;
    }
    memset(&own, 0, sizeof own);
    status = stat_fill(frn_house_of(ledger), &own, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "stat");
    }
    if (size > sizeof own) {
        memset(stats, 0, size);
    }
    own.struct_size = size;
    memcpy(stats, &own, size < sizeof own ? size : sizeof own);
    return FIRN_OK;
}

firn_status firn_stat_cuts(firn_ledger *ledger, firn_cut *cuts, size_t cuts_max, size_t *out_count, firn_error *err)
{
    if (ledger == NULL || out_count == NULL || (cuts == NULL && cuts_max != 0)) {
        return frn_fail(err, FIRN_EINVAL, "stat: %s is NULL",
                        ledger == NULL      ? "ledger"
                        : out_count == NULL ? "out_count"
                                            : "cuts");
    }
    *out_count = cuts_max == 0 ? 0 : frn_log_cuts(ledger->log, cuts, cuts_max);
    return FIRN_OK;
}

firn_status firn_sync(firn_ledger *ledger, firn_error *err)
{
    firn_status status = FIRN_OK;
    uint64_t allocated;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "sync: ledger is NULL");
    }
    /* Whatever was submitted was decided then, so what was allocated is all there is. */
    allocated = frn_log_allocated(ledger->log);
    if (allocated != 0) {
        status = frn_log_wait(ledger->log, allocated, -1, err);
    }
    frn_answers_deliver(&ledger->answers);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "sync");
}

const char *firn_version(void)
{
    return FRN_VERSION;
}
