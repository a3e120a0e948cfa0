/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c — firn verify: read every byte that carries meaning, and tell what is wrong with it. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/report.h"

/** What a finding's callback needs. */
typedef struct verify_run {
    const tool_call *call;
    tool_progress progress;
} verify_run;

/** A firn_finding_fn: findings are the result, so they go to standard output. */
static void print_finding(void *arg, const firn_error *finding)
{
    verify_run *run = arg;
    tool_json *json;

    tool_progress_stop(&run->progress);
    if (!run->call->json) {
        printf("finding: %s\n", finding->text);
        return;
    }
    json = tool_json_new(stdout, false);
    tool_json_map(json);
    tool_json_key(json, "finding");
    tool_json_map(json);
    tool_json_text_of(json, "status", firn_status_name(finding->status));
    tool_json_text_of(json, "message", finding->text);
    tool_json_number_of(json, "detail", finding->detail);
    tool_json_number_of(json, "segment", finding->segment);
    tool_json_number_of(json, "offset", finding->offset);
    tool_json_number_of(json, "seq", finding->seq);
    tool_json_map_end(json);
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

int tool_cmd_verify(tool_call *call)
{
    verify_run run = {.call = call};
    firn_report report = {.struct_size = sizeof report};
    firn_verify_options options = {
        .struct_size = sizeof options,
        .finding = print_finding,
        .finding_arg = &run,
        .progress = tool_progress_step,
        .progress_arg = &run.progress,
    };
    firn_error err;
    firn_status status;
    char verdict[64];

    tool_progress_start(&run.progress, "verify", call->json);
    status = firn_verify(call->ledger, &options, &report, &err);
    tool_progress_stop(&run.progress);
    if (status < 0 && (status != FIRN_ECORRUPT || report.findings == 0))
        return tool_error_report(&err, call->json);
    snprintf(verdict, sizeof verdict, "verified: %" PRIu64 " finding%s", report.findings,
             report.findings == 1 ? "" : "s");
    tool_report_print(call, &report, verdict, report.findings == 0);
    return report.findings == 0 ? TOOL_EXIT_OK : TOOL_EXIT_NO;
}
