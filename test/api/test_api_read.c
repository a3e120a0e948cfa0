/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_read.c — scan, get, tail and views: where they start and end, what they show, what they refuse. */
#include "test/api/api.h"

#include <stdio.h>
#include <unistd.h>

/* Ten batches of two events, kinds 1 … 20, on two streams. */
static void fill(api_world *world)
{
    char payload[2][32];
    firn_error err;

    for (int i = 0; i < 10; i++) {
        firn_event events[2];

        for (int j = 0; j < 2; j++) {
            (void)snprintf(payload[j], sizeof payload[j], "payload %d", 2 * i + j + 1);
            events[j] = (firn_event){(uint32_t)(2 * i + j + 1), S(payload[j])};
        }
        OK(err, firn_append(world->ledger, i % 2 == 0 ? S("even") : S("odd"), events, 2, NULL, NULL, &err));
    }
}

static void expect_record(const firn_record *record, uint64_t seq)
{
    char payload[32];

    (void)snprintf(payload, sizeof payload, "payload %d", (int)seq);
    assert_int_equal(record->seq, seq);
    assert_int_equal(record->kind, seq);
    assert_int_equal(record->payload.size, strlen(payload));
    assert_memory_equal(record->payload.data, payload, strlen(payload));
    assert_int_equal(record->batch_first_seq, (seq - 1) / 2 * 2 + 1);
    assert_int_equal(record->batch_count, 2);
    assert_int_equal(record->stream, (seq - 1) / 2 % 2 + 1);
    assert_int_equal(record->version, (seq - 1) / 4 * 2 + (seq - 1) % 2 + 1);
    assert_int_equal(record->incarnation, 1);
    assert_int_equal(record->reserved, 0);
    assert_true(record->body.size > record->payload.size);
}

static void expect_scan(firn_ledger *ledger, const firn_scan_options *options, uint64_t first, uint64_t last)
{
    firn_record record;
    firn_scan *scan;
    firn_error err;

    OK(err, firn_scan_open(ledger, options, &scan, &err));
    for (uint64_t seq = first; seq <= last; seq++) {
        OK(err, firn_scan_next(scan, &record, &err));
        expect_record(&record, seq);
    }
    assert_int_equal(firn_scan_next(scan, &record, &err), FIRN_END);
    assert_int_equal(firn_scan_next(scan, &record, &err), FIRN_END);
    firn_scan_close(scan);
}

/* A scan starts and ends where it is told, in the middle of batches too, and does not see what comes later. */
static void test_scan(void **state)
{
    api_world *world = *state;
    firn_scan_options options = {.struct_size = sizeof options};
    firn_cursor cursor;
    firn_record record;
    firn_scan *scan;
    firn_error err;

    expect_scan(world->ledger, NULL, 1, 0);
    fill(world);
    expect_scan(world->ledger, NULL, 1, 20);
    options.first_seq = 1;
    expect_scan(world->ledger, &options, 1, 20);
    options.first_seq = 8;
    options.last_seq = 13;
    options.buffer_size = 1;
    expect_scan(world->ledger, &options, 8, 13);
    options = (firn_scan_options){.struct_size = sizeof options, .first_seq = 20, .last_seq = 1000};
    expect_scan(world->ledger, &options, 20, 20);
    options.first_seq = 21;
    expect_scan(world->ledger, &options, 21, 20);
    options.first_seq = 1000;
    expect_scan(world->ledger, &options, 1000, 999);
    firn_position(world->ledger, &cursor);
    assert_int_equal(cursor.seq, 20);
    cursor.seq = 5;
    options = (firn_scan_options){.struct_size = sizeof options, .after = &cursor};
    expect_scan(world->ledger, &options, 6, 20);
    cursor = (firn_cursor){.seq = 0};
    expect_scan(world->ledger, &options, 1, 20);
    OK(err, firn_scan_open(world->ledger, NULL, &scan, &err));
    (void)APPEND(world->ledger, "even", 21, "payload 21");
    for (int i = 0; i < 20; i++) {
        OK(err, firn_scan_next(scan, &record, &err));
    }
    assert_int_equal(firn_scan_next(scan, &record, &err), FIRN_END);
    firn_scan_close(scan);
}

