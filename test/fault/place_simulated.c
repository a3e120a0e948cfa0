/* SPDX-License-Identifier: Apache-2.0 */
/* place_simulated.c — ledgers on the simulated disk: every allocation of the heap and every operation can fail. */
#include "test/fault/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "test/disk/disk.h"

enum {
    CLOSE_IN = 2 /* Every so many points all is looked at. */
};

#define WALL_NS INT64_C(1700000000000000000)

const char *const place_name = "simulated";
const unsigned place_for_ever_in = 1;
const fault_kind place_kinds[] = {FAULT_HEAP, FAULT_DISK, FAULT_NONE};
const fault_kind place_kinds_long[] = {FAULT_HEAP, FAULT_DISK, FAULT_NONE};

static uint64_t run_seed = 1;
static disk *now, *kept[3], *marked;

bool place_begin(const char *folder, bool ring)
{
    (void)folder;
    kept[PLACE_EMPTY] = disk_new(1);
    disk_controls_of(kept[PLACE_EMPTY])->wall_ns = WALL_NS;
    now = disk_new(1);
    return !ring;
}

void place_choose(fault_kind kind)
{
    (void)kind;
}

void place_seed(uint64_t seed)
{
    run_seed = seed;
}

void place_end(void)
{
    for (unsigned i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        disk_free(kept[i]);
        kept[i] = NULL;
    }
    disk_free(now);
    disk_free(marked);
    now = marked = NULL;
    image_pool_free();
}

void place_restore(place_what what)
{
    disk_free(now);
    disk_free(marked);
    marked = NULL;
    now = disk_copy(kept[what]);
    *disk_dice(now) = dice_of(run_seed);
}

void place_keep(place_what what)
{
    disk_free(kept[what]);
    kept[what] = disk_copy(now);
}

void place_mark(void)
{
    disk_cut_plan plan = {.how = DISK_CUT_NONE, .seed = 1};

    marked = disk_cut(now, &plan);
}

bool place_cut(void)
{
    disk_free(now);
    now = marked;
    marked = NULL;
    return true;
}

const char *place_url(void)
{
    return NULL;
}

firn_status place_open(place_seat *seat, frn_heap *heap, const firn_options *options, bool by_name,
                       firn_ledger **out_ledger, firn_error *err)
{
    frn_ledger_seam seam = {.heap = heap, .threads = false};
    firn_status status = disk_open_io_in(now, heap, &seat->io, err);

    (void)by_name;
    if (status != FIRN_OK) {
        seat->io = NULL;
        return status;
    }
    seam.io = seat->io;
    return frn_ledger_open_on(&seam, options, out_ledger, err);
}

void place_leave(place_seat *seat)
{
    if (seat->io != NULL) {
        seat->io->ops->close(seat->io);
    }
    *seat = (place_seat){0};
}

firn_status place_verify(frn_heap *heap, firn_report *out_report, firn_error *err)
{
    place_seat seat = {0};
    firn_status status = disk_open_io_in(now, heap, &seat.io, err);

    if (status == FIRN_OK) {
        status = frn_ledger_verify_on(&(frn_ledger_seam){.heap = heap, .io = seat.io}, NULL, out_report, err);
        place_leave(&seat);
    }
    return status;
}

void place_arm(const fault *f, frn_heap *heap)
{
    disk_controls *controls = disk_controls_of(now);

    if (f->kind == FAULT_HEAP) {
        heap->fail_for_ever = f->for_ever;
        atomic_store(&heap->fail_at, (int64_t)f->at);
    } else if (f->kind == FAULT_DISK) {
        controls->fail_at = f->at;
        controls->fail_errno = f->os_errno;
        controls->fail_for_ever = f->for_ever;
        controls->fail_short = f->is_short;
    }
}

bool place_came(const fault *f, const frn_heap *heap)
{
    if (f->kind == FAULT_HEAP) {
        return atomic_load(&heap->fail_at) <= (f->for_ever ? 1 : 0);
    }
    return disk_counts_of(now)->failed > 0;
}

void place_disarm(frn_heap *heap)
{
    atomic_store(&heap->fail_at, 0);
    disk_controls_of(now)->fail_at = 0;
}

const char *place_failed(void)
{
    return disk_counts_of(now)->failed > 0 ? disk_op_name(disk_counts_of(now)->failed_op) : "-";
}

bool place_looks_closely(const fault *f)
{
    return f->at % CLOSE_IN == 0;
}

const char *place_complaint(void)
{
    static char text[200];
    const disk_counts *counts = disk_counts_of(now);

    if (disk_handles(now) != 0) {
        (void)snprintf(text, sizeof text, "%u handles are left", disk_handles(now));
    } else if (counts->misuses != 0) {
        (void)snprintf(text, sizeof text, "the seam was misused: %s", counts->misuse);
    } else if (counts->syncs_after_failure != 0 || counts->writes_after_failure != 0) {
        (void)snprintf(
            text, sizeof text, "%llu syncs of a file whose sync had failed, %llu operations queued after a failure",
            (unsigned long long)counts->syncs_after_failure, (unsigned long long)counts->writes_after_failure);
    } else {
        return NULL;
    }
    return text;
}
