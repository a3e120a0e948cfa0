/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h — what a sweep is doing: said when something is wrong, and enough to go there again.
 *
 * A crash state has an address: the action of the history, the moment within it (steps of the disk and other occasions
 * to crash are counted), and the number of the state made there; behind a slash the same of the crash of its recovery,
 * without the action. Every choice follows from the seed and the address alone, so a state can be made again without
 * those before it.
 */
#ifndef TEST_CRASH_PLACE_H
#define TEST_CRASH_PLACE_H

#include "test/disk/disk.h"

enum {
    CRASH_DEPTH_MAX = 3,
    CRASHES_MAX = CRASH_DEPTH_MAX + 1,
    PLACE_TEXT_SIZE = 1000
};

/** How a crash state was made of a disk. */
typedef struct crash_made {
    enum {
        MADE_BY_CUT,
        MADE_BY_DEATH
    } how;
    disk_late late;     /**< Of a death. */
    disk_cut_plan plan; /**< Of a cut; of a death the seed alone. */
    unsigned open_effects;
} crash_made;

typedef struct crash_address {
    uint32_t action; /**< Of the first crash; else 0. */
    uint32_t moment;
    uint32_t index;
} crash_address;

typedef struct sweep_place {
    uint64_t seed;
    uint64_t state;  /**< Number of the crash state within the seed; 0: the history itself. */
    uint64_t action; /**< Actions of the history so far. */
    unsigned depth;  /**< Crashes on the way here. */
    crash_address crashes[CRASHES_MAX];
    crash_made made[CRASHES_MAX];
} sweep_place;
extern sweep_place place;

/** "57.3.1/12.0"; "" if nothing has crashed. */
void place_address(const sweep_place *at, char out[PLACE_TEXT_SIZE]);
/** The reverse; out_depth crashes. False if the text is none. */
bool place_parse(const char *text, crash_address out_crashes[CRASHES_MAX], unsigned *out_depth);

/** Tell what the history does, on stderr: 1 the history, 2 every recovered state too. Set by --trace. */
extern int trace_level;
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Called behind the text of a violation, if not NULL; the program ends when it comes back. */
extern void (*violation_hook)(const char *text);
/** Prints what is wrong and where, and ends the program with status 1. */
_Noreturn void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
