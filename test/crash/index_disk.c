/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_disk.c — an index on the machine of a simulated disk.
 *
 * What is open is a memory index with all rows, filled from the state that was there. It is read and written as any
 * other; a merge writes out what a view at the durable position sees.
 */
#include "test/crash/index_disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/index/lmdb.h"
#include "test/disk/effect.h"

enum {
    WORSE_IN = 24,       /* A power cut in so many leaves something worse, */
    WORSE_IN_FORKED = 4, /* and one in so many where there are rows of a history that ended. */
    FORK_IN = 3,         /* A crash in so many remembers rows that are not durable, should it take them back. */
    MERGE_FAILS_IN = 16
};

/* A row: table 1, key size 4, value size 4, key, value. In memory only. */
enum {
    ROW_HEADER = 9
};

/* Never changed. Shared by the disks that crashes leave. */
typedef struct state {
    unsigned refs;
    bool spoilt;
    bool disowned; /* Its mark was set to what is not in the history. */
    frn_index_mark mark;
    uint8_t *rows;
    size_t size;
    size_t capacity;
} state;

typedef struct instance instance;

typedef struct index_disk {
    disk_companion base;
    bool worse;
    bool merges_fail; /* Every one, of what is open. */
    dice dice;
    state *older;         /* What a power cut may leave as well as newest. NULL: no index. */
    state *newest;        /* NULL: no index. */
    state *fork;          /* Rows that were allocated and not durable at a crash; NULL: none. */
    bool forked;          /* The history went on without them. */
    uint64_t incarnation; /* Of the ledger that is open for writing; 0: none. */
    instance *writer;     /* What is open for writing. */
} index_disk;

struct instance {
    frn_index index;
    frn_heap *heap;
    frn_index *rows;
    disk *disk;
    frn_index_mark mark;
    uint64_t committed;
    bool read_only;
    bool poisoned; /* Writing failed. */
};

static index_disk *index_disk_of(const disk *d)
{
    return (index_disk *)disk_companion_of(d);
}

static instance *instance_of(frn_index *index)
{
    return (instance *)index;
}

static state *state_new(const frn_index_mark *mark)
{
    state *made = disk_need(calloc(1, sizeof *made));

    made->refs = 1;
    made->mark = *mark;
    return made;
}

static state *state_ref(state *s)
{
    if (s != NULL) {
        s->refs++;
    }
    return s;
}

static void state_unref(state *s)
{
    if (s != NULL && --s->refs == 0) {
        free(s->rows);
        free(s);
    }
}

static firn_status state_add(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    state *s = arg;
    uint32_t sizes[2] = {(uint32_t)key.size, (uint32_t)value.size};
    size_t size = ROW_HEADER + key.size + value.size;
    uint8_t *at;

    (void)err;
    if (s->capacity - s->size < size) {
        s->capacity = 2 * (s->size + size);
        s->rows = disk_need(realloc(s->rows, s->capacity));
    }
    at = s->rows + s->size;
    at[0] = (uint8_t)table;
    memcpy(at + 1, sizes, sizeof sizes);
    memcpy(at + ROW_HEADER, key.data, key.size);
    if (value.size > 0) {
        memcpy(at + ROW_HEADER + key.size, value.data, value.size);
    }
    s->size += size;
    return FIRN_OK;
}

/* A state becomes what is there, step by step. */
static void commit(disk *d, state *made)
{
    index_disk *home = index_disk_of(d);

    disk_companion_stepped(d);
    state_unref(home->older);
    home->older = state_ref(home->newest);
    disk_companion_stepped(d);
    state_unref(home->newest);
    home->newest = made;
    disk_companion_stepped(d);
}

/* ---- crashes ---- */

/* Rows that nobody was promised: what a copy of the index would hold that was made in an unlucky moment. */
static void remember_fork(const index_disk *home, index_disk *made)
{
    frn_index_mark mark;
    firn_slice key, value;
    firn_status status;

    if (home->incarnation == 0 || home->writer == NULL || home->writer->committed <= home->writer->mark.seq) {
        return;
    }
    mark = home->writer->mark;
    mark.seq = home->writer->committed;
    mark.incarnation = home->incarnation;
    state_unref(made->fork);
    made->fork = state_new(&mark);
    made->forked = false;
    for (unsigned table = 0; table < FRN_TABLES_MAX; table++) {
        key = (firn_slice){0};
        while (frn_table_name(table) != NULL &&
               (status = frn_index_read_seek(home->writer->rows, (frn_table)table, key, key.size > 0, &key, &value,
                                             NULL)) == FIRN_OK) {
            status = state_add(made->fork, (frn_table)table, key, value, NULL);
            assert(status == FIRN_OK);
        }
    }
}

