/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firn.h — the whole public interface: an append-only ledger engine. One noun, one header.
 *
 * What holds everywhere, unless a comment says otherwise:
 *
 * - Since 0.1.0.
 * - Outputs are written on success only, err on failure only. A pointer that may be NULL says so; where it may not,
 *   NULL is FIRN_EINVAL, and so is a struct_size that is 0. Frees and closes accept NULL.
 * - Arguments are borrowed for the call. What is handed out says what ends it.
 * - Sizes are bytes, names ending in _ns nanoseconds, seqs start at 1 and ranges include both ends.
 * - Handles are for any thread at the same time; those that collect or walk (batch, scan, tail, list, events, content
 *   reader and writer) for one thread at a time. A handle is closed after everything that was opened on it.
 */
#ifndef FIRN_H
#define FIRN_H

#include "firn/batch.h"
#include "firn/content.h"
#include "firn/digest.h"
#include "firn/event.h"
#include "firn/history.h"
#include "firn/ledger.h"
#include "firn/record.h"
#include "firn/release.h"
#include "firn/run.h"
#include "firn/status.h"
#include "firn/ticket.h"
#include "firn/time.h"
#include "firn/types.h"
#include "firn/view.h"

#endif
