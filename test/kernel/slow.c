/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow.c — a disk that stands still and goes on: it costs latency, and memory stays bounded.
 *
 *   slow [--stalls N] and the options of campaign.h
 *
 * The block server below the file system holds all requests. Meanwhile a thread submits without waiting, until it is
 * told FIRN_FULL; the memory of the process may not grow by more than what its options allow. Then the server goes on,
 * in little steps, and every call that was taken must be answered FIRN_OK, in the order of submission, and be there in
 * the end. 77 where nbdkit, root, loop devices or mkfs are missing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/disk/dice.h"
#include "test/kernel/device.h"
#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/plan.h"

enum {
    ROUNDS_OF_LEDGER = 4,
    BATCHES_BEFORE = 20,
    GROUP_SIZE = 65536,
    GROUPS = 4,
    GROWTH_MAX = 32 << 20, /* Groups take 320 KiB, 4,096 calls as many tickets, their rows some MiB. */
    OUTSTANDING_MAX = 4096,
    FULL_MIN = 200, /* FIRN_FULL in a row: it is not the moment between two groups. */
    STEPS = 8,
    STEP_US = 4000,
    WAIT_US = 200,
    ANSWER_SECONDS = 30,
    LEDGER_SECONDS = 120
};

/* What came of the calls that were taken. */
typedef struct answers {
    atomic_ullong good;
    atomic_ullong last_seq;
    atomic_bool wrong;
} answers;

static void on_answer(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    answers *a = arg;

    (void)err;
    if (status != FIRN_OK || receipt->first_seq <= atomic_load(&a->last_seq)) {
        atomic_store(&a->wrong, true);
        return;
    }
    atomic_store(&a->last_seq, receipt->first_seq);
    atomic_fetch_add(&a->good, 1);
}

