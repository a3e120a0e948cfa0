/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h — the append-only log as the rest of the engine sees it: reserve and commit batches, wait until they are
 * durable, read records by seq. Nothing above knows about segments, groups, offsets or files.
 *
 * Locks (docs/concurrency.md): the tail lock orders everything that allocates; the reap lock, private to the log, is
 * held by the one thread that takes completions. Nobody waits while holding the tail lock.
 */
#ifndef FRN_LOG_LOG_H
#define FRN_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/heap.h"
#include "engine/base/trace.h"
#include "engine/io/io.h"
#include "firn/ledger.h"
#include "format/batch.h"

typedef struct frn_log frn_log;

/** Called whenever durable moved or the log was poisoned, by the thread that found it out, with no lock of the log
    held but the reap lock. May take the tail lock. durable: last durable seq; poisoned: errno or 0. */
typedef void (*frn_log_progress_fn)(void *arg, uint64_t durable, int poisoned);

/** What is known from elsewhere about how far a log was durable: *out_seq and the incarnation that owns it; seq 0:
    nothing. Called with the ledger's id, under the writer's lock if the log is opened for writing, before the log is
    judged; again for each look. It is believed if the log's history says that the incarnation owns the seq. */
typedef void (*frn_log_witness_fn)(void *arg, const uint8_t *ledger_id, uint64_t *out_seq, uint64_t *out_incarnation);

typedef struct frn_log_options {
    bool read_only;
    bool threads; /**< false: no background thread; frn_log_drive() and frn_log_step_make() do it all. */
    firn_durable_method durable_method;
    uint64_t segment_size; /**< Creation only. */
    uint32_t spare_segments;
    uint32_t groups_in_flight_max;
    uint32_t group_size_max;
    firn_clock_fn clock; /**< NULL: the seam's. */
    void *clock_arg;
    frn_trace trace;
    frn_log_progress_fn progress; /**< May be NULL. */
    void *progress_arg;
    frn_log_witness_fn witness; /**< May be NULL. */
    void *witness_arg;
} frn_log_options;

/** Whether there is a ledger in io's folder. FIRN_OK: *out_there says; any file of a ledger's counts. */
firn_status frn_log_exists(frn_io *io, bool *out_there, firn_error *err) FIRN_NODISCARD;

/** Make an empty log; the folder holds none. Durable when it returns; a crash in between leaves nothing that opens as a
    ledger other than an empty one, and frn_log_exists() true. */
firn_status frn_log_create(frn_heap *heap, frn_io *io, const frn_log_options *options, firn_error *err) FIRN_NODISCARD;

/**
 * Open: takes the lock (for writing), reads the manifest, recovers the tail. heap and io stay the caller's and must
 * outlive the log. Statuses: see firn_open(). Reading with damage: FIRN_OK, see frn_log_stat().
 */
firn_status frn_log_open(frn_heap *heap, frn_io *io, const frn_log_options *options, frn_log **out_log,
                         firn_error *err) FIRN_NODISCARD;

/** Waits for all writes, leaves the clean mark (unless poisoned), gives up the lock. The handle is gone in any case. */
firn_status frn_log_close(frn_log *log, firn_error *err);

/** Drops a log as a dying process would: nothing is written or waited for. Only without threads; what is in flight must
   be dropped by the seam. */
void frn_log_abandon(frn_log *log);

/* Positions. Any thread, no lock. */
uint64_t frn_log_durable(const frn_log *log);   /**< Last durable seq; 0 none. */
uint64_t frn_log_allocated(const frn_log *log); /**< Last seq given out. */
int frn_log_poisoned(const frn_log *log);       /**< errno, or 0. */
/** Of a poisoned log: what failed, and where. Returns FIRN_EPOISONED. */
firn_status frn_log_poison_why(const frn_log *log, firn_error *err);
const uint8_t *frn_log_id(const frn_log *log);  /**< FIRN_LEDGER_ID_SIZE bytes, until close. */
uint64_t frn_log_incarnation(frn_log *log);
/** The incarnation that owns seq. */
uint64_t frn_log_incarnation_of(frn_log *log, uint64_t seq);
/** FIRN_OK, or FIRN_ECONFLICT with detail CURSOR; an all-zero cursor is the beginning of any ledger. */
firn_status frn_log_cursor_check(frn_log *log, const firn_cursor *cursor, firn_error *err) FIRN_NODISCARD;

