/* SPDX-License-Identifier: Apache-2.0 */
/* cases_write.c — calls that append one thing, blocking and submitted, and what waits for them. */
#include "engine/ledger/ledger.h"
#include "test/fault/made.h"
#include "test/fault/rig.h"

/* The answer of a call that was submitted with a ticket. */
static void answer_of(rig *r, rig_write *w, unsigned ticket, firn_status submitted)
{
    firn_receipt receipt;

    if (submitted != FIRN_OK) {
        r->tickets[ticket] = NULL;
        rig_write_end(r, w, submitted);
        return;
    }
    rig_write_end(r, w, TRY_OUT(r, receipt, firn_ticket_wait, r->tickets[ticket], -1, &receipt));
    firn_ticket_free(r->tickets[ticket]);
    r->tickets[ticket] = NULL;
}

#define SUBMIT(r, w, function, ...)                                                                   \
    do {                                                                                              \
        firn_status submitted;                                                                        \
        do {                                                                                          \
            submitted = TRY_OUT((r), (r)->tickets[0], function, __VA_ARGS__, NULL, &(r)->tickets[0]); \
        } while (submitted == FIRN_FULL && rig_make_room(r));                                         \
        answer_of((r), (w), 0, submitted);                                                            \
    } while (0)

/* ---- events ---- */

static void prepare_room(rig *r)
{
    (void)rig_make_room(r);
}

static void append(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);
    firn_receipt receipt;

    rig_write_end(r, w,
                  TRY_OUT(r, receipt, firn_append, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, NULL,
                          &receipt));
}

static void append_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);

    SUBMIT(r, w, firn_append_submit, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, NULL);
}

static firn_append_options keyed(const char *key)
{
    return (firn_append_options){.struct_size = sizeof(firn_append_options), .scope = {"scope", 5}, .key = TEXT(key)};
}

/* Under one key, again and again: whatever became of the first call, the events are there once. */
static void append_keyed(rig *r)
{
    firn_append_options options = keyed("another key");
    rig_write *w = r->round == 0 ? rig_write_begin(r, WRITE_EVENTS) : &r->writes[0];
    firn_status status;
    firn_receipt receipt;

    status = TRY_OUT(r, receipt, firn_append, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, &options,
                     &receipt);
    if (r->round == 0) {
        rig_write_end(r, w, status);
    } else if (status == FIRN_OK) {
        w->state = WRITE_ACKNOWLEDGED;
        w->records = MADE_EVENTS;
    }
}

/* The receipt of a key that is known; nothing is appended. */
static void append_known(rig *r)
{
    firn_append_options options = keyed(MADE_SEED_KEY);
    firn_receipt receipt;

    if (TRY_OUT(r, receipt, firn_append, r->ledger, TEXT(MADE_SEED_STREAM), made_events(0), MADE_EVENTS, &options,
                &receipt) == FIRN_OK) {
        rig_answer_add(r, "known", 0, &receipt.first_seq, sizeof receipt.first_seq);
    }
}

/* Refusals that rest on state. */
static void append_refused(rig *r)
{
    firn_append_options wrong = {.struct_size = sizeof wrong, .has_expected_version = 1, .expected_version = 99};
    firn_append_options other = keyed(MADE_SEED_KEY);
    const firn_event *events = made_events(1);
    firn_ticket *ticket;

    (void)TRY_REFUSED(r, FIRN_ECONFLICT, firn_append, r->ledger, TEXT("one"), events, MADE_EVENTS, &wrong, NULL);
    (void)TRY_REFUSED(r, FIRN_ECONFLICT, firn_append, r->ledger, TEXT("one"), events, MADE_EVENTS, &other, NULL);
    if (TRY_NEW(r, ticket, firn_append_submit, r->ledger, TEXT("one"), events, MADE_EVENTS, &wrong, NULL, &ticket)) {
        (void)TRY_REFUSED(r, FIRN_ECONFLICT, firn_ticket_wait, ticket, -1, NULL);
        firn_ticket_free(ticket);
    }
}

