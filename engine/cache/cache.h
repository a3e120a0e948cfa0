/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h — bytes that can be computed again, kept by their SHA-256 beside the log: found, or not found, never wrong.
 *
 * Nothing rests on a cache. Whatever happens to its folder, also while it is in use, a get finds bytes that have the
 * digest or finds nothing, and a put keeps bytes or does not; neither fails for that.
 */
#ifndef FRN_CACHE_CACHE_H
#define FRN_CACHE_CACHE_H

#include <stdbool.h>

#include "engine/base/heap.h"
#include "engine/base/trace.h"
#include "firn/types.h"

typedef struct frn_cache frn_cache;

typedef struct frn_cache_options {
    uint64_t size_max;    /**< Bytes kept at most; the oldest go first. What is larger is not kept. 0: 1 GiB. */
    uint32_t entries_max; /**< Files at most. 0: 65,536. */
    bool read_only;       /**< Puts keep nothing; no byte of the folder changes. */
    frn_trace trace;
} frn_cache_options;

/** Touches nothing yet: the folder is made with the first put. heap must outlive the cache. FIRN_OK, FIRN_ENOMEM. */
firn_status frn_cache_new(frn_heap *heap, const char *folder, const frn_cache_options *options, frn_cache **out_cache,
                          firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. No other call on it may run. */
void frn_cache_free(frn_cache *cache);

/** The bytes with this digest, checked. Any thread.
 * @return FIRN_OK; FIRN_ENOTFOUND, without a text: they are not there, or could not be read; FIRN_ENOMEM. */
firn_status frn_cache_get(frn_cache *cache, const uint8_t digest[FIRN_DIGEST_SIZE], firn_buf *buf,
                          firn_error *err) FIRN_NODISCARD;

/** Keep bytes that have this digest, if that can be done. Any thread. */
void frn_cache_put(frn_cache *cache, const uint8_t digest[FIRN_DIGEST_SIZE], firn_slice bytes);

/** Bytes and files that the cache believes to hold. Any thread. */
void frn_cache_stat(frn_cache *cache, uint64_t *out_size, uint32_t *out_entries);

#endif
