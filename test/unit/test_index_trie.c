/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_trie.c — the trie against a sorted array: random keys that are prefixes of each other, zeros, long runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/index/trie.h"

enum {
    ROWS_MAX = 600
};

/* The rows that should be there, in order. */
struct sorted {
    frn_row *rows[ROWS_MAX];
    size_t count;
};

static frn_heap heap;

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Few letters, so that keys share prefixes and often are prefixes; both nibbles differ somewhere. */
static firn_slice random_key(uint64_t *seed, uint8_t key[40])
{
    static const uint8_t letters[] = {0x00, 0x01, 0x10, 0x11, 0xff, 0xf0};
    size_t size = 1 + next_random(seed) % (next_random(seed) % 8 == 0 ? 40 : 5);

    for (size_t i = 0; i < size; i++) {
        key[i] = letters[next_random(seed) % (i < 2 ? 6 : 3)];
    }
    return (firn_slice){key, size};
}

static int order(firn_slice key, const frn_row *row)
{
    size_t common = key.size < row->key_size ? key.size : row->key_size;
    int bytes = memcmp(key.data, row->key, common);

    return bytes != 0 ? bytes : key.size < row->key_size ? -1 : key.size > row->key_size;
}

/* The place of the first row ≥ key. */
static size_t place_of(const struct sorted *sorted, firn_slice key)
{
    size_t at = 0;

    while (at < sorted->count && order(key, sorted->rows[at]) > 0) {
        at++;
    }
    return at;
}

static frn_row *row_new(firn_slice key)
{
    frn_row *row = frn_alloc(&heap, sizeof *row + key.size);

    assert_non_null(row);
    *row = (frn_row){.key_size = (uint32_t)key.size};
    memcpy(row->key, key.data, key.size);
    return row;
}

static void change(frn_trie *trie, struct sorted *sorted, firn_slice key)
{
    size_t at = place_of(sorted, key);
    bool there = at < sorted->count && order(key, sorted->rows[at]) == 0;
    frn_row *row;

    assert_ptr_equal(frn_trie_find(trie, key), there ? sorted->rows[at] : NULL);
    if (there) {
        row = sorted->rows[at];
        frn_trie_remove(&heap, trie, row);
        frn_free(&heap, row);
        sorted->count--;
        memmove(&sorted->rows[at], &sorted->rows[at + 1], (sorted->count - at) * sizeof row);
    } else if (sorted->count < ROWS_MAX) {
        row = row_new(key);
        assert_int_equal(frn_trie_insert(&heap, trie, row), FIRN_OK);
        memmove(&sorted->rows[at + 1], &sorted->rows[at], (sorted->count - at) * sizeof row);
        sorted->rows[at] = row;
        sorted->count++;
    }
}

static void seek_both_ways(const frn_trie *trie, const struct sorted *sorted, firn_slice key)
{
    size_t at = place_of(sorted, key);
    bool there = at < sorted->count && order(key, sorted->rows[at]) == 0;

    assert_ptr_equal(frn_trie_seek(trie, key, false), at < sorted->count ? sorted->rows[at] : NULL);
    assert_ptr_equal(frn_trie_seek(trie, key, true), at + there < sorted->count ? sorted->rows[at + there] : NULL);
}

static void remove_all(frn_trie *trie, struct sorted *sorted)
{
    while (sorted->count > 0) {
        frn_row *row = sorted->rows[0];

        change(trie, sorted, (firn_slice){row->key, row->key_size});
    }
    assert_int_equal(trie->size, 0);
    assert_null(frn_trie_seek(trie, (firn_slice){0}, false));
    assert_int_equal(heap.live, 0);
}

/* After every insert and remove, find and seek agree with the array, and an empty trie holds no memory. */
static void agrees_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 20; run++) {
        uint64_t seed = run * UINT64_C(0x9e3779b97f4a7c15);
        struct sorted sorted = {.count = 0};
        frn_trie trie = {0};
        uint8_t key[40];

        print_message("seed %llu\n", (unsigned long long)run);
        for (int step = 0; step < 2000; step++) {
            change(&trie, &sorted, random_key(&seed, key));
            seek_both_ways(&trie, &sorted, random_key(&seed, key));
        }
        assert_true(sorted.count > 20);
        remove_all(&trie, &sorted);
    }
}

/* An insert that gets no memory changes nothing, whether it would split a node or grow a branch. */
static void insert_without_memory(void **state)
{
    struct sorted sorted = {.count = 0};
    frn_trie trie = {0};
    uint64_t seed = 7;
    uint8_t bytes[40];
    int refused = 0;

    (void)state;
    for (int step = 0; step < 500; step++) {
        firn_slice key = random_key(&seed, bytes);
        uint64_t size = trie.size;
        frn_row *row;

        if (frn_trie_find(&trie, key) == NULL && sorted.count > 0) {
            row = row_new(key);
            heap.fail_at = 1;
            assert_int_equal(frn_trie_insert(&heap, &trie, row), FIRN_ENOMEM);
            heap.fail_at = 0;
            frn_free(&heap, row);
            assert_null(frn_trie_find(&trie, key));
            assert_int_equal(trie.size, size);
            refused++;
        }
        change(&trie, &sorted, key);
        for (size_t i = 0; i < sorted.count; i++) {
            assert_ptr_equal(frn_trie_find(&trie, (firn_slice){sorted.rows[i]->key, sorted.rows[i]->key_size}),
                             sorted.rows[i]);
        }
    }
    assert_true(refused > 50);
    remove_all(&trie, &sorted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(insert_without_memory),
    };

    frn_heap_init(&heap);
    return cmocka_run_group_tests_name("trie", tests, NULL, NULL);
}
