/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_run_rules.c — what may be given to runs: JSON, fields, kinds and instants, by the contract's cases. */
#include <stdio.h>

#include "test/api/runs.h"

static const char *const good_json[] = {
    "null",
    "true",
    "0",
    "\"\"",
    "[]",
    "{}",
    "{\"a\":1,\"a\":2}",
    "-0",
    "1e308",
    "1.7976931348623157e308",
    ("{\"b\" : 1.0 , \"a\" : [1e2, -0, 1e19, 1E-7, 0.00001, 18446744073709551616] , \"s\" : "
     "\"\\u00e9\\u0001\\/\\ud83d\\ude00\" , \"b\" : 2 }"),
    "{\"msg\":\"Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x98\x80 \\u0000\"}"};

static const struct {
    const char *text, *reason;
} bad_json[] = {
    {"", "text ends where a value should be at byte 0"},
    {"{", "string expected at byte 1"},
    {"1 2", "text behind the value at byte 2"},
    {"\"\\ud800\"", "lone surrogate at byte 1"},
    {"1e400", "number beyond binary64 at byte 0"},
    {"1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963302864"
     "1"
     "6692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366"
     "9596228429148198608349364752927190741684443655107043427115596995080930428801779041744977920",
     "number beyond binary64 at byte 0"},
    {"NaN", "value expected at byte 0"},
    {"\"\xff\"", "string is not UTF-8 at byte 1"},
    {"\xef\xbb\xbf{}", "value expected at byte 0"},
    {"01", "number with a leading zero at byte 2"},
    {"[1,]", "value expected at byte 3"},
    {"{\"a\" 1}", "colon expected at byte 5"},
};

/* Cases 55, 56, 58: JSON comes back byte for byte without the white space around it, which makes no other event. */
static void test_json(void **state)
{
    api_world *world = *state;
    firn_run_event event;
    firn_view *view;
    firn_run_events *events;
    char padded[512];
    firn_error err;

    create(world->ledger, "R");
    for (size_t i = 0; i < sizeof good_json / sizeof *good_json; i++) {
        event = ev(i, "k");
        snprintf(padded, sizeof padded, " \n%s\t ", good_json[i]);
        event.payload = S(padded);
        OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
        event.payload = S(good_json[i]);
        OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    }
    assert_int_equal(api_count(world->ledger), 1 + sizeof good_json / sizeof *good_json);
    api_check_and_reopen(world);
    view = view_of(world->ledger);
    OK(err, firn_run_events_open(view, S("R"), NULL, &events, &err));
    for (size_t i = 0; i < sizeof good_json / sizeof *good_json; i++) {
        OK(err, firn_run_events_next(events, &event, &err));
        assert_true(is(event.payload, good_json[i]));
        assert_memory_equal(&event.timestamp, &t0, sizeof t0);
    }
    firn_run_events_close(events);
    firn_view_close(view);
}

/* Case 57: what is no JSON value, or too deep, is refused with its place and stores nothing. */
static void test_bad_json(void **state)
{
    api_world *world = *state;
    char deep[256], text[128];
    firn_run_event event = ev(999, "k");
    firn_error err;

    create(world->ledger, "R");
    for (size_t i = 0; i < sizeof bad_json / sizeof *bad_json; i++) {
        event.payload = S(bad_json[i].text);
        snprintf(text, sizeof text, "append to run: invalid JSON in payload: %s", bad_json[i].reason);
        EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "R", event, NULL, NULL, &err));
    }
    memset(deep, '[', 121);
    memset(deep + 121, ']', 121);
    event.payload = (firn_slice){deep, 242};
    EXPECT(FIRN_EINVAL, err,
           "append to run: invalid JSON in payload: more than 120 containers within each other at byte 120",
           append1(world->ledger, "R", event, NULL, NULL, &err));
    assert_int_equal(api_count(world->ledger), 1);
    event.payload = (firn_slice){deep + 1, 240};
    OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
}

