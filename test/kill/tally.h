/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h — what the programs that meet the real kernel count, each for itself and all together. */
#ifndef TEST_KILL_TALLY_H
#define TEST_KILL_TALLY_H

#include <stdint.h>

/** Numbers that can be added up over lanes, programs and runs; tally.c names each. */
typedef struct tally {
    uint64_t rounds;
    uint64_t ledgers;
    uint64_t judged;
    uint64_t acknowledged; /**< Batches. */
    uint64_t raced;        /**< Of these, acknowledged while the power was being cut or the device was failing. */
    uint64_t records;
    uint64_t crosses;  /**< Batches across the stores, looked at in views. */
    uint64_t indexes;  /**< Deleted. */
    uint64_t rebuilt;  /**< Damaged by what it went through, and built anew. */
    uint64_t merged;   /**< Recoveries that found a mark in the index on disk, and went on from there. */
    uint64_t merges;   /**< Of writers. */
    uint64_t merge_ns; /**< How long they took, */
    uint64_t open_ns;  /**< and how long the writers were open. */
    uint64_t looks;    /**< Of readers at the rows. */
    uint64_t existing; /**< Keys tried again, and found. */
    uint64_t appended; /**< Keys tried again whose batch had not survived. */
    uint64_t seen;     /**< Records that readers were shown, each once. */
    uint64_t reads;    /**< As often as they were shown. */
    uint64_t faults;   /**< Put into the device or the file system. */
    uint64_t poisoned; /**< Writers that a fault stopped. */
    uint64_t failed;   /**< Writers that it met while they opened or closed the ledger. */
    uint64_t refused;  /**< Calls that were told that there is no room. */
    uint64_t resumed;  /**< Writers that went on when there was room, or the device answered, again. */
    uint64_t unmoved;  /**< Writers that did not notice. */
    uint64_t faulted;  /**< Processes that LMDB's mapping of an unreadable device ended. */
} tally;

void tally_add(tally *to, const tally *t);

/** The last line of a program: `summary: …`, the rounds by the name that they have there. */
void tally_summary(const tally *t, const char *rounds, uint64_t first_seed, unsigned violations);

#endif
