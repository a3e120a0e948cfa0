/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_content_damage.c — content whose bytes went bad, or never were what their digest says: the contract's cases.
 */
#include "test/api/api.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/intake/core.h"
#include "format/kinds.h"
#include "format/stores.h"

/* Flips a bit of the first place in a segment where the bytes stand. The ledger may be open. */
static void flip(const api_world *world, const char *bytes)
{
    static char data[2 * 1024 * 1024];
    const struct dirent *entry;
    bool done = false;
    DIR *dir = opendir(world->folder);

    assert_non_null(dir);
    while (!done && (entry = readdir(dir)) != NULL) {
        char path[600], *at, bad;
        ssize_t size;
        int fd;

        if (strstr(entry->d_name, ".seg") == NULL) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", world->folder, entry->d_name);
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        size = pread(fd, data, sizeof data, 0);
        at = size <= 0 ? NULL : memmem(data, (size_t)size, bytes, strlen(bytes));
        if (at != NULL) {
            bad = (char)(*at ^ 1);
            assert_int_equal(pwrite(fd, &bad, 1, at - data), 1);
            done = true;
        }
        assert_int_equal(close(fd), 0);
    }
    (void)closedir(dir);
    assert_true(done);
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

static firn_status get(firn_ledger *ledger, const uint8_t *digest, uint32_t check, firn_buf *buf, firn_error *err)
{
    firn_content_read_options options = {.struct_size = sizeof options, .check_digest = check};
    firn_view *view = view_of(ledger);
    firn_status status = firn_content_get(view, digest, &options, buf, err);

    firn_view_close(view);
    return status;
}

/* The text ends with two different checksums of eight digits each. */
static void expect_crc_text(const firn_error *err)
{
    const char *at = strstr(err->text, "integrity error: expected crc32c:");
    unsigned stored, computed;
    int end = 0;

    assert_non_null(at);
    assert_int_equal(sscanf(at, "integrity error: expected crc32c:%8x, got crc32c:%8x%n", &stored, &computed, &end), 2);
    assert_int_equal(at[end], 0);
    assert_int_equal(end, strlen("integrity error: expected crc32c:01234567, got crc32c:01234567"));
    assert_int_not_equal(stored, computed);
    assert_int_equal(err->detail, FIRN_DETAIL_RECORD);
}

/* Case 22: a bit of content in one record flips while the ledger is open. Reading says so with both checksums, has
 * goes on saying that it is there, verify finds it; putting it again stores a good copy, which is then read. */
static void test_flipped_bit(void **state)
{
    api_world *world = *state;
    static const char text[] = "the bytes of content X, of which one bit will flip";
    firn_content_put_result result;
    firn_report report = {.struct_size = sizeof report};
    firn_buf buf = {0};
    firn_error err;

    world->broken = true;
    OK(err, firn_content_put(world->ledger, S("before"), NULL, NULL, &err));
    OK(err, firn_content_put(world->ledger, S(text), NULL, &result, &err));
    OK(err, firn_content_put(world->ledger, S("behind"), NULL, NULL, &err));
    flip(world, "of which one bit");
    for (int i = 0; i < 2; i++) {
        EXPECT(FIRN_ECORRUPT, err, NULL, get(world->ledger, result.digest, 0, &buf, &err));
        expect_crc_text(&err);
        assert_memory_equal(err.text, "get content: segment 1: record at ", 34);
        assert_int_equal(err.seq, 2);
        assert_true(has(world->ledger, result.digest));
    }
    OK(err, firn_content_put(world->ledger, S(text), NULL, &result, &err));
    assert_int_equal(result.existing, 0);
    OK(err, get(world->ledger, result.digest, 1, &buf, &err));
    assert_int_equal(buf.size, strlen(text));
    assert_memory_equal(buf.data, text, strlen(text));
    OK(err, firn_content_put(world->ledger, S(text), NULL, &result, &err));
    assert_int_equal(result.existing, 1);
    api_close(world);
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_verify(world->url, NULL, &report, &err));
    assert_int_equal(report.findings, 1);
    firn_buf_free(&buf);
}

static void stream(firn_ledger *ledger, firn_slice bytes, firn_content_put_result *out_result)
{
    firn_content_writer *writer;
    firn_error err;

    OK(err, firn_content_writer_open(ledger, &writer, &err));
    OK(err, firn_content_writer_write(writer, bytes, &err));
    OK(err, firn_content_writer_finish(writer, NULL, out_result, &err));
    firn_content_writer_close(writer);
}

