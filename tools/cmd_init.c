/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_init.c — firn init: make a ledger. */
#include <stdio.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/text.h"

static void print_result(const tool_call *call, const firn_stats *stats)
{
    char size[TOOL_AMOUNT_TEXT_SIZE];
    tool_json *json;

    if (!call->json) {
        tool_size_text(stats->segment_size, size);
        printf("made a ledger in %s\nid ", call->ledger);
        for (size_t i = 0; i < FIRN_LEDGER_ID_SIZE; i++)
            printf("%02x", stats->ledger_id[i]);
        printf(", segments of %s, alignment %u, I/O through %s, durable by %s\n", size, stats->alignment,
               tool_io_path_text(stats->io_path), tool_durable_method_text(stats->durable_method));
        if (stats->io_note[0] != '\0')
            printf("note: %s\n", stats->io_note);
        return;
    }
    json = tool_json_new(stdout, false);
    tool_json_map(json);
    tool_json_text_of(json, "ledger", call->ledger);
    tool_json_hex_of(json, "ledger_id", stats->ledger_id, sizeof stats->ledger_id);
    tool_json_number_of(json, "format_version", stats->format_version);
    tool_json_number_of(json, "segment_size", stats->segment_size);
    tool_json_number_of(json, "alignment", stats->alignment);
    tool_json_text_of(json, "io_path", tool_io_path_text(stats->io_path));
    tool_json_text_of(json, "durable_method", tool_durable_method_text(stats->durable_method));
    tool_json_map_end(json);
    tool_json_write(json);
    tool_json_free(json);
}

static firn_status make(const tool_call *call, firn_stats *out_stats, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_options options;
    firn_status status = tool_open_options(call, FIRN_OPEN_NEW, &options, err);

    if (status == FIRN_OK)
        status = tool_option_size(call, "segment-size", 64 * 1024, UINT64_C(4) << 30, &options.segment_size, err);
    if (status == FIRN_OK)
        status = tool_option_duration(call, "key-age", &options.key_age_ns, err);
    if (status == FIRN_OK && tool_option_given(call, "key-age") && options.key_age_ns == 0)
        status = tool_fail(err, FIRN_EINVAL, "--key-age: 0 would keep no key");
    if (status < 0)
        return tool_wrap(err, status, "init");
    status = tool_open_with(call, &options, &ledger, err);
    if (status < 0)
        return status;
    out_stats->struct_size = sizeof *out_stats;
    status = firn_stat(ledger, out_stats, err);
    if (status < 0) {
        firn_close(ledger, NULL);
        return status;
    }
    return firn_close(ledger, err);
}

int tool_cmd_init(tool_call *call)
{
    firn_stats stats;
    firn_error err;

    if (make(call, &stats, &err) < 0)
        return tool_error_report(&err, call->json);
    print_result(call, &stats);
    return TOOL_EXIT_OK;
}
