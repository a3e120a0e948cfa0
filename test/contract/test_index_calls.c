/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_calls.c — the k-th call of LMDB fails, for every k: what is on disk stays a state that was merged.
 *
 * The linker puts the functions below in the place of LMDB's. A life of an index (filled, merged, read, opened again,
 * merged, checked, built anew) goes on after whatever failure; afterwards the index is opened as if nothing had been,
 * and holds the rows up to its mark and no others, or says that it cannot be believed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The system's. */
#include <lmdb.h>

#include "format/bytes.h"
#include "test/contract/index_backends.h"

enum {
    KEYS = 12,
    FIRST = 20, /* Seqs that the first merge writes, */
    LAST = 40,  /* and the second. */
    CALLS_MAX = 5000
};

static uint64_t fail_at; /* Counts down; 0: nothing fails. */
static int fail_code;
static bool failed;

static bool is_turn(void)
{
    if (fail_at == 0 || --fail_at != 0) {
        return false;
    }
    failed = true;
    return true;
}

#define CALL(name, parameters, arguments)                       \
    int __real_##name parameters;                               \
    int __wrap_##name parameters;                               \
    int __wrap_##name parameters                                \
    {                                                           \
        return is_turn() ? fail_code : __real_##name arguments; \
    }

CALL(mdb_env_create, (MDB_env * *env), (env))
CALL(mdb_env_set_maxreaders, (MDB_env * env, unsigned readers), (env, readers))
CALL(mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
CALL(mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode), (env, path, flags, mode))
CALL(mdb_env_info, (MDB_env * env, MDB_envinfo *info), (env, info))
CALL(mdb_env_stat, (MDB_env * env, MDB_stat *info), (env, info))
CALL(mdb_env_sync, (MDB_env * env, int force), (env, force))
CALL(mdb_env_get_fd, (MDB_env * env, mdb_filehandle_t *fd), (env, fd))
CALL(mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn), (env, parent, flags, txn))
CALL(mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi), (txn, name, flags, dbi))
CALL(mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *info), (txn, dbi, info))
CALL(mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
CALL(mdb_put, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags), (txn, dbi, key, data, flags))
CALL(mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
CALL(mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **cursor), (txn, dbi, cursor))
CALL(mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op), (cursor, key, data, op))
CALL(mdb_cursor_put, (MDB_cursor * cursor, MDB_val *key, MDB_val *data, unsigned flags), (cursor, key, data, flags))

/* A commit that fails leaves no transaction. */
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (is_turn()) {
        mdb_txn_abort(txn);
        return fail_code;
    }
    return __real_mdb_txn_commit(txn);
}

static const frn_table T = FRN_TABLE_STREAM_BY_NAME;

static frn_heap heap;
static frn_lmdb_options options;
static char folder[64];
static unsigned failures;

/* Every status passes here. */
static bool done(firn_status status, const firn_error *err)
{
    if (status >= 0) {
        return status == FIRN_OK;
    }
    failures++;
    assert_true(failed);
    assert_int_equal(err->status, status);
    assert_true(strlen(err->text) > 5);
    return false;
}

/* The row that seq writes or deletes: some keys are longer than LMDB takes. */
static firn_slice key_of(uint64_t seq, uint8_t key[FRN_INDEX_KEY_SIZE_MAX])
{
    size_t size = seq % KEYS == 5 || seq % KEYS == 6 ? 600 : 8;

    memset(key, 'k', size);
    key[size - 1] = (uint8_t)('a' + seq % KEYS);
    return (firn_slice){key, size};
}

static bool deletes(uint64_t seq)
{
    return seq % 7 == 0;
}

/* What a key's value is after `last`: the seq that wrote it; 0: it is not there. */
static uint64_t expected(unsigned number, uint64_t last)
{
    uint64_t value = 0;

    for (uint64_t seq = 1; seq <= last; seq++) {
        if (seq % KEYS == number) {
            value = deletes(seq) ? 0 : seq;
        }
    }
    return value;
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

/* Writes the rows from first on and merges them. What cannot be written is not in the log either: the rest waits. */
static void write_up_to(frn_index *ix, uint64_t last)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX], value[8];
    frn_index_merged merged;
    frn_index_mark mark;
    firn_status status = FIRN_OK;
    firn_error err;

    frn_index_mark_get(ix, &mark);
    for (uint64_t seq = mark.seq + 1; seq <= last && status == FIRN_OK; seq++) {
        frn_index_begin(ix, seq);
        fmt_put64(value, seq);
        if (deletes(seq)) {
            status = frn_index_delete(ix, T, key_of(seq, key), &err);
            status = status == FIRN_ENOTFOUND ? FIRN_OK : status;
        } else {
            status = frn_index_put(ix, T, key_of(seq, key), (firn_slice){value, sizeof value}, &err);
        }
        if (!done(status, &err)) {
            frn_index_abort(ix);
            return;
        }
        frn_index_commit(ix, seq);
        frn_index_durable(ix, seq);
    }
    (void)done(frn_index_merge(ix, mark_nothing, NULL, &merged, &err), &err);
}

static firn_status take_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    (void)table;
    (void)key;
    (void)value;
    (void)err;
    ++*(unsigned *)arg;
    return FIRN_OK;
}

static void take_damage(void *arg, const firn_error *finding)
{
    (void)arg;
    (void)finding;
}

