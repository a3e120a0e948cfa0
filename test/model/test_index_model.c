/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_model.c — random batches, views and reclaiming against a model that keeps every version for ever.
 *
 * The model is an array of (table, key, last seq, value) to which rows are only ever added; what a position shows is
 * found by looking at all of them. Backends that keep rows on disk merge at random, and are closed and opened again:
 * then what was above the mark is gone, from the model too. Seeds are printed; FIRN_TEST_SEED runs one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/contract/index_backends.h"

enum {
    SEEDS = 10,
    STEPS = 600,
    KEYS = 40, /* Different keys of a table. */
    VIEWS = 6,
    VALUE_SIZE_MAX = 80,
    VERSIONS_MAX = 20000
};

static const frn_table tables[] = {FRN_TABLE_STREAM_BY_NAME, FRN_TABLE_KEY};

/* One version of a row; size -1: deleted. */
struct version {
    unsigned table, key;
    uint64_t seq; /* Last of its batch; UINT64_MAX while it is tentative. */
    int size;
    uint8_t fill;
};

static struct version versions[VERSIONS_MAX];
static size_t versions_count;

static const index_backend *backend;
static frn_index *ix;
static frn_heap heap;
static uint64_t seed;
static uint64_t committed, durable;

static unsigned draw(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 20) % below);
}

/* Keys that are prefixes of each other, in the order of their numbers. */
static firn_slice key_bytes(unsigned key, uint8_t bytes[8])
{
    memset(bytes, 0, 8);
    bytes[0] = (uint8_t)(key / 8);
    bytes[1] = 0;
    bytes[2] = (uint8_t)(key % 8 / 2);
    return (firn_slice){bytes, 1 + key % 8 / 2 + (key % 2 == 0 ? 0 : 4)};
}

static int order(firn_slice a, firn_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int bytes = memcmp(a.data, b.data, common);

    return bytes != 0 ? bytes : a.size < b.size ? -1 : a.size > b.size;
}

/* What the model shows at seq; NULL if nothing. */
static const struct version *model_at(unsigned table, firn_slice key, uint64_t seq)
{
    uint8_t bytes[8];

    for (size_t i = versions_count; i > 0; i--) {
        const struct version *version = &versions[i - 1];

        if (version->table == table && version->seq <= seq && order(key_bytes(version->key, bytes), key) == 0) {
            return version->size < 0 ? NULL : version;
        }
    }
    return NULL;
}

/* The smallest key ≥ from (after: > from) that the model shows at seq; -1 if none. */
static int model_seek(unsigned table, firn_slice from, bool after, uint64_t seq)
{
    uint8_t bytes[8], best_bytes[8];
    int best = -1;

    for (unsigned key = 0; key < KEYS; key++) {
        firn_slice there = key_bytes(key, bytes);
        int against = order(there, from);

        if ((against > 0 || (against == 0 && !after)) && model_at(table, there, seq) != NULL &&
            (best < 0 || order(there, key_bytes((unsigned)best, best_bytes)) < 0)) {
            best = (int)key;
        }
    }
    return best;
}

static void check_value(const struct version *wanted, firn_status status, firn_slice value)
{
    if (wanted == NULL) {
        assert_int_equal(status, FIRN_ENOTFOUND);
        return;
    }
    assert_int_equal(status, FIRN_OK);
    assert_int_equal(value.size, wanted->size);
    for (size_t i = 0; i < value.size; i++) {
        assert_int_equal(((const uint8_t *)value.data)[i], wanted->fill);
    }
}

