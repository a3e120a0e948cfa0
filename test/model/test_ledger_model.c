/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_model.c — random commands on a ledger and on a simple model of it, compared after every step.
 *
 * The model is what the documentation promises, written as plainly as possible: a list of records, a list of streams,
 * a list of keys. Commands: batches with conditions (right and wrong), keys (fresh, repeated, in conflict, over their
 * age), submitted calls in flight, views kept over several steps, scans, gets, reopening, replay. A clock that the test
 * moves. Seeds are printed; FIRN_MODEL_SEED runs one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/ledger/ledger.h"
#include "firn.h"

enum {
    STREAMS = 12,
    KEYS = 10,
    RECORDS_MAX = 6000,
    VIEWS = 4,
    STEPS = 500,
    BATCH_MAX = 9,
    FLIGHTS = 6
};

typedef struct model_record {
    unsigned stream; /* Index of the name. */
    uint32_t kind;
    uint32_t salt; /* Makes the payload. */
    uint64_t version;
    uint64_t batch_first;
    uint32_t batch_count;
    int64_t time_ns;
} model_record;

typedef struct model_stream {
    uint32_t id; /* 0: does not exist. */
    uint64_t version, first_seq, last_seq;
} model_stream;

typedef struct model_key {
    bool known;
    uint32_t request; /* Tells requests apart. */
    uint64_t first_seq;
    uint32_t count;
    int64_t time_ns;
} model_key;

typedef struct model {
    uint64_t seed, state;
    frn_heap heap, disk_heap;
    frn_memory_disk *disk;
    frn_io *io;
    firn_options options;
    firn_ledger *ledger;
    int64_t clock_ns, last_time_ns;
    uint64_t key_age_ns;
    model_record records[RECORDS_MAX + 1]; /* By seq. */
    uint64_t count;
    model_stream streams[STREAMS];
    uint32_t streams_count;
    model_key keys[KEYS];
    firn_view *views[VIEWS];
    model_stream view_streams[VIEWS][STREAMS];
    uint64_t view_seqs[VIEWS];
} model;

