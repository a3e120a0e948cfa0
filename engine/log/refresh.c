/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh.c — a log that is open for reading goes on to what became durable since.
 *
 * Happy path: the published positions name a later durable seq of the incarnation that the reader knows. From the last
 * group that it knows it walks on, group by group, up to that seq; each was whole on disk before the positions were
 * read. Costs a test of the lock and a read of 64 bytes when nothing is new.
 *
 * Otherwise the log is looked at anew, as when it was opened, and what was found is taken over: the next segment
 * begins, the positions cannot be read, the writer is gone, another one came. Without a writer this is done once:
 * the log changes no more until the manifest does.
 *
 * What has been exposed was durable, so a later look must find it again, in the same incarnations; only while a writer
 * recovers what this handle has settled before it, a look may reach less far. If it does not find it (a
 * backup was put in place of the ledger, a repair cut it), the answer is FIRN_ECONFLICT: this handle shows a history
 * that is no more, and goes on showing it up to where it was.
 *
 * Segments are only ever added or extended while they are exposed, under the list lock, so readers that stand in them
 * are not disturbed.
 */
#include "engine/log/recovery.h"

#include "engine/base/error.h"

#include <inttypes.h>
#include <string.h>

enum {
    WALK_BUFFER = 256 * 1024
};

/* The beginnings of both slots of the manifest: generation and checksum stand there, so they change with it. */
void frn_refresh_print(frn_io *io, uint8_t out_print[FRN_MANIFEST_PRINT])
{
    memset(out_print, 0, FRN_MANIFEST_PRINT);
    for (int i = 0; i < 2; i++) {
        size_t half = FRN_MANIFEST_PRINT / 2;
        frn_file *file = NULL;
        size_t got;

        if (io->ops->open(io, frn_manifest_names[i], 0, &file, NULL) == FIRN_OK) {
            if (io->ops->read(file, out_print + (size_t)i * half, half, 0, &got, NULL) < 0) {
                memset(out_print + (size_t)i * half, 0, half);
            }
            io->ops->file_close(file);
        }
    }
}

static bool is_written(frn_log *log)
{
    frn_refresh *refresh = &log->refresh;
    bool taken = false;

    if (refresh->lock_file == NULL && log->io->ops->open(log->io, FRN_LOCK_NAME, 0, &refresh->lock_file, NULL) < 0) {
        refresh->lock_file = NULL;
        return false;
    }
    return log->io->ops->lock_test(refresh->lock_file, &taken, NULL) == FIRN_OK && taken;
}

void frn_refresh_drop(frn_log *log)
{
    if (log->refresh.lock_file != NULL) {
        log->io->ops->file_close(log->refresh.lock_file);
        log->refresh.lock_file = NULL;
    }
    if (log->refresh.positions_file != NULL) {
        log->io->ops->file_close(log->refresh.positions_file);
        log->refresh.positions_file = NULL;
    }
}

/* ---- walking on ---- */

/* Takes the next group of the last segment if it is there and joins. */
static firn_status take_group(frn_log *log, frn_walk *walk, frn_segment *segment, bool *out_taken, firn_error *err)
{
    uint64_t offset = segment->end_offset;
    const uint8_t *data;
    fmt_group group;
    fmt_verdict verdict;
    size_t bad;
    uint32_t records;
    int64_t first_ns = 0, last_ns = 0;
    firn_status status = frn_walk_group(walk, offset, &verdict, &group, &data, &bad, err);

    *out_taken = status == FIRN_OK && verdict == FMT_OK && group.first_seq == segment->next_seq &&
                 group.prev_crc == log->last_crc;
    if (!*out_taken) {
        return status;
    }
    frn_walk_summary(walk, data, &group, &records, &first_ns, &last_ns);
    frn_mutex_lock(&log->list);
    frn_segment_count_group(segment, &group, offset, fmt_group_size(group.content_size, log->alignment), records,
                            first_ns, last_ns);
    segment->next_seq = group.next_seq;
    segment->end_offset = offset + fmt_group_size(group.content_size, log->alignment);
    frn_mutex_unlock(&log->list);
    log->last_crc = group.crc;
    return FIRN_OK;
}

