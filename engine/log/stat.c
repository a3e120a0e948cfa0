/* SPDX-License-Identifier: Apache-2.0 */
/* stat.c — the positions of a log, its history and its figures. */
#include "engine/log/private.h"

#include "engine/base/error.h"

#include <inttypes.h>
#include <string.h>

uint64_t frn_log_durable(const frn_log *log)
{
    return atomic_load_explicit(&log->durable, memory_order_acquire);
}

uint64_t frn_log_bytes_written(const frn_log *log)
{
    return atomic_load_explicit(&log->bytes_written, memory_order_relaxed);
}

uint64_t frn_log_allocated(const frn_log *log)
{
    return atomic_load_explicit(&log->allocated, memory_order_acquire);
}

int frn_log_poisoned(const frn_log *log)
{
    int poisoned = atomic_load(&log->poisoned);

    return poisoned > 0 ? poisoned : 0;
}

const uint8_t *frn_log_id(const frn_log *log)
{
    return log->ledger_id;
}

/* The history of a log that is written is settled when it is opened, and every append asks for it; that of one that is
   read can grow with a refresh, under the list lock. */
static void history_lock(frn_log *log)
{
    if (log->options.read_only) {
        frn_mutex_lock(&log->list);
    }
}

static void history_unlock(frn_log *log)
{
    if (log->options.read_only) {
        frn_mutex_unlock(&log->list);
    }
}

static uint64_t incarnation_of(const frn_log *log, uint64_t seq)
{
    uint32_t low = 0, high = log->manifest.incarnations_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (log->manifest.incarnations[middle].first_seq <= seq) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return log->manifest.incarnations[low].number;
}

uint64_t frn_log_incarnation(frn_log *log)
{
    uint64_t number;

    history_lock(log);
    number = log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
    history_unlock(log);
    return number;
}

uint64_t frn_log_incarnation_of(frn_log *log, uint64_t seq)
{
    uint64_t number;

    history_lock(log);
    number = incarnation_of(log, seq);
    history_unlock(log);
    return number;
}

bool frn_hint_fits(const frn_log *log, const fmt_hint *hint)
{
    return memcmp(hint->ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE) == 0 &&
           hint->incarnation == log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
}

firn_status frn_log_cursor_check(frn_log *log, const firn_cursor *cursor, firn_error *err)
{
    static const firn_cursor beginning;

    if (memcmp(cursor, &beginning, sizeof beginning) == 0) {
        return FIRN_OK;
    }
    if (memcmp(cursor->ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE) != 0) {
        return frn_fail_detail(err, FIRN_ECONFLICT, FIRN_DETAIL_CURSOR, "cursor: of another ledger");
    }
    if (cursor->seq > frn_log_allocated(log) ||
        (cursor->seq > 0 && frn_log_incarnation_of(log, cursor->seq) != cursor->incarnation)) {
        (void)frn_fail_detail(err, FIRN_ECONFLICT, FIRN_DETAIL_CURSOR,
                              "cursor: seq %" PRIu64 " of incarnation %" PRIu64 " is not in the history", cursor->seq,
                              cursor->incarnation);
        return frn_place(err, FIRN_ECONFLICT, 0, 0, cursor->seq);
    }
    return FIRN_OK;
}

/* Of a log that is written all this is settled when it is opened: the maker's lock, held while a segment is filled, is
   not for us. List lock held. */
static void stat_history(const frn_log *log, firn_stats *stats)
{
    const fmt_manifest *manifest = &log->manifest;

    stats->damage = log->damage;
    stats->format_version = manifest->version;
    stats->incarnation = manifest->incarnations[manifest->incarnations_count - 1].number;
    stats->incarnations_count = manifest->incarnations_count;
    stats->cuts_count = (uint32_t)manifest->cuts_total;
    if (manifest->cuts_count > 0) {
        stats->last_cut = manifest->cuts[0];
    }
}

void frn_log_stat(frn_log *log, firn_stats *stats)
{
    frn_io_facts facts;

    log->io->ops->facts(log->io, &facts);
    memcpy(stats->ledger_id, log->ledger_id, FIRN_LEDGER_ID_SIZE);
    stats->writable = !log->options.read_only;
    stats->was_clean = log->was_clean;
    stats->segment_size = log->segment_size;
    stats->alignment = log->alignment;
    stats->durable_method = log->method;
    stats->direct = facts.direct;
    stats->io_path = facts.path;
    stats->layout_guarantee = facts.layout_guarantee;
    stats->ring_bytes_completed = facts.ring_bytes;
    memcpy(stats->io_note, facts.note, sizeof stats->io_note);
    stats->bytes_filled = atomic_load_explicit(&log->bytes_filled, memory_order_relaxed);
    frn_mutex_lock(&log->tail);
    stats->poisoned_errno = frn_log_poisoned(log);
    stats->allocated_seq = frn_log_allocated(log);
    stats->durable_seq = frn_log_durable(log);
    stats->records_count = stats->durable_seq;
    stats->segments_spare = log->spares_count;
    stats->groups_written = log->groups_written;
    stats->batches_written = log->batches_written;
    stats->records_written = log->records_written;
    stats->bytes_written = log->bytes_written;
    frn_mutex_lock(&log->list);
    stat_history(log, stats);
    stats->segments_count = 0;
    stats->log_size = 0;
    stats->horizon_seq = 1; /* Of a log without records too: nothing was ever taken away. */
    for (size_t i = 0; i < log->segments.count; i++) {
        if (log->segments.at[i]->counts.groups > 0) {
            if (stats->segments_count == 0) {
                stats->horizon_seq = log->segments.at[i]->first_seq;
            }
            stats->segments_count++;
            stats->log_size += log->segments.at[i]->end_offset;
        }
    }
    frn_mutex_unlock(&log->list);
    frn_mutex_unlock(&log->tail);
}

size_t frn_log_cuts(frn_log *log, firn_cut *cuts, size_t cuts_max)
{
    size_t count;

    frn_mutex_lock(&log->list);
    count = log->manifest.cuts_count < cuts_max ? log->manifest.cuts_count : cuts_max;
    memcpy(cuts, log->manifest.cuts, count * sizeof *cuts);
    frn_mutex_unlock(&log->list);
    return count;
}