/* More than the segment in use holds: others are made on the way. */
static void append_many(rig *r)
{
    for (int i = 0; i < 4; i++) {
        rig_write *w = rig_write_begin(r, WRITE_CONTENT);

        w->size = 40000;
        rig_write_end(r, w, TRY(r, firn_content_put, r->ledger, made_content(w->id, w->size), NULL, NULL));
    }
}

/* ---- progress ---- */

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    rig_write *w = arg;

    (void)receipt;
    (void)err;
    w->state = status == FIRN_OK ? WRITE_ACKNOWLEDGED : status == FIRN_EPOISONED ? WRITE_UNKNOWN : WRITE_REFUSED;
}

static rig_write *submit_callback(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_EVENTS);
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done, .arg = w};
    firn_status status;

    w->records = MADE_EVENTS;
    do {
        status = TRY(r, firn_append_submit, r->ledger, made_stream(w->id), made_events(w->id), MADE_EVENTS, NULL,
                     &options, NULL);
    } while (status == FIRN_FULL && rig_make_room(r));
    if (status != FIRN_OK) {
        w->state = WRITE_REFUSED;
    }
    return w;
}

/* Several calls in flight, answered by callbacks while others poll. */
static void poll_callbacks(rig *r)
{
    firn_status status;

    for (int i = 0; i < 3; i++) {
        (void)submit_callback(r);
    }
    do {
        status = TRY(r, firn_poll, r->ledger, -1, NULL);
    } while (status == FIRN_OK);
}

static void sync_callbacks(rig *r)
{
    (void)submit_callback(r);
    (void)submit_callback(r);
    (void)TRY(r, firn_sync, r->ledger);
}

/* Some tickets are polled, one is waited for. */
static void poll_tickets(rig *r)
{
    rig_write *w[2];
    firn_receipt receipt;
    firn_status status;

    for (unsigned i = 0; i < 2; i++) {
        w[i] = rig_write_begin(r, WRITE_EVENTS);
        do {
            status = TRY_OUT(r, r->tickets[i], firn_append_submit, r->ledger, made_stream(w[i]->id),
                             made_events(w[i]->id), MADE_EVENTS, NULL, NULL, &r->tickets[i]);
        } while (status == FIRN_FULL && rig_make_room(r));
        if (status != FIRN_OK) {
            r->tickets[i] = NULL;
            w[i]->state = WRITE_REFUSED;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        while (r->tickets[i] != NULL) {
            status = TRY_OUT(r, receipt, firn_ticket_poll, r->tickets[i], &receipt);
            if (status != FIRN_PENDING) {
                rig_write_end(r, w[i], status);
                firn_ticket_free(r->tickets[i]);
                r->tickets[i] = NULL;
            } else {
                (void)TRY(r, firn_poll, r->ledger, 0, NULL);
            }
        }
    }
}

/* Waiting for a record that was submitted. */
static void wait_for_record(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};

    (void)submit_callback(r);
    if (TRY(r, firn_stat, r->ledger, &stats) == FIRN_OK && stats.allocated_seq > stats.durable_seq) {
        (void)TRY(r, firn_wait, r->ledger, stats.allocated_seq - 1, -1);
    }
    (void)TRY(r, firn_sync, r->ledger);
}

static void eventfd_of(rig *r)
{
    int fd;

    (void)TRY_OUT(r, fd, firn_eventfd, r->ledger, &fd);
}

/* Rows go to disk in the background; what fails there is no caller's concern. */
static void merge(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};

    append(r);
    (void)frn_ledger_step_merge(r->ledger);
    (void)TRY(r, firn_stat, r->ledger, &stats);
    append(r);
    (void)frn_ledger_step_merge(r->ledger);
}

/* Segments are made in the background. */
static void make(rig *r)
{
    append(r);
    while (frn_ledger_step_make(r->ledger)) {
    }
    append(r);
}

/* ---- settings ---- */

static void key_age_set(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_KEY_AGE);
    firn_receipt receipt;

    rig_write_end(r, w, TRY_OUT(r, receipt, firn_key_age_set, r->ledger, made_key_age(w->id), &receipt));
}

