/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c — make the index of a ledger that is being opened hold the rows of all that is durable.
 *
 * Happy path: the index on disk is opened as soon as the ledger's id is known, its mark testifies in recovery, and the
 * records behind the mark are replayed into memory above it. Rows go to disk in portions on the way, so memory is
 * bounded however much there is to replay: an index that is missing is no special case, its mark is 0.
 *
 * An index that cannot be believed is built anew from the log, all of it: one that does not verify, belongs to another
 * ledger or to stores that lay out their rows in other versions, or whose mark is not in the history. A reader, who may
 * not write, then keeps the rows in memory, and so does who finds that this process has the index open already. A
 * reader does that also later, when it meets damage; a writer that meets it leaves it to the next opening.
 *
 * What can fail: reading the log; memory; the disk of the index. A writer is refused then; a reader of a log that turns
 * out damaged keeps the rows up to there.
 */
#include "engine/ledger/private.h"

#include "engine/base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PORTION_SIZE = 256 * 1024 * 1024, /* Bytes of rows in memory that opening brings to disk on its way. */
    BUILD_RECORDS_MIN = 65536         /* Fewer are not worth a sorter. */
};

static void note(frn_house *house, const char *what, const char *why)
{
    (void)snprintf(house->index_note, sizeof house->index_note, "%s: %.*s", what,
                   (int)(sizeof house->index_note - strlen(what) - 3), why);
    frn_trace_say(&house->core.trace, "the index %s: %s", what, why);
}

static frn_index_options index_options(const frn_house *house)
{
    return (frn_index_options){.size_max = house->options.index_size_max,
                               .view_age_max_ns = house->options.view_age_max_ns};
}

static firn_status folder_open(void *arg, frn_heap *heap, const frn_lmdb_options *options, frn_index **out_index,
                               firn_error *err)
{
    return frn_index_open_lmdb(heap, ((const frn_house *)arg)->index_folder, options, out_index, err);
}

static firn_status folder_remove(void *arg, firn_error *err)
{
    return frn_index_remove_lmdb(((const frn_house *)arg)->index_folder, err);
}

frn_index_place frn_rows_folder(frn_house *house)
{
    return (frn_index_place){.open = folder_open, .remove = folder_remove, .arg = house};
}

static frn_lmdb_options disk_options(const frn_house *house, const uint8_t *ledger_id)
{
    frn_lmdb_options options = {
        .index = index_options(house),
        .map_size = house->options.index_map_size,
        .create = house->core.writable,
        .read_only = !house->core.writable,
        .stores_count = FRN_STORES,
    };

    memcpy(options.ledger_id, ledger_id, sizeof options.ledger_id);
    memcpy(options.stores, frn_stores_rows, sizeof frn_stores_rows);
    return options;
}

static firn_status open_on_disk(frn_house *house, const uint8_t *ledger_id, firn_error *err)
{
    frn_lmdb_options options = disk_options(house, ledger_id);
    frn_index *index;
    firn_status status = house->index_place.open(house->index_place.arg, house->core.heap, &options, &index, err);

    if (status == FIRN_OK) {
        house->core.index = index;
        house->index_on_disk = true;
    }
    return status;
}

void frn_rows_witness(void *arg, const uint8_t *ledger_id, uint64_t *out_seq, uint64_t *out_incarnation)
{
    frn_house *house = arg;
    frn_index_mark mark;
    firn_status status;

    if (!house->index_asked && house->index_place.open != NULL) {
        house->index_asked = true;
        status = open_on_disk(house, ledger_id, &house->index_error);
        if (status == FIRN_OK) {
            house->index_error.status = FIRN_OK;
        }
    }
    if (house->index_on_disk) {
        frn_index_mark_get(house->core.index, &mark);
        *out_seq = mark.seq;
        *out_incarnation = mark.incarnation;
    }
}

static void drop(frn_house *house)
{
    frn_index_close(house->core.index);
    house->core.index = NULL;
    house->index_on_disk = false;
}

static firn_status open_in_memory(frn_house *house, firn_error *err)
{
    frn_index_options options = index_options(house);
    frn_index *index;
    firn_status status = frn_index_open_memory(house->core.heap, &options, &index, err);

    if (status == FIRN_OK) {
        house->core.index = index;
    }
    return status;
}