static uint64_t draw(model *m, uint64_t below)
{
    /* splitmix64 */
    uint64_t z = m->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* A promise that was not kept: with the seed, so that it can be run again. */
#define REQUIRE(m, condition)                                                                                      \
    do {                                                                                                           \
        if (!(condition)) {                                                                                        \
            fail_msg("seed %llu, %llu records: %s", (unsigned long long)(m)->seed, (unsigned long long)(m)->count, \
                     #condition);                                                                                  \
        }                                                                                                          \
    } while (0)

static firn_slice stream_name(unsigned stream, char out[32])
{
    (void)snprintf(out, 32, "stream-%.*s-%u", (int)stream, "xxxxxxxxxxxx", stream);
    return (firn_slice){out, strlen(out)};
}

static firn_slice payload_of(uint32_t salt, uint8_t out[512])
{
    size_t size = salt % 7 == 0 ? 0 : salt % 500;

    memset(out, (int)(salt & 0xff), size);
    return (firn_slice){out, size};
}

static int64_t model_clock(void *arg)
{
    return ((model *)arg)->clock_ns;
}

static void open_ledger(model *m)
{
    firn_error err;
    firn_status status = frn_ledger_open_on(&(frn_ledger_seam){&m->heap, m->io, false}, &m->options, &m->ledger, &err);

    if (status != FIRN_OK) {
        fail_msg("seed %llu: %s", (unsigned long long)m->seed, err.text);
    }
}

/* ---- appending ---- */

/* A batch as the model plans it. */
typedef struct plan {
    unsigned count;
    unsigned streams[BATCH_MAX];
    uint32_t kinds[BATCH_MAX];
    uint32_t salts[BATCH_MAX];
    bool expects;
    unsigned expected_stream;
    uint64_t expected_version;
    bool keyed;
    unsigned key;
    uint32_t request;
} plan;

static plan plan_draw(model *m)
{
    plan p = {.count = (unsigned)draw(m, BATCH_MAX) + 1, .request = (uint32_t)draw(m, 1000000)};

    for (unsigned i = 0; i < p.count; i++) {
        p.streams[i] = i > 0 && draw(m, 2) == 0 ? p.streams[i - 1] : (unsigned)draw(m, STREAMS);
        p.kinds[i] = (uint32_t)draw(m, FIRN_EVENT_KIND_MAX) + 1;
        p.salts[i] = (uint32_t)draw(m, 100000);
    }
    if (draw(m, 3) == 0) {
        p.expects = true;
        p.expected_stream = (unsigned)draw(m, STREAMS);
        p.expected_version = m->streams[p.expected_stream].version + (draw(m, 3) == 0);
    }
    if (draw(m, 4) == 0) {
        p.keyed = true;
        p.key = (unsigned)draw(m, KEYS);
        if (m->keys[p.key].known && draw(m, 3) != 0) {
            p.request = m->keys[p.key].request;
        }
    }
    return p;
}

/* What the ledger must answer; applies the plan to the model if it goes through. */
static firn_status plan_expect(model *m, const plan *p, firn_receipt *out)
{
    int64_t time_ns = m->clock_ns > m->last_time_ns ? m->clock_ns : m->last_time_ns;

    *out = (firn_receipt){0};
    if (p->keyed) {
        model_key *key = &m->keys[p->key];

        if (key->known && (uint64_t)(time_ns - key->time_ns) < m->key_age_ns) {
            *out = (firn_receipt){
                .first_seq = key->first_seq, .count = key->count, .existing = 1, .time_ns = key->time_ns};
            return key->request == p->request ? FIRN_OK : FIRN_ECONFLICT;
        }
    }
    if (p->expects && m->streams[p->expected_stream].version != p->expected_version) {
        return FIRN_ECONFLICT;
    }
    *out = (firn_receipt){.first_seq = m->count + 1, .count = p->count, .time_ns = time_ns};
    for (unsigned i = 0; i < p->count; i++) {
        model_stream *stream = &m->streams[p->streams[i]];
        uint64_t seq = ++m->count;

        if (stream->id == 0) {
            stream->id = ++m->streams_count;
            stream->first_seq = seq;
        }
        stream->last_seq = seq;
        m->records[seq] = (model_record){p->streams[i],  p->kinds[i], p->salts[i], ++stream->version,
                                         out->first_seq, p->count,    time_ns};
    }
    if (p->keyed) {
        m->keys[p->key] = (model_key){true, p->request, out->first_seq, p->count, time_ns};
    }
    m->last_time_ns = time_ns;
    return FIRN_OK;
}

static void plan_build(model *m, const plan *p, firn_batch *batch)
{
    uint8_t payload[512], digest[FIRN_DIGEST_SIZE] = {0};
    char name[32], key[32];

    for (unsigned i = 0; i < p->count; i++) {
        REQUIRE(m, firn_batch_event(batch, stream_name(p->streams[i], name), p->kinds[i],
                                    payload_of(p->salts[i], payload), NULL) == FIRN_OK);
    }
    if (p->expects) {
        REQUIRE(m,
                firn_batch_expect(batch, stream_name(p->expected_stream, name), p->expected_version, NULL) == FIRN_OK);
    }
    if (p->keyed) {
        memcpy(digest, &p->request, sizeof p->request);
        (void)snprintf(key, sizeof key, "key-%u", p->key);
        REQUIRE(m, firn_batch_key(batch, (firn_slice){"scope", p->key % 2 * 5}, (firn_slice){key, strlen(key)}, digest,
                                  NULL) == FIRN_OK);
    }
}

static void receipt_compare(model *m, const firn_receipt *got, const firn_receipt *wanted)
{
    REQUIRE(m, got->first_seq == wanted->first_seq);
    REQUIRE(m, got->count == wanted->count);
    REQUIRE(m, got->existing == wanted->existing);
    REQUIRE(m, got->time_ns == wanted->time_ns);
    REQUIRE(m, got->cursor.seq == wanted->first_seq + wanted->count - 1);
}

/* Some calls, in flight together or each waited for. */
static void step_append(model *m)
{
    unsigned flights = draw(m, 3) == 0 ? (unsigned)draw(m, FLIGHTS) + 1 : 0;
    firn_receipt wanted[FLIGHTS], got;
    firn_status statuses[FLIGHTS];
    firn_ticket *tickets[FLIGHTS];
    firn_status status;
    firn_batch *batch;
    plan p;

    REQUIRE(m, firn_batch_new(m->ledger, &batch, NULL) == FIRN_OK);
    for (unsigned i = 0; i < flights; i++) {
        p = plan_draw(m);
        statuses[i] = plan_expect(m, &p, &wanted[i]);
        plan_build(m, &p, batch);
        while ((status = firn_batch_submit(batch, NULL, &tickets[i], NULL)) == FIRN_FULL) {
            /* No spare segment or no free group: what the background would do is done here. */
            REQUIRE(m, frn_ledger_step_make(m->ledger) || frn_ledger_step_drive(m->ledger));
        }
        REQUIRE(m, status == FIRN_OK);
        firn_batch_reset(batch);
    }
    for (unsigned i = 0; i < flights; i++) {
        REQUIRE(m, firn_ticket_wait(tickets[i], -1, &got, NULL) == statuses[i]);
        if (statuses[i] == FIRN_OK) {
            receipt_compare(m, &got, &wanted[i]);
        }
        firn_ticket_free(tickets[i]);
    }
    if (flights == 0) {
        p = plan_draw(m);
        statuses[0] = plan_expect(m, &p, &wanted[0]);
        plan_build(m, &p, batch);
        REQUIRE(m, firn_batch_commit(batch, &got, NULL) == statuses[0]);
        if (statuses[0] == FIRN_OK) {
            receipt_compare(m, &got, &wanted[0]);
        }
    }
    firn_batch_free(batch);
}

/* ---- reading ---- */

static void record_compare(model *m, const firn_record *got, uint64_t seq)
{
    const model_record *wanted = &m->records[seq];
    uint8_t bytes[512];
    firn_slice payload = payload_of(wanted->salt, bytes);

    REQUIRE(m, got->seq == seq);
    if (seq == 1) {
        REQUIRE(m, got->stream == 0 && got->kind > FIRN_EVENT_KIND_MAX);
        return;
    }
    REQUIRE(m, got->kind == wanted->kind);
    REQUIRE(m, got->stream == m->streams[wanted->stream].id);
    REQUIRE(m, got->version == wanted->version);
    REQUIRE(m, got->batch_first_seq == wanted->batch_first && got->batch_count == wanted->batch_count);
    REQUIRE(m, got->time_ns == wanted->time_ns);
    REQUIRE(m, got->payload.size == payload.size && memcmp(got->payload.data, payload.data, payload.size) == 0);
}

static void step_scan(model *m)
{
    firn_scan_options options = {
        .struct_size = sizeof options, .first_seq = draw(m, m->count + 2), .buffer_size = draw(m, 2) * 5000};
    uint64_t seq = options.first_seq == 0 ? 1 : options.first_seq;
    uint64_t end = seq > m->count ? seq : m->count + 1;
    firn_record record;
    firn_scan *scan;
    firn_status status;

    REQUIRE(m, firn_scan_open(m->ledger, &options, &scan, NULL) == FIRN_OK);
    for (; (status = firn_scan_next(scan, &record, NULL)) == FIRN_OK; seq++) {
        record_compare(m, &record, seq);
    }
    REQUIRE(m, status == FIRN_END && seq == end);
    firn_scan_close(scan);
}

static void step_get(model *m)
{
    uint64_t seq = draw(m, m->count + 2);
    firn_buf buf = {0};
    firn_record record;
    firn_status status = firn_get(m->ledger, seq, &buf, &record, NULL);

    if (seq == 0 || seq > m->count) {
        REQUIRE(m, status == FIRN_ENOTFOUND);
    } else {
        REQUIRE(m, status == FIRN_OK);
        record_compare(m, &record, seq);
    }
    firn_buf_free(&buf);
}

static void streams_compare(model *m, firn_view *view, const model_stream *streams)
{
    firn_stream got;
    char name[32];

    for (unsigned i = 0; i < STREAMS; i++) {
        firn_status status = firn_stream_get(view, stream_name(i, name), &got, NULL);

        if (streams[i].id == 0) {
            REQUIRE(m, status == FIRN_ENOTFOUND);
            continue;
        }
        REQUIRE(m, status == FIRN_OK);
        REQUIRE(m, got.id == streams[i].id && got.version == streams[i].version);
        REQUIRE(m, got.first_seq == streams[i].first_seq && got.last_seq == streams[i].last_seq);
    }
}

/* Looks through an old view, then puts a fresh one in its place. */
static void step_view(model *m)
{
    unsigned i = (unsigned)draw(m, VIEWS);

    if (m->views[i] != NULL) {
        REQUIRE(m, firn_view_seq(m->views[i]) == m->view_seqs[i]);
        streams_compare(m, m->views[i], m->view_streams[i]);
        firn_view_close(m->views[i]);
    }
    REQUIRE(m, firn_view_open(m->ledger, &m->views[i], NULL) == FIRN_OK);
    memcpy(m->view_streams[i], m->streams, sizeof m->streams);
    m->view_seqs[i] = m->count;
    streams_compare(m, m->views[i], m->streams);
}

static void step_keys(model *m)
{
    firn_receipt got;
    firn_view *view;
    char key[32];

    REQUIRE(m, firn_view_open(m->ledger, &view, NULL) == FIRN_OK);
    for (unsigned i = 0; i < KEYS; i++) {
        const model_key *wanted = &m->keys[i];
        firn_status status;

        (void)snprintf(key, sizeof key, "key-%u", i);
        status = firn_key_get(view, (firn_slice){"scope", i % 2 * 5}, (firn_slice){key, strlen(key)}, &got, NULL);
        if (wanted->known && (uint64_t)(m->last_time_ns - wanted->time_ns) < m->key_age_ns) {
            REQUIRE(m, status == FIRN_OK);
            receipt_compare(
                m, &got,
                &(firn_receipt){
                    .first_seq = wanted->first_seq, .count = wanted->count, .existing = 1, .time_ns = wanted->time_ns});
        } else {
            REQUIRE(m, status == FIRN_ENOTFOUND);
        }
    }
    firn_view_close(view);
}

static void close_views(model *m)
{
    for (unsigned i = 0; i < VIEWS; i++) {
        firn_view_close(m->views[i]);
        m->views[i] = NULL;
    }
}

static void step_reopen(model *m)
{
    close_views(m);
    REQUIRE(m, firn_close(m->ledger, NULL) == FIRN_OK);
    open_ledger(m);
}

static void step(model *m)
{
    /* Mostly forward; sometimes a leap that takes keys over their age, sometimes back. */
    uint64_t move = draw(m, 20);

    m->clock_ns += move == 0 ? -5000 : move == 1 ? 40000 : (int64_t)draw(m, 500);
    switch (draw(m, 16)) {
    case 0:
        step_scan(m);
        break;
    case 1:
        step_get(m);
        break;
    case 2:
    case 3:
        step_view(m);
        break;
    case 4:
        step_keys(m);
        break;
    case 5:
        if (draw(m, 4) == 0) {
            step_reopen(m);
        }
        break;
    case 6:
        if (draw(m, 8) == 0) {
            REQUIRE(m, frn_ledger_check(m->ledger, NULL) == FIRN_OK);
        }
        break;
    case 7:
        (void)frn_ledger_step_make(m->ledger);
        break;
    default:
        step_append(m);
    }
}

static void run(uint64_t seed)
{
    model *m = calloc(1, sizeof *m);
    firn_error err;

    assert_non_null(m);
    m->seed = m->state = seed;
    m->clock_ns = 1000000;
    m->key_age_ns = 50000;
    frn_heap_init(&m->heap);
    frn_heap_init(&m->disk_heap);
    assert_int_equal(frn_memory_disk_new(&m->disk_heap, &m->disk, &err), FIRN_OK);
    assert_int_equal(frn_io_open_memory(&m->disk_heap, m->disk, &m->io, &err), FIRN_OK);
    m->options = (firn_options){
        .struct_size = sizeof m->options,
        .mode = FIRN_OPEN_CREATE,
        .segment_size = 65536 * (draw(m, 3) + 1),
        .spare_segments = 1,
        .groups_in_flight_max = (uint32_t)draw(m, 4) + 1,
        .group_size_max = 65536,
        .clock = model_clock,
        .clock_arg = m,
        .key_age_ns = m->key_age_ns,
    };
    open_ledger(m);
    /* The age of keys is record 1, of the ledger itself: the model's streams begin behind it. */
    m->count = 1;
    m->last_time_ns = m->clock_ns;
    m->options.key_age_ns = 0;
    for (int i = 0; i < STEPS && m->count < RECORDS_MAX - FLIGHTS * BATCH_MAX; i++) {
        step(m);
    }
    REQUIRE(m, frn_ledger_check(m->ledger, NULL) == FIRN_OK);
    close_views(m);
    REQUIRE(m, firn_close(m->ledger, NULL) == FIRN_OK);
    REQUIRE(m, frn_ledger_verify_on(&(frn_ledger_seam){&m->heap, m->io, false}, NULL, NULL, NULL) == FIRN_OK);
    m->io->ops->close(m->io);
    frn_memory_disk_free(m->disk);
    REQUIRE(m, atomic_load(&m->heap.live) == 0 && atomic_load(&m->disk_heap.live) == 0);
    free(m);
}

/* The ledger and its model agree after every step of random histories. */
static void test_model(void **state)
{
    const char *given = getenv("FIRN_MODEL_SEED");

    (void)state;
    if (given != NULL) {
        print_message("seed %s\n", given);
        run(strtoull(given, NULL, 10));
        return;
    }
    print_message("seeds 1 … 12\n");
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
