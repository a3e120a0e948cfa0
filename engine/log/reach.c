/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c — say durably how far groups may be sent before any goes there: what recovery need not search.
 *
 * Protocol: the file `reach` holds one block (format/reach.h). It names a place in the active segment or in a spare,
 * and a group is begun only if it ends at or before that place in the order of the log. While less than half of the
 * distance is left, a new block is written by a queued durable write, and only its completion moves the place. So at
 * any moment every group that was ever sent lies before the place that a durable block names: recovery looks for
 * witnesses no further. The block also tells where the last durable group ended, from where recovery walks.
 *
 * What can fail: the write: it poisons, as any write to a place that was written before. A block that is torn or
 * decayed says nothing, and recovery searches everything. An old block that survived a newer one would have to be a
 * lost write of a device that called it durable; it is found out if the log goes on behind its place.
 *
 * Why not the manifest: each change of it costs two syncs, and is queued behind the zeros of new segments.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Costs one write of a block for half as many bytes of groups, and recovery the reading of as many: 7 ms at 1.1 GB/s.
 */
#define REACH_AHEAD (UINT64_C(8) * 1024 * 1024)

/* The i-th segment that groups may go to from here on, and where the next one would stand; false: there is none. */
static bool place_at(const frn_log *log, unsigned i, frn_segment **out_segment, uint64_t *out_from)
{
    if (log->active == NULL) {
        i++;
    }
    if (i > log->spares_count) {
        return false;
    }
    *out_segment = i == 0 ? log->active : log->spares[i - 1];
    *out_from = i == 0 ? log->active->end_offset : log->alignment;
    return true;
}

/* Bytes that groups may take before the next block is durable. */
static uint64_t left(const frn_log *log)
{
    frn_segment *segment;
    uint64_t from, sum = 0;

    for (unsigned i = 0; place_at(log, i, &segment, &from) && segment->reach > from; i++) {
        sum += segment->reach - from;
    }
    return sum;
}

/* The place that lies `ahead` bytes from here, or as far as there are segments. *out_sum: how far that is. */
static void place_ahead(const frn_log *log, uint64_t ahead, fmt_reach *out_reach, uint64_t *out_sum)
{
    frn_segment *segment;
    uint64_t from, end;

    *out_sum = 0;
    out_reach->segment = 0;
    out_reach->offset = 0;
    for (unsigned i = 0; *out_sum < ahead && place_at(log, i, &segment, &from); i++) {
        end = frn_segment_data_end(log, segment->size);
        if (end > from && end - from > ahead - *out_sum) {
            end = from + frn_align_up(ahead - *out_sum, log->alignment);
        }
        *out_sum += end > from ? end - from : 0;
        out_reach->segment = segment->number;
        out_reach->offset = end;
    }
}

/* The place is durable: segments up to it may be filled up to there. */
static void take(frn_log *log, uint64_t number, uint64_t offset)
{
    frn_segment *segment;
    uint64_t from;
    unsigned count = 0;

    while (place_at(log, count, &segment, &from) && segment->number != number) {
        count++;
    }
    if (!place_at(log, count, &segment, &from)) {
        return; /* Its segment was closed meanwhile. */
    }
    segment->reach = offset;
    while (count-- > 0 && place_at(log, count, &segment, &from)) {
        segment->reach = frn_segment_data_end(log, segment->size);
    }
}

static void encode(frn_log *log, fmt_reach *reach)
{
    reach->hint.incarnation = log->manifest.incarnations[log->manifest.incarnations_count - 1].number;
    memcpy(reach->hint.ledger_id, log->ledger_id, sizeof reach->hint.ledger_id);
    reach->known_segment = log->durable_segment;
    reach->known_offset = log->durable_offset;
    reach->known_next_seq = atomic_load_explicit(&log->durable, memory_order_relaxed) + 1;
    reach->known_time_ns = log->durable_time_ns;
    reach->known_crc = log->durable_crc;
    fmt_reach_encode(log->reach.block, reach);
}

void frn_reach_extend(frn_log *log, uint64_t wanted)
{
    frn_reach *reach = &log->reach;
    fmt_reach next = {0};
    uint64_t sum;

    if (reach->in_flight || atomic_load(&log->poisoned) != 0) {
        return;
    }
    place_ahead(log, wanted + REACH_AHEAD, &next, &sum);
    if (sum <= left(log)) {
        return;
    }
    encode(log, &next);
    reach->next_segment = next.segment;
    reach->next_offset = next.offset;
    reach->in_flight = true;
    log->ops_in_flight++;
    atomic_fetch_add_explicit(&log->bytes_written, log->alignment, memory_order_relaxed);
    log->io->ops->queue_write(reach->file, reach->block, log->alignment, 0, true, FRN_TAG_REACH);
    log->io->ops->queue_send(log->io);
}

