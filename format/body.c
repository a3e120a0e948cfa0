/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c — walk msgpack bodies strictly; encode and decode the bodies of the core's own kinds.
 *
 * Encoding is msgpack-c's. Decoding is a walker of our own: msgpack-c's unpacker allocates what an array header
 * claims (2^32 elements in five bytes), and its callback template tells neither where a token stands nor that a
 * length reaches beyond the end (it waits for more input). The walker reads one token at a time, keeps what is
 * still to come per container in a fixed array, and needs neither recursion nor memory.
 */
#include "format/body.h"

#include <string.h>

#include "format/bytes.h"
#include "format/pack.h"

/* Keys beyond this are no small integers. */
enum {
    KEY_MAX = 65535
};

/** Reads tokens; at never passes size. */
typedef struct body_cursor {
    const uint8_t *data;
    size_t size;
    size_t at;
} body_cursor;

/** Row n of the table says what first byte 0xc0 + n announces. A token is a value, or the head of a container: its
    bytes are empty then. */
typedef struct token_rule {
    uint8_t type;   /**< An fmt_value_type. */
    uint8_t number; /**< Bytes of the big-endian number behind the first byte. */
    uint8_t fixed;  /**< Bytes that always follow the number. */
    bool valid;
} token_rule;

static const token_rule token_rules[32] = {
    [0x00] = {FMT_VALUE_NIL, 0, 0, true},      [0x02] = {FMT_VALUE_BOOL, 0, 0, true},
    [0x03] = {FMT_VALUE_BOOL, 0, 0, true},     [0x04] = {FMT_VALUE_BIN, 1, 0, true},
    [0x05] = {FMT_VALUE_BIN, 2, 0, true},      [0x06] = {FMT_VALUE_BIN, 4, 0, true},
    [0x07] = {FMT_VALUE_EXT, 1, 1, true},      [0x08] = {FMT_VALUE_EXT, 2, 1, true},
    [0x09] = {FMT_VALUE_EXT, 4, 1, true},      [0x0a] = {FMT_VALUE_SCALAR, 0, 4, true},
    [0x0b] = {FMT_VALUE_SCALAR, 0, 8, true},   [0x0c] = {FMT_VALUE_UNSIGNED, 1, 0, true},
    [0x0d] = {FMT_VALUE_UNSIGNED, 2, 0, true}, [0x0e] = {FMT_VALUE_UNSIGNED, 4, 0, true},
    [0x0f] = {FMT_VALUE_UNSIGNED, 8, 0, true}, [0x10] = {FMT_VALUE_SCALAR, 0, 1, true},
    [0x11] = {FMT_VALUE_SCALAR, 0, 2, true},   [0x12] = {FMT_VALUE_SCALAR, 0, 4, true},
    [0x13] = {FMT_VALUE_SCALAR, 0, 8, true},   [0x14] = {FMT_VALUE_EXT, 0, 2, true},
    [0x15] = {FMT_VALUE_EXT, 0, 3, true},      [0x16] = {FMT_VALUE_EXT, 0, 5, true},
    [0x17] = {FMT_VALUE_EXT, 0, 9, true},      [0x18] = {FMT_VALUE_EXT, 0, 17, true},
    [0x19] = {FMT_VALUE_STR, 1, 0, true},      [0x1a] = {FMT_VALUE_STR, 2, 0, true},
    [0x1b] = {FMT_VALUE_STR, 4, 0, true},      [0x1c] = {FMT_VALUE_ARRAY, 2, 0, true},
    [0x1d] = {FMT_VALUE_ARRAY, 4, 0, true},    [0x1e] = {FMT_VALUE_MAP, 2, 0, true},
    [0x1f] = {FMT_VALUE_MAP, 4, 0, true},
};

/* Where ASCII ends. */
static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t high = fmt_get64(at) & UINT64_C(0x8080808080808080);

        if (high != 0)
            return at + __builtin_ctzll(high) / 8;
    }
    while (at < end && *at < 0x80)
        at++;
    return at;
}

