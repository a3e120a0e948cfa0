/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_mark.c — the mark of an index on disk is believed in that state of the file alone that it was written in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The system's: this test writes to the file as a page that was lost would change it. */
#include <lmdb.h>

#include "format/bytes.h"
#include "test/contract/index_backends.h"

enum {
    MARK_SIZE_MAX = 512
};

static frn_heap heap;
static frn_lmdb_options options;
static char folder[64];

static int set_up(void **state)
{
    (void)state;
    options = (frn_lmdb_options){.map_size = INDEX_TEST_MAP_SIZE, .ledger_id = {4, 5, 6}, .create = true};
    index_test_folder(folder, "mark");
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    frn_heap_init(&heap);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    return heap.live == 0 ? 0 : -1;
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

/* Writes a row at seq and merges it. */
static void merge_one(uint64_t seq)
{
    uint8_t key[4], value[8];
    frn_index_merged merged;
    frn_index *ix;

    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, NULL), FIRN_OK);
    fmt_put32(key, (uint32_t)seq);
    fmt_put64(value, seq);
    frn_index_begin(ix, seq);
    assert_int_equal(frn_index_put(ix, FRN_TABLE_STREAM, (firn_slice){key, 4}, (firn_slice){value, 8}, NULL), FIRN_OK);
    frn_index_commit(ix, seq);
    frn_index_durable(ix, seq);
    assert_int_equal(frn_index_merge(ix, mark_nothing, NULL, &merged, NULL), FIRN_OK);
    assert_int_equal(merged.seq, seq);
    frn_index_close(ix);
}

/* Reads the row of the mark, or writes it back as it was: the first row of the file. */
static void mark_row(uint8_t bytes[MARK_SIZE_MAX], size_t *size, bool writes)
{
    MDB_val key, value;
    MDB_cursor *cursor;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, folder, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    if (writes) {
        assert_int_equal(value.mv_size, *size);
        value.mv_data = bytes;
        assert_int_equal(mdb_cursor_put(cursor, &key, &value, 0), 0);
    } else {
        assert_true(value.mv_size <= MARK_SIZE_MAX);
        *size = value.mv_size;
        memcpy(bytes, value.mv_data, *size);
    }
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* The page with the mark is the one of an earlier merge, good in itself: rows behind it would be applied twice. */
static void test_mark_of_an_earlier_merge(void **state)
{
    uint8_t bytes[MARK_SIZE_MAX];
    frn_index_mark mark;
    firn_error err;
    frn_index *ix;
    size_t size = 0;

    (void)state;
    merge_one(1);
    mark_row(bytes, &size, false);
    merge_one(2);
    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, NULL), FIRN_OK);
    frn_index_mark_get(ix, &mark);
    assert_int_equal(mark.seq, 2);
    frn_index_close(ix);
    mark_row(bytes, &size, true);
    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, &err), FIRN_ECORRUPT);
    assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
    assert_non_null(strstr(err.text, "the mark is not of this state"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mark_of_an_earlier_merge, set_up, tear_down)};

    return cmocka_run_group_tests_name("index mark", tests, NULL, NULL);
}