/* One put or delete in the open batch, some of which fail for want of memory. */
static void step_write(void)
{
    static uint8_t value[VALUE_SIZE_MAX];
    unsigned table = draw(2), key = draw(KEYS);
    struct version version = {table, key, UINT64_MAX, (int)draw(VALUE_SIZE_MAX), (uint8_t)draw(256)};
    uint8_t bytes[8];
    firn_slice name = key_bytes(key, bytes);
    bool there = model_at(table, name, UINT64_MAX) != NULL;
    firn_status status;

    heap.fail_at = draw(8) == 0 ? 1 + draw(3) : 0;
    if (draw(3) == 0) {
        version.size = -1;
        status = frn_index_delete(ix, tables[table], name, NULL);
    } else {
        memset(value, version.fill, sizeof value);
        status = frn_index_put(ix, tables[table], name, (firn_slice){value, (size_t)version.size}, NULL);
    }
    if (status == FIRN_ENOMEM) {
        assert_int_equal(heap.fail_at, 0);
    } else if (version.size < 0 && !there) {
        assert_int_equal(status, FIRN_ENOTFOUND);
    } else {
        assert_int_equal(status, FIRN_OK);
        assert_true(versions_count < VERSIONS_MAX);
        versions[versions_count++] = version;
    }
    heap.fail_at = 0;
}

static void step_read(void)
{
    unsigned table = draw(2);
    uint8_t bytes[8];
    firn_slice from = key_bytes(draw(KEYS), bytes), key, value = {0};
    bool after = draw(2) == 0;
    firn_status status;
    int wanted;

    status = frn_index_read(ix, tables[table], from, &value, NULL);
    check_value(model_at(table, from, UINT64_MAX), status, value);
    if (draw(3) == 0) {
        from.size = 0;
    }
    wanted = model_seek(table, from, after, UINT64_MAX);
    status = frn_index_read_seek(ix, tables[table], from, after, &key, &value, NULL);
    assert_int_equal(status, wanted < 0 ? FIRN_END : FIRN_OK);
    if (wanted >= 0) {
        assert_int_equal(order(key, key_bytes((unsigned)wanted, bytes)), 0);
        check_value(model_at(table, key, UINT64_MAX), FIRN_OK, value);
    }
}

static void step_batch(void)
{
    size_t before = versions_count;
    uint64_t seq_first = committed + 1 + draw(3);

    frn_index_begin(ix, seq_first);
    for (unsigned i = draw(12); i > 0; i--) {
        step_write();
        step_read();
    }
    if (draw(5) == 0) {
        frn_index_abort(ix);
        versions_count = before;
        return;
    }
    committed = seq_first + draw(5);
    for (size_t i = before; i < versions_count; i++) {
        versions[i].seq = committed;
    }
    frn_index_commit(ix, committed);
}

static void check_view(frn_index_view *view, firn_buf *key, firn_buf *value)
{
    uint64_t seq = frn_index_view_seq(view);
    unsigned table = draw(2);
    uint8_t bytes[8];
    firn_slice from = key_bytes(draw(KEYS), bytes);
    bool after = draw(2) == 0;
    int wanted = model_seek(table, from, after, seq);
    firn_status status;

    status = frn_index_seek(view, tables[table], from, after, key, value, NULL);
    assert_int_equal(status, wanted < 0 ? FIRN_END : FIRN_OK);
    if (wanted >= 0) {
        firn_slice found = {key->data, key->size};

        assert_int_equal(order(found, key_bytes((unsigned)wanted, bytes)), 0);
        check_value(model_at(table, found, seq), FIRN_OK, (firn_slice){value->data, value->size});
    }
    from = key_bytes(draw(KEYS), bytes);
    status = frn_index_get(view, tables[table], from, value, NULL);
    check_value(model_at(table, from, seq), status, (firn_slice){value->data, value->size});
}

/* The end of a committed batch at or above durable. */
static uint64_t some_position(void)
{
    uint64_t wanted = durable + draw((unsigned)(committed - durable) + 1);
    uint64_t best = durable;

    for (size_t i = 0; i < versions_count; i++) {
        if (versions[i].seq <= wanted && versions[i].seq > best) {
            best = versions[i].seq;
        }
    }
    return best;
}

