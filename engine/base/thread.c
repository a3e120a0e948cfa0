/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c — mutex, futex word and thread. */
#include "engine/base/thread.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void frn_mutex_init(frn_mutex *mutex)
{
    pthread_mutexattr_t attr;

    (void)pthread_mutexattr_init(&attr);
#ifndef NDEBUG
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
#endif
    (void)pthread_mutex_init(&mutex->mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
}

void frn_mutex_done(frn_mutex *mutex)
{
    int rc = pthread_mutex_destroy(&mutex->mutex);

    assert(rc == 0);
    (void)rc;
}

void frn_mutex_lock(frn_mutex *mutex)
{
    int rc = pthread_mutex_lock(&mutex->mutex);

    assert(rc == 0);
    (void)rc;
}

bool frn_mutex_try(frn_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->mutex) == 0;
}

void frn_mutex_unlock(frn_mutex *mutex)
{
    int rc = pthread_mutex_unlock(&mutex->mutex);

    assert(rc == 0);
    (void)rc;
}

bool frn_word_wait(frn_word *word, uint32_t seen, int64_t deadline_ns)
{
    struct timespec at = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, deadline_ns < 0 ? NULL : &at, NULL,
                      FUTEX_BITSET_MATCH_ANY);

    return !(rc < 0 && errno == ETIMEDOUT);
}

int frn_word_wake(frn_word *word, int count)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);

    return woken > 0 ? (int)woken : 0;
}

int64_t frn_monotonic_ns(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

struct start {
    void (*run)(void *arg);
    void *arg;
    frn_word taken;
};

static void *thread_main(void *p)
{
    struct start *start = p;
    void (*run)(void *arg) = start->run;
    void *arg = start->arg;

    atomic_store(&start->taken, 1);
    (void)frn_word_wake(&start->taken, 1);
    run(arg);
    return NULL;
}

firn_status frn_thread_start(frn_thread *thread, const char *name, void (*run)(void *arg), void *arg)
{
    struct start start = {.run = run, .arg = arg};
    sigset_t all, before;
    int rc;

    atomic_init(&start.taken, 0);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread->thread, NULL, thread_main, &start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        return FIRN_ENOMEM;
    }
    (void)pthread_setname_np(thread->thread, name);
    thread->started = true;
    /* start lives on this stack: it must have been read before we return. */
    while (atomic_load(&start.taken) == 0) {
        (void)frn_word_wait(&start.taken, 0, -1);
    }
    return FIRN_OK;
}

void frn_thread_join(frn_thread *thread)
{
    if (thread->started) {
        (void)pthread_join(thread->thread, NULL);
        thread->started = false;
    }
}
