/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h — the files of a ledger's folder as one input, and its custom mutator.
 *
 * Format. Files, one behind the other, each
 *
 *   1  size of the name, 1 … 95; name
 *   4  size of the file
 *   1  extents
 *      extents, each: 4 offset, 2 size, bytes; what no extent covers is zero
 *
 * Numbers are little-endian. A ledger is mostly zeros: one of some records takes one or two thousand bytes.
 *
 * Reading accepts whatever bytes there are: names are cut at what a file system does not take, extents at the end of
 * their file, the last one at the end of the input. So every input is an image, and what a fuzzer does to it is not
 * lost to a parser.
 *
 * The mutator knows the format: it works on the bytes of a file as they stand in it, moves, copies and drops blocks,
 * files and names, sets fields to numbers at the edges, and then, mostly, makes the checksums good (mend.h), the chain
 * of the groups through all segments included. Without that no mutation would pass the first checksum.
 */
#ifndef TEST_FUZZ_IMAGE_H
#define TEST_FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    FUZZ_FILES_MAX = 12,
    FUZZ_EXTENTS_MAX = 255,
    FUZZ_NAME_SIZE_MAX = 95,
    FUZZ_FILE_SIZE_MAX = 1 << 20, /**< Larger files are read as if they had this size. */
    FUZZ_PAGE = 4096
};

typedef struct fuzz_extent {
    uint32_t offset;
    uint32_t size;
    const uint8_t *data; /**< Borrowed from the input. */
} fuzz_extent;

typedef struct fuzz_file {
    char name[FUZZ_NAME_SIZE_MAX + 1];
    uint32_t size;
    unsigned count;
    fuzz_extent extents[FUZZ_EXTENTS_MAX];
} fuzz_file;

typedef struct fuzz_image {
    unsigned count;
    fuzz_file files[FUZZ_FILES_MAX];
} fuzz_image;

/** What the input means. */
void fuzz_image_read(fuzz_image *image, const uint8_t *data, size_t size);
/** The first bytes of a file, zeros behind its end. */
void fuzz_image_fill(const fuzz_file *file, uint8_t *out, size_t size);
/** Adds a file to an input; zeros of some length are left out. Returns the bytes added, 0: there is no room. */
size_t fuzz_image_add(uint8_t *out, size_t capacity, const char *name, const uint8_t *data, size_t size,
                      size_t file_size);
/** Mutates an input in place, behind its first `skip` bytes, which libFuzzer mutates. Returns its size. */
size_t fuzz_image_mutate(uint8_t *data, size_t size, size_t size_max, size_t skip, unsigned seed);

#endif
