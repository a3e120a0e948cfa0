/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_arguments.c — arguments that no call can do anything with: NULL, too long, out of range; the text names
 * them. */
#include <stdio.h>
#include <stdlib.h>

#include "test/api/runs.h"

static firn_error err;

/* A refusal with its text; the ledger is as before. */
#define BAD(status, text, call) EXPECT((status), err, (text), (call))
#define INVALID(text, call) BAD(FIRN_EINVAL, (text), (call))

static const firn_slice nothing = {0};
static const firn_slice no_data = {NULL, 3};

/* Verbs without a ledger, and without what they are about. */
static void test_content_verbs(void **state)
{
    api_world *world = *state;
    firn_submit_options submit = {.struct_size = sizeof submit};
    firn_content_writer *writer = NULL;
    firn_batch *batch = NULL;
    firn_ticket *ticket;

    INVALID("put content: ledger is NULL", firn_content_put(NULL, S("a"), NULL, NULL, &err));
    INVALID("put content: ledger is NULL", firn_content_put_submit(NULL, S("a"), NULL, NULL, &submit, &ticket, &err));
    INVALID("put content: batch is NULL", firn_batch_content_put(NULL, S("a"), NULL, NULL, &err));
    INVALID("put content: bytes is NULL", firn_content_put(world->ledger, no_data, NULL, NULL, &err));
    INVALID("open content writer: ledger is NULL", firn_content_writer_open(NULL, &writer, &err));
    INVALID("open content writer: out_writer is NULL", firn_content_writer_open(world->ledger, NULL, &err));
    INVALID(NULL, firn_content_writer_write(NULL, S("a"), &err));
    INVALID(NULL, firn_content_writer_finish(NULL, NULL, NULL, &err));
    OK(err, firn_content_writer_open(world->ledger, &writer, &err));
    INVALID(NULL, firn_content_writer_write(writer, no_data, &err));
    firn_content_writer_close(writer);
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    INVALID(NULL, firn_batch_content_put(batch, no_data, NULL, NULL, &err));
    firn_batch_free(batch);
    assert_int_equal(api_count(world->ledger), 0);
}

static void test_run_verbs(void **state)
{
    api_world *world = *state;
    firn_run_summary odd = sum0;
    firn_run_evaluation gate = {.is_promotion_gate = 2};
    firn_run_args args = meta("run"), without = meta("run");
    firn_run_event event = ev(1, "tool");
    firn_run_event *many = calloc(FIRN_RUN_EVENTS_MAX + 1, sizeof *many);
    char long_id[FIRN_RUN_ID_SIZE_MAX + 2];
    firn_batch *batch = NULL;
    firn_slice ids[] = {nothing, {"", 0}, {long_id, sizeof long_id - 1}};

    assert_non_null(many);
    memset(long_id, 'x', sizeof long_id);
    without.spec_digest = NULL;
    INVALID("create run: ledger is NULL", firn_run_create(NULL, &args, NULL, &err));
    INVALID("create run: args is NULL", firn_run_create(world->ledger, NULL, NULL, &err));
    INVALID("create run: spec_digest is NULL", firn_run_create(world->ledger, &without, NULL, &err));
    args.evaluation = &gate;
    INVALID("create run: invalid isPromotionGate: 2", firn_run_create(world->ledger, &args, NULL, &err));
    args = meta("run");
    args.struct_size = 1;
    INVALID(NULL, firn_run_create(world->ledger, &args, NULL, &err));
    INVALID("create run: batch is NULL", firn_batch_run_create(NULL, &without, NULL, &err));
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    INVALID("create run: spec_digest is NULL", firn_batch_run_create(batch, &without, NULL, &err));
    INVALID("end run: summary is NULL", firn_batch_run_end(batch, S("run"), FIRN_RUN_FAILED, NULL, &err));
    INVALID(NULL, firn_batch_event(batch, S("a"), 0, S("kind 0"), &err));
    firn_batch_free(batch);
    INVALID("append to run: ledger is NULL", firn_run_append(NULL, S("run"), &event, 1, NULL, NULL, &err));
    INVALID("append to run: batch is NULL", firn_batch_run_append(NULL, S("run"), &event, 1, NULL, NULL, &err));
    BAD(FIRN_ETOOBIG, "append to run: events longer than 65536",
        firn_run_append(world->ledger, S("run"), many, FIRN_RUN_EVENTS_MAX + 1, NULL, NULL, &err));
    INVALID("append to run: no events are given", firn_run_append(world->ledger, S("run"), NULL, 1, NULL, NULL, &err));
    INVALID("end run: ledger is NULL", firn_run_end(NULL, S("run"), FIRN_RUN_FAILED, &sum0, &err));
    INVALID("end run: batch is NULL", firn_batch_run_end(NULL, S("run"), FIRN_RUN_FAILED, &sum0, &err));
    INVALID("end run: summary is NULL", firn_run_end(world->ledger, S("run"), FIRN_RUN_FAILED, NULL, &err));
    odd.success = 2;
    INVALID("end run: invalid success: 2", firn_run_end(world->ledger, S("run"), FIRN_RUN_FAILED, &odd, &err));
    odd = sum0;
    odd.has_final_state_digest = 3;
    INVALID("end run: invalid has_final_state_digest: 3",
            firn_run_end(world->ledger, S("run"), FIRN_RUN_FAILED, &odd, &err));
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        BAD(FIRN_ENOTFOUND, NULL, firn_run_append(world->ledger, ids[i], &event, 1, NULL, NULL, &err));
        BAD(FIRN_ENOTFOUND, NULL, firn_run_end(world->ledger, ids[i], FIRN_RUN_FAILED, &sum0, &err));
    }
    event = ev(1, "tool");
    event.auto_seq = 2;
    INVALID(NULL, firn_run_append(world->ledger, S("run"), &event, 1, NULL, NULL, &err));
    assert_string_equal(firn_run_status_name((firn_run_status)9), "UNKNOWN");
    assert_int_equal(api_count(world->ledger), 0);
    free(many);
}

