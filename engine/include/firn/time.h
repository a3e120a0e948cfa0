/* SPDX-License-Identifier: Apache-2.0 */
/* time.h — instants to the nanosecond, from the text of RFC 3339 and back. */
#ifndef FIRN_TIME_H
#define FIRN_TIME_H

#include "firn/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An instant of the years 0000 … 9999. */
typedef struct firn_time {
    int64_t seconds;      /**< Since 1970-01-01T00:00:00Z. */
    uint32_t nanoseconds; /**< 0 … 999,999,999. */
    uint32_t reserved;    /**< 0. */
} firn_time;

enum {
    FIRN_TIME_TEXT_SIZE = 32 /**< Bytes that hold any instant's text with its final NUL. */
};

/** `YYYY-MM-DDTHH:MM:SS[.fraction]Z` with 0, 3, 6 or 9 digits of fraction, as few as are exact.
 * @return FIRN_OK; FIRN_EINVAL: outside the years, or nanoseconds too large. */
FIRN_API FIRN_NODISCARD firn_status firn_time_format(firn_time time, char out_text[FIRN_TIME_TEXT_SIZE],
                                                     firn_error *err);

/**
 * An instant from RFC 3339 text: `T`, `t` or a space between date and time, `Z`, `z` or an offset at the end; digits
 * of the fraction behind the ninth are dropped.
 * @return FIRN_OK; FIRN_EINVAL, `invalid timestamp: {text}`; *out_time is then untouched.
 */
FIRN_API FIRN_NODISCARD firn_status firn_time_parse(firn_slice text, firn_time *out_time, firn_error *err);

/** The instant of a record's timestamp: ns since 1970. */
FIRN_API firn_time firn_time_of_ns(int64_t time_ns);

#ifdef __cplusplus
}
#endif
#endif