/* Walks on in the last segment until durable is reached. */
static firn_status walk_on(frn_log *log, uint64_t durable, bool *out_reached, firn_error *err)
{
    frn_segment *segment = log->segments.count > 0 ? log->segments.at[log->segments.count - 1] : NULL;
    frn_walk walk = {0};
    frn_log_file *file = NULL;
    bool taken = true;
    firn_status status;

    *out_reached = segment != NULL && segment->next_seq > durable;
    /* Groups behind an incarnation's end may have landed late: void, although they join. */
    if (*out_reached || segment == NULL || segment->sealed || segment->incarnation != frn_log_incarnation(log)) {
        return FIRN_OK;
    }
    if (frn_walk_init(&walk, log, WALK_BUFFER) < 0) {
        return frn_fail(err, FIRN_ENOMEM, "out of memory");
    }
    status = frn_log_file_take(log, segment->number, &file, err);
    if (status == FIRN_OK) {
        frn_walk_enter(&walk, file->file, segment->number, segment->incarnation,
                       frn_segment_data_end(log, segment->size));
    }
    while (status == FIRN_OK && taken && segment->next_seq <= durable) {
        status = take_group(log, &walk, segment, &taken, err);
    }
    *out_reached = segment->next_seq > durable;
    frn_log_file_give(file);
    frn_walk_done(&walk);
    return status;
}

/* ---- looking anew ---- */

/* Whether an incarnation that this handle does not know took back some of what it has exposed. List lock held. */
static bool forked(const frn_log *log, const frn_log *found, uint64_t durable)
{
    const fmt_manifest *own = &log->manifest;
    const fmt_manifest *theirs = &found->manifest;

    for (uint32_t i = 0; i < theirs->incarnations_count; i++) {
        if (theirs->incarnations[i].number > own->incarnations[own->incarnations_count - 1].number &&
            theirs->incarnations[i].first_seq <= durable) {
            return true;
        }
    }
    return false;
}

/* Whether what this handle has exposed is part of what was found. List lock held. */
static bool continues(frn_log *log, const frn_log *found, uint64_t durable)
{
    if (memcmp(log->ledger_id, found->ledger_id, FIRN_LEDGER_ID_SIZE) != 0 || frn_log_durable(found) < durable ||
        forked(log, found, durable)) {
        return false;
    }
    for (size_t i = 0; i < log->segments.count; i++) {
        const frn_segment *own = log->segments.at[i];

        if (own->first_seq > durable) {
            break;
        }
        if (i >= found->segments.count || found->segments.at[i]->number != own->number ||
            found->segments.at[i]->incarnation != own->incarnation ||
            found->segments.at[i]->first_seq != own->first_seq) {
            return false;
        }
    }
    return true;
}

/* Takes over what a segment was found to hold. List lock held. */
static void extend(frn_segment *own, frn_segment *found)
{
    fmt_anchor *anchors = own->anchors;

    own->first_seq = found->first_seq;
    own->next_seq = found->next_seq;
    own->end_offset = found->end_offset;
    own->last_crc = found->last_crc;
    own->known_offset = found->known_offset;
    own->closed = found->closed;
    own->sealed = found->sealed;
    own->counts = found->counts;
    own->anchors = found->anchors;
    own->anchors_count = found->anchors_count;
    own->anchor_next = found->anchor_next;
    found->anchors = anchors;
}

/* Makes the segments of found those of log, which keeps its own objects for those that it has. List lock held. */
static firn_status adopt_segments(frn_log *log, frn_log *found)
{
    frn_segments *own = &log->segments;
    frn_segments *theirs = &found->segments;
    size_t same = 0;

    if (theirs->count > own->count && frn_segments_reserve(log, own, theirs->count - own->count) < 0) {
        return FIRN_ENOMEM;
    }
    while (same < own->count && same < theirs->count && own->at[same]->number == theirs->at[same]->number &&
           own->at[same]->incarnation == theirs->at[same]->incarnation) {
        extend(own->at[same], theirs->at[same]);
        same++;
    }
    /* Behind come only segments of which nothing was exposed: no reader stands in them. */
    for (size_t i = same; i < own->count; i++) {
        frn_segment_free(log, own->at[i]);
    }
    for (size_t i = same; i < theirs->count; i++) {
        own->at[i] = theirs->at[i];
        theirs->at[i] = NULL;
    }
    own->count = theirs->count;
    theirs->count = same;
    return FIRN_OK;
}

