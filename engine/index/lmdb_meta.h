/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_meta.h — judge the meta pages of an LMDB data file before LMDB maps it. */
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

/** Makes the file as long as its newest meta page says: pages at its end that are allocated and free need not have been
    written. FIRN_OK, FIRN_EIO, FIRN_ENOSPC. */
firn_status frn_lmdb_meta_extend(int fd, uint64_t size_wanted, firn_error *err) FIRN_NODISCARD;

#endif
