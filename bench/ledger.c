/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c — what all works share: a ledger to measure, payloads, random numbers, the process's CPU time. */
#include "bench/ledger.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "tools/error.h"
#include "tools/progress.h"

static firn_status open_in(const bench_case *setting, const char *folder, firn_open_mode mode, firn_progress progress,
                           firn_ledger **out_ledger, firn_error *err)
{
    char url[PATH_MAX + 16];
    firn_options options = {
        .struct_size = sizeof options,
        .mode = mode,
        .io_path = setting->io_path,
        .durable_method = setting->durable_method,
        .progress = progress,
        .segment_size = setting->segment_size,
        .spare_segments = setting->spares,
    };

    snprintf(url, sizeof url, "dir:%s/ledger", folder);
    return firn_open(url, &options, out_ledger, err);
}

/** Making the spares belongs to no case: waits for them, but not for ever. */
static firn_status wait_for_spares(const bench_case *setting, firn_ledger *ledger, firn_error *err)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    uint64_t start_ns = tool_now_ns();

    while (tool_now_ns() - start_ns < UINT64_C(30000000000)) {
        firn_stats stats = {.struct_size = sizeof stats};
        firn_status status = firn_stat(ledger, &stats, err);

        if (status < 0)
            return status;
        if (stats.segments_spare >= setting->spares)
            break;
        nanosleep(&pause, NULL);
    }
    return FIRN_OK;
}

firn_status bench_ledger_open(const bench_case *setting, const char *folder, firn_progress progress,
                              firn_ledger **out_ledger, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_status status = open_in(setting, folder, FIRN_OPEN_NEW, progress, &ledger, err);

    if (status < 0)
        return status;
    status = wait_for_spares(setting, ledger, err);
    if (status < 0) {
        firn_close(ledger, NULL);
        return status;
    }
    *out_ledger = ledger;
    return FIRN_OK;
}

firn_status bench_ledger_open_read(const bench_case *setting, const char *folder, firn_ledger **out_ledger,
                                   firn_error *err)
{
    return open_in(setting, folder, FIRN_OPEN_READ, FIRN_PROGRESS_AUTO, out_ledger, err);
}

firn_status bench_ledger_reopen(const bench_case *setting, const char *folder, firn_open_mode mode,
                                firn_ledger **out_ledger, firn_error *err)
{
    return open_in(setting, folder, mode, FIRN_PROGRESS_AUTO, out_ledger, err);
}

uint64_t bench_count_max(const bench_case *setting)
{
    /* Headers of records and batches take less than a quarter of any payload that is worth measuring. */
    uint64_t operation_bytes = ((uint64_t)setting->size + setting->size / 4 + 64) * setting->batch;
    uint64_t count = setting->count > 0 ? setting->count : UINT64_MAX;
    uint64_t fits = setting->segment_size * setting->spares / operation_bytes;

    return setting->burst && fits < count ? fits : count;
}

void bench_random_start(bench_random *random, uint64_t seed)
{
    /* Spreads small seeds over all bits; zero would stay zero. */
    random->state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

uint64_t bench_random_next(bench_random *random)
{
    uint64_t state = random->state;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    random->state = state;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

char *bench_pool_new(const bench_case *setting)
{
    size_t size = BENCH_POOL_SIZE + (size_t)setting->size;
    char *pool = malloc(size);
    bench_random random;

    if (pool == NULL)
        return NULL;
    bench_random_start(&random, setting->seed);
    for (size_t i = 0; i < size; i++)
        pool[i] = (char)('!' + bench_random_next(&random) % 94);
    return pool;
}

firn_slice bench_pool_payload(const char *pool, const bench_case *setting, bench_random *random)
{
    return (firn_slice){pool + bench_random_next(random) % BENCH_POOL_SIZE, setting->size};
}

uint64_t bench_cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

firn_status bench_round_start(firn_ledger *ledger, bench_round *round, firn_error *err)
{
    round->stats.struct_size = sizeof round->stats;
    return firn_stat(ledger, &round->stats, err);
}

firn_status bench_round_end(firn_ledger *ledger, const bench_case *setting, bench_round *round, firn_error *err)
{
    uint64_t written_before = round->stats.bytes_written;
    uint64_t filled_before = round->stats.bytes_filled;
    firn_status status = firn_stat(ledger, &round->stats, err);

    if (status < 0)
        return status;
    round->bytes_written = round->stats.bytes_written - written_before;
    round->bytes_filled = round->stats.bytes_filled - filled_before;
    round->payload_bytes = round->records * setting->size;
    return FIRN_OK;
}
