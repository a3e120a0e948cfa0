/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_view.c — the contract of the index, views: what they see, in which order, how long, and what they pin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/contract/index_backends.h"

static const frn_table T = FRN_TABLE_STREAM_BY_NAME, U = FRN_TABLE_KEY;

static const int64_t age_max_ns = 1000000000;

static const index_backend *backend;
static frn_heap heap;
static frn_index *ix;
static int64_t now_ns;

static int set_up(void **state)
{
    frn_index_options options = {
        .view_age_max_ns = (uint64_t)age_max_ns, .monotonic_ns = index_test_clock, .clock_arg = &now_ns};

    (void)state;
    now_ns = 5;
    frn_heap_init(&heap);
    assert_int_equal(backend->open(&heap, &options, &ix, NULL), FIRN_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    frn_index_close(ix);
    return heap.live == 0 ? 0 : -1;
}

/* N12: a view opened before a transaction never shows it, not while it is open, not committed, not durable. */
static void n12_a_view_opened_before_a_transaction_never_shows_it(void **state)
{
    frn_index_view *view;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "kept", "old");
    must_put(ix, T, "deleted", "old");
    frn_index_commit(ix, 2);
    frn_index_durable(ix, 2);
    view = must_view(ix, 2);
    for (int step = 0; step < 4; step++) {
        if (step == 1) {
            frn_index_begin(ix, 3);
            must_put(ix, T, "kept", "new");
            must_put(ix, T, "new", "new");
            must_delete(ix, T, "deleted");
        } else if (step == 2) {
            frn_index_commit(ix, 5);
        } else if (step == 3) {
            frn_index_durable(ix, 5);
            reclaim_all(ix);
        }
        expect_get(view, T, "kept", "old");
        expect_get(view, T, "deleted", "old");
        expect_get(view, T, "new", NULL);
        expect_rows(view, T, "deleted=old kept=old");
    }
    frn_index_view_close(view);
    view = must_view(ix, 5);
    expect_rows(view, T, "kept=new new=new");
    frn_index_view_close(view);
}

/* Views at many seqs, all open at once, each show exactly the rows of their own seq. */
static void each_view_shows_its_own_seq(void **state)
{
    frn_index_view *views[50];
    char value[24];

    (void)state;
    for (uint64_t seq = 1; seq < 50; seq++) {
        (void)snprintf(value, sizeof value, "%d", (int)seq);
        frn_index_begin(ix, seq);
        must_put(ix, T, "each", value);
        if (seq % 10 == 0) {
            must_put(ix, T, "some", value);
        } else if (seq % 10 == 5 && seq > 10) {
            must_delete(ix, T, "some");
        }
        frn_index_commit(ix, seq);
        views[seq] = must_view(ix, seq);
        frn_index_durable(ix, seq);
        reclaim_all(ix);
    }
    for (uint64_t seq = 1; seq < 50; seq++) {
        (void)snprintf(value, sizeof value, "%d", (int)seq);
        assert_int_equal(frn_index_view_seq(views[seq]), seq);
        expect_get(views[seq], T, "each", value);
        (void)snprintf(value, sizeof value, "%d", (int)(seq - seq % 10));
        expect_get(views[seq], T, "some", seq >= 10 && seq % 10 < 5 ? value : NULL);
    }
    for (uint64_t i = 1; i < 50; i++) {
        uint64_t seq = i * 17 % 50 == 0 ? 1 : i * 17 % 50;

        frn_index_view_close(views[seq]);
        views[seq] = NULL;
        reclaim_all(ix);
    }
    assert_int_equal(stats_of(ix).views_count, 0);
    assert_int_equal(stats_of(ix).versions_count, 1);
}

