/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_meta.h — judge the meta pages of an LMDB data file before LMDB maps it, and tell the states they lead to. */
#ifndef FRN_INDEX_LMDB_META_H
#define FRN_INDEX_LMDB_META_H

#include <stdint.h>

#include "firn/types.h"

/**
 * Whether LMDB may be let at the open file: both meta pages are such, and all that the newer one speaks of lies within
 * size_file bytes. A file of 0 bytes is none: the caller has tested that.
 * @return FIRN_OK; FIRN_ECORRUPT with FIRN_DETAIL_INDEX and what was found; FIRN_EIO.
 */
firn_status frn_lmdb_meta_check(int fd, uint64_t size_file, firn_error *err) FIRN_NODISCARD;

/** What a meta page says of a tree: all that is known of it before a page is read. */
typedef struct frn_lmdb_tree {
    uint16_t depth;          /**< Levels of pages, leaves included; 0: the tree is empty. */
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
    uint64_t root;
} frn_lmdb_tree;

/** One state of an LMDB file. */
typedef struct frn_lmdb_state {
    uint64_t transaction; /**< The number of the one that left it. */
    uint32_t page_size;
    uint64_t pages_count; /**< Pages that it speaks of; they lie in the file. */
    frn_lmdb_tree free;   /**< Which pages are free. */
    frn_lmdb_tree rows;
} frn_lmdb_state;

/** Stands for the newest state. */
#define FRN_LMDB_NEWEST UINT64_MAX

/**
 * The state that a transaction left, or the newest one. Each meta page is overwritten by the second commit after it.
 * @return FIRN_OK; FIRN_ENOTFOUND (without a text): no meta page tells of it any more; FIRN_ECORRUPT as above;
 *   FIRN_EIO.
 */
firn_status frn_lmdb_state_read(int fd, uint64_t transaction, frn_lmdb_state *out_state,
                                firn_error *err) FIRN_NODISCARD;

/** Makes the file as long as its newest meta page says: pages at its end that are allocated and free need not have been
    written. FIRN_OK, FIRN_EIO, FIRN_ENOSPC. */
firn_status frn_lmdb_meta_extend(int fd, uint64_t size_wanted, firn_error *err) FIRN_NODISCARD;

#endif
