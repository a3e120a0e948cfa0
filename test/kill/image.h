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

/** Runs a program, quietly. Returns its exit status; 127: there is none. */
int command_run(const char *const argv[]);

/** Make a file system ("ext4", "xfs" or "btrfs") in a file, which is made anew. */
void image_make(const char *file, const char *file_system);

/**
 * Mounts it over a loop device, whose name goes to out_loop unless that is NULL.
 * @param request_kib  The largest request to the device, which is a write into the file; 0: as the kernel likes. A loop
 *   device calls a request done of which the file took the first part only, as files do that run out of room or into an
 *   error on the way. One that is to fail and not to lie gets requests that the file takes whole or not at all.
 */
void image_mount(const char *file, const char *file_system, const char *where, unsigned request_kib, char out_loop[32]);

/** Waits, within bounds, until nothing holds the loop device any more, which the last unmount lets go. */
void image_wait_free(const char *loop);

/** What an operator does after errors: have the file system checked and mended. It is not mounted. */
void image_mend(const char *file, const char *file_system);

/** Give up the mount; waits, within bounds, for what dead processes still hold. */
void image_unmount(const char *where);

/** Push random ranges of the files in a folder to the device, so that pages reach it in another order than written. */
void image_write_some(const char *folder, dice *d);

/** The power is cut: what the file system did not write and flush before is gone. */
void image_cut(const char *where);

/** The file system ends its work, as it does after errors: 0 after a sync, 1 after a flush of its log, 2 without. */
void image_shut(const char *where, uint32_t how);

#endif
