/* SPDX-License-Identifier: Apache-2.0 */
/* small.h — options of the smallest ledger whose work is done step by step: what harnesses of faults begin with. */
#ifndef TEST_DISK_SMALL_H
#define TEST_DISK_SMALL_H

#include "firn/ledger.h"

static inline firn_options small_options(firn_open_mode mode)
{
    return (firn_options){
        .struct_size = sizeof(firn_options),
        .mode = mode,
        .durable_method = FIRN_DURABLE_DIRECT_DSYNC,
        .progress = FIRN_PROGRESS_MANUAL,
        .segment_size = 65536,
        .group_size_max = 65536,
        .spare_segments = 1,
    };
}

#endif
