/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_record.c — records: what goes in comes out, and nothing else is taken for one. */
#include "test/unit/test_format.h"

#include "format/bytes.h"
#include "format/crc32c.h"

enum {
    SEQ = 41
};
#define SALT 0xfeedu

static fmt_verdict judge(const uint8_t *data, size_t size, const void *arg)
{
    fmt_record record;
    size_t used;

    (void)arg;
    return fmt_record_decode(data, size, SALT, SEQ, &record, &used);
}

static uint8_t *encoded(firn_slice body, size_t *out_size)
{
    const fmt_record record = {.seq = SEQ, .version = 9, .stream = 4, .kind = 77};
    uint8_t *out;

    *out_size = fmt_record_size(body.size);
    out = malloc(*out_size);
    assert_non_null(out);
    (void)fmt_record_encode(out, SALT, &record, &body, 1);
    return out;
}

static void check_round_trip(firn_slice body, const char *file, int line)
{
    size_t size, used = 0;
    uint8_t *data = encoded(body, &size);
    fmt_record record;

    _assert_int_equal((unsigned long long)fmt_record_decode(data, size, SALT, SEQ, &record, &used), FMT_OK, file, line);
    _assert_int_equal(used, size, file, line);
    _assert_int_equal(record.seq, SEQ, file, line);
    _assert_int_equal(record.version, 9, file, line);
    _assert_int_equal(record.stream, 4, file, line);
    _assert_int_equal(record.kind, 77, file, line);
    _assert_int_equal(record.flags, 0, file, line);
    _assert_int_equal(record.body.size, body.size, file, line);
    assert_ptr_equal(record.body.data, data + FMT_RECORD_HEADER);
    if (body.size > 0)
        _assert_memory_equal(record.body.data, body.data, body.size, file, line);
    free(data);
}

static void round_trips(void **state)
{
    uint8_t *large = malloc(FMT_BODY_SIZE_MAX);

    (void)state;
    assert_non_null(large);
    memset(large, 0x5a, FMT_BODY_SIZE_MAX);
    check_round_trip((firn_slice){NULL, 0}, __FILE__, __LINE__);
    check_round_trip((firn_slice){large, 1}, __FILE__, __LINE__);
    check_round_trip((firn_slice){large, 256}, __FILE__, __LINE__);
    check_round_trip((firn_slice){large, FMT_BODY_SIZE_MAX}, __FILE__, __LINE__);
    free(large);
}

/** A body in parts gives the bytes of the body in one. */
static void parts_are_joined(void **state)
{
    const firn_slice whole = text_slice("abcdefgh");
    const firn_slice parts[] = {{"abc", 3}, {NULL, 0}, {"d", 1}, {"efgh", 4}};
    const fmt_record record = {.seq = SEQ, .version = 9, .stream = 4, .kind = 77};
    uint8_t out[FMT_RECORD_HEADER + 8];
    size_t size;
    uint8_t *data = encoded(whole, &size);

    (void)state;
    assert_int_equal(fmt_record_encode(out, SALT, &record, parts, 4), fmt_get32(data + FMT_RECORD_CRC));
    assert_memory_equal(out, data, size);
    free(data);
}

static void damage_is_noticed(void **state)
{
    size_t size;
    uint8_t *data = encoded(text_slice("a body of some bytes that is long enough to be cut anywhere"), &size);

    (void)state;
    CHECK_FLIPS(data, size, judge, NULL);
    CHECK_TRUNCATIONS(data, size, judge, NULL);
    free(data);
    data = encoded((firn_slice){NULL, 0}, &size);
    CHECK_FLIPS(data, size, judge, NULL);
    CHECK_TRUNCATIONS(data, size, judge, NULL);
    free(data);
}

/** Sound bytes in the wrong place: another seq, segment, incarnation or ledger. */
static void place_is_noticed(void **state)
{
    uint8_t id[FIRN_LEDGER_ID_SIZE] = {1}, other_id[FIRN_LEDGER_ID_SIZE] = {2};
    uint32_t salt = fmt_salt(id, 5, 6);
    const fmt_record record = {.seq = SEQ, .version = 1, .stream = 1, .kind = 1};
    uint8_t out[FMT_RECORD_HEADER];
    fmt_record decoded;
    size_t used;

    (void)state;
    (void)fmt_record_encode(out, salt, &record, NULL, 0);
    assert_int_equal(fmt_record_decode(out, sizeof out, salt, SEQ, &decoded, &used), FMT_OK);
    assert_int_equal(fmt_record_decode(out, sizeof out, salt, SEQ + 1, &decoded, &used), FMT_CHECKSUM);
    assert_int_equal(fmt_record_decode(out, sizeof out, salt, SEQ + (UINT64_C(1) << 32), &decoded, &used),
                     FMT_CHECKSUM);
    assert_int_equal(fmt_record_decode(out, sizeof out, fmt_salt(id, 6, 6), SEQ, &decoded, &used), FMT_CHECKSUM);
    assert_int_equal(fmt_record_decode(out, sizeof out, fmt_salt(id, 5, 7), SEQ, &decoded, &used), FMT_CHECKSUM);
    assert_int_equal(fmt_record_decode(out, sizeof out, fmt_salt(other_id, 5, 6), SEQ, &decoded, &used), FMT_CHECKSUM);
}

/** Changes a field and makes the checksum good again. */
static fmt_verdict judge_forged(size_t field, size_t field_size, uint64_t value)
{
    size_t size, used;
    uint8_t *data = encoded(text_slice("body"), &size);
    fmt_record record;
    fmt_verdict verdict;

    memcpy(data + field, &value, field_size);
    fmt_put32(data + FMT_RECORD_CRC,
              fmt_crc32c(fmt_crc32c_u64(SALT, SEQ), data + FMT_RECORD_KIND, size - FMT_RECORD_KIND));
    verdict = fmt_record_decode(data, size, SALT, SEQ, &record, &used);
    free(data);
    return verdict;
}

static void rules_are_kept(void **state)
{
    (void)state;
    assert_int_equal(judge_forged(FMT_RECORD_KIND, 2, 78), FMT_OK);
    assert_int_equal(judge_forged(FMT_RECORD_KIND, 2, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(FMT_RECORD_VERSION, 8, 0), FMT_SYNTAX);
    assert_int_equal(judge_forged(FMT_RECORD_FLAGS, 2, 1), FMT_NEWER);
    assert_int_equal(judge_forged(FMT_RECORD_LENGTH, 4, FMT_BODY_SIZE_MAX + 1), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_RECORD_LENGTH, 4, UINT32_MAX), FMT_LENGTH);
    assert_int_equal(judge_forged(FMT_RECORD_LENGTH, 4, 5), FMT_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),      cmocka_unit_test(parts_are_joined), cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(place_is_noticed), cmocka_unit_test(rules_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
