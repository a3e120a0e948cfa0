/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_run_cases.c — runs: cases of the contract that need a clock, large payloads, or every kind of event. */
#include <stdio.h>
#include <stdlib.h>

#include "test/api/runs.h"

/* The ids of all runs, newest first: "C B A". */
static const char *list(firn_ledger *ledger)
{
    static char text[256];
    firn_view *view = view_of(ledger);
    firn_run_list *runs;
    firn_run run;
    size_t used = 0;
    firn_error err;

    text[0] = '\0';
    OK(err, firn_run_list_open(view, NULL, &runs, &err));
    while (firn_run_list_next(runs, &run, &err) == FIRN_OK) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", used == 0 ? "" : " ", (int)run.run_id.size,
                                 (const char *)run.run_id.data);
    }
    firn_run_list_close(runs);
    firn_view_close(view);
    return text;
}

/* Case 41: runs are listed newest first by the log, whether the clock runs, stands still, or goes back an hour. */
static void test_order_without_a_clock(void **state)
{
    static const int64_t steps[] = {1000000000, 0, -INT64_C(3600) * 1000000000};
    api_world *world = *state;

    api_close(world);
    world->clock_ns = INT64_C(1800000000000000000);
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    api_open(world);
    for (int i = 0; i < 3; i++) {
        char id[3][8], wanted[64];

        for (int run = 0; run < 3; run++) {
            (void)snprintf(id[run], sizeof id[run], "%c%d", 'A' + run, i);
            world->clock_ns += run == 2 ? steps[i] : i == 1 ? 0 : 1000;
            create(world->ledger, id[run]);
        }
        (void)snprintf(wanted, sizeof wanted, "%s %s %s", id[2], id[1], id[0]);
        assert_memory_equal(list(world->ledger), wanted, strlen(wanted));
    }
    api_check_and_reopen(world);
    assert_string_equal(list(world->ledger), "C2 B2 A2 C1 B1 A1 C0 B0 A0");
}

/* The one event of a run, whose slices live until the walk is closed. */
static firn_run_event event_of(firn_view *view, const char *run_id, firn_run_events **out_events)
{
    firn_run_event event;
    firn_error err;

    OK(err, firn_run_events_open(view, S(run_id), NULL, out_events, &err));
    OK(err, firn_run_events_next(*out_events, &event, &err));
    return event;
}

/* Case 54, but for the digest: a caller's instant comes back to the nanosecond. */
static void test_nanoseconds(void **state)
{
    api_world *world = *state;
    firn_run_event event = ev(1, "k"), got;
    char text[FIRN_TIME_TEXT_SIZE];
    firn_run_events *events;
    firn_view *view;
    firn_error err;

    create(world->ledger, "R");
    OK(err, firn_time_parse(S("2026-01-02T03:04:05.000000001Z"), &event.timestamp, &err));
    event.payload = S("{}");
    OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    api_check_and_reopen(world);
    view = view_of(world->ledger);
    got = event_of(view, "R", &events);
    OK(err, firn_time_format(got.timestamp, text, &err));
    assert_string_equal(text, "2026-01-02T03:04:05.000000001Z");
    assert_true(is(got.payload, "{}"));
    firn_run_events_close(events);
    firn_view_close(view);
}

/* Case 59, as far as a payload fits one record: the largest one comes back byte for byte; one that is larger by a byte
 * is refused and stores nothing. */
static void test_large_payload(void **state)
{
    api_world *world = *state;
    char *text = malloc((size_t)FIRN_PAYLOAD_SIZE_MAX + 1);
    firn_run_event event = ev(1, "k"), got;
    firn_run_events *events;
    firn_view *view;
    firn_error err;

    assert_non_null(text);
    memset(text, 'x', (size_t)FIRN_PAYLOAD_SIZE_MAX + 1);
    text[0] = text[FIRN_PAYLOAD_SIZE_MAX] = '"';
    create(world->ledger, "R");
    event.payload = (firn_slice){text, (size_t)FIRN_PAYLOAD_SIZE_MAX + 1};
    EXPECT(FIRN_ETOOBIG, err, "append to run: payload longer than 16776192 bytes",
           append1(world->ledger, "R", event, NULL, NULL, &err));
    assert_int_equal(api_count(world->ledger), 1);
    text[FIRN_PAYLOAD_SIZE_MAX - 1] = '"';
    event.payload.size--;
    OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    api_check_and_reopen(world);
    view = view_of(world->ledger);
    got = event_of(view, "R", &events);
    assert_int_equal(got.payload.size, event.payload.size);
    assert_memory_equal(got.payload.data, text, event.payload.size);
    firn_run_events_close(events);
    firn_view_close(view);
    free(text);
}