/* Cases 60 to 63: repeated creation, evaluation blocks, and fields that are too long or not of their form. */
static void test_arguments(void **state)
{
    static const char *const differs = "create run: run run-1 already exists with different content";
    api_world *world = *state;
    firn_run_args args = meta("run-1");
    firn_run_evaluation evaluation = {.agent_phase = 0};
    firn_run_created created;
    char longest[300];
    firn_run run;
    firn_error err;

    memset(longest, 'x', sizeof longest);
    assert_int_equal(create(world->ledger, "run-1").created, 1);
    assert_int_equal(create(world->ledger, "run-1").created, 0);
    OK(err, firn_run_end(world->ledger, S("run-1"), FIRN_RUN_COMPLETED, &sum0, &err));
    assert_int_equal(create(world->ledger, "run-1").created, 0);
    args.evaluation = &evaluation;
    OK(err, firn_run_create(world->ledger, &args, &created, &err));
    assert_int_equal(created.created, 0);
    evaluation = (firn_run_evaluation){.rubric_path = S("r.md"), .is_promotion_gate = 1, .agent_phase = 3};
    EXPECT(FIRN_EEXISTS, err, differs, firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = S("run-2");
    OK(err, firn_run_create(world->ledger, &args, NULL, &err));
    run = get(world->ledger, "run-2");
    assert_true(run.has_evaluation && is(run.evaluation.rubric_path, "r.md") && run.evaluation.agent_phase == 3);
    args = meta("run-1");
    args.tags = S("{\"env\": \"test\"}");
    EXPECT(FIRN_EEXISTS, err, differs, firn_run_create(world->ledger, &args, NULL, &err));
    args = meta("run-1");
    args.git_sha = (firn_slice){0};
    EXPECT(FIRN_EEXISTS, err, differs, firn_run_create(world->ledger, &args, NULL, &err));
    args = meta("run-1");
    args.agent_name = S("other");
    EXPECT(FIRN_EEXISTS, err, differs, firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = (firn_slice){longest, 255};
    OK(err, firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = (firn_slice){longest, 256};
    EXPECT(FIRN_ETOOBIG, err, "create run: run_id longer than 255 bytes",
           firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = S("");
    EXPECT(FIRN_EINVAL, err, "create run: invalid run_id: ", firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = S("a\nb");
    EXPECT(FIRN_EINVAL, err, "create run: invalid run_id: a\nb", firn_run_create(world->ledger, &args, NULL, &err));
    args.run_id = S("\xd0\xbb\xd0\xbe\xd0\xb3-1");
    OK(err, firn_run_create(world->ledger, &args, NULL, &err));
    append_ok(world->ledger, "run-2", 1, "");
    longest[255] = '\0';
    append_ok(world->ledger, "run-2", 2, longest);
    longest[255] = 'x';
    longest[256] = '\0';
    EXPECT(FIRN_ETOOBIG, err, "append to run: kind longer than 255 bytes",
           append1(world->ledger, "run-2", ev(3, longest), NULL, NULL, &err));
    api_check_and_reopen(world);
}

/* Cases 100 to 104: kinds and their required fields, strict, as a warning, and not at all. */
static void test_validation(void **state)
{
    static const struct {
        const char *kind, *payload, *text;
    } cases[] = {
        {"node_entered", "{\"node_id\":\"n1\",\"iteration\":1}", NULL},
        {"tool_called", "{\"tool_name\":\"search\"}", NULL},
        {"checkpoint_saved", "{\"checkpoint_id\":\"cp1\",\"node_id\":\"n1\"}", NULL},
        {"Custom:MyEvent", "{}", NULL},
        {"Custom:", "1", NULL},
        {"graph_failed", "{\"error\":null}", NULL},
        {"node_exited", "{\"x\":{\"y\":[1,2]},\"node\\u005fid\":1}", NULL},
        {"node_entered", "{\"iteration\":1}", "event kind node_entered missing required payload field: node_id"},
        {"checkpoint_saved", "{\"checkpoint_id\":\"cp1\"}",
         "event kind checkpoint_saved missing required payload field: node_id"},
        {"graph_started", "[]", "event kind graph_started missing required payload field: graph_name"},
        {"node_exited", "{\"x\":{\"node_id\":1}}", "event kind node_exited missing required payload field: node_id"},
        {"BogusEvent", "{}", "unknown event kind: BogusEvent"},
        {"custom:x", "{}", "unknown event kind: custom:x"},
        {"deploy_started", "{}", "unknown event kind: deploy_started"},
        {"", "{}", "event kind must not be empty"},
    };
    api_world *world = *state;
    firn_run_appended appended;
    char text[160];
    firn_error err;

    for (int mode = FIRN_VALIDATE_OFF; mode <= FIRN_VALIDATE_STRICT; mode++) {
        api_close(world);
        world->options.event_validation = (firn_event_validation)mode;
        api_open(world);
        snprintf(text, sizeof text, "R%d", mode);
        create(world->ledger, text);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            firn_run_event event = ev(i, cases[i].kind);
            char run_id[8];

            snprintf(run_id, sizeof run_id, "R%d", mode);
            event.payload = S(cases[i].payload);
            if (mode == FIRN_VALIDATE_STRICT && cases[i].text != NULL) {
                snprintf(text, sizeof text, "append to run: %s", cases[i].text);
                EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, run_id, event, NULL, NULL, &err));
                EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "unknown", event, NULL, NULL, &err));
            } else {
                OK(err, append1(world->ledger, run_id, event, NULL, &appended, &err));
                assert_int_equal(appended.warnings, mode == FIRN_VALIDATE_WARN && cases[i].text != NULL);
            }
        }
    }
    api_check_and_reopen(world);
}

/* Cases 52, 53: instants from text and as text. */
static void test_times(void **state)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
        {"2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.120Z"},
        {"2026-01-02t03:04:05.12z", "2026-01-02T03:04:05.120Z"},
        {"2026-01-02 03:04:05.000120Z", "2026-01-02T03:04:05.000120Z"},
        {"2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.000000001Z"},
        {"2026-01-02T05:04:05.5+02:00", "2026-01-02T03:04:05.500Z"},
        {"2026-01-02T03:04:05.1234567899Z", "2026-01-02T03:04:05.123456789Z"},
        {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
    };
    static const char *const bad[] = {
        "2026-02-30T00:00:00Z", "2026-01-01T00:00:60Z",  "2026-01-01T00:00:00",      "2026-01-01", "",
        "2025-02-29T00:00:00Z", "2026-01-01T00:00:00.Z", "0000-01-01T00:00:00+01:00"};
    char text[FIRN_TIME_TEXT_SIZE], wanted[96];
    firn_time time;
    firn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        OK(err, firn_time_parse(S(good[i].in), &time, &err));
        OK(err, firn_time_format(time, text, &err));
        assert_string_equal(text, good[i].out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(wanted, sizeof wanted, "invalid timestamp: %s", bad[i]);
        EXPECT(FIRN_EINVAL, err, wanted, firn_time_parse(S(bad[i]), &time, &err));
    }
    assert_int_equal(firn_time_of_ns(-1).seconds, -1);
    assert_int_equal(firn_time_of_ns(-1).nanoseconds, 999999999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_json),         ON_MEMORY(test_bad_json),     ON_MEMORY(test_arguments),
        ON_MEMORY(test_validation), cmocka_unit_test(test_times),
    };

    return cmocka_run_group_tests_name("api_run_rules", tests, NULL, NULL);
}
