/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_rows.c — keys and values of tables: round trips, order of keys, wrong sizes, the table of tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/index/rows.h"
#include "engine/index/store_rows.h"
#include "format/bytes.h"

/* Exactly size bytes of memory of their own, so that a read beyond them is seen. */
static firn_slice exact(firn_slice bytes, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    assert_non_null(copy);
    memset(copy, 0xee, size);
    memcpy(copy, bytes.data, size < bytes.size ? size : bytes.size);
    return (firn_slice){copy, size};
}

static void free_slice(firn_slice bytes)
{
    union {
        const void *from;
        void *to;
    } pointer = {bytes.data};

    free(pointer.to);
}

/* Every value comes back from its bytes. */
static void round_trips(void **state)
{
    static const uint64_t numbers[] = {0, 1, 255, 256, UINT32_MAX, UINT64_MAX};
    uint8_t bytes[FRN_ROW_STREAM];

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        frn_row_stream stream = {.first_seq = numbers[i], .name = {"name", 4}}, stream_back;
        frn_row_head head = {.version = numbers[i], .last_seq = ~numbers[i]}, head_back;
        frn_row_key key = {.first_seq = numbers[i], .time_ns = (int64_t)numbers[i], .count = (uint32_t)numbers[i]},
                    key_back;
        uint64_t number, seq;
        int64_t time_ns;
        uint32_t id;

        memset(key.digest, (int)i, sizeof key.digest);
        assert_int_equal(frn_row_stream_id_decode(frn_row_stream_id_encode(bytes, (uint32_t)numbers[i]), &id), FMT_OK);
        assert_int_equal(id, (uint32_t)numbers[i]);
        assert_int_equal(frn_row_stream_key_decode(frn_row_stream_key_encode(bytes, (uint32_t)numbers[i]), &id),
                         FMT_OK);
        assert_int_equal(id, (uint32_t)numbers[i]);
        assert_int_equal(frn_row_stream_decode(frn_row_stream_encode(bytes, &stream), &stream_back), FMT_OK);
        assert_int_equal(stream_back.first_seq, numbers[i]);
        assert_int_equal(stream_back.name.size, 4);
        assert_memory_equal(stream_back.name.data, "name", 4);
        assert_int_equal(frn_row_head_decode(frn_row_head_encode(bytes, &head), &head_back), FMT_OK);
        assert_memory_equal(&head, &head_back, sizeof head);
        assert_int_equal(frn_row_key_decode(frn_row_key_encode(bytes, &key), &key_back), FMT_OK);
        assert_memory_equal(key.digest, key_back.digest, sizeof key.digest);
        assert_int_equal(key_back.first_seq, key.first_seq);
        assert_int_equal(key_back.time_ns, key.time_ns);
        assert_int_equal(key_back.count, key.count);
        assert_int_equal(frn_row_key_by_time_key_decode(
                             frn_row_key_by_time_key_encode(bytes, (int64_t)numbers[i], numbers[i]), &time_ns, &seq),
                         FMT_OK);
        assert_int_equal(time_ns, (int64_t)numbers[i]);
        assert_int_equal(seq, numbers[i]);
        assert_int_equal(frn_row_setting_decode(frn_row_setting_encode(bytes, numbers[i]), &number), FMT_OK);
        assert_int_equal(number, numbers[i]);
    }
}

/* Scope and key come apart again at all their sizes, and ("a", "bc") is not ("ab", "c"). */
static void scope_and_key_stay_apart(void **state)
{
    static uint8_t long_one[FIRN_KEY_SIZE_MAX];
    static const size_t sizes[] = {1, 2, 255, 256};
    uint8_t bytes[FRN_ROW_KEY_KEY], other[FRN_ROW_KEY_KEY];
    firn_slice encoded, scope, key;

    (void)state;
    memset(long_one, 'x', sizeof long_one);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 4; j++) {
            size_t scope_size = i == 4 ? 0 : sizes[i];

            encoded =
                frn_row_key_key_encode(bytes, (firn_slice){long_one, scope_size}, (firn_slice){long_one, sizes[j]});
            assert_int_equal(encoded.size, 2 + scope_size + sizes[j]);
            assert_int_equal(frn_row_key_key_decode(encoded, &scope, &key), FMT_OK);
            assert_int_equal(scope.size, scope_size);
            assert_int_equal(key.size, sizes[j]);
        }
    }
    encoded = frn_row_key_key_encode(bytes, (firn_slice){"a", 1}, (firn_slice){"bc", 2});
    scope = frn_row_key_key_encode(other, (firn_slice){"ab", 2}, (firn_slice){"c", 1});
    assert_int_equal(encoded.size, scope.size);
    assert_memory_not_equal(encoded.data, scope.data, scope.size);
}

