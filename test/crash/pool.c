/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c — large blocks that come back: what makes a hundred thousand recoveries affordable.
 *
 * Every opening of a log takes a few blocks of a hundred kilobytes and more. Under the address sanitizer each of them
 * is a mapping of its own, made and given back, and that would be most of the time of a sweep. Linked with --wrap, this
 * file serves large blocks from one area by powers of two; free ones are poisoned, and so is what lies behind the end
 * of one in use, so that the sanitizer sees what it would see without.
 *
 * Small blocks go to libc, which sanitizers and memcheck watch; a program that wants speed and no watching says so with
 * pool_serve_small(): they then come from pages of one size each, from a second area. One thread.
 */
#include "test/crash/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, size) __asan_poison_memory_region(at, size)
#define UNPOISON(at, size) __asan_unpoison_memory_region(at, size)

/* What a sweep can do without: a quarantine that outgrows every cache, and long stacks of allocations. */
const char *__asan_default_options(void);
__attribute__((used, visibility("default"))) const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=2:max_malloc_fill_size=0";
}
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

enum {
    PAGE = 4096,
    LARGE = 4096,
    CLASSES = 15,
    BLOCKS_MAX = 32768
};
#define AREA_SIZE ((size_t)1 << 30)

/* The area's blocks in the order in which they were cut; their sizes and states stand beside, not in them. */
static uint8_t *area;
static size_t area_used;
static struct {
    uint32_t at; /* In units of LARGE. */
    uint32_t class;
    size_t size; /* In use: as asked for; free: 0. */
} blocks[BLOCKS_MAX];
static uint32_t blocks_count;
static uint32_t free_list[CLASSES][BLOCKS_MAX];
static uint32_t free_count[CLASSES];
static uint32_t block_of[(1u << 30) / LARGE]; /* By place: 1 + its number in blocks. */

enum {
    SMALL_UNIT = 16,
    SMALL_MAX = 2048,
    SMALL_CLASSES = SMALL_MAX / SMALL_UNIT + 1
};
#define SMALL_AREA_SIZE ((size_t)1 << 32)

/* A free small block. */
typedef struct small_free {
    struct small_free *next;
} small_free;

static uint8_t *small_area; /* NULL: small blocks are libc's. */
static size_t small_used;
static uint8_t small_class_of[SMALL_AREA_SIZE / PAGE]; /* By page. */
static small_free *small_lists[SMALL_CLASSES];

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void __real_free(void *p);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
void __wrap_free(void *p);

static bool is_large(const void *p)
{
    return area != NULL && (const uint8_t *)p >= area && (const uint8_t *)p < area + AREA_SIZE;
}

void pool_serve_small(void)
{
#ifndef HAS_ASAN
    void *got = mmap(NULL, SMALL_AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    small_area = got == MAP_FAILED ? NULL : got;
#endif
}

static bool is_small(const void *p)
{
    return small_area != NULL && (const uint8_t *)p >= small_area && (const uint8_t *)p < small_area + SMALL_AREA_SIZE;
}

static size_t small_size(const void *p)
{
    return (size_t)small_class_of[((const uint8_t *)p - small_area) / PAGE] * SMALL_UNIT;
}

/* A page of free blocks of a class. */
static bool small_page(size_t class)
{
    uint8_t *page = small_area + small_used;

    if (small_used == SMALL_AREA_SIZE) {
        return false;
    }
    small_class_of[small_used / PAGE] = (uint8_t) class;
    small_used += PAGE;
    for (size_t at = 0; at + class * SMALL_UNIT <= PAGE; at += class * SMALL_UNIT) {
        small_free *block = (small_free *)(void *)(page + at);

        block->next = small_lists[class];
        small_lists[class] = block;
    }
    return true;
}

static void *small_take(size_t size)
{
    size_t class = size == 0 ? 1 : (size + SMALL_UNIT - 1) / SMALL_UNIT;
    small_free *block;

    if (small_lists[class] == NULL && !small_page(class)) {
        return NULL;
    }
    block = small_lists[class];
    small_lists[class] = block->next;
    return block;
}

static void small_give(void *p)
{
    small_free *block = p;
    size_t class = small_size(p) / SMALL_UNIT;

    block->next = small_lists[class];
    small_lists[class] = block;
}

/* NULL: not for the pool. Blocks are aligned to a page, small ones to SMALL_UNIT. */
static void *take(size_t size)
{
    uint32_t class = 0;
    uint32_t i;

    if (size <= SMALL_MAX && small_area != NULL) {
        return small_take(size);
    }
    while (class < CLASSES && ((size_t)LARGE << class) < size) {
        class ++;
    }
    if (size < LARGE || class == CLASSES) {
        return NULL;
    }
    if (area == NULL) {
        area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (area == MAP_FAILED) {
            area = NULL;
            return NULL;
        }
    }
    if (free_count[class] > 0) {
        i = free_list[class][--free_count[class]];
    } else {
        if (blocks_count == BLOCKS_MAX || AREA_SIZE - area_used < (size_t)LARGE << class) {
            return NULL;
        }
        i = blocks_count++;
        blocks[i].at = (uint32_t)(area_used / LARGE);
        blocks[i].class = class;
        block_of[blocks[i].at] = i + 1;
        POISON(area + area_used, (size_t)LARGE << class);
        area_used += (size_t)LARGE << class;
    }
    blocks[i].size = size;
    UNPOISON(area + (size_t)blocks[i].at * LARGE, size);
    return area + (size_t)blocks[i].at * LARGE;
}

static uint32_t find(const void *p)
{
    size_t offset = (size_t)((const uint8_t *)p - area);
    uint32_t i = block_of[offset / LARGE];

    if (offset % LARGE != 0 || i == 0 || blocks[i - 1].size == 0) {
        __builtin_trap(); /* Freed twice, or not where it begins. */
    }
    return i - 1;
}

void *__wrap_malloc(size_t size)
{
    void *p = take(size);

    return p != NULL ? p : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *p = size != 0 && count > AREA_SIZE / size ? NULL : take(count * size);

    return p != NULL ? memset(p, 0, count * size) : __real_calloc(count, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = alignment <= SMALL_UNIT || (alignment <= PAGE && size > SMALL_MAX) ? take(size) : NULL;

    if (p == NULL) {
        return __real_posix_memalign(out, alignment, size);
    }
    *out = p;
    return 0;
}

void __wrap_free(void *p)
{
    uint32_t i;

    if (is_small(p)) {
        small_give(p);
        return;
    }
    if (p == NULL || !is_large(p)) {
        __real_free(p);
        return;
    }
    i = find(p);
    POISON(p, blocks[i].size);
    blocks[i].size = 0;
    free_list[blocks[i].class][free_count[blocks[i].class]++] = i;
}

void *__wrap_realloc(void *p, size_t size)
{
    void *grown;
    size_t old;

    if (p == NULL) {
        return __wrap_malloc(size);
    }
    if (!is_large(p) && !is_small(p)) {
        return __real_realloc(p, size);
    }
    old = is_small(p) ? small_size(p) : blocks[find(p)].size;
    if (is_small(p) && size <= old && size > 0) {
        return p;
    }
    grown = __wrap_malloc(size);
    if (grown != NULL) {
        memcpy(grown, p, old < size ? old : size);
        __wrap_free(p);
    }
    return grown;
}