bool fmt_utf8_check(firn_slice text)
{
    const uint8_t *at = text.data, *end = at + text.size;

    while (at < end) {
        uint8_t first = *at, low = 0x80, high = 0xbf;
        size_t more;

        if (first < 0x80) {
            at = skip_ascii(at, end);
            continue;
        }
        at++;
        if (first < 0xc2 || first > 0xf4)
            return false;
        more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if ((size_t)(end - at) < more)
            return false;
        /* Only the second byte's range depends on the first. */
        if (first == 0xe0)
            low = 0xa0;
        else if (first == 0xed)
            high = 0x9f;
        else if (first == 0xf0)
            low = 0x90;
        else if (first == 0xf4)
            high = 0x8f;
        if (*at < low || *at > high)
            return false;
        for (size_t i = 1; i < more; i++)
            if (at[i] < 0x80 || at[i] > 0xbf)
                return false;
        at += more;
    }
    return true;
}

/** Reads the next token. On failure the cursor stands on it. */
static fmt_verdict next_token(body_cursor *cursor, fmt_value *out_token)
{
    size_t left = cursor->size - cursor->at;
    const uint8_t *at = cursor->data + cursor->at;
    token_rule rule = {.valid = true};
    uint64_t number = 0, length = 0;

    if (left == 0)
        return FMT_SHORT;
    if (*at >= 0xc0 && *at < 0xe0) {
        rule = token_rules[*at - 0xc0];
        if (!rule.valid)
            return FMT_SYNTAX;
        if (left - 1 < rule.number)
            return FMT_SHORT;
        for (size_t i = 0; i < rule.number; i++)
            number = number << 8 | at[1 + i];
    } else if (*at < 0x80) {
        rule.type = FMT_VALUE_UNSIGNED;
        number = *at;
    } else if (*at < 0x90) {
        rule.type = FMT_VALUE_MAP;
        number = *at & 15;
    } else if (*at < 0xa0) {
        rule.type = FMT_VALUE_ARRAY;
        number = *at & 15;
    } else if (*at < 0xc0) {
        rule.type = FMT_VALUE_STR;
        number = *at & 31;
    } else {
        rule.type = FMT_VALUE_SCALAR;
    }
    left -= 1 + (size_t)rule.number;
    if (rule.type == FMT_VALUE_STR || rule.type == FMT_VALUE_BIN || rule.type == FMT_VALUE_EXT)
        length = number;
    length += rule.fixed;
    if (length > left)
        return FMT_LENGTH;
    /* Each element takes a byte at least: a count that cannot be true is refused before it is counted down. */
    if ((rule.type == FMT_VALUE_ARRAY && number > left) || (rule.type == FMT_VALUE_MAP && number > left / 2))
        return FMT_LENGTH;
    if (rule.type == FMT_VALUE_BOOL)
        number = *at & 1;
    *out_token = (fmt_value){.type = rule.type, .number = number, .bytes = {at + 1 + rule.number, (size_t)length}};
    if (rule.type == FMT_VALUE_STR && !fmt_utf8_check(out_token->bytes))
        return FMT_SYNTAX;
    cursor->at += 1 + rule.number + (size_t)length;
    return FMT_OK;
}

/** Steps over the elements of a container whose head was read, and gives it their bytes. */
static fmt_verdict skip_elements(body_cursor *cursor, fmt_value *container)
{
    uint64_t left[FMT_BODY_DEPTH_MAX]; /* Values still to come, per open container below the body's map. */
    size_t depth = 1;

    left[0] = container->type == FMT_VALUE_MAP ? 2 * container->number : container->number;
    for (;;) {
        size_t start = cursor->at;
        fmt_value token;
        fmt_verdict verdict;

        while (depth > 0 && left[depth - 1] == 0)
            depth--;
        if (depth == 0)
            break;
        verdict = next_token(cursor, &token);
        if (verdict != FMT_OK)
            return verdict;
        left[depth - 1]--;
        if (token.type == FMT_VALUE_ARRAY || token.type == FMT_VALUE_MAP) {
            if (depth == FMT_BODY_DEPTH_MAX - 1) {
                cursor->at = start;
                return FMT_SYNTAX;
            }
            left[depth++] = token.type == FMT_VALUE_MAP ? 2 * token.number : token.number;
        }
    }
    container->bytes.size = (size_t)(cursor->data + cursor->at - (const uint8_t *)container->bytes.data);
    return FMT_OK;
}

