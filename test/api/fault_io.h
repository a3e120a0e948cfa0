/* SPDX-License-Identifier: Apache-2.0 */
/* fault_io.h — an I/O seam over another one that fails on demand: by kind of operation, or the k-th of all. */
#ifndef TEST_API_FAULT_IO_H
#define TEST_API_FAULT_IO_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/thread.h"
#include "engine/io/io.h"

enum {
    FAULT_IO_OWN_MAX = 64 /**< Operations of the queue that ended here and were not reaped. */
};

typedef struct fault_io {
    frn_io io;
    frn_io *below;
    _Atomic int fail_queued; /**< errno that every queued operation ends with; 0: as below. */
    _Atomic int fail_fill;   /**< errno that pre-writing a file ends with; 0: as below. */
    _Atomic unsigned reaps;  /**< Completions handed up. */

    /* The k-th operation of the blocking side and of the queue together. It has no effect; of a queued write that comes
       short one half has. Set while no other thread is at work. */
    _Atomic int64_t fail_at; /**< Counts down; the operation that takes it to 0 fails. 0: none does. */
    bool fail_for_ever;      /**< And all after it. */
    bool fail_short;         /**< A queued write is written in part; other operations fail. */
    int fail_errno;
    _Atomic unsigned failed;              /**< Operations that were made to fail. */
    const char *_Atomic failed_name;      /**< The first of them; NULL: none. */
    _Atomic unsigned queue_failures;      /**< Failed or short completions handed up. */
    _Atomic unsigned queued_after;        /**< Operations queued after one of those. */
    _Atomic unsigned syncs_after_failure; /**< Syncs of a file whose sync had failed. */
    _Atomic unsigned files;               /**< Open. */
    frn_mutex lock;                       /**< Guards what follows. */
    frn_completion own[FAULT_IO_OWN_MAX];
    unsigned own_count;
} fault_io;

/** below stays the caller's. */
void fault_io_init(fault_io *fault, frn_io *below);

#endif