/**
 * Read only: find out what became durable since. One thread at a time; beside any readers.
 *
 * *out_durable: up to there records can be read with frn_log_reader_next(); frn_log_durable() says so only after
 * frn_log_expose(), so that who keeps rows can apply the records in between. Not lower than frn_log_durable().
 * @return FIRN_OK, also when there is nothing to be seen just now; FIRN_ECONFLICT with detail CURSOR: what was exposed
 *   is not in the history any more, open the ledger again; FIRN_ECORRUPT, FIRN_EIO, FIRN_ENOMEM.
 */
firn_status frn_log_refresh(frn_log *log, uint64_t *out_durable, firn_error *err) FIRN_NODISCARD;
/** Moves frn_log_durable() to a seq that a refresh gave, and wakes those who wait for it. */
void frn_log_expose(frn_log *log, uint64_t durable);

/* Appending. All of these with the tail lock held, except where said. */
void frn_log_lock(frn_log *log);
void frn_log_unlock(frn_log *log);

/** Where a record stood when it was written or read. It may have moved since: whoever keeps one offers it to
    frn_log_get_at(), which believes the record only if it verifies there. Opaque above the log. */
typedef struct frn_log_hint {
    uint64_t segment; /**< 0: no hint. */
    uint64_t offset;
} frn_log_hint;

/** A hint as one number, for a row; 0 is none, and stands for one that does not fit too. */
static inline uint64_t frn_log_hint_pack(frn_log_hint hint)
{
    return hint.segment > UINT32_MAX || hint.offset > UINT32_MAX ? 0 : hint.segment << 32 | hint.offset;
}

static inline frn_log_hint frn_log_hint_unpack(uint64_t packed)
{
    return (frn_log_hint){.segment = packed >> 32, .offset = packed & UINT32_MAX};
}

/** Where the next batch may be written. */
typedef struct frn_log_place {
    uint8_t *data; /**< size bytes of memory for the batch; written in place with a fmt_batch_writer. */
    size_t size;
    uint64_t first_seq; /**< The seq of its first record. */
    int64_t time_ns;    /**< Its timestamp. */
    uint32_t salt;
    uint32_t content_crc; /**< To begin the writer with. */
    frn_log_hint hint;    /**< Of data: a record at data + n stands n bytes behind it. */
} frn_log_place;

/**
 * Make room for a batch of at most size_max bytes. Allocates nothing yet: followed by commit or cancel under the same
 * hold of the lock.
 * @return FIRN_OK; FIRN_FULL: no buffer or no segment just now, wait with frn_log_wait_room() and decide anew;
 *   FIRN_ENOSPC, FIRN_EIO: no segment can be made (the next call tries again); FIRN_EPOISONED; FIRN_ENOMEM;
 * FIRN_EACCES: read only.
 */
firn_status frn_log_reserve(frn_log *log, size_t size_max, frn_log_place *out_place, firn_error *err) FIRN_NODISCARD;
/** The batch is encoded: writer->used bytes, writer->count records. Allocates its seqs. Cannot fail. */
void frn_log_commit(frn_log *log, const frn_log_place *place, const fmt_batch_writer *writer);
void frn_log_cancel(frn_log *log, const frn_log_place *place);

/** Until it is taken back every reserve says FIRN_FULL: what rests on the log cannot keep up. Any thread. */
void frn_log_hold(frn_log *log, bool held);
/** Bytes written since open; any thread. */
uint64_t frn_log_bytes_written(const frn_log *log);

/** Whether the log should send now. waits: the caller will wait for what it appended (a lone blocking call is sent at
    once; submitted calls gather until somebody drives). */
void frn_log_send(frn_log *log, bool waits);

/* Waiting and driving. Without the tail lock. */

/** Waits until seq is durable, taking part in the work: deadline_ns of the monotonic clock, < 0 for ever.
    FIRN_OK, FIRN_TIMEOUT, FIRN_EPOISONED (seq is void or unknown; text and errno of the write). */
firn_status frn_log_wait(frn_log *log, uint64_t seq, int64_t deadline_ns, firn_error *err) FIRN_NODISCARD;
/** Waits until a reserve that said FIRN_FULL may succeed. seen: frn_log_room() taken under the tail lock of that
 * reserve. */
