/* SPDX-License-Identifier: Apache-2.0 */
/* error.h — fill in and extend a firn_error; every function returns the status it was given. */
#ifndef FRN_BASE_ERROR_H
#define FRN_BASE_ERROR_H

#include "firn/status.h"

/** Sets status and text, and zeroes the rest of err. err may be NULL. */
firn_status frn_fail(firn_error *err, firn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Like frn_fail(), with a detail code. */
firn_status frn_fail_detail(firn_error *err, firn_status status, uint16_t detail, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Like frn_fail() for a failed system call: ends the text with ": " and strerror, stores the errno, and
 * picks the status: ENOSPC and EDQUOT → FIRN_ENOSPC, ENOMEM → FIRN_ENOMEM, EACCES, EPERM and EROFS →
 * FIRN_EACCES (EROFS with detail READ_ONLY), ENAMETOOLONG → FIRN_ETOOBIG, ENOENT → FIRN_ENOTFOUND,
 * EEXIST → FIRN_EEXISTS, else FIRN_EIO.
 */
firn_status frn_fail_os(firn_error *err, int os_errno, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Puts "format: " before the text that is there, and cuts that context where both are too long. Returns status. */
firn_status frn_wrap(firn_error *err, firn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Adds the place; returns status. */
firn_status frn_place(firn_error *err, firn_status status, uint64_t segment, uint64_t offset, uint64_t seq);

#endif
