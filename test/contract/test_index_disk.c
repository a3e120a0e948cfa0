/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_disk.c — the index on disk: merge, mark, reopening, views across merges, bulk building, other processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "test/contract/index_backends.h"

static const frn_table T = FRN_TABLE_STREAM_BY_NAME, U = FRN_TABLE_KEY;

static frn_heap heap;
static frn_index *ix;
static frn_lmdb_options options;
static int64_t now_ns;
static char folder[64];

static firn_status open_again(firn_error *err)
{
    frn_index_close(ix);
    ix = NULL;
    return frn_index_open_lmdb(&heap, folder, &options, &ix, err);
}

static int set_up(void **state)
{
    (void)state;
    now_ns = 5;
    options = (frn_lmdb_options){.index = {.monotonic_ns = index_test_clock, .clock_arg = &now_ns},
                                 .map_size = INDEX_TEST_MAP_SIZE,
                                 .ledger_id = {7, 8, 9},
                                 .stores = {{1, 1}, {16, 3}},
                                 .stores_count = 2,
                                 .create = true};
    index_test_folder(folder, "disk");
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    frn_heap_init(&heap);
    ix = NULL;
    assert_int_equal(open_again(NULL), FIRN_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    frn_index_close(ix);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    assert_int_not_equal(access(folder, F_OK), 0);
    return heap.live == 0 ? 0 : -1;
}

static void mark_fill(void *arg, frn_index_mark *mark)
{
    (void)arg;
    mark->incarnation = 3;
    fmt_put64(mark->hint, 1000 + mark->seq);
}

static uint64_t merge(void)
{
    frn_index_merged merged;
    firn_error err = {0};
    firn_status status = frn_index_merge(ix, mark_fill, NULL, &merged, &err);

    if (status != FIRN_OK) {
        fail_msg("%s: %s", firn_status_name(status), err.text);
    }
    return merged.rows_count;
}

/* Merges up to seq, and drops what is below. */
static uint64_t merge_at(uint64_t seq)
{
    uint64_t rows;

    frn_index_durable(ix, seq);
    reclaim_all(ix);
    rows = merge();
    reclaim_all(ix);
    return rows;
}

/* What is merged leaves memory, is read back from below on both sides, and is there after reopening, with its mark. */
static void merged_rows_are_read_back(void **state)
{
    frn_index_mark mark;
    frn_index_view *view;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    must_put(ix, T, "b", "");
    must_put(ix, U, "a", "3");
    frn_index_commit(ix, 4);
    assert_int_equal(merge_at(4), 3);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(stats_of(ix).rows_count, 0);
        assert_int_equal(stats_of(ix).size, 0);
        assert_int_equal(stats_of(ix).below_rows_count, 3);
        assert_int_equal(stats_of(ix).merged_seq, 4);
        assert_int_equal(stats_of(ix).generations_count, 1);
        expect_read(ix, T, "a", "1");
        expect_read(ix, T, "b", "");
        expect_read(ix, T, "c", NULL);
        expect_read(ix, U, "b", NULL);
        view = must_view(ix, 4);
        expect_get(view, T, "b", "");
        expect_get(view, U, "b", NULL);
        expect_rows(view, T, "a=1 b=");
        expect_rows(view, U, "a=3");
        frn_index_view_close(view);
        frn_index_mark_get(ix, &mark);
        assert_int_equal(mark.seq, 4);
        assert_int_equal(mark.incarnation, 3);
        assert_int_equal(fmt_get64(mark.hint), 1004);
        assert_memory_equal(mark.ledger_id, options.ledger_id, sizeof mark.ledger_id);
        assert_int_equal(open_again(NULL), FIRN_OK);
    }
    must_write(ix, 5, T, "a", "2");
    expect_read(ix, T, "a", "2");
}

