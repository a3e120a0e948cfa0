/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_key.c — idempotency keys: repeated, in conflict, by scope, over their age, and as a setting. */
#include "test/api/api.h"

#include <stdio.h>

#define SECOND INT64_C(1000000000)

static firn_append_options keyed(const char *scope, const char *key)
{
    return (firn_append_options){.struct_size = sizeof(firn_append_options), .scope = S(scope), .key = S(key)};
}

static void reopen_with_clock(api_world *world, int64_t start_ns)
{
    api_close(world);
    world->clock_ns = start_ns;
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    api_open(world);
}

/* A call repeated under its key gets the first call's receipt and appends nothing, whatever its conditions. */
static void test_repeat(void **state)
{
    api_world *world = *state;
    firn_append_options options = keyed("client-1", "tx-1");
    firn_event events[2] = {{1, S("a")}, {2, S("b")}};
    firn_receipt first, again;
    firn_error err;

    options.has_expected_version = 1;
    (void)APPEND(world->ledger, "other", 1, "x");
    OK(err, firn_append(world->ledger, S("s"), events, 2, &options, &first, &err));
    assert_int_equal(first.existing, 0);
    (void)APPEND(world->ledger, "s", 1, "x");
    /* The condition is not true any more: the key is asked first. */
    OK(err, firn_append(world->ledger, S("s"), events, 2, &options, &again, &err));
    assert_int_equal(again.existing, 1);
    again.existing = 0;
    assert_memory_equal(&again, &first, sizeof first);
    assert_int_equal(api_count(world->ledger), 4);
}

/* Another request under a known key is a conflict, however small the difference. */
static void test_conflict(void **state)
{
    api_world *world = *state;
    firn_append_options options = keyed("c", "k");
    firn_event event = {1, S("a")};
    firn_error err;

    (void)APPEND(world->ledger, "s", 1, "x");
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, NULL, &err));
#define BAD(stream, ...)                                                                                          \
    do {                                                                                                          \
        firn_event other[] = {__VA_ARGS__};                                                                       \
        EXPECT(FIRN_ECONFLICT, err,                                                                               \
               "append to stream " stream ": idempotency key was used for another request, at seq 2",             \
               firn_append(world->ledger, S(stream), other, sizeof other / sizeof *other, &options, NULL, &err)); \
        assert_int_equal(err.detail, FIRN_DETAIL_KEY);                                                            \
        assert_int_equal(err.seq, 2);                                                                             \
    } while (0)
    BAD("s", {2, S("a")});
    BAD("s", {1, S("b")});
    BAD("s", {1, S("")});
    BAD("t", {1, S("a")});
    BAD("s", {1, S("a")}, {1, S("a")});
#undef BAD
    assert_int_equal(api_count(world->ledger), 2);
}

/* Scope and key are a pair: neither the same key elsewhere nor another cut of the same bytes is the same. */
static void test_scopes(void **state)
{
    api_world *world = *state;
    const char *pairs[][2] = {{"", "abc"}, {"a", "bc"}, {"ab", "c"}, {"b", "abc"}};
    firn_event event = {1, S("a")};
    firn_receipt receipt;
    firn_error err;

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 4; i++) {
            firn_append_options options = keyed(pairs[i][0], pairs[i][1]);

            OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &receipt, &err));
            assert_int_equal(receipt.existing, round);
            assert_int_equal(receipt.first_seq, i + 1);
        }
    }
}

/* A request is the same however it was put together; a digest of the caller's replaces the computed one. */
static void test_digest(void **state)
{
    api_world *world = *state;
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {1, 2, 3}, another[FIRN_DIGEST_SIZE] = {1, 2, 4};
    firn_append_options options = keyed("c", "k");
    firn_event events[2] = {{1, S("a")}, {2, S("b")}};
    firn_receipt receipt;
    firn_batch *batch;
    firn_error err;

    OK(err, firn_append(world->ledger, S("s"), events, 2, &options, NULL, &err));
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, firn_batch_event(batch, S("s"), 1, S("a"), &err));
    OK(err, firn_batch_event(batch, S("s"), 2, S("b"), &err));
    OK(err, firn_batch_key(batch, S("c"), S("k"), NULL, &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    assert_int_equal(receipt.existing, 1);
    firn_batch_free(batch);
    options = keyed("c", "mine");
    options.digest = digest;
    OK(err, firn_append(world->ledger, S("s"), events, 2, &options, &receipt, &err));
    assert_int_equal(receipt.existing, 0);
    OK(err, firn_append(world->ledger, S("t"), events, 1, &options, &receipt, &err));
    assert_int_equal(receipt.existing, 1);
    options.digest = another;
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_append(world->ledger, S("s"), events, 2, &options, &receipt, &err));
}

