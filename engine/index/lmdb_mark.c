/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_mark.c — the mark of an index on disk: written with every merge, believed only in the state it was written in.
 *
 * It is looked for without LMDB, which would have to believe the pages that lead to it: those are judged on the way, so
 * that opening an index is safe whatever its file holds.
 */
#include "engine/index/lmdb_env.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_walk.h"
#include "format/bytes.h"

enum {
    FORM = 1
};

static MDB_val mark_key(void)
{
    static char key[] = {0, FRN_LMDB_MARK_KEY};

    return (MDB_val){sizeof key, key};
}

static void shape_encode(uint8_t *at, const frn_lmdb_shape *shape)
{
    fmt_put64(at, shape->transaction);
    fmt_put64(at + 8, shape->entries);
    fmt_put64(at + 16, shape->branch_pages);
    fmt_put64(at + 24, shape->leaf_pages);
    fmt_put64(at + 32, shape->overflow_pages);
}

static int shape_of(const frn_lmdb_env *env, MDB_txn *txn, frn_lmdb_shape *out_shape)
{
    MDB_stat shape;
    int code = mdb_stat(txn, env->dbi, &shape);

    if (code == 0) {
        *out_shape = (frn_lmdb_shape){.transaction = mdb_txn_id(txn),
                                      .entries = shape.ms_entries,
                                      .branch_pages = shape.ms_branch_pages,
                                      .leaf_pages = shape.ms_leaf_pages,
                                      .overflow_pages = shape.ms_overflow_pages};
    }
    return code;
}

static void stores_encode(uint8_t at[4 * FRN_LMDB_STORES_MAX], const frn_lmdb_options *options)
{
    memset(at, 0, 4 * FRN_LMDB_STORES_MAX);
    for (unsigned i = 0; i < options->stores_count && i < FRN_LMDB_STORES_MAX; i++) {
        fmt_put16(at + 4 * (size_t)i, options->stores[i].block);
        fmt_put16(at + 4 * (size_t)i + 2, options->stores[i].version);
    }
}

firn_status frn_lmdb_mark_write(const frn_lmdb_env *env, MDB_txn *txn, const frn_index_mark *mark,
                                const frn_lmdb_options *options, firn_error *err)
{
    uint8_t data[FRN_LMDB_MARK_SIZE + FRN_LMDB_CRC] = {0};
    MDB_val key = mark_key();
    MDB_val value = {sizeof data, data};
    frn_lmdb_shape shape;
    int code;

    fmt_put32(data + FRN_LMDB_MARK_FORM, FORM);
    fmt_put32(data + FRN_LMDB_MARK_STORES_COUNT, options->stores_count);
    memcpy(data + FRN_LMDB_MARK_LEDGER_ID, options->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(data + FRN_LMDB_MARK_SEQ, mark->seq);
    fmt_put64(data + FRN_LMDB_MARK_INCARNATION, mark->incarnation);
    memcpy(data + FRN_LMDB_MARK_HINT, mark->hint, FRN_INDEX_HINT_SIZE);
    stores_encode(data + FRN_LMDB_MARK_STORES, options);
    /* Twice: the first put may change the shape, the second one, of the same size, does not. */
    code = mdb_put(txn, env->dbi, &key, &value, 0);
    if (code == 0) {
        code = shape_of(env, txn, &shape);
    }
    if (code == 0) {
        shape_encode(data + FRN_LMDB_MARK_TRANSACTION, &shape);
        fmt_put32(data + FRN_LMDB_MARK_SIZE, frn_lmdb_crc(&key, data, FRN_LMDB_MARK_SIZE));
        value = (MDB_val){sizeof data, data};
        code = mdb_put(txn, env->dbi, &key, &value, 0);
    }
    return code == 0 ? FIRN_OK : frn_lmdb_fail(err, code, "write the mark of the index");
}

/* Reads a mark without its checksum. */
static firn_status mark_decode(firn_slice value, const frn_lmdb_state *state, const frn_lmdb_options *options,
                               frn_index_mark *out_mark, bool *out_stores, firn_error *err)
{
    frn_lmdb_shape shape = {.transaction = state->transaction,
                            .entries = state->rows.entries,
                            .branch_pages = state->rows.branch_pages,
                            .leaf_pages = state->rows.leaf_pages,
                            .overflow_pages = state->rows.overflow_pages};
    uint8_t expected[4 * FRN_LMDB_STORES_MAX];
    const uint8_t *data = value.data;

    if (value.size < FRN_LMDB_MARK_SIZE || fmt_get32(data + FRN_LMDB_MARK_FORM) > FORM) {
        return frn_fail(err, FIRN_ENEWER, "data.mdb: written by a newer version");
    }
    shape_encode(expected, &shape);
    if (memcmp(data + FRN_LMDB_MARK_TRANSACTION, expected, FRN_LMDB_MARK_STORES - FRN_LMDB_MARK_TRANSACTION) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: the mark is not of this state");
    }
    stores_encode(expected, options);
    *out_stores = fmt_get32(data + FRN_LMDB_MARK_STORES_COUNT) == options->stores_count &&
                  memcmp(data + FRN_LMDB_MARK_STORES, expected, sizeof expected) == 0;
    *out_mark = (frn_index_mark){.seq = fmt_get64(data + FRN_LMDB_MARK_SEQ),
                                 .incarnation = fmt_get64(data + FRN_LMDB_MARK_INCARNATION)};
    memcpy(out_mark->ledger_id, data + FRN_LMDB_MARK_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    memcpy(out_mark->hint, data + FRN_LMDB_MARK_HINT, FRN_INDEX_HINT_SIZE);
    return FIRN_OK;
}

bool frn_lmdb_is_mark(frn_table table, firn_slice key)
{
    return table == 0 && key.size == 1 && *(const uint8_t *)key.data == FRN_LMDB_MARK_KEY;
}

/* Looks at the first row that can be read, and at what was damaged before it. */
typedef struct mark_search {
    const frn_lmdb_state *state;
    const frn_lmdb_options *options;
    frn_index_mark mark;
    bool stores;
    firn_status status; /* What is to be said; FIRN_END: no row was seen. */
    firn_error err;
} mark_search;

static firn_status search_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    mark_search *search = arg;

    (void)err;
    if (frn_lmdb_is_mark(table, key)) {
        search->status =
            mark_decode(value, search->state, search->options, &search->mark, &search->stores, &search->err);
    }
    return FIRN_END;
}

static void search_damage(void *arg, const firn_error *finding)
{
    mark_search *search = arg;

    if (search->status == FIRN_END) {
        search->status = finding->status;
        search->err = *finding;
    }
}

firn_status frn_lmdb_mark_find(frn_heap *heap, int fd, const frn_lmdb_state *state, const frn_lmdb_options *options,
                               frn_index_mark *out_mark, bool *out_stores, firn_error *err)
{
    mark_search search = {.state = state, .options = options, .status = FIRN_END};
    frn_index_checker checker = {.row = search_row, .damage = search_damage, .arg = &search};
    firn_status status = frn_lmdb_walk(heap, fd, state, &checker, err);

    if (status < 0) {
        return status;
    }
    if (search.status == FIRN_END) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: it has no mark");
    }
    if (search.status < 0) {
        if (err != NULL) {
            *err = search.err;
        }
        return search.status;
    }
    *out_mark = search.mark;
    *out_stores = search.stores;
    return FIRN_OK;
}
