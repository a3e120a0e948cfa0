/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run_record.c — firn run record: run a command, and keep as a run what it prints and how it ends.
 *
 * Happy path: a process is forked that waits, the run is created, and the process becomes the command, with pipes as
 * its standard output and error; one thread waits for output, signals, answers of the ledger and the age of what was
 * collected. Output is passed through before it is looked at. When the command has ended and nobody holds its pipes any
 * more, artifacts are put, and the end of the command and of the run are recorded.
 *
 * What can fail: before the command starts, anything is exit code 125 and nothing runs (but a command that cannot
 * be started is 126 or 127, as from a shell, and its run ends FAILED). From then on the command is in charge: a
 * failure of the ledger is told once and only the recording stops. A reader of our output that goes away closes
 * the command's pipe: it gets the SIGPIPE that it would have got without us.
 *
 * Why signals that a terminal makes are not forwarded: the command is in the same process group and has them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/content.h"
#include "tools/error.h"
#include "tools/lines.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/recorder.h"
#include "tools/program.h"
#include "tools/starter.h"
#include "tools/wire.h"

enum {
    EXIT_NOT_RUNNABLE = 126,
    EXIT_NOT_FOUND = 127,
    READ_SIZE = 256 * 1024
};

/** One output of the command. */
typedef struct output_pipe {
    int from; /**< Our end of its pipe; -1: closed. */
    int to;   /**< Where it is passed on to; -1: nobody reads it any more. */
    tool_lines lines;
    uint64_t bytes;
    uint64_t lines_count;
    char last_byte;
} output_pipe;

typedef struct record_run {
    const tool_call *call;
    firn_ledger *ledger;
    tool_recorder *recorder;
    firn_run_created created;
    tool_json_text text;
    char *data; /**< READ_SIZE bytes. */
    char git_sha[80];
    sigset_t original; /**< Signals blocked before us, and so in the command. */
    int signal_fd;
    int event_fd;
    tool_starter starter; /**< Of the command, until it is one. */
    output_pipe outputs[2];
    output_pipe *told;   /**< Of the line being told. */
    firn_time told_time; /**< When it was read. */
    pid_t pid;           /**< 0: the command has ended. */
    int end;             /**< As wait4() gave it. */
    int interrupted;     /**< Signal that asked us to end, or 0. */
    uint64_t start_ns;
    uint64_t wall_ns;
    struct rusage usage;
} record_run;

static firn_status block_signals(record_run *run, firn_error *err)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&set, signals[i]);
    /* Threads that the library starts inherit the mask. */
    pthread_sigmask(SIG_BLOCK, &set, &run->original);
    run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return run->signal_fd < 0 ? tool_fail_os(err, errno, "signalfd") : FIRN_OK;
}

/** The commit that is checked out where the command runs, if there is one and git to tell it. */
static void find_git_sha(record_run *run)
{
    static const char *const argv[] = {"git", "rev-parse", "--verify", "--quiet", "HEAD", NULL};
    firn_buf text = {0};
    firn_error err;
    int code = 0;

    if (tool_spawn_read(argv, true, &text, &code, &err) == FIRN_OK && code == 0 && text.size < sizeof run->git_sha) {
        memcpy(run->git_sha, text.data, text.size);
        run->git_sha[strcspn(run->git_sha, "\n")] = '\0';
    }
    free(text.data);
}

static firn_slice git_sha_of(const record_run *run)
{
    return run->git_sha[0] != '\0' ? tool_slice(run->git_sha) : (firn_slice){NULL, 0};
}

/** `"argv":[…],"cwd":"…"`, with which both the spec and the first event begin. */
static void put_command(record_run *run)
{
    char *cwd = getcwd(NULL, 0);

    tool_json_text_key(&run->text, "argv");
    for (int i = 0; i < run->call->operands_count; i++) {
        tool_json_text_raw(&run->text, i == 0 ? "[" : ",");
        tool_json_text_value(&run->text, tool_slice(run->call->operands[i]));
    }
    tool_json_text_raw(&run->text, "]");
    tool_json_text_key(&run->text, "cwd");
    tool_json_text_value(&run->text, tool_slice(cwd != NULL ? cwd : ""));
    free(cwd);
}

/** What was asked to run where, as canonical JSON: the members stand in the order of their keys. */
static void put_spec(record_run *run)
{
    tool_json_text_reset(&run->text);
    tool_json_text_raw(&run->text, "{");
    put_command(run);
    tool_wire_string(&run->text, "git_sha", git_sha_of(run));
    tool_json_text_raw(&run->text, "}");
}

