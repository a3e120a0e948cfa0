/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h — runs and their events: create, append, end, and read both.
 *
 * A run is created, takes events while it is RUNNING, and ends once: COMPLETED, FAILED or CANCELLED. No event comes
 * behind the end, whatever the number of threads. Events have numbers of their own in their run, event_seq; seq alone
 * is always the ledger's. Records of a run stand in the stream `run:{run_id}`. Texts of refusals: docs/errors.md.
 */
#ifndef FIRN_RUN_H
#define FIRN_RUN_H

#include "firn/batch.h"
#include "firn/digest.h"
#include "firn/time.h"
#include "firn/view.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_RUN_ID_SIZE_MAX = 255,                     /**< Bytes of a run's id. */
    FIRN_TAGS_SIZE_MAX = 1024 * 1024,               /**< Bytes of a run's tags, as text. */
    FIRN_JSON_DEPTH_MAX = 120,                      /**< Containers within containers, in payloads and tags. */
    FIRN_RUN_EVENTS_MAX = 65536,                    /**< Events of one append. */
    FIRN_PAYLOAD_SIZE_MAX = 16 * 1024 * 1024 - 1024 /**< Bytes of an event's payload: a body less what else is in it. */
};

typedef enum firn_run_status {
    FIRN_RUN_RUNNING = 0,
    FIRN_RUN_COMPLETED = 1,
    FIRN_RUN_FAILED = 2,
    FIRN_RUN_CANCELLED = 3
} firn_run_status;

/** "RUNNING", "COMPLETED", "FAILED", "CANCELLED"; "UNKNOWN" for a value that is none. */
FIRN_API const char *firn_run_status_name(firn_run_status status);

/** A block of a run's metadata that may be absent, which means null, 0, 0. */
typedef struct firn_run_evaluation {
    firn_slice rubric_path;    /**< data NULL: null. At most FIRN_TEXT_SIZE_MAX bytes. */
    uint8_t is_promotion_gate; /**< 0 or 1. */
    uint8_t agent_phase;
} firn_run_evaluation;

/** A run to create. What it points to is read during the call only. */
typedef struct firn_run_args {
    size_t struct_size; /**< sizeof(firn_run_args). */
    firn_slice run_id;  /**< 1 … FIRN_RUN_ID_SIZE_MAX bytes without control characters; data NULL: a new UUIDv4. */
    const uint8_t *spec_digest;            /**< FIRN_DIGEST_SIZE bytes; need not be content of the ledger. */
    firn_slice agent_name;                 /**< 0 … FIRN_TEXT_SIZE_MAX bytes. */
    firn_slice git_sha;                    /**< data NULL: null. 0 … FIRN_TEXT_SIZE_MAX bytes. */
    firn_slice tags;                       /**< A JSON value, kept byte for byte; data NULL: null. */
    const firn_run_evaluation *evaluation; /**< NULL: absent. */
} firn_run_args;

typedef struct firn_run_created {
    char run_id[FIRN_RUN_ID_SIZE_MAX + 1]; /**< With a final NUL. */
    uint32_t run_id_size;                  /**< Bytes without it. */
    uint32_t created; /**< 0: a run of this id and equal content was there; nothing was appended. */
} firn_run_created;

/**
 * Create a run. Safe to repeat if an id is given: equal content is answered with created 0.
 * @param out_created  May be NULL. Untouched on failure.
 * @return FIRN_OK, or
 *   FIRN_EINVAL    `invalid {field}: {text}`, `invalid JSON in tags: {reason}`; nothing was appended.
 *   FIRN_ETOOBIG   `{field} longer than {limit} bytes`; nothing was appended.
 *   FIRN_EEXISTS   `run {run_id} already exists with different content`; nothing was appended.
 *   FIRN_EPOISONED, FIRN_ENOSPC, FIRN_EACCES, FIRN_ENOMEM: as firn_batch_commit().
 * Threads: any. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_run_create(firn_ledger *ledger, const firn_run_args *args,
                                                    firn_run_created *out_created, firn_error *err);

/** Like firn_run_create(), without waiting; see firn_batch_submit(). *out_created is written before this call returns
 * and holds once the ticket says FIRN_OK. */
