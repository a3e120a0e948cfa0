/* SPDX-License-Identifier: Apache-2.0 */
/* decisions.c — print the decision table of recovery, a line a cell: place, verdict, witness, action. */
#include "engine/log/private.h"

#include <stdio.h>

static const char *const places[FRN_PLACES] = {
    [FRN_PLACE_SLOT] = "slot",   [FRN_PLACE_FILE] = "file",     [FRN_PLACE_HEADER] = "header",
    [FRN_PLACE_GROUP] = "group", [FRN_PLACE_FOOTER] = "footer",
};
static const char *const actions[] = {
    [FRN_ACTION_ACCEPT] = "accept", [FRN_ACTION_MEND] = "mend", [FRN_ACTION_UNUSED] = "unused",
    [FRN_ACTION_WALK] = "walk",     [FRN_ACTION_CUT] = "cut",   [FRN_ACTION_DAMAGE] = "damage",
    [FRN_ACTION_NEWER] = "newer",
};

static const char *verdict_name(fmt_verdict verdict)
{
    switch (verdict) {
    case FMT_OK:
        return "good";
    case FMT_NEWER:
        return "newer";
    case FMT_PLACE:
        return "elsewhere";
    default:
        return fmt_verdict_text(verdict);
    }
}

int main(void)
{
    for (int place = 0; place < FRN_PLACES; place++) {
        for (int verdict = 0; verdict < FRN_VERDICTS; verdict++) {
            for (int witness = 0; witness < 2; witness++) {
                frn_recovery_action action =
                    frn_recovery_decide((frn_recovery_place)place, (fmt_verdict)verdict, witness != 0);

                printf("%s\t%s\t%s\t%s\n", places[place], verdict_name((fmt_verdict)verdict), witness ? "yes" : "no",
                       actions[action]);
            }
        }
    }
    return 0;
}
