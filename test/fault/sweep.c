/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c — every public function under every fault: for each case and each k, the k-th allocation or the k-th
 * operation of I/O fails, once and for ever.
 *
 * Without arguments: all cases, all k (in a folder, where a run is dear, a fault that stays begins at every third), EIO
 * and short writes; and the table of functions against the headers and against what was seen. With --long: all k, six
 * errors, in folders the operations of the seam as well, with --ring those of io_uring; the cases go round, and FILE
 * remembers the one to go on with. --memory: allocations alone, as under memcheck.
 *
 * The six errors are those that a kernel gives for a file that was opened and written before: EIO (the device), ENOSPC
 * and EDQUOT (space behind a place that had been made: thin volumes, copy on write, quota), EROFS (the file system was
 * remounted after an error of its own), ENOMEM (no memory for the request) and EUCLEAN (a checksum of the file system's
 * own does not hold).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/ledger/ledger.h"
#include "test/fault/after.h"
#include "test/fault/functions.h"
#include "test/fault/made.h"
#include "test/fault/rig.h"

enum {
    K_MAX = 100000,
    ERRORS = 6
};

static const fault_case *const tables[] = {write_cases, batch_cases, read_cases, store_read_cases, open_cases};

static const int errors[ERRORS] = {EIO, ENOSPC, EDQUOT, EROFS, ENOMEM, EUCLEAN};

/** What the program was asked to do. */
static struct {
    const char *only;     /* Cases with this in their name; NULL: all. */
    const char *folder;   /* Where to make files; NULL: where it costs least. */
    const char *position; /* File that remembers the next case; NULL: every run. */
    bool longer;
    bool memory; /* Allocations only. */
    bool ring;
    double seconds;
} asked;

/** What was done. */
typedef struct tally {
    unsigned cases;
    uint64_t runs;                    /* Of a case under a fault that came. */
    uint64_t by_kind[FAULT_SEAM + 1]; /* The same, by kind. */
    uint64_t failures;                /* Calls that failed. */
} tally;

static bool memory_kind(fault_kind kind)
{
    return kind == FAULT_HEAP || kind == FAULT_MALLOC;
}

/* One case, one kind, one error: every k, or one in so many. */
static void sweep(const fault_case *c, bool reads, const rig *reference, fault f, tally *t)
{
    unsigned step = f.for_ever && !asked.longer ? place_for_ever_in : 1;
    bool came = true, count;
    rig r;

    for (f.at = 1; came && f.at < K_MAX; f.at += step) {
        came = rig_run(&r, c, reads, &f, reference);
        /* Of the heap one cannot tell whether the first allocation, and all after it, would fail, or did. */
        count = came && (f.at > 1 || !f.for_ever || f.kind != FAULT_HEAP || r.failures > 0);
        t->runs += count;
        t->by_kind[f.kind] += count;
        t->failures += r.failures;
    }
    if (came) {
        rig_wrong(&r, "no end");
    }
}

static void sweep_errors(const fault_case *c, bool reads, const rig *reference, fault_kind kind, tally *t)
{
    unsigned count = memory_kind(kind) ? 1 : asked.longer ? ERRORS : (c->how & CASE_SPACE) != 0 ? 2 : 1;

    place_choose(kind);
    for (unsigned e = 0; e < count; e++) {
        fault f = {.kind = kind, .os_errno = memory_kind(kind) ? ENOMEM : errors[e]};

        sweep(c, reads, reference, f, t);
        f.for_ever = true;
        sweep(c, reads, reference, f, t);
    }
    if (kind == FAULT_DISK || kind == FAULT_SEAM) {
        sweep(c, reads, reference, (fault){.kind = kind, .is_short = true, .os_errno = EIO}, t);
    }
    place_choose(FAULT_NONE);
}

static void sweep_mode(const fault_case *c, bool reads, tally *t)
{
    const fault_kind *kinds = asked.longer ? place_kinds_long : place_kinds;
    static const fault none = {.kind = FAULT_NONE};
    static rig reference;

    (void)rig_run(&reference, c, reads, &none, NULL);
    for (unsigned i = 0; kinds[i] != FAULT_NONE; i++) {
        if (!asked.memory || memory_kind(kinds[i])) {
            sweep_errors(c, reads, &reference, kinds[i], t);
        }
    }
}

static void sweep_case(const fault_case *c, tally *t)
{
    if (place_url() == NULL ? (c->how & CASE_URL) != 0 : (c->how & CASE_TWIN) != 0 && !asked.longer) {
        return;
    }
    sweep_mode(c, false, t);
    if ((c->how & CASE_READER) != 0) {
        sweep_mode(c, true, t);
    }
    t->cases++;
}

/* ---- before ---- */

static firn_ledger *seed_open(place_seat *seat, frn_heap *heap)
{
    firn_options options = rig_options(FIRN_OPEN_CREATE);
    firn_ledger *ledger;
    firn_error err;

    if (place_open(seat, heap, &options, false, &ledger, &err) != FIRN_OK) {
        (void)fprintf(stderr, "seed: %s\n", err.text);
        abort();
    }
    return ledger;
}