static void read_back(frn_index *ix)
{
    frn_index_view *view = NULL;
    firn_buf key_buf = {0}, value = {0};
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
    unsigned rows = 0;
    frn_index_checker checker = {.row = take_row, .damage = take_damage, .arg = &rows};
    firn_slice found;
    firn_error err;

    for (unsigned i = 0; i < KEYS; i++) {
        firn_status status = frn_index_read(ix, T, key_of(i, key), &found, &err);

        (void)(status == FIRN_ENOTFOUND || done(status, &err));
    }
    if (done(frn_index_view_open(ix, 0, &view, &err), &err)) {
        for (unsigned i = 0; i < KEYS; i++) {
            firn_status status = frn_index_get(view, T, key_of(i, key), &value, &err);

            (void)(status == FIRN_ENOTFOUND || done(status, &err));
        }
        (void)done(frn_index_seek(view, T, (firn_slice){0}, false, &key_buf, &value, &err), &err);
        (void)done(frn_index_check(view, &checker, &err), &err);
        frn_index_view_close(view);
    }
    firn_buf_free(&key_buf);
    firn_buf_free(&value);
}

static void build(void)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX], bytes[8];
    frn_index_mark mark = {.seq = LAST};
    frn_index_bulk *bulk = NULL;
    firn_status status;
    firn_error err;

    status = frn_index_bulk_open(&heap, folder, &options, &bulk, &err);
    for (unsigned i = 0; i < KEYS && status == FIRN_OK; i++) {
        fmt_put64(bytes, expected(i, LAST));
        if (expected(i, LAST) != 0) {
            status = frn_index_bulk_put(bulk, T, key_of(i, key), (firn_slice){bytes, sizeof bytes}, &err);
        }
    }
    if (done(status, &err)) {
        (void)done(frn_index_bulk_finish(bulk, &mark, &err), &err);
    }
    frn_index_bulk_close(bulk);
}

/* As a reader of the file finds it. */
static void look(void)
{
    unsigned rows = 0;
    frn_index_checker checker = {.row = take_row, .damage = take_damage, .arg = &rows};
    frn_index_file *file = NULL;
    firn_error err;

    firn_status status = frn_index_file_open(&heap, folder, &options, &file, &err);

    if (status != FIRN_ENOTFOUND && done(status, &err)) {
        (void)done(frn_index_file_check(file, &checker, &err), &err);
        frn_index_file_close(file);
    }
}

static void life(void)
{
    frn_index *ix = NULL;
    firn_error err;

    for (uint64_t last = FIRST; last <= LAST; last += LAST - FIRST) {
        if (done(frn_index_open_lmdb(&heap, folder, &options, &ix, &err), &err)) {
            write_up_to(ix, last);
            read_back(ix);
            reclaim_all(ix);
            read_back(ix);
            frn_index_close(ix);
        }
        look();
    }
    build();
}

/* Nothing fails any more: the rows are those of the mark. */
static void judge(uint64_t k)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
    frn_index_mark mark;
    firn_slice found;
    firn_error err;
    frn_index *ix;
    firn_status status = frn_index_open_lmdb(&heap, folder, &options, &ix, &err);

    if (status == FIRN_ECORRUPT) {
        assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
        return;
    }
    if (status != FIRN_OK) {
        fail_msg("call %llu: %s", (unsigned long long)k, err.text);
    }
    frn_index_mark_get(ix, &mark);
    assert_true(mark.seq == 0 || mark.seq == FIRST || mark.seq == LAST || failed);
    for (unsigned i = 0; i < KEYS; i++) {
        uint64_t value = expected(i, mark.seq);

        status = frn_index_read(ix, T, key_of(i, key), &found, NULL);
        if (status != (value == 0 ? FIRN_ENOTFOUND : FIRN_OK) || (value != 0 && fmt_get64(found.data) != value)) {
            fail_msg("call %llu, mark %llu, key %u: %s", (unsigned long long)k, (unsigned long long)mark.seq, i,
                     firn_status_name(status));
        }
    }
    frn_index_close(ix);
}

static void sweep(int code)
{
    uint64_t k = 0;

    failures = 0;
    fail_code = code;
    do {
        assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
        failed = false;
        fail_at = ++k;
        life();
        fail_at = 0;
        judge(k);
        assert_int_equal(heap.live, 0);
    } while (failed && k < CALLS_MAX);
    print_message("%s: %llu calls, %u failures\n", mdb_strerror(code), (unsigned long long)k - 1, failures);
    assert_true(k > 100 && k < CALLS_MAX && failures > 50);
}

static int set_up(void **state)
{
    (void)state;
    options = (frn_lmdb_options){.map_size = INDEX_TEST_MAP_SIZE, .ledger_id = {3, 2, 1}, .create = true};
    index_test_folder(folder, "calls");
    frn_heap_init(&heap);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return frn_index_remove_lmdb(folder, NULL) == FIRN_OK ? 0 : -1;
}

/* There is no memory for it. */
static void test_no_memory(void **state)
{
    (void)state;
    sweep(ENOMEM);
}

/* The disk fails. */
static void test_disk_fails(void **state)
{
    (void)state;
    sweep(EIO);
}

/* The map is full. */
static void test_map_is_full(void **state)
{
    (void)state;
    sweep(MDB_MAP_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_disk_fails, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_map_is_full, set_up, tear_down)};

    return cmocka_run_group_tests_name("index calls", tests, NULL, NULL);
}
