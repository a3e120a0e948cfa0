/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c — what a state of a recorded disk must hold. */
#include "test/replay/judge.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test/kill/image.h"

/* All that the marks of a round say, as if its writer had come just so far. */
static void retell(shared *s, const block_log *log, size_t end, uint32_t round)
{
    for (size_t i = 0; i < log->count; i++) {
        const mark *m = &log->blocks[i].mark;

        if (log->blocks[i].kind != BLOCK_MARK || m->round != round) {
            continue;
        }
        if (m->kind == MARK_SUBMITTED) {
            /* Behind what the writer was told, in the log. */
            for (unsigned t = 0; t < THREADS_MAX; t++) {
                atomic_store(&s->submitted[t], m->submitted[t]);
            }
        }
        if (i >= end) {
            continue;
        }
        if (m->kind == MARK_PHASE) {
            atomic_store(&s->phase, (int)m->phase);
            s->incarnation = m->incarnation;
            s->was_clean = m->was_clean;
        }
        if (m->kind == MARK_ACK) {
            ack *a = &s->acks[atomic_fetch_add(&s->acks_count, 1)];

            a->id = (plan_id){.round = round, .thread = m->thread, .number = m->number};
            a->first_seq = m->first_seq;
            a->count = m->count;
            atomic_store(&a->done, 1);
        }
    }
}

static uint32_t rounds_begun(const block_log *log, size_t end)
{
    uint32_t rounds = 0;

    for (size_t i = 0; i < end; i++) {
        const mark *m = &log->blocks[i].mark;

        if (log->blocks[i].kind == BLOCK_MARK && m->kind == MARK_PHASE) {
            rounds = m->round;
        }
    }
    return rounds;
}

/* btrfs remembers devices that are gone, and refuses one that seems to be an older copy of one that it remembers. */
static void forget_devices(void)
{
    int control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
    struct btrfs_ioctl_vol_args none = {0};

    if (control >= 0) {
        (void)ioctl(control, BTRFS_IOC_FORGET_DEV, &none);
        (void)close(control);
    }
}

void judge_disk(const judge *j, const picture *disk, size_t end, uint64_t salt)
{
    uint32_t rounds = rounds_begun(j->log, end);
    history h;

    image_mount(disk->name, j->file_system, j->mount, 0, NULL);
    history_init(&h, j->shared, j->tally, j->seed, j->mount, FIRN_IO_AUTO);
    h.dice = dice_of(salt);
    for (uint32_t round = 1; round <= rounds; round++) {
        retell(j->shared, j->log, end, round);
        history_note(&h, round, SIZE_MAX);
    }
    history_judge(&h);
    history_done(&h);
    image_unmount(j->mount);
    if (strcmp(j->file_system, "btrfs") == 0) {
        forget_devices();
    }
}
