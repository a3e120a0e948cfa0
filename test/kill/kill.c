/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill.c — the SIGKILL loop: writers on the real kernel, each killed at a random moment, and what they leave.
 *
 *   kill [--portable] [--kills N] and the options of campaign.h
 *
 * What a killed process had handed to the kernel reaches the disk, or not, while the next one opens: that, and
 * processes that die while they hold locks, maps and rings, only a real kernel has. It passes if after every recovery
 * that is judged all of history.h holds. A ledger goes through ROUNDS_OF_LEDGER rounds; each has a writer of its own,
 * which is killed while it opens, writes or closes, or sometimes may end. Not every round is judged, so that recoveries
 * get killed as well. Readers live through all rounds of a ledger: no record that one of them was shown may change or
 * go. Ends with 77 where io_uring is missing.
 */
#include <stdio.h>

#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/history.h"
#include "test/kill/reader.h"

enum {
    ROUNDS_OF_LEDGER = 15,
    LIFE_US_TYPICAL = 25000,
    BATCHES_TO_CLOSE = 30,
    READERS_MAX = 2,
    LEDGER_SECONDS = 120
};

static void run_round(history *h, uint32_t round)
{
    bool ends = dice_chance(&h->dice, 5);
    writer w = history_writer(h, round, ends ? dice_roll(&h->dice, BATCHES_TO_CLOSE) : UINT64_MAX);
    uint64_t life = dice_roll(&h->dice, dice_chance(&h->dice, 3) ? LIFE_US_TYPICAL / 4 : 2 * LIFE_US_TYPICAL);
    int pid = process_start(writer_run, &w);

    if (!dice_chance(&h->dice, 4)) {
        wait_open(h->shared);
    }
    sleep_us(life);
    (void)process_kill(pid);
    history_note(h, round, SIZE_MAX);
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned rounds, shared *s, tally *t)
{
    reader r = {.shared = s};
    int readers[READERS_MAX];
    unsigned readers_count;
    history h;

    history_init(&h, s, t, seed, place.folder, c->portable ? FIRN_IO_PORTABLE : FIRN_IO_URING);
    r.url = h.url;
    r.options = h.options;
    r.options.mode = FIRN_OPEN_READ;
    readers_count = (unsigned)dice_roll(&h.dice, READERS_MAX + 1);
    for (unsigned i = 0; i < readers_count; i++) {
        r.follows = i == 0;
        readers[i] = process_start(reader_run, &r);
    }
    for (uint32_t round = 1; round <= rounds; round++) {
        place.round = round;
        run_round(&h, round);
        if (dice_chance(&h.dice, 4)) {
            history_forget_index(&h);
        }
        if (round == rounds || !history_may_wait(&h) || !dice_chance(&h.dice, 3)) {
            history_judge(&h);
        }
    }
    for (unsigned i = 0; i < readers_count; i++) {
        (void)process_kill(readers[i]);
    }
    history_done(&h);
    folder_remove(h.url);
}

static bool has_ring(const char *folder, char *out_reason)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE, .io_path = FIRN_IO_URING};
    firn_ledger *ledger = NULL;
    char name[512];
    firn_error err;
    bool has;

    (void)snprintf(name, sizeof name, "%s/probe", folder);
    options.segment_size = 65536;
    has = firn_open(name, &options, &ledger, &err) == FIRN_OK;
    if (!has) {
        (void)snprintf(out_reason, sizeof err.text, "%s", err.text);
    }
    (void)firn_close(ledger, &err);
    folder_remove(name);
    return has;
}

int main(int argc, char **argv)
{
    campaign c = {.program = "kill",
                  .count = 60,
                  .counted = "kills",
                  .at_once = ROUNDS_OF_LEDGER,
                  .lanes = 4,
                  .ledger_seconds = LEDGER_SECONDS};
    static char reason[FIRN_ERROR_TEXT_SIZE];

    campaign_options(&c, argc, argv);
    if (c.portable) {
        place.program = "kill --portable";
    } else if (!has_ring(place.folder, reason)) {
        return campaign_skip(reason);
    }
    return campaign_run(&c, run_ledger);
}
