/* SPDX-License-Identifier: Apache-2.0 */
/* run.c — runs as a view sees them: one, and a walk over many, newest first. */
#include "engine/read/run.h"

#include "engine/base/error.h"
#include "engine/intake/options.h"

#include <stdio.h>
#include <string.h>

enum {
    RUN_SIZE = 1024 /* Most bodies of creations and ends are shorter, so that one read is enough. */
};

firn_status frn_run_head(firn_view *view, uint32_t stream, firn_buf *buf, frn_row_run_head *out_head, firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY];
    fmt_verdict verdict;
    firn_status status = frn_index_get(view->rows, FRN_TABLE_RUN_HEAD, frn_row_run_key_encode(key, stream), buf, err);

    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_run_head_decode(frn_slice_of(buf), out_head);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_RUN_HEAD, verdict);
}

firn_status frn_run_row(firn_view *view, uint32_t stream, firn_buf *buf, frn_row_run *out_row, firn_error *err)
{
    uint8_t key[FRN_ROW_RUN_KEY];
    fmt_verdict verdict;
    firn_status status = frn_index_get(view->rows, FRN_TABLE_RUN, frn_row_run_key_encode(key, stream), buf, err);

    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_run_decode(frn_slice_of(buf), out_row);
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_RUN, verdict);
}

firn_status frn_run_stream(firn_view *view, firn_slice run_id, firn_buf *buf, uint32_t *out_stream, firn_error *err)
{
    char subject[FRN_SUBJECT_SIZE_MAX];
    frn_row_run_head head;
    firn_status status = FIRN_ENOTFOUND;

    if (run_id.data != NULL && run_id.size != 0 && run_id.size <= FIRN_RUN_ID_SIZE_MAX) {
        status = frn_view_stream(view, frn_subject(subject, FRN_RUN_WORD, run_id), buf, out_stream, err);
    }
    if (status == FIRN_OK) {
        status = frn_run_head(view, *out_stream, buf, &head, err);
    }
    return status == FIRN_ENOTFOUND ? frn_run_unknown(err, run_id.data == NULL ? (firn_slice){0} : run_id) : status;
}

/* What the record of a run's end says. */
static firn_status end_show(firn_view *view, const frn_row_run_head *head, firn_run *run, firn_error *err)
{
    firn_buf buf = {0};
    fmt_record record;
    fmt_run_end end;
    firn_status status = frn_view_record_at(view, head->end_seq, head->hint, RUN_SIZE, &buf, &record, err);

    if (status == FIRN_OK && (record.kind != FMT_KIND_RUN_END || fmt_run_end_decode(record.body, &end) != FMT_OK)) {
        status = frn_view_bad(err, head->end_seq, "is not the end of a run");
    }
    if (status == FIRN_OK) {
        run->summary = end.summary;
        run->completed_at = end.completed_at;
    }
    firn_buf_free(&buf);
    return status;
}

/* A run from its rows and records. */
static firn_status run_show(firn_view *view, uint64_t create_seq, uint64_t create_hint, const frn_row_run_head *head,
                            firn_buf *buf, firn_run *out_run, firn_error *err)
{
    fmt_record record;
    fmt_run_create create;
    firn_run run = {
        .status = head->status,
        .event_count = head->event_count,
        .last_event_seq = head->last_event_seq,
        .create_seq = create_seq,
        .end_seq = head->end_seq,
    };
    firn_status status = frn_view_record_at(view, create_seq, create_hint, RUN_SIZE, buf, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (record.kind != FMT_KIND_RUN_CREATE || fmt_run_create_decode(record.body, &create) != FMT_OK) {
        return frn_view_bad(err, create_seq, "is not the creation of a run");
    }
    run.run_id = create.run_id;
    run.git_sha = create.git_sha;
    run.agent_name = create.agent_name;
    run.tags = create.tags;
    run.evaluation = create.evaluation;
    run.has_evaluation = create.has_evaluation;
    run.created_at = create.created_at;
    memcpy(run.spec_digest, create.spec_digest, sizeof run.spec_digest);
    if (head->end_seq != 0) {
        status = end_show(view, head, &run, err);
    }
    if (status == FIRN_OK) {
        *out_run = run;
    }
    return status;
}

static firn_status run_get(firn_view *view, firn_slice run_id, firn_buf *buf, firn_run *out_run, firn_error *err)
{
    frn_row_run_head head;
    frn_row_run row;
    uint32_t stream;
    firn_status status = frn_run_stream(view, run_id, buf, &stream, err);

    if (status == FIRN_OK) {
        status = frn_run_head(view, stream, buf, &head, err);
    }
    if (status == FIRN_OK) {
        status = frn_run_row(view, stream, buf, &row, err);
    }
    return status == FIRN_OK ? run_show(view, row.create_seq, row.hint, &head, buf, out_run, err) : status;
}

firn_status firn_run_get(firn_view *view, firn_slice run_id, firn_buf *buf, firn_run *out_run, firn_error *err)
{
    firn_status status;

    if (view == NULL || buf == NULL || out_run == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get run: view, buf or out_run is NULL");
    }
    status = run_get(view, run_id, buf, out_run, err);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "get run");
}

