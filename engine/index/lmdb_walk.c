/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_walk.c — walk one state of an LMDB file without LMDB: every row, and every place that cannot be believed.
 *
 * A state has two trees: that of the rows, and that of the pages that are free, each entry a list of them under the
 * number of the transaction that freed them: 8 bytes each, first how many, then the pages, descending. Pages are judged
 * by themselves (lmdb_page.c); here by what they are together: as deep as the meta page says, as many of each kind, as
 * many entries, keys ascending over the whole tree and within what the parents leave to a page. No page is in use
 * twice, or in use and free: LMDB would write over it.
 *
 * What is damaged is told and passed: below a good page on one side, the next good row on the other. Hence a row that
 * is handed over is one that LMDB would find too, and all rows come in their order, whatever happened to the file.
 *
 * What is not looked at has no meaning: space between the list of nodes and the nodes, the ends of overflow pages, free
 * pages, padding, pages that are neither in use nor free.
 */
#include "engine/index/lmdb_walk.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/index/lmdb_page.h"
#include "engine/index/lmdb_row.h"
#include "format/bytes.h"

enum {
    NUMBER_SIZE = 8
};

typedef struct walker {
    frn_lmdb_pages pages;
    const frn_index_checker *checker;
    frn_lmdb_keys keys; /* Of the tree that is being walked, like what follows. */
    const frn_lmdb_tree *tree;
    frn_lmdb_tree counted;
    bool damaged;
    uint8_t last[FRN_LMDB_KEY_SIZE_MAX]; /* The last key that was good. */
    size_t last_size;
    uint8_t key[FRN_INDEX_KEY_SIZE_MAX]; /* A long key, put together. */
} walker;

/* Damage, and what the disk does not give, is told and passed; any other failure ends the walk. */
static firn_status pass(walker *w, firn_status status, const firn_error *own, firn_error *err)
{
    if (status == FIRN_ECORRUPT || status == FIRN_EIO) {
        w->damaged = true;
        w->checker->damage(w->checker->arg, own);
        return FIRN_OK;
    }
    if (status < 0 && err != NULL) {
        *err = *own;
    }
    return status;
}

/* The entries of a bucket of long keys, whose checksum is good. */
static firn_status bucket_take(walker *w, const frn_lmdb_node *node, firn_slice bucket, firn_error *err)
{
    const uint8_t *data = node->key.data;
    frn_lmdb_entry entry;
    size_t offset = 0, before = 0;
    firn_status status;

    memcpy(w->key, data + 1, FRN_LMDB_PREFIX);
    while ((status = frn_lmdb_entry_at(bucket, offset, &entry, NULL)) == FIRN_OK) {
        firn_slice earlier = {w->key + FRN_LMDB_PREFIX, before};

        if (offset > 0 && frn_lmdb_compare(earlier, entry.rest) >= 0) {
            return frn_lmdb_damage(err, node->offset, "a bucket of long keys is out of order");
        }
        memcpy(w->key + FRN_LMDB_PREFIX, entry.rest.data, entry.rest.size);
        before = entry.rest.size;
        status = w->checker->row(w->checker->arg, (frn_table)data[0],
                                 (firn_slice){w->key, FRN_LMDB_PREFIX + entry.rest.size}, entry.value, err);
        if (status != FIRN_OK) {
            return status;
        }
        offset += entry.size;
    }
    return status == FIRN_END && offset > 0 ? FIRN_OK
                                            : frn_lmdb_damage(err, node->offset, "a bucket of long keys is damaged");
}

static firn_status row_take(walker *w, const frn_lmdb_node *node, firn_slice sealed, firn_error *err)
{
    const uint8_t *data = node->key.data;
    MDB_val key = {node->key.size, (void *)(uintptr_t)data};
    MDB_val value = {sealed.size, (void *)(uintptr_t)sealed.data};
    firn_slice plain;

    if (frn_lmdb_unseal(&key, &value, &plain, NULL) < 0) {
        const char *name = frn_table_name(data[0]);
        char what[64];

        (void)snprintf(what, sizeof what, "a row of table %s is damaged", name == NULL ? "(none)" : name);
        return frn_lmdb_damage(err, node->offset, what);
    }
    if (key.mv_size == FRN_LMDB_KEY_SIZE_MAX) {
        return bucket_take(w, node, plain, err);
    }
    return w->checker->row(w->checker->arg, (frn_table)data[0], (firn_slice){data + 1, key.mv_size - 1}, plain, err);
}

static firn_status free_take(walker *w, const frn_lmdb_node *node, firn_slice list, firn_error *err)
{
    const uint8_t *data = list.data;
    uint64_t count = list.size < NUMBER_SIZE ? 0 : fmt_get64(data);
    uint64_t number, before = UINT64_MAX;
    firn_status status = FIRN_OK;

    if (list.size < NUMBER_SIZE || count > list.size / NUMBER_SIZE - 1 ||
        fmt_get64(node->key.data) > w->pages.state.transaction) {
        return frn_lmdb_damage(err, node->offset, "a list of free pages that cannot be");
    }
    for (uint64_t i = 1; i <= count && status == FIRN_OK; i++) {
        number = fmt_get64(data + i * NUMBER_SIZE);
        if (number >= before) {
            return frn_lmdb_damage(err, node->offset, "a list of free pages is out of order");
        }
        before = number;
        status = frn_lmdb_page_claim(&w->pages, number, node->offset, err);
    }
    return status;
}

