/* SPDX-License-Identifier: Apache-2.0 */
/* trend.c — figures of processes, and the line of least squares through them. */
#include "test/soak/trend.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/kill/shared.h"

enum {
    WARM_UP_PART = 4,  /* The first quarter of the samples. */
    SAMPLES_MIN = 100, /* Behind it: fewer tell more of chance than of growth. */
    TENTHS = 10
};

static FILE *open_proc(int pid, const char *what)
{
    char name[64];
    FILE *file;

    (void)snprintf(name, sizeof name, "/proc/%d/%s", pid, what);
    file = fopen(name, "r");
    if (file == NULL) {
        violation("%s cannot be read: the process ended", name);
    }
    return file;
}

static void count_descriptors(int pid, holding *h)
{
    static const char ending[] = ".seg";
    const struct dirent *entry;
    char name[64], target[512];
    DIR *folder;

    (void)snprintf(name, sizeof name, "/proc/%d/fd", pid);
    folder = opendir(name);
    if (folder == NULL) {
        violation("%s cannot be read: the process ended", name);
    }
    while ((entry = readdir(folder)) != NULL) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target);
        size_t end = sizeof ending - 1;

        if (length >= (ssize_t)end && memcmp(target + length - end, ending, end) == 0) {
            h->segment_files++;
        } else if (entry->d_name[0] != '.') {
            h->descriptors++;
        }
    }
    (void)closedir(folder);
}

holding holding_of(int pid)
{
    holding h = {0};
    char line[512];
    FILE *file = open_proc(pid, "status");

    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "RssAnon: %" SCNu64, &h.anonymous_kib);
        (void)sscanf(line, "VmRSS: %" SCNu64, &h.resident_kib);
        (void)sscanf(line, "Threads: %" SCNu64, &h.threads);
    }
    (void)fclose(file);
    file = open_proc(pid, "maps");
    while (fgets(line, sizeof line, file) != NULL) {
        h.maps++;
    }
    (void)fclose(file);
    count_descriptors(pid, &h);
    return h;
}

void trend_add(trend *t, double at, double value)
{
    if (t->count == TREND_SAMPLES_MAX) {
        t->count /= 2;
        for (size_t i = 0; i < t->count; i++) {
            t->at[i] = t->at[2 * i];
            t->value[i] = t->value[2 * i];
        }
    }
    t->at[t->count] = at;
    t->value[t->count] = value;
    t->count++;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const double *values, size_t count)
{
    static double sorted[TREND_SAMPLES_MAX];

    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted[count / 2];
}

/* Growth along the line of least squares from the first to the last of these. */
static double growth_of(const double *at, const double *value, size_t count, double mean)
{
    double mean_at = 0, covariance = 0, variance = 0;

    for (size_t i = 0; i < count; i++) {
        mean_at += at[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        covariance += (at[i] - mean_at) * (value[i] - mean);
        variance += (at[i] - mean_at) * (at[i] - mean_at);
    }
    return variance > 0 ? covariance / variance * (at[count - 1] - at[0]) : 0;
}

static double mean_of(const double *value, size_t count)
{
    double mean = 0;

    for (size_t i = 0; i < count; i++) {
        mean += value[i] / (double)count;
    }
    return mean;
}

bool trend_fit(const trend *t, trend_line *out)
{
    size_t first = t->count / WARM_UP_PART, count = t->count - first;
    const double *at = t->at + first, *value = t->value + first;
    double tenths_at[TENTHS], tenths[TENTHS];

    if (count < SAMPLES_MIN) {
        return false;
    }
    *out = (trend_line){.count = count};
    if (t->of_time) {
        for (size_t i = 0; i < TENTHS; i++) {
            size_t begin = count * i / TENTHS, end = count * (i + 1) / TENTHS;

            tenths_at[i] = mean_of(at + begin, end - begin);
            tenths[i] = median(value + begin, end - begin);
        }
        at = tenths_at;
        value = tenths;
        count = TENTHS;
    }
    out->mean = mean_of(value, count);
    out->growth = growth_of(at, value, count, out->mean);
    out->limit = t->relative * out->mean + t->absolute;
    return true;
}
