/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_append.c — firn append: lines, JSON lines or files become events of a stream.
 *
 * One thread waits for whatever comes first: input, answers of the ledger, an interrupt, or the time at which
 * a batch has waited long enough. A batch is sent when it is full or old; what is wrong with the input stops
 * the reading, and the batch that it would have gone into is not sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/error.h"
#include "tools/input.h"
#include "tools/json.h"
#include "tools/json_check.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/sender.h"
#include "tools/signals.h"
#include "tools/text.h"

/** What was asked for. */
typedef struct append_request {
    firn_slice stream;
    uint32_t kind;
    bool jsonl;
    bool whole;
    bool atomic;
    bool expect;
    uint64_t expect_version;
    firn_slice key; /**< data NULL: none. */
    firn_slice scope;
    uint64_t batch_records;
    uint64_t batch_size;
    uint64_t linger_ns;
    uint64_t outstanding;
    bool seqs;
    bool json;
} append_request;

/** One run: what is open, the batch being collected, and what was acknowledged. */
typedef struct append_run {
    append_request request;
    firn_ledger *ledger;
    firn_batch *batch;
    tool_sender *sender;
    tool_input *input;
    tool_json *json;
    int signal_fd;
    int event_fd;
    int signal;           /**< That stopped the reading, or 0. */
    uint64_t batch_bytes; /**< Payload in the batch. */
    uint64_t batch_ns;    /**< When its first event was put in. */
    uint64_t records_sent;
    uint64_t acknowledged_records;
    uint64_t acknowledged_batches;
    uint64_t existing_batches;
    uint64_t first_seq;
    uint64_t last_seq;
} append_run;

static firn_slice slice_of(const char *text)
{
    return text == NULL ? (firn_slice){NULL, 0} : (firn_slice){text, strlen(text)};
}

static firn_status read_request(const tool_call *call, append_request *request, firn_error *err)
{
    uint64_t kind = 1;
    firn_status status;

    *request = (append_request){
        .stream = slice_of(tool_option_text(call, "stream")),
        .jsonl = tool_option_given(call, "jsonl"),
        .whole = tool_option_given(call, "whole"),
        .atomic = tool_option_given(call, "atomic") || tool_option_given(call, "key"),
        .expect = tool_option_given(call, "expect-version"),
        .key = slice_of(tool_option_text(call, "key")),
        .scope = slice_of(tool_option_text(call, "scope")),
        .batch_records = 100,
        .batch_size = 256 * 1024,
        .linger_ns = 50000000,
        .outstanding = 64,
        .seqs = tool_option_given(call, "seqs"),
        .json = call->json,
    };
    if (!tool_option_given(call, "stream"))
        return tool_fail(err, FIRN_EINVAL, "--stream is needed");
    if (tool_option_given(call, "lines") + request->jsonl + request->whole > 1)
        return tool_fail(err, FIRN_EINVAL, "only one of --lines, --jsonl and --whole");
    if (request->scope.data != NULL && request->key.data == NULL)
        return tool_fail(err, FIRN_EINVAL, "--scope needs --key");
    status = tool_option_number(call, "kind", 1, FIRN_EVENT_KIND_MAX, &kind, err);
    request->kind = (uint32_t)kind;
    if (status == FIRN_OK)
        status = tool_option_number(call, "batch", 1, FIRN_BATCH_RECORDS_MAX, &request->batch_records, err);
    if (status == FIRN_OK)
        status = tool_option_size(call, "batch-size", 1, FIRN_BATCH_SIZE_MAX / 2, &request->batch_size, err);
    if (status == FIRN_OK)
        status = tool_option_duration(call, "linger", &request->linger_ns, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "outstanding", 1, 65536, &request->outstanding, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "expect-version", 0, UINT64_MAX, &request->expect_version, err);
    return status;
}

/** A tool_acknowledged_fn. */
static void acknowledged(void *arg, const firn_receipt *receipt)
{
    append_run *run = arg;
    uint64_t last_seq = receipt->count > 0 ? receipt->first_seq + receipt->count - 1 : 0;

    run->acknowledged_batches++;
    run->acknowledged_records += receipt->count;
    run->existing_batches += receipt->existing;
    if (run->first_seq == 0)
        run->first_seq = receipt->first_seq;
    if (receipt->count > 0)
        run->last_seq = last_seq;
    if (!run->request.seqs)
        return;
    if (!run->request.json) {
        printf("%" PRIu64 " %" PRIu64 " %" PRIu32 "%s\n", receipt->first_seq, last_seq, receipt->count,
               receipt->existing ? " existing" : "");
        return;
    }
    tool_json_map(run->json);
    tool_json_number_of(run->json, "first_seq", receipt->first_seq);
    tool_json_number_of(run->json, "last_seq", last_seq);
    tool_json_number_of(run->json, "count", receipt->count);
    tool_json_bool_of(run->json, "existing", receipt->existing != 0);
    tool_json_time_of(run->json, "time", receipt->time_ns);
    tool_json_map_end(run->json);
    tool_json_write(run->json);
}

