/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h — open, close and look after a ledger. */
#ifndef FIRN_LEDGER_H
#define FIRN_LEDGER_H

#include "firn/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An open ledger. Every function that takes one may be called by any thread, except firn_close(). */
typedef struct firn_ledger firn_ledger;

/** How a ledger is opened. */
typedef enum firn_open_mode {
    FIRN_OPEN_WRITE = 0,  /**< Read and write; the ledger must exist. One writer at a time. */
    FIRN_OPEN_CREATE = 1, /**< Like FIRN_OPEN_WRITE, and creates the ledger if there is none. */
    FIRN_OPEN_NEW = 2,    /**< Creates the ledger; FIRN_EEXISTS if there is one. */
    FIRN_OPEN_READ = 3    /**< Read only: takes no lock, changes no byte of the log; follows a writer elsewhere. */
} firn_open_mode;

/** Which way bytes take to the disk. */
typedef enum firn_io_path {
    FIRN_IO_AUTO = 0,    /**< io_uring where the kernel offers it, else portable. */
    FIRN_IO_URING = 1,   /**< io_uring, or opening fails with FIRN_EIO. */
    FIRN_IO_PORTABLE = 2 /**< pwritev2 and fdatasync. */
} firn_io_path;

/** How a write is made durable. The choice is measured when a ledger is created and kept in it. */
typedef enum firn_durable_method {
    FIRN_DURABLE_AUTO = 0,         /**< As calibrated at creation. */
    FIRN_DURABLE_DIRECT_DSYNC = 1, /**< O_DIRECT with RWF_DSYNC: one operation. */
    FIRN_DURABLE_DIRECT_SYNC = 2,  /**< O_DIRECT, then fdatasync. */
    FIRN_DURABLE_BUFFERED_SYNC = 3 /**< Through the page cache, then fdatasync. */
} firn_durable_method;

/** Who drives calls that were submitted and not waited for. */
typedef enum firn_progress {
    FIRN_PROGRESS_AUTO = 0,  /**< A thread of the ledger's: callbacks come without any call. */
    FIRN_PROGRESS_MANUAL = 1 /**< Only the caller's threads, in firn_poll() and blocking calls. */
} firn_progress;

/** What is checked of the events of runs when they are appended. Not kept in the ledger, never applied to reads. */
typedef enum firn_event_validation {
    FIRN_VALIDATE_OFF = 0,   /**< Any kind, any payload. */
    FIRN_VALIDATE_WARN = 1,  /**< As strict, but the event is taken; the trace sink and the result tell. */
    FIRN_VALIDATE_STRICT = 2 /**< Known kinds with their required fields, or FIRN_EINVAL. */
} firn_event_validation;

/** One line about what the engine did, for a log of the host's. Called from any thread; must not call back. */
typedef void (*firn_trace_fn)(void *arg, const char *line);

/** The wall clock: ns since 1970. Called under a lock of the ledger's; must not call back. */
typedef int64_t (*firn_clock_fn)(void *arg);

/** Progress of long work, called now and then by the thread that does it; non-zero return stops it with FIRN_ESTATE. */
typedef int (*firn_progress_fn)(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t records);

/** Set struct_size and leave the rest zero for the defaults. */
typedef struct firn_options {
    size_t struct_size; /**< sizeof(firn_options). */
    firn_open_mode mode;
    firn_io_path io_path;
    firn_durable_method durable_method; /**< Anything but AUTO overrides what is kept in the ledger. */
    firn_progress progress;
    uint64_t segment_size;         /**< Creation only: bytes, 64 KiB … 4 GiB, a multiple of 64 KiB. Default 64 MiB. */
    uint32_t spare_segments;       /**< Segments made ahead, 1 … 64. Default 2. */
    uint32_t groups_in_flight_max; /**< Writes in flight, 1 … 16. Default 4. */
    uint32_t group_size_max;       /**< Bytes gathered into one write, 64 KiB … 4 MiB. Default 1 MiB. */
    uint32_t outstanding_max;      /**< Submitted, not completed calls before FIRN_FULL, 1 … 2^24. Default 65536. */
    uint64_t index_size_max;  /**< Bytes of rows in memory; opening or appending beyond: FIRN_ETOOBIG. Default 8 GiB. */
    uint64_t view_age_max_ns; /**< A view older than this answers FIRN_EEXPIRED. Default 60 s. */
    uint64_t key_age_ns;      /**< While the ledger is empty: how long an idempotency key is kept. 0: 7 days. */
    firn_trace_fn trace;      /**< May be NULL. */
    void *trace_arg;
    firn_clock_fn clock; /**< NULL: the system's. */
    void *clock_arg;
    firn_progress_fn replay_progress; /**< Told about the replay that opening does. May be NULL. */
    void *replay_progress_arg;
    uint32_t
        content_chunk_size; /**< Longer content is stored in chunks of so many bytes, 64 KiB … 15 MiB. Default 1 MiB. */
    firn_event_validation event_validation;
    /** Durable records that the index on disk does not hold yet: the most that opening replays after a crash. Appends
        wait while there are more. Default 1,048,576. Open for reading: more than this are not replayed, but answered
        with FIRN_EBEHIND; 0 sets no limit. */
    uint64_t replay_records_max;
    uint64_t replay_bytes_max; /**< The same in bytes of the log; for writing only. Default 1 GiB. */
    uint64_t index_map_size;   /**< Address space for the index on disk, which cannot grow beyond. Default 1 TiB. */
    uint32_t index_anew;       /**< 1: whatever index there is is removed, and built again from the log; memory stays
                                    bounded (docs/index.md). Open for reading: rows are built in memory. */
} firn_options;

