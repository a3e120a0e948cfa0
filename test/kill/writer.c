/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c — a process that appends with several threads until it is killed.
 *
 * Thread 0 waits for each of its batches. Of the others, some do the same, some submit and ask tickets, some submit
 * and are called back. What was acknowledged is noted in shared memory, by whoever was told.
 */
#include "test/kill/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test/disk/dice.h"
#include "test/kill/withstand.h"

enum {
    OUTSTANDING = 12,
    BUSY_WAIT_US = 500,
    REFUSED_WAIT_US = 1000,
    REFUSED_TRIES_MAX = 20,
    OPEN_WAITS_MAX = 1000,
    BATCHES_TO_NOTE = 8,   /* From one note about merges to the next. */
    BUSY_WAITS_MAX = 20000 /* Ten seconds: the kernel finishes what a dead ring had in flight long before. */
};

typedef struct lane {
    const writer *w;
    firn_ledger *ledger;
    unsigned thread;
    uint64_t opened_ns;
    pthread_t handle;
} lane;

/* A call that is out. */
typedef struct out {
    const writer *w;
    plan_id id;
    firn_ticket *ticket;
} out;

firn_status open_patiently(const char *url, const firn_options *options, firn_ledger **out_ledger, firn_error *err)
{
    firn_status status = firn_open(url, options, out_ledger, err);

    for (unsigned i = 0; status == FIRN_EBUSY && i < BUSY_WAITS_MAX; i++) {
        sleep_us(BUSY_WAIT_US);
        status = firn_open(url, options, out_ledger, err);
    }
    return status;
}

void wait_open(shared *s)
{
    for (unsigned i = 0; atomic_load(&s->phase) == PHASE_OPENING && i < OPEN_WAITS_MAX; i++) {
        sleep_us(BUSY_WAIT_US);
    }
}

_Noreturn static void park(void)
{
    for (;;) {
        (void)pause();
    }
}

static void acknowledged(const writer *w, plan_id id, const firn_receipt *receipt)
{
    unsigned i = atomic_fetch_add(&w->shared->acks_count, 1);
    ack *a;

    if (receipt->cursor.incarnation != w->shared->incarnation || receipt->existing != 0) {
        shared_trouble(w->shared, "round %u thread %u batch %llu: receipt of incarnation %llu, existing %u", id.round,
                       id.thread, (unsigned long long)id.number, (unsigned long long)receipt->cursor.incarnation,
                       receipt->existing);
    }
    if (i >= ACKS_MAX) {
        park();
    }
    a = &w->shared->acks[i];
    a->id = id;
    a->first_seq = receipt->first_seq;
    a->count = receipt->count;
    atomic_store_explicit(&a->done, 1, memory_order_release);
    if (w->batch_acknowledged != NULL) {
        w->batch_acknowledged(w, a);
    }
}

static void begin_phase(const writer *w, writer_phase phase)
{
    atomic_store(&w->shared->phase, phase);
    if (w->phase_begun != NULL) {
        w->phase_begun(w, phase);
    }
}

/* A call failed: right if the power was cut or a fault put in, else never. */
static void failed(const writer *w, plan_id id, firn_status status, const firn_error *err)
{
    if (!atomic_load(&w->shared->cutting)) {
        shared_trouble(w->shared, "round %u thread %u batch %llu: %s: %s", id.round, id.thread,
                       (unsigned long long)id.number, firn_status_name(status), status < 0 ? err->text : "");
    }
    if (w->withstands && status < 0) {
        withstand_note(w->shared, status, err);
    } else if (!w->withstands) {
        park();
    }
}

/* Whether a call is to be made again: it was not taken for want of room, or because no segment could be made. What may
   stay as it is, is tried a few times. */
static bool comes_again(const writer *w, firn_status status, unsigned *tries)
{
    bool bounded = status == FIRN_EIO || !w->waits_for_room;
    bool again = (status == FIRN_ENOSPC || status == FIRN_EIO) && (!bounded || (*tries)++ < REFUSED_TRIES_MAX);

    if (!w->withstands || !again || !atomic_load(&w->shared->cutting) || atomic_load(&w->shared->stopped) > 0) {
        return false;
    }
    atomic_fetch_add(&w->shared->refused, 1);
    sleep_us(REFUSED_WAIT_US);
    return true;
}

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    out *call = arg;

    if (status == FIRN_OK) {
        acknowledged(call->w, call->id, receipt);
    } else {
        failed(call->w, call->id, status, err);
    }
    /* Free for another call. */
    __atomic_store_n(&call->w, NULL, __ATOMIC_RELEASE);
}

