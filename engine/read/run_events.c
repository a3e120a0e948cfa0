/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_events.c — walk over the events of a run by their numbers, up or down.
 *
 * A row of the index tells where 64 events stand. Upwards the log is read forward with one reader, which steps over
 * records of others as long as they are few; where the next event is far, and downwards, each is read by its seq.
 */
#include "engine/base/error.h"
#include "engine/intake/options.h"
#include "engine/read/run.h"

#include <string.h>

enum {
    STEP_MAX = 256,           /* Records of others that are stepped over rather than read around. */
    READER_SIZE = 128 * 1024, /* Bytes read at a time. */
    BLOCKS_CAPACITY_MIN = 16
};

/* Used by one thread at a time. */
struct firn_run_events {
    firn_view *view;
    firn_run_events_options options;
    uint32_t stream;
    uint64_t next; /* The number to look for next … */
    bool over;     /* … unless this is true. */
    bool block_held;
    uint64_t block;
    frn_row_events events;
    uint64_t *blocks; /* Downwards: the blocks that are there, ascending, … */
    size_t blocks_count;
    size_t blocks_capacity;
    frn_log_reader *reader; /* Upwards; stands in front of reader_seq. */
    uint64_t reader_seq;
    firn_buf key, value, record;
};

void firn_run_events_close(firn_run_events *events)
{
    frn_heap *heap;

    if (events == NULL) {
        return;
    }
    heap = events->view->ledger->heap;
    frn_log_reader_close(events->reader);
    firn_buf_free(&events->key);
    firn_buf_free(&events->value);
    firn_buf_free(&events->record);
    frn_free(heap, events->blocks);
    frn_free(heap, events);
}

/* The first row at or behind a block. FIRN_END: the run has none there. */
static firn_status block_seek(firn_run_events *events, uint64_t block, bool after, firn_error *err)
{
    uint8_t from[FRN_ROW_EVENTS_KEY];
    uint32_t stream;
    fmt_verdict verdict;
    firn_status status =
        frn_index_seek(events->view->rows, FRN_TABLE_RUN_EVENTS, frn_row_events_key_encode(from, events->stream, block),
                       after, &events->key, &events->value, err);

    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_events_key_decode(frn_slice_of(&events->key), &stream, &events->block);
    if (verdict == FMT_OK && stream != events->stream) {
        return FIRN_END;
    }
    if (verdict == FMT_OK) {
        verdict = frn_row_events_decode(frn_slice_of(&events->value), &events->events);
    }
    events->block_held = verdict == FMT_OK;
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_RUN_EVENTS, verdict);
}

/* Downwards there is no seek: the blocks up to the upper bound are noted first. */
static firn_status blocks_note(firn_run_events *events, firn_error *err)
{
    uint64_t block = events->options.from / FRN_BLOCK_EVENTS, last = events->next / FRN_BLOCK_EVENTS;
    bool after = false;
    uint64_t *grown;
    firn_status status;

    for (;;) {
        status = block_seek(events, block, after, err);
        if (status != FIRN_OK || events->block > last) {
            break;
        }
        if (events->blocks_count == events->blocks_capacity) {
            size_t capacity = events->blocks_capacity == 0 ? BLOCKS_CAPACITY_MIN : 2 * events->blocks_capacity;

            grown = frn_realloc(events->view->ledger->heap, events->blocks, capacity * sizeof *grown);
            if (grown == NULL) {
                return frn_fail(err, FIRN_ENOMEM, "places of events");
            }
            events->blocks = grown;
            events->blocks_capacity = capacity;
        }
        events->blocks[events->blocks_count++] = events->block;
        block = events->block;
        after = true;
    }
    events->block_held = false;
    return status == FIRN_END ? FIRN_OK : status;
}

/* The next event upwards: its number is next. FIRN_END: there is none. */
static firn_status find_up(firn_run_events *events, firn_error *err)
{
    uint64_t left;
    firn_status status = FIRN_OK;

    if (!events->block_held || events->block != events->next / FRN_BLOCK_EVENTS) {
        status = block_seek(events, events->next / FRN_BLOCK_EVENTS, false, err);
    }
    while (status == FIRN_OK) {
        left = events->events.there;
        if (events->block == events->next / FRN_BLOCK_EVENTS) {
            left &= ~(frn_event_bit(events->next) - 1);
        }
        if (left != 0) {
            events->next = events->block * FRN_BLOCK_EVENTS + (uint64_t)__builtin_ctzll(left);
            return events->options.has_to && events->next > events->options.to ? FIRN_END : FIRN_OK;
        }
        status = block_seek(events, events->block, true, err);
    }
    return status;
}

/* The same downwards. */
static firn_status find_down(firn_run_events *events, firn_error *err)
{
    uint64_t left;
    firn_status status;

    for (; events->blocks_count != 0; events->blocks_count--) {
        uint64_t block = events->blocks[events->blocks_count - 1];

        if (!events->block_held || events->block != block) {
            status = block_seek(events, block, false, err);
            if (status != FIRN_OK) {
                return status;
            }
        }
        left = events->events.there;
        if (block > events->next / FRN_BLOCK_EVENTS) {
            left = 0; /* All of them were given. */
        } else if (block == events->next / FRN_BLOCK_EVENTS) {
            left &= frn_event_bit(events->next) | (frn_event_bit(events->next) - 1);
        }
        if (left != 0) {
            events->next = block * FRN_BLOCK_EVENTS + 63 - (uint64_t)__builtin_clzll(left);
            return events->next < events->options.from ? FIRN_END : FIRN_OK;
        }
    }
    return FIRN_END;
}

