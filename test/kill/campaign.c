/* SPDX-License-Identifier: Apache-2.0 */
/* campaign.c — a number of rounds to run, some ledgers at a time, in one go or over many calls. */
#include "test/kill/campaign.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/folder.h"
#include "test/number.h"

enum {
    WATCH_US = 20000,
    FOLDER_SIZE = 512
};

/* Where a lane is: in shared memory, for the process that watches it. */
typedef struct lane {
    atomic_ullong ledger; /* That it is at; before it nothing of its own is left to do. */
    atomic_llong since;   /* When it began. */
    tally tally;
    int pid; /* 0: it has ended. */
} lane;

typedef struct board {
    atomic_ullong next; /* Ledger that no lane took yet. */
    lane lanes[LANES_MAX];
} board;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void load(campaign *c)
{
    unsigned long long seed, done;
    FILE *file = fopen(c->saved, "r");

    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &seed, &done) == 2 && done < c->count) {
            c->seed = seed;
            c->done = done;
        }
        (void)fclose(file);
    }
}

static void save(const campaign *c, uint64_t done)
{
    FILE *file = c->saved == NULL ? NULL : fopen(c->saved, "w");

    if (file != NULL) {
        (void)fprintf(file, "%llu %llu\n", (unsigned long long)c->seed, (unsigned long long)done);
        (void)fclose(file);
    }
}

void campaign_options(campaign *c, int argc, char **argv)
{
    static char folder[FOLDER_SIZE];
    const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {c->counted, required_argument, NULL, 'n'},
        {"portable", no_argument, NULL, 'p'},     {"fs", required_argument, NULL, 'f'},
        {"long", required_argument, NULL, 'g'},   {"seconds", required_argument, NULL, 't'},
        {"folder", required_argument, NULL, 'd'}, {"lanes", required_argument, NULL, 'l'},
        {"only", required_argument, NULL, 'o'},   {NULL, 0, NULL, 0},
    };
    const char *parent = ".";
    int o;

    if (c->seed == 0) {
        c->seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
    }
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 's') {
            c->seed = number_of(c->program, optarg);
        } else if (o == 'n') {
            c->count = number_of(c->program, optarg);
        } else if (o == 'p') {
            c->portable = true;
        } else if (o == 'f') {
            c->file_system = optarg;
        } else if (o == 'o') {
            c->only = optarg;
        } else if (o == 'g') {
            c->saved = optarg;
        } else if (o == 't') {
            c->end = time(NULL) + (time_t)number_of(c->program, optarg);
        } else if (o == 'l' && number_of(c->program, optarg) >= 1 && number_of(c->program, optarg) <= LANES_MAX) {
            c->lanes = (unsigned)number_of(c->program, optarg);
        } else if (o == 'd') {
            parent = optarg;
        } else {
            exit(2);
        }
    }
    if (c->saved != NULL) {
        load(c);
    }
    (void)snprintf(folder, sizeof folder, "%s/%s-%d", parent, c->program, (int)getpid());
    place = (test_place){.program = c->program, .seed = c->seed, .folder = folder};
    if (mkdir(folder, 0777) != 0) {
        violation("mkdir: %s", strerror(errno));
    }
}

bool campaign_more(const campaign *c, uint64_t done)
{
    save(c, done);
    return done < c->count && (c->end == 0 || time(NULL) < c->end);
}

int campaign_skip(const char *reason)
{
    (void)printf("skipped: %s\n", reason);
    folder_remove(place.folder);
    return SKIPPED;
}

/* What a lane does: takes ledgers until there is none. */
typedef struct task {
    const campaign *c;
    campaign_ledger_fn run;
    board *board;
    unsigned number;
} task;

static void lane_run(void *arg)
{
    const task *a = arg;
    const campaign *c = a->c;
    lane *l = &a->board->lanes[a->number];
    static char folder[FOLDER_SIZE + 16];
    shared *s = shared_new();

    (void)setpgid(0, 0);
    (void)snprintf(folder, sizeof folder, "%s/%u", place.folder, a->number);
    if (mkdir(folder, 0777) != 0) {
        violation("mkdir: %s", strerror(errno));
    }
    place.folder = folder;
    for (;;) {
        uint64_t ledger = atomic_fetch_add(&a->board->next, 1);
        uint64_t first = ledger * c->at_once;

        atomic_store(&l->ledger, ledger);
        if (first >= c->count || (c->end != 0 && time(NULL) >= c->end)) {
            break;
        }
        place.seed = c->seed + ledger;
        place.round = 0;
        atomic_store(&l->since, time(NULL));
        a->run(c, place.seed, c->count - first < c->at_once ? (unsigned)(c->count - first) : c->at_once, s, &l->tally);
        l->tally.ledgers++;
    }
    shared_free(s);
}

