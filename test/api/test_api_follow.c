/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_follow.c — handles open for reading beside a writer: what they see, and when. */
#include "test/api/api.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(20000000000)

static firn_ledger *open_reader(api_world *world)
{
    firn_options options = world->options;
    firn_ledger *reader;
    firn_error err;

    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    return reader;
}

/* Opens for writing when the last write of a dead one has landed. */
static firn_ledger *open_writer(const api_world *world)
{
    firn_options options = world->options;
    firn_ledger *writer = NULL;
    firn_status status;
    firn_error err;

    options.mode = FIRN_OPEN_WRITE;
    while ((status = firn_open(world->url, &options, &writer, &err)) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
    EXPECT(FIRN_OK, err, NULL, status);
    return writer;
}

static uint64_t version_of(firn_ledger *ledger, const char *name)
{
    firn_stream stream = api_stream(ledger, name);

    return stream.version;
}

/* A writer that has fallen silent: its last record is seen by a reader that was open before and by one opened later. */
static void test_quiet_writer(void **state)
{
    api_world *world = *state;
    firn_ledger *early = open_reader(world);
    firn_ledger *late;
    firn_receipt receipt = APPEND(world->ledger, "s", 1, "last");
    firn_cursor position;
    firn_error err;

    OK(err, firn_wait(early, receipt.first_seq - 1, PATIENCE_NS, &err));
    assert_int_equal(version_of(early, "s"), 1);
    firn_position(early, &position);
    assert_memory_equal(&position, &receipt.cursor, sizeof position);
    late = open_reader(world);
    assert_int_equal(api_count(late), receipt.first_seq);
    assert_int_equal(version_of(late, "s"), 1);
    assert_int_equal(firn_wait(late, receipt.first_seq, 1000000, &err), FIRN_TIMEOUT);
    OK(err, firn_close(early, &err));
    OK(err, firn_close(late, &err));
}

/* A tail of a reader follows over many segments: every record once, in order, and the rows go with it. */
static void test_many_segments(void **state)
{
    enum {
        ROUNDS = 40
    };
    api_world *world = *state;
    firn_ledger *reader = open_reader(world);
    static char payload[100 * 1024];
    firn_tail *tail;
    firn_record record;
    firn_error err;
    uint64_t seq = 0;

    memset(payload, 'x', sizeof payload - 1);
    OK(err, firn_tail_open(reader, NULL, &tail, &err));
    for (int i = 1; i <= ROUNDS; i++) {
        firn_receipt receipt = APPEND(world->ledger, "s", 1, payload);

        while (seq < receipt.first_seq) {
            OK(err, firn_tail_next(tail, PATIENCE_NS, &record, &err));
            assert_int_equal(record.seq, ++seq);
        }
        assert_int_equal(record.payload.size, sizeof payload - 1);
        assert_int_equal(version_of(reader, "s"), i);
    }
    assert_int_equal(firn_tail_next(tail, 0, &record, &err), FIRN_TIMEOUT);
    firn_tail_close(tail);
    OK(err, firn_close(reader, &err));
}

/* The writer closes, another one comes, and a third after a death: the reader goes on without being opened again. */
static void test_writers_come_and_go(void **state)
{
    api_world *world = *state;
    firn_ledger *reader = open_reader(world);
    firn_receipt receipt;
    firn_error err;
    pid_t child;
    int child_status;

    receipt = APPEND(world->ledger, "s", 1, "first");
    api_reopen(world);
    OK(err, firn_wait(reader, receipt.first_seq - 1, PATIENCE_NS, &err));
    receipt = APPEND(world->ledger, "s", 1, "second");
    api_close(world);
    OK(err, firn_wait(reader, receipt.first_seq - 1, PATIENCE_NS, &err));
    assert_int_equal(firn_wait(reader, receipt.first_seq, 0, &err), FIRN_TIMEOUT);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        api_open(world);
        (void)APPEND(world->ledger, "s", 1, "third");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &child_status, 0), child);
    assert_int_equal(child_status, 0);
    OK(err, firn_wait(reader, receipt.first_seq, PATIENCE_NS, &err));
    world->ledger = open_writer(world);
    receipt = APPEND(world->ledger, "s", 1, "fourth");
    OK(err, firn_wait(reader, receipt.first_seq - 1, PATIENCE_NS, &err));
    assert_int_equal(version_of(reader, "s"), 4);
    assert_int_equal(api_count(reader), api_count(world->ledger));
    OK(err, firn_close(reader, &err));
}

static void write_positions(const api_world *world, const void *data, size_t size)
{
    char path[300];
    int fd;

    (void)snprintf(path, sizeof path, "%s/positions", world->folder);
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    (void)close(fd);
}

/* Positions that are torn, short, of an earlier moment, or missing: a reader goes by what the log proves, and sees the
   rest when the writer publishes again. */
