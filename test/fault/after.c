/* SPDX-License-Identifier: Apache-2.0 */
/*
 * after.c — what must hold after a fault: in the open ledger, in each round without it, and when it is opened again.
 *
 * A write that the call refused is not there; one that was acknowledged is there; one of unknown fate is there whole or
 * not at all, and only if all that were submitted before it are. Nothing else is there.
 */
#include "test/fault/after.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/fault/made.h"

uint64_t after_records_before[3];

/* Walks through all records: dense, of whole batches, each readable. Returns how many there are. */
static uint64_t walk(const rig *r, firn_ledger *ledger, const char *when)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 65536};
    uint64_t count = 0, batch_end = 0;
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    firn_status status = firn_scan_open(ledger, &options, &scan, &err);

    if (status != FIRN_OK) {
        rig_wrong(r, "%s: scan: %s", when, err.text);
    }
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        count++;
        if (record.seq != count || (count <= batch_end) != (record.batch_first_seq != count) ||
            record.batch_first_seq > count) {
            rig_wrong(r, "%s: record %llu is not where it belongs", when, (unsigned long long)record.seq);
        }
        batch_end = record.batch_first_seq + record.batch_count - 1;
    }
    if (status != FIRN_END || batch_end != count) {
        rig_wrong(r, "%s: scan: %s", when, status == FIRN_END ? "the last batch is not whole" : err.text);
    }
    firn_scan_close(scan);
    return count;
}

void after_fault(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    if (r->ledger == NULL || r->reads) {
        return;
    }
    if (firn_stat(r->ledger, &stats, &err) != FIRN_OK) {
        rig_wrong(r, "stat after the fault: %s", err.text);
    }
    if (r->poisoned && stats.poisoned_errno == 0) {
        rig_wrong(r, "a call said that the ledger is poisoned, and stat does not");
    }
    r->poisoned = stats.poisoned_errno != 0;
    if (r->poisoned && (r->fault->kind == FAULT_HEAP || r->fault->kind == FAULT_MALLOC)) {
        rig_wrong(r, "a lack of memory poisoned the ledger with errno %d", stats.poisoned_errno);
    }
    if (r->poisoned && !r->fault->is_short && stats.poisoned_errno != r->fault->os_errno) {
        rig_wrong(r, "poisoned with errno %d", stats.poisoned_errno);
    }
    if (walk(r, r->ledger, "in the open ledger") < stats.durable_seq) {
        rig_wrong(r, "what is durable cannot all be read");
    }
}

void after_round(rig *r)
{
    firn_error err;

    if (r->ledger != NULL && place_looks_closely(r->fault) && firn_replay(r->ledger, NULL, NULL, &err) != FIRN_OK) {
        rig_wrong(r, "replay: %s", err.text);
    }
}

/* ---- opened again ---- */

typedef enum presence {
    ABSENT,
    PRESENT,
    PARTIAL
} presence;

static presence of_status(const rig *r, firn_status status, const firn_error *err)
{
    if (status < 0 && status != FIRN_ENOTFOUND) {
        rig_wrong(r, "opened again: %s", err->text);
    }
    return status == FIRN_OK ? PRESENT : ABSENT;
}

static presence has_events(const rig *r, firn_view *view, unsigned id)
{
    firn_stream stream;
    firn_error err;
    presence there = of_status(r, firn_stream_get(view, made_stream(id), &stream, &err), &err);

    return there == PRESENT && stream.version != MADE_EVENTS ? PARTIAL : there;
}

static presence has_run(const rig *r, firn_view *view, unsigned id)
{
    firn_buf buf = {0};
    firn_run run;
    firn_error err;
    presence there = of_status(r, firn_run_get(view, made_run(id), &buf, &run, &err), &err);

    if (there == PRESENT && (run.agent_name.size != 5 || run.tags.size != 13)) {
        there = PARTIAL;
    }
    firn_buf_free(&buf);
    return there;
}