static firn_status adopt(frn_log *log, frn_log *found, firn_error *err)
{
    uint64_t durable = frn_log_durable(log);
    fmt_manifest manifest;
    firn_status status;

    frn_mutex_lock(&log->list);
    if (!continues(log, found, durable)) {
        frn_mutex_unlock(&log->list);
        (void)frn_fail_detail(err, FIRN_ECONFLICT, FIRN_DETAIL_CURSOR,
                              "the history up to seq %" PRIu64 " was exchanged: open the ledger again", durable);
        return frn_place(err, FIRN_ECONFLICT, 0, 0, durable);
    }
    status = adopt_segments(log, found);
    if (status == FIRN_OK) {
        manifest = log->manifest;
        log->manifest = found->manifest;
        found->manifest = manifest;
        log->last_crc = found->last_crc;
        log->last_time_ns = found->last_time_ns;
        log->damage = found->damage;
    }
    frn_mutex_unlock(&log->list);
    return status == FIRN_OK ? FIRN_OK : frn_fail(err, status, "out of memory");
}

static firn_status look_anew(frn_log *log, uint64_t *out_durable, firn_error *err)
{
    frn_refresh *refresh = &log->refresh;
    uint8_t print[FRN_MANIFEST_PRINT];
    frn_manifest_found manifests;
    uint64_t tail_bytes;
    frn_log *found = NULL;
    bool live = false;
    firn_status status;

    frn_refresh_print(log->io, print);
    status = frn_log_look(log->heap, log->io, &log->options, &found, &manifests, &live, &tail_bytes, err);
    if (status == FIRN_EBUSY) {
        return FIRN_OK; /* The writer is too fast for this look; the next one is as good. */
    }
    if (status == FIRN_OK && live && frn_log_durable(found) < frn_log_durable(log)) {
        /* This handle settled the tail of a dead writer, and its successor is still about to: nothing to be seen yet.
         */
        (void)frn_log_close(found, NULL);
        return FIRN_OK;
    }
    if (status == FIRN_OK) {
        status = adopt(log, found, err);
    }
    if (status == FIRN_OK) {
        *out_durable = frn_log_durable(found);
        refresh->at_rest = !live;
        memcpy(refresh->print, print, sizeof print);
        frn_refresh_drop(log); /* Another writer may have made its files anew. */
    }
    if (found != NULL) {
        (void)frn_log_close(found, NULL);
    }
    return status;
}

firn_status frn_log_refresh(frn_log *log, uint64_t *out_durable, firn_error *err)
{
    uint8_t print[FRN_MANIFEST_PRINT];
    uint64_t durable = frn_log_durable(log);
    fmt_positions positions;
    bool reached = false;
    firn_status status = FIRN_OK;

    *out_durable = durable;
    if (log->damage.status < 0) {
        return FIRN_OK; /* Nothing behind the damage is shown. */
    }
    if (is_written(log)) {
        log->refresh.at_rest = false;
        if (frn_positions_read(log->io, &log->refresh.positions_file, &positions) &&
            frn_hint_fits(log, &positions.hint)) {
            reached = positions.durable <= durable;
            if (!reached) {
                status = walk_on(log, positions.durable, &reached, err);
                *out_durable = reached ? positions.durable : durable;
            }
        }
    } else if (log->refresh.at_rest) {
        frn_refresh_print(log->io, print);
        reached = memcmp(print, log->refresh.print, sizeof print) == 0;
    }
    if (status == FIRN_OK && !reached) {
        status = look_anew(log, out_durable, err);
    }
    if (status == FIRN_OK) {
        atomic_store(&log->ahead, *out_durable);
    }
    return status < 0 ? frn_wrap(err, status, "follow the log") : FIRN_OK;
}

void frn_log_expose(frn_log *log, uint64_t durable)
{
    atomic_store(&log->allocated, durable);
    atomic_store_explicit(&log->durable, durable, memory_order_release);
    atomic_fetch_add(&log->grow, 1);
    if (atomic_load(&log->grow_waiters) > 0) {
        (void)frn_word_wake(&log->grow, FRN_WAKE_ALL);
    }
}
