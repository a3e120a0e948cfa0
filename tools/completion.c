/* SPDX-License-Identifier: Apache-2.0 */
/* completion.c — print the command table as a completion script for bash. */
#include "tools/help.h"

#include <string.h>

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
            fprintf(file, "    '%s:--%s') COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", command->name,
                    option->name, option->choices);
}

/** The words that stand first on a command line: commands of one word, and each group once. */
static void print_first_words(FILE *file)
{
    const char *last = "";

    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        size_t size = strcspn(command->name, " ");

        if (!tool_command_in_group(command, last, strcspn(last, " ")))
            fprintf(file, "%.*s ", (int)size, command->name);
        last = command->name;
    }
}

/** The second words of a group. */
static void print_second_words(FILE *file, const char *group, size_t size)
{
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        if (tool_command_in_group(command, group, size))
            fprintf(file, "%s ", command->name + size + 1);
}

/** Cases that answer with the second word of each group, also behind help. */
static void print_groups(FILE *file)
{
    const char *last = "";

    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        size_t size = strcspn(command->name, " ");

        if (command->name[size] == ' ' && !tool_command_in_group(command, last, strcspn(last, " "))) {
            fprintf(file, "    '%.*s'|'help %.*s') COMPREPLY=($(compgen -W '", (int)size, command->name, (int)size,
                    command->name);
            print_second_words(file, command->name, size);
            fputs("' -- \"$word\")); return ;;\n", file);
        }
        last = command->name;
    }
}

void tool_help_completion(FILE *file)
{
    fputs("# Completion of firn for bash, made from its table of commands.\n"
          "_firn()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' i\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "        -l|--ledger|--index-map-size) ((i++)) ;;\n"
          "        -*) ;;\n"
          "        *) [[ -n $command ]] && { command+=\" ${COMP_WORDS[i]}\"; break; }; command=${COMP_WORDS[i]} ;;\n"
          "        esac\n"
          "    done\n"
          "    case $previous in\n"
          "    -l|--ledger) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
          "    esac\n"
          "    case $command in\n",
          file);
    print_groups(file);
    /* A command of one word is found in spite of the operand behind it. */
    fputs("    esac\n    for i in \"$command\" \"${command%% *}\"; do\n    case $i:$previous in\n", file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        print_choices(file, command);
    fputs("    esac\n    case $i in\n    '') COMPREPLY=($(compgen -W '", file);
    print_first_words(file);
    print_option_words(file, tool_global_options);
    fputs("' -- \"$word\")); return ;;\n", file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        fprintf(file, "    '%s') [[ $word == -* ]] && COMPREPLY=($(compgen -W '", command->name);
        print_option_words(file, command->options);
        print_option_words(file, tool_global_options);
        fputs("' -- \"$word\"))", file);
        if (command->run == tool_command_find("help")->run) {
            fputs(" || COMPREPLY=($(compgen -W '", file);
            print_first_words(file);
            fputs("' -- \"$word\"))", file);
        }
        fputs("; return ;;\n", file);
    }
    fputs("    esac\n    done\n}\ncomplete -o default -F _firn firn\n", file);
}