uint32_t frn_log_room(const frn_log *log);
void frn_log_wait_room(frn_log *log, uint32_t seen);
/** One round: send what is gathered, take completions, waiting at most timeout_ns for one (0: not; < 0: no limit).
    Returns true if something moved. Returns at once when nothing is in flight or gathered, or another thread is at it
    and timeout_ns is 0. */
bool frn_log_drive(frn_log *log, int64_t timeout_ns);
/** Makes a drive or wait that sleeps look again. Any thread. */
void frn_log_wake(frn_log *log);
/** Whether anything is gathered or in flight. Any thread; a hint. */
bool frn_log_busy(const frn_log *log);
/** Without threads: one step of making spare segments. Returns true if there is more to do. */
bool frn_log_step_make(frn_log *log);

/* Reading. Any thread, each reader one at a time. */

/** A record of the log with the batch around it. Slices live until the next call on the reader. */
typedef struct frn_log_record {
    fmt_record record;
    const fmt_batch *batch;
    uint64_t incarnation;
    frn_log_hint hint;
} frn_log_record;

typedef struct frn_log_reader frn_log_reader;

/** Starts at first_seq (0 or 1: the beginning), which may be one behind the last durable record. buffer_size 0: 1 MiB.
 */
firn_status frn_log_reader_open(frn_log *log, uint64_t first_seq, size_t buffer_size, frn_log_reader **out_reader,
                                firn_error *err) FIRN_NODISCARD;
/** Where the group stands, or one not far before it, that holds a durable seq; no hint if that cannot be found. It may
    be kept: a reader that is told begins there if a group verifies there that lies right, and finds its place else. */
frn_log_hint frn_log_hint_of(frn_log *log, uint64_t seq);
/** Before the first record is read. */
void frn_log_reader_hint(frn_log_reader *reader, frn_log_hint hint);
/**
 * The next record up to last_seq (which is ≤ frn_log_durable()).
 * @return FIRN_OK, FIRN_END: last_seq was given, a later call with a larger one goes on; FIRN_ECORRUPT (sticks),
 * FIRN_EIO, FIRN_ENOMEM.
 */
firn_status frn_log_reader_next(frn_log_reader *reader, uint64_t last_seq, frn_log_record *out_record,
                                firn_error *err) FIRN_NODISCARD;
void frn_log_reader_close(frn_log_reader *reader);

/** One durable record, verified, copied into buf (out_record->record.body points into it; batch is NULL, its
    first seq, count and time are returned). The first get in some 64 KiB of log walks through them, later ones are one
    short read; what is remembered for that takes at most 64 MiB. FIRN_ENOTFOUND, FIRN_ECORRUPT, FIRN_EIO, FIRN_ENOMEM.
 */
firn_status frn_log_get(frn_log *log, uint64_t seq, firn_buf *buf, frn_log_record *out_record,
                        uint64_t *out_batch_first, uint32_t *out_batch_count, int64_t *out_time_ns,
                        firn_error *err) FIRN_NODISCARD;

/** The body of one durable record, verified, in buf. hint: where it may stand; body_size: the size expected, so that
   one read fetches it (0: unknown). Without a hint that holds it costs as much as frn_log_get(). Same statuses. */
firn_status frn_log_get_at(frn_log *log, uint64_t seq, frn_log_hint hint, size_t body_size, firn_buf *buf,
                           fmt_record *out_record, firn_error *err) FIRN_NODISCARD;

/** Fills in the fields of stats that the log knows; leaves the others. */
void frn_log_stat(frn_log *log, firn_stats *stats);
size_t frn_log_cuts(frn_log *log, firn_cut *cuts, size_t cuts_max);

/**
 * Check every byte that carries meaning, without opening the log: headers, every group, footers, manifest.
 * Each good record goes to apply in order (may be NULL); a damaged place is a finding and checking goes on behind it,
 * but apply gets nothing more. *out_report: its counters; before the first record ledger_id and writer_alive, for
 * apply. FIRN_OK even with findings; errors are those of reading at all.
 */
typedef firn_status (*frn_log_apply_fn)(void *arg, const frn_log_record *record, firn_error *err);
firn_status frn_log_verify(frn_heap *heap, frn_io *io, const firn_verify_options *options, frn_log_apply_fn apply,
                           void *apply_arg, firn_report *out_report, firn_error *err) FIRN_NODISCARD;

#endif
