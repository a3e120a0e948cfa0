/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h — what the files of engine/log share: the log, its segments, its groups, and who guards what.
 *
 * Locks, in this order (a thread may take a later one while it holds an earlier one, never the other way round):
 *   reap      held by the one thread that takes completions and advances durable
 *   maker     making segments and writing the manifest
 *   tail      everything that allocates: the filling group, positions, the queue's submission side
 *   list      the segments that readers look up, the open files
 *   directory where records stand that were asked for by seq
 */
#ifndef FRN_LOG_PRIVATE_H
#define FRN_LOG_PRIVATE_H

#include "engine/base/thread.h"
#include "engine/log/log.h"
#include "format/group.h"
#include "format/manifest.h"
#include "format/positions.h"
#include "format/reach.h"
#include "format/segment.h"

enum {
    FRN_LOG_FLIGHTS_MAX = 16,                    /**< Groups in flight at most, whatever the options say. */
    FRN_LOG_SLOTS_MAX = FRN_LOG_FLIGHTS_MAX + 1, /**< One more group can be filling. */
    FRN_LOG_FILES_MAX = 256,                     /**< Files kept open for readers: of 16 GiB by default. */
    FRN_LOG_FILES_BUCKETS = 64,
    FRN_LOG_SPARES_MAX = 64
};

/**
 * One segment that the manifest names, in log order. Allocated once, its address is stable until close.
 * number, size, incarnation, salt never change; the rest is guarded by the tail lock while the segment is active
 * or sealing, and by the list lock for readers: a writer of first_seq, next_seq, end_offset, closed holds both.
 */
typedef struct frn_segment {
    uint64_t number;
    uint64_t size;
    uint64_t incarnation;
    uint64_t first_seq;  /**< Of its first group; 0 while it has none. */
    uint64_t next_seq;   /**< Behind its last allocated record. */
    uint64_t end_offset; /**< Behind its last group that was started. */
    uint64_t reach;      /**< Writing: groups may end here or before, see reach.c. Tail lock. */
    uint32_t salt;
    uint32_t prev_crc;   /**< crc of the group before its first one. */
    uint32_t last_crc;   /**< crc of its last group that was sent. */
    uint64_t file_size;    /**< As recovery found it. */
    uint64_t known_offset; /**< Where recovery began to walk: counts and anchors tell only what is behind; 0: all. */
    bool closed;         /**< No group will be added. */
    bool sealed;         /**< A good footer is on disk. */
    bool seal_sent;      /**< The footer's write is in flight or done. */
    frn_file *file;      /**< Open for the queue while active, spare or sealing; else NULL. */
    uint8_t *footer;     /**< Memory for the footer, aligned; taken when the segment is made. */
    fmt_footer counts;   /**< What the footer will say. */
    fmt_anchor *anchors; /**< Kept for segments without a good footer; NULL otherwise. */
    uint32_t anchors_count;
    uint64_t anchor_next; /**< The next anchor is taken at or behind this offset. */
} frn_segment;

/** A growing array of segments in log order. */
typedef struct frn_segments {
    frn_segment **at;
    size_t count;
    size_t capacity;
} frn_segments;

typedef enum frn_group_state {
    FRN_GROUP_FREE,
    FRN_GROUP_FILLING, /**< Batches are being added. */
    FRN_GROUP_WRITING, /**< Its write is in flight. */
    FRN_GROUP_WRITTEN, /**< Written, a sync must follow. */
    FRN_GROUP_SYNCING, /**< The sync that covers it is in flight. */
    FRN_GROUP_DONE     /**< Finished; waits for its predecessors. */
} frn_group_state;

