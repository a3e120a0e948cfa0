/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c — rows from records: at open, to verify, and to compare.
 *
 * The records go through the same functions that applied them when they were written (engine/intake/apply.h), batch by
 * batch. What can fail: reading; memory and the index's limit; a record that contradicts the rows before it.
 */
#include "engine/ledger/private.h"

#include "engine/base/error.h"

#include <inttypes.h>

/* How many records pass between two reports of progress, and two looks at the memory that rows take. */
enum {
    TOLD_EVERY = 65536,
    BETWEEN_EVERY = 4096 /* Rows of so many records take about 1 MiB. */
};

static firn_status batch_begin(frn_replay *replay, const fmt_batch *batch, firn_error *err)
{
    fmt_name name;
    size_t at = 0;
    firn_status status = FIRN_OK;

    frn_apply_begin(&replay->apply, replay->index, &frn_stores, replay->digests, batch->first_seq, batch->time_ns);
    replay->open = true;
    while (status == FIRN_OK && fmt_batch_name_next(batch, &at, &name)) {
        status = frn_apply_name(&replay->apply, name.stream, name.name, err);
    }
    return status;
}

static firn_status batch_finish(frn_replay *replay, const fmt_batch *batch, firn_error *err)
{
    uint64_t last_seq = batch->first_seq + batch->count - 1;
    firn_status status = frn_apply_finish(&replay->apply, batch->count, batch->has_key ? &batch->key : NULL, err);

    if (status == FIRN_OK) {
        frn_apply_commit(&replay->apply, last_seq);
        /* All that is replayed is durable: older versions of its rows are needed by nobody. */
        frn_index_durable(replay->index, last_seq);
        replay->open = false;
        replay->batches++;
        replay->last_seq = last_seq;
    }
    return status;
}

firn_status frn_replay_record(void *arg, const frn_log_record *record, firn_error *err)
{
    frn_replay *replay = arg;
    const fmt_batch *batch = record->batch;
    firn_status status = FIRN_OK;

    if (!replay->open) {
        status = batch_begin(replay, batch, err);
    }
    if (status == FIRN_OK) {
        status = frn_apply_record(&replay->apply, &record->record, err);
    }
    if (status == FIRN_OK) {
        replay->records++;
        replay->bytes += fmt_record_size(record->record.body.size);
        if (record->record.seq == batch->first_seq + batch->count - 1) {
            status = batch_finish(replay, batch, err);
        }
    }
    if (status != FIRN_OK) {
        frn_replay_abort(replay);
        return frn_wrap(err, status, "replay of record %" PRIu64, record->record.seq);
    }
    return FIRN_OK;
}

void frn_replay_abort(frn_replay *replay)
{
    if (replay->open) {
        frn_apply_abort(&replay->apply);
        replay->open = false;
    }
}

static firn_status tell(const frn_replay *replay, const frn_replay_told *told, firn_error *err)
{
    if (told->fn != NULL && told->fn(told->arg, replay->bytes, told->bytes_total, replay->records) != 0) {
        return frn_fail(err, FIRN_ESTATE, "stopped by the caller after %" PRIu64 " records", replay->records);
    }
    return FIRN_OK;
}

firn_status frn_replay_run(frn_replay *replay, frn_log *log, uint64_t first_seq, uint64_t last_seq,
                           const frn_replay_told *told, firn_error *err)
{
    frn_log_reader *reader = NULL;
    frn_log_record record;
    firn_status status;

    if (first_seq > last_seq) {
        return FIRN_OK;
    }
    status = frn_log_reader_open(log, first_seq, 0, &reader, err);
    if (status == FIRN_OK) {
        frn_log_reader_hint(reader, replay->from);
    }
    while (status == FIRN_OK) {
        status = frn_log_reader_next(reader, last_seq, &record, err);
        if (status == FIRN_OK) {
            status = frn_replay_record(replay, &record, err);
        }
        if (status == FIRN_OK && !replay->open && replay->between != NULL && replay->records >= replay->between_at) {
            replay->between_at = replay->records + BETWEEN_EVERY;
            status = replay->between(replay->between_arg, err);
        }
        if (status == FIRN_OK && replay->records % TOLD_EVERY == 0) {
            status = tell(replay, told, err);
        }
    }
    if (status == FIRN_END) {
        status = tell(replay, told, err);
    }
    frn_replay_abort(replay);
    frn_log_reader_close(reader);
    return status;
}

struct digest_walk {
    frn_digest *digest;
    uint64_t rows;
};

static firn_status digest_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    struct digest_walk *walk = arg;

    (void)err;
    frn_digest_number(walk->digest, (uint64_t)table);
    frn_digest_bytes(walk->digest, key);
    frn_digest_bytes(walk->digest, value);
    walk->rows++;
    return FIRN_OK;
}

firn_status frn_rows_digest(frn_heap *heap, frn_index_view *view, uint8_t out_digest[FIRN_DIGEST_SIZE],
                            uint64_t *out_rows, firn_error *err)
{
    struct digest_walk walk = {0};
    frn_digests digests;
    firn_status status, finished;

    frn_digests_init(&digests, heap);
    status = frn_digest_begin(&digests, &walk.digest, err);
    if (status == FIRN_OK) {
        status = frn_index_walk(view, digest_row, &walk, err);
        finished = frn_digest_finish(walk.digest, out_digest, status == FIRN_OK ? err : NULL);
        status = status == FIRN_OK ? finished : status;
    }
    frn_digests_done(&digests);
    if (status == FIRN_OK) {
        *out_rows = walk.rows;
    }
    return status;
}
