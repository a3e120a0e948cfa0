/* SPDX-License-Identifier: Apache-2.0 */
/* fault_io.h — an I/O seam over another one that fails on demand. */
#ifndef TEST_API_FAULT_IO_H
#define TEST_API_FAULT_IO_H

#include <stdatomic.h>

#include "engine/io/io.h"

typedef struct fault_io {
    frn_io io;
    frn_io *below;
    _Atomic int fail_queued; /**< errno that every queued operation ends with; 0: as below. */
    _Atomic int fail_fill;   /**< errno that pre-writing a file ends with; 0: as below. */
    _Atomic unsigned reaps;  /**< Completions handed up. */
} fault_io;

/** below stays the caller's. */
void fault_io_init(fault_io *fault, frn_io *below);

#endif