/** One group in memory. Guarded by the tail lock, but for the words. */
typedef struct frn_group {
    frn_group_state state;
    uint8_t *buffer; /**< The slot's own part of the staging area, or big. */
    uint8_t *big;    /**< A buffer for a group larger than that, freed when the group is done; else NULL. */
    uint8_t *own;
    size_t capacity; /**< Bytes of buffer that the group may use: also limited by the segment. */
    size_t dirty;    /**< Bytes of own that may not be zero. */
    size_t used;     /**< Header and batches so far. */
    size_t size;     /**< Once sent: bytes of the write. */
    frn_segment *segment;
    uint64_t offset;
    uint64_t first_seq;
    uint64_t next_seq;
    uint32_t batches;
    uint32_t records;
    uint32_t content_crc;
    uint32_t crc; /**< Once sent. */
    int64_t first_time_ns;
    int64_t last_time_ns;
    frn_word done; /**< Changes when the group is finished or void, and when its waiters should look again. */
    _Atomic uint32_t waiters;
} frn_group;

/** A file that readers share; kept open for a while when nobody uses it. Guarded by the list lock, but users only goes
    up under it: whoever has done with a file need not take a lock, and touches it no more. */
typedef struct frn_log_file {
    struct frn_log_file *next; /**< In its bucket. */
    uint64_t number;
    frn_file *file;
    _Atomic unsigned users;
    uint64_t used_at;    /**< Of a counter, to find the one unused longest. */
    fmt_anchor *anchors; /**< Of a sealed segment; NULL until they were needed. */
    uint32_t anchors_count;
} frn_log_file;

/** What a record does not say of the batch around it. */
typedef struct frn_batch_facts {
    uint64_t first_seq;
    int64_t time_ns;
    uint32_t count;
} frn_batch_facts;

/** Where records stand, as far as somebody asked; see directory.c. */
typedef struct frn_stretch frn_stretch;
enum {
    FRN_DIRECTORY_PAGES = 256
};
typedef struct frn_directory {
    frn_mutex lock;                           /**< Guards what follows. Nothing else is locked while it is held. */
    frn_stretch **pages[FRN_DIRECTORY_PAGES]; /**< The table; a page is NULL until something is remembered in it. */
    size_t size;                              /**< Bytes of all stretches. */
    size_t hand;                              /**< The place that is cleared next when they are too many. */
} frn_directory;

/** Where a segment that is being made stands. */
typedef enum frn_make_stage {
    FRN_MAKE_IDLE,
    FRN_MAKE_FILL,  /**< The file is there: zeros and a sync. */
    FRN_MAKE_NAME,  /**< The bytes are settled: the manifest names it. */
    FRN_MAKE_HEADER /**< Named: its header, and it is ready. */
} frn_make_stage;

enum {
    FRN_MANIFEST_PRINT = 256 /**< Bytes from the beginnings of both slots. */
};

/** What publishes the positions of a log that is written; see positions.c. */
typedef struct frn_publish {
    frn_file *file; /**< NULL: it could not be made or written. Publisher only, as told. */
    uint64_t told;  /**< The durable seq last written. */
    frn_thread thread;
    frn_word word; /**< Changes to wake the publisher, and to stop it. */
    atomic_bool asleep;
    atomic_bool stopping;
} frn_publish;

/** What tells recovery how far it need look; see reach.c. Guarded by the tail lock. */
typedef struct frn_reach {
    frn_file *file; /**< Open for the queue. */
    uint8_t *block; /**< The log's alignment long; the seam's while a write is in flight. */
    bool in_flight;
    uint64_t next_segment; /**< What the write in flight says. */
    uint64_t next_offset;
} frn_reach;

/** What a log that is open for reading keeps between two refreshes; see refresh.c. */
typedef struct frn_refresh {
    frn_file *lock_file; /**< Open to test the lock; NULL: not yet. */
    frn_file *positions_file;
    bool at_rest;                      /**< Nobody wrote at the last look, and everything was seen. */
    uint8_t print[FRN_MANIFEST_PRINT]; /**< The manifest of that look. */
} frn_refresh;

struct frn_log {
    frn_heap *heap;
    frn_io *io;
    frn_log_options options;
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint32_t alignment;
    uint64_t segment_size;
    firn_durable_method method;

