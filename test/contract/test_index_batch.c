/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_batch.c — the contract of the index, write side: batches, limits, failing memory, reclaiming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "test/contract/index_backends.h"

static const frn_table T = FRN_TABLE_STREAM_BY_NAME, U = FRN_TABLE_KEY;

static const index_backend *backend;
static frn_heap heap;
static frn_index *ix;

static void open_with(const frn_index_options *options)
{
    frn_heap_init(&heap);
    assert_int_equal(backend->open(&heap, options, &ix, NULL), FIRN_OK);
}

static int set_up(void **state)
{
    (void)state;
    open_with(&(frn_index_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    frn_index_close(ix);
    return heap.live == 0 ? 0 : -1;
}

/* A row that was put is read back at once, before and after its commit, and in its own table only. */
static void put_is_read_back(void **state)
{
    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    expect_read(ix, T, "a", "1");
    expect_read(ix, U, "a", NULL);
    frn_index_commit(ix, 1);
    expect_read(ix, T, "a", "1");
    expect_read(ix, T, "b", NULL);
}

/* Values of 0 bytes and of many, keys of 1 and of the most bytes, and any byte in either, come back as they were. */
static void sizes_at_their_bounds(void **state)
{
    static uint8_t key[FRN_INDEX_KEY_SIZE_MAX], value[100000];
    firn_slice found;

    (void)state;
    memset(key, 0, sizeof key);
    memset(value, 0xff, sizeof value);
    frn_index_begin(ix, 1);
    assert_int_equal(frn_index_put(ix, T, (firn_slice){key, sizeof key}, (firn_slice){value, sizeof value}, NULL), 0);
    assert_int_equal(frn_index_put(ix, T, (firn_slice){key, 1}, (firn_slice){0}, NULL), FIRN_OK);
    frn_index_commit(ix, 1);
    assert_int_equal(frn_index_read(ix, T, (firn_slice){key, sizeof key}, &found, NULL), FIRN_OK);
    assert_int_equal(found.size, sizeof value);
    assert_memory_equal(found.data, value, sizeof value);
    assert_int_equal(frn_index_read(ix, T, (firn_slice){key, 1}, &found, NULL), FIRN_OK);
    assert_int_equal(found.size, 0);
    assert_int_equal(frn_index_read(ix, T, (firn_slice){key, 2}, &found, NULL), FIRN_ENOTFOUND);
}

/* Within a batch the last put of a row counts, whether shorter or longer than the one before, also across a delete. */
static void last_put_of_a_batch_counts(void **state)
{
    frn_index_view *view;

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "short");
    must_put(ix, T, "a", "a value that is longer than the one that it replaces");
    expect_read(ix, T, "a", "a value that is longer than the one that it replaces");
    must_put(ix, T, "a", "2");
    must_put(ix, T, "b", "1");
    must_delete(ix, T, "b");
    expect_read(ix, T, "b", NULL);
    must_put(ix, T, "c", "1");
    must_delete(ix, T, "c");
    must_put(ix, T, "c", "3");
    frn_index_commit(ix, 9);
    expect_read(ix, T, "a", "2");
    view = must_view(ix, 9);
    expect_rows(view, T, "a=2 c=3");
    frn_index_view_close(view);
}

/* Deleting a row that is not there, or no longer, is an answer and changes nothing. */
static void delete_of_nothing(void **state)
{
    firn_error err = {0};

    (void)state;
    must_write(ix, 1, T, "a", "1");
    must_write(ix, 2, T, "a", NULL);
    frn_index_begin(ix, 3);
    assert_int_equal(frn_index_delete(ix, T, text("a"), &err), FIRN_ENOTFOUND);
    assert_string_equal(err.text, "no such row in table stream_by_name");
    assert_int_equal(frn_index_delete(ix, T, text("never"), NULL), FIRN_ENOTFOUND);
    frn_index_abort(ix);
    expect_read(ix, T, "a", NULL);
}

/* The write side walks a table in order, sees its own batch, and passes what was deleted. */
static void write_side_seeks(void **state)
{
    firn_slice key, value;

    (void)state;
    frn_index_begin(ix, 1);
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_END);
    must_put(ix, T, "b", "2");
    must_put(ix, T, "bb", "3");
    must_put(ix, T, "d", "4");
    frn_index_commit(ix, 1);
    frn_index_begin(ix, 2);
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "b", 1);
    must_put(ix, T, "a", "1");
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, true, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "a", 1);
    must_delete(ix, T, "b");
    assert_int_equal(frn_index_read_seek(ix, T, text("a"), true, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "bb", 2);
    assert_memory_equal(value.data, "3", 1);
    assert_int_equal(frn_index_read_seek(ix, T, text("c"), false, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "d", 1);
    assert_int_equal(frn_index_read_seek(ix, T, text("d"), true, &key, &value, NULL), FIRN_END);
    must_delete(ix, T, "a");
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "bb", 2);
    frn_index_abort(ix);
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
    assert_int_equal(key.size, 1);
    assert_memory_equal(key.data, "b", 1);
}