/**
 * Open a ledger.
 *
 * @param url      A path, `dir:PATH`, `file:///PATH`, `mem:` (private, gone at close) or `mem:NAME`
 *                 (shared by all opens of that name in this process that overlap; one writer at a time).
 * @param options  NULL: FIRN_OPEN_WRITE with all defaults.
 * @return FIRN_OK, or
 *   FIRN_EINVAL     url or options; nothing was touched.
 *   FIRN_ENOTFOUND  no ledger there (detail NOT_A_LEDGER); nothing was touched.
 *   FIRN_EEXISTS    FIRN_OPEN_NEW and there is one; nothing was touched.
 *   FIRN_EBUSY      another writer, or writes of a dead one still in flight; try again.
 *   FIRN_EACCES     permissions, or a read-only file system.
 *   FIRN_ECORRUPT   damage; the error names segment, offset and seq. No durable record was changed.
 *                   FIRN_OPEN_READ opens such a ledger up to the damage instead; see firn_stats.
 *   FIRN_ENEWER     a version or feature that this build does not know; nothing was touched.
 *   FIRN_ETOOBIG    path too long, or the index would pass index_size_max.
 *   FIRN_EBEHIND    for reading: the index on disk is more than replay_records_max behind.
 *   FIRN_ENOSPC     no room for the ledger's small files or for the index; of segments appends say so. FIRN_EIO,
 *   FIRN_ENOMEM: as they say.
 *   FIRN_ESTATE     replay_progress said to stop.
 * *out_ledger is untouched on failure.
 * Blocks: for reading the log; after an unclean stop also for settling the tail (docs/recovery.md).
 */
FIRN_API FIRN_NODISCARD firn_status firn_open(const char *url, const firn_options *options, firn_ledger **out_ledger,
                                              firn_error *err);

/**
 * Close a ledger: waits for everything submitted, completes every ticket, leaves a clean mark.
 *
 * The handle is gone whatever is returned; tickets must be freed and scans, tails, views and batches
 * closed before. An error says that the clean mark could not be left (the next open then recovers as
 * after a crash); it never takes back an acknowledgement. NULL is accepted.
 * Threads: no other call on the ledger may run.
 */
FIRN_API firn_status firn_close(firn_ledger *ledger, firn_error *err);

/** What recovery cut from the tail after an unclean stop. */
typedef struct firn_cut {
    int64_t time_ns;      /**< When it was found. */
    uint64_t incarnation; /**< The incarnation that began with it. */
    uint64_t segment;     /**< Where the first unacceptable group stood. */
    uint64_t offset;
    uint64_t bytes;     /**< From there to the last byte that looked written; 0: nothing was seen. */
    uint64_t first_seq; /**< The seq that is given out next. */
    uint64_t seqs_seen; /**< Seqs that the cut bytes claimed to hold, as far as they can be read. */
} firn_cut;

