/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c — one thread that keeps appends under way, of raw events or of events of a run, and drives the ledger itself.
 *
 * The clock is read once for up to 16 submissions and once for all answers of one poll: at millions of appends
 * per second reading it would be a good part of what is measured. A latency counts from the earlier reading,
 * so the error makes it longer, never shorter.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/events.h"
#include "bench/ledger.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    SUBMITS_PER_CLOCK = 16
};

/** A call under way, or a free place for one. */
typedef struct async_slot {
    struct async_run *run;
    uint64_t start_ns;
    struct async_slot *next_free;
} async_slot;

typedef struct async_run {
    const bench_case *setting;
    firn_ledger *ledger;
    const char *pool;
    bench_round *round;
    async_slot *slots;
    async_slot *free;
    firn_event *events;  /**< BENCH_APPEND_ASYNC. */
    bench_events in_run; /**< BENCH_RUN_APPEND_ASYNC. */
    uint32_t outstanding;
    uint64_t submitted;
    uint64_t answer_ns; /**< The clock at the first answer of this poll; 0: not read yet. */
    firn_status status; /**< Of the first append that failed. */
    firn_error err;
} async_run;

/** A firn_done_fn. */
static void answered(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    async_slot *slot = arg;
    async_run *run = slot->run;

    (void)receipt;
    if (run->answer_ns == 0)
        run->answer_ns = tool_now_ns();
    if (status == FIRN_OK) {
        bench_histogram_add(&run->round->latency, run->answer_ns - slot->start_ns);
        run->round->operations++;
    } else if (run->status == FIRN_OK) {
        run->status = status;
        run->err = *err;
    }
    slot->next_free = run->free;
    run->free = slot;
    run->outstanding--;
}

static firn_status submit_batch(async_run *run, bench_random *random, const firn_submit_options *options,
                                firn_error *err)
{
    const bench_case *setting = run->setting;
    const firn_slice stream = {"bench", strlen("bench")};

    if (setting->work == BENCH_RUN_APPEND_ASYNC)
        return bench_events_submit(setting, run->ledger, &run->in_run, run->pool, random, options, err);
    for (uint32_t i = 0; i < setting->batch; i++)
        run->events[i] = (firn_event){.kind = 1, .payload = bench_pool_payload(run->pool, setting, random)};
    return firn_append_submit(run->ledger, stream, run->events, setting->batch, NULL, options, NULL, err);
}

/** Submits until `outstanding` calls are under way, the queue is full, or `left` calls were made. */
static firn_status submit_some(async_run *run, bench_random *random, uint64_t left, firn_error *err)
{
    const bench_case *setting = run->setting;
    uint64_t now_ns = 0;

    for (uint64_t i = 0; i < left && run->outstanding < setting->outstanding; i++) {
        async_slot *slot = run->free;
        firn_submit_options options = {.struct_size = sizeof options, .done = answered, .arg = slot};
        firn_status status;

        if (i % SUBMITS_PER_CLOCK == 0)
            now_ns = tool_now_ns();
        /* Taken before the call: the answer may come inside it. */
        run->free = slot->next_free;
        slot->start_ns = now_ns;
        run->outstanding++;
        run->answer_ns = 0;
        status = submit_batch(run, random, &options, err);
        if (status != FIRN_OK) {
            slot->next_free = run->free;
            run->free = slot;
            run->outstanding--;
            return status < 0 ? status : FIRN_OK;
        }
        run->submitted++;
    }
    return FIRN_OK;
}

static firn_status append_until_end(async_run *run, firn_error *err)
{
    const bench_case *setting = run->setting;
    uint64_t count_max = bench_count_max(setting);
    uint64_t start_ns = tool_now_ns();
    uint64_t cpu_ns = bench_cpu_ns();
    firn_status status = FIRN_OK;
    bool ended = false;
    bench_random random;

    bench_random_start(&random, setting->seed);
    while (!ended || run->outstanding > 0) {
        if (!ended)
            status = submit_some(run, &random, count_max - run->submitted, err);
        if (status < 0)
            return status;
        run->answer_ns = 0;
        status = firn_poll(run->ledger, -1, NULL, err);
        if (status < 0)
            return status;
        if (run->status < 0) {
            *err = run->err;
            return run->status;
        }
        ended =
            run->submitted >= count_max || (setting->count == 0 && tool_now_ns() - start_ns >= setting->duration_ns);
    }
    run->round->duration_ns = tool_now_ns() - start_ns;
    run->round->cpu_ns = bench_cpu_ns() - cpu_ns;
    run->round->records = run->round->operations * setting->batch;
    return FIRN_OK;
}

firn_status bench_append_async(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    async_run run = {.setting = setting, .round = round};
    bool in_run = setting->work == BENCH_RUN_APPEND_ASYNC;
    char *pool = in_run ? bench_events_pool_new(setting) : bench_pool_new(setting);
    firn_status status;

    run.slots = calloc(setting->outstanding, sizeof *run.slots);
    run.events = calloc(setting->batch, sizeof *run.events);
    if (pool == NULL || run.slots == NULL || run.events == NULL) {
        status = tool_fail(err, FIRN_ENOMEM, "out of memory");
        goto out;
    }
    run.pool = pool;
    for (uint32_t i = 0; i < setting->outstanding; i++) {
        run.slots[i] = (async_slot){.run = &run, .next_free = run.free};
        run.free = &run.slots[i];
    }
    status = bench_ledger_open(setting, folder, FIRN_PROGRESS_MANUAL, &run.ledger, err);
    if (status < 0)
        goto out;
    if (in_run)
        status = bench_events_begin(setting, run.ledger, 0, &run.in_run, err);
    if (status == FIRN_OK)
        status = bench_round_start(run.ledger, round, err);
    if (status == FIRN_OK)
        status = append_until_end(&run, err);
    if (status == FIRN_OK)
        status = bench_round_end(run.ledger, setting, round, err);
    /* Closing answers what is still under way: slots must live until then. */
    if (status < 0)
        firn_close(run.ledger, NULL);
    else
        status = firn_close(run.ledger, err);
out:
    bench_events_free(&run.in_run);
    free(run.events);
    free(run.slots);
    free(pool);
    return status;
}
