/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c — firn replay: build the index anew from the log, to compare it with the one in use or to replace it. */
#include "tools/commands.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/text.h"

#include <inttypes.h>
#include <stdio.h>

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

static firn_status close_and(firn_ledger *ledger, firn_status status, firn_error *err)
{
    firn_error late;
    firn_status closed = firn_close(ledger, &late);

    if (status == FIRN_OK && closed < 0) {
        *err = late;
        return closed;
    }
    return status;
}

/* *built: how it went; *index: what there is then. */
static firn_status rebuild(const tool_call *call, firn_stats *built, firn_stats *index, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_options options;
    firn_status status = tool_open_options(call, FIRN_OPEN_WRITE, &options, err);

    if (status < 0)
        return status;
    options.index_anew = 1;
    status = tool_open_with(call, &options, &ledger, err);
    if (status < 0)
        return status;
    status = firn_stat(ledger, built, err);
    /* Closing brings the rest of the rows to disk. */
    status = close_and(ledger, status, err);
    if (status == FIRN_OK)
        status = tool_open_read(call, &ledger, err);
    if (status < 0)
        return status;
    status = firn_stat(ledger, index, err);
    return close_and(ledger, status, err);
}

static void print_rebuilt(const tool_call *call, const firn_stats *built, const firn_stats *index)
{
    char records[TOOL_AMOUNT_TEXT_SIZE];
    char rate[TOOL_AMOUNT_TEXT_SIZE];
    char duration[TOOL_AMOUNT_TEXT_SIZE];
    char size[TOOL_AMOUNT_TEXT_SIZE];
    tool_json *json;

    if (call->json) {
        json = tool_json_new(stdout, false);
        tool_json_map(json);
        tool_json_number_of(json, "records", built->replayed_records);
        tool_json_number_of(json, "duration_ns", built->replay_ns);
        tool_json_number_of(json, "last_seq", index->merged_seq);
        tool_json_number_of(json, "rows", index->index_file_rows);
        tool_json_number_of(json, "index_file_size", index->index_file_size);
        tool_json_text_of(json, "index_note", index->index_note);
        tool_json_map_end(json);
        tool_json_write(json);
        tool_json_free(json);
        return;
    }
    tool_count_text(built->replayed_records, records);
    tool_duration_text(built->replay_ns, duration);
    tool_size_text(index->index_file_size, size);
    printf("rebuilt: the index is made of what the log says\n  %-12s%s in %s", "records", records, duration);
    if (built->replay_ns > 0) {
        tool_count_text((uint64_t)((double)built->replayed_records * 1e9 / (double)built->replay_ns), rate);
        printf(": %s records/s", rate);
    }
    printf("\n  %-12s%" PRIu64 " rows up to seq %" PRIu64 ", %s\n", "on disk", index->index_file_rows,
           index->merged_seq, size);
    if (index->index_note[0] != '\0')
        printf("  %-12s%s\n", "note", index->index_note);
}

static int rebuild_and_tell(const tool_call *call)
{
    firn_stats built = {.struct_size = sizeof built};
    firn_stats index = {.struct_size = sizeof index};
    firn_error err;

    if (rebuild(call, &built, &index, &err) < 0)
        return tool_error_report(&err, call->json);
    print_rebuilt(call, &built, &index);
    return TOOL_EXIT_OK;
}

int tool_cmd_replay(tool_call *call)
{
    firn_report report = {.struct_size = sizeof report};
    firn_error err;
    firn_status status;

    if (tool_option_given(call, "rebuild"))
        return rebuild_and_tell(call);
    status = replay(call, &report, &err);

    if (status < 0) {
        int code = tool_error_report(&err, call->json);

        /* Where only the index is not what it should be, the comparison failed, and the ledger is whole. */
        return err.detail == FIRN_DETAIL_INDEX ? TOOL_EXIT_NO : code;
    }
    tool_report_print(call, &report, "replayed: the index built anew equals the one in use", true);
    return TOOL_EXIT_OK;
}
