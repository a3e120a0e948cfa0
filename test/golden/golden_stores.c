/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden_stores.c — each body of content, runs and releases byte for byte, and what dump says about it.
 *
 * The files in stores/ are frozen as those of v1/ are. The first segment holds every body as it should be; the second
 * one holds records that verify and whose bodies do not decode, and a kind that this version does not know.
 */
#include "test/golden/golden.h"

#include <stdio.h>
#include <string.h>

#include "format/kinds.h"
#include "format/stores.h"

#define S(text) ((firn_slice){(text), sizeof(text) - 1})

static const uint8_t digest[FIRN_DIGEST_SIZE] = {0xd1, 0x9e, 0x57};
static const uint8_t other[FIRN_DIGEST_SIZE] = {0x07, 0xe4};
static const uint8_t upload[FMT_UPLOAD_SIZE] = {0x0b, 0x1d};
static const firn_time given = {.seconds = 1717243200, .nanoseconds = 5};
/* A time that ns since 1970 cannot hold. */
static const firn_time late = {.seconds = INT64_C(253402300799), .nanoseconds = 999999999};

/* A record of a store: its body in parts. */
static void add(segment_building *building, uint16_t kind, uint32_t stream, uint64_t version, firn_slice before,
                firn_slice middle, firn_slice behind)
{
    const firn_slice parts[] = {before, middle, behind};

    (void)fmt_batch_add(&building->writer, kind, stream, version, parts, 3);
}

static const firn_slice none = {NULL, 0};

static void add_content(segment_building *building)
{
    uint8_t prefix[FMT_CONTENT_MANIFEST_PREFIX_MAX], suffix[FMT_CONTENT_MANIFEST_SUFFIX_MAX];
    uint8_t chunks[2 * FMT_CONTENT_MANIFEST_DIGEST_SIZE];
    fmt_content_blob blob = {digest, given, S("hello world")};
    fmt_content_blob empty = {other, given, none};
    fmt_content_chunk chunk = {upload, 0, S("four")};
    fmt_content_manifest manifest = {.digest = other, .size = 5, .chunk_size = 4, .upload = upload, .chunks = 2};
    size_t size;

    size = fmt_content_blob_prefix(prefix, &blob);
    add(building, FMT_KIND_CONTENT_BLOB, 0, 1, (firn_slice){prefix, size}, blob.bytes, none);
    size = fmt_content_blob_prefix(prefix, &empty);
    add(building, FMT_KIND_CONTENT_BLOB, 0, 2, (firn_slice){prefix, size}, none, none);
    size = fmt_content_chunk_prefix(prefix, &chunk);
    add(building, FMT_KIND_CONTENT_CHUNK, 0, 3, (firn_slice){prefix, size}, chunk.bytes, none);
    chunk.index = 1;
    chunk.bytes = S("5");
    size = fmt_content_chunk_prefix(prefix, &chunk);
    add(building, FMT_KIND_CONTENT_CHUNK, 0, 4, (firn_slice){prefix, size}, chunk.bytes, none);
    fmt_content_manifest_digest(chunks, digest);
    fmt_content_manifest_digest(chunks + FMT_CONTENT_MANIFEST_DIGEST_SIZE, other);
    size = fmt_content_manifest_prefix(prefix, &manifest);
    add(building, FMT_KIND_CONTENT_MANIFEST, 0, 5, (firn_slice){prefix, size}, (firn_slice){chunks, sizeof chunks},
        (firn_slice){suffix, fmt_content_manifest_suffix(suffix, late)});
}

static void add_run(segment_building *building)
{
    static char tags[300];
    uint8_t prefix[FMT_RUN_CREATE_PREFIX_MAX], suffix[FMT_RUN_CREATE_SUFFIX_MAX], whole[FMT_RUN_END_SIZE_MAX];
    fmt_run_create create = {.run_id = S("n\xc3\xa9v\xc3\xa9 1"),
                             .spec_digest = digest,
                             .git_sha = S("abc123"),
                             .agent_name = S("agent \"a\""),
                             .tags = {tags, sizeof tags},
                             .has_evaluation = true,
                             .evaluation = {.rubric_path = S("r.md"), .is_promotion_gate = 1, .agent_phase = 3},
                             .created_at = given};
    fmt_run_event event = {S("R"), UINT64_MAX, S("Custom:x"), late, S("{\"a\": [1,2]}\n")};
    fmt_run_end end = {
        .run_id = S("R"), .status = FIRN_RUN_FAILED, .summary = {2, 300, 1, 1, {1}}, .completed_at = given};
    size_t size;

    /* The cut of a long text would fall into a character. */
    memset(tags, 'x', sizeof tags);
    tags[0] = tags[sizeof tags - 1] = '"';
    memcpy(tags + 199, "\xc5\xbc", 2);
    size = fmt_run_create_prefix(prefix, &create);
    add(building, FMT_KIND_RUN_CREATE, 1, 1, (firn_slice){prefix, size}, create.tags,
        (firn_slice){suffix, fmt_run_create_suffix(suffix, &create)});
    create = (fmt_run_create){
        .run_id = S("R"), .spec_digest = other, .agent_name = S(""), .tags = S("null"), .created_at = given};
    size = fmt_run_create_prefix(prefix, &create);
    add(building, FMT_KIND_RUN_CREATE, 2, 1, (firn_slice){prefix, size}, create.tags,
        (firn_slice){suffix, fmt_run_create_suffix(suffix, &create)});
    size = fmt_run_event_prefix(prefix, &event);
    add(building, FMT_KIND_RUN_EVENT, 2, 2, (firn_slice){prefix, size}, event.payload, none);
    add(building, FMT_KIND_RUN_END, 2, 3, (firn_slice){whole, fmt_run_end_encode(whole, &end)}, none, none);
    end = (fmt_run_end){.run_id = S("n\xc3\xa9v\xc3\xa9 1"),
                        .status = FIRN_RUN_COMPLETED,
                        .completed_at = given,
                        .event_count = 7,
                        .last_event_seq = 4096};
    add(building, FMT_KIND_RUN_END, 1, 2, (firn_slice){whole, fmt_run_end_encode(whole, &end)}, none, none);
}

