/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_pages.c — the file of the index read without LMDB: it tells what LMDB tells; no flipped bit escapes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "test/contract/index_backends.h"
#include "test/disk/dice.h"

enum {
    TABLES = 3,
    PAGE = 4096
};

static const frn_table tables[TABLES] = {FRN_TABLE_STREAM_BY_NAME, FRN_TABLE_KEY, FRN_TABLE_CHUNK};

static frn_heap heap;
static frn_lmdb_options options;
static char folder[64], data_path[80], note_path[80];
static uint64_t seq;

static int set_up(void **state)
{
    (void)state;
    options = (frn_lmdb_options){.map_size = INDEX_TEST_MAP_SIZE, .ledger_id = {1, 2, 3}, .create = true};
    index_test_folder(folder, "pages");
    (void)snprintf(data_path, sizeof data_path, "%s/data.mdb", folder);
    (void)snprintf(note_path, sizeof note_path, "%s/distrusted", folder);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    frn_heap_init(&heap);
    seq = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    return heap.live == 0 ? 0 : -1;
}

static frn_index *must_open(void)
{
    firn_error err = {0};
    frn_index *ix = NULL;

    if (frn_index_open_lmdb(&heap, folder, &options, &ix, &err) != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    return ix;
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

static void merge(frn_index *ix)
{
    frn_index_merged merged;

    frn_index_durable(ix, seq);
    reclaim_all(ix);
    assert_int_equal(frn_index_merge(ix, mark_nothing, NULL, &merged, NULL), FIRN_OK);
    reclaim_all(ix);
}

/* A key of the few that there are, short ones, long ones, and some that only differ behind their 510th byte. */
static firn_slice some_key(dice *d, unsigned keys, uint8_t key[FRN_INDEX_KEY_SIZE_MAX])
{
    unsigned i = (unsigned)dice_roll(d, keys);
    size_t size = i % 7 == 0 ? 600 + i % 300 : i % 11 == 0 ? 400 : 8 + i % 30;

    memset(key, i % 7 == 0 ? 'x' : (int)(i * 37 % 256), size);
    fmt_put32(key + size - 4, i);
    return (firn_slice){key, size};
}

/* Rows come and go; some are so large that they lie on pages of their own. */
static void change(frn_index *ix, dice *d, unsigned keys, unsigned batches)
{
    static uint8_t value[20000];
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];

    for (unsigned i = 0; i < batches; i++) {
        frn_table table = tables[dice_roll(d, TABLES)];
        firn_slice name = some_key(d, keys, key);
        size_t size = dice_roll(d, 20) == 0 ? dice_roll(d, sizeof value) : dice_roll(d, 60);

        frn_index_begin(ix, ++seq);
        if (dice_roll(d, 3) == 0) {
            firn_status status = frn_index_delete(ix, table, name, NULL);

            assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND);
        } else {
            memset(value, (int)(seq % 256), size);
            assert_int_equal(frn_index_put(ix, table, name, (firn_slice){value, size}, NULL), FIRN_OK);
        }
        frn_index_commit(ix, seq);
    }
    frn_index_durable(ix, seq);
}

/* All rows as one number; and what was found. */
typedef struct told {
    uint64_t sum;
    uint64_t rows;
    uint64_t damage;
    firn_error first;
} told;

static firn_status tell_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    told *all = arg;

    (void)err;
    for (size_t i = 0; i < key.size + value.size; i++) {
        uint8_t byte = i < key.size ? ((const uint8_t *)key.data)[i] : ((const uint8_t *)value.data)[i - key.size];

        all->sum = (all->sum ^ byte) * UINT64_C(0x100000001b3) + table + key.size;
    }
    all->rows++;
    return FIRN_OK;
}

static void tell_damage(void *arg, const firn_error *finding)
{
    told *all = arg;

    assert_true(finding->status == FIRN_ECORRUPT || finding->status == FIRN_EIO);
    if (all->damage++ == 0) {
        all->first = *finding;
    }
}

