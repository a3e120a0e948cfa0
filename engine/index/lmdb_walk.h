/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_walk.h — walk one state of an LMDB file without LMDB: every row, and every place that cannot be believed. */
#ifndef FRN_INDEX_LMDB_WALK_H
#define FRN_INDEX_LMDB_WALK_H

#include "engine/index/index.h"
#include "engine/index/lmdb_meta.h"

/**
 * Reads all pages of a state, whose file the caller has open, and which nobody writes over meanwhile. Rows whose
 * checksum is good come to checker->row in the order of table and key, that of the mark too: table 0, key "m". All else
 * goes to checker->damage, with its offset in the file; a page that is damaged hides the rows below it.
 * @return FIRN_OK: all was read; the status of checker->row; FIRN_ENOMEM; FIRN_ENEWER: this machine has other numbers
 *   than such a file.
 */
firn_status frn_lmdb_walk(frn_heap *heap, int fd, const frn_lmdb_state *state, const frn_index_checker *checker,
                          firn_error *err) FIRN_NODISCARD;

#endif