/* Case 22 for a chunk: the rest of the content can be read, and a stream puts it again. */
static void test_flipped_chunk(void **state)
{
    enum {
        CHUNK = 65536,
        SIZE = 3 * CHUNK + 5
    };
    api_world *world = *state;
    char *bytes = malloc(SIZE);
    firn_content_reader *reader;
    firn_content_put_result result;
    firn_buf buf = {0};
    firn_view *view;
    char part[16];
    size_t got;
    firn_error err;

    assert_non_null(bytes);
    world->broken = true;
    world->options.content_chunk_size = CHUNK;
    api_reopen(world);
    memset(bytes, 'a', SIZE);
    memcpy(bytes + CHUNK + 100, "mark of the second chunk", 24);
    stream(world->ledger, (firn_slice){bytes, SIZE}, &result);
    flip(world, "mark of the second chunk");
    view = view_of(world->ledger);
    OK(err, firn_content_reader_open(view, result.digest, NULL, &reader, NULL, &err));
    firn_view_close(view);
    OK(err, firn_content_reader_read(reader, 2 * CHUNK, part, sizeof part, &got, &err));
    OK(err, firn_content_put(world->ledger, (firn_slice){bytes, SIZE}, NULL, &result, &err));
    assert_int_equal(result.existing, 1);
    EXPECT(FIRN_ECORRUPT, err, NULL, firn_content_reader_read(reader, CHUNK, part, sizeof part, &got, &err));
    expect_crc_text(&err);
    firn_content_reader_close(reader);
    stream(world->ledger, (firn_slice){bytes, SIZE}, &result);
    assert_int_equal(result.existing, 0);
    OK(err, get(world->ledger, result.digest, 1, &buf, &err));
    assert_memory_equal(buf.data, bytes, SIZE);
    firn_buf_free(&buf);
    free(bytes);
}

/* A record of content whose bytes are not those of its digest, as no put makes it. */
typedef struct forged_verb {
    frn_verb verb;
    const uint8_t *digest;
    firn_slice bytes;
} forged_verb;

static void forged_digest(const frn_verb *verb, frn_digest *digest)
{
    (void)verb;
    (void)digest;
}

static firn_status forged_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const forged_verb *forged = (const forged_verb *)(const void *)verb;
    uint8_t prefix[FMT_BLOB_PREFIX_MAX];
    fmt_content_blob blob = {forged->digest, firn_time_of_ns(decision->apply.time_ns), forged->bytes};
    firn_slice parts[] = {{prefix, fmt_content_blob_prefix(prefix, &blob)}, forged->bytes};
    frn_row_head head;
    firn_status status = frn_apply_head(&decision->apply, 0, &head, err);

    return status == FIRN_OK ? frn_decision_record(decision, FMT_KIND_CONTENT_BLOB, 0, head.version + 1, parts, 2, err)
                             : status;
}

/* Case 23: a record with a good checksum whose bytes do not hash to its digest is given back as it is, and refused when
 * the digest is checked; putting the right bytes stores them. */
static void test_forged(void **state)
{
    static const frn_verb_ops ops = {"forged", forged_digest, forged_decide};
    api_world *world = *state;
    uint8_t alpha[FIRN_DIGEST_SIZE];
    forged_verb verb = {{&ops}, alpha, S("beta")};
    const frn_verb *verbs[] = {&verb.verb};
    frn_call call = {
        .verbs = verbs, .verbs_count = 1, .bound = {.records = 1, .records_size = 200}, .what = "put content"};
    firn_content_put_result result;
    firn_buf buf = {0};
    firn_error err;

    OK(err, firn_digest_of(S("alpha"), alpha, &err));
    OK(err, frn_intake_commit(world->ledger, &call, NULL, &err));
    for (int open = 0; open < 2; open++) {
        OK(err, get(world->ledger, alpha, 0, &buf, &err));
        assert_int_equal(buf.size, 4);
        assert_memory_equal(buf.data, "beta", 4);
        EXPECT(
            FIRN_ECORRUPT, err,
            "get content: integrity error: expected 8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8, "
            "got f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753",
            get(world->ledger, alpha, 1, &buf, &err));
        if (open == 0) {
            api_close(world);
            api_remove_index(world);
            api_open(world);
        }
    }
    OK(err, firn_content_put(world->ledger, S("alpha"), NULL, &result, &err));
    assert_int_equal(result.existing, 0);
    OK(err, get(world->ledger, alpha, 1, &buf, &err));
    assert_memory_equal(buf.data, "alpha", 5);
    firn_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_FOLDER(test_flipped_bit),
        ON_FOLDER(test_flipped_chunk),
        ON_BOTH(test_forged),
    };

    return cmocka_run_group_tests_name("api_content_damage", tests, NULL, NULL);
}
