/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify.c — firn verify: read every byte that carries meaning, and tell what is wrong with it. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/report.h"

int tool_cmd_verify(tool_call *call)
{
    tool_findings run = {.call = call};
    firn_report report = {.struct_size = sizeof report};
    firn_verify_options options = {
        .struct_size = sizeof options,
        .finding = tool_report_finding,
        .finding_arg = &run,
        .progress = tool_progress_step,
        .progress_arg = &run.progress,
        .note = tool_report_note,
        .note_arg = &run,
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