static void test_bad_positions(void **state)
{
    api_world *world = *state;
    uint8_t old[64], bad[64];
    char path[300];
    FILE *file;
    firn_receipt receipt;
    firn_error err;

    (void)snprintf(path, sizeof path, "%s/positions", world->folder);
    receipt = APPEND(world->ledger, "s", 1, "0");
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(old, 1, sizeof old, file), sizeof old);
    (void)fclose(file);
    for (int round = 0; round < 4; round++) {
        firn_ledger *reader;

        receipt = APPEND(world->ledger, "s", 1, "1");
        (void)usleep(20000);
        memcpy(bad, old, sizeof bad);
        bad[40] ^= round == 1;
        write_positions(world, bad, round == 2 ? 30 : sizeof bad);
        if (round == 3) {
            assert_int_equal(unlink(path), 0);
        }
        reader = open_reader(world);
        assert_true(api_count(reader) + 1 >= receipt.first_seq);
        if (round == 3) {
            OK(err, firn_close(world->ledger, &err));
            world->ledger = NULL;
        } else {
            receipt = APPEND(world->ledger, "s", 1, "2");
        }
        OK(err, firn_wait(reader, receipt.first_seq - 1, PATIENCE_NS, &err));
        assert_int_equal(api_count(reader), receipt.first_seq);
        OK(err, firn_close(reader, &err));
    }
    api_open(world);
}

/* What the child does: append until it is killed, saying each acknowledged seq. */
static void write_for_ever(const api_world *world, int to)
{
    firn_ledger *ledger = open_writer(world);
    firn_receipt receipt;
    char payload[2000];

    memset(payload, 'p', sizeof payload);
    payload[sizeof payload - 1] = '\0';
    for (;;) {
        receipt = APPEND(ledger, "s", 1, payload);
        if (write(to, &receipt.first_seq, sizeof receipt.first_seq) != sizeof receipt.first_seq) {
            _exit(1);
        }
    }
}

/* Writers in other processes are killed one after the other at any moment. One reader sees it all: each record that was
   acknowledged, in order, and nothing that a later writer does not have. */
static void test_killed_writers(void **state)
{
    enum {
        WRITERS = 6
    };
    api_world *world = *state;
    firn_ledger *reader;
    firn_tail *tail;
    firn_record record;
    firn_error err;
    uint64_t seen = 0;

    api_close(world);
    reader = open_reader(world);
    OK(err, firn_tail_open(reader, NULL, &tail, &err));
    for (int i = 0; i < WRITERS; i++) {
        uint64_t acknowledged = 0;
        int ends[2];
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_for_ever(world, ends[1]);
        }
        (void)close(ends[1]);
        for (int k = 0; k < 30 + i * 17; k++) {
            assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
            while (seen < acknowledged && k % 8 == 0) {
                OK(err, firn_tail_next(tail, PATIENCE_NS, &record, &err));
                assert_int_equal(record.seq, ++seen);
            }
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        (void)close(ends[0]);
        while (seen < acknowledged) {
            OK(err, firn_tail_next(tail, PATIENCE_NS, &record, &err));
            assert_int_equal(record.seq, ++seen);
        }
        world->ledger = open_writer(world);
        assert_true(version_of(reader, "s") >= seen);
        assert_true(api_count(world->ledger) >= version_of(reader, "s"));
        api_close(world);
    }
    firn_tail_close(tail);
    OK(err, firn_close(reader, &err));
    api_open(world);
}

typedef struct follower {
    firn_ledger *reader;
    uint64_t last_seq;
    bool views;
    bool good;
} follower;

static void *follow(void *arg)
{
    follower *own = arg;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_cursor position = {0};
    firn_error err;

    own->good = true;
    while (own->good && position.seq < own->last_seq) {
        firn_view *view;

        own->good = firn_wait(own->reader, position.seq, PATIENCE_NS, &err) == FIRN_OK;
        firn_position(own->reader, &position);
        own->good &= firn_stat(own->reader, &stats, &err) == FIRN_OK && stats.durable_seq >= position.seq;
        if (own->views && firn_view_open(own->reader, &view, &err) == FIRN_OK) {
            firn_stream stream = {0};

            own->good &= firn_stream_get(view, S("s"), &stream, &err) == FIRN_OK;
            own->good &= firn_view_seq(view) >= position.seq && stream.last_seq == firn_view_seq(view);
            firn_view_close(view);
        }
    }
    return NULL;
}

/* Several threads follow with one handle and open views meanwhile: none stands before what its thread has seen. */
static void test_threads_follow(void **state)
{
    enum {
        COUNT = 300
    };
    api_world *world = *state;
    firn_ledger *reader = open_reader(world);
    follower followers[3];
    pthread_t threads[3];
    firn_error err;

    for (int i = 0; i < 3; i++) {
        followers[i] = (follower){.reader = reader, .last_seq = COUNT, .views = i > 0};
        assert_int_equal(pthread_create(&threads[i], NULL, follow, &followers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)APPEND(world->ledger, "s", 1, "a payload that fills a segment of this size now and then");
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(followers[i].good);
    }
    OK(err, firn_close(reader, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_quiet_writer),    ON_BOTH(test_many_segments),    ON_FOLDER(test_writers_come_and_go),
        ON_FOLDER(test_bad_positions), ON_FOLDER(test_killed_writers), ON_BOTH(test_threads_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
