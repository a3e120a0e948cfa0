/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared.h — memory that the test shares with the processes it kills: what they were told, and how far they had come.
 *
 * It outlives them and lies outside of every file system, so neither a kill nor a power cut takes anything back.
 * Entries are written whole before they are counted in: `done` and `seen` are set last.
 */
#ifndef TEST_KILL_SHARED_H
#define TEST_KILL_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "test/kill/plan.h"

enum {
    THREADS_MAX = 4,
    ACKS_MAX = 32768,
    SEEN_MAX = 1 << 18,
    PROCESSES_MAX = 8
};

/** An acknowledgement that a writer got. */
typedef struct ack {
    plan_id id;
    uint64_t first_seq;
    uint32_t count;
    atomic_uint done;
} ack;

typedef enum writer_phase {
    PHASE_OPENING,
    PHASE_OPEN,
    PHASE_CLOSING,
    PHASE_CLOSED
} writer_phase;

typedef struct shared {
    /* The writer of this round. */
    atomic_int phase;
    uint64_t incarnation; /* As it was opened; these two are there from PHASE_OPEN on. */
    bool was_clean;
    atomic_ullong submitted[THREADS_MAX]; /* Batches that a thread may have handed in. */
    atomic_uint acks_count;
    ack acks[ACKS_MAX];

    atomic_ullong merges;   /* Into the index on disk, as far as the writer came to say so, */
    atomic_ullong merge_ns; /* how long they took, */
    atomic_ullong open_ns;  /* and for how long it had been open by then. */

    /* Set before the power is cut or a fault put in: from then on calls may fail. */
    atomic_bool cutting;

    /* For a process that waits for its tracer. */
    atomic_bool go;

    /* Of a writer that withstands faults. */
    atomic_bool opened_before; /* It opened the ledger, was told of an error, and opened it again. */
    atomic_ullong refused;     /* Calls that were told that there is no room, and were made again. */
    atomic_uint stopped;       /* Threads that an error stopped, */
    atomic_int stop_status;    /* the first of these errors, */
    char stop_text[512];       /* and what it said. */
    atomic_int close_status;

    /* What readers were shown, by seq: record_digest(), 0 if nobody saw it. Kept as long as the ledger. */
    atomic_ullong seen[SEEN_MAX];
    atomic_ullong reads; /* Records that readers were shown in this round, as often as they were. */
    atomic_ullong looks; /* How often they compared the rows that they read with the log. */

    /* Something that must not be, found by one of the processes. */
    atomic_bool troubled;
    char trouble[1024];
} shared;

/** Never fails; zeroed. */
shared *shared_new(void);
void shared_free(shared *s);
/** For another round with the same ledger. */
void shared_next_round(shared *s);
/** For another ledger. */
void shared_next_ledger(shared *s);

/** A process has found something that must not be: say it once, and end the process. */
_Noreturn void shared_trouble(shared *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** In a process of its own that dies with this one: what `run` does. */
int process_start(void (*run)(void *arg), void *arg);
/** Kill it and wait for it. Returns the status of wait(). */
int process_kill(int pid);
/** Wait for it. */
int process_wait(int pid);

void sleep_us(uint64_t us);

/** Where the test is, for the text of a violation. */
typedef struct test_place {
    const char *program;
    uint64_t seed;
    uint64_t round;
    const char *folder;
} test_place;
extern test_place place;

/** Prints what is wrong and where, and ends the test with status 1. What is on disk stays for a look at it. */
_Noreturn void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