enum {
    CURSOR_SEQ_DIGITS = 16, /* Of the create seq of the last run given, … */
    CURSOR_PRINT_SIZE = 8   /* … then bytes of the filter's digest. */
};
_Static_assert(CURSOR_SEQ_DIGITS + 2 * CURSOR_PRINT_SIZE < FIRN_RUN_CURSOR_SIZE, "a cursor is too long");

/* Used by one thread at a time. What the filter points to was copied into texts. */
struct firn_run_list {
    firn_view *view;
    firn_run_filter filter;
    uint8_t spec_digest[FIRN_DIGEST_SIZE];
    char agent_name[FIRN_TEXT_SIZE_MAX];
    char git_sha[FIRN_TEXT_SIZE_MAX];
    bool never;      /* A name that no run can have is asked for. */
    uint64_t before; /* Runs created at or behind this seq were given; UINT64_MAX at the beginning. */
    char print[2 * CURSOR_PRINT_SIZE + 1]; /* Of the filter. */
    firn_buf key, value, row, record;
};

void firn_run_list_close(firn_run_list *list)
{
    if (list == NULL) {
        return;
    }
    firn_buf_free(&list->key);
    firn_buf_free(&list->value);
    firn_buf_free(&list->row);
    firn_buf_free(&list->record);
    frn_free(list->view->ledger->heap, list);
}

static void digest_given(frn_digest *digest, bool given, firn_slice bytes)
{
    frn_digest_number(digest, given);
    frn_digest_bytes(digest, given ? bytes : (firn_slice){0});
}

/* What makes one filter different from another. */
static firn_status filter_print(firn_run_list *list, firn_error *err)
{
    const firn_run_filter *filter = &list->filter;
    uint8_t whole[FIRN_DIGEST_SIZE];
    char text[FIRN_DIGEST_TEXT_SIZE];
    frn_digest *digest;
    firn_status status = frn_digest_begin(&list->view->ledger->digests, &digest, err);

    if (status != FIRN_OK) {
        return status;
    }
    digest_given(digest, filter->spec_digest != NULL, (firn_slice){filter->spec_digest, FIRN_DIGEST_SIZE});
    digest_given(digest, filter->agent_name.data != NULL, filter->agent_name);
    digest_given(digest, filter->git_sha.data != NULL, filter->git_sha);
    frn_digest_number(digest, filter->statuses);
    frn_digest_number(digest, filter->has_created_from);
    frn_digest_number(digest, filter->has_created_from ? (uint64_t)filter->created_from.seconds : 0);
    frn_digest_number(digest, filter->has_created_from ? filter->created_from.nanoseconds : 0);
    frn_digest_number(digest, filter->has_created_to);
    frn_digest_number(digest, filter->has_created_to ? (uint64_t)filter->created_to.seconds : 0);
    frn_digest_number(digest, filter->has_created_to ? filter->created_to.nanoseconds : 0);
    status = frn_digest_finish(digest, whole, err);
    if (status == FIRN_OK) {
        firn_digest_format(whole, text);
        memcpy(list->print, text, sizeof list->print - 1);
    }
    return status;
}

