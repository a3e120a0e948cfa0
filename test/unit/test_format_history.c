/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_history.c — the encoding under the logical digest: what of a body is not of the history. */
#include "test/unit/test_format.h"

#include "format/history.h"
#include "format/kinds.h"

#define ID "0123456789abcdef"
#define TIMESTAMP  \
    "\xc7\x0c\xff" \
    "NNNNssssssss"

typedef struct body_case {
    const char *what;
    uint16_t kind;
    uint32_t flags;
    firn_slice body;
    fmt_history_mask masks[2];
    size_t count;
} body_case;

#define BODY(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const body_case cases[] = {
    {"the upload id of a chunk",
     FMT_KIND_CONTENT_CHUNK,
     0,
     BODY("\x84\x00\x01\x01\xc4\x10" ID "\x02\x07\x03\xc4\x01x"),
     {{6, 16}},
     1},
    {"that of a manifest, which stands fourth",
     FMT_KIND_CONTENT_MANIFEST,
     0,
     BODY("\x86\x00\x01\x01\xc4\x01"
          "d\x02\x09\x03\x08\x04\xc4\x10" ID "\x05" TIMESTAMP),
     {{14, 16}},
     1},
    {"and its time",
     FMT_KIND_CONTENT_MANIFEST,
     FMT_HISTORY_NO_TIME,
     BODY("\x86\x00\x01\x01\xc4\x01"
          "d\x02\x09\x03\x08\x04\xc4\x10" ID "\x05" TIMESTAMP),
     {{14, 16}, {34, 12}},
     2},
    {"a blob's time, where times count", FMT_KIND_CONTENT_BLOB, 0, BODY("\x82\x00\x01\x02" TIMESTAMP), {{0}}, 0},
    {"a blob's time, where they do not",
     FMT_KIND_CONTENT_BLOB,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x02" TIMESTAMP),
     {{7, 12}},
     1},
    {"a kind that is not known yet",
     FMT_BLOCK_SPACE,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x10" TIMESTAMP),
     {{7, 12}},
     1},
    {"a member behind those that are looked at",
     FMT_BLOCK_SPACE,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x11" TIMESTAMP),
     {{0}},
     0},
    {"a time within another member",
     FMT_BLOCK_SPACE,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x01\x91" TIMESTAMP),
     {{0}},
     0},
    {"an ext of another type",
     FMT_BLOCK_SPACE,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x01\xc7\x0c\x01NNNNssssssss"),
     {{0}},
     0},
    {"a timestamp of another form",
     FMT_BLOCK_SPACE,
     FMT_HISTORY_NO_TIME,
     BODY("\x82\x00\x01\x01\xd6\xffssss"),
     {{0}},
     0},
    {"an application's event", 1, FMT_HISTORY_NO_TIME, BODY("\x82\x00\x01\x01" TIMESTAMP), {{0}}, 0},
    {"a chunk whose id is a text", FMT_KIND_CONTENT_CHUNK, 0, BODY("\x82\x00\x01\x01\xa2id"), {{0}}, 0},
    {"a chunk of a later version", FMT_KIND_CONTENT_CHUNK, 0, BODY("\x82\x00\x02\x01\xc4\x10" ID), {{0}}, 0},
};

/* Of each body these parts, and no others, read as zeros; of a body that was cut none. */
static void test_masks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const body_case *c = &cases[i];
        fmt_record record = {.seq = 1, .kind = c->kind, .version = 1, .body = c->body};
        fmt_history_mask got[FMT_HISTORY_MEMBERS_MAX];
        size_t count = fmt_history_masks(&record, c->flags, got);

        if (count != c->count || memcmp(got, c->masks, count * sizeof *got) != 0) {
            fail_msg("%s: %zu parts, the first at %zu", c->what, count, count > 0 ? got[0].at : 0);
        }
        while (record.body.size-- > 0) {
            assert_int_equal(fmt_history_masks(&record, c->flags, got), 0);
        }
    }
}

/* The longest batch and the longest record take what is said that they take at most. */
static void test_sizes(void **state)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE];
    static char text[FIRN_STREAM_NAME_SIZE_MAX];
    uint8_t batch_bytes[FMT_HISTORY_BATCH_MAX], record_bytes[FMT_HISTORY_RECORD_MAX];
    fmt_batch batch = {.first_seq = 1, .count = 1, .time_ns = -1};
    fmt_record record = {.seq = 1, .kind = 1, .version = 1};

    (void)state;
    assert_int_equal(fmt_history_batch(batch_bytes, &batch, 0), FMT_HISTORY_BATCH_HEADER);
    assert_int_equal(batch_bytes[FMT_HISTORY_BATCH_TIME], 0xff);
    batch.has_key = true;
    batch.key = (fmt_batch_key){{text, FIRN_KEY_SIZE_MAX}, {text, FIRN_KEY_SIZE_MAX}, digest};
    assert_int_equal(fmt_history_batch(batch_bytes, &batch, FMT_HISTORY_NO_TIME), FMT_HISTORY_BATCH_MAX);
    assert_int_equal(batch_bytes[FMT_HISTORY_BATCH_TIME], 0);
    assert_int_equal(fmt_history_record(record_bytes, &record, (firn_slice){0}), FMT_HISTORY_RECORD_HEADER);
    assert_int_equal(fmt_history_record(record_bytes, &record, (firn_slice){text, sizeof text}),
                     FMT_HISTORY_RECORD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
