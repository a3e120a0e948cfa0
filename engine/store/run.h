/* SPDX-License-Identifier: Apache-2.0 */
/* run.h — runs: what decisions and apply share, and the rows of the kinds of block "run". */
#ifndef FRN_STORE_RUN_H
#define FRN_STORE_RUN_H

#include "engine/intake/apply.h"
#include "engine/intake/batch.h"
#include "engine/intake/field.h"
#include "firn/run.h"
#include "format/stores.h"

/** Stream names of runs begin so. */
#define FRN_RUN_WORD "run:"

enum {
    FRN_RUN_ROWS_VERSION = 1 /**< Counted up when keys or values of its rows change: older ones are built again. */
};

/** Applies the kinds of the block "run". */
firn_status frn_run_apply(frn_apply *apply, const fmt_record *record, firn_error *err);
/** Writes back what is held of a run. */
firn_status frn_run_flush(frn_apply *apply, firn_error *err);

/** Makes apply->run hold the run of a stream. FIRN_ENOTFOUND, without a text: there is no run in it. */
firn_status frn_run_hold(frn_apply *apply, uint32_t stream, firn_error *err) FIRN_NODISCARD;
/** Makes it hold the row that an event belongs to, too; the run is held. */
firn_status frn_run_hold_events(frn_apply *apply, uint64_t event_seq, firn_error *err) FIRN_NODISCARD;

/** What two identical events have in common, and two creations of the same run. FIRN_OK, FIRN_ENOMEM. */
firn_status frn_run_event_print(frn_digests *digests, firn_slice kind, firn_slice payload, firn_time timestamp,
                                uint8_t out_print[FRN_PRINT_SIZE], firn_error *err) FIRN_NODISCARD;
firn_status frn_run_create_print(frn_digests *digests, const fmt_run_create *create, uint8_t out_print[FRN_PRINT_SIZE],
                                 firn_error *err) FIRN_NODISCARD;

/** Bit and place of an event in its block. */
static inline unsigned frn_event_place(uint64_t event_seq)
{
    return (unsigned)(event_seq % FRN_BLOCK_EVENTS);
}
static inline uint64_t frn_event_bit(uint64_t event_seq)
{
    return UINT64_C(1) << frn_event_place(event_seq);
}

/** Checks events as given, without state. *out_warnings: those that validation only warns about. */
firn_status frn_run_events_check(const firn_ledger *ledger, const firn_run_event *events, size_t count,
                                 uint64_t *out_warnings, firn_error *err) FIRN_NODISCARD;

/** The run of a verb that needs one: held when FIRN_OK. FIRN_ENOTFOUND, FIRN_ESTATE with the texts of the contract. */
firn_status frn_run_running(frn_decision *decision, frn_stream_ref *stream, firn_slice run_id, uint32_t *out_stream,
                            firn_error *err) FIRN_NODISCARD;
firn_status frn_run_unknown(firn_error *err, firn_slice run_id) FIRN_NODISCARD;

#endif
