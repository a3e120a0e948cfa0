/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_json.c — what is JSON: our walk against yajl, over texts that a seed changes. */
#include "test/unit/test_format.h"

#include <stdio.h>
#include <yajl/yajl_parse.h>

#include "format/json.h"

enum {
    ROUNDS = 60000,
    TEXT_MAX = 128
};

static const char *const seeds[] = {
    "{\"a\":[1,-2.5e3,null,true,false],\"b\":{\"c\":\"x\\u00e9\\n\"}}",
    "[[],{},\"\",0,-0,1E+2,0.5]",
    " { \"k\" : \"\xc3\xa9\xf0\x9f\x98\x80\" } ",
    "\"\\ud83d\\ude00\"",
    "123456789",
};

static bool yajl_says(const char *text, size_t size)
{
    yajl_handle handle = yajl_alloc(NULL, NULL, NULL);
    bool good;

    assert_non_null(handle);
    good = yajl_parse(handle, (const unsigned char *)text, size) == yajl_status_ok &&
           yajl_complete_parse(handle) == yajl_status_ok;
    yajl_free(handle);
    return good;
}

/* What is refused here on purpose; and yajl does not see a token behind the value that has no end. */
static bool may_differ(const char *reason)
{
    return strcmp(reason, "lone surrogate") == 0 || strcmp(reason, "number beyond binary64") == 0 ||
           strcmp(reason, "text behind the value") == 0;
}

/* Both agree on every text, but for what the contract refuses and yajl does not look at. */
static void test_against_yajl(void **state)
{
    static const char alphabet[] = "{}[]\",:\\ue0123456789.-+E tfn\x01\xc3\xa9";
    uint64_t random = 20240601;
    char text[TEXT_MAX];
    unsigned accepted = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *seed = seeds[round % (sizeof seeds / sizeof *seeds)];
        size_t size = strlen(seed), at = 0;
        const char *reason;
        bool yajl;

        memcpy(text, seed, size);
        for (unsigned change = 0; change < round % 3; change++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            text[(random >> 33) % size] = alphabet[(random >> 20) % (sizeof alphabet - 1)];
        }
        reason = fmt_json_check((firn_slice){text, size}, &at);
        yajl = yajl_says(text, size);
        accepted += reason == NULL;
        if ((reason == NULL) != yajl && (reason == NULL || !may_differ(reason))) {
            fail_msg("seed 20240601, round %u: \"%.*s\": yajl says %d, we say %s at %zu", round, (int)size, text, yajl,
                     reason == NULL ? "good" : reason, at);
        }
    }
    assert_true(accepted > ROUNDS / 10 && accepted < ROUNDS);
}

enum {
    STRING_MAX = 26
};

/* A string of this many letters, of which one place holds other bytes, and what is said of it. */
static const char *with_bytes(size_t size, size_t place, const char *bytes, size_t bytes_size, size_t *out_at)
{
    char text[STRING_MAX + 8];

    memset(text, 'z', sizeof text);
    text[0] = '"';
    memcpy(text + 1 + place, bytes, bytes_size);
    text[size + 1] = '"';
    return fmt_json_check((firn_slice){text, size + 2}, out_at);
}

/* Strings are stepped over several bytes at a time: each byte, at each place of strings of each length, counts. */
static void test_bytes_of_strings(void **state)
{
    static const char *const characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\n", "\\u0041"};
    size_t at;

    (void)state;
    for (size_t size = 1; size <= STRING_MAX; size++) {
        for (size_t place = 0; place < size; place++) {
            for (unsigned c = 1; c < 256; c++) {
                const char byte = (char)c;
                const char *reason = with_bytes(size, place, &byte, 1, &at);
                const char *wanted = c < 0x20    ? "control character in a string"
                                     : c >= 0x80 ? "string is not UTF-8"
                                                 : NULL;

                if (c == '"' || c == '\\') {
                    assert_non_null(reason);
                } else if (wanted == NULL) {
                    assert_null(reason);
                } else {
                    assert_string_equal(reason, wanted);
                    assert_int_equal(at, 1 + place);
                }
            }
            for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
                size_t bytes_size = strlen(characters[i]);

                if (place + bytes_size <= size) {
                    assert_null(with_bytes(size, place, characters[i], bytes_size, &at));
                    assert_non_null(with_bytes(size, place, characters[i], bytes_size - 1, &at));
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_yajl), cmocka_unit_test(test_bytes_of_strings)};

    return cmocka_run_group_tests_name("format_json", tests, NULL, NULL);
}
