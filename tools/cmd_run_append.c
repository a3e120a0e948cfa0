/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run_append.c — firn run append: one event from the command line, or many as JSON lines.
 *
 * Lines are RunEvent objects; they go in batches, each all or nothing, one after the other. A line
 * that is wrong stops the reading: its batch is not appended, what was acknowledged before stays and is told.
 */
#include "tools/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/input.h"
#include "tools/json_members.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/wire.h"

/** Events read from lines and not appended yet, with what they point to. */
typedef struct event_batch {
    firn_run_event *events;
    firn_buf *kinds; /**< Of each event. */
    char **payloads; /**< Of each event. */
    uint64_t *seqs;
    size_t count;
    size_t max;
    size_t bytes;
} event_batch;

typedef struct append_run {
    const tool_call *call;
    firn_slice run_id;
    firn_ledger *ledger;
    event_batch batch;
    firn_run_appended total;
    tool_json_text seqs; /**< Their numbers, parted by commas. */
} append_run;

enum {
    BATCH_BYTES = 4 * 1024 * 1024
};

static firn_status batch_init(event_batch *batch, size_t max, firn_error *err)
{
    batch->events = calloc(max, sizeof *batch->events);
    batch->kinds = calloc(max, sizeof *batch->kinds);
    batch->payloads = calloc(max, sizeof *batch->payloads);
    batch->seqs = calloc(max, sizeof *batch->seqs);
    batch->max = max;
    if (batch->events == NULL || batch->kinds == NULL || batch->payloads == NULL || batch->seqs == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    return FIRN_OK;
}

static void batch_reset(event_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        firn_buf_free(&batch->kinds[i]);
        free(batch->payloads[i]);
        batch->payloads[i] = NULL;
    }
    batch->count = 0;
    batch->bytes = 0;
}

static void batch_done(event_batch *batch)
{
    batch_reset(batch);
    free(batch->events);
    free(batch->kinds);
    free(batch->payloads);
    free(batch->seqs);
}

/** Appends what was collected as one batch. */
static firn_status send_batch(append_run *run, firn_error *err)
{
    event_batch *batch = &run->batch;
    firn_run_appended appended;
    firn_status status;

    if (batch->count == 0)
        return FIRN_OK;
    status = firn_run_append(run->ledger, run->run_id, batch->events, batch->count, batch->seqs, &appended, err);
    if (status < 0)
        return status;
    for (size_t i = 0; i < batch->count && run->call->json; i++) {
        if (run->seqs.size > 0)
            tool_json_text_raw(&run->seqs, ",");
        tool_json_text_number(&run->seqs, batch->seqs[i]);
    }
    run->total.appended += appended.appended;
    run->total.duplicates += appended.duplicates;
    run->total.event_count = appended.event_count;
    run->total.last_event_seq = appended.last_event_seq;
    batch_reset(batch);
    return FIRN_OK;
}

/** Takes a line into the batch: a RunEvent, whose seq may be missing. */
static firn_status take_line(event_batch *batch, firn_slice line, firn_error *err)
{
    tool_member members[] = {{"seq", false, {NULL, 0}},
                             {"kind", true, {NULL, 0}},
                             {"payload", true, {NULL, 0}},
                             {"timestamp", true, {NULL, 0}}};
    firn_run_event *event = &batch->events[batch->count];
    firn_buf *kind = &batch->kinds[batch->count];
    firn_buf timestamp = {0};
    firn_status status = tool_members_read(line, "event", members, 4, err);

    if (status < 0)
        return status;
    *event = (firn_run_event){.auto_seq = members[0].value.data == NULL ? 1 : 0};
    *kind = (firn_buf){0};
    if (event->auto_seq == 0)
        status = tool_value_number(&members[0], &event->event_seq, err);
    if (status == FIRN_OK)
        status = tool_value_string(&members[3], &timestamp, err);
    if (status == FIRN_OK)
        status = firn_time_parse((firn_slice){timestamp.data, timestamp.size}, &event->timestamp, err);
    firn_buf_free(&timestamp);
    if (status == FIRN_OK)
        status = tool_value_string(&members[1], kind, err);
    if (status < 0)
        return status;
    batch->payloads[batch->count] = malloc(members[2].value.size);
    if (batch->payloads[batch->count] == NULL) {
        firn_buf_free(kind);
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    }
    memcpy(batch->payloads[batch->count], members[2].value.data, members[2].value.size);
    event->kind = (firn_slice){kind->data, kind->size};
    event->payload = (firn_slice){batch->payloads[batch->count], members[2].value.size};
    batch->bytes += line.size;
    batch->count++;
    return FIRN_OK;
}

