/* SPDX-License-Identifier: Apache-2.0 */
/* test_matrix.c — the matrix names every option that must not change a history, and a history that changed is found. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/api/api.h"
#include "test/differ/run.h"

enum {
    FIELDS_MAX = 60,
    NAME_SIZE = 64
};

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool is_fixed(const char *field)
{
    for (size_t i = 0; matrix_fixed[i][0] != NULL; i++) {
        if (strcmp(matrix_fixed[i][0], field) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_varied(const char *field)
{
    bool found = has_word(matrix_drawn, field);

    for (unsigned row = 0; row < matrix_count; row++) {
        found = found || has_word(matrix[row].options, field);
    }
    return found;
}

/* The members of firn_options as the header declares them: the last word before each semicolon. */
static size_t fields_of_options(char fields[FIELDS_MAX][NAME_SIZE])
{
    static char text[1 << 18];
    FILE *file = fopen(LEDGER_HEADER, "r");
    size_t count = 0;
    char *at, *end, *comment;

    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    at = strstr(text, "typedef struct firn_options {");
    assert_non_null(at);
    end = strstr(at, "} firn_options;");
    assert_non_null(end);
    *end = '\0';
    while ((comment = strstr(at, "/*")) != NULL) {
        memset(comment, ' ', (size_t)(strstr(comment, "*/") + 2 - comment));
    }
    for (char *semicolon = strchr(at, ';'); semicolon != NULL; semicolon = strchr(semicolon + 1, ';')) {
        char *name = semicolon;

        while (isalnum((unsigned char)name[-1]) || name[-1] == '_') {
            name--;
        }
        assert_true(count < FIELDS_MAX && semicolon - name < NAME_SIZE);
        (void)snprintf(fields[count++], NAME_SIZE, "%.*s", (int)(semicolon - name), name);
    }
    return count;
}

/* Every option is varied in the matrix, or said to be fixed, with the reason: a new one must be put into it. */
static void test_every_option(void **state)
{
    static char fields[FIELDS_MAX][NAME_SIZE];
    size_t count = fields_of_options(fields), fixed = 0;

    (void)state;
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        if (is_fixed(fields[i]) == is_varied(fields[i])) {
            fail_msg("option %s must either be varied in the matrix or be fixed there", fields[i]);
        }
        fixed += is_fixed(fields[i]) ? 1 : 0;
    }
    for (size_t i = 0; matrix_fixed[i][0] != NULL; i++) {
        assert_true(strlen(matrix_fixed[i][1]) > 0 && fixed-- > 0);
    }
    assert_int_equal(fixed, 0);
}

/* Options that change a history are found to do so, and so is a clock that goes otherwise. */
static void test_differences_are_found(void **state)
{
    setting plain = matrix_setting(1, 1), changed = plain;
    setting first = matrix_setting(0, 1);
    uint64_t differences = counted.differences;
    reference r;
    script s;

    (void)state;
    script_make(&s, 1);
    reference_make(&r, &s, &first, ".");
    assert_true(run_compare(&r, &plain, "."));
    changed.options.key_age_ns = 12345;
    assert_false(run_compare(&r, &changed, "."));
    changed = plain;
    changed.options.content_chunk_size = 128 * 1024;
    assert_false(run_compare(&r, &changed, "."));
    assert_int_equal(counted.differences, differences + 2);
    for (size_t i = 0; i < s.count; i++) {
        s.ops[i].clock_ns += i >= s.count / 2 ? 1 : 0;
    }
    assert_false(run_compare(&r, &plain, "."));
    reference_done(&r);
    script_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option),
        cmocka_unit_test(test_differences_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
