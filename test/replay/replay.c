/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c — block-level replay: every state in which a power cut could have left the disk of a ledger, on real file
 * systems.
 *
 *   replay [--fs ext4|xfs|btrfs] [--seed N] [--recordings N] [--folder NAME] [--long FILE [--seconds N]]
 *   replay --again FOLDER [--state N]
 *
 * A recording is made in a user-mode-linux: writers append to a ledger on a file system over a device that logs each
 * write, flush and FUA, and their acknowledgements stand as marks in the same log (guest.c). Then, in this kernel,
 * states of the disk are made from the log (states.h), mounted over a loop device, which lets the file system recover,
 * and the ledger is judged as after a power cut (test/kill/history.h): what was acknowledged by then is there, nothing
 * but a prefix of what was handed in, rows equal a replay, verify finds nothing. Other than a cut of the power, this
 * meets every moment between two writes, and orders of writes that a kernel would rarely choose.
 *
 * That the whole log makes the disk as it was left is checked for each recording: else the log says nothing.
 * File systems take turns. --long goes on from the recordings that FILE counts. Files of a violation stay in its
 * folder, and --again judges them again. Ends with 77 where it cannot run; needs root for loop devices.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/image.h"
#include "test/replay/boot.h"
#include "test/replay/judge.h"
#include "test/replay/states.h"

enum {
    STATES_OF_RECORDING = 300,
    FILE_SYSTEMS = 3,
};

static const char *const file_systems[FILE_SYSTEMS] = {"ext4", "xfs", "btrfs"};
static const uint64_t log_size = UINT64_C(8) << 30; /* Sparse. */

typedef struct totals {
    uint64_t recordings;
    uint64_t first_seed; /* Of them. */
    uint64_t last_seed;
    uint64_t states[FILE_SYSTEMS];
    uint64_t kinds[STATE_KINDS];
    uint64_t distinct;
    uint64_t writes;
    uint64_t marks;
    tally tally;
} totals;

typedef struct bench {
    char guest[1024];
    char mount[1024];
    shared *shared;
    totals sum;
} bench;

static void name_in(char out[1024], const char *folder, const char *file)
{
    (void)snprintf(out, 1024, "%s/%s", folder, file);
}

/* Zeros take no space. */
static void copy_file(const char *from, const char *to)
{
    picture p = picture_load(from);
    FILE *file = fopen(to, "w");

    for (size_t at = 0; file != NULL && at < p.size; at += PICTURE_PAGE) {
        if (p.hashes[at / PICTURE_PAGE] != 0 &&
            (fseeko(file, (off_t)at, SEEK_SET) != 0 || fwrite(p.bytes + at, PICTURE_PAGE, 1, file) != 1)) {
            violation("%s: %s", to, strerror(errno));
        }
    }
    if (file == NULL || fclose(file) != 0 || truncate(to, (off_t)p.size) != 0) {
        violation("%s: %s", to, strerror(errno));
    }
    picture_free(&p);
}

