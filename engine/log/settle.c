/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c — make what recovery found the truth, and the log ready for writing.
 *
 * After a clean stop: the manifest loses its clean mark, writing goes on behind the last group, in the same
 * incarnation.
 *
 * After an unclean stop: the files that hold the tail are synced (it was read past the cache); the manifest gets a new
 * incarnation that begins behind the last accepted record, loses the segments that hold nothing, and keeps the cut; and
 * writing begins in a fresh segment, which the maker's thread makes while the caller goes on. No place that the dead
 * process may have written is written again, but for footers, which have the same bytes (maker.c): bytes of its that
 * land later belong to an incarnation that ended before their seqs.
 *
 * What can fail: every step can be cut short by a crash; the next recovery sees either the old manifest or the new one
 * and comes to the same end of the log. An incarnation without records leaves no trace but its number, which is not
 * used again.
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    LEAVINGS_MAX = 4 /* Of one crash: the segment in which writing ended, and the default number of spares, twice. */
};

/* The files of both slots exist, at full size but for the one that was believed, which is durable: a killed writer may
   have left it in a cache only, and the other slot is about to be overwritten. */
static firn_status ensure_slots(frn_log *log, int believed, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    firn_status status = FIRN_OK;
    uint64_t size = 0, written;

    for (int i = 0; i < 2 && status == FIRN_OK; i++) {
        bool created = log->slot_files[i] == NULL;

        if (created) {
            status = ops->open(log->io, frn_manifest_names[i], FRN_IO_WRITE | FRN_IO_CREATE, &log->slot_files[i], err);
        }
        if (status == FIRN_OK) {
            status = ops->size(log->slot_files[i], &size, err);
        }
        if (status == FIRN_OK && i == believed) {
            status = ops->sync(log->slot_files[i], err);
        } else if (status == FIRN_OK && size < FMT_MANIFEST_SIZE) {
            status = ops->fill(log->slot_files[i], FMT_MANIFEST_SIZE, &written, err);
            if (status == FIRN_OK) {
                status = ops->sync(log->slot_files[i], err);
            }
        }
        if (status == FIRN_OK && created) {
            status = ops->sync_names(log->io, err);
        }
    }
    return status;
}

/* What a crash may still take of the accepted tail is made durable. */
static firn_status sync_tail(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    uint64_t current = log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < log->segments.count && status == FIRN_OK; i++) {
        const frn_segment *segment = log->segments.at[i];
        char name[FRN_SEGMENT_NAME_SIZE];
        frn_file *file = NULL;

        if (segment->incarnation != current || segment->sealed) {
            continue;
        }
        frn_segment_name(segment->number, name);
        status = log->io->ops->open(log->io, name, log->options.read_only ? 0 : FRN_IO_WRITE, &file, err);
        if (status == FIRN_OK) {
            status = log->io->ops->sync(file, err);
            log->io->ops->file_close(file);
        }
    }
    return status;
}

static void keep_cut(frn_recovery *r)
{
    fmt_manifest *manifest = &r->log->manifest;
    firn_cut cut = {
        .time_ns = r->log->io->ops->wall_clock_ns(r->log->io),
        .incarnation = manifest->incarnations[manifest->incarnations_count - 1].number,
        .segment = r->stop.number,
        .offset = r->stop.offset,
        .bytes = r->cut_bytes,
        .first_seq = r->expected,
        .seqs_seen = r->cut_next_seq > r->expected ? r->cut_next_seq - r->expected : 0,
    };

    if (cut.bytes == 0) {
        return;
    }
    if (manifest->cuts_count == FMT_MANIFEST_CUTS_MAX) {
        manifest->cuts_count--;
    }
    memmove(&manifest->cuts[1], &manifest->cuts[0], manifest->cuts_count * sizeof cut);
    manifest->cuts[0] = cut;
    manifest->cuts_count++;
    manifest->cuts_total++;
    frn_trace_say(&r->log->options.trace,
                  "cut: segment %" PRIu64 " at %" PRIu64 ": %" PRIu64 " bytes, %" PRIu64 " seqs from %" PRIu64,
                  cut.segment, cut.offset, cut.bytes, cut.seqs_seen, cut.first_seq);
}

/* The history gets a new incarnation that begins at the expected seq. */
static firn_status raise_incarnation(frn_recovery *r, firn_error *err)
{
    fmt_manifest *manifest = &r->log->manifest;
    fmt_incarnation *last = &manifest->incarnations[manifest->incarnations_count - 1];
    fmt_incarnation next = {
        .number = last->number + 1, .first_seq = r->expected, .segment = manifest->segment_highest + 1};

    if (last->first_seq == next.first_seq) {
        /* The last one got no record: only its number is spent. */
        *last = next;
        return FIRN_OK;
    }
    if (manifest->incarnations_count == FMT_MANIFEST_INCARNATIONS_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "manifest: more than %d incarnations", FMT_MANIFEST_INCARNATIONS_MAX);
    }
    manifest->incarnations[manifest->incarnations_count++] = next;
    return FIRN_OK;
}

