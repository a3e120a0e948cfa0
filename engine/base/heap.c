/* SPDX-License-Identifier: Apache-2.0 */
/* heap.c — the only way to memory. */
#include "engine/base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

void frn_heap_init(frn_heap *heap)
{
    atomic_init(&heap->live, 0);
    atomic_init(&heap->fail_at, 0);
    heap->fail_for_ever = 0;
}

static int fault(frn_heap *heap)
{
    int64_t left;

    if (atomic_load_explicit(&heap->fail_at, memory_order_relaxed) == 0) {
        return 0;
    }
    left = atomic_fetch_sub(&heap->fail_at, 1) - 1;
    if (left == 0 && heap->fail_for_ever) {
        atomic_store(&heap->fail_at, 1);
    }
    return left == 0;
}

static void *taken(frn_heap *heap, void *p)
{
    if (p != NULL) {
        atomic_fetch_add_explicit(&heap->live, 1, memory_order_relaxed);
    }
    return p;
}

void *frn_alloc(frn_heap *heap, size_t size)
{
    return fault(heap) ? NULL : taken(heap, malloc(size == 0 ? 1 : size));
}

void *frn_alloc_zero(frn_heap *heap, size_t count, size_t size)
{
    return fault(heap) ? NULL : taken(heap, calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *frn_alloc_aligned(frn_heap *heap, size_t alignment, size_t size)
{
    void *p = NULL;

    if (fault(heap) || posix_memalign(&p, alignment, size == 0 ? alignment : size) != 0) {
        return NULL;
    }
    return taken(heap, p);
}

void *frn_realloc(frn_heap *heap, void *p, size_t size)
{
    void *grown;

    if (fault(heap)) {
        return NULL;
    }
    grown = realloc(p, size == 0 ? 1 : size);
    if (grown != NULL && p == NULL) {
        taken(heap, grown);
    }
    return grown;
}

void frn_free(frn_heap *heap, void *p)
{
    if (p != NULL) {
        atomic_fetch_sub_explicit(&heap->live, 1, memory_order_relaxed);
        free(p);
    }
}

char *frn_strdup(frn_heap *heap, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = frn_alloc(heap, size);

    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

/* A firn_buf outlives any ledger, so it is libc's memory and counted nowhere; frn_buf_reserve() grows it. */
void firn_buf_free(firn_buf *buf)
{
    if (buf != NULL) {
        free(buf->data);
        *buf = (firn_buf){0};
    }
}

firn_status frn_buf_reserve(frn_heap *heap, firn_buf *buf, size_t capacity)
{
    size_t rounded = buf->capacity == 0 ? 256 : buf->capacity;
    void *grown;

    if (capacity <= buf->capacity) {
        return FIRN_OK;
    }
    while (rounded < capacity && rounded <= SIZE_MAX / 2) {
        rounded *= 2;
    }
    if (rounded < capacity) {
        rounded = capacity;
    }
    grown = fault(heap) ? NULL : realloc(buf->data, rounded);
    if (grown == NULL) {
        return FIRN_ENOMEM;
    }
    buf->data = grown;
    buf->capacity = rounded;
    return FIRN_OK;
}
