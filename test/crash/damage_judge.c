/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage_judge.c — ask a damaged ledger, and end the program if it says what it may not say.
 *
 * Whatever was damaged: a record that is returned is the one that was written there; records come without gaps from
 * the first one on; an answer from rows is that of the history up to where the rows go, or an error with a text. What
 * must be said beyond that follows from the part that was damaged.
 */
#include "test/crash/damage_judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_damage(firn_status status)
{
    return status == FIRN_ECORRUPT || status == FIRN_EIO || status == FIRN_ENEWER;
}

/* A refusal because of damage has a text; one of the log's segments has a place as well. */
static void check_error(firn_status status, const firn_error *err, const char *what)
{
    if (!is_damage(status) || err->status != status || err->text[0] == '\0') {
        damage_violation("%s: %s (%s)", what, firn_status_name(status), err->text);
    }
    if (strstr(err->text, "segment ") != NULL && err->segment == 0) {
        damage_violation("%s: no place beside the text: %s", what, err->text);
    }
}

static void check_record(const damage_world *w, const firn_record *record, uint64_t expected, const char *what)
{
    if (record->seq != expected || !damage_is_right(w, record)) {
        damage_violation("%s: record %" PRIu64 " came back wrong, as %" PRIu64, what, expected, record->seq);
    }
}

static void scan_all(const damage_world *w, firn_ledger *ledger, outcome *out)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = SEGMENT};
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err = {0};

    out->records = 0;
    out->scan = firn_scan_open(ledger, &options, &scan, &err);
    if (out->scan == FIRN_OK) {
        while ((out->scan = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
            check_record(w, &record, ++out->records, "scan");
        }
    }
    firn_scan_close(scan);
    if (out->scan != FIRN_END) {
        check_error(out->scan, &err, "scan");
        if (out->damage.status == FIRN_OK) {
            out->damage = err;
        }
    }
}

static bool open_for_reading(disk *d, bool warm, damage_open *open, outcome *out)
{
    firn_error err = {0};
    firn_stats stats = {.struct_size = sizeof stats};

    out->scan = FIRN_OK;
    out->open = damage_open_on(open, d, FIRN_OPEN_READ, warm, &err);
    if (out->open != FIRN_OK) {
        check_error(out->open, &err, "open for reading");
        out->damage = err;
        return false;
    }
    if (firn_stat(open->ledger, &stats, &err) != FIRN_OK) {
        damage_violation("stat: %s", err.text);
    }
    out->damage = stats.damage;
    return true;
}

static void leave(damage_open *open)
{
    if (!damage_abandon(open)) {
        damage_violation("memory was left behind");
    }
}

void damage_read(const damage_world *w, disk *d, outcome *out)
{
    damage_open open;

    if (open_for_reading(d, false, &open, out)) {
        scan_all(w, open.ledger, out);
        leave(&open);
    }
}

static void take_finding(void *arg, const firn_error *finding)
{
    outcome *out = arg;

    if (out->finding.status == FIRN_OK) {
        out->finding = *finding;
    }
}

static void take_note(void *arg, const firn_error *note)
{
    outcome *out = arg;

    if (out->note.text[0] == '\0') {
        out->note = *note;
    }
}

void damage_verify(const damage_world *w, disk *d, outcome *out)
{
    firn_verify_options options = {
        .struct_size = sizeof options, .finding = take_finding, .finding_arg = out, .note = take_note, .note_arg = out};
    damage_open open = {.io = disk_open_io(d)};
    frn_ledger_seam seam = {.heap = &open.heap, .io = open.io};
    firn_error err = {0};

    frn_heap_init(&open.heap);
    out->report = (firn_report){.struct_size = sizeof out->report};
    out->finding = out->note = (firn_error){0};
    out->verify = frn_ledger_verify_on(&seam, &options, &out->report, &err);
    leave(&open);
    if (out->verify != FIRN_OK) {
        check_error(out->verify, &err, "verify");
    }
    if (out->report.findings > 0 && out->verify != FIRN_ECORRUPT) {
        damage_violation("verify: %s with %" PRIu64 " findings", firn_status_name(out->verify), out->report.findings);
    }
    if (out->verify == FIRN_OK && out->report.last_seq == w->records_count &&
        memcmp(out->report.digest, w->digest, sizeof w->digest) != 0) {
        damage_violation("verify: the rows have another digest, and nothing is said");
    }
    if (out->verify != FIRN_OK && out->finding.status == FIRN_OK) {
        out->finding = err;
    }
}

