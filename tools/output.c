/* SPDX-License-Identifier: Apache-2.0 */
/* output.c — standard output, of which every failure counts. */
#include "tools/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/error.h"

/* errno of the first write that failed: stdio keeps only the fact. */
static int output_errno;

/* Signals that tell of a failed write: the write tells it as well. */
static const int silenced[] = {SIGPIPE, SIGXFSZ};
static void (*handlers[sizeof silenced / sizeof silenced[0]])(int);

/** A descriptor that is closed would be given to the next file that is opened, such as one of the ledger's: a file
    that can be neither read nor written as it should be takes its place, so that using it fails. */
static void occupy_closed(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY);
        if (fd == STDIN_FILENO) {
            (void)close(fd);
            fd = open("/dev/null", O_WRONLY);
        }
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

void tool_output_start(void)
{
    occupy_closed();
    for (size_t i = 0; i < sizeof silenced / sizeof silenced[0]; i++)
        handlers[i] = signal(silenced[i], SIG_IGN);
}

void tool_output_restore(void)
{
    for (size_t i = 0; i < sizeof silenced / sizeof silenced[0]; i++)
        (void)signal(silenced[i], handlers[i]);
}

/** A write inside printf() failed, which keeps no errno and drops what it had. One more byte is told what is wrong;
   should it get through, it stands behind output that is cut off. */
static int lost_errno(void)
{
    return write(STDOUT_FILENO, "\n", 1) < 0 ? errno : EIO;
}

bool tool_output_flush(void)
{
    if (output_errno != 0)
        return false;
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        /* What happened to an earlier write is told by trying once more. */
        output_errno = errno != 0 ? errno : lost_errno();
        return false;
    }
    return true;
}

int tool_output_finish(int code, bool json)
{
    firn_error err;
    int failed;

    tool_output_flush();
    if (output_errno == 0 && fclose(stdout) != 0)
        output_errno = errno;
    if (output_errno == 0)
        return code;
    if (output_errno == EPIPE)
        return code != TOOL_EXIT_OK ? code : TOOL_EXIT_SIGNAL + SIGPIPE;
    tool_fail_os(&err, output_errno, "standard output");
    failed = tool_error_report(&err, json);
    return code != TOOL_EXIT_OK ? code : failed;
}
