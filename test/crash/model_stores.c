/* SPDX-License-Identifier: Apache-2.0 */
/* model_stores.c — content, runs and releases as they should be. */
#include "test/crash/model_stores.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/kinds.h"

enum {
    CONTENT_SIZE_MAX = MODEL_CHUNK_SIZE + 5000
};

/* The last one is longer than a chunk, and than a segment. */
static const size_t content_sizes[MODEL_CONTENTS] = {0, 1, 100, 700, 6000, CONTENT_SIZE_MAX};

firn_slice model_content(unsigned content)
{
    static uint8_t bytes[MODEL_CONTENTS][CONTENT_SIZE_MAX];
    static bool made;

    for (unsigned c = 0; !made && c < MODEL_CONTENTS; c++) {
        for (size_t i = 0; i < content_sizes[c]; i++) {
            bytes[c][i] = (uint8_t)(i * 31 + i / 251 + c);
        }
    }
    made = true;
    return (firn_slice){.data = bytes[content], .size = content_sizes[content]};
}

const uint8_t *model_digest(unsigned content)
{
    static uint8_t digests[MODEL_CONTENTS][FIRN_DIGEST_SIZE];
    static bool made[MODEL_CONTENTS];

    if (!made[content]) {
        if (firn_digest_of(model_content(content), digests[content], NULL) != FIRN_OK) {
            abort();
        }
        made[content] = true;
    }
    return digests[content];
}

static firn_slice numbered(char (*names)[32], const char *before, unsigned number)
{
    (void)snprintf(names[number], sizeof names[number], "%s%u", before, number);
    return (firn_slice){.data = names[number], .size = strlen(names[number])};
}

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

firn_slice model_run_id(unsigned run)
{
    static char names[MODEL_RUNS][32];

    return numbered(names, "run-", run);
}

firn_slice model_release_name(unsigned release)
{
    static char names[MODEL_RELEASES][32];

    return numbered(names, "release ", release);
}

firn_slice model_verb_stream_name(unsigned stream)
{
    static char runs[MODEL_RUNS][32];
    static char releases[MODEL_RELEASES][32];

    return stream < MODEL_RUNS ? numbered(runs, "run:run-", stream)
                               : numbered(releases, "release:release ", stream - MODEL_RUNS);
}

firn_run_args model_run_args(unsigned run)
{
    static const firn_run_evaluation evaluation = {.is_promotion_gate = 1, .agent_phase = 3};

    return (firn_run_args){
        .struct_size = sizeof(firn_run_args),
        .run_id = model_run_id(run),
        .spec_digest = model_digest(run % MODEL_CONTENTS),
        .agent_name = text_of(run % 2 == 0 ? "sweeper" : "prüfer"),
        .git_sha = run % 3 == 0 ? (firn_slice){0} : text_of("0123abcd"),
        .tags = run % 2 == 0 ? (firn_slice){0} : text_of("{\"team\": [1, 2.50, null]}"),
        .evaluation = run % 4 == 1 ? &evaluation : NULL,
    };
}

firn_run_event model_event_of(unsigned run, unsigned number, unsigned index, char text[MODEL_TEXT_SIZE])
{
    int size = number == 0 ? snprintf(text, MODEL_TEXT_SIZE, "{\"run\":%u,\"index\":%u}", run, index)
                           : snprintf(text, MODEL_TEXT_SIZE, "[%u, %u, \"%0*u\"]", run, number, (int)(number % 100), 7);

    return (firn_run_event){
        .event_seq = number,
        .auto_seq = number == 0,
        .kind = text_of(number == 0 ? "output.stdout" : "tool"),
        .payload = {.data = text, .size = (size_t)size},
        .timestamp = {.seconds = 1000 + number, .nanoseconds = index},
    };
}

firn_run_summary model_summary(unsigned run)
{
    return (firn_run_summary){.total_events = run, .duration_ms = 1000 + run, .success = run % 2};
}

firn_release_args model_release_args(unsigned release, unsigned content)
{
    return (firn_release_args){
        .struct_size = sizeof(firn_release_args),
        .name = model_release_name(release),
        .spec_digest = model_digest(content),
        .version_label = content % 2 == 0 ? (firn_slice){0} : text_of("v1"),
        .promoted_by = text_of("sweep"),
        .notes = content % 3 == 0 ? (firn_slice){0} : text_of("notes"),
    };
}