/** Figures and facts of an open ledger. */
typedef struct firn_stats {
    size_t struct_size; /**< Set by the caller. */
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint32_t format_version;
    uint32_t alignment; /**< Bytes: every group starts at a multiple. */
    uint64_t segment_size;
    uint64_t incarnation;
    uint64_t incarnations_count; /**< Histories kept; 1 when there was never an unclean stop. */
    uint64_t allocated_seq;      /**< The last seq given out; 0 when empty. */
    uint64_t durable_seq;        /**< The last seq that is on disk. */
    uint64_t merged_seq;         /**< The last seq that the index on disk holds; 0 for a memory index. */
    uint64_t records_count;      /**< Durable records. */
    uint64_t streams_count;      /**< Those of records that are not durable yet included. */
    uint64_t segments_count;     /**< Segments that hold records, spares not counted. */
    uint64_t segments_spare;
    uint64_t log_size;       /**< Bytes of the segments that hold records, up to the last group. */
    uint64_t index_size;     /**< Bytes of rows in memory. */
    uint64_t views_count;    /**< Open views. */
    uint64_t tickets_count;  /**< Submitted calls that are not completed. */
    uint64_t groups_written; /**< Since open, as the four below. */
    uint64_t batches_written;
    uint64_t records_written;
    uint64_t bytes_written;        /**< Bytes of groups, headers, footers, manifests, positions; not zero-filling. */
    uint64_t bytes_filled;         /**< Bytes of zero-filling that went through write calls. */
    uint64_t ring_bytes_completed; /**< Bytes of writes completed by io_uring; 0 on other backends. */
    uint64_t replayed_records;     /**< Records that opening replayed into the index. */
    uint64_t replay_ns;            /**< How long that took. */
    uint32_t writable;             /**< 1 if open for writing. */
    uint32_t was_clean;            /**< 1 if the ledger had been closed cleanly before this open. */
    int32_t poisoned_errno;        /**< errno of the write or sync that poisoned the ledger, else 0. */
    uint32_t direct;               /**< 1 if writes pass the page cache. */
    firn_io_path io_path;          /**< The path in use; AUTO for a ledger in memory. */
    firn_durable_method durable_method;
    uint32_t layout_guarantee; /**< 0: a copy-on-write file system moves what is overwritten. */
    uint32_t cuts_count;       /**< Cuts since creation. */
    firn_cut last_cut;         /**< The newest, if cuts_count > 0. */
    firn_error damage;         /**< Opened for reading up to damage: what it is; else status FIRN_OK. */
    char io_note[128];         /**< Why io_uring or direct writes are not used; "" if they are. */
    uint64_t delta_records;    /**< Durable records that the index on disk does not hold yet. */
    uint64_t delta_rows;       /**< Rows in memory. */
    uint64_t index_file_size;  /**< Bytes in use of the index on disk; 0: there is none. */
    uint64_t index_file_rows;  /**< Rows in it. */
    uint64_t merges_count;     /**< Merges into it since open. */
    uint64_t merge_ns;         /**< How long they took. */
    char index_note[128];      /**< Why the index on disk was built anew, or is not used; "" otherwise. */
    uint64_t horizon_seq;      /**< The lowest seq with full history: from it on nothing was taken away. */
} firn_stats;

/** Fill in stats up to its struct_size. Blocks briefly. @return FIRN_OK; FIRN_EINVAL; FIRN_ECORRUPT with detail INDEX,
    FIRN_EIO: the index on disk cannot be read. */
FIRN_API FIRN_NODISCARD firn_status firn_stat(firn_ledger *ledger, firn_stats *stats, firn_error *err);

/** Copy the newest cuts, newest first, at most cuts_max; *out_count tells how many. The ledger keeps the newest 16. */
FIRN_API FIRN_NODISCARD firn_status firn_stat_cuts(firn_ledger *ledger, firn_cut *cuts, size_t cuts_max,
                                                   size_t *out_count, firn_error *err);

/**
 * Wait until everything submitted before the call is decided and, if it was appended, durable.
 * Answers that are due are given, though a callback may still run in another thread when this returns.
 * @return FIRN_OK, or FIRN_EPOISONED: some of it may be lost.
 */
FIRN_API FIRN_NODISCARD firn_status firn_sync(firn_ledger *ledger, firn_error *err);

/** The position of the last durable record, as a cursor. Open for reading, it looks for what another process wrote;
    what is opened later (scan, view) reaches at least as far. */
FIRN_API void firn_position(firn_ledger *ledger, firn_cursor *out_cursor);

/**
 * Wait until a record after seq is durable, written by this process or, on a handle that is open for reading, by
 * another one: that is found out by looking, at the latest 50 ms after it could be known.
 * @param timeout_ns  < 0: for ever; 0: only look.
 * @return FIRN_OK; FIRN_TIMEOUT; FIRN_EPOISONED: no further record will ever come from this handle. Open for reading
 *   also FIRN_ECONFLICT (detail CURSOR): the ledger's history was exchanged, open it again; FIRN_ECORRUPT, FIRN_EIO,
 *   FIRN_ENOMEM, FIRN_ETOOBIG: what is new cannot be read or applied, a later call tries again.
 */
