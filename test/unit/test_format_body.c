/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_body.c — bodies: what is msgpack and what only looks like it; events and the age of keys. */
#include "test/unit/test_format.h"

#include <msgpack.h>

#include "format/body.h"

/** A body, what the strict check says, and where. */
typedef struct body_case {
    const char *situation;
    const char *bytes;
    size_t size;
    fmt_verdict verdict;
    size_t bad;
} body_case;

#define BYTES(text) text, sizeof text - 1

static const body_case body_cases[] = {
    {"smallest body", BYTES("\x81\x00\x01"), FMT_OK, 0},
    {"version of eight bytes", BYTES("\x81\x00\xcf\0\0\0\0\0\0\0\x02"), FMT_OK, 0},
    {"map 16 of one pair", BYTES("\xde\x00\x01\x00\x01"), FMT_OK, 0},
    {"map 32 of one pair", BYTES("\xdf\0\0\0\x01\x00\x01"), FMT_OK, 0},
    {"gap between keys", BYTES("\x82\x00\x01\x09\xc0"), FMT_OK, 0},
    {"every scalar",
     BYTES("\x82\x00\x01\x01\x9e\xc0\xc2\xc3\xff\xd0\x80\xd1\x80\0\xd2\x80\0\0\0\xd3\x80\0\0\0\0\0\0\0"
           "\xca\0\0\0\0\xcb\0\0\0\0\0\0\0\0\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\x7f"),
     FMT_OK, 0},
    {"strings and bins",
     BYTES("\x82\x00\x01\x01\x96\xa1x\xd9\x01x\xda\0\x01x\xdb\0\0\0\x01x\xc5\0\x01x\xc6\0\0\0\x01x"), FMT_OK, 0},
    {"extensions", BYTES("\x82\x00\x01\x01\x94\xd4\x01x\xc7\x00\x05\xd5\x01xy\xc8\0\x01\x02z"), FMT_OK, 0},
    {"map within a map with text keys", BYTES("\x82\x00\x01\x01\x82\xa1\x61\x01\xa1\x61\x02"), FMT_OK, 0},
    {"UTF-8 of one to four bytes", BYTES("\x82\x00\x01\x01\xaa\x61\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xa8"), FMT_OK, 0},

    {"nothing", BYTES(""), FMT_SHORT, 0},
    {"a number", BYTES("\x01"), FMT_SYNTAX, 0},
    {"an array", BYTES("\x91\x01"), FMT_SYNTAX, 0},
    {"an empty map", BYTES("\x80"), FMT_SYNTAX, 0},
    {"no member 0", BYTES("\x81\x01\x01"), FMT_SYNTAX, 1},
    {"version 0", BYTES("\x81\x00\x00"), FMT_SYNTAX, 2},
    {"version is text", BYTES("\x81\x00\xa1\x31"), FMT_SYNTAX, 2},
    {"version is negative", BYTES("\x81\x00\xff"), FMT_SYNTAX, 2},
    {"key 0 twice", BYTES("\x82\x00\x01\x00\x01"), FMT_ORDER, 3},
    {"key twice", BYTES("\x83\x00\x01\x05\xc0\x05\xc0"), FMT_ORDER, 5},
    {"same key in another length", BYTES("\x83\x00\x01\x05\xc0\xcc\x05\xc0"), FMT_ORDER, 5},
    {"keys descend", BYTES("\x83\x00\x01\x05\xc0\x04\xc0"), FMT_ORDER, 5},
    {"key is text", BYTES("\x82\x00\x01\xa1x\xc0"), FMT_SYNTAX, 3},
    {"key is a float", BYTES("\x82\x00\x01\xca\x3f\x80\0\0\xc0"), FMT_SYNTAX, 3},
    {"key is negative", BYTES("\x82\x00\x01\xff\xc0"), FMT_SYNTAX, 3},
    {"key is nil", BYTES("\x82\x00\x01\xc0\xc0"), FMT_SYNTAX, 3},
    {"key is an array", BYTES("\x82\x00\x01\x90\xc0"), FMT_SYNTAX, 3},
    {"key is not small", BYTES("\x82\x00\x01\xce\0\x01\0\0\xc0"), FMT_SYNTAX, 3},
    {"a byte behind", BYTES("\x81\x00\x01\xc0"), FMT_SYNTAX, 3},
    {"the byte that msgpack never uses", BYTES("\x82\x00\x01\x01\xc1"), FMT_SYNTAX, 4},
    {"fewer members than announced", BYTES("\x82\x00\xcc\x01\x01"), FMT_SHORT, 5},
    {"announced members cannot fit", BYTES("\x83\x00\x01"), FMT_LENGTH, 0},
    {"number cut", BYTES("\x82\x00\x01\x01\xcd\x01"), FMT_SHORT, 4},
    {"float cut", BYTES("\x82\x00\x01\x01\xcb\0\0\0"), FMT_LENGTH, 4},
    {"text reaches beyond the end", BYTES("\x82\x00\x01\x01\xa5xyz"), FMT_LENGTH, 4},
    {"bin of 2^32 - 1 bytes", BYTES("\x82\x00\x01\x01\xc6\xff\xff\xff\xff"), FMT_LENGTH, 4},
    {"extension of 2^32 - 1 bytes", BYTES("\x82\x00\x01\x01\xc9\xff\xff\xff\xff\x01"), FMT_LENGTH, 4},
    {"array of 2^32 - 1 elements", BYTES("\x82\x00\x01\x01\xdd\xff\xff\xff\xff\xc0"), FMT_LENGTH, 4},
    {"map of 2^32 - 1 pairs", BYTES("\x82\x00\x01\x01\xdf\xff\xff\xff\xff\xc0"), FMT_LENGTH, 4},
    {"body announces 2^32 - 1 pairs", BYTES("\xdf\xff\xff\xff\xff\x00\x01"), FMT_LENGTH, 0},
    {"overlong UTF-8", BYTES("\x82\x00\x01\x01\xa2\xc0\x80"), FMT_SYNTAX, 4},
    {"overlong UTF-8 of three bytes", BYTES("\x82\x00\x01\x01\xa3\xe0\x80\x80"), FMT_SYNTAX, 4},
    {"surrogate", BYTES("\x82\x00\x01\x01\xa3\xed\xa0\x80"), FMT_SYNTAX, 4},
    {"beyond U+10FFFF", BYTES("\x82\x00\x01\x01\xa4\xf4\x90\x80\x80"), FMT_SYNTAX, 4},
    {"UTF-8 cut", BYTES("\x82\x00\x01\x01\xa2\xe2\x82"), FMT_SYNTAX, 4},
    {"stray continuation", BYTES("\x82\x00\x01\x01\xa1\x80"), FMT_SYNTAX, 4},
    {"third byte is none", BYTES("\x82\x00\x01\x01\xa3\xe2\x82x"), FMT_SYNTAX, 4},
};

