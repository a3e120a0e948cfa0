/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c — read durable records forward from a seq, and one by its seq.
 *
 * The bytes go from the kernel into the reader's buffer and are handed out from there; each record is verified where it
 * lies. Only groups up to a durable seq are given out, but the buffer is filled further and may hold half of a group
 * that was being written then: a group is taken from the buffer only if it was durable when the buffer was filled, and
 * is read again otherwise. A header that does not verify is read again once before it is called damage.
 */
#include "engine/log/files.h"

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/log/directory.h"
#include "format/bytes.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    READER_BUFFER = 1024 * 1024,
    GET_BUFFER = 64 * 1024
};

struct frn_log_reader {
    frn_log *log;
    frn_walk walk;
    const frn_segment *segment; /* NULL: to be sought. */
    frn_log_file *file;
    uint64_t offset;   /* Of the next group. */
    uint64_t expected; /* The next seq to give out. */
    uint64_t joint;    /* The seq that the next group must begin with; 0: any at or before expected. */
    uint64_t settled;  /* A seq that was durable when the buffer was filled. */
    fmt_group group;
    const uint8_t *data; /* The group in the buffer; NULL: none. */
    uint64_t group_offset;
    size_t batch_at; /* Offset of the next batch in data. */
    fmt_batch batch;
    size_t record_at;    /* Offset of the next record in data; 0: go to the next batch. */
    uint64_t record_seq; /* Its seq. */
    frn_log_hint hint;   /* Where the first record may be sought. */
    firn_error damage;   /* Sticks. */
};

firn_status frn_log_reader_open(frn_log *log, uint64_t first_seq, size_t buffer_size, frn_log_reader **out_reader,
                                firn_error *err)
{
    frn_log_reader *reader = frn_alloc_zero(log->heap, 1, sizeof *reader);

    if (reader == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "read log: out of memory");
    }
    reader->log = log;
    reader->expected = first_seq == 0 ? 1 : first_seq;
    if (frn_walk_init(&reader->walk, log, buffer_size == 0 ? READER_BUFFER : buffer_size) < 0) {
        frn_free(log->heap, reader);
        return frn_fail(err, FIRN_ENOMEM, "read log: out of memory");
    }
    *out_reader = reader;
    return FIRN_OK;
}

void frn_log_reader_close(frn_log_reader *reader)
{
    if (reader != NULL) {
        frn_log_file_give(reader->file);
        frn_walk_done(&reader->walk);
        frn_free(reader->log->heap, reader);
    }
}

frn_log_hint frn_log_hint_of(frn_log *log, uint64_t seq)
{
    const frn_segment *segment;
    frn_log_hint hint = {0};
    frn_log_file *file;
    uint64_t offset;

    if (frn_log_seek(log, seq, &segment, &file, &offset, NULL) == FIRN_OK) {
        hint = (frn_log_hint){.segment = segment->number, .offset = offset};
        frn_log_file_give(file);
    }
    return hint;
}

void frn_log_reader_hint(frn_log_reader *reader, frn_log_hint hint)
{
    reader->hint = hint;
}

/* Says what is wrong at an offset of the segment, and keeps saying it. */
static firn_status damaged(frn_log_reader *reader, uint16_t detail, const char *what, uint64_t offset,
                           fmt_verdict verdict, firn_error *err)
{
    (void)frn_fail_detail(&reader->damage, FIRN_ECORRUPT, detail, "segment %" PRIu64 ": %s at %" PRIu64 ": %s",
                          reader->segment->number, what, offset, fmt_verdict_text(verdict));
    (void)frn_place(&reader->damage, FIRN_ECORRUPT, reader->segment->number, offset, reader->expected);
    if (err != NULL) {
        *err = reader->damage;
    }
    return FIRN_ECORRUPT;
}

/* The same of the record at data, whose checksum is told if that is what is wrong. */
static firn_status record_damaged(frn_log_reader *reader, const uint8_t *data, uint64_t offset, fmt_verdict verdict,
                                  firn_error *err)
{
    firn_status status = damaged(reader, FIRN_DETAIL_RECORD, "record", offset, verdict, err);

    if (verdict == FMT_CHECKSUM) {
        (void)frn_fail_detail(&reader->damage, FIRN_ECORRUPT, FIRN_DETAIL_RECORD,
                              "segment %" PRIu64 ": record at %" PRIu64 ": integrity error: expected crc32c:%08" PRIx32
                              ", got crc32c:%08" PRIx32,
                              reader->segment->number, offset, fmt_get32(data + FMT_RECORD_CRC),
                              fmt_record_crc(data, reader->walk.salt, reader->record_seq));
        (void)frn_place(&reader->damage, FIRN_ECORRUPT, reader->segment->number, offset, reader->record_seq);
        if (err != NULL) {
            *err = reader->damage;
        }
    }
    return status;
}

