/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_content.c — content by digest: the cases of the contract by their numbers, chunks, readers and writers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/ledger/ledger.h"
#include "test/api/api.h"

enum {
    CHUNK = 1048576
};

static void digest_text(const uint8_t *digest, char out[FIRN_DIGEST_TEXT_SIZE])
{
    firn_digest_format(digest, out);
}

static firn_content_put_result put(firn_ledger *ledger, const void *bytes, size_t size)
{
    firn_content_put_result result;
    firn_error err;

    OK(err, firn_content_put(ledger, (firn_slice){bytes, size}, NULL, &result, &err));
    assert_int_equal(result.size, size);
    return result;
}

static firn_view *view_of(firn_ledger *ledger)
{
    firn_view *view;
    firn_error err;

    OK(err, firn_view_open(ledger, &view, &err));
    return view;
}

static bool has(firn_ledger *ledger, const uint8_t *digest)
{
    firn_view *view = view_of(ledger);
    firn_error err;
    int there;

    OK(err, firn_content_has(view, digest, &there, &err));
    firn_view_close(view);
    return there != 0;
}

/* Content reads back equal, with and without its digest being checked, and its description fits. */
static void expect_bytes(firn_ledger *ledger, const uint8_t *digest, const void *bytes, size_t size, uint64_t chunks)
{
    firn_content_read_options check = {.struct_size = sizeof check, .check_digest = 1};
    firn_view *view = view_of(ledger);
    firn_content content;
    firn_buf buf = {0};
    firn_error err;

    for (int i = 0; i < 2; i++) {
        OK(err, firn_content_get(view, digest, i == 0 ? NULL : &check, &buf, &err));
        assert_int_equal(buf.size, size);
        assert_memory_equal(buf.data, size == 0 ? "" : bytes, size);
    }
    OK(err, firn_content_stat(view, digest, &content, &err));
    assert_int_equal(content.size, size);
    assert_int_equal(content.chunks, chunks);
    assert_memory_equal(content.digest, digest, FIRN_DIGEST_SIZE);
    firn_buf_free(&buf);
    firn_view_close(view);
}

/* Cases 1, 2, 4, 5, 6, 9, 10: small contents get their known digests, are kept once, and read back after reopening. */
static void test_known_digests(void **state)
{
    static const struct {
        const char *bytes, *digest;
    } cases[] = {
        {"hello world", "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"},
        {"round trip data", "c273423b4dfdfefce3d547f37a0a058d06862d504f44c70a658772978909556a"},
        {"identical bytes", "8ca5bfb553e7ce32d7543bac5f91cdc3e28d650106da4e244c0eeb5e3a71ea64"},
        {"alpha", "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"},
        {"beta", "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"},
        {"check me", "e5a1cb2e33a5e467781820a6cbe4c7f25254a448300060066a253f52baee37e0"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };
    api_world *world = *state;
    uint8_t all[256], digest[FIRN_DIGEST_SIZE];
    char text[FIRN_DIGEST_TEXT_SIZE], few[FIRN_DIGEST_SHORT_SIZE];
    firn_error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        firn_content_put_result first = put(world->ledger, cases[i].bytes, strlen(cases[i].bytes));

        digest_text(first.digest, text);
        assert_string_equal(text, cases[i].digest);
        assert_int_equal(first.existing, 0);
        assert_int_equal(put(world->ledger, cases[i].bytes, strlen(cases[i].bytes)).existing, 1);
        assert_int_equal(api_count(world->ledger), i + 1);
    }
    firn_digest_short(put(world->ledger, "hello world", 11).digest, few);
    assert_string_equal(few, "b94d27b9934d");
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)i;
    }
    digest_text(put(world->ledger, all, sizeof all).digest, text);
    assert_string_equal(text, "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880");
    api_check_and_reopen(world);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OK(err, firn_digest_parse(S(cases[i].digest), digest, &err));
        assert_true(has(world->ledger, digest));
        expect_bytes(world->ledger, digest, cases[i].bytes, strlen(cases[i].bytes), 0);
    }
}

