/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c — firn replay: build the index anew from the log and compare it with the one in use. */
#include "tools/commands.h"
#include "tools/error.h"
#include "tools/open.h"
#include "tools/report.h"

static firn_status replay(const tool_call *call, firn_report *report, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_stats stats = {.struct_size = sizeof stats};
    tool_findings run = {.call = call};
    firn_replay_options options = {
        .struct_size = sizeof options,
        .progress = tool_progress_step,
        .progress_arg = &run.progress,
        .finding = tool_report_finding,
        .finding_arg = &run,
    };
    firn_status status = tool_open_read(call, &ledger, err);

    if (status < 0)
        return status;
    tool_progress_start(&run.progress, "replay", call->json);
    status = firn_replay(ledger, &options, report, err);
    tool_progress_stop(&run.progress);
    if (status == FIRN_OK)
        status = firn_stat(ledger, &stats, err);
    if (status == FIRN_OK && stats.damage.status < 0) {
        /* Up to the damage all is equal, yet not all of the ledger was replayed. */
        *err = stats.damage;
        status = stats.damage.status;
    }
    firn_close(ledger, NULL);
    return status;
}

int tool_cmd_replay(tool_call *call)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err;
    firn_status status = replay(call, &report, &err);

    if (status < 0) {
        int code = tool_error_report(&err, call->json);

        /* Where only the index is not what it should be, the comparison failed, and the ledger is whole. */
        return err.detail == FIRN_DETAIL_INDEX ? TOOL_EXIT_NO : code;
    }
    tool_report_print(call, &report, "replayed: the index built anew equals the one in use", true);
    return TOOL_EXIT_OK;
}
