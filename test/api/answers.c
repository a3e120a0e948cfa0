/* SPDX-License-Identifier: Apache-2.0 */
/* answers.c — every public query asked of one ledger. */
#include "test/api/answers.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/kinds.h"
#include "test/api/history.h"

enum {
    TEXT_FIRST = 65536
};

/* Text that grows. */
typedef struct paper {
    firn_ledger *ledger;
    const char *url;
    unsigned left_out;
    firn_view *view;
    char *text;
    size_t size;
    size_t capacity;
} paper;

static void say(paper *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(paper *p, const char *format, ...)
{
    va_list args;
    int length;

    for (;;) {
        va_start(args, format);
        length = vsnprintf(p->text + p->size, p->capacity - p->size, format, args);
        va_end(args);
        assert_true(length >= 0);
        if ((size_t)length < p->capacity - p->size) {
            p->size += (size_t)length;
            return;
        }
        p->capacity = 2 * (p->capacity + (size_t)length);
        p->text = realloc(p->text, p->capacity);
        assert_non_null(p->text);
    }
}

/* Short bytes as they are, long ones by their digest. */
static void say_bytes(paper *p, const char *name, firn_slice bytes)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    char text[FIRN_DIGEST_TEXT_SIZE];
    firn_error err;

    if (bytes.data == NULL) {
        say(p, " %s=null", name);
    } else if (bytes.size < 100) {
        say(p, " %s=", name);
        for (size_t i = 0; i < bytes.size; i++) {
            uint8_t byte = ((const uint8_t *)bytes.data)[i];

            say(p, byte < ' ' ? "\\%02x" : "%c", byte);
        }
    } else {
        OK(err, firn_digest_of(bytes, digest, &err));
        firn_digest_format(digest, text);
        say(p, " %s=%zu bytes %s", name, bytes.size, text);
    }
}

static void say_digest(paper *p, const char *name, const uint8_t *digest)
{
    char text[FIRN_DIGEST_TEXT_SIZE];

    firn_digest_format(digest, text);
    say(p, " %s=%s", name, text);
}

static void say_time(paper *p, const char *name, firn_time time)
{
    say(p, " %s=%lld.%09u", name, (long long)time.seconds, (unsigned)time.nanoseconds);
}

#define NUMBER(p, name, number) say((p), " %s=%llu", (name), (unsigned long long)(number))

/* How a call ended: a refusal with its text. */
static bool said_ok(paper *p, firn_status status, const firn_error *err)
{
    if (status == FIRN_OK) {
        return true;
    }
    say(p, " %s%s%s\n", firn_status_name(status), status < 0 ? ": " : "", status < 0 ? err->text : "");
    return false;
}

static void say_incarnation(paper *p, uint64_t incarnation)
{
    if ((p->left_out & ANSWERS_ANY_LIFE) == 0) {
        NUMBER(p, "incarnation", incarnation);
    }
}

static void say_record(paper *p, const firn_record *record)
{
    say(p, " record %llu", (unsigned long long)record->seq);
    NUMBER(p, "time", record->time_ns);
    NUMBER(p, "version", record->version);
    NUMBER(p, "batch", record->batch_first_seq);
    NUMBER(p, "count", record->batch_count);
    NUMBER(p, "stream", record->stream);
    NUMBER(p, "kind", record->kind);
    say_incarnation(p, record->incarnation);
    if ((p->left_out & ANSWERS_ANY_LEDGER) != 0 &&
        (record->kind == FMT_KIND_CONTENT_CHUNK || record->kind == FMT_KIND_CONTENT_MANIFEST)) {
        NUMBER(p, "body", record->body.size);
    } else {
        say_bytes(p, "body", record->body);
    }
    say_bytes(p, "payload", record->payload);
    say(p, "\n");
}

static void ask_log(paper *p)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_cursor position;
    firn_error err;

    OK(err, firn_stat(p->ledger, &stats, &err));
    NUMBER(p, "format", stats.format_version);
    NUMBER(p, "durable", stats.durable_seq);
    NUMBER(p, "records", stats.records_count);
    NUMBER(p, "streams", stats.streams_count);
    firn_position(p->ledger, &position);
    NUMBER(p, "position", position.seq);
    NUMBER(p, "own ledger", memcmp(position.ledger_id, stats.ledger_id, sizeof stats.ledger_id) == 0);
    say(p, " wait for the last: %s, for another: %s\n",
        firn_status_name(firn_wait(p->ledger, position.seq - 1, 0, &err)),
        firn_status_name(firn_wait(p->ledger, position.seq, 0, &err)));
}

