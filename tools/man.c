/* SPDX-License-Identifier: Apache-2.0 */
/* man.c — print the command table as the man page firn(1). */
#include "tools/help.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "firn.h"

/** Text with what roff would take for its own escaped, and "\n\n" as a paragraph. */
static void print_text(FILE *file, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';

        if (text[i] == '\n' && text[i + 1] == '\n') {
            fputs("\n.PP\n", file);
            i++;
        } else if (text[i] == '\\') {
            fputs("\\e", file);
        } else if (text[i] == '-') {
            fputs("\\-", file);
        } else if (line_start && (text[i] == '.' || text[i] == '\'')) {
            fprintf(file, "\\&%c", text[i]);
        } else {
            fputc(text[i], file);
        }
    }
    fputc('\n', file);
}

static void print_options(FILE *file, const tool_option *options)
{
    for (; options->name != NULL; options++) {
        fputs(".TP\n", file);
        if (options->letter != 0)
            fprintf(file, "\\fB\\-%c\\fR, ", options->letter);
        fputs("\\fB\\-\\-", file);
        for (const char *letter = options->name; *letter != '\0'; letter++)
            fprintf(file, *letter == '-' ? "\\-" : "%c", *letter);
        fputs("\\fR", file);
        if (options->argument != NULL)
            fprintf(file, " \\fI%s\\fR", options->argument);
        fputc('\n', file);
        print_text(file, options->help);
    }
}

static void print_command(FILE *file, const tool_command *command)
{
    fprintf(file, ".SS firn %s%s%s%s\n", command->name, command->options[0].name != NULL ? " [OPTION...]" : "",
            command->operands[0] != '\0' ? " " : "", command->operands);
    putc(toupper((unsigned char)command->summary[0]), file);
    print_text(file, command->summary + 1);
    fputs(".PP\n", file);
    print_text(file, command->description);
    print_options(file, command->options);
    for (const tool_example *example = command->examples; example->line != NULL; example++) {
        fputs(".PP\n", file);
        print_text(file, example->says);
        fputs(".PP\n.RS 4\n.nf\n", file);
        print_text(file, example->line);
        fputs(".fi\n.RE\n", file);
    }
}

void tool_help_man(FILE *file)
{
    fprintf(file, ".TH FIRN 1 \"\" \"firn %s\" \"User Commands\"\n", firn_version());
    fputs(".SH NAME\nfirn \\- an append\\-only ledger\n", file);
    fputs(".SH SYNOPSIS\n\\fBfirn\\fR [\\fB\\-l\\fR \\fILEDGER\\fR] [\\fB\\-\\-json\\fR] \\fICOMMAND\\fR "
          "[\\fIOPTION\\fR...]\n",
          file);
    fputs(
        ".SH DESCRIPTION\nKeeps events in an append\\-only ledger and reads them back in the order in which they were "
        "acknowledged. Results go to standard output, progress and chatter to standard error.\n",
        file);
    fputs(".SH OPTIONS\nThese stand before or behind any command.\n", file);
    print_options(file, tool_global_options);
    fputs(".SH COMMANDS\n", file);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        print_command(file, command);
    fputs(".SH ENVIRONMENT\n", file);
    for (const tool_example *variable = tool_environment; variable->line != NULL; variable++) {
        fprintf(file, ".TP\n\\fB%s\\fR\n", variable->line);
        print_text(file, variable->says);
    }
    fputs(".SH EXIT STATUS\n", file);
    for (const tool_exit_row *row = tool_exit_rows; row->says != NULL; row++) {
        fprintf(file, ".TP\n\\fB%d\\fR\n", row->code);
        print_text(file, row->says);
    }
}