FIRN_API FIRN_NODISCARD firn_status firn_run_create_submit(firn_ledger *ledger, const firn_run_args *args,
                                                           firn_run_created *out_created,
                                                           const firn_submit_options *submit, firn_ticket **out_ticket,
                                                           firn_error *err);

/**
 * Add a create to a batch; later verbs of the batch see the run.
 * @param out_created  May be NULL. Its run_id is written now, created when the batch is decided; it must live until
 *                     then and holds once the batch's answer is FIRN_OK.
 * @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG, FIRN_ENOMEM: the batch is as before. What rests on state comes with the
 *   batch's answer.
 */
FIRN_API FIRN_NODISCARD firn_status firn_batch_run_create(firn_batch *batch, const firn_run_args *args,
                                                          firn_run_created *out_created, firn_error *err);

/** An event of a run, to append or as read. */
typedef struct firn_run_event {
    uint64_t event_seq;  /**< Its number in the run, any; with auto_seq 0. */
    uint32_t auto_seq;   /**< To append: 1 asks for the highest number so far plus 1, or 1 in an empty run. Read: 0. */
    uint32_t reserved;   /**< 0. */
    firn_slice kind;     /**< 0 … FIRN_TEXT_SIZE_MAX bytes. */
    firn_slice payload;  /**< A JSON value; white space around it is not part of it, all else is kept byte for byte. */
    firn_time timestamp; /**< The caller's. */
    uint64_t seq;        /**< As read: the ledger's seq of its record. Ignored when appending. */
} firn_run_event;

typedef struct firn_run_appended {
    uint64_t appended;       /**< Events that were appended. */
    uint64_t duplicates;     /**< Events that were there, identical: nothing was appended for them. */
    uint64_t event_count;    /**< Events of the run after the call. */
    uint64_t last_event_seq; /**< The highest number after the call. */
    uint64_t warnings;       /**< Events that validation would refuse if it were strict (event_validation: warn). */
} firn_run_appended;

/**
 * Append events to a run as one batch: all or none, in the given order.
 *
 * An event whose event_seq is taken by an identical one (kind, payload text, timestamp) is a duplicate, which is no
 * error; so a call that gives numbers may be repeated.
 * @param events_count    1 … FIRN_RUN_EVENTS_MAX.
 * @param out_event_seqs  Takes the number of each event, in order. May be NULL. Undefined on failure.
 * @param out_appended    May be NULL. Untouched on failure.
 * @return FIRN_OK, or
 *   FIRN_EINVAL    an event is not well-formed, or (event_validation: strict) of an unknown kind or without a required
 *                  field; nothing was appended, as in all that follow.
 *   FIRN_ETOOBIG   a field, or the batch as a whole.
 *   FIRN_ENOTFOUND `run not found: {run_id}`
 *   FIRN_ESTATE    `run {run_id} is {STATUS}, expected RUNNING`, or no number is left for auto_seq.
 *   FIRN_EEXISTS   `event {event_seq} of run {run_id} already exists with different content`
 *   FIRN_EPOISONED, FIRN_ENOSPC, FIRN_EACCES, FIRN_ENOMEM: as firn_batch_commit().
 * Threads: any. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_run_append(firn_ledger *ledger, firn_slice run_id,
                                                    const firn_run_event *events, size_t events_count,
                                                    uint64_t *out_event_seqs, firn_run_appended *out_appended,
                                                    firn_error *err);

/** Like firn_run_append(), without waiting; see firn_batch_submit(). What is written to the two outputs is written
 * before this call returns and holds once the ticket says FIRN_OK. */
