/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_command.c — command lines of the firn tool, several in a row, against a small ledger in memory.
 *
 * An input is a list of command lines, each with its standard input. Words come from a table, made of the names of
 * commands and options and of values that mean something, or stand in the input letter by letter:
 *
 *   0          the command line ends; 2 bytes size of the standard input, and its bytes, follow
 *   1 … 223    with the byte behind it: the number of a word
 *   224 … 255  1 byte: so many bytes of a literal word
 *
 * Whatever is typed, a command ends with an exit code of the list and, if something failed, a text on standard error,
 * which is JSON under --json, as is all of standard output then. Nothing outside a folder of its own can be touched: a
 * slash in a word becomes an underscore, and the ledger is the one in memory, whatever --ledger says. Commands that run
 * other programs, measure, or wait for ever (run record, import git, bench, log --follow) are parsed and not run.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ledger/mem.h"
#include "format/json.h"
#include "test/fuzz/fuzz.h"
#include "tools/commands.h"
#include "tools/error.h"
#include "tools/help.h"
#include "tools/options.h"
#include "tools/output.h"

enum {
    COMMANDS_MAX = 8,
    WORDS_MAX = 24,
    TABLE_MAX = 512,
    TEXT_MAX = 1 << 16,
    LITERAL_FIRST = 224,
    NUMBERS = LITERAL_FIRST - 1
};

/** A file with the bytes of standard input. */
#define INPUT "input"
#define LEDGER "mem:fuzz"
#define LEDGER_NAME "fuzz"

static const char *const values[] = {"-",
                                     "--",
                                     "0",
                                     "1",
                                     "2",
                                     "7",
                                     "100",
                                     "65535",
                                     "32767",
                                     "32768",
                                     "18446744073709551615",
                                     "18446744073709551616",
                                     "-1",
                                     "64K",
                                     "1G",
                                     "1ms",
                                     "7d",
                                     "s",
                                     "r",
                                     "app",
                                     "RUNNING",
                                     "COMPLETED",
                                     "true",
                                     "false",
                                     "payload",
                                     "seq",
                                     "hex",
                                     "text",
                                     "null",
                                     "{}",
                                     "{\"a\":1}",
                                     "[1,\"\\u00e9\"]",
                                     "note",
                                     "tool_called",
                                     "note*",
                                     "2026-01-02T03:04:05Z",
                                     "9999-12-31T23:59:59.999999999Z",
                                     "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                     "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
                                     "input",
                                     "output",
                                     "key",
                                     "auto",
                                     "portable",
                                     "{\"tool_name\":\"grep\"}",
                                     "{\"rubricPath\":null,\"isPromotionGate\":true,\"agentPhase\":3}",
                                     "",
                                     "a b",
                                     "\xc3\xa9",
                                     "\xff"};

static char words[TABLE_MAX][72];
static unsigned words_count;
static char folder[] = "/tmp/firn-fuzz-XXXXXX";
static int folder_fd, before_fd; /* The folder of its own, and the one that the program was started in. */
static int input_fd;
static FILE *captured[2];
static char *texts[2];
static size_t sizes[2];

static void add_word(const char *prefix, const char *text, size_t size)
{
    MUST(words_count < TABLE_MAX && strlen(prefix) + size < sizeof words[0]);
    (void)snprintf(words[words_count++], sizeof words[0], "%s%.*s", prefix, (int)size, text);
}

static void add_options(const tool_option *options)
{
    for (; options->name != NULL; options++) {
        add_word("--", options->name, strlen(options->name));
        if (options->letter != 0)
            add_word("-", &options->letter, 1);
    }
}

/** The order of the table is that of tool_commands: a new command moves words behind it, and no input is lost by it. */
static void make_words(void)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        add_word("", values[i], strlen(values[i]));
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        const char *space = strchr(command->name, ' ');

        add_word("", command->name, space == NULL ? strlen(command->name) : (size_t)(space - command->name));
        if (space != NULL)
            add_word("", space + 1, strlen(space + 1));
    }
    add_options(tool_global_options);
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        add_options(command->options);
}

/** Files that commands made, and with `all` the folder. */
static void clear_folder(bool all)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (all || strcmp(entry->d_name, INPUT) != 0)
            (void)unlinkat(dirfd(d), entry->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
    if (all)
        (void)rmdir(folder);
}

static void clean_up(void)
{
    clear_folder(true);
}

static void start(void)
{
    char target[32];

    make_words();
    MUST(mkdtemp(folder) != NULL);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    before_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(folder_fd >= 0 && before_fd >= 0);
    (void)atexit(clean_up);
    input_fd = memfd_create("stdin", MFD_CLOEXEC);
    MUST(input_fd >= 0 && dup2(input_fd, STDIN_FILENO) == STDIN_FILENO);
    (void)snprintf(target, sizeof target, "/proc/self/fd/%d", input_fd);
    MUST(symlinkat(target, folder_fd, INPUT) == 0);
    MUST(setenv("FIRN_LEDGER", LEDGER, 1) == 0 && setenv("USER", "me", 1) == 0 && setenv("TZ", "UTC", 1) == 0);
    tool_output_start();
}