/* Keys of numbers lie in the order of the numbers, below and above zero. */
static void keys_keep_order(void **state)
{
    static const int64_t times[] = {INT64_MIN, -256, -1, 0, 1, 255, 256, INT64_MAX};
    static const uint32_t ids[] = {0, 1, 255, 256, 65536, UINT32_MAX};
    uint8_t low[16], high[16];

    (void)state;
    for (size_t i = 1; i < sizeof times / sizeof times[0]; i++) {
        frn_row_key_by_time_key_encode(low, times[i - 1], UINT64_MAX);
        frn_row_key_by_time_key_encode(high, times[i], 0);
        assert_true(memcmp(low, high, 16) < 0);
        frn_row_key_by_time_key_encode(low, times[i], 255);
        frn_row_key_by_time_key_encode(high, times[i], 256);
        assert_true(memcmp(low, high, 16) < 0);
    }
    for (size_t i = 1; i < sizeof ids / sizeof ids[0]; i++) {
        frn_row_stream_key_encode(low, ids[i - 1]);
        frn_row_stream_key_encode(high, ids[i]);
        assert_true(memcmp(low, high, 4) < 0);
    }
}

/* A value cut short is SHORT and one too long is LENGTH, at every size, and nothing is read beyond it. */
static void wrong_sizes_are_judged(void **state)
{
    uint8_t bytes[FRN_ROW_STREAM] = {0};
    uint64_t number, seq;
    frn_row_head head;
    frn_row_key key;
    int64_t time_ns;
    uint32_t id;

    (void)state;
    for (size_t size = 0; size < 80; size++) {
        firn_slice value = exact((firn_slice){bytes, sizeof bytes}, size);

        assert_int_equal(frn_row_stream_id_decode(value, &id), size < 4 ? FMT_SHORT : size > 4 ? FMT_LENGTH : FMT_OK);
        assert_int_equal(frn_row_stream_key_decode(value, &id), size < 4 ? FMT_SHORT : size > 4 ? FMT_LENGTH : FMT_OK);
        assert_int_equal(frn_row_head_decode(value, &head), size < 16 ? FMT_SHORT : size > 16 ? FMT_LENGTH : FMT_OK);
        assert_int_equal(frn_row_key_decode(value, &key), size < 52 ? FMT_SHORT : size > 52 ? FMT_LENGTH : FMT_OK);
        assert_int_equal(frn_row_key_by_time_key_decode(value, &time_ns, &seq), size < 16   ? FMT_SHORT
                                                                                : size > 16 ? FMT_LENGTH
                                                                                            : FMT_OK);
        assert_int_equal(frn_row_setting_decode(value, &number), size < 8 ? FMT_SHORT : size > 8 ? FMT_LENGTH : FMT_OK);
        free_slice(value);
    }
}

/* The decoders of rows that end with free bytes bound both parts. */
static void free_parts_are_bounded(void **state)
{
    static uint8_t bytes[2000];
    frn_row_stream stream;
    firn_slice scope, key;

    (void)state;
    assert_int_equal(frn_row_stream_decode((firn_slice){bytes, 8}, &stream), FMT_SHORT);
    assert_int_equal(frn_row_stream_decode((firn_slice){bytes, 8 + 1024}, &stream), FMT_OK);
    assert_int_equal(frn_row_stream_decode((firn_slice){bytes, 8 + 1025}, &stream), FMT_LENGTH);
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 1}, &scope, &key), FMT_SHORT);
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2}, &scope, &key), FMT_SHORT);
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2 + 256}, &scope, &key), FMT_OK);
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2 + 257}, &scope, &key), FMT_LENGTH);
    bytes[0] = 1; /* A scope of 256 bytes. */
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2 + 256}, &scope, &key), FMT_SHORT);
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2 + 257}, &scope, &key), FMT_OK);
    bytes[1] = 1; /* One of 257. */
    assert_int_equal(frn_row_key_key_decode((firn_slice){bytes, 2 + 300}, &scope, &key), FMT_LENGTH);
}

