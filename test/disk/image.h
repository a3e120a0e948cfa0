/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h — the content of a simulated file: counted, shared, copied when written.
 *
 * A crash sweep makes hundreds of thousands of disks that differ in a few sectors, so content is cut into blocks that
 * images share by reference count; a block of zeros is NULL, so that filled files cost nothing. Blocks come from a
 * free list. Not for threads.
 */
#ifndef TEST_DISK_IMAGE_H
#define TEST_DISK_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_SECTOR = 512,
    IMAGE_BLOCK = 4096
};

typedef struct image image;

/** Empty, held once. */
image *image_new(void);
image *image_ref(image *img);
/** NULL is accepted. */
void image_unref(image *img);

uint64_t image_size(const image *img);
/** Bytes behind the written ones are zeros; the size plays no part. */
void image_read(const image *img, void *data, size_t size, uint64_t offset);

/**
 * Write into *at, which becomes a private copy if others hold it. data NULL writes zeros. The size stays: bytes beyond
 * it are there when the size comes, which is how a file system may bring back data and size apart from each other.
 */
void image_write(image **at, const void *data, size_t size, uint64_t offset);
/** Set the size; what lies behind it is kept until image_trim(). */
void image_resize(image **at, uint64_t size);
/** Drop what lies behind the size. */
void image_trim(image **at);

/** A hash of size and content; kept until the next write. */
uint64_t image_hash(image *img);

/** Give the free list back; blocks that images hold stay. For leak checkers at the end of a program. */
void image_pool_free(void);

#endif