/* Rows are deleted from the front, one a batch, as expiry does; the first living one is found each time. */
static void expiry_from_the_front(void **state)
{
    firn_slice key, value;
    char name[16];

    (void)state;
    frn_index_begin(ix, 1);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "%04d", i);
        must_put(ix, T, name, name);
    }
    frn_index_commit(ix, 1000);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "%04d", i);
        assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
        assert_memory_equal(key.data, name, 4);
        must_write(ix, 1001 + (uint64_t)i, T, name, NULL);
        frn_index_durable(ix, i % 3 == 0 ? 1000 + (uint64_t)i : 0);
    }
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_END);
    must_write(ix, 3000, T, "0500", "again");
    assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
    assert_memory_equal(key.data, "0500", 4);
}

/* Expiry finds a row whose value is the key of another, and deletes both by what it borrowed. */
static void deletes_by_borrowed_slices(void **state)
{
    firn_slice key, value;

    (void)state;
    for (uint64_t round = 0; round < 2; round++) {
        if (round == 0) {
            frn_index_begin(ix, 1);
        }
        must_put(ix, T, "time", "key");
        must_put(ix, U, "key", "receipt");
        if (round == 0) {
            frn_index_commit(ix, 1);
            frn_index_begin(ix, 2);
        }
        assert_int_equal(frn_index_read_seek(ix, T, (firn_slice){0}, false, &key, &value, NULL), FIRN_OK);
        assert_int_equal(frn_index_delete(ix, T, key, NULL), FIRN_OK);
        assert_int_equal(frn_index_delete(ix, U, value, NULL), FIRN_OK);
        expect_read(ix, T, "time", NULL);
        expect_read(ix, U, "key", NULL);
    }
    frn_index_commit(ix, 2);
}

/* An aborted batch of puts, overwrites and deletes leaves rows and figures exactly as they were. */
static void abort_restores(void **state)
{
    frn_index_stats before, after;
    char name[16];

    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    must_put(ix, T, "b", "1");
    must_put(ix, U, "k", "1");
    frn_index_commit(ix, 3);
    must_write(ix, 4, U, "k", NULL);
    before = stats_of(ix);
    frn_index_begin(ix, 5);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        must_put(ix, U, name, "tentative");
    }
    must_put(ix, T, "a", "2");
    must_put(ix, T, "a", "a longer value than the first one of this batch");
    must_delete(ix, T, "b");
    must_put(ix, U, "k", "2");
    frn_index_abort(ix);
    after = stats_of(ix);
    assert_memory_equal(&before, &after, sizeof before);
    expect_read(ix, T, "a", "1");
    expect_read(ix, T, "b", "1");
    expect_read(ix, U, "k", NULL);
    expect_read(ix, U, "n0", NULL);
    must_write(ix, 5, T, "b", "2");
    expect_read(ix, T, "b", "2");
}