static void test_release_verbs(void **state)
{
    api_world *world = *state;
    firn_release_args args = {.struct_size = sizeof args, .name = S("release"), .spec_digest = meta("run").spec_digest};
    firn_batch *batch = NULL;

    INVALID("promote: ledger is NULL", firn_release_promote(NULL, &args, NULL, &err));
    INVALID("promote: batch is NULL", firn_batch_release_promote(NULL, &args, NULL, &err));
    INVALID("promote: args is NULL", firn_release_promote(world->ledger, NULL, NULL, &err));
    args.struct_size = 1;
    INVALID(NULL, firn_release_promote(world->ledger, &args, NULL, &err));
    args.struct_size = sizeof args;
    args.name = S("a\nb");
    INVALID(NULL, firn_release_promote(world->ledger, &args, NULL, &err));
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    INVALID(NULL, firn_batch_release_promote(batch, &args, NULL, &err));
    firn_batch_free(batch);
    assert_int_equal(api_count(world->ledger), 0);
}

/* Queries without a view, and without a place for what they find. */
static void test_content_queries(void **state)
{
    api_world *world = *state;
    uint8_t digest[FIRN_DIGEST_SIZE] = {0}, byte;
    firn_content_reader *reader = NULL;
    firn_content content;
    firn_view *view = view_of(world->ledger);
    firn_buf buf = {0};
    size_t size;
    int has;

    INVALID(NULL, firn_content_has(NULL, digest, &has, &err));
    INVALID(NULL, firn_content_has(view, NULL, &has, &err));
    INVALID(NULL, firn_content_has(view, digest, NULL, &err));
    INVALID(NULL, firn_content_stat(NULL, digest, &content, &err));
    INVALID(NULL, firn_content_stat(view, NULL, &content, &err));
    INVALID(NULL, firn_content_stat(view, digest, NULL, &err));
    INVALID("next content: view is NULL", firn_content_next(NULL, NULL, &content, &err));
    INVALID("next content: out_content is NULL", firn_content_next(view, NULL, NULL, &err));
    INVALID(NULL, firn_content_get(NULL, digest, NULL, &buf, &err));
    INVALID(NULL, firn_content_get(view, NULL, NULL, &buf, &err));
    INVALID(NULL, firn_content_get(view, digest, NULL, NULL, &err));
    INVALID(NULL, firn_content_reader_open(NULL, digest, NULL, &reader, NULL, &err));
    INVALID(NULL, firn_content_reader_open(view, NULL, NULL, &reader, NULL, &err));
    INVALID(NULL, firn_content_reader_open(view, digest, NULL, NULL, NULL, &err));
    INVALID(NULL, firn_content_reader_read(NULL, 0, &byte, 1, &size, &err));
    firn_view_close(view);
    OK(err, firn_content_put(world->ledger, S("a"), NULL, NULL, &err));
    OK(err, firn_digest_of(S("a"), digest, &err));
    view = view_of(world->ledger);
    OK(err, firn_content_reader_open(view, digest, NULL, &reader, NULL, &err));
    INVALID(NULL, firn_content_reader_read(reader, 0, NULL, 1, &size, &err));
    INVALID(NULL, firn_content_reader_read(reader, 0, &byte, 1, NULL, &err));
    firn_content_reader_close(reader);
    firn_view_close(view);
    INVALID("digest of bytes: out_digest is NULL", firn_digest_of(S("a"), NULL, &err));
    INVALID("digest of bytes: data is NULL", firn_digest_of(no_data, digest, &err));
    INVALID("parse digest: out_digest is NULL", firn_digest_parse(S("a"), NULL, &err));
    INVALID(NULL, firn_digest_parse(no_data, digest, &err));
}

