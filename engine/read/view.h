/* SPDX-License-Identifier: Apache-2.0 */
/* view.h — a view as the reads see it: the rows at one durable seq, and the ledger that they are of. */
#ifndef FRN_READ_VIEW_H
#define FRN_READ_VIEW_H

#include "engine/intake/core.h"
#include "firn/view.h"

/** Any thread. last_time_ns is found when it is first asked for, by whoever asks: all find the same. */
struct firn_view {
    firn_ledger *ledger;
    frn_index_view *rows;
    _Atomic int64_t last_time_ns; /**< Timestamp of the last batch that the view sees … */
    _Atomic bool last_time_known; /**< … once this is true. */
};

/** The number of the stream with this name. FIRN_OK; FIRN_ENOTFOUND, without a text; FIRN_EEXPIRED, FIRN_ENOMEM. */
firn_status frn_view_stream(firn_view *view, firn_slice name, firn_buf *buf, uint32_t *out_stream,
                            firn_error *err) FIRN_NODISCARD;

/** A record of the log that rows name: what is missing is damage, not absence. Copied into buf. */
firn_status frn_view_record(firn_view *view, uint64_t seq, firn_buf *buf, fmt_record *out_record,
                            firn_error *err) FIRN_NODISCARD;
/** The same at the hint of a row, which may be wrong. body_size: what the row says that it is, or an estimate. */
firn_status frn_view_record_at(firn_view *view, uint64_t seq, uint64_t hint, size_t body_size, firn_buf *buf,
                               fmt_record *out_record, firn_error *err) FIRN_NODISCARD;

/** FIRN_ECORRUPT: a record is not of the kind that rows promise, or its body not what its kind demands. */
firn_status frn_view_bad(firn_error *err, uint64_t seq, const char *what) FIRN_NODISCARD;

static inline firn_slice frn_slice_of(const firn_buf *buf)
{
    return (firn_slice){buf->data, buf->size};
}

#endif