static index_disk *copy(const index_disk *home, uint64_t seed)
{
    index_disk *made = disk_need(malloc(sizeof *made));

    *made = *home;
    made->dice = dice_of(seed ^ UINT64_C(0x696e646578));
    made->older = state_ref(home->older);
    made->newest = state_ref(home->newest);
    made->fork = state_ref(home->fork);
    made->incarnation = 0;
    made->writer = NULL;
    made->merges_fail = false;
    if (home->worse && dice_chance(&made->dice, FORK_IN)) {
        remember_fork(home, made);
    }
    return made;
}

static void leave(index_disk *made, state *only)
{
    state *older = made->older, *newest = made->newest;

    made->older = state_ref(only);
    made->newest = only;
    state_unref(older);
    state_unref(newest);
}

static void leave_worse(index_disk *made)
{
    static const frn_index_mark none;
    uint64_t roll = dice_roll(&made->dice, 4);

    if (made->forked && roll > 0) {
        leave(made, state_ref(made->fork));
    } else if (roll % 2 == 0) {
        leave(made, NULL);
    } else {
        leave(made, state_new(&none));
        made->newest->spoilt = true;
    }
}

static disk_companion *cut(const disk_companion *companion, const disk_cut_plan *plan)
{
    index_disk *made = copy((const index_disk *)companion,
                            plan->seed ^ (uint64_t)plan->how << 56 ^ (uint64_t)plan->sector << 40 ^ plan->number);

    if (plan->how == DISK_CUT_ALL || (plan->how != DISK_CUT_NONE && dice_chance(&made->dice, 2))) {
        leave(made, state_ref(made->newest));
    } else {
        leave(made, state_ref(made->older));
    }
    if (made->worse && dice_chance(&made->dice, made->forked ? WORSE_IN_FORKED : WORSE_IN)) {
        leave_worse(made);
    }
    return &made->base;
}

static disk_companion *die(const disk_companion *companion, uint64_t seed)
{
    return &copy((const index_disk *)companion, seed)->base;
}

static uint64_t hash(const disk_companion *companion)
{
    const index_disk *home = (const index_disk *)companion;
    const state *states[] = {home->older, home->newest};
    uint64_t h = 0;

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        h = (h ^ (states[i] == NULL ? 1 : states[i]->mark.seq << 2 | (states[i]->spoilt ? 3 : 2))) *
            UINT64_C(0x9e3779b97f4a7c15);
        h ^= states[i] == NULL ? 0 : states[i]->mark.incarnation << 32;
    }
    return h;
}

static void index_disk_free(disk_companion *companion)
{
    index_disk *home = (index_disk *)companion;

    state_unref(home->older);
    state_unref(home->newest);
    state_unref(home->fork);
    free(home);
}

/* ---- what is open ---- */

static void instance_close(frn_index *index)
{
    instance *in = instance_of(index);
    index_disk *home = index_disk_of(in->disk);

    if (home->writer == in) {
        home->writer = NULL;
        home->incarnation = 0;
        home->merges_fail = false;
    }
    frn_index_close(in->rows);
    frn_free(in->heap, in);
}

static void instance_begin(frn_index *index, uint64_t seq_first)
{
    frn_index_begin(instance_of(index)->rows, seq_first);
}

static firn_status instance_put(frn_index *index, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    return frn_index_put(instance_of(index)->rows, table, key, value, err);
}

static firn_status instance_remove(frn_index *index, frn_table table, firn_slice key, firn_error *err)
{
    return frn_index_delete(instance_of(index)->rows, table, key, err);
}

static firn_status instance_read(frn_index *index, frn_table table, firn_slice key, firn_slice *out_value,
                                 firn_error *err)
{
    return frn_index_read(instance_of(index)->rows, table, key, out_value, err);
}

static firn_status instance_read_seek(frn_index *index, frn_table table, firn_slice from, bool after,
                                      firn_slice *out_key, firn_slice *out_value, firn_error *err)
{
    return frn_index_read_seek(instance_of(index)->rows, table, from, after, out_key, out_value, err);
}