/** One command line, its words without slashes. Returns how many there are; the input stands behind it. */
static int take_line(fuzz_reader *in, char **argv, char *store, size_t store_size)
{
    int argc = 0;
    size_t used = 0;
    unsigned kind;

    argv[argc++] = (char *)(uintptr_t) "firn";
    while (fuzz_more(in) && (kind = (unsigned)fuzz_number(in, 1)) != 0) {
        firn_slice word;

        if (kind < LITERAL_FIRST) {
            const char *text = words[(kind - 1 + NUMBERS * (unsigned)fuzz_number(in, 1)) % words_count];

            word = (firn_slice){text, strlen(text)};
        } else {
            word = fuzz_bytes(in, fuzz_number(in, 1));
        }
        if (argc == WORDS_MAX || word.size >= store_size - used)
            continue;
        argv[argc++] = store + used;
        for (size_t i = 0; i < word.size; i++)
            store[used++] = ((const char *)word.data)[i] == '/' ? '_' : ((const char *)word.data)[i];
        store[used++] = '\0';
    }
    argv[argc] = NULL;
    return argc;
}

static bool is_run(const tool_call *call)
{
    int (*run)(tool_call *) = call->command->run;

    return run != tool_cmd_bench && run != tool_cmd_run_record && run != tool_cmd_import_git &&
           !(run == tool_cmd_log && tool_option_given(call, "follow"));
}

/** What main() does, but for the end of standard output. */
static int run_command(int argc, char **argv, tool_call *call)
{
    firn_error err;
    int code;

    *call = (tool_call){.command = NULL};
    if (tool_options_parse(argc, argv, call, &err) < 0) {
        code = tool_error_report(&err, call->json);
        if (!call->json && call->command != NULL && call->command->run != tool_cmd_help)
            tool_help_usage(stderr, call->command);
        return code;
    }
    MUST(call->command != NULL && call->operands_count >= 0);
    call->ledger = LEDGER;
    if (!is_run(call))
        return TOOL_EXIT_OK;
    code = call->command->run(call);
    (void)tool_output_flush();
    return code;
}

/** One JSON text, or one a line. */
static void check_json(const char *text, size_t size)
{
    size_t at;

    if (size == 0 || fmt_json_check((firn_slice){text, size}, &at) == NULL)
        return;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t line = end == NULL ? size : (size_t)(end - text);

        MUST(end != NULL && fmt_json_check((firn_slice){text, line}, &at) == NULL);
        text += line + 1;
        size -= line + 1;
    }
}

/** Commands whose standard output is not the tool's own words. */
static bool speaks_json(const tool_call *call)
{
    return call->json && call->command != NULL && call->command->run != tool_cmd_get &&
           call->command->run != tool_cmd_help;
}

static void check_ending(const tool_call *call, int code)
{
    fuzz_tell("exit code %d; %.*s%.*s", code, (int)sizes[0], texts[0], (int)sizes[1], texts[1]);
    MUST(code >= TOOL_EXIT_OK && code <= TOOL_EXIT_STATE);
    MUST(code <= TOOL_EXIT_NO || sizes[1] > 0);
    if (call->json)
        check_json(texts[1], sizes[1]);
    if (speaks_json(call))
        check_json(texts[0], sizes[0]);
}

static void take_command(fuzz_reader *in)
{
    static char store[TEXT_MAX];
    FILE *out = stdout, *err = stderr;
    char *argv[WORDS_MAX + 1];
    int argc = take_line(in, argv, store, sizeof store), code;
    firn_slice input = fuzz_bytes(in, fuzz_number(in, 2));
    sigset_t before;
    tool_call call;

    MUST(ftruncate(input_fd, 0) == 0 && pwrite(input_fd, input.data, input.size, 0) == (ssize_t)input.size);
    MUST(lseek(STDIN_FILENO, 0, SEEK_SET) == 0);
    for (int i = 0; i < argc; i++)
        fuzz_tell("%s", argv[i]);
    for (int i = 0; i < 2; i++) {
        captured[i] = open_memstream(&texts[i], &sizes[i]);
        MUST(captured[i] != NULL);
    }
    MUST(pthread_sigmask(SIG_SETMASK, NULL, &before) == 0);
    stdout = captured[0];
    stderr = captured[1];
    code = run_command(argc, argv, &call);
    stdout = out;
    stderr = err;
    MUST(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    for (int i = 0; i < 2; i++)
        MUST(fclose(captured[i]) == 0);
    check_ending(&call, code);
    free(texts[0]);
    free(texts[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reader in = {data, size, 0};
    frn_mem_disk *disk = NULL;
    firn_ledger *ledger = NULL;
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE, .segment_size = 65536};
    firn_error err;

    if (words_count == 0)
        start();
    /* Held, so that the ledger outlives each command and not the input. */
    MUST(frn_mem_disk_take(LEDGER_NAME, true, &disk, &err) == FIRN_OK);
    MUST(firn_open(LEDGER, &options, &ledger, &err) == FIRN_OK && firn_close(ledger, &err) == FIRN_OK);
    MUST(fchdir(folder_fd) == 0);
    for (unsigned i = 0; i < COMMANDS_MAX && fuzz_more(&in); i++)
        take_command(&in);
    MUST(fchdir(before_fd) == 0);
    clear_folder(false);
    frn_mem_disk_release(disk);
    return 0;
}