static void bodies_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof body_cases / sizeof body_cases[0]; i++) {
        const body_case *row = &body_cases[i];
        uint8_t *copy = exact_copy((const uint8_t *)row->bytes, row->size);
        size_t bad = SIZE_MAX;
        fmt_verdict verdict = fmt_body_check((firn_slice){copy, row->size}, &bad);

        if (verdict != row->verdict || (verdict != FMT_OK && bad != row->bad))
            fail_msg("%s: %s at %zu, not %s at %zu", row->situation, fmt_verdict_text(verdict), bad,
                     fmt_verdict_text(row->verdict), row->bad);
        free(copy);
    }
}

/** A body with as many containers within containers as asked for. */
static fmt_verdict judge_depth(size_t depth)
{
    uint8_t body[4 + 64 + 1] = {0x82, 0x00, 0x01, 0x01};

    /* The map of the body is the first level. */
    memset(body + 4, 0x91, depth - 1);
    body[4 + depth - 1] = 0xc0;
    return fmt_body_check((firn_slice){body, 4 + depth}, NULL);
}

static void depth_is_bound(void **state)
{
    uint8_t *deep;
    size_t bad = 0;

    (void)state;
    assert_int_equal(judge_depth(FMT_BODY_DEPTH_MAX), FMT_OK);
    assert_int_equal(judge_depth(FMT_BODY_DEPTH_MAX + 1), FMT_SYNTAX);
    /* Sixteen MiB of array headers need neither stack nor memory. */
    deep = malloc(FIRN_BODY_SIZE_MAX);
    assert_non_null(deep);
    memset(deep, 0x91, FIRN_BODY_SIZE_MAX);
    memcpy(deep, "\x82\x00\x01\x01", 4);
    assert_int_equal(fmt_body_check((firn_slice){deep, FIRN_BODY_SIZE_MAX}, &bad), FMT_SYNTAX);
    assert_int_equal(bad, 4 + FMT_BODY_DEPTH_MAX - 1);
    free(deep);
}

