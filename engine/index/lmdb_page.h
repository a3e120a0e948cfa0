/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_page.h — pages of an LMDB file as bytes: loaded once each, judged before anything in them is believed. */
#ifndef FRN_INDEX_LMDB_PAGE_H
#define FRN_INDEX_LMDB_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/heap.h"
#include "engine/index/lmdb_meta.h"

/** What keys a tree has, and so in which order they are. */
typedef enum frn_lmdb_keys {
    FRN_LMDB_KEYS_BYTES,  /**< The tree of rows: as memcmp() tells, the shorter one first. */
    FRN_LMDB_KEYS_NUMBERS /**< The tree of free pages: numbers of transactions, 8 bytes. */
} frn_lmdb_keys;

/** The pages of one state. */
typedef struct frn_lmdb_pages {
    frn_heap *heap;
    int fd;
    frn_lmdb_state state;
    uint8_t *seen; /**< A bit a page: part of a tree, or free. */
    uint8_t *big;  /**< The last value that was on pages of its own. */
    size_t big_capacity;
} frn_lmdb_pages;

/** A page of a tree, and the keys that its parents leave to it: low ≤ key < high; data NULL: no limit. */
typedef struct frn_lmdb_page {
    uint8_t *data; /**< page_size bytes. */
    uint64_t offset;
    bool leaf;
    unsigned count; /**< Nodes. */
    unsigned at;    /**< The walk's: the next node. */
    firn_slice low;
    firn_slice high;
} frn_lmdb_page;

/** A node whose place and sizes lie within its page. */
typedef struct frn_lmdb_node {
    uint64_t offset; /**< In the file. */
    firn_slice key;
    uint64_t child; /**< Branch: the page below. */
    uint64_t size;  /**< Leaf: of the value. */
    const uint8_t *data;
    bool big; /**< The value lies on pages of its own. */
} frn_lmdb_node;

/** pages is all zero before. FIRN_OK, FIRN_ENOMEM. */
firn_status frn_lmdb_pages_init(frn_lmdb_pages *pages, frn_heap *heap, int fd, const frn_lmdb_state *state,
                                firn_error *err) FIRN_NODISCARD;
void frn_lmdb_pages_done(frn_lmdb_pages *pages);

/* Damage is FIRN_ECORRUPT with FIRN_DETAIL_INDEX, the place in the file as offset, and a text. Of the others only
   FIRN_EIO and FIRN_ENOMEM are possible. */

firn_status frn_lmdb_damage(firn_error *err, uint64_t offset, const char *what);
/** Notes that a page is in use. FIRN_OK, or damage at offset: there is no such page, or it was noted before. */
firn_status frn_lmdb_page_claim(frn_lmdb_pages *pages, uint64_t number, uint64_t offset,
                                firn_error *err) FIRN_NODISCARD;
/**
 * Loads the page that the node or meta page at from points to. page->data, low and high are set by the caller.
 * FIRN_OK: header, places of the nodes, and in a branch the order of the keys are good.
 */
firn_status frn_lmdb_page_load(frn_lmdb_pages *pages, uint64_t number, uint64_t from, bool leaf, frn_lmdb_keys keys,
                               frn_lmdb_page *page, firn_error *err) FIRN_NODISCARD;
/** A node of a page that was loaded. */
frn_lmdb_node frn_lmdb_node_at(const frn_lmdb_page *page, unsigned i);
/** The value of a leaf's node; borrowed until the next. Counts pages of its own into *pages_count. */
firn_status frn_lmdb_node_value(frn_lmdb_pages *pages, const frn_lmdb_node *node, firn_slice *out_value,
                                uint64_t *pages_count, firn_error *err) FIRN_NODISCARD;
int frn_lmdb_keys_compare(frn_lmdb_keys keys, firn_slice a, firn_slice b);

#endif
