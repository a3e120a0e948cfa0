/* SPDX-License-Identifier: Apache-2.0 */
/* stores.c — encode and decode the bodies of content, runs and releases. */
#include "format/stores.h"

#include <string.h>

#include "format/pack.h"
#include "format/time.h"

enum {
    TIME_BYTES = 1 + 12 /* Type and data of a timestamp. */
};

static uint64_t get_big(const uint8_t *at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Takes members one by one; the first that is not as it must be decides. */
typedef struct body_taker {
    fmt_verdict verdict;
} body_taker;

static bool is(body_taker *taker, bool as_it_must)
{
    if (taker->verdict == FMT_OK && !as_it_must)
        taker->verdict = FMT_SYNTAX;
    return taker->verdict == FMT_OK;
}

static uint64_t take_unsigned(body_taker *taker, const fmt_value *value)
{
    return is(taker, value->type == FMT_VALUE_UNSIGNED) ? value->number : 0;
}

static firn_slice take_str(body_taker *taker, const fmt_value *value, size_t size_max)
{
    return is(taker, value->type == FMT_VALUE_STR && value->bytes.size <= size_max) ? value->bytes : (firn_slice){0};
}

static firn_slice take_str_or_nil(body_taker *taker, const fmt_value *value, size_t size_max)
{
    return value->type == FMT_VALUE_NIL ? (firn_slice){0} : take_str(taker, value, size_max);
}

static const uint8_t *take_bin(body_taker *taker, const fmt_value *value, size_t size)
{
    return is(taker, value->type == FMT_VALUE_BIN && value->bytes.size == size) ? value->bytes.data : NULL;
}

static bool take_bool(body_taker *taker, const fmt_value *value)
{
    return is(taker, value->type == FMT_VALUE_BOOL) && value->number != 0;
}

static firn_time take_time(body_taker *taker, const fmt_value *value)
{
    const uint8_t *at = value->bytes.data;
    firn_time time = {0};

    if (is(taker, value->type == FMT_VALUE_EXT && value->bytes.size == TIME_BYTES && at[0] == 0xff)) {
        time.nanoseconds = (uint32_t)get_big(at + 1, 4);
        time.seconds = (int64_t)get_big(at + 5, 8);
        (void)is(taker, fmt_time_check(time));
    }
    return time;
}

size_t fmt_content_blob_prefix(uint8_t out[FMT_BLOB_PREFIX_MAX], const fmt_content_blob *blob)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_BLOB_PREFIX_MAX, 3);
    fmt_pack_bin(&pack, blob->digest, FIRN_DIGEST_SIZE);
    fmt_pack_time(&pack, blob->time);
    fmt_pack_bin_head(&pack, blob->bytes.size);
    return pack.used;
}

fmt_verdict fmt_content_blob_decode(firn_slice body, fmt_content_blob *out_blob)
{
    fmt_value values[3];
    body_taker taker = {fmt_body_members(body, values, 3)};

    if (taker.verdict == FMT_OK) {
        out_blob->digest = take_bin(&taker, &values[0], FIRN_DIGEST_SIZE);
        out_blob->time = take_time(&taker, &values[1]);
        out_blob->bytes = values[2].bytes;
        (void)is(&taker, values[2].type == FMT_VALUE_BIN);
    }
    return taker.verdict;
}

size_t fmt_content_chunk_prefix(uint8_t out[FMT_CHUNK_PREFIX_MAX], const fmt_content_chunk *chunk)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_CHUNK_PREFIX_MAX, 3);
    fmt_pack_bin(&pack, chunk->upload, FMT_UPLOAD_SIZE);
    fmt_pack_unsigned(&pack, chunk->index);
    fmt_pack_bin_head(&pack, chunk->bytes.size);
    return pack.used;
}

fmt_verdict fmt_content_chunk_decode(firn_slice body, fmt_content_chunk *out_chunk)
{
    fmt_value values[3];
    body_taker taker = {fmt_body_members(body, values, 3)};

    if (taker.verdict == FMT_OK) {
        out_chunk->upload = take_bin(&taker, &values[0], FMT_UPLOAD_SIZE);
        out_chunk->index = take_unsigned(&taker, &values[1]);
        out_chunk->bytes = values[2].bytes;
        (void)is(&taker, values[2].type == FMT_VALUE_BIN);
    }
    return taker.verdict;
}