    /* Guarded by the maker lock. */
    frn_mutex maker;
    frn_file *lock_file; /**< Held for writing; else NULL. */
    frn_file *slot_files[2];
    int slot_first;          /**< The slot that a change is written to first. */
    fmt_manifest manifest;   /**< As last written; runs and incarnations are owned arrays of the maximum size. */
    uint8_t *manifest_bytes; /**< FMT_MANIFEST_SIZE bytes to encode into. */
    frn_make_stage make_stage;
    frn_segment *making;
    uint64_t *recycled; /**< Numbers of files that may be used again; all are of segment_size. */
    size_t recycled_count;
    size_t recycled_capacity;
    uint64_t *leavings; /**< Numbers of files that unclean stops left, to be cut or removed: see maker.c. */
    size_t leavings_count;
    frn_thread maker_thread;
    frn_word maker_word; /**< Changes when there may be something to make, or to stop. */
    atomic_bool stopping;

    /* Guarded by the tail lock. */
    frn_mutex tail;
    frn_group slots[FRN_LOG_SLOTS_MAX];
    unsigned slots_count;
    uint8_t *staging; /**< One area, cut into the slots' buffers. */
    size_t staging_each;
    uint64_t oldest;        /**< Ordinal of the oldest group that is not finished; slot = ordinal % slots_count. */
    uint64_t next_ordinal;  /**< Of the next group to be started. */
    bool filling;           /**< The newest group still takes batches. */
    unsigned in_flight;     /**< Groups between sent and finished. */
    unsigned ops_in_flight; /**< Operations that the seam has: memory belongs to it until they complete. */
    unsigned syncs_in_flight;
    unsigned footers_in_flight;
    frn_segment *active; /**< Takes groups. NULL in a read-only log, and until the first segment is made. */
    frn_segment *spares[FRN_LOG_SPARES_MAX + 1];
    unsigned spares_count;
    uint32_t batches_last_sent; /**< Batches of the group sent last. */
    bool roll_blocked;          /**< A large segment is being put before the spares. */
    uint64_t big_wanted;        /**< Size of the segment that some batch needs; 0 none. */
    firn_error make_error;      /**< Why the last attempt to make a segment failed; status FIRN_OK: it did not. */
    frn_segments sealing;       /**< Closed, footer not finished, in order. */
    uint32_t last_crc;          /**< crc of the last group sent. */
    uint64_t durable_segment;   /**< Where the last durable group stands, 0 if there is none; */
    uint64_t durable_offset;    /**< where it ends, */
    uint32_t durable_crc;       /**< its crc, */
    int64_t durable_time_ns;    /**< and the timestamp of its last batch. */
    frn_reach reach;            /**< Writing. */
    int64_t last_time_ns;
    bool closing;
    _Atomic bool held; /**< No batch is taken; written by any thread. */
    firn_error poison_error;
    uint64_t groups_written, batches_written, records_written;

    _Atomic uint64_t bytes_written; /**< Groups, headers, footers, manifests, positions. */
    _Atomic uint64_t bytes_filled;  /**< Zeros that went through write calls. */
    _Atomic uint64_t allocated;
    _Atomic uint64_t durable;
    _Atomic uint64_t ahead; /**< Read only: the segments are known up to here, which may be more than is exposed. */
    _Atomic int poisoned;
    frn_word room; /**< Changes when a refused reserve may succeed. */
    _Atomic uint32_t room_waiters;
    frn_word turn; /**< Those sleep here who would drive; changes at every round and hand-over. */
    _Atomic uint32_t turn_waiters;
    frn_word grow; /**< Those sleep here who wait for a record that is not allocated. */
    _Atomic uint32_t grow_waiters;

    frn_publish publish; /**< Writing. */
    frn_refresh refresh; /**< Reading; one thread at a time. */

    frn_mutex reap;
    atomic_bool reaping; /**< A thread may be asleep in the seam's reap. */
    bool poison_told;    /**< progress was called for the poisoning. Guarded by the reap lock. */

