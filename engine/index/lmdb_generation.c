/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_generation.c — states of what is below, shared and counted: taken, installed, left.
 *
 * A generation's transactions are all begun when it is taken, because the next commit may come at any time, in a
 * read-only process from elsewhere. Should one come between two of them, they see different states: then all are begun
 * again. A transaction serves one thread at a time: lookups borrow them, the write side has its own.
 */
#include <assert.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_index.h"

enum {
    READERS_DEFAULT = 16,
    SLOTS_MIN = 2,   /* The write side's, and one to lend. */
    TRIES_MAX = 1000 /* A commit takes longer than beginning the transactions: two tries are the most to be seen. */
};

/* Begins as many transactions as there is room for; *out_same tells whether they see one state. */
static int slots_open(frn_lmdb_index *lmdb, frn_lmdb_generation *generation, unsigned wanted, bool *out_same)
{
    int code = 0;

    *out_same = true;
    for (generation->slots_count = 0; generation->slots_count < wanted; generation->slots_count++) {
        frn_lmdb_slot *slot = &generation->slots[generation->slots_count];

        *slot = (frn_lmdb_slot){.generation = generation, .dbi = lmdb->env.dbi};
        code = mdb_txn_begin(lmdb->env.env, NULL, MDB_RDONLY, &slot->txn);
        if (code != 0) {
            break;
        }
        code = mdb_cursor_open(slot->txn, slot->dbi, &slot->cursor);
        if (code != 0) {
            mdb_txn_abort(slot->txn);
            break;
        }
        *out_same = *out_same && mdb_txn_id(slot->txn) == mdb_txn_id(generation->slots[0].txn);
    }
    return code == MDB_READERS_FULL && generation->slots_count >= SLOTS_MIN ? 0 : code;
}

static void slots_close(frn_lmdb_generation *generation)
{
    for (unsigned i = 0; i < generation->slots_count; i++) {
        mdb_cursor_close(generation->slots[i].cursor);
        mdb_txn_abort(generation->slots[i].txn);
    }
    generation->slots_count = 0;
}

/* The state that the transactions see: where its pages are, and its mark. *out_same: false if two commits came
   meanwhile. */
static firn_status state_read(const frn_lmdb_index *lmdb, frn_lmdb_generation *generation, bool *out_same,
                              firn_error *err)
{
    bool stores = false;
    int fd = -1, code = mdb_env_get_fd(lmdb->env.env, &fd);
    firn_status status;

    if (code != 0) {
        return frn_lmdb_fail(err, code, "read the state of the index");
    }
    status = frn_lmdb_state_read(fd, mdb_txn_id(generation->slots[0].txn), &generation->state, err);
    *out_same = status != FIRN_ENOTFOUND;
    if (status == FIRN_OK) {
        status =
            frn_lmdb_mark_find(lmdb->heap, fd, &generation->state, &lmdb->options, &generation->mark, &stores, err);
    }
    if (status == FIRN_OK && memcmp(generation->mark.ledger_id, lmdb->options.ledger_id, FIRN_LEDGER_ID_SIZE) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: of another ledger");
    }
    if (status == FIRN_OK && !stores) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: of other versions of the stores");
    }
    return status == FIRN_ENOTFOUND ? FIRN_OK : status;
}

firn_status frn_lmdb_generation_new(frn_lmdb_index *lmdb, frn_lmdb_generation **out_generation, firn_error *err)
{
    unsigned wanted = 1 + (lmdb->options.readers_max == 0 ? READERS_DEFAULT : lmdb->options.readers_max);
    frn_lmdb_generation *generation = frn_alloc_zero(lmdb->heap, 1, sizeof *generation);
    firn_status status = FIRN_OK;
    bool same = false;
    int code = 0;

    if (generation != NULL) {
        generation->slots = frn_alloc_zero(lmdb->heap, wanted, sizeof generation->slots[0]);
    }
    if (generation == NULL || generation->slots == NULL) {
        status = frn_fail(err, FIRN_ENOMEM, "state of the index");
        goto out;
    }
    for (int tries = 0; !same && code == 0 && status == FIRN_OK && tries < TRIES_MAX; tries++) {
        slots_close(generation);
        code = slots_open(lmdb, generation, wanted, &same);
        if (code == 0 && same) {
            status = state_read(lmdb, generation, &same, err);
        }
    }
    if (status != FIRN_OK) {
        goto out;
    }
    if (code != 0 || !same) {
        status = frn_lmdb_fail(err, code != 0 ? code : MDB_READERS_FULL, "read the state of the index");
        goto out;
    }
    for (unsigned i = 1; i < generation->slots_count; i++) {
        generation->slots[i].next = generation->free;
        generation->free = &generation->slots[i];
    }
    generation->refs = 1;
    generation->rows_count = generation->state.rows.entries - 1;
    *out_generation = generation;
    generation = NULL;
out:
    frn_lmdb_generation_free(lmdb, generation);
    return status;
}

