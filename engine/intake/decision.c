/* SPDX-License-Identifier: Apache-2.0 */
/* decision.c — what verbs see and do while their call is decided: streams by name, records handed over. */
#include "engine/intake/intake.h"

#include "engine/base/error.h"

#include <assert.h>
#include <stdlib.h>

enum {
    NAMES_CAPACITY_MIN = 16
};

void frn_intake_init(frn_intake *intake, frn_heap *heap)
{
    *intake = (frn_intake){.heap = heap};
}

void frn_intake_done(frn_intake *intake)
{
    frn_free(intake->heap, intake->decision.names);
    intake->decision.names = NULL;
}

firn_status frn_bound_check(const frn_bound *bound, const fmt_batch_key *key, firn_error *err)
{
    size_t size;

    if (bound->records > FIRN_BATCH_RECORDS_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "a batch of %zu records is larger than %d", bound->records,
                        FIRN_BATCH_RECORDS_MAX);
    }
    size = FMT_BATCH_HEADER + bound->records_size + fmt_trailer_size(bound->names, bound->names_size, key);
    if (size > FIRN_BATCH_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "a batch of up to %zu bytes is larger than %d", size, FIRN_BATCH_SIZE_MAX);
    }
    return FIRN_OK;
}

firn_status frn_decision_stream_find(frn_decision *decision, frn_stream_ref *ref, uint32_t *out_stream, firn_error *err)
{
    firn_slice value;
    uint32_t stream = 0;
    fmt_verdict verdict;
    firn_status status;

    if (ref->decision == decision->serial) {
        *out_stream = ref->id;
        return FIRN_OK;
    }
    status = frn_index_read(decision->apply.index, FRN_TABLE_STREAM_BY_NAME, ref->name, &value, err);
    if (status == FIRN_OK) {
        verdict = frn_row_stream_id_decode(value, &stream);
        if (verdict != FMT_OK) {
            return frn_row_bad(err, FRN_TABLE_STREAM_BY_NAME, verdict);
        }
    } else if (status != FIRN_ENOTFOUND) {
        return status;
    }
    ref->decision = decision->serial;
    ref->id = stream;
    *out_stream = stream;
    return FIRN_OK;
}

static firn_status name_add(frn_decision *decision, frn_heap *heap, uint32_t stream, firn_slice name, firn_error *err)
{
    size_t capacity;
    fmt_name *names;

    if (decision->names_count == decision->names_capacity) {
        capacity = decision->names_capacity == 0 ? NAMES_CAPACITY_MIN : 2 * decision->names_capacity;
        names = frn_realloc(heap, decision->names, capacity * sizeof *names);
        if (names == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "names of %zu streams", capacity);
        }
        decision->names = names;
        decision->names_capacity = capacity;
    }
    decision->names[decision->names_count++] = (fmt_name){.stream = stream, .name = name};
    return FIRN_OK;
}

firn_status frn_decision_stream(frn_decision *decision, frn_stream_ref *ref, uint32_t *out_stream, firn_error *err)
{
    frn_intake *intake = (frn_intake *)(void *)((char *)decision - offsetof(frn_intake, decision));
    uint64_t count;
    uint32_t stream = 0;
    firn_status status = frn_decision_stream_find(decision, ref, &stream, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (stream == 0) {
        status = frn_apply_streams_count(decision->apply.index, &count, err);
        if (status != FIRN_OK) {
            return status;
        }
        if (count == UINT32_MAX) {
            return frn_fail(err, FIRN_ETOOBIG, "no numbers are left for streams");
        }
        stream = (uint32_t)count + 1;
        status = name_add(decision, intake->heap, stream, ref->name, err);
        if (status != FIRN_OK) {
            return status;
        }
        status = frn_apply_name(&decision->apply, stream, ref->name, err);
        if (status != FIRN_OK) {
            return status;
        }
        ref->id = stream;
    }
    *out_stream = stream;
    return FIRN_OK;
}

firn_status frn_decision_record(frn_decision *decision, uint16_t kind, uint32_t stream, uint64_t version,
                                const firn_slice *parts, size_t parts_count, firn_error *err)
{
    frn_log_hint hint = decision->place.hint;
    fmt_record record;

    hint.offset += decision->writer.used;
    record = fmt_batch_add(&decision->writer, kind, stream, version, parts, parts_count);
    assert(decision->writer.used <= decision->writer.capacity);
    return frn_apply_record(&decision->apply, &record, frn_log_hint_pack(hint), err);
}
