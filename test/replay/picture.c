/* SPDX-License-Identifier: Apache-2.0 */
/* picture.c — the bytes of a disk in memory. */
#include "test/replay/picture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/kill/shared.h"

static picture picture_new(size_t size)
{
    picture p = {.size = size};

    p.fd = memfd_create("disk", MFD_CLOEXEC);
    if (p.fd < 0 || ftruncate(p.fd, (off_t)size) != 0) {
        violation("memory for a disk: %s", strerror(errno));
    }
    p.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd, 0);
    p.hashes = calloc(size / PICTURE_PAGE, sizeof *p.hashes);
    if (p.bytes == MAP_FAILED || p.hashes == NULL) {
        violation("memory for a disk: %s", strerror(errno));
    }
    (void)snprintf(p.name, sizeof p.name, "/proc/self/fd/%d", p.fd);
    return p;
}

static uint64_t hash_of(const uint8_t *page, size_t number)
{
    uint64_t any = 0, hash = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (size_t i = 0; i < PICTURE_PAGE; i += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, page + i, sizeof word);
        any |= word;
        hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    return any == 0 ? 0 : hash | 1;
}

static void hash_page(picture *p, size_t number)
{
    p->hash -= p->hashes[number];
    p->hashes[number] = hash_of(p->bytes + number * PICTURE_PAGE, number);
    p->hash += p->hashes[number];
}

picture picture_load(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    static uint8_t page[PICTURE_PAGE];
    struct stat about;
    off_t at = 0;
    picture p;

    if (fd < 0 || fstat(fd, &about) != 0 || about.st_size % PICTURE_PAGE != 0) {
        violation("%s: not to be read as a disk", file);
    }
    p = picture_new((size_t)about.st_size);
    while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && at < about.st_size) {
        at -= at % PICTURE_PAGE;
        if (pread(fd, page, sizeof page, at) != (ssize_t)sizeof page) {
            violation("%s: %s", file, strerror(errno));
        }
        if (hash_of(page, 0) != 0) {
            picture_write(&p, (uint64_t)at, page, sizeof page);
        }
        at += PICTURE_PAGE;
    }
    (void)close(fd);
    return p;
}

picture picture_copy(const picture *from)
{
    picture p = picture_new(from->size);

    for (size_t i = 0; i < from->size / PICTURE_PAGE; i++) {
        if (from->hashes[i] != 0) {
            memcpy(p.bytes + i * PICTURE_PAGE, from->bytes + i * PICTURE_PAGE, PICTURE_PAGE);
        }
    }
    memcpy(p.hashes, from->hashes, from->size / PICTURE_PAGE * sizeof *p.hashes);
    p.hash = from->hash;
    return p;
}

void picture_free(picture *p)
{
    (void)munmap(p->bytes, p->size);
    (void)close(p->fd);
    free(p->hashes);
    *p = (picture){.fd = -1};
}

void picture_write(picture *p, uint64_t at, const uint8_t *data, uint64_t size)
{
    assert(at <= p->size && size <= p->size - at);
    while (size > 0) {
        size_t number = (size_t)(at / PICTURE_PAGE);
        size_t part = PICTURE_PAGE - (size_t)(at % PICTURE_PAGE);

        part = part < size ? part : (size_t)size;
        if (data != NULL) {
            memcpy(p->bytes + at, data, part);
            data += part;
        } else if (p->hashes[number] != 0) {
            memset(p->bytes + at, 0, part);
        }
        hash_page(p, number);
        at += part;
        size -= part;
    }
}

uint64_t picture_differs(const picture *p, const char *file)
{
    picture other = picture_load(file);
    uint64_t at = 0;

    if (other.size != p->size) {
        violation("%s: %zu bytes for %zu", file, other.size, p->size);
    }
    while (at < p->size && other.hashes[at / PICTURE_PAGE] == p->hashes[at / PICTURE_PAGE]) {
        at += PICTURE_PAGE;
    }
    while (at < p->size && other.bytes[at] == p->bytes[at]) {
        at++;
    }
    picture_free(&other);
    return at;
}
