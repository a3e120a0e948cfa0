/* SPDX-License-Identifier: Apache-2.0 */
/* damage_random.h — faults by dice: bytes, sectors and whole files that are wrong. */
#ifndef TEST_CRASH_DAMAGE_RANDOM_H
#define TEST_CRASH_DAMAGE_RANDOM_H

#include "test/crash/damage_judge.h"
#include "test/disk/dice.h"

/** What a fault is. */
typedef enum fault_kind {
    FAULT_FLIP,         /**< One bit. */
    FAULT_BURST,        /**< 2 to 64 bytes. */
    FAULT_ZERO,         /**< Sectors of zeros. */
    FAULT_GARBAGE,      /**< Sectors of noise. */
    FAULT_STALE,        /**< Sectors as they were earlier. */
    FAULT_MISDIRECTED,  /**< Sectors of another place, of this file or another one. */
    FAULT_STRANGE,      /**< Sectors of another ledger. */
    FAULT_UNREADABLE,   /**< A sector that cannot be read. */
    FAULT_SWAPPED,      /**< Two files in each other's place. */
    FAULT_DOUBLED,      /**< A file in the place of another one. */
    FAULT_MISSING,      /**< A file. */
    FAULT_TRUNCATED,    /**< A file. */
    FAULT_EXTENDED,     /**< A file. */
    FAULT_FOREIGN_FILE, /**< A file of another ledger. */
    FAULT_PAST_FILE,    /**< A file of the same ledger, of an incarnation that came to another end. */
    FAULT_STALE_FILE,   /**< A file as it was earlier. */
    FAULT_KINDS
} fault_kind;

extern const char *const fault_names[FAULT_KINDS];

enum {
    FAULT_WHOLE_FILE = 1000 /**< As many sectors as no single fault within a file touches. */
};

/** What faults came to. */
typedef struct fault_sum {
    bool changed[PART_KINDS]; /**< Bytes of such parts are others than they were, or cannot be read. */
    bool slots[2];            /**< … and of which slots. */
    bool files;               /**< A file is missing, or has another size. */
    struct {
        const char *name;
        uint64_t offset;
    } unreadable[3]; /**< Sectors. */
    unsigned unreadable_count;
    unsigned sectors; /**< The most that one fault touched; a file counts as many. */
} fault_sum;

/** Does one fault to d, which is a copy of the world's disk. alone: it is the only one. */
fault_kind damage_do(const damage_world *w, disk *d, dice *by, bool alone, fault_sum *sum);
/** Finds out what is changed. */
void damage_sum(const damage_world *w, const disk *d, fault_sum *sum);
/** Whether so many faults left the proofs of what was durable alone: of a clean log one slot of the manifest, of an
    unclean one what does not lie beside. */
bool damage_proofs_stand(const damage_world *w, const fault_sum *f, unsigned faults);
/** What had to be said of faults was said. */
void damage_judge_faults(const damage_world *w, const fault_sum *f, unsigned faults, const outcome *out);

/** Every sector that a check covers: zeros, noise, not to be read, as it was behind each batch, that of each other
    sector, that of another ledger. Returns the number of faults. */
uint64_t damage_list_sectors(const damage_world *w);
/** Every file: missing, cut, longer, in the place of another one, another ledger's, as it was behind each batch. */
uint64_t damage_list_files(const damage_world *w);

#endif