/** Sends the batch with its conditions, if there is something in it, and begins another. */
static firn_status send_batch(append_run *run, firn_error *err)
{
    const append_request *request = &run->request;
    firn_status status = FIRN_OK;
    size_t count = firn_batch_count(run->batch);

    if (count == 0)
        return FIRN_OK;
    if (request->expect)
        status = firn_batch_expect(run->batch, request->stream, request->expect_version + run->records_sent, err);
    if (status == FIRN_OK && request->key.data != NULL)
        status = firn_batch_key(run->batch, request->scope, request->key, NULL, err);
    if (status == FIRN_OK)
        status = tool_sender_send(run->sender, run->batch, err);
    if (status == FIRN_OK) {
        run->records_sent += count;
        run->batch_bytes = 0;
        firn_batch_reset(run->batch);
    }
    return status;
}

static firn_status wrap_place(const append_run *run, firn_status status, firn_error *err)
{
    uint64_t line = tool_input_line(run->input);

    if (line == 0)
        return tool_wrap(err, status, "%s", tool_input_name(run->input));
    return tool_wrap(err, status, "%s:%" PRIu64, tool_input_name(run->input), line);
}

static firn_status check_json(const append_run *run, firn_slice item, firn_error *err)
{
    char reason[TOOL_JSON_REASON_SIZE] = "out of memory";
    uint64_t column = 0;
    firn_status status = tool_json_check(item, &column, reason);

    if (status == FIRN_OK)
        return FIRN_OK;
    return tool_fail(err, status, "%s:%" PRIu64 ":%" PRIu64 ": %s", tool_input_name(run->input),
                     tool_input_line(run->input), column, reason);
}

static firn_status add_item(append_run *run, firn_slice item, firn_error *err)
{
    const append_request *request = &run->request;
    firn_status status = FIRN_OK;

    if (request->jsonl) {
        status = check_json(run, item, err);
        if (status < 0)
            return status;
    }
    /* A large event must not push a batch above its limits: it goes into the next one. */
    if (!request->atomic && firn_batch_count(run->batch) > 0 && run->batch_bytes + item.size > request->batch_size) {
        status = send_batch(run, err);
        if (status < 0)
            return status;
    }
    status = firn_batch_event(run->batch, request->stream, request->kind, item, err);
    if (status < 0)
        return wrap_place(run, status, err);
    if (firn_batch_count(run->batch) == 1)
        run->batch_ns = tool_now_ns();
    run->batch_bytes += item.size;
    if (!request->atomic &&
        (firn_batch_count(run->batch) >= request->batch_records || run->batch_bytes >= request->batch_size))
        status = send_batch(run, err);
    return status;
}

/** How long the batch may still wait for more input; -1: for ever. */
static int milliseconds_left(const append_run *run)
{
    uint64_t age_ns;

    if (run->request.atomic || firn_batch_count(run->batch) == 0)
        return -1;
    age_ns = tool_now_ns() - run->batch_ns;
    if (age_ns >= run->request.linger_ns)
        return 0;
    age_ns = (run->request.linger_ns - age_ns + 999999) / 1000000;
    return age_ns > 60000 ? 60000 : (int)age_ns;
}

