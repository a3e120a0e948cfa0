/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h — the SHA-256 digests that name content: of bytes, from text, as text. */
#ifndef FIRN_DIGEST_H
#define FIRN_DIGEST_H

#include "firn/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_DIGEST_TEXT_SIZE = 2 * FIRN_DIGEST_SIZE + 1,     /**< Bytes of a digest's text, its final NUL included. */
    FIRN_DIGEST_SHORT_DIGITS = 12,                        /**< Digits of the short form, for display only. */
    FIRN_DIGEST_SHORT_SIZE = FIRN_DIGEST_SHORT_DIGITS + 1 /**< Bytes of the short form, its final NUL included. */
};

/** SHA-256 of bytes. @return FIRN_OK; FIRN_ENOMEM. Threads: any. */
FIRN_API FIRN_NODISCARD firn_status firn_digest_of(firn_slice bytes, uint8_t out_digest[FIRN_DIGEST_SIZE],
                                                   firn_error *err);

/**
 * A digest from its text: exactly 64 hex digits of either case, nothing before or behind.
 * @return FIRN_OK; FIRN_EINVAL, `invalid digest: {text}`; out_digest is then untouched.
 */
FIRN_API FIRN_NODISCARD firn_status firn_digest_parse(firn_slice text, uint8_t out_digest[FIRN_DIGEST_SIZE],
                                                      firn_error *err);

/** 64 lower-case hex digits and a NUL. */
FIRN_API void firn_digest_format(const uint8_t digest[FIRN_DIGEST_SIZE], char out_text[FIRN_DIGEST_TEXT_SIZE]);

/** The first 12 digits and a NUL. Not accepted anywhere as input. */
FIRN_API void firn_digest_short(const uint8_t digest[FIRN_DIGEST_SIZE], char out_text[FIRN_DIGEST_SHORT_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