    /* Guarded by the list lock. */
    frn_mutex list;
    frn_segments segments; /**< With records, in log order; the active one last. */
    frn_log_file *files[FRN_LOG_FILES_BUCKETS]; /**< By number: neighbours in the log lie in different ones. */
    unsigned files_count;
    uint64_t files_clock;

    frn_directory directory;

    /* Fixed once open; a refresh of a log that is read changes them, and the manifest, under the list lock. */
    bool was_clean;
    firn_error damage; /**< Read-only with damage; else status FIRN_OK. */
    uint64_t witness;  /**< Reading: the last seq that something proves to have been durable; behind damage as well. */
};

enum {
    FRN_SEGMENT_NAME_SIZE = 24
};
/** "%016x.seg". */
void frn_segment_name(uint64_t number, char out[FRN_SEGMENT_NAME_SIZE]);
/** The number in a segment's file name; 0 if it is no such name. */
uint64_t frn_segment_number(const char *name);
#define FRN_LOCK_NAME "lock"
#define FRN_POSITIONS_NAME "positions"
#define FRN_REACH_NAME "reach"
extern const char *const frn_manifest_names[2];

static inline uint64_t frn_align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

/** Where groups of a segment must end: its footer region starts there. */
uint64_t frn_segment_data_end(const frn_log *log, uint64_t size);
/** A segment in memory without file; NULL without memory. With footer memory if it will be written. */
frn_segment *frn_segment_new(frn_log *log, uint64_t number, uint64_t size, uint64_t incarnation, bool writable);
void frn_segment_free(frn_log *log, frn_segment *segment);
/** Adds a group to what the footer will say, and an anchor where one is due. */
void frn_segment_count_group(frn_segment *segment, const fmt_group *group, uint64_t offset, uint64_t size,
                             uint32_t records, int64_t first_time_ns, int64_t last_time_ns);
firn_status frn_segments_push(frn_log *log, frn_segments *segments, frn_segment *segment) FIRN_NODISCARD;
/** Makes room so that the next `more` pushes cannot fail. */
firn_status frn_segments_reserve(frn_log *log, frn_segments *segments, size_t more) FIRN_NODISCARD;

/* manifest.c. Maker lock held, or the log not yet shared. */

/** What reading the two slots gave. */
typedef struct frn_manifest_found {
    fmt_verdict verdicts[2];
    bool missing[2];
    int best;                /**< The slot that is believed: 0 or 1; -1 none. */
    uint64_t generations[2]; /**< Of good slots; else 0. */
} frn_manifest_found;

firn_status frn_manifest_alloc(frn_log *log, firn_error *err) FIRN_NODISCARD;
void frn_manifest_free(frn_log *log);
/** Reads both slots into log->manifest (the better one). FIRN_OK also if none is good: see out_found. */
firn_status frn_manifest_read(frn_log *log, frn_manifest_found *out_found, firn_error *err) FIRN_NODISCARD;
/** Raises the generation and writes log->manifest to both slots, one after the other, each synced. */
firn_status frn_manifest_write(frn_log *log, firn_error *err) FIRN_NODISCARD;
/** Adds a segment to the runs, behind segment number `behind` (0: at the end). ETOOBIG if the runs are full. */
firn_status frn_manifest_name(frn_log *log, uint64_t number, uint64_t behind, firn_error *err) FIRN_NODISCARD;
/** Sets the runs to exactly these numbers in this order. */
firn_status frn_manifest_runs_set(frn_log *log, const uint64_t *numbers, size_t count, firn_error *err) FIRN_NODISCARD;

/* settle.c. Tail lock held, or the log not yet shared. */

/** The first segment of this handle begins; there is room for it in log->segments. */
void frn_log_activate(frn_log *log, frn_segment *segment);

/* maker.c. */

/** Says which files to clear away; takes over the numbers. Before the log is shared. */
void frn_maker_leave(frn_log *log, uint64_t *numbers, size_t count);

