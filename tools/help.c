/* SPDX-License-Identifier: Apache-2.0 */
/* help.c — print the command table as help. */
#include "tools/help.h"

#include <string.h>

#include "firn.h"

enum {
    WIDTH = 96,
    OPTION_COLUMN = 28
};

/** Prints text broken into lines; "\n\n" in it parts paragraphs. The first line starts at column. */
static void print_wrapped(FILE *file, const char *text, int indent, int column)
{
    while (*text != '\0') {
        int size = (int)strcspn(text, " \n");

        if (column > indent && column + 1 + size > WIDTH) {
            fprintf(file, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", size, text);
        column += size;
        text += size;
        if (strncmp(text, "\n\n", 2) == 0) {
            fprintf(file, "\n\n%*s", indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    fputc('\n', file);
}

static void print_options(FILE *file, const tool_option *options)
{
    for (; options->name != NULL; options++) {
        char left[64];
        int size;

        size = snprintf(left, sizeof left, "  %c%c%c --%s%s%s", options->letter != 0 ? '-' : ' ',
                        options->letter != 0 ? options->letter : ' ', options->letter != 0 ? ',' : ' ', options->name,
                        options->argument != NULL ? " " : "", options->argument != NULL ? options->argument : "");
        if (size >= OPTION_COLUMN)
            fprintf(file, "%s\n%*s", left, OPTION_COLUMN, "");
        else
            fprintf(file, "%-*s", OPTION_COLUMN, left);
        print_wrapped(file, options->help, OPTION_COLUMN, OPTION_COLUMN);
    }
}

static void print_examples(FILE *file, const tool_example *examples)
{
    for (; examples->line != NULL; examples++)
        fprintf(file, "  %s\n      %s\n", examples->line, examples->says);
}

void tool_help_usage(FILE *file, const tool_command *command)
{
    fprintf(file, "usage: firn [-l LEDGER] [--json] %s%s%s%s\n", command->name,
            command->options[0].name != NULL ? " [OPTION...]" : "", command->operands[0] != '\0' ? " " : "",
            command->operands);
}

void tool_help_group(FILE *file, const char *word)
{
    fprintf(file, "usage: firn [-l LEDGER] [--json] %s COMMAND [OPTION...]\n\nCommands:\n", word);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        if (tool_command_in_group(command, word, strlen(word)))
            fprintf(file, "  %-18s%s\n", command->name, command->summary);
    fprintf(file, "\n'firn help %s COMMAND' explains a command.\n", word);
}

void tool_help_all(FILE *file)
{
    fprintf(file,
            "firn %s: an append-only ledger\n\nusage: firn [-l LEDGER] [--json] COMMAND [OPTION...]\n\nCommands:\n",
            firn_version());
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        fprintf(file, "  %-18s%s\n", command->name, command->summary);
    fputs("\nOptions of every command:\n", file);
    print_options(file, tool_global_options);
    fputs("\nEnvironment:\n", file);
    for (const tool_example *variable = tool_environment; variable->line != NULL; variable++)
        fprintf(file, "  %-18s%s\n", variable->line, variable->says);
    fputs("\nExit codes:\n", file);
    for (const tool_exit_row *row = tool_exit_rows; row->says != NULL; row++)
        fprintf(file, "  %-6d%s\n", row->code, row->says);
    fputs("\n'firn help COMMAND' explains a command.\n", file);
}

void tool_help_command(FILE *file, const tool_command *command)
{
    fprintf(file, "firn %s: %s\n\n", command->name, command->summary);
    tool_help_usage(file, command);
    fputc('\n', file);
    print_wrapped(file, command->description, 0, 0);
    if (command->options[0].name != NULL) {
        fputs("\nOptions:\n", file);
        print_options(file, command->options);
    }
    fputs("\nOptions of every command:\n", file);
    print_options(file, tool_global_options);
    fputs("\nExamples:\n", file);
    print_examples(file, command->examples);
}
