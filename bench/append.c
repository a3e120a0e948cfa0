/* SPDX-License-Identifier: Apache-2.0 */
/* append.c — threads that append, raw events or events of runs, and wait until each batch is durable. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/ledger.h"
#include "bench/events.h"
#include "tools/error.h"
#include "tools/progress.h"

/** What the writers share. */
typedef struct append_all {
    const bench_case *setting;
    firn_ledger *ledger;
    const char *pool;
    pthread_mutex_t gate;  /**< Held by the thread that measures until all writers stand at it. */
    uint64_t end_ns;       /**< Set before the gate opens. */
    _Atomic uint64_t left; /**< Operations that may still begin. */
    _Atomic bool stopped;  /**< A writer failed, or could not be started. */
} append_all;

/** One writer; its own but for `all`. */
typedef struct append_writer {
    append_all *all;
    pthread_t thread;
    uint32_t number;
    uint64_t operations;
    firn_status status;
    firn_error err;
    firn_event *events; /**< Raw ones; BENCH_APPEND. */
    bench_events run;   /**< BENCH_RUN_APPEND. */
    bench_histogram latency;
} append_writer;

/** Takes one operation out of those left. */
static bool take_one(append_all *all)
{
    uint64_t left = atomic_load_explicit(&all->left, memory_order_relaxed);

    if (left == UINT64_MAX)
        return true;
    while (left > 0)
        if (atomic_compare_exchange_weak(&all->left, &left, left - 1))
            return true;
    return false;
}

static firn_status append_batch(append_writer *writer, bench_random *random)
{
    const append_all *all = writer->all;
    const bench_case *setting = all->setting;
    const firn_slice stream = {"bench", strlen("bench")};

    if (setting->work == BENCH_RUN_APPEND)
        return bench_events_append(setting, all->ledger, &writer->run, all->pool, random, &writer->err);
    for (uint32_t i = 0; i < setting->batch; i++)
        writer->events[i] = (firn_event){.kind = 1, .payload = bench_pool_payload(all->pool, setting, random)};
    return firn_append(all->ledger, stream, writer->events, setting->batch, NULL, NULL, &writer->err);
}

static void write_until_end(append_writer *writer)
{
    append_all *all = writer->all;
    const bench_case *setting = all->setting;
    uint64_t now_ns = tool_now_ns();
    bench_random random;

    bench_random_start(&random, setting->seed + writer->number);
    while (now_ns < all->end_ns && !atomic_load_explicit(&all->stopped, memory_order_relaxed) && take_one(all)) {
        uint64_t start_ns = now_ns;

        writer->status = append_batch(writer, &random);
        if (writer->status < 0) {
            atomic_store(&all->stopped, true);
            return;
        }
        now_ns = tool_now_ns();
        bench_histogram_add(&writer->latency, now_ns - start_ns);
        writer->operations++;
    }
}

static void *writer_main(void *arg)
{
    append_writer *writer = arg;

    pthread_mutex_lock(&writer->all->gate);
    pthread_mutex_unlock(&writer->all->gate);
    write_until_end(writer);
    return NULL;
}

/** Gives the writers what they need before the clock starts. */
static firn_status make_writers(append_all *all, append_writer *writers, firn_error *err)
{
    const bench_case *setting = all->setting;
    firn_status status = FIRN_OK;

    for (uint32_t i = 0; i < setting->writers && status == FIRN_OK; i++) {
        writers[i].all = all;
        writers[i].number = i;
        if (setting->work == BENCH_RUN_APPEND) {
            status = bench_events_begin(setting, all->ledger, i, &writers[i].run, err);
            continue;
        }
        writers[i].events = calloc(setting->batch, sizeof *writers[i].events);
        if (writers[i].events == NULL)
            status = tool_fail(err, FIRN_ENOMEM, "out of memory");
    }
    return status;
}

static void free_writers(const append_all *all, append_writer *writers)
{
    for (uint32_t i = 0; writers != NULL && i < all->setting->writers; i++) {
        free(writers[i].events);
        bench_events_free(&writers[i].run);
    }
    free(writers);
}

/** Starts the writers, who wait at the gate; returns how many could be started. */
static uint32_t start_writers(append_all *all, append_writer *writers)
{
    for (uint32_t i = 0; i < all->setting->writers; i++) {
        if (pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]) != 0)
            return i;
    }
    return all->setting->writers;
}

/** Lets the writers go, waits for them, and adds up what they did. */
static firn_status run_writers(append_all *all, append_writer *writers, bench_round *round, firn_error *err)
{
    const bench_case *setting = all->setting;
    uint32_t started;
    uint64_t cpu_ns;
    uint64_t start_ns;
    firn_status status = FIRN_OK;

    pthread_mutex_lock(&all->gate);
    started = start_writers(all, writers);
    if (started < setting->writers) {
        atomic_store(&all->stopped, true);
        status = tool_fail(err, FIRN_ENOMEM, "only %u of %u writers could be started", started, setting->writers);
    }
    cpu_ns = bench_cpu_ns();
    start_ns = tool_now_ns();
    all->end_ns = setting->count > 0 ? UINT64_MAX : start_ns + setting->duration_ns;
    pthread_mutex_unlock(&all->gate);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(writers[i].thread, NULL);
    round->duration_ns = tool_now_ns() - start_ns;
    round->cpu_ns = bench_cpu_ns() - cpu_ns;
    for (uint32_t i = 0; i < started; i++) {
        bench_histogram_merge(&round->latency, &writers[i].latency);
        round->operations += writers[i].operations;
        if (writers[i].status < 0 && status == FIRN_OK) {
            status = writers[i].status;
            *err = writers[i].err;
        }
    }
    round->records = round->operations * setting->batch;
    return status;
}

firn_status bench_append(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    append_all all = {
        .setting = setting,
        .gate = PTHREAD_MUTEX_INITIALIZER,
        .left = bench_count_max(setting),
    };
    append_writer *writers = calloc(setting->writers, sizeof *writers);
    char *pool = setting->work == BENCH_RUN_APPEND ? bench_events_pool_new(setting) : bench_pool_new(setting);
    firn_status status;

    if (writers == NULL || pool == NULL) {
        status = tool_fail(err, FIRN_ENOMEM, "out of memory");
        goto out;
    }
    all.pool = pool;
    status = bench_ledger_open(setting, folder, FIRN_PROGRESS_AUTO, &all.ledger, err);
    if (status < 0)
        goto out;
    status = make_writers(&all, writers, err);
    if (status == FIRN_OK)
        status = bench_round_start(all.ledger, round, err);
    if (status == FIRN_OK)
        status = run_writers(&all, writers, round, err);
    if (status == FIRN_OK)
        status = bench_round_end(all.ledger, setting, round, err);
    if (status < 0) {
        firn_close(all.ledger, NULL);
        goto out;
    }
    status = firn_close(all.ledger, err);
out:
    free(pool);
    free_writers(&all, writers);
    return status;
}
