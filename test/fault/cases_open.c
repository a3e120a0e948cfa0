/* SPDX-License-Identifier: Apache-2.0 */
/* cases_open.c — opening in every mode, from every state, closing, and whole lives under a fault. */
#include "engine/ledger/ledger.h"
#include "test/fault/made.h"
#include "test/fault/rig.h"

static void append_one(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);

    rig_write_end(r, w,
                  TRY(r, firn_append, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, NULL, NULL));
}

static void open_to_write(rig *r)
{
    if (rig_open(r, FIRN_OPEN_WRITE) == FIRN_OK) {
        (void)rig_close(r);
    }
}

static void open_to_create(rig *r)
{
    if (rig_open(r, FIRN_OPEN_CREATE) == FIRN_OK) {
        (void)rig_close(r);
    }
}

/* A first attempt that failed half-way may leave a ledger or none: then another mode is right. */
static void open_new(rig *r)
{
    if (rig_open(r, r->round == 0 ? FIRN_OPEN_NEW : FIRN_OPEN_CREATE) == FIRN_OK) {
        (void)rig_close(r);
    }
}

static void open_to_read(rig *r)
{
    if (rig_open(r, FIRN_OPEN_READ) == FIRN_OK) {
        (void)rig_close(r);
    }
}

static void live(rig *r)
{
    if (rig_open(r, FIRN_OPEN_CREATE) != FIRN_OK) {
        return;
    }
    append_one(r);
    append_one(r);
    (void)rig_close(r);
}

/* Submitted and not waited for: closing answers it. */
static void close_with_outstanding(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);
    firn_error err;

    if (r->ledger == NULL && rig_open(r, FIRN_OPEN_WRITE) != FIRN_OK) {
        w->state = WRITE_REFUSED;
        return;
    }
    /* The call itself is another case's; here it is its answer that the fault meets. */
    if (firn_append_submit(r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, NULL, NULL, &r->tickets[0],
                           &err) != FIRN_OK) {
        w->state = WRITE_REFUSED;
        r->tickets[0] = NULL;
    }
    firn_ticket_free(r->tickets[0]);
    r->tickets[0] = NULL;
    if (rig_close(r) == FIRN_OK && w->state != WRITE_REFUSED) {
        w->state = WRITE_ACKNOWLEDGED;
    }
    w->records = 0;
}

static void prepare_open(rig *r)
{
    if (rig_open(r, FIRN_OPEN_WRITE) != FIRN_OK) {
        rig_wrong(r, "the ledger does not open");
    }
}

static void close_what_is_open(rig *r)
{
    if (r->ledger == NULL && rig_open(r, FIRN_OPEN_WRITE) != FIRN_OK) {
        return;
    }
    (void)rig_close(r);
}

static void prepare_reader(rig *r)
{
    if (rig_open(r, FIRN_OPEN_READ) != FIRN_OK) {
        rig_wrong(r, "the ledger does not open");
    }
}

static void verify(rig *r)
{
    firn_report report = {.struct_size = sizeof report};
    firn_status status;

    rig_before(r, NULL, 0);
    status = rig_after(r, "firn_verify", place_verify(&r->heap, &report, &r->err), FIRN_OK, NULL, 0);
    if (status == FIRN_OK) {
        rig_answer_add(r, "records", 0, &report.records, sizeof report.records);
        rig_answer_add(r, "rows", 0, report.digest, sizeof report.digest);
        rig_answer_add(r, "findings", 0, &report.findings, sizeof report.findings);
    }
}

/* By name, with threads: driver, maker and merger meet the fault as well. */
static void live_by_name(rig *r)
{
    firn_receipt receipt;
    rig_write *w;
    firn_status status;

    if (rig_open(r, FIRN_OPEN_CREATE) != FIRN_OK) {
        return;
    }
    append_one(r);
    w = rig_write_begin(r, WRITE_EVENTS);
    if (TRY_NEW(r, r->tickets[0], firn_append_submit, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS,
                NULL, NULL, &r->tickets[0])) {
        status = TRY_OUT(r, receipt, firn_ticket_wait, r->tickets[0], -1, &receipt);
        rig_write_end(r, w, status);
        firn_ticket_free(r->tickets[0]);
        r->tickets[0] = NULL;
    } else {
        w->state = WRITE_REFUSED;
    }
    (void)rig_close(r);
}

static void verify_by_name(rig *r)
{
    firn_report report = {.struct_size = sizeof report};

    if (TRY(r, firn_verify, place_url(), NULL, &report) == FIRN_OK) {
        rig_answer_add(r, "records", 0, &report.records, sizeof report.records);
    }
}

const fault_case open_cases[] = {
    {"open", CASE_CLOSED, NULL, open_to_write, NULL},
    {"open to create what is there", CASE_CLOSED, NULL, open_to_create, NULL},
    {"open to read", CASE_CLOSED, NULL, open_to_read, NULL},
    {"create", CASE_CLOSED | CASE_EMPTY, NULL, open_to_create, NULL},
    {"create what must be new", CASE_CLOSED | CASE_EMPTY | CASE_TWIN, NULL, open_new, NULL},
    {"recover", CASE_CLOSED | CASE_UNCLEAN, NULL, open_to_write, NULL},
    {"read after a crash", CASE_CLOSED | CASE_UNCLEAN, NULL, open_to_read, NULL},
    {"recover and go on", CASE_CLOSED | CASE_UNCLEAN | CASE_TWIN, NULL, live, NULL},
    {"create and go on", CASE_CLOSED | CASE_EMPTY | CASE_TWIN, NULL, live, NULL},
    {"close", CASE_CLOSED, prepare_open, close_what_is_open, NULL},
    {"close a reader", CASE_CLOSED, prepare_reader, close_what_is_open, NULL},
    {"close with calls outstanding", CASE_CLOSED, prepare_open, close_with_outstanding, NULL},
    {"verify", CASE_CLOSED, NULL, verify, NULL},
    {"verify after a crash", CASE_CLOSED | CASE_UNCLEAN, NULL, verify, NULL},
    {"live by name", CASE_CLOSED | CASE_URL, NULL, live_by_name, NULL},
    {"create by name", CASE_CLOSED | CASE_EMPTY | CASE_URL, NULL, live_by_name, NULL},
    {"verify by name", CASE_CLOSED | CASE_URL, NULL, verify_by_name, NULL},
    {NULL},
};