static void put_environment(record_run *run)
{
    const char *name;
    bool first = true;
    int position = 0;

    tool_json_text_key(&run->text, "env");
    tool_json_text_raw(&run->text, "{");
    while ((name = tool_option_each(run->call, "env", &position)) != NULL) {
        const char *value = getenv(name);

        tool_json_text_raw(&run->text, first ? "" : ",");
        tool_json_text_string(&run->text, tool_slice(name));
        tool_json_text_raw(&run->text, ":");
        if (value == NULL)
            tool_json_text_raw(&run->text, "null");
        else
            tool_json_text_value(&run->text, tool_slice(value));
        first = false;
    }
    tool_json_text_raw(&run->text, "}");
}

static void record_start(record_run *run)
{
    tool_json_text_reset(&run->text);
    tool_json_text_raw(&run->text, "{");
    put_command(run);
    put_environment(run);
    tool_wire_string(&run->text, "git_sha", git_sha_of(run));
    tool_json_text_raw(&run->text, "}");
    tool_recorder_event(run->recorder, "command_started", tool_json_text_slice(&run->text), tool_time_now());
    /* What becomes of the output that follows, how the command was started is on its way. */
    tool_recorder_flush(run->recorder);
}

/** Puts the spec and creates the run. A run that is there already is not added to. */
static firn_status create_run(record_run *run, firn_error *err)
{
    const char *spec = tool_option_text(run->call, "spec");
    const char *agent = tool_option_text(run->call, "agent");
    const char *command = strrchr(run->call->operands[0], '/');
    firn_content_put_result put = {0};
    firn_run_args args = {
        .struct_size = sizeof args,
        .run_id = tool_slice(tool_option_text(run->call, "run")),
        .agent_name = tool_slice(agent != NULL     ? agent
                                 : command != NULL ? command + 1
                                                   : run->call->operands[0]),
        .git_sha = git_sha_of(run),
        .tags = tool_slice(tool_option_text(run->call, "tags")),
        .spec_digest = put.digest,
    };
    firn_status status;

    put_spec(run);
    status = spec != NULL ? tool_content_put_file(run->ledger, spec, &put, err)
                          : firn_content_put(run->ledger, tool_json_text_slice(&run->text), NULL, &put, err);
    if (status == FIRN_OK)
        status = firn_run_create(run->ledger, &args, &run->created, err);
    if (status == FIRN_OK && run->created.created == 0)
        status = tool_fail(err, FIRN_EEXISTS, "run %s already exists", run->created.run_id);
    return status;
}

static firn_status open_all(record_run *run, firn_error *err)
{
    firn_options options;
    firn_status status = tool_open_options(
        run->call, tool_option_given(run->call, "create") ? FIRN_OPEN_CREATE : FIRN_OPEN_WRITE, &options, err);

    if (status == FIRN_OK)
        status = block_signals(run, err);
    if (status == FIRN_OK)
        status = tool_starter_fork((const char *const *)run->call->operands, &run->original, &run->starter, err);
    if (status < 0)
        return status;
    run->data = malloc(READ_SIZE);
    if (run->data == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    find_git_sha(run);
    status = tool_open_with(run->call, &options, &run->ledger, err);
    if (status == FIRN_OK)
        status = firn_eventfd(run->ledger, &run->event_fd, err);
    if (status == FIRN_OK)
        status = create_run(run, err);
    if (status == FIRN_OK)
        status = tool_recorder_new(run->ledger, run->created.run_id, run->call->json, &run->recorder, err);
    return status;
}

static firn_status start_command(record_run *run, firn_error *err)
{
    firn_status status;

    run->start_ns = tool_now_ns();
    status = tool_starter_go(&run->starter, run->call->operands[0], err);
    if (status < 0)
        return status;
    run->pid = run->starter.pid;
    run->outputs[0].from = run->starter.out;
    run->outputs[1].from = run->starter.err;
    run->starter.out = -1;
    run->starter.err = -1;
    return FIRN_OK;
}

static void close_output(output_pipe *output)
{
    if (output->from >= 0)
        close(output->from);
    output->from = -1;
}

/** Passes bytes on, all of them; false if nobody takes them any more. */
static bool pass_on(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);

        if (count < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};

            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return false;
            continue;
        }
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        data += count;
        size -= (size_t)count;
    }
    return true;
}

/** A tool_line_fn. */
static void take_line(void *arg, firn_slice line, tool_line_end end)
{
    record_run *run = arg;

    run->told->lines_count += end != TOOL_LINE_MORE;
    tool_recorder_line(run->recorder, run->told == &run->outputs[0] ? TOOL_STDOUT : TOOL_STDERR, line, end,
                       run->told_time);
}

