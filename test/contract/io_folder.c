/* SPDX-License-Identifier: Apache-2.0 */
/* io_folder.c — scratch folders for tests of engine/io. */
#include "test/contract/io_folder.h"

#include "engine/base/heap.h"
#include "engine/io/io.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void io_folder_failed(void)
{
    (void)fprintf(stderr, "the surroundings of the test failed: %s\n", strerror(errno));
    _exit(99);
}

void io_folder_make(const char *parent, char *path, size_t path_size)
{
    (void)snprintf(path, path_size, "%s/firn-test-XXXXXX", parent);
    if (mkdtemp(path) == NULL) {
        io_folder_failed();
    }
}

void io_folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (dir == NULL) {
        io_folder_failed();
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            io_folder_failed();
        }
    }
    (void)closedir(dir);
    if (rmdir(path) != 0) {
        io_folder_failed();
    }
}

bool io_folder_usable(const char *parent)
{
    return access(parent, W_OK | X_OK) == 0;
}

bool io_folder_has_uring(void)
{
    frn_io_options options = {.path = FIRN_IO_URING, .read_only = true};
    frn_io *io = NULL;
    frn_heap heap;

    frn_heap_init(&heap);
    if (frn_io_open_folder(&heap, ".", &options, &io, NULL) != FIRN_OK) {
        return false;
    }
    io->ops->close(io);
    return true;
}
