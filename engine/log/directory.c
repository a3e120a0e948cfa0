/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directory.c — where in a segment a record stands, by its seq, so that one short read fetches it.
 *
 * Anchors lead to a group at most 64 KiB before a record, but a group may hold thousands of records: walking there
 * costs a hundred times what the record's own bytes cost. So the first get in a stretch of log (what lies between two
 * anchors) walks through all of it and remembers marks: records some 4 KiB apart. A later get reads from the mark
 * before the record to the next one and hops there by the lengths of records.
 *
 * What lies between two marks, a span, is either a part of one batch, whose facts are remembered with it, or several
 * whole batches, whose headers say them. A batch that is longer than a span begins one, as does each group; so no hop
 * crosses a group's header or the end of a batch of which only a part was read.
 *
 * The directory is a memory of where to look, nothing else: the record is verified where it is found, its batch when
 * the stretch was walked or where it is found. What turns out not to be so is forgotten, and the caller walks.
 * Stretches lie in a table by their place in the log, and one takes the place of another whose number in the table is
 * the same. The table covers 4 GiB of log with about half a percent of that, and is made page by page; where batches
 * are so long that stretches are too, places are cleared in turn when all together pass a limit.
 *
 * Why not when records are written, or for a whole segment at once: who never gets by seq pays nothing, and nobody
 * waits for more than a stretch.
 */
#include "engine/log/directory.h"

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "format/bytes.h"

#include <assert.h>
#include <string.h>

enum {
    SPAN_SIZE = 4096,
    PAGE_STRETCHES = 256,
    STRETCHES_MAX = FRN_DIRECTORY_PAGES * PAGE_STRETCHES,
    SIZE_MAX_ALL = 64 * 1024 * 1024,
    WALK_BUFFER = FMT_ANCHOR_SPACING + 32 * 1024,
    MARKS_CAPACITY_MIN = 64
};

/* In a mark: its span is of whole batches, whose headers are read with it. */
#define NO_BATCH UINT32_MAX

/* Where a span begins. Its end is the next one's beginning; a last mark, with no span, ends the stretch. */
typedef struct mark {
    uint32_t seq;    /* From the stretch's first one. */
    uint32_t offset; /* From the stretch's. */
    uint32_t batch;  /* Of batches, or NO_BATCH. */
} mark;

/* Guarded by the directory's lock, and never changed while it is in the table. */
struct frn_stretch {
    uint64_t segment;
    uint64_t offset;
    uint64_t first_seq;
    uint64_t next_seq; /* Records behind it were not durable when it was walked, or are of another stretch. */
    size_t size;       /* Bytes of this. */
    mark *marks;       /* Behind this struct, with the batches. */
    size_t marks_count;
    frn_batch_facts *batches;
};

/* What was found for a seq. */
typedef struct span {
    uint64_t offset;
    uint64_t size;
    uint64_t first_seq;
    bool whole; /* Of whole batches; else of batch. */
    frn_batch_facts batch;
} span;

void frn_directory_init(frn_directory *directory)
{
    frn_mutex_init(&directory->lock);
}

void frn_directory_done(frn_log *log)
{
    frn_directory *directory = &log->directory;

    for (size_t i = 0; i < FRN_DIRECTORY_PAGES; i++) {
        for (size_t k = 0; k < PAGE_STRETCHES && directory->pages[i] != NULL; k++) {
            frn_free(log->heap, directory->pages[i][k]);
        }
        frn_free(log->heap, directory->pages[i]);
        directory->pages[i] = NULL;
    }
    frn_mutex_done(&directory->lock);
}

/* The place of a stretch in the table: neighbours in the log are neighbours there. */
static size_t place_of(const frn_log *log, uint64_t segment, uint64_t offset)
{
    return (size_t)((segment * (log->segment_size / FMT_ANCHOR_SPACING) + offset / FMT_ANCHOR_SPACING) % STRETCHES_MAX);
}

/* Where the table holds the stretch of a place. NULL: it has no page for it. With the lock. */
static frn_stretch **slot_of(frn_directory *directory, size_t place)
{
    frn_stretch **page = directory->pages[place / PAGE_STRETCHES];

    return page == NULL ? NULL : &page[place % PAGE_STRETCHES];
}

/* Takes a stretch out of the table. With the lock. */
static void forget(frn_log *log, size_t place)
{
    frn_stretch **slot = slot_of(&log->directory, place);

    if (slot != NULL && *slot != NULL) {
        log->directory.size -= (*slot)->size;
        frn_free(log->heap, *slot);
        *slot = NULL;
    }
}