/** Reads once from an output, passes it on and records it. */
static void read_output(record_run *run, output_pipe *output)
{
    ssize_t count = read(output->from, run->data, READ_SIZE);
    firn_error err;

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    run->told = output;
    run->told_time = tool_time_now();
    if (count <= 0) {
        close_output(output);
        return;
    }
    if (!pass_on(output->to, run->data, (size_t)count))
        close_output(output);
    output->bytes += (size_t)count;
    output->last_byte = run->data[count - 1];
    if (tool_lines_feed(&output->lines, (firn_slice){run->data, (size_t)count}, take_line, run) < 0) {
        tool_fail(&err, FIRN_ENOMEM, "out of memory");
        tool_recorder_stop(run->recorder, &err);
    }
}

/** Forwards signals, unless a terminal made them, and takes note of the end of the command. */
static void take_signal(record_run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            if (run->pid > 0 && wait4(run->pid, &run->end, WNOHANG, &run->usage) == run->pid) {
                run->wall_ns = tool_now_ns() - run->start_ns;
                run->pid = 0;
            }
            continue;
        }
        if (run->pid > 0 && info.ssi_code != SI_KERNEL)
            kill(run->pid, (int)info.ssi_signo);
        if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2)
            continue;
        run->interrupted = (int)info.ssi_signo;
        /* The command is gone; what it left behind may hold its pipes for ever. */
        if (run->pid == 0)
            for (int i = 0; i < 2; i++)
                close_output(&run->outputs[i]);
    }
}

