/* SPDX-License-Identifier: Apache-2.0 */
/* image.c — content of simulated files in shared, counted blocks. */
#include "test/disk/image.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
    union {
        uint64_t refs;
        struct block *next_free;
    } u;
    uint64_t hash; /* 0: not known. */
    uint8_t data[IMAGE_BLOCK];
} block;

struct image {
    unsigned refs;
    uint64_t size;
    uint64_t hash; /* 0: not known. */
    size_t blocks_count;
    block **blocks; /* NULL entries are zeros, as is everything behind. */
};

/* A block of written zeros must hash as one that was never written; other hashes are odd. */
#define HASH_OF_ZEROS UINT64_C(2)

static block *free_blocks;

static void *need(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static block *block_take(void)
{
    block *b = free_blocks;

    if (b != NULL) {
        free_blocks = b->u.next_free;
    } else {
        b = need(malloc(sizeof *b));
    }
    b->u.refs = 1;
    b->hash = 0;
    return b;
}

static void block_unref(block *b)
{
    if (b != NULL && --b->u.refs == 0) {
        b->u.next_free = free_blocks;
        free_blocks = b;
    }
}

void image_pool_free(void)
{
    while (free_blocks != NULL) {
        block *next = free_blocks->u.next_free;

        free(free_blocks);
        free_blocks = next;
    }
}

image *image_new(void)
{
    image *img = need(calloc(1, sizeof *img));

    img->refs = 1;
    return img;
}

image *image_ref(image *img)
{
    img->refs++;
    return img;
}

void image_unref(image *img)
{
    if (img == NULL || --img->refs > 0) {
        return;
    }
    for (size_t i = 0; i < img->blocks_count; i++) {
        block_unref(img->blocks[i]);
    }
    free(img->blocks);
    free(img);
}

uint64_t image_size(const image *img)
{
    return img->size;
}

/* By call: a compiler that knows how small a block is takes instructions that are slow to start. */
static __attribute__((noinline)) void copy_bytes(uint8_t *out, const uint8_t *in, size_t size)
{
    memcpy(out, in, size);
}

static bool is_zeros(const image *img, size_t i)
{
    return i >= img->blocks_count || img->blocks[i] == NULL;
}

void image_read(const image *img, void *data, size_t size, uint64_t offset)
{
    uint8_t *out = data;

    while (size > 0) {
        size_t i = (size_t)(offset / IMAGE_BLOCK);
        size_t within = (size_t)(offset % IMAGE_BLOCK);
        size_t part = IMAGE_BLOCK - within;

        if (!is_zeros(img, i)) {
            part = part < size ? part : size;
            copy_bytes(out, img->blocks[i]->data + within, part);
        } else {
            while (part < size && is_zeros(img, ++i)) {
                part += i >= img->blocks_count ? size - part : IMAGE_BLOCK;
            }
            part = part < size ? part : size;
            memset(out, 0, part);
        }
        out += part;
        offset += part;
        size -= part;
    }
}

/* Makes *at writable and able to hold blocks_count blocks. */
static image *image_own(image **at, size_t blocks_count)
{
    image *img = *at;

    if (img->refs > 1) {
        image *copy = image_new();

        copy->size = img->size;
        copy->blocks_count = img->blocks_count;
        copy->blocks = need(malloc((img->blocks_count + 1) * sizeof *copy->blocks));
        for (size_t i = 0; i < img->blocks_count; i++) {
            copy->blocks[i] = img->blocks[i];
            if (copy->blocks[i] != NULL) {
                copy->blocks[i]->u.refs++;
            }
        }
        img->refs--;
        img = *at = copy;
    }
    if (blocks_count > img->blocks_count) {
        img->blocks = need(realloc(img->blocks, blocks_count * sizeof *img->blocks));
        memset(img->blocks + img->blocks_count, 0, (blocks_count - img->blocks_count) * sizeof *img->blocks);
        img->blocks_count = blocks_count;
    }
    img->hash = 0;
    return img;
}

/* Block i of img for writing; zeros if it was not there. whole: all of it will be written. */
static block *block_own(image *img, size_t i, bool whole)
{
    block *old = img->blocks[i];

    if (old != NULL && old->u.refs == 1) {
        old->hash = 0;
        return old;
    }
    img->blocks[i] = block_take();
    if (!whole && old == NULL) {
        memset(img->blocks[i]->data, 0, IMAGE_BLOCK);
    } else if (!whole) {
        memcpy(img->blocks[i]->data, old->data, IMAGE_BLOCK);
    }
    block_unref(old);
    return img->blocks[i];
}

void image_write(image **at, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *in = data;
    image *img;

    if (size == 0) {
        return;
    }
    /* Zeros behind the last block are there already. */
    img = image_own(at, data == NULL ? 0 : (size_t)((offset + size - 1) / IMAGE_BLOCK) + 1);
    while (size > 0) {
        size_t i = (size_t)(offset / IMAGE_BLOCK);
        size_t within = (size_t)(offset % IMAGE_BLOCK);
        size_t part = IMAGE_BLOCK - within < size ? IMAGE_BLOCK - within : size;

        if (in != NULL) {
            copy_bytes(block_own(img, i, part == IMAGE_BLOCK)->data + within, in, part);
            in += part;
        } else if (i < img->blocks_count && img->blocks[i] != NULL) {
            if (part == IMAGE_BLOCK) {
                block_unref(img->blocks[i]);
                img->blocks[i] = NULL;
            } else {
                memset(block_own(img, i, false)->data + within, 0, part);
            }
        }
        offset += part;
        size -= part;
    }
}

void image_resize(image **at, uint64_t size)
{
    if ((*at)->size != size) {
        image_own(at, 0)->size = size;
    }
}

void image_trim(image **at)
{
    size_t keep = (size_t)(((*at)->size + IMAGE_BLOCK - 1) / IMAGE_BLOCK);
    uint64_t end = (uint64_t)(*at)->blocks_count * IMAGE_BLOCK;
    image *img;

    if (end <= (*at)->size) {
        return;
    }
    image_write(at, NULL, (size_t)(end - (*at)->size), (*at)->size);
    img = *at;
    while (img->blocks_count > keep) {
        assert(img->blocks[img->blocks_count - 1] == NULL);
        img->blocks_count--;
    }
}

static uint64_t mix(uint64_t h, uint64_t value)
{
    h = (h ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

/* In lanes, which a processor follows side by side. */
static uint64_t block_hash(block *b)
{
    enum {
        LANES = 8
    };

    if (b->hash == 0) {
        uint64_t h[LANES] = {1, 2, 3, 4, 5, 6, 7, 8};
        uint64_t any = 0;

        for (size_t i = 0; i < IMAGE_BLOCK; i += LANES * sizeof(uint64_t)) {
            uint64_t words[LANES];

            memcpy(words, b->data + i, sizeof words);
            for (size_t k = 0; k < LANES; k++) {
                h[k] = mix(h[k], words[k]);
                any |= words[k];
            }
        }
        for (size_t k = 1; k < LANES; k++) {
            h[0] = mix(h[0], h[k]);
        }
        b->hash = any == 0 ? HASH_OF_ZEROS : h[0] | 1;
    }
    return b->hash;
}

uint64_t image_hash(image *img)
{
    if (img->hash == 0) {
        uint64_t h = mix(7, img->size);

        for (size_t i = 0; i < img->blocks_count; i++) {
            if (img->blocks[i] != NULL && block_hash(img->blocks[i]) != HASH_OF_ZEROS) {
                h = mix(mix(h, i), block_hash(img->blocks[i]));
            }
        }
        img->hash = h | 1;
    }
    return img->hash;
}
