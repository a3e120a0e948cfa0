/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c — writers on devices that fail while they work: fail-stop or back-pressure, and nothing acknowledged is lost.
 *
 *   fault [--fs ext4|xfs] [--only FAULT] [--rounds N] and the options of campaign.h
 *
 * Errors of the device cannot be put into io_uring by tracing or filtering system calls, so they come from below: from
 * a block server, from a device that promises more room than it has, and from the file system itself (device.h,
 * faults.h). Each ledger has one kind of device, and a fault in every round; file system, device and backend follow
 * from its seed, so that 16 seeds in a row have every combination. The fault comes while the writer opens, writes, or
 * closes.
 *
 * It passes if the writer does what is documented (withstand.h): appends stop for good at the first error, also when
 * the device works again, and reads go on; or, where it was only room or time that was wanting, work goes on when there
 * is some. Then, on the healthy device, all of history.h must hold: acknowledged, also during the fault, is there. Ends
 * with 77 where nbdkit, root, loop devices or mkfs are missing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "test/kernel/faults.h"
#include "test/kill/campaign.h"
#include "test/kill/reader.h"

enum {
    ROUNDS_OF_LEDGER = 8,
    LIFE_US = 30000, /* Before the fault. */
    HURT_US = 60000, /* With it. */
    BRIEF_US = 4000,
    STEP_US = 500,
    END_WAITS_MAX = 60000, /* Thirty seconds; nothing waits that long, unless it hangs. */
    BATCHES_TO_CLOSE = 40,
    LEDGER_SECONDS = 180
};

/* True if the writer ended by itself within the time. */
static bool wait_for_end(stage *st, unsigned waits, int *out_status)
{
    for (unsigned i = 0; i < waits; i++) {
        if (waitpid(st->writer, out_status, WNOHANG) == st->writer) {
            st->writer = 0;
            return true;
        }
        sleep_us(STEP_US);
    }
    return false;
}

/* Work goes on when what was in the way is gone. True if the writer ended. */
static bool wait_for_progress(stage *st, shared *s, const fault *f, int *out_status)
{
    unsigned acks = atomic_load(&s->acks_count);

    for (unsigned i = 0; i < END_WAITS_MAX; i++) {
        if (wait_for_end(st, 1, out_status)) {
            return true;
        }
        if (atomic_load(&s->acks_count) > acks) {
            return false;
        }
    }
    violation("%s: the writer does not go on; last it was told: %s", f->name, s->stop_text);
}

/* What the writer was told must be what the fault can do. */
static void check_answer(const shared *s, const fault *f, const device *d, int ended)
{
    firn_status status = atomic_load(&s->stop_status);
    bool opened = atomic_load(&s->phase) != PHASE_OPENING;
    /* Not poisoned: what an append needs before anything is given to it could not be made or read. */
    bool right =
        status == FIRN_OK || status == FIRN_EIO || status == FIRN_ENOSPC || (status == FIRN_EPOISONED && opened);

    if (WIFSIGNALED(ended) && !(WTERMSIG(ended) == SIGBUS && fault_ends_mapping(f, d))) {
        violation("%s: the writer ended by signal %d", f->name, WTERMSIG(ended));
    }
    if (f->harmless) {
        right = status == FIRN_OK;
    } else if (!opened || atomic_load(&s->phase) == PHASE_CLOSING) {
        right = right || status == FIRN_EACCES;
    }
    if (!right) {
        violation("%s: %s when %s: %s", f->name, firn_status_name(status), opened ? "writing or closing" : "opening",
                  s->stop_text);
    }
}

static void count(const shared *s, tally *t, int ended, bool went_on)
{
    t->faults++;
    t->refused += atomic_load(&s->refused);
    if (WIFSIGNALED(ended)) {
        t->faulted++;
    } else if (atomic_load(&s->stop_status) == FIRN_EPOISONED) {
        t->poisoned++;
    } else if (atomic_load(&s->stopped) > 0) {
        t->failed++;
    } else if (went_on || atomic_load(&s->refused) > 0) {
        t->resumed++;
    } else {
        t->unmoved++;
    }
}