static void ask_scan(paper *p)
{
    firn_record record;
    firn_scan *scan;
    firn_error err;
    firn_status status;

    OK(err, firn_scan_open(p->ledger, NULL, &scan, &err));
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        say_record(p, &record);
    }
    (void)said_ok(p, status, &err);
    firn_scan_close(scan);
}

static void ask_tail(paper *p)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = firn_view_seq(p->view) - 5};
    firn_record record;
    firn_tail *tail;
    firn_error err;
    firn_status status;

    OK(err, firn_tail_open(p->ledger, &options, &tail, &err));
    while ((status = firn_tail_next(tail, 0, &record, &err)) == FIRN_OK) {
        say_record(p, &record);
    }
    (void)said_ok(p, status, &err);
    firn_tail_close(tail);
}

static void ask_get(paper *p)
{
    firn_buf buf = {0};
    firn_record record;
    firn_error err;

    for (uint64_t seq = 0; seq < firn_view_seq(p->view) + 20; seq += 17) {
        NUMBER(p, "get", seq);
        if (said_ok(p, firn_get(p->ledger, seq, &buf, &record, &err), &err)) {
            say_record(p, &record);
        }
    }
    firn_buf_free(&buf);
}

static void say_stream(paper *p, const firn_stream *stream)
{
    say(p, " stream %u", stream->id);
    say_bytes(p, "name", (firn_slice){stream->name, stream->name_size});
    NUMBER(p, "version", stream->version);
    NUMBER(p, "first", stream->first_seq);
    NUMBER(p, "last", stream->last_seq);
    say(p, "\n");
}

static void ask_streams(paper *p)
{
    firn_stream stream = {0}, again;
    firn_error err;
    firn_status status;

    while ((status = firn_stream_next(p->view, stream.id, &stream, &err)) == FIRN_OK) {
        say_stream(p, &stream);
        OK(err, firn_stream_get_by_id(p->view, stream.id, &again, &err));
        say_stream(p, &again);
        OK(err, firn_stream_get(p->view, (firn_slice){stream.name, stream.name_size}, &again, &err));
        say_stream(p, &again);
    }
    (void)said_ok(p, status, &err);
    (void)said_ok(p, firn_stream_get_by_id(p->view, stream.id + 1, &again, &err), &err);
    (void)said_ok(p, firn_stream_get(p->view, S("no such stream"), &again, &err), &err);
}

static void ask_keys(paper *p)
{
    firn_receipt receipt;
    firn_error err;
    char key[24];

    for (int i = 0; i < 2 * (HISTORY_KEYS + 1); i++) {
        const char *scope = i % 2 == 0 ? "" : "scope";

        history_key(i / 2, key);
        say(p, " key '%s' '%s'", scope, key);
        if (said_ok(p, firn_key_get(p->view, S(scope), S(key), &receipt, &err), &err)) {
            NUMBER(p, "first", receipt.first_seq);
            NUMBER(p, "count", receipt.count);
            NUMBER(p, "existing", receipt.existing);
            NUMBER(p, "time", receipt.time_ns);
            NUMBER(p, "seq", receipt.cursor.seq);
            say_incarnation(p, receipt.cursor.incarnation);
            say(p, "\n");
        }
    }
}

static void say_content(paper *p, const firn_content *content)
{
    say_digest(p, "content", content->digest);
    NUMBER(p, "size", content->size);
    NUMBER(p, "chunks", content->chunks);
    NUMBER(p, "seq", content->seq);
    say_time(p, "stored", content->stored_at);
    say(p, "\n");
}

