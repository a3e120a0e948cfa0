/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c — append events to runs through the typed interface: one run for each writer.
 *
 * Payloads are objects as a tool's calls leave them (names, numbers, a container, text with escapes), made before the
 * clock starts.
 */
#include "bench/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/error.h"

enum {
    PAYLOADS = 4096,
    LINE_SIZE = 40, /* Of the text in a payload. */
    FRAME_SIZE_MAX = 128,
    FIRST_SECOND = 1700000000
};

static void put_text(char *at, char *end, bench_random *random)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz 012345 .,:-/ ";

    for (unsigned column = 1; at < end; column++) {
        if (column % LINE_SIZE == 0 && end - at >= 2) {
            memcpy(at, "\\n", 2);
            at += 2;
        } else {
            *at++ = letters[bench_random_next(random) % (sizeof letters - 1)];
        }
    }
}

static void put_payload(char *at, uint32_t size, bench_random *random)
{
    char frame[FRAME_SIZE_MAX];
    uint64_t number = bench_random_next(random);
    int frame_size =
        snprintf(frame, sizeof frame,
                 "{\"tool_name\":\"search\",\"step\":%u,\"ok\":true,\"cost\":%u.%03u,"
                 "\"args\":{\"path\":\"/src/%08x\",\"lines\":[%u,%u]},\"text\":\"",
                 (unsigned)(number % 1000), (unsigned)(number >> 10 & 7), (unsigned)(number >> 13 & 511),
                 (unsigned)(number >> 32), (unsigned)(number >> 24 & 255), (unsigned)(number >> 16 & 4095));
    const char *tail = "\"}";

    if ((uint32_t)frame_size + 2 > size) { /* A payload that has no room for it is a string alone. */
        frame_size = snprintf(frame, sizeof frame, "\"");
        tail = "\"";
    }
    if ((uint32_t)frame_size + strlen(tail) > size) {
        memset(at, '7', size);
        return;
    }
    memcpy(at, frame, (size_t)frame_size);
    put_text(at + frame_size, at + size - strlen(tail), random);
    memcpy(at + size - strlen(tail), tail, strlen(tail));
}

char *bench_events_pool_new(const bench_case *setting)
{
    char *pool = calloc(PAYLOADS, setting->size > 0 ? setting->size : 1);
    bench_random random;

    if (pool == NULL)
        return NULL;
    bench_random_start(&random, setting->seed);
    for (size_t i = 0; i < PAYLOADS; i++)
        put_payload(pool + i * setting->size, setting->size, &random);
    return pool;
}

firn_status bench_events_begin(const bench_case *setting, firn_ledger *ledger, uint32_t writer, bench_events *run,
                               firn_error *err)
{
    static const uint8_t spec_digest[FIRN_DIGEST_SIZE];
    firn_run_args args = {.struct_size = sizeof args, .spec_digest = spec_digest, .agent_name = {"bench", 5}};

    run->events = calloc(setting->batch, sizeof *run->events);
    if (run->events == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    args.run_id.data = run->id;
    args.run_id.size = (size_t)snprintf(run->id, sizeof run->id, "bench-%u", writer);
    return firn_run_create(ledger, &args, NULL, err);
}

void bench_events_free(bench_events *run)
{
    free(run->events);
}

/** The next batch. */
static void fill(const bench_case *setting, bench_events *run, const char *pool, bench_random *random)
{
    static const firn_slice kinds[] = {{"tool_called", 11}, {"tool_returned", 13}};

    for (uint32_t i = 0; i < setting->batch; i++) {
        uint64_t number = bench_random_next(random);

        run->events[i] = (firn_run_event){
            .auto_seq = 1,
            .kind = kinds[i % 2],
            .payload = {pool + number % PAYLOADS * setting->size, setting->size},
            .timestamp = {.seconds = FIRST_SECOND + (int64_t)(number >> 40), .nanoseconds = number >> 36 & 15},
        };
    }
}

static firn_slice id_of(const bench_events *run)
{
    return (firn_slice){run->id, strlen(run->id)};
}

firn_status bench_events_append(const bench_case *setting, firn_ledger *ledger, bench_events *run, const char *pool,
                                bench_random *random, firn_error *err)
{
    fill(setting, run, pool, random);
    return firn_run_append(ledger, id_of(run), run->events, setting->batch, NULL, NULL, err);
}

firn_status bench_events_submit(const bench_case *setting, firn_ledger *ledger, bench_events *run, const char *pool,
                                bench_random *random, const firn_submit_options *options, firn_error *err)
{
    fill(setting, run, pool, random);
    return firn_run_append_submit(ledger, id_of(run), run->events, setting->batch, NULL, NULL, options, NULL, err);
}
