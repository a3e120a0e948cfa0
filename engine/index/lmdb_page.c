/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lmdb_page.c — pages of an LMDB file as bytes: loaded once each, judged before anything in them is believed.
 *
 * LMDB believes its pages. A page that decayed makes it read elsewhere, end the process by an assertion, or find less
 * than there is. Whoever wants to know whether a file is good must not ask LMDB; so this reads the file itself, with
 * pread(), and believes nothing that it has not compared. What it relies on is the form of LMDB 0.9 (form 1 of its meta
 * pages) on machines with 64 bits, little-endian:
 *
 *   page:    offset  size  field
 *                 0     8  number: the page lies at number * page size
 *                 8     2  not used in our trees
 *                10     2  flags: branch 1, leaf 2, overflow 4; nothing else on disk
 *                12     2  lower: end of the list of nodes     overflow: 12  4  pages, this one included
 *                14     2  upper: begin of the first node                16  …  the value
 *                16     …  offsets of the nodes, 2 each, in the order of their keys
 *   node:         0     4  leaf: size of the value; branch: number of the page below, low part
 *                 4     2  leaf: 1 if the value lies on overflow pages; branch: number, high part
 *                 6     2  size of the key
 *                 8     …  the key, then in a leaf the value, or 8 bytes: number of the first overflow page
 *
 * Nodes begin at even offsets and lie without gaps from upper to the end of the page. A branch has two nodes at least;
 * the key of the first is not looked at; that of any other is ≤ all keys below it and > all keys below the node before
 * it. A leaf has one node at least.
 *
 * Sizes are compared before they are used: a node lies within its page, pages lie within those that the meta page
 * speaks of, which lie in the file; no page is taken twice, so that no walk runs in circles; a value is no longer than
 * the pages that it has. Memory: a bit a page, and the longest value.
 */
#include "engine/index/lmdb_page.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "format/bytes.h"

enum {
    PAGE_NUMBER = 0,
    PAGE_FLAGS = 10,
    PAGE_LOWER = 12,
    PAGE_UPPER = 14,
    PAGE_OVERFLOW_COUNT = 12,
    PAGE_HEADER = 16,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    NODE_LOW = 0,
    NODE_HIGH = 4,
    NODE_KEY_SIZE = 6,
    NODE_KEY = 8,
    NODE_IS_BIG = 1,
    NUMBER_SIZE = 8,
    FIRST_PAGE = 2, /* Behind the meta pages. */
    KEY_SIZE_MAX = 511
};

firn_status frn_lmdb_damage(firn_error *err, uint64_t offset, const char *what)
{
    return frn_place(
        err, frn_fail_detail(err, FIRN_ECORRUPT, FIRN_DETAIL_INDEX, "data.mdb: at %" PRIu64 ": %s", offset, what), 0,
        offset, 0);
}

firn_status frn_lmdb_pages_init(frn_lmdb_pages *pages, frn_heap *heap, int fd, const frn_lmdb_state *state,
                                firn_error *err)
{
    *pages = (frn_lmdb_pages){.heap = heap, .fd = fd, .state = *state};
    pages->seen = frn_alloc_zero(heap, 1, state->pages_count / 8 + 1);
    return pages->seen == NULL ? frn_fail(err, FIRN_ENOMEM, "pages of the index") : FIRN_OK;
}

void frn_lmdb_pages_done(frn_lmdb_pages *pages)
{
    if (pages->heap != NULL) {
        frn_free(pages->heap, pages->seen);
        frn_free(pages->heap, pages->big);
    }
    *pages = (frn_lmdb_pages){0};
}

firn_status frn_lmdb_page_claim(frn_lmdb_pages *pages, uint64_t number, uint64_t offset, firn_error *err)
{
    if (number < FIRST_PAGE || number >= pages->state.pages_count) {
        return frn_lmdb_damage(err, offset, "it names a page that is none");
    }
    if ((pages->seen[number / 8] >> (number % 8) & 1) != 0) {
        return frn_lmdb_damage(err, offset, "it names a page that is in use");
    }
    pages->seen[number / 8] |= (uint8_t)(1u << (number % 8));
    return FIRN_OK;
}