static void instance_commit(frn_index *index, uint64_t seq_last)
{
    instance_of(index)->committed = seq_last;
    frn_index_commit(instance_of(index)->rows, seq_last);
}

static void instance_abort(frn_index *index)
{
    frn_index_abort(instance_of(index)->rows);
}

static bool instance_reclaim(frn_index *index)
{
    return frn_index_reclaim(instance_of(index)->rows);
}

static void instance_durable(frn_index *index, uint64_t seq)
{
    frn_index_durable(instance_of(index)->rows, seq);
}

static void instance_mark(const frn_index *index, frn_index_mark *out_mark)
{
    *out_mark = ((const instance *)index)->mark;
}

static void instance_stat(frn_index *index, frn_index_stats *out_stats)
{
    frn_index_stat(instance_of(index)->rows, out_stats);
    out_stats->merged_seq = instance_of(index)->mark.seq;
}

static firn_status instance_view_open(frn_index *index, uint64_t seq, frn_index_view **out_view, firn_error *err)
{
    return frn_index_view_open(instance_of(index)->rows, seq, out_view, err);
}

/* For want of room, or because of the device, or of what is there already. */
static firn_status merge_failure(instance *in, firn_error *err)
{
    index_disk *home = index_disk_of(in->disk);
    uint64_t roll = home->merges_fail ? 1 : dice_roll(&home->dice, 4);

    in->poisoned = roll == 0;
    if (roll == 0) {
        return frn_fail(err, FIRN_EIO, "merge: the device failed, as the dice will have it");
    }
    if (roll == 1) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX,
                               "merge: a page is spoilt, as the dice will have it");
    }
    return frn_fail(err, FIRN_ENOSPC, "merge: there is no room, as the dice will have it");
}

static firn_status instance_merge(frn_index *index, frn_index_mark_fn fn, void *arg, frn_index_merged *out_merged,
                                  firn_error *err)
{
    instance *in = instance_of(index);
    index_disk *home = index_disk_of(in->disk);
    frn_index_mark mark = in->mark;
    frn_index_view *view = NULL;
    state *made;
    firn_status status;

    assert(!in->read_only);
    if (in->poisoned) {
        return frn_fail(err, FIRN_EPOISONED, "merge: writing the index had failed");
    }
    if (home->merges_fail || (home->worse && dice_chance(&home->dice, MERGE_FAILS_IN))) {
        return merge_failure(in, err);
    }
    status = frn_index_view_open(in->rows, in->mark.seq, &view, err);
    if (status < 0) {
        return status;
    }
    mark.seq = frn_index_view_seq(view);
    *out_merged = (frn_index_merged){.seq = mark.seq};
    if (mark.seq > in->mark.seq) {
        fn(arg, &mark);
        made = state_new(&mark);
        status = frn_index_walk(view, state_add, made, err);
        if (status == FIRN_OK) {
            commit(in->disk, made);
            in->mark = mark;
        } else {
            state_unref(made);
        }
    }
    frn_index_view_close(view);
    return status;
}

static const frn_index_ops instance_ops = {.close = instance_close,
                                           .begin = instance_begin,
                                           .put = instance_put,
                                           .remove = instance_remove,
                                           .read = instance_read,
                                           .read_seek = instance_read_seek,
                                           .commit = instance_commit,
                                           .abort = instance_abort,
                                           .reclaim = instance_reclaim,
                                           .durable = instance_durable,
                                           .mark = instance_mark,
                                           .stat = instance_stat,
                                           .view_open = instance_view_open,
                                           .merge = instance_merge};

static firn_status load(instance *in, const state *from, firn_error *err)
{
    firn_status status = FIRN_OK;
    uint32_t sizes[2];

    in->mark = from->mark;
    in->committed = from->mark.seq;
    if (from->mark.seq == 0) {
        return FIRN_OK;
    }
    frn_index_begin(in->rows, 1);
    for (size_t at = 0; at < from->size && status == FIRN_OK; at += ROW_HEADER + (size_t)sizes[0] + sizes[1]) {
        const uint8_t *row = from->rows + at;

        memcpy(sizes, row + 1, sizeof sizes);
        status = frn_index_put(in->rows, (frn_table)row[0], (firn_slice){row + ROW_HEADER, sizes[0]},
                               (firn_slice){row + ROW_HEADER + sizes[0], sizes[1]}, err);
    }
    frn_index_commit(in->rows, from->mark.seq);
    frn_index_durable(in->rows, from->mark.seq);
    return status;
}