/* What the cases find. */
static void seed(void)
{
    firn_stats stats = {.struct_size = sizeof stats};
    place_seat seat = {0};
    frn_heap heap;
    firn_ledger *ledger;
    firn_error err;

    frn_heap_init(&heap);
    place_restore(PLACE_EMPTY);
    ledger = seed_open(&seat, &heap);
    made_seed(ledger);
    if (firn_stat(ledger, &stats, &err) != FIRN_OK || firn_close(ledger, &err) != FIRN_OK) {
        (void)fprintf(stderr, "seed: %s\n", err.text);
        abort();
    }
    place_leave(&seat);
    after_records_before[PLACE_SEEDED] = stats.durable_seq;
    place_keep(PLACE_SEEDED);
    ledger = seed_open(&seat, &heap);
    if (firn_append(ledger, TEXT("unclean"), made_events(0), MADE_EVENTS, NULL, NULL, &err) != FIRN_OK) {
        (void)fprintf(stderr, "seed: %s\n", err.text);
        abort();
    }
    after_records_before[PLACE_UNCLEAN] = stats.durable_seq + MADE_EVENTS;
    frn_ledger_abandon(ledger);
    place_leave(&seat);
    place_keep(PLACE_UNCLEAN);
}

static const fault_case *case_of(unsigned number)
{
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (const fault_case *c = tables[i]; c->name != NULL; c++) {
            if (number-- == 0) {
                return c;
            }
        }
    }
    return NULL;
}

static void say_summary(const tally *t, unsigned violations)
{
    (void)printf("summary: cases=%u functions=%u heap=%llu disk=%llu malloc=%llu call=%llu seam=%llu failures=%llu "
                 "violations=%u\n",
                 t->cases, functions_tried(), (unsigned long long)t->by_kind[FAULT_HEAP],
                 (unsigned long long)t->by_kind[FAULT_DISK], (unsigned long long)t->by_kind[FAULT_MALLOC],
                 (unsigned long long)t->by_kind[FAULT_CALL], (unsigned long long)t->by_kind[FAULT_SEAM],
                 (unsigned long long)t->failures, violations);
}

static int every_run(void)
{
    unsigned wrong = 0, kinds = 0;
    const fault_case *c;
    tally t = {0};

    for (unsigned i = 0; (c = case_of(i)) != NULL; i++) {
        clock_t began = clock();
        uint64_t runs = t.runs;

        if (asked.only == NULL || strstr(c->name, asked.only) != NULL) {
            sweep_case(c, &t);
            (void)printf("%-44s %6llu points %6.2f s\n", c->name, (unsigned long long)(t.runs - runs),
                         (double)(clock() - began) / CLOCKS_PER_SEC);
        }
    }
    for (unsigned i = 0; place_kinds[i] != FAULT_NONE; i++) {
        kinds |= 1U << place_kinds[i];
    }
    if (asked.only == NULL && !asked.memory) {
        wrong = functions_compare(PUBLIC_HEADERS) + functions_judge(kinds);
    }
    say_summary(&t, wrong);
    return wrong == 0 ? 0 : 1;
}

static uint64_t position_read(void)
{
    unsigned long long position = 0;
    FILE *file = fopen(asked.position, "re");

    if (file != NULL) {
        if (fscanf(file, "%llu", &position) != 1) {
            position = 0;
        }
        (void)fclose(file);
    }
    return position;
}

static void position_write(uint64_t position)
{
    FILE *file = fopen(asked.position, "we");

    if (file == NULL || fprintf(file, "%llu\n", (unsigned long long)position) < 0 || fclose(file) != 0) {
        perror(asked.position);
        exit(2);
    }
}

/* Case after case, round after round, from the one that FILE names. */
static int campaign(void)
{
    time_t end = time(NULL) + (time_t)asked.seconds;
    uint64_t position = position_read();
    unsigned count = 0;
    tally t = {0};

    while (case_of(count) != NULL) {
        count++;
    }
    do {
        const fault_case *c = case_of((unsigned)(position % count));

        place_seed(1 + position / count);
        if (asked.only == NULL || strstr(c->name, asked.only) != NULL) {
            (void)printf("round %llu, %s\n", (unsigned long long)(position / count), c->name);
            (void)fflush(stdout);
            sweep_case(c, &t);
        }
        position_write(++position);
    } while (time(NULL) < end);
    say_summary(&t, 0);
    return 0;
}

static void usage(void)
{
    (void)fputs("usage: fault_PLACE [--case TEXT] [--memory] [--ring] [--folder FOLDER] [--long FILE [--seconds N]]\n",
                stderr);
    exit(2);
}

static void read_arguments(int argc, char **argv)
{
    static const struct option options[] = {
        {"case", required_argument, NULL, 'c'},
        {"folder", required_argument, NULL, 'f'},
        {"long", required_argument, NULL, 'l'},
        {"memory", no_argument, NULL, 'm'},
        {"ring", no_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int option;

    asked.seconds = 600;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            asked.only = optarg;
            break;
        case 'f':
            asked.folder = optarg;
            break;
        case 'l':
            asked.position = optarg;
            asked.longer = true;
            break;
        case 'm':
            asked.memory = true;
            break;
        case 'r':
            asked.ring = true;
            break;
        case 's':
            asked.seconds = strtod(optarg, NULL);
            break;
        default:
            usage();
        }
    }
    if (optind != argc) {
        usage();
    }
}

int main(int argc, char **argv)
{
    int rc;

    read_arguments(argc, argv);
    if (!place_begin(asked.folder, asked.ring)) {
        (void)printf("skipped: io_uring cannot be had\n");
        return 77;
    }
    seed();
    rc = asked.position != NULL ? campaign() : every_run();
    place_end();
    return rc;
}
