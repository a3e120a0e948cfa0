/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump_body.c — print the members of the bodies of content, runs and releases.
 *
 * One line a body, with the names that docs/format.md gives the members; a manifest has one more for each chunk. Bytes
 * of content are told by their size, long texts by their beginning and their size. The record has verified, so a body
 * that does not decode was written so: it is reported as a bad place.
 */
#include "tools/dump_inner.h"

#include <string.h>

#include "format/kinds.h"
#include "format/stores.h"

enum {
    DEPTH = 4,
    SHOWN_MAX = 200 /* Bytes of a text. */
};

/** Prints the members of a body that decodes, as the rest of a line that was begun. */
typedef struct body_kind {
    uint16_t kind;
    fmt_verdict (*print)(dump_lines *lines, firn_slice body);
} body_kind;

static void begin(dump_lines *lines)
{
    dump_begin(lines, DEPTH, "body");
}

static void digest(dump_lines *lines, const char *name, const uint8_t *bytes)
{
    dump_hex(lines, name, bytes, FIRN_DIGEST_SIZE);
}

static void text_or_null(dump_lines *lines, const char *name, firn_slice text)
{
    if (text.data == NULL)
        dump_null(lines, name);
    else
        dump_bytes(lines, name, text);
}

/** A text of any length: its size under size_name, and what it begins with, whole characters of it. */
static void long_text(dump_lines *lines, const char *name, const char *size_name, firn_slice text)
{
    firn_slice shown = text;
    const uint8_t *bytes = text.data;

    if (shown.size > SHOWN_MAX) {
        shown.size = SHOWN_MAX;
        while (shown.size > 0 && (bytes[shown.size] & 0xc0) == 0x80)
            shown.size--;
    }
    dump_number(lines, size_name, text.size);
    dump_bytes(lines, name, shown);
}