/* Cases 3, 6, 14, 15: absent content, upper-case digests, and texts that are no digest. */
static void test_absent_and_texts(void **state)
{
    static const char *const bad[] = {"abcd",
                                      "94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
                                      "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde90",
                                      "g94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
                                      " 94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
                                      "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
                                      "b94d27b9934d",
                                      ""};
    api_world *world = *state;
    firn_view *view;
    firn_content content;
    uint8_t digest[FIRN_DIGEST_SIZE];
    char text[512];
    firn_buf buf = {0};
    firn_error err;

    put(world->ledger, "hello world", 11);
    view = view_of(world->ledger);
    OK(err, firn_digest_of(S("nonexistent data for bogus digest"), digest, &err));
    EXPECT(FIRN_ENOTFOUND, err,
           "get content: content not found: 410afa8232b0742e357f0e3e85a8dce829a1b488722b23b6bc227be5b4b6bc83",
           firn_content_get(view, digest, NULL, &buf, &err));
    EXPECT(FIRN_ENOTFOUND, err,
           "stat content: content not found: 410afa8232b0742e357f0e3e85a8dce829a1b488722b23b6bc227be5b4b6bc83",
           firn_content_stat(view, digest, &content, &err));
    assert_false(has(world->ledger, digest));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "invalid digest: %s", bad[i]);
        EXPECT(FIRN_EINVAL, err, text, firn_digest_parse(S(bad[i]), digest, &err));
    }
    OK(err, firn_digest_parse(S("B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9"), digest, &err));
    expect_bytes(world->ledger, digest, "hello world", 11, 0);
    firn_view_close(view);
}

static uint8_t *filled(size_t size, int byte)
{
    uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    memset(bytes, byte, size);
    return bytes;
}

/* Cases 11, 18, 27: content longer than a chunk is stored in chunks and keeps its digest. */
static void test_chunks(void **state)
{
    static const struct {
        size_t size;
        int byte;
        uint64_t chunks;
        const char *digest;
    } cases[] = {
        {1100000, 0xab, 2, "d807d9be28cdad27f42c8d9fc1cf2ebd06e1de2c8e6a682f6024c360c5839045"},
        {CHUNK, 0, 0, "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"},
        {CHUNK + 1, 0, 2, "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264"},
        {16 * CHUNK, 0, 16, "080acf35a507ac9849cfcba47dc2ad83e01b75663a516279c8b9d243b719643e"},
    };
    api_world *world = *state;
    char text[FIRN_DIGEST_TEXT_SIZE];
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes = filled(cases[i].size, cases[i].byte);

        digest_text(put(world->ledger, bytes, cases[i].size).digest, text);
        assert_string_equal(text, cases[i].digest);
        assert_int_equal(put(world->ledger, bytes, cases[i].size).existing, 1);
        free(bytes);
    }
    api_check_and_reopen(world);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes = filled(cases[i].size, cases[i].byte);

        OK(err, firn_digest_parse(S(cases[i].digest), digest, &err));
        expect_bytes(world->ledger, digest, bytes, cases[i].size, cases[i].chunks);
        free(bytes);
    }
}

/* Case 12: 4,096 bytes of a generator have the digest that other implementations get. */
static void test_generated(void **state)
{
    api_world *world = *state;
    uint8_t bytes[4096], digest[FIRN_DIGEST_SIZE];
    uint64_t s = 0xdeadbeef;
    char text[FIRN_DIGEST_TEXT_SIZE];
    firn_error err;

    for (size_t i = 0; i < sizeof bytes; i++) {
        s = s * UINT64_C(6364136223846793005) + 1;
        bytes[i] = (uint8_t)(s >> 33);
    }
    assert_memory_equal(bytes, "\x38\xbe\x9a\xe5", 4);
    digest_text(put(world->ledger, bytes, sizeof bytes).digest, text);
    assert_string_equal(text, "47934eb32702513742cc0702850aab0ef6f186d215925daa2f34ecb132f8f6f4");
    api_check_and_reopen(world);
    OK(err, firn_digest_parse(S(text), digest, &err));
    expect_bytes(world->ledger, digest, bytes, sizeof bytes, 0);
}