/* The span of a seq, if the stretch has it. */
static bool span_of(const frn_stretch *stretch, uint64_t seq, span *out_span)
{
    size_t low = 0, high = stretch->marks_count;
    const mark *found;

    if (seq < stretch->first_seq || seq >= stretch->next_seq) {
        return false;
    }
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;

        if (stretch->first_seq + stretch->marks[middle].seq <= seq) {
            low = middle;
        } else {
            high = middle;
        }
    }
    found = &stretch->marks[low];
    *out_span = (span){
        .offset = stretch->offset + found->offset,
        .size = found[1].offset - found->offset,
        .first_seq = stretch->first_seq + found->seq,
        .whole = found->batch == NO_BATCH,
    };
    if (!out_span->whole) {
        out_span->batch = stretch->batches[found->batch];
    }
    return true;
}

static bool look_up(frn_log *log, uint64_t segment, uint64_t offset, uint64_t seq, span *out_span)
{
    frn_directory *directory = &log->directory;
    const frn_stretch *stretch;
    frn_stretch **slot;
    bool found;

    frn_mutex_lock(&directory->lock);
    slot = slot_of(directory, place_of(log, segment, offset));
    stretch = slot == NULL ? NULL : *slot;
    found =
        stretch != NULL && stretch->segment == segment && stretch->offset == offset && span_of(stretch, seq, out_span);
    frn_mutex_unlock(&directory->lock);
    return found;
}

/* Puts a stretch into the table, which owns it then. */
static void keep(frn_log *log, frn_stretch *stretch)
{
    frn_directory *directory = &log->directory;
    size_t place = place_of(log, stretch->segment, stretch->offset);
    frn_stretch ***page = &directory->pages[place / PAGE_STRETCHES];

    frn_mutex_lock(&directory->lock);
    if (*page == NULL) {
        *page = frn_alloc_zero(log->heap, PAGE_STRETCHES, sizeof **page);
    }
    if (*page == NULL) {
        frn_free(log->heap, stretch);
    } else {
        forget(log, place);
        while (directory->size != 0 && directory->size + stretch->size > SIZE_MAX_ALL) {
            forget(log, directory->hand);
            directory->hand = (directory->hand + 1) % STRETCHES_MAX;
        }
        *slot_of(directory, place) = stretch;
        directory->size += stretch->size;
    }
    frn_mutex_unlock(&directory->lock);
}

/* ---- walking through a stretch ---- */

typedef struct builder {
    frn_heap *heap;
    uint64_t offset; /* Of the stretch. */
    uint64_t first_seq;
    uint64_t next_seq;
    bool span_open;      /* Whole batches may still be added to the last span. */
    uint32_t end_offset; /* Behind the last batch. */
    mark *marks;
    size_t marks_count;
    size_t marks_capacity;
    frn_batch_facts *batches;
    size_t batches_count;
    size_t batches_capacity;
} builder;

/* Makes room for one more. */
static bool grow(frn_heap *heap, void **array, size_t count, size_t *capacity, size_t item_size)
{
    size_t wanted = *capacity == 0 ? MARKS_CAPACITY_MIN : 2 * *capacity;
    void *grown;

    if (count < *capacity) {
        return true;
    }
    grown = frn_realloc(heap, *array, wanted * item_size);
    if (grown != NULL) {
        *array = grown;
        *capacity = wanted;
    }
    return grown != NULL;
}

static bool mark_add(builder *b, uint64_t seq, uint32_t offset, uint32_t batch)
{
    if (!grow(b->heap, (void **)&b->marks, b->marks_count, &b->marks_capacity, sizeof *b->marks) ||
        seq - b->first_seq > UINT32_MAX) {
        return false;
    }
    b->marks[b->marks_count++] = (mark){(uint32_t)(seq - b->first_seq), offset, batch};
    return true;
}

