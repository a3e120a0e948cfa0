/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_env.h — one LMDB environment: open it without trusting it, pin a state of it, read and write its mark.
 *
 * The mark is the row {0, 'm'}. With it stands what its state of the tree must look like, so that a state that the meta
 * pages do not lead to rightly is told from a good one:
 *
 *   offset  size  field
 *        0     4  form         1
 *        4     4  stores       how many
 *        8    16  ledger id
 *       24     8  seq
 *       32     8  incarnation
 *       40    16  hint
 *       56     8  transaction  the number that LMDB gave to the one that wrote this
 *       64     8  rows         entries of the tree, this one included
 *       72    24  pages        branch, leaf and overflow pages of the tree
 *       96    64  stores       2 block, 2 version each; zeros behind the last
 *      160     4  CRC          as in every row
 */
#ifndef FRN_INDEX_LMDB_ENV_H
#define FRN_INDEX_LMDB_ENV_H

#include <sys/types.h>

#include "engine/index/lmdb.h"
#include "engine/index/lmdb_meta.h"
#include "engine/index/lmdb_row.h"

enum {
    FRN_LMDB_PATH_SIZE_MAX = 4096,
    FRN_LMDB_MARK_FORM = 0,
    FRN_LMDB_MARK_STORES_COUNT = 4,
    FRN_LMDB_MARK_LEDGER_ID = 8,
    FRN_LMDB_MARK_SEQ = 24,
    FRN_LMDB_MARK_INCARNATION = 32,
    FRN_LMDB_MARK_HINT = 40,
    FRN_LMDB_MARK_TRANSACTION = 56,
    FRN_LMDB_MARK_SHAPE = 64, /**< Rows and the three kinds of pages. */
    FRN_LMDB_MARK_STORES = 96,
    FRN_LMDB_MARK_SIZE = 160
};
_Static_assert(FRN_LMDB_MARK_HINT + FRN_INDEX_HINT_SIZE == FRN_LMDB_MARK_TRANSACTION, "the mark has a hole");
_Static_assert(FRN_LMDB_MARK_STORES + 4 * FRN_LMDB_STORES_MAX == FRN_LMDB_MARK_SIZE, "the mark has a hole");

typedef struct frn_lmdb_env {
    MDB_env *env;
    MDB_dbi dbi;
    struct frn_lmdb_env *registered; /**< The next one that this process has open. The registry's lock, like ready. */
    bool ready;                      /**< Pins may use it. */
    dev_t device;                    /**< Of data.mdb, and its inode: which file it is, whatever its name. */
    ino_t inode;
    int witness; /**< Of data.mdb, only to ask it what became of what was written: see frn_lmdb_env_kept(). 0: none. */
    char folder[FRN_LMDB_PATH_SIZE_MAX];
} frn_lmdb_env;

/** folder and what follows it. FIRN_OK or FIRN_ETOOBIG. */
firn_status frn_lmdb_path(char out[FRN_LMDB_PATH_SIZE_MAX], const char *folder, const char *behind,
                          firn_error *err) FIRN_NODISCARD;

/** Opens what is in the folder, as frn_index_open_lmdb() says; flags are added to those of every environment. A new one
    is empty and has no mark. *out_new tells. env is zeroed memory; after a failure it needs no closing. */
firn_status frn_lmdb_env_open(frn_lmdb_env *env, const char *folder, const frn_lmdb_options *options, unsigned flags,
                              bool *out_new, firn_error *err) FIRN_NODISCARD;
void frn_lmdb_env_close(frn_lmdb_env *env);
/** Whether data.mdb in the folder is still the file that is open. */
bool frn_lmdb_env_is_current(const frn_lmdb_env *env);
/** Makes the file reach to its last page, see lmdb_meta.h. */
firn_status frn_lmdb_env_extend(const frn_lmdb_env *env, firn_error *err) FIRN_NODISCARD;
/**
 * Whether all that was written to data.mdb since it was opened is on the device. Asked when a commit found no room.
 *
 * A write that the file system has no room for leaves nothing behind, and can be made again. A device that has no room
 * says the same by a sync, when the kernel has given up pages that it had taken: LMDB's descriptor was told, would not
 * be told again, and the next sync would succeed. This one's own was not told yet.
 */
bool frn_lmdb_env_kept(const frn_lmdb_env *env);

/** Notes beside data.mdb that it cannot be believed, if the process may write there and no other file has its place. */
void frn_lmdb_env_distrust(const frn_lmdb_env *env, const char *why);
/** Whether that was noted. FIRN_OK, or FIRN_ECORRUPT with FIRN_DETAIL_INDEX and why. */
firn_status frn_lmdb_distrust_check(const char *folder, firn_error *err) FIRN_NODISCARD;

/**
 * Holds a state of an environment that this process need not have open. Guarded by a lock of its own.
 *
 * LMDB must not have a file open twice in a process. So the transaction belongs to the environment that is open, and
 * goes when that is closed; or to one of its own, which goes when the file is opened here otherwise. Who holds a pin
 * can therefore lose it at any time, and looks whether what it read was written over.
 */
typedef struct frn_lmdb_pin {
    struct frn_lmdb_pin *next;
    MDB_txn *txn;            /**< NULL: nothing is held, or no longer. */
    MDB_env *own;            /**< NULL: that of env. */
    const frn_lmdb_env *env; /**< The one that is open. */
    dev_t device;
    ino_t inode;
} frn_lmdb_pin;

/** Notes that this process opens a file: device and inode of env are set. FIRN_OK, or FIRN_EBUSY: it has it open. */
firn_status frn_lmdb_env_register(frn_lmdb_env *env, firn_error *err) FIRN_NODISCARD;
void frn_lmdb_env_unregister(frn_lmdb_env *env);
/** It is open; it will be closed: pins that use it are lost. */
void frn_lmdb_env_ready(frn_lmdb_env *env);
void frn_lmdb_env_unready(frn_lmdb_env *env);

/** Takes what can be had. pin is all zero. The number of the transaction, or FRN_LMDB_NEWEST if nothing is held. */
uint64_t frn_lmdb_pin_take(frn_lmdb_pin *pin, const char *folder, dev_t device, ino_t inode);
/** Whether it is still held; then it is let go. */
bool frn_lmdb_pin_drop(frn_lmdb_pin *pin);

/** What a mark must say of the state that it was found in. */
typedef struct frn_lmdb_shape {
    uint64_t transaction;
    uint64_t entries;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
} frn_lmdb_shape;

/** The key of the mark's row: table 0, and this. */
#define FRN_LMDB_MARK_KEY 'm'

bool frn_lmdb_is_mark(frn_table table, firn_slice key);

/** Writes the mark as the last act of a write transaction. */
firn_status frn_lmdb_mark_write(const frn_lmdb_env *env, MDB_txn *txn, const frn_index_mark *mark,
                                const frn_lmdb_options *options, firn_error *err) FIRN_NODISCARD;
/** Finds it in the file, and checks it against the state that it is of. *out_stores: whether the versions of stores are
    those of the options; the ledger's id is not looked at. FIRN_OK; FIRN_ECORRUPT with FIRN_DETAIL_INDEX; FIRN_ENEWER;
    FIRN_ENOMEM, FIRN_EIO. */
firn_status frn_lmdb_mark_find(frn_heap *heap, int fd, const frn_lmdb_state *state, const frn_lmdb_options *options,
                               frn_index_mark *out_mark, bool *out_stores, firn_error *err) FIRN_NODISCARD;

#endif
