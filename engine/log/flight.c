/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flight.c — groups on their way to the disk: send, take completions, advance durable, wait, poison.
 *
 * Happy path of a lone blocking append: its thread sends the group under the tail lock, takes the reap lock, waits in
 * the seam, takes the completion, advances durable, returns. Nobody else is involved.
 *
 * Under load one waiting thread holds the reap lock (the reaper); the others sleep on the word of their own group's
 * slot, so that one finished group wakes just its own waiters. When the reaper has what it waited for, it hands over:
 * it changes the word of a slot that has waiters and wakes one, who finds the reap lock free. A waiter counts itself
 * before it tries the reap lock, and the reaper looks for waiters after it gave the lock up, so one of the two sees the
 * other.
 *
 * Finished: with FIRN_DURABLE_DIRECT_DSYNC a group is finished when its own write has completed in full; with the other
 * methods when a sync that was queued after that completion has succeeded. Durable advances over finished groups
 * without gaps only. The first error or short result of a write or sync poisons the log: nothing is retried, durable
 * stands still, and what is allocated beyond it is void.
 */
#include "engine/log/private.h"

#include "engine/base/error.h"
#include "format/group.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    GROUP_MEDIUM = 32 * 1024,
    GROUP_LARGE = 256 * 1024, /* A gathered group of so many bytes goes out beside those in flight. */
    COMPLETIONS_MAX = 32
};

/* ---- poison ---- */

/* Changes a word and, only if somebody counted himself as asleep on it, makes the system call. */
static void change(frn_word *word, const _Atomic uint32_t *waiters)
{
    atomic_fetch_add(word, 1);
    if (atomic_load(waiters) > 0) {
        (void)frn_word_wake(word, FRN_WAKE_ALL);
    }
}

void frn_log_room_changed(frn_log *log)
{
    change(&log->room, &log->room_waiters);
}

void frn_log_wake(frn_log *log)
{
    change(&log->turn, &log->turn_waiters);
    if (atomic_load(&log->reaping)) {
        log->io->ops->reap_wake(log->io);
    }
}

void frn_log_poison(frn_log *log, int os_errno, const firn_error *why)
{
    int none = 0;

    /* The text is set first: whoever sees the flag reads it. Two threads that fail at once agree through the flag -1.
     */
    if (!atomic_compare_exchange_strong(&log->poisoned, &none, -1)) {
        return;
    }
    log->poison_error = *why;
    log->poison_error.status = FIRN_EPOISONED;
    log->poison_error.os_errno = os_errno;
    (void)frn_wrap(&log->poison_error, FIRN_EPOISONED, "outcome unknown, open the ledger again");
    atomic_store(&log->poisoned, os_errno == 0 ? EIO : os_errno);
    frn_trace_say(&log->options.trace, "poisoned: %s", log->poison_error.text);
    for (unsigned i = 0; i < log->slots_count; i++) {
        change(&log->slots[i].done, &log->slots[i].waiters);
    }
    frn_log_room_changed(log);
    change(&log->grow, &log->grow_waiters);
    frn_log_wake(log);
}

firn_status frn_log_poison_why(const frn_log *log, firn_error *err)
{
    if (err != NULL) {
        *err = log->poison_error;
    }
    return FIRN_EPOISONED;
}

/* ---- sending: tail lock held ---- */

/* Zeros from the last batch to the end of the write. Most of a slot's buffer is known to be zero: for a lone append
   that saves clearing a cold block, 4 % of its processor time. */
static void pad(frn_group *group)
{
    size_t end = group->buffer != group->own || group->dirty > group->size ? group->size : group->dirty;

    if (end > group->used) {
        memset(group->buffer + group->used, 0, end - group->used);
    }
    if (group->buffer == group->own && group->dirty <= group->size) {
        group->dirty = group->used;
    }
}