/** Waits for input, answers, an interrupt or the age of the batch, and deals with what came. */
static firn_status wait_for_more(append_run *run, firn_error *err)
{
    struct pollfd waits[3] = {
        {.fd = tool_input_fd(run->input), .events = POLLIN},
        {.fd = run->event_fd, .events = POLLIN},
        {.fd = run->signal_fd, .events = POLLIN},
    };
    int timeout = waits[0].fd < 0 ? 0 : milliseconds_left(run);
    firn_status status = FIRN_OK;
    uint64_t count;

    /* Said before every wait: a reader of --seqs must not lag behind what is on disk. */
    tool_output_flush();
    if (poll(waits, 3, timeout) < 0 && errno != EINTR)
        return tool_fail_os(err, errno, "poll");
    if (waits[2].revents != 0)
        run->signal = tool_signals_take(run->signal_fd);
    if (waits[1].revents != 0 && read(run->event_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return tool_fail_os(err, errno, "eventfd");
    if (waits[1].revents != 0)
        status = tool_sender_take(run->sender, err);
    if (status == FIRN_OK && milliseconds_left(run) == 0)
        status = send_batch(run, err);
    if (status == FIRN_OK && (waits[0].fd < 0 || waits[0].revents != 0))
        status = tool_input_fill(run->input, err);
    return status;
}

/** Reads and sends until the input ends, something fails, or an interrupt comes. */
static firn_status append_all(append_run *run, firn_error *err)
{
    firn_status status = FIRN_OK;

    while (status == FIRN_OK && run->signal == 0 && tool_output_flush()) {
        firn_slice item;

        switch (tool_input_next(run->input, &item)) {
        case TOOL_INPUT_ITEM:
            status = add_item(run, item, err);
            break;
        case TOOL_INPUT_WAIT:
            status = wait_for_more(run, err);
            break;
        case TOOL_INPUT_END:
            return send_batch(run, err);
        }
    }
    /* Interrupted: the whole lines read so far are real, unless they were to be one batch with the rest. */
    if (status == FIRN_OK && run->signal != 0 && !run->request.atomic)
        status = send_batch(run, err);
    return status;
}

/** One line, or one JSON document, about what is on disk; beside --seqs it is chatter. */
static void report(append_run *run)
{
    char records[TOOL_AMOUNT_TEXT_SIZE];
    FILE *file = run->request.seqs ? stderr : stdout;

    if (run->request.json && run->request.seqs)
        return;
    if (run->request.json) {
        tool_json_map(run->json);
        tool_json_number_of(run->json, "records", run->acknowledged_records);
        tool_json_number_of(run->json, "batches", run->acknowledged_batches);
        tool_json_number_of(run->json, "first_seq", run->first_seq);
        tool_json_number_of(run->json, "last_seq", run->last_seq);
        tool_json_bool_of(run->json, "existing", run->existing_batches > 0);
        tool_json_map_end(run->json);
        tool_json_write(run->json);
        return;
    }
    tool_count_text(run->acknowledged_records, records);
    if (run->acknowledged_records == 0)
        fprintf(file, "nothing appended\n");
    else
        fprintf(file, "%s %s records in %" PRIu64 " batches, seqs %" PRIu64 " to %" PRIu64 "\n",
                run->existing_batches > 0 ? "found" : "appended", records, run->acknowledged_batches, run->first_seq,
                run->last_seq);
}

static firn_status open_all(const tool_call *call, append_run *run, firn_error *err)
{
    firn_open_mode mode = tool_option_given(call, "create") ? FIRN_OPEN_CREATE : FIRN_OPEN_WRITE;
    firn_options options;
    firn_status status = read_request(call, &run->request, err);

    if (status == FIRN_OK)
        status = tool_open_options(call, mode, &options, err);
    if (status < 0)
        return tool_wrap(err, status, "append");
    status = tool_input_open(call->operands, call->operands_count, run->request.whole, &run->input, err);
    if (status < 0)
        return status;
    status = tool_signals_start(&run->signal_fd, err);
    if (status < 0)
        return status;
    status = tool_open_with(call, &options, &run->ledger, err);
    if (status < 0)
        return status;
    status = firn_eventfd(run->ledger, &run->event_fd, err);
    if (status < 0)
        return status;
    status = firn_batch_new(run->ledger, &run->batch, err);
    if (status < 0)
        return status;
    return tool_sender_new(run->ledger, (unsigned)run->request.outstanding, acknowledged, run, &run->sender, err);
}

int tool_cmd_append(tool_call *call)
{
    append_run run = {.signal_fd = -1, .event_fd = -1, .json = tool_json_new(stdout, false)};
    firn_error err;
    firn_error late;
    firn_status status = open_all(call, &run, &err);
    int code = TOOL_EXIT_OK;

    if (run.sender != NULL) {
        if (status == FIRN_OK)
            status = append_all(&run, &err);
        if (tool_sender_finish(run.sender, &late) < 0 && status == FIRN_OK) {
            status = late.status;
            err = late;
        }
        if (status == FIRN_OK || run.acknowledged_records > 0)
            report(&run);
    }
    if (status < 0)
        code = tool_error_report(&err, call->json);
    if (status == FIRN_EPOISONED && run.records_sent > run.acknowledged_records && !call->json)
        fprintf(stderr, "firn: the outcome of %" PRIu64 " records is unknown until the ledger is opened again\n",
                run.records_sent - run.acknowledged_records);

    tool_sender_free(run.sender);
    firn_batch_free(run.batch);
    if (firn_close(run.ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    tool_input_close(run.input);
    if (run.signal_fd >= 0)
        close(run.signal_fd);
    tool_json_free(run.json);
    return run.signal != 0 ? TOOL_EXIT_SIGNAL + run.signal : code;
}
