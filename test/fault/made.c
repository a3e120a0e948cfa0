/* SPDX-License-Identifier: Apache-2.0 */
/* made.c — names and bytes of the sweep: what calls append, made from a number, and what the ledger holds before. */
#include "test/fault/made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAYLOAD_SIZE = 900,
    NAME_SIZE = 64,
    SEED_EVENTS = 5,
    SEED_RUN_EVENTS = 12,
    DIGESTS = 256,
    SEED_CONTENTS = 1000 /* Their numbers begin here. */
};

static firn_slice text(const char *at)
{
    return (firn_slice){at, strlen(at)};
}

firn_slice made_stream(unsigned id)
{
    static char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "stream %u", id);
    return text(name);
}

static void fill(uint8_t *at, size_t size, unsigned id, unsigned i)
{
    for (size_t k = 0; k < size; k++) {
        at[k] = (uint8_t)(k * 31 + k / 251 + id * 7 + i * 3);
    }
    (void)snprintf((char *)at, size, "%u of %u", i, id);
}

firn_slice made_payload(unsigned id, unsigned i)
{
    static uint8_t bytes[MADE_EVENTS][PAYLOAD_SIZE];

    fill(bytes[i], PAYLOAD_SIZE, id, i);
    return (firn_slice){bytes[i], PAYLOAD_SIZE};
}

firn_slice made_run(unsigned id)
{
    static char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "run %u", id);
    return text(name);
}

firn_slice made_release(unsigned id)
{
    static char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "release %u", id);
    return text(name);
}

firn_slice made_content(unsigned id, size_t size)
{
    static uint8_t bytes[MADE_SIZE_MAX];

    fill(bytes, size, id, 0);
    return (firn_slice){bytes, size};
}

/* Kept, so that a case may ask for one under a fault: the run without one asked first. */
const uint8_t *made_digest(unsigned id, size_t size)
{
    static struct {
        unsigned id;
        size_t size;
        uint8_t digest[FIRN_DIGEST_SIZE];
    } kept[DIGESTS];
    static unsigned count;

    for (unsigned i = 0; i < count; i++) {
        if (kept[i].id == id && kept[i].size == size) {
            return kept[i].digest;
        }
    }
    if (count == DIGESTS || firn_digest_of(made_content(id, size), kept[count].digest, NULL) != FIRN_OK) {
        abort();
    }
    kept[count].id = id;
    kept[count].size = size;
    return kept[count++].digest;
}

uint64_t made_key_age(unsigned id)
{
    return (UINT64_C(1) << 60) + id;
}

const firn_event *made_events(unsigned id)
{
    static firn_event events[MADE_EVENTS];

    for (unsigned i = 0; i < MADE_EVENTS; i++) {
        events[i] = (firn_event){.kind = MADE_KIND, .payload = made_payload(id, i)};
    }
    return events;
}

const firn_run_event *made_run_events(unsigned id)
{
    static firn_run_event events[MADE_EVENTS];
    static char payloads[MADE_EVENTS][NAME_SIZE];

    for (unsigned i = 0; i < MADE_EVENTS; i++) {
        (void)snprintf(payloads[i], sizeof payloads[i], "{\"event\": %u, \"of\": [%u]}", i, id);
        events[i] = (firn_run_event){.event_seq = 1000 * (id + 1) + i,
                                     .kind = text(i == 0 ? "tool" : "output.stdout"),
                                     .payload = text(payloads[i]),
                                     .timestamp = {.seconds = 1700000000 + id}};
    }
    return events;
}

static uint8_t spec[FIRN_DIGEST_SIZE] = {1, 2, 3};

firn_run_args made_run_args(unsigned id)
{
    return (firn_run_args){.struct_size = sizeof(firn_run_args),
                           .run_id = made_run(id),
                           .spec_digest = spec,
                           .agent_name = {"agent", 5},
                           .git_sha = {"abc", 3},
                           .tags = {"{\"a\": [1, 2]}", 13}};
}

firn_release_args made_release_args(unsigned id)
{
    return (firn_release_args){.struct_size = sizeof(firn_release_args),
                               .name = made_release(id),
                               .spec_digest = spec,
                               .version_label = {"1.0", 3},
                               .promoted_by = {"somebody", 8},
                               .notes = {"notes", 5}};
}

/* ---- before ---- */

firn_slice made_seed_run(unsigned i)
{
    static char name[NAME_SIZE];

    (void)snprintf(name, sizeof name, "seed run %u", i);
    return text(name);
}

firn_slice made_seed_content(unsigned i)
{
    return made_content(SEED_CONTENTS + i, i == 0 ? 300 : MADE_SIZE_MAX);
}

const uint8_t *made_seed_digest(unsigned i)
{
    return made_digest(SEED_CONTENTS + i, made_seed_content(i).size);
}

static void need(firn_status status, const firn_error *err)
{
    if (status != FIRN_OK) {
        (void)fprintf(stderr, "seed: %s\n", err->text);
        abort();
    }
}

static void seed_runs(firn_ledger *ledger)
{
    static const firn_run_summary summary = {.total_events = 3, .success = 1};
    firn_run_event events[SEED_RUN_EVENTS];
    firn_run_args args = made_run_args(0);
    firn_error err;

    for (unsigned i = 0; i < MADE_RUNS; i++) {
        args.run_id = made_seed_run(i);
        need(firn_run_create(ledger, &args, NULL, &err), &err);
    }
    args.run_id = (firn_slice){MADE_SEED_ENDED, strlen(MADE_SEED_ENDED)};
    need(firn_run_create(ledger, &args, NULL, &err), &err);
    for (unsigned i = 0; i < SEED_RUN_EVENTS; i++) {
        events[i] = (firn_run_event){.auto_seq = 1,
                                     .kind = {i % 2 == 0 ? "tool" : "thought", i % 2 == 0 ? 4 : 7},
                                     .payload = {"{\"a\": \"payload\"}", 16},
                                     .timestamp = {.seconds = 1700000000}};
    }
    need(firn_run_append(ledger, made_seed_run(0), events, SEED_RUN_EVENTS, NULL, NULL, &err), &err);
    need(firn_run_append(ledger, args.run_id, events, 3, NULL, NULL, &err), &err);
    need(firn_run_end(ledger, args.run_id, FIRN_RUN_COMPLETED, &summary, &err), &err);
}

void made_seed(firn_ledger *ledger)
{
    firn_append_options keyed = {
        .struct_size = sizeof keyed, .scope = {"scope", 5}, .key = {MADE_SEED_KEY, strlen(MADE_SEED_KEY)}};
    firn_release_args release = made_release_args(0);
    firn_slice stream = {MADE_SEED_STREAM, strlen(MADE_SEED_STREAM)};
    firn_error err;

    for (unsigned i = 0; i < SEED_EVENTS; i++) {
        need(firn_append(ledger, stream, made_events(i), MADE_EVENTS, i == 0 ? &keyed : NULL, NULL, &err), &err);
    }
    for (unsigned i = 0; i < 2; i++) {
        need(firn_content_put(ledger, made_seed_content(i), NULL, NULL, &err), &err);
    }
    seed_runs(ledger);
    release.name = (firn_slice){MADE_SEED_RELEASE, strlen(MADE_SEED_RELEASE)};
    need(firn_release_promote(ledger, &release, NULL, &err), &err);
    need(firn_release_promote(ledger, &release, NULL, &err), &err);
}
