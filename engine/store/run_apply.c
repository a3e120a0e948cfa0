/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_apply.c — the rows of runs: state, place in the list, and where each event stands.
 *
 * Happy path: a run's head and one row of 64 events are held in memory while records of the run follow each other, and
 * written back when another run's turn comes or the batch ends; the next batch goes on with them. An event costs a bit,
 * a seq and a print there.
 *
 * Why prints: a repeated append must be told from a conflicting one while it is decided, when nothing may be read from
 * the log. 16 bytes of a SHA-256 decide it, in a row that serves 64 events. The hash is a third of what an event costs;
 * a faster one that can be forged would have to be confirmed by the record.
 */
#include "engine/base/error.h"
#include "engine/intake/damage.h"
#include "engine/store/run.h"
#include "format/bytes.h"

#include <assert.h>
#include <string.h>

enum {
    PRINT_HEAD_SIZE_MAX = 8 + FIRN_TEXT_SIZE_MAX + 8 + 8 + 8 /* Kind with its size, timestamp, size of the payload. */
};

static firn_status print_finish(frn_digest *digest, uint8_t out_print[FRN_PRINT_SIZE], firn_error *err)
{
    uint8_t whole[FIRN_DIGEST_SIZE];
    firn_status status = frn_digest_finish(digest, whole, err);

    if (status == FIRN_OK) {
        memcpy(out_print, whole, FRN_PRINT_SIZE);
    }
    return status;
}

firn_status frn_run_event_print(frn_digests *digests, firn_slice kind, firn_slice payload, firn_time timestamp,
                                uint8_t out_print[FRN_PRINT_SIZE], firn_error *err)
{
    uint8_t head[PRINT_HEAD_SIZE_MAX], *at = head + 8;
    frn_digest *digest;
    firn_status status = frn_digest_begin(digests, &digest, err);

    if (status != FIRN_OK) {
        return status;
    }
    assert(kind.size <= FIRN_TEXT_SIZE_MAX);
    fmt_put64(head, kind.size);
    if (kind.size != 0) {
        memcpy(at, kind.data, kind.size);
        at += kind.size;
    }
    fmt_put64(at, (uint64_t)timestamp.seconds);
    fmt_put64(at + 8, timestamp.nanoseconds);
    fmt_put64(at + 16, payload.size);
    /* In one piece: each costs as much as the hashing of a good part of it. */
    frn_digest_raw(digest, (firn_slice){head, (size_t)(at + 24 - head)});
    frn_digest_raw(digest, payload);
    return print_finish(digest, out_print, err);
}

static void digest_text_or_null(frn_digest *digest, firn_slice text)
{
    frn_digest_number(digest, text.data != NULL);
    frn_digest_bytes(digest, text);
}

firn_status frn_run_create_print(frn_digests *digests, const fmt_run_create *create, uint8_t out_print[FRN_PRINT_SIZE],
                                 firn_error *err)
{
    frn_digest *digest;
    firn_run_evaluation absent = {0};
    const firn_run_evaluation *evaluation = create->has_evaluation ? &create->evaluation : &absent;
    firn_status status = frn_digest_begin(digests, &digest, err);

    if (status != FIRN_OK) {
        return status;
    }
    frn_digest_bytes(digest, (firn_slice){create->spec_digest, FIRN_DIGEST_SIZE});
    digest_text_or_null(digest, create->git_sha);
    frn_digest_bytes(digest, create->agent_name);
    frn_digest_bytes(digest, create->tags);
    digest_text_or_null(digest, evaluation->rubric_path);
    frn_digest_number(digest, evaluation->is_promotion_gate != 0);
    frn_digest_number(digest, evaluation->agent_phase);
    return print_finish(digest, out_print, err);
}

static firn_status events_write_back(frn_apply *apply, firn_error *err)
{
    uint8_t key[FRN_ROW_EVENTS_KEY], value[FRN_ROW_EVENTS];
    frn_held_run *run = &apply->run;

    if (!run->events_held || !run->events_dirty) {
        return FIRN_OK;
    }
    run->events_dirty = false;
    return frn_index_put(apply->index, FRN_TABLE_RUN_EVENTS, frn_row_events_key_encode(key, run->stream, run->block),
                         frn_row_events_encode(value, &run->events), err);
}

firn_status frn_run_flush(frn_apply *apply, firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY], value[FRN_ROW_RUN_HEAD];
    frn_held_run *run = &apply->run;
    firn_status status = events_write_back(apply, err);

    if (status == FIRN_OK && run->head_dirty) {
        run->head_dirty = false;
        status = frn_index_put(apply->index, FRN_TABLE_RUN_HEAD, frn_row_run_key_encode(key, run->stream),
                               frn_row_run_head_encode(value, &run->head), err);
    }
    return status;
}

firn_status frn_run_hold(frn_apply *apply, uint32_t stream, firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY];
    frn_held_run *run = &apply->run;
    firn_slice value;
    fmt_verdict verdict;
    firn_status status;

    assert(stream != 0);
    if (run->stream == stream) {
        return FIRN_OK;
    }
    if (run->stream != 0) {
        status = frn_run_flush(apply, err);
        run->stream = 0;
        if (status != FIRN_OK) {
            return status;
        }
    }
    status = frn_index_read(apply->index, FRN_TABLE_RUN_HEAD, frn_row_run_key_encode(key, stream), &value, err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_run_head_decode(value, &run->head);
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_RUN_HEAD, verdict);
    }
    run->stream = stream;
    run->head_dirty = false;
    run->events_held = false;
    run->events_dirty = false;
    return FIRN_OK;
}

