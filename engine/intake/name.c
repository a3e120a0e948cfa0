/* SPDX-License-Identifier: Apache-2.0 */
/* name.c — what may be a stream's name and an idempotency key, and how a name is shown in a text. */
#include "engine/intake/name.h"

#include "engine/base/error.h"

enum {
    SHOWN_SIZE_MAX = 64
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The size of the character at text, or 0 if there is no well-formed one (RFC 3629: shortest form, no surrogates). */
static size_t character_size(const uint8_t *text, size_t size)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t need;

    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }
    need = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (need > size) {
        return 0;
    }
    low = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : low;
    high = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : high;
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf) {
            return 0;
        }
    }
    return need;
}

firn_status frn_name_check(firn_slice name, firn_error *err)
{
    const uint8_t *text = name.data;
    size_t at = 0, size;

    if (name.size == 0 || text == NULL) {
        return frn_fail(err, FIRN_EINVAL, "stream name is empty");
    }
    if (name.size > FIRN_STREAM_NAME_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "stream name of %zu bytes is longer than %d", name.size,
                        FIRN_STREAM_NAME_SIZE_MAX);
    }
    while (at < name.size) {
        if (text[at] >= 0x20 && text[at] < 0x7f) {
            at++;
            continue;
        }
        size = character_size(text + at, name.size - at);
        if (size == 0) {
            return frn_fail(err, FIRN_EINVAL, "stream name is not UTF-8 at byte %zu", at);
        }
        if (size == 1 || (text[at] == 0xc2 && text[at + 1] < 0xa0)) {
            return frn_fail(err, FIRN_EINVAL, "stream name has a control character at byte %zu", at);
        }
        at += size;
    }
    return FIRN_OK;
}

firn_status frn_key_check(firn_slice scope, firn_slice key, firn_error *err)
{
    if (key.size == 0 || key.data == NULL || (scope.size != 0 && scope.data == NULL)) {
        return frn_fail(err, FIRN_EINVAL, "idempotency key is empty");
    }
    if (key.size > FIRN_KEY_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "idempotency key of %zu bytes is longer than %d", key.size,
                        FIRN_KEY_SIZE_MAX);
    }
    if (scope.size > FIRN_KEY_SIZE_MAX) {
        return frn_fail(err, FIRN_ETOOBIG, "scope of %zu bytes is longer than %d", scope.size, FIRN_KEY_SIZE_MAX);
    }
    return FIRN_OK;
}

int frn_name_shown(firn_slice name)
{
    const uint8_t *text = name.data;
    size_t size = least(name.size, SHOWN_SIZE_MAX);

    while (size > 0 && size < name.size && (text[size] & 0xc0) == 0x80) {
        size--;
    }
    return (int)size;
}