/* Stands at an offset of a segment. */
static void stand(frn_log_reader *reader, const frn_segment *segment, frn_log_file *file, uint64_t offset)
{
    frn_log_file_give(reader->file);
    reader->file = file;
    reader->segment = segment;
    reader->offset = offset;
    reader->joint = 0;
    frn_walk_enter(&reader->walk, file->file, segment->number, segment->incarnation,
                   frn_segment_data_end(reader->log, segment->size));
}

/* Goes to where the hint says, if a group there leads to the expected seq. */
static bool enter_at_hint(frn_log_reader *reader)
{
    const frn_segment *segment;
    frn_log_file *file;
    fmt_verdict verdict;
    fmt_group group;
    bool there;

    if (reader->hint.segment == 0 || reader->hint.offset % reader->log->alignment != 0 ||
        !frn_log_at(reader->log, reader->expected, reader->hint.segment, &segment, &file)) {
        return false;
    }
    stand(reader, segment, file, reader->hint.offset);
    reader->walk.window = reader->log->alignment;
    there = frn_walk_header(&reader->walk, reader->offset, &verdict, &group, NULL) == FIRN_OK && verdict == FMT_OK &&
            group.first_seq <= reader->expected;
    reader->walk.window = 0;
    return there;
}

/* Goes to the segment that holds the expected seq. It cannot be the one whose groups were just read to their end: what
   says so (a footer, the reach, the last group's range) has a good checksum, and groups that do not keep to it. */
static firn_status enter(frn_log_reader *reader, firn_error *err)
{
    const frn_segment *left = reader->segment, *segment;
    frn_log_file *file;
    uint64_t offset;
    bool there = enter_at_hint(reader);
    firn_status status;

    reader->hint.segment = 0;
    if (there) {
        return FIRN_OK;
    }
    status = frn_log_seek(reader->log, reader->expected, &segment, &file, &offset, err);
    if (status == FIRN_OK && segment == left) {
        frn_log_file_give(file);
        return damaged(reader, FIRN_DETAIL_GROUP, "group", reader->offset, FMT_SHORT, err);
    }
    if (status == FIRN_OK) {
        stand(reader, segment, file, offset);
    }
    return status;
}

/* Whether the segment's groups are used up. */
static bool at_end(frn_log_reader *reader)
{
    bool end;

    frn_mutex_lock(&reader->log->list);
    end = reader->segment->closed && reader->offset >= reader->segment->end_offset;
    frn_mutex_unlock(&reader->log->list);
    return end;
}

/* Brings the group at the reader's offset, which is durable, into the buffer. */
static firn_status load_group(frn_log_reader *reader, firn_error *err)
{
    frn_walk *walk = &reader->walk;
    uint64_t durable = frn_log_durable(reader->log);
    uint64_t ahead = atomic_load(&reader->log->ahead);
    fmt_verdict verdict = FMT_SHORT;
    firn_status status = FIRN_OK;

    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t before = walk->bytes_read;

        status = frn_walk_header(walk, reader->offset, &verdict, &reader->group, err);
        if (status == FIRN_OK && verdict == FMT_OK &&
            (reader->group.first_seq > reader->expected ||
             (reader->joint != 0 && reader->group.first_seq != reader->joint))) {
            verdict = FMT_ORDER;
        }
        if (status == FIRN_OK && verdict == FMT_OK) {
            uint64_t size = fmt_group_size(reader->group.content_size, reader->log->alignment);

            status = frn_walk_bytes(walk, reader->offset, (size_t)size, &reader->data, err);
            verdict = reader->data == NULL ? FMT_SHORT : FMT_OK;
        }
        if (walk->bytes_read != before) {
            reader->settled = ahead > durable ? ahead : durable;
        } else if (verdict == FMT_OK && reader->group.next_seq - 1 > reader->settled) {
            verdict = FMT_SHORT;
        }
        if (status < 0 || verdict == FMT_OK) {
            break;
        }
        walk->filled = 0;
    }
    if (status < 0) {
        return status;
    }
    if (verdict != FMT_OK) {
        return damaged(reader, FIRN_DETAIL_GROUP, "group", reader->offset, verdict, err);
    }
    reader->group_offset = reader->offset;
    reader->offset += fmt_group_size(reader->group.content_size, reader->log->alignment);
    reader->joint = reader->group.next_seq;
    reader->batch_at = FMT_GROUP_HEADER;
    reader->record_at = 0;
    return FIRN_OK;
}

