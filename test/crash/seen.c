/* SPDX-License-Identifier: Apache-2.0 */
/* seen.c — a set of hashes, as a table with open places. */
#include "test/crash/seen.h"

#include <stdlib.h>

bool seen_add(seen *s, uint64_t hash)
{
    size_t i;

    if (2 * s->count >= s->capacity) {
        seen grown = {.capacity = s->capacity == 0 ? 4096 : 2 * s->capacity};

        grown.slots = calloc(grown.capacity, sizeof *grown.slots);
        if (grown.slots == NULL) {
            abort();
        }
        for (size_t k = 0; k < s->capacity; k++) {
            if (s->slots[k] != 0) {
                (void)seen_add(&grown, s->slots[k]);
            }
        }
        free(s->slots);
        *s = grown;
    }
    hash = hash == 0 ? 1 : hash;
    for (i = (size_t)hash & (s->capacity - 1); s->slots[i] != 0; i = (i + 1) & (s->capacity - 1)) {
        if (s->slots[i] == hash) {
            return false;
        }
    }
    s->slots[i] = hash;
    s->count++;
    return true;
}

void seen_free(seen *s)
{
    free(s->slots);
    *s = (seen){0};
}
