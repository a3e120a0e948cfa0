/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c — memory that is given out piece by piece, never moves, and is taken back all at once. */
#include "engine/intake/arena.h"

#include <stdint.h>

enum {
    CHUNK_SIZE_MIN = 16 * 1024
};

struct frn_arena_chunk {
    frn_arena_chunk *next;
    size_t size; /* Bytes of data. */
    max_align_t data[];
};

void frn_arena_init(frn_arena *arena, frn_heap *heap)
{
    *arena = (frn_arena){.heap = heap};
}

static void free_chunks(frn_arena *arena, frn_arena_chunk *chunk)
{
    while (chunk != NULL) {
        frn_arena_chunk *next = chunk->next;

        frn_free(arena->heap, chunk);
        chunk = next;
    }
}

void frn_arena_done(frn_arena *arena)
{
    free_chunks(arena, arena->chunks);
    arena->chunks = NULL;
    arena->used = 0;
}

void frn_arena_reset(frn_arena *arena)
{
    /* Chunks double, so the newest is the largest. */
    if (arena->chunks != NULL) {
        free_chunks(arena, arena->chunks->next);
        arena->chunks->next = NULL;
    }
    arena->used = 0;
}

void *frn_arena_take(frn_arena *arena, size_t size)
{
    frn_arena_chunk *chunk = arena->chunks;
    size_t rounded, chunk_size;
    void *piece;

    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (chunk == NULL || rounded > chunk->size - arena->used) {
        chunk_size = chunk == NULL ? CHUNK_SIZE_MIN : 2 * chunk->size;
        chunk_size = chunk_size < rounded ? rounded : chunk_size;
        chunk = frn_alloc(arena->heap, sizeof *chunk + chunk_size);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = arena->chunks;
        chunk->size = chunk_size;
        arena->chunks = chunk;
        arena->used = 0;
    }
    piece = (char *)chunk->data + arena->used;
    arena->used += rounded;
    return piece;
}
