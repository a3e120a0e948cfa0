/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c — interrupts as something to wait for, so that what is under way is brought to an end. */
#include "tools/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/error.h"

firn_status tool_signals_start(int *out_fd, firn_error *err)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    /* Threads that the library starts inherit the mask. */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return tool_fail_os(err, errno, "signalfd");
    *out_fd = fd;
    return FIRN_OK;
}

int tool_signals_take(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
