/* SPDX-License-Identifier: Apache-2.0 */
/* place.c — a ledger where a setting wants it: in memory, in a folder, or on a simulated disk. */
#include "test/differ/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/ledger/ledger.h"
#include "engine/ledger/private.h"
#include "test/api/api.h"
#include "test/crash/index_disk.h"

static int64_t place_clock(void *arg)
{
    return atomic_load(&((place *)arg)->clock_ns);
}

static firn_options options_of(place *p, firn_open_mode mode)
{
    firn_options options = p->with->options;

    options.mode = mode;
    options.clock = place_clock;
    options.clock_arg = p;
    if (mode == FIRN_OPEN_READ) {
        options.replay_records_max = 0; /* There it would be a limit to what is read. */
    }
    options.index_anew = p->with->anew && mode == FIRN_OPEN_WRITE;
    return options;
}

static firn_status open_bare(place *p, const firn_options *options, firn_error *err)
{
    firn_status status = frn_ground_open(p->url, options->io_path, true, false, (frn_trace){0}, &p->ground, err);

    if (status == FIRN_OK) {
        frn_ledger_seam seam = {.heap = &p->ground->heap, .io = p->ground->io, .threads = true};

        status = frn_ledger_open_on(&seam, options, &p->ledger, err);
        if (status != FIRN_OK) {
            frn_ground_close(p->ground);
            p->ground = NULL;
        }
    }
    return status;
}

static firn_status open_simulated(place *p, const firn_options *options, firn_error *err)
{
    frn_index_place index = index_disk_place(p->d);
    frn_ledger_seam seam = {.heap = &p->heap, .index_place = &index};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_status status;

    p->io = seam.io = disk_open_io(p->d);
    do {
        status = frn_ledger_open_on(&seam, options, &p->ledger, err);
    } while (status == FIRN_EBUSY && disk_land(p->d));
    if (status == FIRN_OK) {
        status = firn_stat(p->ledger, &stats, err);
    }
    if (status == FIRN_OK) {
        index_disk_opened(p->d, stats.incarnation, stats.durable_seq);
    }
    return status;
}

static void open_as(place *p, firn_open_mode mode)
{
    firn_options options = options_of(p, mode);
    firn_status status;
    firn_error err;

    do {
        status = p->with->place == PLACE_SIMULATED ? open_simulated(p, &options, &err)
                 : p->with->place == PLACE_BARE    ? open_bare(p, &options, &err)
                                                   : firn_open(p->url, &options, &p->ledger, &err);
    } while (status == FIRN_EBUSY && usleep(1000) == 0);
    OK(err, status);
}

/* A second handle: who follows, and what keeps a disk in memory where its ledger is closed. */
static void open_reader(place *p)
{
    firn_options options = options_of(p, FIRN_OPEN_READ);
    firn_error err;

    if (p->with->followed || p->with->place == PLACE_MEMORY) {
        OK(err, firn_open(p->url, &options, &p->reader, &err));
    }
}

void place_make(place *p, const setting *with, const char *parent, uint64_t seed)
{
    static unsigned serial;

    *p = (place){.with = with};
    frn_heap_init(&p->heap);
    if (with->place == PLACE_SIMULATED) {
        p->d = disk_new(seed);
        index_disk_add(p->d, true);
    } else if (with->place == PLACE_MEMORY) {
        (void)snprintf(p->url, sizeof p->url, "mem:differ-%u", serial++);
    } else {
        (void)snprintf(p->folder, sizeof p->folder, "%s/differ-XXXXXX", parent);
        assert_non_null(mkdtemp(p->folder));
        memcpy(p->url, p->folder, sizeof p->url);
    }
    open_as(p, FIRN_OPEN_NEW);
    open_reader(p);
}

void place_open(place *p)
{
    open_as(p, FIRN_OPEN_WRITE);
}

void place_close(place *p)
{
    firn_error err;

    OK(err, firn_close(p->ledger, &err));
    p->ledger = NULL;
    frn_ground_close(p->ground);
    p->ground = NULL;
    if (p->io != NULL) {
        p->io->ops->close(p->io);
        p->io = NULL;
    }
}

void place_crash(place *p, dice *d)
{
    disk_cut_plan plan = {.how = DISK_CUT_RANDOM, .rest = DISK_REST_GARBAGE, .seed = dice_next(d)};
    disk *next =
        p->with->stop == STOP_CUT ? disk_cut(p->d, &plan) : disk_die(p->d, (disk_late)dice_roll(d, 3), dice_next(d));

    frn_ledger_abandon(p->ledger);
    p->ledger = NULL;
    p->io->ops->close(p->io);
    p->io = NULL;
    disk_free(p->d);
    p->d = next;
}

void place_done(place *p)
{
    firn_error err;

    if (p->ledger != NULL) {
        place_close(p);
    }
    OK(err, firn_close(p->reader, &err));
    if (p->d != NULL) {
        disk_free(p->d);
    }
    if (p->folder[0] != '\0') {
        api_remove_folder(p->folder);
    }
}

void place_verify(place *p, firn_report *out_report)
{
    frn_ledger_seam seam = {.heap = &p->heap};
    firn_status status;
    firn_error err;

    if (p->with->place == PLACE_SIMULATED) {
        seam.io = disk_open_io(p->d);
        status = frn_ledger_verify_on(&seam, NULL, out_report, &err);
        seam.io->ops->close(seam.io);
    } else {
        status = firn_verify(p->url, NULL, out_report, &err);
    }
    if (status != FIRN_ECORRUPT) {
        OK(err, status);
    }
}

void place_progress(place *p)
{
    firn_status status;
    firn_error err;

    if (p->with->place == PLACE_SIMULATED) {
        (void)frn_ledger_step_make(p->ledger);
        (void)frn_ledger_step_drive(p->ledger);
        (void)frn_ledger_step_merge(p->ledger);
    } else {
        status = firn_poll(p->ledger, 0, NULL, &err);
        assert_true(status == FIRN_OK || status == FIRN_TIMEOUT);
        (void)usleep(50);
    }
}