/* The record of an event, read forward. */
static firn_status read_forward(firn_run_events *events, uint64_t seq, fmt_record *out_record, firn_error *err)
{
    frn_log_record record;
    firn_status status = FIRN_OK;

    if (events->reader != NULL && (seq < events->reader_seq || seq - events->reader_seq > STEP_MAX)) {
        frn_log_reader_close(events->reader);
        events->reader = NULL;
    }
    if (events->reader == NULL) {
        status = frn_log_reader_open(events->view->ledger->log, seq, READER_SIZE, &events->reader, err);
        events->reader_seq = seq;
    }
    while (status == FIRN_OK) {
        status = frn_log_reader_next(events->reader, seq, &record, err);
        if (status == FIRN_OK) {
            events->reader_seq = record.record.seq + 1;
            if (record.record.seq == seq) {
                *out_record = record.record;
                return FIRN_OK;
            }
        }
    }
    return status == FIRN_END ? frn_view_bad(err, seq, "is named by the index and not in the log") : status;
}

static bool is_wanted(const firn_run_events *events, firn_slice kind)
{
    const firn_run_events_options *options = &events->options;

    for (size_t i = 0; i < options->kinds_count; i++) {
        firn_slice wanted = options->kinds[i].kind;

        if ((options->kinds[i].prefix ? wanted.size <= kind.size : wanted.size == kind.size) &&
            (wanted.size == 0 || memcmp(wanted.data, kind.data, wanted.size) == 0)) {
            return true;
        }
    }
    return options->kinds_count == 0;
}

/* The event whose number is next; its place is in the block that is held. */
static firn_status event_show(firn_run_events *events, firn_run_event *out_event, firn_error *err)
{
    uint64_t seq = events->events.seqs[frn_event_place(events->next)];
    fmt_record record;
    fmt_run_event event;
    firn_status status = events->options.reverse ? frn_view_record(events->view, seq, &events->record, &record, err)
                                                 : read_forward(events, seq, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (record.kind != FMT_KIND_RUN_EVENT || record.stream != events->stream ||
        fmt_run_event_decode(record.body, &event) != FMT_OK || event.event_seq != events->next) {
        return frn_view_bad(err, seq, "is not the event that the index says");
    }
    *out_event = (firn_run_event){
        .event_seq = event.event_seq,
        .kind = event.kind,
        .payload = event.payload,
        .timestamp = event.timestamp,
        .seq = seq,
    };
    return FIRN_OK;
}

static firn_status events_next(firn_run_events *events, firn_run_event *out_event, firn_error *err)
{
    bool reverse = events->options.reverse != 0;
    firn_run_event event;
    firn_status status;

    while (!events->over) {
        status = reverse ? find_down(events, err) : find_up(events, err);
        if (status == FIRN_OK) {
            status = event_show(events, &event, err);
        }
        events->over = status == FIRN_END;
        if (status != FIRN_OK) {
            return status;
        }
        events->over = events->next == (reverse ? 0 : UINT64_MAX);
        events->next += reverse ? UINT64_MAX : 1;
        if (is_wanted(events, event.kind)) {
            *out_event = event;
            return FIRN_OK;
        }
    }
    return FIRN_END;
}

firn_status firn_run_events_next(firn_run_events *events, firn_run_event *out_event, firn_error *err)
{
    firn_status status;

    if (events == NULL || out_event == NULL) {
        return frn_fail(err, FIRN_EINVAL, "read events: %s is NULL", events == NULL ? "events" : "out_event");
    }
    status = events_next(events, out_event, err);
    return status < 0 ? frn_wrap(err, status, "read events") : status;
}

static firn_status events_open(firn_run_events *events, firn_slice run_id, const firn_run_events_options *options,
                               firn_error *err)
{
    firn_run_events_options *own = &events->options;
    firn_status status = frn_options_read(own, sizeof *own, options, "events options", err);

    if (status == FIRN_OK && own->kinds_count != 0 && own->kinds == NULL) {
        status = frn_fail(err, FIRN_EINVAL, "kinds is NULL");
    }
    if (status == FIRN_OK) {
        status = frn_run_stream(events->view, run_id, &events->value, &events->stream, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    events->over = own->has_to && own->from > own->to;
    events->next = own->from;
    if (own->reverse && !events->over) {
        events->next = own->has_to ? own->to : UINT64_MAX;
        status = blocks_note(events, err);
    }
    return status;
}

firn_status firn_run_events_open(firn_view *view, firn_slice run_id, const firn_run_events_options *options,
                                 firn_run_events **out_events, firn_error *err)
{
    firn_run_events *events;
    firn_status status;

    if (view == NULL || out_events == NULL) {
        return frn_fail(err, FIRN_EINVAL, "read events: %s is NULL", view == NULL ? "view" : "out_events");
    }
    events = frn_alloc_zero(view->ledger->heap, 1, sizeof *events);
    if (events == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "read events");
    }
    events->view = view;
    status = events_open(events, run_id, options, err);
    if (status != FIRN_OK) {
        firn_run_events_close(events);
        return frn_wrap(err, status, "read events");
    }
    *out_events = events;
    return FIRN_OK;
}
