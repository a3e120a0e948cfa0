/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage_world.h — a small ledger that is known to the last byte: what each byte is, what each question is answered.
 *
 * Two segments with records, the first sealed, and a spare: events of streams, one under a key, content, a run, two
 * releases; groups of one page and of many. What every question of the interface is answered was noted behind each
 * batch, so whatever a damaged ledger answers can be held against the history up to where it reads.
 */
#ifndef TEST_CRASH_DAMAGE_WORLD_H
#define TEST_CRASH_DAMAGE_WORLD_H

#include "engine/base/heap.h"
#include "engine/ledger/ledger.h"
#include "firn.h"
#include "test/disk/disk.h"

enum {
    PAGE = 4096,
    SECTOR = IMAGE_SECTOR,
    SEGMENT = 65536,
    RECORDS_MAX = 48,
    HORIZONS_MAX = 40,
    QUESTIONS_MAX = 96,
    PARTS_MAX = 80,
    SNAPSHOTS_MAX = 40,
    FILES_MAX = 16,
    FILE_NAME_SIZE = FRN_IO_NAME_SIZE_MAX + 1
};

/** What a byte of the ledger's files belongs to, by docs/format.md: which check covers it. */
typedef enum part_kind {
    PART_HEADER,      /**< Of a segment with records: its crc. */
    PART_GROUP,       /**< Header, content and padding of a group that a witness reaches: crcs, and padding is zero. */
    PART_TAIL,        /**< The same of a group that no witness reaches: after an unclean stop it may be torn. */
    PART_FOOTER,      /**< Of a sealed segment of a clean log: its crc. */
    PART_FOOTER_TORN, /**< The same of an unclean log, where it may be torn: its crc; the groups tell the same. */
    PART_NO_FOOTER,   /**< Where a footer will begin. */
    PART_SPARE,       /**< Header of a segment without records: its crc. */
    PART_SLOT,        /**< What a slot of the manifest says: its crc; the other slot says the same. */
    PART_POSITIONS,   /**< Its crc; done without. */
    PART_REACH,       /**< Its crc; done without. */
    PART_UNUSED,      /**< Bytes that nobody relies on, and no check covers. */
    PART_KINDS
} part_kind;

/** What must be said of a byte that is wrong. */
typedef enum part_duty {
    DUTY_FINDING, /**< firn verify: a finding with this segment and an offset in the part. */
    DUTY_CUT,     /**< The log ends before it, and what is cut is told. */
    DUTY_NOTE,    /**< firn verify: a note; nothing is missing. */
    DUTY_NONE     /**< Nothing is missing. */
} part_duty;

extern const struct part_rule {
    const char *name;
    part_duty duty;
} part_rules[PART_KINDS];

typedef struct part {
    part_kind kind;
    const char *name; /**< Of the file. */
    uint64_t segment; /**< 0: of none. */
    uint64_t offset;
    uint64_t size;
} part;

/** What a question was answered. */
typedef struct answer {
    firn_status status;
    uint64_t hash; /**< Of what was given. */
} answer;

/** A record as it was written. */
typedef struct kept_record {
    firn_record fields; /**< Its slices point into bytes. */
    uint8_t *bytes;     /**< The body. */
} kept_record;

typedef struct answers {
    uint64_t seq; /**< Up to this record. */
    answer of[QUESTIONS_MAX];
    unsigned count;
} answers;

typedef struct world_files {
    char names[FILES_MAX][FILE_NAME_SIZE];
    unsigned count;
} world_files;

/** The ledger, at rest. */
typedef struct damage_world {
    disk *d;
    bool clean;
    kept_record records[RECORDS_MAX + 1]; /**< By seq. */
    uint64_t records_count;
    uint64_t proven; /**< The last record that a witness reaches. */
    answers horizons[HORIZONS_MAX];
    unsigned horizons_count;
    uint8_t digest[FIRN_DIGEST_SIZE]; /**< Of all rows. */
    part parts[PARTS_MAX];
    unsigned parts_count;
    world_files files;
    disk *snapshots[SNAPSHOTS_MAX]; /**< The disk behind each batch. */
    unsigned snapshots_count;
    disk *foreign; /**< Another ledger, with another id, that was written in the same way. */
    disk *past;    /**< The same ledger in an earlier incarnation that came to another end. */
} damage_world;

/** Makes it: closed cleanly, or left by a dying process. */
void damage_world_make(damage_world *w, bool clean);
void damage_world_free(damage_world *w);
/** Finds out what each byte is, from the pristine bytes. */
void damage_world_map(damage_world *w);
/** The part that a byte belongs to. */
const part *damage_part_at(const damage_world *w, const char *name, uint64_t offset);

/** An open ledger of the world's, or of a damaged one. */
typedef struct damage_open {
    frn_heap heap;
    frn_io *io;
    firn_ledger *ledger;
    frn_index_place place;
} damage_open;

/** warm: with the index that the disk has; else rows are built in memory. */
firn_status damage_open_on(damage_open *open, disk *d, firn_open_mode mode, bool warm, firn_error *err);
/** Closes it; false: something stayed in the heap. */
bool damage_close(damage_open *open, firn_error *err);
bool damage_abandon(damage_open *open);

/** Asks everything there is to be asked. */
void damage_ask(firn_ledger *ledger, answers *out);
/** Bytes of content, which follow from their number. */
void damage_content(uint8_t *bytes, size_t size);
/** What a question is, for a message. */
const char *damage_question(unsigned i);
/** Whether a record is the one that was written with its seq. */
bool damage_is_right(const damage_world *w, const firn_record *record);

/** Violation: prints what went wrong and ends the program with status 1. */
_Noreturn void damage_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Where the campaign is, for the message. */
extern char damage_place[256];

#endif
