/* SPDX-License-Identifier: Apache-2.0 */
/* names.c — the names of streams, looked up once. */
#include "tools/names.h"

#include <stdlib.h>
#include <string.h>

#include "tools/error.h"

static firn_status make_room(tool_names *names, uint32_t id, firn_error *err)
{
    size_t capacity = names->capacity;
    char **larger;

    if (id < capacity)
        return FIRN_OK;
    capacity = (size_t)id * 2 + 16;
    larger = realloc(names->by_id, capacity * sizeof *larger);
    if (larger == NULL)
        return tool_fail(err, FIRN_ENOMEM, "stream names: out of memory");
    memset(larger + names->capacity, 0, (capacity - names->capacity) * sizeof *larger);
    names->by_id = larger;
    names->capacity = capacity;
    return FIRN_OK;
}

firn_status tool_names_get(tool_names *names, firn_view *view, uint32_t id, const char **out_name, firn_error *err)
{
    firn_stream stream;
    firn_status status;

    if (id == 0) {
        *out_name = "";
        return FIRN_OK;
    }
    status = make_room(names, id, err);
    if (status < 0)
        return status;
    if (names->by_id[id] == NULL) {
        status = firn_stream_get_by_id(view, id, &stream, err);
        if (status < 0)
            return tool_wrap(err, status, "stream %u", id);
        names->by_id[id] = strdup(stream.name);
        if (names->by_id[id] == NULL)
            return tool_fail(err, FIRN_ENOMEM, "stream names: out of memory");
    }
    *out_name = names->by_id[id];
    return FIRN_OK;
}

bool tool_names_known(const tool_names *names, uint32_t id, const char **out_name)
{
    if (id >= names->capacity || names->by_id[id] == NULL)
        return false;
    *out_name = names->by_id[id];
    return true;
}

void tool_names_done(tool_names *names)
{
    for (size_t i = 0; i < names->capacity; i++)
        free(names->by_id[i]);
    free(names->by_id);
    *names = (tool_names){0};
}
