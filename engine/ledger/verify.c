/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c — check a ledger without trusting its index: every byte of the log, the rows that follow from it, the index.
 *
 * firn_verify() reads a ledger that need not open; firn_replay() and frn_ledger_check() compare the rows of an open one
 * with rows built anew. A record that contradicts the rows before it is a finding like a bad checksum: it is reported,
 * and rows are built no further.
 *
 * The index on disk. A state of it is pinned before the log is read, so its mark lies within what is durable. The
 * replay stops there for a moment: the rows of that state are those that the records up to its mark give, or they are
 * findings. Where the log itself is damaged before the mark nobody can tell, and a note says so.
 */
#include "engine/base/error.h"
#include "engine/intake/options.h"
#include "engine/ledger/compare.h"
#include "engine/ledger/private.h"
#include "format/body.h"

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
    frn_digests digests;
    uint64_t contradictions; /* Findings of replay. */
    uint64_t events_bad;     /* Findings of verify_event(). */
    bool found;              /* Findings of the log or of replay: first holds. */
    firn_error first;
    frn_index_file *index; /* Pinned and not compared yet; NULL: there is none, or it was. */
    frn_index_mark mark;   /* Its mark. */
    frn_compare compare;
    bool compared;
    char note[sizeof((firn_report *)0)->index_note]; /* Why it was not. */
    firn_report report;                              /* The log's. */
} verification;

static void index_note(verification *verify, const char *note)
{
    (void)snprintf(verify->note, sizeof verify->note, "%.*s", (int)sizeof verify->note - 1, note);
}

/* A finding of the index that needs no comparison. */
static void index_finding(verification *verify, const char *what, uint64_t number)
{
    firn_error finding;

    (void)frn_fail_detail(&finding, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "index: its mark is seq %" PRIu64 ": %s %" PRIu64,
                          verify->mark.seq, what, number);
    frn_compare_damage(&verify->compare, &finding);
    index_note(verify, "its mark does not fit the log");
}

/* Pins the index on disk, if there is one. */
static firn_status index_pin(verification *verify, const frn_ledger_seam *seam, firn_error *err)
{
    frn_lmdb_options options = {.stores_count = FRN_STORES};
    firn_error own = {0};
    firn_status status;

    memcpy(options.stores, frn_stores_rows, sizeof frn_stores_rows);
    verify->compare = (frn_compare){
        .heap = seam->heap, .finding = verify->options.finding, .finding_arg = verify->options.finding_arg};
    if (seam->index_folder == NULL) {
        index_note(verify, "there is none");
        return FIRN_OK;
    }
    status = frn_index_file_open(seam->heap, seam->index_folder, &options, &verify->index, &own);
    if (status == FIRN_OK) {
        frn_index_file_mark(verify->index, &verify->mark);
    } else if (status == FIRN_ENOMEM) {
        if (err != NULL) {
            *err = own;
        }
        return status;
    } else if (status == FIRN_ECORRUPT) {
        frn_compare_damage(&verify->compare, &own);
        index_note(verify, "it is damaged");
    } else {
        index_note(verify, status == FIRN_ENOTFOUND ? "there is none" : own.text);
    }
    return FIRN_OK;
}

static void index_drop(verification *verify)
{
    frn_index_file_close(verify->index);
    verify->index = NULL;
}

/* Compares the index with the rows so far, if these are the ones that it must hold: nothing is replayed behind damage.
 */
static firn_status index_compare(verification *verify, firn_error *err)
{
    firn_status status = FIRN_OK;

    if (verify->index == NULL || verify->replay.open || verify->replay.last_seq != verify->mark.seq) {
        return FIRN_OK;
    }
    if (memcmp(verify->mark.ledger_id, verify->report.ledger_id, FIRN_LEDGER_ID_SIZE) != 0) {
        index_finding(verify, "it is of another ledger; this one has reached seq", verify->replay.last_seq);
    } else {
        status = frn_compare_file(&verify->compare, verify->index, verify->replay.index, verify->mark.seq, err);
    }
    if (status == FIRN_ESTATE) {
        verify->compare.findings = verify->compare.damaged = 0;
        index_note(verify, "it was written while it was read");
        status = FIRN_OK;
    } else if (status == FIRN_OK) {
        verify->compared = true;
    }
    index_drop(verify);
    return status;
}

