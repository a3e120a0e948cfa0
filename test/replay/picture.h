/* SPDX-License-Identifier: Apache-2.0 */
/* picture.h — the bytes of a disk, in memory that has a name to mount it by. */
#ifndef TEST_REPLAY_PICTURE_H
#define TEST_REPLAY_PICTURE_H

#include <stddef.h>
#include <stdint.h>

enum {
    PICTURE_PAGE = 4096
};

/** Only what is not zero takes memory. */
typedef struct picture {
    int fd;
    char name[32]; /**< To open it by, in this process. */
    uint8_t *bytes;
    size_t size;
    uint64_t *hashes; /* Of the pages; 0 for one of zeros. */
    uint64_t hash;    /**< Of all bytes and their places. */
} picture;

/** The bytes of a file. Size is a multiple of PICTURE_PAGE. */
picture picture_load(const char *file);
picture picture_copy(const picture *from);
void picture_free(picture *p);

/** data NULL: zeros. Within the picture. */
void picture_write(picture *p, uint64_t at, const uint8_t *data, uint64_t size);

/** The first byte in which a file of the same size differs; `size` if it is the same. */
uint64_t picture_differs(const picture *p, const char *file);

#endif
