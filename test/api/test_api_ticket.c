/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_ticket.c — submitted calls and their answers: tickets, callbacks, poll, eventfd, sync, close. */
#include "test/api/api.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* What callbacks saw. Guarded by nothing: written by one callback at a time, read after the answers are known. */
typedef struct seen {
    firn_ledger *ledger;
    _Atomic unsigned calls;
    unsigned left; /* Calls that the callback submits itself. */
    firn_status last_status;
    uint64_t last_seq;
    firn_error err;
    bool in_order;
} seen;

static void note(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    seen *s = arg;

    assert_true((status == FIRN_OK) == (receipt != NULL));
    assert_true((status == FIRN_OK) == (err == NULL));
    s->last_status = status;
    if (receipt != NULL) {
        s->in_order = s->in_order && receipt->first_seq > s->last_seq;
        s->last_seq = receipt->first_seq;
    } else {
        s->err = *err;
    }
    atomic_fetch_add(&s->calls, 1);
}

/* A callback stands at a wall until it is opened. */
typedef struct wall {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool reached;
    bool open;
} wall;

#define WALL_CLOSED                                                       \
    {                                                                     \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false \
    }

static void stand_at(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    wall *w = arg;

    (void)status;
    (void)receipt;
    (void)err;
    (void)pthread_mutex_lock(&w->mutex);
    w->reached = true;
    (void)pthread_cond_broadcast(&w->changed);
    while (!w->open) {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

static void wall_reached(wall *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    while (!w->reached) {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

static void wall_open(wall *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->open = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
}

static const firn_event event = {1, {"x", 1}};

static firn_ticket *submit(firn_ledger *ledger, const char *stream)
{
    firn_ticket *ticket;
    firn_error err;

    OK(err, firn_append_submit(ledger, S(stream), &event, 1, NULL, NULL, &ticket, &err));
    return ticket;
}

/* A submitted call is answered through its ticket, as often as it is asked. */
static void test_ticket_wait(void **state)
{
    api_world *world = *state;
    firn_ticket *tickets[100];
    firn_receipt receipt;
    firn_error err;

    for (int i = 0; i < 100; i++) {
        tickets[i] = submit(world->ledger, "s");
    }
    for (int i = 99; i >= 0; i--) {
        for (int twice = 0; twice < 2; twice++) {
            OK(err, firn_ticket_wait(tickets[i], -1, &receipt, &err));
            assert_int_equal(receipt.first_seq, i + 1);
            OK(err, firn_ticket_poll(tickets[i], &receipt, &err));
            assert_int_equal(receipt.first_seq, i + 1);
        }
        OK(err, firn_ticket_poll(tickets[i], NULL, NULL));
        firn_ticket_free(tickets[i]);
    }
    assert_int_equal(api_count(world->ledger), 100);
}

/* Nothing moves a submitted call while nobody makes progress; then poll answers it and says how many. */
static void test_manual_poll(void **state)
{
    api_world *world = *state;
    firn_ticket *ticket = submit(world->ledger, "s");
    firn_receipt receipt = {.count = 77};
    firn_stats stats = {.struct_size = sizeof stats};
    size_t done = 77, total = 0;
    firn_error err;

    assert_int_equal(firn_ticket_poll(ticket, &receipt, &err), FIRN_PENDING);
    assert_int_equal(firn_ticket_wait(ticket, 0, &receipt, &err), FIRN_TIMEOUT);
    assert_int_equal(receipt.count, 77);
    OK(err, firn_stat(world->ledger, &stats, &err));
    assert_int_equal(stats.tickets_count, 1);
    assert_int_equal(stats.allocated_seq, 1);
    assert_int_equal(stats.durable_seq, 0);
    for (int i = 0; i < 9; i++) {
        firn_ticket_free(submit(world->ledger, "s"));
    }
    while (total < 10) {
        OK(err, firn_poll(world->ledger, -1, &done, &err));
        assert_true(done > 0);
        total += done;
    }
    assert_int_equal(total, 10);
    OK(err, firn_ticket_poll(ticket, &receipt, &err));
    assert_int_equal(receipt.count, 1);
    firn_ticket_free(ticket);
    /* Nothing is outstanding: even for ever is at once. */
    assert_int_equal(firn_poll(world->ledger, -1, &done, &err), FIRN_TIMEOUT);
    assert_int_equal(done, 0);
    assert_int_equal(firn_poll(world->ledger, 0, NULL, NULL), FIRN_TIMEOUT);
}

/* Waiting for one ticket moves the ledger even when nobody polls. */
static void test_manual_wait(void **state)
{
    api_world *world = *state;
    firn_ticket *ticket = submit(world->ledger, "s");
    firn_receipt receipt;
    firn_error err;

    OK(err, firn_ticket_wait(ticket, -1, &receipt, &err));
    assert_int_equal(receipt.first_seq, 1);
    firn_ticket_free(ticket);
    firn_ticket_free(submit(world->ledger, "s"));
    OK(err, firn_sync(world->ledger, &err));
    assert_int_equal(api_count(world->ledger), 2);
}

static void *wait_for_ever(void *arg)
{
    firn_status status = firn_ticket_wait(arg, -1, NULL, NULL);

    return status == FIRN_OK ? arg : NULL;
}

/* Two threads wait for one ticket; that the time of one runs out takes nothing from the other. */
static void test_two_waiters(void **state)
{
    api_world *world = *state;
    wall gate = WALL_CLOSED;
    firn_submit_options options = {.struct_size = sizeof options, .done = stand_at, .arg = &gate};
    firn_ticket *ticket, *mine;
    pthread_t other, giver;
    void *result;
    firn_error err;

    OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, NULL, &options, &ticket, &err));
    mine = submit(world->ledger, "s");
    /* The callback of the first holds up all answers while its position is durable. */
    assert_int_equal(pthread_create(&giver, NULL, wait_for_ever, mine), 0);
    wall_reached(&gate);
    assert_int_equal(pthread_create(&other, NULL, wait_for_ever, ticket), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(firn_ticket_wait(ticket, 1000000, NULL, &err), FIRN_TIMEOUT);
    }
    wall_open(&gate);
    assert_int_equal(pthread_join(other, &result), 0);
    assert_ptr_equal(result, ticket);
    assert_int_equal(pthread_join(giver, &result), 0);
    assert_ptr_equal(result, mine);
    firn_ticket_free(ticket);
    firn_ticket_free(mine);
}

/* A wait that timed out on a ticket whose answer is being given leaves one that can be freed. */
static void test_free_after_timeout(void **state)
{
    api_world *world = *state;
    wall gate = WALL_CLOSED;
    firn_submit_options options = {.struct_size = sizeof options, .done = stand_at, .arg = &gate};
    firn_ticket *ticket, *mine;
    pthread_t giver;
    void *result;
    firn_error err;

    OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, NULL, &options, &ticket, &err));
    mine = submit(world->ledger, "s");
    assert_int_equal(pthread_create(&giver, NULL, wait_for_ever, mine), 0);
    wall_reached(&gate);
    assert_int_equal(firn_ticket_wait(ticket, 1000000, NULL, &err), FIRN_TIMEOUT);
    firn_ticket_free(ticket);
    wall_open(&gate);
    assert_int_equal(pthread_join(giver, &result), 0);
    firn_ticket_free(mine);
    api_reopen(world);
    assert_int_equal(api_count(world->ledger), 2);
}

