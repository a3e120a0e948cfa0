/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full.c — a full disk at every point of a ledger's life: it is found before anything is taken, and costs nothing.
 *
 *   full [--points N] and the options of campaign.h
 *
 * A process takes a ledger through its life: create, append over several segments and merges, put content in chunks, be
 * closed, verified, read, opened and written again, be left without closing, recovered, and have its index built anew.
 * There is room for some pages only. The step that finds none must say FIRN_ENOSPC; then there is room, the step is
 * made again on the same handle and must succeed; then the room is taken again but for a few pages, so that the next
 * step meets a full disk as well. Point by point the first one lies a page later.
 *
 * It passes if no other error is seen, no signal, nothing of a refused step is there, and everything else is, in order,
 * to the last byte; if verifying and reading never mind; and if the rows are those of a replay. Ledger number n of a
 * campaign has file system and backend number n % 6, and every 64th point, another set of them with each six.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/kernel/device.h"
#include "test/kill/campaign.h"
#include "test/kill/folder.h"
#include "test/kill/image.h"
#include "test/kill/plan.h"
#include "test/kill/writer.h"

enum {
    POINTS_OF_LEDGER = 8,
    STRIDE = 64,    /* So 512 points, 2 MiB: more than the ledger ever has. */
    KEEP_PAGES = 6, /* What is left when the room is taken again: less than that many. */
    PAGE = 4096,
    SEED_FIRST = 1,
    FILE_SYSTEMS = 3,
    BATCHES_FIRST = 40,
    BATCHES_MORE = 10,
    CONTENT_SIZE = 150000,
    REFUSALS_MAX = 3, /* Of one step in a row, with all room there is. */
    LEDGER_SECONDS = 120
};

/* What the processes of one point share with the one that watches them. */
typedef struct life {
    shared *shared;
    const char *mount;
    char url[640];
    firn_options options;
    uint64_t seed;
    dice dice;
    bool full;           /* The filler is there. */
    firn_ledger *ledger; /* Of this process. */
} life;

static void make_room(life *l)
{
    if (l->full) {
        device_make_room(l->mount);
        l->full = false;
    }
}

static void take_room(life *l, uint64_t keep)
{
    make_room(l);
    device_fill(l->mount, keep);
    l->full = true;
}

/* Whether a step is to be made again: there was no room for it, now there is. Anything else than that is wrong. */
static bool refused(life *l, const char *step, firn_status status, const firn_error *err, unsigned *refusals)
{
    if (status == FIRN_OK) {
        if (!l->full) {
            take_room(l, dice_roll(&l->dice, KEEP_PAGES) * PAGE);
        }
        return false;
    }
    if (status != FIRN_ENOSPC || ++*refusals > REFUSALS_MAX) {
        shared_trouble(l->shared, "%s: %s: %s", step, firn_status_name(status), err->text);
    }
    atomic_fetch_add(&l->shared->refused, 1);
    make_room(l);
    return true;
}

static void open_ledger(life *l, const char *step)
{
    unsigned refusals = 0;
    firn_status status;
    firn_error err;

    do {
        status = open_patiently(l->url, &l->options, &l->ledger, &err);
    } while (refused(l, step, status, &err, &refusals));
}

/* A close may say that it had no room for a clean mark; the handle is gone either way. */
static void close_ledger(life *l, const char *step)
{
    firn_error err;
    firn_status status = firn_close(l->ledger, &err);

    l->ledger = NULL;
    if (status != FIRN_OK && status != FIRN_ENOSPC) {
        shared_trouble(l->shared, "%s: %s: %s", step, firn_status_name(status), err.text);
    }
}