void frn_flight_send(frn_log *log)
{
    uint64_t ordinal = log->next_ordinal - 1;
    frn_group *group = frn_log_slot(log, ordinal);
    frn_segment *segment = group->segment;
    fmt_group header = {
        .segment = segment->number,
        .incarnation = segment->incarnation,
        .first_seq = group->first_seq,
        .next_seq = group->next_seq,
        .durable = atomic_load_explicit(&log->durable, memory_order_relaxed),
        .content_size = (uint32_t)(group->used - FMT_GROUP_HEADER),
        .content_crc = group->content_crc,
        .prev_crc = log->last_crc,
        .batches = group->batches,
    };

    assert(log->filling && group->records > 0 && log->in_flight < log->options.groups_in_flight_max);
    group->size = (size_t)frn_align_up(group->used, log->alignment);
    pad(group);
    header.crc = fmt_group_encode(group->buffer, segment->salt, group->offset, &header);
    log->last_crc = header.crc;
    group->crc = header.crc;
    log->filling = false;
    log->in_flight++;
    log->ops_in_flight++;
    log->groups_written++;
    log->batches_last_sent = group->batches;
    atomic_fetch_add_explicit(&log->bytes_written, group->size, memory_order_relaxed);
    group->state = FRN_GROUP_WRITING;
    frn_mutex_lock(&log->list);
    frn_segment_count_group(segment, &header, group->offset, group->size, group->records, group->first_time_ns,
                            group->last_time_ns);
    segment->end_offset = group->offset + group->size;
    segment->next_seq = group->next_seq;
    frn_mutex_unlock(&log->list);
    log->io->ops->queue_write(segment->file, group->buffer, group->size, group->offset,
                              log->method == FIRN_DURABLE_DIRECT_DSYNC, ordinal << FRN_TAG_BITS | FRN_TAG_GROUP);
    log->io->ops->queue_send(log->io);
}

/*
 * Whether the filling group should go. Small groups go one at a time: two small writes in flight take 1.5 times as long
 * each (8 calls under way: 78 k/s against 41 k/s), and what arrives meanwhile makes a better group. From GROUP_MEDIUM
 * on callers split into halves whose writes overlap (512 calls under way: 1.8 M/s against 1.25 M/s): the second group
 * goes when it holds as many batches as the one sent last, and without anybody who waits or drives (eager) the first
 * goes once it holds half as many. A large one goes beside any others.
 */
static bool should_send(const frn_log *log, const frn_group *group, bool eager)
{
    bool medium = group->used >= GROUP_MEDIUM;

    if (group->records == 0 || log->in_flight >= log->options.groups_in_flight_max) {
        return false;
    }
    if (group->used >= GROUP_LARGE) {
        return true;
    }
    if (log->in_flight == 0) {
        return eager || (medium && 2 * group->batches >= log->batches_last_sent);
    }
    return medium && log->in_flight == 1 && group->batches >= log->batches_last_sent;
}

static void send_if_due(frn_log *log, bool eager)
{
    if (log->filling && atomic_load(&log->poisoned) == 0 &&
        should_send(log, frn_log_slot(log, log->next_ordinal - 1), eager)) {
        frn_flight_send(log);
    }
}

void frn_flight_send_due(frn_log *log)
{
    send_if_due(log, true);
}

void frn_log_send(frn_log *log, bool waits)
{
    send_if_due(log, waits);
}

void frn_flight_seal(frn_log *log)
{
    uint64_t durable = atomic_load_explicit(&log->durable, memory_order_relaxed);
    frn_segment *segment;
    size_t size;

    /* One at a time, in order: so a good footer proves all earlier ones of its incarnation were written. */
    if (log->sealing.count == 0 || log->footers_in_flight > 0 || atomic_load(&log->poisoned) != 0) {
        return;
    }
    segment = log->sealing.at[0];
    if (segment->next_seq - 1 > durable || segment->seal_sent) {
        return;
    }
    size = (size_t)fmt_footer_size(segment->size, log->alignment);
    if (segment->counts.groups == 0) {
        segment->counts.first_seq = segment->first_seq;
        segment->counts.next_seq = segment->first_seq;
        segment->counts.end_offset = log->alignment;
        segment->counts.prev_crc = segment->prev_crc;
        segment->counts.last_crc = segment->prev_crc;
    }
    fmt_footer_encode(segment->footer, size, segment->salt, &segment->counts, segment->anchors);
    segment->seal_sent = true;
    log->footers_in_flight++;
    log->ops_in_flight++;
    atomic_fetch_add_explicit(&log->bytes_written, size, memory_order_relaxed);
    log->io->ops->queue_write(segment->file, segment->footer, size, segment->size - size, true, FRN_TAG_FOOTER);
    log->io->ops->queue_send(log->io);
}

