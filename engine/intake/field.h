/* SPDX-License-Identifier: Apache-2.0 */
/* field.h — check what callers give to the stores, with the texts that the contract fixes. */
#ifndef FRN_INTAKE_FIELD_H
#define FRN_INTAKE_FIELD_H

#include "firn/digest.h"
#include "firn/time.h"
#include "firn/types.h"

/** FIRN_EINVAL, `invalid {field}: {text}`: text is cut at the last whole character within 200 bytes. */
firn_status frn_field_invalid(firn_error *err, const char *field, firn_slice text) FIRN_NODISCARD;
/** How many bytes of a text a message shows, and what follows them. */
int frn_field_shown(firn_slice text);
const char *frn_field_rest(firn_slice text);
/** For "%.*s%s". */
#define FRN_FIELD(text) frn_field_shown(text), (text).size == 0 ? "" : (const char *)(text).data, frn_field_rest(text)

/** At most size_max bytes of UTF-8. FIRN_EINVAL; FIRN_ETOOBIG, `{field} longer than {limit} bytes`. */
firn_status frn_field_text(const char *field, firn_slice text, size_t size_max, firn_error *err) FIRN_NODISCARD;
/** As frn_field_text(), and at least one byte, and no control characters below U+0020 or U+007F. */
firn_status frn_field_id(const char *field, firn_slice id, size_t size_max, firn_error *err) FIRN_NODISCARD;
/** A JSON value; text is trimmed. FIRN_EINVAL, `invalid JSON in {field}: {reason}`; FIRN_ETOOBIG. */
firn_status frn_field_json(const char *field, firn_slice text, size_t size_max, firn_slice *out_trimmed,
                           firn_error *err) FIRN_NODISCARD;
/** FIRN_EINVAL, `invalid timestamp: {seconds}.{nanoseconds}`. */
firn_status frn_field_time(firn_time time, firn_error *err) FIRN_NODISCARD;

/** The name of a store's stream: a word and the subject's name. Returns a slice of out. */
enum {
    FRN_SUBJECT_SIZE_MAX = 8 + 255
};
firn_slice frn_subject(char out[FRN_SUBJECT_SIZE_MAX], const char *word, firn_slice name);

/** FIRN_ECORRUPT, `integrity error: expected {digest}, got {digest}`. */
firn_status frn_digest_differs(firn_error *err, const uint8_t *expected, const uint8_t *actual) FIRN_NODISCARD;

#endif
