/* SPDX-License-Identifier: Apache-2.0 */
/* damage_ask.c — ask a ledger everything, and note each answer as a status and a hash. */
#include "test/crash/damage_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 64
};

/* An answer that is being noted. */
typedef struct asking {
    answers *out;
    firn_buf buf;
    firn_error err;
    uint64_t hash;
} asking;

static char names[QUESTIONS_MAX][TEXT_MAX];

static void mix(asking *a, const void *data, size_t size)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < size; i++) {
        a->hash = (a->hash ^ at[i]) * 0x100000001b3;
    }
    a->hash ^= a->hash >> 29;
}

static void mix_number(asking *a, uint64_t number)
{
    mix(a, &number, sizeof number);
}

static void mix_slice(asking *a, firn_slice slice)
{
    mix_number(a, slice.data == NULL);
    mix_number(a, slice.size);
    mix(a, slice.data, slice.size);
}

static void mix_time(asking *a, firn_time time)
{
    mix_number(a, (uint64_t)time.seconds);
    mix_number(a, time.nanoseconds);
}

/* The question is answered. */
static void note(asking *a, firn_status status, const char *what, uint64_t number)
{
    answers *out = a->out;

    if (out->count == QUESTIONS_MAX) {
        damage_violation("more questions than there is room for");
    }
    if (status < 0 && status != FIRN_ENOTFOUND && (a->err.status != status || a->err.text[0] == '\0')) {
        damage_violation("%s: %s, without a text", what, firn_status_name(status));
    }
    if (names[out->count][0] == '\0') {
        (void)snprintf(names[out->count], TEXT_MAX, "%s %llu", what, (unsigned long long)number);
    }
    out->of[out->count++] = (answer){.status = status, .hash = status < 0 ? 0 : a->hash};
    a->hash = 0xcbf29ce484222325;
    a->err = (firn_error){0};
}

const char *damage_question(unsigned i)
{
    return names[i];
}

static void ask_streams(asking *a, firn_view *view)
{
    static const char *const streams[] = {"one", "two", "a stream with a longer name", "none"};
    firn_stream stream;
    firn_receipt receipt;
    firn_status status;

    for (unsigned i = 0; i < 4; i++) {
        status = firn_stream_get(view, (firn_slice){streams[i], strlen(streams[i])}, &stream, &a->err);
        if (status == FIRN_OK) {
            mix_number(a, stream.id);
            mix_number(a, stream.version);
        }
        note(a, status, "stream", i);
    }
    stream.id = 0;
    while ((status = firn_stream_next(view, stream.id, &stream, &a->err)) == FIRN_OK) {
        mix_number(a, stream.id);
        mix_number(a, stream.version);
        mix(a, stream.name, stream.name_size);
    }
    note(a, status, "all streams", 0);
    for (unsigned i = 0; i < 2; i++) {
        const char *key = i == 0 ? "key" : "no key";

        status = firn_key_get(view, (firn_slice){"scope", 5}, (firn_slice){key, strlen(key)}, &receipt, &a->err);
        if (status == FIRN_OK) {
            mix_number(a, receipt.first_seq);
            mix_number(a, receipt.count);
        }
        note(a, status, "key", i);
    }
}

static void ask_content(asking *a, firn_view *view)
{
    static const size_t sizes[] = {200, 20000, 900, 1};
    firn_content_read_options check = {.struct_size = sizeof check, .check_digest = 1};
    uint8_t digest[FIRN_DIGEST_SIZE], *bytes = malloc(20000);
    firn_content content;
    firn_status status;
    bool begun = false;
    int has;

    for (unsigned i = 0; i < 4 && bytes != NULL; i++) {
        damage_content(bytes, sizes[i]);
        if (firn_digest_of((firn_slice){bytes, sizes[i]}, digest, &a->err) != FIRN_OK) {
            damage_violation("%s", a->err.text);
        }
        status = firn_content_has(view, digest, &has, &a->err);
        mix_number(a, status == FIRN_OK ? (uint64_t)has : 0);
        note(a, status, "has content", sizes[i]);
        for (int checked = 0; checked < 2; checked++) {
            status = firn_content_get(view, digest, checked ? &check : NULL, &a->buf, &a->err);
            if (status == FIRN_OK) {
                mix(a, a->buf.data, a->buf.size);
            }
            note(a, status, checked ? "checked content" : "content", sizes[i]);
        }
    }
    free(bytes);
    while ((status = firn_content_next(view, begun ? digest : NULL, &content, &a->err)) == FIRN_OK) {
        begun = true;
        memcpy(digest, content.digest, sizeof digest);
        mix(a, content.digest, sizeof content.digest);
        mix_number(a, content.size);
        mix_number(a, content.seq);
    }
    note(a, status, "all content", 0);
}

