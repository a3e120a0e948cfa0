/* SPDX-License-Identifier: Apache-2.0 */
/* report.c — print results of the benchmark: a table for people, JSON lines for programs. */
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/open.h"
#include "tools/text.h"

static double floor_rate(const bench_result *result)
{
    return (result->floor_before.rate + result->floor_after.rate) / 2;
}

/** Threads that append and wait. */
static bool waits(const bench_case *setting)
{
    return setting->work == BENCH_APPEND || setting->work == BENCH_RUN_APPEND;
}

/** One thread that keeps appends under way. */
static bool submits(const bench_case *setting)
{
    return setting->work == BENCH_APPEND_ASYNC || setting->work == BENCH_RUN_APPEND_ASYNC || setting->work == BENCH_PUT;
}

static bool appends(const bench_result *result)
{
    return waits(result->setting) || submits(result->setting);
}

void bench_report_head(const bench_case *setting)
{
    struct utsname system;

    uname(&system);
    printf("firn %s on %s %s, %ld cores, in %s; payload %u bytes, seed %" PRIu64 "\n", firn_version(), system.sysname,
           system.release, sysconf(_SC_NPROCESSORS_ONLN), setting->dir, setting->size, setting->seed);
    printf("floor: durable writes of 4 KiB, one at a time, into a pre-written file, before and after each round\n\n");
    printf("%-14s %12s %9s %9s %9s %9s %9s %9s %7s %8s %7s  %s\n", "case", "records/s", "p50", "p90", "p99", "p99.9",
           "max", "CPU/op", "bytes/B", "floor/s", "x floor", "I/O");
}

static void print_latency(const bench_histogram *latency, double share)
{
    char text[TOOL_AMOUNT_TEXT_SIZE] = "-";

    if (latency->total > 0)
        tool_duration_text(bench_histogram_percentile(latency, share), text);
    printf(" %9s", text);
}

void bench_report_row(const bench_result *result)
{
    const bench_round *best = &result->best;
    char rate[TOOL_AMOUNT_TEXT_SIZE];
    char floor[TOOL_AMOUNT_TEXT_SIZE];
    char cpu[TOOL_AMOUNT_TEXT_SIZE] = "-";

    tool_count_text((uint64_t)bench_rate(best), rate);
    tool_count_text((uint64_t)floor_rate(result), floor);
    printf("%-14s %12s", result->setting->name, rate);
    print_latency(&best->latency, 0.5);
    print_latency(&best->latency, 0.9);
    print_latency(&best->latency, 0.99);
    print_latency(&best->latency, 0.999);
    print_latency(&best->latency, 1);
    if (best->operations > 0)
        tool_duration_text(best->cpu_ns / best->operations, cpu);
    printf(" %9s", cpu);
    if (appends(result) && best->payload_bytes > 0)
        printf(" %7.3f %8s %7.2f", (double)best->bytes_written / (double)best->payload_bytes, floor,
               bench_rate(best) / floor_rate(result));
    else
        printf(" %7s %8s %7s", "-", floor, "-");
    printf("  %s, %s%s\n", tool_io_path_text(best->stats.io_path), tool_durable_method_text(best->stats.durable_method),
           result->rounds == 0 ? "; no steady round" : "");
}

static const char *work_text(bench_work work)
{
    static const char *const texts[] = {
        "append",           "append-async", "scan",          "scan-cold",         "get",
        "replay",           "put",          "get-digest",    "get-digest-memory", "run-append",
        "run-append-async", "rebuild",      "rebuild-mixed", "open-after-crash"};

    return texts[work];
}

