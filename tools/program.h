/* SPDX-License-Identifier: Apache-2.0 */
/* program.h — start other programs with their ends of pipes, and collect what they print. */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "firn.h"

/** How a program is started. */
typedef struct tool_spawn_options {
    int in;                  /**< Becomes its standard input; -1: ours. */
    int out;                 /**< Its standard output; -1: ours. */
    int err;                 /**< Its standard error; -1: ours. */
    const sigset_t *blocked; /**< Signals that are blocked in it. */
} tool_spawn_options;

/**
 * Start a program, looked up in PATH. Everything of ours but the three descriptors is closed in it, and a
 * broken pipe ends it, as it would from a shell.
 * @return FIRN_OK, or a failure whose os_errno tells why; nothing runs then.
 */
firn_status tool_spawn(const char *const *argv, const tool_spawn_options *options, pid_t *out_pid,
                       firn_error *err) FIRN_NODISCARD;

/** A pipe, closed in programs that are started. */
firn_status tool_pipe(int *out_read, int *out_write, firn_error *err) FIRN_NODISCARD;

/**
 * Run a program to its end and take what it prints; its standard error goes nowhere if `silent`.
 * @param out_text  Grown as needed, with a NUL behind the end.
 * @param out_code  Its exit status; 128 + n on signal n.
 */
firn_status tool_spawn_read(const char *const *argv, bool silent, firn_buf *out_text, int *out_code,
                            firn_error *err) FIRN_NODISCARD;

#endif
