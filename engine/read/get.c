/* SPDX-License-Identifier: Apache-2.0 */
/* get.c — read one durable record by its seq; wait for one. */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/deadline.h"
#include "engine/read/follow.h"
#include "engine/read/record.h"

#include <string.h>

firn_status firn_get(firn_ledger *ledger, uint64_t seq, firn_buf *buf, firn_record *out_record, firn_error *err)
{
    frn_log_record record;
    frn_record_batch batch;
    firn_status status;

    if (ledger == NULL || buf == NULL || out_record == NULL) {
        return frn_fail(err, FIRN_EINVAL, "get: %s is NULL",
                        ledger == NULL ? "ledger"
                        : buf == NULL  ? "buf"
                                       : "out_record");
    }
    status = frn_log_get(ledger->log, seq, buf, &record, &batch.first_seq, &batch.count, &batch.time_ns, err);
    if (status == FIRN_OK) {
        status = frn_record_show(&record, &batch, out_record, err);
    }
    return status < 0 ? frn_wrap(err, status, "get") : status;
}

firn_status firn_wait(firn_ledger *ledger, uint64_t seq, int64_t timeout_ns, firn_error *err)
{
    int poisoned;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "wait: ledger is NULL");
    }
    if (frn_log_durable(ledger->log) > seq) {
        return FIRN_OK;
    }
    if (timeout_ns == 0) {
        status = frn_follow(ledger, err);
        if (status != FIRN_OK || frn_log_durable(ledger->log) > seq) {
            return status < 0 ? frn_wrap(err, status, "wait") : status;
        }
    }
    if (timeout_ns == 0 || seq == UINT64_MAX) {
        poisoned = frn_log_poisoned(ledger->log);
        return poisoned != 0 ? frn_wrap(err, frn_log_poison_why(ledger->log, err), "wait") : FIRN_TIMEOUT;
    }
    status = frn_follow_wait(ledger, seq + 1, frn_deadline(timeout_ns), err);
    return status < 0 ? frn_wrap(err, status, "wait") : status;
}

void firn_position(firn_ledger *ledger, firn_cursor *out_cursor)
{
    firn_status status = frn_follow(ledger, NULL);
    uint64_t seq = frn_log_durable(ledger->log);

    (void)status; /* The position up to which this handle came is one in any case. */
    *out_cursor = (firn_cursor){.seq = seq};
    memcpy(out_cursor->ledger_id, frn_log_id(ledger->log), sizeof out_cursor->ledger_id);
    out_cursor->incarnation = seq == 0 ? frn_log_incarnation(ledger->log) : frn_log_incarnation_of(ledger->log, seq);
}