/* In place of an index that cannot be believed: an empty one. */
static firn_status begin_anew(frn_house *house, const char *why, firn_error *err)
{
    firn_status status;

    drop(house);
    if (!house->core.writable) {
        note(house, "on disk is not used", why);
        return open_in_memory(house, err);
    }
    note(house, "is built anew", why);
    status = house->index_place.remove(house->index_place.arg, err);
    if (status == FIRN_OK) {
        status = open_on_disk(house, frn_log_id(house->core.log), err);
    }
    return status == FIRN_OK ? FIRN_OK : frn_wrap(err, status, "index");
}

/* Whether the history of the log says what the mark says. */
static bool mark_fits(const frn_house *house, const frn_index_mark *mark)
{
    return mark->seq == 0 || (mark->seq <= frn_log_durable(house->core.log) &&
                              mark->incarnation == frn_log_incarnation_of(house->core.log, mark->seq));
}

/* An index to fill, on disk if it can be. */
static firn_status choose(frn_house *house, firn_error *err)
{
    firn_status status = house->index_error.status;
    frn_index_mark mark;

    if (house->index_place.open == NULL) {
        return open_in_memory(house, err);
    }
    if (status == FIRN_OK && house->options.index_anew != 0) {
        return begin_anew(house, "asked for", err);
    }
    if (status == FIRN_OK) {
        frn_index_mark_get(house->core.index, &mark);
        return mark_fits(house, &mark) ? FIRN_OK : begin_anew(house, "its mark is not in the history", err);
    }
    if (status == FIRN_ENOMEM) {
        if (err != NULL) {
            *err = house->index_error;
        }
        return status;
    }
    if (status == FIRN_EBUSY || !house->core.writable) {
        if (status != FIRN_ENOTFOUND) {
            note(house, "on disk is not used", house->index_error.text);
        }
        return open_in_memory(house, err);
    }
    if (status == FIRN_ECORRUPT || status == FIRN_ENEWER) {
        return begin_anew(house, house->index_error.text, err);
    }
    if (err != NULL) {
        *err = house->index_error;
    }
    return frn_wrap(err, status, "index");
}

/* Between two batches of the replay: what is in memory goes to disk when it is enough. */
static firn_status between_batches(void *arg, firn_error *err)
{
    frn_house *house = arg;
    frn_index_merged merged;
    frn_index_stats stats;
    firn_status status;

    if (house->index_full) {
        return FIRN_OK;
    }
    frn_index_stat(house->core.index, &stats);
    if (stats.size < PORTION_SIZE && stats.size < stats.size_max / 2) {
        return FIRN_OK;
    }
    status = frn_index_merge(house->core.index, frn_merger_mark, house->core.log, &merged, err);
    while (status == FIRN_OK && frn_index_reclaim(house->core.index)) {
    }
    if (status == FIRN_ETOOBIG) {
        /* The map is full: memory takes the rest, as far as index_size_max goes. */
        house->index_full = true;
        return FIRN_OK;
    }
    return status < 0 ? frn_wrap(err, status, "index") : FIRN_OK;
}

/* Between two batches of the replay into an index that is built from nothing: FIRN_END when the rows that it keeps in
   memory are enough. */
static firn_status until_full(void *arg, firn_error *err)
{
    frn_house *house = arg;
    frn_index_stats stats;

    (void)err;
    frn_index_stat(house->core.index, &stats);
    return stats.size < PORTION_SIZE && (stats.size_max == 0 || stats.size < stats.size_max / 2) ? FIRN_OK : FIRN_END;
}

/* Builds the index on disk from nothing, as far as memory lets it: the rest is merged into it. */
static firn_status build(frn_house *house, frn_replay *replay, const frn_replay_told *told, firn_error *err)
{
    frn_log *log = house->core.log;
    frn_lmdb_options options = disk_options(house, frn_log_id(log));
    frn_index_mark mark = {0};
    frn_index *index = NULL;
    firn_status status;

    drop(house);
    status = frn_index_build_open(house->core.heap, house->index_folder, &options, frn_stores_unread, FRN_STORES_UNREAD,
                                  &index, err);
    if (status == FIRN_OK) {
        house->core.index = index;
        replay->index = index;
        replay->between = until_full;
        status = frn_replay_run(replay, log, 1, frn_log_durable(log), told, err);
    }
    if (status == FIRN_OK) {
        mark.seq = replay->last_seq;
        frn_merger_mark(log, &mark);
        status = frn_index_build_finish(house->core.index, &mark, err);
    }
    drop(house);
    if (status == FIRN_ETOOBIG) {
        /* The map is full: memory takes it all, above an index with nothing in it. */
        house->index_full = true;
        replay->last_seq = replay->records = replay->batches = replay->bytes = 0;
        status = FIRN_OK;
    }
    if (status == FIRN_OK) {
        status = open_on_disk(house, frn_log_id(log), err);
    }
    replay->index = house->core.index;
    return status < 0 ? frn_wrap(err, status, "index") : FIRN_OK;
}

