/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_env.c — one LMDB environment: open it without trusting it, read and write its mark.
 *
 * Happy path. The meta pages are judged, then LMDB opens the file with MDB_NOMETASYNC: a commit syncs the pages and
 * leaves the meta page to the next one, so that a power cut costs the last transaction at most, mark and rows alike.
 * MDB_NOTLS, because a view's transaction passes from thread to thread; MDB_NORDAHEAD, because lookups are random.
 *
 * What can fail. Address space: halves of the map are tried down to MAP_SIZE_MIN. LMDB must not have one file open
 * twice in a process (closing one would give up the locks of the other), so environments are registered.
 */
#include "engine/index/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_meta.h"
#include "format/bytes.h"

static const uint64_t MAP_SIZE = UINT64_C(1) << 40;
static const uint64_t MAP_SIZE_MIN = UINT64_C(1) << 28;
enum {
    FORM = 1,
    READERS_MAX = 2046,    /* Slots of 64 bytes in lock.mdb: a page of readers more than any pool needs. */
    LOCK_SIZE = 128 * 1024 /* Of lock.mdb: the slots and what is before them. */
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static frn_lmdb_env *registry;

firn_status frn_lmdb_path(char out[FRN_LMDB_PATH_SIZE_MAX], const char *folder, const char *behind, firn_error *err)
{
    int size = snprintf(out, FRN_LMDB_PATH_SIZE_MAX, "%s%s", folder, behind);

    return size < FRN_LMDB_PATH_SIZE_MAX ? FIRN_OK : frn_fail(err, FIRN_ETOOBIG, "path of the index: too long");
}

static firn_status env_register(frn_lmdb_env *env, firn_error *err)
{
    bool taken = false;

    (void)pthread_mutex_lock(&registry_lock);
    for (const frn_lmdb_env *other = registry; other != NULL; other = other->registered) {
        taken = taken || (other->device == env->device && other->inode == env->inode);
    }
    if (!taken) {
        env->registered = registry;
        registry = env;
    }
    (void)pthread_mutex_unlock(&registry_lock);
    return taken ? frn_fail(err, FIRN_EBUSY, "index %s: this process has it open", env->folder) : FIRN_OK;
}

static void env_unregister(frn_lmdb_env *env)
{
    frn_lmdb_env **at = &registry;

    (void)pthread_mutex_lock(&registry_lock);
    while (*at != env) {
        at = &(*at)->registered;
    }
    *at = env->registered;
    (void)pthread_mutex_unlock(&registry_lock);
}

/* Finds data.mdb, makes it if asked to, and judges it; then it is registered. */
static firn_status file_find(frn_lmdb_env *env, bool create, bool *out_new, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status = frn_lmdb_path(path, env->folder, "/data.mdb", err);
    struct stat facts = {0};
    int fd;

    if (status < 0) {
        return status;
    }
    if (create && mkdir(env->folder, 0700) < 0 && errno != EEXIST) {
        return frn_fail_os(err, errno, "make folder %s", env->folder);
    }
    fd = open(path, (create ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &facts) < 0) {
        status = frn_fail_os(err, errno, "open %s", path);
        goto out;
    }
    *out_new = facts.st_size == 0;
    env->device = facts.st_dev;
    env->inode = facts.st_ino;
    if (!S_ISREG(facts.st_mode)) {
        status = frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "%s: not a file", path);
    } else if (*out_new && !create) {
        status = frn_fail(err, FIRN_ENOTFOUND, "open %s: empty", path);
    } else if (!*out_new) {
        status = frn_lmdb_meta_check(fd, (uint64_t)facts.st_size, err);
    }
    if (status == FIRN_OK) {
        status = env_register(env, err);
    }
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

/* LMDB maps lock.mdb and writes to it: a disk that has no room for it would end the process by a signal. So the room is
   taken before. What else may be wrong with the file is for LMDB to say. */
static firn_status lock_reserve(const frn_lmdb_env *env, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    firn_status status = frn_lmdb_path(path, env->folder, "/lock.mdb", err);
    int fd;

    if (status < 0) {
        return status;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return FIRN_OK;
    }
    if (fallocate(fd, 0, 0, LOCK_SIZE) != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
        status = frn_fail_os(err, errno, "make %s", path);
    }
    (void)close(fd);
    return status;
}

static int env_try(frn_lmdb_env *env, uint64_t map_size, unsigned flags)
{
    int code = mdb_env_create(&env->env);

    if (code != 0) {
        env->env = NULL;
        return code;
    }
    code = mdb_env_set_mapsize(env->env, map_size);
    if (code == 0) {
        code = mdb_env_set_maxreaders(env->env, READERS_MAX);
    }
    if (code == 0) {
        code = mdb_env_open(env->env, env->folder, MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
    }
    if (code == 0) {
        int fd;

        /* LMDB leaves the data file open for programs that the host starts. */
        code = mdb_env_get_fd(env->env, &fd);
        if (code == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            code = errno;
        }
    }
    if (code != 0) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
    return code;
}

/* The handle of the one tree. */
static int dbi_open(frn_lmdb_env *env)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn);

