/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h — what every sub-command is given, and their entry points. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include <stdbool.h>

#include "firn.h"
#include "tools/table.h"

enum {
    TOOL_OPTIONS_MAX = 40,
    TOOL_GIVEN_MAX = 256 /**< Options of one command line. */
};

/** One option as it was typed. */
typedef struct tool_given {
    int position; /**< In command->options. */
    const char *value;
} tool_given;

/** One run of a sub-command. Strings are borrowed from argv and the environment. */
typedef struct tool_call {
    const tool_command *command;
    const char *ledger; /**< URL of the ledger. */
    const char *index_map_size; /**< As typed; NULL: not given. */
    bool json;
    bool verbose;
    const char *values[TOOL_OPTIONS_MAX]; /**< By position in command->options; NULL: not given; "" for flags. */
    tool_given given[TOOL_GIVEN_MAX];     /**< All of them, in the order of the line: some may stand several times. */
    int given_count;
    char **operands;
    int operands_count;
    firn_error *damage; /**< Filled in by who opens for reading a ledger that ends early. May be NULL. */
} tool_call;

int tool_cmd_init(tool_call *call);
int tool_cmd_append(tool_call *call);
int tool_cmd_log(tool_call *call);
int tool_cmd_put(tool_call *call);
int tool_cmd_get(tool_call *call);
int tool_cmd_has(tool_call *call);
int tool_cmd_run_create(tool_call *call);
int tool_cmd_run_append(tool_call *call);
int tool_cmd_run_complete(tool_call *call);
int tool_cmd_run_fail(tool_call *call);
int tool_cmd_run_cancel(tool_call *call);
int tool_cmd_run_show(tool_call *call);
int tool_cmd_run_events(tool_call *call);
int tool_cmd_run_list(tool_call *call);
int tool_cmd_run_record(tool_call *call);
int tool_cmd_release_promote(tool_call *call);
int tool_cmd_release_current(tool_call *call);
int tool_cmd_release_history(tool_call *call);
int tool_cmd_import_git(tool_call *call);
int tool_cmd_stat(tool_call *call);
int tool_cmd_dump(tool_call *call);
int tool_cmd_replay(tool_call *call);
int tool_cmd_verify(tool_call *call);
int tool_cmd_bench(tool_call *call);
int tool_cmd_help(tool_call *call);

#endif