/* A batch puts over a tombstone that is due to be freed while it is open, and is aborted: the tombstone still goes. */
static void abort_over_a_due_tombstone(void **state)
{
    (void)state;
    must_write(ix, 1, T, "a", "1");
    must_write(ix, 2, T, "a", NULL);
    frn_index_begin(ix, 3);
    must_put(ix, T, "a", "2");
    frn_index_durable(ix, 2);
    reclaim_all(ix);
    frn_index_abort(ix);
    reclaim_all(ix);
    expect_read(ix, T, "a", NULL);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).size, 0);
}

/* After many overwrites and deletes without a view, only the living row is left: the size is that of one version. */
static void reclaim_returns_to_flat(void **state)
{
    frn_index_stats flat, peak;
    char name[16];

    (void)state;
    must_write(ix, 1, T, "hot", "value");
    flat = stats_of(ix);
    for (uint64_t seq = 2; seq < 2000; seq++) {
        frn_index_begin(ix, seq);
        must_put(ix, T, "hot", "value");
        (void)snprintf(name, sizeof name, "%d", (int)(seq / 2));
        if (seq % 2 == 0) {
            must_put(ix, U, name, "a row that does not stay");
        } else {
            must_delete(ix, U, name);
        }
        frn_index_commit(ix, seq);
    }
    peak = stats_of(ix);
    assert_true(peak.size > 100 * flat.size);
    frn_index_durable(ix, 1999);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).rows_count, 1);
    assert_int_equal(stats_of(ix).versions_count, 1);
    assert_in_range(stats_of(ix).size, flat.size / 2, 2 * flat.size);
    must_write(ix, 2000, T, "hot", NULL);
    frn_index_durable(ix, 2000);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).size, 0);
}

/* While durable keeps up, commits alone keep the index within some hundred versions. */
static void commits_pay_for_reclaiming(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq < 5000; seq++) {
        must_write(ix, seq, T, "hot", "value");
        frn_index_durable(ix, seq);
        assert_in_range(stats_of(ix).versions_count, 1, 256);
    }
}

/* What is not durable is not reclaimed: the batch may yet become void to readers who start at durable. */
static void undurable_versions_stay(void **state)
{
    frn_index_view *view;

    (void)state;
    for (uint64_t seq = 1; seq <= 200; seq++) {
        must_write(ix, seq, T, "hot", seq == 100 ? "hundred" : "other");
    }
    frn_index_durable(ix, 100);
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).versions_count, 101);
    view = must_view(ix, 100);
    expect_get(view, T, "hot", "hundred");
    frn_index_view_close(view);
}

/* Beyond the limit a put is refused with the name of the limit, deletes still work, and after them there is room. */
static void limit_is_named(void **state)
{
    firn_error err = {0};
    char name[16];
    uint64_t seq = 0;
    firn_status status;

    (void)state;
    open_with(&(frn_index_options){.size_max = 20000});
    do {
        frn_index_begin(ix, ++seq);
        (void)snprintf(name, sizeof name, "%06u", (unsigned)seq);
        status = frn_index_put(ix, T, text(name), text("value"), &err);
        if (status == FIRN_OK) {
            frn_index_commit(ix, seq);
        } else {
            frn_index_abort(ix);
        }
        assert_true(stats_of(ix).size <= 20000);
    } while (status == FIRN_OK);
    assert_in_range(seq, 50, 1000);
    assert_int_equal(status, FIRN_ETOOBIG);
    assert_int_equal(err.status, FIRN_ETOOBIG);
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX_LIMIT);
    assert_string_equal(err.text, "the memory index would pass index_size_max of 20000 bytes");
    expect_read(ix, T, "000001", "value");
    for (uint64_t gone = 1; gone <= 10; gone++) {
        (void)snprintf(name, sizeof name, "%06u", (unsigned)gone);
        must_write(ix, seq + gone, T, name, NULL);
    }
    frn_index_durable(ix, seq + 10);
    must_write(ix, seq + 11, T, "room", "again");
    frn_index_close(ix);
    assert_int_equal(heap.live, 0);
}