/* Without anything above the mark a merge does nothing; what is not durable stays in memory. */
static void merge_takes_what_is_durable(void **state)
{
    (void)state;
    assert_int_equal(merge(), 0);
    must_write(ix, 1, T, "a", "1");
    must_write(ix, 2, T, "a", "2");
    must_write(ix, 3, T, "b", "3");
    assert_int_equal(merge_at(2), 1);
    assert_int_equal(stats_of(ix).merged_seq, 2);
    assert_int_equal(stats_of(ix).rows_count, 1);
    assert_int_equal(merge(), 0);
    assert_int_equal(open_again(NULL), FIRN_OK);
    expect_read(ix, T, "a", "2");
    expect_read(ix, T, "b", NULL);
}

/* Deletes of rows below hide them at once, on both sides and in every kind of lookup, before and after they merge. */
static void deletes_hide_what_is_below(void **state)
{
    frn_index_view *before, *after;
    firn_slice key, value;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    must_put(ix, T, "b", "2");
    must_put(ix, T, "c", "3");
    frn_index_commit(ix, 1);
    assert_int_equal(merge_at(1), 3);
    before = must_view(ix, 1);
    frn_index_begin(ix, 2);
    must_delete(ix, T, "a");
    assert_int_equal(frn_index_delete(ix, T, text("a"), NULL), FIRN_ENOTFOUND);
    assert_int_equal(frn_index_delete(ix, T, text("aa"), NULL), FIRN_ENOTFOUND);
    frn_index_abort(ix);
    expect_read(ix, T, "a", "1");
    frn_index_begin(ix, 2);
    must_delete(ix, T, "a");
    must_delete(ix, T, "b");
    must_put(ix, T, "bb", "4");
    frn_index_commit(ix, 2);
    frn_index_durable(ix, 2);
    reclaim_all(ix);
    for (int round = 0; round < 2; round++) {
        expect_read(ix, T, "a", NULL);
        assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
        assert_int_equal(key.size, 2);
        assert_memory_equal(key.data, "bb", 2);
        assert_int_equal(frn_index_read_seek(ix, T, text("bb"), true, &key, &value, NULL), FIRN_OK);
        assert_memory_equal(key.data, "c", 1);
        after = must_view(ix, 2);
        expect_get(after, T, "b", NULL);
        expect_rows(after, T, "bb=4 c=3");
        expect_rows(before, T, "a=1 b=2 c=3");
        frn_index_view_close(after);
        assert_int_equal(merge_at(2), round == 0 ? 3 : 0);
        assert_int_equal(stats_of(ix).generations_count, 2);
        assert_int_equal(stats_of(ix).rows_count, 3);
    }
    frn_index_view_close(before);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).generations_count, 1);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).below_rows_count, 2);
}

/* Each of many views, one before each merge, shows its own state to the end; then all memory is given back. */
static void views_across_merges(void **state)
{
    enum {
        VIEWS = 30
    };
    frn_index_view *views[VIEWS];
    char value[24], name[24];

    (void)state;
    options.readers_max = 2;
    assert_int_equal(open_again(NULL), FIRN_OK);
    for (unsigned i = 0; i < VIEWS; i++) {
        uint64_t seq = i + 1;

        (void)snprintf(value, sizeof value, "%u", i);
        (void)snprintf(name, sizeof name, "n%02u", i);
        frn_index_begin(ix, seq);
        must_put(ix, T, "each", value);
        must_put(ix, T, name, value);
        if (i >= 3) {
            (void)snprintf(name, sizeof name, "n%02u", i - 3);
            must_delete(ix, T, name);
        }
        frn_index_commit(ix, seq);
        frn_index_durable(ix, seq);
        views[i] = must_view(ix, seq);
        if (i % 2 == 0) {
            (void)merge();
        }
        reclaim_all(ix);
    }
    for (unsigned i = 0; i < VIEWS; i++) {
        char rows[128];
        int used = snprintf(rows, sizeof rows, "each=%u", i);

        for (unsigned n = i < 3 ? 0 : i - 2; n <= i; n++) {
            used += snprintf(rows + used, sizeof rows - (size_t)used, " n%02u=%u", n, n);
        }
        expect_rows(views[i], T, rows);
    }
    for (unsigned i = 0; i < VIEWS; i++) {
        frn_index_view_close(views[i * 7 % VIEWS]);
    }
    assert_int_equal(merge_at(VIEWS), 2 + 1 + 1 - 1);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).generations_count, 1);
    assert_int_equal(stats_of(ix).below_rows_count, 4);
}

