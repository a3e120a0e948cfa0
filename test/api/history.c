/* SPDX-License-Identifier: Apache-2.0 */
/* history.c — a history that gives every query something to answer. */
#include "test/api/history.h"

#include <stdbool.h>
#include <stdio.h>

#define SECOND_NS INT64_C(1000000000)
#define BEGIN_NS (INT64_C(1700000000) * SECOND_NS)

enum {
    CONTENT_SIZE_MAX = 200000, /* Several chunks of 64 KiB. */
    RUN_SECONDS = 100,         /* Between two runs. */
    KEY_SECONDS = 500,         /* Between two keys: half of them are over their age at the end. */
    KEY_AGE_SECONDS = 3000,
    STREAMS = 7,
    APPENDS = 50
};

firn_slice history_content(int i)
{
    static const size_t sizes[HISTORY_CONTENTS + 1] = {0, 1, 300, 70000, CONTENT_SIZE_MAX, 77};
    static uint8_t bytes[HISTORY_CONTENTS + 1][CONTENT_SIZE_MAX];

    for (size_t at = 0; at < sizes[i]; at++) {
        bytes[i][at] = (uint8_t)(at * 7 + at / 256 + (size_t)i);
    }
    return (firn_slice){bytes[i], sizes[i]};
}

void history_key(int i, char out_text[24])
{
    (void)snprintf(out_text, 24, "key %d", i);
}

void history_run_id(int i, char out_text[32])
{
    (void)snprintf(out_text, 32, "run %d", i);
}

int64_t history_run_ns(int i)
{
    return BEGIN_NS + (int64_t)i * RUN_SECONDS * SECOND_NS;
}

void history_release(int i, char out_text[32])
{
    (void)snprintf(out_text, 32, "release %d", i);
}

static void digest_of(int content, uint8_t out_digest[FIRN_DIGEST_SIZE])
{
    firn_error err;

    OK(err, firn_digest_of(history_content(content), out_digest, &err));
}

static void put(firn_ledger *ledger, int content)
{
    firn_error err;

    OK(err, firn_content_put(ledger, history_content(content), NULL, NULL, &err));
}

/* Piece by piece; without an end it never becomes visible. */
static void put_pieces(firn_ledger *ledger, int content, bool finishes)
{
    firn_slice bytes = history_content(content);
    firn_content_writer *writer = NULL;
    firn_error err;

    OK(err, firn_content_writer_open(ledger, &writer, &err));
    for (size_t at = 0; at < bytes.size; at += 9999) {
        size_t left = bytes.size - at;

        OK(err, firn_content_writer_write(
                    writer, (firn_slice){(const uint8_t *)bytes.data + at, left < 9999 ? left : 9999}, &err));
    }
    if (finishes) {
        OK(err, firn_content_writer_finish(writer, NULL, NULL, &err));
    }
    firn_content_writer_close(writer);
}

static void create_run(firn_ledger *ledger, int i)
{
    firn_run_evaluation evaluation = {.rubric_path = S("a/rubric"), .is_promotion_gate = 1, .agent_phase = 2};
    uint8_t digest[FIRN_DIGEST_SIZE];
    char id[32], agent[32], sha[32];
    firn_run_args args = {.struct_size = sizeof args, .spec_digest = digest};
    firn_error err;

    history_run_id(i, id);
    digest_of(i % 3, digest);
    (void)snprintf(agent, sizeof agent, "agent %d", i % 3);
    (void)snprintf(sha, sizeof sha, "sha %d", i % 2);
    args.run_id = S(id);
    args.agent_name = S(agent);
    args.git_sha = i % 3 == 2 ? (firn_slice){0} : S(sha);
    args.tags = i % 2 == 0 ? (firn_slice){0} : S("{\"a\": [1, 2.50]}");
    args.evaluation = i % 4 == 1 ? &evaluation : NULL;
    OK(err, firn_run_create(ledger, &args, NULL, &err));
}

/* Numbered by the ledger, of several kinds. */
static void append_many(firn_ledger *ledger, int run)
{
    static const char *const kinds[] = {"output.stdout", "output.stderr", "tool", "thought"};
    firn_run_event events[APPENDS];
    char payloads[APPENDS][64], id[32];
    firn_error err;

    history_run_id(run, id);
    for (int i = 0; i < APPENDS; i++) {
        (void)snprintf(payloads[i], sizeof payloads[i], "{\"line\": \"number %d of run %d\"}", i, run);
        events[i] = (firn_run_event){.auto_seq = 1,
                                     .kind = S(kinds[i % 4]),
                                     .payload = S(payloads[i]),
                                     .timestamp = {.seconds = 1700000000 + i, .nanoseconds = (uint32_t)i * 1000}};
    }
    OK(err, firn_run_append(ledger, S(id), events, APPENDS, NULL, NULL, &err));
}

/* With numbers of their own, and gaps between them. */
static void append_numbered(firn_ledger *ledger, int run)
{
    static const uint64_t numbers[] = {2, 1, 5, 63, 64, 65, 127, 128, 1000000007, 70, 3};
    char id[32];
    firn_error err;

    history_run_id(run, id);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        firn_run_event event = {.event_seq = numbers[i],
                                .kind = S(i % 2 == 0 ? "tool" : ""),
                                .payload = S("[1, {\"two\": null}]"),
                                .timestamp = {.seconds = -5, .nanoseconds = 999999999}};

        OK(err, firn_run_append(ledger, S(id), &event, 1, NULL, NULL, &err));
    }
}