/* Goes to the next batch that reaches the expected seq. FIRN_END: the group has none. */
static firn_status load_batch(frn_log_reader *reader, firn_error *err)
{
    size_t end = FMT_GROUP_HEADER + reader->group.content_size;

    while (reader->batch_at < end) {
        fmt_verdict verdict = fmt_batch_decode(reader->data + reader->batch_at, end - reader->batch_at,
                                               reader->walk.salt, &reader->batch);

        if (verdict == FMT_OK && reader->batch.first_seq > reader->expected) {
            verdict = FMT_ORDER;
        }
        if (verdict != FMT_OK) {
            return damaged(reader, FIRN_DETAIL_RECORD, "batch", reader->group_offset + reader->batch_at, verdict, err);
        }
        reader->record_at = reader->batch_at + FMT_BATCH_HEADER;
        reader->record_seq = reader->batch.first_seq;
        reader->batch_at += reader->batch.size;
        if (reader->batch.first_seq + reader->batch.count > reader->expected) {
            return FIRN_OK;
        }
        reader->record_at = 0;
    }
    return FIRN_END;
}

/* Decodes records of the batch up to the expected one. */
static firn_status load_record(frn_log_reader *reader, fmt_record *out_record, firn_error *err)
{
    size_t end = (size_t)((const uint8_t *)reader->batch.records.data - reader->data) + reader->batch.records.size;
    fmt_record record;
    size_t size;

    do {
        fmt_verdict verdict = fmt_record_decode(reader->data + reader->record_at, end - reader->record_at,
                                                reader->walk.salt, reader->record_seq, &record, &size);

        if (verdict != FMT_OK) {
            return record_damaged(reader, reader->data + reader->record_at, reader->group_offset + reader->record_at,
                                  verdict, err);
        }
        reader->record_at += size;
        reader->record_seq++;
    } while (record.seq < reader->expected);
    if (record.seq + 1 == reader->batch.first_seq + reader->batch.count) {
        reader->record_at = 0;
    }
    *out_record = record;
    return FIRN_OK;
}

firn_status frn_log_reader_next(frn_log_reader *reader, uint64_t last_seq, frn_log_record *out_record, firn_error *err)
{
    firn_status status = FIRN_OK;

    if (reader->damage.status < 0) {
        if (err != NULL) {
            *err = reader->damage;
        }
        return FIRN_ECORRUPT;
    }
    if (reader->expected > last_seq) {
        return FIRN_END;
    }
    while (reader->record_at == 0) {
        status = reader->data == NULL ? FIRN_END : load_batch(reader, err);
        if (status == FIRN_END) {
            reader->data = NULL;
            if (reader->segment == NULL || at_end(reader)) {
                status = enter(reader, err);
            } else {
                status = FIRN_OK;
            }
            if (status == FIRN_OK) {
                status = load_group(reader, err);
            }
        }
        if (status < 0) {
            return status;
        }
    }
    status = load_record(reader, &out_record->record, err);
    if (status < 0) {
        return status;
    }
    reader->expected++;
    out_record->batch = &reader->batch;
    out_record->hint.segment = reader->segment->number;
    out_record->hint.offset = reader->group_offset + (uint64_t)((const uint8_t *)out_record->record.body.data -
                                                                FMT_RECORD_HEADER - reader->data);
    out_record->incarnation = reader->segment->incarnation;
    return FIRN_OK;
}

/* One record by walking from the anchor before it; what is wrong on the way is told. */
static firn_status get_by_walk(frn_log *log, uint64_t seq, firn_buf *buf, frn_log_record *out_record,
                               frn_batch_facts *out_batch, firn_error *err)
{
    frn_log_reader *reader = NULL;
    frn_log_record found;
    firn_status status = frn_log_reader_open(log, seq, GET_BUFFER, &reader, err);

    if (status == FIRN_OK) {
        status = frn_log_reader_next(reader, seq, &found, err);
    }
    if (status == FIRN_OK && frn_buf_reserve(log->heap, buf, found.record.body.size + 1) < 0) {
        status = frn_fail(err, FIRN_ENOMEM, "record %" PRIu64 ": out of memory", seq);
    }
    if (status == FIRN_OK) {
        assert(found.record.seq == seq);
        if (found.record.body.size > 0) {
            memcpy(buf->data, found.record.body.data, found.record.body.size);
        }
        buf->size = found.record.body.size;
        *out_batch = (frn_batch_facts){found.batch->first_seq, found.batch->time_ns, found.batch->count};
        *out_record = found;
        out_record->record.body.data = buf->data;
    }
    frn_log_reader_close(reader);
    return status;
}

