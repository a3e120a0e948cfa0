/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rounds.c — run a case in rounds between measurements of the floor, and choose the round that counts.
 *
 * A shared machine is noisy: a round tells nothing when the floor moved by more than a fifth between before
 * and after, or when the median of its latencies sits at one or two scheduler ticks. Such rounds are dropped
 * and counted. When all are, the best one is told all the same, and that none was steady.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/folder.h"
#include "tools/error.h"

enum {
    ROUNDS_MAX = 1000
};
static const double floor_move_max = 0.2;

double bench_rate(const bench_round *round)
{
    return round->duration_ns == 0 ? 0 : (double)round->records * 1e9 / (double)round->duration_ns;
}

static bool near_tick(uint64_t latency_ns)
{
    return (latency_ns > 3900000 && latency_ns < 4100000) || (latency_ns > 7900000 && latency_ns < 8100000);
}

static bool is_steady(const bench_round *round, const bench_floor *before, const bench_floor *after)
{
    double low = fmin(before->rate, after->rate);
    double high = fmax(before->rate, after->rate);

    return high - low <= floor_move_max * high && !near_tick(bench_histogram_percentile(&round->latency, 0.5));
}

static firn_status run_round(const bench_case *setting, bench_round *round, firn_error *err)
{
    char folder[PATH_MAX];
    firn_status status = bench_folder_make(setting->dir, folder, err);

    if (status < 0)
        return status;
    /* What an earlier round left to be written must not be paid for by this one. */
    sync();
    *round = (bench_round){0};
    switch (setting->work) {
    case BENCH_APPEND:
        status = bench_append(setting, folder, round, err);
        break;
    case BENCH_APPEND_ASYNC:
        status = bench_append_async(setting, folder, round, err);
        break;
    case BENCH_SCAN:
    case BENCH_SCAN_COLD:
    case BENCH_GET:
    case BENCH_REPLAY:
        status = bench_read(setting, folder, round, err);
        break;
    case BENCH_REBUILD:
    case BENCH_REBUILD_MIXED:
        status = bench_rebuild(setting, folder, round, err);
        break;
    case BENCH_CRASH:
        status = bench_crash(setting, folder, round, err);
        break;
    }
    bench_folder_remove(folder);
    return status;
}

static int compare_rates(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

firn_status bench_run(const bench_case *setting, bench_result *result, firn_error *err)
{
    double rates[ROUNDS_MAX];
    bench_round *round = malloc(sizeof *round);
    bench_floor before = {0};
    firn_status status;

    if (round == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    *result = (bench_result){.setting = setting};
    status = bench_floor_measure(setting->dir, setting->duration_ns, &before, err);
    for (uint32_t i = 0; status == FIRN_OK && i < setting->rounds && i < ROUNDS_MAX; i++) {
        bench_floor after = {0};
        bool steady;

        status = run_round(setting, round, err);
        if (status == FIRN_OK)
            status = bench_floor_measure(setting->dir, setting->duration_ns, &after, err);
        if (status < 0)
            break;
        steady = is_steady(round, &before, &after);
        /* The first steady round takes the place of any unsteady one. */
        if ((steady && result->rounds == 0) ||
            (steady == (result->rounds > 0) && bench_rate(round) > bench_rate(&result->best))) {
            result->best = *round;
            result->floor_before = before;
            result->floor_after = after;
        }
        if (steady)
            rates[result->rounds++] = bench_rate(round);
        else
            result->rounds_dropped++;
        before = after;
    }
    free(round);
    if (status < 0)
        return tool_wrap(err, status, "%s", setting->name);
    qsort(rates, result->rounds, sizeof rates[0], compare_rates);
    result->rate_median = result->rounds > 0 ? rates[result->rounds / 2] : bench_rate(&result->best);
    return FIRN_OK;
}