/** Clear such files away until at most `count` are left. No other thread makes segments. */
void frn_maker_clear(frn_log *log, size_t count);
/** One step; true if there is more to do. quiet: nothing is being written. Takes the maker lock. */
bool frn_maker_step(frn_log *log, bool quiet);
/** Says that something may be wanted. Any lock. */
void frn_maker_kick(frn_log *log);
firn_status frn_maker_start(frn_log *log, firn_error *err) FIRN_NODISCARD;
void frn_maker_stop(frn_log *log);

/* append.c, flight.c. Tail lock held. */

/** What a completion belongs to: the low bits of its tag. */
enum {
    FRN_TAG_GROUP = 0,
    FRN_TAG_SYNC = 1,
    FRN_TAG_FOOTER = 2,
    FRN_TAG_REACH = 3,
    FRN_TAG_BITS = 2
};

static inline frn_group *frn_log_slot(frn_log *log, uint64_t ordinal)
{
    return &log->slots[ordinal % log->slots_count];
}

/** Sends the filling group; there must be one and a flight must be free. */
void frn_flight_send(frn_log *log);
/** Sends the filling group if there is one and it should go now that somebody drives. */
void frn_flight_send_due(frn_log *log);
/** Sends footers of segments whose groups are all durable. */
void frn_flight_seal(frn_log *log);
/** Those who wait for room look again. Any lock. */
void frn_log_room_changed(frn_log *log);
/** Stops writing for good. Any lock but list. Wakes everybody (futex words only). */
void frn_log_poison(frn_log *log, int os_errno, const firn_error *why);

/* reach.c. Tail lock held, or the log not yet shared. */

/** Whether a group of this size may be begun in the active segment; else it may once a completion was reaped. */
bool frn_reach_covers(frn_log *log, uint64_t size);
/** Asks for at least so many bytes, if they are not there and nothing is in flight. */
void frn_reach_extend(frn_log *log, uint64_t wanted);
void frn_reach_complete(frn_log *log, int64_t result);
/** Says how far the first segment that takes groups may be filled, NULL: that nothing is sent. Durable when it returns;
    nothing is in flight. */
firn_status frn_reach_begin(frn_log *log, frn_segment *first, firn_error *err) FIRN_NODISCARD;
/** Opens the file, and begins with the active segment, if there is one. */
firn_status frn_reach_start(frn_log *log, firn_error *err) FIRN_NODISCARD;
void frn_reach_drop(frn_log *log);
/** Reads what the writer of the last incarnation said; false: nothing. */
bool frn_reach_read(frn_log *log, fmt_reach *out_reach);

/* positions.c, stat.c. */

/** Opens the file, writes the first positions, starts the thread. Only that the thread does not start is an error. */
firn_status frn_publish_start(frn_log *log, firn_error *err) FIRN_NODISCARD;
/** Durable moved. No lock but reap. */
void frn_publish_moved(frn_log *log);
/** Ends the thread and writes the last positions. Nothing if it was not started. */
void frn_publish_stop(frn_log *log);
/** Closes the file as it is. */
void frn_publish_drop(frn_log *log);
/** Reads what a writer published; *file is opened if it is NULL. False: there is nothing good to read. */
bool frn_positions_read(frn_io *io, frn_file **file, fmt_positions *out_positions);
/** Whether it is the word of the ledger and the incarnation that the manifest ends with. */
bool frn_hint_fits(const frn_log *log, const fmt_hint *hint);

/* refresh.c. */

/** Notes the manifest as it is on disk, before it is looked at. */
void frn_refresh_print(frn_io *io, uint8_t out_print[FRN_MANIFEST_PRINT]);
void frn_refresh_drop(frn_log *log);

/* recover.c. */

