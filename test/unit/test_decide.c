/* SPDX-License-Identifier: Apache-2.0 */
/* test_decide.c — the decision table of recovery, cell by cell. */
#include "engine/log/private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What each cell must be, told independently of the table: by the rules in words. */
static frn_recovery_action expected(frn_recovery_place place, fmt_verdict verdict, bool witness)
{
    if (verdict == FMT_OK) {
        return FRN_ACTION_ACCEPT;
    }
    switch (place) {
    case FRN_PLACE_SLOT:
        if (verdict == FMT_NEWER) {
            return FRN_ACTION_NEWER;
        }
        return witness ? FRN_ACTION_MEND : FRN_ACTION_DAMAGE;
    case FRN_PLACE_HEADER:
        if (verdict == FMT_NEWER) {
            return FRN_ACTION_NEWER;
        }
        return verdict == FMT_PLACE || witness ? FRN_ACTION_DAMAGE : FRN_ACTION_UNUSED;
    case FRN_PLACE_FILE:
        return witness ? FRN_ACTION_DAMAGE : FRN_ACTION_UNUSED;
    case FRN_PLACE_GROUP:
        return witness ? FRN_ACTION_DAMAGE : FRN_ACTION_CUT;
    case FRN_PLACE_FOOTER:
        return FRN_ACTION_WALK;
    }
    return FRN_ACTION_DAMAGE;
}

/* Every place meets every verdict, with and without a witness. */
static void test_every_cell(void **state)
{
    (void)state;
    for (int place = 0; place < FRN_PLACES; place++) {
        for (int verdict = 0; verdict < FRN_VERDICTS; verdict++) {
            for (int witness = 0; witness < 2; witness++) {
                assert_int_equal(frn_recovery_decide(place, verdict, witness), expected(place, verdict, witness));
            }
        }
    }
}

/* Nothing that a witness proves durable is ever cut or called unused. */
static void test_a_witness_is_never_overruled(void **state)
{
    (void)state;
    for (int place = 0; place < FRN_PLACES; place++) {
        for (int verdict = 0; verdict < FRN_VERDICTS; verdict++) {
            frn_recovery_action action = frn_recovery_decide(place, verdict, true);

            assert_true(action != FRN_ACTION_CUT && action != FRN_ACTION_UNUSED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_a_witness_is_never_overruled),
    };

    return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
