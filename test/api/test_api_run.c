/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_run.c — runs: the cases of the contract by their numbers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "test/api/api.h"

static const firn_time t0 = {.seconds = 1717243200};

static void spec_of(const char *text, uint8_t out[FIRN_DIGEST_SIZE])
{
    firn_error err;

    OK(err, firn_digest_of(S(text), out, &err));
}

static uint8_t spec[FIRN_DIGEST_SIZE];

/* META of the contract's fixtures. */
static firn_run_args meta(const char *run_id)
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

static firn_run_created create(firn_ledger *ledger, const char *run_id)
{
    firn_run_args args = meta(run_id);
    firn_run_created created;
    firn_error err;

    OK(err, firn_run_create(ledger, &args, &created, &err));
    return created;
}

static firn_run_event ev(uint64_t event_seq, const char *kind)
{
    return (firn_run_event){
        .event_seq = event_seq, .kind = S(kind), .payload = S("{\"detail\":\"k\"}"), .timestamp = t0};
}

static const firn_run_summary sum0 = {.duration_ms = 100, .success = 1};

static firn_status append1(firn_ledger *ledger, const char *run_id, firn_run_event event, uint64_t *out_seq,
                           firn_run_appended *out, firn_error *err)
{
    return firn_run_append(ledger, S(run_id), &event, 1, out_seq, out, err);
}

static void append_ok(firn_ledger *ledger, const char *run_id, uint64_t event_seq, const char *kind)
{
    firn_error err;

    OK(err, append1(ledger, run_id, ev(event_seq, kind), NULL, NULL, &err));
}

static firn_view *view_of(firn_ledger *ledger)
{
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    return view;
}

/* The run as it is now. Its slices end with the next call. */
static firn_run get(firn_ledger *ledger, const char *run_id)
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

