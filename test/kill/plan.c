/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c — batches that describe themselves. */
#include "test/kill/plan.h"

#include <stdio.h>
#include <string.h>

#include "test/disk/dice.h"

#define MAGIC UINT64_C(0x6e616c702e6c6c6b)

/* The head of a payload, in the byte order of the machine: nobody but this machine reads it. */
typedef struct head {
    uint64_t magic;
    uint32_t round;
    uint32_t thread;
    uint64_t number;
    uint32_t index;
    uint32_t count;
    uint64_t size;
} head;
_Static_assert(sizeof(head) == PLAN_SIZE_MIN, "a payload begins with its head");

static dice dice_of_id(uint64_t seed, plan_id id, unsigned salt)
{
    dice d = dice_of(seed ^ (uint64_t)id.round << 40 ^ (uint64_t)id.thread << 32 ^ salt);

    d.state ^= id.number * UINT64_C(0xd6e8feb86659fd93);
    return d;
}

plan plan_of(uint64_t seed, plan_id id)
{
    dice d = dice_of_id(seed, id, 0);
    plan p = {.seed = seed, .id = id};

    p.keyed = dice_chance(&d, 3);
    p.count = 1 + (unsigned)dice_roll(&d, dice_chance(&d, 4) ? PLAN_EVENTS_MAX : 2);
    for (unsigned i = 0; i < p.count; i++) {
        p.events[i].stream = (unsigned)dice_roll(&d, PLAN_STREAMS);
        p.events[i].kind = 1 + (uint32_t)dice_roll(&d, FIRN_EVENT_KIND_MAX);
        p.events[i].size = PLAN_SIZE_MIN + (size_t)dice_roll(&d, dice_chance(&d, 8) ? 3000 : 200);
        if (dice_chance(&d, 150)) {
            p.events[i].size = PLAN_SIZE_MIN + (size_t)dice_roll(&d, PLAN_SIZE_MAX - PLAN_SIZE_MIN);
        }
    }
    return p;
}

/* Writes event i's payload into out, which has room for it. */
static void fill(const plan *p, unsigned i, uint8_t *out)
{
    dice d = dice_of_id(p->seed, p->id, i + 1);
    head h = {.magic = MAGIC,
              .round = p->id.round,
              .thread = p->id.thread,
              .number = p->id.number,
              .index = i,
              .count = p->count,
              .size = p->events[i].size};
    size_t at = sizeof h;

    memcpy(out, &h, sizeof h);
    while (at < h.size) {
        uint64_t word = dice_next(&d);
        size_t left = h.size - at < sizeof word ? h.size - at : sizeof word;

        memcpy(out + at, &word, left);
        at += left;
    }
}

static firn_slice stream_name(const plan *p, unsigned stream, char text[32])
{
    int length = stream == PLAN_STREAMS - 1 ? snprintf(text, 32, "all")
                                            : snprintf(text, 32, "thread %u/%u", p->id.thread, stream);

    return (firn_slice){.data = text, .size = (size_t)length};
}

firn_status plan_collect(const plan *p, firn_batch *batch, firn_error *err)
{
    static const firn_slice scope = {.data = "kill", .size = 4};
    static _Thread_local uint8_t payload[PLAN_SIZE_MAX];
    firn_status status = FIRN_OK;
    char text[64];

    firn_batch_reset(batch);
    for (unsigned i = 0; status == FIRN_OK && i < p->count; i++) {
        fill(p, i, payload);
        status = firn_batch_event(batch, stream_name(p, p->events[i].stream, text), p->events[i].kind,
                                  (firn_slice){.data = payload, .size = p->events[i].size}, err);
    }
    if (status == FIRN_OK && p->keyed) {
        int length =
            snprintf(text, sizeof text, "%u/%u/%llu", p->id.round, p->id.thread, (unsigned long long)p->id.number);

        status = firn_batch_key(batch, scope, (firn_slice){.data = text, .size = (size_t)length}, NULL, err);
    }
    return status;
}

bool plan_read(firn_slice payload, plan_id *out_id, unsigned *out_index)
{
    head h;

    if (payload.size < sizeof h) {
        return false;
    }
    memcpy(&h, payload.data, sizeof h);
    if (h.magic != MAGIC || h.size != payload.size || h.index >= h.count) {
        return false;
    }
    *out_id = (plan_id){.round = h.round, .thread = h.thread, .number = h.number};
    *out_index = h.index;
    return true;
}

const char *plan_differs(const plan *p, unsigned i, const firn_record *record)
{
    static uint8_t payload[PLAN_SIZE_MAX];

    if (i >= p->count || record->batch_count != p->count || record->seq != record->batch_first_seq + i) {
        return "its batch has another shape";
    }
    if (record->kind != p->events[i].kind || record->payload.size != p->events[i].size) {
        return "kind or size differ";
    }
    fill(p, i, payload);
    return memcmp(payload, record->payload.data, record->payload.size) == 0 ? NULL : "bytes differ";
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word = 0;

        memcpy(&word, bytes + at, size - at < sizeof word ? size - at : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}

uint64_t record_digest(const firn_record *record)
{
    uint64_t facts[] = {record->seq,         (uint64_t)record->time_ns,
                        record->version,     record->batch_first_seq,
                        record->batch_count, record->stream,
                        record->kind,        record->incarnation,
                        record->body.size};
    uint64_t hash = mix(mix(1, facts, sizeof facts), record->body.data, record->body.size);

    return hash == 0 ? 1 : hash;
}
