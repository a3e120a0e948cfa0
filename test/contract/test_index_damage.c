/* SPDX-License-Identifier: Apache-2.0 */
/* test_index_damage.c — the index on disk built in bulk, read by another process, and damaged in its file. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/bytes.h"
#include "test/contract/index_backends.h"

enum {
    ROWS = 3000,
    PAGE = 4096,
    METAS_SIZE = 152,
    DATA_MAX = 1 << 21
};

static const frn_table T = FRN_TABLE_STREAM_BY_NAME, U = FRN_TABLE_KEY;

static frn_heap heap;
static frn_lmdb_options options;
static char folder[64], data_path[80], note_path[80];

static int set_up(void **state)
{
    (void)state;
    options = (frn_lmdb_options){.map_size = INDEX_TEST_MAP_SIZE, .ledger_id = {1, 2, 3}, .create = true};
    index_test_folder(folder, "damage");
    (void)snprintf(data_path, sizeof data_path, "%s/data.mdb", folder);
    (void)snprintf(note_path, sizeof note_path, "%s/distrusted", folder);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    frn_heap_init(&heap);
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
    firn_status status = frn_index_open_lmdb(&heap, folder, &options, &ix, &err);

    if (status != FIRN_OK) {
        fail_msg("%s: %s", firn_status_name(status), err.text);
    }
    return ix;
}

/* Row i of all: its key, all of whose bytes depend on i, some longer than LMDB takes. */
static firn_slice key_of(unsigned i, uint8_t key[FRN_INDEX_KEY_SIZE_MAX])
{
    size_t size = i % 100 == 7 ? 600 : 32;

    memset(key, i % 100 == 7 ? 'x' : (int)(i * 31 % 251), size);
    fmt_put32(key + size - 4, i * UINT32_C(2654435761));
    return (firn_slice){key, size};
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

static void merge_up_to(frn_index *ix, uint64_t seq)
{
    frn_index_merged merged;

    frn_index_durable(ix, seq);
    reclaim_all(ix);
    assert_int_equal(frn_index_merge(ix, mark_nothing, NULL, &merged, NULL), FIRN_OK);
    assert_int_equal(merged.seq, seq);
    reclaim_all(ix);
}

/* All rows, written in some merges. */
static void fill_by_merges(void)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX], value[8];
    frn_index *ix = must_open();

    for (unsigned i = 0; i < ROWS; i++) {
        fmt_put64(value, i);
        frn_index_begin(ix, i + 1);
        assert_int_equal(frn_index_put(ix, i % 3 == 0 ? U : T, key_of(i, key), (firn_slice){value, 8}, NULL), FIRN_OK);
        frn_index_commit(ix, i + 1);
        if (i % 1000 == 999) {
            merge_up_to(ix, i + 1);
        }
    }
    frn_index_close(ix);
}

struct digest {
    uint64_t sum;
    uint64_t rows;
};

static firn_status digest_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    struct digest *digest = arg;

    (void)err;
    for (size_t i = 0; i < key.size + value.size; i++) {
        uint8_t byte = i < key.size ? ((const uint8_t *)key.data)[i] : ((const uint8_t *)value.data)[i - key.size];

        digest->sum = (digest->sum ^ byte) * UINT64_C(0x100000001b3) + table;
    }
    digest->rows++;
    return FIRN_OK;
}

/* All rows as one number, or the first status that was not OK. */
static firn_status digest_of(frn_index *ix, struct digest *out_digest, firn_error *err)
{
    frn_index_view *view = NULL;
    firn_status status = frn_index_view_open(ix, 0, &view, err);

    *out_digest = (struct digest){0};
    if (status == FIRN_OK) {
        status = frn_index_walk(view, digest_row, out_digest, err);
    }
    frn_index_view_close(view);
    return status;
}

static struct digest must_digest(void)
{
    struct digest digest;
    frn_index *ix = must_open();

    assert_int_equal(digest_of(ix, &digest, NULL), FIRN_OK);
    frn_index_close(ix);
    return digest;
}