size_t fmt_content_manifest_prefix(uint8_t out[FMT_CONTENT_MANIFEST_PREFIX_MAX], const fmt_content_manifest *manifest)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_CONTENT_MANIFEST_PREFIX_MAX, 6);
    fmt_pack_bin(&pack, manifest->digest, FIRN_DIGEST_SIZE);
    fmt_pack_unsigned(&pack, manifest->size);
    fmt_pack_unsigned(&pack, manifest->chunk_size);
    fmt_pack_bin(&pack, manifest->upload, FMT_UPLOAD_SIZE);
    fmt_pack_array(&pack, manifest->chunks);
    return pack.used;
}

void fmt_content_manifest_digest(uint8_t out[FMT_CONTENT_MANIFEST_DIGEST_SIZE], const uint8_t *digest)
{
    fmt_pack pack;

    fmt_pack_resume(&pack, out, FMT_CONTENT_MANIFEST_DIGEST_SIZE, 0);
    fmt_pack_element_digest(&pack, digest);
}

size_t fmt_content_manifest_suffix(uint8_t out[FMT_CONTENT_MANIFEST_SUFFIX_MAX], firn_time time)
{
    fmt_pack pack;

    fmt_pack_resume(&pack, out, FMT_CONTENT_MANIFEST_SUFFIX_MAX, 6);
    fmt_pack_time(&pack, time);
    return pack.used;
}

fmt_verdict fmt_content_manifest_decode(firn_slice body, fmt_content_manifest *out_manifest)
{
    fmt_value values[6], element;
    body_taker taker = {fmt_body_members(body, values, 6)};
    size_t at = 0;

    if (taker.verdict != FMT_OK)
        return taker.verdict;
    out_manifest->digest = take_bin(&taker, &values[0], FIRN_DIGEST_SIZE);
    out_manifest->size = take_unsigned(&taker, &values[1]);
    out_manifest->chunk_size = take_unsigned(&taker, &values[2]);
    out_manifest->upload = take_bin(&taker, &values[3], FMT_UPLOAD_SIZE);
    out_manifest->chunk_digests = values[4];
    out_manifest->time = take_time(&taker, &values[5]);
    if (!is(&taker, values[4].type == FMT_VALUE_ARRAY && out_manifest->chunk_size != 0))
        return taker.verdict;
    out_manifest->chunks = values[4].number;
    /* As many chunks as the size needs. */
    (void)is(&taker, out_manifest->chunks == out_manifest->size / out_manifest->chunk_size +
                                                 (out_manifest->size % out_manifest->chunk_size != 0));
    while (taker.verdict == FMT_OK && fmt_value_next(&values[4], &at, &element))
        (void)take_bin(&taker, &element, FIRN_DIGEST_SIZE);
    return taker.verdict;
}

size_t fmt_run_create_prefix(uint8_t out[FMT_RUN_CREATE_PREFIX_MAX], const fmt_run_create *create)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_RUN_CREATE_PREFIX_MAX, 7);
    fmt_pack_str(&pack, create->run_id);
    fmt_pack_bin(&pack, create->spec_digest, FIRN_DIGEST_SIZE);
    fmt_pack_str_or_nil(&pack, create->git_sha);
    fmt_pack_str(&pack, create->agent_name);
    fmt_pack_str_head(&pack, create->tags.size);
    return pack.used;
}

size_t fmt_run_create_suffix(uint8_t out[FMT_RUN_CREATE_SUFFIX_MAX], const fmt_run_create *create)
{
    fmt_pack pack;

    fmt_pack_resume(&pack, out, FMT_RUN_CREATE_SUFFIX_MAX, 6);
    if (create->has_evaluation) {
        fmt_pack_array(&pack, 3);
        fmt_pack_element_str_or_nil(&pack, create->evaluation.rubric_path);
        fmt_pack_element_bool(&pack, create->evaluation.is_promotion_gate != 0);
        fmt_pack_element_unsigned(&pack, create->evaluation.agent_phase);
    } else {
        fmt_pack_nil(&pack);
    }
    fmt_pack_time(&pack, create->created_at);
    return pack.used;
}

