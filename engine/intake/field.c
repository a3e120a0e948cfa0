/* SPDX-License-Identifier: Apache-2.0 */
/* field.c — check what callers give to the stores; digests and instants from text and as text. */
#include "engine/intake/field.h"

#include "engine/base/error.h"
#include "format/body.h"
#include "format/json.h"
#include "format/time.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum {
    SHOWN_SIZE_MAX = 200
};

int frn_field_shown(firn_slice text)
{
    const uint8_t *bytes = text.data;
    size_t size = text.size < SHOWN_SIZE_MAX ? text.size : SHOWN_SIZE_MAX;

    while (size > 0 && size < text.size && (bytes[size] & 0xc0) == 0x80) {
        size--;
    }
    while (size > 0 && !fmt_utf8_check((firn_slice){bytes, size})) {
        size--;
    }
    return (int)size;
}

const char *frn_field_rest(firn_slice text)
{
    return text.size > SHOWN_SIZE_MAX ? "..." : "";
}

firn_status frn_field_invalid(firn_error *err, const char *field, firn_slice text)
{
    return frn_fail(err, FIRN_EINVAL, "invalid %s: %.*s%s", field, FRN_FIELD(text));
}

firn_status frn_field_text(const char *field, firn_slice text, size_t size_max, firn_error *err)
{
    if (text.size > size_max) {
        return frn_fail(err, FIRN_ETOOBIG, "%s longer than %zu bytes", field, size_max);
    }
    if (text.size != 0 && (text.data == NULL || !fmt_utf8_check(text))) {
        return frn_field_invalid(err, field, text.data == NULL ? (firn_slice){0} : text);
    }
    return FIRN_OK;
}

firn_status frn_field_id(const char *field, firn_slice id, size_t size_max, firn_error *err)
{
    const uint8_t *bytes = id.data;
    firn_status status = frn_field_text(field, id, size_max, err);

    if (status != FIRN_OK) {
        return status;
    }
    if (id.size == 0) {
        return frn_field_invalid(err, field, id);
    }
    for (size_t i = 0; i < id.size; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            return frn_field_invalid(err, field, id);
        }
    }
    return FIRN_OK;
}

firn_status frn_field_json(const char *field, firn_slice text, size_t size_max, firn_slice *out_trimmed,
                           firn_error *err)
{
    size_t at;
    const char *reason;

    if (text.data == NULL) {
        text.size = 0;
    }
    /* White space before the value counts for the place of an error, but not for the size. */
    *out_trimmed = fmt_json_trim(text);
    if (out_trimmed->size > size_max) {
        return frn_fail(err, FIRN_ETOOBIG, "%s longer than %zu bytes", field, size_max);
    }
    reason = fmt_json_check(text, &at);
    return reason == NULL ? FIRN_OK
                          : frn_fail(err, FIRN_EINVAL, "invalid JSON in %s: %s at byte %zu", field, reason, at);
}

firn_status frn_field_time(firn_time time, firn_error *err)
{
    return fmt_time_check(time)
               ? FIRN_OK
               : frn_fail(err, FIRN_EINVAL, "invalid timestamp: %lld.%09u", (long long)time.seconds, time.nanoseconds);
}

firn_slice frn_subject(char out[FRN_SUBJECT_SIZE_MAX], const char *word, firn_slice name)
{
    size_t size = strlen(word);

    assert(size + name.size <= FRN_SUBJECT_SIZE_MAX);
    memcpy(out, word, size);
    if (name.size != 0) {
        memcpy(out + size, name.data, name.size);
    }
    return (firn_slice){out, size + name.size};
}

firn_status frn_digest_differs(firn_error *err, const uint8_t *expected, const uint8_t *actual)
{
    char expected_text[FIRN_DIGEST_TEXT_SIZE], actual_text[FIRN_DIGEST_TEXT_SIZE];

    firn_digest_format(expected, expected_text);
    firn_digest_format(actual, actual_text);
    return frn_fail(err, FIRN_ECORRUPT, "integrity error: expected %s, got %s", expected_text, actual_text);
}

firn_status firn_digest_of(firn_slice bytes, uint8_t out_digest[FIRN_DIGEST_SIZE], firn_error *err)
{
    if (out_digest == NULL || (bytes.data == NULL && bytes.size != 0)) {
        return frn_fail(err, FIRN_EINVAL, "digest of bytes: %s is NULL", out_digest == NULL ? "out_digest" : "data");
    }
    if (EVP_Digest(bytes.size == 0 ? "" : bytes.data, bytes.size, out_digest, NULL, EVP_sha256(), NULL) != 1) {
        return frn_fail(err, FIRN_ENOMEM, "digest of bytes");
    }
    return FIRN_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

firn_status firn_digest_parse(firn_slice text, uint8_t out_digest[FIRN_DIGEST_SIZE], firn_error *err)
{
    const char *digits = text.data;
    uint8_t digest[FIRN_DIGEST_SIZE];

    if (out_digest == NULL) {
        return frn_fail(err, FIRN_EINVAL, "parse digest: out_digest is NULL");
    }
    if (text.data == NULL || text.size != 2 * FIRN_DIGEST_SIZE) {
        return frn_field_invalid(err, "digest", text.data == NULL ? (firn_slice){0} : text);
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);

        if (high < 0 || low < 0) {
            return frn_field_invalid(err, "digest", text);
        }
        digest[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out_digest, digest, sizeof digest);
    return FIRN_OK;
}

static void hex(const uint8_t *bytes, size_t digits, char *out)
{
    static const char all[] = "0123456789abcdef";

    for (size_t i = 0; i < digits; i++) {
        out[i] = all[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
    }
    out[digits] = '\0';
}

void firn_digest_format(const uint8_t digest[FIRN_DIGEST_SIZE], char out_text[FIRN_DIGEST_TEXT_SIZE])
{
    hex(digest, FIRN_DIGEST_TEXT_SIZE - 1, out_text);
}

void firn_digest_short(const uint8_t digest[FIRN_DIGEST_SIZE], char out_text[FIRN_DIGEST_SHORT_SIZE])
{
    hex(digest, FIRN_DIGEST_SHORT_DIGITS, out_text);
}

firn_status firn_time_format(firn_time time, char out_text[FIRN_TIME_TEXT_SIZE], firn_error *err)
{
    firn_status status = frn_field_time(time, err);

    if (status == FIRN_OK) {
        fmt_time_format(time, out_text);
    }
    return status;
}

firn_status firn_time_parse(firn_slice text, firn_time *out_time, firn_error *err)
{
    if (text.data == NULL) {
        text.size = 0;
    }
    return fmt_time_parse(text, out_time) ? FIRN_OK : frn_field_invalid(err, "timestamp", text);
}

firn_time firn_time_of_ns(int64_t time_ns)
{
    int64_t seconds = time_ns / 1000000000, rest = time_ns % 1000000000;

    return rest < 0 ? (firn_time){.seconds = seconds - 1, .nanoseconds = (uint32_t)(rest + 1000000000)}
                    : (firn_time){.seconds = seconds, .nanoseconds = (uint32_t)rest};
}