static presence has_run_events(const rig *r, firn_view *view, unsigned id)
{
    firn_run_events_options options = {
        .struct_size = sizeof options, .from = 1000 * (id + 1), .to = 1000 * (id + 1) + 999, .has_to = 1};
    const firn_run_event *want = made_run_events(id);
    firn_run_events *events = NULL;
    firn_run_event event;
    unsigned count = 0;
    firn_error err;
    firn_status status = firn_run_events_open(view, made_seed_run(0), &options, &events, &err);

    while (status == FIRN_OK && (status = firn_run_events_next(events, &event, &err)) == FIRN_OK) {
        if (count == MADE_EVENTS || event.payload.size != want[count].payload.size ||
            memcmp(event.payload.data, want[count].payload.data, event.payload.size) != 0) {
            rig_wrong(r, "opened again: event %llu of a run is another one", (unsigned long long)event.event_seq);
        }
        count++;
    }
    if (status != FIRN_END) {
        rig_wrong(r, "opened again: %s", err.text);
    }
    firn_run_events_close(events);
    return count == 0 ? ABSENT : count == MADE_EVENTS ? PRESENT : PARTIAL;
}

static presence has_run_end(const rig *r, firn_view *view, unsigned id)
{
    firn_buf buf = {0};
    firn_run run = {0};
    firn_error err;
    presence there = of_status(r, firn_run_get(view, made_seed_run(id % MADE_RUNS), &buf, &run, &err), &err);

    firn_buf_free(&buf);
    return there == ABSENT                       ? PARTIAL
           : run.status == FIRN_RUN_RUNNING      ? ABSENT
           : run.summary.total_events == 77 + id ? PRESENT
                                                 : PARTIAL;
}

static presence has_content(const rig *r, firn_view *view, const rig_write *w)
{
    static const firn_content_read_options check = {.struct_size = sizeof check, .check_digest = 1};
    firn_slice want = made_content(w->id, w->size);
    firn_buf buf = {0};
    firn_error err;
    presence there = of_status(r, firn_content_get(view, made_digest(w->id, w->size), &check, &buf, &err), &err);

    if (there == PRESENT && (buf.size != want.size || memcmp(buf.data, want.data, want.size) != 0)) {
        there = PARTIAL;
    }
    firn_buf_free(&buf);
    return there;
}

static presence has_release(const rig *r, firn_view *view, unsigned id)
{
    firn_buf buf = {0};
    firn_release release;
    firn_error err;
    presence there = PRESENT;
    firn_status status = firn_release_current(view, made_release(id), &buf, &release, &err);

    if (status == FIRN_END) {
        there = ABSENT;
    } else if (status != FIRN_OK) {
        rig_wrong(r, "opened again: %s", err.text);
    } else if (release.release_number != 1 || release.notes.size != 5) {
        there = PARTIAL;
    }
    firn_buf_free(&buf);
    return there;
}

static presence has_key_age(const rig *r, firn_ledger *ledger, unsigned id)
{
    uint64_t age = made_key_age(id);
    uint8_t bytes[8];
    presence there = ABSENT;
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;

    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(age >> (56 - 8 * i));
    }
    if (firn_scan_open(ledger, NULL, &scan, &err) != FIRN_OK) {
        rig_wrong(r, "opened again: %s", err.text);
    }
    while (firn_scan_next(scan, &record, &err) == FIRN_OK) {
        if (record.stream == 0 && memmem(record.body.data, record.body.size, bytes, sizeof bytes) != NULL) {
            there = there == ABSENT ? PRESENT : PARTIAL;
        }
    }
    firn_scan_close(scan);
    return there;
}

static presence has_mixed(const rig *r, firn_view *view, const rig_write *w)
{
    unsigned found = 0;

    found += has_events(r, view, w->id) == PRESENT;
    found += has_run(r, view, w->id) == PRESENT;
    found += has_release(r, view, w->id) == PRESENT;
    found += has_content(r, view, w) == PRESENT;
    return found == 0 ? ABSENT : found == 4 ? PRESENT : PARTIAL;
}