static void mix_run(asking *a, const firn_run *run)
{
    mix_slice(a, run->run_id);
    mix(a, run->spec_digest, sizeof run->spec_digest);
    mix_slice(a, run->agent_name);
    mix_slice(a, run->tags);
    mix_number(a, run->status);
    mix_number(a, run->summary.total_events);
    mix_time(a, run->created_at);
    mix_number(a, run->event_count);
    mix_number(a, run->last_event_seq);
    mix_number(a, run->create_seq);
    mix_number(a, run->end_seq);
}

static void ask_events(asking *a, firn_view *view, const firn_run_events_options *options, unsigned number)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_status status = firn_run_events_open(view, (firn_slice){"run-1", 5}, options, &events, &a->err);

    while (status == FIRN_OK && (status = firn_run_events_next(events, &event, &a->err)) == FIRN_OK) {
        mix_number(a, event.event_seq);
        mix_slice(a, event.kind);
        mix_slice(a, event.payload);
        mix_time(a, event.timestamp);
        mix_number(a, event.seq);
    }
    firn_run_events_close(events);
    note(a, status, "events of a run", number);
}

static void ask_runs(asking *a, firn_view *view)
{
    firn_run_kind kind = {.kind = {"step", 4}};
    firn_run_events_options filtered = {.struct_size = sizeof filtered, .kinds = &kind, .kinds_count = 1};
    firn_run_events_options backward = {.struct_size = sizeof backward, .reverse = 1};
    firn_run_list *list = NULL;
    firn_run run;
    firn_status status;

    for (unsigned i = 1; i <= 2; i++) {
        char id[8];

        (void)snprintf(id, sizeof id, "run-%u", i);
        status = firn_run_get(view, (firn_slice){id, strlen(id)}, &a->buf, &run, &a->err);
        if (status == FIRN_OK) {
            mix_run(a, &run);
        }
        note(a, status, "run", i);
    }
    status = firn_run_list_open(view, NULL, &list, &a->err);
    while (status == FIRN_OK && (status = firn_run_list_next(list, &run, &a->err)) == FIRN_OK) {
        mix_run(a, &run);
    }
    firn_run_list_close(list);
    note(a, status, "all runs", 0);
    ask_events(a, view, NULL, 0);
    ask_events(a, view, &filtered, 1);
    ask_events(a, view, &backward, 2);
}

static void mix_release(asking *a, const firn_release *release)
{
    mix_slice(a, release->name);
    mix(a, release->spec_digest, sizeof release->spec_digest);
    mix_slice(a, release->version_label);
    mix_slice(a, release->promoted_by);
    mix_slice(a, release->notes);
    mix_time(a, release->created_at);
    mix_number(a, release->release_number);
    mix_number(a, release->seq);
}

static void ask_releases(asking *a, firn_view *view)
{
    static const char *const releases[] = {"app", "lib", "none"};
    firn_release release;
    firn_status status;

    for (unsigned i = 0; i < 3; i++) {
        firn_slice name = {releases[i], strlen(releases[i])};
        uint64_t before = 0;

        status = firn_release_current(view, name, &a->buf, &release, &a->err);
        if (status == FIRN_OK) {
            mix_release(a, &release);
        }
        note(a, status, "release", i);
        while ((status = firn_release_history(view, name, before, &a->buf, &release, &a->err)) == FIRN_OK) {
            mix_release(a, &release);
            before = release.release_number;
            if (before <= 1) {
                status = FIRN_END;
                break;
            }
        }
        note(a, status, "history of a release", i);
    }
}

void damage_ask(firn_ledger *ledger, answers *out)
{
    asking a = {.out = out, .hash = 0xcbf29ce484222325};
    firn_view *view = NULL;

    out->count = 0;
    if (firn_view_open(ledger, &view, &a.err) != FIRN_OK) {
        damage_violation("open a view: %s", a.err.text);
    }
    out->seq = firn_view_seq(view);
    ask_streams(&a, view);
    ask_content(&a, view);
    ask_runs(&a, view);
    ask_releases(&a, view);
    firn_view_close(view);
    firn_buf_free(&a.buf);
}
