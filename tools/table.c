/* SPDX-License-Identifier: Apache-2.0 */
/* table.c — the one table of commands: help, usage errors, man page and completion are made from it. */
#include "tools/table.h"

#include <string.h>

#include "tools/commands.h"

#define END_OF_OPTIONS            \
    {                             \
        NULL, 0, NULL, NULL, NULL \
    }
#define END_OF_EXAMPLES \
    {                   \
        NULL, NULL      \
    }

#define IO_PATH_OPTION                                                                                          \
    {                                                                                                           \
        "io-path", 0, "PATH", "How bytes reach the disk: auto (io_uring where there is one), uring, portable.", \
            "auto uring portable"                                                                               \
    }
#define DURABLE_METHOD_OPTION                                                                                         \
    {                                                                                                                 \
        "durable-method", 0, "METHOD",                                                                                \
            "How a write is made durable: auto (as measured at creation), direct-dsync, direct-sync, buffered-sync.", \
            "auto direct-dsync direct-sync buffered-sync"                                                             \
    }

const tool_option tool_global_options[] = {
    {"ledger", 'l', "LEDGER", "The ledger: a folder, dir:PATH, file:///PATH or mem:.", NULL},
    {"json", 0, NULL, "Answer in JSON: one document, or one line an item; errors too, on standard error.", NULL},
    {"verbose", 'v', NULL, "Say on standard error what the engine does.", NULL},
    {"version", 0, NULL, "Print the version.", NULL},
    {"help", 'h', NULL, "Print help, behind a command its own.", NULL},
    END_OF_OPTIONS,
};

const tool_example tool_environment[] = {
    {"FIRN_LEDGER", "The ledger when --ledger is not given; without it ./.firn."},
    END_OF_EXAMPLES,
};

static const tool_option init_options[] = {
    {"segment-size", 0, "SIZE", "Bytes of a log file, 64K to 4G, a multiple of 64K. Default 64M.", NULL},
    {"key-age", 0, "DURATION", "How long idempotency keys are kept. Default 7d.", NULL},
    IO_PATH_OPTION,
    DURABLE_METHOD_OPTION,
    END_OF_OPTIONS,
};
static const tool_example init_examples[] = {
    {"firn init", "Make a ledger in ./.firn."},
    {"firn -l /srv/ledger init --segment-size 256M", "Make one elsewhere, with large log files."},
    END_OF_EXAMPLES,
};

static const tool_option append_options[] = {
    {"stream", 's', "NAME", "The stream to append to. Needed.", NULL},
    {"kind", 'k', "KIND", "The application's number for what the events mean, 1 to 32767. Default 1.", NULL},
    {"lines", 0, NULL,
     "Each line is an event, its newline left out; an empty line is an event of no bytes. The default.", NULL},
    {"jsonl", 0, NULL, "Like --lines, and every line must be one JSON value.", NULL},
    {"whole", 0, NULL, "Each file is one event.", NULL},
    {"batch", 'b', "N", "Events of one batch, which is on disk whole or not at all. Default 100.", NULL},
    {"batch-size", 0, "SIZE", "Bytes after which a batch is sent. Default 256K.", NULL},
    {"linger", 0, "DURATION", "How long a batch waits for more input before it is sent. Default 50ms.", NULL},
    {"outstanding", 0, "N", "Batches sent and not acknowledged, at most. Default 64.", NULL},
    {"atomic", 0, NULL, "All of the input is one batch.", NULL},
    {"expect-version", 0, "V", "Append only if the stream is at this version; 0: only if it does not exist.", NULL},
    {"key", 0, "KEY",
     "Idempotency key: a second append under it appends nothing and reports the first. Implies --atomic.", NULL},
    {"scope", 0, "SCOPE", "The scope of the idempotency key.", NULL},
    {"seqs", 0, NULL, "Print first seq, last seq and count of each batch as it is acknowledged.", NULL},
    {"create", 0, NULL, "Make the ledger if there is none.", NULL},
    IO_PATH_OPTION,
    DURABLE_METHOD_OPTION,
    END_OF_OPTIONS,
};
static const tool_example append_examples[] = {
    {"make 2>&1 | firn append --stream build/1 --kind 1", "Keep the output of a build, a line an event."},
    {"firn append -s audit -k 7 --jsonl --seqs audit.jsonl", "Keep JSON lines, and print what was acknowledged."},
    {"firn append -s release/1.2 --whole --key publish-1.2 notes.md", "Keep a file once, however often this is run."},
    END_OF_EXAMPLES,
};