static firn_status bulk_rows(frn_index_bulk *bulk)
{
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX], value[8];
    firn_status status = FIRN_OK;

    /* Each row three times, the right value last, and each key of another table put and taken out. */
    for (unsigned at = 0; at < 3 * ROWS && status == FIRN_OK; at++) {
        unsigned i = at % ROWS * 7 % ROWS;

        fmt_put64(value, at < 2 * ROWS ? at : i);
        status = frn_index_bulk_put(bulk, i % 3 == 0 ? U : T, key_of(i, key), (firn_slice){value, 8}, NULL);
        if (status == FIRN_OK && at < ROWS) {
            status = frn_index_bulk_put(bulk, FRN_TABLE_SETTING, key_of(i, key), (firn_slice){value, 8}, NULL);
        } else if (status == FIRN_OK && at < 2 * ROWS) {
            status = frn_index_bulk_delete(bulk, FRN_TABLE_SETTING, key_of(i, key), NULL);
        }
    }
    return status;
}

static firn_status bulk_build(uint64_t sort_size_max, int64_t fail_at)
{
    frn_index_mark mark = {.seq = ROWS, .incarnation = 5, .hint = {9}};
    frn_index_bulk *bulk = NULL;
    firn_status status;

    options.sort_size_max = sort_size_max;
    heap.fail_at = fail_at;
    status = frn_index_bulk_open(&heap, folder, &options, &bulk, NULL);
    if (status == FIRN_OK) {
        status = bulk_rows(bulk);
    }
    if (status == FIRN_OK) {
        status = frn_index_bulk_finish(bulk, &mark, NULL);
    }
    heap.fail_at = 0;
    frn_index_bulk_close(bulk);
    return status;
}

/* What is built in bulk, in memory and through many runs, is what merges wrote; it takes the place of what was there.
 */
static void bulk_equals_merges(void **state)
{
    static const uint64_t sizes[] = {0, 20000, 150000, 1000000};
    struct digest expected, found;
    frn_index_mark mark;
    frn_index *ix;

    (void)state;
    fill_by_merges();
    expected = must_digest();
    assert_int_equal(expected.rows, ROWS);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (i == 2) {
            assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
        }
        assert_int_equal(bulk_build(sizes[i], 0), FIRN_OK);
        found = must_digest();
        assert_int_equal(found.rows, expected.rows);
        assert_int_equal(found.sum, expected.sum);
    }
    ix = must_open();
    frn_index_mark_get(ix, &mark);
    assert_int_equal(mark.seq, ROWS);
    assert_int_equal(mark.incarnation, 5);
    assert_int_equal(mark.hint[0], 9);
    must_write(ix, ROWS + 1, T, "more", "1");
    merge_up_to(ix, ROWS + 1);
    expect_read(ix, T, "more", "1");
    frn_index_close(ix);
}

/* A link in the place of the folder is left alone, and so is what it leads to. */
static void bulk_behind_a_link(void **state)
{
    struct digest expected;
    struct stat facts;
    char elsewhere[80];

    (void)state;
    fill_by_merges();
    expected = must_digest();
    (void)snprintf(elsewhere, sizeof elsewhere, "%s.elsewhere", folder);
    assert_int_equal(rename(folder, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, folder), 0);
    assert_int_equal(bulk_build(0, 0), FIRN_EEXISTS);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    assert_int_equal(lstat(folder, &facts), 0);
    assert_true(S_ISLNK(facts.st_mode));
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(rename(elsewhere, folder), 0);
    assert_int_equal(must_digest().sum, expected.sum);
}

/* The k-th allocation of a bulk build fails: the index that was there stays, nothing is left beside it. */
static void allocations_of_a_bulk_build_fail(void **state)
{
    firn_status status = FIRN_ENOMEM;
    struct digest before, after;
    char beside[80];

    (void)state;
    fill_by_merges();
    before = must_digest();
    (void)snprintf(beside, sizeof beside, "%s.new", folder);
    for (int64_t k = 1; status != FIRN_OK; k++) {
        status = bulk_build(100000, k);
        assert_true(status == FIRN_OK || status == FIRN_ENOMEM);
        assert_int_equal(heap.live, 0);
        assert_int_not_equal(access(beside, F_OK), 0);
    }
    after = must_digest();
    assert_int_equal(after.sum, before.sum);
}