FIRN_API FIRN_NODISCARD firn_status firn_run_append_submit(firn_ledger *ledger, firn_slice run_id,
                                                           const firn_run_event *events, size_t events_count,
                                                           uint64_t *out_event_seqs, firn_run_appended *out_appended,
                                                           const firn_submit_options *submit, firn_ticket **out_ticket,
                                                           firn_error *err);

/** Add an append to a batch; everything is copied. The outputs are written when the batch is decided, must live until
 * then, and hold once its answer is FIRN_OK. @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG, FIRN_ENOMEM, and
 * FIRN_ENOTFOUND for an id that no run can have: the batch is as before. */
FIRN_API FIRN_NODISCARD firn_status firn_batch_run_append(firn_batch *batch, firn_slice run_id,
                                                          const firn_run_event *events, size_t events_count,
                                                          uint64_t *out_event_seqs, firn_run_appended *out_appended,
                                                          firn_error *err);

/** What the caller says about a run at its end; kept as given, whatever the facts. */
typedef struct firn_run_summary {
    uint64_t total_events;
    uint64_t duration_ms;
    uint32_t success;                /**< 0 or 1. */
    uint32_t has_final_state_digest; /**< 0: null. */
    uint8_t final_state_digest[FIRN_DIGEST_SIZE];
} firn_run_summary;

/**
 * End a run: complete, fail or cancel it. There is no way back, and no second end.
 * @param status   FIRN_RUN_COMPLETED, FIRN_RUN_FAILED or FIRN_RUN_CANCELLED.
 * @param summary  Read during the call only.
 * @return FIRN_OK; FIRN_EINVAL; FIRN_ENOTFOUND, `run not found: {run_id}`; FIRN_ESTATE, `run {run_id} is {STATUS},
 *   expected RUNNING`; FIRN_EPOISONED, FIRN_ENOSPC, FIRN_EACCES, FIRN_ENOMEM: as firn_batch_commit(). But for
 *   FIRN_EPOISONED nothing was appended.
 * Threads: any; of several that end the same run one succeeds. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_run_end(firn_ledger *ledger, firn_slice run_id, firn_run_status status,
                                                 const firn_run_summary *summary, firn_error *err);

/** Like firn_run_end(), without waiting; see firn_batch_submit(). */
FIRN_API FIRN_NODISCARD firn_status firn_run_end_submit(firn_ledger *ledger, firn_slice run_id, firn_run_status status,
                                                        const firn_run_summary *summary,
                                                        const firn_submit_options *submit, firn_ticket **out_ticket,
                                                        firn_error *err);

/** Add an end to a batch. @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG, FIRN_ENOMEM, and FIRN_ENOTFOUND for an id that no
 * run can have: the batch is as before. */
FIRN_API FIRN_NODISCARD firn_status firn_batch_run_end(firn_batch *batch, firn_slice run_id, firn_run_status status,
                                                       const firn_run_summary *summary, firn_error *err);

/** A run as a view sees it. Slices are borrowed from the buffer that it was read into. */
typedef struct firn_run {
    firn_slice run_id;
    uint8_t spec_digest[FIRN_DIGEST_SIZE];
    firn_slice git_sha; /**< data NULL: null. */
    firn_slice agent_name;
    firn_slice tags; /**< JSON text as given. */
    firn_run_evaluation evaluation;
    uint32_t has_evaluation;
    firn_run_status status;
    firn_run_summary summary; /**< All zero while RUNNING. */
    firn_time created_at;
    firn_time completed_at;  /**< All zero while RUNNING. */
    uint64_t event_count;    /**< Events stored. */
    uint64_t last_event_seq; /**< The highest number; 0 and meaningless if event_count is 0. */
    uint64_t create_seq;     /**< The ledger's seq of the record that created it. */
    uint64_t end_seq;        /**< … and of the one that ended it; 0 while RUNNING. */
} firn_run;

/**
 * Read a run.
 * @param buf  Takes what the slices point to; grown as needed.
 * @return FIRN_OK; FIRN_ENOTFOUND, `run not found: {run_id}`; FIRN_ECORRUPT, FIRN_EIO: its records cannot be read; else
 *   as view.h says.
 */
