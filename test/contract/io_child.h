/* SPDX-License-Identifier: Apache-2.0 */
/* io_child.h — run a part of a test in a process of its own, which may limit, forbid or lose what the test program
 * needs. */
#ifndef FRN_TEST_IO_CHILD_H
#define FRN_TEST_IO_CHILD_H

#include <stdio.h>
#include <unistd.h>

enum {
    IO_CHILD_GOOD = 0,
    IO_CHILD_FAILED = 1,
    IO_CHILD_SKIPPED = 77
};

/** Runs fn in a forked child; its exit status, or 128 + the signal that ended it. fn that returns is IO_CHILD_GOOD. */
int io_child_run(void (*fn)(void *arg), void *arg);

/** Runs fn in a child and takes its outcome as the test's: passed, skipped or failed. */
void io_child_test_at(void (*fn)(void *arg), void *arg, const char *file, int line);
#define io_child_test(fn, arg) io_child_test_at(fn, arg, __FILE__, __LINE__)

/** From here on the system call ends with os_errno. Ends the child if filters are not to be had. */
void io_child_forbid(int system_call, int os_errno);

/** In a child instead of cmocka's assertions, which would go on with the next test there. */
#define io_child_check(condition)                                                               \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            (void)fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition); \
            _exit(IO_CHILD_FAILED);                                                             \
        }                                                                                       \
    } while (0)

/** Ends the child; the test is skipped, for the reason given. */
void io_child_skip(const char *reason) __attribute__((noreturn));

#endif
