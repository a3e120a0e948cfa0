/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merger.c — bring rows from memory into the index on disk before there are too many of them.
 *
 * A merge takes all that is durable in one transaction together with the mark, so what a crash leaves is the state
 * after some merge, and opening replays from its mark. How far the mark is behind bounds that time: from 40,000 records
 * on a merge is worth its two syncs; at replay_records_max or replay_bytes_max appends wait. In between merges keep a
 * distance, for each takes the disk from the log: under load they grow instead of becoming more.
 *
 * What can fail: a merge. Then nothing is lost, memory goes on growing up to index_size_max, and it is tried again;
 * appends are not held back by a debt that nobody pays. Once the log is poisoned nothing is merged any more: the disk
 * below has failed, and where a file system has shut down, touching what LMDB has mapped of it ends the process.
 */
#include "engine/ledger/merger.h"

#include "engine/base/error.h"
#include "format/bytes.h"

#include <stdio.h>

#define DISTANCE_NS INT64_C(250000000)
#define RETRY_NS INT64_C(100000000)
#define MIB (UINT64_C(1024) * 1024)

enum {
    RECORDS_WANTED = 40000
};

void frn_merger_mark(void *arg, frn_index_mark *mark)
{
    frn_log_hint hint = frn_log_hint_of(arg, mark->seq);

    mark->incarnation = frn_log_incarnation_of(arg, mark->seq);
    fmt_put64(mark->hint, hint.segment);
    fmt_put64(mark->hint + 8, hint.offset);
}

frn_log_hint frn_merger_hint(const frn_index_mark *mark)
{
    return (frn_log_hint){.segment = fmt_get64(mark->hint), .offset = fmt_get64(mark->hint + 8)};
}

static uint64_t bytes_behind(const frn_merger *merger)
{
    return frn_log_bytes_written(merger->ledger->log) - atomic_load(&merger->merged_bytes);
}

static bool is_wanted(const frn_merger *merger, uint64_t durable)
{
    return durable - atomic_load(&merger->merged_seq) >= merger->records_wanted ||
           bytes_behind(merger) >= merger->bytes_wanted;
}

/* Whether more than the given share of what is allowed is behind. */
static bool is_behind(const frn_merger *merger, uint64_t durable, unsigned share)
{
    return durable - atomic_load(&merger->merged_seq) > merger->records_max / share ||
           bytes_behind(merger) > merger->bytes_max / share;
}

static firn_status merge(frn_merger *merger, bool *out_merged)
{
    firn_ledger *ledger = merger->ledger;
    frn_index_merged merged = {0};
    int64_t started_ns = frn_monotonic_ns();
    uint64_t bytes = frn_log_bytes_written(ledger->log);
    uint64_t before = atomic_load(&merger->merged_seq);
    firn_error err;
    firn_status status;

    frn_mutex_lock(&merger->busy);
    if (frn_log_poisoned(ledger->log) != 0) {
        status = frn_fail(&err, FIRN_EPOISONED, "the log is poisoned");
    } else {
        status = frn_index_merge(ledger->index, frn_merger_mark, ledger->log, &merged, &err);
    }
    if (status == FIRN_OK) {
        /* Where there was nothing to merge too: the log writes more than records, and that is never merged. */
        atomic_store(&merger->merged_bytes, bytes);
    }
    if (status == FIRN_OK && merged.seq > before) {
        atomic_store(&merger->merged_seq, merged.seq);
        atomic_fetch_add(&merger->merges_count, 1);
        atomic_fetch_add(&merger->merge_ns, (uint64_t)(frn_monotonic_ns() - started_ns));
    }
    frn_mutex_unlock(&merger->busy);
    *out_merged = status == FIRN_OK && merged.seq > before;
    frn_mutex_lock(&merger->telling);
    (void)snprintf(merger->note, sizeof merger->note, "%.*s", (int)sizeof merger->note - 1, status < 0 ? err.text : "");
    frn_mutex_unlock(&merger->telling);
    if (status < 0 && !atomic_load(&merger->failing)) {
        frn_trace_say(&ledger->trace, "the index is not merged: %s", err.text);
    }
    atomic_store(&merger->failing, status != FIRN_OK);
    return status;
}

/* Appends wait while more is behind than is allowed, unless nobody pays. A merge that ends between the look and the
   hold would leave the hold for ever: so it is looked at again. */
