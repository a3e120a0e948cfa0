/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_answers.c — whatever becomes of the index, and whoever asks: every query has the answers that the log gives.
 */
#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/api/answers.h"
#include "test/api/history.h"

enum {
    NAMES_MAX = 200,
    STREAMS = 8 /* Of a batch. */
};

static firn_stats stat_of(firn_ledger *ledger)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err;

    OK(err, firn_stat(ledger, &stats, &err));
    return stats;
}

static void expect_same(const char *who, const char *want, const char *got)
{
    const char *line = want;
    size_t at = 0;

    while (want[at] != '\0' && want[at] == got[at]) {
        at++;
        line = want[at - 1] == '\n' ? want + at : line;
    }
    if (want[at] != got[at]) {
        fail_msg("%s: line\n  %.*s\nis\n  %.*s", who, (int)strcspn(line, "\n"), line,
                 (int)strcspn(got + (line - want), "\n"), got + (line - want));
    }
}

/* Asks a handle, and closes it. */
static void ask_and_close(const char *who, const api_world *world, firn_ledger *ledger, const char *want)
{
    char *got = answers_ask(ledger, world->url, ANSWERS_ALL);
    firn_error err;

    expect_same(who, want, got);
    free(got);
    OK(err, firn_close(ledger, &err));
}

static void set_up(api_world *world)
{
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    world->options.content_chunk_size = 65536;
    /* Some of the rows are below, some are not. */
    world->options.replay_records_max = 64;
    api_reopen(world);
}

static firn_ledger *open_as(const api_world *world, firn_open_mode mode)
{
    firn_options options = world->options;
    firn_ledger *ledger = NULL;
    firn_error err;

    options.mode = mode;
    options.replay_records_max = mode == FIRN_OPEN_READ ? 0 : options.replay_records_max;
    OK(err, firn_open(world->url, &options, &ledger, &err));
    return ledger;
}

/* Reads what process writes into a pipe, to its end. */
static char *read_all(int fd)
{
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    ssize_t got;

    assert_non_null(text);
    while ((got = read(fd, text + size, capacity - size - 1)) > 0) {
        size += (size_t)got;
        if (capacity - size < 2048) {
            capacity *= 2;
            text = realloc(text, capacity);
            assert_non_null(text);
        }
    }
    text[size] = '\0';
    return text;
}

/* In another process, which begins before this one has the ledger open: waits for a byte, opens for reading, asks. */
static pid_t start_asker(const api_world *world, int *out_go, int *out_answers)
{
    int go[2], answers[2];
    pid_t child;

    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(answers), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        firn_ledger *ledger;
        char *text;
        char byte;

        (void)close(go[1]);
        (void)close(answers[0]);
        if (read(go[0], &byte, 1) != 1) {
            _exit(1);
        }
        ledger = open_as(world, FIRN_OPEN_READ);
        if (stat_of(ledger).merged_seq == 0) {
            _exit(2); /* It should read what the writer merged. */
        }
        text = answers_ask(ledger, world->url, ANSWERS_ALL);
        for (size_t at = 0, size = strlen(text); at < size;) {
            ssize_t wrote = write(answers[1], text + at, size - at);

            at += wrote > 0 ? (size_t)wrote : size;
        }
        _exit(0);
    }
    (void)close(go[0]);
    (void)close(answers[1]);
    *out_go = go[1];
    *out_answers = answers[0];
    return child;
}

/* Every query over a filled ledger: live, asked by another process beside the live writer, after a close, after the
   index was deleted, for a reader who may not build it anew, and after a replay. */
