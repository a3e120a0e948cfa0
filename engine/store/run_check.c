/* SPDX-License-Identifier: Apache-2.0 */
/* run_check.c — events as callers give them: well-formed, and of a known kind with its fields if that is asked for. */
#include "engine/base/error.h"
#include "engine/intake/core.h"
#include "engine/store/run.h"
#include "format/json.h"

#include <string.h>

#define CUSTOM "Custom:"

/* At most two fields are required of any kind. */
typedef struct event_kind {
    const char *kind;
    const char *fields[2];
} event_kind;

#define EVENT_KIND(kind, first, second) {(kind), {(first), (second)}},
static const event_kind event_kinds[] = {
#include "engine/store/run_kinds.def"
};
#undef EVENT_KIND

static const event_kind *kind_find(firn_slice kind)
{
    for (size_t i = 0; i < sizeof event_kinds / sizeof event_kinds[0]; i++) {
        if (kind.size == strlen(event_kinds[i].kind) && memcmp(kind.data, event_kinds[i].kind, kind.size) == 0) {
            return &event_kinds[i];
        }
    }
    return NULL;
}

static firn_status validate(const firn_run_event *event, firn_error *err)
{
    const event_kind *known;

    if (event->kind.size == 0) {
        return frn_fail(err, FIRN_EINVAL, "event kind must not be empty");
    }
    if (event->kind.size >= strlen(CUSTOM) && memcmp(event->kind.data, CUSTOM, strlen(CUSTOM)) == 0) {
        return FIRN_OK;
    }
    known = kind_find(event->kind);
    if (known == NULL) {
        return frn_fail(err, FIRN_EINVAL, "unknown event kind: %.*s", (int)event->kind.size,
                        (const char *)event->kind.data);
    }
    for (size_t i = 0; i < 2 && known->fields[i] != NULL; i++) {
        if (!fmt_json_has_member(event->payload, known->fields[i])) {
            return frn_fail(err, FIRN_EINVAL, "event kind %s missing required payload field: %s", known->kind,
                            known->fields[i]);
        }
    }
    return FIRN_OK;
}

static firn_status event_check(const firn_ledger *ledger, const firn_run_event *event, uint64_t *warnings,
                               firn_error *err)
{
    firn_slice payload;
    firn_error warning;
    firn_status status = frn_field_text("kind", event->kind, FIRN_TEXT_SIZE_MAX, err);

    if (status == FIRN_OK && (event->auto_seq > 1 || (event->auto_seq != 0 && event->event_seq != 0))) {
        status = frn_fail(err, FIRN_EINVAL, "invalid seq: %llu", (unsigned long long)event->event_seq);
    }
    if (status == FIRN_OK) {
        status = frn_field_time(event->timestamp, err);
    }
    if (status == FIRN_OK) {
        status = frn_field_json("payload", event->payload, FIRN_PAYLOAD_SIZE_MAX, &payload, err);
    }
    if (status != FIRN_OK || ledger->event_validation == FIRN_VALIDATE_OFF) {
        return status;
    }
    if (ledger->event_validation == FIRN_VALIDATE_STRICT) {
        return validate(event, err);
    }
    if (validate(event, &warning) != FIRN_OK) {
        (*warnings)++;
        frn_trace_say(&ledger->trace, "append to run: %s", warning.text);
    }
    return FIRN_OK;
}

firn_status frn_run_events_check(const firn_ledger *ledger, const firn_run_event *events, size_t count,
                                 uint64_t *out_warnings, firn_error *err)
{
    firn_status status = FIRN_OK;

    *out_warnings = 0;
    if (count == 0 || events == NULL) {
        return frn_fail(err, FIRN_EINVAL, "no events are given");
    }
    if (count > FIRN_RUN_EVENTS_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "events longer than %d", FIRN_RUN_EVENTS_MAX);
    }
    for (size_t i = 0; i < count && status == FIRN_OK; i++) {
        status = event_check(ledger, &events[i], out_warnings, err);
        if (status != FIRN_OK && count > 1) {
            status = frn_wrap(err, status, "event %zu", i);
        }
    }
    return status;
}
