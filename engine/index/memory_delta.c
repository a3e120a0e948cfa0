/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_delta.c — the memory index as the upper part of another: tombstones, taking rows to disk, dropping them.
 *
 * Why rows are dropped by walking over the tables and not by a list of what was merged: a version would need two more
 * pointers for it, and the walk, in the order of the keys, looks at each row once a merge.
 */
#include "engine/index/memory_delta.h"

#include <assert.h>
#include <string.h>

#include "engine/base/error.h"

/* A row that was taken: 4 key size, 4 value size or DELETED, key, value. In memory only. */
enum {
    TAKEN_HEADER = 8
};
static const uint32_t DELETED = UINT32_MAX;

void frn_memory_delta(frn_memory_index *memory)
{
    atomic_store_explicit(&memory->is_delta, true, memory_order_seq_cst);
}

void frn_memory_committed(frn_memory_index *memory, uint64_t seq)
{
    assert(memory->seq_first == 0);
    if (atomic_load_explicit(&memory->committed, memory_order_relaxed) < seq) {
        atomic_store_explicit(&memory->committed, seq, memory_order_relaxed);
    }
}

const frn_version *frn_memory_newest(frn_memory_index *memory, frn_table table, firn_slice key)
{
    const frn_row *row = frn_memory_row_find(memory, table, key);

    return row == NULL ? NULL : atomic_load_explicit(&row->newest, memory_order_relaxed);
}

const frn_row *frn_memory_row_seek(const frn_memory_index *memory, frn_table table, firn_slice from, bool after)
{
    return frn_trie_seek(&memory->tables[table], from, after);
}

firn_status frn_memory_tombstone(frn_memory_index *memory, frn_table table, firn_slice key, firn_error *err)
{
    frn_version *version = frn_memory_row_add(memory, table, key, (firn_slice){0});

    if (version == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "tombstone in table %s", frn_table_name(table));
    }
    version->deleted = 1;
    frn_version_list_add(&memory->batch, version);
    return FIRN_OK;
}

static firn_status taken_add(frn_heap *heap, frn_memory_rows *rows, const frn_row *row, const frn_version *version)
{
    size_t value_size = version->deleted ? 0 : version->size;
    size_t size = TAKEN_HEADER + row->key_size + value_size;
    uint32_t sizes[2] = {row->key_size, version->deleted ? DELETED : version->size};

    if (rows->capacity - rows->size < size) {
        size_t capacity = 2 * (rows->size + size);
        uint8_t *data = frn_realloc(heap, rows->data, capacity);

        if (data == NULL) {
            return FIRN_ENOMEM;
        }
        rows->data = data;
        rows->capacity = capacity;
    }
    memcpy(rows->data + rows->size, sizes, sizeof sizes);
    memcpy(rows->data + rows->size + TAKEN_HEADER, row->key, row->key_size);
    if (value_size > 0) {
        memcpy(rows->data + rows->size + TAKEN_HEADER + row->key_size, version->data, value_size);
    }
    rows->size += size;
    return FIRN_OK;
}

firn_status frn_memory_take(frn_index_view *view, uint64_t seq_above, frn_table table, frn_memory_rows *rows,
                            firn_error *err)
{
    frn_memory_index *memory = frn_memory_of(view->index);
    const frn_version *version;
    const frn_row *row;
    firn_status status = FIRN_OK;

    rows->size = 0;
    (void)pthread_rwlock_rdlock(&memory->lock);
    row = frn_trie_seek(&memory->tables[table], (firn_slice){rows->from, rows->from_size}, true);
    if (row == NULL) {
        status = FIRN_END;
    }
    for (int looked_at = 0; row != NULL && looked_at < FRN_MEMORY_PORTION && status == FIRN_OK; looked_at++) {
        version = frn_memory_version_at(row, view->seq);
        if (version != NULL && version->seq > seq_above) {
            status = taken_add(memory->heap, rows, row, version);
        }
        memcpy(rows->from, row->key, row->key_size);
        rows->from_size = row->key_size;
        row = frn_trie_seek(&memory->tables[table], (firn_slice){row->key, row->key_size}, true);
    }
    (void)pthread_rwlock_unlock(&memory->lock);
    return status < 0 ? frn_fail(err, status, "rows of table %s to merge", frn_table_name(table)) : status;
}

bool frn_memory_taken_next(const frn_memory_rows *rows, size_t *at, frn_memory_taken *out_taken)
{
    const uint8_t *data;
    uint32_t sizes[2];

    if (*at == rows->size) {
        return false;
    }
    data = rows->data + *at;
    memcpy(sizes, data, sizeof sizes);
    out_taken->deleted = sizes[1] == DELETED;
    out_taken->key = (firn_slice){data + TAKEN_HEADER, sizes[0]};
    out_taken->value = (firn_slice){data + TAKEN_HEADER + sizes[0], out_taken->deleted ? 0 : sizes[1]};
    *at += TAKEN_HEADER + out_taken->key.size + out_taken->value.size;
    return true;
}

static bool droppable(const frn_row *row, uint64_t seq)
{
    const frn_version *newest = atomic_load_explicit(&row->newest, memory_order_relaxed);

    return newest->settled && newest->older == NULL && newest->seq <= seq;
}

void frn_memory_drop_some(frn_memory_index *memory, frn_memory_drop *drop, uint64_t rows_max)
{
    frn_row *chosen[FRN_MEMORY_PORTION];
    unsigned count, looked_at;
    frn_row *row;

    for (uint64_t done = 0; drop->busy && done < rows_max; done += looked_at) {
        count = 0;
        row = frn_trie_seek(&memory->tables[drop->table], (firn_slice){drop->from, drop->from_size}, true);
        for (looked_at = 0; row != NULL && looked_at < FRN_MEMORY_PORTION; looked_at++) {
            if (droppable(row, drop->seq)) {
                chosen[count++] = row;
            }
            memcpy(drop->from, row->key, row->key_size);
            drop->from_size = row->key_size;
            row = frn_trie_seek(&memory->tables[drop->table], (firn_slice){row->key, row->key_size}, true);
        }
        if (count > 0) {
            (void)pthread_rwlock_wrlock(&memory->lock);
            for (unsigned i = 0; i < count; i++) {
                frn_memory_version_free(memory, atomic_load_explicit(&chosen[i]->newest, memory_order_relaxed));
                frn_memory_row_free(memory, chosen[i]);
            }
            (void)pthread_rwlock_unlock(&memory->lock);
        }
        if (row == NULL) {
            drop->from_size = 0;
            drop->busy = ++drop->table < FRN_TABLES_MAX;
        }
    }
}
