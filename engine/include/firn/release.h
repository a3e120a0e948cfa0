/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.h — releases: a name that points to a digest, and everything it pointed to before.
 *
 * Releases of a name are numbered from 1; nothing is ever taken out of its history. Records stand in the stream
 * `release:{name}`. Texts of refusals: docs/errors.md.
 */
#ifndef FIRN_RELEASE_H
#define FIRN_RELEASE_H

#include "firn/batch.h"
#include "firn/digest.h"
#include "firn/time.h"
#include "firn/view.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_RELEASE_NAME_SIZE_MAX = 255,         /**< Bytes of a release's name. */
    FIRN_RELEASE_NOTES_SIZE_MAX = 1024 * 1024 /**< Bytes of its notes. */
};

/** A release to promote. What it points to is read during the call only. */
typedef struct firn_release_args {
    size_t struct_size;         /**< sizeof(firn_release_args). */
    firn_slice name;            /**< 1 … FIRN_RELEASE_NAME_SIZE_MAX bytes without control characters. */
    const uint8_t *spec_digest; /**< FIRN_DIGEST_SIZE bytes; need not be content of the ledger. */
    firn_slice version_label;   /**< data NULL: null. At most FIRN_TEXT_SIZE_MAX bytes, like promoted_by. */
    firn_slice promoted_by;     /**< data NULL: empty. */
    firn_slice notes;           /**< data NULL: null. At most FIRN_RELEASE_NOTES_SIZE_MAX bytes. */
} firn_release_args;

/** What a promote did. */
typedef struct firn_release_result {
    uint64_t release_number; /**< Its position among the releases of the name, from 1. */
    uint64_t seq;            /**< The ledger's seq of its record. */
    firn_time created_at;    /**< Later than that of every release of the name before. */
} firn_release_result;

/**
 * Point a name to a digest.
 * @param out_result  May be NULL. Untouched on failure.
 * @return FIRN_OK; FIRN_EINVAL, `invalid {field}: {text}`; FIRN_ETOOBIG, `{field} longer than {limit} bytes`;
 *   FIRN_EPOISONED, FIRN_ENOSPC, FIRN_EACCES, FIRN_ENOMEM: as firn_batch_commit(). But for FIRN_EPOISONED nothing was
 *   appended. Not safe to repeat without an idempotency key: each call makes a release.
 * Threads: any. Blocks: until durable.
 */
FIRN_API FIRN_NODISCARD firn_status firn_release_promote(firn_ledger *ledger, const firn_release_args *args,
                                                         firn_release_result *out_result, firn_error *err);

/** Like firn_release_promote(), without waiting; see firn_batch_submit(). *out_result is written before this call
 * returns and holds once the ticket says FIRN_OK. */
FIRN_API FIRN_NODISCARD firn_status firn_release_promote_submit(firn_ledger *ledger, const firn_release_args *args,
                                                                firn_release_result *out_result,
                                                                const firn_submit_options *submit,
                                                                firn_ticket **out_ticket, firn_error *err);

/** Add a promote to a batch; everything is copied. *out_result is written when the batch is decided, must live until
 * then, and holds once its answer is FIRN_OK. @return FIRN_OK; FIRN_EINVAL, FIRN_ETOOBIG, FIRN_ENOMEM: the batch is as
 * before. */
FIRN_API FIRN_NODISCARD firn_status firn_batch_release_promote(firn_batch *batch, const firn_release_args *args,
                                                               firn_release_result *out_result, firn_error *err);

/** A release as a view sees it. Slices are borrowed from the buffer that it was read into. */
typedef struct firn_release {
    firn_slice name;
    uint8_t spec_digest[FIRN_DIGEST_SIZE];
    firn_slice version_label; /**< data NULL: null. */
    firn_slice promoted_by;
    firn_slice notes; /**< data NULL: null. */
    firn_time created_at;
    uint64_t release_number; /**< From 1. */
    uint64_t rollback_of;    /**< A rollback: the number of the release that it restored; else 0. */
    uint64_t rollback_from;  /**< … and the number of the one that it undid; else 0. */
    uint64_t seq;            /**< The ledger's seq of its record. */
} firn_release;

/**
 * The release that a name points to.
 * @param buf  Takes what the slices point to; grown as needed.
 * @return FIRN_OK; FIRN_END: no release of this name; FIRN_ECORRUPT, FIRN_EIO: its record cannot be read; else as
 * view.h says.
 */
FIRN_API FIRN_NODISCARD firn_status firn_release_current(firn_view *view, firn_slice name, firn_buf *buf,
                                                         firn_release *out_release, firn_error *err);

/**
 * The newest release of a name with a release_number below before (0: the newest of all): called again with the number
 * it gave, it walks the history.
 * @return As firn_release_current().
 */
FIRN_API FIRN_NODISCARD firn_status firn_release_history(firn_view *view, firn_slice name, uint64_t before,
                                                         firn_buf *buf, firn_release *out_release, firn_error *err);

/** The first name behind after by its bytes (size 0: the first of all), with its release in force. @return As
 * firn_release_current(). after may be the name of *out_release. */
FIRN_API FIRN_NODISCARD firn_status firn_release_next(firn_view *view, firn_slice after, firn_buf *buf,
                                                      firn_release *out_release, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