static void add_release(segment_building *building)
{
    uint8_t prefix[FMT_RELEASE_PREFIX_MAX], suffix[FMT_RELEASE_SUFFIX_MAX];
    firn_release release = {
        .name = S("agent"), .promoted_by = S("ci"), .created_at = given, .release_number = 1, .version_label = none};
    size_t size;

    memcpy(release.spec_digest, digest, sizeof digest);
    size = fmt_release_prefix(prefix, &release);
    add(building, FMT_KIND_RELEASE_PROMOTE, 3, 1, (firn_slice){prefix, size}, release.notes,
        (firn_slice){suffix, fmt_release_suffix(suffix, &release)});
    release.release_number = 2;
    release.version_label = S("v2");
    release.notes = S("first line\nsecond line");
    size = fmt_release_prefix(prefix, &release);
    add(building, FMT_KIND_RELEASE_PROMOTE, 3, 2, (firn_slice){prefix, size}, release.notes,
        (firn_slice){suffix, fmt_release_suffix(suffix, &release)});
    release.release_number = 3;
    release.rollback_of = 1;
    release.rollback_from = 2;
    size = fmt_release_prefix(prefix, &release);
    add(building, FMT_KIND_RELEASE_ROLLBACK, 3, 3, (firn_slice){prefix, size}, release.notes,
        (firn_slice){suffix, fmt_release_suffix(suffix, &release)});
}

static void build_good(segment_building *building)
{
    static const fmt_name names[] = {
        {1, {"run:n\xc3\xa9v\xc3\xa9 1", 12}}, {2, {"run:R", 5}}, {3, {"release:agent", 13}}};

    segment_begin(building, 1, 1, 1, 0);
    group_begin(building);
    batch_begin(building);
    add_content(building);
    add_run(building);
    add_release(building);
    batch_finish(building, names, 3, NULL);
    group_finish(building);
    seal(building);
}

/* Bodies that no store writes: cut short, of another kind, with a time in no year; and a kind of a later version. */
static void build_bad(segment_building *building, const segment_building *first)
{
    uint8_t prefix[FMT_CONTENT_MANIFEST_PREFIX_MAX];
    fmt_content_blob blob = {digest, {.seconds = INT64_MAX}, S("hello world")};
    fmt_content_chunk chunk = {upload, 0, S("four")};
    size_t size;

    segment_begin(building, 2, 1, first->next_seq, first->footer.last_crc);
    group_begin(building);
    batch_begin(building);
    size = fmt_content_blob_prefix(prefix, &blob);
    add(building, FMT_KIND_CONTENT_BLOB, 0, 6, (firn_slice){prefix, size}, blob.bytes, none);
    size = fmt_content_chunk_prefix(prefix, &chunk);
    add(building, FMT_KIND_RUN_EVENT, 2, 4, (firn_slice){prefix, size}, chunk.bytes, none);
    add(building, FMT_KIND_CONTENT_CHUNK, 0, 7, (firn_slice){prefix, size}, S("fou"), none);
    add(building, FMT_BLOCK_SPACE + FMT_BLOCK_SPACE_COUNT - 1, 0, 8, S("\x81\0\1"), none, none);
    batch_finish(building, NULL, 0, NULL);
    group_finish(building);
}

int main(int argc, char **argv)
{
    bool writing = argc == 3 && strcmp(argv[1], "--write") == 0;
    const char *folder = argv[argc - 1];
    static segment_building good, bad;
    int differs = 0;

    if (argc != 2 && !writing) {
        fprintf(stderr, "usage: %s [--write] FOLDER\n", argv[0]);
        return 2;
    }
    build_good(&good);
    build_bad(&bad, &good);
    differs |= golden(folder, "0000000000000001", ".seg", writing, good.data, SEGMENT_SIZE);
    differs |= golden(folder, "0000000000000002", ".seg", writing, bad.data, SEGMENT_SIZE);
    differs |= golden_dump(folder, "0000000000000001.seg", writing, 0);
    differs |= golden_dump(folder, "0000000000000002.seg", writing, 3);
    return differs;
}
