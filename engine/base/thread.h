/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h — mutex, futex word and thread, with the few operations that the engine needs. */
#ifndef FRN_BASE_THREAD_H
#define FRN_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "firn/status.h"

/** A mutex whose owner is known in debug builds. Lock order: docs/concurrency.md. */
typedef struct frn_mutex {
    pthread_mutex_t mutex;
} frn_mutex;

void frn_mutex_init(frn_mutex *mutex);
void frn_mutex_done(frn_mutex *mutex);
void frn_mutex_lock(frn_mutex *mutex);
bool frn_mutex_try(frn_mutex *mutex);
void frn_mutex_unlock(frn_mutex *mutex);

/** A word that threads sleep on until its value changes. */
typedef _Atomic uint32_t frn_word;

/**
 * Sleeps while *word == seen, at most until deadline_ns of the monotonic clock (< 0: for ever).
 * May return early. Returns false if the deadline passed.
 */
bool frn_word_wait(frn_word *word, uint32_t seen, int64_t deadline_ns);
/** Wakes at most count sleepers; returns how many. The caller changed the word before. */
int frn_word_wake(frn_word *word, int count);
enum {
    FRN_WAKE_ALL = 0x7fffffff
};

/** The monotonic clock, for deadlines of waits only: what is recorded asks the I/O seam. */
int64_t frn_monotonic_ns(void);

typedef struct frn_thread {
    pthread_t thread;
    bool started;
} frn_thread;

/** Starts a thread that blocks all signals. FIRN_OK or FIRN_ENOMEM. */
firn_status frn_thread_start(frn_thread *thread, const char *name, void (*run)(void *arg), void *arg) FIRN_NODISCARD;
/** Waits for its end; nothing if it was not started. */
void frn_thread_join(frn_thread *thread);

#endif