/** Until the command has ended and both outputs are read to their ends. */
static void follow_command(record_run *run)
{
    while (run->pid > 0 || run->outputs[0].from >= 0 || run->outputs[1].from >= 0) {
        struct pollfd waits[4] = {
            {.fd = run->outputs[0].from, .events = POLLIN},
            {.fd = run->outputs[1].from, .events = POLLIN},
            {.fd = run->signal_fd, .events = POLLIN},
            {.fd = tool_recorder_failed(run->recorder) ? -1 : run->event_fd, .events = POLLIN},
        };
        uint64_t count;

        if (poll(waits, 4, tool_recorder_wait(run->recorder)) < 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (waits[i].revents != 0)
                read_output(run, &run->outputs[i]);
        if (waits[2].revents != 0)
            take_signal(run);
        if (waits[3].revents != 0 && read(run->event_fd, &count, sizeof count) < 0 && errno != EAGAIN)
            continue;
        tool_recorder_step(run->recorder);
    }
    run->told_time = tool_time_now();
    for (int i = 0; i < 2; i++) {
        run->told = &run->outputs[i];
        tool_lines_finish(&run->outputs[i].lines, take_line, run);
    }
}

/** Puts a file; nothing that could keep us waiting or never ends, such as a pipe. */
static firn_status put_artifact(record_run *run, const char *name, firn_content_put_result *out_result, firn_error *err)
{
    struct stat facts;

    if (stat(name, &facts) != 0)
        return tool_fail_os(err, errno, "%s", name);
    if (!S_ISREG(facts.st_mode))
        return tool_fail(err, FIRN_EINVAL, "%s: not a file", name);
    return tool_content_put_file(run->ledger, name, out_result, err);
}

/** Puts the files named, and tells of each what became of it. */
static void put_artifacts(record_run *run)
{
    const char *name;
    bool first = true;
    int position = 0;

    tool_json_text_key(&run->text, "artifacts");
    tool_json_text_raw(&run->text, "[");
    while ((name = tool_option_each(run->call, "artifact", &position)) != NULL) {
        firn_content_put_result put;
        firn_error err = {0};

        tool_json_text_raw(&run->text, first ? "{" : ",{");
        tool_json_text_member(&run->text, "path", tool_slice(name));
        if (tool_recorder_failed(run->recorder) || put_artifact(run, name, &put, &err) < 0) {
            tool_json_text_member(&run->text, "error", tool_slice(err.text));
            if (!tool_recorder_failed(run->recorder))
                (void)tool_error_report(&err, run->call->json);
        } else {
            tool_wire_digest(&run->text, "digest", put.digest);
            tool_wire_number(&run->text, "size", put.size);
        }
        tool_json_text_raw(&run->text, "}");
        first = false;
    }
    tool_json_text_raw(&run->text, "]");
}

static void put_output(record_run *run, const char *key, const output_pipe *output)
{
    tool_json_text_key(&run->text, key);
    tool_json_text_raw(&run->text, "{");
    tool_wire_number(&run->text, "bytes", output->bytes);
    tool_wire_number(&run->text, "lines", output->lines_count);
    tool_wire_bool(&run->text, "newline_at_end", output->last_byte == '\n');
    tool_json_text_raw(&run->text, "}");
}

static uint64_t ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

/** A number, or null. */
static void put_number_if(record_run *run, const char *key, bool given, int number)
{
    if (given)
        tool_wire_number(&run->text, key, (uint64_t)number);
    else
        tool_wire_string(&run->text, key, (firn_slice){NULL, 0});
}

/** Records how the command ended, and ends the run. */
static void record_end(record_run *run)
{
    bool exited = WIFEXITED(run->end);
    bool good = exited && WEXITSTATUS(run->end) == 0;
    firn_run_summary summary = {.duration_ms = run->wall_ns / 1000000, .success = good ? 1 : 0};

    tool_json_text_reset(&run->text);
    tool_json_text_raw(&run->text, "{");
    put_number_if(run, "exit_code", exited, exited ? WEXITSTATUS(run->end) : 0);
    put_number_if(run, "signal", !exited, exited ? 0 : WTERMSIG(run->end));
    tool_wire_number(&run->text, "wall_ns", run->wall_ns);
    tool_wire_number(&run->text, "user_ns", ns_of(run->usage.ru_utime));
    tool_wire_number(&run->text, "system_ns", ns_of(run->usage.ru_stime));
    /* The kernel counts it in KiB. */
    tool_wire_number(&run->text, "max_rss_bytes", (uint64_t)run->usage.ru_maxrss * 1024);
    put_output(run, "stdout", &run->outputs[0]);
    put_output(run, "stderr", &run->outputs[1]);
    put_artifacts(run);
    tool_json_text_raw(&run->text, "}");
    tool_recorder_event(run->recorder, "command_ended", tool_json_text_slice(&run->text), tool_time_now());
    tool_recorder_end(run->recorder,
                      good                    ? FIRN_RUN_COMPLETED
                      : run->interrupted != 0 ? FIRN_RUN_CANCELLED
                                              : FIRN_RUN_FAILED,
                      summary);
}

/** The command could not be started: that is the whole run. */
static int record_no_start(record_run *run, const firn_error *err)
{
    int code = err->os_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;

    (void)tool_error_report(err, run->call->json);
    tool_json_text_reset(&run->text);
    tool_json_text_raw(&run->text, "{");
    tool_json_text_member(&run->text, "error", tool_slice(err->text));
    tool_wire_number(&run->text, "exit_code", (uint64_t)code);
    tool_json_text_raw(&run->text, "}");
    tool_recorder_event(run->recorder, "command_ended", tool_json_text_slice(&run->text), tool_time_now());
    tool_recorder_end(run->recorder, FIRN_RUN_FAILED, (firn_run_summary){0});
    return code;
}

/** Tells on standard error under which id the run is kept, if that was asked for: nothing of ours is mixed in else. */
static void tell_run(const record_run *run)
{
    tool_json_text text = {0};

    if (!tool_option_given(run->call, "tell"))
        return;
    if (run->call->json) {
        tool_json_text_raw(&text, "{");
        tool_wire_string(&text, "run_id", tool_slice(run->created.run_id));
        tool_wire_number(&text, "events", tool_recorder_count(run->recorder));
        tool_wire_bool(&text, "recorded", !tool_recorder_failed(run->recorder));
        tool_json_text_raw(&text, "}\n");
        (void)fwrite(text.data, 1, text.size, stderr);
        tool_json_text_done(&text);
    } else if (!tool_recorder_failed(run->recorder)) {
        fprintf(stderr, "firn: recorded as run %s, %llu events\n", run->created.run_id,
                (unsigned long long)tool_recorder_count(run->recorder));
    }
}

int tool_cmd_run_record(tool_call *call)
{
    record_run run = {.call = call, .signal_fd = -1, .event_fd = -1, .starter = TOOL_STARTER_NONE};
    firn_error err;
    firn_status status;
    int code = TOOL_EXIT_NO_RECORDING;

    run.outputs[0] = (output_pipe){.from = -1, .to = STDOUT_FILENO};
    run.outputs[1] = (output_pipe){.from = -1, .to = STDERR_FILENO};
    status = open_all(&run, &err);
    if (status < 0) {
        tool_wrap(&err, status, "recording could not start");
        (void)tool_error_report(&err, call->json);
        goto out;
    }
    record_start(&run);
    if (start_command(&run, &err) < 0) {
        code = record_no_start(&run, &err);
        goto out;
    }
    follow_command(&run);
    record_end(&run);
    tell_run(&run);
    code = WIFEXITED(run.end) ? WEXITSTATUS(run.end) : TOOL_EXIT_SIGNAL + WTERMSIG(run.end);
out:
    tool_starter_done(&run.starter);
    for (int i = 0; i < 2; i++) {
        close_output(&run.outputs[i]);
        tool_lines_done(&run.outputs[i].lines);
    }
    tool_recorder_free(run.recorder);
    if (firn_close(run.ledger, &err) < 0 && status == FIRN_OK)
        (void)tool_error_report(&err, call->json);
    tool_json_text_done(&run.text);
    free(run.data);
    if (run.signal_fd >= 0)
        close(run.signal_fd);
    return code;
}