/* Queues a sync for written groups where the method asks for one. One at a time. */
static void send_sync(frn_log *log)
{
    frn_segment *segment = NULL;

    if (log->method == FIRN_DURABLE_DIRECT_DSYNC || log->syncs_in_flight > 0 || atomic_load(&log->poisoned) != 0) {
        return;
    }
    for (uint64_t ordinal = log->oldest; ordinal < log->next_ordinal; ordinal++) {
        frn_group *group = frn_log_slot(log, ordinal);

        if (group->state == FRN_GROUP_WRITTEN && (segment == NULL || segment == group->segment)) {
            segment = group->segment;
            group->state = FRN_GROUP_SYNCING;
        }
    }
    if (segment != NULL) {
        log->syncs_in_flight++;
        log->ops_in_flight++;
        log->io->ops->queue_sync(segment->file, FRN_TAG_SYNC);
        log->io->ops->queue_send(log->io);
    }
}

/* ---- completions: reap and tail lock held ---- */

static void fail_write(frn_log *log, const frn_segment *segment, uint64_t offset, uint64_t seq, const char *what,
                       int64_t result)
{
    char name[FRN_SEGMENT_NAME_SIZE];
    firn_error why = {0};
    int os_errno = result < 0 ? (int)-result : EIO;

    frn_segment_name(segment->number, name);
    if (result < 0) {
        (void)frn_fail_os(&why, os_errno, "%s %s at %" PRIu64, what, name, offset);
    } else {
        (void)frn_fail(&why, FIRN_EIO, "%s %s at %" PRIu64 ": short write of %" PRId64 " bytes", what, name, offset,
                       result);
    }
    (void)frn_place(&why, why.status, segment->number, offset, seq);
    frn_log_poison(log, os_errno, &why);
}

static void complete_group(frn_log *log, uint64_t ordinal, int64_t result)
{
    frn_group *group = frn_log_slot(log, ordinal);

    assert(group->state == FRN_GROUP_WRITING && ordinal >= log->oldest && ordinal < log->next_ordinal);
    if (result != (int64_t)group->size) {
        fail_write(log, group->segment, group->offset, group->first_seq, "write", result);
    }
    group->state = log->method == FIRN_DURABLE_DIRECT_DSYNC ? FRN_GROUP_DONE : FRN_GROUP_WRITTEN;
}

static void complete_sync(frn_log *log, int64_t result)
{
    const frn_group *first = NULL;

    log->syncs_in_flight--;
    for (uint64_t ordinal = log->oldest; ordinal < log->next_ordinal; ordinal++) {
        frn_group *group = frn_log_slot(log, ordinal);

        if (group->state == FRN_GROUP_SYNCING) {
            group->state = FRN_GROUP_DONE;
            first = first == NULL ? group : first;
        }
    }
    if (result < 0 && first != NULL) {
        fail_write(log, first->segment, first->offset, first->first_seq, "sync", result);
    }
}

static void complete_footer(frn_log *log, int64_t result)
{
    frn_segment *segment = log->sealing.at[0];
    size_t size = (size_t)fmt_footer_size(segment->size, log->alignment);

    log->footers_in_flight--;
    if (result != (int64_t)size) {
        fail_write(log, segment, segment->size - size, segment->first_seq, "write footer of", result);
        return;
    }
    frn_mutex_lock(&log->list);
    segment->sealed = true;
    frn_free(log->heap, segment->anchors);
    segment->anchors = NULL;
    frn_mutex_unlock(&log->list);
    frn_free(log->heap, segment->footer);
    segment->footer = NULL;
    log->io->ops->file_close(segment->file);
    segment->file = NULL;
    log->sealing.count--;
    memmove(&log->sealing.at[0], &log->sealing.at[1], log->sealing.count * sizeof log->sealing.at[0]);
}

