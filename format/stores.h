/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stores.h — the bodies of content, runs and releases: msgpack maps, members in the order of their keys from 1.
 *
 *   kind              members
 *   content.blob      digest, time, bytes
 *   content.chunk     upload, index, bytes
 *   content.manifest  digest, size, chunk size, upload, [digest of each chunk], time
 *   run.create        run id, spec digest, git sha?, agent name, tags, [rubric path?, promotion gate, phase]?, time
 *   run.event         run id, event seq, kind, timestamp, payload
 *   run.end           run id, status, [total events, final state digest?, duration ms, success], time, events,
 *                     highest event seq?
 *   release.promote   name, number, spec digest, version label?, promoted by, notes?, time
 *   release.rollback  as release.promote, rollback of, rollback from
 *
 * Digests are bins of FIRN_DIGEST_SIZE, an upload id is one of FMT_UPLOAD_SIZE; times are msgpack timestamps in their
 * 12-byte form; a member with ? may be nil. Large bytes are not copied: encoders write what stands before and behind
 * them. Slices in what decoders return are borrowed from the body.
 */
#ifndef FMT_STORES_H
#define FMT_STORES_H

#include "firn/release.h"
#include "firn/run.h"
#include "format/body.h"

enum {
    FMT_UPLOAD_SIZE = 16,
    FMT_BLOB_PREFIX_MAX = 64,
    FMT_CHUNK_PREFIX_MAX = 40,
    FMT_CONTENT_MANIFEST_PREFIX_MAX = 96,
    FMT_CONTENT_MANIFEST_DIGEST_SIZE = 2 + FIRN_DIGEST_SIZE, /**< Bytes of one chunk's digest as encoded. */
    FMT_CONTENT_MANIFEST_SUFFIX_MAX = 20,
    FMT_RUN_CREATE_PREFIX_MAX = 900,
    FMT_RUN_CREATE_SUFFIX_MAX = 320,
    FMT_RUN_EVENT_PREFIX_MAX = 560,
    FMT_RUN_END_SIZE_MAX = 384,
    FMT_RELEASE_PREFIX_MAX = 900,
    FMT_RELEASE_SUFFIX_MAX = 48
};

typedef struct fmt_content_blob {
    const uint8_t *digest;
    firn_time time;
    firn_slice bytes;
} fmt_content_blob;
/** What stands before the bytes. */
size_t fmt_content_blob_prefix(uint8_t out[FMT_BLOB_PREFIX_MAX], const fmt_content_blob *blob);
fmt_verdict fmt_content_blob_decode(firn_slice body, fmt_content_blob *out_blob);

typedef struct fmt_content_chunk {
    const uint8_t *upload;
    uint64_t index; /**< From 0. */
    firn_slice bytes;
} fmt_content_chunk;
size_t fmt_content_chunk_prefix(uint8_t out[FMT_CHUNK_PREFIX_MAX], const fmt_content_chunk *chunk);
fmt_verdict fmt_content_chunk_decode(firn_slice body, fmt_content_chunk *out_chunk);

typedef struct fmt_content_manifest {
    const uint8_t *digest;
    uint64_t size;
    uint64_t chunk_size;
    const uint8_t *upload;
    uint64_t chunks;
    fmt_value chunk_digests; /**< Decoded: an array of bins, for fmt_value_next(). */
    firn_time time;
} fmt_content_manifest;
/** What stands before the digests of the chunks, each of which is written by fmt_content_manifest_digest(), … */
size_t fmt_content_manifest_prefix(uint8_t out[FMT_CONTENT_MANIFEST_PREFIX_MAX], const fmt_content_manifest *manifest);
void fmt_content_manifest_digest(uint8_t out[FMT_CONTENT_MANIFEST_DIGEST_SIZE], const uint8_t *digest);
/** … and what stands behind them. */
size_t fmt_content_manifest_suffix(uint8_t out[FMT_CONTENT_MANIFEST_SUFFIX_MAX], firn_time time);
fmt_verdict fmt_content_manifest_decode(firn_slice body, fmt_content_manifest *out_manifest);

typedef struct fmt_run_create {
    firn_slice run_id;
    const uint8_t *spec_digest;
    firn_slice git_sha; /**< data NULL: nil. */
    firn_slice agent_name;
    firn_slice tags;
    bool has_evaluation;
    firn_run_evaluation evaluation;
    firn_time created_at;
} fmt_run_create;
/** What stands before the tags, and behind. */
size_t fmt_run_create_prefix(uint8_t out[FMT_RUN_CREATE_PREFIX_MAX], const fmt_run_create *create);
size_t fmt_run_create_suffix(uint8_t out[FMT_RUN_CREATE_SUFFIX_MAX], const fmt_run_create *create);
fmt_verdict fmt_run_create_decode(firn_slice body, fmt_run_create *out_create);

typedef struct fmt_run_event {
    firn_slice run_id;
    uint64_t event_seq;
    firn_slice kind;
    firn_time timestamp;
    firn_slice payload;
} fmt_run_event;
/** What stands before the payload. */
size_t fmt_run_event_prefix(uint8_t out[FMT_RUN_EVENT_PREFIX_MAX], const fmt_run_event *event);
fmt_verdict fmt_run_event_decode(firn_slice body, fmt_run_event *out_event);

typedef struct fmt_run_end {
    firn_slice run_id;
    firn_run_status status;
    firn_run_summary summary;
    firn_time completed_at;
    uint64_t event_count;
    uint64_t last_event_seq; /**< nil if event_count is 0. */
} fmt_run_end;
size_t fmt_run_end_encode(uint8_t out[FMT_RUN_END_SIZE_MAX], const fmt_run_end *end);
fmt_verdict fmt_run_end_decode(firn_slice body, fmt_run_end *out_end);

/** Encoders and decoder work on the public struct; its seq is not part of the body. A release with rollback_of 0 is a
    release.promote. What stands before the notes, and behind. */
size_t fmt_release_prefix(uint8_t out[FMT_RELEASE_PREFIX_MAX], const firn_release *release);
size_t fmt_release_suffix(uint8_t out[FMT_RELEASE_SUFFIX_MAX], const firn_release *release);
fmt_verdict fmt_release_decode(firn_slice body, bool rollback, firn_release *out_release);

#endif