/* A refusal comes through the ticket or the callback with status, text and detail, in the order of submission. */
static void test_refusal(void **state)
{
    api_world *world = *state;
    firn_append_options options = {.struct_size = sizeof options, .has_expected_version = 1, .expected_version = 7};
    seen s = {.in_order = true};
    firn_submit_options submit_options = {.struct_size = sizeof submit_options, .done = note, .arg = &s};
    firn_ticket *first = submit(world->ledger, "s"), *second;
    firn_receipt receipt;
    firn_error err;

    OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, &options, &submit_options, &second, &err));
    EXPECT(FIRN_ECONFLICT, err, "append to stream s: expected version 7, is at 1",
           firn_ticket_wait(second, -1, &receipt, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_EXPECTED_VERSION);
    /* The refusal rested on the first call, so that is durable. */
    OK(err, firn_ticket_poll(first, &receipt, &err));
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.last_status, FIRN_ECONFLICT);
    assert_string_equal(s.err.text, "append to stream s: expected version 7, is at 1");
    firn_ticket_free(first);
    firn_ticket_free(second);
    /* One more, with nothing in flight: it has to be answered all the same. */
    OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, &options, NULL, &second, &err));
    EXPECT(FIRN_ECONFLICT, err, NULL, firn_ticket_wait(second, -1, &receipt, &err));
    firn_ticket_free(second);
}

