/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noring.c — a ledger where the kernel offers no io_uring, no longer offers it, or offers it in part.
 *
 *   noring --firn PROGRAM [--folder NAME] [--sysctl]
 *
 * Containers forbid io_uring by filters, administrators by kernel.io_uring_disabled, limits by ENOMEM. Every ledger
 * goes through the same life of four processes with a clock that stands still: it is created and left without closing,
 * recovered, written and closed, and that once more. In each scenario the ring is denied, in one of the ways below, to
 * all of these processes, or to some: it is taken away between creation and opening, and comes back.
 *
 * It passes if each process uses the path that it must, says once through its trace sink why it is not the ring, and
 * says so in firn_stats and `firn stat`; if asking for the ring alone is refused with the same reason; and if the rows
 * of every scenario have the digest that they have with the ring. --sysctl sets kernel.io_uring_disabled for a moment,
 * which every process of the machine would notice, so nothing else may run; it is set back however the test ends. 77
 * where there is no ring to deny, or for --sysctl no root.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/plan.h"

#define SYSCTL "/proc/sys/kernel/io_uring_disabled"

enum {
    PROCESSES = 4,
    BATCHES = 6,
    BUSY_WAIT_US = 500,
    BUSY_WAITS_MAX = 20000,
    SEED = 7,
    NOBODY = 65534,
    ALARM_SECONDS = 60
};

/* A way to be denied the ring. */
typedef struct denial {
    const char *name;
    int nr;          /* System call that a filter refuses; 0: none. */
    int os_errno;    /* With what. */
    int argument;    /* Only if its second argument is this; -1: always. */
    bool no_memlock; /* No memory may be locked, and no privilege helps. */
    bool whole;      /* The ring is not used at all; else only a part of it. */
    const char *said;
} denial;

static const denial denials[] = {
    {"nothing", 0, 0, -1, false, false, NULL},
    {"setup EPERM", SYS_io_uring_setup, EPERM, -1, false, true, "Operation not permitted"},
    {"setup ENOSYS", SYS_io_uring_setup, ENOSYS, -1, false, true, "Function not implemented"},
    {"setup ENOMEM", SYS_io_uring_setup, ENOMEM, -1, false, true, "Cannot allocate memory"},
    {"enter EPERM", SYS_io_uring_enter, EPERM, -1, false, true, "Operation not permitted"},
    {"register ENOMEM", SYS_io_uring_register, ENOMEM, -1, false, true, NULL},
    {"buffers ENOMEM", SYS_io_uring_register, ENOMEM, IORING_REGISTER_BUFFERS, false, false,
     "buffers are not registered: Cannot allocate memory"},
    {"memlock 0", 0, 0, -1, true, false, NULL},
};

/* Which of the processes are denied it. */
static const struct {
    const char *name;
    bool denied[PROCESSES];
} when[] = {
    {"always", {true, true, true, true}},
    {"after creation", {false, true, true, true}},
    {"at creation and later", {true, false, true, false}},
};

typedef struct task {
    shared *shared;
    const char *url;
    const denial *denial;
    const char *firn;
    unsigned number;
    bool privileged; /* As whoever runs the test; else as nobody. */
    unsigned said;   /* Lines of the trace about it. */
    char line[256];  /* The last of them. */
} task;

static int64_t clock_stands(void *arg)
{
    (void)arg;
    return INT64_C(1700000000000000000);
}

static void on_trace(void *arg, const char *line)
{
    task *a = arg;

    if (strstr(line, "io: ") != NULL) {
        a->said++;
        (void)snprintf(a->line, sizeof a->line, "%s", line);
    }
}

static void refuse(const denial *d)
{
    const unsigned number = d->argument < 0 ? 0 : (unsigned)d->argument;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)d->nr, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | (d->argument < 0 ? BPF_JGE : BPF_JEQ) | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)d->os_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(SKIPPED);
    }
}

static void deny(const task *a)
{
    const struct rlimit none = {0};

    if (a->denial->no_memlock && setrlimit(RLIMIT_MEMLOCK, &none) != 0) {
        _exit(SKIPPED);
    }
    if (!a->privileged && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        _exit(SKIPPED);
    }
    if (access(place.folder, R_OK | W_OK | X_OK) != 0) {
        _exit(SKIPPED);
    }
    if (a->denial->nr != 0) {
        refuse(a->denial);
    }
}

/* `firn stat` says what the library says. */
static void ask_the_tool(const task *a, const char *note)
{
    char command[1600], line[256];
    bool found = false;
    FILE *out;

    (void)snprintf(command, sizeof command, "'%s' -l '%s' stat", a->firn, a->url);
    out = popen(command, "re");
    while (out != NULL && fgets(line, sizeof line, out) != NULL) {
        found = found || strstr(line, note) != NULL;
    }
    if (out == NULL || pclose(out) != 0 || !found) {
        shared_trouble(a->shared, "firn stat does not say: %s", note);
    }
}

