/* SPDX-License-Identifier: Apache-2.0 */
/* test_format_kinds.c — the table of kinds: unique numbers, each inside one block, blocks apart; texts of verdicts. */
#include "test/unit/test_format.h"

#include "format/kinds.h"

typedef struct entry {
    uint32_t first;
    uint32_t count;
    const char *name;
} entry;

#define KIND(symbol, number, name)
#define BLOCK(symbol, first, count, name) {first, count, name},
static const entry blocks[] = {
#include "format/kinds.def"
};
#undef KIND
#undef BLOCK

#define KIND(symbol, number, name) {number, 1, name},
#define BLOCK(symbol, first, count, name)
static const entry kinds[] = {
#include "format/kinds.def"
};
#undef KIND
#undef BLOCK

enum {
    BLOCKS = sizeof blocks / sizeof blocks[0],
    KINDS = sizeof kinds / sizeof kinds[0]
};

static void blocks_are_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_true(blocks[i].count > 0 && blocks[i].first > 0 && blocks[i].first + blocks[i].count <= 0x10000);
        for (size_t j = 0; j < i; j++) {
            assert_true(blocks[i].first >= blocks[j].first + blocks[j].count ||
                        blocks[j].first >= blocks[i].first + blocks[i].count);
            assert_string_not_equal(blocks[i].name, blocks[j].name);
        }
    }
    assert_int_equal(blocks[0].first + blocks[0].count - 1, FIRN_EVENT_KIND_MAX);
}

static void kinds_are_unique_and_in_their_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const char *block = fmt_kind_block(kinds[i].first);

        assert_non_null(block);
        assert_memory_equal(kinds[i].name, block, strlen(block));
        assert_int_equal(kinds[i].name[strlen(block)], '.');
        assert_string_equal(fmt_kind_name(kinds[i].first), kinds[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(kinds[i].first, kinds[j].first);
            assert_string_not_equal(kinds[i].name, kinds[j].name);
        }
    }
}

static void names_at_the_edges(void **state)
{
    (void)state;
    assert_null(fmt_kind_name(0));
    assert_null(fmt_kind_block(0));
    assert_string_equal(fmt_kind_name(1), "event");
    assert_string_equal(fmt_kind_name(FIRN_EVENT_KIND_MAX), "event");
    assert_string_equal(fmt_kind_name(FMT_KIND_LEDGER_KEY_AGE), "ledger.key_age");
    assert_null(fmt_kind_name(FMT_BLOCK_LEDGER + FMT_BLOCK_LEDGER_COUNT - 1));
    assert_string_equal(fmt_kind_block(FMT_BLOCK_LEDGER + FMT_BLOCK_LEDGER_COUNT - 1), "ledger");
    assert_null(fmt_kind_block(0xffff));
    assert_null(fmt_kind_block(0x18000));
}

static void verdicts_have_texts(void **state)
{
    (void)state;
    assert_string_equal(fmt_verdict_text(FMT_OK), "good");
    assert_string_equal(fmt_verdict_text(FMT_CHECKSUM), "checksum mismatch");
    assert_string_equal(fmt_verdict_text(FMT_PADDING), "padding is not zero");
    assert_string_equal(fmt_verdict_text((fmt_verdict)99), "unknown verdict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(kinds_are_unique_and_in_their_blocks),
        cmocka_unit_test(names_at_the_edges),
        cmocka_unit_test(verdicts_have_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
