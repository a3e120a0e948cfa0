/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_check.c — hand over the rows of an index on disk without asking LMDB for one: of a view, and of a file.
 *
 * Happy path. What lies below is walked page by page (lmdb_walk.c) in a state that nobody writes over: that of the
 * view's generation, whose transactions are open, or one that is pinned. Rows of the delta take their place among them
 * and hide what they supersede.
 *
 * What can fail. A pin can be lost (lmdb_env.h), or not be had: without permission to write lock.mdb. The pages of a
 * state are used again by the third transaction after it at the earliest, which cannot have begun as long as the newest
 * state is at most one later: then what was read is good all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/index/lmdb_index.h"
#include "engine/index/lmdb_walk.h"

/* Rows below, with those above laid over them. */
typedef struct overlay {
    const frn_index_checker *checker;
    frn_index_view *above;
    unsigned table; /* Where the delta's next row is; FRN_TABLES_MAX: there is none. */
    bool deleted;
    firn_buf key;
    firn_buf value;
} overlay;

/* Finds the next row above; key.size 0: the first of the table. */
static firn_status above_next(overlay *over, firn_error *err)
{
    for (; over->table < FRN_TABLES_MAX; over->table++) {
        firn_slice from = {over->key.data, over->key.size};
        firn_status status = frn_memory_seek_any(over->above, (frn_table)over->table, from, true, (firn_slice){0},
                                                 &over->key, &over->value, &over->deleted, err);

        if (status != FIRN_END) {
            return status;
        }
        over->key.size = 0;
    }
    return FIRN_OK;
}

/* Hands over the row above, unless it is a tombstone, and finds the next. */
static firn_status above_pass(overlay *over, firn_error *err)
{
    firn_status status = FIRN_OK;

    if (!over->deleted) {
        status =
            over->checker->row(over->checker->arg, (frn_table)over->table, (firn_slice){over->key.data, over->key.size},
                               (firn_slice){over->value.data, over->value.size}, err);
    }
    return status == FIRN_OK ? above_next(over, err) : status;
}

/* The row above against one below: < 0, it comes first; 0, it is the same. */
static int above_order(const overlay *over, frn_table table, firn_slice key)
{
    if (over->table != (unsigned)table) {
        return over->table < (unsigned)table ? -1 : 1;
    }
    return frn_lmdb_compare((firn_slice){over->key.data, over->key.size}, key);
}

static firn_status row_below(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    overlay *over = arg;
    firn_status status = FIRN_OK;
    int order;

    if (frn_lmdb_is_mark(table, key)) {
        return FIRN_OK;
    }
    while (status == FIRN_OK && (order = above_order(over, table, key)) <= 0) {
        status = above_pass(over, err);
        if (order == 0) {
            return status;
        }
    }
    return status == FIRN_OK ? over->checker->row(over->checker->arg, table, key, value, err) : status;
}

static void damage_below(void *arg, const firn_error *finding)
{
    overlay *over = arg;

    over->checker->damage(over->checker->arg, finding);
}

firn_status frn_lmdb_view_check(frn_index_view *base, const frn_index_checker *checker, firn_error *err)
{
    frn_lmdb_view *view = (frn_lmdb_view *)base;
    frn_lmdb_index *lmdb = frn_lmdb_of(base->index);
    overlay over = {.checker = checker, .above = view->above};
    frn_index_checker below = {.row = row_below, .damage = damage_below, .arg = &over};
    frn_lmdb_slot *slot = frn_lmdb_slot_take(lmdb, view);
    firn_status status;
    int fd = -1, code;

    if (slot == NULL) {
        return frn_memory_expired(frn_lmdb_delta(lmdb), (const frn_memory_view *)view->above, err);
    }
    code = mdb_env_get_fd(lmdb->env.env, &fd);
    status = code == 0 ? above_next(&over, err) : frn_lmdb_fail(err, code, "check the index");
    if (status == FIRN_OK) {
        status = frn_lmdb_walk(lmdb->heap, fd, &slot->generation->state, &below, err);
    }
    while (status == FIRN_OK && over.table < FRN_TABLES_MAX) {
        status = above_pass(&over, err);
    }
    frn_lmdb_slot_give(lmdb, slot);
    firn_buf_free(&over.key);
    firn_buf_free(&over.value);
    return frn_lmdb_above_said(lmdb, view, status);
}

struct frn_index_file {
    frn_heap *heap;
    int fd;
    bool pinned;
    frn_lmdb_pin pin;
    frn_lmdb_state state;
    frn_index_mark mark;
};