/* The fault, from the moment it is put in to the end of the writer. */
static void hurt(stage *st, shared *s, const fault *f, tally *t)
{
    history *h = &st->history;
    bool ended = false, went_on = false;
    int status = 0;

    atomic_store(&s->cutting, true);
    f->put(st);
    if (f->brief) {
        sleep_us(dice_roll(&h->dice, BRIEF_US));
    } else {
        ended = wait_for_end(st, (unsigned)dice_roll(&h->dice, HURT_US) / STEP_US, &status);
    }
    if (f->lift != NULL) {
        f->lift(st);
    }
    if (!ended && f->harmless) {
        ended = wait_for_progress(st, s, f, &status);
        went_on = !ended;
    } else if (!ended) {
        ended = wait_for_end(st, (unsigned)dice_roll(&h->dice, LIFE_US) / STEP_US, &status);
    }
    if (!ended && atomic_load(&s->stopped) > 0 && !wait_for_end(st, END_WAITS_MAX, &status)) {
        violation("%s: the writer was told %s, and does not end", f->name, s->stop_text);
    }
    if (st->writer != 0) {
        (void)process_kill(st->writer);
        st->writer = 0;
    }
    check_answer(s, f, &st->device, status);
    count(s, t, status, went_on);
}

static void run_round(stage *st, shared *s, tally *t, const fault *f, uint32_t round)
{
    history *h = &st->history;
    bool ends = dice_chance(&h->dice, 3);
    writer w = history_writer(h, round, ends ? dice_roll(&h->dice, BATCHES_TO_CLOSE) : UINT64_MAX);
    reader r = {.shared = s, .url = h->url, .options = h->options, .follows = dice_chance(&h->dice, 2)};
    size_t acks_before;
    int reading = 0;

    r.options.mode = FIRN_OPEN_READ;
    w.withstands = true;
    w.waits_for_room = f->lift != NULL;
    st->writer = process_start(writer_run, &w);
    if (dice_chance(&h->dice, 2)) {
        reading = process_start(reader_run, &r);
    }
    if (f->hides || !dice_chance(&h->dice, 4)) {
        wait_open(s);
    }
    for (unsigned i = 0; f->hides && atomic_load(&s->phase) == PHASE_OPENING; i++) {
        if (i == END_WAITS_MAX) {
            violation("the writer does not open the ledger");
        }
        sleep_us(STEP_US);
    }
    sleep_us(dice_roll(&h->dice, dice_chance(&h->dice, 3) ? LIFE_US / 10 : LIFE_US));
    acks_before = atomic_load(&s->acks_count);
    hurt(st, s, f, t);
    if (reading != 0) {
        (void)process_kill(reading);
    }
    if (f->clear != NULL) {
        f->clear(st);
    }
    if (!f->harmless) {
        /* ext4 lets an fdatasync succeed of which the last act, making blocks readable, fails with its journal. The log
           does not rest on that, since its blocks were made readable before; the index does. */
        history_doubt_index(h);
    }
    history_note(h, round, acks_before);
    if (f->after == AFTER_REPLACE) {
        device_replace(&st->device);
    } else if (f->after == AFTER_AGAIN) {
        device_again(&st->device);
    }
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned rounds, shared *s, tally *t)
{
    device_kind kind = (device_kind)(seed % DEVICE_KINDS);
    const char *file_system = c->file_system != NULL ? c->file_system : seed / DEVICE_KINDS % 2 == 0 ? "ext4" : "xfs";
    bool portable = c->portable || seed / DEVICE_KINDS / 2 % 2 == 1;
    stage st = {0};

    if (fault_of(kind, c->only, 0) == NULL) {
        return;
    }
    device_make(&st.device, kind, file_system, place.folder);
    history_init(&st.history, s, t, seed, st.device.mount, portable ? FIRN_IO_PORTABLE : FIRN_IO_AUTO);
    for (uint32_t round = 1; round <= rounds; round++) {
        const fault *f = fault_of(kind, c->only, round - 1 + seed);

        place.round = round;
        run_round(&st, s, t, f, round);
        if (dice_chance(&st.history.dice, 6)) {
            history_forget_index(&st.history);
        }
        if (round == rounds || !history_may_wait(&st.history) || !dice_chance(&st.history.dice, 4)) {
            history_judge(&st.history);
        }
    }
    history_done(&st.history);
    device_drop(&st.device);
}

int main(int argc, char **argv)
{
    campaign c = {.program = "fault",
                  .count = ROUNDS_OF_LEDGER * 8,
                  .counted = "rounds",
                  .at_once = ROUNDS_OF_LEDGER,
                  .lanes = 4,
                  .ledger_seconds = LEDGER_SECONDS};

    return device_campaign(&c, argc, argv, run_ledger);
}
