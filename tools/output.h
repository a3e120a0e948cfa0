/* SPDX-License-Identifier: Apache-2.0 */
/* output.h — standard output, of which every failure counts. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>

/** SIGPIPE becomes an error of the write: a reader that goes away must not kill a writer of the ledger. */
void tool_output_start(void);

/** Passes on what is printed so far. False if standard output has failed: stop producing. */
bool tool_output_flush(void);

/**
 * The exit code after all is printed: `code`, unless standard output failed: then 4, with a message; or
 * 128 + SIGPIPE, silently, if its reader went away.
 */
int tool_output_finish(int code, bool json);

#endif
