/* SPDX-License-Identifier: Apache-2.0 */
/* oid_map.h — which content a git object has become: names of objects to digests. */
#ifndef TOOLS_OID_MAP_H
#define TOOLS_OID_MAP_H

#include "tools/git.h"

typedef struct tool_oid_row {
    tool_oid oid;
    uint8_t digest[FIRN_DIGEST_SIZE];
    bool used;
} tool_oid_row;

/** Start with all zero. */
typedef struct tool_oid_map {
    tool_oid_row *rows;
    size_t count;
    size_t capacity; /**< 0 or a power of two, more than half of it free. */
} tool_oid_map;

/** The digest, or NULL. Lives until the next put. */
const uint8_t *tool_oid_map_get(const tool_oid_map *map, const tool_oid *oid);
/** Running out of memory ends the process. */
void tool_oid_map_put(tool_oid_map *map, const tool_oid *oid, const uint8_t *digest);
void tool_oid_map_done(tool_oid_map *map);

#endif
