/* SPDX-License-Identifier: Apache-2.0 */
/* folder.c — remove a folder that processes may still be putting files into. */
#include "test/kill/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test/kill/shared.h"

static int remove_entry(const char *name, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(name);
}

void folder_remove(const char *name)
{
    enum {
        TRIES = 100 /* A reader that opens just then puts the table of readers there again. */
    };

    for (int i = 0; nftw(name, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0; i++) {
        if (errno == ENOENT) {
            return;
        }
        if (errno != ENOTEMPTY || i == TRIES) {
            violation("remove %s: %s", name, strerror(errno));
        }
    }
}
