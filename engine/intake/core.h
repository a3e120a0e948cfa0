/* SPDX-License-Identifier: Apache-2.0 */
/* core.h — what an open ledger is to intake, stores and reads; engine/ledger makes it and adds what it needs itself. */
#ifndef FRN_INTAKE_CORE_H
#define FRN_INTAKE_CORE_H

#include "engine/base/heap.h"
#include "engine/base/trace.h"
#include "engine/index/index.h"
#include "engine/intake/answer.h"
#include "engine/intake/apply.h"
#include "engine/intake/digest.h"
#include "engine/intake/intake.h"
#include "engine/log/log.h"

/** Set up by open and fixed until close, but for what answers, digests and intake guard themselves, and for index: open
    for reading, another one takes its place if it turns out damaged; it stays open until close. */
struct firn_ledger {
    frn_heap *heap;
    frn_io *io;
    frn_log *log;
    _Atomic(frn_index *) index;
    const frn_apply_table *applies;
    bool writable;
    _Atomic bool closing;          /**< Set by firn_close(): callbacks that it still runs submit in vain. */
    _Atomic uint64_t rows_seq_max; /**< Rows reach no further: damage was met when they were built; else UINT64_MAX. */
    /** Takes in what another process wrote; any thread. NULL: writable, or there are no threads that could wait. */
    firn_status (*follow)(firn_ledger *ledger, firn_error *err);
    uint32_t content_chunk_size;
    firn_event_validation event_validation;
    frn_trace trace;
    frn_answers answers;
    frn_digests digests;
    frn_intake intake;
};

/** Where the rows of an open ledger can be looked at: its durable position, or before damage. */
static inline uint64_t frn_rows_position(const firn_ledger *ledger)
{
    uint64_t durable = frn_log_durable(ledger->log);
    uint64_t rows = atomic_load(&ledger->rows_seq_max);

    return durable < rows ? durable : rows;
}

#endif
