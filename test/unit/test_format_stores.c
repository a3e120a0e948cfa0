/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_stores.c — bodies of content, runs and releases: frozen bytes, round trips, every truncation. */
#include "test/unit/test_format.h"

#include <stdio.h>
#include <stdlib.h>

#include "format/stores.h"

#define S(text) ((firn_slice){(text), sizeof(text) - 1})

static const uint8_t digest[FIRN_DIGEST_SIZE] = {1, 2, 3};
static const uint8_t upload[FMT_UPLOAD_SIZE] = {9, 8, 7};
static const firn_time time_given = {.seconds = 1717243200, .nanoseconds = 5};

/** A body put together from its parts. */
typedef struct body {
    uint8_t data[4096];
    size_t size;
} body;

static void add(body *out, const void *data, size_t size)
{
    assert_true(size <= sizeof out->data - out->size);
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static firn_slice slice_of(const body *from)
{
    return (firn_slice){from->data, from->size};
}

/* The decoders as one type: whether a body is of the kind. */
static fmt_verdict is_blob(firn_slice bytes)
{
    fmt_content_blob out;
    return fmt_content_blob_decode(bytes, &out);
}
static fmt_verdict is_chunk(firn_slice bytes)
{
    fmt_content_chunk out;
    return fmt_content_chunk_decode(bytes, &out);
}
static fmt_verdict is_manifest(firn_slice bytes)
{
    fmt_content_manifest out;
    return fmt_content_manifest_decode(bytes, &out);
}
static fmt_verdict is_create(firn_slice bytes)
{
    fmt_run_create out;
    return fmt_run_create_decode(bytes, &out);
}
static fmt_verdict is_event(firn_slice bytes)
{
    fmt_run_event out;
    return fmt_run_event_decode(bytes, &out);
}
static fmt_verdict is_end(firn_slice bytes)
{
    fmt_run_end out;
    return fmt_run_end_decode(bytes, &out);
}
static fmt_verdict is_promote(firn_slice bytes)
{
    firn_release out;
    return fmt_release_decode(bytes, false, &out);
}
static fmt_verdict is_rollback(firn_slice bytes)
{
    firn_release out;
    return fmt_release_decode(bytes, true, &out);
}

/* Decodes whole, and neither cut short anywhere (in memory of that very size) nor with a byte behind. */
static void expect_strict(const body *whole, fmt_verdict (*decode)(firn_slice))
{
    body longer = *whole;

    assert_int_equal(decode(slice_of(whole)), FMT_OK);
    assert_int_equal(fmt_body_check(slice_of(whole), NULL), FMT_OK);
    for (size_t size = 0; size < whole->size; size++) {
        uint8_t *cut = malloc(size == 0 ? 1 : size);

        assert_non_null(cut);
        memcpy(cut, whole->data, size);
        assert_int_not_equal(decode((firn_slice){cut, size}), FMT_OK);
        free(cut);
    }
    add(&longer, "\xc0", 1);
    assert_int_not_equal(decode(slice_of(&longer)), FMT_OK);
}

static void expect_bytes(const body *got, const char *bytes, size_t size)
{
    assert_int_equal(got->size, size);
    assert_memory_equal(got->data, bytes, size);
}

#define TIME "\xc7\x0c\xff\0\0\0\x05\0\0\0\0\x66\x5b\x0d\x40"
#define DIGEST "\xc4\x20\1\2\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UPLOAD "\xc4\x10\x9\x8\x7\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define EXPECT_BYTES(got, text) expect_bytes((got), (text), sizeof(text) - 1)

/* Content as one record, a chunk of it, and what holds chunks together have these bytes for ever. */
static void test_content(void **state)
{
    body out = {.size = 0};
    uint8_t part[FMT_CONTENT_MANIFEST_DIGEST_SIZE];

    (void)state;
    out.size = fmt_content_blob_prefix(out.data, &(fmt_content_blob){digest, time_given, S("abc")});
    add(&out, "abc", 3);
    EXPECT_BYTES(&out, "\x84\0\1\1" DIGEST "\2" TIME "\3\xc4\3"
                       "abc");
    expect_strict(&out, is_blob);
    out.size = fmt_content_chunk_prefix(out.data, &(fmt_content_chunk){upload, 3, S("abc")});
    add(&out, "abc", 3);
    EXPECT_BYTES(&out, "\x84\0\1\1" UPLOAD "\2\3\3\xc4\3"
                       "abc");
    expect_strict(&out, is_chunk);
    out.size = fmt_content_manifest_prefix(
        out.data, &(fmt_content_manifest){.digest = digest, .size = 5, .chunk_size = 4, .upload = upload, .chunks = 2});
    fmt_content_manifest_digest(part, digest);
    add(&out, part, sizeof part);
    add(&out, part, sizeof part);
    out.size += fmt_content_manifest_suffix(out.data + out.size, time_given);
    EXPECT_BYTES(&out, "\x87\0\1\1" DIGEST "\2\5\3\4\4" UPLOAD "\5\x92" DIGEST DIGEST "\6" TIME);
    expect_strict(&out, is_manifest);
    out.data[sizeof "\x87\0\1\1" DIGEST "\2" - 1] = 9; /* A size that needs three chunks. */
    assert_int_equal(is_manifest(slice_of(&out)), FMT_SYNTAX);
}

/* A time of year 9999 is one; a second later, and before year 0, there is none. */
static void test_times(void **state)
{
    static const struct {
        int64_t seconds;
        fmt_verdict verdict;
    } cases[] = {{INT64_C(253402300799), FMT_OK},
                 {INT64_C(253402300800), FMT_SYNTAX},
                 {INT64_C(-62167219200), FMT_OK},
                 {INT64_C(-62167219201), FMT_SYNTAX},
                 {INT64_MAX, FMT_SYNTAX},
                 {INT64_MIN, FMT_SYNTAX}};
    body out = {.size = 0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fmt_content_blob blob = {digest, {.seconds = cases[i].seconds}, {NULL, 0}};

        out.size = fmt_content_blob_prefix(out.data, &blob);
        assert_int_equal(is_blob(slice_of(&out)), cases[i].verdict);
    }
}

/* A run's creation, an event and its end have these bytes for ever. */
static void test_run(void **state)
{
    fmt_run_create create = {.run_id = S("R"),
                             .spec_digest = digest,
                             .agent_name = S("a"),
                             .tags = S("{}"),
                             .has_evaluation = true,
                             .evaluation = {.rubric_path = S("p"), .is_promotion_gate = 1, .agent_phase = 3},
                             .created_at = time_given};
    fmt_run_event event = {S("R"), UINT64_MAX, S("k"), time_given, S("{}")};
    fmt_run_end end = {.run_id = S("R"),
                       .status = FIRN_RUN_FAILED,
                       .summary = {.total_events = 2, .duration_ms = 300},
                       .completed_at = time_given};
    body out = {.size = 0};

    (void)state;
    out.size = fmt_run_create_prefix(out.data, &create);
    add(&out, "{}", 2);
    out.size += fmt_run_create_suffix(out.data + out.size, &create);
    EXPECT_BYTES(&out, "\x88\0\1\1\xa1R\2" DIGEST "\3\xc0\4\xa1"
                       "a\5\xa2{}\6\x93\xa1p\xc3\3\7" TIME);
    expect_strict(&out, is_create);
    out.size = fmt_run_event_prefix(out.data, &event);
    add(&out, "{}", 2);
    EXPECT_BYTES(&out, "\x86\0\1\1\xa1R\2\xcf\xff\xff\xff\xff\xff\xff\xff\xff\3\xa1k\4" TIME "\5\xa2{}");
    expect_strict(&out, is_event);
    out.size = fmt_run_end_encode(out.data, &end);
    EXPECT_BYTES(&out, "\x87\0\1\1\xa1R\2\2\3\x94\2\xc0\xcd\x01\x2c\xc2\4" TIME "\5\0\6\xc0");
    expect_strict(&out, is_end);
}

/* A promoted release and one that was rolled back to have these bytes for ever. */
static void test_release(void **state)
{
    firn_release release = {
        .name = S("n"), .version_label = S("v"), .promoted_by = S(""), .created_at = time_given, .release_number = 3};
    body out = {.size = 0};

    (void)state;
    memcpy(release.spec_digest, digest, sizeof digest);
    out.size = fmt_release_prefix(out.data, &release);
    out.size += fmt_release_suffix(out.data + out.size, &release);
    EXPECT_BYTES(&out, "\x88\0\1\1\xa1n\2\3\3" DIGEST "\4\xa1v\5\xa0\6\xc0\7" TIME);
    expect_strict(&out, is_promote);
    release.rollback_of = 1;
    release.rollback_from = 2;
    release.notes = S("no");
    out.size = fmt_release_prefix(out.data, &release);
    add(&out, "no", 2);
    out.size += fmt_release_suffix(out.data + out.size, &release);
    EXPECT_BYTES(&out, "\x8a\0\1\1\xa1n\2\3\3" DIGEST "\4\xa1v\5\xa0\6\xa2no\7" TIME "\x8\1\x9\2");
    expect_strict(&out, is_rollback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_release),
    };

    return cmocka_run_group_tests_name("format_stores", tests, NULL, NULL);
}
