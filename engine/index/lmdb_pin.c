/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_pin.c — which index files this process has open, and which states of them are pinned.
 *
 * LMDB must not have one file open twice in a process: closing one would give up the locks of the other. So who opens
 * one is registered here. Who only looks at a file needs a transaction that keeps its pages from being used again: it
 * borrows the environment that is open, or has one of its own until the file is opened in earnest. It never waits and
 * is never waited for; in exchange it may lose its pin (lmdb_env.h).
 *
 * Beginning a read transaction looks at meta pages alone, which were judged before, so no damage is met.
 */
#include "engine/index/lmdb_env.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "engine/base/error.h"

enum {
    READERS_MAX = 2046, /* As in lmdb_env.c: who is first decides it for all. */
    MAP_SIZE = 1 << 20  /* LMDB makes it as large as the file. */
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static frn_lmdb_env *registry;
static frn_lmdb_pin *pins;

/* Lets go what a pin holds. With the lock. */
static void pin_break(frn_lmdb_pin *pin)
{
    if (pin->txn != NULL) {
        mdb_txn_abort(pin->txn);
    }
    if (pin->own != NULL) {
        mdb_env_close(pin->own);
    }
    pin->txn = NULL;
    pin->own = NULL;
    pin->env = NULL;
}

static frn_lmdb_env *find(dev_t device, ino_t inode)
{
    frn_lmdb_env *env = registry;

    while (env != NULL && (env->device != device || env->inode != inode)) {
        env = env->registered;
    }
    return env;
}

firn_status frn_lmdb_env_register(frn_lmdb_env *env, firn_error *err)
{
    bool taken;

    (void)pthread_mutex_lock(&registry_lock);
    taken = find(env->device, env->inode) != NULL;
    if (!taken) {
        for (frn_lmdb_pin *pin = pins; pin != NULL; pin = pin->next) {
            if (pin->own != NULL && pin->device == env->device && pin->inode == env->inode) {
                pin_break(pin);
            }
        }
        env->registered = registry;
        registry = env;
    }
    (void)pthread_mutex_unlock(&registry_lock);
    return taken ? frn_fail(err, FIRN_EBUSY, "index %s: this process has it open", env->folder) : FIRN_OK;
}

void frn_lmdb_env_unregister(frn_lmdb_env *env)
{
    frn_lmdb_env **at = &registry;

    (void)pthread_mutex_lock(&registry_lock);
    while (*at != env) {
        at = &(*at)->registered;
    }
    *at = env->registered;
    (void)pthread_mutex_unlock(&registry_lock);
}

void frn_lmdb_env_ready(frn_lmdb_env *env)
{
    (void)pthread_mutex_lock(&registry_lock);
    env->ready = true;
    (void)pthread_mutex_unlock(&registry_lock);
}

void frn_lmdb_env_unready(frn_lmdb_env *env)
{
    (void)pthread_mutex_lock(&registry_lock);
    env->ready = false;
    for (frn_lmdb_pin *pin = pins; pin != NULL; pin = pin->next) {
        if (pin->env == env) {
            pin_break(pin);
        }
    }
    (void)pthread_mutex_unlock(&registry_lock);
}

/* An environment for the pin alone. Without lock.mdb nobody has the file open, and none is made. With the lock. */
static MDB_env *own_open(const char *folder, dev_t device, ino_t inode)
{
    char path[FRN_LMDB_PATH_SIZE_MAX];
    struct stat facts;
    MDB_env *env = NULL;
    int fd;

    for (const frn_lmdb_pin *pin = pins; pin != NULL; pin = pin->next) {
        if (pin->own != NULL && pin->device == device && pin->inode == inode) {
            return NULL;
        }
    }
    if (frn_lmdb_path(path, folder, "/lock.mdb", NULL) != FIRN_OK || lstat(path, &facts) < 0 ||
        frn_lmdb_names_check(folder, NULL) != FIRN_OK || mdb_env_create(&env) != 0) {
        return NULL;
    }
    if (mdb_env_set_mapsize(env, MAP_SIZE) != 0 || mdb_env_set_maxreaders(env, READERS_MAX) != 0 ||
        mdb_env_open(env, folder, MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0600) != 0 || mdb_env_get_fd(env, &fd) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        mdb_env_close(env);
        return NULL;
    }
    return env;
}

uint64_t frn_lmdb_pin_take(frn_lmdb_pin *pin, const char *folder, dev_t device, ino_t inode)
{
    uint64_t transaction = FRN_LMDB_NEWEST;
    const frn_lmdb_env *env;
    MDB_env *from = NULL;

    pin->device = device;
    pin->inode = inode;
    (void)pthread_mutex_lock(&registry_lock);
    env = find(device, inode);
    if (env == NULL) {
        from = pin->own = own_open(folder, device, inode);
    } else if (env->ready) {
        pin->env = env;
        from = env->env;
    }
    if (from != NULL && mdb_txn_begin(from, NULL, MDB_RDONLY, &pin->txn) == 0) {
        transaction = mdb_txn_id(pin->txn);
    } else {
        pin->txn = NULL;
        pin_break(pin);
    }
    pin->next = pins;
    pins = pin;
    (void)pthread_mutex_unlock(&registry_lock);
    return transaction;
}

bool frn_lmdb_pin_drop(frn_lmdb_pin *pin)
{
    frn_lmdb_pin **at = &pins;
    bool held;

    (void)pthread_mutex_lock(&registry_lock);
    held = pin->txn != NULL;
    pin_break(pin);
    while (*at != NULL && *at != pin) {
        at = &(*at)->next;
    }
    if (*at == pin) {
        *at = pin->next;
    }
    (void)pthread_mutex_unlock(&registry_lock);
    *pin = (frn_lmdb_pin){0};
    return held;
}
