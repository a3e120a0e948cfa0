/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.c — system calls that fail: a writer by the portable backend, and LMDB, under strace.
 *
 *   inject [--only CALL] [--rounds N] and the options of campaign.h
 *
 * What goes through plain system calls can be made to fail one by one, where no device or file system would: any call,
 * any errno, once or from then on, in each thread; a write that takes nothing; a call that takes long; the process
 * killed in the middle of a call; and, for readers, bytes of the read buffer changed. The tracer is attached before the
 * ledger is opened, so only what firn and LMDB do is met. Which calls there are is in calls[]; round by round all of
 * them have their turn.
 *
 * It passes if the writer answers by an error that is documented for such a failure, poisons itself where it must, ends
 * and does not hang (withstand.h), if readers are shown nothing wrong, and if afterwards, without a tracer, all of
 * history.h holds: what was acknowledged is there. 77 where strace or the right to trace is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/history.h"
#include "test/kill/image.h"
#include "test/kill/reader.h"

enum {
    ROUNDS_OF_LEDGER = 20,
    BATCHES_MAX = 25, /* Of a writer, which then closes; sometimes more than it gets to. */
    WAIT_US = 1000,
    ATTACH_WAITS_MAX = 10000,
    END_WAITS_MAX = 60000, /* A minute: a traced process is slow. */
    LEDGER_SECONDS = 300
};

/* A system call that firn or LMDB makes, and how often most threads do so in one round, more or less. */
typedef struct call {
    const char *names; /* As strace knows them: the variants that a C library may use. */
    unsigned times;
    const char *errors[5];
    bool takes_nothing; /* May answer 0: nothing was written. */
    bool of_lmdb;       /* LMDB writes by it. */
} call;

static const call calls[] = {
    {"pwritev2", 8, {"EIO", "ENOSPC", "EDQUOT", "EINTR", "EOPNOTSUPP"}, true, false},
    {"pwrite64", 4, {"EIO", "ENOSPC", "EDQUOT", "EINTR", "EFBIG"}, true, true},
    {"writev", 2, {"EIO", "ENOSPC"}, false, true},
    {"fdatasync", 4, {"EIO", "ENOSPC", "EDQUOT"}, false, true},
    {"fsync", 11, {"EIO", "ENOSPC"}, false, false},
    {"pread64", 35, {"EIO", "EINTR"}, false, false},
    {"openat", 35, {"EIO", "EMFILE", "ENOSPC", "EACCES", "ENOMEM"}, false, false},
    {"rename,renameat,renameat2", 1, {"EIO", "ENOSPC"}, false, false},
    {"ftruncate", 2, {"EIO", "ENOSPC"}, false, true},
    {"fallocate", 5, {"EIO", "ENOSPC", "EDQUOT", "EOPNOTSUPP"}, false, false},
    {"mmap", 8, {"ENOMEM"}, false, false},
    {"fcntl", 11, {"ENOLCK", "EIO"}, false, false},
    {"statx", 2, {"EIO", "ENOSYS"}, false, false},
    {"newfstatat", 40, {"EIO", "ENOMEM"}, false, false},
    {"unlink,unlinkat", 4, {"EIO", "EROFS"}, false, false},
    {"mkdir,mkdirat", 2, {"EIO", "ENOSPC", "EROFS"}, false, false},
    {"getdents64", 4, {"EIO"}, false, false},
    {"lseek", 2, {"EIO"}, false, true},
    {"clone3,clone", 6, {"EAGAIN"}, false, false},
};

enum {
    CALLS = sizeof calls / sizeof calls[0]
};

/* One process under the tracer: it begins when it is told to. */
typedef struct traced {
    writer w;
    reader r;
    shared *shared;
    bool reads;
    int pid;
} traced;

static void wait_for_go(const traced *a)
{
    while (!atomic_load(&a->shared->go)) {
        sleep_us(WAIT_US);
    }
}

