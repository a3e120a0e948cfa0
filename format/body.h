/* SPDX-License-Identifier: Apache-2.0 */
/* body.h — msgpack bodies: strict checking, and the bodies of the core's own kinds. */
#ifndef FMT_BODY_H
#define FMT_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/types.h"
#include "format/verdict.h"

enum {
    FMT_BODY_VERSION = 1,    /**< Member 0 of every body. */
    FMT_BODY_DEPTH_MAX = 32, /**< Containers within containers. */
    FMT_EVENT_PREFIX_MAX = 9 /**< Bytes before an event's payload: {0: 1, 1: bin}. */
};

/** Strict: one map, keys small unsigned integers (to 65535) ascending without repetition, key 0 first with an unsigned
    version ≥ 1, lengths within the body, depth bounded, valid UTF-8 in str, nothing behind. *out_bad: byte offset of
    what is wrong (may be NULL). */
fmt_verdict fmt_body_check(firn_slice body, size_t *out_bad);

typedef enum fmt_value_type {
    FMT_VALUE_NONE,     /**< The member is not there. */
    FMT_VALUE_UNSIGNED, /**< number */
    FMT_VALUE_NIL,
    FMT_VALUE_BOOL,   /**< number: 0 or 1 */
    FMT_VALUE_SCALAR, /**< A negative number or a float. */
    FMT_VALUE_STR,    /**< bytes */
    FMT_VALUE_BIN,    /**< bytes */
    FMT_VALUE_EXT,    /**< bytes: type and data */
    FMT_VALUE_ARRAY,  /**< number: elements; bytes: their encodings, one behind the other */
    FMT_VALUE_MAP     /**< number: pairs; bytes as of an array */
} fmt_value_type;

/** A member's value, borrowed from the body. */
typedef struct fmt_value {
    fmt_value_type type;
    uint64_t number;
    firn_slice bytes;
} fmt_value;

/** Checks the whole body as fmt_body_check() does and hands out its members 1 … count; later ones are accepted and
    skipped. FMT_NEWER: of a later version. */
fmt_verdict fmt_body_members(firn_slice body, fmt_value *values, size_t count);
/** Steps through the elements of an array of a checked body; *at starts at 0. false: no more. */
bool fmt_value_next(const fmt_value *array, size_t *at, fmt_value *out_element);

/** Whether text is UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF. */
bool fmt_utf8_check(firn_slice text);

/** The bytes before an event's payload of this size; returns how many. The body is this prefix and the payload. */
size_t fmt_event_prefix(uint8_t out[FMT_EVENT_PREFIX_MAX], size_t payload_size);
/** The payload of an event's body, borrowed from it. Members behind 1 are accepted and skipped. */
fmt_verdict fmt_event_decode(firn_slice body, firn_slice *out_payload);

/** Body of ledger.key_age: {0: 1, 1: age in ns}. Returns bytes, at most FMT_KEY_AGE_SIZE_MAX. */
enum {
    FMT_KEY_AGE_SIZE_MAX = 16
};
size_t fmt_key_age_encode(uint8_t out[FMT_KEY_AGE_SIZE_MAX], uint64_t age_ns);
fmt_verdict fmt_key_age_decode(firn_slice body, uint64_t *out_age_ns);

#endif
