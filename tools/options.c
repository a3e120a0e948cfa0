/* SPDX-License-Identifier: Apache-2.0 */
/* options.c — read command lines by the command table, and the values of options. */
#include "tools/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/error.h"
#include "tools/values.h"

/* Long options get values above any letter: first the command's, then the global ones. */
enum {
    COMMAND_BASE = 1000,
    GLOBAL_BASE = 2000
};

/** What getopt_long() is given, made from the tables. */
typedef struct getopt_tables {
    char letters[3 + 3 * 2 * TOOL_OPTIONS_MAX];
    struct option longs[2 * TOOL_OPTIONS_MAX + 1];
    size_t longs_count;
} getopt_tables;

size_t tool_options_count(const tool_option *options)
{
    size_t count = 0;

    while (options[count].name != NULL)
        count++;
    return count;
}

static void tables_add(getopt_tables *tables, const tool_option *options, int base)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        assert(i < TOOL_OPTIONS_MAX);
        tables->longs[tables->longs_count++] = (struct option){
            .name = options[i].name,
            .has_arg = options[i].argument == NULL ? no_argument : required_argument,
            .val = base + (int)i,
        };
        if (options[i].letter != 0) {
            size_t end = strlen(tables->letters);
            tables->letters[end++] = options[i].letter;
            if (options[i].argument != NULL)
                tables->letters[end++] = ':';
            tables->letters[end] = '\0';
        }
    }
}

/** The position in a table of the option that getopt_long() returned, or -1. */
static int option_position(const tool_option *options, int base, int value)
{
    int count = (int)tool_options_count(options);

    if (value >= base && value < base + count)
        return value - base;
    for (int i = 0; i < count; i++)
        if (options[i].letter != 0 && options[i].letter == value)
            return i;
    return -1;
}

/** A global option; --help and --version go to *out_instead: they are told instead of the command. */
static void take_global(tool_call *call, int position, const char *argument, const char **out_instead)
{
    const char *name = tool_global_options[position].name;

    if (strcmp(name, "ledger") == 0)
        call->ledger = argument;
    else if (strcmp(name, "index-map-size") == 0)
        call->index_map_size = argument;
    else if (strcmp(name, "json") == 0)
        call->json = true;
    else if (strcmp(name, "verbose") == 0)
        call->verbose = true;
    else
        *out_instead = name;
}

/** Reads options up to the first operand (before the command) or all of them (behind it). */
static firn_status read_options(int argc, char **argv, const tool_command *command, tool_call *call,
                                const char **out_instead, firn_error *err)
{
    /* "+" stops at the command's name; ":" tells a missing value apart. */
    getopt_tables tables = {.letters = "+:"};
    int value;

    if (command != NULL) {
        tables = (getopt_tables){.letters = ":"};
        if (command->operands_max == TOOL_OPERANDS_PROGRAM)
            tables = (getopt_tables){.letters = "+:"};
        tables_add(&tables, command->options, COMMAND_BASE);
    }
    tables_add(&tables, tool_global_options, GLOBAL_BASE);
    optind = 0;
    opterr = 0;
    while ((value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        const char *name = optind > 0 ? argv[optind - 1] : "";
        int position = -1;

        if (value == ':')
            return tool_fail(err, FIRN_EINVAL, "option '%s' needs a value", name);
        if (value == '?' && optopt > 0 && optopt < COMMAND_BASE)
            return tool_fail(err, FIRN_EINVAL, "unknown option '-%c'", optopt);
        if (value == '?')
            return tool_fail(err, FIRN_EINVAL,
                             optopt == 0 ? "unknown or ambiguous option '%s'" : "option '%s' takes no value", name);
        if (command != NULL)
            position = option_position(command->options, COMMAND_BASE, value);
        if (position >= 0) {
            if (call->given_count == TOOL_GIVEN_MAX)
                return tool_fail(err, FIRN_ETOOBIG, "more than %d options", TOOL_GIVEN_MAX);
            call->values[position] = optarg != NULL ? optarg : "";
            call->given[call->given_count++] = (tool_given){position, call->values[position]};
            continue;
        }
        position = option_position(tool_global_options, GLOBAL_BASE, value);
        assert(position >= 0);
        take_global(call, position, optarg, out_instead);
    }
    return FIRN_OK;
}

/** Makes the call `firn help [COMMAND]` of it. */
static void call_help(tool_call *call, const char **operand)
{
    memset(call->values, 0, sizeof call->values);
    call->operands = (char **)(void *)operand;
    call->operands_count = *operand != NULL ? 1 : 0;
    call->command = tool_command_find("help");
}

static firn_status check_operands(const tool_call *call, firn_error *err)
{
    const tool_command *command = call->command;

    if (call->operands_count < command->operands_min)
        return tool_fail(err, FIRN_EINVAL, "%s: %s is missing", command->name, command->operands);
    if (command->operands_max >= 0 && call->operands_count > command->operands_max)
        return tool_fail(err, FIRN_EINVAL, "%s: unexpected operand '%s'", command->name,
                         call->operands[command->operands_max]);
    return FIRN_OK;
}

/** Finds the command that the words begin with; a group alone, or with a word that is none of its own, is told. */
static firn_status find_command(int argc, char **argv, tool_call *call, int *out_taken, const char **out_instead,
                                firn_error *err)
{
    call->command = tool_command_match(argv, argc, out_taken);
    if (call->command != NULL)
        return FIRN_OK;
    if (!tool_command_is_group(argv[0], strlen(argv[0])))
        return tool_fail(err, FIRN_EINVAL, "'%s' is not a command", argv[0]);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        *out_instead = "help";
        return FIRN_OK;
    }
    if (argc > 1 && argv[1][0] != '-')
        return tool_fail(err, FIRN_EINVAL, "'%s %s' is not a command", argv[0], argv[1]);
    return tool_fail(err, FIRN_EINVAL, "%s: which command? 'firn help %s' lists them", argv[0], argv[0]);
}

