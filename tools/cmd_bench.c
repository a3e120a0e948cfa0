/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench.c — firn bench: choose cases, run them, print them. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/report.h"
#include "tools/commands.h"
#include "tools/error.h"
#include "tools/options.h"
#include "tools/output.h"

static firn_status option_u32(const tool_call *call, const char *name, uint64_t min, uint64_t max, uint32_t *out_value,
                              firn_error *err)
{
    uint64_t value = *out_value;
    firn_status status = tool_option_number(call, name, min, max, &value, err);

    *out_value = (uint32_t)value;
    return status;
}

/** The parameters that are not a named case's own. */
static firn_status read_request(const tool_call *call, bench_case *request, firn_error *err)
{
    unsigned io_path = FIRN_IO_AUTO;
    unsigned durable_method = FIRN_DURABLE_AUTO;
    uint64_t size = 256;
    firn_status status;

    *request = (bench_case){
        .writers = 1,
        .batch = 1,
        .records = 1000000,
        .duration_ns = 1000000000,
        .segment_size = 64 * 1024 * 1024,
        .spares = 2,
        .seed = 1,
        .rounds = 1,
        .dir = tool_option_given(call, "dir") ? tool_option_text(call, "dir") : ".",
    };
    status = tool_option_duration(call, "seconds", &request->duration_ns, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "count", 1, UINT32_MAX, &request->count, err);
    if (status == FIRN_OK)
        status = option_u32(call, "rounds", 1, 1000, &request->rounds, err);
    if (status == FIRN_OK)
        status = option_u32(call, "writers", 1, 4096, &request->writers, err);
    if (status == FIRN_OK)
        status = option_u32(call, "outstanding", 0, 65536, &request->outstanding, err);
    if (status == FIRN_OK)
        status = option_u32(call, "batch", 1, FIRN_BATCH_RECORDS_MAX, &request->batch, err);
    if (status == FIRN_OK)
        status = tool_option_size(call, "size", 0, FIRN_EVENT_SIZE_MAX, &size, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "records", 1, UINT32_MAX, &request->records, err);
    if (status == FIRN_OK)
        status = tool_option_size(call, "segment-size", 64 * 1024, UINT64_C(4) << 30, &request->segment_size, err);
    if (status == FIRN_OK)
        status = option_u32(call, "spares", 1, 64, &request->spares, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "seed", 0, UINT64_MAX, &request->seed, err);
    if (status == FIRN_OK)
        status = tool_option_choice(call, "io-path", &io_path, err);
    if (status == FIRN_OK)
        status = tool_option_choice(call, "durable-method", &durable_method, err);
    request->records_given = tool_option_given(call, "records");
    request->size = (uint32_t)size;
    request->io_path = (firn_io_path)io_path;
    request->durable_method = (firn_durable_method)durable_method;
    return status;
}

/** The request with what a named case fixes. */
static bench_case case_of(const bench_case *request, const bench_named *named)
{
    bench_case setting = *request;

    snprintf(setting.name, sizeof setting.name, "%s", named->name);
    setting.work = named->work;
    if (named->unnamed) {
        if (named->work == BENCH_APPEND && request->outstanding > 0)
            setting.work = BENCH_APPEND_ASYNC;
        return setting;
    }
    setting.writers = named->writers;
    setting.outstanding = named->outstanding;
    setting.batch = named->batch;
    setting.burst = named->burst;
    if (named->records > 0 && !request->records_given)
        setting.records = named->records;
    if (named->spares > 0)
        setting.spares = named->spares;
    if (named->count > 0)
        setting.count = named->count;
    return setting;
}

static firn_status check_words(const tool_call *call, firn_error *err)
{
    for (int i = 0; i < call->operands_count; i++) {
        const bench_named *named = bench_cases;

        while (named->name != NULL && !bench_named_matches(named, call->operands[i]))
            named++;
        if (named->name == NULL)
            return tool_fail(err, FIRN_EINVAL, "'%s' is not a case", call->operands[i]);
    }
    return FIRN_OK;
}

static bool is_wanted(const tool_call *call, const bench_named *named)
{
    for (int i = 0; i < call->operands_count; i++)
        if (bench_named_matches(named, call->operands[i]))
            return true;
    return call->operands_count == 0 && !named->unnamed;
}

static firn_status run_cases(const tool_call *call, const bench_case *request, firn_error *err)
{
    bench_result *result = malloc(sizeof *result);
    firn_status status = FIRN_OK;

    if (result == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    if (!call->json)
        bench_report_head(request);
    for (const bench_named *named = bench_cases; named->name != NULL && tool_output_flush(); named++) {
        bench_case setting = case_of(request, named);

        if (!is_wanted(call, named))
            continue;
        status = bench_run(&setting, result, err);
        if (status < 0)
            break;
        if (call->json)
            bench_report_json(result);
        else
            bench_report_row(result);
    }
    free(result);
    return status;
}

int tool_cmd_bench(tool_call *call)
{
    bench_case request;
    firn_error err;
    firn_status status = read_request(call, &request, &err);

    if (status == FIRN_OK)
        status = check_words(call, &err);
    if (status == FIRN_OK)
        status = run_cases(call, &request, &err);
    if (status < 0) {
        tool_wrap(&err, status, "bench");
        tool_output_flush();
        return tool_error_report(&err, call->json);
    }
    return TOOL_EXIT_OK;
}