/* Whether a key lies behind the last one and within what the parents leave to its page. */
static bool in_order(const walker *w, const frn_lmdb_page *page, firn_slice key)
{
    return (w->last_size == 0 || frn_lmdb_keys_compare(w->keys, (firn_slice){w->last, w->last_size}, key) < 0) &&
           (page->low.data == NULL || frn_lmdb_keys_compare(w->keys, page->low, key) <= 0) &&
           (page->high.data == NULL || frn_lmdb_keys_compare(w->keys, key, page->high) < 0);
}

static firn_status leaf_node(walker *w, const frn_lmdb_page *page, const frn_lmdb_node *node, firn_error *err)
{
    firn_slice value = {0};
    firn_status status;

    w->counted.entries++;
    status = frn_lmdb_node_value(&w->pages, node, &value, &w->counted.overflow_pages, err);
    if (status < 0) {
        return status;
    }
    if (!in_order(w, page, node->key)) {
        return frn_lmdb_damage(err, node->offset, "a key is out of order");
    }
    memcpy(w->last, node->key.data, node->key.size);
    w->last_size = node->key.size;
    return w->keys == FRN_LMDB_KEYS_BYTES ? row_take(w, node, value, err) : free_take(w, node, value, err);
}

/* Loads the page below a node of a branch. */
static firn_status descend(walker *w, const frn_lmdb_page *from, unsigned i, bool leaf, frn_lmdb_page *page,
                           firn_error *err)
{
    frn_lmdb_node node = frn_lmdb_node_at(from, i);

    page->low = i > 0 ? node.key : from->low;
    page->high = i + 1 < from->count ? frn_lmdb_node_at(from, i + 1).key : from->high;
    return frn_lmdb_page_load(&w->pages, node.child, node.offset, leaf, w->keys, page, err);
}

static void count_page(walker *w, bool leaf)
{
    if (leaf) {
        w->counted.leaf_pages++;
    } else {
        w->counted.branch_pages++;
    }
}

/* Every page of the tree, along a path of one page a level. */
static firn_status pages_walk(walker *w, frn_lmdb_page *path, firn_error *err)
{
    unsigned level = 0;
    firn_error own;
    firn_status status = frn_lmdb_page_load(&w->pages, w->tree->root, 0, w->tree->depth == 1, w->keys, &path[0], &own);

    if (status != FIRN_OK) {
        return pass(w, status, &own, err);
    }
    count_page(w, path[0].leaf);
    for (;;) {
        frn_lmdb_page *page = &path[level];

        if (page->at == page->count) {
            if (level == 0) {
                return FIRN_OK;
            }
            level--;
            continue;
        }
        if (page->leaf) {
            frn_lmdb_node node = frn_lmdb_node_at(page, page->at++);

            status = leaf_node(w, page, &node, &own);
        } else {
            status = descend(w, page, page->at++, level + 2u == w->tree->depth, &path[level + 1], &own);
            if (status == FIRN_OK) {
                level++;
                count_page(w, path[level].leaf);
            }
        }
        status = pass(w, status, &own, err);
        if (status != FIRN_OK) {
            return status;
        }
    }
}

static firn_status tree_walk(walker *w, const frn_lmdb_tree *tree, frn_lmdb_keys keys, firn_error *err)
{
    size_t page_size = w->pages.state.page_size;
    frn_lmdb_page *path = frn_alloc_zero(w->pages.heap, (size_t)tree->depth + 1, sizeof path[0]);
    uint8_t *data = frn_alloc(w->pages.heap, tree->depth * page_size);
    firn_error own;
    firn_status status = FIRN_OK;

    w->tree = tree;
    w->keys = keys;
    w->counted = (frn_lmdb_tree){.depth = tree->depth, .root = tree->root};
    w->damaged = false;
    w->last_size = 0;
    if (path == NULL || data == NULL) {
        status = frn_fail(err, FIRN_ENOMEM, "pages of the index");
        goto out;
    }
    for (unsigned i = 0; i < tree->depth; i++) {
        path[i].data = data + i * page_size;
    }
    if (tree->depth > 0) {
        status = pages_walk(w, path, err);
    }
    if (status == FIRN_OK && !w->damaged &&
        (w->counted.entries != tree->entries || w->counted.branch_pages != tree->branch_pages ||
         w->counted.leaf_pages != tree->leaf_pages || w->counted.overflow_pages != tree->overflow_pages)) {
        (void)frn_lmdb_damage(&own, 0, "a meta page counts other pages or entries than there are");
        status = pass(w, FIRN_ECORRUPT, &own, err);
    }
out:
    frn_free(w->pages.heap, path);
    frn_free(w->pages.heap, data);
    return status;
}

firn_status frn_lmdb_walk(frn_heap *heap, int fd, const frn_lmdb_state *state, const frn_index_checker *checker,
                          firn_error *err)
{
    walker *w;
    firn_status status;

    if (sizeof(size_t) != NUMBER_SIZE) {
        return frn_fail(err, FIRN_ENEWER, "data.mdb: this machine has other numbers");
    }
    w = frn_alloc_zero(heap, 1, sizeof *w);
    if (w == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "pages of the index");
    }
    w->checker = checker;
    status = frn_lmdb_pages_init(&w->pages, heap, fd, state, err);
    if (status == FIRN_OK) {
        status = tree_walk(w, &state->rows, FRN_LMDB_KEYS_BYTES, err);
    }
    if (status == FIRN_OK) {
        status = tree_walk(w, &state->free, FRN_LMDB_KEYS_NUMBERS, err);
    }
    frn_lmdb_pages_done(&w->pages);
    frn_free(heap, w);
    return status;
}
