/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_hints.c — rows say where their records stand, and are not believed.
 *
 * A wrong hint is planted by a verb that writes the row of a content anew, with another hint in it: that is what rows
 * look like whose records have moved.
 */
#include <stdlib.h>

#include "engine/intake/core.h"
#include "engine/ledger/ledger.h"
#include "engine/store/content.h"
#include "test/api/api.h"

enum {
    CONTENTS = 40,
    SIZE = 300,
    LARGE = 3000000
};

typedef struct content {
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint8_t *bytes;
    size_t size;
} content;

static void content_make(content *out, unsigned number, size_t size)
{
    out->size = size;
    out->bytes = malloc(size);
    assert_non_null(out->bytes);
    for (size_t i = 0; i < size; i++) {
        out->bytes[i] = (uint8_t)(i * 31 + number * 7 + i / 251);
    }
}

static void content_put(firn_ledger *ledger, content *one)
{
    firn_content_put_result result;
    firn_error err;

    OK(err, firn_content_put(ledger, (firn_slice){one->bytes, one->size}, NULL, &result, &err));
    memcpy(one->digest, result.digest, sizeof one->digest);
}

static frn_row_digest row_read(firn_ledger *ledger, const content *one)
{
    uint8_t key[FRN_ROW_DIGEST_KEY];
    frn_row_digest row;
    firn_slice value;
    firn_error err;

    frn_log_lock(ledger->log);
    OK(err, frn_index_read(ledger->index, FRN_TABLE_DIGEST,
                           frn_row_digest_key_encode(key, FRN_HASH_SHA256, one->digest), &value, &err));
    assert_int_equal(frn_row_digest_decode(value, &row), FMT_OK);
    frn_log_unlock(ledger->log);
    return row;
}

/* A verb that writes the row of a content anew, and a record that means nothing to anybody. */
typedef struct plant_verb {
    frn_verb verb;
    const content *one;
    frn_row_digest row;
} plant_verb;

static firn_status plant_decide(const frn_verb *verb, frn_decision *decision, firn_error *err)
{
    const plant_verb *plant = (const plant_verb *)(const void *)verb;
    uint8_t key[FRN_ROW_DIGEST_KEY], value[FRN_ROW_DIGEST];
    firn_slice part = {"x", 1};
    frn_row_head head;
    firn_status status = frn_apply_head(&decision->apply, 0, &head, err);

    if (status == FIRN_OK) {
        status = frn_decision_record(decision, FMT_KIND_CONTENT_MANIFEST + 9, 0, head.version + 1, &part, 1, err);
    }
    if (status == FIRN_OK) {
        status = frn_index_put(decision->apply.index, FRN_TABLE_DIGEST,
                               frn_row_digest_key_encode(key, FRN_HASH_SHA256, plant->one->digest),
                               frn_row_digest_encode(value, &plant->row), err);
    }
    return status;
}

static void row_plant(firn_ledger *ledger, const content *one, const frn_row_digest *row)
{
    static const frn_verb_ops ops = {.name = "plant", .decide = plant_decide};
    plant_verb plant = {{&ops}, one, *row};
    const frn_verb *verbs[] = {&plant.verb};
    frn_call call = {
        .verbs = verbs,
        .verbs_count = 1,
        .bound = {.records = 1, .records_size = fmt_record_size(1)},
        .what = "plant",
    };
    firn_error err;

    OK(err, frn_intake_commit(ledger, &call, NULL, &err));
}

static void hint_plant(firn_ledger *ledger, const content *one, uint64_t hint)
{
    frn_row_digest row = row_read(ledger, one);

    row.hint = hint;
    row_plant(ledger, one, &row);
}

