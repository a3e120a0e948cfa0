/* SPDX-License-Identifier: Apache-2.0 */
/* runs.c — runs for tests: the fixtures of the contract, and short forms of what tests do with runs. */
#include "test/api/runs.h"

#include <stdio.h>

const firn_time t0 = {.seconds = 1717243200};

void spec_of(const char *text, uint8_t out[FIRN_DIGEST_SIZE])
{
    firn_error err;

    OK(err, firn_digest_of(S(text), out, &err));
}

uint8_t spec[FIRN_DIGEST_SIZE];

firn_run_args meta(const char *run_id)
{
    spec_of("spec", spec);
    return (firn_run_args){
        .struct_size = sizeof(firn_run_args),
        .run_id = run_id == NULL ? (firn_slice){0} : S(run_id),
        .spec_digest = spec,
        .agent_name = S("test-agent"),
        .git_sha = S("abc123"),
        .tags = S("{\"env\":\"test\"}"),
    };
}

firn_run_created create(firn_ledger *ledger, const char *run_id)
{
    firn_run_args args = meta(run_id);
    firn_run_created created;
    firn_error err;

    OK(err, firn_run_create(ledger, &args, &created, &err));
    return created;
}

firn_run_event ev(uint64_t event_seq, const char *kind)
{
    return (firn_run_event){
        .event_seq = event_seq, .kind = S(kind), .payload = S("{\"detail\":\"k\"}"), .timestamp = t0};
}

const firn_run_summary sum0 = {.duration_ms = 100, .success = 1};

firn_status append1(firn_ledger *ledger, const char *run_id, firn_run_event event, uint64_t *out_seq,
                    firn_run_appended *out, firn_error *err)
{
    return firn_run_append(ledger, S(run_id), &event, 1, out_seq, out, err);
}

void append_ok(firn_ledger *ledger, const char *run_id, uint64_t event_seq, const char *kind)
{
    firn_error err;

    OK(err, append1(ledger, run_id, ev(event_seq, kind), NULL, NULL, &err));
}

firn_view *view_of(firn_ledger *ledger)
{
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    return view;
}

firn_run get(firn_ledger *ledger, const char *run_id)
{
    static firn_buf buf;
    firn_view *view = view_of(ledger);
    firn_run run;
    firn_error err;

    firn_buf_free(&buf);
    OK(err, firn_run_get(view, S(run_id), &buf, &run, &err));
    firn_view_close(view);
    return run;
}

bool is(firn_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

const char *walk(firn_ledger *ledger, const char *run_id, firn_run_events_options options, size_t limit)
{
    static char text[4096];
    firn_view *view = view_of(ledger);
    firn_run_events *events;
    firn_run_event event;
    size_t used = 0;
    firn_status status = FIRN_OK;
    firn_error err;

    options.struct_size = sizeof options;
    text[0] = '\0';
    OK(err, firn_run_events_open(view, S(run_id), &options, &events, &err));
    for (size_t i = 0; i < limit && status == FIRN_OK; i++) {
        status = firn_run_events_next(events, &event, &err);
        if (status == FIRN_OK) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", used == 0 ? "" : " ",
                                     (unsigned long long)event.event_seq);
        }
    }
    assert_true(status == FIRN_OK || status == FIRN_END);
    firn_run_events_close(events);
    firn_view_close(view);
    return text;
}
