/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_threads.c — the contract of the index under threads: one writer, readers that open, read, walk and close.
 *
 * A backend that keeps rows on disk merges meanwhile in a thread of its own. The writer moves an amount between two
 * accounts in each batch, and deletes and creates rows beside them. Whatever a view shows, the sum of the accounts is
 * the same and both carry the number of one and the same batch. Meant for TSan, and true without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/thread.h"
#include "format/bytes.h"
#include "test/contract/index_backends.h"

enum {
    READERS = 4,
    BATCHES = 4000,
    SUM = 1000000,
    PASSERS = 50
};

static const index_backend *backend;

struct world {
    frn_heap heap;
    frn_index *index;
    _Atomic uint64_t durable;
    atomic_bool over;
    _Atomic uint64_t wrong;   /**< Views that showed what never was. */
    _Atomic uint64_t checked; /**< Views that were looked at. */
    _Atomic uint64_t expired;
    _Atomic uint64_t merges;
};

/* An account's value: balance, and the seq of the batch that wrote it. */
static firn_status account_put(frn_index *index, const char *name, uint64_t balance, uint64_t seq)
{
    uint8_t value[16];

    fmt_put64(value, balance);
    fmt_put64(value + 8, seq);
    return frn_index_put(index, FRN_TABLE_KEY, text(name), (firn_slice){value, sizeof value}, NULL);
}

static firn_status account_get(frn_index_view *view, const char *name, firn_buf *buf, uint64_t *balance, uint64_t *seq)
{
    firn_status status = frn_index_get(view, FRN_TABLE_KEY, text(name), buf, NULL);

    if (status == FIRN_OK) {
        *balance = fmt_get64(buf->data);
        *seq = fmt_get64((const uint8_t *)buf->data + 8);
    }
    return status;
}

/* Whether the view shows one state: FIRN_EINVARIANT if not. */
static firn_status view_check(frn_index_view *view, firn_buf *key, firn_buf *value)
{
    uint64_t here = 0, there = 0, seq_here = 0, seq_there = 0, passers = 0;
    firn_status status;

    status = account_get(view, "here", value, &here, &seq_here);
    if (status == FIRN_OK) {
        status = account_get(view, "there", value, &there, &seq_there);
    }
    if (status != FIRN_OK) {
        return status;
    }
    if (here + there != SUM || seq_here != seq_there || seq_here > frn_index_view_seq(view)) {
        return FIRN_EINVARIANT;
    }
    key->size = 0;
    for (;;) {
        status = frn_index_seek(view, FRN_TABLE_SETTING, (firn_slice){key->data, key->size}, true, key, value, NULL);
        if (status == FIRN_END) {
            return passers == PASSERS ? FIRN_OK : FIRN_EINVARIANT;
        }
        if (status != FIRN_OK) {
            return status;
        }
        passers++;
    }
}

static void read_on(void *arg)
{
    struct world *world = arg;
    firn_buf key = {0}, value = {0};

    while (!atomic_load(&world->over)) {
        frn_index_view *view = NULL;
        firn_status status = frn_index_view_open(world->index, atomic_load(&world->durable), &view, NULL);

        for (int again = 0; status == FIRN_OK && again < 3; again++) {
            status = view_check(view, &key, &value);
        }
        frn_index_view_close(view);
        atomic_fetch_add(status == FIRN_OK         ? &world->checked
                         : status == FIRN_EEXPIRED ? &world->expired
                                                   : &world->wrong,
                         1);
    }
    firn_buf_free(&key);
    firn_buf_free(&value);
}

static void merge_on(void *arg)
{
    struct world *world = arg;

    while (!atomic_load(&world->over)) {
        if (try_merge(world->index)) {
            atomic_fetch_add(&world->merges, 1);
        }
    }
}

/* One row leaves and another comes: their number stays PASSERS. */
static firn_status passers_move(frn_index *index, uint64_t batch)
{
    uint8_t leaves[4], comes[4];
    firn_status status;

    fmt_put32(leaves, (uint32_t)batch);
    fmt_put32(comes, (uint32_t)batch + PASSERS);
    status = frn_index_put(index, FRN_TABLE_SETTING, (firn_slice){comes, 4}, (firn_slice){0}, NULL);
    return status < 0 ? status : frn_index_delete(index, FRN_TABLE_SETTING, (firn_slice){leaves, 4}, NULL);
}

