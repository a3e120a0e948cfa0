/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_bulk.c — build an index from rows in any order, beside the one that may be there, and put it in its place.
 *
 * Happy path. Rows are sorted (lmdb_sort.c) and appended to a new environment in the folder with ".new" behind its
 * name, without syncs, some MiB a transaction; then it is synced once, and the folders change places in one rename.
 * Until then nobody looks at the new one, so a stop leaves at most a folder that the next build removes.
 *
 * Measured, release build, 3 million rows of 32 + 16 bytes, CPU time of one core, making the rows included: keys in
 * order 3.9 M rows/s, random keys 2.8 M/s in memory and 2.5 M/s through runs of 64 MiB; the disk's time comes on top.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_sort.h"
#include "engine/index/lmdb_write.h"

/* Bytes of rows a transaction: LMDB holds the pages that it writes in memory until then. */
static const uint64_t TRANSACTION_SIZE = UINT64_C(16) << 20;

struct frn_index_bulk {
    frn_heap *heap;
    frn_lmdb_options options;
    frn_sort *sort;
    char folder[FRN_LMDB_PATH_SIZE_MAX];
    char folder_new[FRN_LMDB_PATH_SIZE_MAX];
};

/* What an index puts into a folder, and the folder, unless something else is in it. No link is followed. */
static firn_status folder_remove(const char *folder, firn_error *err)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "rows.tmp", "distrusted"};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    firn_status status = FIRN_OK;

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? FIRN_OK : frn_fail_os(err, errno, "remove folder %s", folder);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == FIRN_OK; i++) {
        if (unlinkat(fd, names[i], 0) < 0 && errno != ENOENT) {
            status = errno == EISDIR ? frn_fail(err, FIRN_EEXISTS, "%s/%s: a folder, and in the way of the index",
                                                folder, names[i])
                                     : frn_fail_os(err, errno, "remove %s/%s", folder, names[i]);
        }
    }
    (void)close(fd);
    if (status == FIRN_OK && rmdir(folder) < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENOTEMPTY) {
        status = frn_fail_os(err, errno, "remove folder %s", folder);
    }
    return status;
}

static firn_status beside_remove(const char *folder, const char *behind, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status = frn_lmdb_path(path, folder, behind, err);

    return status < 0 ? status : folder_remove(path, err);
}

firn_status frn_index_remove_lmdb(const char *folder, firn_error *err)
{
    static const char *const behind[] = {"", ".new", ".old"};
    firn_status status = FIRN_OK;

    for (size_t i = 0; i < sizeof behind / sizeof behind[0] && status == FIRN_OK; i++) {
        status = beside_remove(folder, behind[i], err);
    }
    return status;
}