/** Steps over one value that stands in the body's map. */
static fmt_verdict skip_value(body_cursor *cursor, fmt_value *out_value)
{
    fmt_verdict verdict = next_token(cursor, out_value);

    if (verdict == FMT_OK && (out_value->type == FMT_VALUE_ARRAY || out_value->type == FMT_VALUE_MAP))
        verdict = skip_elements(cursor, out_value);
    return verdict;
}

/** Reads the header of the body's map. */
static fmt_verdict take_map(body_cursor *cursor, uint64_t *out_pairs)
{
    fmt_value token;
    fmt_verdict verdict;

    if (cursor->size > FIRN_BODY_SIZE_MAX)
        return FMT_LENGTH;
    verdict = next_token(cursor, &token);
    if (verdict != FMT_OK)
        return verdict;
    if (token.type != FMT_VALUE_MAP || token.number == 0) {
        cursor->at = 0;
        return FMT_SYNTAX;
    }
    *out_pairs = token.number;
    return FMT_OK;
}

/** Reads the key of member i of the body's map; *last_key is the key before it, and becomes this one. */
static fmt_verdict take_key(body_cursor *cursor, uint64_t i, uint64_t *last_key)
{
    size_t start = cursor->at;
    fmt_value key = {.type = FMT_VALUE_UNSIGNED};
    fmt_verdict verdict = FMT_OK;

    if (start < cursor->size && cursor->data[start] < 0x80)
        key.number = cursor->data[cursor->at++]; /* As nearly every key is written. */
    else
        verdict = next_token(cursor, &key);
    if (verdict != FMT_OK)
        return verdict;
    if (key.type != FMT_VALUE_UNSIGNED || key.number > KEY_MAX || (i == 0 && key.number != 0)) {
        cursor->at = start;
        return FMT_SYNTAX;
    }
    if (i > 0 && key.number <= *last_key) {
        cursor->at = start;
        return FMT_ORDER;
    }
    *last_key = key.number;
    return FMT_OK;
}

/** Reads member 0, the version. */
static fmt_verdict take_version(body_cursor *cursor, uint64_t *out_version)
{
    size_t start;
    uint64_t key = 0;
    fmt_value value;
    fmt_verdict verdict = take_key(cursor, 0, &key);

    if (verdict != FMT_OK)
        return verdict;
    start = cursor->at;
    verdict = skip_value(cursor, &value);
    if (verdict != FMT_OK)
        return verdict;
    if (value.type != FMT_VALUE_UNSIGNED || value.number == 0) {
        cursor->at = start;
        return FMT_SYNTAX;
    }
    *out_version = value.number;
    return FMT_OK;
}

/** Checks the whole body, and hands out its version and its members 1 … count, each read where it is kept: copies of
    what was just written piece by piece cost more than the reading. */
static fmt_verdict walk_body(body_cursor *cursor, uint64_t *out_version, fmt_value *values, size_t count)
{
    uint64_t pairs, key = 0;
    fmt_verdict verdict;
    fmt_value other;

    for (size_t i = 0; i < count; i++)
        values[i].type = FMT_VALUE_NONE;
    verdict = take_map(cursor, &pairs);
    if (verdict == FMT_OK)
        verdict = take_version(cursor, out_version);
    for (uint64_t i = 1; verdict == FMT_OK && i < pairs; i++) {
        verdict = take_key(cursor, i, &key);
        if (verdict == FMT_OK)
            verdict = skip_value(cursor, key <= count ? &values[key - 1] : &other);
    }
    if (verdict != FMT_OK)
        return verdict;
    return cursor->at == cursor->size ? FMT_OK : FMT_SYNTAX;
}

fmt_verdict fmt_body_members(firn_slice body, fmt_value *values, size_t count)
{
    body_cursor cursor = {.data = body.data, .size = body.size};
    uint64_t version = 0;
    fmt_verdict verdict = walk_body(&cursor, &version, values, count);

    return verdict == FMT_OK && version > FMT_BODY_VERSION ? FMT_NEWER : verdict;
}