static bool is(firn_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

/* The numbers of the events that a walk gives, as text: "1 2 3". */
static const char *walk(firn_ledger *ledger, const char *run_id, firn_run_events_options options, size_t limit)
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

#define ALL(ledger, run_id) walk((ledger), (run_id), (firn_run_events_options){0}, SIZE_MAX)

static void check_and_reopen(api_world *world)
{
    firn_error err;

    OK(err, frn_ledger_check(world->ledger, &err));
    api_reopen(world);
    OK(err, frn_ledger_check(world->ledger, &err));
}

/* Cases 28, 29, 30: ids are made, what is created is shown, and the end is null while the run is RUNNING. */
static void test_create(void **state)
{
    api_world *world = *state;
    firn_run_created one = create(world->ledger, NULL), two = create(world->ledger, NULL);
    firn_run run;

    assert_int_equal(one.run_id_size, 36);
    assert_string_not_equal(one.run_id, two.run_id);
    assert_int_equal(one.run_id[14], '4');
    assert_int_equal(strspn(one.run_id, "0123456789abcdef-"), 36);
    create(world->ledger, "R");
    check_and_reopen(world);
    run = get(world->ledger, "R");
    assert_true(is(run.run_id, "R") && is(run.git_sha, "abc123") && is(run.agent_name, "test-agent"));
    assert_true(is(run.tags, "{\"env\":\"test\"}"));
    assert_memory_equal(run.spec_digest, spec, sizeof spec);
    assert_int_equal(run.has_evaluation, 0);
    assert_int_equal(run.status, FIRN_RUN_RUNNING);
    assert_int_equal(run.event_count, 0);
    assert_int_equal(run.end_seq, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        append_ok(world->ledger, "R", i, "k");
    }
    run = get(world->ledger, "R");
    assert_int_equal(run.event_count, 3);
    assert_int_equal(run.last_event_seq, 3);
    assert_int_equal(run.completed_at.seconds, 0);
}

/* Case 31: every verb and read on an unknown run says so. */
static void test_unknown(void **state)
{
    api_world *world = *state;
    firn_run_events *events;
    firn_buf buf = {0};
    firn_run run;
    firn_view *view = view_of(world->ledger);
    firn_error err;

    EXPECT(FIRN_ENOTFOUND, err, "append to run: run not found: nonexistent",
           append1(world->ledger, "nonexistent", ev(1, "k"), NULL, NULL, &err));
    EXPECT(FIRN_ENOTFOUND, err, "end run: run not found: nonexistent",
           firn_run_end(world->ledger, S("nonexistent"), FIRN_RUN_FAILED, &sum0, &err));
    EXPECT(FIRN_ENOTFOUND, err, "get run: run not found: nonexistent",
           firn_run_get(view, S("nonexistent"), &buf, &run, &err));
    EXPECT(FIRN_ENOTFOUND, err, "read events: run not found: nonexistent",
           firn_run_events_open(view, S("nonexistent"), NULL, &events, &err));
    firn_buf_free(&buf);
    firn_view_close(view);
    assert_int_equal(api_count(world->ledger), 0);
}

/* Cases 32, 47, 68, 69: events come by number whatever the order in which they were appended, within bounds, downwards.
 */
static void test_walks(void **state)
{
    api_world *world = *state;
    firn_error err;

    create(world->ledger, "R");
    append_ok(world->ledger, "R", 2, "node_exited");
    append_ok(world->ledger, "R", 1, "node_entered");
    append_ok(world->ledger, "R", 3, "graph_completed");
    assert_string_equal(ALL(world->ledger, "R"), "1 2 3");
    create(world->ledger, "gaps");
    append_ok(world->ledger, "gaps", 5000, "k");
    append_ok(world->ledger, "gaps", 64, "k");
    append_ok(world->ledger, "gaps", 63, "k");
    assert_string_equal(ALL(world->ledger, "gaps"), "63 64 5000");
    for (uint64_t i = 4; i <= 10; i++) {
        append_ok(world->ledger, "R", i, "k");
    }
    for (int i = 0; i < 2; i++) {
#define WALK(limit, ...) walk(world->ledger, "R", (firn_run_events_options){__VA_ARGS__}, limit)
        assert_string_equal(WALK(SIZE_MAX, .from = 3, .to = 5, .has_to = 1), "3 4 5");
        assert_string_equal(WALK(SIZE_MAX, .from = 5, .to = 3, .has_to = 1), "");
        assert_string_equal(WALK(2, .from = 3), "3 4");
        assert_string_equal(WALK(2, .reverse = 1), "10 9");
        assert_string_equal(WALK(20, .reverse = 1), "10 9 8 7 6 5 4 3 2 1");
        assert_string_equal(WALK(20, .reverse = 1, .from = 4, .to = 6, .has_to = 1), "6 5 4");
        assert_string_equal(
            walk(world->ledger, "gaps", (firn_run_events_options){.reverse = 1, .to = 4999, .has_to = 1}, 9), "64 63");
        check_and_reopen(world);
    }
    OK(err, frn_ledger_check(world->ledger, &err));
}

/* Cases 33 to 38: a run ends once, in one of three ways, and takes no event behind its end, not even a repeated one. */
static void test_ends(void **state)
{
    static const firn_run_status ends[] = {FIRN_RUN_COMPLETED, FIRN_RUN_FAILED, FIRN_RUN_CANCELLED};
    api_world *world = *state;
    firn_run_summary summary = {.total_events = 99, .duration_ms = 7, .has_final_state_digest = 1};
    char run_id[8], text[96];
    uint64_t records;
    firn_run before, after;
    firn_error err;

    spec_of("v1", summary.final_state_digest);
    for (size_t i = 0; i < 9; i++) {
        snprintf(run_id, sizeof run_id, "R%zu", i);
        create(world->ledger, run_id);
        append_ok(world->ledger, run_id, 1, "k");
        append_ok(world->ledger, run_id, 2, "k");
        OK(err, firn_run_end(world->ledger, S(run_id), ends[i / 3], &summary, &err));
        before = get(world->ledger, run_id);
        assert_int_equal(before.status, ends[i / 3]);
        assert_int_equal(before.event_count, 2);
        assert_memory_equal(&before.summary, &summary, sizeof summary);
        assert_true(before.completed_at.seconds >= before.created_at.seconds);
        records = api_count(world->ledger);
        snprintf(text, sizeof text, "end run: run %s is %s, expected RUNNING", run_id,
                 firn_run_status_name(ends[i / 3]));
        EXPECT(FIRN_ESTATE, err, text, firn_run_end(world->ledger, S(run_id), ends[i % 3], &summary, &err));
        snprintf(text, sizeof text, "append to run: run %s is %s, expected RUNNING", run_id,
                 firn_run_status_name(ends[i / 3]));
        EXPECT(FIRN_ESTATE, err, text, append1(world->ledger, run_id, ev(3, "late"), NULL, NULL, &err));
        EXPECT(FIRN_ESTATE, err, text, append1(world->ledger, run_id, ev(1, "k"), NULL, NULL, &err));
        assert_int_equal(api_count(world->ledger), records);
        after = get(world->ledger, run_id);
        assert_memory_equal(&after.completed_at, &before.completed_at, sizeof after.completed_at);
    }
    check_and_reopen(world);
    after = get(world->ledger, "R8");
    assert_memory_equal(&after.summary, &summary, sizeof summary);
    EXPECT(FIRN_EINVAL, err, "end run: invalid status: 0",
           firn_run_end(world->ledger, S("R1"), FIRN_RUN_RUNNING, &summary, &err));
}

/* Cases 45, 46: the same event again is no entry, another one under its number is refused. */
static void test_duplicates(void **state)
{
    static const char *const taken = "append to run: event 1 of run R already exists with different content";
    api_world *world = *state;
    firn_run_event other = ev(1, "a");
    firn_run_appended appended;
    uint64_t records;
    firn_error err;

    create(world->ledger, "R");
    OK(err, append1(world->ledger, "R", ev(1, "a"), NULL, &appended, &err));
    assert_int_equal(appended.appended, 1);
    for (int i = 0; i < 2; i++) {
        records = api_count(world->ledger);
        OK(err, append1(world->ledger, "R", ev(1, "a"), NULL, &appended, &err));
        assert_int_equal(appended.appended, 0);
        assert_int_equal(appended.duplicates, 1);
        EXPECT(FIRN_EEXISTS, err, taken, append1(world->ledger, "R", ev(1, "b"), NULL, NULL, &err));
        other.payload = S("{\"detail\":\"l\"}");
        EXPECT(FIRN_EEXISTS, err, taken, append1(world->ledger, "R", other, NULL, NULL, &err));
        other.payload = S("{\"detail\": \"k\"}");
        EXPECT(FIRN_EEXISTS, err, taken, append1(world->ledger, "R", other, NULL, NULL, &err));
        other = ev(1, "a");
        other.timestamp.nanoseconds = 1;
        EXPECT(FIRN_EEXISTS, err, taken, append1(world->ledger, "R", other, NULL, NULL, &err));
        assert_int_equal(api_count(world->ledger), records);
        check_and_reopen(world);
    }
    assert_string_equal(ALL(world->ledger, "R"), "1");
}

/* Cases 48, 49, 50: numbers from one end to the other, and those that the engine gives. */
static void test_numbers(void **state)
{
    api_world *world = *state;
    firn_run_event event = ev(UINT64_MAX, "b");
    uint64_t given;
    firn_error err;

    create(world->ledger, "R");
    event.payload = S("null");
    OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    append_ok(world->ledger, "R", 0, "a");
    assert_string_equal(ALL(world->ledger, "R"), "0 18446744073709551615");
    assert_string_equal(walk(world->ledger, "R", (firn_run_events_options){.reverse = 1}, 9), "18446744073709551615 0");
    event = ev(0, "c");
    event.auto_seq = 1;
    EXPECT(FIRN_ESTATE, err, "append to run: run R has no sequence number after 18446744073709551615",
           append1(world->ledger, "R", event, NULL, NULL, &err));
    append_ok(world->ledger, "R", 7, "d");
    create(world->ledger, "A");
    OK(err, append1(world->ledger, "A", event, &given, NULL, &err));
    assert_int_equal(given, 1);
    append_ok(world->ledger, "A", 10, "d");
    OK(err, append1(world->ledger, "A", event, &given, NULL, &err));
    assert_int_equal(given, 11);
    create(world->ledger, "Z");
    append_ok(world->ledger, "Z", 0, "d");
    OK(err, append1(world->ledger, "Z", event, &given, NULL, &err));
    assert_int_equal(given, 1);
    event.event_seq = 7;
    EXPECT(FIRN_EINVAL, err, "append to run: invalid seq: 7", append1(world->ledger, "Z", event, NULL, NULL, &err));
    check_and_reopen(world);
    assert_int_equal(get(world->ledger, "R").last_event_seq, UINT64_MAX);
}

/* Cases 39 to 44: runs newest first, in pages, by filters that all must hold. */
static void test_list(void **state)
{
    api_world *world = *state;
    char id[8], cursor[FIRN_RUN_CURSOR_SIZE] = "", seen[256] = "", one[FIRN_RUN_CURSOR_SIZE];
    firn_run_filter filter = {.struct_size = sizeof filter};
    firn_run_list *list;
    firn_view *view;
    firn_run run;
    size_t found, pages[3];
    uint8_t other[FIRN_DIGEST_SIZE];
    firn_error err;

    for (int i = 0; i < 25; i++) {
        firn_run_args args;

        snprintf(id, sizeof id, "r%02d", i);
        args = meta(id);
        args.agent_name = i % 2 == 0 ? S("even") : S("odd");
        OK(err, firn_run_create(world->ledger, &args, NULL, &err));
    }
    for (int page = 0; page < 3; page++) {
        api_reopen(world);
        view = view_of(world->ledger);
        filter.cursor = S(cursor);
        OK(err, firn_run_list_open(view, &filter, &list, &err));
        for (found = 0; found < 10 && firn_run_list_next(list, &run, &err) == FIRN_OK; found++) {
            if (strlen(seen) < 40)
                strncat(strncat(seen, run.run_id.data, run.run_id.size), " ", 2);
        }
        pages[page] = found;
        firn_run_list_cursor(list, cursor);
        firn_run_list_close(list);
        firn_view_close(view);
        if (page == 0) {
            create(world->ledger, "new");
        }
    }
    assert_int_equal(pages[0], 10);
    assert_int_equal(pages[1], 10);
    assert_int_equal(pages[2], 5);
    assert_memory_equal(seen, "r24 r23 r22 r21 r20 r19 r18 r17 r16 r15 ", 40);
    OK(err, firn_run_end(world->ledger, S("r02"), FIRN_RUN_FAILED, &sum0, &err));
    OK(err, firn_run_end(world->ledger, S("r03"), FIRN_RUN_CANCELLED, &sum0, &err));
    view = view_of(world->ledger);
    spec_of("other", other);
#define COUNT(expected, ...)                                                        \
    do {                                                                            \
        firn_run_filter own = {.struct_size = sizeof own, __VA_ARGS__};             \
        OK(err, firn_run_list_open(view, &own, &list, &err));                       \
        for (found = 0; firn_run_list_next(list, &run, &err) == FIRN_OK; found++) { \
        }                                                                           \
        firn_run_list_close(list);                                                  \
        assert_int_equal(found, expected);                                          \
    } while (0)
    COUNT(26, 0);
    COUNT(26, .spec_digest = spec);
    COUNT(0, .spec_digest = other);
    COUNT(13, .agent_name = S("even"));
    COUNT(2, .statuses = 1u << FIRN_RUN_FAILED | 1u << FIRN_RUN_CANCELLED);
    COUNT(1, .statuses = 1u << FIRN_RUN_FAILED | 1u << FIRN_RUN_CANCELLED, .agent_name = S("odd"));
    COUNT(26, .git_sha = S("abc123"));
    COUNT(0, .git_sha = S(""));
    run = get(world->ledger, "r05");
    COUNT(0, .has_created_to = 1, .created_to = {.seconds = 1});
    COUNT(26, .has_created_from = 1, .created_from = {.seconds = 1});
    filter.cursor = S("!!");
    EXPECT(FIRN_EINVAL, err, "list runs: invalid cursor: !!", firn_run_list_open(view, &filter, &list, &err));
    filter.cursor = S(cursor);
    filter.agent_name = S("even");
    snprintf(one, sizeof one, "%s", cursor);
    assert_int_equal(firn_run_list_open(view, &filter, &list, &err), FIRN_EINVAL);
    firn_view_close(view);
}

/* Cases 55 to 58: what JSON is taken, and that it comes back byte for byte without the white space around it. */
static void test_json(void **state)
{
    static const char *const good[] = {
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
        "{\"b\" : 1.0 , \"a\" : [1e2, -0, 1e19, 1E-7, 0.00001, 18446744073709551616] , \"s\" : "
        "\"\\u00e9\\u0001\\/\\ud83d\\ude00\" , \"b\" : 2 }",
        "{\"msg\":\"Za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \xf0\x9f\x98\x80 \\u0000\"}"};
    static const struct {
        const char *text, *reason;
    } bad[] = {
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
    api_world *world = *state;
    char deep[256], text[128];
    firn_run_event event;
    firn_view *view;
    firn_run_events *events;
    uint64_t records;
    firn_error err;

    create(world->ledger, "R");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char padded[512];

        event = ev(i, "k");
        snprintf(padded, sizeof padded, " \n%s\t ", good[i]);
        event.payload = S(padded);
        OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
        event.payload = S(good[i]);
        OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    }
    records = api_count(world->ledger);
    assert_int_equal(records, 1 + sizeof good / sizeof *good);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        event = ev(999, "k");
        event.payload = S(bad[i].text);
        snprintf(text, sizeof text, "append to run: invalid JSON in payload: %s", bad[i].reason);
        EXPECT(FIRN_EINVAL, err, text, append1(world->ledger, "R", event, NULL, NULL, &err));
    }
    memset(deep, '[', 121);
    memset(deep + 121, ']', 121);
    event.payload = (firn_slice){deep, 242};
    EXPECT(FIRN_EINVAL, err,
           "append to run: invalid JSON in payload: more than 120 containers within each other at byte 120",
           append1(world->ledger, "R", event, NULL, NULL, &err));
    assert_int_equal(api_count(world->ledger), records);
    event.payload = (firn_slice){deep + 1, 240};
    OK(err, append1(world->ledger, "R", event, NULL, NULL, &err));
    check_and_reopen(world);
    view = view_of(world->ledger);
    OK(err, firn_run_events_open(view, S("R"), NULL, &events, &err));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        OK(err, firn_run_events_next(events, &event, &err));
        assert_true(is(event.payload, good[i]));
        assert_memory_equal(&event.timestamp, &t0, sizeof t0);
    }
    firn_run_events_close(events);
    firn_view_close(view);
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
    check_and_reopen(world);
}

