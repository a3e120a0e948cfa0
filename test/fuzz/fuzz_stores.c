/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_stores.c — any bytes as each body of content, runs and releases: what decodes lies within the input, is msgpack,
 * and encodes to a body that decodes to the same.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "format/stores.h"

/** The input, and the body that is made of what was decoded. */
typedef struct input {
    const uint8_t *data;
    size_t size;
    uint8_t *again;
    size_t again_size;
} input;

/** A slice of the body, which must lie within it. */
static void within(const input *in, firn_slice slice, size_t size_max)
{
    MUST(slice.size <= size_max);
    fuzz_within(slice, in->data, in->size);
}

static void put(input *in, const void *bytes, size_t size)
{
    if (size != 0)
        memcpy(in->again + in->again_size, bytes, size);
    in->again_size += size;
}

static uint8_t *here(input *in)
{
    return in->again + in->again_size;
}

static bool is_blob(input *in, firn_slice body)
{
    fmt_content_blob blob;

    if (fmt_content_blob_decode(body, &blob) != FMT_OK)
        return false;
    within(in, (firn_slice){blob.digest, FIRN_DIGEST_SIZE}, SIZE_MAX);
    within(in, blob.bytes, SIZE_MAX);
    in->again_size += fmt_content_blob_prefix(here(in), &blob);
    put(in, blob.bytes.data, blob.bytes.size);
    return true;
}

static bool is_chunk(input *in, firn_slice body)
{
    fmt_content_chunk chunk;

    if (fmt_content_chunk_decode(body, &chunk) != FMT_OK)
        return false;
    within(in, (firn_slice){chunk.upload, FMT_UPLOAD_SIZE}, SIZE_MAX);
    within(in, chunk.bytes, SIZE_MAX);
    in->again_size += fmt_content_chunk_prefix(here(in), &chunk);
    put(in, chunk.bytes.data, chunk.bytes.size);
    return true;
}

static bool is_manifest(input *in, firn_slice body)
{
    fmt_content_manifest manifest;
    fmt_value element;
    size_t at = 0;
    uint64_t chunks = 0;

    if (fmt_content_manifest_decode(body, &manifest) != FMT_OK)
        return false;
    MUST(manifest.chunk_size != 0 && manifest.size > (manifest.chunks - 1) * manifest.chunk_size &&
         manifest.size <= manifest.chunks * manifest.chunk_size);
    in->again_size += fmt_content_manifest_prefix(here(in), &manifest);
    for (; fmt_value_next(&manifest.chunk_digests, &at, &element); chunks++) {
        within(in, element.bytes, FIRN_DIGEST_SIZE);
        MUST(element.bytes.size == FIRN_DIGEST_SIZE);
        fmt_content_manifest_digest(here(in), element.bytes.data);
        in->again_size += FMT_CONTENT_MANIFEST_DIGEST_SIZE;
    }
    MUST(chunks == manifest.chunks);
    in->again_size += fmt_content_manifest_suffix(here(in), manifest.time);
    return true;
}

static bool is_create(input *in, firn_slice body)
{
    fmt_run_create create;

    if (fmt_run_create_decode(body, &create) != FMT_OK)
        return false;
    within(in, create.run_id, FIRN_RUN_ID_SIZE_MAX);
    within(in, (firn_slice){create.spec_digest, FIRN_DIGEST_SIZE}, SIZE_MAX);
    within(in, create.git_sha, FIRN_TEXT_SIZE_MAX);
    within(in, create.agent_name, FIRN_TEXT_SIZE_MAX);
    within(in, create.tags, FIRN_TAGS_SIZE_MAX);
    within(in, create.evaluation.rubric_path, FIRN_TEXT_SIZE_MAX);
    in->again_size += fmt_run_create_prefix(here(in), &create);
    put(in, create.tags.data, create.tags.size);
    in->again_size += fmt_run_create_suffix(here(in), &create);
    return true;
}

static bool is_event(input *in, firn_slice body)
{
    fmt_run_event event;

    if (fmt_run_event_decode(body, &event) != FMT_OK)
        return false;
    within(in, event.run_id, FIRN_RUN_ID_SIZE_MAX);
    within(in, event.kind, FIRN_TEXT_SIZE_MAX);
    within(in, event.payload, SIZE_MAX);
    in->again_size += fmt_run_event_prefix(here(in), &event);
    put(in, event.payload.data, event.payload.size);
    return true;
}

static bool is_end(input *in, firn_slice body)
{
    fmt_run_end end;

    if (fmt_run_end_decode(body, &end) != FMT_OK)
        return false;
    MUST(end.status >= FIRN_RUN_COMPLETED && end.status <= FIRN_RUN_CANCELLED);
    within(in, end.run_id, FIRN_RUN_ID_SIZE_MAX);
    in->again_size += fmt_run_end_encode(here(in), &end);
    return true;
}

static bool is_release_or_rollback(input *in, firn_slice body, bool rollback)
{
    firn_release release;

    if (fmt_release_decode(body, rollback, &release) != FMT_OK)
        return false;
    MUST(rollback == (release.rollback_of != 0));
    within(in, release.name, FIRN_RELEASE_NAME_SIZE_MAX);
    within(in, release.version_label, FIRN_TEXT_SIZE_MAX);
    within(in, release.promoted_by, FIRN_TEXT_SIZE_MAX);
    within(in, release.notes, FIRN_RELEASE_NOTES_SIZE_MAX);
    in->again_size += fmt_release_prefix(here(in), &release);
    put(in, release.notes.data, release.notes.size);
    in->again_size += fmt_release_suffix(here(in), &release);
    return true;
}

static bool is_promote(input *in, firn_slice body)
{
    return is_release_or_rollback(in, body, false);
}

static bool is_rollback(input *in, firn_slice body)
{
    return is_release_or_rollback(in, body, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const kinds[])(input * in, firn_slice body) = {is_blob,  is_chunk, is_manifest, is_create,
                                                                 is_event, is_end,   is_promote,  is_rollback};
    /* An encoder's prefix and suffix take less than this more than the input that they came from. */
    uint8_t *first = fuzz_memory(0, size + 4096), *second = fuzz_memory(1, size + 8192);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        input in = {data, size, first, 0}, made;

        if (!kinds[i](&in, (firn_slice){data, size}))
            continue;
        MUST(fmt_body_check((firn_slice){data, size}, NULL) == FMT_OK);
        /* Members that this version does not know are gone, so the first time may be shorter; then it stays. */
        MUST(in.again_size <= size);
        made = (input){first, in.again_size, second, 0};
        MUST(kinds[i](&made, (firn_slice){first, in.again_size}));
        MUST(made.again_size == in.again_size && memcmp(first, second, in.again_size) == 0);
    }
    return 0;
}
