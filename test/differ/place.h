/* SPDX-License-Identifier: Apache-2.0 */
/* place.h — a ledger where a setting wants it: in memory, in a folder, or on a simulated disk. */
#ifndef TEST_DIFFER_PLACE_H
#define TEST_DIFFER_PLACE_H

#include <stdatomic.h>

#include "engine/base/heap.h"
#include "engine/io/io.h"
#include "test/differ/matrix.h"
#include "test/disk/disk.h"

struct frn_ground;

typedef struct place {
    const setting *with;
    char url[512];       /**< "": a simulated disk has none. */
    char folder[512];    /**< "": none. */
    firn_ledger *ledger; /**< NULL: closed. */
    firn_ledger *reader; /**< Opened beside it; also keeps a disk in memory. NULL: none. */
    struct frn_ground *ground;
    disk *d;
    frn_io *io;
    frn_heap heap;
    _Atomic int64_t clock_ns; /**< What the ledger's clock says. */
} place;

/** A new ledger, open for writing. parent: the folder in which folders are made. */
void place_make(place *p, const setting *with, const char *parent, uint64_t seed);
/** Closes all and removes it. */
void place_done(place *p);

void place_close(place *p);
/** For writing; waits until the writes of a dead process have landed. */
void place_open(place *p);
/** The simulated disk crashes; closed then. */
void place_crash(place *p, dice *d);

/** What firn_verify() says; it may have findings. Closed. */
void place_verify(place *p, firn_report *out_report);

/** A bit of background work where there are no threads, and a moment of rest where there are. */
void place_progress(place *p);

#endif