/* Reads in every way, whatever comes of it; what was shown is compared by whoever judges. */
static void read_under_trace(const traced *a)
{
    firn_scan_options options = {.struct_size = sizeof options};
    firn_ledger *ledger = NULL;
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;

    if (firn_open(a->r.url, &a->r.options, &ledger, &err) != FIRN_OK) {
        return;
    }
    if (firn_scan_open(ledger, &options, &scan, &err) == FIRN_OK) {
        while (firn_scan_next(scan, &record, &err) == FIRN_OK) {
            reader_note(a->r.shared, &record);
        }
        firn_scan_close(scan);
    }
    (void)!firn_replay(ledger, NULL, NULL, &err);
    (void)!firn_close(ledger, &err);
    (void)!firn_verify(a->r.url, NULL, &(firn_report){.struct_size = sizeof(firn_report)}, &err);
}

static void run_traced(void *arg)
{
    traced *a = arg;

    wait_for_go(a);
    if (a->reads) {
        read_under_trace(a);
    } else {
        writer_run(&a->w);
    }
}

/* What is done to a call, as strace wants to be told. */
static void choose(dice *d, const call *c, bool reads, char out[160])
{
    unsigned n = 1 + (unsigned)dice_roll(d, c->times);
    const char *plus = dice_chance(d, 3) ? "+" : "";
    unsigned errors = 0;
    const char *error;

    while (errors < sizeof c->errors / sizeof c->errors[0] && c->errors[errors] != NULL) {
        errors++;
    }
    error = c->errors[dice_roll(d, errors)];
    if (strcmp(error, "EINTR") == 0) {
        plus = ""; /* For ever it would be for ever. */
    }
    if (reads) {
        /* The buffer is the second argument; what stands there is overwritten, so that some bits are others. */
        (void)snprintf(out, 160, "pread64:poke_exit=@arg2=%02x:when=%u%s", (unsigned)dice_roll(d, 256), n, plus);
    } else if (dice_chance(d, 5)) {
        (void)snprintf(out, 160, "%s:signal=KILL:when=%u", c->names, n);
    } else if (dice_chance(d, 8)) {
        (void)snprintf(out, 160, "%s:delay_exit=%u:when=%u+3", c->names, 1000 + (unsigned)dice_roll(d, 10000), n);
    } else if (c->takes_nothing && dice_chance(d, 4)) {
        (void)snprintf(out, 160, "%s:retval=0:when=%u%s", c->names, n, plus);
    } else {
        (void)snprintf(out, 160, "%s:error=%s:when=%u%s", c->names, error, n, plus);
    }
}

