/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_index_bad.c — what is found in the place of the index: each has its status and text, and loses nothing. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/api/indexed.h"

enum {
    NOBODY = 65534
};

/* A writer is refused for what stands in the place of the index; a reader does without it, and answers as before. */
static void refused(api_world *world, const indexed_answers *before, firn_status wanted, const char *words)
{
    firn_options options = world->options;
    indexed_answers now;
    firn_ledger *reader;
    firn_error err;

    options.mode = FIRN_OPEN_WRITE;
    EXPECT(wanted, err, NULL, firn_open(world->url, &options, &reader, &err));
    if (strstr(err.text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, err.text);
    }
    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    now = indexed_ask(reader);
    indexed_same(&now, before);
    OK(err, firn_close(reader, &err));
}

/* Something that is no folder stands there, and it is not firn's to remove: a writer says so, until it is gone. */
static void test_in_the_way(void **state)
{
    static const struct {
        const char *put;
        const char *proof;
        const char *words;
    } cases[] = {
        {"rm -r @/index && echo mine > @/index", "grep -q mine @/index", "/index: not a folder, and in the way"},
        {"rm -r @/index && ln -s nowhere @/index", "test -L @/index", "/index: not a folder, and in the way"},
        {"mv @/index @.elsewhere && ln -s ../$(basename @).elsewhere @/index",
         "test -L @/index && test -f @.elsewhere/data.mdb", "/index: not a folder, and in the way"},
        {"rm -r @/index && mkfifo @/index", "test -p @/index", "/index: not a folder, and in the way"},
        {"rm @/index/data.mdb && mkdir @/index/data.mdb", "test -d @/index/data.mdb", "data.mdb: a folder, and in the"},
    };
    api_world *world = *state;
    indexed_answers before;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        indexed_fill(world, 20);
        before = indexed_ask(world->ledger);
        api_close(world);
        indexed_shell(world, cases[i].put);
        refused(world, &before, FIRN_EEXISTS, cases[i].words);
        indexed_shell(world, cases[i].proof);
        indexed_shell(world, "rm -rf @/index @.elsewhere");
        indexed_check(world, &before);
    }
}

/* What can be done without is: a pipe in the place of a file, files of others beside ours, which stay. */
static void test_odd_places(void **state)
{
    static const struct {
        const char *put;
        const char *proof;
    } cases[] = {
        {"rm @/index/data.mdb && mkfifo @/index/data.mdb", "test -f @/index/data.mdb"},
        {": > @/index/data.mdb; echo mine > @/index/notes", "grep -q mine @/index/notes"},
        {"truncate -s 5000 @/index/data.mdb; echo mine > @/index/notes", "grep -q mine @/index/notes"},
    };
    api_world *world = *state;
    indexed_answers before;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        indexed_fill(world, 20);
        before = indexed_ask(world->ledger);
        api_close(world);
        indexed_shell(world, cases[i].put);
        indexed_check(world, &before);
        indexed_shell(world, cases[i].proof);
    }
}

/* As somebody who may write the ledger and not the folder of its index. */
static void as_nobody(api_world *world, const indexed_answers *before)
{
    if (geteuid() == 0 && setuid(NOBODY) != 0) {
        _exit(2);
    }
    refused(world, before, FIRN_EACCES, "index: open ");
    _exit(0);
}

/* The index may not be written: FIRN_EACCES for a writer; a reader does without it. */
static void test_no_permission(void **state)
{
    api_world *world = *state;
    indexed_answers before;
    pid_t child;
    int end;

    indexed_fill(world, 20);
    before = indexed_ask(world->ledger);
    api_close(world);
    indexed_shell(world, "chmod -R a+rwX @ && chmod 0555 @/index && chmod 0400 @/index/*");
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        as_nobody(world, &before);
    }
    assert_int_equal(waitpid(child, &end, 0), child);
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    indexed_shell(world, "chmod 0700 @/index && chmod 0600 @/index/*");
    indexed_check(world, &before);
}