static fmt_verdict print_blob(dump_lines *lines, firn_slice body)
{
    fmt_content_blob blob;
    fmt_verdict verdict = fmt_content_blob_decode(body, &blob);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    digest(lines, "digest", blob.digest);
    dump_instant(lines, "time", blob.time);
    dump_number(lines, "bytes", blob.bytes.size);
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_chunk(dump_lines *lines, firn_slice body)
{
    fmt_content_chunk chunk;
    fmt_verdict verdict = fmt_content_chunk_decode(body, &chunk);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    dump_hex(lines, "upload", chunk.upload, FMT_UPLOAD_SIZE);
    dump_number(lines, "index", chunk.index);
    dump_number(lines, "bytes", chunk.bytes.size);
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_manifest(dump_lines *lines, firn_slice body)
{
    fmt_content_manifest manifest;
    fmt_value element;
    size_t at = 0;
    fmt_verdict verdict = fmt_content_manifest_decode(body, &manifest);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    digest(lines, "digest", manifest.digest);
    dump_number(lines, "size", manifest.size);
    dump_number(lines, "chunk_size", manifest.chunk_size);
    dump_hex(lines, "upload", manifest.upload, FMT_UPLOAD_SIZE);
    dump_number(lines, "chunks", manifest.chunks);
    dump_instant(lines, "time", manifest.time);
    dump_end(lines);
    for (uint64_t i = 0; fmt_value_next(&manifest.chunk_digests, &at, &element); i++) {
        dump_begin(lines, DEPTH + 1, "chunk");
        dump_number(lines, "index", i);
        digest(lines, "digest", element.bytes.data);
        dump_end(lines);
    }
    return FMT_OK;
}

static fmt_verdict print_run_create(dump_lines *lines, firn_slice body)
{
    fmt_run_create create;
    fmt_verdict verdict = fmt_run_create_decode(body, &create);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    dump_bytes(lines, "run_id", create.run_id);
    digest(lines, "spec_digest", create.spec_digest);
    text_or_null(lines, "git_sha", create.git_sha);
    dump_bytes(lines, "agent_name", create.agent_name);
    long_text(lines, "tags", "tags_size", create.tags);
    if (create.has_evaluation) {
        text_or_null(lines, "rubric_path", create.evaluation.rubric_path);
        dump_number(lines, "is_promotion_gate", create.evaluation.is_promotion_gate);
        dump_number(lines, "agent_phase", create.evaluation.agent_phase);
    } else {
        dump_null(lines, "evaluation");
    }
    dump_instant(lines, "created_at", create.created_at);
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_run_event(dump_lines *lines, firn_slice body)
{
    fmt_run_event event;
    fmt_verdict verdict = fmt_run_event_decode(body, &event);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    dump_bytes(lines, "run_id", event.run_id);
    dump_number(lines, "event_seq", event.event_seq);
    dump_bytes(lines, "event_kind", event.kind);
    dump_instant(lines, "timestamp", event.timestamp);
    long_text(lines, "payload", "payload_size", event.payload);
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_run_end(dump_lines *lines, firn_slice body)
{
    static const char *const ends[] = {"", "COMPLETED", "FAILED", "CANCELLED"};
    fmt_run_end end;
    fmt_verdict verdict = fmt_run_end_decode(body, &end);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    dump_bytes(lines, "run_id", end.run_id);
    dump_text(lines, "status", ends[end.status]);
    dump_number(lines, "total_events", end.summary.total_events);
    if (end.summary.has_final_state_digest)
        digest(lines, "final_state_digest", end.summary.final_state_digest);
    else
        dump_null(lines, "final_state_digest");
    dump_number(lines, "duration_ms", end.summary.duration_ms);
    dump_number(lines, "success", end.summary.success);
    dump_instant(lines, "completed_at", end.completed_at);
    dump_number(lines, "event_count", end.event_count);
    if (end.event_count != 0)
        dump_number(lines, "last_event_seq", end.last_event_seq);
    else
        dump_null(lines, "last_event_seq");
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_release(dump_lines *lines, firn_slice body, bool rollback)
{
    firn_release release;
    fmt_verdict verdict = fmt_release_decode(body, rollback, &release);

    if (verdict != FMT_OK)
        return verdict;
    begin(lines);
    dump_bytes(lines, "release_name", release.name);
    dump_number(lines, "release_number", release.release_number);
    digest(lines, "spec_digest", release.spec_digest);
    text_or_null(lines, "version_label", release.version_label);
    dump_bytes(lines, "promoted_by", release.promoted_by);
    if (release.notes.data == NULL)
        dump_null(lines, "notes");
    else
        long_text(lines, "notes", "notes_size", release.notes);
    dump_instant(lines, "created_at", release.created_at);
    if (rollback) {
        dump_number(lines, "rollback_of", release.rollback_of);
        dump_number(lines, "rollback_from", release.rollback_from);
    }
    dump_end(lines);
    return FMT_OK;
}

static fmt_verdict print_promote(dump_lines *lines, firn_slice body)
{
    return print_release(lines, body, false);
}

static fmt_verdict print_rollback(dump_lines *lines, firn_slice body)
{
    return print_release(lines, body, true);
}

void dump_print_body(dumping *dump, const fmt_record *record, uint64_t offset)
{
    static const body_kind kinds[] = {
        {FMT_KIND_CONTENT_BLOB, print_blob},         {FMT_KIND_CONTENT_CHUNK, print_chunk},
        {FMT_KIND_CONTENT_MANIFEST, print_manifest}, {FMT_KIND_RUN_CREATE, print_run_create},
        {FMT_KIND_RUN_EVENT, print_run_event},       {FMT_KIND_RUN_END, print_run_end},
        {FMT_KIND_RELEASE_PROMOTE, print_promote},   {FMT_KIND_RELEASE_ROLLBACK, print_rollback},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        fmt_verdict verdict = FMT_OK;

        if (kinds[i].kind == record->kind)
            verdict = kinds[i].print(&dump->lines, record->body);
        if (verdict != FMT_OK)
            dump_print_bad(dump, DEPTH, "body", offset, fmt_verdict_text(verdict));
    }
}