/* Case 64: a summary is kept as given, against the facts and against the way the run ended, and beside it stands what
 * was counted. */
static void test_summary_verbatim(void **state)
{
    static const firn_run_status ends[] = {FIRN_RUN_COMPLETED, FIRN_RUN_FAILED, FIRN_RUN_CANCELLED};
    static const char *const ids[] = {"completed", "failed", "cancelled"};
    api_world *world = *state;
    firn_run_summary summary = {.total_events = 99, .duration_ms = 100, .has_final_state_digest = 1};
    firn_error err;

    spec_of("v1", summary.final_state_digest);
    for (int i = 0; i < 3; i++) {
        create(world->ledger, ids[i]);
        append_ok(world->ledger, ids[i], 1, "k");
        append_ok(world->ledger, ids[i], 2, "k");
        summary.success = ends[i] == FIRN_RUN_FAILED;
        OK(err, firn_run_end(world->ledger, S(ids[i]), ends[i], &summary, &err));
    }
    api_check_and_reopen(world);
    for (int i = 0; i < 3; i++) {
        firn_run run = get(world->ledger, ids[i]);

        summary.success = ends[i] == FIRN_RUN_FAILED;
        assert_int_equal(run.status, ends[i]);
        assert_memory_equal(&run.summary, &summary, sizeof summary);
        assert_int_equal(run.event_count, 2);
        assert_int_equal(run.last_event_seq, 2);
    }
}

/* Every known kind with its required fields, from the table that validation itself is made of. */
static const struct {
    const char *kind, *fields[2];
} known[] = {
#define EVENT_KIND(kind, first, second) {(kind), {(first), (second)}},
#include "engine/store/run_kinds.def"
#undef EVENT_KIND
};

/* Case 102: under strict validation, a payload without a required field names that field; one that is no object names
 * the first; with all of them it is taken. */
static void test_required_fields(void **state)
{
    api_world *world = *state;
    firn_error err;

    api_close(world);
    world->options.event_validation = FIRN_VALIDATE_STRICT;
    api_open(world);
    create(world->ledger, "R");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *first = known[i].fields[0], *second = known[i].fields[1];
        firn_run_event event = ev(i, known[i].kind);
        char payload[128], text[160];

        (void)snprintf(text, sizeof text, "append to run: event kind %s missing required payload field: %s",
                       known[i].kind, first);
        event.payload = S("[]");
        EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "R", event, NULL, NULL, &err));
        (void)snprintf(payload, sizeof payload, "{\"%s\":1}", second != NULL ? second : "other");
        event.payload = S(payload);
        EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "R", event, NULL, NULL, &err));
        (void)snprintf(payload, sizeof payload, "{\"%s\":null}", first);
        event.payload = S(payload);
        if (second != NULL) {
            (void)snprintf(text, sizeof text, "append to run: event kind %s missing required payload field: %s",
                           known[i].kind, second);
            EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "R", event, NULL, NULL, &err));
            (void)snprintf(payload, sizeof payload, "{\"%s\":[],\"%s\":null}", second, first);
            event.payload = S(payload);
        }
        OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    }
    assert_int_equal(get(world->ledger, "R").event_count, sizeof known / sizeof known[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_order_without_a_clock), ON_BOTH(test_nanoseconds),       ON_FOLDER(test_large_payload),
        ON_BOTH(test_summary_verbatim),      ON_MEMORY(test_required_fields),
    };

    return cmocka_run_group_tests_name("api_run_cases", tests, NULL, NULL);
}
