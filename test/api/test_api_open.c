/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_open.c — URLs, options, modes and who may open what: statuses and exact texts. */
#include "test/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A URL that names no storage is refused with its reason, and nothing is made. */
static void test_bad_urls(void **state)
{
    static const struct {
        const char *url;
        uint16_t detail;
        const char *text;
    } cases[] = {
        {"", FIRN_DETAIL_NONE, "open ledger : the path is empty"},
        {"dir:", FIRN_DETAIL_NONE, "open ledger dir:: the path is empty"},
        {"file:x", FIRN_DETAIL_NONE, "open ledger file:x: a file URL has the form file:///PATH"},
        {"file://x", FIRN_DETAIL_NONE, "open ledger file://x: a file URL has the form file:///PATH"},
        {"sqlite:x", FIRN_DETAIL_SCHEME, "open ledger sqlite:x: storage backend not built in"},
        {"postgres://x/y", FIRN_DETAIL_SCHEME, "open ledger postgres://x/y: storage backend not built in"},
        {"rados:x", FIRN_DETAIL_SCHEME, "open ledger rados:x: storage backend not built in"},
        {"C:x", FIRN_DETAIL_SCHEME, "open ledger C:x: unknown URL scheme"},
        {"MEM:", FIRN_DETAIL_SCHEME, "open ledger MEM:: unknown URL scheme"},
    };
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE};
    firn_ledger *ledger = NULL;
    firn_error err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EXPECT(FIRN_EINVAL, err, cases[i].text, firn_open(cases[i].url, &options, &ledger, &err));
        assert_int_equal(err.detail, cases[i].detail);
    }
    EXPECT(FIRN_EINVAL, err, "open ledger: url is NULL", firn_open(NULL, &options, &ledger, &err));
    EXPECT(FIRN_EINVAL, err, "open ledger: out_ledger is NULL", firn_open("mem:", &options, NULL, &err));
    assert_null(ledger);
}

/* All forms of a path lead to the same ledger, a colon behind a slash included. */
static void test_good_urls(void **state)
{
    char folder[] = "./url-XXXXXX", url[300], here[200];
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_NEW, .segment_size = 65536};
    firn_ledger *ledger;
    firn_error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(url, sizeof url, "%s/a:b", folder);
    OK(err, firn_open(url, &options, &ledger, &err));
    (void)APPEND(ledger, "s", 1, "x");
    OK(err, firn_close(ledger, &err));
    options.mode = FIRN_OPEN_WRITE;
    (void)snprintf(url, sizeof url, "dir:%s/a:b", folder);
    OK(err, firn_open(url, &options, &ledger, &err));
    assert_int_equal(api_count(ledger), 1);
    OK(err, firn_close(ledger, &err));
    assert_non_null(getcwd(here, sizeof here));
    (void)snprintf(url, sizeof url, "file://%s/%s/a:b", here, folder);
    OK(err, firn_open(url, &options, &ledger, &err));
    assert_int_equal(api_count(ledger), 1);
    OK(err, firn_close(ledger, &err));
    (void)snprintf(url, sizeof url, "%s/a:b", folder);
    api_remove_folder(url);
    assert_int_equal(rmdir(folder), 0);
}

/* Each option out of its range is named in the text. */
static void test_bad_options(void **state)
{
    const firn_options good = {.struct_size = sizeof good, .mode = FIRN_OPEN_CREATE};
    firn_options options;
    firn_ledger *ledger = NULL;
    firn_error err;

    (void)state;
#define BAD(member, value, text)                                                                         \
    do {                                                                                                 \
        options = good;                                                                                  \
        options.member = (value);                                                                        \
        EXPECT(FIRN_EINVAL, err, "open ledger mem:: " text, firn_open("mem:", &options, &ledger, &err)); \
    } while (0)
    BAD(mode, (firn_open_mode)4, "option mode is 4: out of range 0 to 3");
    BAD(io_path, (firn_io_path)3, "option io_path is 3: out of range 0 to 2");
    BAD(durable_method, (firn_durable_method)4, "option durable_method is 4: out of range 0 to 3");
    BAD(progress, (firn_progress)2, "option progress is 2: out of range 0 to 1");
    BAD(segment_size, 1000, "option segment_size is 1000: out of range 65536 to 4294967296");
    BAD(segment_size, 65536 + 4096, "option segment_size is 69632: not a multiple of 65536");
    BAD(spare_segments, 65, "option spare_segments is 65: out of range 1 to 64");
    BAD(groups_in_flight_max, 17, "option groups_in_flight_max is 17: out of range 1 to 16");
    BAD(group_size_max, 1, "option group_size_max is 1: out of range 65536 to 4194304");
    BAD(outstanding_max, 16777217, "option outstanding_max is 16777217: out of range 1 to 16777216");
    BAD(struct_size, 0, "options: struct_size 0 is not the size of one");
#undef BAD
    assert_null(ledger);
}