/* The layout of a block of events as store_rows.h tells it, bit by bit. */
static size_t spell_events(uint8_t *out, const frn_row_events *row)
{
    uint64_t starts = 0;
    size_t at = 16;

    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        bool there = (row->there >> i & 1) != 0, before = i > 0 && (row->there >> (i - 1) & 1) != 0;

        if (there && (!before || row->seqs[i] != row->seqs[i - 1] + 1)) {
            starts |= UINT64_C(1) << i;
            fmt_put64(out + at, row->seqs[i]);
            at += 8;
        }
    }
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        if ((row->there >> i & 1) != 0) {
            memcpy(out + at, row->prints[i], FRN_PRINT_SIZE);
            at += FRN_PRINT_SIZE;
        }
    }
    fmt_put64(out, row->there);
    fmt_put64(out + 8, starts);
    return at;
}

static void check_events(const frn_row_events *row)
{
    uint8_t bytes[FRN_ROW_EVENTS], wanted[FRN_ROW_EVENTS];
    size_t size = spell_events(wanted, row);
    firn_slice value = frn_row_events_encode(bytes, row), copy;
    frn_row_events back;

    assert_int_equal(value.size, size);
    assert_memory_equal(bytes, wanted, size);
    copy = exact(value, size);
    assert_int_equal(frn_row_events_decode(copy, &back), FMT_OK);
    assert_int_equal(back.there, row->there);
    for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
        if ((row->there >> i & 1) != 0) {
            assert_int_equal(back.seqs[i], row->seqs[i]);
            assert_memory_equal(back.prints[i], row->prints[i], FRN_PRINT_SIZE);
        }
    }
    free_slice(copy);
    copy = exact(value, size - 1);
    assert_int_not_equal(frn_row_events_decode(copy, &back), FMT_OK);
    free_slice(copy);
    copy = exact(value, size + 1);
    assert_int_not_equal(frn_row_events_decode(copy, &back), FMT_OK);
    free_slice(copy);
}

/* Blocks of events with any of them there, appended together or not, are the bytes that store_rows.h tells. */
static void blocks_of_events(void **state)
{
    static const uint64_t sets[] = {
        0, 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_MAX >> 1, UINT64_MAX << 1, UINT64_C(0x5555555555555555)};
    uint64_t random = 20240602;
    frn_row_events row;

    (void)state;
    print_message("seed 20240602\n");
    for (unsigned round = 0; round < 300; round++) {
        row.there = UINT64_MAX;
        for (unsigned i = 0; i < FRN_BLOCK_EVENTS; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            row.seqs[i] = i > 0 && (random >> 60) < 12 ? row.seqs[i - 1] + 1 : 1 + (random >> 34);
            memset(row.prints[i], (int)(random >> 50), FRN_PRINT_SIZE);
            if (round % 3 == 0 && (random >> 40) % 8 == 0) {
                row.there ^= UINT64_C(1) << i;
            }
        }
        if (round % 3 == 1) {
            row.there = sets[round / 3 % (sizeof sets / sizeof *sets)];
        } else if (round % 3 == 2) {
            row.there = random ^ random << 32;
        }
        check_events(&row);
    }
}

/* Numbers and names of tables ascend and are unique; what is no table has no name. */
static void tables_are_pinned(void **state)
{
    (void)state;
#define TABLE(symbol, number, name, key, value) assert_string_equal(frn_table_name(number), name);
#include "engine/index/tables.def"
#undef TABLE
    assert_null(frn_table_name(0));
    assert_null(frn_table_name(FRN_TABLES_MAX));
    assert_int_equal(FRN_TABLE_STREAM_BY_NAME, 1);
    assert_int_equal(FRN_TABLE_STREAM, 2);
    assert_int_equal(FRN_TABLE_STREAM_HEAD, 3);
    assert_int_equal(FRN_TABLE_KEY, 4);
    assert_int_equal(FRN_TABLE_KEY_BY_TIME, 5);
    assert_int_equal(FRN_TABLE_SETTING, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(scope_and_key_stay_apart),
        cmocka_unit_test(keys_keep_order),
        cmocka_unit_test(wrong_sizes_are_judged),
        cmocka_unit_test(free_parts_are_bounded),
        cmocka_unit_test(blocks_of_events),
        cmocka_unit_test(tables_are_pinned),
    };

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