static void test_folder(void **state)
{
    api_world *world = *state;
    int go, answers, status;
    char *want, *got;
    firn_error err;
    pid_t child;

    api_close(world);
    child = start_asker(world, &go, &answers);
    world->options.mode = FIRN_OPEN_WRITE;
    world->options.clock = api_clock;
    world->options.clock_arg = world;
    world->options.content_chunk_size = 65536;
    world->options.replay_records_max = 64;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
    history_fill(world->ledger, &world->clock_ns, 0);
    history_fill(world->ledger, &world->clock_ns, 1);
    assert_true(stat_of(world->ledger).merged_seq > 0);
    want = answers_ask(world->ledger, world->url, ANSWERS_ALL);
    assert_int_equal(write(go, "", 1), 1);
    got = read_all(answers);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_same("beside the writer", want, got);
    free(got);
    (void)close(go);
    (void)close(answers);

    OK(err, firn_replay(world->ledger, NULL, NULL, &err));
    ask_and_close("after a replay", world, world->ledger, want);
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
    assert_int_equal(stat_of(world->ledger).replayed_records, 0);
    ask_and_close("opened again", world, world->ledger, want);
    ask_and_close("reading", world, open_as(world, FIRN_OPEN_READ), want);
    api_remove_index(world);
    world->ledger = open_as(world, FIRN_OPEN_READ);
    assert_int_equal(stat_of(world->ledger).merged_seq, 0);
    ask_and_close("reading, the index deleted", world, world->ledger, want);
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
    assert_int_equal(stat_of(world->ledger).replayed_records, stat_of(world->ledger).durable_seq);
    ask_and_close("the index deleted", world, world->ledger, want);
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
    assert_int_equal(stat_of(world->ledger).replayed_records, 0);
    got = answers_ask(world->ledger, world->url, ANSWERS_ALL);
    expect_same("the index built anew", want, got);
    free(got);
    free(want);
}

/* The same history in memory and in a folder, in one life and in two with the index deleted in between, and in one that
   ended with SIGKILL. */
static void test_places(void **state)
{
    api_world *world = *state;
    api_world memory = {.url = "mem:", .options = world->options};
    firn_error err;
    char *want, *got;
    pid_t child;
    int status;

    set_up(world);
    memory.options.clock = api_clock;
    memory.options.clock_arg = &memory;
    memory.options.content_chunk_size = 65536;
    memory.options.mode = FIRN_OPEN_CREATE;
    (void)snprintf(memory.url, sizeof memory.url, "mem:answers");
    OK(err, firn_open(memory.url, &memory.options, &memory.ledger, &err));
    history_fill(memory.ledger, &memory.clock_ns, 0);
    history_fill(memory.ledger, &memory.clock_ns, 1);
    want = answers_ask(memory.ledger, memory.url, ANSWERS_ANY_LEDGER);
    OK(err, firn_close(memory.ledger, &err));

    history_fill(world->ledger, &world->clock_ns, 0);
    api_close(world);
    api_remove_index(world);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world->ledger = open_as(world, FIRN_OPEN_WRITE);
        history_fill(world->ledger, &world->clock_ns, 1);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    world->options.mode = FIRN_OPEN_WRITE;
    while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
    assert_int_equal(stat_of(world->ledger).was_clean, 0);
    got = answers_ask(world->ledger, world->url, ANSWERS_ANY_LEDGER);
    expect_same("killed", want, got);
    free(got);
    free(want);
}

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    (void)receipt;
    (void)err;
    atomic_fetch_add((atomic_uint *)arg, status == FIRN_OK ? 1 : 0);
}

/* Each event in a stream of its own. */
static void fill_streams(firn_ledger *ledger, unsigned batches)
{
    static atomic_uint answered;
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done, .arg = &answered};
    firn_batch *batch;
    firn_error err;
    char name[40];

    atomic_store(&answered, 0);
    OK(err, firn_batch_new(ledger, &batch, &err));
    for (unsigned i = 0; i < batches; i++) {
        firn_status status;

        firn_batch_reset(batch);
        for (unsigned k = 0; k < STREAMS; k++) {
            (void)snprintf(name, sizeof name, "a stream with the number %u", STREAMS * i + k);
            OK(err, firn_batch_event(batch, S(name), 1, S("event"), &err));
        }
        do {
            status = firn_batch_submit(batch, &options, NULL, &err);
        } while (status == FIRN_FULL && usleep(100) == 0);
        OK(err, status);
    }
    firn_batch_free(batch);
    OK(err, firn_sync(ledger, &err));
    /* Another thread may still be telling the last of them. */
    while (atomic_load(&answered) < batches) {
        (void)usleep(100);
    }
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Opens in another process, which is killed after some time, or dies of its own when it has opened. */
static void open_and_die(const api_world *world, int64_t life_us)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)open_as(world, FIRN_OPEN_WRITE);
        _exit(0);
    }
    (void)usleep((useconds_t)life_us);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The index is built anew, with so little memory that it goes to disk in portions; the process is killed at one moment
   or another. Whatever portions are there, the rows are those of the log. */