FIRN_API FIRN_NODISCARD firn_status firn_wait(firn_ledger *ledger, uint64_t seq, int64_t timeout_ns, firn_error *err);

/** One finding of a verification; text and place are in the error, whose status is FIRN_ECORRUPT, or FIRN_EIO of what
    cannot be read. Those of the log come in its order. Those of the
    index on disk have FIRN_DETAIL_INDEX; their offset is that in the index file, or 0 if no place in it is meant. */
typedef void (*firn_finding_fn)(void *arg, const firn_error *finding);

typedef struct firn_verify_options {
    size_t struct_size;
    firn_finding_fn finding; /**< May be NULL. */
    void *finding_arg;
    firn_progress_fn progress; /**< May be NULL. */
    void *progress_arg;
    /** Told what is not as a writer leaves it although no record suffers: bytes that a crash may have left so or that
        have a second copy, files that do not belong there. Status FIRN_OK; text and place as of a finding. May be NULL.
     */
    firn_finding_fn note;
    void *note_arg;
} firn_verify_options;

typedef struct firn_report {
    size_t struct_size; /**< Set by the caller. */
    uint64_t segments;  /**< Segments read. */
    uint64_t groups;    /**< 0 of a replay, which does not see them. */
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;     /**< Bytes read. */
    uint64_t findings;  /**< Damaged places. */
    uint64_t first_seq; /**< Of the records read; 0 if none. */
    uint64_t last_seq;
    uint64_t tail_bytes; /**< Bytes behind the last good group that the next open for writing will cut. */
    uint64_t duration_ns;
    uint64_t rows;                    /**< Rows of the rebuilt index. */
    uint8_t digest[FIRN_DIGEST_SIZE]; /**< SHA-256 over all rows: equal histories have equal digests. */
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t writer_alive; /**< Verification: 1 if somebody was writing; later records were not looked at. */
    uint64_t index_seq;    /**< The last record whose rows the index on disk holds; 0 if it was not compared. */
    uint64_t index_rows;   /**< Rows of it that were compared with those that the log gives. */
    uint64_t index_findings; /**< Of findings those of the index: the log alone cures them. */
    char index_note[128];    /**< Why the index on disk was not compared; "" if it was. */
    uint64_t notes;          /**< Of a verification: what is told to its note function; no findings. */
} firn_report;

/**
 * Read every byte of a ledger that carries meaning and check it; never writes, never trusts an index.
 *
 * Works on ledgers that firn_open() refuses. With a live writer it checks what was durable at the start. Rows are built
 * anew in memory, all of them, from the log. The index on disk is read page by page, whatever its bytes are, and its
 * rows are compared with those: each that is damaged, missing, too much or different is a finding. Such findings cost
 * nothing but time: firn_replay() has the next opening for writing build the index anew.
 * @return FIRN_OK: no finding; FIRN_ECORRUPT: findings, *out_report and err (the first one) are both
 *   filled in; otherwise as firn_open().
 */
FIRN_API FIRN_NODISCARD firn_status firn_verify(const char *url, const firn_verify_options *options,
                                                firn_report *out_report, firn_error *err);

typedef struct firn_replay_options {
    size_t struct_size;
    firn_progress_fn progress; /**< May be NULL. */
    void *progress_arg;
    firn_finding_fn finding; /**< Told of rows that differ and damaged places of the index. May be NULL. */
    void *finding_arg;
} firn_replay_options;

/**
 * Build the rows of a ledger anew from its log, in memory, and compare them with those in use.
 *
 * Takes memory for a second index, index_size_max or not. What lies on disk is read page by page, whatever its bytes
 * are. If the rows differ, or the index on disk is damaged, that is noted beside it, if the process may write there:
 * the next opening for writing builds it anew, one for reading does without it.
 * @return FIRN_OK; FIRN_EINVARIANT: the rows differ, the text tells the first; FIRN_ECORRUPT: damage, with
 *   FIRN_DETAIL_INDEX of the index alone; FIRN_ESTATE: stopped by progress; FIRN_EEXPIRED: reading the rows in use took
 *   longer than view_age_max_ns; FIRN_EIO, FIRN_ENOMEM. *out_report is written on FIRN_OK only.
 */
FIRN_API FIRN_NODISCARD firn_status firn_replay(firn_ledger *ledger, const firn_replay_options *options,
                                                firn_report *out_report, firn_error *err);

/** "0.1.0": the version of the library that runs. */
FIRN_API const char *firn_version(void);

#ifdef __cplusplus
}
#endif
#endif
