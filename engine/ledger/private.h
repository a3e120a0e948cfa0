/* SPDX-License-Identifier: Apache-2.0 */
/* private.h — what the files of engine/ledger share: the whole of an open ledger, and replay. */
#ifndef FRN_LEDGER_PRIVATE_H
#define FRN_LEDGER_PRIVATE_H

#include "engine/intake/core.h"
#include "engine/intake/driver.h"
#include "engine/ledger/ledger.h"
#include "engine/ledger/mem.h"
#include "engine/ledger/url.h"

/** What firn_open() made for a ledger to stand on; of the process's heap. */
typedef struct frn_ground {
    frn_heap heap;
    frn_io *io;
    frn_mem_disk *disk; /**< NULL: a folder. */
} frn_ground;

/** Heap and I/O for a URL. create: make folder or disk if missing. Statuses: see firn_open(). */
firn_status frn_ground_open(const char *text, firn_io_path path, bool create, bool read_only, frn_trace trace,
                            frn_ground **out_ground, firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. Nothing of the heap is in use any more. */
void frn_ground_close(frn_ground *ground);

/** An open ledger as engine/ledger sees it; a firn_ledger is its first member. Fixed while open. */
typedef struct frn_house {
    firn_ledger core;
    frn_io *io;
    frn_ground *ground; /**< NULL: the seam is somebody else's. */
    frn_driver driver;
    uint64_t replayed_records;
    uint64_t replay_ns;
    firn_error damage; /**< Why rows_seq_max was lowered; else status FIRN_OK. */
} frn_house;

static inline frn_house *frn_house_of(firn_ledger *ledger)
{
    return (frn_house *)(void *)ledger;
}

/** Which store owns which block of kinds. */
extern const frn_apply_table frn_stores;

/** Rows from records, batch by batch. */
typedef struct frn_replay {
    frn_index *index;
    frn_digests *digests; /**< For the stores that hash. */
    frn_apply apply;
    bool open; /**< A batch was begun and not finished. */
    uint64_t records;
    uint64_t batches;
    uint64_t bytes; /**< Of records, headers included. */
    uint64_t last_seq;
} frn_replay;

/** Applies the next record of the log; a frn_log_apply_fn whose arg is a frn_replay. */
firn_status frn_replay_record(void *arg, const frn_log_record *record, firn_error *err) FIRN_NODISCARD;
/** Takes back a batch of which only a part came. */
void frn_replay_abort(frn_replay *replay);

/** How far a replay has come, for who asked to know. */
typedef struct frn_replay_told {
    firn_progress_fn fn; /**< May be NULL. */
    void *arg;
    uint64_t bytes_total;
} frn_replay_told;

/** Applies the records from first_seq to last_seq, which is durable. FIRN_ESTATE: told said to stop. */
firn_status frn_replay_run(frn_replay *replay, frn_log *log, uint64_t first_seq, uint64_t last_seq,
                           const frn_replay_told *told, firn_error *err) FIRN_NODISCARD;

/** SHA-256 over all rows that a view sees, and their number. */
firn_status frn_rows_digest(frn_heap *heap, frn_index_view *view, uint8_t out_digest[FIRN_DIGEST_SIZE],
                            uint64_t *out_rows, firn_error *err) FIRN_NODISCARD;

/** Copies as much of a report as the caller's version knows. */
void frn_report_write(firn_report *out_report, const firn_report *own);
firn_status frn_report_check(const firn_report *report, firn_error *err) FIRN_NODISCARD;

#endif
