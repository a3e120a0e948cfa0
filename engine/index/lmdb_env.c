/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_env.c — one LMDB environment: open it without trusting it, once in a process.
 *
 * Happy path. The meta pages are judged, then LMDB opens the file with MDB_NOMETASYNC: a commit syncs the pages and
 * leaves the meta page to the next one, so that a power cut costs the last transaction at most, mark and rows alike.
 * MDB_NOTLS, because a view's transaction passes from thread to thread; MDB_NORDAHEAD, because lookups are random.
 *
 * What can fail. Address space: halves of the map are tried down to MAP_SIZE_MIN. A file that is open in this process
 * (lmdb_pin.c). Something else in the place of the folder: it is not firn's, and stays.
 */
#include "engine/index/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"

static const uint64_t MAP_SIZE = UINT64_C(1) << 40;
static const uint64_t MAP_SIZE_MIN = UINT64_C(1) << 28;
enum {
    READERS_MAX = 2046,    /* Slots of 64 bytes in lock.mdb: a page of readers more than any pool needs. */
    LOCK_SIZE = 128 * 1024 /* Of lock.mdb: the slots and what is before them. */
};

firn_status frn_lmdb_path(char out[FRN_LMDB_PATH_SIZE_MAX], const char *folder, const char *behind, firn_error *err)
{
    int size = snprintf(out, FRN_LMDB_PATH_SIZE_MAX, "%s%s", folder, behind);

    return size < FRN_LMDB_PATH_SIZE_MAX ? FIRN_OK : frn_fail(err, FIRN_ETOOBIG, "path of the index: too long");
}

/* Judges a file that is not empty. *out_new: nothing was ever committed to it, as a power cut leaves it that comes when
   it has just been made. */
static firn_status file_judge(int fd, uint64_t size, bool *out_new, firn_error *err)
{
    frn_lmdb_state state;
    firn_status status = frn_lmdb_meta_check(fd, size, err);

    if (status == FIRN_OK) {
        status = frn_lmdb_state_read(fd, FRN_LMDB_NEWEST, &state, err);
    }
    *out_new = status == FIRN_OK && state.transaction == 0;
    return status;
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
    /* Without O_NONBLOCK a pipe of that name would be waited for. */
    fd = open(path, (create ? O_RDWR | O_CREAT : O_RDONLY) | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == ENOTDIR || (create && errno == ENOENT))) {
        status = frn_fail(err, FIRN_EEXISTS, "%s: not a folder, and in the way of the index", env->folder);
        goto out;
    }
    if (fd < 0 && errno == EISDIR) {
        status = frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "%s: not a file", path);
        goto out;
    }
    if (fd < 0 || fstat(fd, &facts) < 0) {
        status = frn_fail_os(err, errno, "open %s", path);
        goto out;
    }
    *out_new = facts.st_size == 0;
    env->device = facts.st_dev;
    env->inode = facts.st_ino;
    if (!S_ISREG(facts.st_mode)) {
        status = frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "%s: not a file", path);
    } else if (!*out_new) {
        status = file_judge(fd, (uint64_t)facts.st_size, out_new, err);
    }
    if (status == FIRN_OK && *out_new && !create) {
        status = frn_fail(err, FIRN_ENOTFOUND, "open %s: empty", path);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_distrust_check(env->folder, err);
    }
    if (status == FIRN_OK) {
        status = frn_lmdb_env_register(env, err);
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

/* What becomes of the file's bytes is told to each descriptor that was open before: to this one as well. */
static int witness_open(frn_lmdb_env *env)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];

    if (frn_lmdb_path(path, env->folder, "/data.mdb", NULL) != FIRN_OK) {
        return ENAMETOOLONG;
    }
    env->witness = open(path, O_RDONLY | O_CLOEXEC);
    return env->witness > 0 ? 0 : errno;
}

bool frn_lmdb_env_kept(const frn_lmdb_env *env)
{
    return env->witness > 0 && fsync(env->witness) == 0;
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
    if (code == 0 && !options->read_only) {
        code = witness_open(env);
    }
    if (code == 0) {
        code = dbi_open(env);
    }
    if (code != 0) {
        status = frn_lmdb_fail(err, code, "open the index");
        (void)frn_wrap(err, status, "%s", folder);
        frn_lmdb_env_close(env);
    } else {
        frn_lmdb_env_ready(env);
    }
    return status;
}

void frn_lmdb_env_close(frn_lmdb_env *env)
{
    frn_lmdb_env_unready(env);
    if (env->env != NULL) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
    if (env->witness > 0) {
        (void)close(env->witness);
        env->witness = 0;
    }
    frn_lmdb_env_unregister(env);
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

static const char distrusted[] = "/distrusted";

void frn_lmdb_env_distrust(const frn_lmdb_env *env, const char *why)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    ssize_t written;
    int fd;

    if (!frn_lmdb_env_is_current(env) || frn_lmdb_path(path, env->folder, distrusted, NULL) != FIRN_OK) {
        return;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        written = pwrite(fd, why, strlen(why), 0);
        (void)written; /* That the file is there is enough. */
        (void)close(fd);
    }
}

firn_status frn_lmdb_distrust_check(const char *folder, firn_error *err)
{
    char path[FRN_LMDB_PATH_SIZE_MAX], why[256] = "";
    firn_status status = frn_lmdb_path(path, folder, distrusted, err);
    ssize_t size;
    int fd;

    if (status < 0) {
        return status;
    }
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return FIRN_OK;
    }
    if (fd >= 0) {
        size = pread(fd, why, sizeof why - 1, 0);
        why[size > 0 ? size : 0] = '\0';
        (void)close(fd);
    }
    return frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "damage was met before: %s", why);
}
