/* SPDX-License-Identifier: Apache-2.0 */
/* record.c — a record of the log as the public interface shows it, and reading one after the other. */
#include "engine/read/record.h"

#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "format/body.h"

firn_status frn_record_show(const frn_log_record *record, const frn_record_batch *batch, firn_record *out_record,
                            firn_error *err)
{
    const fmt_record *from = &record->record;
    firn_slice payload = {0};
    fmt_verdict verdict;

    if (from->kind <= FIRN_EVENT_KIND_MAX) {
        verdict = fmt_event_decode(from->body, &payload);
        if (verdict != FMT_OK) {
            (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "record %llu: body of an event: %s",
                                  (unsigned long long)from->seq, fmt_verdict_text(verdict));
            return frn_place(err, FIRN_ECORRUPT, 0, 0, from->seq);
        }
    }
    *out_record = (firn_record){
        .seq = from->seq,
        .time_ns = batch->time_ns,
        .version = from->version,
        .batch_first_seq = batch->first_seq,
        .batch_count = batch->count,
        .stream = from->stream,
        .kind = from->kind,
        .incarnation = record->incarnation,
        .body = from->body,
        .payload = payload,
    };
    return FIRN_OK;
}

firn_status frn_record_source_init(frn_record_source *source, firn_ledger *ledger, const firn_scan_options *options,
                                   firn_error *err)
{
    firn_status status;

    *source = (frn_record_source){.ledger = ledger, .buffer_size = options->buffer_size};
    if (options->after == NULL) {
        source->next_seq = options->first_seq == 0 ? 1 : options->first_seq;
        return FIRN_OK;
    }
    if (options->first_seq != 0) {
        return frn_fail(err, FIRN_EINVAL, "both a cursor and a first seq are given");
    }
    status = frn_log_cursor_check(ledger->log, options->after, err);
    if (status == FIRN_OK) {
        source->next_seq = options->after->seq + 1;
    }
    return status;
}

void frn_record_source_done(frn_record_source *source)
{
    frn_log_reader_close(source->reader);
    source->reader = NULL;
}

static firn_status source_next(frn_record_source *source, uint64_t last_seq, firn_record *out_record, firn_error *err)
{
    frn_log_record record;
    frn_record_batch batch;
    firn_status status;

    if (source->reader == NULL) {
        status = frn_log_reader_open(source->ledger->log, source->next_seq, source->buffer_size, &source->reader, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
    status = frn_log_reader_next(source->reader, last_seq, &record, err);
    if (status != FIRN_OK) {
        return status;
    }
    batch = (frn_record_batch){record.batch->first_seq, record.batch->count, record.batch->time_ns};
    status = frn_record_show(&record, &batch, out_record, err);
    if (status == FIRN_OK) {
        source->next_seq = record.record.seq + 1;
    }
    return status;
}

firn_status frn_record_source_next(frn_record_source *source, uint64_t last_seq, firn_record *out_record,
                                   firn_error *err)
{
    firn_error own;
    firn_status status;

    if (source->damage.status == FIRN_OK) {
        if (source->next_seq > last_seq) {
            return FIRN_END;
        }
        status = source_next(source, last_seq, out_record, &own);
        if (status >= 0) {
            return status;
        }
        if (status == FIRN_ECORRUPT) {
            source->damage = own;
        }
    } else {
        own = source->damage;
    }
    if (err != NULL) {
        *err = own;
    }
    return own.status;
}