/* What a view sees, through LMDB and past it. */
static void views_agree(frn_index *ix)
{
    told through = {0}, past = {0};
    frn_index_checker checker = {.row = tell_row, .damage = tell_damage, .arg = &past};
    frn_index_view *view = must_view(ix, seq);

    assert_int_equal(frn_index_walk(view, tell_row, &through, NULL), FIRN_OK);
    assert_int_equal(frn_index_check(view, &checker, NULL), FIRN_OK);
    if (past.damage != 0) {
        fail_msg("%s", past.first.text);
    }
    assert_int_equal(past.rows, through.rows);
    assert_int_equal(past.sum, through.sum);
    frn_index_view_close(view);
}

/* Through any history of rows and merges, views read without LMDB are those read with it: rows in memory lie over rows
   on disk, deleted ones hide them. */
static void the_same_without_lmdb(void **state)
{
    static const unsigned keys[] = {30, 3000};
    dice d = dice_of(20251120);

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        frn_index *ix = must_open();

        views_agree(ix);
        for (unsigned round = 0; round < 25; round++) {
            change(ix, &d, keys[k], 40 * (1 + round % 10));
            views_agree(ix);
            if (round % 3 != 2) {
                merge(ix);
                views_agree(ix);
            }
            if (round % 8 == 7) {
                frn_index_close(ix);
                ix = must_open();
                seq = stats_of(ix).merged_seq;
            }
        }
        frn_index_close(ix);
        assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
        seq = 0;
    }
}

/* What a file holds, without LMDB; false: it is not even opened. */
static bool file_told(told *out_told)
{
    frn_index_checker checker = {.row = tell_row, .damage = tell_damage, .arg = out_told};
    frn_index_file *file = NULL;
    firn_error err;
    firn_status status = frn_index_file_open(&heap, folder, &options, &file, &err);

    *out_told = (told){0};
    if (status != FIRN_OK) {
        assert_true(status == FIRN_ECORRUPT || status == FIRN_ENEWER);
        return false;
    }
    assert_int_equal(frn_index_file_check(file, &checker, &err), FIRN_OK);
    frn_index_file_close(file);
    return true;
}

/* A small index of every kind of page: branches, leaves, overflow pages, free pages, a bucket of long keys. */
static told small_index(void)
{
    dice d = dice_of(7);
    frn_index *ix = must_open();
    told all;

    for (unsigned i = 0; i < 4; i++) {
        change(ix, &d, 200, 150);
        merge(ix);
    }
    frn_index_close(ix);
    assert_true(file_told(&all));
    assert_int_equal(all.damage, 0);
    return all;
}

/* While a writer goes on, a file that is pinned stays what it was; when the writer closes or opens, the pin is lost,
   and what was written over is told. */
static void a_pin_holds(void **state)
{
    told before, pinned = {0};
    frn_index_checker checker = {.row = tell_row, .damage = tell_damage, .arg = &pinned};
    dice d = dice_of(3);
    frn_index_file *file = NULL;
    frn_index *ix;

    (void)state;
    before = small_index();
    ix = must_open();
    assert_int_equal(frn_index_file_open(&heap, folder, &options, &file, NULL), FIRN_OK);
    for (unsigned i = 0; i < 6; i++) {
        change(ix, &d, 200, 100);
        merge(ix);
    }
    assert_int_equal(frn_index_file_check(file, &checker, NULL), FIRN_OK);
    frn_index_file_close(file);
    assert_int_equal(pinned.sum, before.sum);
    for (unsigned again = 0; again < 2; again++) {
        /* Pinned through the index that is open, then through an environment of its own. */
        assert_int_equal(frn_index_file_open(&heap, folder, &options, &file, NULL), FIRN_OK);
        if (again == 0) {
            frn_index_close(ix);
        }
        ix = must_open();
        for (unsigned i = 0; i < 4; i++) {
            change(ix, &d, 200, 100);
            merge(ix);
        }
        assert_int_equal(frn_index_file_check(file, &checker, NULL), FIRN_ESTATE);
        frn_index_file_close(file);
        frn_index_close(ix);
    }
}