/* A forgotten view gives up its state once it is too old, although nobody asks it any more. */
static void an_old_view_lets_the_disk_go(void **state)
{
    firn_buf value = {0};
    frn_index_view *view;
    firn_error err = {0};

    (void)state;
    options.index.view_age_max_ns = 1000;
    assert_int_equal(open_again(NULL), FIRN_OK);
    must_write(ix, 1, T, "a", "1");
    assert_int_equal(merge_at(1), 1);
    view = must_view(ix, 1);
    must_write(ix, 2, T, "a", "2");
    assert_int_equal(merge_at(2), 1);
    expect_get(view, T, "a", "1");
    assert_int_equal(stats_of(ix).generations_count, 2);
    now_ns += 1001;
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).generations_count, 1);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(frn_index_get(view, T, text("a"), &value, &err), FIRN_EEXPIRED);
    assert_string_equal(err.text, "view at seq 1 is older than 0 ms");
    assert_int_equal(frn_index_seek(view, T, text("a"), false, &value, &value, NULL), FIRN_EEXPIRED);
    frn_index_view_close(view);
    firn_buf_free(&value);
}

static firn_slice long_key(uint8_t key[FRN_INDEX_KEY_SIZE_MAX], size_t size, uint8_t last)
{
    memset(key, 'k', size);
    key[size - 1] = last;
    return (firn_slice){key, size};
}

/* Keys longer than LMDB takes keep their order among themselves and with shorter ones, and come and go like others. */
static void long_keys(void **state)
{
    static const size_t sizes[] = {508, 509, 510, 511, 512, 700, 1024};
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
    firn_buf found = {0}, value = {0}, before = {0};
    frn_index_view *view;
    uint64_t seq = 0;
    size_t rows;

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        frn_index_begin(ix, ++seq);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (uint8_t last = 'a'; last < 'n'; last++) {
                firn_slice whole = long_key(key, sizes[i], last);
                firn_slice text_of_round = text(round == 0 ? "zero" : "more than zero");

                if (round < 3 && last % 3 == (uint8_t)round) {
                    assert_int_equal(frn_index_put(ix, T, whole, text_of_round, NULL), FIRN_OK);
                } else if (round == 3 && (last % 3 != 1 || sizes[i] == 511)) {
                    assert_int_equal(frn_index_delete(ix, T, whole, NULL), FIRN_OK);
                }
            }
        }
        frn_index_commit(ix, seq);
        assert_true(merge_at(seq) > 0);
        assert_int_equal(stats_of(ix).rows_count, 0);
        view = must_view(ix, seq);
        rows = 0;
        before.size = 0;
        found.size = 0;
        while (frn_index_seek(view, T, (firn_slice){found.data, found.size}, true, &found, &value, NULL) == FIRN_OK) {
            size_t common = before.size < found.size ? before.size : found.size;

            if (rows > 0) {
                int order = memcmp(before.data, found.data, common);

                assert_true(order < 0 || (order == 0 && before.size < found.size));
            }
            assert_int_equal(
                frn_index_seek(view, T, (firn_slice){found.data, found.size}, false, &before, &value, NULL), FIRN_OK);
            assert_int_equal(before.size, found.size);
            assert_memory_equal(before.data, found.data, found.size);
            rows++;
        }
        frn_index_view_close(view);
        assert_int_equal(rows, round == 0 ? 7 * 4 : round == 1 ? 7 * 9 : round == 2 ? 7 * 13 : 6 * 5);
    }
    firn_buf_free(&found);
    firn_buf_free(&value);
    firn_buf_free(&before);
}

static void expect_unusable(const char *reason)
{
    firn_error err = {0};
    firn_status status = open_again(&err);

    assert_int_equal(status, FIRN_ECORRUPT);
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
    assert_string_equal(err.text, reason);
}

