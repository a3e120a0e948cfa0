/* SPDX-License-Identifier: Apache-2.0 */
/* oid_map.c — which content a git object has become: names of objects to digests. */
#include "tools/oid_map.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_MIN = 1024
};

/** The row of a name, or the free one where it would stand. Names are digests: their first bytes are spread well. */
static tool_oid_row *find(tool_oid_row *rows, size_t capacity, const tool_oid *oid)
{
    size_t position;

    memcpy(&position, oid->bytes, sizeof position);
    for (position &= capacity - 1; rows[position].used; position = (position + 1) & (capacity - 1))
        if (memcmp(&rows[position].oid, oid, sizeof *oid) == 0)
            break;
    return &rows[position];
}

const uint8_t *tool_oid_map_get(const tool_oid_map *map, const tool_oid *oid)
{
    const tool_oid_row *row = map->capacity == 0 ? NULL : find(map->rows, map->capacity, oid);

    return row != NULL && row->used ? row->digest : NULL;
}

static void grow(tool_oid_map *map)
{
    size_t capacity = map->capacity == 0 ? CAPACITY_MIN : map->capacity * 2;
    tool_oid_row *rows = calloc(capacity, sizeof *rows);

    if (rows == NULL)
        abort();
    for (size_t i = 0; i < map->capacity; i++)
        if (map->rows[i].used)
            *find(rows, capacity, &map->rows[i].oid) = map->rows[i];
    free(map->rows);
    map->rows = rows;
    map->capacity = capacity;
}

void tool_oid_map_put(tool_oid_map *map, const tool_oid *oid, const uint8_t *digest)
{
    tool_oid_row *row;

    if (map->count * 2 >= map->capacity)
        grow(map);
    row = find(map->rows, map->capacity, oid);
    map->count += !row->used;
    row->used = true;
    row->oid = *oid;
    memcpy(row->digest, digest, sizeof row->digest);
}

void tool_oid_map_done(tool_oid_map *map)
{
    free(map->rows);
    *map = (tool_oid_map){0};
}
