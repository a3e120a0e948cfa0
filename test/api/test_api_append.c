/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_append.c — append and batches: arguments, conditions, atomicity, limits, and the exact texts. */
#include "test/api/api.h"

#include <stdio.h>
#include <stdlib.h>

/* The first appends of a ledger get seqs from 1, each its receipt, and the stream counts versions. */
static void test_receipts(void **state)
{
    api_world *world = *state;
    firn_event events[3] = {{1, S("a")}, {2, S("")}, {32767, {NULL, 0}}};
    firn_receipt receipt;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_stream stream;
    firn_error err;

    OK(err, firn_append(world->ledger, S("build"), events, 3, NULL, &receipt, &err));
    assert_int_equal(receipt.first_seq, 1);
    assert_int_equal(receipt.count, 3);
    assert_int_equal(receipt.existing, 0);
    assert_int_equal(receipt.cursor.seq, 3);
    assert_int_equal(receipt.cursor.incarnation, 1);
    assert_true(receipt.time_ns > 0);
    OK(err, firn_stat(world->ledger, &stats, &err));
    assert_memory_equal(receipt.cursor.ledger_id, stats.ledger_id, FIRN_LEDGER_ID_SIZE);
    receipt = APPEND(world->ledger, "deploy", 1, "x");
    assert_int_equal(receipt.first_seq, 4);
    receipt = APPEND(world->ledger, "build", 1, "x");
    assert_int_equal(receipt.first_seq, 5);
    stream = api_stream(world->ledger, "build");
    assert_int_equal(stream.id, 1);
    assert_int_equal(stream.version, 4);
    assert_int_equal(stream.first_seq, 1);
    assert_int_equal(stream.last_seq, 5);
    stream = api_stream(world->ledger, "deploy");
    assert_int_equal(stream.id, 2);
    assert_int_equal(stream.version, 1);
    assert_int_equal(stream.first_seq, 4);
    assert_string_equal(stream.name, "deploy");
    assert_int_equal(stream.name_size, 6);
    OK(err, firn_append(world->ledger, S("build"), events, 1, NULL, NULL, NULL));
}