/* What is there must be an index of this ledger; a writer without one makes an empty one. */
static firn_status find(disk *d, const frn_lmdb_options *options, firn_error *err)
{
    index_disk *home = index_disk_of(d);
    frn_index_mark mark = {0};

    if (home->newest == NULL && !options->create) {
        return frn_fail(err, FIRN_ENOTFOUND, "there is no index");
    }
    if (home->newest == NULL) {
        memcpy(mark.ledger_id, options->ledger_id, sizeof mark.ledger_id);
        commit(d, state_new(&mark));
    }
    if (home->newest->spoilt) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "the index is spoilt");
    }
    if (memcmp(home->newest->mark.ledger_id, options->ledger_id, sizeof mark.ledger_id) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "the index is of another ledger");
    }
    return FIRN_OK;
}

static firn_status place_open(void *arg, frn_heap *heap, const frn_lmdb_options *options, frn_index **out_index,
                              firn_error *err)
{
    disk *d = arg;
    index_disk *home = index_disk_of(d);
    instance *in;
    firn_status status = find(d, options, err);

    if (status != FIRN_OK) {
        return status;
    }
    in = frn_alloc_zero(heap, 1, sizeof *in);
    if (in == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "index");
    }
    in->index.ops = &instance_ops;
    in->heap = heap;
    in->disk = d;
    in->read_only = options->read_only;
    status = frn_index_open_memory(heap, &options->index, &in->rows, err);
    if (status == FIRN_OK) {
        status = load(in, home->newest, err);
    }
    if (status != FIRN_OK) {
        instance_close(&in->index);
        return status;
    }
    if (!in->read_only) {
        home->writer = in;
    }
    *out_index = &in->index;
    return FIRN_OK;
}

static firn_status place_remove(void *arg, firn_error *err)
{
    (void)err;
    commit(arg, NULL);
    return FIRN_OK;
}

/* ---- for worlds ---- */

void index_disk_add(disk *d, bool worse)
{
    index_disk *home = disk_need(calloc(1, sizeof *home));

    home->base = (disk_companion){.cut = cut, .die = die, .hash = hash, .free = index_disk_free};
    home->worse = worse;
    home->dice = dice_of(disk_dice(d)->state ^ UINT64_C(0x696e646578));
    disk_accompany(d, &home->base);
}

void index_disk_spoil(disk *d)
{
    index_disk_of(d)->merges_fail = true;
}

frn_index_place index_disk_place(disk *d)
{
    return (frn_index_place){.open = place_open, .remove = place_remove, .arg = d};
}

index_left index_disk_look(const disk *d, frn_index_mark *out_mark)
{
    const index_disk *home = index_disk_of(d);

    *out_mark = (frn_index_mark){0};
    if (home->newest == NULL) {
        return INDEX_NOTHING;
    }
    if (home->newest->spoilt) {
        return INDEX_SPOILT;
    }
    *out_mark = home->newest->mark;
    return (home->forked && home->newest == home->fork) || home->newest->disowned ? INDEX_FORKED : INDEX_STATE;
}

void index_disk_opened(disk *d, uint64_t incarnation, uint64_t durable)
{
    index_disk *home = index_disk_of(d);

    home->incarnation = incarnation;
    if (home->fork == NULL || home->forked) {
        return;
    }
    if (durable < home->fork->mark.seq && incarnation != home->fork->mark.incarnation) {
        home->forked = true;
    } else {
        /* They became durable after all. */
        state_unref(home->fork);
        home->fork = NULL;
    }
}

void index_disk_set_mark(disk *d, uint64_t seq, uint64_t incarnation, index_left left)
{
    index_disk *home = index_disk_of(d);
    state *made = state_new(&home->newest->mark);

    made->mark.seq = seq;
    made->mark.incarnation = incarnation;
    made->disowned = left == INDEX_FORKED;
    made->size = made->capacity = home->newest->size;
    made->rows = disk_need(malloc(made->size + 1));
    memcpy(made->rows, home->newest->rows, made->size);
    leave(home, made);
}