firn_status frn_log_get(frn_log *log, uint64_t seq, firn_buf *buf, frn_log_record *out_record,
                        uint64_t *out_batch_first, uint32_t *out_batch_count, int64_t *out_time_ns, firn_error *err)
{
    const frn_segment *segment;
    frn_log_file *file;
    frn_log_record found = {.batch = NULL};
    frn_batch_facts batch = {0};
    uint64_t anchor;
    bool there = false;
    firn_status status;

    if (seq == 0 || seq > frn_log_durable(log)) {
        (void)frn_fail(err, FIRN_ENOTFOUND, "record not found: %" PRIu64, seq);
        return frn_place(err, FIRN_ENOTFOUND, 0, 0, seq);
    }
    status = frn_log_seek(log, seq, &segment, &file, &anchor, err);
    if (status == FIRN_OK) {
        status = frn_directory_get(log, segment, file, anchor, seq, buf, &found.record, &found.hint.offset, &batch,
                                   &there, err);
        found.hint.segment = segment->number;
        found.incarnation = segment->incarnation;
        frn_log_file_give(file);
    }
    if (status == FIRN_OK && !there) {
        status = get_by_walk(log, seq, buf, &found, &batch, err);
    }
    if (status == FIRN_OK) {
        *out_batch_first = batch.first_seq;
        *out_batch_count = batch.count;
        *out_time_ns = batch.time_ns;
        *out_record = found;
        out_record->batch = NULL;
    }
    return status;
}

/* Reads and judges the record at a hint. *out_there false: it is not there, for whatever reason. */
static firn_status read_at(frn_log *log, const frn_segment *segment, frn_log_file *file, uint64_t seq, uint64_t offset,
                           size_t body_size, firn_buf *buf, fmt_record *out_record, bool *out_there, firn_error *err)
{
    size_t wanted = FMT_RECORD_HEADER + body_size;
    size_t got, size;
    firn_status status;

    *out_there = false;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (frn_buf_reserve(log->heap, buf, wanted) < 0) {
            return frn_fail(err, FIRN_ENOMEM, "record %" PRIu64 ": out of memory", seq);
        }
        status = log->io->ops->read(file->file, buf->data, wanted, offset, &got, err);
        if (status < 0) {
            return frn_place(err, status, segment->number, offset, seq);
        }
        if (got >= FMT_RECORD_HEADER && fmt_get32((uint8_t *)buf->data + FMT_RECORD_LENGTH) <= FMT_BODY_SIZE_MAX) {
            size = FMT_RECORD_HEADER + fmt_get32((uint8_t *)buf->data + FMT_RECORD_LENGTH);
            if (size > wanted && attempt == 0) {
                wanted = size;
                continue;
            }
            *out_there = fmt_record_decode(buf->data, got, segment->salt, seq, out_record, &size) == FMT_OK;
        }
        break;
    }
    buf->size = *out_there ? FMT_RECORD_HEADER + out_record->body.size : 0;
    return FIRN_OK;
}

firn_status frn_log_get_at(frn_log *log, uint64_t seq, frn_log_hint hint, size_t body_size, firn_buf *buf,
                           fmt_record *out_record, firn_error *err)
{
    const frn_segment *segment;
    frn_log_file *file;
    frn_log_record found;
    uint64_t batch_first;
    uint32_t batch_count;
    int64_t time_ns;
    bool there = false;
    firn_status status = FIRN_OK;

    if (seq > 0 && seq <= frn_log_durable(log) && body_size <= FMT_BODY_SIZE_MAX &&
        frn_log_at(log, seq, hint.segment, &segment, &file)) {
        status = read_at(log, segment, file, seq, hint.offset, body_size, buf, out_record, &there, err);
        frn_log_file_give(file);
    }
    if (status == FIRN_OK && !there) {
        status = frn_log_get(log, seq, buf, &found, &batch_first, &batch_count, &time_ns, err);
        if (status == FIRN_OK) {
            *out_record = found.record;
        }
    }
    return status;
}
