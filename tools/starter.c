/* SPDX-License-Identifier: Apache-2.0 */
/*
 * starter.c — a process that waits until it is told to become a command.
 *
 * Why not simply spawn the command when it is wanted: the kernel counts the memory of the process that forks as memory
 * of the one that is forked, also behind its exec. A command started by a process that has a ledger open would seem to
 * need what the ledger needs. This one is forked while there is nothing to count.
 *
 * The waiting process reads one byte. Then it execs, which closes the pipe of complaints, or writes the errno into that
 * and ends. If it reads the end instead, whoever forked it has changed their mind or died.
 */
#include "tools/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/error.h"
#include "tools/output.h"
#include "tools/program.h"

enum {
    PIPE_SIZE = 1024 * 1024, /**< Asked for: a command that prints in bursts should not wait for us. */
    EXIT_SILENT = 127        /**< Nobody looks at it. */
};

/** The ends of the four pipes that the waiting process has. */
typedef struct starter_ends {
    int out;
    int err;
    int go;
    int complaint;
} starter_ends;

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/** What the forked process does, and nothing else: it shares its memory with nobody. */
static void wait_and_become(const starter_ends *ends, const char *const *argv, const sigset_t *blocked)
{
    char byte;
    ssize_t count;
    int code;

    tool_output_restore();
    (void)pthread_sigmask(SIG_SETMASK, blocked, NULL);
    while ((count = read(ends->go, &byte, 1)) < 0 && errno == EINTR)
        continue;
    if (count != 1)
        _exit(EXIT_SILENT);
    if (dup2(ends->out, STDOUT_FILENO) >= 0 && dup2(ends->err, STDERR_FILENO) >= 0)
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    code = errno;
    while (write(ends->complaint, &code, sizeof code) < 0 && errno == EINTR)
        continue;
    _exit(EXIT_SILENT);
}

static firn_status make_pipes(tool_starter *starter, starter_ends *ends, firn_error *err)
{
    firn_status status = tool_pipe(&starter->out, &ends->out, err);

    if (status == FIRN_OK)
        status = tool_pipe(&starter->err, &ends->err, err);
    if (status == FIRN_OK)
        status = tool_pipe(&ends->go, &starter->go, err);
    if (status == FIRN_OK)
        status = tool_pipe(&starter->complaint, &ends->complaint, err);
    return status;
}

firn_status tool_starter_fork(const char *const *argv, const sigset_t *blocked, tool_starter *out_starter,
                              firn_error *err)
{
    tool_starter starter = TOOL_STARTER_NONE;
    starter_ends ends = {-1, -1, -1, -1};
    firn_status status = make_pipes(&starter, &ends, err);

    if (status == FIRN_OK) {
        starter.pid = fork();
        if (starter.pid == 0) {
            /* Its own end of this pipe would keep it from seeing the other one closed. */
            (void)close(starter.go);
            wait_and_become(&ends, argv, blocked);
        }
        if (starter.pid < 0) {
            starter.pid = 0;
            status = tool_fail_os(err, errno, "fork");
        }
    }
    close_end(&ends.out);
    close_end(&ends.err);
    close_end(&ends.go);
    close_end(&ends.complaint);
    if (status < 0) {
        tool_starter_done(&starter);
        return status;
    }
    (void)fcntl(starter.out, F_SETPIPE_SZ, PIPE_SIZE);
    (void)fcntl(starter.err, F_SETPIPE_SZ, PIPE_SIZE);
    (void)fcntl(starter.out, F_SETFL, O_NONBLOCK);
    (void)fcntl(starter.err, F_SETFL, O_NONBLOCK);
    *out_starter = starter;
    return FIRN_OK;
}

static void wait_for_end(tool_starter *starter)
{
    while (starter->pid > 0 && waitpid(starter->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    starter->pid = 0;
}

firn_status tool_starter_go(tool_starter *starter, const char *name, firn_error *err)
{
    ssize_t count;
    int code = 0;

    /* A process that a signal has ended takes no byte: what ended it is what the command ended with. */
    while (write(starter->go, "", 1) < 0 && errno == EINTR)
        continue;
    close_end(&starter->go);
    while ((count = read(starter->complaint, &code, sizeof code)) < 0 && errno == EINTR)
        continue;
    close_end(&starter->complaint);
    if (count != (ssize_t)sizeof code)
        return FIRN_OK;
    wait_for_end(starter);
    return tool_fail_os(err, code, "%s", name);
}

void tool_starter_done(tool_starter *starter)
{
    bool waiting = starter->go >= 0;

    close_end(&starter->go);
    close_end(&starter->complaint);
    close_end(&starter->out);
    close_end(&starter->err);
    if (waiting)
        wait_for_end(starter);
}