/* The log is at its end: why the index was not compared. */
static void index_leave(verification *verify)
{
    if (verify->index == NULL) {
        return;
    }
    if (verify->found) {
        index_note(verify, "the log is damaged");
    } else if (verify->replay.last_seq > verify->mark.seq) {
        index_finding(verify, "no batch ends there, but one at", verify->replay.last_seq);
    } else if (verify->report.writer_alive != 0) {
        index_note(verify, "a writer is ahead of what was verified");
    } else {
        index_finding(verify, "the log ends at", verify->replay.last_seq);
    }
    index_drop(verify);
}

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

/* Rows do not depend on what an event says, but whoever reads it does. */
static void verify_event(verification *verify, const frn_log_record *record)
{
    firn_slice payload;
    firn_error own = {0};
    fmt_verdict verdict = fmt_event_decode(record->record.body, &payload);

    if (verdict != FMT_OK) {
        (void)frn_fail_detail(&own, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "record %" PRIu64 ": body of an event: %s",
                              record->record.seq, fmt_verdict_text(verdict));
        (void)frn_place(&own, FIRN_ECORRUPT, record->hint.segment, record->hint.offset, record->record.seq);
        verify->events_bad++;
        take_finding(verify, &own);
    }
}

static firn_status verify_record(void *arg, const frn_log_record *record, firn_error *err)
{
    verification *verify = arg;
    firn_error own;
    firn_status status;

    if (record->record.kind <= FIRN_EVENT_KIND_MAX) {
        verify_event(verify, record);
    }
    if (verify->contradictions != 0) {
        return FIRN_OK;
    }
    status = index_compare(verify, err);
    if (status != FIRN_OK) {
        return status;
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

/* The log first to last, the index when its turn has come, then the rows. */
static firn_status verify_all(verification *verify, const frn_ledger_seam *seam, firn_error *err)
{
    firn_verify_options inner = {.struct_size = sizeof inner,
                                 .finding = take_finding,
                                 .finding_arg = verify,
                                 .note = verify->options.note,
                                 .note_arg = verify->options.note_arg,
                                 .progress = verify->options.progress,
                                 .progress_arg = verify->options.progress_arg};
    firn_status status = index_pin(verify, seam, err);

    if (status == FIRN_OK) {
        status = frn_log_verify(seam->heap, seam->io, &inner, verify_record, verify, &verify->report, err);
    }
    frn_replay_abort(&verify->replay);
    if (status == FIRN_OK) {
        status = index_compare(verify, err);
    }
    if (status == FIRN_OK) {
        index_leave(verify);
        status = rows_report(seam->heap, &verify->replay, &verify->report, err);
    }
    index_drop(verify);
    return status;
}

/* What is said of findings: the first of the log, or the first of the index. */
static firn_status verdict(const verification *verify, firn_error *err)
{
    if (verify->report.findings == 0) {
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = verify->found ? verify->first : verify->compare.first;
        err->status = FIRN_ECORRUPT;
    }
    return verify->found ? FIRN_ECORRUPT
                         : frn_wrap(err, FIRN_ECORRUPT, "the log is good, the index is not and can be built anew");
}

firn_status frn_ledger_verify_on(const frn_ledger_seam *seam, const firn_verify_options *options,
                                 firn_report *out_report, firn_error *err)
{
    verification verify = {.report = {.struct_size = sizeof(firn_report)}};
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
    status = frn_index_open_memory(seam->heap, &(frn_index_options){0}, &verify.replay.index, err);
    if (status != FIRN_OK) {
        return status;
    }
    frn_digests_init(&verify.digests, seam->heap);
    verify.replay.digests = &verify.digests;
    status = verify_all(&verify, seam, err);
    frn_index_close(verify.replay.index);
    frn_digests_done(&verify.digests);
    if (status != FIRN_OK) {
        return status;
    }
    verify.report.index_findings = verify.compare.findings;
    verify.report.index_seq = verify.compared ? verify.mark.seq : 0;
    verify.report.index_rows = verify.compare.rows;
    memcpy(verify.report.index_note, verify.note, sizeof verify.note);
    verify.report.findings += verify.contradictions + verify.events_bad + verify.compare.findings;
    verify.report.duration_ns = (uint64_t)(seam->io->ops->monotonic_ns(seam->io) - started_ns);
    frn_report_write(out_report, &verify.report);
    return verdict(&verify, err);
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
        status = frn_ledger_verify_on(&(frn_ledger_seam){&ground->heap, ground->io, false, ground->index_folder},
                                      options, out_report, err);
    }
    frn_ground_close(ground);
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "verify %s", url);
}

