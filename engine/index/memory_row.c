/* SPDX-License-Identifier: Apache-2.0 */
/* memory_row.c — make and free the rows and versions of the memory index, and count what they take. */
#include "engine/index/memory.h"

#include <assert.h>
#include <string.h>

/* Larger values stay out of the slot: overwritten, they would lie there as long as the row. */
enum {
    SLOT_VALUE_SIZE_MAX = 128
};

/* A head of a stream fits into every version: a row that is deleted and put again in one batch is changed in place. */
enum {
    CAPACITY_MIN = 16
};

/* Where the slot of a row begins, if it has one. */
static size_t slot_offset(size_t key_size)
{
    size_t alignment = _Alignof(frn_version);

    return (offsetof(frn_row, key) + key_size + alignment - 1) / alignment * alignment;
}

static frn_version *slot_of(frn_row *row)
{
    return (frn_version *)(void *)((uint8_t *)row + slot_offset(row->key_size));
}

static size_t version_size(size_t value_size)
{
    return sizeof(frn_version) + (value_size < CAPACITY_MIN ? CAPACITY_MIN : value_size);
}

static size_t row_size(size_t key_size, size_t value_size)
{
    return slot_offset(key_size) + (value_size > SLOT_VALUE_SIZE_MAX ? 0 : version_size(value_size));
}

uint64_t frn_memory_row_cost_max(size_t key_size, size_t value_size)
{
    /* A branch of two twigs, or one more twig. */
    return frn_trie_cost(slot_offset(key_size)) + frn_trie_cost(version_size(value_size)) +
           frn_trie_cost(2 * sizeof(frn_trie_node));
}

/* version is memory for version_size() of the value, or a larger capacity. */
static void version_init(frn_memory_index *memory, frn_version *version, frn_row *row, uint32_t capacity,
                         firn_slice value)
{
    *version = (frn_version){.seq = memory->seq_first, .row = row, .capacity = capacity, .size = (uint32_t)value.size};
    if (value.size > 0) {
        memcpy(version->data, value.data, value.size);
    }
    frn_memory_count(&memory->versions_count, 1);
}

frn_version *frn_memory_version_new(frn_memory_index *memory, frn_row *row, firn_slice value)
{
    size_t size = version_size(value.size);
    frn_version *version;

    if (row->slot == FRN_SLOT_FREE && value.size <= slot_of(row)->capacity) {
        version = slot_of(row);
        row->slot = FRN_SLOT_USED;
        version_init(memory, version, row, version->capacity, value);
        return version;
    }
    version = frn_alloc(memory->heap, size);
    if (version != NULL) {
        version_init(memory, version, row, (uint32_t)(size - sizeof *version), value);
        frn_memory_count(&memory->size, frn_trie_cost(size));
    }
    return version;
}

void frn_memory_version_free(frn_memory_index *memory, frn_version *version)
{
    frn_row *row = version->row;

    frn_memory_count(&memory->versions_count, -UINT64_C(1));
    if (row->slot != FRN_SLOT_NONE && version == slot_of(row)) {
        row->slot = FRN_SLOT_FREE;
        return;
    }
    frn_memory_count(&memory->size, -frn_trie_cost(sizeof *version + version->capacity));
    frn_free(memory->heap, version);
}

frn_version *frn_memory_row_add(frn_memory_index *memory, frn_table table, firn_slice key, firn_slice value)
{
    frn_trie *trie = &memory->tables[table];
    uint64_t before = trie->size;
    size_t size = row_size(key.size, value.size);
    frn_row *row = frn_alloc(memory->heap, size);
    frn_version *version = NULL;
    firn_status status;

    if (row == NULL) {
        return NULL;
    }
    *row = (frn_row){.table = (uint8_t)table, .key_size = (uint32_t)key.size};
    memcpy(row->key, key.data, key.size);
    frn_memory_count(&memory->size, frn_trie_cost(size));
    frn_memory_count(&memory->rows_count, 1);
    if (size > slot_offset(key.size)) {
        row->slot = FRN_SLOT_FREE;
        slot_of(row)->capacity = (uint32_t)(size - slot_offset(key.size) - sizeof *version);
    }
    version = frn_memory_version_new(memory, row, value);
    if (version == NULL) {
        goto out;
    }
    atomic_init(&row->newest, version);
    (void)pthread_rwlock_wrlock(&memory->lock);
    status = frn_trie_insert(memory->heap, trie, row);
    (void)pthread_rwlock_unlock(&memory->lock);
    if (status < 0) {
        frn_memory_version_free(memory, version);
        version = NULL;
        goto out;
    }
    frn_memory_count(&memory->size, trie->size - before);
    memory->last_row[table] = row;
    row = NULL;
out:
    if (row != NULL) {
        frn_memory_count(&memory->size, -frn_trie_cost(size));
        frn_memory_count(&memory->rows_count, -UINT64_C(1));
        frn_free(memory->heap, row);
    }
    return version;
}

void frn_memory_row_free(frn_memory_index *memory, frn_row *row)
{
    frn_trie *trie = &memory->tables[row->table];
    uint64_t before = trie->size;
    size_t size = slot_offset(row->key_size);

    assert(row->slot != FRN_SLOT_USED);
    if (row->slot == FRN_SLOT_FREE) {
        size += sizeof(frn_version) + slot_of(row)->capacity;
    }
    frn_trie_remove(memory->heap, trie, row);
    if (memory->last_row[row->table] == row) {
        memory->last_row[row->table] = NULL;
    }
    if (memory->front_row[row->table] == row) {
        memory->front_row[row->table] = NULL;
    }
    frn_memory_count(&memory->size, trie->size - before - frn_trie_cost(size));
    frn_memory_count(&memory->rows_count, -UINT64_C(1));
    frn_free(memory->heap, row);
}
