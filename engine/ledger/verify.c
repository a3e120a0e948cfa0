/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c — check a ledger without trusting its index: every byte of the log, and the rows that follow from it.
 *
 * firn_verify() reads a ledger that need not open; firn_replay() and frn_ledger_check() compare the rows of an open one
 * with rows built anew. A record that contradicts the rows before it is a finding like a bad checksum: it is reported,
 * and rows are built no further.
 */
#include "engine/base/error.h"
#include "engine/intake/options.h"
#include "engine/ledger/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

firn_status frn_report_check(const firn_report *report, firn_error *err)
{
    return report == NULL ? FIRN_OK : frn_struct_size_check(report->struct_size, "report", err);
}

void frn_report_write(firn_report *out_report, const firn_report *own)
{
    size_t size;

    if (out_report == NULL) {
        return;
    }
    size = out_report->struct_size;
    if (size > sizeof *own) {
        memset(out_report, 0, size);
    }
    memcpy(out_report, own, size < sizeof *own ? size : sizeof *own);
    out_report->struct_size = size;
}

/* A verification under way. */
typedef struct verification {
    firn_verify_options options; /* The caller's. */
    frn_replay replay;
    uint64_t contradictions; /* Findings of replay. */
    bool found;              /* first holds. */
    firn_error first;
} verification;

static void take_finding(void *arg, const firn_error *finding)
{
    verification *verify = arg;

    if (!verify->found) {
        verify->found = true;
        verify->first = *finding;
    }
    if (verify->options.finding != NULL) {
        verify->options.finding(verify->options.finding_arg, finding);
    }
}

static firn_status verify_record(void *arg, const frn_log_record *record, firn_error *err)
{
    verification *verify = arg;
    firn_error own;
    firn_status status;

    if (verify->contradictions != 0) {
        return FIRN_OK;
    }
    status = frn_replay_record(&verify->replay, record, &own);
    if (status == FIRN_ECORRUPT) {
        verify->contradictions++;
        take_finding(verify, &own);
        return FIRN_OK;
    }
    if (status != FIRN_OK && err != NULL) {
        *err = own;
    }
    return status;
}

/* Rows and their digest of an index that only a replay filled. */
static firn_status rows_report(frn_heap *heap, frn_replay *replay, firn_report *report, firn_error *err)
{
    frn_index_view *view;
    firn_status status = frn_index_view_open(replay->index, replay->last_seq, &view, err);

    if (status == FIRN_OK) {
        status = frn_rows_digest(heap, view, report->digest, &report->rows, err);
        frn_index_view_close(view);
    }
    return status;
}

firn_status frn_ledger_verify_on(const frn_ledger_seam *seam, const firn_verify_options *options,
                                 firn_report *out_report, firn_error *err)
{
    verification verify = {0};
    firn_verify_options inner = {.struct_size = sizeof inner, .finding = take_finding, .finding_arg = &verify};
    firn_report report = {.struct_size = sizeof report};
    int64_t started_ns = seam->io->ops->monotonic_ns(seam->io);
    bool there;
    firn_status status = frn_report_check(out_report, err);

    if (status == FIRN_OK) {
        status = frn_options_read(&verify.options, sizeof verify.options, options, "verify options", err);
    }
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_log_exists(seam->io, &there, err);
    if (status == FIRN_OK && !there) {
        status = frn_fail_detail(err, FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER, "there is no ledger");
    }
    if (status != FIRN_OK) {
        return status;
    }
    inner.progress = verify.options.progress;
    inner.progress_arg = verify.options.progress_arg;
    status = frn_index_open_memory(seam->heap, &(frn_index_options){0}, &verify.replay.index, err);
    if (status != FIRN_OK) {
        return status;
    }
    status = frn_log_verify(seam->heap, seam->io, &inner, verify_record, &verify, &report, err);
    frn_replay_abort(&verify.replay);
    if (status == FIRN_OK) {
        status = rows_report(seam->heap, &verify.replay, &report, err);
    }
    frn_index_close(verify.replay.index);
    if (status != FIRN_OK) {
        return status;
    }
    report.findings += verify.contradictions;
    report.duration_ns = (uint64_t)(seam->io->ops->monotonic_ns(seam->io) - started_ns);
    frn_report_write(out_report, &report);
    if (report.findings != 0) {
        if (err != NULL) {
            *err = verify.first;
            err->status = FIRN_ECORRUPT;
        }
        return FIRN_ECORRUPT;
    }
    return FIRN_OK;
}

