/* SPDX-License-Identifier: Apache-2.0 */
/* table.h — the one table of commands: help, usage errors, man page and completion are made from it. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct tool_call;

enum {
    TOOL_OPERANDS_PROGRAM = -2 /**< The operands are the command line of another program, with options of its own. */
};

/** An option of a command. A table of them ends with name NULL. */
typedef struct tool_option {
    const char *name;     /**< Without the dashes. */
    char letter;          /**< Short form, or 0. */
    const char *argument; /**< What it takes, in capitals; NULL: a flag. */
    const char *help;     /**< One sentence. */
    const char *choices;  /**< Words that the argument may be, parted by spaces, for completion; or NULL. */
} tool_option;

/** The last row of such a table. */
#define END_OF_OPTIONS            \
    {                             \
        NULL, 0, NULL, NULL, NULL \
    }

/** A line to type and what it does. A table of them ends with line NULL. */
typedef struct tool_example {
    const char *line;
    const char *says;
} tool_example;

/** The last row of such a table. */
#define END_OF_EXAMPLES \
    {                   \
        NULL, NULL      \
    }

/** A command of the tool. */
typedef struct tool_command {
    const char *name;     /**< One word, or two: a group and the command in it, as in "run create". */
    const char *summary;  /**< One line, no full stop. */
    const char *operands; /**< As in a synopsis; "" if there are none. */
    int operands_min;
    int operands_max;        /**< -1: any number; TOOL_OPERANDS_PROGRAM: any number, and options stand before them. */
    const char *description; /**< Paragraphs, parted by an empty line. */
    const tool_option *options;
    const tool_example *examples;
    int (*run)(struct tool_call *call); /**< Returns the exit code. */
} tool_command;

/** All commands, in the order in which help shows them; ends with name NULL. */
extern const tool_command tool_commands[];
/** Options that stand before or behind any command; ends with name NULL. */
extern const tool_option tool_global_options[];

/** One row of the list of exit codes. */
typedef struct tool_exit_row {
    int code;
    const char *says;
} tool_exit_row;

/** Ends with says NULL. */
extern const tool_exit_row tool_exit_rows[];

/** Variables of the environment, as line = name; ends with line NULL. */
extern const tool_example tool_environment[];

/** The command of that name, or NULL. */
const tool_command *tool_command_find(const char *name);
/** The command that the words begin with, and how many of them name it; or NULL. */
const tool_command *tool_command_match(char **words, int words_count, int *out_taken);
/** Is the word the first of commands with two? size: its bytes. */
bool tool_command_is_group(const char *word, size_t size);
/** Does the command belong to the group? */
bool tool_command_in_group(const tool_command *command, const char *word, size_t size);

/** Options in a table. */
size_t tool_options_count(const tool_option *options);

#endif