static void size_is_bound(void **state)
{
    uint8_t *body = calloc(1, FIRN_BODY_SIZE_MAX + 1);
    size_t prefix;
    firn_slice payload;

    (void)state;
    assert_non_null(body);
    prefix = fmt_event_prefix(body, FIRN_BODY_SIZE_MAX - 9);
    assert_int_equal(prefix, 9);
    assert_int_equal(fmt_body_check((firn_slice){body, FIRN_BODY_SIZE_MAX}, NULL), FMT_OK);
    prefix = fmt_event_prefix(body, FIRN_BODY_SIZE_MAX + 1 - 9);
    assert_int_equal(prefix, 9);
    assert_int_equal(fmt_body_check((firn_slice){body, FIRN_BODY_SIZE_MAX + 1}, NULL), FMT_LENGTH);
    assert_int_equal(fmt_event_decode((firn_slice){body, FIRN_BODY_SIZE_MAX + 1}, &payload), FMT_LENGTH);
    free(body);
}

/** Every prefix of good bodies is refused, and no byte beyond it is read. */
static void truncated_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof body_cases / sizeof body_cases[0] && body_cases[i].verdict == FMT_OK; i++)
        for (size_t size = 0; size < body_cases[i].size; size++) {
            uint8_t *copy = exact_copy((const uint8_t *)body_cases[i].bytes, size);
            firn_slice payload;

            assert_int_not_equal(fmt_body_check((firn_slice){copy, size}, NULL), FMT_OK);
            assert_int_not_equal(fmt_event_decode((firn_slice){copy, size}, &payload), FMT_OK);
            free(copy);
        }
}

static void events_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 255, 256, 65535, 65536, FIRN_EVENT_SIZE_MAX};
    uint8_t *body = malloc(FIRN_BODY_SIZE_MAX);

    (void)state;
    assert_non_null(body);
    memset(body, 0x91, FIRN_BODY_SIZE_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t prefix = fmt_event_prefix(body, sizes[i]);
        uint8_t *copy = exact_copy(body, prefix + sizes[i]);
        firn_slice whole = {copy, prefix + sizes[i]}, payload = {0};

        assert_in_range(prefix, 1, FMT_EVENT_PREFIX_MAX);
        assert_in_range(whole.size, 1, FIRN_BODY_SIZE_MAX);
        assert_int_equal(fmt_body_check(whole, NULL), FMT_OK);
        assert_int_equal(fmt_event_decode(whole, &payload), FMT_OK);
        assert_ptr_equal(payload.data, copy + prefix);
        assert_int_equal(payload.size, sizes[i]);
        /* One byte less or more is another body. */
        assert_int_not_equal(fmt_event_decode((firn_slice){copy, whole.size - 1}, &payload), FMT_OK);
        free(copy);
    }
    free(body);
}

