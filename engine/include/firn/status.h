/* SPDX-License-Identifier: Apache-2.0 */
/* status.h — the statuses and the error value that every fallible function of firn speaks. */
#ifndef FIRN_STATUS_H
#define FIRN_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The outcome of a call: < 0 an error, 0 done, > 0 a named outcome that is no error. */
typedef int32_t firn_status;

/**
 * One row a status: name, value, meaning. Values are pinned for ever; docs/errors.md tells the
 * state after each.
 */
#define FIRN_STATUS_MAP(X)                                                                       \
    X(OK, 0, "done")                                                                             \
    X(END, 1, "no further item")                                                                 \
    X(FULL, 2, "the queue is full; try again after progress")                                    \
    X(PENDING, 3, "not decided yet")                                                             \
    X(TIMEOUT, 4, "the time given ran out first")                                                \
    X(EINVAL, -1, "invalid argument")                                                            \
    X(ENOMEM, -2, "out of memory")                                                               \
    X(EBUSY, -3, "the ledger is open for writing elsewhere")                                     \
    X(EIO, -4, "input or output failed")                                                         \
    X(ENOSPC, -5, "no space")                                                                    \
    X(EPOISONED, -6, "a write or sync failed; outcome unknown until the ledger is opened again") \
    X(ECORRUPT, -7, "damaged bytes")                                                             \
    X(ENEWER, -8, "written by a newer version")                                                  \
    X(ENOTFOUND, -9, "not found")                                                                \
    X(EEXISTS, -10, "exists already")                                                            \
    X(ECONFLICT, -11, "conflict with what is there")                                             \
    X(ESTATE, -12, "not possible in this state")                                                 \
    X(ETOOBIG, -13, "too big")                                                                   \
    X(EACCES, -14, "not permitted")                                                              \
    X(EINVARIANT, -15, "an invariant of the caller's would break")                               \
    X(EEXPIRED, -16, "the view is older than allowed")                                           \
    X(EBEHIND, -17, "the index is too far behind the log")

#define FIRN_STATUS_ENUM(name, value, text) FIRN_##name = (value),
enum {
    FIRN_STATUS_MAP(FIRN_STATUS_ENUM)
};
#undef FIRN_STATUS_ENUM

/** Detail codes: what a caller may want to tell apart within one status. Values are pinned. */
enum {
    FIRN_DETAIL_NONE = 0,
    FIRN_DETAIL_NOT_A_LEDGER = 1,     /**< ENOTFOUND: there is no ledger at the place. */
    FIRN_DETAIL_MANIFEST = 2,         /**< ECORRUPT: no manifest slot can be believed. */
    FIRN_DETAIL_SEGMENT_HEADER = 3,   /**< ECORRUPT: the header of a segment. */
    FIRN_DETAIL_SEGMENT_FOREIGN = 4,  /**< ECORRUPT: a segment of another ledger or number. */
    FIRN_DETAIL_SEGMENT_MISSING = 5,  /**< ECORRUPT: a segment that the manifest names. */
    FIRN_DETAIL_GROUP = 6,            /**< ECORRUPT: a group that a witness proves was durable. */
    FIRN_DETAIL_RECORD = 7,           /**< ECORRUPT: a record or batch. */
    FIRN_DETAIL_FOOTER = 8,           /**< ECORRUPT: the footer of a segment. */
    FIRN_DETAIL_EXPECTED_VERSION = 9, /**< ECONFLICT: a stream is at another version. */
    FIRN_DETAIL_KEY = 10,             /**< ECONFLICT: the idempotency key names another request. */
    FIRN_DETAIL_CURSOR = 11,          /**< ECONFLICT: the cursor lies beyond a fork, or elsewhere. */
    FIRN_DETAIL_INDEX_LIMIT = 12,     /**< ETOOBIG: the memory index reached its limit. */
    FIRN_DETAIL_SCHEME = 13,          /**< EINVAL: the scheme of a URL. */
    FIRN_DETAIL_READ_ONLY = 14,       /**< EACCES: opened for reading, or a read-only file system. */
    FIRN_DETAIL_CLOSING = 15,         /**< ESTATE: the ledger is being closed. */
    FIRN_DETAIL_INDEX = 16            /**< ECORRUPT: the index on disk; it is built again from the log. */
};

/** Bytes of the text of an error, its final NUL included; of a longer one the outer context is cut. */
#define FIRN_ERROR_TEXT_SIZE 512

/**
 * Why a call failed. The caller owns it, nothing in it is allocated, and a call that succeeds
 * leaves it alone. Fields that do not apply are 0.
 */
typedef struct firn_error {
    firn_status status;              /**< The same value that the call returned. */
    uint16_t detail;                 /**< FIRN_DETAIL_…, or a code of the store that refused. */
    uint16_t reserved;               /**< 0. */
    int32_t os_errno;                /**< errno of the failing system call, else 0. */
    uint64_t segment;                /**< Segment number, from 1; 0 if no segment is concerned. */
    uint64_t offset;                 /**< Byte offset in that segment. */
    uint64_t seq;                    /**< The record concerned, or the first one; 0 if none. */
    char text[FIRN_ERROR_TEXT_SIZE]; /**< NUL-terminated UTF-8, outermost context first. */
} firn_error;

#if defined(__GNUC__)
#define FIRN_NODISCARD __attribute__((warn_unused_result))
#define FIRN_API __attribute__((visibility("default")))
#else
#define FIRN_NODISCARD
#define FIRN_API
#endif

/** The name of a status, "FIRN_EIO" for FIRN_EIO; "FIRN_UNKNOWN" for a value that is none. */
FIRN_API const char *firn_status_name(firn_status status);

/** One line that says what a status means; never NULL. */
FIRN_API const char *firn_status_text(firn_status status);

#ifdef __cplusplus
}
#endif
#endif
