/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c — read the log of a log-writes target. */
#include "test/replay/blocks.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6a736677736872)
#define END_OF_TARGET "dm-log-writes-end" /* The target's own mark, when it is removed. */

enum {
    VERSION = 1,
    FLAG_FLUSH = 1,
    FLAG_FUA = 2,
    FLAG_DISCARD = 4,
    FLAG_MARK = 8,
    SECTOR_MIN = 512,
    SECTOR_MAX = 4096,
    MARK_TEXT_MAX = 480
};

typedef struct super {
    uint64_t magic;
    uint64_t version;
    uint64_t count;
    uint32_t sector_size;
} super;

typedef struct entry {
    uint64_t sector;
    uint64_t sectors_count;
    uint64_t flags;
    uint64_t data_size;
} entry;

static void map(block_log *log, const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat about;

    if (fd < 0 || fstat(fd, &about) != 0) {
        violation("%s: %s", file, strerror(errno));
    }
    log->bytes_size = (size_t)about.st_size;
    log->bytes = mmap(NULL, log->bytes_size, PROT_READ, MAP_SHARED, fd, 0);
    if (log->bytes == MAP_FAILED) {
        violation("%s: %s", file, strerror(errno));
    }
    (void)close(fd);
}

static void take_mark(block *b, const uint8_t *text, size_t size)
{
    char copy[MARK_TEXT_MAX + 1] = {0};

    b->kind = BLOCK_MARK;
    memcpy(copy, text, size < MARK_TEXT_MAX ? size : MARK_TEXT_MAX);
    if (!mark_read(copy, &b->mark) && strcmp(copy, END_OF_TARGET) != 0) {
        violation("a mark that nobody made: %s", copy);
    }
}

/* Takes one entry apart, into up to two blocks: a flush that carries data is both. Returns the place behind it. */
static uint64_t take(block_log *log, uint64_t at, uint32_t sector_size, uint64_t disk_size)
{
    const entry *raw;
    entry e;
    block *b;

    if (at > log->bytes_size || log->bytes_size - at < sector_size) {
        violation("the log of writes ends within entry %zu", log->count);
    }
    raw = (const entry *)(const void *)(log->bytes + at);
    e = (entry){.sector = le64toh(raw->sector),
                .sectors_count = le64toh(raw->sectors_count),
                .flags = le64toh(raw->flags),
                .data_size = le64toh(raw->data_size)};
    b = &log->blocks[log->count];
    at += sector_size;
    if ((e.flags & FLAG_MARK) != 0) {
        take_mark(b, (const uint8_t *)(raw + 1), e.data_size);
        log->count++;
        return at;
    }
    if ((e.flags & FLAG_FLUSH) != 0) {
        b->kind = BLOCK_FLUSH;
        log->count++;
        b++;
    }
    if (e.sectors_count == 0) {
        return at;
    }
    if (e.sector > disk_size / sector_size || e.sectors_count > disk_size / sector_size - e.sector) {
        violation("entry %zu of the log of writes lies beyond the disk", log->count);
    }
    b->kind = (e.flags & FLAG_DISCARD) != 0 ? BLOCK_DISCARD : (e.flags & FLAG_FUA) != 0 ? BLOCK_DURABLE : BLOCK_WRITE;
    b->at = e.sector * sector_size;
    b->size = e.sectors_count * sector_size;
    b->data = b->kind == BLOCK_DISCARD ? NULL : log->bytes + at;
    log->count++;
    if (b->kind == BLOCK_DISCARD) {
        return at;
    }
    if (log->bytes_size - at < b->size) {
        violation("the log of writes ends within the data of entry %zu", log->count);
    }
    return at + b->size;
}

void block_log_open(block_log *log, const char *file, uint64_t disk_size)
{
    uint64_t at, entries;
    uint32_t sector_size;
    super s;

    *log = (block_log){0};
    map(log, file);
    memcpy(&s, log->bytes, sizeof s);
    entries = le64toh(s.count);
    sector_size = le32toh(s.sector_size);
    if (le64toh(s.magic) != MAGIC || le64toh(s.version) != VERSION || sector_size < SECTOR_MIN ||
        sector_size > SECTOR_MAX || entries > log->bytes_size / sector_size) {
        violation("%s is no log of writes", file);
    }
    log->blocks = calloc(2 * entries + 1, sizeof *log->blocks);
    if (log->blocks == NULL) {
        violation("out of memory");
    }
    at = sector_size;
    for (uint64_t i = 0; i < entries; i++) {
        at = take(log, at, sector_size, disk_size);
    }
}

void block_log_close(block_log *log)
{
    free(log->blocks);
    (void)munmap(log->bytes, log->bytes_size);
    *log = (block_log){0};
}