/* An index of another ledger, of other stores, and one that is open already are told apart; none is asked for: none. */
static void opens_that_are_refused(void **state)
{
    firn_error err = {0};
    frn_index *other = NULL;

    (void)state;
    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &other, &err), FIRN_EBUSY);
    assert_non_null(strstr(err.text, "this process has it open"));
    options.ledger_id[3] = 1;
    expect_unusable("data.mdb: of another ledger");
    options.ledger_id[3] = 0;
    options.stores[1].version++;
    expect_unusable("data.mdb: of other versions of the stores");
    options.stores_count = 1;
    expect_unusable("data.mdb: of other versions of the stores");
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    options.create = false;
    assert_int_equal(open_again(NULL), FIRN_ENOTFOUND);
    options.create = true;
}

/* A map that is full: the merge says so by the name of the limit, changes nothing, and reading and writing go on. */
static void a_full_map(void **state)
{
    static uint8_t value[100000];
    frn_index_merged merged;
    firn_error err = {0};
    uint8_t name[4];
    uint64_t seq;

    (void)state;
    options.map_size = 1 << 20;
    assert_int_equal(open_again(NULL), FIRN_OK);
    must_write(ix, 1, U, "a", "1");
    assert_int_equal(merge_at(1), 1);
    for (seq = 2; seq < 30; seq++) {
        fmt_put32(name, (uint32_t)seq);
        frn_index_begin(ix, seq);
        assert_int_equal(frn_index_put(ix, T, (firn_slice){name, 4}, (firn_slice){value, sizeof value}, NULL), FIRN_OK);
        frn_index_commit(ix, seq);
    }
    frn_index_durable(ix, seq - 1);
    for (int tries = 0; tries < 2; tries++) {
        assert_int_equal(frn_index_merge(ix, mark_fill, NULL, &merged, &err), FIRN_ETOOBIG);
        assert_int_equal(err.detail, FIRN_DETAIL_INDEX_LIMIT);
        assert_string_equal(err.text, "merge up to seq 29: write the index: the map of the index is full");
        assert_int_equal(stats_of(ix).merged_seq, 1);
        expect_read(ix, U, "a", "1");
    }
    options.map_size = INDEX_TEST_MAP_SIZE;
    assert_int_equal(open_again(NULL), FIRN_OK);
    expect_read(ix, U, "a", "1");
    assert_int_equal(stats_of(ix).merged_seq, 1);
}

/* More states than there is room for are held by views: the merge says FULL, and goes on when one is closed. */
static void too_many_states(void **state)
{
    enum {
        STATES_MAX = 64
    };
    frn_index_view *views[STATES_MAX];
    frn_index_merged merged;
    firn_status status = FIRN_OK;
    unsigned count = 0;

    (void)state;
    options.readers_max = 100;
    assert_int_equal(open_again(NULL), FIRN_OK);
    while (status == FIRN_OK && count < STATES_MAX) {
        must_write(ix, count + 1, T, "a", "1");
        frn_index_durable(ix, count + 1);
        status = frn_index_merge(ix, mark_fill, NULL, &merged, NULL);
        reclaim_all(ix);
        views[count] = must_view(ix, count + 1);
        count++;
    }
    assert_int_equal(status, FIRN_FULL);
    for (unsigned i = 0; i < count; i++) {
        expect_get(views[i], T, "a", "1");
        frn_index_view_close(views[i]);
    }
    reclaim_all(ix);
    must_write(ix, count + 1, T, "a", "2");
    (void)merge_at(count + 1);
    assert_int_equal(stats_of(ix).merged_seq, count + 1);
    assert_int_equal(stats_of(ix).rows_count, 0);
}

static firn_status merge_failing(int64_t fail_at)
{
    frn_index_merged merged;
    firn_status status;

    heap.fail_at = fail_at;
    status = frn_index_merge(ix, mark_fill, NULL, &merged, NULL);
    heap.fail_at = 0;
    return status;
}