static void test_run_queries(void **state)
{
    api_world *world = *state;
    firn_run_events_options options = {.struct_size = sizeof options, .kinds_count = 1};
    firn_run_filter filter = {.struct_size = sizeof filter, .cursor = S("no cursor")};
    firn_view *view = view_of(world->ledger);
    firn_run_events *events = NULL;
    firn_run_list *list = NULL;
    firn_run_event event;
    firn_buf buf = {0};
    firn_run run;

    INVALID(NULL, firn_run_get(NULL, S("run"), &buf, &run, &err));
    INVALID(NULL, firn_run_get(view, S("run"), NULL, &run, &err));
    INVALID(NULL, firn_run_get(view, S("run"), &buf, NULL, &err));
    INVALID("list runs: view is NULL", firn_run_list_open(NULL, NULL, &list, &err));
    INVALID("list runs: out_list is NULL", firn_run_list_open(view, NULL, NULL, &err));
    INVALID("list runs: list is NULL", firn_run_list_next(NULL, &run, &err));
    INVALID(NULL, firn_run_list_open(view, &filter, &list, &err));
    OK(err, firn_run_list_open(view, NULL, &list, &err));
    INVALID("list runs: out_run is NULL", firn_run_list_next(list, NULL, &err));
    firn_run_list_close(list);
    INVALID("read events: view is NULL", firn_run_events_open(NULL, S("run"), NULL, &events, &err));
    INVALID("read events: out_events is NULL", firn_run_events_open(view, S("run"), NULL, NULL, &err));
    INVALID("read events: kinds is NULL", firn_run_events_open(view, S("run"), &options, &events, &err));
    INVALID("read events: events is NULL", firn_run_events_next(NULL, &event, &err));
    firn_view_close(view);
    create(world->ledger, "run");
    view = view_of(world->ledger);
    OK(err, firn_run_events_open(view, S("run"), NULL, &events, &err));
    INVALID("read events: out_event is NULL", firn_run_events_next(events, NULL, &err));
    firn_run_events_close(events);
    firn_view_close(view);
}

static void test_release_queries(void **state)
{
    api_world *world = *state;
    char long_name[FIRN_RELEASE_NAME_SIZE_MAX + 2];
    firn_view *view = view_of(world->ledger);
    firn_release release;
    firn_buf buf = {0};

    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    INVALID(NULL, firn_release_current(NULL, S("a"), &buf, &release, &err));
    INVALID(NULL, firn_release_current(view, S("a"), NULL, &release, &err));
    INVALID(NULL, firn_release_history(view, S("a"), 0, &buf, NULL, &err));
    INVALID(NULL, firn_release_next(NULL, nothing, &buf, &release, &err));
    INVALID(NULL, firn_release_next(view, nothing, NULL, &release, &err));
    INVALID(NULL, firn_release_next(view, nothing, &buf, NULL, &err));
    INVALID(NULL, firn_release_next(view, S(long_name), &buf, &release, &err));
    assert_int_equal(firn_release_current(view, S(long_name), &buf, &release, &err), FIRN_END);
    assert_int_equal(firn_release_history(view, S("a"), 1, &buf, &release, &err), FIRN_END);
    firn_view_close(view);
}

/* Content that no batch can hold is stored piece by piece, by the same call. */
static void test_content_beyond_a_batch(void **state)
{
    api_world *world = *state;
    size_t size = FIRN_BATCH_SIZE_MAX / 2 + 1;
    uint8_t *bytes = calloc(size, 2);
    firn_submit_options submit = {.struct_size = sizeof submit};
    firn_ticket *ticket;
    firn_content_put_result result;
    firn_content content;
    firn_view *view;

    assert_non_null(bytes);
    OK(err, firn_content_put(world->ledger, (firn_slice){bytes, size}, NULL, &result, &err));
    assert_int_equal(result.existing, 0);
    view = view_of(world->ledger);
    OK(err, firn_content_stat(view, result.digest, &content, &err));
    assert_int_equal(content.size, size);
    assert_true(content.chunks > 1);
    firn_view_close(view);
    BAD(FIRN_ETOOBIG, NULL,
        firn_content_put_submit(world->ledger, (firn_slice){bytes, 2 * size}, NULL, NULL, &submit, &ticket, &err));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(test_content_verbs),          ON_MEMORY(test_run_verbs),   ON_MEMORY(test_release_verbs),
        ON_MEMORY(test_content_queries),        ON_MEMORY(test_run_queries), ON_MEMORY(test_release_queries),
        ON_MEMORY(test_content_beyond_a_batch),
    };

    return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