/* A batch with all kinds of changes. Stops at the first failure and returns it. */
static firn_status mixed_batch(uint64_t seq)
{
    static const char *const keys[] = {"a", "ab", "abc", "b", "other", "o", "x1", "x2", "x3"};
    firn_status status = FIRN_OK;

    frn_index_begin(ix, seq);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == FIRN_OK; i++) {
        status = frn_index_put(ix, T, text(keys[i]), text("new"), NULL);
        if (status == FIRN_OK && i % 2 == 0) {
            status = frn_index_put(ix, T, text(keys[i]), text("a longer value, which does not fit in place"), NULL);
        }
    }
    if (status == FIRN_OK) {
        status = frn_index_delete(ix, T, text("old"), NULL);
    }
    return status;
}

/* The k-th allocation of a batch fails, for every k: the batch can be aborted, nothing changed, nothing leaked. */
static void every_allocation_fails_once(void **state)
{
    frn_index_stats before, after;
    firn_status status = FIRN_ENOMEM;
    int64_t k = 0;

    (void)state;
    must_write(ix, 1, T, "a", "1");
    must_write(ix, 2, T, "old", "1");
    before = stats_of(ix);
    while (status != FIRN_OK) {
        int64_t live = heap.live;

        heap.fail_at = ++k;
        status = mixed_batch(3);
        if (status == FIRN_OK) {
            break;
        }
        assert_int_equal(status, FIRN_ENOMEM);
        frn_index_abort(ix);
        after = stats_of(ix);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(heap.live, live);
        expect_read(ix, T, "a", "1");
        expect_read(ix, T, "old", "1");
        expect_read(ix, T, "x1", NULL);
    }
    heap.fail_at = 0;
    assert_in_range(k, 10, 1000);
    frn_index_commit(ix, 3);
    expect_read(ix, T, "old", NULL);
    expect_read(ix, T, "b", "new");
}

/* A failed put leaves the batch open: it goes on and its other rows are kept. */
static void batch_goes_on_after_a_failed_put(void **state)
{
    (void)state;
    frn_index_begin(ix, 1);
    must_put(ix, T, "a", "1");
    heap.fail_at = 1;
    assert_int_equal(frn_index_put(ix, T, text("b"), text("1"), NULL), FIRN_ENOMEM);
    must_put(ix, T, "c", "1");
    frn_index_commit(ix, 1);
    expect_read(ix, T, "a", "1");
    expect_read(ix, T, "b", NULL);
    expect_read(ix, T, "c", "1");
}

/* No memory for the index itself: a status with a text, and nothing is left over. */
static void open_without_memory(void **state)
{
    frn_heap poor;
    frn_index *none = NULL;
    firn_error err = {0};

    (void)state;
    frn_heap_init(&poor);
    poor.fail_at = 1;
    assert_int_equal(backend->open(&poor, &(frn_index_options){0}, &none, &err), FIRN_ENOMEM);
    assert_null(none);
    assert_true(err.text[0] != '\0');
    assert_int_equal(poor.live, 0);
}

/* Closing with a batch open drops the batch and all memory (the tear-down counts). */
static void close_with_an_open_batch(void **state)
{
    (void)state;
    must_write(ix, 1, T, "a", "1");
    frn_index_begin(ix, 2);
    must_put(ix, T, "a", "2");
    must_put(ix, T, "b", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(put_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_at_their_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(last_put_of_a_batch_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(delete_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(write_side_seeks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expiry_from_the_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deletes_by_borrowed_slices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abort_restores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abort_over_a_due_tombstone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reclaim_returns_to_flat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commits_pay_for_reclaiming, set_up, tear_down),
        cmocka_unit_test_setup_teardown(undurable_versions_stay, set_up, tear_down),
        cmocka_unit_test(limit_is_named),
        cmocka_unit_test_setup_teardown(every_allocation_fails_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batch_goes_on_after_a_failed_put, set_up, tear_down),
        cmocka_unit_test_setup_teardown(open_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_with_an_open_batch, set_up, tear_down),
    };
    int failed = 0;

    for (size_t i = 0; i < index_backends_count; i++) {
        backend = &index_backends[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    index_backends_clean();
    return failed;
}
