/* SPDX-License-Identifier: Apache-2.0 */
/* folder.c — options and campaigns of the programs of this folder, and their place for files. */
#include "test/kill/folder.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/kill/shared.h"

static int remove_entry(const char *name, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(name);
}

void folder_remove(const char *name)
{
    enum {
        TRIES = 100 /* A reader that opens just then puts the table of readers there again. */
    };

    for (int i = 0; nftw(name, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0; i++) {
        if (errno == ENOENT) {
            return;
        }
        if (errno != ENOTEMPTY || i == TRIES) {
            violation("remove %s: %s", name, strerror(errno));
        }
    }
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        (void)fprintf(stderr, "%s: no number\n", text);
        exit(2);
    }
    return value;
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

static void save(const campaign *c)
{
    FILE *file = c->saved == NULL ? NULL : fopen(c->saved, "w");

    if (file != NULL) {
        (void)fprintf(file, "%llu %llu\n", (unsigned long long)c->seed, (unsigned long long)c->done);
        (void)fclose(file);
    }
}

void campaign_options(campaign *c, int argc, char **argv)
{
    static char folder[512];
    const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {c->counted, required_argument, NULL, 'n'},
        {"portable", no_argument, NULL, 'p'},     {"fs", required_argument, NULL, 'f'},
        {"long", required_argument, NULL, 'g'},   {"seconds", required_argument, NULL, 't'},
        {"folder", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0},
    };
    const char *parent = ".";
    int o;

    c->seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 's') {
            c->seed = number(optarg);
        } else if (o == 'n') {
            c->count = number(optarg);
        } else if (o == 'p') {
            c->portable = true;
        } else if (o == 'f') {
            c->file_system = optarg;
        } else if (o == 'g') {
            c->saved = optarg;
        } else if (o == 't') {
            c->end = time(NULL) + (time_t)number(optarg);
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

uint64_t campaign_next(campaign *c)
{
    if (c->begun) {
        c->done = c->done + c->at_once < c->count ? c->done + c->at_once : c->count;
        save(c);
    }
    c->begun = true;
    return c->end != 0 && time(NULL) >= c->end ? c->count : c->done;
}
