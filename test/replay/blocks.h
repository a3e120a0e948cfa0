/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.h — the log of the device mapper's log-writes target: what reached a disk, in the order in which it became
 * durable.
 *
 * Format, all little-endian, in sectors of the size that the first one names:
 *
 *   sector 0   8 magic, 8 version (1), 8 number of entries, 4 bytes in a sector
 *   then       entries: one sector with 8 sector, 8 sectors_count, 8 flags, 8 data_size; behind it, in the same
 *              sector, the text of a mark; then the written sectors, which a discard does not have
 *
 * The target puts a FUA write in when it completed. It puts other writes in when a flush completed that was asked for
 * after their completion: all of them, and then the flush. So a cut behind any entry is a state in which a power cut
 * can leave the disk; so is the same with any part of the writes right before a flush, which were in the disk's cache.
 */
#ifndef TEST_REPLAY_BLOCKS_H
#define TEST_REPLAY_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/replay/mark.h"

typedef enum block_kind {
    BLOCK_WRITE,   /**< In the cache of the disk until the next flush. */
    BLOCK_DURABLE, /**< A write with FUA. */
    BLOCK_DISCARD,
    BLOCK_FLUSH,
    BLOCK_MARK
} block_kind;

typedef struct block {
    block_kind kind;
    uint64_t at;         /**< Byte of the disk; of a write or discard. */
    uint64_t size;       /**< Bytes; likewise. */
    const uint8_t *data; /**< What was written; borrowed from the log. */
    mark mark;
} block;

typedef struct block_log {
    block *blocks;
    size_t count;
    uint8_t *bytes; /* The file, mapped. */
    size_t bytes_size;
} block_log;

/** Ends the program if the file is none, or not whole. `disk_size` bounds what it may write to. */
void block_log_open(block_log *log, const char *file, uint64_t disk_size);
void block_log_close(block_log *log);

#endif
