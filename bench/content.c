/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c — put content in durable batches, and get it back by its digest in random order.
 *
 * One thread puts: it fills a batch, which is where digests are computed, submits it, and drives the ledger while the
 * next one is filled. Every content is another one, so that each put is a record and a row. Before gets are measured a
 * ledger is filled and closed, which brings all rows to the index on disk; for gets with rows in memory that index is
 * removed, so that opening for reading builds the rows in memory. The digests are shuffled beforehand and asked for one
 * after the other: whoever gets content has its digest at hand.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/ledger.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    FILL_BATCH = 1000,
    FILL_OUTSTANDING = 4,
    NUMBER_SIZE = 8 /* A content begins with its number: there are no two with the same bytes. */
};

/** Batches of content under way. */
typedef struct content_run {
    const bench_case *setting;
    firn_ledger *ledger;
    char *pool;
    char *bytes; /**< One content. */
    firn_batch *batch;
    firn_content_put_result *results; /**< Of the batch. */
    uint8_t *digests;                 /**< Takes the digests of all; NULL: not wanted. */
    uint64_t *started_ns;             /**< When the batches under way were begun; they are answered in order. */
    uint64_t submitted;               /**< Batches. */
    uint64_t answered;
    bench_round *round;
    bench_random random;
    firn_status status; /**< Of the first batch that failed. */
    firn_error err;
} content_run;

/** A firn_done_fn. */
static void answered(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    content_run *run = arg;

    (void)receipt;
    bench_histogram_add(&run->round->latency,
                        tool_now_ns() - run->started_ns[run->answered++ % run->setting->outstanding]);
    if (status == FIRN_OK) {
        run->round->operations++;
    } else if (run->status == FIRN_OK) {
        run->status = status;
        run->err = *err;
    }
}

static firn_status batch_fill(content_run *run, firn_error *err)
{
    const bench_case *setting = run->setting;
    uint64_t number = run->submitted * setting->batch;
    firn_status status = FIRN_OK;

    firn_batch_reset(run->batch);
    for (uint32_t i = 0; i < setting->batch && status == FIRN_OK; i++, number++) {
        memcpy(run->bytes, bench_pool_payload(run->pool, setting, &run->random).data, setting->size);
        memcpy(run->bytes, &number, setting->size < NUMBER_SIZE ? setting->size : NUMBER_SIZE);
        status =
            firn_batch_content_put(run->batch, (firn_slice){run->bytes, setting->size}, NULL, &run->results[i], err);
    }
    return status;
}

/** What finished is answered; -1: waits for something to. */
static firn_status drive(content_run *run, int64_t timeout_ns, firn_error *err)
{
    firn_status status = firn_poll(run->ledger, timeout_ns, NULL, err);

    return status < 0 ? status : FIRN_OK;
}

/** Submits the batch that was filled, as soon as the ledger takes it. */
static firn_status batch_submit(content_run *run, firn_error *err)
{
    const bench_case *setting = run->setting;
    firn_submit_options options = {.struct_size = sizeof options, .done = answered, .arg = run};
    firn_status status;

    while ((status = firn_batch_submit(run->batch, &options, NULL, err)) == FIRN_FULL) {
        status = drive(run, -1, err);
        if (status < 0)
            return status;
    }
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < setting->batch && run->digests != NULL; i++)
        memcpy(run->digests + (run->submitted * setting->batch + i) * FIRN_DIGEST_SIZE, run->results[i].digest,
               FIRN_DIGEST_SIZE);
    run->submitted++;
    return FIRN_OK;
}

static firn_status put_until_end(content_run *run, firn_error *err)
{
    const bench_case *setting = run->setting;
    uint64_t count_max = setting->count > 0 ? setting->count : UINT64_MAX;
    uint64_t start_ns = tool_now_ns();
    uint64_t cpu_ns = bench_cpu_ns();
    uint64_t now_ns = start_ns;
    firn_status status = FIRN_OK;

    while (run->submitted < count_max && (setting->count > 0 || now_ns - start_ns < setting->duration_ns)) {
        run->started_ns[run->submitted % setting->outstanding] = now_ns;
        status = batch_fill(run, err);
        if (status == FIRN_OK)
            status = batch_submit(run, err);
        if (status == FIRN_OK)
            status = drive(run, 0, err);
        while (status == FIRN_OK && run->submitted - run->answered >= setting->outstanding)
            status = drive(run, -1, err);
        if (status < 0)
            return status;
        now_ns = tool_now_ns();
    }
    while (run->answered < run->submitted) {
        status = drive(run, -1, err);
        if (status < 0)
            return status;
    }
    if (run->status < 0) {
        *err = run->err;
        return run->status;
    }
    run->round->duration_ns = tool_now_ns() - start_ns;
    run->round->cpu_ns = bench_cpu_ns() - cpu_ns;
    run->round->records = run->round->operations * setting->batch;
    return FIRN_OK;
}

