/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut.c — the power-cut loop: writers and readers on a real file system, whose power is cut at a random moment.
 *
 *   cut [--fs ext4|xfs] [--seed N] [--cuts N] [--folder NAME] [--long FILE [--seconds N]]
 *
 * A cut is the file system's shutdown without a flush of its log, on a loop device; before it, random ranges of the
 * files are pushed to the device, so that pages arrive there in another order than they were written. Sometimes the
 * writer is killed a moment before, and readers take the tail of a dead writer. Acknowledgements noted before the cut,
 * those that race with it, and all that a reader was shown must be there afterwards. Ends with 77 where it cannot run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test/kill/folder.h"
#include "test/kill/history.h"
#include "test/kill/image.h"
#include "test/kill/reader.h"

enum {
    CUTS_OF_LEDGER = 10,
    LIFE_US_TYPICAL = 40000,
    BATCHES_TO_CLOSE = 100,
    READERS_MAX = 2,
    SKIPPED = 77
};

typedef struct bench {
    shared *shared;
    tally tally;
    const char *file_system;
    char image[600];
    char mount[600];
} bench;

static void run_round(bench *b, history *h, uint32_t round)
{
    bool ends = dice_chance(&h->dice, 6);
    writer w = history_writer(h, round, ends ? dice_roll(&h->dice, BATCHES_TO_CLOSE) : UINT64_MAX);
    reader r = {.shared = b->shared, .url = h->url, .options = h->options};
    unsigned readers = (unsigned)dice_roll(&h->dice, READERS_MAX + 1);
    bool dies_before = dice_chance(&h->dice, 3);
    int pids[READERS_MAX], pid;
    size_t acks_before;

    pid = process_start(writer_run, &w);
    for (unsigned i = 0; i < readers; i++) {
        pids[i] = process_start(reader_run, &r);
    }
    if (!dice_chance(&h->dice, 4)) {
        wait_open(b->shared);
    }
    sleep_us(dice_roll(&h->dice, dice_chance(&h->dice, 3) ? LIFE_US_TYPICAL / 4 : 2 * LIFE_US_TYPICAL));
    if (dies_before) {
        (void)process_kill(pid);
        sleep_us(dice_roll(&h->dice, LIFE_US_TYPICAL / 2));
    }
    if (dice_chance(&h->dice, 2)) {
        image_write_some(h->url, &h->dice);
    }
    acks_before = atomic_load(&b->shared->acks_count);
    atomic_store(&b->shared->cutting, true);
    image_cut(b->mount);
    sleep_us(dice_roll(&h->dice, 1000));
    if (!dies_before) {
        (void)process_kill(pid);
    }
    for (unsigned i = 0; i < readers; i++) {
        (void)process_kill(pids[i]);
    }
    image_unmount(b->mount);
    image_mount(b->image, b->file_system, b->mount);
    history_note(h, round, acks_before);
}

static void run_ledger(bench *b, uint64_t seed, unsigned cuts)
{
    history h;

    place.seed = seed;
    place.round = 0;
    image_make(b->image, b->file_system);
    image_mount(b->image, b->file_system, b->mount);
    history_init(&h, b->shared, &b->tally, seed, b->mount, FIRN_IO_AUTO);
    for (uint32_t round = 1; round <= cuts; round++) {
        place.round = round;
        run_round(b, &h, round);
        if (round == cuts || !history_may_wait(&h) || !dice_chance(&h.dice, 3)) {
            history_judge(&h);
        }
    }
    history_done(&h);
    image_unmount(b->mount);
}

int main(int argc, char **argv)
{
    campaign c = {.program = "cut", .count = 12, .counted = "cuts", .at_once = CUTS_OF_LEDGER, .file_system = "ext4"};
    bench b = {0};
    const tally *t = &b.tally;
    const char *reason;
    uint64_t done;

    campaign_options(&c, argc, argv);
    b.file_system = c.file_system;
    (void)snprintf(b.image, sizeof b.image, "%s/image", place.folder);
    (void)snprintf(b.mount, sizeof b.mount, "%s/mount", place.folder);
    if (mkdir(b.mount, 0777) != 0) {
        violation("mkdir %s: %s", b.mount, strerror(errno));
    }
    reason = image_unavailable(b.file_system);
    if (reason != NULL) {
        (void)printf("skipped: %s\n", reason);
        folder_remove(place.folder);
        return SKIPPED;
    }
    b.shared = shared_new();
    while ((done = campaign_next(&c)) < c.count) {
        uint64_t left = c.count - done;

        run_ledger(&b, c.seed + done / CUTS_OF_LEDGER, left < CUTS_OF_LEDGER ? (unsigned)left : CUTS_OF_LEDGER);
    }
    (void)printf("cut: seed %llu on %s: %llu power cuts, %llu recoveries judged; %llu batches acknowledged, %llu of "
                 "them while the power was cut, 0 lost; readers were shown %llu records, 0 lost; %llu records; keys "
                 "tried again: %llu found, %llu appended\n",
                 (unsigned long long)c.seed, b.file_system, (unsigned long long)t->rounds,
                 (unsigned long long)t->judged, (unsigned long long)t->acknowledged, (unsigned long long)t->raced,
                 (unsigned long long)t->reads, (unsigned long long)t->records, (unsigned long long)t->existing,
                 (unsigned long long)t->appended);
    shared_free(b.shared);
    folder_remove(place.folder);
    return t->acknowledged == 0;
}
