/* SPDX-License-Identifier: Apache-2.0 */
/* view.c — a consistent read at one durable seq: streams and idempotency keys as they were then. */
#include "engine/read/view.h"

#include "engine/base/error.h"
#include "engine/index/rows.h"
#include "engine/intake/name.h"

#include <string.h>

firn_status firn_view_open(firn_ledger *ledger, firn_view **out_view, firn_error *err)
{
    firn_view *view;
    firn_status status;

    if (ledger == NULL || out_view == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open view: %s is NULL", ledger == NULL ? "ledger" : "out_view");
    }
    view = frn_alloc_zero(ledger->heap, 1, sizeof *view);
    if (view == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open view");
    }
    view->ledger = ledger;
    status = frn_index_view_open(ledger->index, frn_rows_position(ledger), &view->rows, err);
    if (status != FIRN_OK) {
        frn_free(ledger->heap, view);
        return frn_wrap(err, status, "open view");
    }
    *out_view = view;
    return FIRN_OK;
}

void firn_view_close(firn_view *view)
{
    if (view != NULL) {
        frn_index_view_close(view->rows);
        frn_free(view->ledger->heap, view);
    }
}

uint64_t firn_view_seq(const firn_view *view)
{
    return frn_index_view_seq(view->rows);
}

/* Fills in what the two rows of a stream say. row: the value of STREAM. */
static firn_status stream_show(firn_view *view, uint32_t id, firn_slice row, firn_stream *out_stream, firn_error *err)
{
    uint8_t key[FRN_ROW_STREAM_KEY];
    firn_buf buf = {0};
    frn_row_stream stream;
    frn_row_head head = {0};
    fmt_verdict verdict = frn_row_stream_decode(row, &stream);
    firn_status status;

    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_STREAM, verdict);
    }
    status = frn_index_get(view->rows, FRN_TABLE_STREAM_HEAD, frn_row_stream_key_encode(key, id), &buf, err);
    if (status == FIRN_OK) {
        verdict = frn_row_head_decode((firn_slice){buf.data, buf.size}, &head);
        status = verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_STREAM_HEAD, verdict);
    } else if (status == FIRN_ENOTFOUND) {
        status = FIRN_OK;
    }
    firn_buf_free(&buf);
    if (status != FIRN_OK) {
        return status;
    }
    out_stream->id = id;
    out_stream->name_size = (uint32_t)stream.name.size;
    out_stream->version = head.version;
    out_stream->first_seq = stream.first_seq;
    out_stream->last_seq = head.last_seq;
    memcpy(out_stream->name, stream.name.data, stream.name.size);
    out_stream->name[stream.name.size] = '\0';
    return FIRN_OK;
}

static firn_status stream_by_id(firn_view *view, uint32_t id, firn_stream *out_stream, firn_error *err)
{
    uint8_t key[FRN_ROW_STREAM_KEY];
    firn_buf buf = {0};
    firn_status status;

    status = frn_index_get(view->rows, FRN_TABLE_STREAM, frn_row_stream_key_encode(key, id), &buf, err);
    if (status == FIRN_OK) {
        status = stream_show(view, id, (firn_slice){buf.data, buf.size}, out_stream, err);
    } else if (status == FIRN_ENOTFOUND) {
        status = frn_fail(err, FIRN_ENOTFOUND, "there is no stream %u", id);
    }
    firn_buf_free(&buf);
    return status;
}

firn_status firn_stream_get_by_id(firn_view *view, uint32_t id, firn_stream *out_stream, firn_error *err)
{
    firn_status status;

    if (view == NULL || out_stream == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get stream: %s is NULL", view == NULL ? "view" : "out_stream");
    }
    status = stream_by_id(view, id, out_stream, err);
    return status < 0 ? frn_wrap(err, status, "get stream") : status;
}

