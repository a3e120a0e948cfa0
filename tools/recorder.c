/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.c — events of one run, collected into batches that are sent without waiting for their answers.
 *
 * Happy path: a line becomes a payload in one long text, and its event remembers where; when enough has come or
 * the oldest has waited long enough, all of them are one append of one batch, which is submitted. Only when too
 * many batches are under way does a call wait: memory stays bounded, and the command waits for the disk.
 *
 * What looks like a JSON object is tried as one. Whether it is one (nesting, numbers, surrogates) the library
 * decides: if it refuses the batch, its events are added one by one, and those refused become plain lines.
 */
#include "tools/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/error.h"
#include "tools/json_text.h"
#include "tools/progress.h"
#include "tools/sender.h"
#include "tools/wire.h"

enum {
    BATCH_EVENTS_MAX = 1024,
    BATCH_SIZE = 256 * 1024, /**< Bytes of payloads after which a batch is sent. */
    OUTSTANDING_MAX = 32,
    LINGER_NS = 20000000
};

/** An event whose payload stands in the text. */
typedef struct pending_event {
    const char *kind;
    const char *plain_kind; /**< Of a line that is tried as JSON: its kind if it is none; else NULL. */
    size_t offset;
    size_t size;
    firn_time time;
} pending_event;

struct tool_recorder {
    firn_ledger *ledger;
    firn_slice run_id;
    bool json;
    bool failed;
    firn_batch *batch;
    tool_sender *sender;
    tool_json_text text; /**< Payloads of the pending events. */
    tool_json_text line; /**< A payload that is made once more. */
    uint64_t oldest_ns;  /**< When the first pending event came. */
    uint64_t count;
    size_t pending_count;
    pending_event pending[BATCH_EVENTS_MAX];
    firn_run_event events[BATCH_EVENTS_MAX];
};

static const char *const plain_kinds[] = {"stdout", "stderr"};
static const char *const json_kinds[] = {"stdout_json", "stderr_json"};

/** A tool_acknowledged_fn: nothing depends on single batches. */
static void acknowledged(void *arg, const firn_receipt *receipt)
{
    (void)arg;
    (void)receipt;
}

firn_status tool_recorder_new(firn_ledger *ledger, const char *run_id, bool json, tool_recorder **out_recorder,
                              firn_error *err)
{
    tool_recorder *recorder = calloc(1, sizeof *recorder);
    firn_status status;

    if (recorder == NULL)
        return tool_fail(err, FIRN_ENOMEM, "out of memory");
    recorder->ledger = ledger;
    recorder->run_id = tool_slice(run_id);
    recorder->json = json;
    status = firn_batch_new(ledger, &recorder->batch, err);
    if (status == FIRN_OK)
        status = tool_sender_new(ledger, OUTSTANDING_MAX, acknowledged, NULL, &recorder->sender, err);
    if (status < 0) {
        tool_recorder_free(recorder);
        return status;
    }
    *out_recorder = recorder;
    return FIRN_OK;
}

void tool_recorder_free(tool_recorder *recorder)
{
    if (recorder == NULL)
        return;
    tool_sender_free(recorder->sender);
    firn_batch_free(recorder->batch);
    tool_json_text_done(&recorder->text);
    tool_json_text_done(&recorder->line);
    free(recorder);
}

void tool_recorder_stop(tool_recorder *recorder, const firn_error *err)
{
    firn_error said = *err;

    if (recorder->failed)
        return;
    recorder->failed = true;
    tool_wrap(&said, said.status, "recording stopped, the command goes on");
    (void)tool_error_report(&said, recorder->json);
}

static firn_slice payload_of(const tool_recorder *recorder, const pending_event *pending)
{
    return (firn_slice){recorder->text.data + pending->offset, pending->size};
}

/** Adds the pending events to the batch one by one; what is no JSON after all becomes a plain line. */
static firn_status add_singly(tool_recorder *recorder, firn_error *err)
{
    for (size_t i = 0; i < recorder->pending_count; i++) {
        const pending_event *pending = &recorder->pending[i];
        firn_run_event event = recorder->events[i];
        firn_status status = firn_batch_run_append(recorder->batch, recorder->run_id, &event, 1, NULL, NULL, err);

        if (status == FIRN_EINVAL && pending->plain_kind != NULL) {
            tool_json_text_reset(&recorder->line);
            tool_json_text_raw(&recorder->line, "{");
            tool_json_text_member(&recorder->line, "line", payload_of(recorder, pending));
            tool_json_text_raw(&recorder->line, "}");
            event.kind = tool_slice(pending->plain_kind);
            event.payload = tool_json_text_slice(&recorder->line);
            status = firn_batch_run_append(recorder->batch, recorder->run_id, &event, 1, NULL, NULL, err);
        }
        if (status < 0)
            return status;
    }
    return FIRN_OK;
}

