/* SPDX-License-Identifier: Apache-2.0 */
/* interpose.h — make the k-th allocation of this process fail, or the k-th call of libc that does I/O. */
#ifndef TEST_FAULT_INTERPOSE_H
#define TEST_FAULT_INTERPOSE_H

#include <stdbool.h>
#include <stdint.h>

/** What is counted. */
typedef enum interpose_kind {
    INTERPOSE_NOTHING,
    INTERPOSE_MEMORY, /**< malloc and the like, mmap, pthread_create; whoever calls them, libc itself included. */
    INTERPOSE_IO      /**< open, read, write, sync, stat and the like, and the set-up of io_uring. */
} interpose_kind;

/** From here on the at-th call of that kind fails, of any thread; and all after it. */
void interpose_arm(interpose_kind kind, uint64_t at, bool for_ever, int os_errno);
void interpose_disarm(void);
/** Calls that were made to fail since armed. */
uint64_t interpose_failed(void);
/** The function that failed first since armed, "-" if none did. */
const char *interpose_failed_name(void);
/** Syncs, since armed for the first time, of a descriptor whose sync had failed. */
uint64_t interpose_syncs_after_failure(void);

#endif