static void exec_strace(void *arg)
{
    const char *const *argv = arg;
    int null = open("/dev/null", O_RDWR);

    if (null >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0) {
        /* Nothing writes to them. */
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    _exit(127);
}

/* Whether somebody traces the process. */
static bool is_traced(int pid)
{
    char name[64], line[128];
    int tracer = 0;
    FILE *file;

    (void)snprintf(name, sizeof name, "/proc/%d/status", pid);
    file = fopen(name, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "TracerPid: %d", &tracer) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return tracer != 0;
}

/* Attaches a tracer. False: it may not. */
static bool trace(int pid, const char *what, int *out_tracer)
{
    char number[16], inject[176];
    const char *argv[] = {"strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, "-p", number, NULL};

    (void)snprintf(number, sizeof number, "%d", pid);
    (void)snprintf(inject, sizeof inject, "inject=%s", what);
    *out_tracer = process_start(exec_strace, argv);
    for (unsigned i = 0; !is_traced(pid); i++) {
        int status;

        if (i == ATTACH_WAITS_MAX || waitpid(*out_tracer, &status, WNOHANG) == *out_tracer) {
            return false;
        }
        sleep_us(WAIT_US);
    }
    return true;
}

static void check_answer(const shared *s, const char *what, bool reads, int ended)
{
    static const firn_status right[] = {FIRN_OK,     FIRN_EIO,   FIRN_ENOSPC,   FIRN_ENOMEM,
                                        FIRN_EACCES, FIRN_EBUSY, FIRN_EPOISONED};
    firn_status status = atomic_load(&s->stop_status);
    bool named = false;

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        named = named || status == right[i];
    }
    if (!named) {
        violation("%s: %s: %s", what, firn_status_name(status), s->stop_text);
    }
    if (WIFSIGNALED(ended) && (reads || WTERMSIG(ended) != SIGKILL || strstr(what, "KILL") == NULL)) {
        violation("%s: ended by signal %d", what, WTERMSIG(ended));
    }
}

static void wait_for_end(int pid, const char *what, int *out_status)
{
    for (unsigned i = 0; waitpid(pid, out_status, WNOHANG) != pid; i++) {
        if (i == END_WAITS_MAX) {
            violation("%s: process %d does not end", what, pid);
        }
        sleep_us(WAIT_US);
    }
}

static void count(const shared *s, tally *t, int ended)
{
    t->faults++;
    t->refused += atomic_load(&s->refused);
    if (atomic_load(&s->stop_status) == FIRN_EPOISONED) {
        t->poisoned++;
    } else if (atomic_load(&s->stopped) > 0) {
        t->failed++;
    } else if (!WIFSIGNALED(ended)) {
        t->unmoved++;
    }
}

static void run_round(history *h, const call *c, uint32_t round, tally *t)
{
    bool reads = round > 1 && dice_chance(&h->dice, 6);
    traced a = {
        .shared = h->shared, .reads = reads, .w = history_writer(h, round, 1 + dice_roll(&h->dice, BATCHES_MAX))};
    char what[160];
    int status = 0, tracer;

    a.w.withstands = true;
    a.r = (reader){.shared = h->shared, .url = h->url, .options = h->options};
    a.r.options.mode = FIRN_OPEN_READ;
    a.r.options.replay_records_max = 0;
    choose(&h->dice, c, reads, what);
    atomic_store(&h->shared->go, false);
    atomic_store(&h->shared->cutting, true);
    a.pid = process_start(run_traced, &a);
    if (!trace(a.pid, what, &tracer)) {
        violation("%s: the tracer did not attach", what);
    }
    atomic_store(&h->shared->go, true);
    wait_for_end(a.pid, what, &status);
    wait_for_end(tracer, what, &(int){0});
    check_answer(h->shared, what, reads, status);
    count(h->shared, t, status);
    if (reads || (c->of_lmdb && (strstr(what, "error=") != NULL || strstr(what, "retval=") != NULL))) {
        /* What a reader took for damage it may have noted beside the index. And LMDB, when it cannot write a meta page,
           makes one of it that cannot be, so that nobody uses it. */
        history_doubt_index(h);
    }
    history_note(h, round, SIZE_MAX);
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned rounds, shared *s, tally *t)
{
    static const unsigned step = 7; /* No divisor of the number of calls: every ledger begins elsewhere. */
    history h;

    history_init(&h, s, t, seed, place.folder, FIRN_IO_PORTABLE);
    for (uint32_t round = 1; round <= rounds; round++) {
        const call *chosen = &calls[(seed * step + round) % CALLS];

        for (size_t i = 0; c->only != NULL && i < CALLS; i++) {
            chosen = strcmp(calls[i].names, c->only) == 0 ? &calls[i] : chosen;
        }
        place.round = round;
        run_round(&h, chosen, round, t);
        if (dice_chance(&h.dice, 6)) {
            history_forget_index(&h);
        }
        if (round == rounds || !history_may_wait(&h) || !dice_chance(&h.dice, 4)) {
            history_judge(&h);
        }
    }
    history_done(&h);
    folder_remove(h.url);
}

/* Whether a process may be traced here. */
static bool can_trace(void)
{
    const char *argv[] = {"strace", "-V", NULL};
    const char *attach[] = {"strace", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true", NULL};

    return command_run(argv) == 0 && command_run(attach) == 0;
}

int main(int argc, char **argv)
{
    campaign c = {.program = "inject",
                  .count = ROUNDS_OF_LEDGER * 4,
                  .counted = "rounds",
                  .at_once = ROUNDS_OF_LEDGER,
                  .lanes = 4,
                  .ledger_seconds = LEDGER_SECONDS};

    campaign_options(&c, argc, argv);
    if (!can_trace()) {
        return campaign_skip("strace is missing, or may not trace");
    }
    return campaign_run(&c, run_ledger);
}
