/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h — grow an owned buffer. */
#ifndef FRN_BASE_BUF_H
#define FRN_BASE_BUF_H

#include "engine/base/heap.h"
#include "firn/types.h"

/**
 * Makes room for capacity bytes in all; size is unchanged. The heap is asked for its fault only:
 * the memory belongs to the caller of the library. FIRN_OK or FIRN_ENOMEM, the buffer then unchanged.
 */
firn_status frn_buf_reserve(frn_heap *heap, firn_buf *buf, size_t capacity) FIRN_NODISCARD;

#endif
