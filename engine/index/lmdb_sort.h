/* SPDX-License-Identifier: Apache-2.0 */
/* lmdb_sort.h — sort rows that come in any order, in bounded memory: the last one of each key, by table and key. */
#ifndef FRN_INDEX_LMDB_SORT_H
#define FRN_INDEX_LMDB_SORT_H

#include "engine/index/index.h"

typedef struct frn_sort frn_sort;

typedef struct frn_sort_row {
    unsigned table;
    firn_slice key;
    firn_slice value;
    bool deleted; /**< The last that was said of this key is that it goes. */
} frn_sort_row;

/** path: a file for rows that do not fit into size_max bytes; made when it is needed, removed on close. FIRN_OK or
    FIRN_ENOMEM. */
firn_status frn_sort_open(frn_heap *heap, const char *path, uint64_t size_max, frn_sort **out_sort,
                          firn_error *err) FIRN_NODISCARD;
/** FIRN_OK, FIRN_ENOMEM, FIRN_EIO, FIRN_ENOSPC. */
firn_status frn_sort_add(frn_sort *sort, const frn_sort_row *row, firn_error *err) FIRN_NODISCARD;
/** All rows are there: frn_sort_next() hands them out from here on. */
firn_status frn_sort_finish(frn_sort *sort, firn_error *err) FIRN_NODISCARD;
/** The next row, borrowed until the next call. FIRN_OK, FIRN_END, FIRN_ENOMEM, FIRN_EIO. */
firn_status frn_sort_next(frn_sort *sort, frn_sort_row *out_row, firn_error *err) FIRN_NODISCARD;
/** How often memory was full. */
unsigned frn_sort_runs_count(const frn_sort *sort);
/** NULL is accepted. */
void frn_sort_close(frn_sort *sort);

#endif
