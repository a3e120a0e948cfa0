/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_index_damage.c — damage within the index on disk: never a wrong answer, always found, cured by opening. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/ledger/private.h"
#include "test/api/indexed.h"
#include "test/disk/dice.h"

static const char cure[] = "opening again builds it anew";

/* The call ends so, and its text has these words in it. */
#define SAYS(wanted, err, words, call)                         \
    do {                                                       \
        EXPECT((wanted), (err), NULL, (call));                 \
        if (strstr((err).text, (words)) == NULL) {             \
            fail_msg("no \"%s\" in: %s", (words), (err).text); \
        }                                                      \
    } while (0)

/* Appends one event under a key of its own. */
static firn_status append_keyed(firn_ledger *ledger, const char *key, firn_receipt *receipt, firn_error *err)
{
    firn_batch *batch;
    firn_status status = firn_batch_new(ledger, &batch, err);

    if (status == FIRN_OK) {
        status = firn_batch_event(batch, S("keyed"), 1, S("event"), err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_key(batch, S("scope"), S(key), NULL, err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_commit(batch, receipt, err);
    }
    firn_batch_free(batch);
    return status;
}

/* A ledger with an index on disk, closed: 52 keys, one of them "special", one "plain". */
static indexed_answers prepare(api_world *world, firn_receipt *special)
{
    indexed_answers before;
    firn_error err;

    indexed_fill(world, 40);
    OK(err, append_keyed(world->ledger, "plain", special, &err));
    OK(err, append_keyed(world->ledger, "special", special, &err));
    indexed_fill(world, 10);
    before = indexed_ask(world->ledger);
    api_close(world);
    return before;
}

static bool is_noted(const api_world *world)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/index/distrusted", world->folder);
    return access(path, F_OK) == 0;
}

static firn_ledger *open_reader(const api_world *world)
{
    firn_options options = world->options;
    firn_ledger *reader;
    firn_error err;

    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    return reader;
}

static void open_writer(api_world *world)
{
    firn_error err;

    world->options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open(world->url, &world->options, &world->ledger, &err));
}

/* Findings of a verification or a replay, as text. */
typedef struct findings {
    unsigned count;
    char text[4000];
} findings;

static void take_finding(void *arg, const firn_error *finding)
{
    findings *all = arg;
    size_t used = strlen(all->text);

    all->count++;
    assert_int_equal(finding->detail, FIRN_DETAIL_INDEX);
    (void)snprintf(all->text + used, sizeof all->text - used, "%s\n", finding->text);
}

static firn_status verify(const api_world *world, findings *all, firn_report *report, firn_error *err)
{
    firn_verify_options options = {.struct_size = sizeof options, .finding = take_finding, .finding_arg = all};

    *all = (findings){0};
    *report = (firn_report){.struct_size = sizeof *report};
    return firn_verify(world->url, &options, report, err);
}

/* A healthy index is compared row by row, closed, open here, or open elsewhere; verify says how far. */
static void test_verify_healthy(void **state)
{
    api_world *world = *state;
    firn_receipt special;
    firn_report report;
    firn_error err;
    findings all;

    (void)prepare(world, &special);
    OK(err, verify(world, &all, &report, &err));
    assert_int_equal(report.index_seq, report.last_seq);
    assert_int_equal(report.index_rows, report.rows);
    assert_string_equal(report.index_note, "");
    open_writer(world);
    indexed_fill(world, 5);
    OK(err, verify(world, &all, &report, &err));
    assert_int_equal(report.index_findings, 0);
    assert_int_equal(report.index_seq, special.first_seq + 30);
    assert_in_range(report.last_seq, special.first_seq + 30, special.first_seq + 45);
    api_close(world);
    api_remove_index(world);
    OK(err, verify(world, &all, &report, &err));
    assert_string_equal(report.index_note, "there is none");
    assert_int_equal(report.index_rows, 0);
    api_open(world);
}

