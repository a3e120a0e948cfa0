/* SPDX-License-Identifier: Apache-2.0 */
/* completion.c — print the command table as a completion script for bash. */
#include "tools/help.h"

static void print_option_words(FILE *file, const tool_option *options)
{
    for (; options->name != NULL; options++)
        fprintf(file, " --%s", options->name);
}

/** A case that answers with the words that an option takes. */
static void print_choices(FILE *file, const tool_command *command)
{
    for (const tool_option *option = command->options; option->name != NULL; option++)
        if (option->choices != NULL)
            fprintf(file, "    %s:--%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", command->name,
                    option->name, option->choices);
}

void tool_help_completion(FILE *file)
{
    fputs("# Completion of firn for bash, made from its table of commands.\n"
          "_firn()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' i\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        -l|--ledger) ((i++)) ;;\n"
          "        -*) ;;\n"
          "        *) command=${COMP_WORDS[i]}; break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $previous in\n"
          "    -l|--ledger) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
          "    esac\n"
          "    case $command:$previous in\n",
          file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        print_choices(file, command);
    fputs("    esac\n    case $command in\n", file);
    fputs("    '') COMPREPLY=($(compgen -W '", file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        fprintf(file, "%s ", command->name);
    print_option_words(file, tool_global_options);
    fputs("' -- \"$word\")); return ;;\n", file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        fprintf(file, "    %s) [[ $word == -* ]] && COMPREPLY=($(compgen -W '", command->name);
        print_option_words(file, command->options);
        print_option_words(file, tool_global_options);
        fputs("' -- \"$word\"))", file);
        if (command->run == tool_command_find("help")->run) {
            fputs(" || COMPREPLY=($(compgen -W '", file);
            for (const tool_command *other = tool_commands; other->name != NULL; other++)
                fprintf(file, "%s ", other->name);
            fputs("' -- \"$word\"))", file);
        }
        fputs(" ;;\n", file);
    }
    fputs("    esac\n}\ncomplete -o default -F _firn firn\n", file);
}
