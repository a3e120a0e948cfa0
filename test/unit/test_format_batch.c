/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_batch.c — batches: header, names and key, alone and with every kind of damage. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"

enum {
    CAPACITY = 4096
};
#define SALT 0xabcdu

static const uint8_t digest[FIRN_DIGEST_SIZE] = {9, 8, 7, 6};

/** The whole of a batch: header, trailer, and each record. */
static fmt_verdict judge(const uint8_t *data, size_t size, const void *arg)
{
    fmt_batch batch;
    fmt_verdict verdict = fmt_batch_decode(data, size, SALT, &batch);
    const uint8_t *at;
    size_t left;

    (void)arg;
    if (verdict != FMT_OK)
        return verdict;
    at = batch.records.data;
    left = batch.records.size;
    for (uint32_t i = 0; i < batch.count; i++) {
        fmt_record record;
        size_t used;

        verdict = fmt_record_decode(at, left, SALT, batch.first_seq + i, &record, &used);
        if (verdict != FMT_OK)
            return verdict;
        at += used;
        left -= used;
    }
    return left == 0 ? FMT_OK : FMT_LENGTH;
}

static size_t encode(uint8_t *out, size_t names_count, const fmt_batch_key *key)
{
    const fmt_name names[2] = {{1, text_slice("alpha")}, {2, text_slice("beta/gamma")}};
    const firn_slice body = text_slice("body");
    fmt_batch_writer writer;
    size_t before, size;

    fmt_batch_begin(&writer, out, CAPACITY, SALT, 10, 12345, 0);
    for (uint64_t i = 0; i < 3; i++) {
        fmt_record record = fmt_batch_add(&writer, 3, 1, i + 1, &body, 1);

        assert_int_equal(record.seq, 10 + i);
        assert_int_equal(record.body.size, body.size);
        assert_memory_equal(record.body.data, body.data, body.size);
        assert_in_range((uintptr_t)record.body.data, (uintptr_t)out, (uintptr_t)out + writer.used);
    }
    before = writer.used;
    size = fmt_batch_finish(&writer, names, names_count, key);
    assert_int_equal(size - before, fmt_trailer_size(names_count, names_count == 0 ? 0 : 5 + 10, key));
    return size;
}

static void round_trip(void **state)
{
    const fmt_batch_key key = {.scope = text_slice("s"), .key = text_slice("key"), .digest = digest};
    uint8_t out[CAPACITY];
    size_t size = encode(out, 2, &key), at = 0;
    fmt_batch batch;
    fmt_name name;

    (void)state;
    assert_int_equal(fmt_batch_decode(out, size, SALT, &batch), FMT_OK);
    assert_int_equal(batch.first_seq, 10);
    assert_int_equal(batch.time_ns, 12345);
    assert_int_equal(batch.count, 3);
    assert_int_equal(batch.flags, FMT_BATCH_NAMES | FMT_BATCH_KEY);
    assert_int_equal(batch.size, size);
    assert_int_equal(batch.crc, fmt_get32(out + FMT_BATCH_CRC));
    assert_int_equal(batch.records.size, 3 * (FMT_RECORD_HEADER + 4));
    assert_int_equal(batch.names_count, 2);
    assert_true(fmt_batch_name_next(&batch, &at, &name));
    assert_int_equal(name.stream, 1);
    assert_int_equal(name.name.size, 5);
    assert_memory_equal(name.name.data, "alpha", 5);
    assert_true(fmt_batch_name_next(&batch, &at, &name));
    assert_int_equal(name.stream, 2);
    assert_memory_equal(name.name.data, "beta/gamma", 10);
    assert_false(fmt_batch_name_next(&batch, &at, &name));
    assert_true(batch.has_key);
    assert_int_equal(batch.key.scope.size, 1);
    assert_memory_equal(batch.key.key.data, "key", 3);
    assert_memory_equal(batch.key.digest, digest, sizeof digest);
}

static void plain_batch_has_no_trailer(void **state)
{
    uint8_t out[CAPACITY];
    size_t size = encode(out, 0, NULL), at = 0;
    fmt_batch batch;
    fmt_name name;

    (void)state;
    assert_int_equal(size, FMT_BATCH_HEADER + 3 * (FMT_RECORD_HEADER + 4));
    assert_int_equal(fmt_batch_decode(out, size, SALT, &batch), FMT_OK);
    assert_false(batch.has_key);
    assert_false(fmt_batch_name_next(&batch, &at, &name));
}

static void damage_is_noticed(void **state)
{
    const fmt_batch_key key = {.scope = text_slice(""), .key = text_slice("key"), .digest = digest};
    uint8_t out[CAPACITY];

    (void)state;
    for (int form = 0; form < 4; form++) {
        size_t size = encode(out, form & 1 ? 2 : 0, form & 2 ? &key : NULL);

        CHECK_FLIPS(out, size, judge, NULL);
        CHECK_TRUNCATIONS(out, size, judge, NULL);
    }
}

