/* SPDX-License-Identifier: Apache-2.0 */
/* ground.c — heap and I/O for a URL: what a ledger stands on when it is opened by name. */
#include "engine/ledger/private.h"

#include "engine/base/error.h"

#include <stdio.h>
#include <string.h>

#define INDEX_FOLDER "/index"
#define CACHE_FOLDER "/cache"

/* The path of a folder within the ledger's; NULL: no memory. */
static char *path_within(frn_ground *ground, const char *path, const char *name)
{
    size_t size = strlen(path) + strlen(name) + 1;
    char *within = frn_alloc(&ground->heap, size);

    if (within != NULL) {
        (void)snprintf(within, size, "%s%s", path, name);
    }
    return within;
}

static firn_status folder_open(frn_ground *ground, const char *path, const frn_io_options *options, firn_error *err)
{
    firn_status status = frn_io_open_folder(&ground->heap, path, options, &ground->io, err);

    if (status == FIRN_ENOTFOUND && err != NULL) {
        err->detail = FIRN_DETAIL_NOT_A_LEDGER;
    }
    if (status == FIRN_OK) {
        ground->index_folder = path_within(ground, path, INDEX_FOLDER);
        ground->cache_folder = path_within(ground, path, CACHE_FOLDER);
        if (ground->index_folder == NULL || ground->cache_folder == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "heap");
        }
    }
    return status;
}

static firn_status memory_open(frn_ground *ground, const char *name, bool create, firn_error *err)
{
    firn_status status = frn_mem_disk_take(name, create, &ground->disk, err);

    if (status != FIRN_OK) {
        return status;
    }
    return frn_io_open_memory(&ground->heap, frn_mem_disk_get(ground->disk), &ground->io, err);
}

firn_status frn_ground_open(const char *text, firn_io_path path, bool create, bool read_only, frn_trace trace,
                            frn_ground **out_ground, firn_error *err)
{
    frn_io_options options = {.path = path, .create = create, .read_only = read_only, .trace = trace};
    frn_ground *ground;
    frn_url url;
    firn_status status = frn_url_parse(text, &url, err);

    if (status != FIRN_OK) {
        return status;
    }
    ground = frn_alloc_zero(frn_process_heap(), 1, sizeof *ground);
    if (ground == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "heap");
    }
    frn_heap_init(&ground->heap);
    if (url.kind == FRN_URL_FOLDER) {
        status = folder_open(ground, url.name, &options, err);
    } else {
        /* A private disk in memory is new by nature: to write there is to create. */
        status = memory_open(ground, url.name, create || (url.name[0] == '\0' && !read_only), err);
    }
    if (status != FIRN_OK) {
        frn_ground_close(ground);
        return status;
    }
    *out_ground = ground;
    return FIRN_OK;
}

void frn_ground_close(frn_ground *ground)
{
    if (ground == NULL) {
        return;
    }
    if (ground->io != NULL) {
        ground->io->ops->close(ground->io);
    }
    frn_free(&ground->heap, ground->index_folder);
    frn_free(&ground->heap, ground->cache_folder);
    frn_mem_disk_release(ground->disk);
    frn_free(frn_process_heap(), ground);
}