static void read_content(paper *p, const uint8_t *digest)
{
    static const firn_content_read_options with_digest = {.struct_size = sizeof with_digest, .check_digest = 1};
    firn_content_reader *reader = NULL;
    firn_content content;
    firn_buf buf = {0};
    char piece[700];
    size_t size = 0;
    firn_error err;

    if (said_ok(p, firn_content_get(p->view, digest, &with_digest, &buf, &err), &err)) {
        say_bytes(p, "whole", (firn_slice){buf.data, buf.size});
    }
    if (said_ok(p, firn_content_reader_open(p->view, digest, NULL, &reader, &content, &err), &err)) {
        for (uint64_t at = 0; at <= content.size; at += 65000) {
            OK(err, firn_content_reader_read(reader, at, piece, sizeof piece, &size, &err));
            say_bytes(p, "piece", (firn_slice){piece, size});
        }
        say(p, "\n");
    }
    firn_content_reader_close(reader);
    firn_buf_free(&buf);
}

static void ask_contents(paper *p)
{
    uint8_t after[FIRN_DIGEST_SIZE];
    firn_content content;
    firn_error err;
    firn_status status;
    bool any = false;

    while ((status = firn_content_next(p->view, any ? after : NULL, &content, &err)) == FIRN_OK) {
        say_content(p, &content);
        memcpy(after, content.digest, sizeof after);
        any = true;
    }
    (void)said_ok(p, status, &err);
    for (int i = 0; i <= HISTORY_CONTENTS; i++) {
        uint8_t digest[FIRN_DIGEST_SIZE];
        int has;

        OK(err, firn_digest_of(history_content(i), digest, &err));
        OK(err, firn_content_has(p->view, digest, &has, &err));
        say(p, " content %d has=%d", i, has);
        if (said_ok(p, firn_content_stat(p->view, digest, &content, &err), &err)) {
            say_content(p, &content);
        }
        read_content(p, digest);
    }
}

static void say_run(paper *p, const firn_run *run)
{
    say(p, " run");
    say_bytes(p, "id", run->run_id);
    say_digest(p, "spec", run->spec_digest);
    say_bytes(p, "sha", run->git_sha);
    say_bytes(p, "agent", run->agent_name);
    say_bytes(p, "tags", run->tags);
    say(p, " %s", firn_run_status_name(run->status));
    if (run->has_evaluation != 0) {
        say_bytes(p, "rubric", run->evaluation.rubric_path);
        say(p, " gate=%u phase=%u", run->evaluation.is_promotion_gate, run->evaluation.agent_phase);
    }
    NUMBER(p, "total", run->summary.total_events);
    NUMBER(p, "duration", run->summary.duration_ms);
    NUMBER(p, "success", run->summary.success);
    NUMBER(p, "has final", run->summary.has_final_state_digest);
    say_digest(p, "final", run->summary.final_state_digest);
    say_time(p, "created", run->created_at);
    say_time(p, "completed", run->completed_at);
    NUMBER(p, "events", run->event_count);
    NUMBER(p, "last event", run->last_event_seq);
    NUMBER(p, "create seq", run->create_seq);
    NUMBER(p, "end seq", run->end_seq);
    say(p, "\n");
}

/* All that a filter lets through, in walks of three, each going on at the cursor of the one before. */
static void list_runs(paper *p, const char *what, firn_run_filter filter)
{
    char cursor[FIRN_RUN_CURSOR_SIZE] = "";
    firn_run_list *list;
    firn_status status = FIRN_OK;
    firn_error err;
    firn_run run;

    filter.struct_size = sizeof filter;
    say(p, "list %s\n", what);
    while (status == FIRN_OK) {
        filter.cursor = S(cursor);
        OK(err, firn_run_list_open(p->view, &filter, &list, &err));
        for (int i = 0; i < 3 && status == FIRN_OK; i++) {
            status = firn_run_list_next(list, &run, &err);
            if (status == FIRN_OK) {
                say_run(p, &run);
            }
        }
        firn_run_list_cursor(list, cursor);
        say(p, " cursor %s\n", cursor);
        firn_run_list_close(list);
    }
    (void)said_ok(p, status, &err);
}