/* Arguments that cannot be right are refused with their place, and nothing is appended. */
static void test_bad_arguments(void **state)
{
    api_world *world = *state;
    static const char big_stream[FIRN_STREAM_NAME_SIZE_MAX + 1] = {1};
    firn_event events[2] = {{1, S("a")}, {0, S("b")}};
    firn_append_options options = {.struct_size = 1};
    firn_receipt receipt = {.count = 77};
    firn_error err;
    firn_ledger *ledger = world->ledger;

#define BAD(status, text, stream, events, count, options) \
    EXPECT(status, err, text, firn_append(ledger, stream, events, count, options, &receipt, &err))
    BAD(FIRN_EINVAL, "append: event 1: kind 0 is out of range 1 to 32767", S("s"), events, 2, NULL);
    events[1].kind = 32768;
    BAD(FIRN_EINVAL, "append: event 1: kind 32768 is out of range 1 to 32767", S("s"), events, 2, NULL);
    events[1] = (firn_event){1, {NULL, 1}};
    BAD(FIRN_EINVAL, "append: event 1: payload is NULL", S("s"), events, 2, NULL);
    events[1] = (firn_event){1, {"x", FIRN_EVENT_SIZE_MAX + 1}};
    BAD(FIRN_ETOOBIG, "append: event 1: payload of 16777201 bytes is larger than 16777200", S("s"), events, 2, NULL);
    BAD(FIRN_EINVAL, "append: no events are given", S("s"), events, 0, NULL);
    BAD(FIRN_EINVAL, "append: no events are given", S("s"), NULL, 1, NULL);
    BAD(FIRN_ETOOBIG, "append: 65537 events are more than 65536", S("s"), events, 65537, NULL);
    BAD(FIRN_EINVAL, "append: stream name is empty", S(""), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name has a control character at byte 1", S("a\nb"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name has a control character at byte 0", S("\x7f"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name has a control character at byte 2", S("ab\xc2\x85"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name is not UTF-8 at byte 1", S("a\xff"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name is not UTF-8 at byte 0", S("\xed\xa0\x80"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name is not UTF-8 at byte 0", S("\xc0\x80"), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: stream name is not UTF-8 at byte 2", S("ab\xe2\x82"), events, 1, NULL);
    BAD(FIRN_ETOOBIG, "append: stream name of 1025 bytes is longer than 1024",
        ((firn_slice){big_stream, sizeof big_stream}), events, 1, NULL);
    BAD(FIRN_EINVAL, "append: append options: struct_size 1 is not the size of one", S("s"), events, 1, &options);
    options = (firn_append_options){.struct_size = sizeof options, .scope = S("scope")};
    BAD(FIRN_EINVAL, "append: idempotency key is empty", S("s"), events, 1, &options);
    options.key = (firn_slice){big_stream, 257};
    BAD(FIRN_ETOOBIG, "append: idempotency key of 257 bytes is longer than 256", S("s"), events, 1, &options);
    options.key = S("k");
    options.scope = (firn_slice){big_stream, 257};
    BAD(FIRN_ETOOBIG, "append: scope of 257 bytes is longer than 256", S("s"), events, 1, &options);
    ledger = NULL;
    BAD(FIRN_EINVAL, "append: ledger is NULL", S("s"), events, 1, NULL);
#undef BAD
    assert_int_equal(receipt.count, 77);
    assert_int_equal(api_count(world->ledger), 0);
    assert_int_equal(APPEND(world->ledger, "s", 1, "x").first_seq, 1);
}

/* Names at the edges of what is allowed work and come back byte for byte. */
static void test_good_names(void **state)
{
    api_world *world = *state;
    char longest[FIRN_STREAM_NAME_SIZE_MAX + 1];
    const char *names[] = {" ", "a b", "\xc2\xa0", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", longest, "a/b:c*?\"\\"};

    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)APPEND(world->ledger, names[i], 1, "x");
        assert_string_equal(api_stream(world->ledger, names[i]).name, names[i]);
    }
}

/* The longest name, in a refusal: the text shows its beginning, cut between characters. */
static void test_long_name_in_text(void **state)
{
    api_world *world = *state;
    firn_append_options options = {.struct_size = sizeof options, .has_expected_version = 1, .expected_version = 9};
    firn_event event = {1, S("x")};
    char name[201] = "a", text[400];
    firn_error err;

    for (int i = 0; i < 99; i++) {
        memcpy(name + 1 + 2 * i, "\xc3\xa9", 2);
    }
    (void)snprintf(text, sizeof text, "append to stream %.63s: expected version 9, is at 0", name);
    EXPECT(FIRN_ECONFLICT, err, text, firn_append(world->ledger, S(name), &event, 1, &options, NULL, &err));
}

/* An expected version that is not the stream's is a conflict that names both; the right one goes through. */
static void test_expected_version(void **state)
{
    api_world *world = *state;
    firn_append_options options = {.struct_size = sizeof options, .has_expected_version = 1};
    firn_event event = {1, S("x")};
    firn_receipt receipt;
    firn_error err;

    OK(err, firn_append(world->ledger, S("build"), &event, 1, &options, &receipt, &err));
    EXPECT(FIRN_ECONFLICT, err, "append to stream build: expected version 0, is at 1",
           firn_append(world->ledger, S("build"), &event, 1, &options, &receipt, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_EXPECTED_VERSION);
    assert_int_equal(err.seq, 1);
    for (uint64_t version = 1; version < 5; version++) {
        options.expected_version = version;
        OK(err, firn_append(world->ledger, S("build"), &event, 1, &options, &receipt, &err));
        assert_int_equal(receipt.first_seq, version + 1);
    }
    options.expected_version = 4;
    EXPECT(FIRN_ECONFLICT, err, "append to stream build: expected version 4, is at 5",
           firn_append(world->ledger, S("build"), &event, 1, &options, &receipt, &err));
    assert_int_equal(firn_append(world->ledger, S("build"), &event, 1, &options, NULL, NULL), FIRN_ECONFLICT);
    options = (firn_append_options){.struct_size = sizeof options, .expected_version = 99};
    OK(err, firn_append(world->ledger, S("build"), &event, 1, &options, &receipt, &err));
    assert_int_equal(api_count(world->ledger), 6);
}

/* Events of several streams, mixed, become one batch: dense seqs, one time, versions by stream. */
static void test_batch_of_streams(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_record record;
    firn_batch *batch;
    firn_scan *scan;
    firn_error err;

    (void)APPEND(world->ledger, "b", 1, "first");
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int i = 0; i < 30; i++) {
        OK(err, firn_batch_event(batch,
                                 i % 3 == 0   ? S("a")
                                 : i % 3 == 1 ? S("b")
                                              : S("c"),
                                 (uint32_t)i + 1, S("x"), &err));
    }
    assert_int_equal(firn_batch_count(batch), 30);
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.first_seq, 2);
    assert_int_equal(receipt.count, 30);
    OK(err,
       firn_scan_open(world->ledger, &(firn_scan_options){.struct_size = sizeof(firn_scan_options), .first_seq = 2},
                      &scan, &err));
    for (uint64_t i = 0; i < 30; i++) {
        OK(err, firn_scan_next(scan, &record, &err));
        assert_int_equal(record.seq, 2 + i);
        assert_int_equal(record.kind, i + 1);
        assert_int_equal(record.time_ns, receipt.time_ns);
        assert_int_equal(record.batch_first_seq, 2);
        assert_int_equal(record.batch_count, 30);
        assert_int_equal(record.version, i / 3 + 1 + (i % 3 == 1));
        assert_int_equal(record.stream, i % 3 == 1 ? 1 : i % 3 == 0 ? 2 : 3);
    }
    firn_scan_close(scan);
    /* What was committed may be committed again, and a reset batch is empty. */
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.first_seq, 32);
    firn_batch_reset(batch);
    assert_int_equal(firn_batch_count(batch), 0);
    OK(err, firn_batch_event(batch, S("b"), 1, S("y"), &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, 1);
    firn_batch_free(batch);
    assert_int_equal(api_stream(world->ledger, "b").version, 22);
}