/* Batch by batch; each says that it stands right behind the one before, so a refusal took nothing. */
static void append(life *l, unsigned batches)
{
    firn_batch *batch = NULL;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_receipt receipt;
    firn_error err;

    if (firn_batch_new(l->ledger, &batch, &err) != FIRN_OK) {
        shared_trouble(l->shared, "batch: %s", err.text);
    }
    for (unsigned i = 0; i < batches; i++) {
        plan p = plan_of(l->seed, (plan_id){.round = 1, .number = atomic_load(&l->shared->submitted[0])});
        unsigned refusals = 0;
        firn_status status;

        if (firn_stat(l->ledger, &stats, &err) != FIRN_OK) {
            shared_trouble(l->shared, "stat: %s", err.text);
        }
        do {
            status = plan_collect(&p, batch, &err);
            status = status == FIRN_OK ? firn_batch_commit(batch, &receipt, &err) : status;
        } while (refused(l, "append", status, &err, &refusals));
        if (receipt.first_seq != stats.allocated_seq + 1 || receipt.count != p.records) {
            shared_trouble(l->shared, "batch %llu at seq %llu behind %llu", (unsigned long long)p.id.number,
                           (unsigned long long)receipt.first_seq, (unsigned long long)stats.allocated_seq);
        }
        atomic_fetch_add(&l->shared->submitted[0], 1);
        atomic_fetch_add(&l->shared->acks_count, 1);
    }
    firn_batch_free(batch);
}

static void put_content(life *l)
{
    static uint8_t bytes[CONTENT_SIZE];
    unsigned refusals = 0;
    firn_status status;
    firn_error err;

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + l->seed);
    }
    do {
        status = firn_content_put(l->ledger, (firn_slice){.data = bytes, .size = sizeof bytes}, NULL, NULL, &err);
    } while (refused(l, "put content", status, &err, &refusals));
}

/* What must not mind a full disk. */
static void look(life *l)
{
    firn_report report = {.struct_size = sizeof report};
    firn_options options = l->options;
    firn_ledger *ledger = NULL;
    firn_error err;

    if (firn_verify(l->url, NULL, &report, &err) != FIRN_OK) {
        shared_trouble(l->shared, "verify on a full disk: %s", err.text);
    }
    options.mode = FIRN_OPEN_READ;
    options.replay_records_max = 0;
    if (firn_open(l->url, &options, &ledger, &err) != FIRN_OK || firn_replay(ledger, NULL, &report, &err) != FIRN_OK ||
        firn_close(ledger, &err) != FIRN_OK) {
        shared_trouble(l->shared, "reading on a full disk: %s: %s", firn_status_name(err.status), err.text);
    }
}

/* The first half ends without closing. */
static void first_half(void *arg)
{
    life *l = arg;

    l->options.mode = FIRN_OPEN_CREATE;
    open_ledger(l, "create");
    append(l, BATCHES_FIRST);
    put_content(l);
    close_ledger(l, "close");
    look(l);
    open_ledger(l, "open");
    append(l, BATCHES_MORE);
    _exit(0);
}

static void second_half(void *arg)
{
    life *l = arg;

    l->options.mode = FIRN_OPEN_WRITE;
    take_room(l, dice_roll(&l->dice, KEEP_PAGES) * PAGE);
    open_ledger(l, "recover");
    append(l, BATCHES_MORE);
    close_ledger(l, "close");
    l->options.index_anew = 1;
    open_ledger(l, "build the index anew");
    append(l, 1);
    close_ledger(l, "close");
    look(l);
    make_room(l);
}

/* Every batch that was acknowledged is there, in order, and nothing else. */
static void judge(life *l, tally *t)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 1 << 18};
    firn_report report = {.struct_size = sizeof report};
    uint64_t batches = 0, records = 0;
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    plan p = {0};

    l->options.index_anew = 0;
    if (firn_open(l->url, &l->options, &l->ledger, &err) != FIRN_OK ||
        firn_replay(l->ledger, NULL, &report, &err) != FIRN_OK ||
        firn_scan_open(l->ledger, &options, &scan, &err) != FIRN_OK) {
        violation("with room again: %s", err.text);
    }
    while (firn_scan_next(scan, &record, &err) == FIRN_OK) {
        unsigned i = (unsigned)(record.seq - record.batch_first_seq);
        plan_id id;
        unsigned index;
        const char *differs;

        records++;
        if (i == 0 && !plan_read(record.payload, &id, &index)) {
            p.count = 0; /* Content, or the ledger's own. */
        } else if (i == 0) {
            p = plan_of(l->seed, (plan_id){.round = 1, .number = batches++});
        }
        differs = i < p.count ? plan_differs(&p, i, &record) : NULL;
        if (differs != NULL) {
            violation("record %llu: %s", (unsigned long long)record.seq, differs);
        }
    }
    firn_scan_close(scan);
    if (batches != atomic_load(&l->shared->acks_count)) {
        violation("%llu batches are there, %u were acknowledged", (unsigned long long)batches,
                  atomic_load(&l->shared->acks_count));
    }
    if (firn_close(l->ledger, &err) != FIRN_OK || firn_verify(l->url, NULL, &report, &err) != FIRN_OK) {
        violation("with room again: %s", err.text);
    }
    t->judged++;
    t->records += records;
}

