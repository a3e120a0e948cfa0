/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c — firn run create, complete, fail, cancel: the beginning and the end of a run. */
#include "tools/commands.h"

#include <stdio.h>
#include <string.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/json_members.h"
#include "tools/open.h"
#include "tools/options.h"
#include "tools/wire.h"

/** What an object on standard input or in a file gave, and what it points to. */
typedef struct run_input {
    firn_buf text;
    firn_buf run_id;
    firn_buf digest;
    firn_buf agent;
    firn_buf sha;
    firn_buf rubric;
    firn_run_evaluation evaluation;
    uint8_t spec_digest[FIRN_DIGEST_SIZE];
} run_input;

enum {
    OBJECT_SIZE_MAX = 8 * 1024 * 1024 /**< Of a wire object: tags have 1 MiB, and escapes may lengthen them. */
};

static void input_done(run_input *input)
{
    firn_buf_free(&input->text);
    firn_buf_free(&input->run_id);
    firn_buf_free(&input->digest);
    firn_buf_free(&input->agent);
    firn_buf_free(&input->sha);
    firn_buf_free(&input->rubric);
}

static firn_slice slice_of(const firn_buf *buf)
{
    return (firn_slice){buf->data, buf->size};
}

/** A string, or null. */
static firn_status read_string(const tool_member *member, firn_buf *buf, firn_error *err)
{
    return tool_value_is_null(member->value) ? FIRN_OK : tool_value_string(member, buf, err);
}

static firn_status read_evaluation(firn_slice text, run_input *input, firn_run_args *args, firn_error *err)
{
    tool_member members[] = {
        {"rubricPath", false, {NULL, 0}}, {"isPromotionGate", true, {NULL, 0}}, {"agentPhase", true, {NULL, 0}}};
    bool gate = false;
    uint64_t phase = 0;
    firn_status status = tool_members_read(text, "evaluation", members, 3, err);

    if (status == FIRN_OK)
        status = read_string(&members[0], &input->rubric, err);
    if (status == FIRN_OK)
        status = tool_value_bool(&members[1], &gate, err);
    if (status == FIRN_OK)
        status = tool_value_number(&members[2], &phase, err);
    if (status == FIRN_OK && phase > UINT8_MAX)
        status = tool_fail(err, FIRN_EINVAL, "invalid agentPhase: %llu", (unsigned long long)phase);
    if (status < 0)
        return status;
    input->evaluation = (firn_run_evaluation){
        .rubric_path = slice_of(&input->rubric), .is_promotion_gate = gate ? 1 : 0, .agent_phase = (uint8_t)phase};
    args->evaluation = &input->evaluation;
    return FIRN_OK;
}

static firn_status read_metadata(firn_slice text, run_input *input, firn_run_args *args, firn_error *err)
{
    tool_member members[] = {{"git_sha", false, {NULL, 0}},
                             {"agent_name", true, {NULL, 0}},
                             {"tags", true, {NULL, 0}},
                             {"evaluation", false, {NULL, 0}}};
    firn_status status = tool_members_read(text, "metadata", members, 4, err);

    if (status == FIRN_OK)
        status = read_string(&members[0], &input->sha, err);
    if (status == FIRN_OK)
        status = tool_value_string(&members[1], &input->agent, err);
    if (status == FIRN_OK && !tool_value_is_null(members[3].value))
        status = read_evaluation(members[3].value, input, args, err);
    if (status < 0)
        return status;
    args->git_sha = slice_of(&input->sha);
    args->agent_name = slice_of(&input->agent);
    args->tags = members[2].value;
    return FIRN_OK;
}

/** The run as a wire object: {"run_id":…,"spec_digest":…,"metadata":{…}}. */
static firn_status read_object(const char *name, run_input *input, firn_run_args *args, firn_error *err)
{
    tool_member members[] = {
        {"run_id", false, {NULL, 0}}, {"spec_digest", true, {NULL, 0}}, {"metadata", true, {NULL, 0}}};
    firn_status status = tool_file_read(name, OBJECT_SIZE_MAX, &input->text, err);

    if (status == FIRN_OK)
        status = tool_members_read(slice_of(&input->text), "run", members, 3, err);
    if (status == FIRN_OK)
        status = read_string(&members[0], &input->run_id, err);
    if (status == FIRN_OK)
        status = tool_value_string(&members[1], &input->digest, err);
    if (status == FIRN_OK)
        status = firn_digest_parse(slice_of(&input->digest), input->spec_digest, err);
    if (status == FIRN_OK)
        status = read_metadata(members[2].value, input, args, err);
    if (status == FIRN_OK && !tool_value_is_null(members[0].value) && input->run_id.size == 0)
        status = tool_fail(err, FIRN_EINVAL, "invalid run_id: ");
    if (status < 0)
        return status;
    args->run_id = slice_of(&input->run_id);
    args->spec_digest = input->spec_digest;
    return FIRN_OK;
}

