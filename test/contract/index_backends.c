/* SPDX-License-Identifier: Apache-2.0 */
/* index_backends.c — the backends of the index that tests run over, and short forms of its calls. */
#include "test/contract/index_backends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void index_test_folder(char out[64], const char *name)
{
    (void)snprintf(out, 64, "index-%s-%d.tmp", name, (int)getpid());
}

static firn_status reopen_lmdb(frn_heap *heap, const frn_index_options *options, frn_index **out_index, firn_error *err)
{
    frn_lmdb_options lmdb = {.index = *options, .map_size = INDEX_TEST_MAP_SIZE, .create = true};
    char folder[64];

    index_test_folder(folder, "contract");
    return frn_index_open_lmdb(heap, folder, &lmdb, out_index, err);
}

void index_backends_clean(void)
{
    char folder[64];

    index_test_folder(folder, "contract");
    if (frn_index_remove_lmdb(folder, NULL) != FIRN_OK) {
        print_error("%s cannot be removed\n", folder);
    }
}

/* A new index each time, in a folder of its own beside the running test. */
static firn_status open_lmdb(frn_heap *heap, const frn_index_options *options, frn_index **out_index, firn_error *err)
{
    index_backends_clean();
    return reopen_lmdb(heap, options, out_index, err);
}

const index_backend index_backends[] = {{"memory", frn_index_open_memory, NULL}, {"lmdb", open_lmdb, reopen_lmdb}};
const size_t index_backends_count = sizeof index_backends / sizeof index_backends[0];

int64_t index_test_clock(void *arg)
{
    return *(const int64_t *)arg;
}

firn_slice text(const char *string)
{
    return (firn_slice){string, strlen(string)};
}

static void must(firn_status status, const firn_error *err, const char *what, const char *key, const char *file,
                 int line)
{
    if (status != FIRN_OK) {
        print_error("%s of %s: %s: %s\n", what, key, firn_status_name(status), err->text);
        _fail(file, line);
    }
}

static void expect(firn_status status, firn_slice found, const char *value, const char *key, const char *file, int line)
{
    firn_status wanted = value == NULL ? FIRN_ENOTFOUND : FIRN_OK;

    if (status != wanted || (value != NULL && (found.size != strlen(value) ||
                                               (found.size > 0 && memcmp(found.data, value, found.size) != 0)))) {
        print_error("%s is %s \"%.*s\", expected \"%s\"\n", key, firn_status_name(status),
                    status == FIRN_OK ? (int)found.size : 0, status == FIRN_OK ? (const char *)found.data : "",
                    value == NULL ? "(not there)" : value);
        _fail(file, line);
    }
}

void must_put_at(frn_index *index, frn_table table, const char *key, const char *value, const char *file, int line)
{
    firn_error err = {0};
    firn_status status = frn_index_put(index, table, text(key), text(value), &err);

    must(status, &err, "put", key, file, line);
}

void must_delete_at(frn_index *index, frn_table table, const char *key, const char *file, int line)
{
    firn_error err = {0};
    firn_status status = frn_index_delete(index, table, text(key), &err);

    must(status, &err, "delete", key, file, line);
}

frn_index_view *must_view_at(frn_index *index, uint64_t seq, const char *file, int line)
{
    firn_error err = {0};
    frn_index_view *view = NULL;
    firn_status status = frn_index_view_open(index, seq, &view, &err);

    must(status, &err, "open", "view", file, line);
    return view;
}

void must_write_at(frn_index *index, uint64_t seq, frn_table table, const char *key, const char *value,
                   const char *file, int line)
{
    frn_index_begin(index, seq);
    if (value == NULL) {
        must_delete_at(index, table, key, file, line);
    } else {
        must_put_at(index, table, key, value, file, line);
    }
    frn_index_commit(index, seq);
}

void expect_read_at(frn_index *index, frn_table table, const char *key, const char *value, const char *file, int line)
{
    firn_slice found = {0};
    firn_status status = frn_index_read(index, table, text(key), &found, NULL);

    expect(status, found, value, key, file, line);
}

void expect_get_at(frn_index_view *view, frn_table table, const char *key, const char *value, const char *file,
                   int line)
{
    firn_buf found = {0};
    firn_status status = frn_index_get(view, table, text(key), &found, NULL);

    expect(status, (firn_slice){found.data, found.size}, value, key, file, line);
    firn_buf_free(&found);
}

void expect_rows_at(frn_index_view *view, frn_table table, const char *rows, const char *file, int line)
{
    char found[4096] = "";
    size_t used = 0;
    firn_buf key = {0}, value = {0};
    firn_status status;

    for (;;) {
        status = frn_index_seek(view, table, (firn_slice){key.data, key.size}, true, &key, &value, NULL);
        if (status != FIRN_OK) {
            break;
        }
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s=%.*s", used == 0 ? "" : " ", (int)key.size,
                                 (const char *)key.data, (int)value.size, (const char *)value.data);
        if (used >= sizeof found) {
            _fail(file, line);
        }
    }
    firn_buf_free(&key);
    firn_buf_free(&value);
    if (status != FIRN_END || strcmp(found, rows) != 0) {
        print_error("%s after \"%s\", expected \"%s\"\n", firn_status_name(status), found, rows);
        _fail(file, line);
    }
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

bool try_merge_at(frn_index *index, const char *file, int line)
{
    frn_index_merged merged;
    firn_error err = {0};
    firn_status status = frn_index_merge(index, mark_nothing, NULL, &merged, &err);

    if (status != FIRN_OK && status != FIRN_ENOMEM) {
        must(status, &err, "merge", "index", file, line);
    }
    return status == FIRN_OK;
}

void reclaim_all(frn_index *index)
{
    while (frn_index_reclaim(index)) {
    }
}

frn_index_stats stats_of(frn_index *index)
{
    frn_index_stats stats;

    frn_index_stat(index, &stats);
    return stats;
}
