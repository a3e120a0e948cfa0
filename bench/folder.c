/* SPDX-License-Identifier: Apache-2.0 */
/* folder.c — fresh folders for ledgers that are measured. */
#include "bench/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/error.h"

enum {
    DESCRIPTORS_MAX = 16
};

firn_status bench_folder_make(const char *dir, char out_path[PATH_MAX], firn_error *err)
{
    if (snprintf(out_path, PATH_MAX, "%s/firn-bench-XXXXXX", dir) >= PATH_MAX)
        return tool_fail(err, FIRN_ETOOBIG, "%s: path too long", dir);
    if (mkdtemp(out_path) == NULL)
        return tool_fail_os(err, errno, "%s", out_path);
    return FIRN_OK;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    /* A file that cannot be removed stays: the figures are good all the same. */
    (void)remove(path);
    return 0;
}

void bench_folder_remove(const char *path)
{
    nftw(path, remove_one, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS);
}

static int forget_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    (void)info;
    (void)place;
    if (fd >= 0) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    return 0;
}

void bench_folder_forget(const char *path)
{
    sync();
    nftw(path, forget_one, DESCRIPTORS_MAX, FTW_PHYS);
}
