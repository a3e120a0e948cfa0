/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run_read.c — firn run show, events, list: what is there of runs. */
#include "tools/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/content.h"
#include "tools/error.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/text.h"
#include "tools/wire.h"

/** What every reading command has open. */
typedef struct reading {
    const tool_call *call;
    firn_ledger *ledger;
    firn_view *view;
    tool_json_text text;
} reading;

static int finish(reading *run, firn_status status, const firn_error *err)
{
    int code = TOOL_EXIT_OK;

    if (status < 0) {
        tool_output_flush();
        code = tool_error_report(err, run->call->json);
    }
    tool_json_text_done(&run->text);
    firn_view_close(run->view);
    firn_close(run->ledger, NULL);
    return code;
}

static void time_text(firn_time time, char *out)
{
    firn_error err;

    if (firn_time_format(time, out, &err) < 0)
        snprintf(out, FIRN_TIME_TEXT_SIZE, "-");
}

static void print_field(const char *name, firn_slice value)
{
    printf("%-13s", name);
    tool_print_escaped(stdout, value);
    putchar('\n');
}

static void print_summary(const firn_run *run)
{
    char digest[FIRN_DIGEST_TEXT_SIZE];
    char time[FIRN_TIME_TEXT_SIZE];

    time_text(run->completed_at, time);
    printf("%-13s%s\n", "ended", time);
    printf("%-13s%s, %" PRIu64 " ms, %" PRIu64 " events as told", "summary",
           run->summary.success ? "success" : "failure", run->summary.duration_ms, run->summary.total_events);
    if (run->summary.has_final_state_digest != 0) {
        firn_digest_format(run->summary.final_state_digest, digest);
        printf(", final state %s", digest);
    }
    putchar('\n');
}

static void print_run(const firn_run *run)
{
    char digest[FIRN_DIGEST_TEXT_SIZE];
    char time[FIRN_TIME_TEXT_SIZE];

    firn_digest_format(run->spec_digest, digest);
    time_text(run->created_at, time);
    print_field("run", run->run_id);
    print_field("status", tool_slice(firn_run_status_name(run->status)));
    print_field("spec", tool_slice(digest));
    print_field("agent", run->agent_name);
    if (run->git_sha.data != NULL)
        print_field("git sha", run->git_sha);
    print_field("tags", run->tags.size > 0 ? run->tags : tool_slice("null"));
    print_field("created", tool_slice(time));
    printf("%-13s%" PRIu64, "events", run->event_count);
    if (run->event_count > 0)
        printf(", the last is %" PRIu64, run->last_event_seq);
    putchar('\n');
    if (run->status != FIRN_RUN_RUNNING)
        print_summary(run);
}

int tool_cmd_run_show(tool_call *call)
{
    reading run = {.call = call};
    firn_buf buf = {0};
    firn_run found;
    firn_error err;
    firn_status status = tool_view_read(call, &run.ledger, &run.view, &err);

    if (status == FIRN_OK)
        status = firn_run_get(run.view, tool_slice(call->operands[0]), &buf, &found, &err);
    if (status == FIRN_OK && call->json) {
        tool_wire_run(&run.text, &found);
        tool_wire_print(&run.text);
    } else if (status == FIRN_OK) {
        print_run(&found);
    }
    firn_buf_free(&buf);
    return finish(&run, status, &err);
}

static void print_event(reading *run, const firn_run_event *event)
{
    char time[FIRN_TIME_TEXT_SIZE];
    const char *payload = event->payload.data;

    if (run->call->json) {
        tool_wire_event(&run->text, event);
        tool_wire_print(&run->text);
        return;
    }
    time_text(event->timestamp, time);
    printf("%" PRIu64 "\t%s\t", event->event_seq, time);
    tool_print_escaped(stdout, event->kind);
    putchar('\t');
    /* A line break in JSON text is white space between values. */
    for (size_t i = 0; i < event->payload.size; i++)
        putchar(payload[i] == '\n' || payload[i] == '\r' ? ' ' : payload[i]);
    putchar('\n');
}

