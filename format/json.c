/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c — judge one JSON text without keeping it.
 *
 * A walk over the bytes with one bit per open container. Values are stored as the caller spelled them, so nothing is
 * built from them here. Why not a library's parser: yajl does not survive an allocation that fails, accepts escaped
 * lone surrogates and numbers that overflow, and takes a microsecond to set up, once per event. A test compares the
 * two over many texts.
 */
#include "format/json.h"

#include <stdint.h>
#include <string.h>

#include "format/body.h"
#include "format/bytes.h"

typedef struct json_walk {
    const uint8_t *data;
    size_t size;
    size_t at;
    const char *wrong;
    unsigned depth;
    uint8_t objects[(FMT_JSON_DEPTH_MAX + 8) / 8]; /* Bit n: the container at depth n is an object. */
} json_walk;

static bool is_space(uint8_t c)
{
    return c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

firn_slice fmt_json_trim(firn_slice text)
{
    const uint8_t *data = text.data;

    while (text.size > 0 && is_space(data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_space(*data)) {
        data++;
        text.size--;
    }
    return (firn_slice){data, text.size};
}

static bool wrong(json_walk *walk, const char *what)
{
    walk->wrong = what;
    return false;
}

static void skip_space(json_walk *walk)
{
    while (walk->at < walk->size && is_space(walk->data[walk->at]))
        walk->at++;
}

/* The next byte; 0, which is no part of JSON, at the end. */
static uint8_t peek(const json_walk *walk)
{
    return walk->at < walk->size ? walk->data[walk->at] : 0;
}

static int hex_digit(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u at data[at]; -1 if there are none. */
static int32_t code_unit(const json_walk *walk, size_t at)
{
    int32_t unit = 0;

    if (walk->size - at < 6 || walk->data[at] != '\\' || walk->data[at + 1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(walk->data[at + i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The escape at the walk's place. */
static bool take_escape(json_walk *walk)
{
    int32_t unit, low;

    if (walk->size - walk->at < 2)
        return wrong(walk, "unfinished escape");
    if (walk->data[walk->at + 1] != 'u') {
        switch (walk->data[walk->at + 1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            walk->at += 2;
            return true;
        default:
            return wrong(walk, "unknown escape");
        }
    }
    unit = code_unit(walk, walk->at);
    if (unit < 0)
        return wrong(walk, "escape without four hex digits");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return wrong(walk, "lone surrogate");
    if (unit >= 0xd800 && unit <= 0xdbff) {
        low = walk->size - walk->at > 6 ? code_unit(walk, walk->at + 6) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(walk, "lone surrogate");
        walk->at += 6;
    }
    walk->at += 6;
    return true;
}

/* One in the highest bit of each byte that is below 0x20, a quote, a backslash or no ASCII. A borrow may set bits above
   the lowest one that is right, which therefore is the only one to be used. */
static uint64_t not_plain(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t quote = bytes ^ ones * '"', backslash = bytes ^ ones * '\\';

    return ((bytes - ones * 0x20) | (quote - ones) | (backslash - ones) | bytes) & tops;
}

/* Steps over bytes of a string that stand for themselves, of which most payloads consist. Returns the one behind them;
   0 at the end. */
static uint8_t skip_plain(json_walk *walk)
{
    const uint8_t *data = walk->data;
    size_t at = walk->at, size = walk->size;
    uint8_t c = 0;

    while (size - at >= 8) {
        uint64_t bytes = fmt_get64(data + at), found = not_plain(bytes);

        if (found != 0) {
            size_t place = (size_t)__builtin_ctzll(found) / 8;

            walk->at = at + place;
            return (uint8_t)(bytes >> 8 * place);
        }
        at += 8;
    }
    while (at < size && (c = data[at]) != '"' && c != '\\' && c >= 0x20 && c < 0x80)
        at++;
    walk->at = at;
    return at < size ? c : 0;
}

/* Characters that are no ASCII. */
static bool take_wide(json_walk *walk)
{
    size_t at = walk->at;

    while (at < walk->size && walk->data[at] >= 0x80)
        at++;
    if (!fmt_utf8_check((firn_slice){walk->data + walk->at, at - walk->at}))
        return wrong(walk, "string is not UTF-8");
    walk->at = at;
    return true;
}

static bool take_string(json_walk *walk)
{
    size_t start = walk->at;
    uint8_t c;

    if (peek(walk) != '"')
        return wrong(walk, "string expected");
    walk->at++;
    while ((c = skip_plain(walk)) != '"') {
        if (walk->at == walk->size) {
            walk->at = start;
            return wrong(walk, "string without an end");
        }
        if (c < 0x20)
            return wrong(walk, "control character in a string");
        if (c == '\\' ? !take_escape(walk) : !take_wide(walk))
            return false;
    }
    walk->at++;
    return true;
}

/* 2^1024 - 2^970, the least number that rounds to infinity: 309 digits. */
static const char overflow[] = "17976931348623158079372897140530341507993413271003782693617377898044"
                               "49682927647509466490179775872070963302864166928879109465555478519404"
                               "02630657488671505820681908902000708383676273854845817711531764475730"
                               "27006985557136695962284291481986083493647529271907416844436551070434"
                               "2711559699508093042880177904174497792";

/* Whether digits (a number's, from its first that is not 0) times a power of ten reach overflow: exponent is that of
   the first digit in scientific notation. */
static bool overflows(const uint8_t *digits, const uint8_t *end, int64_t exponent)
{
    size_t at = 0;

    if (exponent != (int64_t)sizeof overflow - 2)
        return exponent > (int64_t)sizeof overflow - 2;
    for (; digits < end && at < sizeof overflow - 1; digits++) {
        if (*digits == '.')
            continue;
        if (*digits != (uint8_t)overflow[at])
            return *digits > (uint8_t)overflow[at];
        at++;
    }
    /* What is left of the bound is not all 0. */
    return at == sizeof overflow - 1;
}

static size_t take_digits(json_walk *walk)
{
    size_t start = walk->at;

    while (is_digit(peek(walk)))
        walk->at++;
    return walk->at - start;
}

/* The exponent behind e or E, or 0 if there is none; large ones are cut, which changes no verdict. */
static bool take_exponent(json_walk *walk, int64_t *out_exponent)
{
    const int64_t cut = INT64_C(1) << 40;
    bool negative;
    size_t start;

    *out_exponent = 0;
    if ((peek(walk) | 0x20) != 'e')
        return true;
    walk->at++;
    negative = peek(walk) == '-';
    if (negative || peek(walk) == '+')
        walk->at++;
    start = walk->at;
    if (take_digits(walk) == 0)
        return wrong(walk, "exponent without digits");
    for (; start < walk->at; start++)
        if (*out_exponent < cut)
            *out_exponent = *out_exponent * 10 + (walk->data[start] - '0');
    *out_exponent = negative ? -*out_exponent : *out_exponent;
    return true;
}

static bool take_number(json_walk *walk)
{
    size_t start = walk->at, first, end, whole, zeros = 0;
    int64_t exponent;

    if (peek(walk) == '-')
        walk->at++;
    first = walk->at;
    whole = take_digits(walk);
    if (whole == 0)
        return wrong(walk, "digit expected");
    if (walk->data[first] == '0' && whole > 1)
        return wrong(walk, "number with a leading zero");
    if (peek(walk) == '.') {
        walk->at++;
        if (take_digits(walk) == 0)
            return wrong(walk, "fraction without digits");
    }
    end = walk->at;
    /* Fewer digits than the bound has, and nothing that moves the point. */
    if ((peek(walk) | 0x20) != 'e' && whole < sizeof overflow - 1)
        return true;
    if (!take_exponent(walk, &exponent))
        return false;
    /* The exponent of the first digit that is not 0. */
    exponent += (int64_t)whole - 1;
    while (first < end && (walk->data[first] == '0' || walk->data[first] == '.')) {
        zeros += walk->data[first] == '0';
        first++;
    }
    if (first < end && overflows(walk->data + first, walk->data + end, exponent - (int64_t)zeros)) {
        walk->at = start;
        return wrong(walk, "number beyond binary64");
    }
    return true;
}

static bool take_word(json_walk *walk, const char *word)
{
    size_t size = strlen(word);

    if (walk->size - walk->at < size || memcmp(walk->data + walk->at, word, size) != 0)
        return wrong(walk, "value expected");
    walk->at += size;
    return true;
}

/* A value that is no container. */
static bool take_scalar(json_walk *walk)
{
    switch (peek(walk)) {
    case '"':
        return take_string(walk);
    case 't':
        return take_word(walk, "true");
    case 'f':
        return take_word(walk, "false");
    case 'n':
        return take_word(walk, "null");
    default:
        if (peek(walk) == '-' || is_digit(peek(walk)))
            return take_number(walk);
        return wrong(walk, walk->at == walk->size ? "text ends where a value should be" : "value expected");
    }
}

static bool in_object(const json_walk *walk)
{
    return (walk->objects[walk->depth / 8] >> (walk->depth % 8) & 1) != 0;
}

static bool take_name(json_walk *walk)
{
    skip_space(walk);
    if (!take_string(walk))
        return false;
    skip_space(walk);
    if (peek(walk) != ':')
        return wrong(walk, "colon expected");
    walk->at++;
    return true;
}

/* Opens the container at the walk's place. *out_empty: it was closed again at once. */
static bool take_opening(json_walk *walk, bool *out_empty)
{
    bool object = walk->data[walk->at] == '{';

    if (walk->depth == FMT_JSON_DEPTH_MAX)
        return wrong(walk, "more than 120 containers within each other");
    walk->at++;
    skip_space(walk);
    *out_empty = peek(walk) == (object ? '}' : ']');
    if (*out_empty) {
        walk->at++;
        return true;
    }
    walk->depth++;
    walk->objects[walk->depth / 8] &= (uint8_t) ~(1u << (walk->depth % 8));
    walk->objects[walk->depth / 8] |= (uint8_t)((unsigned)object << (walk->depth % 8));
    return !object || take_name(walk);
}

/* Behind a value: closes containers that end here. *out_more: another value follows. */
static bool take_closings(json_walk *walk, bool *out_more)
{
    *out_more = false;
    while (walk->depth > 0) {
        skip_space(walk);
        if (peek(walk) == ',') {
            walk->at++;
            *out_more = true;
            return !in_object(walk) || take_name(walk);
        }
        if (peek(walk) != (in_object(walk) ? '}' : ']'))
            return wrong(walk, in_object(walk) ? "comma or } expected" : "comma or ] expected");
        walk->at++;
        walk->depth--;
    }
    return true;
}

/* One value; stops in front of what follows. */
static bool take_value(json_walk *walk)
{
    bool more = true, empty;

    while (more) {
        skip_space(walk);
        if (peek(walk) == '{' || peek(walk) == '[') {
            if (!take_opening(walk, &empty))
                return false;
            if (!empty)
                continue;
        } else if (!take_scalar(walk)) {
            return false;
        }
        if (!take_closings(walk, &more))
            return false;
    }
    return true;
}

const char *fmt_json_check(firn_slice text, size_t *out_at)
{
    json_walk walk = {.data = text.data, .size = text.size};

    if (take_value(&walk)) {
        skip_space(&walk);
        if (walk.at != walk.size)
            walk.wrong = "text behind the value";
    }
    if (walk.wrong != NULL)
        *out_at = walk.at;
    return walk.wrong;
}

/* Whether a string, its quotes included, spells name. */
static bool spells(firn_slice string, const char *name)
{
    json_walk walk = {.data = string.data, .size = string.size};
    size_t at = 1, end = string.size - 1;

    for (; *name != 0 && at < end; name++) {
        if (walk.data[at] == '\\') {
            if (code_unit(&walk, at) != *name)
                return false;
            at += 6;
        } else if (walk.data[at++] != (uint8_t)*name) {
            return false;
        }
    }
    return *name == 0 && at == end;
}

bool fmt_json_has_member(firn_slice text, const char *name)
{
    json_walk walk = {.data = text.data, .size = text.size};
    size_t start;

    skip_space(&walk);
    if (peek(&walk) != '{')
        return false;
    walk.at++;
    for (;;) {
        skip_space(&walk);
        start = walk.at;
        if (!take_string(&walk))
            return false;
        if (spells((firn_slice){walk.data + start, walk.at - start}, name))
            return true;
        skip_space(&walk);
        walk.at++; /* The colon. */
        if (!take_value(&walk))
            return false;
        skip_space(&walk);
        if (peek(&walk) != ',')
            return false;
        walk.at++;
    }
}
