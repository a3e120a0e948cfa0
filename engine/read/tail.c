/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail.c — a scan that goes on with what becomes durable later.
 *
 * Stored and live records come from the same reader: it stands behind the last record given, and the durable position
 * tells how far it may go. So there is no change-over in which a record could be lost or doubled, and nothing is kept
 * for a tail that pauses.
 */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/deadline.h"
#include "engine/intake/options.h"
#include "engine/read/follow.h"
#include "engine/read/record.h"

/* Used by one thread at a time. */
struct firn_tail {
    frn_record_source source;
};

static firn_status tail_open(firn_ledger *ledger, const firn_scan_options *own, firn_tail **out_tail, firn_error *err)
{
    firn_tail *tail;
    firn_status status;

    if (own->last_seq != 0) {
        return frn_fail(err, FIRN_EINVAL, "last_seq is %llu: a tail has no end", (unsigned long long)own->last_seq);
    }
    tail = frn_alloc_zero(ledger->heap, 1, sizeof *tail);
    if (tail == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "tail");
    }
    status = frn_record_source_init(&tail->source, ledger, own, err);
    if (status != FIRN_OK) {
        frn_free(ledger->heap, tail);
        return status;
    }
    *out_tail = tail;
    return FIRN_OK;
}

firn_status firn_tail_open(firn_ledger *ledger, const firn_scan_options *options, firn_tail **out_tail, firn_error *err)
{
    firn_scan_options own;
    firn_status status;

    if (ledger == NULL || out_tail == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open tail: %s is NULL", ledger == NULL ? "ledger" : "out_tail");
    }
    status = frn_options_read(&own, sizeof own, options, "tail options", err);
    if (status == FIRN_OK) {
        status = tail_open(ledger, &own, out_tail, err);
    }
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "open tail");
}

firn_status firn_tail_next(firn_tail *tail, int64_t timeout_ns, firn_record *out_record, firn_error *err)
{
    int64_t deadline_ns;
    frn_log *log;
    firn_status status;

    if (tail == NULL || out_record == NULL) {
        return frn_fail(err, FIRN_EINVAL, "tail: %s is NULL", tail == NULL ? "tail" : "out_record");
    }
    log = tail->source.ledger->log;
    deadline_ns = timeout_ns > 0 ? frn_deadline(timeout_ns) : timeout_ns;
    for (;;) {
        status = frn_record_source_next(&tail->source, frn_log_durable(log), out_record, err);
        if (status != FIRN_END) {
            return status < 0 ? frn_wrap(err, status, "tail") : status;
        }
        if (timeout_ns == 0) {
            uint64_t before = frn_log_durable(log);

            status = frn_follow(tail->source.ledger, err);
            if (status == FIRN_OK && frn_log_durable(log) > before) {
                continue;
            }
            if (status < 0) {
                return frn_wrap(err, status, "tail");
            }
            return frn_log_poisoned(log) != 0 ? frn_log_poison_why(log, err) : FIRN_TIMEOUT;
        }
        status = frn_follow_wait(tail->source.ledger, tail->source.next_seq, deadline_ns, err);
        if (status != FIRN_OK) {
            return status < 0 ? frn_wrap(err, status, "tail") : status;
        }
    }
}

void firn_tail_close(firn_tail *tail)
{
    if (tail != NULL) {
        frn_record_source_done(&tail->source);
        frn_free(tail->source.ledger->heap, tail);
    }
}
