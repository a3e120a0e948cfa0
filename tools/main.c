/* SPDX-License-Identifier: Apache-2.0 */
/* main.c — the firn tool: read the command line, run the command. */
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/help.h"
#include "tools/options.h"
#include "tools/output.h"

/* What was answered is true up to damage. It is told, and a command whose answer may lack something ends with its exit
   code. Content that was found is whole, and figures name the damage themselves. */
static int tell_damage(const tool_call *call, int code)
{
    bool whole = call->command->run == tool_cmd_get || call->command->run == tool_cmd_has ||
                 call->command->run == tool_cmd_stat;

    if (call->damage->status >= 0 || code > TOOL_EXIT_NO || (code == TOOL_EXIT_OK && whole))
        return code;
    return tool_error_report(call->damage, call->json);
}

int main(int argc, char **argv)
{
    tool_call call;
    firn_error err, damage = {0};
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
    call.damage = &damage;
    code = tell_damage(&call, call.command->run(&call));
    return tool_output_finish(code, call.json);
}
