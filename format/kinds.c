/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c — names of kinds and of their blocks. */
#include "format/kinds.h"

#include <stddef.h>

const char *fmt_kind_name(uint32_t kind)
{
    if (kind >= FMT_BLOCK_APPLICATION && kind < FMT_BLOCK_APPLICATION + FMT_BLOCK_APPLICATION_COUNT)
        return "event";
    switch (kind) {
#define KIND(symbol, number, name) \
    case number:                   \
        return name;
#define BLOCK(symbol, first, count, name)
#include "format/kinds.def"
#undef KIND
#undef BLOCK
    default:
        return NULL;
    }
}

const char *fmt_kind_block(uint32_t kind)
{
#define KIND(symbol, number, name)
#define BLOCK(symbol, first, count, name)            \
    if (kind >= (first) && kind - (first) < (count)) \
        return name;
#include "format/kinds.def"
#undef KIND
#undef BLOCK
    return NULL;
}