static presence look_for(const rig *r, firn_ledger *ledger, firn_view *view, const rig_write *w)
{
    switch (w->kind) {
    case WRITE_EVENTS:
        return has_events(r, view, w->id);
    case WRITE_RUN:
        return has_run(r, view, w->id);
    case WRITE_RUN_EVENTS:
        return has_run_events(r, view, w->id);
    case WRITE_RUN_END:
        return has_run_end(r, view, w->id);
    case WRITE_CONTENT:
        return has_content(r, view, w);
    case WRITE_RELEASE:
        return has_release(r, view, w->id);
    case WRITE_KEY_AGE:
        return has_key_age(r, ledger, w->id);
    case WRITE_MIXED:
        return has_mixed(r, view, w);
    }
    return PARTIAL;
}

/* Every write against what is there. Returns the records that they account for; *out_exact: there can be no others. */
static uint64_t check_writes(const rig *r, firn_ledger *ledger, const char *when, bool *out_exact)
{
    uint64_t records = 0;
    const rig_write *missing = NULL;
    firn_view *view = NULL;
    firn_error err;

    *out_exact = true;
    if (firn_view_open(ledger, &view, &err) != FIRN_OK) {
        rig_wrong(r, "%s: %s", when, err.text);
    }
    for (unsigned i = 0; i < r->writes_count; i++) {
        const rig_write *w = &r->writes[i];
        presence there = look_for(r, ledger, view, w);
        const char *what = there == PARTIAL                                    ? "is there in part"
                           : there == ABSENT && w->state == WRITE_ACKNOWLEDGED ? "was acknowledged and is gone"
                           : there == PRESENT && w->state == WRITE_REFUSED     ? "was refused and is there"
                           : there == PRESENT && missing != NULL && missing->opening == w->opening
                               ? "is there, and one before it is not"
                               : NULL;

        if (what != NULL) {
            rig_wrong(r, "%s: write %u %s", when, i, what);
        }
        missing = there == ABSENT && w->state == WRITE_UNKNOWN ? w : missing;
        records += there == PRESENT ? w->records : 0;
        /* Of content in parts some may be there; of a call that was not answered it is not known how many there are. */
        *out_exact &= !(w->kind == WRITE_CONTENT && there == ABSENT) && !(there == PRESENT && w->records == 0);
    }
    firn_view_close(view);
    return records;
}

static void check_again(rig *r, const char *when)
{
    firn_options options = rig_options(FIRN_OPEN_CREATE);
    unsigned how = r->c->how;
    uint64_t before = after_records_before[(how & (CASE_EMPTY | CASE_FREE)) != 0 ? PLACE_EMPTY
                                           : (how & CASE_UNCLEAN) != 0           ? PLACE_UNCLEAN
                                                                                 : PLACE_SEEDED];
    firn_ledger *ledger = NULL;
    uint64_t records, there;
    firn_error err;
    bool exact;

    if (place_open(&r->seat, &r->heap, &options, false, &ledger, &err) != FIRN_OK) {
        rig_wrong(r, "%s: the ledger does not open: %s", when, err.text);
    }
    before += r->appended_elsewhere;
    there = walk(r, ledger, when);
    records = check_writes(r, ledger, when, &exact);
    if (there < before + records || (exact && there != before + records)) {
        rig_wrong(r, "%s: %llu records, %llu of before and %llu of writes", when, (unsigned long long)there,
                  (unsigned long long)before, (unsigned long long)records);
    }
    if ((place_looks_closely(r->fault) && firn_replay(ledger, NULL, NULL, &err) != FIRN_OK) ||
        firn_close(ledger, &err) != FIRN_OK) {
        rig_wrong(r, "%s: %s", when, err.text);
    }
    place_leave(&r->seat);
    if (place_looks_closely(r->fault) && place_verify(&r->heap, NULL, &err) != FIRN_OK) {
        rig_wrong(r, "%s: verify: %s", when, err.text);
    }
}

void after_close(rig *r)
{
    if ((r->c->how & CASE_FREE) != 0 || (r->writes_count == 0 && (r->c->how & CASE_CLOSED) == 0)) {
        return;
    }
    place_mark();
    check_again(r, "opened again");
    if (place_cut()) {
        check_again(r, "opened after a power cut");
    }
}