    if (code == 0) {
        code = mdb_dbi_open(txn, NULL, 0, &env->dbi);
        mdb_txn_abort(txn);
    }
    return code;
}

firn_status frn_lmdb_env_open(frn_lmdb_env *env, const char *folder, const frn_lmdb_options *options, unsigned flags,
                              bool *out_new, firn_error *err)
{
    uint64_t map_size = options->map_size != 0 ? options->map_size : MAP_SIZE;
    firn_status status = frn_lmdb_path(env->folder, folder, "", err);
    int code, dead;

    if (status == FIRN_OK) {
        status = file_find(env, options->create && !options->read_only, out_new, err);
    }
    if (status < 0) {
        return status;
    }
    /* LMDB has it not open yet: closing it would give up locks. */
    status = lock_reserve(env, err);
    if (status < 0) {
        frn_lmdb_env_close(env);
        return status;
    }
    flags |= options->read_only ? MDB_RDONLY : 0;
    do {
        code = env_try(env, map_size, flags);
        map_size /= 2;
    } while (code == ENOMEM && map_size >= MAP_SIZE_MIN);
    if (code == 0) {
        code = mdb_reader_check(env->env, &dead);
    }
    if (code == 0) {
        code = dbi_open(env);
    }
    if (code != 0) {
        status = frn_lmdb_fail(err, code, "open the index");
        (void)frn_wrap(err, status, "%s", folder);
        frn_lmdb_env_close(env);
    }
    return status;
}

void frn_lmdb_env_close(frn_lmdb_env *env)
{
    if (env->env != NULL) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
    env_unregister(env);
}

bool frn_lmdb_env_is_current(const frn_lmdb_env *env)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    struct stat facts;

    return frn_lmdb_path(path, env->folder, "/data.mdb", NULL) == FIRN_OK && stat(path, &facts) == 0 &&
           facts.st_dev == env->device && facts.st_ino == env->inode;
}

firn_status frn_lmdb_env_extend(const frn_lmdb_env *env, firn_error *err)
{
    MDB_envinfo info;
    MDB_stat shape;
    int fd = -1;
    int code = mdb_env_info(env->env, &info);

    if (code == 0) {
        code = mdb_env_stat(env->env, &shape);
    }
    if (code == 0) {
        code = mdb_env_get_fd(env->env, &fd);
    }
    return code != 0 ? frn_lmdb_fail(err, code, "size of the index")
                     : frn_lmdb_meta_extend(fd, (info.me_last_pgno + 1) * (uint64_t)shape.ms_psize, err);
}

static MDB_val mark_key(void)
{
    static char key[] = {0, 'm'};

    return (MDB_val){sizeof key, key};
}

static void shape_encode(uint8_t *at, const MDB_stat *shape)
{
    fmt_put64(at, shape->ms_entries);
    fmt_put64(at + 8, shape->ms_branch_pages);
    fmt_put64(at + 16, shape->ms_leaf_pages);
    fmt_put64(at + 24, shape->ms_overflow_pages);
}

static void stores_encode(uint8_t at[4 * FRN_LMDB_STORES_MAX], const frn_lmdb_options *options)
{
    memset(at, 0, 4 * FRN_LMDB_STORES_MAX);
    for (unsigned i = 0; i < options->stores_count && i < FRN_LMDB_STORES_MAX; i++) {
        fmt_put16(at + 4 * (size_t)i, options->stores[i].block);
        fmt_put16(at + 4 * (size_t)i + 2, options->stores[i].version);
    }
}

