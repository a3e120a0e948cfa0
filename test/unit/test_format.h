/* SPDX-License-Identifier: Apache-2.0 */
/* test_format.h — what the tests of the codecs share: exact-size copies, flips, truncations, and a sample group. */
#ifndef TEST_FORMAT_H
#define TEST_FORMAT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/group.h"

/** Judges size bytes; arg is the test's. */
typedef fmt_verdict (*judge_fn)(const uint8_t *data, size_t size, const void *arg);

/** A copy in memory of exactly this size, so that the sanitizer sees the first byte read beyond it. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/** Fails unless every single-bit flip of data is refused. */
static inline void check_flips(const char *file, int line, const uint8_t *data, size_t size, judge_fn judge,
                               const void *arg)
{
    uint8_t *copy = exact_copy(data, size);

    _assert_int_equal((unsigned long long)judge(copy, size, arg), FMT_OK, file, line);
    for (size_t bit = 0; bit < size * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (judge(copy, size, arg) == FMT_OK) {
            print_error("bit %zu of byte %zu flipped and not noticed\n", bit % 8, bit / 8);
            _fail(file, line);
        }
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(copy);
}
#define CHECK_FLIPS(data, size, judge, arg) check_flips(__FILE__, __LINE__, data, size, judge, arg)

/** Fails unless every proper prefix of data is refused. */
static inline void check_truncations(const char *file, int line, const uint8_t *data, size_t size, judge_fn judge,
                                     const void *arg)
{
    for (size_t shorter = 0; shorter < size; shorter++) {
        uint8_t *copy = exact_copy(data, shorter);

        if (judge(copy, shorter, arg) == FMT_OK) {
            print_error("%zu of %zu bytes and not noticed\n", shorter, size);
            _fail(file, line);
        }
        free(copy);
    }
}
#define CHECK_TRUNCATIONS(data, size, judge, arg) check_truncations(__FILE__, __LINE__, data, size, judge, arg)

static inline firn_slice text_slice(const char *text)
{
    return (firn_slice){text, strlen(text)};
}

enum {
    SAMPLE_ALIGNMENT = 4096,
    SAMPLE_OFFSET = 8192,
    SAMPLE_SEGMENT = 3,
    SAMPLE_INCARNATION = 2,
    SAMPLE_SEQ = 100
};
#define SAMPLE_SALT 0x5a17u

/** A group of two batches: two records with names and a key, then one record with an empty body. */
typedef struct group_sample {
    uint8_t *data;
    size_t size;
    fmt_group group;
    size_t second_batch; /**< Offset in data. */
} group_sample;

static inline group_sample sample_new(void)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {1, 2, 3};
    const firn_slice parts[2] = {text_slice("the body "), text_slice("in two parts")};
    const fmt_name names[2] = {{7, text_slice("first")}, {8, text_slice("second stream")}};
    const fmt_batch_key key = {.scope = text_slice("scope"), .key = text_slice("a key"), .digest = digest};
    group_sample sample = {.size = SAMPLE_ALIGNMENT};
    fmt_batch_writer writer;
    uint8_t *content;
    size_t first_size;

    sample.data = calloc(1, sample.size);
    assert_non_null(sample.data);
    content = sample.data + FMT_GROUP_HEADER;
    fmt_batch_begin(&writer, content, 2048, SAMPLE_SALT, SAMPLE_SEQ, 1000, 0);
    (void)fmt_batch_add(&writer, 5, 7, 1, parts, 2);
    (void)fmt_batch_add(&writer, 6, 8, 1, parts, 1);
    first_size = fmt_batch_finish(&writer, names, 2, &key);
    fmt_batch_begin(&writer, content + first_size, 1024, SAMPLE_SALT, SAMPLE_SEQ + 2, 1000, writer.content_crc);
    (void)fmt_batch_add(&writer, 5, 7, 2, NULL, 0);
    sample.second_batch = FMT_GROUP_HEADER + first_size;
    sample.group = (fmt_group){
        .segment = SAMPLE_SEGMENT,
        .incarnation = SAMPLE_INCARNATION,
        .first_seq = SAMPLE_SEQ,
        .next_seq = SAMPLE_SEQ + 3,
        .durable = SAMPLE_SEQ - 1,
        .content_size = (uint32_t)(first_size + fmt_batch_finish(&writer, NULL, 0, NULL)),
        .content_crc = writer.content_crc,
        .prev_crc = 0x77777777,
        .batches = 2,
    };
    sample.group.crc = fmt_group_encode(sample.data, SAMPLE_SALT, SAMPLE_OFFSET, &sample.group);
    return sample;
}

#endif
