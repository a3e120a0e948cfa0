/* SPDX-License-Identifier: Apache-2.0 */
/* input.h — lines or whole files out of standard input and files, without waiting where there is nothing to read. */
#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include <stdbool.h>

#include "firn.h"

/** What tool_input_next() found. */
typedef enum tool_input_found {
    TOOL_INPUT_ITEM, /**< An item. */
    TOOL_INPUT_WAIT, /**< More must be read: tool_input_fill() when tool_input_fd() is readable. */
    TOOL_INPUT_END   /**< All files are read. */
} tool_input_found;

/** Some files, read one after the other. */
typedef struct tool_input tool_input;

/**
 * @param names  "-" is standard input; no names: standard input. Borrowed.
 * @param whole  A file is one item; otherwise a line is.
 */
firn_status tool_input_open(char **names, int names_count, bool whole, tool_input **out_input,
                            firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. */
void tool_input_close(tool_input *input);

/** The next item, if it is there already. It lives until the next call of fill or next. */
tool_input_found tool_input_next(tool_input *input, firn_slice *out_item);

/** The descriptor to wait for after TOOL_INPUT_WAIT; -1: tool_input_fill() at once. */
int tool_input_fd(const tool_input *input);

/**
 * Read once. An item above FIRN_EVENT_SIZE_MAX is FIRN_ETOOBIG; a file that cannot be opened or read
 * ends the input too. Each error names the file, and the line where there are lines.
 */
firn_status tool_input_fill(tool_input *input, firn_error *err) FIRN_NODISCARD;

/** Where the item that came last stands: the file's name, and its line from 1 (0 for whole files). */
const char *tool_input_name(const tool_input *input);
uint64_t tool_input_line(const tool_input *input);

#endif