/** Where recovery stands before something, and what it can mean. See docs/recovery.md. */
typedef enum frn_recovery_place {
    FRN_PLACE_SLOT,   /**< A slot of the manifest. Witness: the other slot is good. */
    FRN_PLACE_FILE,   /**< The file of a named segment is missing or too short for its header. Witness: it may hold
                         records. */
    FRN_PLACE_HEADER, /**< The header of a named segment. Witness: a group in it verifies. */
    FRN_PLACE_GROUP,  /**< The group that should come next. Witness: something proves that it was durable. */
    FRN_PLACE_FOOTER  /**< The footer of a segment. Witness: it was certainly written. */
} frn_recovery_place;
enum {
    FRN_PLACES = FRN_PLACE_FOOTER + 1,
    FRN_VERDICTS = FMT_PADDING + 1
};

typedef enum frn_recovery_action {
    FRN_ACTION_ACCEPT, /**< Believe it. */
    FRN_ACTION_MEND,   /**< Use the other copy and write this one anew. */
    FRN_ACTION_UNUSED, /**< Nothing was ever stored here: use the file again. */
    FRN_ACTION_WALK,   /**< Do without: walk the groups. */
    FRN_ACTION_CUT,    /**< The log ends before it. */
    FRN_ACTION_DAMAGE, /**< Something acknowledged is gone: name the place. */
    FRN_ACTION_NEWER   /**< Written by a newer version: hands off. */
} frn_recovery_action;

frn_recovery_action frn_recovery_decide(frn_recovery_place place, fmt_verdict verdict, bool witness);

/* walk.c. */

/** A segment's bytes by groups, read ahead into one buffer. One thread at a time. */
typedef struct frn_walk {
    frn_log *log;
    frn_file *file; /**< Borrowed. */
    uint64_t number;
    uint64_t incarnation;
    uint32_t salt;
    uint64_t end; /**< Groups must end here or before. */
    size_t window; /**< Bytes to read at a time, unless more are asked for; 0: as many as the buffer holds. */
    bool device;  /**< Read past the page cache. */
    uint8_t *buffer;
    size_t capacity; /**< A multiple of the alignment. */
    uint64_t at;     /**< File offset of buffer[0]. */
    size_t filled;
    uint64_t bytes_read;
} frn_walk;

/** buffer_size is cut to a segment's and rounded up to the alignment; a larger group makes it grow. FIRN_OK or
 * FIRN_ENOMEM. */
firn_status frn_walk_init(frn_walk *walk, frn_log *log, size_t buffer_size) FIRN_NODISCARD;
void frn_walk_done(frn_walk *walk);
/** Goes to a segment; the buffer is forgotten. */
void frn_walk_enter(frn_walk *walk, frn_file *file, uint64_t number, uint64_t incarnation, uint64_t end);
/** Makes size bytes at offset (a multiple of the alignment) readable; *out_data NULL: the file or the segment ends
 * before. */
firn_status frn_walk_bytes(frn_walk *walk, uint64_t offset, size_t size, const uint8_t **out_data,
                           firn_error *err) FIRN_NODISCARD;
/** Judges the header of the group at offset. */
firn_status frn_walk_header(frn_walk *walk, uint64_t offset, fmt_verdict *out_verdict, fmt_group *out_group,
                            firn_error *err) FIRN_NODISCARD;
/** Judges the whole group; *out_data: its bytes, until the next call; *out_bad: offset in it of what is wrong. */
firn_status frn_walk_group(frn_walk *walk, uint64_t offset, fmt_verdict *out_verdict, fmt_group *out_group,
                           const uint8_t **out_data, size_t *out_bad, firn_error *err) FIRN_NODISCARD;
/** Timestamps of the first and last batch, and the records, of a group that was judged good. */
void frn_walk_summary(const frn_walk *walk, const uint8_t *data, const fmt_group *group, uint32_t *out_records,
                      int64_t *out_first_ns, int64_t *out_last_ns);

/* reader.c. */

/** A file for reading a segment; given back with frn_log_file_give(). */
firn_status frn_log_file_take(frn_log *log, uint64_t number, frn_log_file **out_file, firn_error *err) FIRN_NODISCARD;
void frn_log_file_give(frn_log_file *file);
void frn_log_files_close(frn_log *log);

#endif