static void test_killed_while_building(void **state)
{
    enum {
        BATCHES = 1124, /* Their rows take more than half of the memory that there is, and not all of it. */
        ROUNDS = 5
    };
    api_world *world = *state;
    firn_report report = {.struct_size = sizeof report};
    uint8_t digest[FIRN_DIGEST_SIZE];
    int64_t open_us;
    firn_error err;

    fill_streams(world->ledger, BATCHES);
    OK(err, firn_replay(world->ledger, NULL, &report, &err));
    memcpy(digest, report.digest, sizeof digest);
    api_close(world);
    api_remove_index(world);
    world->options.index_size_max = 4 * 1024 * 1024;
    open_us = now_us();
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
    open_us = now_us() - open_us;
    assert_int_equal(stat_of(world->ledger).replayed_records, STREAMS * BATCHES);
    assert_true(stat_of(world->ledger).merged_seq >= 4096);
    api_close(world);
    for (int i = 0; i < ROUNDS; i++) {
        api_remove_index(world);
        open_and_die(world, i * open_us / ROUNDS);
        world->options.mode = FIRN_OPEN_WRITE;
        while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
            (void)usleep(1000);
        }
        OK(err, firn_replay(world->ledger, NULL, &report, &err));
        assert_memory_equal(report.digest, digest, sizeof digest);
        api_close(world);
    }
    world->ledger = open_as(world, FIRN_OPEN_WRITE);
}

/* ---- the table of queries against the headers ---- */

static bool names(const char *const lines[], const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; lines[i] != NULL; i++) {
        for (const char *at = strstr(lines[i], name); at != NULL; at = strstr(at + 1, name)) {
            if ((at == lines[i] || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
                return true;
            }
        }
    }
    return false;
}

/* Names of the functions that a header declares, behind those before. */
static size_t declared(const char *path, char found[][64], size_t count)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 18);
    const char *at = text;

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 18) - 1, file) > 0);
    (void)fclose(file);
    while ((at = strstr(at, "\nFIRN_API ")) != NULL) {
        const char *open = strchr(at, '(');
        const char *name = open;

        while (name[-1] != ' ' && name[-1] != '*') {
            name--;
        }
        assert_true(count < NAMES_MAX && open - name < 64);
        (void)snprintf(found[count++], 64, "%.*s", (int)(open - name), name);
        at = open;
    }
    free(text);
    return count;
}

static size_t words(const char *const lines[])
{
    size_t count = 0;

    for (size_t i = 0; lines[i] != NULL; i++) {
        for (const char *c = lines[i]; *c != '\0'; c++) {
            count += *c == ' ' ? 1 : 0;
        }
        count++;
    }
    return count;
}

/* A public function is either asked here, or said to be no query: a new one must be put into one of the tables. */
static void test_every_query_is_asked(void **state)
{
    static char found[NAMES_MAX][64];
    const struct dirent *entry;
    DIR *folder = opendir(PUBLIC_HEADERS);
    size_t count = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[512];

        if (strstr(entry->d_name, ".h") != NULL) {
            (void)snprintf(path, sizeof path, "%s/%s", PUBLIC_HEADERS, entry->d_name);
            count = declared(path, found, count);
        }
    }
    (void)closedir(folder);
    for (size_t i = 0; i < count; i++) {
        if (names(answers_asked, found[i]) == names(answers_not_asked, found[i])) {
            fail_msg("%s must be in one of the tables of answers.c: asked, or not asked", found[i]);
        }
    }
    assert_int_equal(words(answers_asked) + words(answers_not_asked), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_query_is_asked),
        ON_FOLDER(test_folder),
        ON_FOLDER(test_places),
        ON_FOLDER(test_killed_while_building),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
