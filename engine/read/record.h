/* SPDX-License-Identifier: Apache-2.0 */
/* record.h — a record of the log as the public interface shows it, and reading one after the other. */
#ifndef FRN_READ_RECORD_H
#define FRN_READ_RECORD_H

#include "engine/log/log.h"
#include "firn/record.h"

/** What is around a record. */
typedef struct frn_record_batch {
    uint64_t first_seq;
    uint32_t count;
    int64_t time_ns;
} frn_record_batch;

/** FIRN_OK; FIRN_ECORRUPT: an event whose body is none. */
firn_status frn_record_show(const frn_log_record *record, const frn_record_batch *batch, firn_record *out_record,
                            firn_error *err) FIRN_NODISCARD;

/** What a scan and a tail have in common: a reader, and damage that sticks. */
typedef struct frn_record_source {
    firn_ledger *ledger;
    frn_log_reader *reader; /**< NULL until a record is there to be read. */
    uint64_t next_seq;      /**< Where the reader stands, or will start. */
    size_t buffer_size;
    firn_error damage; /**< Status FIRN_OK until damage was met; from then on the answer to every call. */
} frn_record_source;

/** Sets the start by options that were read already: the cursor is checked. FIRN_OK, FIRN_EINVAL, FIRN_ECONFLICT. */
firn_status frn_record_source_init(frn_record_source *source, firn_ledger *ledger, const firn_scan_options *options,
                                   firn_error *err) FIRN_NODISCARD;
void frn_record_source_done(frn_record_source *source);
/** The next record up to last_seq, which is durable; see firn_scan_next(). */
firn_status frn_record_source_next(frn_record_source *source, uint64_t last_seq, firn_record *out_record,
                                   firn_error *err) FIRN_NODISCARD;

#endif
