/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h — cut a stream of bytes into lines as it comes in, long lines into pieces. */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include <stdint.h>

#include "firn.h"

enum {
    TOOL_LINE_SIZE_MAX = 1024 * 1024 /**< A longer line is cut into pieces: memory is bounded whatever comes. */
};

/** What stands behind a piece of output. */
typedef enum tool_line_end {
    TOOL_LINE_NEWLINE, /**< A newline, which is not part of the line. */
    TOOL_LINE_MORE,    /**< The rest of the same line: it was cut here. */
    TOOL_LINE_NOTHING  /**< Nothing: the output ended without a newline. */
} tool_line_end;

/** Told of each line, which ends with the call. */
typedef void (*tool_line_fn)(void *arg, firn_slice line, tool_line_end end);

/** The part of a line that came in without its end. Start with all zero. */
typedef struct tool_lines {
    char *data; /**< TOOL_LINE_SIZE_MAX bytes once something had to be kept. */
    size_t size;
} tool_lines;

/** Take in bytes; complete lines are told in order. @return FIRN_OK, FIRN_ENOMEM. */
firn_status tool_lines_feed(tool_lines *lines, firn_slice bytes, tool_line_fn told, void *arg) FIRN_NODISCARD;

/** The output has ended: tell what is left. */
void tool_lines_finish(tool_lines *lines, tool_line_fn told, void *arg);

void tool_lines_done(tool_lines *lines);

#endif