static firn_status read_request(const tool_call *call, run_input *input, firn_run_args *args, firn_error *err)
{
    const char *digest = tool_option_text(call, "spec-digest");
    firn_status status = FIRN_OK;

    *args = (firn_run_args){.struct_size = sizeof *args};
    if (tool_option_given(call, "object"))
        return call->given_count > 1
                   ? tool_fail(err, FIRN_EINVAL, "--object says everything: no other option goes with it")
                   : read_object(tool_option_text(call, "object"), input, args, err);
    if ((digest != NULL) == tool_option_given(call, "spec"))
        return tool_fail(err, FIRN_EINVAL, "one of --spec-digest, --spec and --object is needed");
    if (digest != NULL)
        status = firn_digest_parse(tool_slice(digest), input->spec_digest, err);
    if (status == FIRN_OK && tool_option_given(call, "evaluation"))
        status = read_evaluation(tool_slice(tool_option_text(call, "evaluation")), input, args, err);
    if (status < 0)
        return status;
    args->run_id = tool_slice(tool_option_text(call, "run"));
    if (args->run_id.data != NULL && args->run_id.size == 0)
        return tool_fail(err, FIRN_EINVAL, "invalid run_id: ");
    args->spec_digest = input->spec_digest;
    args->agent_name = tool_slice(tool_option_given(call, "agent") ? tool_option_text(call, "agent") : "");
    args->git_sha = tool_slice(tool_option_text(call, "git-sha"));
    args->tags = tool_slice(tool_option_text(call, "tags"));
    return FIRN_OK;
}

static void print_created(const tool_call *call, const firn_run_created *created)
{
    tool_json_text text = {0};

    if (!call->json) {
        puts(created->run_id);
        return;
    }
    tool_json_text_raw(&text, "{");
    tool_wire_string(&text, "run_id", (firn_slice){created->run_id, created->run_id_size});
    tool_wire_bool(&text, "created", created->created != 0);
    tool_json_text_raw(&text, "}");
    tool_wire_print(&text);
    tool_json_text_done(&text);
}

