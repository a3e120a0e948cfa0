/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h — the constructors that io.c chooses from. */
#ifndef FRN_IO_BACKEND_H
#define FRN_IO_BACKEND_H

#include "engine/io/io.h"

/** Opens a folder with pwritev2 and fdatasync. note: why not io_uring, or "". */
firn_status frn_io_open_portable(frn_heap *heap, const char *path, const frn_io_options *options, const char *note,
                                 frn_io **out_io, firn_error *err) FIRN_NODISCARD;

/**
 * How a sleeping reap() is woken. AUTO: by a message from another ring where the kernel has that, so that reap()
 * sleeps in io_uring_enter; else by an eventfd, with reap() in poll.
 */
typedef enum frn_uring_wake {
    FRN_URING_WAKE_AUTO = 0,
    FRN_URING_WAKE_EVENTFD = 1
} frn_uring_wake;

/**
 * Opens a folder with io_uring.
 * *out_missing: 0, or the errno that says that the kernel does not offer what is needed; then nothing is open and the
 * status is FIRN_EIO. Other failures concern the folder and leave it 0.
 */
firn_status frn_io_open_uring(frn_heap *heap, const char *path, const frn_io_options *options, frn_uring_wake wake,
                              int *out_missing, frn_io **out_io, firn_error *err) FIRN_NODISCARD;

#endif
