/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trie.c — rows in the order of their keys.
 *
 * This is a qp-trie (as in Knot DNS and BIND): a radix tree over nibbles in which a branch keeps only the twigs that
 * exist, side by side in one array, with a bitmap that says which. A lookup touches one array a branch and compares
 * the key once, at the end. Among a million random keys that is five branches, of which the upper three stay in the
 * cache. The end of a key counts as a value of its own below all nibbles, so that a key sorts before its extensions
 * and any bytes may stand in it.
 *
 * Why not the obvious. A skip list follows some twenty cold pointers for the same lookup. A B+tree is as fast while
 * the first bytes of keys differ, but keys that share a scope or a path compare in full at every step; here common
 * prefixes cost nothing. Both need more code for the same guarantees: one allocation for an insert, none for a remove.
 */
#include "engine/index/trie.h"

#include <assert.h>
#include <string.h>

static unsigned bits_count(uint32_t bits)
{
    bits = bits - (bits >> 1 & 0x55555555);
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
    return bits * 0x01010101 >> 24;
}

/* The bit of the twig that a key takes at a nibble. */
static uint32_t twig_bit(const uint8_t *key, size_t key_size, uint32_t nibble)
{
    size_t at = nibble / 2;
    unsigned value;

    if (at >= key_size) {
        return 1;
    }
    value = nibble % 2 == 0 ? key[at] >> 4 : key[at] & 15;
    return UINT32_C(2) << value;
}

/* Where among the twigs the one of this bit stands, or would stand. */
static unsigned twig_place(const frn_trie_node *branch, uint32_t bit)
{
    return bits_count(branch->bitmap & (bit - 1));
}

static frn_row *first_row(const frn_trie_node *node)
{
    while (node->bitmap != 0) {
        node = node->twigs;
    }
    return node->row;
}

/* The row that a key leads to when missing twigs are replaced by any: it shares the longest prefix with the key. */
static const frn_row *nearest_row(const frn_trie *trie, firn_slice key)
{
    const frn_trie_node *node = &trie->root;

    while (node->bitmap != 0) {
        uint32_t bit = twig_bit(key.data, key.size, node->nibble);

        node = &node->twigs[(node->bitmap & bit) != 0 ? twig_place(node, bit) : 0];
    }
    return node->row;
}

/* The first nibble at which a key and a row differ; UINT32_MAX if they are equal. */
static uint32_t difference(firn_slice key, const frn_row *row)
{
    const uint8_t *bytes = key.data;
    size_t common = key.size < row->key_size ? key.size : row->key_size;
    size_t at = 0;

    while (at < common && bytes[at] == row->key[at]) {
        at++;
    }
    if (at == common) {
        return key.size == row->key_size ? UINT32_MAX : (uint32_t)(2 * at);
    }
    return (uint32_t)(2 * at) + (((bytes[at] ^ row->key[at]) & 0xf0) == 0);
}

frn_row *frn_trie_find(const frn_trie *trie, firn_slice key)
{
    const frn_trie_node *node = &trie->root;

    while (node->bitmap != 0) {
        uint32_t bit = twig_bit(key.data, key.size, node->nibble);

        if ((node->bitmap & bit) == 0) {
            return NULL;
        }
        node = &node->twigs[twig_place(node, bit)];
    }
    if (node->row == NULL || node->row->key_size != key.size || memcmp(node->row->key, key.data, key.size) != 0) {
        return NULL;
    }
    return node->row;
}

frn_row *frn_trie_seek(const frn_trie *trie, firn_slice from, bool after)
{
    const frn_trie_node *node = &trie->root;
    const frn_trie_node *behind = NULL; /* The nearest subtree behind the path: all its keys are > from. */
    const frn_row *near;
    uint32_t differs, bit;
    unsigned place;

    if (from.size == 0) {
        return first_row(node);
    }
    near = nearest_row(trie, from);
    if (near == NULL) {
        return NULL;
    }
    differs = difference(from, near);
    while (node->bitmap != 0 && node->nibble < differs) {
        bit = twig_bit(from.data, from.size, node->nibble);
        place = twig_place(node, bit);
        if (place + 1 < bits_count(node->bitmap)) {
            behind = &node->twigs[place + 1];
        }
        node = &node->twigs[place];
    }
    if (differs == UINT32_MAX) {
        if (!after) {
            return node->row;
        }
    } else if (node->bitmap != 0 && node->nibble == differs) {
        /* from would be a further twig of this branch. */
        place = twig_place(node, twig_bit(from.data, from.size, differs));
        if (place < bits_count(node->bitmap)) {
            behind = &node->twigs[place];
        }
    } else if (twig_bit(from.data, from.size, differs) < twig_bit(near->key, near->key_size, differs)) {
        /* All keys below agree with each other at the nibble where from leaves them. */
        behind = node;
    }
    return behind == NULL ? NULL : first_row(behind);
}