/* Need N6: the same 1 MiB put twice makes the log grow by less than 1 KiB. */
static void test_kept_once(void **state)
{
    api_world *world = *state;
    uint8_t *bytes = filled(CHUNK, 7);
    firn_stats before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    firn_error err;

    put(world->ledger, bytes, CHUNK);
    OK(err, firn_stat(world->ledger, &before, &err));
    assert_int_equal(put(world->ledger, bytes, CHUNK).existing, 1);
    OK(err, firn_stat(world->ledger, &after, &err));
    assert_true(after.log_size - before.log_size < 1024);
    free(bytes);
}

/* Cases 17, 19: a stream of pieces is invisible until it is finished, and is read back from any offset. */
static void test_streams(void **state)
{
    const size_t size = 3145733, pieces[] = {1, 7, 65536, 3145733 - 65544};
    api_world *world = *state;
    uint8_t *bytes = filled(size, 0xab), part[16], chunk[FIRN_DIGEST_SIZE];
    char text[FIRN_DIGEST_TEXT_SIZE];
    firn_content_writer *writer;
    firn_content_reader *reader;
    firn_content_put_result result;
    firn_content content;
    firn_view *view;
    size_t at = 0, got;
    firn_error err;

    OK(err, firn_digest_of((firn_slice){bytes, size}, chunk, &err));
    OK(err, firn_content_writer_open(world->ledger, &writer, &err));
    for (size_t i = 0; i < 4; i++) {
        OK(err, firn_content_writer_write(writer, (firn_slice){bytes + at, pieces[i]}, &err));
        at += pieces[i];
    }
    assert_false(has(world->ledger, chunk));
    OK(err, firn_content_writer_finish(writer, chunk, &result, &err));
    EXPECT(FIRN_ESTATE, err, "write content: the writer was finished, or failed before",
           firn_content_writer_write(writer, S("x"), &err));
    firn_content_writer_close(writer);
    digest_text(result.digest, text);
    assert_string_equal(text, "40ca075db3d449dfaa00b079271ff30dc7eae824da37a857451327a12777a27a");
    assert_int_equal(result.existing, 0);
    assert_int_equal(put(world->ledger, bytes, size).existing, 1);
    api_check_and_reopen(world);
    view = view_of(world->ledger);
    OK(err, firn_content_reader_open(view, result.digest, NULL, &reader, &content, &err));
    firn_view_close(view);
    assert_int_equal(content.chunks, 4);
    OK(err, firn_content_reader_read(reader, 1048570, part, 12, &got, &err));
    assert_int_equal(got, 12);
    assert_memory_equal(part, bytes, 12);
    OK(err, firn_content_reader_read(reader, 3145730, part, 10, &got, &err));
    assert_int_equal(got, 3);
    OK(err, firn_content_reader_read(reader, 3145733, part, 10, &got, &err));
    assert_int_equal(got, 0);
    firn_content_reader_close(reader);
    OK(err, firn_digest_of((firn_slice){bytes, CHUNK}, chunk, &err));
    assert_false(has(world->ledger, chunk));
    free(bytes);
}

/* Case 20: a writer that is closed before it is finished leaves nothing to be seen, and the ledger sound. */
static void test_abort(void **state)
{
    api_world *world = *state;
    uint8_t *bytes = filled((size_t)5 * CHUNK, 3), digest[FIRN_DIGEST_SIZE];
    firn_content_writer *writer;
    firn_error err;

    OK(err, firn_content_writer_open(world->ledger, &writer, &err));
    OK(err, firn_content_writer_write(writer, (firn_slice){bytes, (size_t)5 * CHUNK}, &err));
    firn_content_writer_close(writer);
    OK(err, firn_digest_of((firn_slice){bytes, (size_t)5 * CHUNK}, digest, &err));
    assert_false(has(world->ledger, digest));
    api_check_and_reopen(world);
    assert_false(has(world->ledger, digest));
    assert_int_equal(put(world->ledger, bytes, (size_t)5 * CHUNK).existing, 0);
    expect_bytes(world->ledger, digest, bytes, (size_t)5 * CHUNK, 5);
    free(bytes);
}