firn_status firn_verify(const char *url, const firn_verify_options *options, firn_report *out_report, firn_error *err)
{
    frn_ground *ground = NULL;
    firn_status status;

    if (url == NULL) {
        return frn_fail(err, FIRN_EINVAL, "verify: url is NULL");
    }
    status = frn_ground_open(url, FIRN_IO_AUTO, false, true, (frn_trace){0}, &ground, err);
    if (status == FIRN_OK) {
        status = frn_ledger_verify_on(&(frn_ledger_seam){&ground->heap, ground->io, false}, options, out_report, err);
    }
    frn_ground_close(ground);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "verify %s", url);
}

static void digest_text(char out[2 * FIRN_DIGEST_SIZE + 1], const uint8_t *digest)
{
    for (size_t i = 0; i < FIRN_DIGEST_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

/* The rows in use at a position, against those of a replay up to the same one. */
static firn_status rows_compare(firn_ledger *ledger, frn_replay *replay, const frn_replay_told *told,
                                firn_report *report, firn_error *err)
{
    uint8_t live_digest[FIRN_DIGEST_SIZE];
    char live_text[2 * FIRN_DIGEST_SIZE + 1], text[2 * FIRN_DIGEST_SIZE + 1];
    frn_index_view *view = NULL;
    uint64_t live_rows;
    firn_status status;

    /* First most of it, then a view, then the rest: so the view need not live as long as the whole replay. */
    status = frn_replay_run(replay, ledger->log, 1, frn_rows_position(ledger), told, err);
    if (status == FIRN_OK) {
        status = frn_index_view_open(ledger->index, frn_rows_position(ledger), &view, err);
    }
    if (status == FIRN_OK) {
        status = frn_replay_run(replay, ledger->log, replay->last_seq + 1, frn_index_view_seq(view), told, err);
    }
    if (status == FIRN_OK) {
        status = frn_rows_digest(ledger->heap, view, live_digest, &live_rows, err);
    }
    if (status == FIRN_OK) {
        status = rows_report(ledger->heap, replay, report, err);
    }
    frn_index_view_close(view);
    if (status == FIRN_OK && memcmp(live_digest, report->digest, sizeof live_digest) != 0) {
        digest_text(live_text, live_digest);
        digest_text(text, report->digest);
        status = frn_fail(err, FIRN_EINVARIANT, "%" PRIu64 " rows with digest %s, a replay gives %" PRIu64 " with %s",
                          live_rows, live_text, report->rows, text);
    }
    return status;
}

static firn_status replay_compare(firn_ledger *ledger, const firn_replay_options *options, firn_report *report,
                                  firn_error *err)
{
    frn_house *house = frn_house_of(ledger);
    frn_replay replay = {0};
    firn_stats stats = {0};
    int64_t started_ns = house->io->ops->monotonic_ns(house->io);
    frn_replay_told told = {options->progress, options->progress_arg, 0};
    firn_status status = frn_index_open_memory(ledger->heap, &(frn_index_options){0}, &replay.index, err);

    if (status != FIRN_OK) {
        return status;
    }
    frn_log_stat(ledger->log, &stats);
    told.bytes_total = stats.log_size;
    status = rows_compare(ledger, &replay, &told, report, err);
    frn_index_close(replay.index);
    report->segments = stats.segments_count;
    report->batches = replay.batches;
    report->records = replay.records;
    report->bytes = replay.bytes;
    report->first_seq = replay.records != 0 ? 1 : 0;
    report->last_seq = replay.last_seq;
    report->duration_ns = (uint64_t)(house->io->ops->monotonic_ns(house->io) - started_ns);
    return status;
}

firn_status firn_replay(firn_ledger *ledger, const firn_replay_options *options, firn_report *out_report,
                        firn_error *err)
{
    firn_replay_options own;
    firn_report report = {.struct_size = sizeof report};
    firn_error why;
    firn_status status;

    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "replay: ledger is NULL");
    }
    status = frn_report_check(out_report, err);
    if (status == FIRN_OK) {
        status = frn_options_read(&own, sizeof own, options, "replay options", err);
    }
    if (status == FIRN_OK) {
        status = replay_compare(ledger, &own, &report, &why);
        if (status != FIRN_OK && err != NULL) {
            *err = why;
        }
        if (status == FIRN_EINVARIANT || (status < 0 && why.detail == FIRN_DETAIL_INDEX)) {
            atomic_store(&frn_house_of(ledger)->merger.spoilt, true);
        }
    }
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "replay");
    }
    frn_report_write(out_report, &report);
    return FIRN_OK;
}

firn_status frn_ledger_check(firn_ledger *ledger, firn_error *err)
{
    return firn_replay(ledger, NULL, NULL, err);
}