/* Option structs of older and newer callers: shorter is filled up, longer must be zero behind what is known. */
static void test_struct_size(void **state)
{
    struct {
        firn_options options;
        uint64_t later;
    } newer = {.options = {.struct_size = sizeof newer, .mode = FIRN_OPEN_CREATE}};
    firn_options older = {.struct_size = offsetof(firn_options, segment_size),
                          .mode = FIRN_OPEN_CREATE,
                          .segment_size = 1 /* Not part of the older struct. */};
    firn_ledger *ledger;
    firn_error err;

    (void)state;
    OK(err, firn_open("mem:", &newer.options, &ledger, &err));
    OK(err, firn_close(ledger, &err));
    newer.later = 1;
    EXPECT(FIRN_EINVAL, err, NULL, firn_open("mem:", &newer.options, &ledger, &err));
    assert_non_null(strstr(err.text, "this version does not know the option at byte"));
    OK(err, firn_open("mem:", &older, &ledger, &err));
    OK(err, firn_close(ledger, &err));
}

/* The four modes on a place with and without a ledger. */
static void test_modes(void **state)
{
    firn_options options = {.struct_size = sizeof options, .segment_size = 65536};
    char folder[] = "./mode-XXXXXX", url[100], text[300];
    firn_ledger *ledger = NULL;
    struct stat stat_buf;
    firn_error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(url, sizeof url, "%s/l", folder);
    for (int mode = 0; mode < 4; mode++) {
        options.mode = (firn_open_mode)mode;
        if (mode == FIRN_OPEN_WRITE || mode == FIRN_OPEN_READ) {
            EXPECT(FIRN_ENOTFOUND, err, NULL, firn_open(url, &options, &ledger, &err));
            assert_int_equal(err.detail, FIRN_DETAIL_NOT_A_LEDGER);
            assert_int_not_equal(stat(url, &stat_buf), 0);
            /* A folder without a ledger in it. */
            EXPECT(FIRN_ENOTFOUND, err, NULL, firn_open(folder, &options, &ledger, &err));
            assert_int_equal(err.detail, FIRN_DETAIL_NOT_A_LEDGER);
        }
    }
    options.mode = FIRN_OPEN_NEW;
    OK(err, firn_open(url, &options, &ledger, &err));
    OK(err, firn_close(ledger, &err));
    (void)snprintf(text, sizeof text, "open ledger %s: there is a ledger", url);
    EXPECT(FIRN_EEXISTS, err, text, firn_open(url, &options, &ledger, &err));
    options.mode = FIRN_OPEN_CREATE;
    OK(err, firn_open(url, &options, &ledger, &err));
    (void)APPEND(ledger, "s", 1, "x");
    OK(err, firn_close(ledger, &err));
    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(url, &options, &ledger, &err));
    assert_int_equal(api_count(ledger), 1);
    OK(err, firn_close(ledger, &err));
    api_remove_folder(url);
    assert_int_equal(rmdir(folder), 0);
}

/* A ledger opened for reading refuses to append, by every way in. */
static void test_read_only(void **state)
{
    api_world *world = *state;
    firn_options options = world->options;
    firn_event event = {1, S("x")};
    firn_ledger *reader;
    firn_batch *batch;
    firn_ticket *ticket = NULL;
    firn_record record;
    firn_tail *tail;
    firn_error err;

    (void)APPEND(world->ledger, "s", 1, "x");
    api_close(world);
    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open(world->url, &options, &reader, &err));
    EXPECT(FIRN_EACCES, err, "append to stream s: the ledger is open for reading",
           firn_append(reader, S("s"), &event, 1, NULL, NULL, &err));
    assert_int_equal(err.detail, FIRN_DETAIL_READ_ONLY);
    EXPECT(FIRN_EACCES, err, "append to stream s: the ledger is open for reading",
           firn_append_submit(reader, S("s"), &event, 1, NULL, NULL, &ticket, &err));
    OK(err, firn_batch_new(reader, &batch, &err));
    OK(err, firn_batch_event(batch, S("s"), 1, S("x"), &err));
    EXPECT(FIRN_EACCES, err, "commit batch: the ledger is open for reading", firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
    EXPECT(FIRN_EACCES, err, "set key age: the ledger is open for reading", firn_key_age_set(reader, 1, NULL, &err));
    assert_null(ticket);
    /* What concerns writing has nothing to do, and waiting for records ends when it is told to. */
    assert_int_equal(firn_poll(reader, -1, NULL, &err), FIRN_TIMEOUT);
    OK(err, firn_sync(reader, &err));
    assert_int_equal(firn_wait(reader, 1, 1000000, &err), FIRN_TIMEOUT);
    OK(err, firn_tail_open(reader, NULL, &tail, &err));
    OK(err, firn_tail_next(tail, 1000000, &record, &err));
    assert_int_equal(firn_tail_next(tail, 1000000, &record, &err), FIRN_TIMEOUT);
    firn_tail_close(tail);
    assert_int_equal(api_stream(reader, "s").version, 1);
    OK(err, firn_close(reader, &err));
}