/* The manifest names the segments with records and the spares that stay, in this order. */
static firn_status set_runs(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    frn_numbers numbers = {0};
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < log->segments.count && status == FIRN_OK; i++) {
        status = frn_recovery_number(log, &numbers, log->segments.at[i]->number, err);
    }
    for (size_t i = 0; i < r->spares.count && status == FIRN_OK; i++) {
        status = frn_recovery_number(log, &numbers, r->spares.at[i], err);
    }
    if (status == FIRN_OK) {
        status = frn_manifest_runs_set(log, numbers.at, numbers.count, err);
    }
    frn_free(log->heap, numbers.at);
    return status;
}

/* Whether a file was filled once and can take a new number: it is of full size. */
static firn_status reusable(frn_log *log, const char *name, bool *out_reusable, firn_error *err)
{
    frn_file *file = NULL;
    uint64_t size = 0;
    firn_status status = log->io->ops->open(log->io, name, 0, &file, err);

    *out_reusable = false;
    if (status == FIRN_ENOTFOUND) {
        return FIRN_OK;
    }
    if (status == FIRN_OK) {
        status = log->io->ops->size(file, &size, err);
        log->io->ops->file_close(file);
    }
    *out_reusable = status == FIRN_OK && size == log->segment_size;
    return status;
}

/* Named segments that hold nothing, so that they were filled: used again, or removed. */
static firn_status collect(frn_log *log, const frn_numbers *numbers, firn_error *err)
{
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < numbers->count && status == FIRN_OK; i++) {
        char name[FRN_SEGMENT_NAME_SIZE];
        bool again = false;

        frn_segment_name(numbers->at[i], name);
        status = reusable(log, name, &again, err);
        if (status < 0) {
            break;
        }
        if (again && log->recycled_count < log->recycled_capacity) {
            log->recycled[log->recycled_count++] = numbers->at[i];
            continue;
        }
        status = log->io->ops->remove(log->io, name, err);
        if (status == FIRN_ENOTFOUND) {
            status = FIRN_OK;
        }
    }
    return status;
}

/* Files of segments whose making did not come as far as the manifest: their numbers are the next. */
static firn_status remove_unnamed(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    char name[FRN_SEGMENT_NAME_SIZE];
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < r->orphans.count && status == FIRN_OK; i++) {
        if (r->orphans.at[i] > log->manifest.segment_highest) {
            frn_segment_name(r->orphans.at[i], name);
            status = log->io->ops->remove(log->io, name, err);
            status = status == FIRN_ENOTFOUND ? FIRN_OK : status;
        }
    }
    return status;
}

/* Whether writing ended in a segment without its footer, or with space behind its last record. */
static bool may_be_closed_off(frn_log *log, const frn_segment *segment)
{
    bool whole = segment->known_offset == 0;

    return !segment->sealed && segment != log->active &&
           (segment->file_size > segment->end_offset || (whole && segment->incarnation != frn_log_incarnation(log)));
}

/* Notes the files that hold nothing, and those in which writing ended, for the maker to clear away: no number of theirs
   is given out again. The maker waits until nothing is written, so a writer that comes, works and crashes again and
   again would pile them up: many are cleared away here. */
static firn_status note_leavings(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    frn_numbers numbers = {0};
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < r->touched.count && status == FIRN_OK; i++) {
        status = frn_recovery_number(log, &numbers, r->touched.at[i], err);
    }
    for (size_t i = 0; i < r->orphans.count && status == FIRN_OK; i++) {
        if (r->orphans.at[i] <= log->manifest.segment_highest) {
            status = frn_recovery_number(log, &numbers, r->orphans.at[i], err);
        }
    }
    /* The last one is cleared away first: segments in the order of the log. */
    for (size_t i = log->segments.count; i > 0 && status == FIRN_OK; i--) {
        if (may_be_closed_off(log, log->segments.at[i - 1])) {
            status = frn_recovery_number(log, &numbers, log->segments.at[i - 1]->number, err);
        }
    }
    if (status == FIRN_OK) {
        frn_maker_leave(log, numbers.at, numbers.count);
        frn_maker_clear(log, LEAVINGS_MAX);
    } else {
        frn_free(log->heap, numbers.at);
    }
    return status;
}

/* Opens the spares of a clean log for writing. */
static firn_status open_spares(frn_recovery *r, firn_error *err)
{
    frn_log *log = r->log;
    uint64_t current = log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < r->spares.count && status == FIRN_OK; i++) {
        char name[FRN_SEGMENT_NAME_SIZE];
        frn_segment *spare;
        frn_file *file = NULL;
        uint64_t size = 0;

        frn_segment_name(r->spares.at[i], name);
        status = log->io->ops->open(log->io, name, FRN_IO_WRITE | FRN_IO_QUEUE, &file, err);
        if (status == FIRN_OK) {
            status = log->io->ops->size(file, &size, err);
        }
        spare = status == FIRN_OK ? frn_segment_new(log, r->spares.at[i], size, current, true) : NULL;
        if (spare == NULL) {
            if (file != NULL) {
                log->io->ops->file_close(file);
            }
            return status < 0 ? status
                              : frn_fail(err, FIRN_ENOMEM, "segment %" PRIu64 ": out of memory", r->spares.at[i]);
        }
        spare->file = file;
        log->spares[log->spares_count++] = spare;
    }
    return status;
}