static firn_status stream_by_name(firn_view *view, firn_slice name, firn_stream *out_stream, firn_error *err)
{
    firn_buf buf = {0};
    uint32_t id = 0;
    fmt_verdict verdict;
    firn_status status = frn_name_check(name, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = frn_index_get(view->rows, FRN_TABLE_STREAM_BY_NAME, name, &buf, err);
    if (status == FIRN_OK) {
        verdict = frn_row_stream_id_decode((firn_slice){buf.data, buf.size}, &id);
        status = verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_STREAM_BY_NAME, verdict);
    } else if (status == FIRN_ENOTFOUND) {
        status = frn_fail(err, FIRN_ENOTFOUND, "there is no stream %.*s", FRN_NAME(name));
    }
    firn_buf_free(&buf);
    return status == FIRN_OK ? stream_by_id(view, id, out_stream, err) : status;
}

firn_status firn_stream_get(firn_view *view, firn_slice name, firn_stream *out_stream, firn_error *err)
{
    firn_status status;

    if (view == NULL || out_stream == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get stream: %s is NULL", view == NULL ? "view" : "out_stream");
    }
    status = stream_by_name(view, name, out_stream, err);
    return status < 0 ? frn_wrap(err, status, "get stream") : status;
}

firn_status firn_stream_next(firn_view *view, uint32_t id, firn_stream *out_stream, firn_error *err)
{
    uint8_t from[FRN_ROW_STREAM_KEY];
    firn_buf key = {0}, value = {0};
    uint32_t next = 0;
    fmt_verdict verdict;
    firn_status status;

    if (view == NULL || out_stream == NULL) {
        return frn_fail(err, FIRN_EINVAL, "next stream: %s is NULL", view == NULL ? "view" : "out_stream");
    }
    status = frn_index_seek(view->rows, FRN_TABLE_STREAM, frn_row_stream_key_encode(from, id), true, &key, &value, err);
    if (status == FIRN_OK) {
        verdict = frn_row_stream_key_decode((firn_slice){key.data, key.size}, &next);
        status = verdict == FMT_OK ? stream_show(view, next, (firn_slice){value.data, value.size}, out_stream, err)
                                   : frn_row_bad(err, FRN_TABLE_STREAM, verdict);
    }
    firn_buf_free(&key);
    firn_buf_free(&value);
    return status < 0 ? frn_wrap(err, status, "next stream") : status;
}

/* The time that a view stands at: rows do not hold it, so that a batch need not write one more. */
static firn_status view_time(firn_view *view, int64_t *out_time_ns, firn_error *err)
{
    firn_buf buf = {0};
    frn_log_record record;
    uint64_t first_seq;
    uint32_t count;
    firn_status status;

    if (atomic_load_explicit(&view->last_time_known, memory_order_acquire)) {
        *out_time_ns = atomic_load_explicit(&view->last_time_ns, memory_order_relaxed);
        return FIRN_OK;
    }
    status = frn_log_get(view->ledger->log, firn_view_seq(view), &buf, &record, &first_seq, &count, out_time_ns, err);
    firn_buf_free(&buf);
    if (status == FIRN_OK) {
        atomic_store_explicit(&view->last_time_ns, *out_time_ns, memory_order_relaxed);
        atomic_store_explicit(&view->last_time_known, true, memory_order_release);
    }
    return status;
}

static firn_status view_key_age(firn_view *view, firn_buf *buf, uint64_t *out_age_ns, firn_error *err)
{
    uint8_t key[FRN_ROW_SETTING_KEY];
    fmt_verdict verdict;
    firn_status status =
        frn_index_get(view->rows, FRN_TABLE_SETTING, frn_row_setting_key_encode(key, FRN_SETTING_KEY_AGE), buf, err);

    if (status == FIRN_ENOTFOUND) {
        *out_age_ns = FRN_KEY_AGE_DEFAULT_NS;
        return FIRN_OK;
    }
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_setting_decode((firn_slice){buf->data, buf->size}, out_age_ns);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_SETTING, verdict);
}