static void ask_run_lists(paper *p)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_error err;
    firn_run_list *list;

    OK(err, firn_digest_of(history_content(1), digest, &err));
    list_runs(p, "all", (firn_run_filter){0});
    list_runs(p, "by spec", (firn_run_filter){.spec_digest = digest});
    list_runs(p, "by agent", (firn_run_filter){.agent_name = S("agent 1")});
    list_runs(p, "by sha", (firn_run_filter){.git_sha = S("sha 0")});
    for (firn_run_status status = FIRN_RUN_RUNNING; status <= FIRN_RUN_CANCELLED; status++) {
        list_runs(p, firn_run_status_name(status), (firn_run_filter){.statuses = UINT32_C(1) << status});
    }
    list_runs(p, "by time",
              (firn_run_filter){.has_created_from = 1,
                                .created_from = firn_time_of_ns(history_run_ns(2)),
                                .has_created_to = 1,
                                .created_to = firn_time_of_ns(history_run_ns(6))});
    list_runs(p, "by all",
              (firn_run_filter){.spec_digest = digest, .agent_name = S("agent 1"), .statuses = UINT32_C(0xe)});
    (void)said_ok(
        p, firn_run_list_open(p->view, &(firn_run_filter){sizeof(firn_run_filter), .cursor = S("none")}, &list, &err),
        &err);
}

static void walk_events(paper *p, const char *run_id, const char *what, firn_run_events_options options)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_error err;
    firn_status status;

    options.struct_size = sizeof options;
    say(p, "events of %s, %s\n", run_id, what);
    if (!said_ok(p, firn_run_events_open(p->view, S(run_id), &options, &events, &err), &err)) {
        return;
    }
    while ((status = firn_run_events_next(events, &event, &err)) == FIRN_OK) {
        NUMBER(p, "event", event.event_seq);
        NUMBER(p, "auto", event.auto_seq);
        NUMBER(p, "seq", event.seq);
        say_bytes(p, "kind", event.kind);
        say_bytes(p, "payload", event.payload);
        say_time(p, "at", event.timestamp);
        say(p, "\n");
    }
    (void)said_ok(p, status, &err);
    firn_run_events_close(events);
}

static void ask_runs(paper *p)
{
    static const firn_run_kind kinds[] = {{.kind = {"output.", 7}, .prefix = 1}, {.kind = {"tool", 4}}};
    firn_buf buf = {0};
    firn_run run;
    firn_error err;
    char id[32];

    for (int i = 0; i <= HISTORY_RUNS; i++) {
        history_run_id(i, id);
        if (said_ok(p, firn_run_get(p->view, S(id), &buf, &run, &err), &err)) {
            say_run(p, &run);
        }
        walk_events(p, id, "all", (firn_run_events_options){0});
        walk_events(p, id, "from the end", (firn_run_events_options){.reverse = 1, .from = 3});
        walk_events(p, id, "a range", (firn_run_events_options){.from = 60, .to = 70, .has_to = 1});
        walk_events(p, id, "some kinds",
                    (firn_run_events_options){.kinds = kinds, .kinds_count = sizeof kinds / sizeof kinds[0]});
    }
    firn_buf_free(&buf);
}

static void say_release(paper *p, const firn_release *release)
{
    say(p, " release");
    say_bytes(p, "name", release->name);
    say_digest(p, "digest", release->spec_digest);
    say_bytes(p, "label", release->version_label);
    say_bytes(p, "by", release->promoted_by);
    say_bytes(p, "notes", release->notes);
    say_time(p, "created", release->created_at);
    NUMBER(p, "number", release->release_number);
    NUMBER(p, "rollback of", release->rollback_of);
    NUMBER(p, "rollback from", release->rollback_from);
    NUMBER(p, "seq", release->seq);
    say(p, "\n");
}

static void ask_releases(paper *p)
{
    firn_buf buf = {0};
    firn_release release = {0};
    firn_error err;
    firn_status status;

    while ((status = firn_release_next(p->view, release.name, &buf, &release, &err)) == FIRN_OK) {
        say_release(p, &release);
    }
    (void)said_ok(p, status, &err);
    for (int i = 0; i <= HISTORY_RELEASES; i++) {
        char name[32];

        history_release(i, name);
        say(p, " current %s", name);
        if (said_ok(p, firn_release_current(p->view, S(name), &buf, &release, &err), &err)) {
            say_release(p, &release);
        }
        for (uint64_t before = 0;
             (status = firn_release_history(p->view, S(name), before, &buf, &release, &err)) == FIRN_OK;
             before = release.release_number) {
            say_release(p, &release);
        }
        (void)said_ok(p, status, &err);
    }
    firn_buf_free(&buf);
}