static void key_age_set_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_KEY_AGE);

    SUBMIT(r, w, firn_key_age_set_submit, r->ledger, made_key_age(w->id));
}

/* ---- content ---- */

static void put(rig *r, size_t size)
{
    rig_write *w = rig_write_begin(r, WRITE_CONTENT);
    firn_content_put_result result;

    w->size = size;
    rig_write_end(
        r, w,
        TRY_OUT(r, result, firn_content_put, r->ledger, made_content(w->id, size), made_digest(w->id, size), &result));
}

static void content_put(rig *r)
{
    put(r, 500);
}

static void content_put_chunks(rig *r)
{
    put(r, MADE_SIZE_MAX);
}

static void content_put_existing(rig *r)
{
    firn_content_put_result result;

    if (TRY_OUT(r, result, firn_content_put, r->ledger, made_seed_content(1), NULL, &result) == FIRN_OK) {
        rig_answer_add(r, "existing", 0, &result.existing, sizeof result.existing);
    }
}

static void content_put_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_CONTENT);

    w->size = MADE_SIZE_MAX;
    SUBMIT(r, w, firn_content_put_submit, r->ledger, made_content(w->id, w->size), NULL, NULL);
}

static void content_write(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_CONTENT);
    firn_slice all = made_content(w->id, MADE_SIZE_MAX);
    firn_content_put_result result;
    firn_status status;

    w->size = all.size;
    w->state = WRITE_REFUSED;
    if (TRY_NEW(r, r->writer, firn_content_writer_open, r->ledger, &r->writer)) {
        status = TRY(r, firn_content_writer_write, r->writer, (firn_slice){all.data, 1000});
        if (status == FIRN_OK) {
            status = TRY(r, firn_content_writer_write, r->writer,
                         (firn_slice){(const uint8_t *)all.data + 1000, all.size - 1000});
        }
        if (status == FIRN_OK) {
            w->state = WRITE_UNKNOWN;
            rig_write_end(r, w, TRY_OUT(r, result, firn_content_writer_finish, r->writer, NULL, &result));
        }
        firn_content_writer_close(r->writer);
        r->writer = NULL;
    }
}

/* ---- runs ---- */

static void run_create(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN);
    firn_run_args args = made_run_args(w->id);
    firn_run_created created;

    rig_write_end(r, w, TRY_OUT(r, created, firn_run_create, r->ledger, &args, &created));
}

/* A new id is drawn: it asks the system for random bytes. */
static void run_create_drawn(rig *r)
{
    firn_run_args args = made_run_args(0);
    firn_run_created created;

    args.run_id = (firn_slice){0};
    if (TRY_OUT(r, created, firn_run_create, r->ledger, &args, &created) == FIRN_OK) {
        rig_answer_add(r, "id's size", 0, &created.run_id_size, sizeof created.run_id_size);
    }
}

static void run_create_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN);
    firn_run_args args = made_run_args(w->id);
    firn_run_created created;

    SUBMIT(r, w, firn_run_create_submit, r->ledger, &args, &created);
}

static void run_append(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN_EVENTS);
    firn_run_appended appended;

    rig_write_end(r, w,
                  TRY_OUT(r, appended, firn_run_append, r->ledger, made_seed_run(0), made_run_events(w->id),
                          MADE_EVENTS, NULL, &appended));
}

static void run_append_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN_EVENTS);

    SUBMIT(r, w, firn_run_append_submit, r->ledger, made_seed_run(0), made_run_events(w->id), MADE_EVENTS, NULL, NULL);
}

/* Events that are there: it must read them to see that they are the same. */
static void run_append_again(rig *r)
{
    firn_run_event events[2] = {{.event_seq = 1,
                                 .kind = {"tool", 4},
                                 .payload = {"{\"a\": \"payload\"}", 16},
                                 .timestamp = {.seconds = 1700000000}},
                                {.event_seq = 2,
                                 .kind = {"thought", 7},
                                 .payload = {"{\"a\": \"payload\"}", 16},
                                 .timestamp = {.seconds = 1700000000}}};
    firn_run_appended appended;

    if (TRY_OUT(r, appended, firn_run_append, r->ledger, made_seed_run(0), events, 2, NULL, &appended) == FIRN_OK) {
        rig_answer_add(r, "duplicates", 0, &appended.duplicates, sizeof appended.duplicates);
    }
    events[0].payload = TEXT("{}");
    (void)TRY_REFUSED(r, FIRN_EEXISTS, firn_run_append, r->ledger, made_seed_run(0), events, 1, NULL, NULL);
}