static firn_status write_all(struct world *world)
{
    frn_index *index = world->index;
    firn_status status = FIRN_OK;

    for (uint64_t batch = 0; batch < BATCHES && status == FIRN_OK; batch++) {
        uint64_t seq = 100 + 2 * batch;

        frn_index_begin(index, seq);
        status = account_put(index, "here", 0, 0);
        if (status == FIRN_OK) {
            status = account_put(index, "here", SUM - batch, seq);
        }
        if (status == FIRN_OK) {
            status = account_put(index, "there", batch, seq);
        }
        if (status == FIRN_OK) {
            status = passers_move(index, batch);
        }
        if (batch % 7 == 3 && status == FIRN_OK) {
            frn_index_abort(index);
            frn_index_begin(index, seq);
            status = passers_move(index, batch);
        }
        frn_index_commit(index, seq + 1);
        if (batch % 5 == 0) {
            atomic_store(&world->durable, seq + 1);
            frn_index_durable(index, seq + 1);
        }
        if (batch % 100 == 0) {
            (void)frn_index_reclaim(index);
        }
    }
    return status;
}

static void run(uint64_t view_age_max_ns, struct world *world)
{
    frn_index_options options = {.view_age_max_ns = view_age_max_ns};
    frn_thread readers[READERS] = {0}, merger = {0};
    const bool merging = backend->reopen != NULL;
    firn_status status;

    *world = (struct world){.durable = 1};
    frn_heap_init(&world->heap);
    assert_int_equal(backend->open(&world->heap, &options, &world->index, NULL), FIRN_OK);
    frn_index_begin(world->index, 1);
    assert_int_equal(account_put(world->index, "here", SUM, 1), FIRN_OK);
    assert_int_equal(account_put(world->index, "there", 0, 1), FIRN_OK);
    for (uint32_t i = 0; i < PASSERS; i++) {
        uint8_t name[4];

        fmt_put32(name, i);
        assert_int_equal(frn_index_put(world->index, FRN_TABLE_SETTING, (firn_slice){name, 4}, (firn_slice){0}, NULL),
                         FIRN_OK);
    }
    frn_index_commit(world->index, 1);
    frn_index_durable(world->index, 1);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(frn_thread_start(&readers[i], "reader", read_on, world), FIRN_OK);
    }
    if (merging) {
        assert_int_equal(frn_thread_start(&merger, "merger", merge_on, world), FIRN_OK);
    }
    status = write_all(world);
    /* Not before each reader had its chance. */
    while (atomic_load(&world->checked) + atomic_load(&world->expired) + atomic_load(&world->wrong) < 20 ||
           (merging && atomic_load(&world->merges) < 3)) {
        (void)stats_of(world->index);
    }
    atomic_store(&world->over, true);
    for (int i = 0; i < READERS; i++) {
        frn_thread_join(&readers[i]);
    }
    frn_thread_join(&merger);
    assert_int_equal(status, FIRN_OK);
    frn_index_durable(world->index, 100 + 2 * BATCHES - 1);
    reclaim_all(world->index);
    if (merging) {
        assert_true(try_merge(world->index));
        reclaim_all(world->index);
        assert_int_equal(stats_of(world->index).below_rows_count, 2 + PASSERS);
    }
    assert_int_equal(stats_of(world->index).rows_count, merging ? 0 : 2 + PASSERS);
    assert_int_equal(stats_of(world->index).versions_count, merging ? 0 : 2 + PASSERS);
    frn_index_close(world->index);
    assert_int_equal(world->heap.live, 0);
}

/* Readers see whole batches only, while the writer writes, aborts and reclaims, and nothing is left behind. */
static void readers_see_whole_batches(void **state)
{
    struct world world;

    (void)state;
    run(0, &world);
    assert_int_equal(world.wrong, 0);
    assert_int_equal(world.expired, 0);
    assert_true(world.checked > 0);
}

/* The same while every view expires almost at once: they see whole batches or nothing. */
static void expiring_views_see_whole_batches(void **state)
{
    struct world world;

    (void)state;
    run(20000, &world);
    assert_int_equal(world.wrong, 0);
    assert_true(world.checked + world.expired > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_batches),
        cmocka_unit_test(expiring_views_see_whole_batches),
    };
    int failed = 0;

    for (size_t i = 0; i < index_backends_count; i++) {
        backend = &index_backends[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    index_backends_clean();
    return failed;
}
