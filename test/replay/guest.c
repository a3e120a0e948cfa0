/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.c — the first process of a user-mode-linux: records what writers make a disk do, and switches the machine off.
 *
 *   init=…/replay_guest replay_fs=FILE-SYSTEM replay_seed=SEED ubd0=DISK ubd1=LOG-OF-ITS-WRITES
 *
 * A few writers one after the other append to one ledger, on a file system over a device that logs each write; they
 * are killed, or close the ledger. What they are told is put into the log as marks, between the writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kill/folder.h"
#include "test/kill/history.h"
#include "test/replay/guest.h"
#include "test/replay/mapper.h"
#include "test/replay/mark.h"

#define DISK "/dev/ubda"
#define LOG "/dev/ubdb"

enum {
    ROUNDS_MIN = 2,
    LIFE_US_TYPICAL = 600000,
    BATCHES_TYPICAL = 40, /* Of each thread. */
    RECORDS_TO_MERGE = 64,
    UNMOUNTS_MAX = 2000,
    UNMOUNT_WAIT_US = 5000
};

static void say(const mark *m)
{
    char text[MAPPER_MARK_MAX];

    mark_write(m, text, sizeof text);
    mapper_mark(text);
}

static void phase_begun(const writer *w, writer_phase phase)
{
    say(&(mark){.kind = MARK_PHASE,
                .round = w->round,
                .phase = phase,
                .incarnation = w->shared->incarnation,
                .was_clean = w->shared->was_clean});
}

static void batch_acknowledged(const writer *w, const ack *a)
{
    say(&(mark){.kind = MARK_ACK,
                .round = w->round,
                .thread = a->id.thread,
                .number = a->id.number,
                .first_seq = a->first_seq,
                .count = a->count});
}

/* One writer's life. */
static void run_round(history *h, uint32_t round)
{
    shared *s = h->shared;
    bool ends = dice_chance(&h->dice, 2);
    writer w = history_writer(h, round, 1 + dice_roll(&h->dice, 2 * BATCHES_TYPICAL));
    mark m = {.kind = MARK_SUBMITTED, .round = round};
    int pid;

    w.phase_begun = phase_begun;
    w.batch_acknowledged = batch_acknowledged;
    phase_begun(&w, PHASE_OPENING);
    pid = process_start(writer_run, &w);
    if (ends) {
        (void)process_wait(pid);
    } else {
        if (!dice_chance(&h->dice, 4)) {
            wait_open(s);
        }
        sleep_us(dice_roll(&h->dice, 2 * LIFE_US_TYPICAL));
        (void)process_kill(pid);
    }
    if (atomic_load(&s->troubled)) {
        violation("%s", s->trouble);
    }
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        m.submitted[i] = atomic_load(&s->submitted[i]);
    }
    say(&m);
    shared_next_round(s);
}

/* What a process that was killed has in flight keeps the mount busy for a moment. */
static void unmount(void)
{
    for (unsigned i = 0; umount2(GUEST_MOUNT, UMOUNT_NOFOLLOW) != 0; i++) {
        if (i == UNMOUNTS_MAX) {
            violation("the file system is still in use");
        }
        sleep_us(UNMOUNT_WAIT_US);
    }
}

static void record(const char *file_system, uint64_t seed)
{
    shared *s = shared_new();
    tally t = {0};
    const char *device;
    unsigned rounds;
    history h;

    mapper_module("md/dm-mod");
    mapper_module("md/dm-log-writes");
    device = mapper_create(DISK, LOG);
    if (mount(device, GUEST_MOUNT, file_system, MS_NOATIME, NULL) != 0) {
        violation("mount %s as %s failed", device, file_system);
    }
    history_init(&h, s, &t, seed, GUEST_MOUNT, FIRN_IO_AUTO);
    h.options.replay_records_max = RECORDS_TO_MERGE;
    rounds = ROUNDS_MIN + (unsigned)dice_roll(&h.dice, ROUNDS_PENDING_MAX + 1 - ROUNDS_MIN);
    for (uint32_t round = 1; round <= rounds; round++) {
        place.round = round;
        run_round(&h, round);
        if (dice_chance(&h.dice, 3)) {
            history_forget_index(&h);
        }
    }
    unmount();
    say(&(mark){.kind = MARK_END});
    mapper_remove();
}

int main(void)
{
    /* The kernel hands on what it does not know itself. */
    const char *file_system = getenv(GUEST_FILE_SYSTEM);
    const char *seed = getenv(GUEST_SEED);
    int status = 0;
    pid_t pid;

    if (getpid() != 1 || file_system == NULL || seed == NULL) {
        (void)fprintf(stderr, "replay_guest: must be the first process of a user-mode-linux\n");
        return 2;
    }
    (void)printf(GUEST_UP "\n");
    (void)fflush(stdout);
    (void)mount("proc", "/proc", "proc", 0, NULL);
    (void)mount("sysfs", "/sys", "sysfs", 0, NULL);
    /* The first process must not end, so another one does the work. */
    pid = fork();
    if (pid == 0) {
        place = (test_place){.program = "replay_guest", .seed = strtoull(seed, NULL, 10), .folder = GUEST_MOUNT};
        record(file_system, place.seed);
        return 0;
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0) {
        (void)printf(GUEST_DONE "\n");
    }
    (void)fflush(stdout);
    return reboot(RB_POWER_OFF);
}