/* The k-th allocation of a merge fails, for every k: nothing is lost or leaked, and the merge succeeds in the end. */
static void every_allocation_of_a_merge_fails_once(void **state)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
    firn_status status = FIRN_ENOMEM;
    int64_t live, k = 0;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    assert_int_equal(frn_index_put(ix, T, long_key(key, 1000, 'l'), text("long"), NULL), FIRN_OK);
    frn_index_commit(ix, 1);
    assert_int_equal(merge_at(1), 2);
    frn_index_begin(ix, 2);
    must_put(ix, T, "a", "2");
    assert_int_equal(frn_index_put(ix, T, long_key(key, 999, 'l'), text("long"), NULL), FIRN_OK);
    frn_index_commit(ix, 2);
    frn_index_durable(ix, 2);
    while (status != FIRN_OK) {
        live = heap.live;
        status = merge_failing(++k);
        if (status != FIRN_OK) {
            assert_int_equal(status, FIRN_ENOMEM);
            assert_int_equal(heap.live, live);
        }
        expect_read(ix, T, "a", "2");
    }
    assert_in_range(k, 5, 100);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).below_rows_count, 2);
    status = FIRN_ENOMEM;
    for (k = 1; status != FIRN_OK; k++) {
        frn_index_close(ix);
        ix = NULL;
        assert_int_equal(heap.live, 0);
        heap.fail_at = k;
        status = frn_index_open_lmdb(&heap, folder, &options, &ix, NULL);
        heap.fail_at = 0;
        assert_true(status == FIRN_OK || status == FIRN_ENOMEM);
    }
    expect_read(ix, T, "a", "2");
}

/* An index is built from nothing: what is put into a table that is not read back, the same key again too, stands beside
   the rows of the others, as they are at the end. */
static void built_from_nothing(void **state)
{
    static const frn_table unread[] = {U};
    const frn_index_mark mark = {.seq = 600, .incarnation = 3, .hint = {9}};
    frn_index_mark found;
    frn_index_view *view;
    firn_error err = {0};
    char key[16];

    (void)state;
    frn_index_close(ix);
    ix = NULL;
    options.sort_size_max = 1 << 12; /* Through files. */
    assert_int_equal(frn_index_build_open(&heap, folder, &options, unread, 1, &ix, &err), FIRN_OK);
    for (uint64_t seq = 1; seq <= 600; seq++) {
        (void)snprintf(key, sizeof key, "%03u", (unsigned)(seq * 7 % 500));
        frn_index_begin(ix, seq);
        must_put(ix, U, key, seq > 500 ? "late" : "early");
        must_put(ix, T, seq % 2 == 0 ? "even" : "odd", key);
        expect_read(ix, T, seq % 2 == 0 ? "even" : "odd", key);
        frn_index_commit(ix, seq);
        frn_index_durable(ix, seq);
    }
    frn_index_begin(ix, 601); /* A batch that is not finished leaves nothing among the rows that are read. */
    must_put(ix, T, "even", "never");
    frn_index_abort(ix);
    assert_int_equal(stats_of(ix).rows_count, 2);
    assert_int_equal(frn_index_build_finish(ix, &mark, &err), FIRN_OK);
    assert_int_equal(open_again(&err), FIRN_OK);
    frn_index_mark_get(ix, &found);
    assert_int_equal(found.seq, 600);
    assert_int_equal(found.hint[0], 9);
    assert_int_equal(stats_of(ix).below_rows_count, 502);
    view = must_view(ix, 600);
    expect_rows(view, T, "even=200 odd=193");
    expect_get(view, U, "200", "late");
    expect_get(view, U, "207", "early");
    frn_index_view_close(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merged_rows_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(built_from_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(merge_takes_what_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deletes_hide_what_is_below, set_up, tear_down),
        cmocka_unit_test_setup_teardown(views_across_merges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_view_lets_the_disk_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opens_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_states, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_allocation_of_a_merge_fails_once, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("index on disk", tests, NULL, NULL);
}
