/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.c — compare rows that come in their order with those that a replay gave; tell each difference.
 *
 * Both come by table and key, so one pass tells rows that are missing, too much or different. Where damage was met
 * between two rows, what is expected there may lie in it: that is one finding, of its place, and not one more a row.
 */
#include "engine/ledger/compare.h"

#include "engine/base/error.h"
#include "engine/index/store_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TOLD_MAX = 100,   /* An index of another moment differs in every row. */
    KEY_TOLD_MAX = 48 /* Bytes of a key. */
};

static void tell(frn_compare *compare, const firn_error *finding)
{
    if (compare->findings++ == 0) {
        compare->first = *finding;
    }
    if (compare->told != NULL && compare->findings <= TOLD_MAX) {
        compare->told[compare->findings - 1] = *finding;
    } else if (compare->told == NULL && compare->finding != NULL) {
        compare->finding(compare->finding_arg, finding);
    }
}

/* What was found counts: it is told. */
static void tell_all(const frn_compare *compare)
{
    firn_error more;

    for (uint64_t i = 0; i < compare->findings && i < TOLD_MAX; i++) {
        compare->finding(compare->finding_arg, &compare->told[i]);
    }
    if (compare->findings > TOLD_MAX) {
        (void)frn_fail_detail(&more, FIRN_EINVARIANT, FIRN_DETAIL_INDEX, "index: %" PRIu64 " findings more",
                              compare->findings - TOLD_MAX);
        compare->finding(compare->finding_arg, &more);
    }
}

void frn_compare_damage(frn_compare *compare, const firn_error *finding)
{
    compare->gap = true;
    compare->damaged++;
    tell(compare, finding);
}

static void tell_row(frn_compare *compare, const char *what, unsigned table, firn_slice key)
{
    char text[2 * KEY_TOLD_MAX + 1] = "";
    const char *name = frn_table_name(table);
    size_t size = key.size < KEY_TOLD_MAX ? key.size : KEY_TOLD_MAX;
    firn_error finding;

    for (size_t i = 0; i < size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)key.data)[i]);
    }
    (void)frn_fail_detail(&finding, FIRN_EINVARIANT, FIRN_DETAIL_INDEX, "index: row %s%s of table %s %s", text,
                          size < key.size ? "…" : "", name == NULL ? "(none)" : name, what);
    tell(compare, &finding);
}

/* Finds the next expected row; key.size 0: the first of the table. */
static firn_status expect_next(frn_compare *compare, firn_error *err)
{
    for (; compare->table < FRN_TABLES_MAX; compare->table++) {
        firn_slice from = {compare->key.data, compare->key.size};
        firn_status status = frn_index_seek(compare->expected, (frn_table)compare->table, from, true, &compare->key,
                                            &compare->value, err);

        if (status != FIRN_END) {
            return status;
        }
        compare->key.size = 0;
    }
    return FIRN_OK;
}

/* The expected row against one that came: < 0, it comes first; 0, they have one key. */
static int order_of(const frn_compare *compare, unsigned table, firn_slice key)
{
    size_t common = compare->key.size < key.size ? compare->key.size : key.size;
    int order;

    if (compare->table != table) {
        return compare->table < table ? -1 : 1;
    }
    order = memcmp(compare->key.data, key.data, common);
    return order != 0 ? order : (compare->key.size > key.size) - (compare->key.size < key.size);
}

static firn_status expected_is_missing(frn_compare *compare, firn_error *err)
{
    if (!compare->gap) {
        tell_row(compare, "is missing", compare->table, (firn_slice){compare->key.data, compare->key.size});
    }
    return expect_next(compare, err);
}

static firn_status take_row(void *arg, frn_table table, firn_slice key, firn_slice value, firn_error *err)
{
    frn_compare *compare = arg;
    firn_slice facts, expected;
    firn_status status;
    int order;

    compare->rows++;
    while ((order = order_of(compare, table, key)) < 0) {
        status = expected_is_missing(compare, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
    compare->gap = false;
    if (order > 0) {
        tell_row(compare, "is not in the log", table, key);
        return FIRN_OK;
    }
    facts = frn_row_facts(table, value);
    expected = frn_row_facts(table, (firn_slice){compare->value.data, compare->value.size});
    if (facts.size != expected.size || (facts.size > 0 && memcmp(facts.data, expected.data, facts.size) != 0)) {
        tell_row(compare, "differs from the log", table, key);
    }
    return expect_next(compare, err);
}

static void take_damage(void *arg, const firn_error *finding)
{
    frn_compare_damage(arg, finding);
}

static firn_status compare_begin(frn_compare *compare, frn_index *expected, uint64_t seq, firn_error *err)
{
    firn_status status = frn_index_view_open(expected, seq, &compare->expected, err);

    if (status == FIRN_OK) {
        compare->told = frn_alloc(compare->heap, TOLD_MAX * sizeof compare->told[0]);
        status = compare->told == NULL ? frn_fail(err, FIRN_ENOMEM, "compare rows") : FIRN_OK;
    }
    return status == FIRN_OK ? expect_next(compare, err) : status;
}

/* All rows came, or the walk failed. */
static firn_status compare_finish(frn_compare *compare, firn_status status, firn_error *err)
{
    while (status == FIRN_OK && compare->table < FRN_TABLES_MAX) {
        status = expected_is_missing(compare, err);
    }
    if (status == FIRN_OK && compare->finding != NULL) {
        tell_all(compare);
    }
    frn_free(compare->heap, compare->told);
    compare->told = NULL;
    frn_index_view_close(compare->expected);
    compare->expected = NULL;
    firn_buf_free(&compare->key);
    firn_buf_free(&compare->value);
    return status;
}

firn_status frn_compare_view(frn_compare *compare, frn_index_view *view, frn_index *expected, uint64_t seq,
                             firn_error *err)
{
    frn_index_checker checker = {.row = take_row, .damage = take_damage, .arg = compare};
    firn_status status = compare_begin(compare, expected, seq, err);

    if (status == FIRN_OK) {
        status = frn_index_check(view, &checker, err);
    }
    return compare_finish(compare, status, err);
}

firn_status frn_compare_file(frn_compare *compare, frn_index_file *file, frn_index *expected, uint64_t seq,
                             firn_error *err)
{
    frn_index_checker checker = {.row = take_row, .damage = take_damage, .arg = compare};
    firn_status status = compare_begin(compare, expected, seq, err);

    if (status == FIRN_OK) {
        status = frn_index_file_check(file, &checker, err);
    }
    return compare_finish(compare, status, err);
}
