/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c — a segment's bytes by groups, read ahead into one buffer: for recovery, verification and readers. */
#include "engine/log/private.h"

#include "engine/base/error.h"
#include "format/bytes.h"

#include <assert.h>
#include <inttypes.h>

firn_status frn_walk_init(frn_walk *walk, frn_log *log, size_t buffer_size)
{
    *walk = (frn_walk){.log = log};
    if (buffer_size > log->segment_size) {
        buffer_size = (size_t)log->segment_size;
    }
    walk->capacity = (size_t)frn_align_up(buffer_size, log->alignment);
    walk->buffer = frn_alloc_aligned(log->heap, log->alignment, walk->capacity);
    return walk->buffer == NULL ? FIRN_ENOMEM : FIRN_OK;
}

void frn_walk_done(frn_walk *walk)
{
    if (walk->log != NULL) {
        frn_free(walk->log->heap, walk->buffer);
        walk->buffer = NULL;
    }
}

void frn_walk_enter(frn_walk *walk, frn_file *file, uint64_t number, uint64_t incarnation, uint64_t end)
{
    walk->file = file;
    walk->number = number;
    walk->incarnation = incarnation;
    walk->salt = fmt_salt(walk->log->ledger_id, number, incarnation);
    walk->end = end;
    walk->at = 0;
    walk->filled = 0;
}

firn_status frn_walk_bytes(frn_walk *walk, uint64_t offset, size_t size, const uint8_t **out_data, firn_error *err)
{
    const frn_io_ops *ops = walk->log->io->ops;
    firn_status (*read)(frn_file *, void *, size_t, uint64_t, size_t *, firn_error *) =
        walk->device ? ops->read_device : ops->read;
    size_t wanted, needed;
    firn_status status;

    *out_data = NULL;
    if (offset > walk->end || size > walk->end - offset) {
        return FIRN_OK;
    }
    if (offset < walk->at || offset - walk->at > walk->filled || walk->filled - (size_t)(offset - walk->at) < size) {
        if (size > walk->capacity) {
            size_t capacity = (size_t)frn_align_up(size, walk->log->alignment);
            uint8_t *grown = frn_alloc_aligned(walk->log->heap, walk->log->alignment, capacity);

            if (grown == NULL) {
                return frn_fail(err, FIRN_ENOMEM, "read %zu bytes: out of memory", size);
            }
            frn_free(walk->log->heap, walk->buffer);
            walk->buffer = grown;
            walk->capacity = capacity;
        }
        wanted = walk->window == 0 || walk->window > walk->capacity ? walk->capacity : walk->window;
        wanted = wanted < size ? (size_t)frn_align_up(size, walk->log->alignment) : wanted;
        wanted = walk->end - offset < wanted ? (size_t)(walk->end - offset) : wanted;
        walk->at = offset;
        walk->filled = 0;
        status = read(walk->file, walk->buffer, wanted, offset, &walk->filled, err);
        needed = (size_t)frn_align_up(size, walk->log->alignment);
        if (status == FIRN_EIO && wanted > needed) {
            /* A place behind may be unreadable, and what is asked for may not. */
            status = read(walk->file, walk->buffer, needed, offset, &walk->filled, err);
        }
        if (status < 0) {
            walk->filled = 0;
            return frn_place(err, status, walk->number, offset, 0);
        }
        walk->bytes_read += walk->filled;
        if (walk->filled < size) {
            return FIRN_OK;
        }
    }
    *out_data = walk->buffer + (offset - walk->at);
    return FIRN_OK;
}

firn_status frn_walk_header(frn_walk *walk, uint64_t offset, fmt_verdict *out_verdict, fmt_group *out_group,
                            firn_error *err)
{
    const uint8_t *data;
    firn_status status = frn_walk_bytes(walk, offset, FMT_GROUP_HEADER, &data, err);

    if (status < 0) {
        return status;
    }
    *out_verdict = data == NULL ? FMT_SHORT
                                : fmt_group_decode(data, FMT_GROUP_HEADER, walk->salt, offset, walk->number,
                                                   walk->incarnation, out_group);
    return FIRN_OK;
}

firn_status frn_walk_group(frn_walk *walk, uint64_t offset, fmt_verdict *out_verdict, fmt_group *out_group,
                           const uint8_t **out_data, size_t *out_bad, firn_error *err)
{
    firn_status status = frn_walk_header(walk, offset, out_verdict, out_group, err);
    uint64_t size;

    *out_bad = 0;
    *out_data = NULL;
    if (status < 0 || *out_verdict != FMT_OK) {
        return status;
    }
    size = fmt_group_size(out_group->content_size, walk->log->alignment);
    status = frn_walk_bytes(walk, offset, (size_t)size, out_data, err);
    if (status < 0) {
        return status;
    }
    *out_verdict =
        *out_data == NULL ? FMT_SHORT : fmt_group_check(*out_data, (size_t)size, walk->salt, out_group, out_bad);
    return FIRN_OK;
}

void frn_walk_summary(const frn_walk *walk, const uint8_t *data, const fmt_group *group, uint32_t *out_records,
                      int64_t *out_first_ns, int64_t *out_last_ns)
{
    size_t at = FMT_GROUP_HEADER;
    fmt_batch batch = {0};

    *out_records = 0;
    for (uint32_t i = 0; i < group->batches; i++) {
        fmt_verdict verdict =
            fmt_batch_decode(data + at, FMT_GROUP_HEADER + group->content_size - at, walk->salt, &batch);

        assert(verdict == FMT_OK);
        (void)verdict;
        if (i == 0) {
            *out_first_ns = batch.time_ns;
        }
        *out_last_ns = batch.time_ns;
        *out_records += batch.count;
        at += batch.size;
    }
}
