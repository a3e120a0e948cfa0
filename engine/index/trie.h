/* SPDX-License-Identifier: Apache-2.0 */
/* trie.h — rows in the order of their keys: find, seek, insert, remove. */
#ifndef FRN_INDEX_TRIE_H
#define FRN_INDEX_TRIE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/heap.h"
#include "firn/types.h"

struct frn_version;

/** A key and what hangs on it. Its address stays; who made it frees it. The trie looks at nothing but the key. */
typedef struct frn_row {
    _Atomic(struct frn_version *) newest;
    uint32_t key_size;
    uint8_t table;
    uint8_t slot; /**< See memory.h. */
    uint8_t key[];
} frn_row;

/**
 * A branch looks at one nibble of the key and has a twig for each value that occurs there; a leaf is a row. Nibbles on
 * which all keys below agree have no branch.
 */
typedef struct frn_trie_node {
    uint32_t nibble; /**< Branch: which nibble of the key it looks at. */
    uint32_t
        bitmap; /**< Branch: which twigs there are: bit 0 for keys that end here, bit 1 + n for nibble n. 0: a leaf. */
    union {
        struct frn_trie_node *twigs; /**< As many as bits, in their order. */
        frn_row *row;                /**< NULL only in the root of an empty trie. */
    };
} frn_trie_node;

/** All zero is an empty trie. Changes need to exclude everything else; reading may be shared. */
typedef struct frn_trie {
    frn_trie_node root;
    uint64_t size; /**< Bytes of its nodes, as frn_trie_cost() counts. */
} frn_trie;

/** What an allocation of size bytes takes from the allocator: glibc adds 8 and rounds up to 16. */
static inline uint64_t frn_trie_cost(uint64_t size)
{
    return (size + 8 + 15) & ~UINT64_C(15);
}

/** NULL if there is none. */
frn_row *frn_trie_find(const frn_trie *trie, firn_slice key);

/** The first row with a key ≥ from (after: > from); NULL if there is none. An empty from is before every key. */
frn_row *frn_trie_seek(const frn_trie *trie, firn_slice from, bool after);

/** Adds a row whose key is not there. FIRN_OK, or FIRN_ENOMEM and nothing changed. */
firn_status frn_trie_insert(frn_heap *heap, frn_trie *trie, frn_row *row) FIRN_NODISCARD;

/** Takes out a row that is there. Allocates nothing; the row stays its owner's. */
void frn_trie_remove(frn_heap *heap, frn_trie *trie, const frn_row *row);

#endif