/* A batch whose last condition fails leaves nothing: no record, no seq, no stream, and the next one starts clean. */
static void test_refusal_leaves_nothing(void **state)
{
    api_world *world = *state;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_receipt receipt = {.count = 77};
    firn_batch *batch;
    firn_error err;

    (void)APPEND(world->ledger, "there", 1, "x");
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, firn_batch_event(batch, S("made"), 1, S("x"), &err));
    OK(err, firn_batch_event(batch, S("there"), 1, S("x"), &err));
    OK(err, firn_batch_expect(batch, S("made"), 0, &err));
    OK(err, firn_batch_expect(batch, S("there"), 2, &err));
    OK(err, firn_batch_key(batch, S("scope"), S("key"), NULL, &err));
    EXPECT(FIRN_ECONFLICT, err, "commit batch: stream there: expected version 2, is at 1",
           firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, 77);
    OK(err, firn_stat(world->ledger, &stats, &err));
    assert_int_equal(stats.allocated_seq, 1);
    assert_int_equal(stats.streams_count, 1);
    assert_int_equal(api_stream(world->ledger, "made").id, 0);
    (void)APPEND(world->ledger, "there", 1, "x");
    /* The key of the refused call is free: the same batch goes through. */
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.existing, 0);
    assert_int_equal(receipt.first_seq, 3);
    assert_int_equal(receipt.count, 2);
    assert_int_equal(api_stream(world->ledger, "made").id, 2);
    firn_batch_free(batch);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
}

