/* SPDX-License-Identifier: Apache-2.0 */
/* functions.h — every public function: what makes it fail, and what it may then answer. */
#ifndef TEST_FAULT_FUNCTIONS_H
#define TEST_FAULT_FUNCTIONS_H

#include <stdbool.h>

#include "firn.h"
#include "test/fault/place.h"

/** By which kinds of faults a function fails in some case, as bits 1 << FAULT_…. */
typedef struct fault_function {
    const char *name;
    unsigned fails_by;   /**< FAULT_HEAP, FAULT_DISK, FAULT_MALLOC, FAULT_CALL; of SEAM it is not said. */
    unsigned may_answer; /**< When I/O fails: its documented statuses, as bits FUNCTION_STATUS(FIRN_E…). */
    unsigned tried;      /**< Calls of this process, faults or not. */
    unsigned failed;     /**< Kinds of faults by which it did fail, as fails_by. */
} fault_function;

#define FUNCTION_STATUS(status) (1U << -(status))

/** Functions that can fail; the last one's name is NULL. */
extern fault_function functions_that_fail[];
/** Those that touch neither memory nor disk, or answer nothing; the last one is NULL. */
extern const char *const functions_that_do_not[];

/** NULL: not in the first table. */
fault_function *function_of(const char *name);

/** Compares both tables with the names that the headers of a folder declare; says what differs and returns how much. */
unsigned functions_compare(const char *headers);
/** Whether each function failed by exactly those kinds of faults that its row names; kinds: those that were swept. */
unsigned functions_judge(unsigned kinds);
/** Functions of the first table that were called. */
unsigned functions_tried(void);

#endif