/** Puts by the setting into a new ledger; digests: see content_run. */
static firn_status put_all(const bench_case *setting, const char *folder, uint8_t *digests, bench_round *round,
                           firn_error *err)
{
    content_run run = {.setting = setting, .round = round, .digests = digests};
    firn_status status;

    bench_random_start(&run.random, setting->seed);
    run.pool = bench_pool_new(setting);
    run.bytes = malloc((size_t)setting->size + 1);
    run.results = calloc(setting->batch, sizeof *run.results);
    run.started_ns = calloc(setting->outstanding, sizeof *run.started_ns);
    if (run.pool == NULL || run.bytes == NULL || run.results == NULL || run.started_ns == NULL) {
        status = tool_fail(err, FIRN_ENOMEM, "out of memory");
        goto out;
    }
    status = bench_ledger_open(setting, folder, FIRN_PROGRESS_MANUAL, &run.ledger, err);
    if (status == FIRN_OK)
        status = firn_batch_new(run.ledger, &run.batch, err);
    if (status == FIRN_OK)
        status = bench_round_start(run.ledger, round, err);
    if (status == FIRN_OK)
        status = put_until_end(&run, err);
    if (status == FIRN_OK)
        status = bench_round_end(run.ledger, setting, round, err);
    firn_batch_free(run.batch);
    /* Closing answers what is still under way: it must have somewhere to go. */
    if (status < 0)
        firn_close(run.ledger, NULL);
    else
        status = firn_close(run.ledger, err);
out:
    free(run.started_ns);
    free(run.results);
    free(run.bytes);
    free(run.pool);
    return status;
}

firn_status bench_put(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    bench_case own = *setting;

    if (own.outstanding == 0)
        own.outstanding = 1;
    return put_all(&own, folder, NULL, round, err);
}

static firn_status get_until_end(const bench_case *setting, firn_view *view, const uint8_t *digests, uint64_t contents,
                                 bench_round *round, firn_error *err)
{
    uint64_t count_max = setting->count > 0 ? setting->count : UINT64_MAX;
    uint64_t start_ns = tool_now_ns();
    uint64_t cpu_ns = bench_cpu_ns();
    uint64_t now_ns = start_ns;
    firn_buf buf = {0};
    firn_status status = FIRN_OK;

    while (status == FIRN_OK && round->operations < count_max &&
           (setting->count > 0 || now_ns - start_ns < setting->duration_ns)) {
        const uint8_t *digest = digests + round->operations % contents * FIRN_DIGEST_SIZE;
        uint64_t before_ns = now_ns;

        status = firn_content_get(view, digest, NULL, &buf, err);
        if (status == FIRN_OK && buf.size != setting->size)
            status = tool_fail(err, FIRN_ECORRUPT, "content of %zu bytes", buf.size);
        now_ns = tool_now_ns();
        bench_histogram_add(&round->latency, now_ns - before_ns);
        round->operations++;
        round->payload_bytes += buf.size;
    }
    firn_buf_free(&buf);
    round->records = round->operations;
    round->duration_ns = now_ns - start_ns;
    round->cpu_ns = bench_cpu_ns() - cpu_ns;
    return status;
}

static void shuffle(const bench_case *setting, uint8_t *digests, uint64_t contents)
{
    uint8_t kept[FIRN_DIGEST_SIZE];
    bench_random random;

    bench_random_start(&random, setting->seed);
    for (uint64_t left = contents; left > 1; left--) {
        uint8_t *last = digests + (left - 1) * FIRN_DIGEST_SIZE;
        uint8_t *other = digests + bench_random_next(&random) % left * FIRN_DIGEST_SIZE;

        memcpy(kept, last, FIRN_DIGEST_SIZE);
        memmove(last, other, FIRN_DIGEST_SIZE);
        memcpy(other, kept, FIRN_DIGEST_SIZE);
    }
}

/** Every content once, in the order in which it was put: writes pass the page cache. */
static firn_status warm(firn_view *view, const uint8_t *digests, uint64_t contents, firn_error *err)
{
    firn_buf buf = {0};
    firn_status status = FIRN_OK;

    for (uint64_t i = 0; i < contents && status == FIRN_OK; i++)
        status = firn_content_get(view, digests + i * FIRN_DIGEST_SIZE, NULL, &buf, err);
    firn_buf_free(&buf);
    return status;
}

firn_status bench_get_digest(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    bench_case filling = *setting;
    bench_round *filled = calloc(1, sizeof *filled);
    uint8_t *digests = NULL;
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    uint64_t contents;
    firn_status status;

    filling.batch = setting->records < FILL_BATCH ? (uint32_t)setting->records : FILL_BATCH;
    filling.outstanding = FILL_OUTSTANDING;
    filling.count = (setting->records + filling.batch - 1) / filling.batch;
    filling.burst = false;
    contents = filling.count * filling.batch;
    digests = calloc(contents, FIRN_DIGEST_SIZE);
    if (filled == NULL || digests == NULL) {
        status = tool_fail(err, FIRN_ENOMEM, "out of memory");
        goto out;
    }
    status = put_all(&filling, folder, digests, filled, err);
    if (status == FIRN_OK && setting->work == BENCH_GET_MEMORY)
        bench_ledger_remove_index(folder);
    if (status == FIRN_OK)
        status = bench_ledger_open_read(setting, folder, &ledger, err);
    if (status == FIRN_OK)
        status = bench_round_start(ledger, round, err);
    if (status == FIRN_OK)
        status = firn_view_open(ledger, &view, err);
    if (status == FIRN_OK)
        status = warm(view, digests, contents, err);
    shuffle(setting, digests, contents);
    if (status == FIRN_OK)
        status = get_until_end(setting, view, digests, contents, round, err);
out:
    firn_view_close(view);
    firn_close(ledger, NULL);
    free(digests);
    free(filled);
    return status;
}
