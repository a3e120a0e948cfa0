/* SPDX-License-Identifier: Apache-2.0 */
/* event.h — append the application's own events to named streams, in one call. */
#ifndef FIRN_EVENT_H
#define FIRN_EVENT_H

#include "firn/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An event to append. The array and what it points to are read during the call only. */
typedef struct firn_event {
    uint32_t kind;      /**< 1 … FIRN_EVENT_KIND_MAX. */
    firn_slice payload; /**< 0 … FIRN_EVENT_SIZE_MAX bytes. */
} firn_event;

typedef struct firn_append_options {
    size_t struct_size;
    uint64_t expected_version; /**< Version of the stream before the first event, if has_expected_version. */
    uint32_t has_expected_version;
    firn_slice scope;      /**< Of the idempotency key. */
    firn_slice key;        /**< Idempotency key; empty: none. */
    const uint8_t *digest; /**< As firn_batch_key(). */
} firn_append_options;

/**
 * Append events to one stream as one batch: after a crash all of them are present or none is.
 *
 * Calls of several threads share one write, so under load the latency stays near one device write.
 * @param events_count  1 … FIRN_BATCH_RECORDS_MAX.
 * @param options       NULL: no condition, no key.
 * @param out_receipt   May be NULL. Untouched on failure.
 * @return As firn_batch_event() and firn_batch_commit(). Threads: any. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_append(firn_ledger *ledger, firn_slice stream, const firn_event *events,
                                                size_t events_count, const firn_append_options *options,
                                                firn_receipt *out_receipt, firn_error *err);

/** Like firn_append(), without waiting; see firn_batch_submit(). */
FIRN_API FIRN_NODISCARD firn_status firn_append_submit(firn_ledger *ledger, firn_slice stream, const firn_event *events,
                                                       size_t events_count, const firn_append_options *options,
                                                       const firn_submit_options *submit, firn_ticket **out_ticket,
                                                       firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
