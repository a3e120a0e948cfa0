/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak.c — one ledger under mixed load for a long time: nothing is lost, and nothing grows that should not.
 *
 *   soak [--seconds N] [--seed N] [--folder NAME] [--long FILE] [--samples FILE]
 *
 * One process opens and closes the ledger again and again and does what the table of actions says; in between, writers
 * in processes of their own are killed at random moments, the index is deleted, and everything is verified. Two more
 * processes follow the ledger all the time: one with the same handle for ever, one that opens it anew. What was
 * acknowledged must be there after each opening (truth.h).
 *
 * Flat means: of the samples of a figure the first quarter is left out as warm-up; through the rest goes the line of
 * least squares; along it the figure grows, from the first of them to the last, by no more than
 *
 *   memory of the process's own       5 % of its mean and 8 MiB, of each of the three processes: in an hour, 2 KiB for
 *                                     each round
 *   descriptors, threads, mappings    less than 2; files of segments are a cache, of which there are at most 256
 *   disk for a byte of record bodies  10 % of its mean
 *   processor time of an opening      50 % of its mean and 5 ms, by the medians of tenths of the run; after a clean
 *                                     close, and after a kill
 *
 * A figure is judged if there are a hundred samples behind the warm-up. In a shorter run there are bounds that hold at
 * each moment. Figures of this process are taken when the ledger is closed, and all three give back what malloc keeps
 * for later: what remains is in use. Load is paced, so that an hour does not fill a disk. What grows with the ledger by
 * right is not judged: pages of the index's map, time to rebuild the index or to verify.
 *
 * All samples go to a CSV file, by default samples.csv beside the ledger's folder. --long keeps the next seed in FILE.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/kill/folder.h"
#include "test/kill/writer.h"
#include "test/soak/load.h"
#include "test/soak/watch.h"
#include "test/number.h"

enum {
    ACTIONS_OF_ROUND = 25,
    FOLLOWERS = 2,
    LIFE_US_MAX = 120000,
    PACE_BYTES = 512 << 10, /* Of record bodies, a second. */
    PAUSE_US_MAX = 500000,
    REPLAY_RECORDS_MAX = 4096, /* Small, so that the index is merged often. */
    SEGMENT_SIZE = 4 << 20,
    SECONDS_DEFAULT = 60
};

typedef struct soak {
    shared *shared;
    atomic_ullong *seen_seq; /* Of the followers; shared with them. */
    char url[600];
    firn_options options;
    uint64_t seed;
    dice dice;
    uint32_t round;
    truth truth;
    load load;
    follower followers[FOLLOWERS];
    int pids[FOLLOWERS];
    watch watch;
    uint64_t rounds, kills, opens;
    bool killed;    /* The last writer was, and */
    bool index_new; /* the index is gone, since the ledger was open. */
} soak;

