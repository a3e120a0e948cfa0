/* SPDX-License-Identifier: Apache-2.0 */
/* table.c — the one table of commands: help, usage errors, man page and completion are made from it. */
#include "tools/table.h"

#include <string.h>

#include "tools/commands.h"
#include "tools/table_stores.h"

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
    {"index-map-size", 0, "SIZE", "Address space for the index on disk, which cannot grow beyond it. Default 1024G.",
     NULL},
    {"verbose", 'v', NULL, "Say on standard error what the engine does.", NULL},
    {"version", 0, NULL, "Print the version.", NULL},
    {"help", 'h', NULL, "Print help, behind a command its own.", NULL},
    END_OF_OPTIONS,
};

const tool_example tool_environment[] = {
    {"FIRN_LEDGER", "The ledger when --ledger is not given; without it ./.firn."},
    {"FIRN_NO_IO_URING", "1: bytes reach the disk by other system calls than those of io_uring."},
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
    {"digest", 0, NULL,
     "Print the logical digest of the ledger's history instead, and the seqs of its first and last record: equal "
     "histories have equal digests, however they are stored.",
     NULL},
    {"from", 0, "SEQ", "With --digest: of the records from this seq on. Default 1.", NULL},
    {"to", 0, "SEQ", "With --digest: up to this seq. Default: all.", NULL},
    {"every", 0, "N", "With --digest: a digest for each N seqs, to find where two histories differ.", NULL},
    {"no-time", 0, NULL, "With --digest: times do not count, for histories that were written at different times.",
     NULL},
    END_OF_OPTIONS,
};
static const tool_example dump_examples[] = {
    {"firn dump", "Every file of the ledger."},
    {"firn dump 3", "Segment 3 of the ledger."},
    {"firn dump /srv/ledger/manifest.0", "One file, whatever state it is in."},
    {"firn dump --digest", "The logical digest of the history."},
    {"firn dump --digest --every 100000", "One for each 100000 seqs; diff finds where two ledgers part."},
    END_OF_EXAMPLES,
};