/* A batch without events checks its conditions and appends nothing. */
static void test_conditions_only(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_batch *batch;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, firn_batch_expect(batch, S("s"), 0, &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, 0);
    assert_int_equal(receipt.first_seq, 0);
    assert_int_equal(receipt.cursor.seq, 0);
    (void)APPEND(world->ledger, "s", 1, "x");
    EXPECT(FIRN_ECONFLICT, err, "commit batch: stream s: expected version 0, is at 1",
           firn_batch_commit(batch, NULL, &err));
    firn_batch_reset(batch);
    OK(err, firn_batch_expect(batch, S("s"), 1, &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, 0);
    assert_int_equal(receipt.cursor.seq, 1);
    firn_batch_free(batch);
    assert_int_equal(api_count(world->ledger), 1);
}

/* What a batch refuses leaves it as it was. */
static void test_batch_arguments(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_batch *batch = NULL;
    firn_error err;

    EXPECT(FIRN_EINVAL, err, "new batch: ledger is NULL", firn_batch_new(NULL, &batch, &err));
    EXPECT(FIRN_EINVAL, err, "new batch: out_batch is NULL", firn_batch_new(world->ledger, NULL, &err));
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, firn_batch_event(batch, S("s"), 1, S("good"), &err));
    EXPECT(FIRN_EINVAL, err, "add event: kind 0 is out of range 1 to 32767",
           firn_batch_event(batch, S("s"), 0, S("x"), &err));
    EXPECT(FIRN_EINVAL, err, "add event: stream name is empty", firn_batch_event(batch, S(""), 1, S("x"), &err));
    EXPECT(FIRN_EINVAL, err, "add event: payload is NULL",
           firn_batch_event(batch, S("s"), 1, (firn_slice){NULL, 1}, &err));
    EXPECT(FIRN_ETOOBIG, err, "add event: payload of 16777201 bytes is larger than 16777200",
           firn_batch_event(batch, S("s"), 1, (firn_slice){"x", FIRN_EVENT_SIZE_MAX + 1}, &err));
    EXPECT(FIRN_EINVAL, err, "expect: stream name is empty", firn_batch_expect(batch, S(""), 1, &err));
    /* As long as the name before it, which is remembered. */
    EXPECT(FIRN_EINVAL, err, "expect: stream name is empty", firn_batch_expect(batch, (firn_slice){NULL, 1}, 1, &err));
    EXPECT(FIRN_EINVAL, err, "key: idempotency key is empty", firn_batch_key(batch, S("a"), S(""), NULL, &err));
    EXPECT(FIRN_EINVAL, err, "add event: batch is NULL", firn_batch_event(NULL, S("s"), 1, S("x"), &err));
    EXPECT(FIRN_EINVAL, err, "expect: batch is NULL", firn_batch_expect(NULL, S("s"), 1, &err));
    EXPECT(FIRN_EINVAL, err, "key: batch is NULL", firn_batch_key(NULL, S("a"), S("b"), NULL, &err));
    EXPECT(FIRN_EINVAL, err, "commit batch: batch is NULL", firn_batch_commit(NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "submit batch: batch is NULL", firn_batch_submit(NULL, NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "commit batch: neither a callback nor a ticket: the answer would be lost",
           firn_batch_submit(batch, NULL, NULL, &err));
    assert_int_equal(firn_batch_count(batch), 1);
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, 1);
    firn_batch_free(batch);
}

/* The largest batch by records goes through whole; one more record does not get in. */
static void test_batch_records_max(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_batch *batch;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int i = 0; i < FIRN_BATCH_RECORDS_MAX; i++) {
        OK(err, firn_batch_event(batch, S("s"), 1, S("0123456789"), &err));
    }
    EXPECT(FIRN_ETOOBIG, err, "add event: a batch of 65537 records is larger than 65536",
           firn_batch_event(batch, S("s"), 1, S("x"), &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.count, FIRN_BATCH_RECORDS_MAX);
    firn_batch_free(batch);
    assert_int_equal(api_stream(world->ledger, "s").version, FIRN_BATCH_RECORDS_MAX);
    assert_int_equal(api_count(world->ledger), FIRN_BATCH_RECORDS_MAX);
}

/* The largest event comes back byte for byte; a batch that would pass its size does not get the event that passes it.
 */
static void test_batch_size_max(void **state)
{
    api_world *world = *state;
    uint8_t *payload = malloc(FIRN_EVENT_SIZE_MAX);
    firn_slice slice = {payload, FIRN_EVENT_SIZE_MAX};
    firn_buf buf = {0};
    firn_record record;
    firn_receipt receipt;
    firn_batch *batch;
    firn_error err;

    assert_non_null(payload);
    for (size_t i = 0; i < FIRN_EVENT_SIZE_MAX; i++) {
        payload[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int i = 0; i < 3; i++) {
        OK(err, firn_batch_event(batch, S("s"), 1, slice, &err));
    }
    EXPECT(FIRN_OK, err, NULL,
           firn_batch_event(batch, S("s"), 1, (firn_slice){payload, FIRN_EVENT_SIZE_MAX - 200}, &err));
    EXPECT(FIRN_ETOOBIG, err, NULL,
           firn_batch_event(batch, S("s"), 1,
                            S("0123456789012345678901234567890123456789"
                              "0123456789012345678901234567890123456789"
                              "0123456789012345678901234567890123456789"),
                            &err));
    assert_int_equal(firn_batch_count(batch), 4);
    OK(err, firn_batch_commit(batch, &receipt, &err));
    firn_batch_free(batch);
    OK(err, firn_get(world->ledger, receipt.first_seq + 2, &buf, &record, &err));
    assert_int_equal(record.payload.size, FIRN_EVENT_SIZE_MAX);
    assert_memory_equal(record.payload.data, payload, FIRN_EVENT_SIZE_MAX);
    firn_buf_free(&buf);
    free(payload);
}

/* A thousand streams come into being in one batch, with names that collide in every short prefix. */
static void test_many_streams(void **state)
{
    api_world *world = *state;
    firn_stream stream;
    firn_batch *batch;
    firn_view *view;
    char name[64];
    uint32_t id = 0;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            (void)snprintf(name, sizeof name, "stream/%d", i);
            OK(err, firn_batch_event(batch, S(name), 1, S("x"), &err));
        }
    }
    OK(err, firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
    OK(err, firn_view_open(world->ledger, &view, &err));
    for (int i = 0; i < 1000; i++) {
        OK(err, firn_stream_next(view, id, &stream, &err));
        (void)snprintf(name, sizeof name, "stream/%d", i);
        assert_string_equal(stream.name, name);
        assert_int_equal(stream.id, i + 1);
        assert_int_equal(stream.version, 2);
        assert_int_equal(stream.last_seq, 1001 + i);
        id = stream.id;
    }
    assert_int_equal(firn_stream_next(view, id, &stream, &err), FIRN_END);
    firn_view_close(view);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
}

/* An index that is full refuses what it has no room for, keeps what it has, and goes on where no room is needed. */
static void test_index_limit(void **state)
{
    api_world *world = *state;
    firn_status status = FIRN_OK;
    firn_event event = {1, S("x")};
    char name[64];
    firn_error err;
    uint64_t before;
    int made = 0;

    api_close(world);
    world->options.index_size_max = 64 * 1024;
    api_open(world);
    while (made < 100000 && status == FIRN_OK) {
        (void)snprintf(name, sizeof name, "stream/%d", made);
        status = firn_append(world->ledger, S(name), &event, 1, NULL, NULL, &err);
        made += status == FIRN_OK;
    }
    assert_int_equal(status, FIRN_ETOOBIG);
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX_LIMIT);
    before = api_count(world->ledger);
    assert_int_equal(before, made);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    world->options.index_size_max = 0;
    api_reopen(world);
    assert_int_equal(APPEND(world->ledger, "stream/0", 1, "x").first_seq, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_receipts),
        ON_MEMORY(test_bad_arguments),
        ON_MEMORY(test_good_names),
        ON_MEMORY(test_long_name_in_text),
        ON_BOTH(test_expected_version),
        ON_BOTH(test_batch_of_streams),
        ON_BOTH(test_refusal_leaves_nothing),
        ON_MEMORY(test_conditions_only),
        ON_MEMORY(test_batch_arguments),
        ON_BOTH(test_batch_records_max),
        ON_FOLDER(test_batch_size_max),
        ON_MEMORY(test_many_streams),
        ON_MEMORY(test_index_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