/* Callbacks come by themselves, once each, in order, without any further call. */
static void test_auto_callbacks(void **state)
{
    api_world *world = *state;
    seen s = {.in_order = true};
    firn_submit_options options = {.struct_size = sizeof options, .done = note, .arg = &s};
    struct pollfd fd = {.events = POLLIN};
    uint64_t value;
    firn_error err;

    OK(err, firn_eventfd(world->ledger, &fd.fd, &err));
    for (int i = 0; i < 200; i++) {
        firn_status status;

        /* All buffers may be in flight. */
        do {
            status = firn_append_submit(world->ledger, S("s"), &event, 1, NULL, &options, NULL, &err);
        } while (status == FIRN_FULL && sched_yield() == 0);
        OK(err, status);
    }
    while (s.calls < 200) {
        assert_int_equal(poll(&fd, 1, -1), 1);
        assert_int_equal(read(fd.fd, &value, sizeof value), sizeof value);
    }
    assert_int_equal(s.last_status, FIRN_OK);
    assert_int_equal(s.last_seq, 200);
    assert_true(s.in_order);
}

static void note_and_submit(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    seen *s = arg;
    firn_submit_options options = {.struct_size = sizeof options, .done = note_and_submit, .arg = s};
    const bool more = s->left > 0;
    firn_error own;
    firn_status again;

    s->left -= more ? 1 : 0;
    note(arg, status, receipt, err); /* When it has counted the last call, s may be gone. */
    if (more) {
        again = firn_append_submit(s->ledger, S("s"), &event, 1, NULL, &options, NULL, &own);
        assert_int_equal(again, FIRN_OK);
    }
}

/* A chain of calls that submit each other from their callbacks runs to its end. */
static void test_callback_submits(void **state)
{
    api_world *world = *state;
    seen s = {.ledger = world->ledger, .left = 49, .in_order = true};
    firn_submit_options options = {.struct_size = sizeof options, .done = note_and_submit, .arg = &s};
    firn_status status = FIRN_OK;
    firn_error err;

    OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, NULL, &options, NULL, &err));
    while (s.calls < 50) {
        status = firn_poll(world->ledger, 10000000, NULL, &err);
        assert_true(status == FIRN_OK || status == FIRN_TIMEOUT);
    }
    assert_int_equal(s.last_seq, 50);
    assert_true(s.in_order);
}

/* The queue is bounded: what does not fit is not taken, and fits after progress. */
static void test_full(void **state)
{
    api_world *world = *state;
    firn_ticket *tickets[5], *none = NULL;
    firn_error err = {.status = FIRN_OK};

    api_close(world);
    world->options.outstanding_max = 5;
    api_open(world);
    for (int i = 0; i < 5; i++) {
        tickets[i] = submit(world->ledger, "s");
    }
    assert_int_equal(firn_append_submit(world->ledger, S("s"), &event, 1, NULL, NULL, &none, &err), FIRN_FULL);
    assert_null(none);
    assert_int_equal(err.status, FIRN_OK);
    while (firn_ticket_poll(tickets[0], NULL, &err) == FIRN_PENDING) {
        OK(err, firn_poll(world->ledger, -1, NULL, &err));
    }
    firn_ticket_free(submit(world->ledger, "s"));
    for (int i = 0; i < 5; i++) {
        firn_ticket_free(tickets[i]);
    }
    OK(err, firn_sync(world->ledger, &err));
    assert_int_equal(api_count(world->ledger), 6);
}

