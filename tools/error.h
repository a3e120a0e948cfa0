/* SPDX-License-Identifier: Apache-2.0 */
/* error.h — failures of the tool itself, how a failure is told, and which exit code it becomes. */
#ifndef TOOLS_ERROR_H
#define TOOLS_ERROR_H

#include <stdbool.h>

#include "firn.h"

/** Exit codes; the list that users see is tool_exit_rows. */
enum {
    TOOL_EXIT_OK = 0,
    TOOL_EXIT_NO = 1,             /**< The answer is no. */
    TOOL_EXIT_USAGE = 2,          /**< The request is wrong. */
    TOOL_EXIT_LEDGER = 3,         /**< The ledger is corrupt, newer, or none. */
    TOOL_EXIT_SYSTEM = 4,         /**< The machine refused: I/O, space, memory. */
    TOOL_EXIT_STATE = 5,          /**< Somebody else's state or rights are in the way. */
    TOOL_EXIT_NO_RECORDING = 125, /**< firn run record did not come to run the command. */
    TOOL_EXIT_SIGNAL = 128        /**< Plus the number of a signal. */
};

/** The exit code of an outcome. */
int tool_exit_code(firn_status status, uint16_t detail);

/** Fills in err; returns status. */
firn_status tool_fail(firn_error *err, firn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Like tool_fail() for a failed system call: picks the status by errno and adds its text. */
firn_status tool_fail_os(firn_error *err, int os_errno, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Puts "format: " before the text that is there; returns status. */
firn_status tool_wrap(firn_error *err, firn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Tells a failure on standard error, as text or as JSON, and returns its exit code. */
int tool_error_report(const firn_error *err, bool json);

#endif