static void end_run(firn_ledger *ledger, int i, firn_run_status status)
{
    firn_run_summary summary = {.total_events = 3, .duration_ms = 1000 + (uint64_t)i, .success = i % 2 == 0};
    char id[32];
    firn_error err;

    if (i % 2 == 0) {
        summary.has_final_state_digest = 1;
        digest_of(2, summary.final_state_digest);
    }
    history_run_id(i, id);
    OK(err, firn_run_end(ledger, S(id), status, &summary, &err));
}

static void promote(firn_ledger *ledger, int i, int content, const char *label)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    char name[32];
    firn_release_args args = {.struct_size = sizeof args, .spec_digest = digest, .promoted_by = S("somebody")};
    firn_error err;

    history_release(i, name);
    digest_of(content, digest);
    args.name = S(name);
    args.version_label = label == NULL ? (firn_slice){0} : S(label);
    args.notes = content == 0 ? (firn_slice){0} : S("notes\nof several lines");
    OK(err, firn_release_promote(ledger, &args, NULL, &err));
}

/* Content, a run from beginning to end, a release and an event: one batch, under a key. */
static void cross(firn_ledger *ledger, int key, int content, int run)
{
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_run_args args = {.struct_size = sizeof args, .spec_digest = digest, .agent_name = S("agent 1")};
    firn_release_args release = {.struct_size = sizeof release, .name = S("release 2"), .spec_digest = digest};
    firn_run_event event = {.event_seq = 7, .kind = S("tool"), .payload = S("true")};
    firn_run_summary summary = {.duration_ms = 1};
    char id[32], text[24];
    firn_batch *batch = NULL;
    firn_error err;

    history_key(key, text);
    history_run_id(run, id);
    digest_of(content, digest);
    args.run_id = S(id);
    OK(err, firn_batch_new(ledger, &batch, &err));
    OK(err, firn_batch_content_put(batch, history_content(content), digest, NULL, &err));
    OK(err, firn_batch_run_create(batch, &args, NULL, &err));
    OK(err, firn_batch_run_append(batch, S(id), &event, 1, NULL, NULL, &err));
    OK(err, firn_batch_run_end(batch, S(id), FIRN_RUN_COMPLETED, &summary, &err));
    OK(err, firn_batch_release_promote(batch, &release, NULL, &err));
    OK(err, firn_batch_event(batch, S("stream 0"), 9, S("across"), &err));
    OK(err, firn_batch_key(batch, S("scope"), S(text), NULL, &err));
    OK(err, firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
}

static void append_keyed(firn_ledger *ledger, int64_t *clock_ns, int i)
{
    firn_append_options options = {.struct_size = sizeof options};
    firn_event events[] = {{.kind = 1 + (uint32_t)i, .payload = S("first")}, {.kind = 77, .payload = {0}}};
    char key[24], stream[24];
    firn_error err;

    *clock_ns += KEY_SECONDS * SECOND_NS;
    history_key(i, key);
    (void)snprintf(stream, sizeof stream, "stream %d", i % STREAMS);
    options.key = S(key);
    options.scope = i % 2 == 0 ? (firn_slice){0} : S("scope");
    OK(err, firn_append(ledger, S(stream), events, 2, &options, NULL, &err));
}

static void fill_first(firn_ledger *ledger, int64_t *clock_ns)
{
    firn_error err;

    *clock_ns = BEGIN_NS;
    OK(err, firn_key_age_set(ledger, KEY_AGE_SECONDS * (uint64_t)SECOND_NS, NULL, &err));
    for (int i = 0; i < 3; i++) {
        put(ledger, i);
    }
    put(ledger, 1);
    put_pieces(ledger, 3, true);
    put_pieces(ledger, 4, false);
    for (int i = 0; i < HISTORY_RUNS - 1; i++) {
        *clock_ns = history_run_ns(i);
        create_run(ledger, i);
    }
    for (int i = 0; i < 3; i++) {
        append_many(ledger, 0);
    }
    append_many(ledger, 1);
    append_numbered(ledger, 2);
    append_numbered(ledger, 4);
    end_run(ledger, 3, FIRN_RUN_COMPLETED);
    end_run(ledger, 4, FIRN_RUN_FAILED);
    end_run(ledger, 5, FIRN_RUN_CANCELLED);
    for (int i = 0; i < 5; i++) {
        promote(ledger, 0, i % 3, i % 2 == 0 ? "v1" : NULL);
    }
    promote(ledger, 1, 0, NULL);
    for (int i = 0; i < HISTORY_KEYS - 2; i++) {
        append_keyed(ledger, clock_ns, i);
    }
}

void history_fill(firn_ledger *ledger, int64_t *clock_ns, int part)
{
    if (part == 0) {
        fill_first(ledger, clock_ns);
        return;
    }
    append_keyed(ledger, clock_ns, HISTORY_KEYS - 2);
    cross(ledger, HISTORY_KEYS - 1, 4, HISTORY_RUNS - 1);
    append_many(ledger, 0);
    append_numbered(ledger, 7);
    end_run(ledger, 6, FIRN_RUN_COMPLETED);
    promote(ledger, 0, 4, "last");
    promote(ledger, 2, 3, NULL);
}