static void check_answers(const damage_world *w, const answers *given)
{
    const answers *right = NULL;

    for (unsigned i = 0; i < w->horizons_count; i++) {
        right = w->horizons[i].seq == given->seq ? &w->horizons[i] : right;
    }
    if (right == NULL || right->count != given->count) {
        damage_violation("rows up to %" PRIu64 ", where no batch ends", given->seq);
    }
    for (unsigned i = 0; i < given->count; i++) {
        if (given->of[i].status != right->of[i].status && is_damage(given->of[i].status)) {
            continue;
        }
        if (given->of[i].status != right->of[i].status || given->of[i].hash != right->of[i].hash) {
            damage_violation("%s, up to %" PRIu64 ": wrong, with %s", damage_question(i), given->seq,
                             firn_status_name(given->of[i].status));
        }
    }
}

/* Each record by its seq, last first: nothing that an earlier one brought into memory helps. */
static void get_all(const damage_world *w, firn_ledger *ledger)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_buf buf = {0};
    firn_record record;
    firn_error err = {0};
    firn_status status = firn_stat(ledger, &stats, &err);

    if (status != FIRN_OK) {
        damage_violation("stat: %s", err.text);
    }
    for (uint64_t seq = w->records_count + 1; seq > 0; seq--) {
        status = firn_get(ledger, seq, &buf, &record, &err);
        if (status == FIRN_OK) {
            check_record(w, &record, seq, "get");
        } else if (status == FIRN_ENOTFOUND ? seq <= stats.durable_seq : !is_damage(status)) {
            damage_violation("get %" PRIu64 " of %" PRIu64 ": %s", seq, stats.durable_seq, err.text);
        }
    }
    firn_buf_free(&buf);
}

static void replay(const damage_world *w, firn_ledger *ledger, const outcome *out)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err = {0};
    firn_status status = firn_replay(ledger, NULL, &report, &err);

    if (status != FIRN_OK) {
        check_error(status, &err, "replay");
    } else if (out->damage.status == FIRN_OK && report.last_seq == w->records_count &&
               memcmp(report.digest, w->digest, sizeof w->digest) != 0) {
        damage_violation("replay: the rows have another digest");
    }
}

void damage_query(const damage_world *w, disk *d, outcome *out)
{
    static answers given;
    damage_open open;

    if (open_for_reading(d, true, &open, out)) {
        damage_ask(open.ledger, &given);
        check_answers(w, &given);
        get_all(w, open.ledger);
        scan_all(w, open.ledger, out);
        replay(w, open.ledger, out);
        leave(&open);
    }
}