/* The history as a whole, and the rows: those in use, and those that the log gives. */
static void ask_rows(paper *p)
{
    firn_report verified = {.struct_size = sizeof verified};
    firn_report replayed = {.struct_size = sizeof replayed};
    firn_history history = {.struct_size = sizeof history};
    firn_error err;

    OK(err, firn_replay(p->ledger, NULL, &replayed, &err));
    verified = replayed;
    if (p->url != NULL) {
        OK(err, firn_verify(p->url, NULL, &verified, &err));
    }
    OK(err, firn_history_digest(p->ledger, NULL, &history, &err));
    NUMBER(p, "history", history.records);
    say_digest(p, "digest", history.digest);
    NUMBER(p, "rows", verified.rows);
    NUMBER(p, "of records", verified.records);
    NUMBER(p, "rows replayed", replayed.rows);
    if ((p->left_out & ANSWERS_ANY_LEDGER) == 0) {
        say_digest(p, "digest", verified.digest);
        say_digest(p, "digest", replayed.digest);
    }
    say(p, "\n");
}

static void (*const askers[])(paper *p) = {ask_log,      ask_scan,      ask_tail, ask_get,      ask_streams, ask_keys,
                                           ask_contents, ask_run_lists, ask_runs, ask_releases, ask_rows};

const char *const answers_asked[] = {
    "firn_stat firn_position firn_wait",
    "firn_scan_open firn_scan_next firn_scan_close",
    "firn_tail_open firn_tail_next firn_tail_close",
    "firn_get",
    "firn_stream_next firn_stream_get firn_stream_get_by_id firn_view_open firn_view_seq firn_view_close",
    "firn_key_get",
    "firn_content_has firn_content_stat firn_content_next firn_content_get firn_content_reader_open "
    "firn_content_reader_read firn_content_reader_close",
    "firn_run_list_open firn_run_list_next firn_run_list_cursor firn_run_list_close",
    "firn_run_get firn_run_events_open firn_run_events_next firn_run_events_close",
    "firn_release_current firn_release_history firn_release_next",
    "firn_history_digest firn_verify firn_replay",
    NULL};
_Static_assert(sizeof askers / sizeof askers[0] + 1 == sizeof answers_asked / sizeof answers_asked[0],
               "each question has its line of names");

const char *const answers_not_asked[] = {
    /* They change the ledger, or collect what will. */
    "firn_append firn_append_submit firn_key_age_set firn_key_age_set_submit",
    "firn_batch_new firn_batch_free firn_batch_reset firn_batch_count firn_batch_event firn_batch_expect "
    "firn_batch_key "
    "firn_batch_commit firn_batch_submit",
    "firn_content_put firn_content_put_submit firn_batch_content_put firn_content_writer_open "
    "firn_content_writer_write firn_content_writer_finish firn_content_writer_close",
    "firn_run_create firn_run_create_submit firn_batch_run_create firn_run_append firn_run_append_submit "
    "firn_batch_run_append firn_run_end firn_run_end_submit firn_batch_run_end",
    "firn_release_promote firn_release_promote_submit firn_batch_release_promote",
    /* Of a handle and its calls; cuts are of the log alone. */
    "firn_open firn_close firn_sync firn_stat_cuts firn_poll firn_eventfd firn_ticket_poll firn_ticket_wait "
    "firn_ticket_free",
    /* Of no ledger. */
    "firn_version firn_buf_free firn_status_name firn_status_text firn_run_status_name firn_digest_of "
    "firn_digest_parse firn_digest_format firn_digest_short firn_time_format firn_time_parse firn_time_of_ns",
    NULL};

char *answers_ask(firn_ledger *ledger, const char *url, unsigned left_out)
{
    paper p = {.ledger = ledger, .url = url, .left_out = left_out, .capacity = TEXT_FIRST};
    firn_error err;

    p.text = malloc(p.capacity);
    assert_non_null(p.text);
    OK(err, firn_view_open(ledger, &p.view, &err));
    for (size_t i = 0; i < sizeof askers / sizeof askers[0]; i++) {
        say(&p, "%s\n", answers_asked[i]);
        askers[i](&p);
    }
    firn_view_close(p.view);
    return p.text;
}
