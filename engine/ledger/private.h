/* SPDX-License-Identifier: Apache-2.0 */
/* private.h — what the files of engine/ledger share: the whole of an open ledger, and replay. */
#ifndef FRN_LEDGER_PRIVATE_H
#define FRN_LEDGER_PRIVATE_H

#include "engine/index/lmdb.h"
#include "engine/intake/core.h"
#include "engine/intake/driver.h"
#include "engine/ledger/merger.h"
#include "engine/ledger/ledger.h"
#include "engine/ledger/mem.h"
#include "engine/ledger/url.h"

/** What firn_open() made for a ledger to stand on; of the process's heap. */
typedef struct frn_ground {
    frn_heap heap;
    frn_io *io;
    frn_mem_disk *disk; /**< NULL: a folder. */
    char *index_folder; /**< Where the index of a folder is kept; NULL: a disk in memory. */
} frn_ground;

/** Heap and I/O for a URL. create: make folder or disk if missing. Statuses: see firn_open(). */
firn_status frn_ground_open(const char *text, firn_io_path path, bool create, bool read_only, frn_trace trace,
                            frn_ground **out_ground, firn_error *err) FIRN_NODISCARD;
/** NULL is accepted. Nothing of the heap is in use any more. */
void frn_ground_close(frn_ground *ground);

enum {
    FRN_INDEX_NOTE_SIZE = sizeof ((firn_stats *)0)->index_note
};

/** An open ledger as engine/ledger sees it; a firn_ledger is its first member. Fixed while open. */
typedef struct frn_house {
    firn_ledger core;
    frn_io *io;
    frn_ground *ground; /**< NULL: the seam is somebody else's. */
    frn_driver driver;
    firn_options options;  /**< Read, defaults filled in. */
    char *index_folder;    /**< NULL: the index is in memory only. */
    bool index_asked;      /**< The index on disk was opened, or could not be. */
    atomic_bool index_on_disk; /**< core.index is one. */
    frn_index *index_damaged;  /**< Reading: what core.index was; views may still use it. following. */
    bool index_full;           /**< Opening: it takes no more on its way. */
    bool index_kept;           /**< Reading: what is damaged could not be replaced. following. */
    firn_error index_error; /**< Why it could not be opened; else status FIRN_OK. */
    char index_note[FRN_INDEX_NOTE_SIZE];  /**< For firn_stats. */
    frn_merger merger;     /**< Writing, and the index is on disk. */
    uint64_t replayed_records;
    uint64_t replay_ns;
    frn_mutex following; /**< Held while rows are applied that another process wrote; guards what follows, and the
                              write side of the index. */
    uint64_t rows_seq;   /**< The last record that was applied. */
    uint64_t renew_at;   /**< Reading: when it is reached, the index on disk is looked at again. */
    firn_error damage;   /**< Why rows_seq_max was lowered; else status FIRN_OK. */
} frn_house;

static inline frn_house *frn_house_of(firn_ledger *ledger)
{
    return (frn_house *)(void *)ledger;
}

/** Reading: takes in what became durable since. See firn_wait() for statuses. Any thread. */
firn_status frn_ledger_follow(firn_ledger *ledger, firn_error *err) FIRN_NODISCARD;

/** Opens the index on disk as soon as the ledger's id is known: a frn_log_witness_fn whose arg is a frn_house. */
void frn_rows_witness(void *arg, const uint8_t *ledger_id, uint64_t *out_seq, uint64_t *out_incarnation);
/** The log is open: makes the index hold the rows of all that is durable. See firn_open() for statuses. */
firn_status frn_rows_build(frn_house *house, firn_error *err) FIRN_NODISCARD;

/** Reading: puts rows in memory in the place of an index that turned out damaged, if there is room. With following. */
void frn_rows_heal(frn_house *house);

/** Which store owns which block of kinds. */
extern const frn_apply_table frn_stores;

enum {
    FRN_STORES = 4 /**< That have rows, the ledger itself included. */
};
/** By the first of each store's tables, ascending: in which version it lays out its rows. */
extern const frn_index_store frn_stores_rows[FRN_STORES];

enum {
    FRN_STORES_UNREAD = 2
};
/** Tables that no apply reads: what is decided by their rows is decided before. */
extern const frn_table frn_stores_unread[FRN_STORES_UNREAD];

/** Rows from records, batch by batch. */
typedef struct frn_replay {
    frn_index *index;
    frn_digests *digests; /**< For the stores that hash. */
    frn_log_hint from;    /**< Where the first record of a run may stand. */
    frn_apply apply;
    bool open; /**< A batch was begun and not finished. */
    uint64_t records;
    uint64_t batches;
    uint64_t bytes; /**< Of records, headers included. */
    uint64_t last_seq;
    firn_status (*between)(void *arg, firn_error *err); /**< Called between batches, every few thousand records; not
                                                             FIRN_OK ends the run, FIRN_END well. NULL: nobody. */
    void *between_arg;
    uint64_t between_at; /**< When as many records were replayed it is called again. */
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