/* Up to a last record, which go_on() appended. */
static void scan_back(const damage_world *w, firn_ledger *ledger, uint64_t last)
{
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err = {0};
    uint64_t count = 0;
    firn_status status = firn_scan_open(ledger, NULL, &scan, &err);

    while (status == FIRN_OK && (status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        if (++count != last) {
            check_record(w, &record, count, "scan after writing");
        } else if (record.seq != last || record.kind != 9) {
            damage_violation("the event that was appended came back wrong");
        }
    }
    firn_scan_close(scan);
    if (status == FIRN_END ? count != last : !is_damage(status)) {
        damage_violation("after writing: %" PRIu64 " records instead of %" PRIu64 ", %s", count, last,
                         firn_status_name(status));
    }
}

/* What was opened for writing takes an event, and all is there when it is opened again. */
static void go_on(const damage_world *w, disk *d, damage_open *open, bool warm, uint64_t durable)
{
    firn_event event = {.kind = 9, .payload = {"more", 4}};
    firn_receipt receipt;
    firn_error err = {0};
    outcome out = {0};

    if (firn_append(open->ledger, (firn_slice){"one", 3}, &event, 1, NULL, &receipt, &err) != FIRN_OK) {
        damage_violation("append: %s", err.text);
    }
    if (receipt.first_seq != durable + 1) {
        damage_violation("append: seq %" PRIu64 " behind %" PRIu64, receipt.first_seq, durable);
    }
    if (!damage_close(open, &err)) {
        damage_violation("memory was left behind");
    }
    if (open_for_reading(d, warm, open, &out)) {
        if (out.damage.status == FIRN_OK) {
            scan_back(w, open->ledger, durable + 1);
        }
        leave(open);
    }
}

firn_status damage_write(const damage_world *w, disk *d, bool warm, uint64_t least, bool told)
{
    firn_stats stats = {.struct_size = sizeof stats};
    damage_open open;
    firn_error err = {0};
    firn_status status = damage_open_on(&open, d, FIRN_OPEN_WRITE, warm, &err);

    if (status != FIRN_OK) {
        check_error(status, &err, "open for writing");
        return status;
    }
    if (firn_stat(open.ledger, &stats, &err) != FIRN_OK) {
        damage_violation("stat: %s", err.text);
    }
    if (stats.durable_seq < least || (told && stats.durable_seq < w->records_count && stats.cuts_count == 0)) {
        damage_violation("opened for writing: ends at %" PRIu64 ", and no cut is told", stats.durable_seq);
    }
    go_on(w, d, &open, warm, stats.durable_seq);
    return FIRN_OK;
}

bool damage_is_complete(const damage_world *w, const outcome *out)
{
    return out->open == FIRN_OK && out->scan == FIRN_END && out->records == w->records_count;
}

bool damage_is_said(const outcome *out)
{
    return out->open < 0 || out->scan < 0 || out->damage.status < 0 || out->verify < 0 || out->report.tail_bytes > 0;
}

/* ---- by the part that was damaged ---- */

static void expect_finding(const part *p, const outcome *out)
{
    const firn_error *finding = &out->finding;

    if (out->verify != FIRN_ECORRUPT && out->verify != FIRN_EIO) {
        damage_violation("verify: not found");
    }
    if (finding->segment != p->segment || finding->offset < p->offset || finding->offset >= p->offset + p->size) {
        damage_violation("verify: found in segment %" PRIu64 " at %" PRIu64 " instead: %s", finding->segment,
                         finding->offset, finding->text);
    }
    if (p->kind == PART_HEADER && out->damage.segment != p->segment) {
        damage_violation("open for reading: not found");
    }
}

static void expect_complete(const damage_world *w, const outcome *out, bool note, const char *name)
{
    if (!damage_is_complete(w, out) || out->damage.status != FIRN_OK || out->verify != FIRN_OK) {
        damage_violation("not all is there: %" PRIu64 " records, %s, verify: %s", out->records, out->damage.text,
                         out->finding.text);
    }
    if (out->report.notes != (note ? 1 : 0)) {
        damage_violation("%" PRIu64 " notes, the first: %s", out->report.notes, out->note.text);
    }
    if (note && strstr(out->note.text, name) == NULL && out->note.segment == 0) {
        damage_violation("the note does not name %s: %s", name, out->note.text);
    }
}

void damage_expect(const damage_world *w, const part *p, uint64_t offset, const outcome *out)
{
    (void)offset;
    switch (part_rules[p->kind].duty) {
    case DUTY_FINDING:
        expect_finding(p, out);
        break;
    case DUTY_CUT:
        if (out->verify == FIRN_OK ? out->report.tail_bytes == 0 || out->records < w->proven
                                   : out->records < w->proven) {
            damage_violation("the tail: %" PRIu64 " records, %" PRIu64 " bytes to be cut", out->records,
                             out->report.tail_bytes);
        }
        break;
    case DUTY_NOTE:
        expect_complete(w, out, true, p->name);
        break;
    case DUTY_NONE:
        expect_complete(w, out, false, p->name);
        break;
    }
}