/* Case 66: a batch of events is taken as a whole or not at all. */
static void test_batch_of_events(void **state)
{
    api_world *world = *state;
    firn_run_event events[3] = {ev(1, "a"), ev(2, "b"), ev(3, "c")};
    firn_run_appended appended;
    uint64_t seqs[3];
    firn_error err;

    create(world->ledger, "R");
    OK(err, firn_run_append(world->ledger, S("R"), events, 3, seqs, &appended, &err));
    assert_int_equal(appended.appended, 3);
    assert_int_equal(seqs[2], 3);
    events[0].event_seq = 4;
    events[1].event_seq = 5;
    events[2] = ev(2, "other");
    EXPECT(FIRN_EEXISTS, err, "append to run: event 2 of run R already exists with different content",
           firn_run_append(world->ledger, S("R"), events, 3, NULL, NULL, &err));
    assert_string_equal(ALL(world->ledger, "R"), "1 2 3");
    events[1] = events[0];
    OK(err, firn_run_append(world->ledger, S("R"), events, 2, NULL, &appended, &err));
    assert_int_equal(appended.duplicates, 1);
    assert_int_equal(appended.event_count, 4);
    EXPECT(FIRN_EINVAL, err, "append to run: no events are given",
           firn_run_append(world->ledger, S("R"), events, 0, NULL, NULL, &err));
    check_and_reopen(world);
    assert_string_equal(ALL(world->ledger, "R"), "1 2 3 4");
}