static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    bool known = file != NULL && fscanf(file, "%llu %llu", &size, &resident) == 2;

    if (file != NULL) {
        (void)fclose(file);
    }
    if (!known) {
        violation("/proc/self/statm cannot be read");
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void must(firn_status status, const char *what, const firn_error *err)
{
    if (status != FIRN_OK) {
        violation("%s: %s: %s", what, firn_status_name(status), err->text);
    }
}

/* Everything durable, from the first to the last. */
static uint64_t read_all(firn_ledger *ledger)
{
    firn_scan_options options = {.struct_size = sizeof options};
    firn_scan *scan = NULL;
    firn_record record;
    firn_cursor position;
    uint64_t seq = 0;
    firn_error err;

    firn_position(ledger, &position);
    must(firn_scan_open(ledger, &options, &scan, &err), "scan", &err);
    while (firn_scan_next(scan, &record, &err) == FIRN_OK) {
        seq = record.seq;
    }
    firn_scan_close(scan);
    if (seq < position.seq) {
        violation("a scan ends at %llu of %llu", (unsigned long long)seq, (unsigned long long)position.seq);
    }
    return seq;
}

/* Submits until nothing more is taken. Returns how many were. */
static uint64_t submit_until_full(firn_ledger *ledger, uint64_t seed, uint64_t *number, answers *a)
{
    firn_submit_options options = {.struct_size = sizeof options, .done = on_answer, .arg = a};
    firn_batch *batch = NULL;
    unsigned full = 0;
    uint64_t taken = 0;
    firn_error err;

    must(firn_batch_new(ledger, &batch, &err), "batch", &err);
    while (full < FULL_MIN) {
        plan p = plan_of(seed, (plan_id){.round = 1, .number = *number});
        firn_status status;

        must(plan_collect(&p, batch, &err), "collect", &err);
        status = firn_batch_submit(batch, &options, NULL, &err);
        if (status == FIRN_FULL) {
            full++;
            sleep_us(WAIT_US);
            continue;
        }
        must(status, "submit", &err);
        full = 0;
        taken++;
        ++*number;
    }
    firn_batch_free(batch);
    return taken;
}

static void append_some(firn_ledger *ledger, uint64_t seed, uint64_t *number)
{
    firn_batch *batch = NULL;
    firn_error err;

    must(firn_batch_new(ledger, &batch, &err), "batch", &err);
    for (unsigned i = 0; i < BATCHES_BEFORE; i++, ++*number) {
        plan p = plan_of(seed, (plan_id){.round = 1, .number = *number});

        must(plan_collect(&p, batch, &err), "collect", &err);
        must(firn_batch_commit(batch, NULL, &err), "commit", &err);
    }
    firn_batch_free(batch);
}

static void run_round(firn_ledger *ledger, const device *d, uint64_t seed, uint64_t *number, tally *t)
{
    answers a = {0};
    uint64_t before = resident_bytes(), taken, grown;
    firn_error err;

    device_stall(d, true);
    taken = submit_until_full(ledger, seed, number, &a);
    grown = resident_bytes();
    for (unsigned i = 0; i < STEPS; i++) {
        device_stall(d, false);
        sleep_us(STEP_US / 8);
        device_stall(d, true);
        sleep_us(STEP_US);
    }
    device_stall(d, false);
    must(firn_sync(ledger, &err), "sync", &err);
    /* A callback may still run when a sync returns. */
    for (unsigned i = 0; i < ANSWER_SECONDS * 1000 && atomic_load(&a.good) < taken && !atomic_load(&a.wrong); i++) {
        sleep_us(1000);
    }
    if (atomic_load(&a.wrong) || atomic_load(&a.good) != taken) {
        violation("%llu of %llu calls were answered well", (unsigned long long)atomic_load(&a.good),
                  (unsigned long long)taken);
    }
    if (grown > before + GROWTH_MAX) {
        violation("%llu bytes more while the disk stood still", (unsigned long long)(grown - before));
    }
    t->rounds++;
    t->faults++;
    t->resumed++;
    t->acknowledged += taken;
    t->raced += taken;
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned rounds, shared *s, tally *t)
{
    bool xfs = seed % 2 == 1, portable = seed / 2 % 2 == 1;
    firn_options options = {.struct_size = sizeof options,
                            .mode = FIRN_OPEN_CREATE,
                            .io_path = portable ? FIRN_IO_PORTABLE : FIRN_IO_AUTO,
                            .durable_method = 1 + (firn_durable_method)(seed / 4 % 3),
                            .segment_size = UINT64_C(1) << 20,
                            .group_size_max = GROUP_SIZE,
                            .groups_in_flight_max = GROUPS,
                            .outstanding_max = OUTSTANDING_MAX,
                            .index_map_size = UINT64_C(256) << 20};
    firn_report report = {.struct_size = sizeof report};
    firn_ledger *ledger = NULL;
    uint64_t number = 0;
    char url[700];
    firn_error err;
    device d;

    (void)s;
    device_make(&d, DEVICE_SERVED, c->file_system != NULL ? c->file_system : xfs ? "xfs" : "ext4", place.folder);
    (void)snprintf(url, sizeof url, "%s/ledger", d.mount);
    must(firn_open(url, &options, &ledger, &err), "open", &err);
    append_some(ledger, seed, &number);
    for (unsigned i = 1; i <= rounds; i++) {
        place.round = i;
        run_round(ledger, &d, seed, &number, t);
        append_some(ledger, seed, &number);
    }
    t->acknowledged += (uint64_t)BATCHES_BEFORE * (rounds + 1);
    t->records += read_all(ledger);
    must(firn_replay(ledger, NULL, &report, &err), "replay", &err);
    must(firn_close(ledger, &err), "close", &err);
    device_again(&d);
    must(firn_verify(url, NULL, &report, &err), "verify", &err);
    t->judged++;
    device_drop(&d);
}

int main(int argc, char **argv)
{
    campaign c = {.program = "slow",
                  .count = (uint64_t)ROUNDS_OF_LEDGER * 2,
                  .counted = "stalls",
                  .at_once = ROUNDS_OF_LEDGER,
                  .lanes = 2,
                  .ledger_seconds = LEDGER_SECONDS};

    return device_campaign(&c, argc, argv, run_ledger);
}