firn_status frn_run_hold_events(frn_apply *apply, uint64_t event_seq, firn_error *err)
{
    uint8_t key[FRN_ROW_EVENTS_KEY];
    frn_held_run *run = &apply->run;
    uint64_t block = event_seq / FRN_BLOCK_EVENTS;
    firn_slice value;
    fmt_verdict verdict;
    firn_status status;

    if (run->events_held && run->block == block) {
        return FIRN_OK;
    }
    status = events_write_back(apply, err);
    run->events_held = false;
    if (status != FIRN_OK) {
        return status;
    }
    run->events.there = 0;
    /* Behind the highest number there can be no row, unless it is in the same block. */
    if (run->head.event_count != 0 && block <= run->head.last_event_seq / FRN_BLOCK_EVENTS) {
        status = frn_index_read(apply->index, FRN_TABLE_RUN_EVENTS, frn_row_events_key_encode(key, run->stream, block),
                                &value, err);
        if (status == FIRN_OK) {
            verdict = frn_row_events_decode(value, &run->events);
            if (verdict != FMT_OK) {
                return frn_row_bad(err, FRN_TABLE_RUN_EVENTS, verdict);
            }
        } else if (status != FIRN_ENOTFOUND) {
            return status;
        }
    }
    run->block = block;
    run->events_held = true;
    return FIRN_OK;
}

static firn_status create_rows(frn_apply *apply, const fmt_record *record, const fmt_run_create *create,
                               firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY], value[FRN_ROW_RUN], age_key[FRN_ROW_RUN_BY_AGE_KEY], age[FRN_ROW_RUN_BY_AGE];
    frn_row_run row = {
        .create_seq = record->seq,
        .created_ns = apply->time_ns,
        .agent_name = create->agent_name,
        .git_sha = create->git_sha,
        .hint = apply->hint,
    };
    firn_status status = frn_run_create_print(apply->digests, create, row.print, err);

    memcpy(row.spec_digest, create->spec_digest, sizeof row.spec_digest);
    if (status == FIRN_OK) {
        status = frn_index_put(apply->index, FRN_TABLE_RUN, frn_row_run_key_encode(key, record->stream),
                               frn_row_run_encode(value, &row), err);
    }
    if (status == FIRN_OK) {
        status = frn_index_put(apply->index, FRN_TABLE_RUN_BY_AGE, frn_row_run_by_age_key_encode(age_key, record->seq),
                               frn_row_run_by_age_encode(age, record->stream), err);
    }
    return status;
}

static firn_status create_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    fmt_run_create create;
    fmt_verdict verdict = fmt_run_create_decode(record->body, &create);
    firn_status status;

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    status = frn_run_hold(apply, record->stream, err);
    if (status != FIRN_ENOTFOUND) {
        return status == FIRN_OK ? frn_contradicts(err, record, "a run is created twice") : status;
    }
    status = create_rows(apply, record, &create, err);
    if (status == FIRN_OK) {
        apply->run = (frn_held_run){.stream = record->stream, .head_dirty = true};
    }
    return status;
}

/* The run that a record behind its creation belongs to, which must be RUNNING. */
static firn_status running(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    firn_status status = frn_run_hold(apply, record->stream, err);

    if (status == FIRN_ENOTFOUND) {
        return frn_contradicts(err, record, "a record of a run that was not created");
    }
    if (status == FIRN_OK && apply->run.head.status != FIRN_RUN_RUNNING) {
        return frn_contradicts(err, record, "a record behind the end of its run");
    }
    return status;
}

static firn_status event_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    frn_held_run *run = &apply->run;
    fmt_run_event event;
    unsigned place;
    fmt_verdict verdict = fmt_run_event_decode(record->body, &event);
    firn_status status;

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    status = running(apply, record, err);
    if (status == FIRN_OK) {
        status = frn_run_hold_events(apply, event.event_seq, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    if ((run->events.there & frn_event_bit(event.event_seq)) != 0) {
        return frn_contradicts(err, record, "an event of a run has the number of another");
    }
    place = frn_event_place(event.event_seq);
    status =
        frn_run_event_print(apply->digests, event.kind, event.payload, event.timestamp, run->events.prints[place], err);
    if (status != FIRN_OK) {
        return status;
    }
    run->events.there |= frn_event_bit(event.event_seq);
    run->events.seqs[place] = record->seq;
    run->events_dirty = true;
    if (run->head.event_count == 0 || event.event_seq > run->head.last_event_seq) {
        run->head.last_event_seq = event.event_seq;
    }
    run->head.event_count++;
    run->head_dirty = true;
    return FIRN_OK;
}

static firn_status end_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    frn_held_run *run = &apply->run;
    fmt_run_end end;
    fmt_verdict verdict = fmt_run_end_decode(record->body, &end);
    firn_status status;

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    status = running(apply, record, err);
    if (status != FIRN_OK) {
        return status;
    }
    if (end.event_count != run->head.event_count || end.last_event_seq != run->head.last_event_seq) {
        return frn_contradicts(err, record, "the end of a run counts other events than there are");
    }
    run->head.status = end.status;
    run->head.end_seq = record->seq;
    run->head.hint = apply->hint;
    run->head_dirty = true;
    return FIRN_OK;
}

firn_status frn_run_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    if (record->stream == 0) {
        return frn_contradicts(err, record, "a record of a run outside any stream");
    }
    switch (record->kind) {
    case FMT_KIND_RUN_CREATE:
        return create_apply(apply, record, err);
    case FMT_KIND_RUN_EVENT:
        return event_apply(apply, record, err);
    case FMT_KIND_RUN_END:
        return end_apply(apply, record, err);
    default:
        return FIRN_OK; /* Of a newer version: kept, not understood. */
    }
}