/* A writer in another process appends and merges all the time: what verify pins is not written over, and is good. */
static void test_verify_beside_writer(void **state)
{
    enum {
        ROUNDS = 12
    };
    api_world *world = *state;
    uint64_t compared = 0;
    firn_report report;
    firn_error err;
    findings all;
    int ends[2];
    pid_t child;
    char byte;

    api_close(world);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world->options.replay_records_max = 60;
        api_open(world);
        indexed_fill(world, 40);
        if (write(ends[1], "", 1) == 1) {
            (void)alarm(60);
            indexed_fill(world, 1000000);
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    for (int i = 0; i < ROUNDS; i++) {
        OK(err, verify(world, &all, &report, &err));
        assert_int_equal(report.writer_alive, 1);
        compared += report.index_rows;
        assert_true(strlen(report.index_note) == 0 ||
                    strcmp(report.index_note, "a writer is ahead of what was verified") == 0);
    }
    assert_true(compared > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
    while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
}

/* Rows are spoilt: verify and replay tell each place and touch nothing; what replay found, the next opening cures. */
static void test_spoilt_rows(void **state)
{
    api_world *world = *state;
    firn_replay_options options = {.struct_size = sizeof options, .finding = take_finding};
    firn_receipt special;
    indexed_answers before;
    firn_report report;
    firn_error err;
    findings all;

    before = prepare(world, &special);
    indexed_spoil(world, FRN_TABLE_KEY, "");
    SAYS(FIRN_ECORRUPT, err, "the log is good", verify(world, &all, &report, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
    assert_true(err.offset >= 8192);
    assert_int_equal(report.index_findings, 52);
    assert_int_equal(report.findings, 52);
    assert_int_equal(all.count, 52);
    assert_non_null(strstr(all.text, "a row of table key is damaged"));
    assert_memory_equal(report.digest, before.digest, sizeof report.digest);
    assert_false(is_noted(world));
    open_writer(world);
    all = (findings){0};
    options.finding_arg = &all;
    SAYS(FIRN_ECORRUPT, err, "the next opening builds the index anew",
         firn_replay(world->ledger, &options, NULL, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
    assert_int_equal(all.count, 52);
    assert_true(is_noted(world));
    api_close(world);
    SAYS(FIRN_ECORRUPT, err, "damage was met before", verify(world, &all, &report, &err));
    indexed_check(world, &before);
    assert_false(is_noted(world));
    OK(err, verify(world, &all, &report, &err));
}

/* A reader meets damage: an error and the cure, never a wrong answer; what it opens next does without the index. So do
   other readers; the next writer builds it anew, wherever the reader died. */
static void test_reader_meets_damage(void **state)
{
    api_world *world = *state;
    indexed_answers before, now;
    firn_receipt special, receipt;
    firn_ledger *reader;
    firn_view *view;
    firn_error err;
    int end;

    before = prepare(world, &special);
    indexed_spoil(world, FRN_TABLE_KEY, "special");
    if (fork() == 0) {
        reader = open_reader(world);
        OK(err, firn_view_open(reader, &view, &err));
        OK(err, firn_key_get(view, S("scope"), S("plain"), &receipt, &err));
        for (int again = 0; again < 2; again++) {
            SAYS(FIRN_ECORRUPT, err, cure, firn_key_get(view, S("scope"), S("special"), &receipt, &err));
            assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
        }
        firn_view_close(view);
        now = indexed_ask(reader);
        indexed_same(&now, &before);
        OK(err, firn_view_open(reader, &view, &err));
        OK(err, firn_key_get(view, S("scope"), S("special"), &receipt, &err));
        assert_int_equal(receipt.first_seq, special.first_seq);
        assert_true(strlen(indexed_stat(reader).index_note) > 0);
        (void)kill(getpid(), SIGKILL);
    }
    assert_true(wait(&end) > 0);
    assert_true(WIFSIGNALED(end) && WTERMSIG(end) == SIGKILL);
    assert_true(is_noted(world));
    reader = open_reader(world);
    assert_non_null(strstr(indexed_stat(reader).index_note, "damage was met before"));
    assert_int_equal(indexed_stat(reader).index_file_rows, 0);
    now = indexed_ask(reader);
    indexed_same(&now, &before);
    OK(err, firn_close(reader, &err));
    open_writer(world);
    assert_non_null(strstr(indexed_stat(world->ledger).index_note, "is built anew: damage was met before"));
    assert_int_equal(indexed_stat(world->ledger).replayed_records, before.records);
    api_close(world);
    indexed_check(world, &before);
}

/* What one thread asks over and over: NULL, or what it should not have been told. */
static void *ask_again(void *arg)
{
    enum {
        ROUNDS = 40
    };
    firn_ledger *reader = arg;
    firn_receipt receipt;
    firn_view *view;
    firn_error err;
    const char *wrong = NULL;

    for (int i = 0; i < ROUNDS && wrong == NULL; i++) {
        if (firn_view_open(reader, &view, &err) != FIRN_OK) {
            return arg;
        }
        if (firn_key_get(view, S("scope"), S("plain"), &receipt, &err) != FIRN_OK) {
            wrong = "the row that is good";
        }
        /* Damaged for who came first, and not for long. */
        if (firn_key_get(view, S("scope"), S("special"), &receipt, &err) != FIRN_OK &&
            (err.detail != FIRN_DETAIL_INDEX || i == ROUNDS - 1)) {
            wrong = "the row that was damaged";
        }
        firn_view_close(view);
    }
    return (void *)(uintptr_t)wrong;
}

/* Several threads of a reader meet damage at once; each goes on without the index. */
static void test_threads_meet_damage(void **state)
{
    enum {
        THREADS = 4
    };
    api_world *world = *state;
    pthread_t threads[THREADS];
    indexed_answers before;
    firn_receipt special;
    firn_ledger *reader;
    firn_error err;
    void *wrong;

    before = prepare(world, &special);
    indexed_spoil(world, FRN_TABLE_KEY, "special");
    reader = open_reader(world);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_again, reader), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    OK(err, firn_close(reader, &err));
    indexed_check(world, &before);
}

/* A writer meets damage in a decision: nothing is written, what does not need the row goes on; the next opening cures,
   also if the writer is killed. */
static void test_writer_meets_damage(void **state)
{
    api_world *world = *state;
    indexed_answers before;
    firn_receipt special, receipt;
    firn_error err;
    int end;

    before = prepare(world, &special);
    indexed_spoil(world, FRN_TABLE_KEY, "special");
    if (fork() == 0) {
        open_writer(world);
        for (int again = 0; again < 2; again++) {
            SAYS(FIRN_ECORRUPT, err, cure, append_keyed(world->ledger, "special", &receipt, &err));
            assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
            assert_int_equal(api_count(world->ledger), before.records + (unsigned)again);
            OK(err, append_keyed(world->ledger, again == 0 ? "another" : "one more", &receipt, &err));
            assert_int_equal(receipt.first_seq, before.records + (unsigned)again + 1);
        }
        (void)kill(getpid(), SIGKILL);
    }
    assert_true(wait(&end) > 0);
    assert_true(WIFSIGNALED(end) && WTERMSIG(end) == SIGKILL);
    world->options.mode = FIRN_OPEN_WRITE;
    while (firn_open(world->url, &world->options, &world->ledger, &err) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
    assert_non_null(strstr(indexed_stat(world->ledger).index_note, "is built anew"));
    OK(err, append_keyed(world->ledger, "special", &receipt, &err));
    assert_int_equal(receipt.first_seq, special.first_seq);
    assert_int_equal(receipt.existing, 1);
    OK(err, append_keyed(world->ledger, "another", &receipt, &err));
    assert_int_equal(receipt.first_seq, before.records + 1);
    before = indexed_ask(world->ledger);
    assert_int_equal(before.records, api_count(world->ledger));
    api_close(world);
    indexed_check(world, &before);
}

/* The key of a row decays, to one that is near or far: the row is not said to be missing, neither to a reader nor to a
   writer, who would append a second time what the key stands for. */
static void test_decayed_key(void **state)
{
    static const char *const keys[] = {"special", "plain"};
    static const uint8_t masks[] = {0x01, 0x10, 0x80};
    api_world *world = *state;
    indexed_answers before;
    firn_receipt special, receipt;
    firn_ledger *reader;
    firn_view *view;
    firn_error err;

    before = prepare(world, &special);
    for (size_t i = 0; i < 2 * 3 * 3; i++) {
        const char *key = keys[i % 2];

        indexed_spoil_key(world, FRN_TABLE_KEY, key, i / 2 % 3 * 2, masks[i / 6]);
        reader = open_reader(world);
        OK(err, firn_view_open(reader, &view, &err));
        EXPECT(FIRN_ECORRUPT, err, NULL, firn_key_get(view, S("scope"), S(key), &receipt, &err));
        firn_view_close(view);
        OK(err, firn_close(reader, &err));
        indexed_shell(world, "rm @/index/distrusted");
        open_writer(world);
        SAYS(FIRN_ECORRUPT, err, cure, append_keyed(world->ledger, key, &receipt, &err));
        assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
        assert_int_equal(api_count(world->ledger), before.records);
        api_close(world);
        open_writer(world);
        OK(err, append_keyed(world->ledger, key, &receipt, &err));
        assert_int_equal(receipt.existing, 1);
        api_close(world);
    }
    indexed_check(world, &before);
}

/* After damage was met a writer that closes in peace merges nothing into that file. */
static void test_writer_closes(void **state)
{
    api_world *world = *state;
    indexed_answers before;
    firn_receipt special, receipt;
    firn_error err;

    (void)prepare(world, &special);
    indexed_spoil(world, FRN_TABLE_KEY, "special");
    open_writer(world);
    SAYS(FIRN_ECORRUPT, err, cure, append_keyed(world->ledger, "special", &receipt, &err));
    indexed_fill(world, 20);
    assert_int_equal(api_count(world->ledger), special.first_seq + 90);
    api_close(world);
    open_writer(world);
    assert_non_null(strstr(indexed_stat(world->ledger).index_note, "is built anew"));
    before = indexed_ask(world->ledger);
    api_close(world);
    indexed_check(world, &before);
}

/* What the rows of an index are copied with, changed on the way. */
typedef struct copier {
    frn_index_bulk *bulk;
    unsigned keys;
} copier;

static firn_status copy_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    copier *copy = arg;
    uint8_t other[64];

    if (table == FRN_TABLE_KEY && copy->keys++ == 3) {
        return FIRN_OK;
    }
    if (table == FRN_TABLE_STREAM_HEAD && value.size <= sizeof other && ((const uint8_t *)key.data)[3] == 5) {
        memcpy(other, value.data, value.size);
        other[0] ^= 1;
        return frn_index_bulk_put(copy->bulk, table, key, (firn_slice){other, value.size}, err);
    }
    return frn_index_bulk_put(copy->bulk, table, key, value, err);
}

/* Builds the index anew with one row less, one more, and one that differs; every checksum is good. */
static void forge(const api_world *world)
{
    frn_lmdb_options options = {.stores_count = FRN_STORES};
    copier copy = {0};
    char folder[300];
    frn_index_view *view;
    frn_index_mark mark;
    frn_index_file *file;
    frn_index *ix;
    frn_heap heap;

    frn_heap_init(&heap);
    memcpy(options.stores, frn_stores_rows, sizeof frn_stores_rows);
    (void)snprintf(folder, sizeof folder, "%s/index", world->folder);
    assert_int_equal(frn_index_file_open(&heap, folder, &options, &file, NULL), FIRN_OK);
    frn_index_file_mark(file, &mark);
    frn_index_file_close(file);
    memcpy(options.ledger_id, mark.ledger_id, sizeof mark.ledger_id);
    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, NULL), FIRN_OK);
    assert_int_equal(frn_index_view_open(ix, mark.seq, &view, NULL), FIRN_OK);
    assert_int_equal(frn_index_bulk_open(&heap, folder, &options, &copy.bulk, NULL), FIRN_OK);
    assert_int_equal(frn_index_walk(view, copy_row, &copy, NULL), FIRN_OK);
    assert_int_equal(frn_index_bulk_put(copy.bulk, FRN_TABLE_SETTING, S("forged"), S("row"), NULL), FIRN_OK);
    frn_index_view_close(view);
    frn_index_close(ix);
    assert_int_equal(frn_index_bulk_finish(copy.bulk, &mark, NULL), FIRN_OK);
    frn_index_bulk_close(copy.bulk);
    assert_int_equal(heap.live, 0);
}

/* Rows whose checksums are good and that the log does not give are told one by one, with table and key. */
static void test_forged_rows(void **state)
{
    static const char *const texts[] = {" of table stream_head differs from the log", " of table key is missing",
                                        "row 666f72676564 of table setting is not in the log"};
    api_world *world = *state;
    indexed_answers before;
    firn_receipt special;
    firn_ledger *reader;
    firn_report report;
    firn_error err;
    findings all;

    before = prepare(world, &special);
    forge(world);
    SAYS(FIRN_ECORRUPT, err, "the log is good", verify(world, &all, &report, &err));
    assert_int_equal(report.index_findings, 3);
    for (size_t i = 0; i < 3; i++) {
        if (strstr(all.text, texts[i]) == NULL) {
            fail_msg("no \"%s\" in: %s", texts[i], all.text);
        }
    }
    reader = open_reader(world);
    SAYS(FIRN_EINVARIANT, err, "3 of ", firn_replay(reader, NULL, NULL, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
    OK(err, firn_close(reader, &err));
    assert_true(is_noted(world));
    indexed_check(world, &before);
}

/* Any byte of the index is another one: verify ends with no finding or with findings of the index, and the log is
   what it was. Then it is built anew. */
static void test_verify_any_damage(void **state)
{
    enum {
        FLIPS = 120
    };
    api_world *world = *state;
    indexed_answers before;
    firn_receipt special;
    firn_report report;
    struct stat facts;
    firn_error err;
    findings all;
    dice d = dice_of(4);
    unsigned found = 0;
    char path[300];

    before = prepare(world, &special);
    (void)snprintf(path, sizeof path, "%s/index/data.mdb", world->folder);
    assert_int_equal(stat(path, &facts), 0);
    for (unsigned i = 0; i < FLIPS; i++) {
        off_t at = (off_t)dice_roll(&d, (uint64_t)facts.st_size);
        int fd = open(path, O_RDWR);
        uint8_t was, is;
        firn_status status;

        assert_int_equal(pread(fd, &was, 1, at), 1);
        is = was ^ (uint8_t)(1u << dice_roll(&d, 8));
        assert_int_equal(pwrite(fd, &is, 1, at), 1);
        status = verify(world, &all, &report, &err);
        assert_true(status == FIRN_OK || (status == FIRN_ECORRUPT && err.detail == FIRN_DETAIL_INDEX));
        assert_int_equal(report.findings, report.index_findings);
        assert_memory_equal(report.digest, before.digest, sizeof report.digest);
        found += status != FIRN_OK;
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
        (void)close(fd);
    }
    assert_true(found > 0);
    OK(err, verify(world, &all, &report, &err));
    indexed_check(world, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_verify_healthy),      ON_FOLDER(test_verify_beside_writer), ON_FOLDER(test_spoilt_rows),
        ON_FOLDER(test_reader_meets_damage), ON_FOLDER(test_threads_meet_damage),  ON_FOLDER(test_writer_meets_damage),
        ON_FOLDER(test_decayed_key),         ON_FOLDER(test_writer_closes),        ON_FOLDER(test_forged_rows),
        ON_FOLDER(test_verify_any_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
