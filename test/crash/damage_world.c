/* SPDX-License-Identifier: Apache-2.0 */
/* damage_world.c — write the small ledger, note what it answers behind each batch, and open it again. */
#include "test/crash/damage_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ledger/private.h"
#include "test/crash/index_disk.h"
#include "test/disk/small.h"

char damage_place[256] = "make the ledger";

void damage_violation(const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "violation: %s: ", damage_place);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

static void need(firn_status status, const char *what, const firn_error *err)
{
    if (status != FIRN_OK) {
        damage_violation("%s: %s", what, err->text);
    }
}

static firn_slice text(const char *bytes)
{
    return (firn_slice){bytes, strlen(bytes)};
}

void damage_content(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(size * 31 + i * 7 + i / 251);
    }
}

/* ---- open and close ---- */

firn_status damage_open_on(damage_open *open, disk *d, firn_open_mode mode, bool warm, firn_error *err)
{
    firn_options options = small_options(mode);
    frn_ledger_seam seam = {.heap = &open->heap};
    firn_status status;

    *open = (damage_open){.io = disk_open_io(d)};
    frn_heap_init(&open->heap);
    seam.io = open->io;
    if (warm) {
        open->place = index_disk_place(d);
        seam.index_place = &open->place;
    }
    status = frn_ledger_open_on(&seam, &options, &open->ledger, err);
    if (status != FIRN_OK) {
        open->ledger = NULL;
        if (!damage_abandon(open)) {
            damage_violation("a ledger that did not open left memory behind");
        }
    }
    return status;
}

static bool leave(damage_open *open)
{
    open->io->ops->close(open->io);
    return atomic_load(&open->heap.live) == 0;
}

bool damage_close(damage_open *open, firn_error *err)
{
    firn_status status = firn_close(open->ledger, err);

    need(status, "close", err);
    return leave(open);
}

bool damage_abandon(damage_open *open)
{
    if (open->ledger != NULL) {
        frn_ledger_abandon(open->ledger);
    }
    return leave(open);
}

/* ---- the history ---- */

static void event(firn_ledger *ledger, const char *stream, uint32_t kind, size_t size, const char *key)
{
    uint8_t payload[1200];
    firn_append_options options = {.struct_size = sizeof options};
    firn_event events[2] = {{.kind = kind, .payload = {payload, size}}, {.kind = kind + 100, .payload = {payload, 5}}};
    firn_error err;

    damage_content(payload, size);
    if (key != NULL) {
        options.scope = text("scope");
        options.key = text(key);
    }
    need(firn_append(ledger, text(stream), events, kind % 2 + 1, &options, NULL, &err), "append", &err);
}

static void content(firn_ledger *ledger, size_t size)
{
    uint8_t *bytes = malloc(size);
    firn_error err = {0};

    if (bytes == NULL) {
        damage_violation("out of memory");
    }
    damage_content(bytes, size);
    need(firn_content_put(ledger, (firn_slice){bytes, size}, NULL, NULL, &err), "put", &err);
    free(bytes);
}

static void run_begin(firn_ledger *ledger, const char *id)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {1, 2, 3};
    firn_run_args args = {.struct_size = sizeof args,
                          .run_id = text(id),
                          .spec_digest = digest,
                          .agent_name = text("agent"),
                          .tags = text("{\"a\":[1,2]}")};
    firn_run_created created;
    firn_error err;

    need(firn_run_create(ledger, &args, &created, &err), "create a run", &err);
}

static void run_events(firn_ledger *ledger, unsigned first)
{
    firn_run_event events[3] = {{.event_seq = first, .kind = text("step"), .payload = text("{\"n\":1}")},
                                {.event_seq = first + 1, .kind = text("other"), .payload = text("[true,null]")},
                                {.event_seq = first + 2, .kind = text("step"), .payload = text("\"three\"")}};
    firn_error err;

    need(firn_run_append(ledger, text("run-1"), events, 3, NULL, NULL, &err), "append to a run", &err);
}

