/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pages.c — any bytes as data.mdb: judged and walked without LMDB, as they are and with the checksums of its rows
 * made good.
 *
 * The input is an image of one file (image.h), which lies in memory (memfd). Rows that are handed over are in order, no
 * larger than keys and tables can be, and all that is wrong is told with a place within the file. Walking twice tells
 * the same.
 */
#include "test/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/index/lmdb_env.h"
#include "engine/index/lmdb_row.h"
#include "engine/index/lmdb_walk.h"
#include "format/bytes.h"
#include "test/fuzz/image.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

enum {
    FILE_MAX = 1 << 18,
    PAGE_SIZE = 4096,
    PAGE_HEADER = 16,
    PAGE_FLAGS = 10,
    PAGE_LOWER = 12,
    FLAG_LEAF = 2,
    NODE_KEY_SIZE = 6,
    NODE_KEY = 8
};

typedef struct tally {
    uint64_t hash;
    uint64_t rows;
    uint64_t damages;
    frn_table table;
    size_t file_size;
    size_t key_size;
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX];
} tally;

static firn_status on_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    tally *t = arg;

    (void)err;
    MUST(key.size <= FRN_INDEX_KEY_SIZE_MAX && value.size <= t->file_size);
    MUST(t->rows == 0 || table > t->table ||
         (table == t->table && frn_lmdb_compare((firn_slice){t->key, t->key_size}, key) < 0));
    t->hash = (t->hash ^ fuzz_hash(key.data, key.size) ^ fuzz_hash(value.data, value.size)) * 31;
    t->table = table;
    t->key_size = key.size;
    if (key.size != 0)
        memcpy(t->key, key.data, key.size);
    t->rows++;
    return FIRN_OK;
}

static void on_damage(void *arg, const firn_error *finding)
{
    tally *t = arg;

    MUST(finding->status == FIRN_ECORRUPT && finding->detail == FIRN_DETAIL_INDEX);
    MUST(finding->text[0] != '\0' && strlen(finding->text) < sizeof finding->text);
    t->damages++;
}

static void walk(frn_heap *heap, int fd, size_t size, uint64_t transaction, tally *out)
{
    frn_index_checker checker = {.row = on_row, .damage = on_damage, .arg = out};
    frn_lmdb_state state;
    firn_error err;
    firn_status status = frn_lmdb_state_read(fd, transaction, &state, &err);

    memset(out, 0, sizeof *out);
    out->file_size = size;
    if (status == FIRN_OK) {
        MUST(state.page_size >= 512 && state.page_size <= 32768);
        MUST(state.pages_count * state.page_size <= size || size == 0);
        status = frn_lmdb_walk(heap, fd, &state, &checker, &err);
        MUST(status == FIRN_OK);
    }
    out->hash ^= (uint64_t)(unsigned)-status;
    MUST(atomic_load(&heap->live) == 0);
}

/** The mark, if there is one, is a row of the file as it stands. */
static void find_mark(frn_heap *heap, int fd)
{
    frn_lmdb_options options = {.stores_count = 1, .stores = {{.block = 1, .version = 1}}};
    frn_lmdb_state state;
    frn_index_mark mark;
    bool stores;
    firn_error err;
    firn_status status = frn_lmdb_state_read(fd, FRN_LMDB_NEWEST, &state, &err);

    if (status == FIRN_OK)
        status = frn_lmdb_mark_find(heap, fd, &state, &options, &mark, &stores, &err);
    MUST(status == FIRN_OK || status == FIRN_ECORRUPT || status == FIRN_ENEWER);
    MUST(status == FIRN_OK || (err.status == status && err.text[0] != '\0'));
    MUST(atomic_load(&heap->live) == 0);
}

static void take(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static size_t size_before;
    static frn_heap heap;
    static tally first, second;
    firn_error err;

    if (fd < 0) {
        fd = memfd_create("data.mdb", MFD_CLOEXEC);
        MUST(fd >= 0);
        frn_heap_init(&heap);
    }
    if (size < size_before)
        MUST(ftruncate(fd, (off_t)size) == 0);
    size_before = size;
    MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
    if (frn_lmdb_meta_check(fd, size, &err) != FIRN_OK) {
        MUST(err.status == FIRN_ECORRUPT && err.detail == FIRN_DETAIL_INDEX);
        return;
    }
    walk(&heap, fd, size, FRN_LMDB_NEWEST, &first);
    walk(&heap, fd, size, FRN_LMDB_NEWEST, &second);
    MUST(first.hash == second.hash && first.rows == second.rows && first.damages == second.damages);
    find_mark(&heap, fd);
}

/** The checksum behind each row of what looks like a leaf, and the number of the page. */
static void mend_page(uint8_t *page, uint64_t number)
{
    unsigned lower = fmt_get16(page + PAGE_LOWER);

    fmt_put64(page, number);
    if (fmt_get16(page + PAGE_FLAGS) != FLAG_LEAF)
        return;
    for (unsigned i = PAGE_HEADER; i + 2 <= lower && i + 2 <= PAGE_SIZE; i += 2) {
        size_t at = fmt_get16(page + i), key_size, size;

        if (at + NODE_KEY > PAGE_SIZE)
            continue;
        key_size = fmt_get16(page + at + NODE_KEY_SIZE);
        size = fmt_get32(page + at);
        at += NODE_KEY;
        if (key_size <= PAGE_SIZE - at && size >= FRN_LMDB_CRC && size <= PAGE_SIZE - at - key_size) {
            MDB_val key = {key_size, page + at};

            size -= FRN_LMDB_CRC;
            at += key_size;
            fmt_put32(page + at + size, frn_lmdb_crc(&key, page + at, size));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_image image;
    uint8_t *file;

    fuzz_image_read(&image, data, size);
    if (image.count == 0 || image.files[0].size > FILE_MAX)
        return 0;
    size = image.files[0].size;
    file = fuzz_memory(0, size);
    fuzz_image_fill(&image.files[0], file, size);
    take(file, size);
    for (size_t at = 2 * PAGE_SIZE; at + PAGE_SIZE <= size; at += PAGE_SIZE)
        mend_page(file + at, at / PAGE_SIZE);
    take(file, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    return fuzz_image_mutate(data, size, size_max, 0, seed);
}