/* Passes finished groups from the oldest on. Bit i of the result: slot i finished and has waiters to wake. */
static uint32_t advance(frn_log *log)
{
    uint32_t finished = 0;

    while (log->oldest < log->next_ordinal) {
        frn_group *group = frn_log_slot(log, log->oldest);

        if (group->state != FRN_GROUP_DONE) {
            break;
        }
        if (atomic_load(&log->poisoned) == 0) {
            atomic_store_explicit(&log->durable, group->next_seq - 1, memory_order_release);
            log->durable_segment = group->segment->number;
            log->durable_offset = group->offset + group->size;
            log->durable_crc = group->crc;
            log->durable_time_ns = group->last_time_ns;
        }
        frn_free(log->heap, group->big);
        group->big = NULL;
        group->state = FRN_GROUP_FREE;
        log->in_flight--;
        finished |= UINT32_C(1) << (log->oldest % log->slots_count);
        log->oldest++;
    }
    return finished;
}

/* Wakes those whose groups finished, those who wait for room, for a turn, for growth. No lock but reap. */
static void wake_finished(frn_log *log, uint32_t finished)
{
    for (unsigned i = 0; i < log->slots_count; i++) {
        if ((finished >> i & 1) != 0) {
            change(&log->slots[i].done, &log->slots[i].waiters);
        }
    }
    if (finished != 0) {
        frn_log_room_changed(log);
        change(&log->grow, &log->grow_waiters);
    }
    change(&log->turn, &log->turn_waiters);
}

/* Tells the user of the log that durable moved, or once that the log is poisoned, whoever found that out. Reap lock
 * held. */
static bool tell(frn_log *log, bool moved)
{
    int poisoned = frn_log_poisoned(log);
    bool news = moved || (poisoned != 0 && !log->poison_told);

    if (news) {
        log->poison_told = poisoned != 0;
        if (log->options.progress != NULL) {
            log->options.progress(log->options.progress_arg, frn_log_durable(log), poisoned);
        }
    }
    return news;
}

/* One round of the reaper: reap lock held, tail lock not. Returns whether anything completed. */
static bool take_round(frn_log *log, int64_t timeout_ns)
{
    frn_completion completions[COMPLETIONS_MAX];
    bool reached = false;
    uint32_t finished;
    unsigned count;

    atomic_store(&log->reaping, true);
    count = log->io->ops->reap(log->io, completions, COMPLETIONS_MAX, timeout_ns);
    atomic_store(&log->reaping, false);
    if (count == 0) {
        return false;
    }
    frn_mutex_lock(&log->tail);
    log->ops_in_flight -= count;
    for (unsigned i = 0; i < count; i++) {
        switch (completions[i].tag & ((1U << FRN_TAG_BITS) - 1)) {
        case FRN_TAG_GROUP:
            complete_group(log, completions[i].tag >> FRN_TAG_BITS, completions[i].result);
            break;
        case FRN_TAG_SYNC:
            complete_sync(log, completions[i].result);
            break;
        case FRN_TAG_REACH:
            frn_reach_complete(log, completions[i].result);
            reached = true;
            break;
        default:
            complete_footer(log, completions[i].result);
            break;
        }
    }
    finished = advance(log);
    send_sync(log);
    /* What somebody waits for goes at once. Submitted calls wait for the callbacks of those that finished: they submit
       again, and would else fall into two groups that take turns for ever. */
    send_if_due(log, log->filling && atomic_load(&frn_log_slot(log, log->next_ordinal - 1)->waiters) > 0);
    frn_flight_seal(log);
    frn_mutex_unlock(&log->tail);
    wake_finished(log, finished);
    if (reached) {
        frn_log_room_changed(log);
    }
    if (finished != 0) {
        frn_publish_moved(log);
    }
    (void)tell(log, finished != 0);
    return true;
}