static void promote(firn_ledger *ledger, const char *name, const char *label)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {4, 5, 6};
    firn_release_args args = {.struct_size = sizeof args,
                              .name = text(name),
                              .spec_digest = digest,
                              .version_label = text(label),
                              .promoted_by = text("someone"),
                              .notes = text("why")};
    firn_error err;

    need(firn_release_promote(ledger, &args, NULL, &err), "promote", &err);
}

/* Many verbs in one batch. */
static void batch_of_all(firn_ledger *ledger)
{
    static const uint8_t digest[FIRN_DIGEST_SIZE] = {7};
    firn_run_args run = {.struct_size = sizeof run, .run_id = text("run-2"), .spec_digest = digest};
    firn_release_args release = {.struct_size = sizeof release, .name = text("app"), .spec_digest = digest};
    firn_run_summary summary = {.total_events = 6, .duration_ms = 12, .success = 1};
    uint8_t bytes[900];
    firn_batch *batch = NULL;
    firn_error err;

    damage_content(bytes, sizeof bytes);
    need(firn_batch_new(ledger, &batch, &err), "begin a batch", &err);
    need(firn_batch_release_promote(batch, &release, NULL, &err), "promote", &err);
    need(firn_batch_run_end(batch, text("run-1"), FIRN_RUN_COMPLETED, &summary, &err), "end a run", &err);
    need(firn_batch_content_put(batch, (firn_slice){bytes, sizeof bytes}, NULL, NULL, &err), "put", &err);
    need(firn_batch_run_create(batch, &run, NULL, &err), "create a run", &err);
    need(firn_batch_commit(batch, NULL, &err), "commit a batch", &err);
    firn_batch_free(batch);
}

/* One call, one batch, one group. The first ten fill a segment. */
static void step(firn_ledger *ledger, unsigned i)
{
    switch (i) {
    case 0:
        event(ledger, "one", 1, 60, NULL);
        break;
    case 1:
        event(ledger, "two", 2, 0, "key");
        break;
    case 2:
        content(ledger, 200);
        break;
    case 3:
        run_begin(ledger, "run-1");
        break;
    case 4:
        run_events(ledger, 1);
        break;
    case 5:
        content(ledger, 20000);
        break;
    case 6:
        promote(ledger, "app", "1.0");
        break;
    case 7:
        event(ledger, "a stream with a longer name", 3, 1100, NULL);
        break;
    case 8:
        run_events(ledger, 10);
        break;
    case 9:
        promote(ledger, "lib", "0.1");
        break;
    case 10:
        batch_of_all(ledger);
        break;
    case 11:
        event(ledger, "one", 5, 100, NULL);
        break;
    default:
        event(ledger, "two", 6, 300, NULL);
        break;
    }
}

enum {
    STEPS = 13,
    STEPS_MERGED = 11 /* Then the index goes to disk: some of the records lie behind its mark. */
};

static void background(firn_ledger *ledger)
{
    while (frn_ledger_step_drive(ledger) || frn_ledger_step_make(ledger)) {
    }
}

/* What is there behind a batch. */
static void remember(damage_world *w, firn_ledger *ledger)
{
    answers *now = &w->horizons[w->horizons_count++];

    if (w->horizons_count == HORIZONS_MAX || w->snapshots_count == SNAPSHOTS_MAX) {
        damage_violation("more batches than there is room for");
    }
    damage_ask(ledger, now);
    w->snapshots[w->snapshots_count++] = disk_copy(w->d);
}

static void keep(kept_record *kept, const firn_record *record)
{
    kept->bytes = malloc(record->body.size + 1);
    if (kept->bytes == NULL) {
        damage_violation("out of memory");
    }
    memcpy(kept->bytes, record->body.data, record->body.size);
    kept->fields = *record;
    kept->fields.body.data = kept->bytes;
    if (record->payload.size > 0) {
        kept->fields.payload.data =
            kept->bytes + ((const uint8_t *)record->payload.data - (const uint8_t *)record->body.data);
    }
}

