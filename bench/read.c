/* SPDX-License-Identifier: Apache-2.0 */
/* read.c — scan, get and replay of a ledger that was filled before the clock starts. */
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/ledger.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    FILL_BATCH = 1000,
    FILL_OUTSTANDING = 64
};

firn_status bench_fill(const bench_case *setting, const char *folder, firn_error *err)
{
    bench_case filling = *setting;
    bench_round *round = NULL;
    firn_status status;

    filling.batch = setting->records < FILL_BATCH ? (uint32_t)setting->records : FILL_BATCH;
    filling.outstanding = FILL_OUTSTANDING;
    filling.count = (setting->records + filling.batch - 1) / filling.batch;
    filling.burst = false;
    round = calloc(1, sizeof *round);
    if (round == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    status = bench_append_async(&filling, folder, round, err);
    free(round);
    return status;
}

/** One pass over all records. */
static firn_status scan_once(firn_ledger *ledger, bench_round *round, firn_error *err)
{
    firn_scan *scan = NULL;
    firn_record record;
    firn_status status = firn_scan_open(ledger, NULL, &scan, err);

    if (status < 0)
        return status;
    while ((status = firn_scan_next(scan, &record, err)) == FIRN_OK) {
        round->records++;
        round->payload_bytes += record.payload.size;
    }
    firn_scan_close(scan);
    round->operations++;
    return status < 0 ? status : FIRN_OK;
}

firn_status bench_warm(const bench_case *setting, const char *folder, firn_error *err)
{
    bench_round *round = calloc(1, sizeof *round);
    firn_ledger *ledger = NULL;
    firn_status status, closed;

    if (round == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    status = bench_ledger_open_read(setting, folder, &ledger, err);
    if (status == FIRN_OK)
        status = scan_once(ledger, round, err);
    closed = firn_close(ledger, status < 0 ? NULL : err);
    free(round);
    return status < 0 ? status : closed;
}

static firn_status replay_once(firn_ledger *ledger, bench_round *round, firn_error *err)
{
    firn_report report = {.struct_size = sizeof report};
    firn_status status = firn_replay(ledger, NULL, &report, err);

    round->records += report.records;
    round->payload_bytes += report.bytes;
    round->operations++;
    return status;
}

/** Whole passes, at least one, until the time or the count is over; what lies between them is off the clock. */
static firn_status run_passes(const bench_case *setting, const char *folder, firn_ledger *ledger, bench_round *round,
                              firn_error *err)
{
    uint64_t count_max = setting->count > 0 ? setting->count : UINT64_MAX;

    while (round->operations == 0 ||
           (round->operations < count_max && (setting->count > 0 || round->duration_ns < setting->duration_ns))) {
        uint64_t start_ns;
        uint64_t cpu_ns;
        firn_status status;

        if (setting->work == BENCH_SCAN_COLD)
            bench_folder_forget(folder);
        start_ns = tool_now_ns();
        cpu_ns = bench_cpu_ns();
        status = setting->work == BENCH_REPLAY ? replay_once(ledger, round, err) : scan_once(ledger, round, err);
        if (status < 0)
            return status;
        round->duration_ns += tool_now_ns() - start_ns;
        round->cpu_ns += bench_cpu_ns() - cpu_ns;
    }
    return FIRN_OK;
}

static firn_status run_gets(const bench_case *setting, firn_ledger *ledger, bench_round *round, firn_error *err)
{
    uint64_t count_max = setting->count > 0 ? setting->count : UINT64_MAX;
    uint64_t start_ns = tool_now_ns();
    uint64_t cpu_ns = bench_cpu_ns();
    uint64_t now_ns = start_ns;
    firn_buf buf = {0};
    bench_random random;

    bench_random_start(&random, setting->seed);
    while (round->operations < count_max && (setting->count > 0 || now_ns - start_ns < setting->duration_ns)) {
        uint64_t seq = 1 + bench_random_next(&random) % round->stats.durable_seq;
        uint64_t before_ns = now_ns;
        firn_record record;
        firn_status status = firn_get(ledger, seq, &buf, &record, err);

        if (status < 0) {
            firn_buf_free(&buf);
            return status;
        }
        now_ns = tool_now_ns();
        bench_histogram_add(&round->latency, now_ns - before_ns);
        round->operations++;
        round->payload_bytes += record.payload.size;
    }
    firn_buf_free(&buf);
    round->records = round->operations;
    round->duration_ns = now_ns - start_ns;
    round->cpu_ns = bench_cpu_ns() - cpu_ns;
    return FIRN_OK;
}

firn_status bench_read(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    firn_ledger *ledger = NULL;
    bench_round *warming = calloc(1, sizeof *warming);
    firn_status status;

    if (warming == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    status = bench_fill(setting, folder, err);
    if (status == FIRN_OK)
        status = bench_ledger_open_read(setting, folder, &ledger, err);
    if (status < 0)
        goto out;
    status = bench_round_start(ledger, round, err);
    /* Writes pass the page cache: the first pass would measure the disk. */
    if (status == FIRN_OK && setting->work != BENCH_SCAN_COLD)
        status = scan_once(ledger, warming, err);
    if (status < 0)
        goto out;
    if (setting->work == BENCH_GET)
        status = run_gets(setting, ledger, round, err);
    else
        status = run_passes(setting, folder, ledger, round, err);
out:
    firn_close(ledger, NULL);
    free(warming);
    return status;
}