/* The rounds that no lane has still to do. */
static uint64_t rounds_done(const campaign *c, board *b)
{
    uint64_t ledger = atomic_load(&b->next);

    for (unsigned i = 0; i < c->lanes; i++) {
        uint64_t at = atomic_load(&b->lanes[i].ledger);

        ledger = at < ledger ? at : ledger;
    }
    return ledger * c->at_once < c->count ? ledger * c->at_once : c->count;
}

/* True if the lane goes on; else *violations tells how it ended. */
static bool lane_goes_on(const campaign *c, const lane *l, unsigned *violations)
{
    long long since = atomic_load(&l->since);
    int status = 0;

    if (waitpid(l->pid, &status, WNOHANG) == l->pid) {
        *violations += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
        if (WIFSIGNALED(status)) {
            (void)fprintf(stderr, "violation: %s --seed %llu --lanes 1: signal %d\n", c->program,
                          (unsigned long long)(c->seed + atomic_load(&l->ledger)), WTERMSIG(status));
        }
        return false;
    }
    if (since != 0 && time(NULL) - since > (long long)c->ledger_seconds) {
        (void)fprintf(stderr, "violation: %s --seed %llu --lanes 1: hangs, more than %u seconds for one ledger\n",
                      c->program, (unsigned long long)(c->seed + atomic_load(&l->ledger)), c->ledger_seconds);
        *violations += 1;
        (void)process_kill(l->pid);
        return false;
    }
    return true;
}

/* Ends a lane, and with it the programs that it started, also one whose parent's death did not reach it. */
static void lane_end(lane *l)
{
    (void)process_kill(l->pid);
    (void)kill(-l->pid, SIGKILL);
    l->pid = 0;
}

/* Until all lanes have ended. Returns how many found something. */
static unsigned watch(const campaign *c, board *b)
{
    uint64_t saved = c->done;
    unsigned violations = 0;
    unsigned going;

    do {
        going = 0;
        for (unsigned i = 0; i < c->lanes; i++) {
            lane *l = &b->lanes[i];

            if (l->pid != 0 && (violations > 0 || stopped)) {
                lane_end(l);
            } else if (l->pid != 0 && !lane_goes_on(c, l, &violations)) {
                (void)kill(-l->pid, SIGKILL);
                l->pid = 0;
            }
            going += l->pid != 0 ? 1 : 0;
        }
        if (violations == 0 && !stopped && rounds_done(c, b) > saved) {
            saved = rounds_done(c, b);
            save(c, saved);
        }
        sleep_us(WATCH_US);
    } while (going > 0);
    return violations;
}

/* Lanes that were killed leave their mounts, which would keep their folders: they are ours, so they go. */
static void mounts_drop(void)
{
    char line[2048], point[1024], folder[2056];
    bool found = realpath(place.folder, line) != NULL;
    size_t size;

    (void)snprintf(folder, sizeof folder, "%s/", found ? line : place.folder);
    size = strlen(folder);
    while (found) {
        FILE *mounts = fopen("/proc/self/mounts", "re");

        found = false;
        while (mounts != NULL && fgets(line, sizeof line, mounts) != NULL) {
            if (sscanf(line, "%*s %1023s", point) == 1 && strncmp(point, folder, size) == 0) {
                found = umount2(point, MNT_DETACH) == 0;
                break;
            }
        }
        if (mounts != NULL) {
            (void)fclose(mounts);
        }
    }
}

int campaign_run(const campaign *c, campaign_ledger_fn run)
{
    struct sigaction action = {.sa_handler = on_signal};
    uint64_t first = c->done / c->at_once;
    board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    tally sum = {0};
    unsigned violations;

    if (b == MAP_FAILED) {
        violation("no memory to share: %s", strerror(errno));
    }
    atomic_store(&b->next, first);
    for (unsigned i = 0; i < c->lanes; i++) {
        task a = {.c = c, .run = run, .board = b, .number = i};

        atomic_store(&b->lanes[i].ledger, first);
        b->lanes[i].pid = process_start(lane_run, &a);
        /* A group of its own. */
        (void)setpgid(b->lanes[i].pid, b->lanes[i].pid);
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    violations = watch(c, b);
    for (unsigned i = 0; i < c->lanes; i++) {
        tally_add(&sum, &b->lanes[i].tally);
    }
    if (stopped) {
        mounts_drop();
    }
    if (violations == 0) {
        folder_remove(place.folder);
    }
    tally_summary(&sum, c->counted, c->seed + first, violations);
    (void)munmap(b, sizeof *b);
    if (violations == 0 && !stopped && sum.acknowledged == 0 && sum.rounds > 0) {
        (void)fprintf(stderr, "%s: nothing was acknowledged, so nothing was tested\n", c->program);
        return 1;
    }
    return violations > 0 || stopped ? 1 : 0;
}