static const tool_option log_options[] = {
    {"from", 0, "SEQ", "Start at this seq. Default 1.", NULL},
    {"to", 0, "SEQ", "Stop behind this seq. Default: the last durable one.", NULL},
    {"last", 'n', "N", "Only the last N records, with --stream of that stream.", NULL},
    {"stream", 's', "NAME", "Only records of this stream.", NULL},
    {"kind", 'k', "KIND", "Only records of this kind.", NULL},
    {"follow", 'f', NULL, "Go on with what is appended later, until interrupted.", NULL},
    {"format", 0, "FORMAT", "What to print: text (a line with all), payload (as it is, a newline behind it), hex, seq.",
     "text payload hex seq"},
    END_OF_OPTIONS,
};
static const tool_example log_examples[] = {
    {"firn log --last 10", "The ten newest records."},
    {"firn log --stream build/1 --format payload", "Give back what was appended."},
    {"firn log --follow --json --kind 7", "Feed another program with what comes."},
    END_OF_EXAMPLES,
};

static const tool_option stat_options[] = {
    {"streams", 0, NULL, "List the streams: versions and seqs.", NULL},
    END_OF_OPTIONS,
};
static const tool_example stat_examples[] = {
    {"firn stat --streams", "What is there."},
    {"firn --json stat", "The same for a program."},
    END_OF_EXAMPLES,
};

static const tool_option dump_command_options[] = {
    {"batches", 0, NULL, "Print each batch too: time, names of streams, idempotency key.", NULL},
    {"records", 0, NULL, "Print each record too.", NULL},
    {"ledger-id", 0, "ID",
     "The ledger that the files belong to, as 32 hexadecimal digits, where their headers are lost.", NULL},
    END_OF_OPTIONS,
};
static const tool_example dump_examples[] = {
    {"firn dump", "Every file of the ledger."},
    {"firn dump 3", "Segment 3 of the ledger."},
    {"firn dump /srv/ledger/manifest.0", "One file, whatever state it is in."},
    END_OF_EXAMPLES,
};

static const tool_option no_options[] = {END_OF_OPTIONS};
static const tool_example replay_examples[] = {
    {"firn replay", "Build the index anew from the log and compare."},
    END_OF_EXAMPLES,
};
static const tool_example verify_examples[] = {
    {"firn verify", "Check every byte that carries meaning."},
    {"firn --json verify", "One line a finding, then the report."},
    END_OF_EXAMPLES,
};

static const tool_option bench_options[] = {
    {"dir", 0, "DIR", "Where the ledgers of the benchmark are made, and removed again. Default: here.", NULL},
    {"seconds", 0, "DURATION", "How long each case runs. Default 1s.", NULL},
    {"count", 0, "N", "Operations of each case, instead of a time.", NULL},
    {"rounds", 0, "N", "Rounds of each case, the floor measured before and after each; the best is told. Default 1.",
     NULL},
    {"writers", 0, "N", "Threads that append and wait. Default 1.", NULL},
    {"outstanding", 0, "N", "Calls under way from one thread that does not wait; 0: threads that wait. Default 0.",
     NULL},
    {"batch", 0, "N", "Records of one batch. Default 1.", NULL},
    {"size", 0, "SIZE", "Bytes of one payload. Default 256.", NULL},
    {"records", 0, "N", "Records that scan, get and replay read. Default 1000000.", NULL},
    {"segment-size", 0, "SIZE", "Bytes of a log file. Default 64M.", NULL},
    {"spares", 0, "N", "Log files made ahead. Default 2.", NULL},
    {"seed", 0, "N", "Seed of payloads and of the order of reads. Default 1.", NULL},
    IO_PATH_OPTION,
    DURABLE_METHOD_OPTION,
    END_OF_OPTIONS,
};
static const tool_example bench_examples[] = {
    {"firn bench", "Every named case, quickly."},
    {"firn bench P1 P3 --rounds 5", "Two cases, best of five rounds."},
    {"firn bench append --writers 16 --size 1K", "A case of one's own."},
    {"firn --json bench P4 --io-path portable", "One JSON line a case."},
    END_OF_EXAMPLES,
};

static const tool_option help_options[] = {
    {"version", 0, NULL, "Print the version.", NULL},
    {"man", 0, NULL, "Print the man page, in roff.", NULL},
    {"completion", 0, NULL, "Print the completion for bash.", NULL},
    {"commands", 0, NULL, "Print the names of the commands.", NULL},
    END_OF_OPTIONS,
};
static const tool_example help_examples[] = {
    {"firn help append", "All about one command."},
    {". <(firn help --completion)", "Complete commands and options in this shell."},
    END_OF_EXAMPLES,
};

