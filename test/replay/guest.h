/* SPDX-License-Identifier: Apache-2.0 */
/* guest.h — what the programs on both sides of a user-mode-linux agree on. */
#ifndef TEST_REPLAY_GUEST_H
#define TEST_REPLAY_GUEST_H

/** Lines on the console: the machine runs; the recording is whole. */
#define GUEST_UP "guest: up"
#define GUEST_DONE "guest: recorded"

/** Arguments of the kernel: what to record on, and of which seed. */
#define GUEST_FILE_SYSTEM "replay_fs"
#define GUEST_SEED "replay_seed"

/** Where the ledger's file system is mounted in there; a folder that every root has. */
#define GUEST_MOUNT "/mnt"

#endif
