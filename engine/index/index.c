/* SPDX-License-Identifier: Apache-2.0 */
/* index.c — what is the same for every backend: the names of tables, and the walk over all rows. */
#include "engine/index/index.h"

#define TABLE(symbol, number, name, key, value) \
    _Static_assert((number) > 0 && (number) < FRN_TABLES_MAX, "number of table " name);
#include "engine/index/tables.def"
#undef TABLE

const char *frn_table_name(unsigned table)
{
    switch (table) {
#define TABLE(symbol, number, name, key, value) \
    case (number):                              \
        return name;
#include "engine/index/tables.def"
#undef TABLE
    default:
        return NULL;
    }
}

static firn_status walk_table(frn_index_view *view, frn_table table, firn_buf *key, firn_buf *value,
                              frn_index_walk_fn fn, void *arg, firn_error *err)
{
    firn_status status;

    key->size = 0;
    for (;;) {
        status = frn_index_seek(view, table, (firn_slice){key->data, key->size}, true, key, value, err);
        if (status != FIRN_OK) {
            return status == FIRN_END ? FIRN_OK : status;
        }
        status = fn(arg, table, (firn_slice){key->data, key->size}, (firn_slice){value->data, value->size}, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
}

firn_status frn_index_walk(frn_index_view *view, frn_index_walk_fn fn, void *arg, firn_error *err)
{
    firn_buf key = {0};
    firn_buf value = {0};
    firn_status status = FIRN_OK;

    for (unsigned table = 0; table < FRN_TABLES_MAX; table++) {
        if (frn_table_name(table) == NULL) {
            continue;
        }
        status = walk_table(view, (frn_table)table, &key, &value, fn, arg, err);
        if (status != FIRN_OK) {
            goto out;
        }
    }
out:
    firn_buf_free(&key);
    firn_buf_free(&value);
    return status;
}
