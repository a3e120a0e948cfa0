/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_meta.c — judge the meta pages of an LMDB data file before LMDB maps it, and tell the states they lead to.
 *
 * LMDB believes its meta pages and reads its file through a map: a file that is shorter than they say ends the process
 * with SIGBUS. So they are read here first, as bytes.
 *
 *   offset  size  field        rule (meta page i of 2 begins at i * page size; LMDB 0.9 on 64 bits, little-endian)
 *        0     8  page number  i
 *       10     2  flags        P_META is set
 *       16     4  magic
 *       20     4  version      1
 *       40    48  free tree    4 page size, 2 flags: MDB_INTEGERKEY alone, 2 depth, 8 each: branch, leaf and overflow
 *                              pages, entries, root
 *       88    48  main tree    the same; no flag
 *      136     8  last page    ≥ 1; all pages up to it lie in the file
 *      144     8  transaction  of meta page i: odd or even as i, or 0 in a file that is new
 *
 * The flags count: those of the free tree are also flags of the environment (MDB_FIXEDMAP would map the file where its
 * meta page says), those of the main tree tell the order of keys.
 *
 * Why this is not all: other damage to a meta page leads to another root. The mark therefore notes the number of its
 * transaction and the shape of the tree (lmdb_env.c).
 */
#include "engine/index/lmdb_meta.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "format/bytes.h"

enum {
    META_NUMBER = 0,
    META_FLAGS = 10,
    META_MAGIC = 16,
    META_VERSION = 20,
    META_FREE = 40,
    META_MAIN = 88,
    META_LAST_PAGE = 136,
    META_TRANSACTION = 144,
    META_SIZE = 152,
    TREE_PAGE_SIZE = 0, /* Of the free tree only. */
    TREE_FLAGS = 4,
    TREE_DEPTH = 6,
    TREE_BRANCH_PAGES = 8,
    TREE_LEAF_PAGES = 16,
    TREE_OVERFLOW_PAGES = 24,
    TREE_ENTRIES = 32,
    TREE_ROOT = 40,
    FLAGS_FREE = 0x08, /* MDB_INTEGERKEY */
    FLAGS_MAIN = 0,
    PAGE_IS_META = 0x08,
    VERSION = 1,
    DEPTH_MAX = 32,
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 32768,
    METAS = 2,
    LOADS_MAX = 64
};
static const uint32_t MAGIC = UINT32_C(0xBEEFC0DE);
static const uint64_t NO_PAGE = UINT64_MAX;

static firn_status damaged(firn_error *err, const char *what)
{
    return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: %s", what);
}

static firn_status meta_read(int fd, uint64_t offset, uint8_t meta[META_SIZE], firn_error *err)
{
    ssize_t got = pread(fd, meta, META_SIZE, (off_t)offset);

    if (got < 0) {
        return frn_fail_os(err, errno, "read data.mdb");
    }
    return got == META_SIZE ? FIRN_OK : damaged(err, "it ends in its meta pages");
}

static bool tree_is_good(const uint8_t *tree, uint16_t flags, uint64_t last_page)
{
    uint64_t root = fmt_get64(tree + TREE_ROOT);
    uint16_t depth = fmt_get16(tree + TREE_DEPTH);

    return fmt_get16(tree + TREE_FLAGS) == flags && depth <= DEPTH_MAX && (root == NO_PAGE) == (depth == 0) &&
           (root == NO_PAGE || (root >= METAS && root <= last_page));
}

/* What one meta page says by itself. */
static firn_status meta_judge(const uint8_t meta[META_SIZE], unsigned number, uint32_t page_size, firn_error *err)
{
    uint64_t last_page = fmt_get64(meta + META_LAST_PAGE);
    uint64_t transaction = fmt_get64(meta + META_TRANSACTION);

    if (fmt_get64(meta + META_NUMBER) != number || (fmt_get16(meta + META_FLAGS) & PAGE_IS_META) == 0 ||
        fmt_get32(meta + META_MAGIC) != MAGIC) {
        return damaged(err, "no meta page where one belongs");
    }
    if (fmt_get32(meta + META_VERSION) != VERSION) {
        return damaged(err, "of another version of LMDB");
    }
    if (fmt_get32(meta + META_FREE + TREE_PAGE_SIZE) != page_size ||
        (transaction != 0 && transaction % METAS != number) || last_page < METAS - 1 ||
        !tree_is_good(meta + META_FREE, FLAGS_FREE, last_page) ||
        !tree_is_good(meta + META_MAIN, FLAGS_MAIN, last_page)) {
        return damaged(err, "a meta page that cannot be");
    }
    return FIRN_OK;
}