static firn_status add_pending(tool_recorder *recorder, firn_error *err)
{
    bool tried = false;
    firn_status status;

    for (size_t i = 0; i < recorder->pending_count; i++) {
        const pending_event *pending = &recorder->pending[i];

        recorder->events[i] = (firn_run_event){.auto_seq = 1,
                                               .kind = tool_slice(pending->kind),
                                               .payload = payload_of(recorder, pending),
                                               .timestamp = pending->time};
        tried = tried || pending->plain_kind != NULL;
    }
    if (recorder->pending_count == 0)
        return FIRN_OK;
    status = firn_batch_run_append(recorder->batch, recorder->run_id, recorder->events, recorder->pending_count, NULL,
                                   NULL, err);
    if (status == FIRN_EINVAL && tried) {
        firn_batch_reset(recorder->batch);
        status = add_singly(recorder, err);
    }
    return status;
}

/** Sends the pending events as one batch, with what the batch holds already. */
static firn_status send_pending(tool_recorder *recorder, firn_error *err)
{
    firn_status status = add_pending(recorder, err);

    if (status == FIRN_OK)
        status = tool_sender_send(recorder->sender, recorder->batch, err);
    firn_batch_reset(recorder->batch);
    recorder->pending_count = 0;
    tool_json_text_reset(&recorder->text);
    return status;
}

void tool_recorder_flush(tool_recorder *recorder)
{
    firn_error err;

    if (recorder->failed || recorder->pending_count == 0)
        return;
    if (send_pending(recorder, &err) < 0)
        tool_recorder_stop(recorder, &err);
}

/** Makes an event of what was put into the text from offset on. */
static void add_event(tool_recorder *recorder, const char *kind, const char *plain_kind, size_t offset, firn_time time)
{
    if (recorder->pending_count == 0)
        recorder->oldest_ns = tool_now_ns();
    recorder->pending[recorder->pending_count++] =
        (pending_event){kind, plain_kind, offset, recorder->text.size - offset, time};
    recorder->count++;
    if (recorder->pending_count == BATCH_EVENTS_MAX || recorder->text.size >= BATCH_SIZE)
        tool_recorder_flush(recorder);
}

void tool_recorder_event(tool_recorder *recorder, const char *kind, firn_slice payload, firn_time time)
{
    size_t offset = recorder->text.size;

    if (recorder->failed)
        return;
    tool_json_text_bytes(&recorder->text, payload);
    add_event(recorder, kind, NULL, offset, time);
}

void tool_recorder_line(tool_recorder *recorder, tool_output_stream stream, firn_slice line, tool_line_end end,
                        firn_time time)
{
    tool_json_text *text = &recorder->text;
    const char *bytes = line.data;
    size_t offset = text->size;

    if (recorder->failed)
        return;
    if (end != TOOL_LINE_MORE && line.size >= 2 && bytes[0] == '{' && bytes[line.size - 1] == '}') {
        tool_json_text_bytes(text, line);
        add_event(recorder, json_kinds[stream], plain_kinds[stream], offset, time);
        return;
    }
    tool_json_text_raw(text, "{");
    tool_json_text_member(text, "line", line);
    if (end == TOOL_LINE_MORE)
        tool_wire_bool(text, "more", true);
    tool_json_text_raw(text, "}");
    add_event(recorder, plain_kinds[stream], NULL, offset, time);
}

int tool_recorder_wait(const tool_recorder *recorder)
{
    uint64_t age_ns;

    if (recorder->failed || recorder->pending_count == 0)
        return -1;
    age_ns = tool_now_ns() - recorder->oldest_ns;
    return age_ns >= LINGER_NS ? 0 : (int)((LINGER_NS - age_ns + 999999) / 1000000);
}

void tool_recorder_step(tool_recorder *recorder)
{
    firn_error err;

    if (recorder->failed)
        return;
    if (tool_sender_take(recorder->sender, &err) < 0)
        tool_recorder_stop(recorder, &err);
    else if (tool_recorder_wait(recorder) == 0)
        tool_recorder_flush(recorder);
}

void tool_recorder_end(tool_recorder *recorder, firn_run_status end, firn_run_summary summary)
{
    firn_error err;
    firn_status status;

    tool_recorder_flush(recorder);
    if (recorder->failed)
        return;
    summary.total_events = recorder->count;
    status = firn_batch_run_end(recorder->batch, recorder->run_id, end, &summary, &err);
    if (status == FIRN_OK)
        status = tool_sender_send(recorder->sender, recorder->batch, &err);
    if (status == FIRN_OK)
        status = tool_sender_finish(recorder->sender, &err);
    if (status < 0)
        tool_recorder_stop(recorder, &err);
}

uint64_t tool_recorder_count(const tool_recorder *recorder)
{
    return recorder->count;
}

bool tool_recorder_failed(const tool_recorder *recorder)
{
    return recorder->failed;
}
