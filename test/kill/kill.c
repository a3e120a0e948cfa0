/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill.c — the SIGKILL loop: writers on the real kernel, each killed at a random moment, and what they leave.
 *
 *   kill [--portable] [--seed N] [--rounds N] [--folder NAME] [--long FILE [--seconds N]]
 *
 * A ledger goes through ROUNDS_OF_LEDGER rounds; each has a writer of its own, which is killed while it opens, writes
 * or closes, or sometimes may end. Not every round is judged, so that recoveries get killed as well. --long goes on
 * from the rounds that FILE counts until N are done, or the seconds are over. Ends with 77 where io_uring is missing.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test/kill/folder.h"
#include "test/kill/history.h"

enum {
    ROUNDS_OF_LEDGER = 15,
    LIFE_US_TYPICAL = 25000,
    BATCHES_TO_CLOSE = 30,
    SKIPPED = 77
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

static void run_ledger(uint64_t seed, unsigned rounds, firn_io_path io_path, shared *s, tally *t)
{
    history h;

    place.seed = seed;
    place.round = 0;
    history_init(&h, s, t, seed, place.folder, io_path);
    for (uint32_t round = 1; round <= rounds; round++) {
        place.round = round;
        run_round(&h, round);
        if (round == rounds || !history_may_wait(&h) || !dice_chance(&h.dice, 3)) {
            history_judge(&h);
        }
    }
    history_done(&h);
    folder_remove(h.url);
}

static bool has_ring(const char *folder)
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
        (void)printf("skipped: %s\n", err.text);
    }
    (void)firn_close(ledger, &err);
    folder_remove(name);
    return has;
}

int main(int argc, char **argv)
{
    campaign c = {.program = "kill", .count = 60, .counted = "rounds", .at_once = ROUNDS_OF_LEDGER};
    firn_io_path io_path = FIRN_IO_URING;
    tally t = {0};
    shared *s;
    uint64_t done;

    campaign_options(&c, argc, argv);
    if (c.portable) {
        io_path = FIRN_IO_PORTABLE;
        place.program = "kill --portable";
    } else if (!has_ring(place.folder)) {
        folder_remove(place.folder);
        return SKIPPED;
    }
    s = shared_new();
    while ((done = campaign_next(&c)) < c.count) {
        uint64_t left = c.count - done;

        run_ledger(c.seed + done / ROUNDS_OF_LEDGER, left < ROUNDS_OF_LEDGER ? (unsigned)left : ROUNDS_OF_LEDGER,
                   io_path, s, &t);
    }
    (void)printf("%s: seed %llu: %llu kills, %llu recoveries judged; %llu batches acknowledged, 0 lost; %llu records; "
                 "keys tried again: %llu found, %llu appended\n",
                 place.program, (unsigned long long)c.seed, (unsigned long long)t.rounds, (unsigned long long)t.judged,
                 (unsigned long long)t.acknowledged, (unsigned long long)t.records, (unsigned long long)t.existing,
                 (unsigned long long)t.appended);
    shared_free(s);
    folder_remove(place.folder);
    return t.acknowledged == 0;
}