/* Case 70: events by kind, exact and by prefix. */
static void test_kinds(void **state)
{
    static const char *const kinds[] = {"a", "b", "Custom:x", "Custom:y", "a"};
    api_world *world = *state;
    firn_run_kind exact = {S("a"), 0}, prefix = {S("Custom:"), 1};

    create(world->ledger, "R");
    for (uint64_t i = 0; i < 5; i++) {
        append_ok(world->ledger, "R", i + 1, kinds[i]);
    }
    assert_string_equal(WALK(9, .kinds = &exact, .kinds_count = 1), "1 5");
    assert_string_equal(WALK(9, .kinds = &prefix, .kinds_count = 1), "3 4");
    assert_string_equal(WALK(1, .kinds = &exact, .kinds_count = 1, .reverse = 1), "5");
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
    check_and_reopen(world);
}

enum {
    THREADS = 8,
    EACH = 200
};

typedef struct racer {
    firn_ledger *ledger;
    int number;
    unsigned done;   /* Calls that succeeded and wrote. */
    unsigned other;  /* Refused as they must be. */
    unsigned failed; /* Anything else. */
    uint64_t last;
} racer;

static void *race_append(void *arg)
{
    racer *own = arg;
    firn_run_event event = ev(0, "k");
    uint64_t given;

    event.auto_seq = 1;
    for (int i = 0; i < EACH; i++) {
        firn_status status = append1(own->ledger, "R", event, &given, NULL, NULL);

        own->done += status == FIRN_OK;
        own->other += status == FIRN_ESTATE;
        own->failed += (status != FIRN_OK && status != FIRN_ESTATE) || (status == FIRN_OK && given <= own->last);
        own->last = status == FIRN_OK ? given : own->last;
    }
    return NULL;
}