static const tool_option replay_options[] = {
    {"rebuild", 0, NULL,
     "Open for writing and replace the index on disk by one that is built from the log, sorted and appended; memory "
     "stays bounded however long the log is.",
     NULL},
    END_OF_OPTIONS,
};
static const tool_example replay_examples[] = {
    {"firn replay", "Build the index anew from the log, in memory, and compare."},
    {"firn replay --rebuild", "Build the index on disk anew."},
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
    {"records", 0, "N",
      "Records or contents that scan, get, replay, rebuild and P12 read. Default 1000000; P12: 3600000, a log of 1 GB.",
      NULL},
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
    {"put", "keep files as content, by digest", "FILE|-...", 1, -1,
     "Keeps each file (- is standard input) as content and prints its digest: SHA-256, 64 hexadecimal digits. Content "
     "that is there already is found, and nothing is appended for it.",
     tool_put_options, tool_put_examples, tool_cmd_put},
    {"get", "give back content by its digest", "DIGEST", 1, 1,
     "Writes the content to standard output, or to a file that takes its name only when it is whole. Exit code 1 if "
     "there is no such content.",
     tool_get_options, tool_get_examples, tool_cmd_get},
    {"has", "tell whether there is content with a digest", "DIGEST...", 1, -1,
     "Tells of each digest whether there is content with it. Exit code 1 if one is missing.", tool_has_options,
     tool_has_examples, tool_cmd_has},
    {"run create", "create a run", "", 0, 0,
     "Creates a run and prints its id. With --run it may be repeated: a run with that id and the same content is "
     "found, "
     "another is an error (exit code 5). Without it every call makes a new run.",
     tool_run_create_options, tool_run_create_examples, tool_cmd_run_create},
    {"run append", "append events to a run", "RUN [FILE|-...]", 1, -1,
     "With --kind appends one event; its payload, any JSON value, comes from --payload, --payload-file or standard "
     "input, and its number is printed. Without --kind reads JSON lines from files or standard input, an event a line: "
     "{\"seq\":...,\"kind\":...,\"payload\":...,\"timestamp\":...}; without seq the next number is taken.\n\n"
     "An event whose number is taken by an identical one is there already and is no error. A line that is wrong stops "
     "the reading; batches before its own stay and are told.",
     tool_run_append_options, tool_run_append_examples, tool_cmd_run_append},
    {"run complete", "end a run as completed", "RUN", 1, 1,
     "Ends the run, once and for ever, with a summary: what is not given is computed. A run that has ended is left as "
     "it "
     "is: exit code 5.",
     tool_run_end_options, tool_run_complete_examples, tool_cmd_run_complete},
    {"run fail", "end a run as failed", "RUN", 1, 1, "Like firn run complete; success is false unless it is given.",
     tool_run_end_options, tool_run_fail_examples, tool_cmd_run_fail},
    {"run cancel", "end a run as cancelled", "RUN", 1, 1,
     "Like firn run complete; success is false unless it is given.", tool_run_end_options, tool_run_cancel_examples,
     tool_cmd_run_cancel},
    {"run show", "show a run", "RUN", 1, 1, "Prints what is known of a run; with --json its RunRecord.",
     tool_no_options, tool_run_show_examples, tool_cmd_run_show},
    {"run events", "print the events of a run", "RUN", 1, 1,
     "Prints events by their numbers: number, time, kind, payload. With --json a RunEvent a line, as firn run append "
     "takes it; with --limit a last line {\"next\":...} tells the --from (with --reverse the --to) of the next page.",
     tool_run_events_options, tool_run_events_examples, tool_cmd_run_events},
    {"run list", "list runs, the newest first", "", 0, 0,
     "Prints id, status, time, number of events and agent of the runs that meet all conditions. With --json a "
     "RunRecord "
     "a line; with --limit a last line {\"next\":...} holds the cursor of the next page.",
     tool_run_list_options, tool_run_list_examples, tool_cmd_run_list},
    {"run record", "run a command and record it as a run", "[--] COMMAND [ARGUMENT...]", 1, TOOL_OPERANDS_PROGRAM,
     "Runs the command and records it while it runs. Its output passes through unchanged and at once, its standard "
     "input is ours, and the exit code is the command's: 128 + N if signal N ended it, 126 or 127 if it could not be "
     "started, 125 if the recording could not start: then nothing was run. INT, TERM, HUP, QUIT, USR1 and USR2 are "
     "forwarded. If the ledger fails later, that is told on standard error, and the command goes on unrecorded.\n\n"
     "The run's events: command_started (argv, cwd, env, git_sha); stdout and stderr for each line, {\"line\":...}, a "
     "line "
     "that is no UTF-8 as line_base64, a line cut after 1 MiB with \"more\":true; stdout_json and stderr_json for a "
     "line "
     "that is a JSON object, with it as payload; command_ended (exit_code, signal, wall_ns, user_ns, system_ns, "
     "max_rss_bytes, bytes and lines of both outputs, digests of artifacts). The run ends COMPLETED after exit code 0, "
     "CANCELLED if a signal asked for the end, else FAILED. It ends when the command has ended and nothing it left "
     "behind holds its outputs.\n\n"
     "Without --spec the spec is the canonical JSON {argv,cwd,git_sha}, put as content.",
     tool_run_record_options, tool_run_record_examples, tool_cmd_run_record},
    {"release promote", "point a name to a digest", "NAME DIGEST", 2, 2,
     "Appends a release: the name points to the digest from now on. Each call makes a release, also an equal one.",
     tool_release_promote_options, tool_release_promote_examples, tool_cmd_release_promote},
    {"release current", "tell what a name points to", "NAME", 1, 1,
     "Prints number, digest, time, label and author of the newest release. Exit code 1 if there is none.",
     tool_no_options, tool_release_current_examples, tool_cmd_release_current},
    {"release history", "list what a name pointed to", "NAME", 1, 1,
     "Prints the releases of the name, the newest first; none if there are none.", tool_release_history_options,
     tool_release_history_examples, tool_cmd_release_history},
    {"import git", "take in the history of a git repository", "REPO", 1, 1,
     "Reads the repository through the git command. The branch becomes the run git:BRANCH: a commit event for each "
     "commit in first-parent order, with the digests of the commit object and of its tree's manifest. Blobs, manifests "
     "and commit objects become content. Each tag promotes the manifest of its tree under its own name as label.\n\n"
     "May be repeated: only what is new is appended. A branch that was rewritten gets a branch_rewritten event, a tag "
     "that moved is promoted again.",
     tool_import_git_options, tool_import_git_examples, tool_cmd_import_git},
    {"stat", "tell what is in a ledger and how it writes", "", 0, 0,
     "Tells positions, sizes, how bytes reach the disk, what recovery cut after unclean stops, and damage that was "
     "met. "
     "Changes nothing.",
     stat_options, stat_examples, tool_cmd_stat},
    {"dump", "print the bytes of log files as what they mean", "[FILE|SEGMENT...]", 0, -1,
     "Prints headers, groups, batches and records of the files, or of segments of the ledger given by number, with "
     "offsets; without any, all files of the ledger. Works on damaged files: what cannot be read is named, and the "
     "dump goes on behind it where it can.\n\n"
     "With --digest nothing of that is printed but the SHA-256 over the history that the ledger holds, as "
     "docs/format.md defines it.",
     dump_command_options, dump_examples, tool_cmd_dump},
    {"replay", "build the index anew from the log, to compare or to replace it", "", 0, 0,
     "Reads the whole log, applies every record to an empty index, and compares the result with the index in use, row "
     "by row. Each difference is a finding, with table and key; exit code 1 if there is one. Then the next command "
     "that writes builds the index anew, and those that read do without it. With --rebuild nothing is compared: the "
     "index is replaced.",
     replay_options, replay_examples, tool_cmd_replay},
    {"verify", "check every byte of a ledger", "", 0, 0,
     "Reads every byte that carries meaning and checks it, also in ledgers that cannot be opened. Each finding names "
     "segment, offset and seq, or table and key of a row of the index on disk. Changes nothing. Exit code 1 if there "
     "are findings. Findings of the index alone are cured by replay and the next command that writes. Notes tell what "
     "is not as a writer leaves it although no record suffers.",
     tool_no_options, verify_examples, tool_cmd_verify},
    {"bench", "measure this disk and the engine on it", "[CASE...]", 0, -1,
     "Runs cases, each in a fresh ledger, and tells rate, latencies (p50, p90, p99, p99.9, max), CPU time, bytes "
     "written for each byte of payload, and the rate as a multiple of the floor: single durable writes of 4 KiB "
     "into a pre-written file in the same folder, measured before and after each round.\n\n"
     "Named cases: P1 (one writer), P2 (8 writers), P3 (64 writers), P4 (one thread with 8, 64, 512 and 4096 "
     "calls under way), P5 (batches of 10, 100, 1000), P6 (events of a run in batches of 100, waiting and with 8 "
     "batches under way), P7 (content of 4 KiB in batches of 64, with 4 batches under way and with one), P9 "
     "(scan), P10 (get content by digest with rows on disk or in memory, get records by seq), P11 (the index on "
     "disk deleted and built again, from opening to the end of closing; P11-mixed: of content with random digests "
     "and events of runs), P12 (opening for writing after the writer was killed with at most 39000 records behind "
     "the mark of the index; the latency is that of opening, the rate counts the records replayed), P14 (bytes "
     "written). With --json P11 tells the peak of memory, P12 how long opening for reading took. "
     "Cases of one's own: append, run-append, put, scan, get, get-digest, replay (the index built in memory), "
     "rebuild.",
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