const tool_command tool_commands[] = {
    {"init", "make a ledger", "", 0, 0,
     "Makes an empty ledger. Fails if there is one already, and touches nothing then.\n\n"
     "The way in which writes are made durable is measured on the disk at hand and kept in the ledger.",
     init_options, init_examples, tool_cmd_init},
    {"append", "append lines, JSON lines or files as events to a stream", "[FILE...]", 0, -1,
     "Reads standard input or files (- is standard input) and appends what it reads, in batches, several of them "
     "under way at a time. A batch is acknowledged when it is on disk; after a crash it is there whole or not at all, "
     "and everything acknowledged is there.\n\n"
     "If something is wrong with the input (a line that is no JSON, or above 16 MiB), its batch is not appended; what "
     "was acknowledged before stays and is told. An interrupt stops reading, waits for what is under way and tells it.",
     append_options, append_examples, tool_cmd_append},
    {"log", "print records in order", "", 0, 0,
     "Prints durable records: seq, time, stream, version in the stream, kind and payload. With --json a line a record; "
     "a "
     "payload that is no UTF-8 stands in base64 under payload_base64. Records of the ledger's own have no stream.\n\n"
     "Reading takes no lock; another process may be writing. In a damaged ledger all that stands before the damage is "
     "printed, then the damage is told: exit code 3.",
     log_options, log_examples, tool_cmd_log},
    {"stat", "tell what is in a ledger and how it writes", "", 0, 0,
     "Tells positions, sizes, how bytes reach the disk, what recovery cut after unclean stops, and damage that was "
     "met. "
     "Changes nothing.",
     stat_options, stat_examples, tool_cmd_stat},
    {"dump", "print the bytes of log files as what they mean", "[FILE|SEGMENT...]", 0, -1,
     "Prints headers, groups, batches and records of the files, or of segments of the ledger given by number, with "
     "offsets; without any, all files of the ledger. Works on damaged files: what cannot be read is named, and the "
     "dump goes on behind it where it can.",
     dump_command_options, dump_examples, tool_cmd_dump},
    {"replay", "build the index anew from the log and compare it", "", 0, 0,
     "Reads the whole log, applies every record to an empty index, and compares the result with the index in use. Exit "
     "code 1 if they differ.",
     no_options, replay_examples, tool_cmd_replay},
    {"verify", "check every byte of a ledger", "", 0, 0,
     "Reads every byte that carries meaning and checks it, also in ledgers that cannot be opened. Each finding names "
     "segment, offset and seq. Changes nothing. Exit code 1 if there are findings.",
     no_options, verify_examples, tool_cmd_verify},
    {"bench", "measure this disk and the engine on it", "[CASE...]", 0, -1,
     "Runs cases, each in a fresh ledger, and tells rate, latencies (p50, p90, p99, p99.9, max), CPU time, bytes "
     "written "
     "for each byte of payload, and the rate as a multiple of the floor: single durable writes of 4 KiB into a "
     "pre-written file in the same folder, measured before and after each round.\n\n"
     "Named cases: P1 (one writer), P2 (8 writers), P3 (64 writers), P4 (one thread with 8, 64, 512 and 4096 calls "
     "under way), P5 (batches of 10, 100, 1000), P9 (scan), P10 (get by seq), P11 (replay), P14 (bytes written). "
     "Cases of one's own: append, scan, get, replay.",
     bench_options, bench_examples, tool_cmd_bench},
    {"help", "explain the tool or a command", "[COMMAND]", 0, 2, "Prints help on standard output.", help_options,
     help_examples, tool_cmd_help},
    {NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

const tool_command *tool_command_find(const char *name)
{
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

bool tool_command_in_group(const tool_command *command, const char *word, size_t size)
{
    return strncmp(command->name, word, size) == 0 && command->name[size] == ' ';
}

bool tool_command_is_group(const char *word, size_t size)
{
    for (const tool_command *command = tool_commands; command->name != NULL; command++)
        if (tool_command_in_group(command, word, size))
            return true;
    return false;
}

const tool_command *tool_command_match(char **words, int words_count, int *out_taken)
{
    size_t size;

    if (words_count == 0)
        return NULL;
    size = strlen(words[0]);
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        bool grouped = tool_command_in_group(command, words[0], size);

        if (grouped ? words_count > 1 && strcmp(command->name + size + 1, words[1]) == 0
                    : strcmp(command->name, words[0]) == 0) {
            *out_taken = grouped ? 2 : 1;
            return command;
        }
    }
    return NULL;
}