/* The index is that of another life of this ledger, which went on elsewhere from where the two part: built anew. */
static void test_other_incarnation(void **state)
{
    api_world *world = *state;
    api_world fork_of = *world;
    indexed_answers before;
    firn_error err;

    indexed_fill(world, 30);
    /* As a power cut would leave it. */
    indexed_shell(world, "cp -r @ @.fork");
    indexed_fill(world, 30);
    api_close(world);
    (void)snprintf(fork_of.url, sizeof fork_of.url, "%.200s.fork", world->url);
    (void)snprintf(fork_of.folder, sizeof fork_of.folder, "%.200s.fork", world->folder);
    fork_of.options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open(fork_of.url, &fork_of.options, &fork_of.ledger, &err));
    indexed_fill(&fork_of, 40);
    before = indexed_ask(fork_of.ledger);
    api_close(&fork_of);
    indexed_shell(world, "cp @/index/data.mdb @.fork/index/data.mdb");
    OK(err, firn_open(fork_of.url, &fork_of.options, &fork_of.ledger, &err));
    assert_non_null(strstr(indexed_stat(fork_of.ledger).index_note, "its mark is not in the history"));
    assert_int_equal(indexed_stat(fork_of.ledger).replayed_records, before.records);
    api_close(&fork_of);
    indexed_check(&fork_of, &before);
    api_close(&fork_of);
    api_remove_folder(fork_of.folder);
    api_open(world);
}

enum {
    BATCHES = 1100, /* Opening looks after 1024 of them whether to bring rows to disk. */
    STREAMS = 15    /* New ones in each. */
};

/* Appends all that, and waits for it at the end. */
static void append_streams(firn_ledger *ledger)
{
    firn_ticket *ticket;
    firn_batch *batch;
    firn_error err;
    firn_status status;
    char name[24];

    for (int i = 0; i < BATCHES; i++) {
        OK(err, firn_batch_new(ledger, &batch, &err));
        for (int k = 0; k < STREAMS; k++) {
            (void)snprintf(name, sizeof name, "stream-%d", i * STREAMS + k);
            OK(err, firn_batch_event(batch, S(name), 1, S("x"), &err));
        }
        while ((status = firn_batch_submit(batch, NULL, &ticket, &err)) == FIRN_FULL) {
            OK(err, firn_sync(ledger, &err));
        }
        assert_int_equal(status, FIRN_OK);
        firn_ticket_free(ticket);
        firn_batch_free(batch);
    }
    OK(err, firn_sync(ledger, &err));
}

/* The map is too small for what comes: rows stay in memory, appends and queries go on, stat says why; opening with a
   larger map brings them to disk. */
static void test_map_too_small(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    indexed_answers before, now;
    firn_stats stats;
    firn_error err;

    api_close(world);
    api_remove_index(world);
    world->options.mode = FIRN_OPEN_WRITE;
    world->options.index_map_size = 1024 * 1024;
    world->options.replay_records_max = 2000;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
    append_streams(world->ledger);
    for (int tries = 0; tries < 10000 && strlen(indexed_stat(world->ledger).index_note) == 0; tries++) {
        (void)usleep(1000);
    }
    stats = indexed_stat(world->ledger);
    assert_non_null(strstr(stats.index_note, "is not merged: "));
    assert_non_null(strstr(stats.index_note, "the map of the index is full"));
    assert_int_equal(stats.durable_seq, BATCHES * STREAMS);
    /* Opening replays it all, and tries to bring rows to disk on its way. */
    world->options.index_size_max = stats.index_size * 3 / 2;
    api_close(world);
    api_remove_index(world);
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
    (void)APPEND(world->ledger, "one more", 1, "x");
    before = indexed_ask(world->ledger);
    assert_int_equal(before.streams, BATCHES * STREAMS + 1);
    stats = indexed_stat(world->ledger);
    assert_int_equal(stats.merged_seq, 0);
    assert_int_equal(stats.delta_records, stats.durable_seq - stats.merged_seq);
    api_close(world);
    world->options = options;
    world->options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
    now = indexed_ask(world->ledger);
    indexed_same(&now, &before);
    api_reopen(world);
    stats = indexed_stat(world->ledger);
    assert_int_equal(stats.merged_seq, before.records);
    assert_string_equal(stats.index_note, "");
    now = indexed_ask(world->ledger);
    indexed_same(&now, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_in_the_way),        ON_FOLDER(test_odd_places),    ON_FOLDER(test_no_permission),
        ON_FOLDER(test_other_incarnation), ON_FOLDER(test_map_too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
