/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h — the only way to memory: every allocation can fail, be counted, and be made to fail. */
#ifndef FRN_BASE_HEAP_H
#define FRN_BASE_HEAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A heap: libc's allocator with a counter of live allocations and a fault. One per ledger; any
 * thread. fail_at counts down on every allocation; the one that takes it to 0 fails, later ones
 * succeed; fail_after_all makes all later ones fail too. 0 means never. Tests set both.
 */
typedef struct frn_heap {
    _Atomic int64_t live;    /**< Allocations not freed. */
    _Atomic int64_t fail_at; /**< See above. */
    int fail_for_ever;
} frn_heap;

void frn_heap_init(frn_heap *heap);

/** Uninitialised memory, or NULL. size 0 is treated as 1. Aligned for any type. */
void *frn_alloc(frn_heap *heap, size_t size) __attribute__((warn_unused_result, malloc));
/** Zeroed memory for count objects, or NULL; also when the product overflows. */
void *frn_alloc_zero(frn_heap *heap, size_t count, size_t size) __attribute__((warn_unused_result));
/** Memory aligned to a power of two, freed by frn_free(). */
void *frn_alloc_aligned(frn_heap *heap, size_t alignment, size_t size) __attribute__((warn_unused_result));
/** NULL on failure, p is then untouched. p may be NULL. */
void *frn_realloc(frn_heap *heap, void *p, size_t size) __attribute__((warn_unused_result));
/** NULL is accepted. */
void frn_free(frn_heap *heap, void *p);
/** A NUL-terminated copy. */
char *frn_strdup(frn_heap *heap, const char *text) __attribute__((warn_unused_result));

#endif
