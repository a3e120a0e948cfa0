/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c — the figures of a soak. */
#include "test/soak/watch.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/kill/shared.h"

enum {
    SAMPLE_EVERY_MS = 200,
    SAMPLES_OF_WARM_UP = 10, /* For the summary; trend.c leaves out more. */
    FOLDER_DEPTH = 8,
    DISK_BLOCK = 512,        /* What st_blocks counts. */
    SEGMENT_FILES_MAX = 258, /* The engine keeps 256 of them open, and those that are in use. */
    DESCRIPTORS_MAX = 64,
    THREADS_MOST = 48,
    MEMORY_KIB_MAX = 1 << 20 /* A sanitizer keeps what was freed. */
};

typedef enum figure {
    OWN_MEMORY,
    OWN_DESCRIPTORS,
    OWN_THREADS,
    OWN_MAPS,
    STAYING_MEMORY,
    STAYING_DESCRIPTORS,
    STAYING_THREADS,
    STAYING_MAPS,
    REOPENING_MEMORY,
    DISK,
    OPEN_CLEAN,
    OPEN_KILLED,
    FIGURES
} figure;

static trend figures[FIGURES] = {
    [OWN_MEMORY] = {.name = "memory_kib", .relative = 0.05, .absolute = 8192},
    [OWN_DESCRIPTORS] = {.name = "descriptors", .absolute = 2},
    [OWN_THREADS] = {.name = "threads", .absolute = 2},
    [OWN_MAPS] = {.name = "mappings", .absolute = 2},
    [STAYING_MEMORY] = {.name = "follower_memory_kib", .relative = 0.05, .absolute = 8192},
    [STAYING_DESCRIPTORS] = {.name = "follower_descriptors", .absolute = 2},
    [STAYING_THREADS] = {.name = "follower_threads", .absolute = 2},
    [STAYING_MAPS] = {.name = "follower_mappings", .absolute = 2},
    [REOPENING_MEMORY] = {.name = "reopening_memory_kib", .relative = 0.05, .absolute = 8192},
    [DISK] = {.name = "disk_permille", .relative = 0.10},
    [OPEN_CLEAN] = {.name = "open_clean_us", .relative = 0.5, .absolute = 5000, .of_time = true},
    [OPEN_KILLED] = {.name = "open_killed_us", .relative = 0.5, .absolute = 5000, .of_time = true},
};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void watch_begin(watch *w, const char *csv)
{
    w->began = now();
    w->csv = fopen(csv, "w");
    if (w->csv == NULL) {
        violation("%s: %s", csv, strerror(errno));
    }
    (void)fprintf(w->csv, "seconds,rounds,seq,data_bytes,disk_bytes");
    for (unsigned i = 0; i < 3; i++) {
        const char *who = i == 0 ? "" : i == 1 ? "follower_" : "reopening_";

        (void)fprintf(w->csv, ",%smemory_kib,%sresident_kib,%sdescriptors,%ssegment_files,%sthreads,%smappings", who,
                      who, who, who, who, who);
    }
    (void)fprintf(w->csv, ",open_clean_us,open_killed_us\n");
}

double watch_seconds(const watch *w)
{
    return now() - w->began;
}

void watch_opening(const watch *w, bool killed, double seconds)
{
    trend_add(&figures[killed ? OPEN_KILLED : OPEN_CLEAN], watch_seconds(w), 1e6 * seconds);
}

static uint64_t disk_bytes;

static int add_file(const char *name, const struct stat *about, int kind, struct FTW *where)
{
    (void)name;
    (void)kind;
    (void)where;
    disk_bytes += (uint64_t)about->st_blocks * DISK_BLOCK;
    return 0;
}

/* What a folder takes of the disk. */
static uint64_t bytes_of(const char *folder)
{
    disk_bytes = 0;
    if (nftw(folder, add_file, FOLDER_DEPTH, FTW_PHYS) != 0 && errno != ENOENT) {
        violation("%s: %s", folder, strerror(errno));
    }
    return disk_bytes;
}

static void add_holding(figure first, double at, const holding *h)
{
    trend_add(&figures[first], at, (double)h->anonymous_kib);
    trend_add(&figures[first + 1], at, (double)h->descriptors);
    trend_add(&figures[first + 2], at, (double)h->threads);
    trend_add(&figures[first + 3], at, (double)h->maps);
}

static double newest(const trend *t)
{
    return t->count == 0 ? 0 : t->value[t->count - 1];
}

/* What no process may ever hold, however short the run. */
static void check_bounds(const holding *h)
{
    if (h->segment_files > SEGMENT_FILES_MAX || h->descriptors > DESCRIPTORS_MAX || h->threads > THREADS_MOST ||
        h->anonymous_kib > MEMORY_KIB_MAX) {
        violation("a process holds %" PRIu64 " files of segments, %" PRIu64 " other descriptors, %" PRIu64
                  " threads, %" PRIu64 " KiB",
                  h->segment_files, h->descriptors, h->threads, h->anonymous_kib);
    }
}

void watch_sample(watch *w, uint64_t rounds, uint64_t seq, uint64_t data_bytes)
{
    double at = watch_seconds(w);
    holding all[3];
    uint64_t disk;

    if (w->sampled != 0 && at - w->sampled < SAMPLE_EVERY_MS / 1e3) {
        return;
    }
    w->sampled = at;
    (void)malloc_trim(0);
    all[0] = holding_of(getpid());
    all[1] = holding_of(w->staying);
    all[2] = holding_of(w->reopening);
    disk = bytes_of(w->url);
    w->last = all[0];
    w->first = figures[OWN_MEMORY].count < SAMPLES_OF_WARM_UP ? all[0] : w->first;
    for (unsigned i = 0; i < 3; i++) {
        check_bounds(&all[i]);
    }
    add_holding(OWN_MEMORY, at, &all[0]);
    add_holding(STAYING_MEMORY, at, &all[1]);
    trend_add(&figures[REOPENING_MEMORY], at, (double)all[2].anonymous_kib);
    trend_add(&figures[DISK], at, 1000.0 * (double)disk / (double)(data_bytes + 1));
    (void)fprintf(w->csv, "%.1f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, at, rounds, seq, data_bytes, disk);
    for (unsigned i = 0; i < 3; i++) {
        (void)fprintf(w->csv, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                      all[i].anonymous_kib, all[i].resident_kib, all[i].descriptors, all[i].segment_files,
                      all[i].threads, all[i].maps);
    }
    (void)fprintf(w->csv, ",%.0f,%.0f\n", newest(&figures[OPEN_CLEAN]), newest(&figures[OPEN_KILLED]));
}

unsigned watch_end(watch *w)
{
    unsigned grew = 0;

    for (unsigned i = 0; i < FIGURES; i++) {
        trend_line line;

        if (!trend_fit(&figures[i], &line)) {
            (void)printf("%-22s %zu samples: too few\n", figures[i].name, figures[i].count);
            continue;
        }
        (void)printf("%-22s mean %10.1f   growth %+10.2f of at most %9.2f   %zu samples   %s\n", figures[i].name,
                     line.mean, line.growth, line.limit, line.count, line.growth < line.limit ? "flat" : "GREW");
        grew += line.growth < line.limit ? 0 : 1;
    }
    (void)fclose(w->csv);
    return grew;
}