/* Wakes one waiter of a group that is not finished, so that it finds the reap lock free. The count of waiters may
   include some who were woken and have not run yet: only a wake that met a sleeper ends the search. */
static bool hand_to_waiter(frn_log *log)
{
    bool woken = false;

    frn_mutex_lock(&log->tail);
    for (uint64_t ordinal = log->oldest; ordinal < log->next_ordinal && !woken; ordinal++) {
        frn_group *group = frn_log_slot(log, ordinal);

        if (atomic_load(&group->waiters) > 0) {
            atomic_fetch_add(&group->done, 1);
            woken = frn_word_wake(&group->done, 1) > 0;
        }
    }
    frn_mutex_unlock(&log->tail);
    return woken;
}

/* Whether there is anything to reap, or to send. Tail lock held. */
static bool has_work(frn_log *log)
{
    return log->ops_in_flight > 0 ||
           (log->filling && frn_log_slot(log, log->next_ordinal - 1)->records > 0 && atomic_load(&log->poisoned) == 0);
}

/* Gives up the reap lock and makes sure that somebody who waits takes it if work is left. Without work those who wait
   for a turn are told as well: they may have gone to sleep after the last round, and nothing else would wake them. */
static void hand_over(frn_log *log)
{
    bool work;

    frn_mutex_unlock(&log->reap);
    frn_mutex_lock(&log->tail);
    work = has_work(log);
    frn_mutex_unlock(&log->tail);
    if (work && hand_to_waiter(log)) {
        return;
    }
    if (work) {
        frn_log_room_changed(log);
    }
    change(&log->turn, &log->turn_waiters);
}

/* Sends what is due; whether there is anything to reap. Tail lock not held. */
static bool prepare_round(frn_log *log)
{
    bool work;

    frn_mutex_lock(&log->tail);
    frn_flight_send_due(log);
    frn_flight_seal(log);
    work = log->ops_in_flight > 0;
    frn_mutex_unlock(&log->tail);
    return work;
}

/* Time left until a deadline: < 0 without limit, 0 passed. */
static int64_t time_left(int64_t deadline_ns)
{
    int64_t left;

    if (deadline_ns < 0) {
        return -1;
    }
    left = deadline_ns - frn_monotonic_ns();
    return left > 0 ? left : 0;
}

bool frn_log_drive(frn_log *log, int64_t timeout_ns)
{
    bool moved = false;

    if (!frn_mutex_try(&log->reap)) {
        if (timeout_ns != 0) {
            uint32_t seen = atomic_load(&log->turn);

            atomic_fetch_add(&log->turn_waiters, 1);
            if (frn_mutex_try(&log->reap)) {
                frn_mutex_unlock(&log->reap);
            } else {
                (void)frn_word_wait(&log->turn, seen, timeout_ns < 0 ? -1 : frn_monotonic_ns() + timeout_ns);
            }
            atomic_fetch_sub(&log->turn_waiters, 1);
        }
        return true;
    }
    if (prepare_round(log)) {
        moved = take_round(log, timeout_ns);
    }
    moved |= tell(log, false);
    hand_over(log);
    return moved;
}

bool frn_log_busy(const frn_log *log)
{
    /* Positions only: a hint needs no lock. */
    return atomic_load(&log->allocated) > atomic_load(&log->durable) && atomic_load(&log->poisoned) == 0;
}

/* ---- waiting ---- */

static firn_status waited(const frn_log *log, uint64_t seq, firn_error *err)
{
    if (atomic_load_explicit(&log->durable, memory_order_acquire) >= seq) {
        return FIRN_OK;
    }
    return atomic_load(&log->poisoned) > 0 ? frn_log_poison_why(log, err) : FIRN_PENDING;
}