static size_t file_load(uint8_t *data)
{
    int fd = open(data_path, O_RDONLY);
    ssize_t size = read(fd, data, DATA_MAX);

    assert_in_range(size, 2 * PAGE, DATA_MAX - 1);
    (void)close(fd);
    return (size_t)size;
}

static void file_store(const uint8_t *data, size_t size)
{
    int fd = open(data_path, O_WRONLY | O_TRUNC);

    assert_int_equal(write(fd, data, size), size);
    (void)close(fd);
}

/* One byte of the file as it shall be. */
static void byte_store(size_t at, uint8_t byte)
{
    int fd = open(data_path, O_WRONLY);

    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

/* A file that ends early, at each page and inside of them, is refused before LMDB maps it. */
static void every_truncation_is_refused(void **state)
{
    static uint8_t data[DATA_MAX];
    firn_error err;
    size_t size;

    (void)state;
    fill_by_merges();
    size = file_load(data);
    for (size_t cut = 1; cut < size; cut += cut < 2 * PAGE ? 97 : PAGE / 2) {
        frn_index *ix = NULL;

        assert_int_equal(truncate(data_path, (off_t)cut), 0);
        assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, &err), FIRN_ECORRUPT);
        assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
        file_store(data, size);
    }
    (void)must_digest();
}

/* Two bits of each byte of the meta pages flipped: refused, or everything is as it was. */
static void flipped_meta_pages(void **state)
{
    static uint8_t data[DATA_MAX];
    struct digest expected, found;
    unsigned refused = 0;
    firn_error err;

    (void)state;
    fill_by_merges();
    expected = must_digest();
    (void)file_load(data);
    for (size_t at = 0; at < 2 * METAS_SIZE * 2; at++) {
        size_t bit = at * 3 % 8, byte = at / 2 < METAS_SIZE ? at / 2 : PAGE + at / 2 - METAS_SIZE;
        firn_status status;
        frn_index *ix = NULL;

        byte_store(byte, data[byte] ^ (uint8_t)(1u << bit));
        status = frn_index_open_lmdb(&heap, folder, &options, &ix, &err);
        if (status == FIRN_OK && stats_of(ix).merged_seq == ROWS) {
            status = digest_of(ix, &found, &err);
            (void)unlink(note_path);
            assert_true(status == FIRN_ECORRUPT || (status == FIRN_OK && found.sum == expected.sum));
        } else if (status == FIRN_OK) {
            /* The state before the last one: as good, and replay goes on from its mark. */
            assert_int_equal(stats_of(ix).merged_seq, ROWS - 1000);
        } else {
            assert_int_equal(status, FIRN_ECORRUPT);
            assert_int_equal(err.detail, FIRN_DETAIL_INDEX);
            refused++;
        }
        frn_index_close(ix);
        byte_store(byte, data[byte]);
    }
    assert_true(refused > METAS_SIZE / 2);
}