static void json_setting(tool_json *json, const bench_result *result)
{
    const bench_case *setting = result->setting;
    struct utsname system;

    uname(&system);
    tool_json_text_of(json, "case", setting->name);
    tool_json_text_of(json, "work", work_text(setting->work));
    tool_json_text_of(json, "version", firn_version());
    tool_json_text_of(json, "kernel", system.release);
    tool_json_number_of(json, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    tool_json_text_of(json, "dir", setting->dir);
    tool_json_number_of(json, "seed", setting->seed);
    tool_json_number_of(json, "writers", waits(setting) ? setting->writers : 0);
    tool_json_number_of(json, "outstanding", submits(setting) ? setting->outstanding : 0);
    tool_json_number_of(json, "batch", setting->batch);
    tool_json_number_of(json, "size", setting->size);
    tool_json_text_of(json, "load", setting->burst ? "burst" : "sustained");
    tool_json_number_of(json, "segment_size", setting->segment_size);
    tool_json_number_of(json, "spare_segments", setting->spares);
}

static void json_latency(tool_json *json, const bench_histogram *latency)
{
    tool_json_key(json, "latency_ns");
    tool_json_map(json);
    tool_json_number_of(json, "p50", bench_histogram_percentile(latency, 0.5));
    tool_json_number_of(json, "p90", bench_histogram_percentile(latency, 0.9));
    tool_json_number_of(json, "p99", bench_histogram_percentile(latency, 0.99));
    tool_json_number_of(json, "p99_9", bench_histogram_percentile(latency, 0.999));
    tool_json_number_of(json, "max", latency->max);
    tool_json_map_end(json);
}

static void json_floor(tool_json *json, const bench_result *result)
{
    const bench_floor *before = &result->floor_before;
    const bench_floor *after = &result->floor_after;

    tool_json_key(json, "floor");
    tool_json_map(json);
    tool_json_real_of(json, "rate_before", before->rate);
    tool_json_real_of(json, "rate_after", after->rate);
    tool_json_number_of(json, "p50_ns_before", before->p50_ns);
    tool_json_number_of(json, "p50_ns_after", after->p50_ns);
    tool_json_real_of(json, "bandwidth_before", before->bandwidth);
    tool_json_real_of(json, "bandwidth_after", after->bandwidth);
    tool_json_bool_of(json, "direct", before->direct);
    tool_json_map_end(json);
}

void bench_report_json(const bench_result *result)
{
    const bench_round *best = &result->best;
    tool_json *json = tool_json_new(stdout, false);

    tool_json_map(json);
    json_setting(json, result);
    tool_json_real_of(json, "rate", bench_rate(best));
    tool_json_real_of(json, "rate_median", result->rate_median);
    tool_json_number_of(json, "rounds", result->rounds);
    tool_json_number_of(json, "rounds_dropped", result->rounds_dropped);
    tool_json_number_of(json, "operations", best->operations);
    tool_json_number_of(json, "records", best->records);
    tool_json_number_of(json, "duration_ns", best->duration_ns);
    if (best->latency.total > 0)
        json_latency(json, &best->latency);
    if (best->operations > 0)
        tool_json_real_of(json, "cpu_ns_per_operation", (double)best->cpu_ns / (double)best->operations);
    tool_json_number_of(json, "payload_bytes", best->payload_bytes);
    if (appends(result)) {
        tool_json_number_of(json, "bytes_written", best->bytes_written);
        tool_json_number_of(json, "bytes_filled", best->bytes_filled);
        tool_json_real_of(json, "bytes_per_payload_byte", (double)best->bytes_written / (double)best->payload_bytes);
        tool_json_real_of(json, "rate_to_floor", bench_rate(best) / floor_rate(result));
    }
    if (best->open_write_ns > 0) {
        tool_json_number_of(json, "open_write_ns", best->open_write_ns);
        tool_json_number_of(json, "replayed_records", best->stats.replayed_records);
        tool_json_number_of(json, "log_size", best->stats.log_size);
    }
    if (best->open_read_ns > 0)
        tool_json_number_of(json, "open_read_ns", best->open_read_ns);
    if (best->memory_peak > 0)
        tool_json_number_of(json, "memory_peak", best->memory_peak);
    json_floor(json, result);
    tool_json_text_of(json, "io_path", tool_io_path_text(best->stats.io_path));
    tool_json_text_of(json, "durable_method", tool_durable_method_text(best->stats.durable_method));
    tool_json_bool_of(json, "direct", best->stats.direct != 0);
    tool_json_number_of(json, "alignment", best->stats.alignment);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}
