/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c — firn help: explain the tool or a command; print man page, completion, version. */
#include "tools/commands.h"

#include <string.h>

#include "tools/error.h"
#include "tools/help.h"
#include "tools/json.h"
#include "tools/options.h"

static void print_version(const tool_call *call)
{
    tool_json *json;

    if (!call->json) {
        printf("firn %s\n", firn_version());
        return;
    }
    json = tool_json_new(stdout, false);
    tool_json_map(json);
    tool_json_text_of(json, "version", firn_version());
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

int tool_cmd_help(tool_call *call)
{
    const tool_command *command;
    char name[128];
    firn_error err;

    if (tool_option_given(call, "version")) {
        print_version(call);
    } else if (tool_option_given(call, "man")) {
        tool_help_man(stdout);
    } else if (tool_option_given(call, "completion")) {
        tool_help_completion(stdout);
    } else if (tool_option_given(call, "commands")) {
        for (command = tool_commands; command->name != NULL; command++)
            puts(command->name);
    } else if (call->operands_count == 0) {
        tool_help_all(stdout);
    } else {
        snprintf(name, sizeof name, "%s%s%s", call->operands[0], call->operands_count > 1 ? " " : "",
                 call->operands_count > 1 ? call->operands[1] : "");
        command = tool_command_find(name);
        if (command == NULL && tool_command_is_group(name, strlen(name))) {
            tool_help_group(stdout, name);
        } else if (command == NULL) {
            tool_fail(&err, FIRN_EINVAL, "help: '%s' is not a command", name);
            return tool_error_report(&err, call->json);
        } else {
            tool_help_command(stdout, command);
        }
    }
    return TOOL_EXIT_OK;
}