bool fmt_value_next(const fmt_value *array, size_t *at, fmt_value *out_element)
{
    body_cursor cursor = {.data = array->bytes.data, .size = array->bytes.size, .at = *at};
    fmt_value element;

    if (array->type != FMT_VALUE_ARRAY || cursor.at == cursor.size || skip_value(&cursor, &element) != FMT_OK)
        return false;
    *at = cursor.at;
    *out_element = element;
    return true;
}

fmt_verdict fmt_body_check(firn_slice body, size_t *out_bad)
{
    body_cursor cursor = {.data = body.data, .size = body.size};
    uint64_t version;
    fmt_verdict verdict = walk_body(&cursor, &version, NULL, 0);

    if (verdict != FMT_OK && out_bad != NULL)
        *out_bad = cursor.at;
    return verdict;
}

/** Member 1 of a body of version 1, which has the given type. */
static fmt_verdict take_one(firn_slice body, fmt_value_type type, fmt_value *out_one)
{
    fmt_verdict verdict = fmt_body_members(body, out_one, 1);

    if (verdict != FMT_OK)
        return verdict;
    return out_one->type == type ? FMT_OK : FMT_SYNTAX;
}

/* Written without msgpack-c: this stands before every event, and the decoder's fast path knows these very bytes. */
size_t fmt_event_prefix(uint8_t out[FMT_EVENT_PREFIX_MAX], size_t payload_size)
{
    uint32_t size = (uint32_t)payload_size;

    out[0] = 0x82; /* A map of two pairs: … */
    out[1] = 0;
    out[2] = FMT_BODY_VERSION;
    out[3] = 1;
    if (size <= UINT8_MAX) {
        out[4] = 0xc4; /* … the second is a bin. */
        out[5] = (uint8_t)size;
        return 6;
    }
    if (size <= UINT16_MAX) {
        out[4] = 0xc5;
        out[5] = (uint8_t)(size >> 8);
        out[6] = (uint8_t)size;
        return 7;
    }
    out[4] = 0xc6;
    fmt_put32(out + 5, __builtin_bswap32(size));
    return 9;
}

fmt_verdict fmt_event_decode(firn_slice body, firn_slice *out_payload)
{
    const uint8_t *data = body.data;
    fmt_verdict verdict;
    fmt_value one;

    if (body.size >= 6 && fmt_get32(data) == (0x82u | (uint32_t)FMT_BODY_VERSION << 16 | 1u << 24)) {
        size_t before = data[4] == 0xc4 ? 6 : data[4] == 0xc5 ? 7 : 9, payload_size = SIZE_MAX;

        if (data[4] == 0xc4)
            payload_size = data[5];
        else if (data[4] == 0xc5 && body.size >= 7)
            payload_size = (size_t)data[5] << 8 | data[6];
        else if (data[4] == 0xc6 && body.size >= 9)
            payload_size = __builtin_bswap32(fmt_get32(data + 5));
        if (body.size <= FIRN_BODY_SIZE_MAX && body.size >= before && payload_size == body.size - before) {
            *out_payload = (firn_slice){data + before, payload_size};
            return FMT_OK;
        }
    }
    verdict = take_one(body, FMT_VALUE_BIN, &one);
    if (verdict == FMT_OK)
        *out_payload = one.bytes;
    return verdict;
}

size_t fmt_key_age_encode(uint8_t out[FMT_KEY_AGE_SIZE_MAX], uint64_t age_ns)
{
    fmt_pack pack;

    fmt_pack_begin(&pack, out, FMT_KEY_AGE_SIZE_MAX, 1);
    fmt_pack_unsigned(&pack, age_ns);
    return pack.used;
}

fmt_verdict fmt_key_age_decode(firn_slice body, uint64_t *out_age_ns)
{
    fmt_verdict verdict;
    fmt_value one;

    verdict = take_one(body, FMT_VALUE_UNSIGNED, &one);
    if (verdict == FMT_OK)
        *out_age_ns = one.number;
    return verdict;
}