int tool_cmd_run_create(tool_call *call)
{
    run_input input = {0};
    firn_run_args args;
    firn_run_created created;
    firn_content_put_result put;
    firn_options options;
    firn_ledger *ledger = NULL;
    firn_error err;
    firn_error late;
    firn_status status = read_request(call, &input, &args, &err);
    int code = TOOL_EXIT_OK;

    if (status < 0)
        tool_wrap(&err, status, "run create");
    if (status == FIRN_OK)
        status = tool_open_options(call, FIRN_OPEN_WRITE, &options, &err);
    if (status == FIRN_OK)
        status = tool_open_with(call, &options, &ledger, &err);
    if (status == FIRN_OK && tool_option_given(call, "spec")) {
        status = tool_content_put_file(ledger, tool_option_text(call, "spec"), &put, &err);
        if (status == FIRN_OK)
            memcpy(input.spec_digest, put.digest, sizeof input.spec_digest);
    }
    if (status == FIRN_OK)
        status = firn_run_create(ledger, &args, &created, &err);
    if (status == FIRN_OK)
        print_created(call, &created);
    else
        code = tool_error_report(&err, call->json);
    if (firn_close(ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    input_done(&input);
    return code;
}

/** A summary as a wire object; what it gives takes the place of what was computed. */
static firn_status read_summary(const char *name, firn_run_summary *summary, firn_error *err)
{
    tool_member members[] = {{"total_events", true, {NULL, 0}},
                             {"final_state_digest", false, {NULL, 0}},
                             {"duration_ms", true, {NULL, 0}},
                             {"success", true, {NULL, 0}}};
    firn_buf text = {0};
    firn_buf digest = {0};
    bool success = false;
    firn_status status = tool_file_read(name, OBJECT_SIZE_MAX, &text, err);

    if (status == FIRN_OK)
        status = tool_members_read(slice_of(&text), "summary", members, 4, err);
    if (status == FIRN_OK)
        status = tool_value_number(&members[0], &summary->total_events, err);
    if (status == FIRN_OK)
        status = tool_value_number(&members[2], &summary->duration_ms, err);
    if (status == FIRN_OK)
        status = tool_value_bool(&members[3], &success, err);
    summary->success = success ? 1 : 0;
    if (status == FIRN_OK && !tool_value_is_null(members[1].value)) {
        summary->has_final_state_digest = 1;
        status = tool_value_string(&members[1], &digest, err);
        if (status == FIRN_OK)
            status = firn_digest_parse(slice_of(&digest), summary->final_state_digest, err);
    }
    firn_buf_free(&text);
    firn_buf_free(&digest);
    return status;
}

/** What the ledger and the clock know, for what the caller leaves out. */
static firn_status compute_summary(firn_ledger *ledger, firn_slice run_id, firn_run_summary *summary, firn_error *err)
{
    firn_view *view = NULL;
    firn_buf buf = {0};
    firn_run run;
    firn_status status = firn_view_open(ledger, &view, err);

    if (status == FIRN_OK)
        status = firn_run_get(view, run_id, &buf, &run, err);
    if (status == FIRN_OK) {
        firn_time now = tool_time_now();
        int64_t ms = (now.seconds - run.created_at.seconds) * 1000 +
                     ((int64_t)now.nanoseconds - (int64_t)run.created_at.nanoseconds) / 1000000;

        summary->total_events = run.event_count;
        summary->duration_ms = ms > 0 ? (uint64_t)ms : 0;
    }
    firn_view_close(view);
    firn_buf_free(&buf);
    return status;
}

static firn_status read_end(const tool_call *call, firn_ledger *ledger, firn_run_summary *summary, firn_error *err)
{
    const char *digest = tool_option_text(call, "final-state");
    unsigned success = summary->success;
    firn_status status;

    if (tool_option_given(call, "summary"))
        return call->given_count > 1
                   ? tool_fail(err, FIRN_EINVAL, "--summary says everything: no other option goes with it")
                   : read_summary(tool_option_text(call, "summary"), summary, err);
    status = compute_summary(ledger, tool_slice(call->operands[0]), summary, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "total-events", 0, UINT64_MAX, &summary->total_events, err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "duration-ms", 0, UINT64_MAX, &summary->duration_ms, err);
    if (status == FIRN_OK)
        status = tool_option_choice(call, "success", &success, err);
    summary->success = success;
    if (status == FIRN_OK && digest != NULL) {
        summary->has_final_state_digest = 1;
        status = firn_digest_parse(tool_slice(digest), summary->final_state_digest, err);
    }
    return status;
}

static firn_status print_run(const tool_call *call, firn_ledger *ledger, firn_error *err)
{
    tool_json_text text = {0};
    firn_view *view = NULL;
    firn_buf buf = {0};
    firn_run run;
    firn_status status = firn_view_open(ledger, &view, err);

    if (status == FIRN_OK)
        status = firn_run_get(view, tool_slice(call->operands[0]), &buf, &run, err);
    if (status == FIRN_OK && call->json) {
        tool_wire_run(&text, &run);
        tool_wire_print(&text);
    } else if (status == FIRN_OK) {
        printf("%s is %s, %llu events\n", call->operands[0], firn_run_status_name(run.status),
               (unsigned long long)run.event_count);
    }
    tool_json_text_done(&text);
    firn_view_close(view);
    firn_buf_free(&buf);
    return status;
}

static int end_run(tool_call *call, firn_run_status end)
{
    firn_run_summary summary = {.success = end == FIRN_RUN_COMPLETED ? 1 : 0};
    firn_options options;
    firn_ledger *ledger = NULL;
    firn_error err;
    firn_error late;
    firn_status status = tool_open_options(call, FIRN_OPEN_WRITE, &options, &err);
    int code = TOOL_EXIT_OK;

    if (status == FIRN_OK)
        status = tool_open_with(call, &options, &ledger, &err);
    if (status == FIRN_OK)
        status = read_end(call, ledger, &summary, &err);
    if (status == FIRN_OK)
        status = firn_run_end(ledger, tool_slice(call->operands[0]), end, &summary, &err);
    if (status == FIRN_OK)
        status = print_run(call, ledger, &err);
    if (status < 0)
        code = tool_error_report(&err, call->json);
    if (firn_close(ledger, &late) < 0 && status == FIRN_OK)
        code = tool_error_report(&late, call->json);
    return code;
}

int tool_cmd_run_complete(tool_call *call)
{
    return end_run(call, FIRN_RUN_COMPLETED);
}

int tool_cmd_run_fail(tool_call *call)
{
    return end_run(call, FIRN_RUN_FAILED);
}

int tool_cmd_run_cancel(tool_call *call)
{
    return end_run(call, FIRN_RUN_CANCELLED);
}