static void expect_content(firn_ledger *ledger, const content *one)
{
    firn_content_reader *reader;
    firn_buf buf = {0};
    uint8_t piece[100];
    firn_view *view;
    firn_error err;
    size_t size;

    OK(err, firn_view_open(ledger, &view, &err));
    OK(err, firn_content_get(view, one->digest, NULL, &buf, &err));
    assert_int_equal(buf.size, one->size);
    assert_memory_equal(buf.data, one->bytes, one->size);
    OK(err, firn_content_reader_open(view, one->digest, NULL, &reader, NULL, &err));
    OK(err, firn_content_reader_read(reader, one->size / 2, piece, sizeof piece, &size, &err));
    assert_int_equal(size, sizeof piece);
    assert_memory_equal(piece, one->bytes + one->size / 2, size);
    firn_content_reader_close(reader);
    firn_view_close(view);
    firn_buf_free(&buf);
}

/* The hint of a row is where a reader of the log finds its record, for rows made when it was written and for rows made
   again. */
static void test_hints_hold(void **state)
{
    api_world *world = *state;
    content contents[CONTENTS];
    frn_log_reader *reader;
    frn_log_record record;
    firn_error err;

    for (unsigned i = 0; i < CONTENTS; i++) {
        content_make(&contents[i], i, i == 0 ? LARGE : SIZE + i);
        content_put(world->ledger, &contents[i]);
    }
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < CONTENTS; i++) {
            frn_row_digest row = row_read(world->ledger, &contents[i]);

            OK(err, frn_log_reader_open(world->ledger->log, row.seq, 0, &reader, &err));
            OK(err, frn_log_reader_next(reader, row.seq, &record, &err));
            assert_int_not_equal(row.hint, 0);
            assert_int_equal(row.hint, frn_log_hint_pack(record.hint));
            frn_log_reader_close(reader);
            expect_content(world->ledger, &contents[i]);
        }
        api_remove_index(world);
        api_reopen(world);
    }
    for (unsigned i = 0; i < CONTENTS; i++) {
        free(contents[i].bytes);
    }
}

/* Whatever the hint of a row is (none, of another record, behind the end, of no segment), the content is the same. */
static void test_wrong_hints(void **state)
{
    api_world *world = *state;
    firn_ledger *ledger = world->ledger;
    content contents[CONTENTS];
    uint64_t wrong[8];

    for (unsigned i = 0; i < CONTENTS; i++) {
        content_make(&contents[i], i, i < 2 ? LARGE : SIZE + i);
        content_put(ledger, &contents[i]);
    }
    for (unsigned i = 0; i < CONTENTS; i++) {
        uint64_t right = row_read(ledger, &contents[i]).hint;

        wrong[0] = 0;
        wrong[1] = right + 8;
        wrong[2] = right - 8;
        wrong[3] = right | UINT32_MAX;
        wrong[4] = right + (UINT64_C(1) << 32);
        wrong[5] = right >> 32 << 32;
        wrong[6] = UINT64_MAX;
        wrong[7] = row_read(ledger, &contents[(i + 1) % CONTENTS]).hint;
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            hint_plant(ledger, &contents[i], wrong[k]);
            assert_int_equal(row_read(ledger, &contents[i]).hint, wrong[k]);
            expect_content(ledger, &contents[i]);
        }
    }
    for (unsigned i = 0; i < CONTENTS; i++) {
        free(contents[i].bytes);
    }
}

/* Rows with other hints than follow from the log compare as equal; with another fact in one, they do not. */
static void test_comparison_is_of_facts(void **state)
{
    api_world *world = *state;
    frn_row_digest row;
    content one;
    firn_error err;

    world->broken = true;
    content_make(&one, 1, SIZE);
    content_put(world->ledger, &one);
    OK(err, frn_ledger_check(world->ledger, &err));
    hint_plant(world->ledger, &one, 0);
    OK(err, frn_ledger_check(world->ledger, &err));
    api_reopen(world);
    OK(err, frn_ledger_check(world->ledger, &err));
    expect_content(world->ledger, &one);
    row = row_read(world->ledger, &one);
    row.time_ns++;
    row_plant(world->ledger, &one, &row);
    EXPECT(FIRN_EINVARIANT, err, NULL, frn_ledger_check(world->ledger, &err));
    world->broken = true;
    free(one.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_hints_hold),
        ON_BOTH(test_wrong_hints),
        ON_BOTH(test_comparison_is_of_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