static void run_half(life *l, void (*half)(void *arg), const char *name)
{
    int status = process_wait(process_start(half, l));
    struct stat filler;
    char path[700];

    if (atomic_load(&l->shared->troubled)) {
        violation("%s half: %s", name, l->shared->trouble);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        violation("%s half: status %x", name, (unsigned)status);
    }
    (void)snprintf(path, sizeof path, "%s/filler", l->mount);
    l->full = stat(path, &filler) == 0;
}

static void run_point(const char *mount, uint64_t seed, bool portable, uint64_t point, shared *s, tally *t)
{
    life l = {.shared = s, .mount = mount, .seed = seed, .dice = dice_of(seed ^ point << 32)};

    (void)snprintf(l.url, sizeof l.url, "%s/ledger", mount);
    l.options = (firn_options){.struct_size = sizeof l.options,
                               .io_path = portable ? FIRN_IO_PORTABLE : FIRN_IO_AUTO,
                               .segment_size = 65536,
                               .spare_segments = 1,
                               .group_size_max = 65536,
                               .content_chunk_size = 65536,
                               .replay_records_max = 128,
                               .index_map_size = UINT64_C(64) << 20};
    l.options.durable_method = 1 + (firn_durable_method)dice_roll(&l.dice, 3);
    shared_next_round(s);
    take_room(&l, point * PAGE);
    run_half(&l, first_half, "first");
    run_half(&l, second_half, "second");
    make_room(&l);
    judge(&l, t);
    folder_remove(l.url);
    t->rounds++;
    t->faults++;
    t->acknowledged += atomic_load(&s->acks_count);
    t->refused += atomic_load(&s->refused);
}

static void run_ledger(const campaign *c, uint64_t seed, unsigned points, shared *s, tally *t)
{
    static const char *const file_systems[FILE_SYSTEMS] = {"tmpfs", "ext4", "xfs"};
    uint64_t n = seed - SEED_FIRST;
    const char *file_system = file_systems[n % FILE_SYSTEMS];
    bool portable = n / FILE_SYSTEMS % 2 == 1;
    uint64_t first = n / FILE_SYSTEMS / 2 % STRIDE;
    device d = {.kind = DEVICE_PLAIN};

    if (c->only != NULL && strcmp(c->only, file_system) != 0) {
        return;
    }
    if (n % FILE_SYSTEMS == 0) {
        (void)snprintf(d.mount, sizeof d.mount, "%s/mount", place.folder);
        if ((mkdir(d.mount, 0700) != 0 && errno != EEXIST) || mount("full", d.mount, "tmpfs", 0, "size=16m") != 0) {
            violation("mount %s: %s", d.mount, strerror(errno));
        }
    } else {
        device_make(&d, DEVICE_PLAIN, file_system, place.folder);
    }
    for (unsigned i = 0; i < points; i++) {
        place.round = first + i * STRIDE;
        run_point(d.mount, seed, portable, place.round, s, t);
    }
    if (n % FILE_SYSTEMS == 0) {
        image_unmount(d.mount);
    } else {
        device_drop(&d);
    }
}

int main(int argc, char **argv)
{
    campaign c = {.program = "full",
                  .count = POINTS_OF_LEDGER * FILE_SYSTEMS * 2,
                  .counted = "points",
                  .at_once = POINTS_OF_LEDGER,
                  .lanes = 4,
                  .ledger_seconds = LEDGER_SECONDS,
                  .seed = SEED_FIRST};
    const char *reason;

    campaign_options(&c, argc, argv);
    reason = image_unavailable("xfs");
    if (reason != NULL) {
        return campaign_skip(reason);
    }
    return campaign_run(&c, run_ledger);
}