/* Case 24: bytes with another digest than expected are refused in every form, and nothing is stored. */
static void test_expected(void **state)
{
    static const char *const inner =
        "put content: integrity error: expected 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8, "
        "got f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753";
    api_world *world = *state;
    uint8_t alpha[FIRN_DIGEST_SIZE];
    firn_content_writer *writer;
    firn_batch *batch;
    firn_error err;

    OK(err, firn_digest_of(S("alpha"), alpha, &err));
    EXPECT(FIRN_ECORRUPT, err, inner, firn_content_put(world->ledger, S("beta"), alpha, NULL, &err));
    OK(err, firn_batch_new(world->ledger, &batch, &err));
    EXPECT(FIRN_ECORRUPT, err, inner, firn_batch_content_put(batch, S("beta"), alpha, NULL, &err));
    firn_batch_free(batch);
    OK(err, firn_content_writer_open(world->ledger, &writer, &err));
    OK(err, firn_content_writer_write(writer, S("beta"), &err));
    EXPECT(FIRN_ECORRUPT, err, inner, firn_content_writer_finish(writer, alpha, NULL, &err));
    firn_content_writer_close(writer);
    assert_int_equal(api_count(world->ledger), 0);
    OK(err, firn_content_put(world->ledger, S("alpha"), alpha, NULL, &err));
}

/* Case 16: contents are listed by digest. */
static void test_next(void **state)
{
    api_world *world = *state;
    uint8_t first[3] = {0x8e, 0xe5, 0xf4};
    firn_content content;
    firn_view *view;
    firn_error err;

    put(world->ledger, "beta", 4);
    put(world->ledger, "check me", 8);
    put(world->ledger, "alpha", 5);
    view = view_of(world->ledger);
    for (size_t i = 0; i < 3; i++) {
        OK(err, firn_content_next(view, i == 0 ? NULL : content.digest, &content, &err));
        assert_int_equal(content.digest[0], first[i]);
    }
    assert_int_equal(firn_content_next(view, content.digest, &content, &err), FIRN_END);
    firn_view_close(view);
}

typedef struct putter {
    firn_ledger *ledger;
    unsigned fresh;
} putter;

enum {
    PUTTERS = 8,
    CONTENTS = 100
};

static void *put_all(void *arg)
{
    putter *own = arg;
    firn_content_put_result result;
    char text[32];

    for (unsigned i = 0; i < CONTENTS; i++) {
        firn_slice bytes = {text, (size_t)snprintf(text, sizeof text, "content %u", i)};

        if (firn_content_put(own->ledger, bytes, NULL, &result, NULL) != FIRN_OK) {
            return own;
        }
        own->fresh += !result.existing;
    }
    return NULL;
}

/* Case 25: threads that put the same contents make one record of each. */
static void test_threads(void **state)
{
    api_world *world = *state;
    pthread_t threads[PUTTERS];
    putter putters[PUTTERS];
    unsigned fresh = 0;
    void *failed;
    firn_error err;

    for (int i = 0; i < PUTTERS; i++) {
        putters[i] = (putter){world->ledger, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, put_all, &putters[i]), 0);
    }
    for (int i = 0; i < PUTTERS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        fresh += putters[i].fresh;
    }
    assert_int_equal(fresh, CONTENTS);
    assert_int_equal(api_count(world->ledger), CONTENTS);
    OK(err, frn_ledger_check(world->ledger, &err));
}

/* A submitted put has written its result when it returns, and the ticket says when it holds. */
static void test_submit(void **state)
{
    api_world *world = *state;
    firn_content_put_result result;
    firn_ticket *ticket;
    firn_error err;

    OK(err, firn_content_put_submit(world->ledger, S("alpha"), NULL, &result, NULL, &ticket, &err));
    OK(err, firn_ticket_wait(ticket, -1, NULL, &err));
    firn_ticket_free(ticket);
    assert_int_equal(result.existing, 0);
    assert_int_equal(result.size, 5);
    assert_true(has(world->ledger, result.digest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_known_digests), ON_MEMORY(test_absent_and_texts),
        ON_BOTH(test_chunks),        ON_FOLDER(test_kept_once),
        ON_BOTH(test_streams),       ON_MEMORY(test_abort),
        ON_MEMORY(test_expected),    ON_MEMORY(test_next),
        ON_BOTH(test_threads),       ON_BOTH(test_submit),
        ON_BOTH(test_generated),
    };

    return cmocka_run_group_tests_name("api_content", tests, NULL, NULL);
}
