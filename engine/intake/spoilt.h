/* SPDX-License-Identifier: Apache-2.0 */
/* spoilt.h — records that a read found damaged: what they hold is there, but may be put again. */
#ifndef FRN_INTAKE_SPOILT_H
#define FRN_INTAKE_SPOILT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/thread.h"

enum {
    FRN_SPOILT_MAX = 64 /**< Seqs kept; the oldest is forgotten, until a read meets it again. */
};

/** A ring of seqs, noted since open. Any thread. What is not known to be damaged is believed. */
typedef struct frn_spoilt {
    _Atomic bool any; /**< Some seq was noted. */
    frn_mutex mutex;
    uint32_t next;                 /**< Guarded by mutex, like seqs: the place that is written next. */
    uint64_t seqs[FRN_SPOILT_MAX]; /**< 0: none. */
} frn_spoilt;

void frn_spoilt_init(frn_spoilt *spoilt);
void frn_spoilt_done(frn_spoilt *spoilt);

void frn_spoilt_note(frn_spoilt *spoilt, uint64_t seq);
bool frn_spoilt_has(frn_spoilt *spoilt, uint64_t seq);

#endif
