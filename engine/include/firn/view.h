/* SPDX-License-Identifier: Apache-2.0 */
/* view.h — a consistent read at one durable seq: streams and idempotency keys as they were then. */
#ifndef FIRN_VIEW_H
#define FIRN_VIEW_H

#include "firn/ledger.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The ledger as it was at one durable seq. Any number, any thread; blocks nobody. Older than
 * view_age_max_ns, every call on it answers FIRN_EEXPIRED.
 *
 * Every read of a view, here and in content.h, run.h and release.h, may also answer FIRN_ENOMEM; FIRN_EIO; or
 * FIRN_ECORRUPT with detail INDEX: a row of the index on disk does not verify, and would not the next time. It is never
 * given out. docs/index.md says what then; the next view of a ledger that is open for reading is good.
 */
typedef struct firn_view firn_view;

/**
 * Open a view at the last durable record. On a ledger that is open for reading and has met damage in the index on disk,
 * this view does without that index, and opening it blocks for reading the log.
 * @return FIRN_OK, FIRN_ENOMEM.
 */
FIRN_API FIRN_NODISCARD firn_status firn_view_open(firn_ledger *ledger, firn_view **out_view, firn_error *err);
/** NULL is accepted. */
FIRN_API void firn_view_close(firn_view *view);
/** The last record that the view can see; 0 for an empty ledger. */
FIRN_API uint64_t firn_view_seq(const firn_view *view);

/** A stream as a view sees it. */
typedef struct firn_stream {
    uint32_t id;        /**< Its number, from 1, in the order of first appearance. */
    uint32_t name_size; /**< Bytes of name, without the final NUL. */
    uint64_t version;   /**< Version of its last record: the records it ever had. */
    uint64_t first_seq; /**< Its first record. */
    uint64_t last_seq;  /**< Its last record. */
    char name[FIRN_STREAM_NAME_SIZE_MAX + 1];
} firn_stream;

/** The stream of a name. @return FIRN_OK, FIRN_ENOTFOUND, FIRN_EEXPIRED; FIRN_EINVAL, FIRN_ETOOBIG: name. */
FIRN_API FIRN_NODISCARD firn_status firn_stream_get(firn_view *view, firn_slice name, firn_stream *out_stream,
                                                    firn_error *err);
/** The stream of a number, as records carry it. @return FIRN_OK, FIRN_ENOTFOUND, FIRN_EEXPIRED. */
FIRN_API FIRN_NODISCARD firn_status firn_stream_get_by_id(firn_view *view, uint32_t id, firn_stream *out_stream,
                                                          firn_error *err);
/** The stream with the lowest id greater than id (0: the first). @return FIRN_OK, FIRN_END, FIRN_EEXPIRED. */
FIRN_API FIRN_NODISCARD firn_status firn_stream_next(firn_view *view, uint32_t id, firn_stream *out_stream,
                                                     firn_error *err);

/**
 * The receipt of the batch that recorded an idempotency key. Reads the view's last batch from the log.
 * @return FIRN_OK, FIRN_ENOTFOUND (also when expired at the view's last batch), FIRN_EEXPIRED; FIRN_EINVAL,
 *   FIRN_ETOOBIG: key or scope; FIRN_EIO, FIRN_ECORRUPT: that batch cannot be read.
 */
FIRN_API FIRN_NODISCARD firn_status firn_key_get(firn_view *view, firn_slice scope, firn_slice key,
                                                 firn_receipt *out_receipt, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