static uint8_t *file_load(size_t *out_size)
{
    struct stat facts;
    uint8_t *data;
    int fd = open(data_path, O_RDONLY);

    assert_int_equal(fstat(fd, &facts), 0);
    data = malloc((size_t)facts.st_size);
    assert_int_equal(read(fd, data, (size_t)facts.st_size), facts.st_size);
    (void)close(fd);
    *out_size = (size_t)facts.st_size;
    return data;
}

static void bytes_store(size_t at, const uint8_t *bytes, size_t size)
{
    int fd = open(data_path, O_WRONLY);

    assert_int_equal(pwrite(fd, bytes, size, (off_t)at), size);
    (void)close(fd);
}

/* The file passed: LMDB may be let at it, and finds every row. */
static void lmdb_agrees(const told *expected, size_t at)
{
    told through = {0};
    frn_index *ix = must_open();
    frn_index_view *view = must_view(ix, 0);
    dice d = dice_of(at);

    assert_int_equal(frn_index_walk(view, tell_row, &through, NULL), FIRN_OK);
    frn_index_view_close(view);
    if (through.sum != expected->sum || through.rows != expected->rows) {
        fail_msg("flipped at %zu: not told, and LMDB reads other rows", at);
    }
    /* It can be written, too. */
    seq = stats_of(ix).merged_seq;
    change(ix, &d, 200, 60);
    merge(ix);
    views_agree(ix);
    frn_index_close(ix);
}

/* Bits flipped in every page of a file, one at a time: it is told, or LMDB reads and writes as if nothing had happened.
   Nothing dies of it. */
static void no_flipped_bit_escapes(void **state)
{
    enum {
        FLIPS = 40
    };
    told expected = small_index(), found;
    dice d = dice_of(11);
    unsigned escaped = 0, caught = 0;
    size_t size;
    uint8_t *data = file_load(&size);

    (void)state;
    for (size_t page = 0; page < size / PAGE; page++) {
        for (unsigned i = 0; i < FLIPS; i++) {
            /* Headers and the lists of nodes have the most to say. */
            size_t within = (size_t)dice_roll(&d, i % 2 == 0 ? PAGE : 64);
            size_t at = page * PAGE + (page < 2 ? within % 160 : within);
            uint8_t flipped = data[at] ^ (uint8_t)(1u << dice_roll(&d, 8));

            bytes_store(at, &flipped, 1);
            if (file_told(&found) && found.damage == 0 && found.sum == expected.sum) {
                assert_int_equal(found.rows, expected.rows);
                escaped++;
                if (escaped % 16 == 0 || page < 2) {
                    lmdb_agrees(&expected, at);
                    bytes_store(0, data, size);
                    assert_int_equal(truncate(data_path, (off_t)size), 0);
                }
            } else {
                caught++;
            }
            bytes_store(at, &data[at], 1);
        }
    }
    print_message("%zu pages, %u flips told, %u in bytes without meaning\n", size / PAGE, caught, escaped);
    assert_true(caught > 0 && escaped > 0);
    free(data);
}

/* Whole pages are noise, another page of the file, or zeros; or the file is cut: told, and nothing dies. */
static void no_page_is_believed(void **state)
{
    told expected = small_index(), found;
    dice d = dice_of(5);
    size_t size;
    uint8_t *data = file_load(&size), page[PAGE];

    (void)state;
    for (size_t at = 0; at < size; at += PAGE) {
        for (unsigned kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < PAGE; i++) {
                page[i] = kind == 0 ? (uint8_t)dice_roll(&d, 256) : 0;
            }
            if (kind == 1) {
                memcpy(page, data + dice_roll(&d, size / PAGE) * PAGE, PAGE);
            }
            bytes_store(at, page, PAGE);
            if (file_told(&found) && found.damage == 0) {
                assert_int_equal(found.sum, expected.sum);
            }
            bytes_store(at, data + at, PAGE);
        }
    }
    for (size_t cut = size - PAGE; cut > 2 * PAGE; cut -= cut > 20 * (size_t)PAGE ? 7 * PAGE : PAGE / 2) {
        assert_int_equal(truncate(data_path, (off_t)cut), 0);
        assert_false(file_told(&found));
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_without_lmdb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pin_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_flipped_bit_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_page_is_believed, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("index on disk, page by page", tests, NULL, NULL);
}