/* Puts a leaf among the twigs of a branch. */
static firn_status branch_grow(frn_heap *heap, frn_trie *trie, frn_trie_node *branch, uint32_t bit, frn_row *row)
{
    unsigned count = bits_count(branch->bitmap);
    unsigned place = twig_place(branch, bit);
    frn_trie_node *twigs = frn_realloc(heap, branch->twigs, (count + 1) * sizeof *twigs);

    if (twigs == NULL) {
        return FIRN_ENOMEM;
    }
    memmove(twigs + place + 1, twigs + place, (count - place) * sizeof *twigs);
    twigs[place] = (frn_trie_node){.row = row};
    branch->twigs = twigs;
    branch->bitmap |= bit;
    trie->size += frn_trie_cost((count + 1) * sizeof *twigs) - frn_trie_cost(count * sizeof *twigs);
    return FIRN_OK;
}

/* Puts a branch of two twigs in the place of a node: what stood there, and a leaf. */
static firn_status node_split(frn_heap *heap, frn_trie *trie, frn_trie_node *node, uint32_t nibble, uint32_t bit_there,
                              uint32_t bit, frn_row *row)
{
    frn_trie_node *twigs = frn_alloc(heap, 2 * sizeof *twigs);

    if (twigs == NULL) {
        return FIRN_ENOMEM;
    }
    twigs[bit_there < bit ? 0 : 1] = *node;
    twigs[bit_there < bit ? 1 : 0] = (frn_trie_node){.row = row};
    *node = (frn_trie_node){.nibble = nibble, .bitmap = bit_there | bit, .twigs = twigs};
    trie->size += frn_trie_cost(2 * sizeof *twigs);
    return FIRN_OK;
}

firn_status frn_trie_insert(frn_heap *heap, frn_trie *trie, frn_row *row)
{
    firn_slice key = {row->key, row->key_size};
    frn_trie_node *node = &trie->root;
    const frn_row *near = nearest_row(trie, key);
    uint32_t differs, bit;

    if (near == NULL) {
        node->row = row;
        return FIRN_OK;
    }
    differs = difference(key, near);
    assert(differs != UINT32_MAX);
    while (node->bitmap != 0 && node->nibble < differs) {
        node = &node->twigs[twig_place(node, twig_bit(row->key, row->key_size, node->nibble))];
    }
    bit = twig_bit(row->key, row->key_size, differs);
    if (node->bitmap != 0 && node->nibble == differs) {
        return branch_grow(heap, trie, node, bit, row);
    }
    return node_split(heap, trie, node, differs, twig_bit(near->key, near->key_size, differs), bit, row);
}

void frn_trie_remove(frn_heap *heap, frn_trie *trie, const frn_row *row)
{
    frn_trie_node *node = &trie->root;
    frn_trie_node *branch = NULL;
    frn_trie_node *twigs;
    uint32_t bit = 0;
    unsigned count, place;

    while (node->bitmap != 0) {
        branch = node;
        bit = twig_bit(row->key, row->key_size, node->nibble);
        assert((node->bitmap & bit) != 0);
        node = &node->twigs[twig_place(node, bit)];
    }
    assert(node->row == row);
    if (branch == NULL) {
        node->row = NULL;
        return;
    }
    twigs = branch->twigs;
    count = bits_count(branch->bitmap);
    place = twig_place(branch, bit);
    trie->size -= frn_trie_cost(count * sizeof *twigs);
    if (count == 2) {
        *branch = twigs[1 - place];
        frn_free(heap, twigs);
        return;
    }
    /* The array keeps its length until the next insert: shrinking it could fail. */
    memmove(twigs + place, twigs + place + 1, (count - place - 1) * sizeof *twigs);
    branch->bitmap &= ~bit;
    trie->size += frn_trie_cost((count - 1) * sizeof *twigs);
}