/** With --limit a last line tells where the next page begins: {"next":…}. */
static void print_next(reading *run, bool more, uint64_t next)
{
    if (run->call->json) {
        tool_json_text_raw(&run->text, "{\"next\":");
        if (more)
            tool_json_text_number(&run->text, next);
        else
            tool_json_text_raw(&run->text, "null");
        tool_json_text_raw(&run->text, "}");
        tool_wire_print(&run->text);
    } else if (more) {
        fprintf(stderr, "more from %" PRIu64 " on\n", next);
    }
}

static firn_status print_events(reading *run, const firn_run_events_options *options, uint64_t limit, firn_error *err)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    uint64_t count = 0;
    firn_status status = firn_run_events_open(run->view, tool_slice(run->call->operands[0]), options, &events, err);

    if (status < 0)
        return status;
    while ((status = firn_run_events_next(events, &event, err)) == FIRN_OK && !ferror(stdout)) {
        if (limit > 0 && count++ == limit)
            break;
        print_event(run, &event);
    }
    if (limit > 0 && status >= 0)
        print_next(run, status == FIRN_OK, event.event_seq);
    firn_run_events_close(events);
    return status < 0 ? status : FIRN_OK;
}

/** The kinds asked for; a * at the end stands for any ending. */
static size_t read_kinds(const tool_call *call, firn_run_kind *kinds)
{
    size_t count = 0;
    const char *name;
    int position = 0;

    while ((name = tool_option_each(call, "kind", &position)) != NULL) {
        size_t size = strlen(name);
        bool prefix = size > 0 && name[size - 1] == '*';

        kinds[count++] = (firn_run_kind){.kind = {name, size - prefix}, .prefix = prefix ? 1 : 0};
    }
    return count;
}

/** Where the last n events of these kinds begin. */
static firn_status find_tail(reading *run, firn_run_events_options *options, uint64_t n, firn_error *err)
{
    firn_run_events *events = NULL;
    firn_run_event event;
    firn_status status;

    options->reverse = 1;
    status = firn_run_events_open(run->view, tool_slice(run->call->operands[0]), options, &events, err);
    options->reverse = 0;
    if (status < 0)
        return status;
    for (; n > 0 && (status = firn_run_events_next(events, &event, err)) == FIRN_OK; n--)
        options->from = event.event_seq;
    firn_run_events_close(events);
    return status < 0 ? status : FIRN_OK;
}

int tool_cmd_run_events(tool_call *call)
{
    reading run = {.call = call};
    firn_run_kind kinds[TOOL_GIVEN_MAX];
    firn_run_events_options options = {
        .struct_size = sizeof options,
        .has_to = tool_option_given(call, "to") ? 1 : 0,
        .reverse = tool_option_given(call, "reverse") ? 1 : 0,
        .kinds = kinds,
        .kinds_count = read_kinds(call, kinds),
    };
    uint64_t limit = 0;
    uint64_t tail = 0;
    firn_error err;
    firn_status status = tool_option_number(call, "from", 0, UINT64_MAX, &options.from, &err);

    if (status == FIRN_OK)
        status = tool_option_number(call, "to", 0, UINT64_MAX, &options.to, &err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "limit", 0, UINT64_MAX, &limit, &err);
    if (status == FIRN_OK)
        status = tool_option_number(call, "tail", 1, UINT64_MAX, &tail, &err);
    if (status == FIRN_OK && tail > 0 && (limit > 0 || options.reverse != 0))
        status = tool_fail(&err, FIRN_EINVAL, "--tail goes without --limit and --reverse");
    if (status < 0)
        tool_wrap(&err, status, "run events");
    if (status == FIRN_OK)
        status = tool_view_read(call, &run.ledger, &run.view, &err);
    if (status == FIRN_OK && tail > 0)
        status = find_tail(&run, &options, tail, &err);
    if (status == FIRN_OK)
        status = print_events(&run, &options, limit, &err);
    return finish(&run, status, &err);
}