static firn_status parse(int argc, char **argv, tool_call *out_call, firn_error *err)
{
    static const char *help_operand;
    const char *instead = NULL;
    firn_status status;
    int taken = 1;

    status = read_options(argc, argv, NULL, out_call, &instead, err);
    if (status < 0)
        return status;
    if (instead != NULL && strcmp(instead, "version") == 0) {
        out_call->command = tool_command_find("help");
        out_call->values[0] = "";
        return FIRN_OK;
    }
    if (instead != NULL || optind >= argc) {
        help_operand = NULL;
        call_help(out_call, &help_operand);
        if (instead == NULL)
            return tool_fail(err, FIRN_EINVAL, "a command is missing");
        return FIRN_OK;
    }
    argc -= optind;
    argv += optind;
    status = find_command(argc, argv, out_call, &taken, &instead, err);
    if (status < 0)
        return status;
    if (instead == NULL) {
        argc -= taken - 1;
        argv += taken - 1;
        status = read_options(argc, argv, out_call->command, out_call, &instead, err);
        if (status < 0)
            return tool_wrap(err, status, "%s", out_call->command->name);
    }
    if (instead != NULL) {
        help_operand = out_call->command != NULL ? out_call->command->name : argv[0];
        call_help(out_call, &help_operand);
        return FIRN_OK;
    }
    out_call->operands = argv + optind;
    out_call->operands_count = argc - optind;
    return check_operands(out_call, err);
}

firn_status tool_options_parse(int argc, char **argv, tool_call *out_call, firn_error *err)
{
    const char *ledger = getenv("FIRN_LEDGER");
    firn_status status;

    *out_call = (tool_call){.ledger = ledger != NULL && ledger[0] != '\0' ? ledger : "./.firn"};
    status = parse(argc, argv, out_call, err);
    /* Errors of the command line itself are told in JSON as well, wherever --json stands. */
    for (int i = 1; status < 0 && i < argc && strcmp(argv[i], "--") != 0; i++)
        out_call->json = out_call->json || strcmp(argv[i], "--json") == 0;
    return status;
}

const char *tool_option_each(const tool_call *call, const char *name, int *position)
{
    while (*position < call->given_count) {
        const tool_given *given = &call->given[(*position)++];

        if (strcmp(call->command->options[given->position].name, name) == 0)
            return given->value;
    }
    return NULL;
}

const char *tool_option_text(const tool_call *call, const char *name)
{
    for (size_t i = 0; call->command->options[i].name != NULL; i++)
        if (strcmp(call->command->options[i].name, name) == 0)
            return call->values[i];
    assert(!"the option is not in the table");
    return NULL;
}

bool tool_option_given(const tool_call *call, const char *name)
{
    return tool_option_text(call, name) != NULL;
}

firn_status tool_option_number(const tool_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out_value,
                               firn_error *err)
{
    const char *text = tool_option_text(call, name);
    uint64_t value;

    if (text == NULL)
        return FIRN_OK;
    if (!tool_parse_number(text, &value) || value < min || value > max)
        return tool_fail(err, FIRN_EINVAL, "--%s: '%s' is not a number from %llu to %llu", name, text,
                         (unsigned long long)min, (unsigned long long)max);
    *out_value = value;
    return FIRN_OK;
}

firn_status tool_option_size(const tool_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out_value,
                             firn_error *err)
{
    const char *text = tool_option_text(call, name);
    uint64_t value;

    if (text == NULL)
        return FIRN_OK;
    if (!tool_parse_size(text, &value) || value < min || value > max)
        return tool_fail(err, FIRN_EINVAL, "--%s: '%s' is not a size from %llu to %llu bytes (64K, 16M, 1G)", name,
                         text, (unsigned long long)min, (unsigned long long)max);
    *out_value = value;
    return FIRN_OK;
}

firn_status tool_option_duration(const tool_call *call, const char *name, uint64_t *out_ns, firn_error *err)
{
    const char *text = tool_option_text(call, name);

    if (text != NULL && !tool_parse_duration(text, out_ns))
        return tool_fail(err, FIRN_EINVAL, "--%s: '%s' is not a duration (50ms, 30s, 7d)", name, text);
    return FIRN_OK;
}

firn_status tool_option_choice(const tool_call *call, const char *name, unsigned *out_choice, firn_error *err)
{
    const char *text = tool_option_text(call, name);
    const char *choices = NULL;
    const char *word;
    unsigned position = 0;

    if (text == NULL)
        return FIRN_OK;
    for (size_t i = 0; call->command->options[i].name != NULL; i++)
        if (strcmp(call->command->options[i].name, name) == 0)
            choices = call->command->options[i].choices;
    assert(choices != NULL);
    for (word = choices; *word != '\0'; position++) {
        size_t size = strcspn(word, " ");

        if (strlen(text) == size && memcmp(text, word, size) == 0) {
            *out_choice = position;
            return FIRN_OK;
        }
        word += size;
        word += strspn(word, " ");
    }
    return tool_fail(err, FIRN_EINVAL, "--%s: '%s' is none of: %s", name, text, choices);
}
