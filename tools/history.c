/* SPDX-License-Identifier: Apache-2.0 */
/* history.c — tell a history, whole or part by part, by its logical digest. */
#include "tools/history.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/error.h"
#include "tools/json.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/progress.h"

/** What is asked for. */
typedef struct history_request {
    uint64_t from;
    uint64_t to;    /**< The last durable record, or before it. */
    uint64_t every; /**< Seqs of a part; 0: one part. */
    bool without_time;
    tool_json *json; /**< NULL: text. */
} history_request;

bool tool_history_asked(const tool_call *call)
{
    return tool_option_given(call, "from") || tool_option_given(call, "to") || tool_option_given(call, "every") ||
           tool_option_given(call, "no-time");
}

static firn_status read_request(const tool_call *call, history_request *request, firn_error *err)
{
    firn_status status = tool_option_number(call, "from", 1, UINT64_MAX, &request->from, err);

    request->without_time = tool_option_given(call, "no-time");
    if (status == FIRN_OK)
        status = tool_option_number(call, "to", 1, UINT64_MAX, &request->to, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "every", 1, UINT64_MAX, &request->every, err);
    if (status == FIRN_OK && call->operands_count > 0)
        status = tool_fail(err, FIRN_EINVAL, "--digest takes no files: it is of a ledger's history");
    return status < 0 ? tool_wrap(err, status, "dump") : FIRN_OK;
}

static void print_part(const history_request *request, const firn_history *history)
{
    char digest[FIRN_DIGEST_TEXT_SIZE];
    tool_json *json = request->json;

    firn_digest_format(history->digest, digest);
    if (json == NULL && history->records == 0) {
        printf("%s  -\n", digest);
    } else if (json == NULL) {
        printf("%s  %" PRIu64 "-%" PRIu64 "\n", digest, history->first_seq, history->last_seq);
    } else {
        tool_json_map(json);
        tool_json_text_of(json, "digest", digest);
        tool_json_number_of(json, "first_seq", history->first_seq);
        tool_json_number_of(json, "last_seq", history->last_seq);
        tool_json_number_of(json, "batches", history->batches);
        tool_json_number_of(json, "records", history->records);
        tool_json_bool_of(json, "time", !request->without_time);
        tool_json_map_end(json);
        tool_json_write(json);
    }
}

static firn_status print_parts(const tool_call *call, const history_request *request, firn_ledger *ledger,
                               firn_error *err)
{
    firn_history_options options = {.struct_size = sizeof options, .without_time = request->without_time};
    uint64_t from = request->from;
    firn_status status = FIRN_OK;
    tool_progress progress;
    bool more = true;

    tool_progress_start(&progress, "digest", call->json);
    if (request->every == 0) {
        options.progress = tool_progress_step;
        options.progress_arg = &progress;
    }
    while (more && status == FIRN_OK && !ferror(stdout)) {
        firn_history history = {.struct_size = sizeof history};

        options.first_seq = from;
        options.last_seq = request->to;
        if (request->every > 0 && from <= request->to && request->to - from >= request->every)
            options.last_seq = from + request->every - 1;
        more = options.last_seq < request->to;
        from = options.last_seq + 1;
        status = firn_history_digest(ledger, &options, &history, err);
        tool_progress_stop(&progress);
        if (status == FIRN_OK)
            print_part(request, &history);
    }
    return status;
}

/** Parts up to what is durable; then damage, if it stands where more was asked for. */
static firn_status print_history(const tool_call *call, history_request *request, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_stats stats = {.struct_size = sizeof stats};
    uint64_t asked = request->to;
    firn_status status = tool_open_read(call, &ledger, err);

    if (status < 0)
        return status;
    status = firn_stat(ledger, &stats, err);
    if (status == FIRN_OK) {
        request->to = asked < stats.durable_seq ? asked : stats.durable_seq;
        /* A last seq of 0 would ask for all of it. */
        if (request->from > request->to)
            request->to = request->from - 1;
        status = print_parts(call, request, ledger, err);
    }
    if (status == FIRN_OK && stats.damage.status < 0 && asked > stats.durable_seq) {
        *err = stats.damage;
        status = stats.damage.status;
    }
    firn_close(ledger, NULL);
    return status;
}

firn_status tool_history_print(const tool_call *call, firn_error *err)
{
    history_request request = {.from = 1, .to = UINT64_MAX};
    firn_status status = read_request(call, &request, err);

    if (status < 0)
        return status;
    if (call->json)
        request.json = tool_json_new(stdout, false);
    status = print_history(call, &request, err);
    tool_json_free(request.json);
    return status;
}