static void take_evaluation(body_taker *taker, const fmt_value *value, firn_run_evaluation *out_evaluation)
{
    fmt_value elements[3];
    size_t at = 0;

    if (!is(taker, value->type == FMT_VALUE_ARRAY && value->number == 3))
        return;
    for (size_t i = 0; i < 3; i++)
        if (!is(taker, fmt_value_next(value, &at, &elements[i])))
            return;
    out_evaluation->rubric_path = take_str_or_nil(taker, &elements[0], FIRN_TEXT_SIZE_MAX);
    out_evaluation->is_promotion_gate = take_bool(taker, &elements[1]);
    (void)is(taker, take_unsigned(taker, &elements[2]) <= UINT8_MAX);
    out_evaluation->agent_phase = (uint8_t)elements[2].number;
}

fmt_verdict fmt_run_create_decode(firn_slice body, fmt_run_create *out_create)
{
    fmt_value values[7];
    body_taker taker = {fmt_body_members(body, values, 7)};

    if (taker.verdict != FMT_OK)
        return taker.verdict;
    *out_create = (fmt_run_create){0};
    out_create->run_id = take_str(&taker, &values[0], FIRN_RUN_ID_SIZE_MAX);
    out_create->spec_digest = take_bin(&taker, &values[1], FIRN_DIGEST_SIZE);
    out_create->git_sha = take_str_or_nil(&taker, &values[2], FIRN_TEXT_SIZE_MAX);
    out_create->agent_name = take_str(&taker, &values[3], FIRN_TEXT_SIZE_MAX);
    out_create->tags = take_str(&taker, &values[4], FIRN_TAGS_SIZE_MAX);
    out_create->has_evaluation = values[5].type != FMT_VALUE_NIL;
    if (out_create->has_evaluation)
        take_evaluation(&taker, &values[5], &out_create->evaluation);
    out_create->created_at = take_time(&taker, &values[6]);
    (void)is(&taker, out_create->run_id.size != 0);
    return taker.verdict;
}

size_t fmt_run_event_prefix(uint8_t out[FMT_RUN_EVENT_PREFIX_MAX], const fmt_run_event *event)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_RUN_EVENT_PREFIX_MAX, 5);
    fmt_pack_str(&pack, event->run_id);
    fmt_pack_unsigned(&pack, event->event_seq);
    fmt_pack_str(&pack, event->kind);
    fmt_pack_time(&pack, event->timestamp);
    fmt_pack_str_head(&pack, event->payload.size);
    return pack.used;
}

fmt_verdict fmt_run_event_decode(firn_slice body, fmt_run_event *out_event)
{
    fmt_value values[5];
    body_taker taker = {fmt_body_members(body, values, 5)};

    if (taker.verdict == FMT_OK) {
        out_event->run_id = take_str(&taker, &values[0], FIRN_RUN_ID_SIZE_MAX);
        out_event->event_seq = take_unsigned(&taker, &values[1]);
        out_event->kind = take_str(&taker, &values[2], FIRN_TEXT_SIZE_MAX);
        out_event->timestamp = take_time(&taker, &values[3]);
        out_event->payload = take_str(&taker, &values[4], FIRN_BODY_SIZE_MAX);
        (void)is(&taker, out_event->run_id.size != 0);
    }
    return taker.verdict;
}

size_t fmt_run_end_encode(uint8_t out[FMT_RUN_END_SIZE_MAX], const fmt_run_end *end)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_RUN_END_SIZE_MAX, 6);
    fmt_pack_str(&pack, end->run_id);
    fmt_pack_unsigned(&pack, (uint64_t)end->status);
    fmt_pack_array(&pack, 4);
    fmt_pack_element_unsigned(&pack, end->summary.total_events);
    fmt_pack_element_digest(&pack, end->summary.has_final_state_digest ? end->summary.final_state_digest : NULL);
    fmt_pack_element_unsigned(&pack, end->summary.duration_ms);
    fmt_pack_element_bool(&pack, end->summary.success != 0);
    fmt_pack_time(&pack, end->completed_at);
    fmt_pack_unsigned(&pack, end->event_count);
    if (end->event_count != 0)
        fmt_pack_unsigned(&pack, end->last_event_seq);
    else
        fmt_pack_nil(&pack);
    return pack.used;
}

static void take_summary(body_taker *taker, const fmt_value *value, firn_run_summary *out_summary)
{
    fmt_value elements[4];
    const uint8_t *digest = NULL;
    size_t at = 0;

    if (!is(taker, value->type == FMT_VALUE_ARRAY && value->number == 4))
        return;
    for (size_t i = 0; i < 4; i++)
        if (!is(taker, fmt_value_next(value, &at, &elements[i])))
            return;
    out_summary->total_events = take_unsigned(taker, &elements[0]);
    out_summary->duration_ms = take_unsigned(taker, &elements[2]);
    out_summary->success = take_bool(taker, &elements[3]);
    if (elements[1].type != FMT_VALUE_NIL)
        digest = take_bin(taker, &elements[1], FIRN_DIGEST_SIZE);
    if (digest != NULL) {
        out_summary->has_final_state_digest = 1;
        memcpy(out_summary->final_state_digest, digest, FIRN_DIGEST_SIZE);
    }
}

