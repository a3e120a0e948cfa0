/* SPDX-License-Identifier: Apache-2.0 */
/* golden.h — build segments of fixed bytes, and hold files and their dumps against frozen ones. */
#ifndef TEST_GOLDEN_GOLDEN_H
#define TEST_GOLDEN_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/batch.h"
#include "format/group.h"
#include "format/segment.h"

enum {
    SEGMENT_SIZE = 65536,
    ALIGNMENT = 4096
};
#define CREATED INT64_C(1700000000000000000)

extern const uint8_t golden_id[FIRN_LEDGER_ID_SIZE];

/** A segment being built. */
typedef struct segment_building {
    uint8_t data[SEGMENT_SIZE];
    uint64_t offset; /**< Of the next group. */
    uint64_t next_seq;
    uint32_t salt;
    fmt_segment header;
    fmt_footer footer;
    fmt_group group;
    fmt_batch_writer writer;
} segment_building;

void segment_begin(segment_building *building, uint64_t number, uint64_t incarnation, uint64_t next_seq,
                   uint32_t prev_crc);
void group_begin(segment_building *building);
void batch_begin(segment_building *building);
/** An event of the application's. */
void add_event(segment_building *building, uint16_t kind, uint32_t stream, uint64_t version, const char *text,
               size_t size);
void batch_finish(segment_building *building, const fmt_name *names, size_t names_count, const fmt_batch_key *key);
void group_finish(segment_building *building);
void seal(segment_building *building);

/** Writes the bytes, or holds them against the file's; returns 1 on a difference. */
int golden(const char *folder, const char *name, const char *suffix, bool writing, const void *data, size_t size);
/** The dump of a golden file, as text and as JSON lines, with so many bad places. */
int golden_dump(const char *folder, const char *name, bool writing, uint64_t bad);

#endif
