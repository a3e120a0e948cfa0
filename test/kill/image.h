/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h — a file system in a file, mounted over a loop device, whose power can be cut.
 *
 * The mounts live in a mount namespace of the test's own and the loop devices free themselves, so nothing is left
 * behind, whichever way the test ends.
 */
#ifndef TEST_KILL_IMAGE_H
#define TEST_KILL_IMAGE_H

#include "test/disk/dice.h"

/** Why images cannot be used here, or NULL. To be called once, before any image is made. */
const char *image_unavailable(const char *file_system);

/** Make a file system ("ext4", "xfs" or "btrfs") in a file, which is made anew. */
void image_make(const char *file, const char *file_system);

void image_mount(const char *file, const char *file_system, const char *where);

/** Give up the mount; waits, within bounds, for what dead processes still hold. */
void image_unmount(const char *where);

/** Push random ranges of the files in a folder to the device, so that pages reach it in another order than written. */
void image_write_some(const char *folder, dice *d);

/** The power is cut: what the file system did not write and flush before is gone. */
void image_cut(const char *where);

#endif
