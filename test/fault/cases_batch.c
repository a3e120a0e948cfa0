/* SPDX-License-Identifier: Apache-2.0 */
/* cases_batch.c — batches: collected verb by verb, committed, submitted. */
#include "test/fault/made.h"
#include "test/fault/rig.h"

enum {
    CONTENT_SIZE = 700,
    MUCH = 60
};

/* An error leaves the batch as it was: what is collected in spite of it is committed. */
static bool collect_mixed(rig *r, const rig_write *w, firn_run_created *created, firn_release_result *released)
{
    firn_run_args run = made_run_args(w->id);
    firn_release_args release = made_release_args(w->id);
    const firn_event *events = made_events(w->id);
    bool good;

    if (!TRY_NEW(r, r->batch, firn_batch_new, r->ledger, &r->batch)) {
        return false;
    }
    good = TRY(r, firn_batch_expect, r->batch, made_stream(w->id), 0) == FIRN_OK &&
           TRY(r, firn_batch_key, r->batch, TEXT("batches"), made_stream(w->id), NULL) == FIRN_OK &&
           TRY_OUT(r, *created, firn_batch_run_create, r->batch, &run, created) == FIRN_OK &&
           TRY_OUT(r, *released, firn_batch_release_promote, r->batch, &release, released) == FIRN_OK &&
           TRY(r, firn_batch_content_put, r->batch, made_content(w->id, w->size), NULL, NULL) == FIRN_OK;
    for (unsigned i = 0; good && i < MADE_EVENTS; i++) {
        good = TRY(r, firn_batch_event, r->batch, made_stream(w->id), MADE_KIND, events[i].payload) == FIRN_OK;
    }
    return good;
}

static void drop(rig *r)
{
    firn_batch_free(r->batch);
    r->batch = NULL;
}

static void commit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_MIXED);
    firn_run_created created;
    firn_release_result released;
    firn_receipt receipt;

    w->size = CONTENT_SIZE;
    w->state = WRITE_REFUSED;
    if (collect_mixed(r, w, &created, &released)) {
        rig_write_end(r, w, TRY_OUT(r, receipt, firn_batch_commit, r->batch, &receipt));
    }
    drop(r);
}

static void prepare_room(rig *r)
{
    (void)rig_make_room(r);
}

static void submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_MIXED);
    firn_run_created created;
    firn_release_result released;
    firn_receipt receipt;
    firn_status status;

    w->size = CONTENT_SIZE;
    w->state = WRITE_REFUSED;
    if (collect_mixed(r, w, &created, &released)) {
        do {
            status = TRY_OUT(r, r->tickets[0], firn_batch_submit, r->batch, NULL, &r->tickets[0]);
        } while (status == FIRN_FULL && rig_make_room(r));
        drop(r);
        if (status != FIRN_OK) {
            r->tickets[0] = NULL;
        } else {
            rig_write_end(r, w, TRY_OUT(r, receipt, firn_ticket_wait, r->tickets[0], -1, &receipt));
            firn_ticket_free(r->tickets[0]);
            r->tickets[0] = NULL;
        }
    }
    drop(r);
}

static void prepare_batch(rig *r)
{
    r->batch = NULL;
    if (TRY_OUT(r, r->batch, firn_batch_new, r->ledger, &r->batch) != FIRN_OK) {
        rig_wrong(r, "no batch");
    }
}

/* Each verb is tried until it is taken: a failure left the batch as it was, so that all of it is there once. */
static void collect_stubbornly(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);
    firn_slice payload[MADE_EVENTS];
    unsigned tries = 0;

    firn_batch_reset(r->batch);
    for (unsigned i = 0; i < MADE_EVENTS; i++) {
        payload[i] = made_payload(w->id, i);
    }
    for (unsigned i = 0; i < MADE_EVENTS && tries < 2 * MADE_EVENTS; tries++) {
        i += TRY(r, firn_batch_event, r->batch, made_stream(w->id), MADE_KIND, payload[i]) == FIRN_OK;
        if (firn_batch_count(r->batch) != i) {
            rig_wrong(r, "%zu events in the batch, %u were taken", firn_batch_count(r->batch), i);
        }
    }
    w->state = WRITE_REFUSED;
    if (firn_batch_count(r->batch) == MADE_EVENTS) {
        rig_write_end(r, w, TRY(r, firn_batch_commit, r->batch, NULL));
    }
}

/* Verbs that rest on runs which are there. */
static void commit_to_runs(rig *r)
{
    rig_write *appended = rig_write_begin(r, WRITE_RUN_EVENTS);
    rig_write *ended = rig_write_begin(r, WRITE_RUN_END);
    firn_run_summary summary = {.total_events = 77 + ended->id};
    firn_status status = FIRN_ENOMEM;
    firn_receipt receipt;

    firn_batch_reset(r->batch);
    if (TRY(r, firn_batch_run_append, r->batch, made_seed_run(0), made_run_events(appended->id), MADE_EVENTS, NULL,
            NULL) == FIRN_OK &&
        TRY(r, firn_batch_run_end, r->batch, made_seed_run(ended->id % MADE_RUNS), FIRN_RUN_CANCELLED, &summary) ==
            FIRN_OK) {
        status = TRY_OUT(r, receipt, firn_batch_commit, r->batch, &receipt);
    }
    rig_write_end(r, appended, status);
    rig_write_end(r, ended, status);
    appended->records = 0;
    ended->records = 0;
}

/* So many verbs that what the batch began with is not enough for any of them. */
static void collect_much(rig *r)
{
    static char key[FIRN_KEY_SIZE_MAX];
    firn_run_args run = made_run_args(0);
    firn_release_args release = made_release_args(0);
    firn_run_summary summary = {.total_events = 1};
    unsigned ids = 1000 * r->round;

    memset(key, 'k', sizeof key);
    firn_batch_reset(r->batch);
    for (unsigned i = 0; i < MUCH; i++) {
        (void)TRY(r, firn_batch_key, r->batch, TEXT("scope"), (firn_slice){key, sizeof key}, NULL);
        (void)TRY(r, firn_batch_expect, r->batch, made_stream(ids + i), 0);
        (void)TRY(r, firn_batch_content_put, r->batch, made_content(0, CONTENT_SIZE), NULL, NULL);
        (void)TRY(r, firn_batch_run_end, r->batch, made_seed_run(0), FIRN_RUN_FAILED, &summary);
        run.run_id = made_run(ids + i);
        (void)TRY(r, firn_batch_run_create, r->batch, &run, NULL);
        release.name = made_release(ids + i);
        (void)TRY(r, firn_batch_release_promote, r->batch, &release, NULL);
    }
}

const fault_case batch_cases[] = {
    {"collect and commit a batch", CASE_WRITER, NULL, commit, NULL},
    {"collect and submit a batch", CASE_WRITER, prepare_room, submit, NULL},
    {"collect a batch and go on after failures", CASE_WRITER, prepare_batch, collect_stubbornly, NULL},
    {"collect much", CASE_WRITER, prepare_batch, collect_much, NULL},
    {"commit a batch to runs", CASE_WRITER, prepare_batch, commit_to_runs, NULL},
    {NULL},
};
