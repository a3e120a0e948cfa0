/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_log.c — firn log: print durable records in order, and with --follow those that come later. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/json.h"
#include "tools/names.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/text.h"

/** The words of --format, in the order of its choices. */
typedef enum log_format {
    LOG_TEXT,
    LOG_PAYLOAD,
    LOG_HEX,
    LOG_SEQ
} log_format;

/** One run: what was asked for, and how far it is. */
typedef struct log_run {
    const tool_call *call;
    uint64_t from;
    uint64_t to;        /**< 0: no end. */
    uint64_t last;      /**< 0: all. */
    uint64_t kind;      /**< 0: all. */
    const char *stream; /**< NULL: all. */
    bool follow;
    unsigned format;
    tool_json *json; /**< NULL: no JSON. */
    tool_names names;
    uint64_t version_min; /**< Of the stream asked for, from --last. */
} log_run;

static firn_status read_request(log_run *run, firn_error *err)
{
    const tool_call *call = run->call;
    firn_status status;

    run->stream = tool_option_text(call, "stream");
    run->follow = tool_option_given(call, "follow");
    status = tool_option_number(call, "from", 0, UINT64_MAX, &run->from, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "to", 1, UINT64_MAX, &run->to, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "last", 1, UINT64_MAX, &run->last, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "kind", 1, UINT16_MAX, &run->kind, err);
    if (status == FIRN_OK)
        status = tool_option_choice(call, "format", &run->format, err);
    return status < 0 ? tool_wrap(err, status, "log") : FIRN_OK;
}

static void print_json(log_run *run, const firn_record *record, const char *stream)
{
    tool_json *json = run->json;

    tool_json_map(json);
    tool_json_number_of(json, "seq", record->seq);
    tool_json_time_of(json, "time", record->time_ns);
    if (record->stream != 0)
        tool_json_text_of(json, "stream", stream);
    tool_json_number_of(json, "version", record->version);
    tool_json_number_of(json, "kind", record->kind);
    tool_json_number_of(json, "batch_first_seq", record->batch_first_seq);
    tool_json_number_of(json, "batch_count", record->batch_count);
    tool_json_number_of(json, "incarnation", record->incarnation);
    if (record->kind <= FIRN_EVENT_KIND_MAX)
        tool_json_bytes_of(json, "payload", record->payload);
    else
        tool_json_bytes_of(json, "body", record->body);
    tool_json_map_end(json);
    tool_json_write(json);
}

static void print_record(log_run *run, const firn_record *record, const char *stream)
{
    /* A record of the ledger's own has no payload; its body is the next best thing to see. */
    firn_slice payload = record->kind <= FIRN_EVENT_KIND_MAX ? record->payload : record->body;
    char time[TOOL_TIME_TEXT_SIZE];

    if (run->json != NULL) {
        print_json(run, record, stream);
        return;
    }
    switch ((log_format)run->format) {
    case LOG_TEXT:
        tool_time_text(record->time_ns, time);
        printf("%" PRIu64 "\t%s\t%s\t%" PRIu64 "\t%" PRIu32 "\t", record->seq, time, record->stream != 0 ? stream : "-",
               record->version, record->kind);
        tool_print_escaped(stdout, payload);
        break;
    case LOG_PAYLOAD:
        fwrite(payload.data, 1, payload.size, stdout);
        break;
    case LOG_HEX:
        tool_print_hex(stdout, payload);
        break;
    case LOG_SEQ:
        printf("%" PRIu64, record->seq);
        break;
    }
    putchar('\n');
}

/** Finds the stream asked for, and turns --last into a place to start. */
static firn_status find_start(log_run *run, firn_view *view, firn_error *err)
{
    firn_stream stream;
    firn_status status;
    uint64_t seq = firn_view_seq(view);

    if (run->stream != NULL) {
        status = firn_stream_get(view, (firn_slice){run->stream, strlen(run->stream)}, &stream, err);
        if (status == FIRN_ENOTFOUND && run->follow)
            return FIRN_OK;
        if (status < 0)
            return status;
        if (run->from < stream.first_seq)
            run->from = stream.first_seq;
        if (run->last > 0 && stream.version > run->last)
            run->version_min = stream.version - run->last + 1;
    } else if (run->last > 0 && seq >= run->last) {
        if (run->from < seq - run->last + 1)
            run->from = seq - run->last + 1;
    }
    return FIRN_OK;
}

