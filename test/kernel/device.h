/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h — a file system on a device that can be told to fail, stall, vanish or fill up.
 *
 * The bytes lie in a file on a tmpfs of the lane's own. DEVICE_SERVED and DEVICE_CACHED stand on a block server (nbdkit
 * under nbdfuse) whose filters fail writes and reads while a trigger file is there, and hold all requests while they
 * are told to; over it lies a loop device. The cached one keeps writes in the server until they are flushed: its writes
 * do not fail, its flushes do, and when the server is killed, what was not flushed is gone, as in the volatile cache of
 * a disk. DEVICE_THIN promises more than the tmpfs below it has. DEVICE_PLAIN is a loop device that does not fail.
 *
 * All of it lives in a mount namespace and in processes that die with the lane, so nothing is left behind.
 */
#ifndef TEST_KERNEL_DEVICE_H
#define TEST_KERNEL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "test/kill/campaign.h"

typedef enum device_kind {
    DEVICE_SERVED,
    DEVICE_CACHED,
    DEVICE_THIN,
    DEVICE_PLAIN,
    DEVICE_KINDS
} device_kind;

typedef struct device {
    device_kind kind;
    const char *file_system;
    char store[560]; /**< The tmpfs. */
    char back[600];  /**< The file with the bytes, in it. */
    char top[600];   /**< What the loop device is over. */
    char mount[600];
    int server; /**< Processes; 0: none. */
    int fuse;
    char loop[32]; /**< The name of the loop device. */
} device;

/** Why devices cannot be had here, or NULL. To be called once, before any is made. */
const char *device_unavailable(const char *file_system);

/** Makes it anew, with an empty file system, and mounts it. */
void device_make(device *d, device_kind kind, const char *file_system, const char *folder);

/** Gives everything up. */
void device_drop(device *d);

/** Unmounts it, has the file system looked after, as an operator would after errors of the device, and mounts it again.
 */
void device_again(device *d);

/** Mounts it again, when the last process that used it has let go of it. */
void device_mount(device *d);

/** The same; the server ends first, without a word, and a new one takes its place. */
void device_replace(device *d);

/** Requests fail from now on, or no more: reads, or writes and zeroing. */
void device_fail_reads(const device *d, bool on);
void device_fail_writes(const device *d, bool on);

/** Requests wait from now on, or no more. */
void device_stall(const device *d, bool on);

/** A file of its own takes all room of a file system but `keep` bytes; it is removed. */
void device_fill(const char *folder, uint64_t keep);
void device_make_room(const char *folder);

/** The server is killed: nobody answers any more. */
void device_unplug(device *d);

/** What a program over devices does: takes the options, skips where there are no such devices, and runs. */
int device_campaign(campaign *c, int argc, char **argv, campaign_ledger_fn run);

#endif
