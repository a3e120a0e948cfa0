/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.c — a ledger that is open for reading takes in what became durable since: rows first, then the position.
 *
 * The rows of the new records are applied before the durable position shows them, so a view that is opened at that
 * position finds them, whichever thread looked. One thread at a time looks; the others wait for it.
 */
#include "engine/ledger/private.h"

#include "engine/base/error.h"

/* Applies the records up to last_seq. A damaged one ends the rows, not the records that can be read. */
static firn_status apply_up_to(frn_house *house, uint64_t last_seq, firn_error *err)
{
    frn_replay replay = {.index = house->core.index, .last_seq = house->rows_seq};
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

firn_status frn_ledger_follow(firn_ledger *ledger, firn_error *err)
{
    frn_house *house = frn_house_of(ledger);
    uint64_t durable;
    firn_status status;

    frn_mutex_lock(&house->following);
    status = frn_log_refresh(ledger->log, &durable, err);
    if (status == FIRN_OK && durable > frn_log_durable(ledger->log)) {
        status = apply_up_to(house, durable, err);
        if (status == FIRN_OK) {
            frn_log_expose(ledger->log, durable);
        }
    }
    frn_mutex_unlock(&house->following);
    return status;
}