static void print_list_row(reading *run, const firn_run *found)
{
    char time[FIRN_TIME_TEXT_SIZE];

    if (run->call->json) {
        tool_wire_run(&run->text, found);
        tool_wire_print(&run->text);
        return;
    }
    time_text(found->created_at, time);
    tool_print_escaped(stdout, found->run_id);
    printf("\t%s\t%s\t%" PRIu64 "\t", firn_run_status_name(found->status), time, found->event_count);
    tool_print_escaped(stdout, found->agent_name);
    putchar('\n');
}

static void print_cursor(reading *run, const char *cursor)
{
    if (run->call->json) {
        tool_json_text_raw(&run->text, "{");
        tool_wire_string(&run->text, "next", tool_slice(cursor));
        tool_json_text_raw(&run->text, "}");
        tool_wire_print(&run->text);
    } else if (cursor != NULL) {
        fprintf(stderr, "more with --cursor %s\n", cursor);
    }
}

static firn_status print_list(reading *run, const firn_run_filter *filter, uint64_t limit, firn_error *err)
{
    char cursor[FIRN_RUN_CURSOR_SIZE] = "";
    firn_run_list *list = NULL;
    firn_run found;
    uint64_t count = 0;
    firn_status status = firn_run_list_open(run->view, filter, &list, err);

    if (status < 0)
        return status;
    while ((status = firn_run_list_next(list, &found, err)) == FIRN_OK && !ferror(stdout)) {
        if (limit > 0 && count == limit)
            break;
        print_list_row(run, &found);
        if (++count == limit)
            firn_run_list_cursor(list, cursor);
    }
    if (limit > 0 && status >= 0)
        print_cursor(run, status == FIRN_OK ? cursor : NULL);
    firn_run_list_close(list);
    return status < 0 ? status : FIRN_OK;
}

static firn_status read_statuses(const tool_call *call, uint32_t *statuses, firn_error *err)
{
    const char *name;
    int position = 0;

    while ((name = tool_option_each(call, "status", &position)) != NULL) {
        firn_run_status status = FIRN_RUN_RUNNING;

        while (status <= FIRN_RUN_CANCELLED && strcmp(name, firn_run_status_name(status)) != 0)
            status++;
        if (status > FIRN_RUN_CANCELLED)
            return tool_fail(err, FIRN_EINVAL, "invalid status: %s", name);
        *statuses |= 1U << status;
    }
    return FIRN_OK;
}

static firn_status read_filter(const tool_call *call, uint8_t *digest, firn_run_filter *filter, firn_error *err)
{
    const char *spec = tool_option_text(call, "spec-digest");
    const char *from = tool_option_text(call, "created-from");
    const char *to = tool_option_text(call, "created-to");
    firn_status status = read_statuses(call, &filter->statuses, err);

    filter->agent_name = tool_slice(tool_option_text(call, "agent"));
    filter->git_sha = tool_slice(tool_option_text(call, "git-sha"));
    filter->cursor = tool_slice(tool_option_text(call, "cursor"));
    filter->has_created_from = from != NULL ? 1 : 0;
    filter->has_created_to = to != NULL ? 1 : 0;
    if (status == FIRN_OK && spec != NULL) {
        status = firn_digest_parse(tool_slice(spec), digest, err);
        filter->spec_digest = digest;
    }
    if (status == FIRN_OK && from != NULL)
        status = firn_time_parse(tool_slice(from), &filter->created_from, err);
    if (status == FIRN_OK && to != NULL)
        status = firn_time_parse(tool_slice(to), &filter->created_to, err);
    return status;
}

int tool_cmd_run_list(tool_call *call)
{
    reading run = {.call = call};
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_run_filter filter = {.struct_size = sizeof filter};
    uint64_t limit = 0;
    firn_error err;
    firn_status status = read_filter(call, digest, &filter, &err);

    if (status == FIRN_OK)
        status = tool_option_number(call, "limit", 0, 10000, &limit, &err);
    if (status < 0)
        tool_wrap(&err, status, "run list");
    if (status == FIRN_OK)
        status = tool_view_read(call, &run.ledger, &run.view, &err);
    if (status == FIRN_OK)
        status = print_list(&run, &filter, limit, &err);
    return finish(&run, status, &err);
}