static firn_status cursor_read(firn_run_list *list, firn_slice cursor, firn_error *err)
{
    const char *text = cursor.data;
    uint64_t before = 0;

    if (cursor.size == 0) {
        list->before = UINT64_MAX;
        return FIRN_OK;
    }
    if (cursor.size != CURSOR_SEQ_DIGITS + 2 * CURSOR_PRINT_SIZE ||
        memcmp(text + CURSOR_SEQ_DIGITS, list->print, (size_t)2 * CURSOR_PRINT_SIZE) != 0) {
        return frn_field_invalid(err, "cursor", cursor);
    }
    for (size_t i = 0; i < CURSOR_SEQ_DIGITS; i++) {
        const char *digit = memchr("0123456789abcdef", text[i], 16);

        if (digit == NULL) {
            return frn_field_invalid(err, "cursor", cursor);
        }
        before = before << 4 | (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    }
    list->before = before;
    return FIRN_OK;
}

/* Takes a text of the filter's over into the list. */
static void keep(firn_run_list *list, firn_slice *text, char *place)
{
    if (text->size > FIRN_TEXT_SIZE_MAX) {
        list->never = true;
    } else if (text->data != NULL) {
        memcpy(place, text->data, text->size);
        text->data = place;
    }
}

static firn_status list_open(firn_run_list *list, const firn_run_filter *given, firn_error *err)
{
    firn_run_filter *filter = &list->filter;
    firn_status status = frn_options_read(filter, sizeof *filter, given, "run filter", err);

    if (status != FIRN_OK) {
        return status;
    }
    if (filter->statuses >> (FIRN_RUN_CANCELLED + 1) != 0) {
        return frn_fail(err, FIRN_EINVAL, "invalid status: %u", filter->statuses);
    }
    status = filter_print(list, err);
    if (status == FIRN_OK) {
        status = cursor_read(list, filter->cursor, err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    if (filter->spec_digest != NULL) {
        memcpy(list->spec_digest, filter->spec_digest, sizeof list->spec_digest);
        filter->spec_digest = list->spec_digest;
    }
    keep(list, &filter->agent_name, list->agent_name);
    keep(list, &filter->git_sha, list->git_sha);
    return FIRN_OK;
}

firn_status firn_run_list_open(firn_view *view, const firn_run_filter *filter, firn_run_list **out_list,
                               firn_error *err)
{
    firn_run_list *list;
    firn_status status;

    if (view == NULL || out_list == NULL) {
        return frn_fail(err, FIRN_EINVAL, "list runs: %s is NULL", view == NULL ? "view" : "out_list");
    }
    list = frn_alloc_zero(view->ledger->heap, 1, sizeof *list);
    if (list == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "list runs");
    }
    list->view = view;
    status = list_open(list, filter, err);
    if (status != FIRN_OK) {
        firn_run_list_close(list);
        return frn_wrap(err, status, "list runs");
    }
    *out_list = list;
    return FIRN_OK;
}

static bool same(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_before(firn_time a, firn_time b)
{
    return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds < b.nanoseconds);
}

static bool matches(const firn_run_list *list, const frn_row_run *row, const frn_row_run_head *head)
{
    const firn_run_filter *filter = &list->filter;
    firn_time created_at = firn_time_of_ns(row->created_ns);

    if (list->never || (filter->statuses != 0 && (filter->statuses >> head->status & 1) == 0)) {
        return false;
    }
    if (filter->spec_digest != NULL && memcmp(filter->spec_digest, row->spec_digest, FIRN_DIGEST_SIZE) != 0) {
        return false;
    }
    if (filter->agent_name.data != NULL && !same(filter->agent_name, row->agent_name)) {
        return false;
    }
    if (filter->git_sha.data != NULL && (row->git_sha.data == NULL || !same(filter->git_sha, row->git_sha))) {
        return false;
    }
    return (!filter->has_created_from || !is_before(created_at, filter->created_from)) &&
           (!filter->has_created_to || is_before(created_at, filter->created_to));
}

/* The next older run, whether it matches or not. */
static firn_status step(firn_run_list *list, uint32_t *out_stream, firn_error *err)
{
    uint8_t from[FRN_ROW_RUN_BY_AGE_KEY];
    firn_slice start = {0};
    fmt_verdict verdict;
    firn_status status;

    if (list->before != UINT64_MAX) {
        start = frn_row_run_by_age_key_encode(from, list->before);
    }
    status = frn_index_seek(list->view->rows, FRN_TABLE_RUN_BY_AGE, start, true, &list->key, &list->value, err);
    if (status != FIRN_OK) {
        return status;
    }
    verdict = frn_row_run_by_age_key_decode(frn_slice_of(&list->key), &list->before);
    if (verdict == FMT_OK) {
        verdict = frn_row_run_by_age_decode(frn_slice_of(&list->value), out_stream);
    }
    return verdict == FMT_OK ? FIRN_OK : frn_row_bad(err, FRN_TABLE_RUN_BY_AGE, verdict);
}

static firn_status list_next(firn_run_list *list, firn_run *out_run, firn_error *err)
{
    frn_row_run_head head;
    frn_row_run row;
    uint32_t stream;
    firn_status status;

    do {
        status = step(list, &stream, err);
        if (status == FIRN_OK) {
            status = frn_run_head(list->view, stream, &list->value, &head, err);
        }
        if (status == FIRN_OK) {
            status = frn_run_row(list->view, stream, &list->row, &row, err);
        }
        if (status != FIRN_OK) {
            return status == FIRN_ENOTFOUND ? frn_view_bad(err, list->before, "is listed as a run and has no row")
                                            : status;
        }
    } while (!matches(list, &row, &head));
    return run_show(list->view, row.create_seq, row.hint, &head, &list->record, out_run, err);
}

firn_status firn_run_list_next(firn_run_list *list, firn_run *out_run, firn_error *err)
{
    firn_status status;

    if (list == NULL || out_run == NULL) {
        return frn_fail(err, FIRN_EINVAL, "list runs: %s is NULL", list == NULL ? "list" : "out_run");
    }
    status = list_next(list, out_run, err);
    return status < 0 ? frn_wrap(err, status, "list runs") : status;
}

void firn_run_list_cursor(const firn_run_list *list, char out_text[FIRN_RUN_CURSOR_SIZE])
{
    (void)snprintf(out_text, FIRN_RUN_CURSOR_SIZE, "%016llx%s", (unsigned long long)list->before, list->print);
}