/** A batch that claims to be a little longer or shorter than it is, with bytes behind it. */
static void length_is_bound(void **state)
{
    const fmt_batch_key key = {.scope = text_slice(""), .key = text_slice("key"), .digest = digest};
    uint8_t out[CAPACITY] = {0};
    size_t size = encode(out, 0, NULL);
    fmt_batch batch;

    (void)state;
    fmt_put32(out, (uint32_t)size + 1);
    assert_int_equal(fmt_batch_decode(out, CAPACITY, SALT, &batch), FMT_CHECKSUM);
    fmt_put32(out, (uint32_t)size - 1);
    assert_int_equal(fmt_batch_decode(out, CAPACITY, SALT, &batch), FMT_CHECKSUM);
    fmt_put32(out, FMT_BATCH_SIZE_MAX + 1);
    assert_int_equal(fmt_batch_decode(out, CAPACITY, SALT, &batch), FMT_LENGTH);
    fmt_put32(out, FMT_BATCH_SIZE_MAX);
    assert_int_equal(fmt_batch_decode(out, CAPACITY, SALT, &batch), FMT_SHORT);
    size = encode(out, 0, &key);
    fmt_put32(out + size - 4, UINT32_MAX);
    assert_int_equal(fmt_batch_decode(out, size, SALT, &batch), FMT_LENGTH);
    fmt_put32(out + size - 4, 3);
    assert_int_equal(fmt_batch_decode(out, size, SALT, &batch), FMT_LENGTH);
}

static void wrong_salt_is_noticed(void **state)
{
    uint8_t out[CAPACITY];
    size_t size = encode(out, 2, NULL);
    fmt_batch batch;

    (void)state;
    assert_int_equal(fmt_batch_decode(out, size, SALT + 1, &batch), FMT_CHECKSUM);
}

/** Puts a value into a field of a batch with names and key, and makes the checksum good again. */
static fmt_verdict judge_forged(size_t field, size_t field_size, uint64_t value)
{
    const fmt_batch_key key = {.scope = text_slice("s"), .key = text_slice("key"), .digest = digest};
    uint8_t out[CAPACITY];
    size_t size = encode(out, 2, &key), trailer_size;
    fmt_batch batch;
    uint32_t crc;

    memcpy(out + field, &value, field_size);
    trailer_size = fmt_get32(out + size - 4);
    crc = fmt_crc32c(fmt_crc32c_u64(SALT, size), out + FMT_BATCH_FIRST_SEQ, FMT_BATCH_HEADER - FMT_BATCH_FIRST_SEQ);
    fmt_put32(out + FMT_BATCH_CRC, fmt_crc32c(crc, out + size - trailer_size, trailer_size));
    return fmt_batch_decode(out, size, SALT, &batch);
}

static void rules_are_kept(void **state)
{
    const size_t trailer = FMT_BATCH_HEADER + 3 * (FMT_RECORD_HEADER + 4), key = trailer + 4 + 6 + 5 + 6 + 10;

    (void)state;
    assert_int_equal(judge_forged(FMT_BATCH_TIME, 8, 1), FMT_OK);
    assert_int_equal(judge_forged(FMT_BATCH_COUNT, 3, 0), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_BATCH_COUNT, 3, 4), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_BATCH_COUNT, 3, FMT_BATCH_RECORDS_MAX + 1), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_BATCH_FIRST_SEQ, 8, 0), FMT_ORDER);
    assert_int_equal(judge_forged(FMT_BATCH_FIRST_SEQ, 8, UINT64_MAX - 2), FMT_ORDER);
    assert_int_equal(judge_forged(FMT_BATCH_FLAGS, 1, 3 | FMT_BATCH_SPARSE), FMT_NEWER);
    assert_int_equal(judge_forged(FMT_BATCH_FLAGS, 1, 0x80), FMT_NEWER);
    assert_int_equal(judge_forged(FMT_BATCH_FLAGS, 1, FMT_BATCH_KEY), FMT_SYNTAX);
    assert_int_equal(judge_forged(FMT_BATCH_FLAGS, 1, FMT_BATCH_NAMES), FMT_SYNTAX);
    assert_int_equal(judge_forged(trailer, 4, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(trailer, 4, UINT32_MAX), FMT_SYNTAX);
    assert_int_equal(judge_forged(trailer + 4, 4, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(trailer + 8, 2, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(trailer + 8, 2, FIRN_STREAM_NAME_SIZE_MAX + 1), FMT_SYNTAX);
    assert_int_equal(judge_forged(key, 2, FIRN_KEY_SIZE_MAX + 1), FMT_SYNTAX);
    assert_int_equal(judge_forged(key, 2, 2), FMT_SYNTAX);
    assert_int_equal(judge_forged(key + 2, 2, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(key + 2, 2, 2), FMT_SYNTAX);
    assert_int_equal(judge_forged(key + 2, 2, FIRN_KEY_SIZE_MAX + 1), FMT_SYNTAX);
}

/** As many records as a batch may hold. */
static void full_batch(void **state)
{
    const size_t capacity = FMT_BATCH_HEADER + (size_t)FMT_BATCH_RECORDS_MAX * (FMT_RECORD_HEADER + 3);
    const firn_slice body = {"\x81\x00\x01", 3};
    uint8_t *out = malloc(capacity);
    fmt_batch_writer writer;
    fmt_batch batch;

    (void)state;
    assert_non_null(out);
    fmt_batch_begin(&writer, out, capacity, SALT, 1, 1, 0);
    for (uint64_t i = 0; i < FMT_BATCH_RECORDS_MAX; i++)
        (void)fmt_batch_add(&writer, 1, 1, i + 1, &body, 1);
    assert_int_equal(fmt_batch_finish(&writer, NULL, 0, NULL), capacity);
    assert_int_equal(judge(out, capacity, NULL), FMT_OK);
    assert_int_equal(fmt_batch_decode(out, capacity, SALT, &batch), FMT_OK);
    assert_int_equal(batch.count, FMT_BATCH_RECORDS_MAX);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),        cmocka_unit_test(plain_batch_has_no_trailer),
        cmocka_unit_test(damage_is_noticed), cmocka_unit_test(length_is_bound),
        cmocka_unit_test(rules_are_kept),    cmocka_unit_test(wrong_salt_is_noticed),
        cmocka_unit_test(full_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