/* The path in use, and what is said about it. */
static void check_path(const task *a, const firn_stats *stats, const firn_options *options)
{
    const denial *d = a->denial;
    const firn_io_path right = d->whole ? FIRN_IO_PORTABLE : FIRN_IO_URING;
    const bool either = d->no_memlock && !d->whole; /* Some kernels count rings, some only buffers. */
    firn_options strict = *options;
    firn_ledger *ledger = NULL;
    char url[800];
    firn_error err;

    if (either) {
        return;
    }
    if (stats->io_path != right ||
        (d->whole ? strstr(stats->io_note, "no io_uring: ") == NULL : strstr(stats->io_note, "io_uring") != NULL)) {
        shared_trouble(a->shared, "path %d, note \"%s\"", stats->io_path, stats->io_note);
    }
    if (a->said != (d->whole || d->said != NULL ? 1U : 0U)) {
        shared_trouble(a->shared, "said %u times, at last \"%s\"", a->said, a->line);
    }
    if (d->said != NULL && strstr(a->line, d->said) == NULL) {
        shared_trouble(a->shared, "said \"%s\"", a->line);
    }
    if (!d->whole) {
        return;
    }
    strict.io_path = FIRN_IO_URING;
    (void)snprintf(url, sizeof url, "%s.strict", a->url);
    if (firn_open(url, &strict, &ledger, &err) != FIRN_EIO || strstr(err.text, "no io_uring: ") == NULL) {
        shared_trouble(a->shared, "asked for the ring alone: %s", err.text);
    }
}

/* One process of a ledger's life: opens it, appends, and closes it, or not. */
static void live(void *arg)
{
    task *a = arg;
    firn_options options = {.struct_size = sizeof options,
                            .mode = FIRN_OPEN_CREATE,
                            .segment_size = 65536,
                            .spare_segments = 1,
                            .durable_method = FIRN_DURABLE_BUFFERED_SYNC,
                            .trace = on_trace,
                            .trace_arg = a,
                            .clock = clock_stands,
                            .index_map_size = UINT64_C(64) << 20};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_ledger *ledger = NULL;
    firn_batch *batch = NULL;
    firn_error err = {0};
    firn_status status = FIRN_EBUSY;

    deny(a);
    for (unsigned i = 0; i < BUSY_WAITS_MAX; i++) {
        a->said = 0;
        status = firn_open(a->url, &options, &ledger, &err);
        if (status != FIRN_EBUSY) {
            break;
        }
        sleep_us(BUSY_WAIT_US); /* The ring of the process before is still being taken down. */
    }
    status = status == FIRN_OK ? firn_stat(ledger, &stats, &err) : status;
    status = status == FIRN_OK ? firn_batch_new(ledger, &batch, &err) : status;
    for (unsigned i = 0; status == FIRN_OK && i < BATCHES; i++) {
        plan p = plan_of(SEED, (plan_id){.round = a->number + 1, .number = i});

        status = plan_collect(&p, batch, &err);
        status = status == FIRN_OK ? firn_batch_commit(batch, NULL, &err) : status;
    }
    if (status != FIRN_OK) {
        shared_trouble(a->shared, "%s: %s", firn_status_name(status), err.text);
    }
    check_path(a, &stats, &options);
    if (a->number == 0) {
        _exit(0);
    }
    firn_batch_free(batch);
    if (firn_close(ledger, &err) != FIRN_OK) {
        shared_trouble(a->shared, "close: %s", err.text);
    }
    if (a->denial->whole && a->firn != NULL) {
        ask_the_tool(a, "no io_uring: ");
    }
}

/* A ledger's life. The digest of its rows. False: something is missing here. */
static bool run_life(shared *s, const denial *d, const bool denied[PROCESSES], const char *firn,
                     uint8_t digest[FIRN_DIGEST_SIZE])
{
    firn_report report = {.struct_size = sizeof report};
    char url[700];
    firn_error err;

    (void)snprintf(url, sizeof url, "%s/ledger", place.folder);
    for (unsigned i = 0; i < PROCESSES; i++) {
        task a = {.shared = s,
                  .url = url,
                  .denial = denied[i] ? d : &denials[0],
                  .firn = firn,
                  .number = i,
                  .privileged = !d->no_memlock};
        int status = process_wait(process_start(live, &a));

        if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
            folder_remove(url);
            return false;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            violation("%s, process %u: status %x: %s", d->name, i + 1, (unsigned)status, s->trouble);
        }
    }
    if (firn_verify(url, NULL, &report, &err) != FIRN_OK) {
        violation("%s: %s", d->name, err.text);
    }
    memcpy(digest, report.digest, FIRN_DIGEST_SIZE);
    folder_remove(url);
    return true;
}