/* Marks of a batch that is longer than a span; it stands at offset. */
static bool long_batch(builder *b, const fmt_batch *batch, uint32_t offset)
{
    const uint8_t *records = batch->records.data;
    size_t at = 0, span_at = 0;

    b->span_open = false;
    if (!grow(b->heap, (void **)&b->batches, b->batches_count, &b->batches_capacity, sizeof *b->batches)) {
        return false;
    }
    b->batches[b->batches_count++] = (frn_batch_facts){batch->first_seq, batch->time_ns, batch->count};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->records.size - at < FMT_RECORD_HEADER) {
            return false;
        }
        if (i == 0 || at - span_at >= SPAN_SIZE) {
            span_at = at;
            if (!mark_add(b, batch->first_seq + i, offset + FMT_BATCH_HEADER + (uint32_t)at,
                          (uint32_t)b->batches_count - 1)) {
                return false;
            }
        }
        at += FMT_RECORD_HEADER + (size_t)fmt_get32(records + at + FMT_RECORD_LENGTH);
        if (at > batch->records.size) {
            return false;
        }
    }
    return true;
}

static bool short_batch(builder *b, const fmt_batch *batch, uint32_t offset)
{
    const mark *last = b->marks_count == 0 ? NULL : &b->marks[b->marks_count - 1];

    if (b->span_open && offset + batch->size - last->offset <= SPAN_SIZE) {
        return true;
    }
    b->span_open = true;
    return mark_add(b, batch->first_seq, offset, NO_BATCH);
}

/* The batches of a group, which stands at offset. false: what is behind is not taken in. */
static bool group_add(builder *b, const frn_walk *walk, const uint8_t *data, const fmt_group *group, uint64_t offset)
{
    size_t end = FMT_GROUP_HEADER + group->content_size;
    fmt_batch batch;

    if (offset - b->offset > UINT32_MAX - end) {
        return false;
    }
    b->span_open = false;
    for (size_t at = FMT_GROUP_HEADER; at < end; at += batch.size) {
        uint32_t batch_offset = (uint32_t)(offset - b->offset + at);

        if (fmt_batch_decode(data + at, end - at, walk->salt, &batch) != FMT_OK || batch.first_seq != b->next_seq ||
            !(batch.size > SPAN_SIZE ? long_batch : short_batch)(b, &batch, batch_offset)) {
            return false;
        }
        b->next_seq = batch.first_seq + batch.count;
        b->end_offset = batch_offset + (uint32_t)batch.size;
    }
    return b->next_seq == group->next_seq;
}

/* Walks from the anchor to the next one, or as far as groups are good and durable. */
static void stretch_walk(builder *b, frn_log *log, frn_walk *walk, uint64_t end, uint64_t durable)
{
    uint64_t offset = b->offset;

    while (offset < end && offset - b->offset < FMT_ANCHOR_SPACING) {
        fmt_verdict verdict;
        fmt_group group;
        const uint8_t *data;
        uint64_t size;

        if (frn_walk_header(walk, offset, &verdict, &group, NULL) < 0 || verdict != FMT_OK ||
            group.next_seq - 1 > durable || (b->next_seq != 0 && group.first_seq != b->next_seq)) {
            return;
        }
        size = fmt_group_size(group.content_size, log->alignment);
        if (frn_walk_bytes(walk, offset, (size_t)size, &data, NULL) < 0 || data == NULL) {
            return;
        }
        if (b->next_seq == 0) {
            b->first_seq = b->next_seq = group.first_seq;
        }
        if (!group_add(b, walk, data, &group, offset)) {
            return;
        }
        offset += size;
    }
}

/* What was walked as one piece of memory; NULL: nothing was, or there is none. */
static frn_stretch *stretch_new(const builder *b, uint64_t segment)
{
    size_t batches_size = b->batches_count * sizeof *b->batches;
    size_t size = sizeof(frn_stretch) + batches_size + b->marks_count * sizeof *b->marks;
    frn_stretch *stretch = b->marks_count < 2 || size > SIZE_MAX_ALL ? NULL : frn_alloc(b->heap, size);

    if (stretch == NULL) {
        return NULL;
    }
    *stretch = (frn_stretch){
        .segment = segment,
        .offset = b->offset,
        .first_seq = b->first_seq,
        .next_seq = b->next_seq,
        .size = size,
        .marks_count = b->marks_count - 1,
    };
    stretch->batches = (frn_batch_facts *)(void *)(stretch + 1);
    stretch->marks = (mark *)(void *)((uint8_t *)(stretch + 1) + batches_size);
    if (batches_size != 0) {
        memcpy(stretch->batches, b->batches, batches_size);
    }
    memcpy(stretch->marks, b->marks, b->marks_count * sizeof *b->marks);
    return stretch;
}

