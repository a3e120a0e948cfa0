/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h — start a user-mode-linux with two disks and the root of this machine, read-only, and wait for its end. */
#ifndef TEST_REPLAY_BOOT_H
#define TEST_REPLAY_BOOT_H

#include <stdint.h>

/** Why it cannot be done here, or NULL. */
const char *boot_unavailable(void);

typedef enum boot_end {
    BOOT_DONE,   /**< The guest said that it is. */
    BOOT_FAILED, /**< The guest began, and did not come to its end. */
    BOOT_NEVER   /**< The guest was never heard of: user-mode-linux does not run here. */
} boot_end;

/** In `folder`: ubd0 is its file "disk", ubd1 its file "log"; what the console said is in its file "console". */
boot_end boot(const char *folder, const char *guest, const char *file_system, uint64_t seed);

#endif
