/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut.c — the power-cut loop: writers and readers on a real file system, whose power is cut at a random moment.
 *
 *   cut [--fs ext4|xfs] [--portable] [--cuts N] and the options of campaign.h
 *
 * A cut is the file system's shutdown without a flush of its log, on a loop device; before it, random ranges of the
 * files are pushed to the device, so that pages arrive there in another order than they were written. Sometimes the
 * writer is killed a moment before, and readers take the tail of a dead writer, or somebody recovers the ledger and
 * looks at it. It passes if acknowledgements noted before the cut, those that race with it, and all that anybody was
 * shown are there afterwards, and all else of history.h holds. Ends with 77 where it cannot run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "test/kill/campaign.h"
#include "test/kill/history.h"
#include "test/kill/image.h"
#include "test/kill/reader.h"

enum {
    CUTS_OF_LEDGER = 10,
    LIFE_US_TYPICAL = 40000,
    BATCHES_TO_CLOSE = 100,
    READERS_MAX = 2,
    LEDGER_SECONDS = 120
};

typedef struct bench {
    shared *shared;
    const char *file_system;
    char image[600];
    char mount[600];
} bench;

/* Readers, and perhaps one process that recovers the ledger when its writer is dead. */
typedef struct audience {
    reader readers;
    reader visitor;
    int pids[READERS_MAX + 1];
    unsigned count;
} audience;

static void invite(audience *a, bench *b, history *h)
{
    unsigned readers = (unsigned)dice_roll(&h->dice, READERS_MAX + 1);

    a->readers = (reader){.shared = b->shared, .url = h->url, .options = h->options};
    a->visitor = a->readers;
    a->readers.options.mode = FIRN_OPEN_READ;
    a->visitor.options.mode = FIRN_OPEN_WRITE;
    for (a->count = 0; a->count < readers; a->count++) {
        a->readers.follows = a->count % 2 == 0;
        a->pids[a->count] = process_start(reader_run, &a->readers);
    }
}

static void run_round(bench *b, history *h, uint32_t round)
{
    bool ends = dice_chance(&h->dice, 6);
    writer w = history_writer(h, round, ends ? dice_roll(&h->dice, BATCHES_TO_CLOSE) : UINT64_MAX);
    bool dies_before = dice_chance(&h->dice, 2);
    bool visited = dies_before && dice_chance(&h->dice, 2);
    audience a;
    int pid = process_start(writer_run, &w);
    size_t acks_before;

    invite(&a, b, h);
    if (!dice_chance(&h->dice, 4)) {
        wait_open(b->shared);
    }
    sleep_us(dice_roll(&h->dice, dice_chance(&h->dice, 3) ? LIFE_US_TYPICAL / 4 : 2 * LIFE_US_TYPICAL));
    if (dies_before) {
        (void)process_kill(pid);
        if (visited) {
            a.pids[a.count++] = process_start(reader_run, &a.visitor);
        }
        sleep_us(dice_roll(&h->dice, LIFE_US_TYPICAL));
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
    for (unsigned i = 0; i < a.count; i++) {
        (void)process_kill(a.pids[i]);
    }
    image_unmount(b->mount);
    image_mount(b->image, b->file_system, b->mount, 0, NULL);
    history_note(h, round, acks_before);
    if (visited) {
        history_visited(h);
    }
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned cuts, shared *s, tally *t)
{
    bench b = {.shared = s, .file_system = c->file_system};
    history h;

    (void)snprintf(b.image, sizeof b.image, "%s/image", place.folder);
    (void)snprintf(b.mount, sizeof b.mount, "%s/mount", place.folder);
    if (mkdir(b.mount, 0777) != 0 && errno != EEXIST) {
        violation("mkdir %s: %s", b.mount, strerror(errno));
    }
    image_make(b.image, b.file_system);
    image_mount(b.image, b.file_system, b.mount, 0, NULL);
    history_init(&h, s, t, seed, b.mount, c->portable ? FIRN_IO_PORTABLE : FIRN_IO_AUTO);
    for (uint32_t round = 1; round <= cuts; round++) {
        place.round = round;
        run_round(&b, &h, round);
        if (dice_chance(&h.dice, 4)) {
            history_forget_index(&h);
        }
        if (round == cuts || !history_may_wait(&h) || !dice_chance(&h.dice, 3)) {
            history_judge(&h);
        }
    }
    history_done(&h);
    image_unmount(b.mount);
}

int main(int argc, char **argv)
{
    campaign c = {.program = "cut",
                  .count = 12,
                  .counted = "cuts",
                  .at_once = CUTS_OF_LEDGER,
                  .lanes = 4,
                  .ledger_seconds = LEDGER_SECONDS,
                  .file_system = "ext4"};
    const char *reason;

    campaign_options(&c, argc, argv);
    place.program = strcmp(c.file_system, "xfs") == 0 ? "cut --fs xfs" : "cut --fs ext4";
    reason = image_unavailable(c.file_system);
    if (reason != NULL) {
        return campaign_skip(reason);
    }
    return campaign_run(&c, run_ledger);
}
