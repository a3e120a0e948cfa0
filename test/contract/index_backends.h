/* SPDX-License-Identifier: Apache-2.0 */
/* index_backends.h — the backends of the index that the tests run over, and short forms of its calls. */
#ifndef TEST_CONTRACT_INDEX_BACKENDS_H
#define TEST_CONTRACT_INDEX_BACKENDS_H

#include "engine/index/lmdb.h"

typedef struct index_backend {
    const char *name;
    firn_status (*open)(frn_heap *heap, const frn_index_options *options, frn_index **out_index, firn_error *err);
    /** Opens again what was closed: rows up to the mark are there. NULL: nothing ever is. */
    firn_status (*reopen)(frn_heap *heap, const frn_index_options *options, frn_index **out_index, firn_error *err);
} index_backend;

extern const index_backend index_backends[];
extern const size_t index_backends_count;

/** Address space of an index in a test. */
#define INDEX_TEST_MAP_SIZE (UINT64_C(1) << 30)

/** The name of a folder of this process, below the folder that it runs in. */
void index_test_folder(char out[64], const char *name);

/** A clock that stands still until a test moves it: arg is the int64_t that it shows. */
int64_t index_test_clock(void *arg);

firn_slice text(const char *string);

/* Each fails the running test at the caller's place if the index does not do as told. */
#define must_put(index, table, key, value) must_put_at((index), (table), (key), (value), __FILE__, __LINE__)
#define must_delete(index, table, key) must_delete_at((index), (table), (key), __FILE__, __LINE__)
#define must_view(index, seq) must_view_at((index), (seq), __FILE__, __LINE__)
/** A batch of one record that puts one row (value NULL: deletes it). */
#define must_write(index, seq, table, key, value) \
    must_write_at((index), (seq), (table), (key), (value), __FILE__, __LINE__)
/** value NULL: the row is not there. */
#define expect_read(index, table, key, value) expect_read_at((index), (table), (key), (value), __FILE__, __LINE__)
#define expect_get(view, table, key, value) expect_get_at((view), (table), (key), (value), __FILE__, __LINE__)
/** All rows of a table as "key=value key=value". */
#define expect_rows(view, table, rows) expect_rows_at((view), (table), (rows), __FILE__, __LINE__)

void must_put_at(frn_index *index, frn_table table, const char *key, const char *value, const char *file, int line);
void must_delete_at(frn_index *index, frn_table table, const char *key, const char *file, int line);
frn_index_view *must_view_at(frn_index *index, uint64_t seq, const char *file, int line);
void must_write_at(frn_index *index, uint64_t seq, frn_table table, const char *key, const char *value,
                   const char *file, int line);
void expect_read_at(frn_index *index, frn_table table, const char *key, const char *value, const char *file, int line);
void expect_get_at(frn_index_view *view, frn_table table, const char *key, const char *value, const char *file,
                   int line);
void expect_rows_at(frn_index_view *view, frn_table table, const char *rows, const char *file, int line);

/** Merges what is durable; false: there was no memory. */
#define try_merge(index) try_merge_at((index), __FILE__, __LINE__)
bool try_merge_at(frn_index *index, const char *file, int line);
/** Removes what the backends of this process left on disk. For the end of main. */
void index_backends_clean(void);

/** Reclaims until nothing is left to do. */
void reclaim_all(frn_index *index);
frn_index_stats stats_of(frn_index *index);

#endif
