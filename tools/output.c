/* SPDX-License-Identifier: Apache-2.0 */
/* output.c — standard output, of which every failure counts. */
#include "tools/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "tools/error.h"

/* errno of the first write that failed: stdio keeps only the fact. */
static int output_errno;

void tool_output_start(void)
{
    signal(SIGPIPE, SIG_IGN);
}

bool tool_output_flush(void)
{
    if (output_errno != 0)
        return false;
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        /* A write inside printf() failed earlier: what happened to it is told by trying once more. */
        output_errno = errno != 0 ? errno : EPIPE;
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
