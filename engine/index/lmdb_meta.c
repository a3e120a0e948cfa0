/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_meta.c — judge the meta pages of an LMDB data file before LMDB maps it.
 *
 * LMDB believes its meta pages and reads its file through a map: a file that is shorter than they say ends the process
 * with SIGBUS. So they are read here first, as bytes.
 *
 *   offset  size  field        rule (meta page i of 2 begins at i * page size; LMDB 0.9 on 64 bits, little-endian)
 *        0     8  page number  i
 *       10     2  flags        P_META is set
 *       16     4  magic
 *       20     4  version      1
 *       40    48  free tree    page size, flags, depth, 3 page counts, entries, root
 *       88    48  main tree    the same
 *      136     8  last page    ≥ 1; all pages up to it lie in the file
 *      144     8  transaction  of meta page i: odd or even as i, or 0 in a file that is new
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
    TREE_DEPTH = 6,
    TREE_ROOT = 40,
    PAGE_IS_META = 0x08,
    VERSION = 1,
    DEPTH_MAX = 32,
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 32768,
    METAS = 2
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

static bool tree_is_good(const uint8_t *tree, uint64_t last_page)
{
    uint64_t root = fmt_get64(tree + TREE_ROOT);

    return fmt_get16(tree + TREE_DEPTH) <= DEPTH_MAX && (root == NO_PAGE || (root >= METAS && root <= last_page));
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
        !tree_is_good(meta + META_FREE, last_page) || !tree_is_good(meta + META_MAIN, last_page)) {
        return damaged(err, "a meta page that cannot be");
    }
    return FIRN_OK;
}

firn_status frn_lmdb_meta_check(int fd, uint64_t size_file, firn_error *err)
{
    uint8_t metas[METAS][META_SIZE];
    const uint8_t *newest;
    uint32_t page_size;
    firn_status status;

    status = meta_read(fd, 0, metas[0], err);
    if (status < 0) {
        return status;
    }
    page_size = fmt_get32(metas[0] + META_FREE + TREE_PAGE_SIZE);
    if (page_size < PAGE_SIZE_MIN || page_size > PAGE_SIZE_MAX || (page_size & (page_size - 1)) != 0) {
        return damaged(err, "no meta page where one belongs");
    }
    status = meta_read(fd, page_size, metas[1], err);
    for (unsigned i = 0; i < METAS && status == FIRN_OK; i++) {
        status = meta_judge(metas[i], i, page_size, err);
    }
    if (status < 0) {
        return status;
    }
    newest = metas[fmt_get64(metas[1] + META_TRANSACTION) > fmt_get64(metas[0] + META_TRANSACTION)];
    if (fmt_get64(newest + META_LAST_PAGE) >= size_file / page_size) {
        return damaged(err, "it is shorter than its meta pages say");
    }
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