static void event_prefix_is_what_msgpack_writes(void **state)
{
    static const size_t sizes[] = {0, 255, 256, 65535, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t prefix[FMT_EVENT_PREFIX_MAX];
        size_t size = fmt_event_prefix(prefix, sizes[i]);
        msgpack_sbuffer sbuffer;
        msgpack_packer packer;

        msgpack_sbuffer_init(&sbuffer);
        msgpack_packer_init(&packer, &sbuffer, msgpack_sbuffer_write);
        msgpack_pack_map(&packer, 2);
        msgpack_pack_int(&packer, 0);
        msgpack_pack_int(&packer, FMT_BODY_VERSION);
        msgpack_pack_int(&packer, 1);
        msgpack_pack_bin(&packer, sizes[i]);
        assert_int_equal(sbuffer.size, size);
        assert_memory_equal(sbuffer.data, prefix, size);
        msgpack_sbuffer_destroy(&sbuffer);
    }
}

/** Bodies that mean an event in other words, and some that do not. */
static void events_in_other_words(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        fmt_verdict verdict;
        size_t payload_size;
    } rows[] = {
        {BYTES("\x82\x00\x01\x01\xc5\x00\x02xy"), FMT_OK, 2},
        {BYTES("\x82\x00\xcc\x01\x01\xc4\x02xy"), FMT_OK, 2},
        {BYTES("\x83\x00\x01\x01\xc4\x02xy\x02\x93\x01\x02\x03"), FMT_OK, 2},
        {BYTES("\x82\x00\x02\x01\xc4\x00"), FMT_NEWER, 0},
        {BYTES("\x81\x00\x01"), FMT_SYNTAX, 0},
        {BYTES("\x82\x00\x01\x02\xc4\x00"), FMT_SYNTAX, 0},
        {BYTES("\x82\x00\x01\x01\xa1x"), FMT_SYNTAX, 0},
        {BYTES("\x82\x00\x01\x01\xc4\x00\xc0"), FMT_SYNTAX, 0},
        {BYTES("\x82\x00\x01\x01\xc4\x03xy"), FMT_LENGTH, 0},
        {BYTES("\x83\x00\x01\x01\xc4\x02xy\x01\xc0"), FMT_ORDER, 0},
        {BYTES("\x82\x00\x01\x01\xc6\x00\x00"), FMT_SHORT, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *copy = exact_copy((const uint8_t *)rows[i].bytes, rows[i].size);
        firn_slice payload = {0};

        assert_int_equal(fmt_event_decode((firn_slice){copy, rows[i].size}, &payload), rows[i].verdict);
        if (rows[i].verdict == FMT_OK)
            assert_int_equal(payload.size, rows[i].payload_size);
        free(copy);
    }
}

static void key_ages_round_trip(void **state)
{
    static const uint64_t ages[] = {0, 1, 127, 128, 65536, UINT64_C(604800000000000), UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        uint8_t out[FMT_KEY_AGE_SIZE_MAX];
        size_t size = fmt_key_age_encode(out, ages[i]);
        uint64_t age = ~ages[i];

        assert_int_equal(fmt_body_check((firn_slice){out, size}, NULL), FMT_OK);
        assert_int_equal(fmt_key_age_decode((firn_slice){out, size}, &age), FMT_OK);
        assert_int_equal(age, ages[i]);
        assert_int_not_equal(fmt_key_age_decode((firn_slice){out, size - 1}, &age), FMT_OK);
    }
    assert_int_equal(fmt_key_age_decode((firn_slice){BYTES("\x82\x00\x01\x01\xff")}, &(uint64_t){0}), FMT_SYNTAX);
    assert_int_equal(fmt_key_age_decode((firn_slice){BYTES("\x82\x00\x02\x01\x01")}, &(uint64_t){0}), FMT_NEWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_judged),     cmocka_unit_test(depth_is_bound),
        cmocka_unit_test(size_is_bound),         cmocka_unit_test(truncated_bodies),
        cmocka_unit_test(events_round_trip),     cmocka_unit_test(event_prefix_is_what_msgpack_writes),
        cmocka_unit_test(events_in_other_words), cmocka_unit_test(key_ages_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