static void *race_same_number(void *arg)
{
    racer *own = arg;
    firn_run_event event = ev(1, "k");
    char payload[16];
    firn_status status;

    snprintf(payload, sizeof payload, "%d", own->number);
    event.payload = S(payload);
    status = append1(own->ledger, "R", event, NULL, NULL, NULL);
    own->done = status == FIRN_OK;
    own->other = status == FIRN_EEXISTS;
    return NULL;
}

static void *race_end(void *arg)
{
    racer *own = arg;
    firn_status status = firn_run_end(own->ledger, S("R"), (firn_run_status)(1 + own->number % 3), &sum0, NULL);

    own->done = status == FIRN_OK;
    own->other = status == FIRN_ESTATE;
    return NULL;
}

static void *race_create(void *arg)
{
    racer *own = arg;
    firn_run_args args = {
        .struct_size = sizeof args, .run_id = S("R"), .spec_digest = spec, .agent_name = S("a"), .tags = S("1")};
    firn_run_created created = {.created = 0};
    firn_status status = firn_run_create(own->ledger, &args, &created, NULL);

    own->done = status == FIRN_OK && created.created;
    own->other = status == FIRN_OK && !created.created;
    return NULL;
}

static racer race(firn_ledger *ledger, void *(*run)(void *), void *(*last)(void *))
{
    pthread_t threads[THREADS];
    racer racers[THREADS], sum = {0};

    for (int i = 0; i < THREADS; i++) {
        racers[i] = (racer){.ledger = ledger, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, i == THREADS - 1 ? last : run, &racers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sum.done += racers[i].done;
        sum.other += racers[i].other;
        sum.failed += racers[i].failed;
    }
    assert_int_equal(sum.failed, 0);
    return sum;
}

/* Cases 71 to 74: creators, appenders and finishers of one run at the same time. */
static void test_races(void **state)
{
    api_world *world = *state;
    racer sum;
    firn_run run;
    firn_error err;

    spec_of("spec", spec);
    sum = race(world->ledger, race_create, race_create);
    assert_int_equal(sum.done, 1);
    assert_int_equal(sum.other, THREADS - 1);
    sum = race(world->ledger, race_same_number, race_same_number);
    assert_int_equal(sum.done, 1);
    assert_int_equal(sum.other, THREADS - 1);
    sum = race(world->ledger, race_append, race_append);
    assert_int_equal(sum.done, THREADS * EACH);
    run = get(world->ledger, "R");
    assert_int_equal(run.event_count, 1 + THREADS * EACH);
    assert_int_equal(run.last_event_seq, 1 + THREADS * EACH);
    sum = race(world->ledger, race_append, race_end);
    run = get(world->ledger, "R");
    assert_int_equal(run.status, 1 + (THREADS - 1) % 3);
    assert_int_equal(run.event_count, 1 + THREADS * EACH + sum.done - 1);
    sum = race(world->ledger, race_end, race_end);
    assert_int_equal(sum.other, THREADS);
    OK(err, frn_ledger_check(world->ledger, &err));
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
        ON_BOTH(test_create),       ON_MEMORY(test_unknown),         ON_BOTH(test_walks),   ON_BOTH(test_ends),
        ON_MEMORY(test_duplicates), ON_MEMORY(test_numbers),         ON_BOTH(test_list),    ON_MEMORY(test_json),
        ON_MEMORY(test_arguments),  ON_MEMORY(test_batch_of_events), ON_MEMORY(test_kinds), ON_MEMORY(test_validation),
        ON_BOTH(test_races),        cmocka_unit_test(test_times),
    };

    return cmocka_run_group_tests_name("api_run", tests, NULL, NULL);
}
