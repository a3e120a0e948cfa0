/* SPDX-License-Identifier: Apache-2.0 */
/* output.h — standard output, of which every failure counts. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>

/**
 * Before anything is opened. SIGPIPE and SIGXFSZ become errors of the write: neither a reader that goes away nor a
 * limit on sizes of files must kill a writer of the ledger. Standard descriptors that are closed are made unusable, so
 * that no file of the ledger is taken for one of them.
 */
void tool_output_start(void);

/** In a forked process, before it becomes another program: such signals are what they were when this one began. */
void tool_output_restore(void);

/** Passes on what is printed so far. False if standard output has failed: stop producing. */
bool tool_output_flush(void);

/**
 * The exit code after all is printed: `code`, unless standard output failed: then 4, with a message; or
 * 128 + SIGPIPE, silently, if its reader went away.
 */
int tool_output_finish(int code, bool json);

#endif