/* Walks through the stretch at anchor, and gives the span of seq. false: it is not there, or could not be read. */
static bool learn(frn_log *log, const frn_segment *segment, frn_log_file *file, uint64_t anchor, uint64_t seq,
                  span *out_span)
{
    uint64_t durable = frn_log_durable(log), end;
    builder b = {.heap = log->heap, .offset = anchor};
    frn_stretch *stretch = NULL;
    frn_walk walk;
    bool found = false;

    frn_mutex_lock(&log->list);
    end = segment->end_offset;
    frn_mutex_unlock(&log->list);
    if (frn_walk_init(&walk, log, WALK_BUFFER) < 0) {
        return false;
    }
    frn_walk_enter(&walk, file->file, segment->number, segment->incarnation, end);
    stretch_walk(&b, log, &walk, end, durable);
    if (b.marks_count != 0 && mark_add(&b, b.next_seq, b.end_offset, NO_BATCH)) {
        stretch = stretch_new(&b, segment->number);
    }
    if (stretch != NULL) {
        found = span_of(stretch, seq, out_span);
        keep(log, stretch);
    }
    frn_walk_done(&walk);
    frn_free(log->heap, b.marks);
    frn_free(log->heap, b.batches);
    return found;
}

/* ---- reading ---- */

/* Finds the record in the bytes of its span and verifies it. */
static bool record_find(const span *from, const uint8_t *data, size_t size, uint32_t salt, uint64_t seq,
                        fmt_record *out_record, frn_batch_facts *out_batch)
{
    uint64_t at_seq = from->first_seq;
    size_t at = 0, record_size;
    fmt_batch batch;

    *out_batch = from->batch;
    while (from->whole) {
        if (fmt_batch_decode(data + at, size - at, salt, &batch) != FMT_OK || batch.first_seq != at_seq) {
            return false;
        }
        if (seq < batch.first_seq + batch.count) {
            *out_batch = (frn_batch_facts){batch.first_seq, batch.time_ns, batch.count};
            at += FMT_BATCH_HEADER;
            break;
        }
        at_seq += batch.count;
        at += batch.size;
    }
    for (; at_seq < seq; at_seq++) {
        if (size - at < FMT_RECORD_HEADER) {
            return false;
        }
        record_size = FMT_RECORD_HEADER + (size_t)fmt_get32(data + at + FMT_RECORD_LENGTH);
        if (record_size > size - at) {
            return false;
        }
        at += record_size;
    }
    return fmt_record_decode(data + at, size - at, salt, seq, out_record, &record_size) == FMT_OK;
}

static firn_status span_read(frn_log *log, const frn_segment *segment, frn_log_file *file, const span *from,
                             uint64_t seq, firn_buf *buf, fmt_record *out_record, uint64_t *out_offset,
                             frn_batch_facts *out_batch, bool *out_there, firn_error *err)
{
    const uint8_t *body;
    size_t got;
    firn_status status = frn_buf_reserve(log->heap, buf, (size_t)from->size);

    if (status < 0) {
        return frn_fail(err, status, "record %llu: out of memory", (unsigned long long)seq);
    }
    status = log->io->ops->read(file->file, buf->data, (size_t)from->size, from->offset, &got, err);
    if (status < 0) {
        return frn_place(err, status, segment->number, from->offset, seq);
    }
    *out_there = record_find(from, buf->data, got, segment->salt, seq, out_record, out_batch);
    if (*out_there) {
        body = out_record->body.data;
        *out_offset = from->offset + (size_t)(body - FMT_RECORD_HEADER - (const uint8_t *)buf->data);
        memmove(buf->data, body, out_record->body.size);
        out_record->body.data = buf->data;
        buf->size = out_record->body.size;
    }
    return FIRN_OK;
}

firn_status frn_directory_get(frn_log *log, const frn_segment *segment, frn_log_file *file, uint64_t anchor,
                              uint64_t seq, firn_buf *buf, fmt_record *out_record, uint64_t *out_offset,
                              frn_batch_facts *out_batch, bool *out_there, firn_error *err)
{
    span from;
    firn_status status;

    *out_there = false;
    if (!look_up(log, segment->number, anchor, seq, &from) && !learn(log, segment, file, anchor, seq, &from)) {
        return FIRN_OK;
    }
    status = span_read(log, segment, file, &from, seq, buf, out_record, out_offset, out_batch, out_there, err);
    if (status == FIRN_OK && !*out_there) {
        frn_mutex_lock(&log->directory.lock);
        forget(log, place_of(log, segment->number, anchor));
        frn_mutex_unlock(&log->directory.lock);
    }
    return status;
}
