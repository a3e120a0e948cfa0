/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append.c — give out places: the filling group, and the segment that it will be written to.
 *
 * Happy path: reserve finds room in the filling group, the caller encodes its batch there, commit makes it count. A
 * group without room is sent and the next one begun; a segment without room is closed (its footer follows once all its
 * groups are durable) and the first spare takes over.
 *
 * Space before seqs: a group is begun only at a place in a segment that is pre-written, synced and named, and a batch
 * is admitted only if it fits both the group's memory and that segment. So nothing that got a seq can fail for want of
 * space.
 *
 * What can fail: no free group (all in flight), no segment yet, or a place that recovery would not look at yet
 * (reach.c): FIRN_FULL; no segment can be made: the maker's error.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"
#include "format/group.h"

#include <assert.h>
#include <string.h>

void frn_log_lock(frn_log *log)
{
    frn_mutex_lock(&log->tail);
}

void frn_log_unlock(frn_log *log)
{
    frn_mutex_unlock(&log->tail);
}

/* Bytes of a group with so much content, as a size. */
static size_t group_size(const frn_log *log, size_t content)
{
    return (size_t)frn_align_up(FMT_GROUP_HEADER + content, log->alignment);
}

/* What the active segment, if there is one, has left for a group before `end`; 0 if nothing. */
static uint64_t room_before(const frn_log *log, uint64_t end)
{
    return log->active != NULL && end > log->active->end_offset ? end - log->active->end_offset : 0;
}

static uint64_t active_room(const frn_log *log)
{
    return log->active == NULL ? 0 : room_before(log, frn_segment_data_end(log, log->active->size));
}

/* Whether the first spare can take a group of this size; else asks the maker for what is needed. */
static firn_status need_spare(frn_log *log, size_t size, firn_error *err)
{
    uint64_t fits = log->spares_count > 0 ? frn_segment_data_end(log, log->spares[0]->size) - log->alignment : 0;
    uint64_t plain = frn_segment_data_end(log, log->segment_size) - log->alignment;

    if (log->roll_blocked) {
        return FIRN_FULL;
    }
    if (size <= fits) {
        return FIRN_OK;
    }
    if (size > plain) {
        uint64_t wanted = log->segment_size;

        while (frn_segment_data_end(log, wanted) - log->alignment < size) {
            wanted += FMT_SEGMENT_SIZE_MIN;
        }
        if (log->big_wanted < wanted) {
            log->big_wanted = wanted;
        }
    }
    if (log->make_error.status < 0) {
        /* Said once to each caller; the next one finds a new attempt under way or made. */
        firn_status status = log->make_error.status;

        if (err != NULL) {
            *err = log->make_error;
        }
        log->make_error.status = FIRN_OK;
        frn_maker_kick(log);
        return status;
    }
    frn_maker_kick(log);
    return FIRN_FULL;
}

/* Closes the active segment and goes on in the first spare. */
static firn_status roll(frn_log *log, firn_error *err)
{
    frn_segment *next = log->spares[0];
    firn_status status;

    assert(log->active != NULL);
    status = frn_segments_reserve(log, &log->sealing, 1);
    if (status < 0) {
        return frn_fail(err, status, "close segment %llu: out of memory", (unsigned long long)log->active->number);
    }
    frn_mutex_lock(&log->list);
    status = frn_segments_reserve(log, &log->segments, 1);
    if (status == FIRN_OK) {
        log->active->closed = true;
        next->prev_crc = log->last_crc;
        next->first_seq = atomic_load_explicit(&log->allocated, memory_order_relaxed) + 1;
        next->next_seq = next->first_seq;
        log->segments.at[log->segments.count++] = next;
    }
    frn_mutex_unlock(&log->list);
    if (status < 0) {
        return frn_fail(err, status, "start segment %llu: out of memory", (unsigned long long)next->number);
    }
    log->sealing.at[log->sealing.count++] = log->active;
    log->active = next;
    log->spares_count--;
    memmove(&log->spares[0], &log->spares[1], log->spares_count * sizeof log->spares[0]);
    frn_maker_kick(log);
    return FIRN_OK;
}

