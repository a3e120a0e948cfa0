/* SPDX-License-Identifier: Apache-2.0 */
/* shared.c — memory shared with processes that get killed, and the killing. */
#include "test/kill/shared.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

test_place place;

shared *shared_new(void)
{
    shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED) {
        violation("no memory to share: %s", strerror(errno));
    }
    return s;
}

void shared_free(shared *s)
{
    (void)munmap(s, sizeof *s);
}

void shared_next_round(shared *s)
{
    unsigned taken = atomic_load(&s->acks_count);

    atomic_store(&s->phase, PHASE_OPENING);
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        atomic_store(&s->submitted[i], 0);
    }
    memset(s->acks, 0, (taken < ACKS_MAX ? taken : ACKS_MAX) * sizeof s->acks[0]);
    atomic_store(&s->acks_count, 0);
    atomic_store(&s->cutting, false);
    atomic_store(&s->opened_before, false);
    atomic_store(&s->refused, 0);
    atomic_store(&s->stopped, 0);
    atomic_store(&s->stop_status, FIRN_OK);
    atomic_store(&s->close_status, FIRN_OK);
    s->stop_text[0] = '\0';
    atomic_store(&s->reads, 0);
    atomic_store(&s->looks, 0);
    atomic_store(&s->merges, 0);
    atomic_store(&s->merge_ns, 0);
    atomic_store(&s->open_ns, 0);
}

void shared_next_ledger(shared *s)
{
    memset(s->seen, 0, sizeof s->seen);
}

void shared_trouble(shared *s, const char *format, ...)
{
    va_list args;

    if (!atomic_exchange(&s->troubled, true)) {
        va_start(args, format);
        (void)vsnprintf(s->trouble, sizeof s->trouble, format, args);
        va_end(args);
    }
    _exit(1);
}

int process_start(void (*run)(void *arg), void *arg)
{
    pid_t parent = getpid();
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        violation("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
            _exit(1);
        }
        run(arg);
        _exit(0);
    }
    return pid;
}

int process_wait(int pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            violation("waitpid: %s", strerror(errno));
        }
    }
    return status;
}

int process_kill(int pid)
{
    (void)kill(pid, SIGKILL);
    return process_wait(pid);
}

void sleep_us(uint64_t us)
{
    struct timespec left = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

void violation(const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "violation: %s --seed %llu, round %llu, files in %s: ", place.program,
                  (unsigned long long)place.seed, (unsigned long long)place.round, place.folder);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\n");
    (void)fflush(stderr);
    _exit(1);
}