static firn_status fill(frn_house *house, frn_replay *replay, firn_error *err)
{
    frn_replay_told told = {house->options.replay_progress, house->options.replay_progress_arg, 0};
    uint64_t durable = frn_log_durable(house->core.log);
    firn_stats stats = {0};
    frn_index_mark mark;

    frn_index_mark_get(house->core.index, &mark);
    *replay = (frn_replay){.index = house->core.index,
                           .digests = &house->core.digests,
                           .from = frn_merger_hint(&mark),
                           .last_seq = mark.seq};
    if (!house->core.writable && house->index_on_disk && house->options.replay_records_max != 0 &&
        durable - mark.seq > house->options.replay_records_max) {
        return frn_fail(err, FIRN_EBEHIND, "the index is %" PRIu64 " records behind, more than %" PRIu64,
                        durable - mark.seq, house->options.replay_records_max);
    }
    if (house->index_on_disk && house->core.writable) {
        replay->between = between_batches;
        replay->between_arg = house;
    }
    frn_log_stat(house->core.log, &stats);
    /* An estimate: nobody knows how long the records behind the mark are. */
    told.bytes_total =
        durable == 0 ? 0 : (uint64_t)((double)stats.log_size * (double)(durable - mark.seq) / (double)durable);
    if (house->index_on_disk && house->index_folder != NULL && house->core.writable && mark.seq == 0 &&
        durable >= BUILD_RECORDS_MIN) {
        frn_replay before = *replay;
        firn_status status = build(house, replay, &told, err);

        if (status == FIRN_ETOOBIG) {
            /* More than the map holds: memory takes it, as far as index_size_max goes. */
            house->index_full = true;
            status = open_on_disk(house, frn_log_id(house->core.log), err);
            *replay = before;
            replay->index = house->core.index;
        }
        if (status != FIRN_OK) {
            return status;
        }
        replay->between = between_batches;
        frn_index_mark_get(house->core.index, &mark);
        replay->from = frn_merger_hint(&mark);
    }
    return frn_replay_run(replay, house->core.log, mark.seq + 1, durable, &told, err);
}

firn_status frn_rows_build(frn_house *house, firn_error *err)
{
    int64_t started_ns = house->io->ops->monotonic_ns(house->io);
    frn_replay replay = {.digests = &house->core.digests};
    firn_error own;
    firn_status status = choose(house, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = fill(house, &replay, &own);
    if (status < 0 && house->index_on_disk && own.detail == FIRN_DETAIL_INDEX) {
        status = begin_anew(house, own.text, &own);
        if (status == FIRN_OK) {
            status = fill(house, &replay, &own);
        }
    }
    house->rows_seq = replay.last_seq;
    atomic_store(&house->core.rows_seq_max, UINT64_MAX);
    if (status == FIRN_ECORRUPT && !house->core.writable) {
        atomic_store(&house->core.rows_seq_max, replay.last_seq);
        house->damage = own;
        status = FIRN_OK;
    }
    if (status != FIRN_OK && err != NULL) {
        *err = own;
    }
    house->replayed_records = replay.records;
    house->replay_ns = (uint64_t)(house->io->ops->monotonic_ns(house->io) - started_ns);
    return status;
}

void frn_rows_heal(frn_house *house)
{
    frn_replay replay = {.digests = &house->core.digests};
    frn_replay_told told = {0};
    frn_index_options options = index_options(house);
    firn_error err;
    firn_status status;

    if (house->core.writable || !house->index_on_disk || house->index_kept || frn_index_is_trusted(house->core.index)) {
        return;
    }
    status = frn_index_open_memory(house->core.heap, &options, &replay.index, &err);
    if (status == FIRN_OK) {
        status = frn_replay_run(&replay, house->core.log, 1, house->rows_seq, &told, &err);
    }
    if (status < 0) {
        frn_index_close(replay.index);
        house->index_kept = true;
        note(house, "on disk is damaged and used all the same", err.text);
        return;
    }
    house->index_damaged = house->core.index;
    house->core.index = replay.index;
    house->index_on_disk = false;
    note(house, "on disk is not used", "damage was met");
}
