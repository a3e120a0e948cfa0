/* SPDX-License-Identifier: Apache-2.0 */
/* help.h — print the command table: as help, man page, completion. */
#ifndef TOOLS_HELP_H
#define TOOLS_HELP_H

#include <stdio.h>

#include "tools/table.h"

void tool_help_all(FILE *file);
/** The commands of a group, by its word. */
void tool_help_group(FILE *file, const char *word);
void tool_help_command(FILE *file, const tool_command *command);
/** "usage: firn …" in one line. */
void tool_help_usage(FILE *file, const tool_command *command);
/** The man page firn(1) in roff. */
void tool_help_man(FILE *file);
/** A completion script for bash. */
void tool_help_completion(FILE *file);

#endif
