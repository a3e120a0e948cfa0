/* SPDX-License-Identifier: Apache-2.0 */
/* run.h — a run's rows at a view, for the reads of runs and of their events. */
#ifndef FRN_READ_RUN_H
#define FRN_READ_RUN_H

#include "engine/read/view.h"
#include "engine/store/run.h"

/** The stream of a run. FIRN_ENOTFOUND, `run not found: {run_id}`. */
firn_status frn_run_stream(firn_view *view, firn_slice run_id, firn_buf *buf, uint32_t *out_stream,
                           firn_error *err) FIRN_NODISCARD;
/** Head of the run in a stream. FIRN_ENOTFOUND without a text. */
firn_status frn_run_head(firn_view *view, uint32_t stream, firn_buf *buf, frn_row_run_head *out_head,
                         firn_error *err) FIRN_NODISCARD;
/** Its other row; slices are borrowed from buf. */
firn_status frn_run_row(firn_view *view, uint32_t stream, firn_buf *buf, frn_row_run *out_row,
                        firn_error *err) FIRN_NODISCARD;

#endif
