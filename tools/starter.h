/* SPDX-License-Identifier: Apache-2.0 */
/* starter.h — a process that waits until it is told to become a command. */
#ifndef TOOLS_STARTER_H
#define TOOLS_STARTER_H

#include <signal.h>
#include <sys/types.h>

#include "firn.h"

/** A process of ours that is not yet the command. Descriptors that are closed are -1. */
typedef struct tool_starter {
    pid_t pid;     /**< Of the process, and then of the command; 0: there is none. */
    int out;       /**< Our end of the pipe that becomes its standard output; non-blocking. */
    int err;       /**< The same of its standard error. */
    int go;        /**< A byte here lets it go; closed without one it ends. */
    int complaint; /**< It writes the errno here if it cannot; closed without one it runs. */
} tool_starter;

/** None. */
#define TOOL_STARTER_NONE                               \
    (tool_starter)                                      \
    {                                                   \
        .out = -1, .err = -1, .go = -1, .complaint = -1 \
    }

/**
 * Fork the process that waits. The command's peak memory is that of this moment or its own: so it is called before
 * there are threads or much memory. SIGCHLD is blocked already, or its end could go unnoticed.
 * @param blocked  Signals that are blocked in the command.
 * @return FIRN_OK; FIRN_EIO, FIRN_ENOMEM: nothing is left behind.
 */
firn_status tool_starter_fork(const char *const *argv, const sigset_t *blocked, tool_starter *out_starter,
                              firn_error *err) FIRN_NODISCARD;

/**
 * Let it become the command, looked up in PATH. Nothing of ours but standard input is open in it.
 * @return FIRN_OK: it runs, or a signal ended it before; the caller waits for pid. Else a failure whose os_errno tells
 *   why: nothing runs, and pid is 0.
 */
firn_status tool_starter_go(tool_starter *starter, const char *name, firn_error *err) FIRN_NODISCARD;

/** A process that was not told to go ends and is waited for; all that is open is closed. */
void tool_starter_done(tool_starter *starter);

#endif
