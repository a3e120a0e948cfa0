/* SPDX-License-Identifier: Apache-2.0 */
/* damage.c — FIRN_ECORRUPT about a record that a store cannot apply. */
#include "engine/intake/damage.h"

#include "engine/base/error.h"
#include "format/kinds.h"

firn_status frn_body_bad(firn_error *err, const fmt_record *record, fmt_verdict verdict)
{
    (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "body of %s: %s", fmt_kind_name(record->kind),
                          fmt_verdict_text(verdict));
    return frn_place(err, FIRN_ECORRUPT, 0, 0, record->seq);
}

firn_status frn_contradicts(firn_error *err, const fmt_record *record, const char *what)
{
    (void)frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_RECORD, "%s (stream %u)", what, record->stream);
    return frn_place(err, FIRN_ECORRUPT, 0, 0, record->seq);
}