/* While a ledger is open for writing, a second writer is sent away, and comes in after the first has closed. */
static void test_second_writer(void **state)
{
    api_world *world = *state;
    firn_ledger *second = NULL;
    firn_error err;

    world->options.mode = FIRN_OPEN_WRITE;
    EXPECT(FIRN_EBUSY, err, NULL, firn_open(world->url, &world->options, &second, &err));
    world->options.mode = FIRN_OPEN_CREATE;
    EXPECT(FIRN_EBUSY, err, NULL, firn_open(world->url, &world->options, &second, &err));
    assert_null(second);
    (void)APPEND(world->ledger, "s", 1, "x");
    api_reopen(world);
    assert_int_equal(APPEND(world->ledger, "s", 1, "y").first_seq, 2);
}

/* Private disks are apart; a named one is shared by opens that overlap and gone after the last. */
static void test_memory_names(void **state)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_WRITE};
    firn_ledger *a, *b;
    firn_error err;

    (void)state;
    OK(err, firn_open("mem:", NULL, &a, &err));
    OK(err, firn_open("mem:", NULL, &b, &err));
    (void)APPEND(a, "s", 1, "x");
    assert_int_equal(api_count(a), 1);
    assert_int_equal(api_count(b), 0);
    OK(err, firn_close(a, &err));
    OK(err, firn_close(b, &err));
    EXPECT(FIRN_ENOTFOUND, err, "open ledger mem:n: there is no ledger", firn_open("mem:n", &options, &a, &err));
    options.mode = FIRN_OPEN_CREATE;
    OK(err, firn_open("mem:n", &options, &a, &err));
    (void)APPEND(a, "s", 1, "x");
    options.mode = FIRN_OPEN_READ;
    OK(err, firn_open("mem:n", &options, &b, &err));
    OK(err, firn_close(a, &err));
    options.mode = FIRN_OPEN_WRITE;
    OK(err, firn_open("mem:n", &options, &a, &err));
    assert_int_equal(api_count(a), 1);
    OK(err, firn_close(b, &err));
    OK(err, firn_close(a, &err));
    EXPECT(FIRN_ENOTFOUND, err, "open ledger mem:n: there is no ledger", firn_open("mem:n", &options, &a, &err));
}

/* Places that can hold no ledger. */
static void test_bad_places(void **state)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE};
    char file[] = "./file-XXXXXX", path[6000];
    firn_ledger *ledger = NULL;
    firn_error err;
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    EXPECT(FIRN_EINVAL, err, NULL, firn_open(file, &options, &ledger, &err));
    assert_int_equal(unlink(file), 0);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    EXPECT(FIRN_ETOOBIG, err, NULL, firn_open(path, &options, &ledger, &err));
    assert_null(ledger);
}

/* A path longer than a text leaves its reason in it, and no character cut in two. */
static void test_long_path_in_text(void **state)
{
    static const char reason[] = ": File name too long";
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_CREATE};
    char path[2001];
    firn_ledger *ledger;
    firn_error err;
    size_t size;

    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(path, 'x', shift);
        for (size_t at = shift; at + 3 < sizeof path; at += 3) {
            memcpy(path + at, "\xe2\x82\xac", 4);
        }
        EXPECT(FIRN_ETOOBIG, err, NULL, firn_open(path, &options, &ledger, &err));
        size = strlen(err.text);
        assert_memory_equal(err.text, "open ledger ", 12);
        assert_true(size > FIRN_ERROR_TEXT_SIZE - 8 && size < FIRN_ERROR_TEXT_SIZE);
        assert_string_equal(err.text + size - strlen(reason), reason);
        assert_memory_equal(err.text + size - strlen(reason) - 3, "\xe2\x82\xac", 3);
    }
}

/* What needs no ledger at all. */
static void test_small_things(void **state)
{
    firn_error err;

    (void)state;
    assert_string_equal(firn_version(), "0.1.0");
    OK(err, firn_close(NULL, &err));
    firn_scan_close(NULL);
    firn_tail_close(NULL);
    firn_view_close(NULL);
    firn_batch_free(NULL);
    firn_ticket_free(NULL);
    firn_buf_free(NULL);
    assert_int_equal(firn_batch_count(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_urls),     cmocka_unit_test(test_good_urls),
        cmocka_unit_test(test_bad_options),  cmocka_unit_test(test_struct_size),
        cmocka_unit_test(test_modes),        ON_BOTH(test_read_only),
        ON_BOTH(test_second_writer),         cmocka_unit_test(test_memory_names),
        cmocka_unit_test(test_bad_places),   cmocka_unit_test(test_long_path_in_text),
        cmocka_unit_test(test_small_things),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
