/* SPDX-License-Identifier: Apache-2.0 */
/* open.c — open the ledger that a command works on. */
#include "tools/open.h"

#include <stdio.h>
#include <string.h>

#include "tools/error.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/values.h"

const char *tool_io_path_text(firn_io_path path)
{
    switch (path) {
    case FIRN_IO_URING:
        return "uring";
    case FIRN_IO_PORTABLE:
        return "portable";
    case FIRN_IO_AUTO:
        break;
    }
    return "memory";
}

const char *tool_durable_method_text(firn_durable_method method)
{
    switch (method) {
    case FIRN_DURABLE_DIRECT_DSYNC:
        return "direct-dsync";
    case FIRN_DURABLE_DIRECT_SYNC:
        return "direct-sync";
    case FIRN_DURABLE_BUFFERED_SYNC:
        return "buffered-sync";
    case FIRN_DURABLE_AUTO:
        break;
    }
    return "none";
}

static void trace_line(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "firn: %s\n", line);
}

static bool has_option(const tool_call *call, const char *name)
{
    for (const tool_option *option = call->command->options; option->name != NULL; option++)
        if (strcmp(option->name, name) == 0)
            return true;
    return false;
}

firn_status tool_open_options(const tool_call *call, firn_open_mode mode, firn_options *out_options, firn_error *err)
{
    /* The choices of both options stand in the order of the enums. */
    unsigned io_path = FIRN_IO_AUTO;
    unsigned durable_method = FIRN_DURABLE_AUTO;
    uint64_t index_map_size = 0;
    firn_status status = FIRN_OK;

    if (call->index_map_size != NULL &&
        (!tool_parse_size(call->index_map_size, &index_map_size) || index_map_size == 0))
        return tool_fail(err, FIRN_EINVAL, "--index-map-size: '%s' is not a size (64M, 16G)", call->index_map_size);
    if (has_option(call, "io-path"))
        status = tool_option_choice(call, "io-path", &io_path, err);
    if (status == FIRN_OK && has_option(call, "durable-method"))
        status = tool_option_choice(call, "durable-method", &durable_method, err);
    if (status < 0)
        return status;
    *out_options = (firn_options){
        .struct_size = sizeof *out_options,
        .mode = mode,
        .io_path = (firn_io_path)io_path,
        .durable_method = (firn_durable_method)durable_method,
        .trace = call->verbose ? trace_line : NULL,
        .index_map_size = index_map_size,
    };
    return FIRN_OK;
}

firn_status tool_open_with(const tool_call *call, firn_options *options, firn_ledger **out_ledger, firn_error *err)
{
    tool_progress progress;
    firn_status status;

    tool_progress_start(&progress, "open", call->json);
    options->replay_progress = tool_progress_step;
    options->replay_progress_arg = &progress;
    status = firn_open(call->ledger, options, out_ledger, err);
    tool_progress_stop(&progress);
    return status;
}

firn_status tool_open_read(const tool_call *call, firn_ledger **out_ledger, firn_error *err)
{
    firn_options options;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_status status = tool_open_options(call, FIRN_OPEN_READ, &options, err);

    if (status < 0)
        return status;
    /* Whoever reads what is printed may be slow; there is no writer in this process that a view could burden. */
    options.view_age_max_ns = UINT64_MAX;
    status = tool_open_with(call, &options, out_ledger, err);
    if (status == FIRN_OK && call->damage != NULL) {
        status = firn_stat(*out_ledger, &stats, err);
        *call->damage = stats.damage;
    }
    return status;
}