/* The last segment of a clean log goes on taking groups, unless it is sealed or of an incarnation that has ended. */
static firn_status reopen_active(frn_log *log, firn_error *err)
{
    frn_segment *last = log->segments.count > 0 ? log->segments.at[log->segments.count - 1] : NULL;
    char name[FRN_SEGMENT_NAME_SIZE];
    uint64_t size = 0;
    firn_status status;

    if (last == NULL || last->sealed ||
        last->incarnation != log->manifest.incarnations[log->manifest.incarnations_count - 1].number) {
        return FIRN_OK;
    }
    last->footer = frn_alloc_aligned(log->heap, log->alignment, (size_t)fmt_footer_size(last->size, log->alignment));
    if (last->footer == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "segment %" PRIu64 ": out of memory", last->number);
    }
    frn_segment_name(last->number, name);
    status = log->io->ops->open(log->io, name, FRN_IO_WRITE | FRN_IO_QUEUE, &last->file, err);
    if (status == FIRN_OK) {
        status = log->io->ops->size(last->file, &size, err);
    }
    if (status < 0) {
        return status;
    }
    if (size < last->size) {
        /* It lost its end, so places in it are not pre-written any more: what comes next goes elsewhere. */
        log->io->ops->file_close(last->file);
        last->file = NULL;
        return FIRN_OK;
    }
    last->closed = false;
    log->active = last;
    return FIRN_OK;
}

void frn_log_activate(frn_log *log, frn_segment *segment)
{
    assert(log->active == NULL && log->segments.count < log->segments.capacity);
    segment->prev_crc = log->last_crc;
    segment->first_seq = frn_log_allocated(log) + 1;
    segment->next_seq = segment->first_seq;
    frn_mutex_lock(&log->list);
    log->segments.at[log->segments.count++] = segment;
    frn_mutex_unlock(&log->list);
    log->active = segment;
}

/* Without an active segment the first spare becomes it. If there is none it is made here and now, or later by the
   maker's thread: then the first append waits for it. */
static firn_status start_active(frn_log *log, bool later, firn_error *err)
{
    firn_status status = frn_segments_reserve(log, &log->segments, 1);

    if (status < 0) {
        return frn_fail(err, status, "recover: out of memory");
    }
    while (!later && log->active == NULL && log->spares_count == 0) {
        if (!frn_maker_step(log, true) && log->active == NULL) {
            if (err != NULL) {
                *err = log->make_error;
            }
            status = log->make_error.status;
            log->make_error.status = FIRN_OK;
            assert(status < 0);
            return status;
        }
    }
    if (log->active == NULL && log->spares_count > 0) {
        frn_log_activate(log, log->spares[0]);
        log->spares_count--;
        memmove(&log->spares[0], &log->spares[1], log->spares_count * sizeof log->spares[0]);
    }
    return FIRN_OK;
}

firn_status frn_recovery_settle(frn_recovery *r, const frn_manifest_found *found, firn_error *err)
{
    frn_log *log = r->log;
    bool clean = log->manifest.clean != 0;
    firn_status status = ensure_slots(log, found->best, err);

    for (int i = 0; i < 2; i++) {
        if (found->verdicts[i] != FMT_OK) {
            frn_trace_say(&log->options.trace, "manifest.%d: %s; written anew", i,
                          fmt_verdict_text(found->verdicts[i]));
        }
    }
    if (status == FIRN_OK && !clean) {
        status = sync_tail(r, err);
        if (status == FIRN_OK) {
            status = raise_incarnation(r, err);
        }
        if (status == FIRN_OK) {
            keep_cut(r);
        }
    }
    if (status == FIRN_OK) {
        status = set_runs(r, err);
    }
    log->recycled_capacity = r->unused.count;
    log->recycled = frn_alloc(log->heap, (log->recycled_capacity + 1) * sizeof *log->recycled);
    if (status == FIRN_OK && log->recycled == NULL) {
        status = frn_fail(err, FIRN_ENOMEM, "recover: out of memory");
    }
    if (status == FIRN_OK) {
        log->manifest.clean = 0;
        log->manifest.durable = r->expected - 1;
        status = frn_manifest_write(log, err);
    }
    if (status == FIRN_OK) {
        status = collect(log, &r->unused, err);
    }
    if (status == FIRN_OK && clean) {
        status = open_spares(r, err);
        if (status == FIRN_OK) {
            status = reopen_active(log, err);
        }
    }
    if (status == FIRN_OK) {
        status = remove_unnamed(r, err);
    }
    if (status == FIRN_OK) {
        status = note_leavings(r, err);
    }
    if (status == FIRN_OK) {
        status = start_active(log, log->options.threads && !clean, err);
    }
    return status;
}

firn_status frn_recovery_sync(frn_recovery *r, firn_error *err)
{
    return sync_tail(r, err);
}