/* Both meta pages as bytes. */
static firn_status metas_load(int fd, uint8_t metas[METAS][META_SIZE], uint32_t *out_page_size, firn_error *err)
{
    firn_status status = meta_read(fd, 0, metas[0], err);
    uint32_t page_size = fmt_get32(metas[0] + META_FREE + TREE_PAGE_SIZE);

    if (status < 0) {
        return status;
    }
    if (page_size < PAGE_SIZE_MIN || page_size > PAGE_SIZE_MAX || (page_size & (page_size - 1)) != 0) {
        return damaged(err, "no meta page where one belongs");
    }
    *out_page_size = page_size;
    return meta_read(fd, page_size, metas[1], err);
}

/* Both meta pages, each judged by itself. They are read until they stay the same: another process may be writing. */
static firn_status metas_read(int fd, uint8_t metas[METAS][META_SIZE], uint32_t *out_page_size, firn_error *err)
{
    uint8_t again[METAS][META_SIZE] = {{0}};
    firn_status status = metas_load(fd, metas, out_page_size, err);

    for (unsigned i = 0; i < LOADS_MAX && status == FIRN_OK && memcmp(metas, again, sizeof again) != 0; i++) {
        memcpy(again, metas, sizeof again);
        status = metas_load(fd, metas, out_page_size, err);
    }
    for (unsigned i = 0; i < METAS && status == FIRN_OK; i++) {
        status = meta_judge(metas[i], i, *out_page_size, err);
    }
    return status;
}

static const uint8_t *newest_of(uint8_t metas[METAS][META_SIZE])
{
    return metas[fmt_get64(metas[1] + META_TRANSACTION) > fmt_get64(metas[0] + META_TRANSACTION)];
}

static firn_status fits(const uint8_t *meta, uint32_t page_size, uint64_t size_file, firn_error *err)
{
    return fmt_get64(meta + META_LAST_PAGE) < size_file / page_size
               ? FIRN_OK
               : damaged(err, "it is shorter than its meta pages say");
}

firn_status frn_lmdb_meta_check(int fd, uint64_t size_file, firn_error *err)
{
    uint8_t metas[METAS][META_SIZE] = {{0}};
    uint32_t page_size = 0;
    firn_status status = metas_read(fd, metas, &page_size, err);

    return status == FIRN_OK ? fits(newest_of(metas), page_size, size_file, err) : status;
}

static frn_lmdb_tree tree_decode(const uint8_t *tree)
{
    return (frn_lmdb_tree){.depth = fmt_get16(tree + TREE_DEPTH),
                           .branch_pages = fmt_get64(tree + TREE_BRANCH_PAGES),
                           .leaf_pages = fmt_get64(tree + TREE_LEAF_PAGES),
                           .overflow_pages = fmt_get64(tree + TREE_OVERFLOW_PAGES),
                           .entries = fmt_get64(tree + TREE_ENTRIES),
                           .root = fmt_get64(tree + TREE_ROOT)};
}

firn_status frn_lmdb_state_read(int fd, uint64_t transaction, frn_lmdb_state *out_state, firn_error *err)
{
    uint8_t metas[METAS][META_SIZE] = {{0}};
    const uint8_t *meta = NULL;
    uint32_t page_size = 0;
    struct stat facts;
    firn_status status = metas_read(fd, metas, &page_size, err);

    if (status < 0) {
        return status;
    }
    if (transaction == FRN_LMDB_NEWEST) {
        meta = newest_of(metas);
    }
    for (unsigned i = 0; i < METAS && meta == NULL; i++) {
        meta = fmt_get64(metas[i] + META_TRANSACTION) == transaction ? metas[i] : NULL;
    }
    if (meta == NULL) {
        return FIRN_ENOTFOUND;
    }
    if (fstat(fd, &facts) < 0) {
        return frn_fail_os(err, errno, "size of data.mdb");
    }
    status = fits(meta, page_size, (uint64_t)facts.st_size, err);
    if (status < 0) {
        return status;
    }
    *out_state = (frn_lmdb_state){.transaction = fmt_get64(meta + META_TRANSACTION),
                                  .page_size = page_size,
                                  .pages_count = fmt_get64(meta + META_LAST_PAGE) + 1,
                                  .free = tree_decode(meta + META_FREE),
                                  .rows = tree_decode(meta + META_MAIN)};
    return FIRN_OK;
}

firn_status frn_lmdb_meta_extend(int fd, uint64_t size_wanted, firn_error *err)
{
    struct stat facts;

    if (fstat(fd, &facts) < 0) {
        return frn_fail_os(err, errno, "size of data.mdb");
    }
    /* Rare, so that the sync counts for little; without it a power cut would make the next opening build the index. */
    if ((uint64_t)facts.st_size < size_wanted && (ftruncate(fd, (off_t)size_wanted) < 0 || fsync(fd) < 0)) {
        return frn_fail_os(err, errno, "extend data.mdb to %" PRIu64 " bytes", size_wanted);
    }
    return FIRN_OK;
}