/* Cursors of another ledger or of a record that never was are refused; so are contradictory options. */
static void test_scan_refusals(void **state)
{
    api_world *world = *state;
    firn_cursor cursor, beyond, foreign;
    firn_scan_options options = {.struct_size = sizeof options};
    firn_scan *scan = NULL;
    firn_tail *tail = NULL;
    firn_record record;
    firn_error err;

    fill(world);
    firn_position(world->ledger, &cursor);
    foreign = cursor;
    foreign.ledger_id[3] ^= 1;
    options.after = &foreign;
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_scan_open(world->ledger, &options, &scan, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_CURSOR);
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_tail_open(world->ledger, &options, &tail, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_CURSOR);
    beyond = cursor;
    beyond.incarnation = 9;
    options.after = &beyond;
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_scan_open(world->ledger, &options, &scan, &err));
    options.after = &cursor;
    options.first_seq = 1;
    EXPECT(FIRN_EINVAL, err, "open scan: both a cursor and a first seq are given",
           firn_scan_open(world->ledger, &options, &scan, &err));
    options = (firn_scan_options){.struct_size = sizeof options, .last_seq = 4};
    EXPECT(FIRN_EINVAL, err, "open tail: last_seq is 4: a tail has no end",
           firn_tail_open(world->ledger, &options, &tail, &err));
    EXPECT(FIRN_EINVAL, err, "open scan: ledger is NULL", firn_scan_open(NULL, NULL, &scan, &err));
    EXPECT(FIRN_EINVAL, err, "open scan: out_scan is NULL", firn_scan_open(world->ledger, NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "open tail: out_tail is NULL", firn_tail_open(world->ledger, NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "scan: scan is NULL", firn_scan_next(NULL, &record, &err));
    EXPECT(FIRN_EINVAL, err, "tail: tail is NULL", firn_tail_next(NULL, 0, &record, &err));
    assert_null(scan);
    assert_null(tail);
}

/* One record by its seq, in any order, with a buffer that is used again. */
static void test_get(void **state)
{
    api_world *world = *state;
    firn_buf buf = {0};
    firn_record record;
    firn_error err;

    EXPECT(FIRN_ENOTFOUND, err, "get: record not found: 1", firn_get(world->ledger, 1, &buf, &record, &err));
    fill(world);
    for (uint64_t seq = 20; seq > 0; seq--) {
        OK(err, firn_get(world->ledger, seq, &buf, &record, &err));
        expect_record(&record, seq);
        assert_in_range((uintptr_t)record.payload.data, (uintptr_t)buf.data, (uintptr_t)buf.data + buf.capacity);
    }
    EXPECT(FIRN_ENOTFOUND, err, "get: record not found: 0", firn_get(world->ledger, 0, &buf, &record, &err));
    EXPECT(FIRN_ENOTFOUND, err, "get: record not found: 21", firn_get(world->ledger, 21, &buf, &record, &err));
    EXPECT(FIRN_EINVAL, err, "get: buf is NULL", firn_get(world->ledger, 1, NULL, &record, &err));
    EXPECT(FIRN_EINVAL, err, "get: ledger is NULL", firn_get(NULL, 1, &buf, &record, &err));
    EXPECT(FIRN_EINVAL, err, "get: out_record is NULL", firn_get(world->ledger, 1, &buf, NULL, &err));
    firn_buf_free(&buf);
}

/* A tail gives what is stored, then times out, then gives what came since. */
static void test_tail(void **state)
{
    api_world *world = *state;
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = 15};
    firn_record record;
    firn_tail *early, *tail, *future;
    firn_error err;

    OK(err, firn_tail_open(world->ledger, NULL, &early, &err));
    assert_int_equal(firn_tail_next(early, 0, &record, &err), FIRN_TIMEOUT);
    fill(world);
    OK(err, firn_tail_open(world->ledger, &options, &tail, &err));
    options.first_seq = 21;
    OK(err, firn_tail_open(world->ledger, &options, &future, &err));
    for (uint64_t seq = 1; seq <= 20; seq++) {
        OK(err, firn_tail_next(early, 0, &record, &err));
        expect_record(&record, seq);
    }
    for (uint64_t seq = 15; seq <= 20; seq++) {
        OK(err, firn_tail_next(tail, -1, &record, &err));
        expect_record(&record, seq);
    }
    assert_int_equal(firn_tail_next(tail, 1000000, &record, &err), FIRN_TIMEOUT);
    assert_int_equal(firn_tail_next(future, 0, &record, &err), FIRN_TIMEOUT);
    (void)APPEND(world->ledger, "more", 1, "x");
    OK(err, firn_tail_next(tail, -1, &record, &err));
    assert_int_equal(record.seq, 21);
    OK(err, firn_tail_next(future, -1, &record, &err));
    assert_int_equal(record.seq, 21);
    OK(err, firn_tail_next(early, -1, &record, &err));
    assert_int_equal(record.seq, 21);
    firn_tail_close(early);
    firn_tail_close(tail);
    firn_tail_close(future);
}