/* Processor time of this process. */
static double used(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void kill_a_writer(soak *s)
{
    writer w = {.shared = s->shared,
                .url = s->url,
                .options = s->options,
                .seed = s->seed,
                .round = ++s->round,
                .threads = 1 + (unsigned)dice_roll(&s->dice, THREADS_MAX),
                .batches_max = UINT64_MAX};
    int pid;

    truth_begin_round(&s->truth, w.round);
    pid = process_start(writer_run, &w);
    if (!dice_chance(&s->dice, 4)) {
        wait_open(s->shared);
    }
    sleep_us(dice_roll(&s->dice, LIFE_US_MAX));
    (void)process_kill(pid);
    s->kills++;
    s->killed = true;
}

static void forget_index(soak *s)
{
    char name[700];

    (void)snprintf(name, sizeof name, "%s/index", s->url);
    folder_remove(name);
    s->index_new = true;
}

/* In a process of its own: it takes the memory of all rows. */
static void verify_all(void *arg)
{
    soak *s = arg;
    firn_report report = {.struct_size = sizeof report};
    firn_options options = s->options;
    firn_ledger *ledger = NULL;
    firn_error err;
    firn_status status = firn_verify(s->url, NULL, &report, &err);

    if (status == FIRN_OK && s->opens > 0) {
        options.mode = FIRN_OPEN_READ;
        status = firn_open(s->url, &options, &ledger, &err);
        status = status == FIRN_OK ? firn_replay(ledger, NULL, NULL, &err) : status;
    }
    if (status < 0) {
        shared_trouble(s->shared, "verify: %s: %s", firn_status_name(status), err.text);
    }
}

static void verify(soak *s)
{
    if (s->opens > 0) {
        (void)process_wait(process_start(verify_all, s));
    }
}

/*
 * Everything that happens to the ledger. What takes a ledger that is open is drawn ACTIONS_OF_ROUND times a round, by
 * weight; what wants it closed comes once in `one_in` rounds, unless it already took its share of the time.
 * Compaction, backup and restore join with a line each.
 */
typedef struct action {
    const char *name;
    unsigned weight;
    void (*open)(load *l);
    unsigned one_in;
    void (*closed)(soak *s);
    double share; /* 0: no limit. */
} action;

static const action actions[] = {
    {.name = "append", .weight = 30, .open = load_append},
    {.name = "batch", .weight = 20, .open = load_batch},
    {.name = "content", .weight = 8, .open = load_content},
    {.name = "run", .weight = 5, .open = load_run},
    {.name = "release", .weight = 5, .open = load_release},
    {.name = "scan", .weight = 6, .open = load_scan},
    {.name = "get", .weight = 10, .open = load_get},
    {.name = "look", .weight = 10, .open = load_look},
    {.name = "read again", .weight = 1, .open = load_read_again, .share = 0.05},
    {.name = "kill", .one_in = 2, .closed = kill_a_writer},
    {.name = "forget index", .one_in = 12, .closed = forget_index, .share = 0.05},
    {.name = "verify", .one_in = 10, .closed = verify, .share = 0.10},
};

enum {
    ACTIONS = sizeof actions / sizeof actions[0]
};
static double spent[ACTIONS];
static uint64_t done[ACTIONS];

static bool may_begin(const soak *s, size_t i)
{
    return actions[i].share == 0 || spent[i] <= actions[i].share * watch_seconds(&s->watch);
}

static size_t draw(soak *s)
{
    uint64_t sum = 0, at;
    size_t i = 0;

    for (size_t n = 0; n < ACTIONS; n++) {
        sum += actions[n].weight;
    }
    at = dice_roll(&s->dice, sum);
    while (at >= actions[i].weight) {
        at -= actions[i++].weight;
    }
    return i;
}

static void check_trouble(const soak *s)
{
    if (atomic_load(&s->shared->troubled)) {
        violation("%s", s->shared->trouble);
    }
}

static void use_closed(soak *s)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        double begin = watch_seconds(&s->watch);

        if (actions[i].closed != NULL && dice_chance(&s->dice, actions[i].one_in) && may_begin(s, i)) {
            actions[i].closed(s);
            spent[i] += watch_seconds(&s->watch) - begin;
            done[i]++;
        }
    }
    check_trouble(s);
}

static void use_open(soak *s)
{
    for (unsigned n = 0; n < ACTIONS_OF_ROUND; n++) {
        size_t i = draw(s);
        double begin = watch_seconds(&s->watch);

        if (may_begin(s, i)) {
            actions[i].open(&s->load);
            spent[i] += watch_seconds(&s->watch) - begin;
            done[i]++;
        }
    }
    check_trouble(s);
}

/* What followers were shown must be there. */
static void check_seen(const soak *s)
{
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        uint64_t seen = atomic_load(&s->seen_seq[i]);

        if (seen > s->truth.checked_seq) {
            violation("a follower was shown record %" PRIu64 ", the log ends at %" PRIu64, seen, s->truth.checked_seq);
        }
    }
}

static void use_ledger(soak *s)
{
    firn_ledger *ledger = NULL;
    firn_error err;
    double begin = used();

    if (open_patiently(s->url, &s->options, &ledger, &err) != FIRN_OK) {
        violation("open: %s: %s", firn_status_name(err.status), err.text);
    }
    if (!s->index_new && s->opens > 0) {
        watch_opening(&s->watch, s->killed, used() - begin);
    }
    s->opens++;
    s->index_new = s->killed = false;
    truth_go_on(&s->truth, ledger);
    check_seen(s);
    truth_begin_round(&s->truth, ++s->round);
    load_begin(&s->load, ledger);
    use_open(s);
    truth_go_on(&s->truth, ledger);
    load_end(&s->load);
    if (firn_close(ledger, &err) != FIRN_OK) {
        violation("close: %s", err.text);
    }
}

/* Not faster than the pace. */
static void rest(const soak *s)
{
    double due = (double)s->truth.data_bytes / PACE_BYTES - watch_seconds(&s->watch);

    if (due > 0) {
        sleep_us(due * 1e6 < PAUSE_US_MAX ? (uint64_t)(due * 1e6) : PAUSE_US_MAX);
    }
}