static unsigned run_denials(shared *s, const char *firn)
{
    uint8_t right[FIRN_DIGEST_SIZE], digest[FIRN_DIGEST_SIZE];
    unsigned lives = 0;

    if (!run_life(s, &denials[0], when[0].denied, firn, right)) {
        violation("nothing is denied, and there is no ring: %s", s->trouble);
    }
    for (size_t i = 0; i < sizeof denials / sizeof denials[0]; i++) {
        size_t ways = denials[i].whole ? sizeof when / sizeof when[0] : 1;

        for (size_t w = 0; w < ways; w++) {
            place.round = 100 * i + w;
            if (!run_life(s, &denials[i], when[w].denied, firn, digest)) {
                (void)printf("left out here: %s\n", denials[i].name);
                break;
            }
            if (memcmp(digest, right, sizeof right) != 0) {
                violation("%s, %s: the rows are others than with the ring", denials[i].name, when[w].name);
            }
            lives++;
        }
    }
    return lives;
}

static void sysctl_set(const char *value)
{
    int fd = open(SYSCTL, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0) {
        violation("%s: %s", SYSCTL, strerror(errno));
    }
    (void)close(fd);
}

static bool sysctl_is_off(void)
{
    FILE *file = fopen(SYSCTL, "re");
    bool off = file != NULL && fgetc(file) == '0';

    if (file != NULL) {
        (void)fclose(file);
    }
    return off;
}

static unsigned run_settings(shared *s, const char *firn)
{
    /* 1: the privileged only; 2: nobody. */
    static const struct {
        const char *value;
        bool privileged;
    } settings[] = {{"1", false}, {"2", false}, {"2", true}};
    unsigned lives = 0;

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        /* Whoever is to be unprivileged may lock no memory either, which changes nothing here. */
        const denial d = {"sysctl", 0, 0, -1, !settings[i].privileged, true, "Operation not permitted"};
        uint8_t digest[FIRN_DIGEST_SIZE];

        place.round = i;
        sysctl_set(settings[i].value);
        lives += run_life(s, &d, when[0].denied, firn, digest) ? 1 : 0;
        sysctl_set("0");
    }
    return lives;
}

/* What runs in a process of its own, so that whatever it finds, and whoever ends it, somebody clears up. */
typedef struct run {
    const char *firn;
    bool sysctl;
} run;

static void run_all(void *arg)
{
    const run *r = arg;
    shared *s = shared_new();
    unsigned lives;

    /* In memory it is faster, where that may be; which disk it is does not matter here. */
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
        (void)mount("noring", place.folder, "tmpfs", 0, "mode=0777");
    }
    lives = r->sysctl ? run_settings(s, r->firn) : run_denials(s, r->firn);

    shared_free(s);
    (void)printf("summary: lives=%u processes=%u violations=0 first_seed=%d last_seed=%d\n", lives, lives * PROCESSES,
                 SEED, SEED);
    (void)fflush(stdout);
    _exit(lives > 0 ? 0 : 1);
}

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

/* Returns the status of the program. */
static int supervise(run *r)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal};
    int pid, status = 0;

    pid = process_start(run_all, r);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
    (void)alarm(ALARM_SECONDS);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        (void)kill(pid, SIGKILL);
    }
    if (r->sysctl) {
        sysctl_set("0");
    }
    if (stopped == SIGALRM) {
        (void)fprintf(stderr, "violation: noring: hangs, more than %d seconds\n", ALARM_SECONDS);
    }
    if (stopped != 0 || status == 0) {
        folder_remove(place.folder);
    }
    if (status != 0) {
        (void)printf("summary: violations=%d\n", stopped == 0 || stopped == SIGALRM);
    }
    return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"firn", required_argument, NULL, 'f'},
        {"folder", required_argument, NULL, 'd'},
        {"sysctl", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    static char folder[512];
    const char *parent = ".";
    run r = {0};
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'f') {
            r.firn = optarg;
        } else if (o == 'd') {
            parent = optarg;
        } else if (o == 's') {
            r.sysctl = true;
        } else {
            return 2;
        }
    }
    (void)snprintf(folder, sizeof folder, "%s/noring-%d", parent, (int)getpid());
    place = (test_place){.program = "noring", .seed = SEED, .folder = folder};
    if (mkdir(folder, 0777) != 0 || chmod(folder, 0777) != 0) {
        violation("mkdir: %s", strerror(errno));
    }
    if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != EINVAL && errno != EFAULT) {
        return campaign_skip("there is no io_uring to be denied");
    }
    if (r.sysctl && (geteuid() != 0 || !sysctl_is_off())) {
        return campaign_skip("kernel.io_uring_disabled cannot be set, or is");
    }
    return supervise(&r);
}