static void hold_or_let_go(frn_merger *merger)
{
    frn_log *log = merger->ledger->log;
    bool held;

    do {
        held = !atomic_load(&merger->failing) && !atomic_load(&merger->stopping) &&
               is_behind(merger, frn_log_durable(log), 1);
        frn_log_hold(log, held);
    } while (held && !is_behind(merger, frn_log_durable(log), 1));
}

static void run(void *arg)
{
    frn_merger *merger = arg;
    frn_log *log = merger->ledger->log;
    bool merged;

    while (!atomic_load(&merger->stopping)) {
        uint32_t seen = atomic_load(&merger->work);

        if (!is_wanted(merger, frn_log_durable(log))) {
            atomic_store(&merger->asleep, true);
            if (!is_wanted(merger, frn_log_durable(log)) && !atomic_load(&merger->stopping)) {
                (void)frn_word_wait(&merger->work, seen, -1);
            }
            atomic_store(&merger->asleep, false);
            continue;
        }
        if (merge(merger, &merged) != FIRN_OK) {
            hold_or_let_go(merger);
            (void)frn_word_wait(&merger->work, seen, frn_monotonic_ns() + RETRY_NS);
            continue;
        }
        hold_or_let_go(merger);
        for (int64_t until_ns = frn_monotonic_ns() + DISTANCE_NS;
             !atomic_load(&merger->stopping) && !is_behind(merger, frn_log_durable(log), 2) &&
             frn_word_wait(&merger->work, seen, until_ns);) {
            seen = atomic_load(&merger->work);
        }
    }
    frn_log_hold(log, false);
}

firn_status frn_merger_start(frn_merger *merger, firn_ledger *ledger, const firn_options *options, bool threads,
                             firn_error *err)
{
    frn_index_mark mark;

    frn_index_mark_get(ledger->index, &mark);
    merger->records_max = options->replay_records_max;
    merger->records_wanted = RECORDS_WANTED < merger->records_max / 2 ? RECORDS_WANTED : (merger->records_max + 1) / 2;
    merger->bytes_max = options->replay_bytes_max;
    merger->bytes_wanted = 64 * MIB < merger->bytes_max / 2 ? 64 * MIB : (merger->bytes_max + 1) / 2;
    atomic_store(&merger->merged_seq, mark.seq);
    atomic_store(&merger->merged_bytes, frn_log_bytes_written(ledger->log));
    merger->ledger = ledger;
    if (threads && frn_thread_start(&merger->thread, "firn-merger", run, merger) != FIRN_OK) {
        merger->ledger = NULL;
        return frn_fail(err, FIRN_ENOMEM, "start the thread that merges");
    }
    return FIRN_OK;
}

void frn_merger_stop(frn_merger *merger)
{
    bool merged;
    firn_status status;

    if (merger->ledger == NULL) {
        return;
    }
    atomic_store(&merger->stopping, true);
    atomic_fetch_add(&merger->work, 1);
    (void)frn_word_wake(&merger->work, FRN_WAKE_ALL);
    frn_thread_join(&merger->thread);
    status = merge(merger, &merged);
    (void)status; /* What is not merged is replayed. */
}

void frn_merger_moved(frn_merger *merger, uint64_t durable)
{
    if (merger->ledger == NULL || !is_wanted(merger, durable)) {
        return;
    }
    if (is_behind(merger, durable, 2)) {
        hold_or_let_go(merger);
        atomic_fetch_add(&merger->work, 1);
        (void)frn_word_wake(&merger->work, 1);
    } else if (atomic_load(&merger->asleep) && atomic_exchange(&merger->asleep, false)) {
        atomic_fetch_add(&merger->work, 1);
        (void)frn_word_wake(&merger->work, 1);
    }
}

bool frn_merger_step(frn_merger *merger)
{
    bool merged = false;

    if (merger->ledger == NULL || merge(merger, &merged) != FIRN_OK) {
        merged = false;
    }
    if (merger->ledger != NULL) {
        hold_or_let_go(merger);
    }
    return merged;
}

void frn_merger_stat(frn_merger *merger, firn_stats *stats)
{
    frn_mutex_lock(&merger->telling);
    if (merger->note[0] != '\0') {
        (void)snprintf(stats->index_note, sizeof stats->index_note, "is not merged: %.*s",
                       (int)(sizeof stats->index_note - sizeof "is not merged: "), merger->note);
    }
    frn_mutex_unlock(&merger->telling);
    stats->merges_count = atomic_load(&merger->merges_count);
    stats->merge_ns = atomic_load(&merger->merge_ns);
}