/* Pins a state of which a meta page tells. */
static firn_status pin(frn_index_file *file, const char *folder, const struct stat *facts, firn_error *err)
{
    enum {
        TRIES_MAX = 100 /* Two commits between the two steps are rare. */
    };
    firn_status status = FIRN_ENOTFOUND;
    uint64_t transaction;

    for (int tries = 0; tries < TRIES_MAX && status == FIRN_ENOTFOUND; tries++) {
        if (file->pinned) {
            (void)frn_lmdb_pin_drop(&file->pin);
        }
        transaction = frn_lmdb_pin_take(&file->pin, folder, facts->st_dev, facts->st_ino);
        file->pinned = true;
        status = frn_lmdb_state_read(file->fd, transaction, &file->state, err);
    }
    return status == FIRN_ENOTFOUND ? frn_fail(err, FIRN_ESTATE, "data.mdb: it changes faster than it is read")
                                    : status;
}

/* Judges the meta pages and pins a state. A writer elsewhere makes the file reach to its last page only after a commit
   (frn_lmdb_env_extend()): what looks cut short may be whole a moment later. */
static firn_status settle(frn_index_file *file, const char *folder, struct stat *facts, firn_error *err)
{
    enum {
        TRIES_MAX = 20,
        NAP_MS = 1
    };
    firn_status status = FIRN_ECORRUPT;

    for (int tries = 0; tries < TRIES_MAX && status == FIRN_ECORRUPT; tries++) {
        if (tries > 0) {
            (void)poll(NULL, 0, NAP_MS);
        }
        if (fstat(file->fd, facts) < 0) {
            return frn_fail_os(err, errno, "size of data.mdb");
        }
        status = frn_lmdb_meta_check(file->fd, (uint64_t)facts->st_size, err);
        if (status == FIRN_OK) {
            status = pin(file, folder, facts, err);
        }
    }
    return status;
}

firn_status frn_index_file_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index_file **out_file, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    frn_index_file *file = NULL;
    struct stat facts;
    bool stores = true;
    firn_status status = frn_lmdb_path(path, folder, "/data.mdb", err);

    if (status < 0) {
        return status;
    }
    file = frn_alloc_zero(heap, 1, sizeof *file);
    if (file == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "check index %s", folder);
    }
    file->heap = heap;
    file->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &facts) < 0) {
        status = frn_fail_os(err, errno, "open %s", path);
    } else if (!S_ISREG(facts.st_mode)) {
        status = frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "%s: not a file", path);
    } else if (facts.st_size == 0) {
        status = frn_fail(err, FIRN_ENOTFOUND, "open %s: empty", path);
    } else {
        status = frn_lmdb_distrust_check(folder, err);
    }
    if (status == FIRN_OK) {
        status = settle(file, folder, &facts, err);
    }
    if (status == FIRN_OK && file->state.transaction == 0) {
        status = frn_fail(err, FIRN_ENOTFOUND, "open %s: empty", path);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_mark_find(heap, file->fd, &file->state, options, &file->mark, &stores, err);
    }
    if (status == FIRN_OK && !stores) {
        status = frn_fail(err, FIRN_ESTATE, "data.mdb: of other versions of the stores");
    }
    if (status != FIRN_OK) {
        frn_index_file_close(file);
        return status;
    }
    *out_file = file;
    return FIRN_OK;
}

void frn_index_file_mark(const frn_index_file *file, frn_index_mark *out_mark)
{
    *out_mark = file->mark;
}

/* Hands rows on, but for the mark. */
static firn_status file_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    const frn_index_checker *checker = arg;

    return frn_lmdb_is_mark(table, key) ? FIRN_OK : checker->row(checker->arg, table, key, value, err);
}

static void file_damage(void *arg, const firn_error *finding)
{
    const frn_index_checker *checker = arg;

    checker->damage(checker->arg, finding);
}

firn_status frn_index_file_check(frn_index_file *file, const frn_index_checker *checker, firn_error *err)
{
    frn_index_checker own = {.row = file_row, .damage = file_damage, .arg = (void *)(uintptr_t)checker};
    frn_lmdb_state newest;
    bool held;
    firn_status status = frn_lmdb_walk(file->heap, file->fd, &file->state, &own, err);

    held = frn_lmdb_pin_drop(&file->pin);
    file->pinned = false;
    if (!held && (frn_lmdb_state_read(file->fd, FRN_LMDB_NEWEST, &newest, NULL) != FIRN_OK ||
                  newest.transaction > file->state.transaction + 1)) {
        return frn_fail(err, FIRN_ESTATE, "data.mdb: it was written meanwhile");
    }
    return status;
}

void frn_index_file_close(frn_index_file *file)
{
    if (file != NULL) {
        if (file->pinned) {
            (void)frn_lmdb_pin_drop(&file->pin);
        }
        if (file->fd >= 0) {
            (void)close(file->fd);
        }
        frn_free(file->heap, file);
    }
}