void frn_lmdb_generation_free(frn_lmdb_index *lmdb, frn_lmdb_generation *generation)
{
    if (generation != NULL) {
        assert(generation->lent == 0);
        slots_close(generation);
        frn_free(lmdb->heap, generation->slots);
        frn_free(lmdb->heap, generation);
    }
}

/* Takes generations out of the list that nobody needs; the caller frees them, linked by newer. With lock. */
static frn_lmdb_generation *sweep(frn_lmdb_index *lmdb)
{
    frn_lmdb_generation **at = &lmdb->oldest;
    frn_lmdb_generation *unneeded = NULL;
    uint64_t left = 0;

    while (*at != NULL) {
        frn_lmdb_generation *generation = *at;

        if (generation->refs == 0 && generation->lent == 0) {
            *at = generation->newer;
            generation->newer = unneeded;
            unneeded = generation;
        } else {
            at = &generation->newer;
            left++;
        }
    }
    atomic_store_explicit(&lmdb->generations_count, left, memory_order_relaxed);
    atomic_store_explicit(&lmdb->floor, lmdb->oldest->mark.seq, memory_order_release);
    return unneeded;
}

static void free_all(frn_lmdb_index *lmdb, frn_lmdb_generation *generation)
{
    frn_lmdb_generation *newer;

    for (; generation != NULL; generation = newer) {
        newer = generation->newer;
        frn_lmdb_generation_free(lmdb, generation);
    }
}

void frn_lmdb_generation_install(frn_lmdb_index *lmdb, frn_lmdb_generation *generation)
{
    frn_lmdb_generation *unneeded;

    frn_mutex_lock(&lmdb->lock);
    if (lmdb->newest == NULL) {
        lmdb->oldest = generation;
    } else {
        lmdb->newest->newer = generation;
        lmdb->newest->refs--;
    }
    lmdb->newest = generation;
    atomic_store_explicit(&lmdb->newest_hint, generation, memory_order_release);
    unneeded = sweep(lmdb);
    frn_mutex_unlock(&lmdb->lock);
    free_all(lmdb, unneeded);
}

void frn_lmdb_generation_leave(frn_lmdb_index *lmdb, frn_lmdb_generation *generation)
{
    frn_lmdb_generation *unneeded = NULL;

    frn_mutex_lock(&lmdb->lock);
    assert(generation->refs > 0);
    if (--generation->refs == 0) {
        unneeded = sweep(lmdb);
    }
    frn_mutex_unlock(&lmdb->lock);
    free_all(lmdb, unneeded);
}

frn_lmdb_generation *frn_lmdb_generation_join(frn_lmdb_index *lmdb)
{
    frn_lmdb_generation *generation;

    frn_mutex_lock(&lmdb->lock);
    generation = lmdb->newest;
    generation->refs++;
    frn_mutex_unlock(&lmdb->lock);
    return generation;
}

void frn_lmdb_write_side_move(frn_lmdb_index *lmdb)
{
    frn_lmdb_generation *before = lmdb->write_generation;

    if (before == atomic_load_explicit(&lmdb->newest_hint, memory_order_acquire)) {
        return;
    }
    lmdb->write_generation = frn_lmdb_generation_join(lmdb);
    if (before != NULL) {
        frn_lmdb_generation_leave(lmdb, before);
    }
}