/* A view that lies far back keeps one version of a row, however often the row is written. */
static void an_old_view_keeps_one_version_a_row(void **state)
{
    frn_index_view *old, *middle = NULL;

    (void)state;
    must_write(ix, 1, T, "hot", "first");
    old = must_view(ix, 1);
    for (uint64_t seq = 2; seq <= 1000; seq++) {
        must_write(ix, seq, T, "hot", seq == 500 ? "middle" : "other");
        frn_index_durable(ix, seq);
        if (seq == 500) {
            middle = must_view(ix, seq);
        }
    }
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 3);
    expect_get(old, T, "hot", "first");
    expect_get(middle, T, "hot", "middle");
    frn_index_view_close(middle);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 2);
    expect_get(old, T, "hot", "first");
    frn_index_view_close(old);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 1);
}

/* Two views share a version: it stays until both are gone, in either order. */
static void a_version_stays_for_the_last_of_two_views(void **state)
{
    frn_index_view *first, *second;

    (void)state;
    for (uint64_t round = 0; round < 2; round++) {
        uint64_t seq = round * 10;

        must_write(ix, seq + 1, T, "a", "1");
        must_write(ix, seq + 2, T, "b", "1");
        frn_index_durable(ix, seq + 1);
        first = must_view(ix, seq + 1);
        second = must_view(ix, seq + 2);
        must_write(ix, seq + 3, T, "a", "2");
        frn_index_durable(ix, seq + 3);
        reclaim_all(ix);
        frn_index_view_close(round == 0 ? first : second);
        reclaim_all(ix);
        expect_get(round == 0 ? second : first, T, "a", "1");
        frn_index_view_close(round == 0 ? second : first);
        reclaim_all(ix);
        assert_int_equal(stats_of(ix).versions_count, 2);
    }
}

/* A deleted row that a view still shows goes, row and tombstone, once the view is closed. */
static void tombstones_vanish_after_the_view(void **state)
{
    frn_index_view *view;

    (void)state;
    must_write(ix, 1, T, "a", "1");
    view = must_view(ix, 1);
    must_write(ix, 2, T, "a", NULL);
    frn_index_durable(ix, 2);
    reclaim_all(ix);
    expect_rows(view, T, "a=1");
    frn_index_view_close(view);
    view = must_view(ix, 2);
    expect_rows(view, T, "");
    frn_index_view_close(view);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).size, 0);
}

/* A view asked for at a position that durable has already left stands at durable, where its rows still are. */
static void a_late_view_stands_at_durable(void **state)
{
    frn_index_view *view;

    (void)state;
    must_write(ix, 1, T, "a", "1");
    must_write(ix, 2, T, "a", "2");
    frn_index_durable(ix, 2);
    frn_index_durable(ix, 1);
    reclaim_all(ix);
    view = must_view(ix, 1);
    assert_int_equal(frn_index_view_seq(view), 2);
    expect_get(view, T, "a", "2");
    frn_index_view_close(view);
}

/* A view at 0 of an empty ledger is empty, and stays so. */
static void a_view_of_nothing(void **state)
{
    frn_index_view *view = must_view(ix, 0);

    (void)state;
    must_write(ix, 1, T, "a", "1");
    frn_index_durable(ix, 1);
    expect_rows(view, T, "");
    expect_get(view, T, "a", NULL);
    frn_index_view_close(view);
}

struct seek_case {
    const char *from;
    bool after;
    const char *key; /* NULL: the end. */
};

