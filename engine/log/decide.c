/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.c — the decision table of recovery: what a verdict at a place means, with and without a witness.
 *
 * docs/recovery.md has a paragraph for each cell; a test walks all of them.
 */
#include "engine/log/private.h"

#include <assert.h>

/* What bytes that are not good mean at each place, without and with a witness. */
static const frn_recovery_action bad[FRN_PLACES][2] = {
    [FRN_PLACE_SLOT] = {FRN_ACTION_DAMAGE, FRN_ACTION_MEND},
    [FRN_PLACE_FILE] = {FRN_ACTION_UNUSED, FRN_ACTION_DAMAGE},
    [FRN_PLACE_HEADER] = {FRN_ACTION_UNUSED, FRN_ACTION_DAMAGE},
    [FRN_PLACE_GROUP] = {FRN_ACTION_CUT, FRN_ACTION_DAMAGE},
    [FRN_PLACE_FOOTER] = {FRN_ACTION_WALK, FRN_ACTION_WALK},
};

frn_recovery_action frn_recovery_decide(frn_recovery_place place, fmt_verdict verdict, bool witness)
{
    assert((int)place < FRN_PLACES && (int)verdict < FRN_VERDICTS);
    if (verdict == FMT_OK) {
        return FRN_ACTION_ACCEPT;
    }
    if (verdict == FMT_NEWER && (place == FRN_PLACE_SLOT || place == FRN_PLACE_HEADER)) {
        return FRN_ACTION_NEWER;
    }
    if (verdict == FMT_PLACE && place == FRN_PLACE_HEADER) {
        /* A good header of another ledger or number: no crash puts it there. */
        return FRN_ACTION_DAMAGE;
    }
    return bad[place][witness ? 1 : 0];
}