/* Any byte of a row's key, value or checksum flipped: the row is refused when it is read. */
static void flipped_rows(void **state)
{
    static uint8_t data[DATA_MAX];
    struct digest expected, found;
    uint8_t pattern[12];
    firn_error err;
    size_t size, hits = 0;

    (void)state;
    fill_by_merges();
    expected = must_digest();
    size = file_load(data);
    for (unsigned i = 1; i < ROWS; i += 250) {
        uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
        firn_slice name = key_of(i, key);
        frn_index *ix = must_open();

        memcpy(pattern, (const uint8_t *)name.data + name.size - 4, 4);
        fmt_put64(pattern + 4, i);
        frn_index_close(ix);
        for (size_t at = 2 * PAGE; at + 16 < size; at++) {
            if (memcmp(data + at, pattern, sizeof pattern) != 0) {
                continue;
            }
            hits++;
            for (size_t byte = at; byte < at + 16; byte++) {
                firn_status status;

                byte_store(byte, data[byte] ^ 0x10);
                ix = must_open();
                status = digest_of(ix, &found, &err);
                frn_index_close(ix);
                byte_store(byte, data[byte]);
                /* What was met is remembered, until the file of that name goes. */
                assert_int_equal(unlink(note_path) == 0, status == FIRN_ECORRUPT);
                assert_true(status == FIRN_ECORRUPT || (status == FIRN_OK && found.sum == expected.sum));
            }
        }
    }
    assert_true(hits >= 12);
}

/* In another process: follows the writer, and finds every row up to its mark, at once and after more merges. */
static int reader(int from_writer, int to_writer)
{
    firn_error err = {0};
    frn_index_view *view = NULL;
    frn_index *ix = NULL;
    firn_buf value = {0};
    uint64_t seq = 0;
    int bad = 0;

    options.read_only = true;
    if (frn_index_open_lmdb(&heap, folder, &options, &ix, &err) != FIRN_OK) {
        return 1;
    }
    while (bad == 0 && write(to_writer, "r", 1) == 1 && read(from_writer, &seq, sizeof seq) == sizeof seq && seq != 0) {
        /* With rows in memory it goes no further than they do: they would hide later ones. */
        bad |= stats_of(ix).rows_count == 0 || frn_index_refresh(ix, &err) == FIRN_FULL ? 0 : 64;
        /* What the log says beyond the mark goes into the reader's own memory. */
        frn_index_begin(ix, seq);
        bad |= frn_index_put(ix, U, text("own"), text("1"), &err) == FIRN_OK ? 0 : 32;
        frn_index_commit(ix, seq);
        frn_index_durable(ix, seq);
        bad |= frn_index_refresh(ix, &err) == FIRN_OK ? 0 : 2;
        bad |= stats_of(ix).merged_seq == seq ? 0 : 4;
        bad |= frn_index_view_open(ix, 0, &view, &err) == FIRN_OK && frn_index_view_seq(view) == seq ? 0 : 8;
        if (bad == 0) {
            bad |= frn_index_get(view, T, text("n"), &value, &err) == FIRN_OK && value.size == 8 &&
                           fmt_get64(value.data) == seq
                       ? 0
                       : 16;
            frn_index_view_close(view);
            reclaim_all(ix);
        }
    }
    frn_index_close(ix);
    firn_buf_free(&value);
    return bad;
}

/* A process that reads sees each merge of the one that writes, and keeps its own rows above it. */
static void another_process_follows(void **state)
{
    int down[2], up[2], end = -1;
    uint8_t value[8];
    frn_index *ix;
    uint64_t seq;
    pid_t child;
    char ready;

    (void)state;
    frn_index_close(must_open());
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        _exit(reader(down[0], up[1]));
    }
    (void)close(down[0]);
    (void)close(up[1]);
    ix = must_open();
    for (seq = 10; seq < 200 && read(up[0], &ready, 1) == 1; seq += 10) {
        fmt_put64(value, seq);
        frn_index_begin(ix, seq);
        assert_int_equal(frn_index_put(ix, T, text("n"), (firn_slice){value, 8}, NULL), FIRN_OK);
        frn_index_commit(ix, seq);
        merge_up_to(ix, seq);
        assert_int_equal(write(down[1], &seq, sizeof seq), sizeof seq);
    }
    (void)close(down[1]);
    assert_int_equal(waitpid(child, &end, 0), child);
    (void)close(up[0]);
    frn_index_close(ix);
    assert_int_equal(end, 0);
    assert_int_equal(seq, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bulk_equals_merges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bulk_behind_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocations_of_a_bulk_build_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_truncation_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flipped_meta_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flipped_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_process_follows, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("index on disk, damaged", tests, NULL, NULL);
}
