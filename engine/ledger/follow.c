/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c — a ledger that is open for reading takes in what became durable since: rows first, then the position.
 *
 * The rows of the new records are applied before the durable position shows them, so a view that is opened at that
 * position finds them, whichever thread looked. One thread at a time looks; the others wait for it.
 *
 * A view that met damage in the index on disk has it replaced by rows in memory before the next view is opened.
 *
 * Where the index is on disk, the rows of new records gather in memory above it. When they are many, the newest state
 * on disk takes their place, unless its mark is ahead of the rows in memory, which would then hide later ones.
 */
#include "engine/ledger/private.h"

#include "engine/base/error.h"

enum {
    DELTA_RECORDS = 200000 /* So many records' rows gather in memory. */
};

/* Applies the records up to last_seq. A damaged one ends the rows, not the records that can be read. */
static firn_status apply_up_to(frn_house *house, uint64_t last_seq, firn_error *err)
{
    frn_replay replay = {.index = house->core.index, .digests = &house->core.digests, .last_seq = house->rows_seq};
    frn_replay_told told = {0};
    firn_error own;
    firn_status status;

    if (atomic_load(&house->core.rows_seq_max) != UINT64_MAX) {
        return FIRN_OK;
    }
    status = frn_replay_run(&replay, house->core.log, house->rows_seq + 1, last_seq, &told, &own);
    house->rows_seq = replay.last_seq;
    if (status == FIRN_ECORRUPT) {
        atomic_store(&house->core.rows_seq_max, replay.last_seq);
        house->damage = own;
        status = FIRN_OK;
    }
    if (status != FIRN_OK && err != NULL) {
        *err = own;
    }
    return status;
}

static firn_status go_on(frn_house *house, firn_error *err)
{
    frn_log *log = house->core.log;
    uint64_t durable;
    firn_status status = frn_log_refresh(log, &durable, err);

    if (status == FIRN_OK && durable > frn_log_durable(log)) {
        status = apply_up_to(house, durable, err);
        if (status == FIRN_OK) {
            frn_log_expose(log, durable);
        }
    }
    return status;
}

/* Lets the newest state on disk take the place of rows in memory. If it cannot be had, memory goes on. */
static void renew_index(frn_house *house)
{
    uint64_t records_max = house->options.replay_records_max;
    uint64_t delta = records_max != 0 && records_max < DELTA_RECORDS ? records_max : DELTA_RECORDS;
    frn_index_mark mark;
    firn_status status;

    frn_index_mark_get(house->core.index, &mark);
    if (house->rows_seq < mark.seq + delta || house->rows_seq < house->renew_at ||
        atomic_load(&house->core.rows_seq_max) != UINT64_MAX) {
        return;
    }
    status = frn_index_refresh(house->core.index, NULL);
    house->renew_at = house->rows_seq + (status == FIRN_OK ? delta / 2 : delta / 16);
}

firn_status frn_ledger_follow(firn_ledger *ledger, firn_error *err)
{
    frn_house *house = frn_house_of(ledger);
    firn_status status;

    frn_mutex_lock(&house->following);
    frn_rows_heal(house);
    status = go_on(house, err);
    if (status == FIRN_OK && house->index_on_disk) {
        renew_index(house);
    }
    frn_mutex_unlock(&house->following);
    return status;
}