/* False: user-mode-linux does not run here. */
static bool record(const bench *b, const char *file_system, uint64_t seed)
{
    char base[1024], disk[1024], log[1024];
    FILE *file;

    name_in(base, place.folder, "base");
    name_in(disk, place.folder, "disk");
    name_in(log, place.folder, "log");
    image_make(base, file_system);
    copy_file(base, disk);
    file = fopen(log, "w");
    if (file == NULL || fclose(file) != 0 || truncate(log, (off_t)log_size) != 0) {
        violation("%s: %s", log, strerror(errno));
    }
    switch (boot(place.folder, b->guest, file_system, seed)) {
    case BOOT_DONE:
        return true;
    case BOOT_NEVER:
        return false;
    case BOOT_FAILED:
        break;
    }
    violation("the recording failed: see %s/console", place.folder);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t count_distinct(uint64_t *hashes, size_t count)
{
    uint64_t distinct = 0;

    qsort(hashes, count, sizeof *hashes, compare);
    for (size_t i = 0; i < count; i++) {
        distinct += i == 0 || hashes[i] != hashes[i - 1] ? 1 : 0;
    }
    return distinct;
}

/* Where the first writer begins. */
static size_t begin_of(const block_log *log)
{
    size_t begin = 0;

    while (begin < log->count &&
           (log->blocks[begin].kind != BLOCK_MARK || log->blocks[begin].mark.kind != MARK_PHASE)) {
        begin++;
    }
    return begin;
}

/* only: judge no other state; SIZE_MAX: all of them. */
static void judge_recording(bench *b, unsigned file_system, uint64_t seed, size_t only)
{
    judge j = {.file_system = file_systems[file_system], .mount = b->mount, .seed = seed, .shared = b->shared};
    char name[1024];
    block_log log;
    state_list list;
    uint64_t *hashes;
    size_t at = 0;
    picture base;

    name_in(name, place.folder, "base");
    base = picture_load(name);
    name_in(name, place.folder, "log");
    block_log_open(&log, name, base.size);
    list = states_of(&log, begin_of(&log), seed, STATES_OF_RECORDING);
    hashes = calloc(list.count + 1, sizeof *hashes);
    if (hashes == NULL) {
        violation("out of memory");
    }
    j.log = &log;
    j.tally = &b->sum.tally;
    for (size_t i = 0; i < list.count; i++) {
        const state *s = &list.states[i];
        picture disk;

        place.round = i;
        states_apply(&base, &log, at, s->whole);
        at = s->whole;
        if (only != SIZE_MAX && i != only) {
            continue;
        }
        disk = state_picture(&base, &log, s);
        hashes[i] = disk.hash;
        judge_disk(&j, &disk, s->end, s->seed);
        picture_free(&disk);
        b->sum.kinds[s->kind]++;
        b->sum.states[file_system]++;
    }
    states_apply(&base, &log, at, log.count);
    name_in(name, place.folder, "disk");
    if (picture_differs(&base, name) != base.size) {
        violation("the log of writes does not make the disk: byte %" PRIu64, picture_differs(&base, name));
    }
    for (size_t i = 0; i < log.count; i++) {
        b->sum.marks += log.blocks[i].kind == BLOCK_MARK ? 1 : 0;
        b->sum.writes += log.blocks[i].kind == BLOCK_WRITE || log.blocks[i].kind == BLOCK_DURABLE ? 1 : 0;
    }
    b->sum.distinct += count_distinct(hashes, list.count);
    b->sum.first_seed = b->sum.recordings == 0 ? seed : b->sum.first_seed;
    b->sum.last_seed = seed;
    b->sum.recordings++;
    free(hashes);
    states_free(&list);
    block_log_close(&log);
    picture_free(&base);
}

/* What --again needs to know. */
static void save_facts(unsigned file_system, uint64_t seed)
{
    char name[1024];
    FILE *file;

    name_in(name, place.folder, "facts");
    file = fopen(name, "w");
    if (file == NULL || fprintf(file, "%u %" PRIu64 "\n", file_system, seed) < 0 || fclose(file) != 0) {
        violation("%s: %s", name, strerror(errno));
    }
}

static int again(bench *b, const char *folder, size_t only)
{
    unsigned file_system = 0;
    uint64_t seed = 0;
    char name[1024];
    FILE *file;

    place = (test_place){.program = "replay --again", .folder = folder};
    name_in(name, folder, "facts");
    name_in(b->mount, folder, "mount");
    file = fopen(name, "r");
    if (file == NULL || fscanf(file, "%u %" SCNu64, &file_system, &seed) != 2 || file_system >= FILE_SYSTEMS) {
        (void)fprintf(stderr, "replay: %s is no folder of a recording\n", folder);
        return 2;
    }
    (void)fclose(file);
    if (image_unavailable(file_systems[file_system]) != NULL) {
        (void)fprintf(stderr, "replay: %s\n", image_unavailable(file_systems[file_system]));
        return SKIPPED;
    }
    place.seed = seed;
    judge_recording(b, file_system, seed, only);
    (void)printf("replay: %" PRIu64 " states judged again, no violation\n", b->sum.states[file_system]);
    return 0;
}

/* Why a file system cannot be used, or NULL. */
static const char *unavailable(const char *file_system)
{
    static char reason[128];
    const char *why = image_unavailable(file_system);

    if (why == NULL && mount("none", place.folder, file_system, 0, NULL) != 0 && errno == ENODEV) {
        (void)snprintf(reason, sizeof reason, "this kernel has no %s", file_system);
        why = reason;
    }
    return why;
}

static int skip(const char *reason)
{
    (void)printf("skipped: %s\n", reason);
    folder_remove(place.folder);
    return SKIPPED;
}

static void tell(const bench *b, uint64_t seed)
{
    const totals *t = &b->sum;

    (void)printf("replay, seed %" PRIu64 ": %" PRIu64 " recordings of %" PRIu64 " writes, %" PRIu64 " marks; %" PRIu64
                 " prefixes, %" PRIu64 " with lost and %" PRIu64 " with torn writes; %" PRIu64
                 " batches acknowledged before a cut, 0 lost; %" PRIu64 " records recovered\n",
                 seed, t->recordings, t->writes, t->marks, t->kinds[STATE_PREFIX], t->kinds[STATE_LOST],
                 t->kinds[STATE_TORN], t->tally.acknowledged, t->tally.records);
    (void)printf("summary: states=%" PRIu64 " distinct=%" PRIu64 " ext4=%" PRIu64 " xfs=%" PRIu64 " btrfs=%" PRIu64
                 " recordings=%" PRIu64 " acknowledged=%" PRIu64 " first_seed=%" PRIu64 " last_seed=%" PRIu64
                 " violations=0\n",
                 t->states[0] + t->states[1] + t->states[2], t->distinct, t->states[0], t->states[1], t->states[2],
                 t->recordings, t->tally.acknowledged, t->first_seed, t->last_seed);
}

/* Makes the list of file systems to use; says why others are not. Returns how many. */
static unsigned choose(const char *asked, unsigned out[FILE_SYSTEMS])
{
    unsigned count = 0;

    for (unsigned i = 0; i < FILE_SYSTEMS; i++) {
        const char *why;

        if (asked != NULL && strcmp(asked, file_systems[i]) != 0) {
            continue;
        }
        why = unavailable(file_systems[i]);
        if (why != NULL) {
            (void)printf("without %s: %s\n", file_systems[i], why);
        } else {
            out[count++] = i;
        }
    }
    return count;
}

static int run(bench *b, int argc, char **argv)
{
    campaign c = {.program = "replay", .count = 3, .counted = "recordings", .at_once = 1};
    unsigned usable[FILE_SYSTEMS], usable_count;
    static char folder[600];

    campaign_options(&c, argc, argv);
    place.folder = realpath(place.folder, folder);
    name_in(b->mount, folder, "mount");
    if (boot_unavailable() != NULL) {
        return skip(boot_unavailable());
    }
    usable_count = choose(c.file_system, usable);
    if (usable_count == 0) {
        return skip("no file system to use");
    }
    if (mkdir(b->mount, 0700) != 0) {
        violation("mkdir %s: %s", b->mount, strerror(errno));
    }
    for (uint64_t done = c.done; campaign_more(&c, done); done++) {
        unsigned file_system = usable[done % usable_count];

        place.seed = c.seed + done;
        save_facts(file_system, place.seed);
        if (!record(b, file_systems[file_system], place.seed)) {
            return skip("user-mode-linux does not run here");
        }
        judge_recording(b, file_system, place.seed, SIZE_MAX);
    }
    tell(b, c.seed);
    folder_remove(place.folder);
    return 0;
}

int main(int argc, char **argv)
{
    static bench b;
    char self[500];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    size_t only = SIZE_MAX;
    int status;

    if (length <= 0) {
        (void)fprintf(stderr, "replay: no /proc\n");
        return 2;
    }
    self[length] = '\0';
    name_in(b.guest, dirname(self), "replay_guest");
    b.shared = shared_new();
    if (argc >= 3 && strcmp(argv[1], "--again") == 0) {
        only = argc == 5 && strcmp(argv[3], "--state") == 0 ? strtoull(argv[4], NULL, 10) : SIZE_MAX;
        status = again(&b, argv[2], only);
    } else {
        status = run(&b, argc, argv);
    }
    shared_free(b.shared);
    return status;
}
