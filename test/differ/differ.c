/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differ.c — the same history under every setting of the matrix: the same logical digest, and the same answers.
 *
 * For each seed a script is drawn and run in memory, each call waited for: that is the reference. Then it is run again
 * under every other row of the matrix. Wherever a run stops and goes on, and in the end, its digest must be the
 * reference's as far as the run has come; in the end every public query must have the reference's answer.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/differ/run.h"
#include "test/number.h"

enum {
    SECONDS_DEFAULT = 3600,
    LONG_FIRST = 1000001 /* Far from the seeds of every run. */
};

/* What is run, for the text of a failure that ends the program. */
static struct {
    uint64_t seed;
    const char *row; /* NULL: nothing. */
} place_now;

static void tell_place(void)
{
    if (place_now.row != NULL) {
        (void)fprintf(stderr, "differ: failed in seed %llu, row \"%s\"\n", (unsigned long long)place_now.seed,
                      place_now.row);
    }
}

/* All rows, or one. Returns whether all agreed. */
static bool run_seed(uint64_t seed, unsigned only, const char *folder)
{
    setting first = matrix_setting(0, seed);
    script s;
    reference r;
    bool same = true;

    place_now.seed = seed;
    place_now.row = matrix[0].name;
    script_make(&s, seed);
    reference_make(&r, &s, &first, folder);
    for (unsigned row = 1; row < matrix_count; row++) {
        setting with = matrix_setting(row, seed);

        if (only == 0 || only == row) {
            place_now.row = matrix[row].name;
            same = run_compare(&r, &with, folder) && same;
        }
    }
    reference_done(&r);
    script_done(&s);
    place_now.row = NULL;
    counted.seeds++;
    return same;
}

/* The seed that a file keeps; first if there is none. */
static uint64_t kept_seed(const char *name, uint64_t first)
{
    FILE *file = fopen(name, "r");
    unsigned long long kept;

    if (file != NULL) {
        first = fscanf(file, "%llu", &kept) == 1 ? kept : first;
        (void)fclose(file);
    }
    return first;
}

static void keep_seed(const char *name, uint64_t seed)
{
    FILE *file = fopen(name, "w");

    if (file == NULL || fprintf(file, "%llu\n", (unsigned long long)seed) < 0 || fclose(file) != 0) {
        (void)fprintf(stderr, "differ: %s: %s\n", name, strerror(errno));
        exit(2);
    }
}

static void list_rows(void)
{
    for (unsigned row = 0; row < matrix_count; row++) {
        (void)printf("%2u  %s\n", row, matrix[row].name);
    }
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: differ [--seeds A..B | --seed N] [--row N] [--rows] [--folder DIR] [--long FILE] "
                          "[--seconds N]\n");
    return 2;
}

static void tell_summary(uint64_t first, uint64_t last)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"seeds", counted.seeds},
                {"runs", counted.runs},
                {"operations", counted.operations},
                {"digests", counted.digests},
                {"answers", counted.answers},
                {"stops", counted.stops},
                {"redone", counted.redone},
                {"ring", counted.ring},
                {"direct", counted.direct},
                {"merges", counted.merges},
                {"segments", counted.segments},
                {"differences", counted.differences},
                {"first_seed", first},
                {"last_seed", last}};

    (void)printf("summary:");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)printf(" %s=%llu", rows[i].name, (unsigned long long)rows[i].value);
    }
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'r'},   {"seed", required_argument, NULL, 's'},
        {"row", required_argument, NULL, 'n'},     {"rows", no_argument, NULL, 'm'},
        {"folder", required_argument, NULL, 'f'},  {"long", required_argument, NULL, 'g'},
        {"seconds", required_argument, NULL, 't'}, {NULL, 0, NULL, 0},
    };
    uint64_t first = 1, last = 20, seed, seconds = SECONDS_DEFAULT;
    const char *folder = ".", *kept = NULL;
    unsigned only = 0;
    time_t end;
    char *dots;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'r' && (dots = strstr(optarg, "..")) != NULL) {
            *dots = '\0';
            first = number_of("differ", optarg);
            last = number_of("differ", dots + 2);
        } else if (c == 's') {
            first = last = number_of("differ", optarg);
        } else if (c == 'n') {
            only = (unsigned)number_of("differ", optarg);
        } else if (c == 'm') {
            list_rows();
            return 0;
        } else if (c == 'f') {
            folder = optarg;
        } else if (c == 'g') {
            kept = optarg;
            last = UINT64_MAX - 1;
        } else if (c == 't') {
            seconds = number_of("differ", optarg);
        } else {
            return usage();
        }
    }
    if (only >= matrix_count) {
        return usage();
    }
    first = kept != NULL ? kept_seed(kept, LONG_FIRST) : first;
    (void)atexit(tell_place);
    end = time(NULL) + (time_t)seconds;
    for (seed = first; seed <= last && (kept == NULL || time(NULL) < end); seed++) {
        (void)run_seed(seed, only, folder);
        if (kept != NULL) {
            keep_seed(kept, seed + 1);
        }
    }
    tell_summary(first, seed - 1);
    return counted.differences == 0 ? 0 : 1;
}