/* FIRN_ENOTFOUND without a text: unknown, or over its age. */
static firn_status key_row(firn_view *view, firn_slice scope, firn_slice key, firn_buf *buf, frn_row_key *out_row,
                           firn_error *err)
{
    uint8_t row_key[FRN_ROW_KEY_KEY];
    uint64_t age_ns = 0;
    int64_t now_ns = 0;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_get(view->rows, FRN_TABLE_KEY, frn_row_key_key_encode(row_key, scope, key), buf, err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_key_decode((firn_slice){buf->data, buf->size}, out_row);
    if (verdict != FMT_OK) {
        return frn_row_bad(err, FRN_TABLE_KEY, verdict);
    }
    status = view_key_age(view, buf, &age_ns, err);
    if (status == FIRN_OK) {
        status = view_time(view, &now_ns, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    return frn_key_is_over(out_row->time_ns, now_ns, age_ns) ? FIRN_ENOTFOUND : FIRN_OK;
}

firn_status firn_key_get(firn_view *view, firn_slice scope, firn_slice key, firn_receipt *out_receipt, firn_error *err)
{
    firn_buf buf = {0};
    frn_row_key row;
    frn_log *log;
    firn_status status;

    if (view == NULL || out_receipt == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get key: %s is NULL", view == NULL ? "view" : "out_receipt");
    }
    status = frn_key_check(scope, key, err);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "get key");
    }
    status = key_row(view, scope, key, &buf, &row, err);
    firn_buf_free(&buf);
    if (status == FIRN_ENOTFOUND) {
        return frn_fail(err, FIRN_ENOTFOUND, "get key: there is no such idempotency key");
    }
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "get key");
    }
    log = view->ledger->log;
    *out_receipt =
        (firn_receipt){.first_seq = row.first_seq, .count = row.count, .existing = 1, .time_ns = row.time_ns};
    out_receipt->cursor.seq = row.first_seq + row.count - 1;
    out_receipt->cursor.incarnation = frn_log_incarnation_of(log, out_receipt->cursor.seq);
    memcpy(out_receipt->cursor.ledger_id, frn_log_id(log), FIRN_LEDGER_ID_SIZE);
    return FIRN_OK;
}

firn_status frn_view_stream(firn_view *view, firn_slice name, firn_buf *buf, uint32_t *out_stream, firn_error *err)
{
    fmt_verdict verdict;
    firn_status status = frn_index_get(view->rows, FRN_TABLE_STREAM_BY_NAME, name, buf, err);

    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_stream_id_decode(frn_slice_of(buf), out_stream);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_STREAM_BY_NAME, verdict);
}

firn_status frn_view_bad(firn_error *err, uint64_t seq, const char *what)
{
    (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "record %llu: %s", (unsigned long long)seq, what);
    return frn_place(err, FIRN_ECORRUPT, 0, 0, seq);
}

firn_status frn_view_record(firn_view *view, uint64_t seq, firn_buf *buf, fmt_record *out_record, firn_error *err)
{
    frn_log_record record;
    uint64_t first;
    uint32_t count;
    int64_t time_ns;
    firn_status status = frn_log_get(view->ledger->log, seq, buf, &record, &first, &count, &time_ns, err);

    if (status == FIRN_ENOTFOUND) {
        return frn_view_bad(err, seq, "is named by the index and not in the log");
    }
    if (status == FIRN_OK) {
        *out_record = record.record;
    }
    return status;
}

firn_status frn_view_record_at(firn_view *view, uint64_t seq, uint64_t hint, size_t body_size, firn_buf *buf,
                               fmt_record *out_record, firn_error *err)
{
    firn_status status =
        frn_log_get_at(view->ledger->log, seq, frn_log_hint_unpack(hint), body_size, buf, out_record, err);

    return status == FIRN_ENOTFOUND ? frn_view_bad(err, seq, "is named by the index and not in the log") : status;
}