/* Waiting for a record: there, not there in time. */
static void test_wait(void **state)
{
    api_world *world = *state;
    firn_cursor cursor;
    firn_error err;

    firn_position(world->ledger, &cursor);
    assert_int_equal(cursor.seq, 0);
    assert_int_equal(cursor.incarnation, 1);
    assert_int_equal(firn_wait(world->ledger, 0, 0, &err), FIRN_TIMEOUT);
    assert_int_equal(firn_wait(world->ledger, 0, 1000000, &err), FIRN_TIMEOUT);
    fill(world);
    OK(err, firn_wait(world->ledger, 0, 0, &err));
    OK(err, firn_wait(world->ledger, 19, -1, &err));
    assert_int_equal(firn_wait(world->ledger, 20, 0, &err), FIRN_TIMEOUT);
    assert_int_equal(firn_wait(world->ledger, UINT64_MAX, 1, &err), FIRN_TIMEOUT);
    EXPECT(FIRN_EINVAL, err, "wait: ledger is NULL", firn_wait(NULL, 0, 0, &err));
}

/* Streams in a view, by name, by number, one after the other; the ledger's own records are of no named stream. */
static void test_view_streams(void **state)
{
    api_world *world = *state;
    firn_stream stream = {.id = 77};
    firn_view *view, *empty;
    firn_error err;

    OK(err, firn_view_open(world->ledger, &empty, &err));
    assert_int_equal(firn_view_seq(empty), 0);
    fill(world);
    OK(err, firn_key_age_set(world->ledger, 1, NULL, &err));
    assert_int_equal(firn_stream_next(empty, 0, &stream, &err), FIRN_END);
    EXPECT(FIRN_ENOTFOUND, err, "get stream: there is no stream even",
           firn_stream_get(empty, S("even"), &stream, &err));
    EXPECT(FIRN_ENOTFOUND, err, "get stream: there is no stream 1", firn_stream_get_by_id(empty, 1, &stream, &err));
    assert_int_equal(stream.id, 77);
    firn_view_close(empty);
    OK(err, firn_view_open(world->ledger, &view, &err));
    assert_int_equal(firn_view_seq(view), 21);
    OK(err, firn_stream_get_by_id(view, 2, &stream, &err));
    assert_string_equal(stream.name, "odd");
    assert_int_equal(stream.first_seq, 3);
    assert_int_equal(stream.last_seq, 20);
    assert_int_equal(stream.version, 10);
    OK(err, firn_stream_next(view, 0, &stream, &err));
    assert_string_equal(stream.name, "even");
    OK(err, firn_stream_next(view, 1, &stream, &err));
    assert_string_equal(stream.name, "odd");
    assert_int_equal(firn_stream_next(view, 2, &stream, &err), FIRN_END);
    EXPECT(FIRN_ENOTFOUND, err, "get stream: there is no stream 0", firn_stream_get_by_id(view, 0, &stream, &err));
    EXPECT(FIRN_EINVAL, err, "get stream: stream name is empty", firn_stream_get(view, S(""), &stream, &err));
    EXPECT(FIRN_EINVAL, err, "get stream: view is NULL", firn_stream_get(NULL, S("s"), &stream, &err));
    EXPECT(FIRN_EINVAL, err, "get stream: out_stream is NULL", firn_stream_get_by_id(view, 1, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "next stream: view is NULL", firn_stream_next(NULL, 0, &stream, &err));
    EXPECT(FIRN_EINVAL, err, "get key: view is NULL", firn_key_get(NULL, S(""), S("k"), &(firn_receipt){0}, &err));
    EXPECT(FIRN_EINVAL, err, "get key: idempotency key is empty",
           firn_key_get(view, S(""), S(""), &(firn_receipt){0}, &err));
    EXPECT(FIRN_EINVAL, err, "open view: ledger is NULL", firn_view_open(NULL, &view, &err));
    EXPECT(FIRN_EINVAL, err, "open view: out_view is NULL", firn_view_open(world->ledger, NULL, &err));
    firn_view_close(view);
}

/* A view that is over its age answers nothing any more; a fresh one does. */
static void test_view_expires(void **state)
{
    api_world *world = *state;
    firn_stream stream;
    firn_receipt receipt;
    firn_view *view;
    firn_error err;

    api_close(world);
    world->options.view_age_max_ns = 1;
    world->broken = true; /* The view of a replay expires too. */
    api_open(world);
    fill(world);
    OK(err, firn_view_open(world->ledger, &view, &err));
    (void)usleep(10);
    EXPECT(FIRN_EEXPIRED, err, NULL, firn_stream_get(view, S("even"), &stream, &err));
    EXPECT(FIRN_EEXPIRED, err, NULL, firn_stream_get_by_id(view, 1, &stream, &err));
    EXPECT(FIRN_EEXPIRED, err, NULL, firn_stream_next(view, 0, &stream, &err));
    EXPECT(FIRN_EEXPIRED, err, NULL, firn_key_get(view, S(""), S("k"), &receipt, &err));
    firn_view_close(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_scan),         ON_BOTH(test_scan_refusals),  ON_BOTH(test_get),
        ON_BOTH(test_tail),         ON_BOTH_MANUAL(test_tail),    ON_BOTH(test_wait),
        ON_BOTH(test_view_streams), ON_MEMORY(test_view_expires),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
