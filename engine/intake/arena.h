/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h — memory that is given out piece by piece, never moves, and is taken back all at once. */
#ifndef FRN_INTAKE_ARENA_H
#define FRN_INTAKE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/heap.h"

typedef struct frn_arena_chunk frn_arena_chunk;

/** Pieces come from the newest chunk; reset keeps one chunk, the largest. Used by one thread at a time. */
typedef struct frn_arena {
    frn_heap *heap;
    frn_arena_chunk *chunks; /**< Newest first. */
    size_t used;             /**< Of the newest chunk. */
} frn_arena;

void frn_arena_init(frn_arena *arena, frn_heap *heap);
void frn_arena_done(frn_arena *arena);
void frn_arena_reset(frn_arena *arena);

/** size bytes aligned for any type, or NULL. They live until reset or done. */
void *frn_arena_take(frn_arena *arena, size_t size) __attribute__((warn_unused_result));

#endif
