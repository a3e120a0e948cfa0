/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.h — the kinds of records as an enum, from the one table kinds.def. */
#ifndef FMT_KINDS_H
#define FMT_KINDS_H

#include <stdint.h>

#define KIND(symbol, number, name) FMT_KIND_##symbol = (number),
#define BLOCK(symbol, first, count, name) FMT_BLOCK_##symbol = (first), FMT_BLOCK_##symbol##_COUNT = (count),
enum {
#include "format/kinds.def"
};
#undef KIND
#undef BLOCK

/** "ledger.key_age" and the like; "event" for the application's kinds; NULL for an unknown kind. */
const char *fmt_kind_name(uint32_t kind);
/** The name of the block that a number falls into, known kind or not; NULL outside all blocks. */
const char *fmt_kind_block(uint32_t kind);

#endif
