/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c — a file descriptor that can be made readable, for event loops of the host. */
#include "engine/base/notify.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/error.h"

firn_status frn_notify_open(int *out_fd, firn_error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) {
        (void)frn_fail_os(err, errno, "eventfd");
        if (err != NULL) {
            err->status = FIRN_EIO;
        }
        return FIRN_EIO;
    }
    *out_fd = fd;
    return FIRN_OK;
}

void frn_notify_signal(int fd)
{
    static const uint64_t one = 1;

    /* Fails only when the counter is at its limit: readable already. */
    if (write(fd, &one, sizeof one) < 0) {
        return;
    }
}

void frn_notify_close(int fd)
{
    (void)close(fd);
}
