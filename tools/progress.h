/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h — how far long work is, on standard error: a bar on a terminal, plain lines otherwise. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/** Short work shows nothing: the first sign comes after a while. */
typedef struct tool_progress {
    const char *what; /**< "verify". */
    bool terminal;
    bool silent;
    bool shown; /**< A bar stands on the terminal. */
    uint64_t start_ns;
    uint64_t last_ns;
} tool_progress;

/** json: only a terminal gets to see it, so that standard error stays JSON. */
void tool_progress_start(tool_progress *progress, const char *what, bool json);
/** A firn_progress_fn; arg is a tool_progress. */
int tool_progress_step(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records);
/** Takes the bar away. */
void tool_progress_stop(tool_progress *progress);

/** Nanoseconds of the monotonic clock. */
uint64_t tool_now_ns(void);

#endif
