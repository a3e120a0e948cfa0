/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h — one run of a case: a ledger, calls of the public interface, and a fault that comes at one point of them.
 *
 * A run goes: the ledger as seed.c filled it is put in place; the case prepares without faults; the fault is armed, the
 * case acts, the fault is disarmed; the case acts again without; everything is closed; the ledger is opened again. In
 * between after.c looks at what must hold. Which faults there are is a matter of the place: place.h.
 */
#ifndef TEST_FAULT_RIG_H
#define TEST_FAULT_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/heap.h"
#include "firn.h"
#include "test/fault/place.h"

enum {
    RIG_WRITES_MAX = 24,
    RIG_ANSWERS_MAX = 160,
    RIG_TICKETS_MAX = 4,
    RIG_ROUNDS = 3
};

/** What a call was asked to make durable, by what is looked for afterwards. */
typedef enum write_kind {
    WRITE_EVENTS,     /**< Three events of a stream of their own. */
    WRITE_RUN,        /**< A run. */
    WRITE_RUN_EVENTS, /**< Three events of a run that was there. */
    WRITE_RUN_END,    /**< The end of a run that was there. */
    WRITE_CONTENT,    /**< Content; a part of it may lie in the log and is nothing. */
    WRITE_RELEASE,    /**< A release of a name of its own. */
    WRITE_KEY_AGE,    /**< How long idempotency keys are kept. */
    WRITE_MIXED       /**< Events, a run, content and a release in one batch. */
} write_kind;

typedef enum write_state {
    WRITE_REFUSED,     /**< The call said that nothing was appended. */
    WRITE_UNKNOWN,     /**< FIRN_EPOISONED, or no answer: there whole, or not at all. */
    WRITE_ACKNOWLEDGED /**< There. */
} write_state;

typedef struct rig_write {
    write_kind kind;
    unsigned id;      /**< Its place in the list; names and payloads are made from it. */
    size_t size;      /**< Of content. */
    uint64_t records; /**< That it appended, as far as the durable position tells. */
    unsigned opening; /**< Under which handle: the order of submission is that of one handle. */
    write_state state;
} rig_write;

typedef struct rig_answer {
    char name[40];
    uint64_t hash;
} rig_answer;

typedef struct fault_case fault_case;

typedef struct rig {
    const fault_case *c;
    const fault *fault;
    const struct rig *reference; /**< The same run without a fault; NULL: this is that one. */
    bool reads;                  /**< The ledger is open for reading. */
    unsigned round;              /**< 0: with the fault; later ones without. */
    bool armed;
    bool came;         /**< The fault did come. */
    bool failed;       /**< A call of this round failed. */
    bool poisoned;     /**< A call said so. */
    unsigned failures; /**< Calls that failed in all. */
    unsigned openings; /**< Handles opened so far. */
    unsigned rooms;    /**< Times that room was made in this round. */
    frn_heap heap;
    place_seat seat;
    firn_ledger *ledger;
    frn_heap other_heap; /**< Of another handle: a writer beside a reader. */
    place_seat other_seat;
    firn_ledger *other;
    firn_error err;
    rig_write writes[RIG_WRITES_MAX];
    unsigned writes_count;
    rig_answer answers[RIG_ANSWERS_MAX];
    unsigned answers_count;
    uint64_t appended_elsewhere; /**< Records that another handle appended. */
    /* What a case keeps between its steps. */
    firn_view *view;
    firn_scan *scan;
    firn_tail *tail;
    firn_batch *batch;
    firn_content_writer *writer;
    firn_content_reader *reader;
    firn_run_list *list;
    firn_run_events *events;
    firn_ticket *tickets[RIG_TICKETS_MAX];
    firn_buf buf;
} rig;

/** How the ledger stands when the fault is armed. */
enum {
    CASE_WRITER = 1,  /**< Open for writing. */
    CASE_READER = 2,  /**< Open for reading; a second run of the case. */
    CASE_CLOSED = 4,  /**< Closed: the case opens and closes it. */
    CASE_UNCLEAN = 8, /**< With CLOSED: its writer died. */
    CASE_EMPTY = 16,  /**< With CLOSED: there is no ledger. */
    CASE_FREE = 32,   /**< There is no ledger, and none is opened. */
    CASE_SPACE = 256, /**< In every run with ENOSPC as well: a sync may say that, too. */
    CASE_TWIN = 128,  /**< So like another case that the simulated disk is enough. */
    CASE_URL = 64     /**< With CLOSED: opened by name, with threads; only where there are names. */
};

/** One way to meet a fault. */
struct fault_case {
    const char *name;
    unsigned how;
    void (*prepare)(rig *r); /**< May be NULL. */
    void (*act)(rig *r);
    void (*finish)(rig *r); /**< Closes what a case kept beyond what the rig closes. May be NULL. */
};

/** All cases, the last one with name NULL. */
extern const fault_case write_cases[], batch_cases[], read_cases[], store_read_cases[], open_cases[];

/** Says what is wrong, with the case, the fault and its number, and ends the program. */
void rig_wrong(const rig *r, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Calls. Each public function that can fail is called through one of these; out is filled with a pattern before, which
   must be there after a failure. */

void rig_before(rig *r, void *out, size_t size);
firn_status rig_after(rig *r, const char *function, firn_status status, firn_status wanted, const void *out,
                      size_t size);

#define TRY(r, function, ...) \
    (rig_before((r), NULL, 0), rig_after((r), #function, function(__VA_ARGS__, &(r)->err), FIRN_OK, NULL, 0))
#define TRY_OUT(r, out, function, ...)     \
    (rig_before((r), &(out), sizeof(out)), \
     rig_after((r), #function, function(__VA_ARGS__, &(r)->err), FIRN_OK, &(out), sizeof(out)))
/** A call that makes what is later closed; NULL if it failed. Whether it is there. */
#define TRY_NEW(r, handle, function, ...) \
    (TRY_OUT((r), (handle), function, __VA_ARGS__) == FIRN_OK || ((handle) = NULL, false))
/** A call that must be refused with a status that a fault may replace, but nothing else. */
#define TRY_REFUSED(r, wanted, function, ...) \
    (rig_before((r), NULL, 0), rig_after((r), #function, function(__VA_ARGS__, &(r)->err), (wanted), NULL, 0))

#define TEXT(text) ((firn_slice){(text), strlen(text)})

/** What a successful read gave: must be what it was without the fault. name and number say which answer it is. */
void rig_answer_add(rig *r, const char *name, uint64_t number, const void *data, size_t size);

/** A call that will append: note it before. id is the next free one. */
rig_write *rig_write_begin(rig *r, write_kind kind);
/** Makes segments, as a thread would: a submitted call found no room. False: that was done often enough. */
bool rig_make_room(rig *r);
/** What the call said. */
void rig_write_end(rig *r, rig_write *w, firn_status status);

/** What every ledger here is opened with. */
firn_options rig_options(firn_open_mode mode);
/** Opens and closes r->ledger, through the rules above: as firn_open() and firn_close(). */
firn_status rig_open(rig *r, firn_open_mode mode);
firn_status rig_close(rig *r);
/** The same without faults; must succeed. */
void rig_open_other(rig *r, firn_open_mode mode);
void rig_close_other(rig *r);

/** The whole run. Returns whether the fault came; *r is left for the caller to look at. */
bool rig_run(rig *r, const fault_case *c, bool reads, const fault *f, const rig *reference);

#endif
