/* SPDX-License-Identifier: Apache-2.0 */
/* damage_rig.h — a small log that is known to the last byte, and what reading it comes to when it is damaged. */
#ifndef TEST_CRASH_DAMAGE_RIG_H
#define TEST_CRASH_DAMAGE_RIG_H

#include "engine/base/heap.h"
#include "engine/ledger/ledger.h"
#include "firn.h"
#include "test/disk/disk.h"

enum {
    PAGE = 4096,
    SECTOR = IMAGE_SECTOR,
    SEGMENT = 65536,
    RECORDS_MAX = 16,
    LARGE = 40000
};

/** The files of the log's segments: sealed, and active. */
extern const char *const segments[2];
/** What the last call that failed said. */
extern firn_error err;

/** A record as it was written. */
typedef struct written {
    uint32_t kind;
    size_t size;
    uint8_t *payload;
} written;

/** A log on a disk, what was written to it, and the ledger while it is open. */
typedef struct rig {
    disk *d;
    frn_heap heap;
    frn_io *io;
    firn_ledger *ledger;
    written records[RECORDS_MAX];
    unsigned count;
} rig;

/** What reading a log came to. */
typedef struct outcome {
    firn_status open;
    firn_status scan; /* FIRN_END, or the error. */
    firn_status verify;
    bool damage_known; /* Opening for reading says so in stat. */
    unsigned records;
} outcome;

/** Seven records: five in a segment that gets sealed, the fourth of them large; then two in the next one. */
rig rig_write(bool cleanly);
void rig_drop(rig *r);

/** Open the ledger on d, which is r's or another. */
firn_status rig_open(rig *r, disk *d, firn_open_mode mode);
/** Close it, or leave it as a dying process does. Nothing may be left in the heap. */
void rig_leave(rig *r, bool cleanly);
void rig_append(rig *r, const char *stream, uint32_t kind, size_t size);

/** Scan the open ledger; every record that is returned must be the one that was written there. */
void rig_read_back(rig *r, outcome *out, const char *what);
/** Open for reading, scan, verify. */
outcome rig_judge(rig *r, disk *d, const char *what);
/** Whether anybody said that something is wrong. */
bool outcome_noticed(const outcome *out);
/** Whether all of the data came back. */
bool outcome_complete(const rig *r, const outcome *out);
/** Fails the test if nobody noticed. */
void rig_must_notice(const outcome *out, const char *what);

#endif
