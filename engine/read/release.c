/* SPDX-License-Identifier: Apache-2.0 */
/* release.c — releases as a view sees them: the current one of a name, those before, and the names. */
#include "engine/base/error.h"
#include "engine/read/view.h"
#include "engine/intake/field.h"
#include "engine/store/release.h"
#include "format/stores.h"

#include <string.h>

enum {
    RELEASE_SIZE = 512 /* Most bodies are shorter, so that one read is enough. */
};

static firn_status release_show(firn_view *view, const frn_row_release *row, firn_buf *buf, firn_release *out_release,
                                firn_error *err)
{
    fmt_record record;
    firn_release release;
    bool rollback;
    firn_status status = frn_view_record_at(view, row->seq, row->hint, RELEASE_SIZE, buf, &record, err);

    if (status != FIRN_OK) {
        return status;
    }
    rollback = record.kind == FMT_KIND_RELEASE_ROLLBACK;
    if ((record.kind != FMT_KIND_RELEASE_PROMOTE && !rollback) ||
        fmt_release_decode(record.body, rollback, &release) != FMT_OK) {
        return frn_view_bad(err, row->seq, "is not the release that the index says");
    }
    release.seq = row->seq;
    *out_release = release;
    return FIRN_OK;
}

/* The newest release of a stream below a number. FIRN_END: there is none. */
static firn_status newest_below(firn_view *view, uint32_t stream, uint64_t before, firn_buf *buf,
                                firn_release *out_release, firn_error *err)
{
    uint8_t from[FRN_ROW_RELEASE_KEY];
    firn_buf key = {0};
    frn_row_release row;
    uint32_t found;
    uint64_t number;
    fmt_verdict verdict;
    firn_status status;

    status = frn_index_seek(view->rows, FRN_TABLE_RELEASE,
                            frn_row_release_key_encode(from, stream, before == 0 ? UINT64_MAX : before), before != 0,
                            &key, buf, err);
    if (status == FIRN_OK) {
        verdict = frn_row_release_key_decode(frn_slice_of(&key), &found, &number);
        if (verdict == FMT_OK && found != stream) {
            status = FIRN_END;
        } else if (verdict == FMT_OK) {
            verdict = frn_row_release_decode(frn_slice_of(buf), &row);
        }
        status = verdict == FMT_OK ? status : frn_row_bad(err, FRN_TABLE_RELEASE, verdict);
    }
    firn_buf_free(&key);
    return status == FIRN_OK ? release_show(view, &row, buf, out_release, err) : status;
}

static firn_status history(firn_view *view, firn_slice name, uint64_t before, firn_buf *buf, firn_release *out_release,
                           firn_error *err)
{
    char subject[FRN_SUBJECT_SIZE_MAX];
    uint32_t stream;
    firn_status status;

    if (view == NULL || buf == NULL || out_release == NULL) {
        return frn_fail(err, FIRN_EINVAL, "view, buf or out_release is NULL");
    }
    if (name.data == NULL || name.size == 0 || name.size > FIRN_RELEASE_NAME_SIZE_MAX || before == 1) {
        return FIRN_END;
    }
    status = frn_view_stream(view, frn_subject(subject, FRN_RELEASE_WORD, name), buf, &stream, err);
    if (status != FIRN_OK) {
        return status == FIRN_ENOTFOUND ? FIRN_END : status;
    }
    return newest_below(view, stream, before, buf, out_release, err);
}

firn_status firn_release_current(firn_view *view, firn_slice name, firn_buf *buf, firn_release *out_release,
                                 firn_error *err)
{
    firn_status status = history(view, name, 0, buf, out_release, err);

    return status < 0 ? frn_wrap(err, status, "current release") : status;
}

firn_status firn_release_history(firn_view *view, firn_slice name, uint64_t before, firn_buf *buf,
                                 firn_release *out_release, firn_error *err)
{
    firn_status status = history(view, name, before, buf, out_release, err);

    return status < 0 ? frn_wrap(err, status, "release history") : status;
}

static firn_status release_next(firn_view *view, firn_slice after, firn_buf *buf, firn_release *out_release,
                                firn_error *err)
{
    const size_t word = strlen(FRN_RELEASE_WORD);
    char subject[FRN_SUBJECT_SIZE_MAX];
    firn_buf key = {0}, value = {0};
    firn_slice from;
    uint32_t stream;
    fmt_verdict verdict;
    firn_status status;

    if (after.size > FIRN_RELEASE_NAME_SIZE_MAX) {
        return frn_field_invalid(err, "name", after);
    }
    from = frn_subject(subject, FRN_RELEASE_WORD, after);
    for (;;) {
        status = frn_index_seek(view->rows, FRN_TABLE_STREAM_BY_NAME, from, true, &key, &value, err);
        if (status == FIRN_OK && (key.size < word || memcmp(key.data, FRN_RELEASE_WORD, word) != 0)) {
            status = FIRN_END;
        }
        if (status != FIRN_OK) {
            break;
        }
        verdict = frn_row_stream_id_decode(frn_slice_of(&value), &stream);
        if (verdict != FMT_OK) {
            status = frn_row_bad(err, FRN_TABLE_STREAM_BY_NAME, verdict);
            break;
        }
        /* A stream of that name may hold other things only. */
        status = newest_below(view, stream, 0, buf, out_release, err);
        if (status != FIRN_END) {
            break;
        }
        from = frn_slice_of(&key);
    }
    firn_buf_free(&key);
    firn_buf_free(&value);
    return status;
}

firn_status firn_release_next(firn_view *view, firn_slice after, firn_buf *buf, firn_release *out_release,
                              firn_error *err)
{
    firn_status status;

    if (view == NULL || buf == NULL || out_release == NULL) {
        return frn_fail(err, FIRN_EINVAL, "next release: view, buf or out_release is NULL");
    }
    status = release_next(view, after, buf, out_release, err);
    return status < 0 ? frn_wrap(err, status, "next release") : status;
}
