/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h — SHA-256 of a request, over its verbs and their arguments, and of what stores compare. */
#ifndef FRN_INTAKE_DIGEST_H
#define FRN_INTAKE_DIGEST_H

#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "firn/types.h"

/** One computation. Numbers and sizes go in as 8 little-endian bytes, so that no two requests read alike. */
typedef struct frn_digest frn_digest;

/** Contexts that are not in use: setting one up costs more than a short digest. Any thread. */
typedef struct frn_digests {
    frn_heap *heap;
    frn_mutex mutex;
    frn_digest *spare; /**< Guarded by mutex. */
} frn_digests;

void frn_digests_init(frn_digests *digests, frn_heap *heap);
void frn_digests_done(frn_digests *digests);

/** FIRN_OK or FIRN_ENOMEM. Ended by frn_digest_finish(). */
firn_status frn_digest_begin(frn_digests *digests, frn_digest **out_digest, firn_error *err) FIRN_NODISCARD;
void frn_digest_number(frn_digest *digest, uint64_t number);
/** The bytes alone, for a digest of content. */
void frn_digest_raw(frn_digest *digest, firn_slice bytes);
/** Size and bytes. */
void frn_digest_bytes(frn_digest *digest, firn_slice bytes);
/** FIRN_OK, or FIRN_ENOMEM if the library underneath failed at any step. */
firn_status frn_digest_finish(frn_digest *digest, uint8_t out[FIRN_DIGEST_SIZE], firn_error *err) FIRN_NODISCARD;

#endif
