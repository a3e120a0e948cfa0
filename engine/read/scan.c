/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c — read durable records forward from a position. */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/options.h"
#include "engine/read/record.h"

/* Used by one thread at a time. */
struct firn_scan {
    frn_record_source source;
    uint64_t last_seq; /* Durable. */
};

static firn_status scan_open(firn_ledger *ledger, const firn_scan_options *own, firn_scan **out_scan, firn_error *err)
{
    uint64_t durable = frn_log_durable(ledger->log);
    firn_scan *scan = frn_alloc_zero(ledger->heap, 1, sizeof *scan);
    firn_status status;

    if (scan == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "scan");
    }
    status = frn_record_source_init(&scan->source, ledger, own, err);
    if (status != FIRN_OK) {
        frn_free(ledger->heap, scan);
        return status;
    }
    scan->last_seq = own->last_seq == 0 || own->last_seq > durable ? durable : own->last_seq;
    *out_scan = scan;
    return FIRN_OK;
}

firn_status firn_scan_open(firn_ledger *ledger, const firn_scan_options *options, firn_scan **out_scan, firn_error *err)
{
    firn_scan_options own;
    firn_status status;

    if (ledger == NULL || out_scan == NULL) {
        return frn_fail(err, FIRN_EINVAL, "open scan: %s is NULL", ledger == NULL ? "ledger" : "out_scan");
    }
    status = frn_options_read(&own, sizeof own, options, "scan options", err);
    if (status == FIRN_OK) {
        status = scan_open(ledger, &own, out_scan, err);
    }
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "open scan");
}

firn_status firn_scan_next(firn_scan *scan, firn_record *out_record, firn_error *err)
{
    firn_status status;

    if (scan == NULL || out_record == NULL) {
        return frn_fail(err, FIRN_EINVAL, "scan: %s is NULL", scan == NULL ? "scan" : "out_record");
    }
    status = frn_record_source_next(&scan->source, scan->last_seq, out_record, err);
    return status < 0 ? frn_wrap(err, status, "scan") : status;
}

void firn_scan_close(firn_scan *scan)
{
    if (scan != NULL) {
        frn_record_source_done(&scan->source);
        frn_free(scan->source.ledger->heap, scan);
    }
}