FIRN_API FIRN_NODISCARD firn_status firn_run_get(firn_view *view, firn_slice run_id, firn_buf *buf, firn_run *out_run,
                                                 firn_error *err);

enum {
    FIRN_RUN_CURSOR_SIZE = 65 /**< Bytes of a cursor's text, its final NUL included. */
};

/** Which runs; all that is given must hold. */
typedef struct firn_run_filter {
    size_t struct_size;
    const uint8_t *spec_digest; /**< NULL: any. */
    firn_slice agent_name;      /**< Exact; data NULL: any. */
    firn_slice git_sha;         /**< Exact; data NULL: any. */
    uint32_t statuses;          /**< Bits 1 << FIRN_RUN_…; 0: any. */
    uint32_t has_created_from;
    firn_time created_from; /**< Inclusive, if has_created_from. */
    uint32_t has_created_to;
    firn_time created_to; /**< Exclusive, if has_created_to. */
    firn_slice cursor;    /**< As firn_run_list_cursor() gave under the same filter; size 0: from the newest. */
} firn_run_filter;

/** A walk over runs, newest creation first. One thread at a time; closed before its view. */
typedef struct firn_run_list firn_run_list;

/** @param filter  NULL: all runs. Read during the call only.
 * @return FIRN_OK; FIRN_EINVAL, `invalid cursor: {text}`, `invalid status: {number}`; FIRN_ENOMEM. */
FIRN_API FIRN_NODISCARD firn_status firn_run_list_open(firn_view *view, const firn_run_filter *filter,
                                                       firn_run_list **out_list, firn_error *err);

/** The next run. Its slices live until the next call on the list.
 * @return FIRN_OK, FIRN_END; else as firn_run_get(). */
FIRN_API FIRN_NODISCARD firn_status firn_run_list_next(firn_run_list *list, firn_run *out_run, firn_error *err);

/** Where the walk stands: another one under the same filter goes on behind the last run given, in any later view. */
FIRN_API void firn_run_list_cursor(const firn_run_list *list, char out_text[FIRN_RUN_CURSOR_SIZE]);

/** NULL is accepted. */
FIRN_API void firn_run_list_close(firn_run_list *list);

/** A kind of events, or all kinds with a beginning. */
typedef struct firn_run_kind {
    firn_slice kind;
    uint32_t prefix; /**< 1: every kind that begins so. */
} firn_run_kind;

typedef struct firn_run_events_options {
    size_t struct_size;
    uint64_t from; /**< Lowest event_seq. */
    uint64_t to;   /**< Highest event_seq, if has_to; else there is no upper bound. */
    uint32_t has_to;
    uint32_t reverse;           /**< 1: from the highest event_seq down. */
    const firn_run_kind *kinds; /**< Any of these; must live as long as the walk. */
    size_t kinds_count;         /**< 0: all kinds. */
} firn_run_events_options;

/** A walk over the events of a run by event_seq. One thread at a time; closed before its view. */
typedef struct firn_run_events firn_run_events;

/** @param options  NULL: all events, ascending.
 * @return FIRN_OK; FIRN_ENOTFOUND, `run not found: {run_id}`; FIRN_EINVAL, FIRN_EEXPIRED, FIRN_ENOMEM. */
FIRN_API FIRN_NODISCARD firn_status firn_run_events_open(firn_view *view, firn_slice run_id,
                                                         const firn_run_events_options *options,
                                                         firn_run_events **out_events, firn_error *err);

/** The next event. Its slices live until the next call on the walk.
 * @return FIRN_OK, FIRN_END; else as firn_run_get(). */
FIRN_API FIRN_NODISCARD firn_status firn_run_events_next(firn_run_events *events, firn_run_event *out_event,
                                                         firn_error *err);

/** NULL is accepted. */
FIRN_API void firn_run_events_close(firn_run_events *events);

#ifdef __cplusplus
}
#endif
#endif
