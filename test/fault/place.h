/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h — where the ledgers of the sweep lie, and which faults can be had there.
 *
 * There are two, each a program of its own: the simulated disk (place_simulated.c), where the k-th allocation of the
 * ledger's heap and the k-th operation of the disk fail; and a real folder (place_folder.c), where the k-th allocation
 * of the whole process, the k-th call of libc that does I/O, and the k-th operation of the I/O seam fail.
 */
#ifndef TEST_FAULT_PLACE_H
#define TEST_FAULT_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/heap.h"
#include "engine/io/io.h"
#include "firn.h"

typedef enum fault_kind {
    FAULT_NONE,
    FAULT_HEAP,   /**< An allocation of the ledger's heap. */
    FAULT_DISK,   /**< An operation of the simulated disk. */
    FAULT_MALLOC, /**< An allocation of the process, whoever makes it. */
    FAULT_CALL,   /**< A call of libc that does I/O. */
    FAULT_SEAM    /**< An operation of the I/O seam over a real folder. */
} fault_kind;

typedef struct fault {
    fault_kind kind;
    uint64_t at;   /**< The operation that fails, from 1. */
    bool for_ever; /**< And all after it. */
    bool is_short; /**< A queued write is not refused but done in part. */
    int os_errno;  /**< Of I/O. */
} fault;

/** What stands in the place. */
typedef enum place_what {
    PLACE_EMPTY,
    PLACE_SEEDED,
    PLACE_UNCLEAN /**< As SEEDED, and a writer died that had appended more. */
} place_what;

/** What a handle stands on. */
typedef struct place_seat {
    frn_io *io;
    void *more;
    bool by_name; /**< Opened by firn_open(): all is the ledger's. */
} place_seat;

/** "simulated" or "folder". */
extern const char *const place_name;
/** In every run a fault that stays begins at one point in so many: where a run is dear, not at each. */
extern const unsigned place_for_ever_in;
/** Kinds of faults that can be had: in every run, and in the long campaign. FAULT_NONE at the end. */
extern const fault_kind place_kinds[], place_kinds_long[];

/** Once; folder: where to make files, or NULL. ring: by io_uring, where there is a choice. False: there is none. */
bool place_begin(const char *folder, bool ring);
/** Before a run: the kind of its fault. */
void place_choose(fault_kind kind);
/** From here on other dice are thrown, where there are any. */
void place_seed(uint64_t seed);
void place_end(void);
/** Puts what is wanted there, fresh. */
void place_restore(place_what what);
/** Keeps what is there as what will be put there as SEEDED or UNCLEAN. */
void place_keep(place_what what);
/** All is closed: this is the moment of which place_cut() makes what a power cut leaves. */
void place_mark(void);
/** False: no such thing here. */
bool place_cut(void);

/** What is opened: a name for firn_open(), NULL where there are none. */
const char *place_url(void);
firn_status place_open(place_seat *seat, frn_heap *heap, const firn_options *options, bool by_name,
                       firn_ledger **out_ledger, firn_error *err);
void place_leave(place_seat *seat);
firn_status place_verify(frn_heap *heap, firn_report *out_report, firn_error *err);

void place_arm(const fault *f, frn_heap *heap);
/** Whether the fault came; of no use once disarmed. */
bool place_came(const fault *f, const frn_heap *heap);
void place_disarm(frn_heap *heap);
/** What failed first. */
const char *place_failed(void);
/** Whether rows are compared with the log, and all bytes checked, after this one; where that is dear, not after each.
 */
bool place_looks_closely(const fault *f);
/** NULL, or what is wrong: files left open, a sync that was tried again, a write after one that failed. */
const char *place_complaint(void);

#endif