/* Rows come in the order of their bytes; a key comes before its extensions; from may be there or not. */
static void seek_finds_the_next_key(void **state)
{
    static const char *const keys[] = {"a", "aa", "ab", "abc", "b", "ba", "d", "\x7f", "\x80", "\xff", "\xff\xff"};
    static const struct seek_case cases[] = {
        {"", false, "a"},
        {"", true, "a"},
        {"a", false, "a"},
        {"a", true, "aa"},
        {"aa", true, "ab"},
        {"aab", false, "ab"},
        {"ab", true, "abc"},
        {"abb", false, "abc"},
        {"abcd", false, "b"},
        {"ac", false, "b"},
        {"b", true, "ba"},
        {"bb", true, "d"},
        {"c", false, "d"},
        {"cc", true, "d"},
        {"d", true, "\x7f"},
        {"\x7f", true, "\x80"},
        {"\x81", false, "\xff"},
        {"\xff", true, "\xff\xff"},
        {"\xff\xff", false, "\xff\xff"},
        {"\xff\xff", true, NULL},
        {"\xff\xff\xff", false, NULL},
        {"@", false, "a"},
        {"A", false, "a"},
        {"q", false, "\x7f"},
    };
    firn_buf key = {0}, value = {0};
    frn_index_view *view;
    firn_status status;

    (void)state;
    frn_index_begin(ix, 1);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        must_put(ix, T, keys[i * 7 % 11], "v");
    }
    frn_index_commit(ix, 1);
    view = must_view(ix, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        status = frn_index_seek(view, T, text(cases[i].from), cases[i].after, &key, &value, NULL);
        if (status != (cases[i].key == NULL ? FIRN_END : FIRN_OK) ||
            (status == FIRN_OK &&
             (key.size != strlen(cases[i].key) || memcmp(key.data, cases[i].key, key.size) != 0))) {
            fail_msg("case %zu: %s, %.*s", i, firn_status_name(status), (int)key.size, (const char *)key.data);
        }
    }
    firn_buf_free(&key);
    firn_buf_free(&value);
    frn_index_view_close(view);
}

/* A seek passes hundreds of rows that the view does not see, deleted before it and put after it. */
static void seek_passes_what_the_view_does_not_see(void **state)
{
    frn_index_view *view;
    char name[16];

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "z", "end");
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "%03d", i);
        must_put(ix, T, name, "gone");
    }
    frn_index_commit(ix, 1);
    frn_index_begin(ix, 2);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "%03d", i);
        if (i != 250) {
            must_delete(ix, T, name);
        }
    }
    frn_index_commit(ix, 2);
    view = must_view(ix, 2);
    frn_index_begin(ix, 3);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "n%03d", i);
        must_put(ix, T, name, "late");
    }
    frn_index_commit(ix, 3);
    expect_rows(view, T, "250=gone z=end");
    frn_index_view_close(view);
}

struct walked {
    char rows[256];
    int stop_after;
};

static firn_status walk_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    struct walked *walked = arg;
    size_t used = strlen(walked->rows);

    (void)err;
    (void)snprintf(walked->rows + used, sizeof walked->rows - used, "%s:%.*s=%.*s ", frn_table_name(table),
                   (int)key.size, (const char *)key.data, (int)value.size, (const char *)value.data);
    return --walked->stop_after == 0 ? FIRN_END : FIRN_OK;
}

/* A walk hands over every row of every table in order, and ends when its function says so. */
static void walk_hands_over_everything(void **state)
{
    struct walked walked = {.rows = ""};
    frn_index_view *view;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, U, "k2", "4");
    must_put(ix, U, "k1", "3");
    must_put(ix, T, "b", "2");
    must_put(ix, T, "a", "1");
    must_put(ix, FRN_TABLE_SETTING, "s", "");
    frn_index_commit(ix, 1);
    view = must_view(ix, 1);
    must_write(ix, 2, T, "c", "late");
    assert_int_equal(frn_index_walk(view, walk_row, &walked, NULL), FIRN_OK);
    assert_string_equal(walked.rows, "stream_by_name:a=1 stream_by_name:b=2 key:k1=3 key:k2=4 setting:s= ");
    walked = (struct walked){.stop_after = 2};
    assert_int_equal(frn_index_walk(view, walk_row, &walked, NULL), FIRN_END);
    assert_string_equal(walked.rows, "stream_by_name:a=1 stream_by_name:b=2 ");
    frn_index_view_close(view);
}

