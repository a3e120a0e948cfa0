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

/** Set up by open and fixed until close, but for what answers, digests and intake guard themselves. */
struct firn_ledger {
    frn_heap *heap;
    frn_log *log;
    frn_index *index;
    const frn_apply_table *applies;
    bool writable;
    uint64_t view_age_max_ns;
    frn_trace trace;
    frn_answers answers;
    frn_digests digests;
    frn_intake intake;
};

#endif
