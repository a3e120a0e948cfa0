/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h — the canonical encoding of a history, over which the logical digest is taken; nothing of it is stored.
 *
 * It begins with a start; then for each batch with records in it a batch, and behind it those records, by their seqs.
 *
 * Start:
 *   offset  size  field    rule
 *        0     8  magic    "firn.his"
 *        8     4  version  1
 *       12     4  flags    FMT_HISTORY_NO_TIME or 0
 *
 * Batch:
 *   offset  size  field       rule
 *        0     1  tag         'B'
 *        1     8  first_seq   as it was appended, though the record may have been removed
 *        9     4  count       the same
 *       13     8  time        0 with NO_TIME
 *       21     2  scope_size  0 … FIRN_KEY_SIZE_MAX
 *       23     2  key_size    0: no key, and nothing follows
 *       25     …  key         32 digest of the request, scope, key
 *
 * Record:
 *   offset  size  field      rule
 *        0     1  tag        'R'
 *        1     8  seq
 *        9     2  kind
 *       11     8  version    in its stream
 *       19     2  name_size  bytes of the stream's name; 0: the ledger itself
 *       21     4  body_size
 *       25     …  name       then the body; what fmt_history_masks() names reads as zeros
 */
#ifndef FMT_HISTORY_H
#define FMT_HISTORY_H

#include "format/batch.h"

enum {
    FMT_HISTORY_START_MAGIC = 0,
    FMT_HISTORY_START_VERSION = 8,
    FMT_HISTORY_START_FLAGS = 12,
    FMT_HISTORY_START_HEADER = 16,

    FMT_HISTORY_BATCH_TAG = 0,
    FMT_HISTORY_BATCH_FIRST_SEQ = 1,
    FMT_HISTORY_BATCH_COUNT = 9,
    FMT_HISTORY_BATCH_TIME = 13,
    FMT_HISTORY_BATCH_SCOPE_SIZE = 21,
    FMT_HISTORY_BATCH_KEY_SIZE = 23,
    FMT_HISTORY_BATCH_HEADER = 25,

    FMT_HISTORY_RECORD_TAG = 0,
    FMT_HISTORY_RECORD_SEQ = 1,
    FMT_HISTORY_RECORD_KIND = 9,
    FMT_HISTORY_RECORD_VERSION = 11,
    FMT_HISTORY_RECORD_NAME_SIZE = 19,
    FMT_HISTORY_RECORD_BODY_SIZE = 21,
    FMT_HISTORY_RECORD_HEADER = 25
};

enum {
    FMT_HISTORY_VERSION = 1,
    FMT_HISTORY_NO_TIME = 1,      /**< A flag: times of batches and timestamps in firn's own bodies read as zeros. */
    FMT_HISTORY_MEMBERS_MAX = 16, /**< Members of a body that are looked at for timestamps: 1 … this. */
    FMT_HISTORY_BATCH_MAX = FMT_HISTORY_BATCH_HEADER + FIRN_DIGEST_SIZE + 2 * FIRN_KEY_SIZE_MAX,
    FMT_HISTORY_RECORD_MAX = FMT_HISTORY_RECORD_HEADER + FIRN_STREAM_NAME_SIZE_MAX /**< Without the body. */
};

#define FMT_HISTORY_START_MAGIC_TEXT "firn.his"

_Static_assert(FMT_HISTORY_START_HEADER == FMT_HISTORY_START_FLAGS + 4, "the start has a hole");
_Static_assert(FMT_HISTORY_BATCH_HEADER == FMT_HISTORY_BATCH_KEY_SIZE + 2, "the batch has a hole");
_Static_assert(FMT_HISTORY_RECORD_HEADER == FMT_HISTORY_RECORD_BODY_SIZE + 4, "the record has a hole");

void fmt_history_start(uint8_t out[FMT_HISTORY_START_HEADER], uint32_t flags);
/** Returns bytes. */
size_t fmt_history_batch(uint8_t out[FMT_HISTORY_BATCH_MAX], const fmt_batch *batch, uint32_t flags);
/** All but the body; returns bytes. name: of at most FIRN_STREAM_NAME_SIZE_MAX. */
size_t fmt_history_record(uint8_t out[FMT_HISTORY_RECORD_MAX], const fmt_record *record, firn_slice name);

/** A part of a body that reads as zeros. */
typedef struct fmt_history_mask {
    size_t at;
    size_t size;
} fmt_history_mask;

/**
 * Parts of a record's body that are not of the history: ascending, none at all in an application's event, nor in a body
 * that is no well-formed one. Ids of uploads, which a ledger draws by chance; with NO_TIME timestamps too.
 * Returns how many.
 */
size_t fmt_history_masks(const fmt_record *record, uint32_t flags, fmt_history_mask out_masks[FMT_HISTORY_MEMBERS_MAX]);

#endif