static firn_status append_lines(append_run *run, firn_error *err)
{
    tool_input *input = NULL;
    uint64_t max = 1000;
    firn_status status = tool_option_number(run->call, "batch", 1, FIRN_RUN_EVENTS_MAX, &max, err);

    if (status == FIRN_OK)
        status = batch_init(&run->batch, max, err);
    if (status == FIRN_OK)
        status = tool_input_open(run->call->operands + 1, run->call->operands_count - 1, false, &input, err);
    while (status == FIRN_OK) {
        firn_slice line;
        tool_input_found found = tool_input_next(input, &line);

        if (found == TOOL_INPUT_END)
            break;
        if (found == TOOL_INPUT_WAIT) {
            status = tool_input_fill(input, err);
            continue;
        }
        if (line.size == 0)
            continue;
        status = take_line(&run->batch, line, err);
        if (status < 0)
            tool_wrap(err, status, "%s:%" PRIu64, tool_input_name(input), tool_input_line(input));
        else if (run->batch.count == run->batch.max || run->batch.bytes >= BATCH_BYTES)
            status = send_batch(run, err);
    }
    if (status == FIRN_OK)
        status = send_batch(run, err);
    tool_input_close(input);
    return status;
}

/** The event that the options describe; its payload from an option, a file or standard input. */
static firn_status append_one(append_run *run, firn_error *err)
{
    const tool_call *call = run->call;
    const char *file = tool_option_text(call, "payload-file");
    const char *time = tool_option_text(call, "time");
    firn_run_event event = {.auto_seq = tool_option_given(call, "seq") ? 0 : 1,
                            .kind = tool_slice(tool_option_text(call, "kind")),
                            .payload = tool_slice(tool_option_text(call, "payload")),
                            .timestamp = tool_time_now()};
    firn_buf payload = {0};
    uint64_t seq = 0;
    firn_status status = tool_option_number(call, "seq", 0, UINT64_MAX, &event.event_seq, err);

    if (status == FIRN_OK && time != NULL)
        status = firn_time_parse(tool_slice(time), &event.timestamp, err);
    if (status == FIRN_OK && event.payload.data == NULL) {
        status = tool_file_read(file != NULL ? file : "-", FIRN_PAYLOAD_SIZE_MAX, &payload, err);
        event.payload = (firn_slice){payload.data, payload.size};
    }
    if (status == FIRN_OK)
        status = firn_run_append(run->ledger, run->run_id, &event, 1, &seq, &run->total, err);
    if (status == FIRN_OK)
        tool_json_text_number(&run->seqs, seq);
    firn_buf_free(&payload);
    return status;
}

/** One event: {"seq","appended"}. Lines: what a batch gives, summed up. */
static void report(const append_run *run, bool one)
{
    tool_json_text text = {0};

    if (!run->call->json && one) {
        printf("%.*s%s\n", (int)run->seqs.size, run->seqs.data, run->total.appended > 0 ? "" : " existing");
        return;
    }
    if (!run->call->json) {
        printf("appended %" PRIu64 " events, %" PRIu64 " were there; the run has %" PRIu64 ", the last is %" PRIu64
               "\n",
               run->total.appended, run->total.duplicates, run->total.event_count, run->total.last_event_seq);
        return;
    }
    tool_json_text_raw(&text, "{");
    if (one) {
        tool_json_text_key(&text, "seq");
        tool_json_text_bytes(&text, tool_json_text_slice(&run->seqs));
        tool_wire_bool(&text, "appended", run->total.appended > 0);
    } else {
        tool_wire_number(&text, "appended", run->total.appended);
        tool_wire_number(&text, "duplicates", run->total.duplicates);
        tool_json_text_key(&text, "seqs");
        tool_json_text_raw(&text, "[");
        tool_json_text_bytes(&text, tool_json_text_slice(&run->seqs));
        tool_json_text_raw(&text, "]");
        tool_wire_number(&text, "event_count", run->total.event_count);
        tool_wire_number(&text, "last_seq", run->total.last_event_seq);
    }
    tool_json_text_raw(&text, "}");
    tool_wire_print(&text);
    tool_json_text_done(&text);
}

static firn_status check_request(const tool_call *call, firn_error *err)
{
    static const char *const single[] = {"seq", "time", "payload", "payload-file"};

    if (tool_option_given(call, "payload") && tool_option_given(call, "payload-file"))
        return tool_fail(err, FIRN_EINVAL, "run append: only one of --payload and --payload-file");
    if (tool_option_given(call, "kind") && call->operands_count > 1)
        return tool_fail(err, FIRN_EINVAL, "run append: --kind is for one event, files are for lines of events");
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (tool_option_given(call, single[i]) && !tool_option_given(call, "kind"))
            return tool_fail(err, FIRN_EINVAL, "run append: --%s needs --kind", single[i]);
    return FIRN_OK;
}

int tool_cmd_run_append(tool_call *call)
{
    append_run run = {.call = call, .run_id = tool_slice(call->operands[0])};
    bool one = tool_option_given(call, "kind");
    firn_options options;
    firn_error err;
    firn_error late;
    firn_status status = check_request(call, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_open_options(call, FIRN_OPEN_WRITE, &options, &err);
    if (status == FIRN_OK)
        status = tool_open_with(call, &options, &run.ledger, &err);
    if (status == FIRN_OK)
        status = one ? append_one(&run, &err) : append_lines(&run, &err);
    if (status == FIRN_OK || run.total.appended + run.total.duplicates > 0)
        report(&run, one);
    if (status < 0)
        code = tool_error_report(&err, call->json);
    if (firn_close(run.ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    batch_done(&run.batch);
    tool_json_text_done(&run.seqs);
    return code;
}
