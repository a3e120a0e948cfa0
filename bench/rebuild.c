/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild.c — how fast the index on disk is built again from the log, and in how much memory.
 *
 * A ledger is filled and closed, and its log read once, so that what the page cache can hold is there. Then the index
 * is deleted and the ledger opened for writing and closed: closing brings the last rows to disk.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/ledger.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    MIXED_BATCH = 1000,
    MIXED_RUNS = 64,
    MIXED_EVENTS = 20 /* Of one run, one behind the other. */
};

/** The most memory that this process had since bench_memory_forget(), in bytes; 0: unknown. */
static uint64_t memory_peak(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t kib = 0;

    while (file != NULL && kib == 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %" SCNu64, &kib) != 1)
            kib = 0;
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

static void memory_forget(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");

    if (file != NULL) {
        fputs("5", file);
        fclose(file);
    }
}

/** A payload that is a JSON object and like no other. */
static firn_slice payload(const bench_case *setting, const char *pool, bench_random *random, char *out, bool json)
{
    firn_slice bytes = bench_pool_payload(pool, setting, random);
    size_t size = setting->size < 32 ? 32 : setting->size;

    if (json) {
        memset(out, ' ', size);
        memcpy(out, "{\"line\":1", 9);
        out[size - 1] = '}';
    } else {
        memset(out, '.', size);
        memcpy(out, bytes.data, bytes.size);
        snprintf(out, 21, "%020" PRIu64, bench_random_next(random));
    }
    return (firn_slice){out, size};
}

/** One batch: half events of runs, in turns of MIXED_EVENTS, half content with digests all over. */
static firn_status mixed_batch(const bench_case *setting, firn_batch *batch, const char *pool, bench_random *random,
                               char *bytes, firn_error *err)
{
    firn_run_event events[MIXED_EVENTS];
    firn_run_appended appended[MIXED_BATCH];
    firn_status status = FIRN_OK;
    char run[16];

    firn_batch_reset(batch);
    for (unsigned i = 0; i < MIXED_BATCH / 2 && status == FIRN_OK; i++)
        status = firn_batch_content_put(batch, payload(setting, pool, random, bytes, false), NULL, NULL, err);
    for (unsigned i = 0; i < MIXED_BATCH / 2 / MIXED_EVENTS && status == FIRN_OK; i++) {
        snprintf(run, sizeof run, "run-%u", (unsigned)(bench_random_next(random) % MIXED_RUNS));
        for (unsigned k = 0; k < MIXED_EVENTS; k++)
            events[k] = (firn_run_event){.auto_seq = 1,
                                         .kind = {"log", 3},
                                         .payload = payload(setting, pool, random, bytes, true)};
        status = firn_batch_run_append(batch, (firn_slice){run, strlen(run)}, events, MIXED_EVENTS, NULL, &appended[i],
                                       err);
    }
    return status == FIRN_OK ? firn_batch_commit(batch, NULL, err) : status;
}

static firn_status make_runs(firn_ledger *ledger, firn_error *err)
{
    const uint8_t spec[FIRN_DIGEST_SIZE] = {1};
    firn_status status = FIRN_OK;
    char run[16];

    for (unsigned i = 0; i < MIXED_RUNS && status == FIRN_OK; i++) {
        firn_run_args args = {
            .struct_size = sizeof args, .run_id = {run, 0}, .spec_digest = spec, .agent_name = {"bench", 5}};

        args.run_id.size = (size_t)snprintf(run, sizeof run, "run-%u", i);
        status = firn_run_create(ledger, &args, NULL, err);
    }
    return status;
}

static firn_status fill_mixed(const bench_case *setting, const char *folder, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_batch *batch = NULL;
    char *pool = bench_pool_new(setting);
    char *bytes = malloc((size_t)setting->size + 64);
    bench_random random;
    firn_status status, closed;

    bench_random_start(&random, setting->seed);
    status = pool == NULL || bytes == NULL ? tool_fail(err, FIRN_ENOMEM, "out of memory")
                                           : bench_ledger_open(setting, folder, FIRN_PROGRESS_AUTO, &ledger, err);
    if (status == FIRN_OK)
        status = make_runs(ledger, err);
    if (status == FIRN_OK)
        status = firn_batch_new(ledger, &batch, err);
    for (uint64_t i = 0; status == FIRN_OK && i < setting->records; i += MIXED_BATCH)
        status = mixed_batch(setting, batch, pool, &random, bytes, err);
    firn_batch_free(batch);
    closed = firn_close(ledger, status < 0 ? NULL : err);
    free(bytes);
    free(pool);
    return status < 0 ? status : closed;
}

static firn_status rebuild_once(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    char index[PATH_MAX + 16];
    firn_ledger *ledger = NULL;
    uint64_t start_ns, cpu_ns;
    firn_status status;

    snprintf(index, sizeof index, "%s/ledger/index", folder);
    bench_folder_remove(index);
    memory_forget();
    start_ns = tool_now_ns();
    cpu_ns = bench_cpu_ns();
    status = bench_ledger_reopen(setting, folder, FIRN_OPEN_WRITE, &ledger, err);
    if (status < 0)
        return status;
    round->open_write_ns = tool_now_ns() - start_ns;
    status = bench_round_start(ledger, round, err);
    if (status < 0) {
        firn_close(ledger, NULL);
        return status;
    }
    status = firn_close(ledger, err);
    round->duration_ns += tool_now_ns() - start_ns;
    round->cpu_ns += bench_cpu_ns() - cpu_ns;
    round->records += round->stats.replayed_records;
    round->payload_bytes += round->stats.replayed_records * setting->size;
    round->memory_peak = memory_peak();
    round->operations++;
    return status;
}

firn_status bench_rebuild(const bench_case *setting, const char *folder, bench_round *round, firn_error *err)
{
    uint64_t count_max = setting->count > 0 ? setting->count : UINT64_MAX;
    firn_status status =
        setting->work == BENCH_REBUILD_MIXED ? fill_mixed(setting, folder, err) : bench_fill(setting, folder, err);

    if (status == FIRN_OK)
        status = bench_warm(setting, folder, err);
    while (status == FIRN_OK &&
           (round->operations == 0 ||
            (round->operations < count_max && (setting->count > 0 || round->duration_ns < setting->duration_ns))))
        status = rebuild_once(setting, folder, round, err);
    return status;
}