/* What a batch appends, so far. */
typedef struct appended {
    model_record *records;
    unsigned count;
} appended;

static void append(appended *a, uint32_t kind, int stream)
{
    assert(a->count < MODEL_VERB_RECORDS_MAX);
    a->records[a->count++] = (model_record){.kind = kind, .stream = stream};
}

static firn_status put(model_stores *s, const model_verb *v, appended *a)
{
    size_t size = content_sizes[v->subject];

    if (!s->contents[v->subject]) {
        for (size_t at = 0; size > MODEL_CHUNK_SIZE && at < size; at += MODEL_CHUNK_SIZE) {
            append(a, FMT_KIND_CONTENT_CHUNK, -1);
        }
        append(a, size > MODEL_CHUNK_SIZE ? FMT_KIND_CONTENT_MANIFEST : FMT_KIND_CONTENT_BLOB, -1);
    }
    s->contents[v->subject] = true;
    return FIRN_OK;
}

static bool same_event(const model_run_event *a, const model_run_event *b)
{
    return a->automatic == b->automatic && (a->automatic == 0 || a->index == b->index);
}

static firn_status append_events(model_run *run, const model_verb *v, appended *a)
{
    if (!run->created) {
        return FIRN_ENOTFOUND;
    }
    if (run->status != FIRN_RUN_RUNNING) {
        return FIRN_ESTATE;
    }
    for (unsigned i = 0; i < v->count; i++) {
        model_run_event event = {.there = 1, .automatic = v->first == 0, .index = (uint8_t)i};
        unsigned number = v->first == 0 ? run->last + 1 : v->first + i;

        assert(number < MODEL_RUN_EVENTS);
        if (run->events[number].there != 0) {
            if (!same_event(&run->events[number], &event)) {
                return FIRN_EEXISTS;
            }
            continue;
        }
        run->events[number] = event;
        run->count++;
        run->last = number > run->last ? number : run->last;
        append(a, FMT_KIND_RUN_EVENT, (int)v->subject);
    }
    return FIRN_OK;
}

static firn_status end(model_run *run, const model_verb *v, appended *a)
{
    if (!run->created) {
        return FIRN_ENOTFOUND;
    }
    if (run->status != FIRN_RUN_RUNNING) {
        return FIRN_ESTATE;
    }
    run->status = (firn_run_status)v->first;
    append(a, FMT_KIND_RUN_END, (int)v->subject);
    return FIRN_OK;
}

static firn_status decide(model_stores *s, const model_verb *v, appended *a)
{
    switch (v->kind) {
    case MODEL_PUT:
        return put(s, v, a);
    case MODEL_CREATE:
        if (!s->runs[v->subject].created) {
            append(a, FMT_KIND_RUN_CREATE, (int)v->subject);
        }
        s->runs[v->subject].created = true;
        return FIRN_OK;
    case MODEL_APPEND:
        return append_events(&s->runs[v->subject], v, a);
    case MODEL_END:
        return end(&s->runs[v->subject], v, a);
    case MODEL_PROMOTE:
    default:
        assert(s->releases[v->subject] < MODEL_RELEASES_MAX);
        s->released[v->subject][s->releases[v->subject]++] = (uint8_t)v->first;
        append(a, FMT_KIND_RELEASE_PROMOTE, (int)(MODEL_RUNS + v->subject));
        return FIRN_OK;
    }
}

firn_status model_stores_decide(model_stores *s, const model_verb *verbs, unsigned verbs_count,
                                model_record out_records[MODEL_VERB_RECORDS_MAX], unsigned *out_count)
{
    appended a = {.records = out_records};
    firn_status status = FIRN_OK;

    for (unsigned i = 0; status == FIRN_OK && i < verbs_count; i++) {
        status = decide(s, &verbs[i], &a);
    }
    *out_count = a.count;
    return status;
}

bool model_stores_have_room(const model_stores *s, const model_verb *verbs, unsigned verbs_count)
{
    for (unsigned i = 0; i < verbs_count; i++) {
        const model_verb *v = &verbs[i];

        if (v->kind == MODEL_PROMOTE && s->releases[v->subject] + MODEL_VERBS_MAX > MODEL_RELEASES_MAX) {
            return false;
        }
        if (v->kind == MODEL_APPEND &&
            s->runs[v->subject].last + MODEL_VERB_RECORDS_MAX + v->first >= MODEL_RUN_EVENTS) {
            return false;
        }
    }
    return true;
}
