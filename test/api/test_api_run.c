/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_run.c — runs: the cases of the contract by their numbers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "test/api/runs.h"

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
    api_check_and_reopen(world);
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
        api_check_and_reopen(world);
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
    api_check_and_reopen(world);
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
        api_check_and_reopen(world);
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
    api_check_and_reopen(world);
    assert_int_equal(get(world->ledger, "R").last_event_seq, UINT64_MAX);
}

static void create_25(firn_ledger *ledger)
{
    char id[8];
    firn_error err;

    for (int i = 0; i < 25; i++) {
        firn_run_args args;

        snprintf(id, sizeof id, "r%02d", i);
        args = meta(id);
        args.agent_name = i % 2 == 0 ? S("even") : S("odd");
        OK(err, firn_run_create(ledger, &args, NULL, &err));
    }
}

/* Cases 41, 42: runs newest first, in pages that reopening and later runs do not disturb. */
static void test_pages(void **state)
{
    api_world *world = *state;
    char id[8], cursor[FIRN_RUN_CURSOR_SIZE] = "";
    firn_run_filter filter = {.struct_size = sizeof filter};
    firn_run_list *list;
    firn_view *view;
    firn_run run;
    int next = 24;
    firn_error err;

    create_25(world->ledger);
    for (int page = 0; page < 3; page++) {
        api_reopen(world);
        view = view_of(world->ledger);
        filter.cursor = S(cursor);
        OK(err, firn_run_list_open(view, &filter, &list, &err));
        for (int i = 0; i < 10 && next >= 0; i++, next--) {
            OK(err, firn_run_list_next(list, &run, &err));
            snprintf(id, sizeof id, "r%02d", next);
            assert_true(is(run.run_id, id));
        }
        if (page == 2) {
            assert_int_equal(firn_run_list_next(list, &run, &err), FIRN_END);
        }
        firn_run_list_cursor(list, cursor);
        firn_run_list_close(list);
        firn_view_close(view);
        create(world->ledger, "new");
    }
    assert_int_equal(next, -1);
}

static size_t count(firn_view *view, firn_run_filter filter)
{
    firn_run_list *list;
    firn_run run;
    size_t found = 0;
    firn_error err;

    filter.struct_size = sizeof filter;
    OK(err, firn_run_list_open(view, &filter, &list, &err));
    while (firn_run_list_next(list, &run, &err) == FIRN_OK) {
        found++;
    }
    firn_run_list_close(list);
    return found;
}

/* Cases 39, 40, 43, 44: what a filter asks for must hold as a whole; a cursor belongs to its filter. */
static void test_filters(void **state)
{
    const uint32_t ended = 1u << FIRN_RUN_FAILED | 1u << FIRN_RUN_CANCELLED;
    api_world *world = *state;
    firn_run_filter filter = {.struct_size = sizeof filter};
    uint8_t other[FIRN_DIGEST_SIZE];
    char cursor[FIRN_RUN_CURSOR_SIZE], text[128];
    firn_run_list *list;
    firn_view *view;
    firn_run run;
    firn_time created, later;
    firn_error err;

    create_25(world->ledger);
    OK(err, firn_run_end(world->ledger, S("r02"), FIRN_RUN_FAILED, &sum0, &err));
    OK(err, firn_run_end(world->ledger, S("r03"), FIRN_RUN_CANCELLED, &sum0, &err));
    spec_of("other", other);
    view = view_of(world->ledger);
#define COUNT(...) count(view, (firn_run_filter){__VA_ARGS__})
    assert_int_equal(COUNT(0), 25);
    assert_int_equal(COUNT(.spec_digest = spec), 25);
    assert_int_equal(COUNT(.spec_digest = other), 0);
    assert_int_equal(COUNT(.agent_name = S("even")), 13);
    assert_int_equal(COUNT(.statuses = ended), 2);
    assert_int_equal(COUNT(.statuses = ended, .agent_name = S("odd")), 1);
    assert_int_equal(COUNT(.git_sha = S("abc123")), 25);
    assert_int_equal(COUNT(.git_sha = S("")), 0);
    created = get(world->ledger, "r24").created_at;
    later = created;
    later.seconds++;
    assert_int_equal(COUNT(.has_created_from = 1, .created_from = later), 0);
    assert_in_range(COUNT(.has_created_from = 1, .created_from = created), 1, 25);
    assert_in_range(COUNT(.has_created_to = 1, .created_to = created), 0, 24);
    assert_int_equal(COUNT(.has_created_to = 1, .created_to = later), 25);
    filter.cursor = S("!!");
    EXPECT(FIRN_EINVAL, err, "list runs: invalid cursor: !!", firn_run_list_open(view, &filter, &list, &err));
    filter.cursor = (firn_slice){0};
    OK(err, firn_run_list_open(view, &filter, &list, &err));
    OK(err, firn_run_list_next(list, &run, &err));
    firn_run_list_cursor(list, cursor);
    firn_run_list_close(list);
    filter.cursor = S(cursor);
    filter.agent_name = S("even");
    snprintf(text, sizeof text, "list runs: invalid cursor: %s", cursor);
    EXPECT(FIRN_EINVAL, err, text, firn_run_list_open(view, &filter, &list, &err));
    filter = (firn_run_filter){.struct_size = sizeof filter, .statuses = 16};
    EXPECT(FIRN_EINVAL, err, "list runs: invalid status: 16", firn_run_list_open(view, &filter, &list, &err));
    firn_view_close(view);
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
    api_check_and_reopen(world);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_create),  ON_MEMORY(test_unknown),    ON_BOTH(test_walks),
        ON_BOTH(test_ends),    ON_MEMORY(test_duplicates), ON_MEMORY(test_numbers),
        ON_BOTH(test_pages),   ON_MEMORY(test_filters),    ON_MEMORY(test_batch_of_events),
        ON_MEMORY(test_kinds), ON_BOTH(test_races),
    };

    return cmocka_run_group_tests_name("api_run", tests, NULL, NULL);
}