fmt_verdict fmt_run_end_decode(firn_slice body, fmt_run_end *out_end)
{
    fmt_value values[6];
    body_taker taker = {fmt_body_members(body, values, 6)};
    uint64_t status;

    if (taker.verdict != FMT_OK)
        return taker.verdict;
    *out_end = (fmt_run_end){0};
    out_end->run_id = take_str(&taker, &values[0], FIRN_RUN_ID_SIZE_MAX);
    status = take_unsigned(&taker, &values[1]);
    take_summary(&taker, &values[2], &out_end->summary);
    out_end->completed_at = take_time(&taker, &values[3]);
    out_end->event_count = take_unsigned(&taker, &values[4]);
    if (out_end->event_count != 0)
        out_end->last_event_seq = take_unsigned(&taker, &values[5]);
    (void)is(&taker, out_end->event_count != 0 || values[5].type == FMT_VALUE_NIL);
    (void)is(&taker, out_end->run_id.size != 0 && status >= FIRN_RUN_COMPLETED && status <= FIRN_RUN_CANCELLED);
    out_end->status = (firn_run_status)status;
    return taker.verdict;
}

size_t fmt_release_prefix(uint8_t out[FMT_RELEASE_PREFIX_MAX], const firn_release *release)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_RELEASE_PREFIX_MAX, release->rollback_of != 0 ? 9 : 7);
    fmt_pack_str(&pack, release->name);
    fmt_pack_unsigned(&pack, release->release_number);
    fmt_pack_bin(&pack, release->spec_digest, FIRN_DIGEST_SIZE);
    fmt_pack_str_or_nil(&pack, release->version_label);
    fmt_pack_str(&pack, release->promoted_by);
    if (release->notes.data == NULL)
        fmt_pack_nil(&pack);
    else
        fmt_pack_str_head(&pack, release->notes.size);
    return pack.used;
}

size_t fmt_release_suffix(uint8_t out[FMT_RELEASE_SUFFIX_MAX], const firn_release *release)
{
    fmt_pack pack;

    fmt_pack_resume(&pack, out, FMT_RELEASE_SUFFIX_MAX, 7);
    fmt_pack_time(&pack, release->created_at);
    if (release->rollback_of != 0) {
        fmt_pack_unsigned(&pack, release->rollback_of);
        fmt_pack_unsigned(&pack, release->rollback_from);
    }
    return pack.used;
}

fmt_verdict fmt_release_decode(firn_slice body, bool rollback, firn_release *out_release)
{
    fmt_value values[9];
    const uint8_t *digest;
    body_taker taker = {fmt_body_members(body, values, 9)};

    if (taker.verdict != FMT_OK)
        return taker.verdict;
    *out_release = (firn_release){0};
    out_release->name = take_str(&taker, &values[0], FIRN_RELEASE_NAME_SIZE_MAX);
    out_release->release_number = take_unsigned(&taker, &values[1]);
    digest = take_bin(&taker, &values[2], FIRN_DIGEST_SIZE);
    if (digest != NULL)
        memcpy(out_release->spec_digest, digest, FIRN_DIGEST_SIZE);
    out_release->version_label = take_str_or_nil(&taker, &values[3], FIRN_TEXT_SIZE_MAX);
    out_release->promoted_by = take_str(&taker, &values[4], FIRN_TEXT_SIZE_MAX);
    out_release->notes = take_str_or_nil(&taker, &values[5], FIRN_RELEASE_NOTES_SIZE_MAX);
    out_release->created_at = take_time(&taker, &values[6]);
    if (rollback) {
        out_release->rollback_of = take_unsigned(&taker, &values[7]);
        out_release->rollback_from = take_unsigned(&taker, &values[8]);
    }
    (void)is(&taker, out_release->name.size != 0 && out_release->release_number != 0);
    (void)is(&taker, !rollback || (out_release->rollback_of != 0 && out_release->rollback_from != 0));
    return taker.verdict;
}
