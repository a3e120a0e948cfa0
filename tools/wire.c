/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c — runs, events, releases and content as the JSON objects in which other systems know them. */
#include "tools/wire.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

firn_slice tool_slice(const char *text)
{
    return text == NULL ? (firn_slice){NULL, 0} : (firn_slice){text, strlen(text)};
}

firn_time tool_time_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (firn_time){.seconds = now.tv_sec, .nanoseconds = (uint32_t)now.tv_nsec};
}

void tool_wire_string(tool_json_text *text, const char *key, firn_slice string)
{
    tool_json_text_key(text, key);
    if (string.data == NULL)
        tool_json_text_raw(text, "null");
    else
        tool_json_text_string(text, string);
}

void tool_wire_number(tool_json_text *text, const char *key, uint64_t number)
{
    tool_json_text_key(text, key);
    tool_json_text_number(text, number);
}

void tool_wire_bool(tool_json_text *text, const char *key, bool value)
{
    tool_json_text_key(text, key);
    tool_json_text_raw(text, value ? "true" : "false");
}

void tool_wire_digest(tool_json_text *text, const char *key, const uint8_t *digest)
{
    tool_json_text_key(text, key);
    tool_json_text_hex(text, digest, FIRN_DIGEST_SIZE);
}

void tool_wire_time(tool_json_text *text, const char *key, firn_time time)
{
    char said[FIRN_TIME_TEXT_SIZE];
    firn_error err;

    /* What a ledger gives is within the years; null is for a value that could not have been stored. */
    if (firn_time_format(time, said, &err) < 0)
        tool_wire_string(text, key, (firn_slice){NULL, 0});
    else
        tool_wire_string(text, key, tool_slice(said));
}

static void put_metadata(tool_json_text *text, const firn_run *run)
{
    tool_json_text_key(text, "metadata");
    tool_json_text_raw(text, "{");
    tool_wire_string(text, "git_sha", run->git_sha);
    tool_wire_string(text, "agent_name", run->agent_name.data != NULL ? run->agent_name : tool_slice(""));
    tool_json_text_key(text, "tags");
    if (run->tags.size == 0)
        tool_json_text_raw(text, "null");
    tool_json_text_bytes(text, run->tags);
    if (run->has_evaluation != 0) {
        tool_json_text_key(text, "evaluation");
        tool_json_text_raw(text, "{");
        tool_wire_string(text, "rubricPath", run->evaluation.rubric_path);
        tool_wire_bool(text, "isPromotionGate", run->evaluation.is_promotion_gate != 0);
        tool_wire_number(text, "agentPhase", run->evaluation.agent_phase);
        tool_json_text_raw(text, "}");
    }
    tool_json_text_raw(text, "}");
}

static void put_summary(tool_json_text *text, const firn_run *run)
{
    tool_json_text_key(text, "summary");
    if (run->status == FIRN_RUN_RUNNING) {
        tool_json_text_raw(text, "null");
        return;
    }
    tool_json_text_raw(text, "{");
    tool_wire_number(text, "total_events", run->summary.total_events);
    if (run->summary.has_final_state_digest != 0)
        tool_wire_digest(text, "final_state_digest", run->summary.final_state_digest);
    else
        tool_wire_string(text, "final_state_digest", (firn_slice){NULL, 0});
    tool_wire_number(text, "duration_ms", run->summary.duration_ms);
    tool_wire_bool(text, "success", run->summary.success != 0);
    tool_json_text_raw(text, "}");
}

void tool_wire_run(tool_json_text *text, const firn_run *run)
{
    tool_json_text_raw(text, "{");
    tool_wire_string(text, "run_id", run->run_id);
    tool_wire_digest(text, "spec_digest", run->spec_digest);
    put_metadata(text, run);
    tool_wire_string(text, "status", tool_slice(firn_run_status_name(run->status)));
    put_summary(text, run);
    tool_wire_time(text, "created_at", run->created_at);
    if (run->status == FIRN_RUN_RUNNING)
        tool_wire_string(text, "completed_at", (firn_slice){NULL, 0});
    else
        tool_wire_time(text, "completed_at", run->completed_at);
    tool_wire_number(text, "event_count", run->event_count);
    if (run->event_count == 0)
        tool_wire_string(text, "last_seq", (firn_slice){NULL, 0});
    else
        tool_wire_number(text, "last_seq", run->last_event_seq);
    tool_json_text_raw(text, "}");
}

void tool_wire_event(tool_json_text *text, const firn_run_event *event)
{
    tool_json_text_raw(text, "{");
    tool_wire_number(text, "seq", event->event_seq);
    tool_wire_string(text, "kind", event->kind.data != NULL ? event->kind : tool_slice(""));
    tool_json_text_key(text, "payload");
    tool_json_text_bytes(text, event->payload);
    tool_wire_time(text, "timestamp", event->timestamp);
    tool_json_text_raw(text, "}");
}

void tool_wire_release(tool_json_text *text, const firn_release *release)
{
    tool_json_text_raw(text, "{");
    tool_wire_string(text, "name", release->name);
    tool_wire_digest(text, "spec_digest", release->spec_digest);
    tool_json_text_key(text, "metadata");
    tool_json_text_raw(text, "{");
    tool_wire_string(text, "version_label", release->version_label);
    tool_wire_string(text, "promoted_by", release->promoted_by.data != NULL ? release->promoted_by : tool_slice(""));
    tool_wire_string(text, "notes", release->notes);
    tool_json_text_raw(text, "}");
    tool_wire_time(text, "created_at", release->created_at);
    tool_wire_number(text, "position", release->release_number);
    if (release->rollback_of > 0) {
        tool_wire_number(text, "rollback_of", release->rollback_of);
        tool_wire_number(text, "rollback_from", release->rollback_from);
    }
    tool_json_text_raw(text, "}");
}

void tool_wire_print(tool_json_text *text)
{
    tool_json_text_raw(text, "\n");
    /* A failure stays in the stream's error flag, which tool_output_finish() looks at. */
    (void)fwrite(text->data, 1, text->size, stdout);
    tool_json_text_reset(text);
}
