/* SPDX-License-Identifier: Apache-2.0 */
/* run.h — one script on one place under one setting, compared with the reference as it goes and in the end. */
#ifndef TEST_DIFFER_RUN_H
#define TEST_DIFFER_RUN_H

#include "test/differ/place.h"
#include "test/differ/script.h"

/** What was tried, over all runs. */
typedef struct run_counts {
    uint64_t seeds;
    uint64_t runs;
    uint64_t operations; /**< Performed, those after a crash again. */
    uint64_t digests;    /**< Pairs compared. */
    uint64_t answers;    /**< Texts of all queries compared, and answers of single operations. */
    uint64_t stops;      /**< Closes, crashes and kills from which a run went on. */
    uint64_t redone;     /**< Operations that a crash took, whole or without an answer, in this process. */
    uint64_t ring;       /**< Runs that ended on io_uring, … */
    uint64_t direct;     /**< … past the page cache, … */
    uint64_t merges;     /**< … with so many merges since they went on last, … */
    uint64_t segments;   /**< … with so many segments. */
    uint64_t differences;
} run_counts;
extern run_counts counted;

/** The script on the place that all others are compared with; it stays open. */
typedef struct reference {
    script *script;
    place place;
    char *answers; /**< Of every query. */
} reference;

void reference_make(reference *r, script *s, const setting *with, const char *parent);
void reference_done(reference *r);

/** Runs the script. What differs is printed, with both settings and the first seq that differs; false then. */
bool run_compare(const reference *of, const setting *with, const char *parent);

#endif