/* A view older than its age answers EEXPIRED to every call, whatever it is asked, and can be closed. */
static void an_old_view_expires(void **state)
{
    firn_buf key = {0}, value = {0};
    frn_index_view *old, *young;
    firn_error err = {0};

    (void)state;
    must_write(ix, 1, T, "a", "1");
    frn_index_durable(ix, 1);
    old = must_view(ix, 1);
    now_ns += age_max_ns;
    expect_get(old, T, "a", "1");
    young = must_view(ix, 1);
    now_ns += 1;
    assert_int_equal(frn_index_get(old, T, text("a"), &value, &err), FIRN_EEXPIRED);
    assert_string_equal(err.text, "view at seq 1 is older than 1000 ms");
    assert_int_equal(frn_index_seek(old, T, text("a"), false, &key, &value, NULL), FIRN_EEXPIRED);
    assert_int_equal(frn_index_walk(old, walk_row, NULL, NULL), FIRN_EEXPIRED);
    now_ns -= 1;
    assert_int_equal(frn_index_get(old, T, text("a"), &value, NULL), FIRN_EEXPIRED);
    expect_get(young, T, "a", "1");
    assert_int_equal(stats_of(ix).views_count, 2);
    frn_index_view_close(old);
    frn_index_view_close(young);
    assert_int_equal(stats_of(ix).views_count, 0);
    firn_buf_free(&key);
    firn_buf_free(&value);
}

/* A forgotten view pins nothing once it is too old: reclaiming lets it go, and it answers EEXPIRED from then on. */
static void a_forgotten_view_pins_nothing(void **state)
{
    firn_buf value = {0};
    frn_index_view *view;

    (void)state;
    must_write(ix, 1, T, "a", "1");
    view = must_view(ix, 1);
    must_write(ix, 2, T, "a", "2");
    frn_index_durable(ix, 2);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 2);
    now_ns += age_max_ns + 1;
    must_write(ix, 3, T, "a", "3");
    frn_index_durable(ix, 3);
    reclaim_all(ix);
    assert_int_equal(frn_index_get(view, T, text("a"), &value, NULL), FIRN_EEXPIRED);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 1);
    frn_index_view_close(view);
    firn_buf_free(&value);
}

/* No memory for a view, or for an answer: a status, and the next try succeeds. */
static void views_without_memory(void **state)
{
    firn_buf key = {0}, value = {0};
    frn_index_view *view = NULL;
    firn_status status = FIRN_ENOMEM;
    int64_t k = 0;

    (void)state;
    must_write(ix, 1, T, "a", "1");
    while (status != FIRN_OK) {
        int64_t live = heap.live;

        heap.fail_at = ++k;
        status = frn_index_view_open(ix, 1, &view, NULL);
        heap.fail_at = 0;
        if (status != FIRN_OK) {
            assert_int_equal(status, FIRN_ENOMEM);
            assert_int_equal(heap.live, live);
            assert_int_equal(stats_of(ix).views_count, 0);
        }
    }
    assert_true(k > 1);
    heap.fail_at = 1;
    assert_int_equal(frn_index_get(view, T, text("a"), &value, NULL), FIRN_ENOMEM);
    heap.fail_at = 1;
    assert_int_equal(frn_index_seek(view, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_ENOMEM);
    heap.fail_at = 2;
    assert_int_equal(frn_index_seek(view, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_ENOMEM);
    expect_get(view, T, "a", "1");
    frn_index_view_close(view);
    firn_buf_free(&key);
    firn_buf_free(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(n12_a_view_opened_before_a_transaction_never_shows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_view_shows_its_own_seq, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_view_keeps_one_version_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_version_stays_for_the_last_of_two_views, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tombstones_vanish_after_the_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_view_stands_at_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_view_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seek_finds_the_next_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seek_passes_what_the_view_does_not_see, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walk_hands_over_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_view_expires, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forgotten_view_pins_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(views_without_memory, set_up, tear_down),
    };
    int failed = 0;

    for (size_t i = 0; i < index_backends_count; i++) {
        backend = &index_backends[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    index_backends_clean();
    return failed;
}