/* An event loop: the descriptor is readable when poll has something to do, and quiet when it has not. */
static void test_manual_eventfd(void **state)
{
    api_world *world = *state;
    struct pollfd fd = {.events = POLLIN};
    firn_ticket *ticket;
    uint64_t value;
    int same;
    firn_error err;

    OK(err, firn_eventfd(world->ledger, &fd.fd, &err));
    OK(err, firn_eventfd(world->ledger, &same, &err));
    assert_int_equal(same, fd.fd);
    assert_int_equal(poll(&fd, 1, 0), 0);
    ticket = submit(world->ledger, "s");
    while (firn_ticket_poll(ticket, NULL, &err) == FIRN_PENDING) {
        firn_status status;

        assert_int_equal(poll(&fd, 1, -1), 1);
        assert_int_equal(read(fd.fd, &value, sizeof value), sizeof value);
        status = firn_poll(world->ledger, 0, NULL, &err);
        assert_true(status == FIRN_OK || status == FIRN_TIMEOUT);
    }
    firn_ticket_free(ticket);
    if (poll(&fd, 1, 0) == 1) {
        assert_int_equal(read(fd.fd, &value, sizeof value), sizeof value);
    }
    assert_int_equal(firn_poll(world->ledger, 0, NULL, &err), FIRN_TIMEOUT);
    assert_int_equal(poll(&fd, 1, 0), 0);
    EXPECT(FIRN_EINVAL, err, "ledger is NULL", firn_eventfd(NULL, &same, &err));
    EXPECT(FIRN_EINVAL, err, "out_fd is NULL", firn_eventfd(world->ledger, NULL, &err));
}

static void note_and_fail_to_submit(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    seen *s = arg;
    firn_submit_options options = {.struct_size = sizeof options, .done = note, .arg = s};

    note(arg, status, receipt, err);
    s->last_status = firn_append_submit(s->ledger, S("s"), &event, 1, NULL, &options, NULL, &s->err);
}

/* Closing answers what is outstanding; a callback that submits then is told so. */
static void test_close_answers(void **state)
{
    api_world *world = *state;
    seen s = {.ledger = world->ledger, .in_order = true};
    firn_submit_options options = {.struct_size = sizeof options, .done = note_and_fail_to_submit, .arg = &s};
    firn_error err;

    for (int i = 0; i < 20; i++) {
        OK(err, firn_append_submit(world->ledger, S("s"), &event, 1, NULL, &options, NULL, &err));
    }
    api_close(world);
    assert_int_equal(s.calls, 20);
    assert_int_equal(s.last_status, FIRN_ESTATE);
    assert_int_equal(s.err.detail, FIRN_DETAIL_CLOSING);
    assert_string_equal(s.err.text, "append to stream s: the ledger is being closed");
    api_open(world);
    assert_int_equal(api_count(world->ledger), 20);
}

/* Arguments of the functions about tickets. */
static void test_arguments(void **state)
{
    firn_error err;

    (void)state;
    EXPECT(FIRN_EINVAL, err, "ticket is NULL", firn_ticket_poll(NULL, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "ticket is NULL", firn_ticket_wait(NULL, 0, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "ledger is NULL", firn_poll(NULL, 0, NULL, &err));
    EXPECT(FIRN_EINVAL, err, "sync: ledger is NULL", firn_sync(NULL, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_ticket_wait),          ON_BOTH_MANUAL(test_ticket_wait),
        ON_BOTH_MANUAL(test_manual_poll),   ON_BOTH_MANUAL(test_manual_wait),
        ON_BOTH(test_two_waiters),          ON_BOTH_MANUAL(test_two_waiters),
        ON_BOTH(test_free_after_timeout),   ON_BOTH(test_refusal),
        ON_BOTH_MANUAL(test_refusal),       ON_BOTH(test_auto_callbacks),
        ON_BOTH(test_callback_submits),     ON_BOTH_MANUAL(test_callback_submits),
        ON_BOTH_MANUAL(test_full),          ON_BOTH_MANUAL(test_manual_eventfd),
        ON_BOTH_MANUAL(test_close_answers), cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