firn_status frn_lmdb_mark_write(const frn_lmdb_env *env, MDB_txn *txn, const frn_index_mark *mark,
                                const frn_lmdb_options *options, firn_error *err)
{
    uint8_t data[FRN_LMDB_MARK_SIZE + FRN_LMDB_CRC] = {0};
    MDB_val key = mark_key();
    MDB_val value = {sizeof data, data};
    MDB_stat shape;
    int code;

    fmt_put32(data + FRN_LMDB_MARK_FORM, FORM);
    fmt_put32(data + FRN_LMDB_MARK_STORES_COUNT, options->stores_count);
    memcpy(data + FRN_LMDB_MARK_LEDGER_ID, options->ledger_id, FIRN_LEDGER_ID_SIZE);
    fmt_put64(data + FRN_LMDB_MARK_SEQ, mark->seq);
    fmt_put64(data + FRN_LMDB_MARK_INCARNATION, mark->incarnation);
    memcpy(data + FRN_LMDB_MARK_HINT, mark->hint, FRN_INDEX_HINT_SIZE);
    fmt_put64(data + FRN_LMDB_MARK_TRANSACTION, mdb_txn_id(txn));
    stores_encode(data + FRN_LMDB_MARK_STORES, options);
    /* Twice: the first put may change the shape, the second one, of the same size, does not. */
    code = mdb_put(txn, env->dbi, &key, &value, 0);
    if (code == 0) {
        code = mdb_stat(txn, env->dbi, &shape);
    }
    if (code == 0) {
        shape_encode(data + FRN_LMDB_MARK_SHAPE, &shape);
        fmt_put32(data + FRN_LMDB_MARK_SIZE, frn_lmdb_crc(&key, data, FRN_LMDB_MARK_SIZE));
        value = (MDB_val){sizeof data, data};
        code = mdb_put(txn, env->dbi, &key, &value, 0);
    }
    return code == 0 ? FIRN_OK : frn_lmdb_fail(err, code, "write the mark of the index");
}

static firn_status mark_judge(const frn_lmdb_env *env, MDB_txn *txn, const uint8_t *data,
                              const frn_lmdb_options *options, firn_error *err)
{
    uint8_t expected[4 * FRN_LMDB_STORES_MAX];
    MDB_stat shape;
    int code = mdb_stat(txn, env->dbi, &shape);

    if (code != 0) {
        return frn_lmdb_fail(err, code, "read the mark of the index");
    }
    shape_encode(expected, &shape);
    if (fmt_get64(data + FRN_LMDB_MARK_TRANSACTION) != mdb_txn_id(txn) ||
        memcmp(data + FRN_LMDB_MARK_SHAPE, expected, FRN_LMDB_MARK_STORES - FRN_LMDB_MARK_SHAPE) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: the mark is not of this state");
    }
    if (memcmp(data + FRN_LMDB_MARK_LEDGER_ID, options->ledger_id, FIRN_LEDGER_ID_SIZE) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: of another ledger");
    }
    stores_encode(expected, options);
    if (fmt_get32(data + FRN_LMDB_MARK_STORES_COUNT) != options->stores_count ||
        memcmp(data + FRN_LMDB_MARK_STORES, expected, sizeof expected) != 0) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: of other versions of the stores");
    }
    return FIRN_OK;
}

firn_status frn_lmdb_mark_read(const frn_lmdb_env *env, MDB_txn *txn, const frn_lmdb_options *options,
                               frn_index_mark *out_mark, uint64_t *out_rows, firn_error *err)
{
    MDB_val key = mark_key();
    MDB_val sealed;
    firn_slice value;
    const uint8_t *data;
    firn_status status;
    int code = mdb_get(txn, env->dbi, &key, &sealed);

    if (code == MDB_NOTFOUND) {
        return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: it has no mark");
    }
    if (code != 0) {
        return frn_lmdb_fail(err, code, "read the mark of the index");
    }
    status = frn_lmdb_unseal(&key, &sealed, &value, err);
    if (status < 0) {
        return status;
    }
    data = value.data;
    if (value.size < FRN_LMDB_MARK_SIZE || fmt_get32(data + FRN_LMDB_MARK_FORM) > FORM) {
        return frn_fail(err, FIRN_ENEWER, "data.mdb: written by a newer version");
    }
    status = mark_judge(env, txn, data, options, err);
    if (status < 0) {
        return status;
    }
    *out_mark = (frn_index_mark){.seq = fmt_get64(data + FRN_LMDB_MARK_SEQ),
                                 .incarnation = fmt_get64(data + FRN_LMDB_MARK_INCARNATION)};
    memcpy(out_mark->ledger_id, data + FRN_LMDB_MARK_LEDGER_ID, FIRN_LEDGER_ID_SIZE);
    memcpy(out_mark->hint, data + FRN_LMDB_MARK_HINT, FRN_INDEX_HINT_SIZE);
    *out_rows = fmt_get64(data + FRN_LMDB_MARK_SHAPE) - 1;
    return FIRN_OK;
}
