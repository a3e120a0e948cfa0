/* SPDX-License-Identifier: Apache-2.0 */
/* main.c — the firn tool: read the command line, run the command. */
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/help.h"
#include "tools/options.h"
#include "tools/output.h"

int main(int argc, char **argv)
{
    tool_call call;
    firn_error err;
    int code;

    tool_output_start();
    if (tool_options_parse(argc, argv, &call, &err) < 0) {
        code = tool_error_report(&err, call.json);
        if (!call.json && call.command != NULL && call.command->run != tool_cmd_help) {
            tool_help_usage(stderr, call.command);
            fprintf(stderr, "'firn help %s' explains it.\n", call.command->name);
        } else if (!call.json) {
            fputs("'firn help' lists the commands.\n", stderr);
        }
        /* A command that was to be recorded has exit codes of its own: ours must not look like one. */
        return call.command != NULL && call.command->run == tool_cmd_run_record ? TOOL_EXIT_NO_RECORDING : code;
    }
    code = call.command->run(&call);
    return tool_output_finish(code, call.json);
}
