/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h — collect verbs and conditions into one atomic batch, and commit or submit it. */
#ifndef FIRN_BATCH_H
#define FIRN_BATCH_H

#include "firn/ledger.h"
#include "firn/ticket.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A batch being collected: events and conditions, decided together, appended together or not at all.
 * One thread at a time. Bytes given to it are copied in; it may be reset and used again.
 */
typedef struct firn_batch firn_batch;

/** An empty batch. @return FIRN_OK, FIRN_ENOMEM. */
FIRN_API FIRN_NODISCARD firn_status firn_batch_new(firn_ledger *ledger, firn_batch **out_batch, firn_error *err);

/** NULL is accepted. A batch that was submitted may be freed or reset at once: submitting copied it. */
FIRN_API void firn_batch_free(firn_batch *batch);

/** Make it empty: no events, no conditions, no key. Keeps its memory. */
FIRN_API void firn_batch_reset(firn_batch *batch);

/** Records that it appends at most: an event is one; a verb may need fewer, because what it asks for is there. */
FIRN_API size_t firn_batch_count(const firn_batch *batch);

/**
 * Add one event.
 *
 * @param stream   1 … FIRN_STREAM_NAME_SIZE_MAX bytes of UTF-8 without control characters; the stream
 *                 comes into being with its first event.
 * @param kind     1 … FIRN_EVENT_KIND_MAX: the application's own number.
 * @param payload  0 … FIRN_EVENT_SIZE_MAX bytes of anything.
 * @return FIRN_OK; FIRN_EINVAL: name or kind; FIRN_ETOOBIG: name, payload, or the batch would pass
 *   FIRN_BATCH_RECORDS_MAX or FIRN_BATCH_SIZE_MAX; FIRN_ENOMEM. On failure the batch is as before.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_event(firn_batch *batch, firn_slice stream, uint32_t kind,
                                                     firn_slice payload, firn_error *err);

/**
 * Demand that a stream is at this version when the batch is decided: 0 means that it does not exist.
 * Otherwise the batch is refused with FIRN_ECONFLICT (detail EXPECTED_VERSION).
 * @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG: name; FIRN_ENOMEM. On failure the batch is as before.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_expect(firn_batch *batch, firn_slice stream, uint64_t version,
                                                      firn_error *err);

/**
 * Give the batch an idempotency key (a second call replaces the first): 1 … FIRN_KEY_SIZE_MAX bytes within a scope of 0
 * … FIRN_KEY_SIZE_MAX.
 *
 * If the key is known and not expired, nothing is appended and the receipt is that of the first
 * call, `existing` set; if that call asked for something else: FIRN_ECONFLICT (detail KEY).
 * @param digest  FIRN_DIGEST_SIZE bytes that identify the request, or NULL: SHA-256 over the verbs and
 *                their arguments (conditions not included).
 * @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG: key or scope; FIRN_ENOMEM. On failure the batch is as before.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_key(firn_batch *batch, firn_slice scope, firn_slice key,
                                                   const uint8_t *digest, firn_error *err);

/**
 * Decide and append the batch; returns when it, and all that the decision could have seen, is durable.
 *
 * An empty batch with conditions checks them; *out_receipt then has count 0, as it has if all that the verbs ask for is
 * there. The batch keeps what it holds, whatever came of it: committed again it is appended again.
 * @param out_receipt  May be NULL. Untouched on failure.
 * @return FIRN_OK, or
 *   FIRN_ECONFLICT   a condition or the key; nothing was appended, and what the refusal rests on is durable.
 *   What the verbs in it say on their own pages (FIRN_EEXISTS, FIRN_ESTATE, FIRN_ENOTFOUND): the same.
 *   FIRN_ENOSPC, FIRN_EIO  no segment could be made, or (EIO) the index on disk not be read; nothing was appended, a
 *                    later call may succeed.
 *   FIRN_ETOOBIG     the memory index is full (detail INDEX_LIMIT), or with the key the batch passes
 *                    FIRN_BATCH_SIZE_MAX; nothing was appended.
 *   FIRN_EPOISONED   unknown: the batch may or may not be there after reopening.
 *   FIRN_EACCES      the ledger is open for reading.
 *   FIRN_ECORRUPT    with detail INDEX: a row that the decision needs cannot be believed; nothing was appended.
 *   FIRN_ENOMEM      nothing was appended.
 * Threads: any number of batches of one ledger at the same time. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_commit(firn_batch *batch, firn_receipt *out_receipt, firn_error *err);

/**
 * Like firn_batch_commit(), without waiting: decided now, answered through the ticket when durable.
 * The answer may come, and the callback run, before this returns and before *out_ticket is written.
 *
 * @param options     NULL: no callback; then out_ticket must not be NULL.
 * @param out_ticket  May be NULL if there is a callback: the ticket is then the library's.
 * @return FIRN_OK: submitted, one answer will come; FIRN_FULL: nothing was taken, try again after progress, or, where
 *   the ledger was not closed cleanly before, in the first moments after opening; FIRN_EINVAL, FIRN_ETOOBIG,
 *   FIRN_ENOMEM, FIRN_ENOSPC, FIRN_EIO, FIRN_EPOISONED, FIRN_EACCES, and FIRN_ESTATE from a callback that firn_close()
 *   runs (detail CLOSING): nothing was taken.
 *   Every answer that rests on state comes through the ticket.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_submit(firn_batch *batch, const firn_submit_options *options,
                                                      firn_ticket **out_ticket, firn_error *err);

/**
 * Set how long idempotency keys are kept, from the next batch on; itself a record of the log.
 * @return As firn_batch_commit(); FIRN_EINVAL: 0 ns. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_key_age_set(firn_ledger *ledger, uint64_t key_age_ns,
                                                     firn_receipt *out_receipt, firn_error *err);
/** Like firn_key_age_set(), without waiting: see firn_batch_submit(). */
FIRN_API FIRN_NODISCARD firn_status firn_key_age_set_submit(firn_ledger *ledger, uint64_t key_age_ns,
                                                            const firn_submit_options *submit, firn_ticket **out_ticket,
                                                            firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