/* The rows in use at a position, against those of a replay up to the same one. */
static firn_status rows_compare(firn_ledger *ledger, frn_index *index, frn_replay *replay, const frn_replay_told *told,
                                frn_compare *compare, firn_error *err)
{
    frn_index_view *view = NULL;
    firn_status status;

    /* First most of it, then a view, then the rest: so the view need not live as long as the whole replay. */
    status = frn_replay_run(replay, ledger->log, 1, frn_rows_position(ledger), told, err);
    if (status == FIRN_OK) {
        status = frn_index_view_open(index, frn_rows_position(ledger), &view, err);
    }
    if (status == FIRN_OK) {
        status = frn_replay_run(replay, ledger->log, replay->last_seq + 1, frn_index_view_seq(view), told, err);
    }
    if (status == FIRN_OK) {
        status = frn_compare_view(compare, view, replay->index, replay->last_seq, err);
    }
    frn_index_view_close(view);
    return status;
}

/* What is said of differences. */
static firn_status difference(const frn_compare *compare, bool on_disk, firn_error *err)
{
    const char *cure = on_disk ? "; the next opening builds the index anew" : "";

    if (compare->findings == 0) {
        return FIRN_OK;
    }
    if (compare->damaged > 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "%" PRIu64 " findings, the first: %s%s",
                               compare->findings, compare->first.text, cure);
    }
    return frn_fail_detail(err, FIRN_EINVARIANT, on_disk ? FIRN_DETAIL_INDEX : FIRN_DETAIL_NONE,
                           "%" PRIu64 " of %" PRIu64 " rows differ from those of a replay, the first: %s%s",
                           compare->findings, compare->rows, compare->first.text, cure);
}

static firn_status replay_compare(firn_ledger *ledger, frn_index *index, const firn_replay_options *options,
                                  firn_report *report, firn_error *err)
{
    frn_house *house = frn_house_of(ledger);
    frn_replay replay = {.digests = &ledger->digests};
    frn_compare compare = {.heap = ledger->heap, .finding = options->finding, .finding_arg = options->finding_arg};
    firn_stats stats = {0};
    frn_index_mark mark;
    int64_t started_ns = house->io->ops->monotonic_ns(house->io);
    frn_replay_told told = {options->progress, options->progress_arg, 0};
    firn_status status = frn_index_open_memory(ledger->heap, &(frn_index_options){0}, &replay.index, err);

    if (status != FIRN_OK) {
        return status;
    }
    frn_log_stat(ledger->log, &stats);
    told.bytes_total = stats.log_size;
    status = rows_compare(ledger, index, &replay, &told, &compare, err);
    if (status == FIRN_OK) {
        status = difference(&compare, house->index_on_disk, err);
    }
    if (status == FIRN_OK) {
        status = rows_report(ledger->heap, &replay, report, err);
    }
    frn_index_close(replay.index);
    frn_index_mark_get(index, &mark);
    report->index_seq = mark.seq;
    report->index_rows = house->index_on_disk ? compare.rows : 0;
    if (!house->index_on_disk) {
        (void)snprintf(report->index_note, sizeof report->index_note, "it is not in use");
    }
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
    frn_index *index;
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
        index = ledger->index;
        status = replay_compare(ledger, index, &own, &report, &why);
        if (status != FIRN_OK && err != NULL) {
            *err = why;
        }
        if (status == FIRN_EINVARIANT || (status < 0 && why.detail == FIRN_DETAIL_INDEX)) {
            frn_index_distrust(index, why.text);
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
