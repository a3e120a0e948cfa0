/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hint.h — the head of the small files beside the log, which are done without if they do not verify: positions, reach.
 *
 * Each is one block, overwritten in place. It begins so, and its crc covers the whole block but itself:
 *
 *     [0, 8) magic, [8, 12) crc of bytes [0, 8) and [12, size), [12, 16) version, [16, 32) ledger_id,
 *     [32, 40) incarnation of the writer
 *
 * A block of another ledger, or of another incarnation than the one that is asked about, says nothing.
 */
#ifndef FMT_HINT_H
#define FMT_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"
#include "format/verdict.h"

enum {
    FMT_HINT_MAGIC = 0,
    FMT_HINT_CRC = 8,
    FMT_HINT_VERSION = 12,
    FMT_HINT_LEDGER_ID = 16,
    FMT_HINT_INCARNATION = 32,
    FMT_HINT_HEADER = 40
};

/** Whose word it is. */
typedef struct fmt_hint {
    uint8_t ledger_id[FIRN_LEDGER_ID_SIZE];
    uint64_t incarnation;
} fmt_hint;

/** Puts the head before a block whose other bytes are there, and the crc over all of it. magic: eight bytes. */
void fmt_hint_seal(uint8_t *block, size_t block_size, const char *magic, const fmt_hint *hint);
/** FMT_OK, FMT_BLANK, FMT_SHORT, FMT_MAGIC, FMT_NEWER, FMT_CHECKSUM. size: of data; block_size: of a whole block. */
fmt_verdict fmt_hint_decode(const uint8_t *data, size_t size, size_t block_size, const char *magic,
                            fmt_hint *out_hint) FIRN_NODISCARD;

#endif
