/* SPDX-License-Identifier: Apache-2.0 */
/* setting.c — settings of the ledger that are records of its log: how long idempotency keys are kept. */
#include "engine/store/setting.h"

#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/intake/damage.h"
#include "firn/batch.h"
#include "format/body.h"

#include <string.h>

typedef struct key_age_verb {
    frn_verb verb;
    uint64_t age_ns;
} key_age_verb;

static firn_status key_age_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const key_age_verb *setting = (const key_age_verb *)(const void *)verb;
    uint8_t body[FMT_KEY_AGE_SIZE_MAX];
    firn_slice part = {body, fmt_key_age_encode(body, setting->age_ns)};
    frn_row_head head;
    firn_status status = frn_apply_head(&decision->apply, 0, &head, err);

    if (status != FIRN_OK) {
        return status;
    }
    return frn_decision_record(decision, FMT_KIND_LEDGER_KEY_AGE, 0, head.version + 1, &part, 1, err);
}

static const frn_verb_ops key_age_ops = {.name = "key_age", .decide = key_age_decide}; /* Never under a key. */

/* Setting the age as a call. It points into itself. */
typedef struct key_age_call {
    key_age_verb setting;
    const frn_verb *verbs[1];
    frn_call call;
} key_age_call;

static firn_status key_age_begin(key_age_call *call, const firn_ledger *ledger, uint64_t key_age_ns, firn_error *err)
{
    if (ledger == NULL) {
        return frn_fail(err, FIRN_EINVAL, "set key age: ledger is NULL");
    }
    if (key_age_ns == 0) {
        return frn_fail(err, FIRN_EINVAL, "set key age: 0 ns would keep no key");
    }
    call->setting = (key_age_verb){.verb = {&key_age_ops}, .age_ns = key_age_ns};
    call->verbs[0] = &call->setting.verb;
    call->call = (frn_call){
        .verbs = call->verbs,
        .verbs_count = 1,
        .bound = {.records = 1, .records_size = fmt_record_size(FMT_KEY_AGE_SIZE_MAX)},
        .what = "set key age",
    };
    return FIRN_OK;
}

firn_status firn_key_age_set(firn_ledger *ledger, uint64_t key_age_ns, firn_receipt *out_receipt, firn_error *err)
{
    key_age_call call;
    firn_status status = key_age_begin(&call, ledger, key_age_ns, err);

    return status == FIRN_OK ? frn_intake_commit(ledger, &call.call, out_receipt, err) : status;
}

firn_status firn_key_age_set_submit(firn_ledger *ledger, uint64_t key_age_ns, const firn_submit_options *submit,
                                    firn_ticket **out_ticket, firn_error *err)
{
    key_age_call call;
    firn_status status = key_age_begin(&call, ledger, key_age_ns, err);

    return status == FIRN_OK ? frn_intake_submit(ledger, &call.call, submit, out_ticket, err) : status;
}

static firn_status key_age_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    uint8_t key[FRN_ROW_SETTING_KEY], value[FRN_ROW_SETTING];
    uint64_t age_ns;
    fmt_verdict verdict = fmt_key_age_decode(record->body, &age_ns);

    if (verdict != FMT_OK) {
        return frn_body_bad(err, record, verdict);
    }
    return frn_index_put(apply->index, FRN_TABLE_SETTING, frn_row_setting_key_encode(key, FRN_SETTING_KEY_AGE),
                         frn_row_setting_encode(value, age_ns), err);
}

firn_status frn_setting_apply(frn_apply *apply, const fmt_record *record, firn_error *err)
{
    switch (record->kind) {
    case FMT_KIND_LEDGER_KEY_AGE:
        return key_age_apply(apply, record, err);
    default:
        return FIRN_OK; /* Of a newer version: kept, not understood. */
    }
}