static firn_status load(const frn_lmdb_pages *pages, uint64_t offset, uint8_t *data, size_t size, firn_error *err)
{
    ssize_t got;

    for (size_t done = 0; done < size; done += (size_t)got) {
        got = pread(pages->fd, data + done, size - done, (off_t)(offset + done));
        if (got < 0) {
            return frn_fail_os(err, errno, "read data.mdb at %" PRIu64, offset);
        }
        if (got == 0) {
            return frn_lmdb_damage(err, offset, "the file ends");
        }
    }
    return FIRN_OK;
}

int frn_lmdb_keys_compare(frn_lmdb_keys keys, firn_slice a, firn_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order;

    if (keys == FRN_LMDB_KEYS_NUMBERS) {
        uint64_t x = fmt_get64(a.data), y = fmt_get64(b.data);

        return (x > y) - (x < y);
    }
    order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

frn_lmdb_node frn_lmdb_node_at(const frn_lmdb_page *page, unsigned i)
{
    size_t place = fmt_get16(page->data + PAGE_HEADER + 2 * (size_t)i);
    const uint8_t *node = page->data + place;
    uint16_t high = fmt_get16(node + NODE_HIGH);

    return (frn_lmdb_node){.offset = page->offset + place,
                           .key = {node + NODE_KEY, fmt_get16(node + NODE_KEY_SIZE)},
                           .child = fmt_get32(node + NODE_LOW) | (uint64_t)high << 32,
                           .size = fmt_get32(node + NODE_LOW),
                           .data = node + NODE_KEY + fmt_get16(node + NODE_KEY_SIZE),
                           .big = page->leaf && high == NODE_IS_BIG};
}

/* Whether node i lies within its page and has a key that can be; *out_end: behind it. NULL, or what is wrong. */
static const char *node_judge(const frn_lmdb_page *page, size_t page_size, unsigned i, frn_lmdb_keys keys,
                              size_t *out_end)
{
    size_t place = fmt_get16(page->data + PAGE_HEADER + 2 * (size_t)i);
    size_t end = place + NODE_KEY;
    frn_lmdb_node node;

    if (place < fmt_get16(page->data + PAGE_UPPER) || place % 2 != 0 || end > page_size) {
        return "a node lies elsewhere";
    }
    node = frn_lmdb_node_at(page, i);
    end += node.key.size;
    if (page->leaf) {
        if (fmt_get16(page->data + place + NODE_HIGH) > NODE_IS_BIG) {
            return "a node of another kind";
        }
        end += node.big ? NUMBER_SIZE : node.size;
    }
    if (end > page_size) {
        return "a node passes the end of its page";
    }
    if ((page->leaf || i > 0) && (node.key.size > KEY_SIZE_MAX || node.key.size == 0 ||
                                  (keys == FRN_LMDB_KEYS_NUMBERS && node.key.size != NUMBER_SIZE))) {
        return "a key of a size that cannot be";
    }
    *out_end = end + end % 2;
    return NULL;
}

/* The nodes of a page one by one. NULL, or what is wrong. */
static const char *nodes_judge(const frn_lmdb_page *page, size_t page_size, frn_lmdb_keys keys)
{
    size_t upper = fmt_get16(page->data + PAGE_UPPER), first = page_size, all = 0, end;
    firn_slice before = page->low;

    for (unsigned i = 0; i < page->count; i++) {
        size_t place = fmt_get16(page->data + PAGE_HEADER + 2 * (size_t)i);
        const char *what = node_judge(page, page_size, i, keys, &end);
        firn_slice key;

        if (what != NULL) {
            return what;
        }
        first = place < first ? place : first;
        all += end - place;
        key = frn_lmdb_node_at(page, i).key;
        if (!page->leaf && i > 0) {
            if (before.data != NULL && frn_lmdb_keys_compare(keys, before, key) >= 0) {
                return "its keys do not ascend";
            }
            before = key;
        }
    }
    if (!page->leaf && page->high.data != NULL && frn_lmdb_keys_compare(keys, before, page->high) >= 0) {
        return "its keys pass those of its parent";
    }
    return first != upper || all != page_size - upper ? "its nodes leave gaps" : NULL;
}

static const char *page_judge(const frn_lmdb_page *page, size_t page_size, uint64_t number)
{
    size_t lower = fmt_get16(page->data + PAGE_LOWER), upper = fmt_get16(page->data + PAGE_UPPER);

    if (fmt_get64(page->data + PAGE_NUMBER) != number) {
        return "a page of another number";
    }
    if (fmt_get16(page->data + PAGE_FLAGS) != (page->leaf ? FLAG_LEAF : FLAG_BRANCH)) {
        return "a page of another kind";
    }
    if (lower < PAGE_HEADER + (page->leaf ? 2 : 4) || lower % 2 != 0 || lower > upper || upper >= page_size) {
        return "a page with sizes that cannot be";
    }
    return NULL;
}

firn_status frn_lmdb_page_load(frn_lmdb_pages *pages, uint64_t number, uint64_t from, bool leaf, frn_lmdb_keys keys,
                               frn_lmdb_page *page, firn_error *err)
{
    size_t page_size = pages->state.page_size;
    const char *what;
    firn_status status = frn_lmdb_page_claim(pages, number, from, err);

    page->offset = number * page_size;
    page->leaf = leaf;
    page->at = 0;
    if (status == FIRN_OK) {
        status = load(pages, page->offset, page->data, page_size, err);
    }
    if (status < 0) {
        return status;
    }
    what = page_judge(page, page_size, number);
    if (what == NULL) {
        page->count = (fmt_get16(page->data + PAGE_LOWER) - PAGE_HEADER) / 2u;
        what = nodes_judge(page, page_size, keys);
    }
    return what == NULL ? FIRN_OK : frn_lmdb_damage(err, page->offset, what);
}

/* Of a value on pages of its own: how many they are. */
static firn_status overflow_judge(frn_lmdb_pages *pages, const frn_lmdb_node *node, uint64_t number,
                                  uint64_t *out_count, firn_error *err)
{
    uint64_t page_size = pages->state.page_size;
    uint64_t count;
    uint8_t header[PAGE_HEADER];
    firn_status status;

    if (number < FIRST_PAGE || number >= pages->state.pages_count) {
        return frn_lmdb_damage(err, node->offset, "it names a page that is none");
    }
    status = load(pages, number * page_size, header, sizeof header, err);
    if (status < 0) {
        return status;
    }
    if (fmt_get64(header + PAGE_NUMBER) != number) {
        return frn_lmdb_damage(err, number * page_size, "a page of another number");
    }
    if (fmt_get16(header + PAGE_FLAGS) != FLAG_OVERFLOW) {
        return frn_lmdb_damage(err, number * page_size, "a page of another kind");
    }
    count = fmt_get32(header + PAGE_OVERFLOW_COUNT);
    if (count == 0 || count > pages->state.pages_count - number || node->size > count * page_size - PAGE_HEADER) {
        return frn_lmdb_damage(err, number * page_size, "a value passes the end of its pages");
    }
    *out_count = count;
    return FIRN_OK;
}

firn_status frn_lmdb_node_value(frn_lmdb_pages *pages, const frn_lmdb_node *node, firn_slice *out_value,
                                uint64_t *pages_count, firn_error *err)
{
    uint64_t number, count = 0;
    firn_status status;
    uint8_t *more;

    if (!node->big) {
        *out_value = (firn_slice){node->data, node->size};
        return FIRN_OK;
    }
    number = fmt_get64(node->data);
    status = overflow_judge(pages, node, number, &count, err);
    for (uint64_t i = 0; i < count && status == FIRN_OK; i++) {
        status = frn_lmdb_page_claim(pages, number + i, node->offset, err);
    }
    if (status < 0) {
        return status;
    }
    *pages_count += count;
    if (pages->big == NULL || node->size > pages->big_capacity) {
        more = frn_realloc(pages->heap, pages->big, node->size);
        if (more == NULL) {
            return frn_fail(err, FIRN_ENOMEM, "row of %" PRIu64 " bytes", node->size);
        }
        pages->big = more;
        pages->big_capacity = node->size;
    }
    status = load(pages, number * pages->state.page_size + PAGE_HEADER, pages->big, node->size, err);
    if (status == FIRN_OK) {
        *out_value = (firn_slice){pages->big, node->size};
    }
    return status;
}