/* Begins a group that can take content bytes. The slot is free. */
static firn_status begin_group(frn_log *log, size_t content, firn_error *err)
{
    frn_group *group = frn_log_slot(log, log->next_ordinal);
    size_t size = group_size(log, content);
    uint64_t room;
    firn_status status = FIRN_OK;

    assert(group->state == FRN_GROUP_FREE);
    if (size > log->staging_each) {
        group->big = frn_alloc_aligned(log->heap, log->alignment, size);
        if (group->big == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "batch of %zu bytes: out of memory", content);
        }
    }
    if (active_room(log) < size) {
        status = need_spare(log, size, err);
        if (status == FIRN_OK) {
            status = roll(log, err);
        }
    }
    if (status == FIRN_OK && !frn_reach_covers(log, size)) {
        status = FIRN_FULL;
    }
    if (status != FIRN_OK) {
        frn_free(log->heap, group->big);
        group->big = NULL;
        return status;
    }
    room = room_before(log, log->active->reach);
    group->buffer = group->big != NULL ? group->big : group->own;
    group->capacity = group->big != NULL ? size : log->staging_each;
    if (group->capacity > (size_t)FMT_GROUP_HEADER + FMT_GROUP_CONTENT_MAX) {
        /* What alignment adds to the largest batch is padding, not room for another one. */
        group->capacity = (size_t)FMT_GROUP_HEADER + FMT_GROUP_CONTENT_MAX;
    }
    if (group->capacity > room) {
        group->capacity = (size_t)(room / log->alignment * log->alignment);
    }
    group->state = FRN_GROUP_FILLING;
    group->used = FMT_GROUP_HEADER;
    group->segment = log->active;
    group->offset = log->active->end_offset;
    group->first_seq = atomic_load_explicit(&log->allocated, memory_order_relaxed) + 1;
    group->next_seq = group->first_seq;
    group->batches = 0;
    group->records = 0;
    group->content_crc = 0;
    log->filling = true;
    log->next_ordinal++;
    return FIRN_OK;
}

/* What forbids any append. */
static firn_status refuse(frn_log *log, firn_error *err)
{
    if (log->options.read_only) {
        return frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "the ledger is open for reading");
    }
    if (atomic_load(&log->poisoned) > 0) {
        if (err != NULL) {
            *err = log->poison_error;
        }
        return FIRN_EPOISONED;
    }
    if (log->closing) {
        return frn_fail_detail(err, FIRN_ESTATE, FIRN_DETAIL_CLOSING, "the ledger is being closed");
    }
    return FIRN_OK;
}

/* The batch's timestamp: the clock, but never before the batch before it. */
static int64_t batch_time(frn_log *log)
{
    int64_t time_ns =
        log->options.clock != NULL ? log->options.clock(log->options.clock_arg) : log->io->ops->wall_clock_ns(log->io);

    return time_ns < log->last_time_ns ? log->last_time_ns : time_ns;
}

firn_status frn_log_reserve(frn_log *log, size_t size_max, frn_log_place *out_place, firn_error *err)
{
    frn_group *group = NULL;
    firn_status status = refuse(log, err);

    if (status < 0) {
        return status;
    }
    if (size_max > FMT_BATCH_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "batch of %zu bytes: longer than %d bytes", size_max, FMT_BATCH_SIZE_MAX);
    }
    if (atomic_load_explicit(&log->held, memory_order_relaxed)) {
        return FIRN_FULL;
    }
    if (log->filling) {
        group = frn_log_slot(log, log->next_ordinal - 1);
        if (group->capacity - group->used < size_max) {
            if (group->records == 0) {
                /* Nothing was committed to it: give the place back and begin one that fits. */
                frn_free(log->heap, group->big);
                group->big = NULL;
                group->state = FRN_GROUP_FREE;
                log->filling = false;
                log->next_ordinal--;
            } else if (log->in_flight < log->options.groups_in_flight_max) {
                frn_flight_send(log);
            } else {
                return FIRN_FULL;
            }
            group = NULL;
        }
    }
    if (group == NULL) {
        if (log->next_ordinal - log->oldest >= log->slots_count) {
            return FIRN_FULL;
        }
        status = begin_group(log, size_max, err);
        if (status != FIRN_OK) {
            return status;
        }
        group = frn_log_slot(log, log->next_ordinal - 1);
    }
    *out_place = (frn_log_place){
        .data = group->buffer + group->used,
        .size = group->capacity - group->used,
        .first_seq = group->next_seq,
        .time_ns = batch_time(log),
        .salt = group->segment->salt,
        .content_crc = group->content_crc,
        .hint = {.segment = group->segment->number, .offset = group->offset + group->used},
    };
    return FIRN_OK;
}

void frn_log_hold(frn_log *log, bool held)
{
    if (atomic_exchange(&log->held, held) && !held) {
        frn_log_room_changed(log);
    }
}

void frn_log_commit(frn_log *log, const frn_log_place *place, const fmt_batch_writer *writer)
{
    frn_group *group = frn_log_slot(log, log->next_ordinal - 1);

    assert(log->filling && place->data == group->buffer + group->used);
    assert(writer->count > 0 && writer->used <= place->size);
    if (group->batches == 0) {
        group->first_time_ns = place->time_ns;
    }
    group->last_time_ns = place->time_ns;
    group->used += writer->used;
    if (group->buffer == group->own && group->used > group->dirty) {
        group->dirty = group->used;
    }
    group->batches++;
    group->records += writer->count;
    group->next_seq += writer->count;
    group->content_crc = writer->content_crc;
    log->last_time_ns = place->time_ns;
    log->batches_written++;
    log->records_written += writer->count;
    atomic_store_explicit(&log->allocated, group->next_seq - 1, memory_order_release);
}

void frn_log_cancel(frn_log *log, const frn_log_place *place)
{
    frn_group *group = frn_log_slot(log, log->next_ordinal - 1);

    assert(log->filling && place->data == group->buffer + group->used);
    (void)place;
    /* Whatever was encoded tentatively is not zero any more. */
    group->dirty = log->staging_each;
}