static void begin(soak *s, const char *samples)
{
    (void)snprintf(s->url, sizeof s->url, "%s/ledger", place.folder);
    s->options = (firn_options){.struct_size = sizeof s->options,
                                .mode = FIRN_OPEN_CREATE,
                                .segment_size = SEGMENT_SIZE,
                                .replay_records_max = REPLAY_RECORDS_MAX};
    s->shared = shared_new();
    s->seen_seq =
        mmap(NULL, FOLLOWERS * sizeof *s->seen_seq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->seen_seq == MAP_FAILED) {
        violation("no memory to share: %s", strerror(errno));
    }
    s->dice = dice_of(s->seed);
    s->truth = (truth){.shared = s->shared, .seed = s->seed};
    s->load = (load){.truth = &s->truth, .dice = dice_of(~s->seed)};
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        s->followers[i] = (follower){
            .url = s->url, .seed = s->seed, .stays = i == 0, .shared = s->shared, .seen_seq = &s->seen_seq[i]};
        s->pids[i] = process_start(follower_run, &s->followers[i]);
    }
    s->watch = (watch){.url = s->url, .staying = s->pids[0], .reopening = s->pids[1]};
    watch_begin(&s->watch, samples);
}

static void run(soak *s, uint64_t seconds)
{
    while (watch_seconds(&s->watch) < (double)seconds) {
        place.round = ++s->rounds;
        use_closed(s);
        use_ledger(s);
        watch_sample(&s->watch, s->rounds, s->truth.checked_seq, s->truth.data_bytes);
        rest(s);
    }
    verify(s);
    check_trouble(s);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        (void)process_kill(s->pids[i]);
    }
    check_trouble(s);
    check_seen(s);
}

/* Returns the exit status. */
static int tell(soak *s)
{
    unsigned grew;

    for (size_t i = 0; i < ACTIONS; i++) {
        (void)printf("%s%s %" PRIu64, i == 0 ? "" : ", ", actions[i].name, done[i]);
    }
    (void)printf("\n");
    grew = watch_end(&s->watch);
    (void)printf("summary: seconds=%.0f rounds=%" PRIu64 " kills=%" PRIu64 " reopens=%" PRIu64 " records=%" PRIu64
                 " acknowledged=%" PRIu64 " acknowledged_lost=0 rss_first_kib=%" PRIu64 " rss_last_kib=%" PRIu64
                 " fds_first=%" PRIu64 " fds_last=%" PRIu64 " threads_last=%" PRIu64 " grew=%u first_seed=%" PRIu64
                 " last_seed=%" PRIu64 " violations=0\n",
                 watch_seconds(&s->watch), s->rounds, s->kills, s->opens, s->truth.records, s->truth.acknowledged,
                 s->watch.first.anonymous_kib, s->watch.last.anonymous_kib, s->watch.first.descriptors,
                 s->watch.last.descriptors, s->watch.last.threads, grew, s->seed, s->seed);
    return grew == 0 && s->kills > 0 && s->truth.acknowledged > 0 ? 0 : 1;
}

/* The seed that a file keeps for the next run, if it does; it then keeps the one after that. */
static uint64_t next_seed(const char *saved, uint64_t seed)
{
    FILE *file = fopen(saved, "r");

    if (file != NULL) {
        seed = fscanf(file, "%" SCNu64, &seed) == 1 ? seed : 0;
        (void)fclose(file);
    }
    file = fopen(saved, "w");
    if (file == NULL || fprintf(file, "%" PRIu64 "\n", seed + 1) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "soak: %s: %s\n", saved, strerror(errno));
        exit(2);
    }
    return seed;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 't'}, {"seed", required_argument, NULL, 's'},
        {"folder", required_argument, NULL, 'd'},  {"long", required_argument, NULL, 'g'},
        {"samples", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
    };
    static soak s;
    static char folder[512], beside[600];
    const char *parent = ".", *samples = NULL, *saved = NULL;
    uint64_t seconds = SECONDS_DEFAULT;
    int o, status;

    s.seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 't':
            seconds = number_of("soak", optarg);
            break;
        case 's':
            s.seed = number_of("soak", optarg);
            break;
        case 'd':
            parent = optarg;
            break;
        case 'g':
            saved = optarg;
            break;
        case 'c':
            samples = optarg;
            break;
        default:
            return 2;
        }
    }
    s.seed = saved == NULL ? s.seed : next_seed(saved, s.seed);
    (void)snprintf(folder, sizeof folder, "%s/soak-%d", parent, (int)getpid());
    (void)snprintf(beside, sizeof beside, "%s/samples.csv", parent);
    place = (test_place){.program = "soak", .seed = s.seed, .folder = folder};
    if (mkdir(folder, 0700) != 0) {
        violation("mkdir: %s", strerror(errno));
    }
    (void)printf("soak, seed %" PRIu64 "\n", s.seed);
    begin(&s, samples == NULL ? beside : samples);
    run(&s, seconds);
    status = tell(&s);
    folder_remove(folder);
    return status;
}