/* Rows that live at the end, when all views are gone, all is durable and all reclaimed. */
static void check_flat(void)
{
    uint64_t living = 0;
    uint8_t bytes[8];

    frn_index_durable(ix, committed);
    reclaim_all(ix);
    for (unsigned table = 0; table < 2; table++) {
        for (unsigned key = 0; key < KEYS; key++) {
            living += model_at(table, key_bytes(key, bytes), UINT64_MAX) != NULL;
        }
    }
    if (backend->reopen == NULL) {
        assert_int_equal(stats_of(ix).rows_count, living);
        assert_int_equal(stats_of(ix).versions_count, living);
        return;
    }
    assert_true(try_merge(ix));
    reclaim_all(ix);
    assert_int_equal(stats_of(ix).rows_count, 0);
    assert_int_equal(stats_of(ix).versions_count, 0);
    assert_int_equal(stats_of(ix).below_rows_count, living);
    assert_int_equal(stats_of(ix).generations_count, 1);
}

static void step_merge(void)
{
    if (backend->reopen != NULL && draw(3) == 0) {
        heap.fail_at = draw(6) == 0 ? 1 + draw(5) : 0;
        (void)try_merge(ix);
        heap.fail_at = 0;
    }
}

/* Closes and opens the index: the mark is where everything stands. */
static void step_reopen(frn_index_view *views[VIEWS])
{
    if (backend->reopen == NULL || draw(20) != 0) {
        return;
    }
    for (int i = 0; i < VIEWS; i++) {
        frn_index_view_close(views[i]);
        views[i] = NULL;
    }
    frn_index_close(ix);
    assert_int_equal(heap.live, 0);
    assert_int_equal(backend->reopen(&heap, &(frn_index_options){0}, &ix, NULL), FIRN_OK);
    committed = durable = stats_of(ix).merged_seq;
    while (versions_count > 0 && versions[versions_count - 1].seq > committed) {
        versions_count--;
    }
}

static void run_seed(uint64_t number)
{
    frn_index_view *views[VIEWS] = {NULL};
    firn_buf key = {0}, value = {0};

    print_message("seed %llu\n", (unsigned long long)number);
    seed = number * UINT64_C(0x9e3779b97f4a7c15);
    versions_count = 0;
    committed = durable = 0;
    frn_heap_init(&heap);
    assert_int_equal(backend->open(&heap, &(frn_index_options){0}, &ix, NULL), FIRN_OK);
    for (int step = 0; step < STEPS; step++) {
        unsigned which = draw(VIEWS);

        switch (draw(5)) {
        case 0:
            frn_index_view_close(views[which]);
            views[which] = must_view(ix, some_position());
            break;
        case 1:
            frn_index_view_close(views[which]);
            views[which] = NULL;
            break;
        case 2:
            durable = some_position();
            frn_index_durable(ix, durable);
            (void)frn_index_reclaim(ix);
            step_merge();
            step_reopen(views);
            break;
        default:
            step_batch();
        }
        for (int i = 0; i < VIEWS; i++) {
            if (views[i] != NULL) {
                check_view(views[i], &key, &value);
            }
        }
    }
    for (int i = 0; i < VIEWS; i++) {
        frn_index_view_close(views[i]);
    }
    check_flat();
    firn_buf_free(&key);
    firn_buf_free(&value);
    frn_index_close(ix);
    assert_int_equal(heap.live, 0);
}

/* Whatever was written, aborted, opened and reclaimed, every read answers as the model does. */
static void agrees_with_the_model(void **state)
{
    const char *only = getenv("FIRN_TEST_SEED");

    (void)state;
    if (only != NULL) {
        run_seed(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t number = 1; number <= SEEDS; number++) {
        run_seed(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};
    int failed = 0;

    for (size_t i = 0; i < index_backends_count; i++) {
        backend = &index_backends[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    index_backends_clean();
    return failed;
}