static bool same(firn_slice one, firn_slice other)
{
    return one.size == other.size && (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

bool damage_is_right(const damage_world *w, const firn_record *record)
{
    const firn_record *right = &w->records[record->seq <= w->records_count ? record->seq : 0].fields;

    return record->seq == right->seq && record->time_ns == right->time_ns && record->version == right->version &&
           record->batch_first_seq == right->batch_first_seq && record->batch_count == right->batch_count &&
           record->stream == right->stream && record->kind == right->kind &&
           record->incarnation == right->incarnation && same(record->body, right->body) &&
           same(record->payload, right->payload);
}

static void scan_all(damage_world *w, firn_ledger *ledger)
{
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    firn_status status;

    need(firn_scan_open(ledger, NULL, &scan, &err), "scan", &err);
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        if (record.seq > RECORDS_MAX) {
            damage_violation("more records than there is room for");
        }
        keep(&w->records[record.seq], &record);
        w->records_count = record.seq;
    }
    firn_scan_close(scan);
}

/* Another ledger that was written by the same calls. */
static disk *make_foreign(uint64_t seed)
{
    disk *d = disk_new(seed);
    damage_open open;
    firn_error err;

    disk_controls_of(d)->wall_ns = 77;
    need(damage_open_on(&open, d, FIRN_OPEN_NEW, false, &err), "make another ledger", &err);
    for (unsigned i = 0; i < STEPS; i++) {
        step(open.ledger, i);
        background(open.ledger);
    }
    (void)damage_close(&open, &err);
    return d;
}

/* The same ledger as a copy that went on by itself after its writer died: other incarnations, other records. */
static disk *make_past(const damage_world *w)
{
    disk *d = disk_copy(w->snapshots[3]);
    damage_open open;
    firn_error err;

    for (int lives = 0; lives < 3; lives++) {
        need(damage_open_on(&open, d, FIRN_OPEN_WRITE, false, &err), "open a copy", &err);
        for (unsigned i = 0; i < 12; i++) {
            event(open.ledger, "elsewhere", 2 + i, 500, NULL);
            background(open.ledger);
        }
        (void)damage_abandon(&open);
    }
    need(damage_open_on(&open, d, FIRN_OPEN_WRITE, false, &err), "open a copy", &err);
    (void)damage_close(&open, &err);
    return d;
}

void damage_world_make(damage_world *w, bool clean)
{
    damage_open open;
    firn_report report = {.struct_size = sizeof report};
    firn_error err;

    *w = (damage_world){.d = disk_new(3), .clean = clean};
    index_disk_add(w->d, false);
    disk_controls_of(w->d)->wall_ns = 1000000000;
    need(damage_open_on(&open, w->d, FIRN_OPEN_NEW, true, &err), "make the ledger", &err);
    remember(w, open.ledger);
    for (unsigned i = 0; i < STEPS; i++) {
        disk_controls_of(w->d)->wall_ns += 1000;
        step(open.ledger, i);
        /* Nothing that is written later knows that the last one was durable; nor is anything left in flight. */
        while (frn_ledger_step_drive(open.ledger) || (i + 1 < STEPS && frn_ledger_step_make(open.ledger))) {
        }
        if (i + 1 == STEPS_MERGED) {
            while (frn_ledger_step_merge(open.ledger)) {
            }
        }
        remember(w, open.ledger);
    }
    scan_all(w, open.ledger);
    need(firn_replay(open.ledger, NULL, &report, &err), "replay", &err);
    memcpy(w->digest, report.digest, sizeof w->digest);
    if (!(clean ? damage_close(&open, &err) : damage_abandon(&open))) {
        damage_violation("memory was left behind");
    }
    w->foreign = make_foreign(99);
    w->past = make_past(w);
    damage_world_map(w);
}

void damage_world_free(damage_world *w)
{
    for (unsigned i = 0; i < w->snapshots_count; i++) {
        disk_free(w->snapshots[i]);
    }
    for (uint64_t seq = 1; seq <= w->records_count; seq++) {
        free(w->records[seq].bytes);
    }
    disk_free(w->foreign);
    disk_free(w->past);
    disk_free(w->d);
}
