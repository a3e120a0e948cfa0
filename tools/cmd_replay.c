/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c — firn replay: build the index anew from the log and compare it with the one in use. */
#include "tools/commands.h"
#include "tools/error.h"
#include "tools/open.h"
#include "tools/progress.h"
#include "tools/report.h"

static firn_status replay(const tool_call *call, firn_report *report, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_stats stats = {.struct_size = sizeof stats};
    tool_progress progress;
    firn_replay_options options = {
        .struct_size = sizeof options,
        .progress = tool_progress_step,
        .progress_arg = &progress,
    };
    firn_status status = tool_open_read(call, &ledger, err);

    if (status < 0)
        return status;
    tool_progress_start(&progress, "replay", call->json);
    status = firn_replay(ledger, &options, report, err);
    tool_progress_stop(&progress);
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

    if (status < 0)
        return tool_error_report(&err, call->json);
    tool_report_print(call, &report, "replayed: the index built anew equals the one in use", true);
    return TOOL_EXIT_OK;
}