/* Waits for a seq that no group holds: it is not allocated yet. */
static firn_status wait_growth(frn_log *log, uint64_t seq, int64_t deadline_ns, firn_error *err)
{
    firn_status status;
    uint32_t seen;

    atomic_fetch_add(&log->grow_waiters, 1);
    for (;;) {
        seen = atomic_load(&log->grow);
        status = waited(log, seq, err);
        if (status != FIRN_PENDING) {
            break;
        }
        if (time_left(deadline_ns) == 0) {
            status = FIRN_TIMEOUT;
            break;
        }
        if (!log->options.threads) {
            /* Nobody else can make it grow: take part, and do not wait for what cannot come. */
            if (!frn_log_drive(log, time_left(deadline_ns))) {
                status = FIRN_TIMEOUT;
                break;
            }
            continue;
        }
        (void)frn_word_wait(&log->grow, seen, deadline_ns);
    }
    atomic_fetch_sub(&log->grow_waiters, 1);
    return status;
}

/* The group that holds seq, counted as waited for; NULL if none does. */
static frn_group *join_group(frn_log *log, uint64_t seq)
{
    frn_group *found = NULL;

    frn_mutex_lock(&log->tail);
    for (uint64_t ordinal = log->oldest; ordinal < log->next_ordinal && found == NULL; ordinal++) {
        frn_group *group = frn_log_slot(log, ordinal);

        if (seq >= group->first_seq && seq < group->next_seq) {
            atomic_fetch_add(&group->waiters, 1);
            found = group;
        }
    }
    frn_mutex_unlock(&log->tail);
    return found;
}

firn_status frn_log_wait(frn_log *log, uint64_t seq, int64_t deadline_ns, firn_error *err)
{
    firn_status status = waited(log, seq, err);
    frn_group *group;

    if (status != FIRN_PENDING) {
        return status;
    }
    group = join_group(log, seq);
    if (group == NULL) {
        return wait_growth(log, seq, deadline_ns, err);
    }
    for (;;) {
        uint32_t seen = atomic_load(&group->done);

        status = waited(log, seq, err);
        if (status != FIRN_PENDING) {
            break;
        }
        if (time_left(deadline_ns) == 0) {
            status = FIRN_TIMEOUT;
            break;
        }
        if (frn_mutex_try(&log->reap)) {
            /* Not a waiter while reaping and handing over: nobody need wake it, and the work must not be handed to it.
             */
            atomic_fetch_sub(&group->waiters, 1);
            while (waited(log, seq, NULL) == FIRN_PENDING && time_left(deadline_ns) != 0 && prepare_round(log)) {
                (void)take_round(log, time_left(deadline_ns));
            }
            hand_over(log);
            atomic_fetch_add(&group->waiters, 1);
            continue;
        }
        (void)frn_word_wait(&group->done, seen, deadline_ns);
    }
    atomic_fetch_sub(&group->waiters, 1);
    if (status == FIRN_TIMEOUT && frn_mutex_try(&log->reap)) {
        /* The reaper may have handed over to this thread just when its time was up: pass it on. */
        hand_over(log);
    }
    return status;
}

uint32_t frn_log_room(const frn_log *log)
{
    return atomic_load(&log->room);
}

void frn_log_wait_room(frn_log *log, uint32_t seen)
{
    if (!log->options.threads) {
        if (log->reach.in_flight || !frn_maker_step(log, true)) {
            (void)frn_log_drive(log, -1);
        }
        return;
    }
    atomic_fetch_add(&log->room_waiters, 1);
    while (atomic_load(&log->room) == seen && atomic_load(&log->poisoned) == 0) {
        /* Room comes from a finished group, which somebody must reap, or from the maker. */
        if (frn_mutex_try(&log->reap)) {
            bool work = prepare_round(log);

            if (work) {
                (void)take_round(log, -1);
            }
            hand_over(log);
            if (work) {
                continue;
            }
        }
        (void)frn_word_wait(&log->room, seen, -1);
    }
    atomic_fetch_sub(&log->room_waiters, 1);
}