static firn_status folder_sync(const char *folder, firn_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    firn_status status = FIRN_OK;

    if (fd < 0 || fsync(fd) < 0) {
        status = frn_fail_os(err, errno, "sync folder %s", folder);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static firn_status parent_sync(const char *folder, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status = frn_lmdb_path(path, folder, "", err);
    char *slash = status == FIRN_OK ? strrchr(path, '/') : NULL;

    if (status < 0) {
        return status;
    }
    if (slash == NULL) {
        return folder_sync(".", err);
    }
    slash[slash == path] = '\0';
    return folder_sync(path, err);
}

/* Puts the new folder in the place of the old one. */
static firn_status folders_swap(const frn_index_bulk *bulk, firn_error *err)
{
    char old[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status = frn_lmdb_path(old, bulk->folder, ".old", err);

    if (status < 0) {
        return status;
    }
    if (renameat2(AT_FDCWD, bulk->folder_new, AT_FDCWD, bulk->folder, RENAME_EXCHANGE) == 0) {
        return parent_sync(bulk->folder, err);
    }
    if (errno != ENOENT && errno != EINVAL && errno != ENOSYS) {
        return frn_fail_os(err, errno, "rename %s", bulk->folder_new);
    }
    /* There is none to change places with, or the file system cannot. A stop in between leaves no index, which is built
       again. */
    if ((rename(bulk->folder, old) < 0 && errno != ENOENT) || rename(bulk->folder_new, bulk->folder) < 0) {
        return frn_fail_os(err, errno, "rename %s", bulk->folder_new);
    }
    return parent_sync(bulk->folder, err);
}

firn_status frn_index_bulk_open(frn_heap *heap, const char *folder, const frn_lmdb_options *options,
                                frn_index_bulk **out_bulk, firn_error *err)
{
    frn_index_bulk *bulk = frn_alloc_zero(heap, 1, sizeof *bulk);
    char path[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status;

    if (bulk == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "build index %s", folder);
    }
    bulk->heap = heap;
    bulk->options = *options;
    bulk->options.create = true;
    bulk->options.read_only = false;
    status = frn_lmdb_folder_check(folder, err);
    if (status == FIRN_OK) {
        status = frn_lmdb_path(bulk->folder, folder, "", err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_path(bulk->folder_new, folder, ".new", err);
    }
    if (status == FIRN_OK) {
        status = beside_remove(folder, ".new", err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_path(path, folder, ".rows", err);
    }
    if (status == FIRN_OK) {
        status = frn_sort_open(heap, path, options->sort_size_max, &bulk->sort, err);
    }
    if (status < 0) {
        frn_free(heap, bulk);
        return status;
    }
    *out_bulk = bulk;
    return FIRN_OK;
}

firn_status frn_index_bulk_put(frn_index_bulk *bulk, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    return frn_sort_add(bulk->sort, &(frn_sort_row){.table = table, .key = key, .value = value}, err);
}

firn_status frn_index_bulk_delete(frn_index_bulk *bulk, frn_table table, firn_slice key, firn_error *err)
{
    return frn_sort_add(bulk->sort, &(frn_sort_row){.table = table, .key = key, .deleted = true}, err);
}

static firn_status fail(int code, firn_error *err)
{
    return frn_lmdb_fail(err, code, "build the index");
}

/* Ends one transaction and begins the next. */
static firn_status transaction_next(frn_lmdb_writer *writer, firn_error *err)
{
    MDB_txn *txn = writer->txn;
    int code;

    if (writer->cursor != NULL) {
        mdb_cursor_close(writer->cursor);
        writer->cursor = NULL;
    }
    writer->txn = NULL;
    code = mdb_txn_commit(txn);
    if (code == 0) {
        code = mdb_txn_begin(writer->env->env, NULL, 0, &writer->txn);
    }
    return code == 0 ? FIRN_OK : fail(code, err);
}

static firn_status rows_append(frn_index_bulk *bulk, frn_lmdb_writer *writer, firn_error *err)
{
    uint64_t written = 0;
    frn_sort_row row;
    firn_status status;

    for (;;) {
        status = frn_sort_next(bulk->sort, &row, err);
        if (status == FIRN_END) {
            return frn_lmdb_write_flush(writer, err);
        }
        if (status == FIRN_OK && !row.deleted) {
            status = frn_lmdb_write(writer, row.table, row.key, row.value, false, err);
        }
        if (status == FIRN_OK && writer->bytes - written >= TRANSACTION_SIZE) {
            written = writer->bytes;
            status = transaction_next(writer, err);
        }
        if (status < 0) {
            return status;
        }
    }
}

/* Fills the new environment, all but the mark last. */
static firn_status env_fill(frn_index_bulk *bulk, const frn_lmdb_env *env, const frn_index_mark *mark, firn_error *err)
{
    frn_lmdb_writer writer = {.heap = bulk->heap, .env = env, .append = true};
    firn_status status = FIRN_OK;
    int code = mdb_txn_begin(env->env, NULL, 0, &writer.txn);

    if (code != 0) {
        return fail(code, err);
    }
    /* Its row is the first of the tree: written here, so that all others can be appended. */
    status = frn_lmdb_mark_write(env, writer.txn, mark, &bulk->options, err);
    if (status == FIRN_OK) {
        status = rows_append(bulk, &writer, err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_mark_write(env, writer.txn, mark, &bulk->options, err);
    }
    frn_lmdb_write_done(&writer);
    if (status < 0) {
        mdb_txn_abort(writer.txn);
        return status;
    }
    code = mdb_txn_commit(writer.txn);
    if (code == 0) {
        status = frn_lmdb_env_extend(env, err);
        code = status < 0 ? 0 : mdb_env_sync(env->env, 1);
    }
    return code == 0 ? status : fail(code, err);
}

firn_status frn_index_bulk_finish(frn_index_bulk *bulk, const frn_index_mark *mark, firn_error *err)
{
    frn_lmdb_env *env = frn_alloc_zero(bulk->heap, 1, sizeof *env);
    firn_status status;
    bool is_new;

    if (env == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "build index %s", bulk->folder);
    }
    status = frn_sort_finish(bulk->sort, err);
    if (status == FIRN_OK) {
        status = frn_lmdb_env_open(env, bulk->folder_new, &bulk->options, MDB_NOSYNC, &is_new, err);
    }
    if (status == FIRN_OK) {
        status = env_fill(bulk, env, mark, err);
        frn_lmdb_env_close(env);
    }
    frn_free(bulk->heap, env);
    if (status == FIRN_OK) {
        status = folder_sync(bulk->folder_new, err);
    }
    if (status == FIRN_OK) {
        status = folders_swap(bulk, err);
    }
    return status == FIRN_OK ? status : frn_wrap(err, status, "build index %s", bulk->folder);
}

void frn_index_bulk_close(frn_index_bulk *bulk)
{
    if (bulk != NULL) {
        frn_sort_close(bulk->sort);
        (void)beside_remove(bulk->folder, ".new", NULL);
        (void)beside_remove(bulk->folder, ".old", NULL);
        frn_free(bulk->heap, bulk);
    }
}
