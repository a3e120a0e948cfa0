/* SPDX-License-Identifier: Apache-2.0 */
/* compare.h — compare rows that come in their order with those that a replay gave; tell each difference. */
#ifndef FRN_LEDGER_COMPARE_H
#define FRN_LEDGER_COMPARE_H

#include "engine/base/buf.h"
#include "engine/index/lmdb.h"
#include "firn/ledger.h"

/** A comparison under way; all zero but heap, finding and finding_arg before. */
typedef struct frn_compare {
    frn_heap *heap;
    firn_finding_fn finding; /**< Told of each finding when all rows came: of many the first, and how many more there
                                  are. May be NULL. */
    void *finding_arg;
    uint64_t findings; /**< Damaged places and rows that differ. */
    uint64_t damaged;  /**< Of these: places that cannot be believed. */
    uint64_t rows;     /**< Rows that were compared. */
    firn_error first;  /**< The first finding. */

    frn_index_view *expected; /* What follows is private. */
    firn_error *told;         /* Findings of which nobody was told yet. */
    unsigned table;           /* Where the next expected row is; FRN_TABLES_MAX: there is none. */
    bool gap;                 /* Damage since the last row: what is expected up to the next may be hidden by it. */
    firn_buf key;
    firn_buf value;
} frn_compare;

/** Compares the rows that a view sees with those of expected: a memory index, filled by a replay up to seq. FIRN_OK,
    also with findings; FIRN_EEXPIRED, FIRN_ENOMEM. */
firn_status frn_compare_view(frn_compare *compare, frn_index_view *view, frn_index *expected, uint64_t seq,
                             firn_error *err) FIRN_NODISCARD;
/** The same with the rows of a file. FIRN_ESTATE: see frn_index_file_check(); what was found does not count. */
firn_status frn_compare_file(frn_compare *compare, frn_index_file *file, frn_index *expected, uint64_t seq,
                             firn_error *err) FIRN_NODISCARD;
/** Tells of one finding more: damage of the index that was met elsewhere. */
void frn_compare_damage(frn_compare *compare, const firn_error *finding);

#endif
