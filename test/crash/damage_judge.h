/* SPDX-License-Identifier: Apache-2.0 */
/* damage_judge.h — what a damaged ledger says to each operation, and whether it may say that. */
#ifndef TEST_CRASH_DAMAGE_JUDGE_H
#define TEST_CRASH_DAMAGE_JUDGE_H

#include "test/crash/damage_world.h"

/** What reading and verifying came to. Nothing wrong was returned, or the program had ended. */
typedef struct outcome {
    firn_status open;  /**< For reading. */
    firn_status scan;  /**< FIRN_END, or the error; FIRN_OK if nothing was scanned. */
    uint64_t records;  /**< Records scanned. */
    firn_error damage; /**< What opening, stat or the scan said; status FIRN_OK: nothing. */
    firn_status verify;
    firn_report report;
    firn_error finding; /**< The first. */
    firn_error note;    /**< The first. */
} outcome;

/** Opens for reading, with rows built in memory, and scans. */
void damage_read(const damage_world *w, disk *d, outcome *out);
/** Verifies. */
void damage_verify(const damage_world *w, disk *d, outcome *out);
/** Opens for reading with the index as it is, asks everything, gets every record, replays. */
void damage_query(const damage_world *w, disk *d, outcome *out);
/** Opens for writing; if that is allowed all is there, and appending, closing and opening again works. Changes d.
    least: the last record that must be there; told: a log that ends earlier than it was written is told as a cut.
    Returns what opening came to. */
firn_status damage_write(const damage_world *w, disk *d, bool warm, uint64_t least, bool told);

/** All records are there. */
bool damage_is_complete(const damage_world *w, const outcome *out);
/** Somebody says that something is wrong; a note is not enough. */
bool damage_is_said(const outcome *out);
/** One byte of the part, at an offset of its file, is another one than it was: what had to be said was said. */
void damage_expect(const damage_world *w, const part *p, uint64_t offset, const outcome *out);

#endif
