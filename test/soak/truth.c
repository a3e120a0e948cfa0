/* SPDX-License-Identifier: Apache-2.0 */
/* truth.c — what a ledger must hold. */
#include "test/soak/truth.h"

#include <stdlib.h>
#include <string.h>

#include "test/disk/dice.h"

#define MAGIC UINT64_C(0x6b616f732e6c6c6b)

/* The head of an event that is in no batch of a plan. */
typedef struct head {
    uint64_t magic;
    uint64_t number;
} head;

void truth_begin_round(truth *t, uint32_t round)
{
    t->round = round;
    memset(t->next, 0, sizeof t->next);
}

size_t truth_event(uint64_t seed, uint64_t number, uint8_t *out)
{
    head h = {.magic = MAGIC, .number = number};
    dice d = dice_of(seed ^ number);
    size_t size = sizeof h + (size_t)dice_roll(&d, dice_chance(&d, 8) ? TRUTH_EVENT_MAX - sizeof h : 200);

    memcpy(out, &h, sizeof h);
    for (size_t i = sizeof h; i < size; i++) {
        out[i] = (uint8_t)dice_next(&d);
    }
    return size;
}

static bool event_number(const firn_record *record, uint64_t *out)
{
    head h;

    if (record->payload.size < sizeof h) {
        return false;
    }
    memcpy(&h, record->payload.data, sizeof h);
    *out = h.number;
    return h.magic == MAGIC;
}

const char *truth_differs(uint64_t seed, const firn_record *record)
{
    uint8_t bytes[TRUTH_EVENT_MAX];
    uint64_t number;
    unsigned index;
    plan_id id;
    plan p;

    if (record->kind > FIRN_EVENT_KIND_MAX) {
        return NULL; /* Of a store, which checks it itself. */
    }
    if (event_number(record, &number)) {
        return truth_event(seed, number, bytes) == record->payload.size &&
                       memcmp(bytes, record->payload.data, record->payload.size) == 0
                   ? NULL
                   : "bytes differ";
    }
    if (!plan_read(record->payload, &id, &index)) {
        return "nobody handed it in";
    }
    p = plan_of(seed, id);
    return plan_differs(&p, index, record);
}

/* A batch of a plan is the next one of its thread. */
static void check_order(truth *t, const firn_record *record)
{
    unsigned long long seq = record->seq;
    uint64_t number;
    unsigned index;
    plan_id id;

    if (record->kind > FIRN_EVENT_KIND_MAX) {
        return;
    }
    if (event_number(record, &number)) {
        if (number != t->next_event++) {
            violation("record %llu holds event %llu; %llu should come", seq, (unsigned long long)number,
                      (unsigned long long)t->next_event - 1);
        }
        return;
    }
    if (plan_read(record->payload, &id, &index) && index == 0 &&
        (id.round != t->round || id.thread >= THREADS_MAX || id.number != t->next[id.thread]++)) {
        violation("record %llu is of round %u thread %u batch %llu; round %u, batch %llu should come", seq, id.round,
                  id.thread, (unsigned long long)id.number, t->round,
                  (unsigned long long)t->next[id.thread % THREADS_MAX] - 1);
    }
}

static int compare(const void *a, const void *b)
{
    const ack *x = a, *y = b;

    return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

/* Acknowledgements of the writer, in the order of their seqs. Returns how many. */
static size_t take_acks(truth *t, ack *out)
{
    size_t taken = atomic_load(&t->shared->acks_count), count = 0;

    for (size_t i = 0; i < taken && i < ACKS_MAX; i++) {
        if (atomic_load_explicit(&t->shared->acks[i].done, memory_order_acquire) != 0) {
            memcpy(&out[count++], &t->shared->acks[i], sizeof *out);
        }
    }
    qsort(out, count, sizeof *out, compare);
    t->acknowledged += count;
    return count;
}

static bool is_batch(const ack *a, const firn_record *record)
{
    unsigned index;
    plan_id id;

    return record->seq == a->first_seq && record->batch_first_seq == record->seq &&
           plan_read(record->payload, &id, &index) && id.round == a->id.round && id.thread == a->id.thread &&
           id.number == a->id.number;
}

static uint64_t mix(uint64_t hash, const firn_record *record)
{
    return (hash ^ record_digest(record)) * UINT64_C(0x9e3779b97f4a7c15) + record->seq;
}

static firn_scan *open_scan(firn_ledger *ledger, uint64_t first_seq, uint64_t last_seq)
{
    firn_scan_options options = {
        .struct_size = sizeof options, .first_seq = first_seq, .last_seq = last_seq, .buffer_size = 1 << 18};
    firn_scan *scan = NULL;
    firn_error err;

    if (firn_scan_open(ledger, &options, &scan, &err) != FIRN_OK) {
        violation("scan: %s", err.text);
    }
    return scan;
}

void truth_go_on(truth *t, firn_ledger *ledger)
{
    static ack acks[ACKS_MAX];
    size_t acks_count = take_acks(t, acks), at = 0;
    firn_scan *scan = open_scan(ledger, t->checked_seq + 1, 0);
    firn_record record;
    firn_error err;
    firn_status status;

    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        const char *differs = truth_differs(t->seed, &record);

        if (record.seq != t->checked_seq + 1 || differs != NULL) {
            violation("record %llu after %llu: %s", (unsigned long long)record.seq, (unsigned long long)t->checked_seq,
                      differs == NULL ? "a hole" : differs);
        }
        check_order(t, &record);
        at += at < acks_count && is_batch(&acks[at], &record) ? 1 : 0;
        t->hash = mix(t->hash, &record);
        t->checked_seq = record.seq;
        t->records++;
        t->data_bytes += record.body.size;
    }
    firn_scan_close(scan);
    if (status != FIRN_END) {
        violation("scan: %s", err.text);
    }
    if (at < acks_count) {
        violation("round %u thread %u batch %llu was acknowledged at seq %llu, and is not there", acks[at].id.round,
                  acks[at].id.thread, (unsigned long long)acks[at].id.number, (unsigned long long)acks[at].first_seq);
    }
    if (t->checked_seq < t->acked_seq) {
        violation("record %llu was acknowledged, the log ends at %llu", (unsigned long long)t->acked_seq,
                  (unsigned long long)t->checked_seq);
    }
    shared_next_round(t->shared);
}

void truth_read_again(const truth *t, firn_ledger *ledger)
{
    firn_scan *scan;
    firn_record record;
    uint64_t hash = 0, seq = 0;
    firn_error err;
    firn_status status = FIRN_END;

    if (t->checked_seq == 0) {
        return;
    }
    scan = open_scan(ledger, 1, t->checked_seq);
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        hash = mix(hash, &record);
        seq = record.seq;
    }
    firn_scan_close(scan);
    if (status != FIRN_END || seq != t->checked_seq || hash != t->hash) {
        violation("the records up to %llu are not what they were: %s", (unsigned long long)t->checked_seq,
                  status == FIRN_END ? "another hash" : err.text);
    }
}
