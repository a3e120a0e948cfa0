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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_yajl)};

    return cmocka_run_group_tests_name("format_json", tests, NULL, NULL);
}