static bool is_wanted(const log_run *run, const firn_record *record, const char *stream)
{
    /* What has no stream has no name either. */
    if (run->stream != NULL &&
        (record->stream == 0 || strcmp(stream, run->stream) != 0 || record->version < run->version_min))
        return false;
    return run->kind == 0 || record->kind == run->kind;
}

/** The name of a record's stream. Names that are not known yet are looked up in a view of this moment. */
static firn_status name_of(log_run *run, firn_ledger *ledger, uint32_t stream, const char **out_name, firn_error *err)
{
    firn_view *view = NULL;
    firn_status status;

    if (tool_names_known(&run->names, stream, out_name))
        return FIRN_OK;
    status = firn_view_open(ledger, &view, err);
    if (status == FIRN_OK)
        status = tool_names_get(&run->names, view, stream, out_name, err);
    firn_view_close(view);
    return status;
}

/** Prints what is durable, and with --follow goes on with what comes. Damage ends what can be seen: it is told behind
    it. */
static firn_status print_records(log_run *run, firn_ledger *ledger, firn_error *err)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = run->from};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_tail *tail = NULL;
    firn_record record;
    uint64_t seq = 0;
    firn_status status = firn_stat(ledger, &stats, err);
    bool ends = !run->follow || stats.damage.status < 0;
    uint64_t to = ends && (run->to == 0 || run->to > stats.durable_seq) ? stats.durable_seq : run->to;

    if (status == FIRN_OK)
        status = firn_tail_open(ledger, &options, &tail, err);
    while (status == FIRN_OK && (to == 0 ? !ends : seq < to) && !ferror(stdout)) {
        const char *stream;

        status = firn_tail_next(tail, 0, &record, err);
        if (status == FIRN_TIMEOUT) {
            /* Nothing more just now: what is there is shown before anything is waited for. */
            if (ends || !tool_output_flush())
                break;
            status = firn_tail_next(tail, -1, &record, err);
        }
        if (status == FIRN_OK)
            seq = record.seq;
        if (status == FIRN_OK && (to == 0 || seq <= to))
            status = name_of(run, ledger, record.stream, &stream, err);
        if (status == FIRN_OK && (to == 0 || seq <= to) && is_wanted(run, &record, stream))
            print_record(run, &record, stream);
    }
    firn_tail_close(tail);
    if (status >= 0 && stats.damage.status < 0 && (run->to == 0 || seq < run->to)) {
        *err = stats.damage;
        status = stats.damage.status;
    }
    return status < 0 ? status : FIRN_OK;
}

static firn_status print_all(log_run *run, firn_error *err)
{
    firn_ledger *ledger = NULL;
    firn_view *view = NULL;
    firn_status status = tool_open_read(run->call, &ledger, err);

    if (status < 0)
        return status;
    status = firn_view_open(ledger, &view, err);
    if (status == FIRN_OK)
        status = find_start(run, view, err);
    firn_view_close(view);
    if (status == FIRN_OK)
        status = print_records(run, ledger, err);
    firn_close(ledger, NULL);
    return status;
}

int tool_cmd_log(tool_call *call)
{
    log_run run = {.call = call};
    firn_error err;
    firn_status status = read_request(&run, &err);

    if (call->json)
        run.json = tool_json_new(stdout, false);
    if (status == FIRN_OK)
        status = print_all(&run, &err);
    tool_names_done(&run.names);
    tool_json_free(run.json);
    if (status < 0) {
        tool_output_flush();
        return tool_error_report(&err, call->json);
    }
    return TOOL_EXIT_OK;
}