bool frn_reach_covers(frn_log *log, uint64_t size)
{
    const frn_segment *active = log->active;
    bool covers = active->reach >= active->end_offset + size;

    if (!covers || left(log) < REACH_AHEAD / 2) {
        frn_reach_extend(log, covers ? 0 : size);
    }
    return covers;
}

void frn_reach_complete(frn_log *log, int64_t result)
{
    int os_errno = result < 0 ? (int)-result : EIO;
    firn_error why = {0};

    log->reach.in_flight = false;
    if (result == (int64_t)log->alignment) {
        take(log, log->reach.next_segment, log->reach.next_offset);
        return;
    }
    if (result < 0) {
        (void)frn_fail_os(&why, os_errno, "write " FRN_REACH_NAME);
    } else {
        (void)frn_fail(&why, FIRN_EIO, "write " FRN_REACH_NAME ": short write of %" PRId64 " bytes", result);
    }
    frn_log_poison(log, os_errno, &why);
}

firn_status frn_reach_begin(frn_log *log, frn_segment *first, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    fmt_reach reach = {0};
    firn_status status;

    if (first != NULL) {
        uint64_t end = frn_segment_data_end(log, first->size);
        uint64_t room = end > first->end_offset ? end - first->end_offset : 0;

        reach.segment = first->number;
        reach.offset = first->end_offset + (room < REACH_AHEAD ? room : REACH_AHEAD);
    }
    encode(log, &reach);
    status = ops->write(log->reach.file, log->reach.block, log->alignment, 0, err);
    atomic_fetch_add_explicit(&log->bytes_written, log->alignment, memory_order_relaxed);
    /* That nothing was sent need not be durable: where it gets lost the next recovery searches everything. */
    if (status == FIRN_OK && first != NULL) {
        status = ops->sync(log->reach.file, err);
        first->reach = status == FIRN_OK ? reach.offset : 0;
    }
    return status;
}

firn_status frn_reach_start(frn_log *log, firn_error *err)
{
    const frn_io_ops *ops = log->io->ops;
    frn_reach *reach = &log->reach;
    uint64_t size = 0, written;
    firn_status status;

    reach->block = frn_alloc_aligned(log->heap, log->alignment, log->alignment);
    if (reach->block == NULL) {
        return frn_fail(err, FIRN_ENOMEM, FRN_REACH_NAME ": out of memory");
    }
    memset(reach->block, 0, log->alignment);
    status = ops->open(log->io, FRN_REACH_NAME, FRN_IO_WRITE | FRN_IO_QUEUE | FRN_IO_CREATE, &reach->file, err);
    if (status == FIRN_EEXISTS) {
        status = ops->open(log->io, FRN_REACH_NAME, FRN_IO_WRITE | FRN_IO_QUEUE, &reach->file, err);
    }
    if (status == FIRN_OK) {
        status = ops->size(reach->file, &size, err);
    }
    if (status == FIRN_OK && size < log->alignment) {
        status = ops->fill(reach->file, log->alignment, &written, err);
        if (status == FIRN_OK) {
            atomic_fetch_add_explicit(&log->bytes_filled, written, memory_order_relaxed);
            status = ops->sync(reach->file, err);
        }
    }
    return status == FIRN_OK ? frn_reach_begin(log, log->active, err) : status;
}

void frn_reach_drop(frn_log *log)
{
    if (log->reach.file != NULL) {
        log->io->ops->file_close(log->reach.file);
        log->reach.file = NULL;
    }
    frn_free(log->heap, log->reach.block);
    log->reach.block = NULL;
}

bool frn_reach_read(frn_log *log, fmt_reach *out_reach)
{
    const frn_io_ops *ops = log->io->ops;
    uint8_t *bytes = frn_alloc_aligned(log->heap, log->alignment, log->alignment);
    frn_file *file = NULL;
    size_t got = 0;
    bool good = false;

    if (bytes != NULL && ops->open(log->io, FRN_REACH_NAME, 0, &file, NULL) == FIRN_OK) {
        /* Past the cache: what counts is what the device was told. */
        good = ops->read_device(file, bytes, log->alignment, 0, &got, NULL) == FIRN_OK &&
               fmt_reach_decode(bytes, got, out_reach) == FMT_OK;
        ops->file_close(file);
    }
    frn_free(log->heap, bytes);
    return good && frn_hint_fits(log, &out_reach->hint);
}
