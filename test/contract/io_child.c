/* SPDX-License-Identifier: Apache-2.0 */
/* io_child.c — run a part of a test in a process of its own. */
#include "test/contract/io_child.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <cmocka.h>

int io_child_run(void (*fn)(void *arg), void *arg)
{
    pid_t child;
    int status;

    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        fn(arg);
        _exit(IO_CHILD_GOOD);
    }
    if (child < 0) {
        return IO_CHILD_FAILED;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return IO_CHILD_FAILED;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void io_child_test_at(void (*fn)(void *arg), void *arg, const char *file, int line)
{
    int outcome = io_child_run(fn, arg);

    if (outcome == IO_CHILD_SKIPPED) {
        skip();
    }
    _assert_int_equal((uintmax_t)outcome, IO_CHILD_GOOD, file, line);
}

void io_child_forbid(int system_call, int os_errno)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)system_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)os_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        io_child_skip("no seccomp filters here");
    }
}

void io_child_skip(const char *reason)
{
    (void)fprintf(stdout, "skipped: %s\n", reason);
    (void)fflush(stdout);
    _exit(IO_CHILD_SKIPPED);
}