static plan_id next_id(const lane *l, uint64_t number)
{
    atomic_store(&l->w->shared->submitted[l->thread], number + 1);
    return (plan_id){.round = l->w->round, .thread = l->thread, .number = number};
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whether there is still work; an error that stopped one thread stops all. */
static bool goes_on(const lane *l, uint64_t n)
{
    return n < l->w->batches_max && !(l->w->withstands && atomic_load(&l->w->shared->stopped) > 0);
}

/* How much of its life the writer merges: a kill meets a merge as often. */
static void note_merges(const lane *l)
{
    firn_stats stats = {.struct_size = sizeof stats};

    if (firn_stat(l->ledger, &stats, NULL) == FIRN_OK) {
        atomic_store(&l->w->shared->merges, stats.merges_count);
        atomic_store(&l->w->shared->merge_ns, stats.merge_ns);
        atomic_store(&l->w->shared->open_ns, now_ns() - l->opened_ns);
    }
}

static void append_blocking(lane *l, firn_batch *batch)
{
    firn_receipt receipt;
    firn_error err;
    firn_status status;

    for (uint64_t n = 0; goes_on(l, n); n++) {
        plan p = plan_of(l->w->seed, next_id(l, n));
        unsigned tries = 0;

        do {
            status = plan_collect(&p, batch, &err);
            status = status == FIRN_OK ? firn_batch_commit(batch, &receipt, &err) : status;
        } while (comes_again(l->w, status, &tries));
        if (status != FIRN_OK) {
            failed(l->w, p.id, status, &err);
            return;
        }
        acknowledged(l->w, p.id, &receipt);
        if (l->thread == 0 && n % BATCHES_TO_NOTE == 0) {
            note_merges(l);
        }
    }
}

/* Waits for the answer of a call that is out, if it is. */
static void settle(out *call)
{
    firn_receipt receipt;
    firn_error err;
    firn_status status;

    if (call->ticket != NULL) {
        status = firn_ticket_wait(call->ticket, -1, &receipt, &err);
        firn_ticket_free(call->ticket);
        call->ticket = NULL;
        if (status == FIRN_OK) {
            acknowledged(call->w, call->id, &receipt);
        } else {
            failed(call->w, call->id, status, &err);
        }
        call->w = NULL;
    }
    while (__atomic_load_n(&call->w, __ATOMIC_ACQUIRE) != NULL) {
        sleep_us(50);
    }
}

static void append_submitting(lane *l, firn_batch *batch, bool by_ticket)
{
    out calls[OUTSTANDING] = {{0}};
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done};
    firn_error err;
    firn_status status;

    for (uint64_t n = 0; goes_on(l, n); n++) {
        plan p = plan_of(l->w->seed, next_id(l, n));
        unsigned tries = 0;
        out *call = &calls[n % OUTSTANDING];

        settle(call);
        *call = (out){.w = l->w, .id = p.id};
        options.arg = call;
        do {
            status = plan_collect(&p, batch, &err);
            if (status == FIRN_OK) {
                status = firn_batch_submit(batch, by_ticket ? NULL : &options, by_ticket ? &call->ticket : NULL, &err);
            }
        } while ((status == FIRN_FULL && (sleep_us(100), true)) || comes_again(l->w, status, &tries));
        if (status != FIRN_OK) {
            failed(l->w, p.id, status, &err);
            *call = (out){0};
            break;
        }
    }
    for (unsigned i = 0; i < OUTSTANDING; i++) {
        settle(&calls[i]);
    }
}

static void *lane_run(void *arg)
{
    lane *l = arg;
    firn_batch *batch = NULL;
    firn_error err;

    if (firn_batch_new(l->ledger, &batch, &err) != FIRN_OK) {
        shared_trouble(l->w->shared, "batch: %s", err.text);
    }
    if (l->thread == 0 || dice_chance(&(dice){.state = l->w->seed + l->w->round + l->thread}, 3)) {
        append_blocking(l, batch);
    } else {
        append_submitting(l, batch, l->thread % 2 == 0);
    }
    firn_batch_free(batch);
    return NULL;
}

void writer_run(void *arg)
{
    const writer *w = arg;
    shared *s = w->shared;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_ledger *ledger = NULL;
    lane lanes[THREADS_MAX];
    unsigned tries = 0, started = 0;
    firn_error err;
    firn_status status;

    if (w->withstands) {
        /* A limit on the size of files is an error like others, if the host does not want the signal. */
        (void)signal(SIGXFSZ, SIG_IGN);
    }
    do {
        status = open_patiently(w->url, &w->options, &ledger, &err);
    } while (comes_again(w, status, &tries) && (atomic_store(&s->opened_before, true), true));
    if (status != FIRN_OK || firn_stat(ledger, &stats, &err) != FIRN_OK) {
        failed(w, (plan_id){.round = w->round}, status, &err);
        return;
    }
    s->incarnation = stats.incarnation;
    s->was_clean = stats.was_clean != 0;
    begin_phase(w, PHASE_OPEN);
    for (unsigned i = 0; i < w->threads; i++) {
        lanes[i] = (lane){.w = w, .ledger = ledger, .thread = i, .opened_ns = now_ns()};
        if (pthread_create(&lanes[i].handle, NULL, lane_run, &lanes[i]) != 0) {
            break;
        }
        started++;
    }
    if (started < w->threads && !w->withstands) {
        shared_trouble(s, "cannot make a thread");
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(lanes[i].handle, NULL);
    }
    if (w->withstands) {
        withstand_look(s, ledger);
    }
    begin_phase(w, PHASE_CLOSING);
    status = firn_close(ledger, &err);
    atomic_store(&s->close_status, status);
    if (status != FIRN_OK) {
        failed(w, (plan_id){.round = w->round}, status, &err);
        return;
    }
    begin_phase(w, PHASE_CLOSED);
}