/* A key is kept until its age is over, to the nanosecond; then it begins anew, also after replay. */
static void test_age(void **state)
{
    api_world *world = *state;
    firn_append_options options = keyed("c", "k");
    firn_event event = {1, S("a")};
    firn_receipt receipt;
    firn_view *view;
    firn_error err;

    reopen_with_clock(world, 100 * SECOND);
    OK(err, firn_key_age_set(world->ledger, 10 * SECOND, &receipt, &err));
    assert_int_equal(receipt.count, 1);
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &receipt, &err));
    assert_int_equal(receipt.first_seq, 2);
    world->clock_ns = 110 * SECOND - 1;
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &receipt, &err));
    assert_int_equal(receipt.existing, 1);
    for (int round = 0; round < 2; round++) {
        OK(err, firn_view_open(world->ledger, &view, &err));
        OK(err, firn_key_get(view, S("c"), S("k"), &receipt, &err));
        assert_int_equal(receipt.first_seq, 2);
        assert_int_equal(receipt.time_ns, 100 * SECOND);
        EXPECT(FIRN_ENOTFOUND, err, "get key: there is no such idempotency key",
               firn_key_get(view, S(""), S("k"), &receipt, &err));
        firn_view_close(view);
        api_reopen(world);
    }
    world->clock_ns = 110 * SECOND;
    (void)APPEND(world->ledger, "other", 1, "x");
    OK(err, firn_view_open(world->ledger, &view, &err));
    EXPECT(FIRN_ENOTFOUND, err, "get key: there is no such idempotency key",
           firn_key_get(view, S("c"), S("k"), &receipt, &err));
    firn_view_close(view);
    event.payload = S("another request");
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &receipt, &err));
    assert_int_equal(receipt.existing, 0);
    assert_int_equal(receipt.first_seq, 4);
    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    api_reopen(world);
    OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, &receipt, &err));
    assert_int_equal(receipt.existing, 1);
    assert_int_equal(receipt.first_seq, 4);
}

/* Keys that are over their age leave the index as others come, so that it does not grow for ever. */
static void test_keys_go(void **state)
{
    api_world *world = *state;
    firn_event event = {1, S("a")};
    firn_report early = {.struct_size = sizeof early}, late = {.struct_size = sizeof late};
    char key[32];
    firn_error err;

    reopen_with_clock(world, 100 * SECOND);
    OK(err, firn_key_age_set(world->ledger, 20 * SECOND, NULL, &err));
    for (int i = 0; i < 300; i++) {
        firn_append_options options;

        (void)snprintf(key, sizeof key, "key-%d", i);
        options = keyed("c", key);
        world->clock_ns += SECOND;
        OK(err, firn_append(world->ledger, S("s"), &event, 1, &options, NULL, &err));
        if (i == 100) {
            OK(err, firn_replay(world->ledger, NULL, &early, &err));
        }
    }
    OK(err, firn_replay(world->ledger, NULL, &late, &err));
    assert_int_equal(early.rows, late.rows);
}

/* The age given at creation is a record of the log and holds for later opens; 0 is no age. */
static void test_age_option(void **state)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_NEW, .key_age_ns = 5};
    firn_append_options append = keyed("c", "k");
    firn_event event = {1, S("a")};
    firn_ledger *ledger;
    firn_buf buf = {0};
    firn_record record;
    firn_receipt receipt;
    firn_ticket *ticket;
    firn_error err;

    (void)state;
    OK(err, firn_open("mem:", &options, &ledger, &err));
    OK(err, firn_get(ledger, 1, &buf, &record, &err));
    assert_int_equal(record.stream, 0);
    assert_int_equal(record.version, 1);
    assert_int_equal(record.kind, 0x8000);
    assert_int_equal(record.payload.size, 0);
    assert_true(record.body.size > 0);
    firn_buf_free(&buf);
    OK(err, firn_append(ledger, S("s"), &event, 1, &append, &receipt, &err));
    EXPECT(FIRN_EINVAL, err, "set key age: 0 ns would keep no key", firn_key_age_set(ledger, 0, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "set key age: ledger is NULL", firn_key_age_set(NULL, 1, NULL, &err));
    OK(err, firn_key_age_set(ledger, UINT64_MAX, &receipt, &err));
    assert_int_equal(receipt.first_seq, 3);
    OK(err, firn_append(ledger, S("s"), &event, 1, &append, &receipt, &err));
    assert_int_equal(receipt.existing, 1);
    EXPECT(FIRN_EINVAL, err, "set key age: 0 ns would keep no key",
           firn_key_age_set_submit(ledger, 0, NULL, &ticket, &err));
    OK(err, firn_key_age_set_submit(ledger, 1, NULL, &ticket, &err));
    OK(err, firn_ticket_wait(ticket, -1, &receipt, &err));
    firn_ticket_free(ticket);
    assert_int_equal(receipt.first_seq, 4);
    OK(err, firn_get(ledger, 4, &buf, &record, &err));
    assert_int_equal(record.version, 3);
    firn_buf_free(&buf);
    OK(err, firn_close(ledger, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_repeat),
        ON_MEMORY(test_conflict),
        ON_MEMORY(test_scopes),
        ON_MEMORY(test_digest),
        ON_BOTH(test_age),
        ON_MEMORY(test_keys_go),
        cmocka_unit_test(test_age_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
