/* SPDX-License-Identifier: Apache-2.0 */
/* seen.h — a set of hashes: how many states were different from each other. */
#ifndef TEST_CRASH_SEEN_H
#define TEST_CRASH_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct seen {
    uint64_t *slots;
    size_t capacity;
    size_t count;
} seen;

/** False if it was there. */
bool seen_add(seen *s, uint64_t hash);
void seen_free(seen *s);

#endif