static void run_end(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN_END);
    firn_run_summary summary = {.total_events = 77 + w->id};

    rig_write_end(r, w,
                  TRY(r, firn_run_end, r->ledger, made_seed_run(w->id % MADE_RUNS), FIRN_RUN_COMPLETED, &summary));
}

static void run_end_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RUN_END);
    firn_run_summary summary = {.total_events = 77 + w->id};

    SUBMIT(r, w, firn_run_end_submit, r->ledger, made_seed_run(w->id % MADE_RUNS), FIRN_RUN_FAILED, &summary);
}

/* ---- releases ---- */

static void release_promote(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RELEASE);
    firn_release_args args = made_release_args(w->id);
    firn_release_result result;

    rig_write_end(r, w, TRY_OUT(r, result, firn_release_promote, r->ledger, &args, &result));
}

static void release_promote_submit(rig *r)
{
    rig_write *w = rig_write_begin(r, WRITE_RELEASE);
    firn_release_args args = made_release_args(w->id);
    firn_release_result result;

    SUBMIT(r, w, firn_release_promote_submit, r->ledger, &args, &result);
}

const fault_case write_cases[] = {
    {"append", CASE_WRITER, NULL, append, NULL},
    {"append, submitted", CASE_WRITER, NULL, append_submit, NULL},
    {"append under a key", CASE_WRITER, NULL, append_keyed, NULL},
    {"append under a known key", CASE_WRITER, NULL, append_known, NULL},
    {"append that is refused", CASE_WRITER, prepare_room, append_refused, NULL},
    {"append beyond a segment", CASE_WRITER, NULL, append_many, NULL},
    {"poll for callbacks", CASE_WRITER, NULL, poll_callbacks, NULL},
    {"sync", CASE_WRITER, NULL, sync_callbacks, NULL},
    {"poll tickets", CASE_WRITER, prepare_room, poll_tickets, NULL},
    {"wait for a record", CASE_WRITER, NULL, wait_for_record, NULL},
    {"eventfd", CASE_WRITER, NULL, eventfd_of, NULL},
    {"merge", CASE_WRITER | CASE_SPACE, NULL, merge, NULL},
    {"make segments", CASE_WRITER, NULL, make, NULL},
    {"age of keys", CASE_WRITER, NULL, key_age_set, NULL},
    {"age of keys, submitted", CASE_WRITER, NULL, key_age_set_submit, NULL},
    {"put", CASE_WRITER, NULL, content_put, NULL},
    {"put in chunks", CASE_WRITER, NULL, content_put_chunks, NULL},
    {"put what is there", CASE_WRITER, NULL, content_put_existing, NULL},
    {"put, submitted", CASE_WRITER, NULL, content_put_submit, NULL},
    {"put piece by piece", CASE_WRITER, NULL, content_write, NULL},
    {"create a run", CASE_WRITER, NULL, run_create, NULL},
    {"create a run with a drawn id", CASE_WRITER, NULL, run_create_drawn, NULL},
    {"create a run, submitted", CASE_WRITER, NULL, run_create_submit, NULL},
    {"append to a run", CASE_WRITER, NULL, run_append, NULL},
    {"append to a run, submitted", CASE_WRITER, NULL, run_append_submit, NULL},
    {"append to a run what is there", CASE_WRITER, NULL, run_append_again, NULL},
    {"end a run", CASE_WRITER, NULL, run_end, NULL},
    {"end a run, submitted", CASE_WRITER, NULL, run_end_submit, NULL},
    {"promote", CASE_WRITER, NULL, release_promote, NULL},
    {"promote, submitted", CASE_WRITER, NULL, release_promote_submit, NULL},
    {NULL},
};
