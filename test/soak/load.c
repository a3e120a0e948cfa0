/* SPDX-License-Identifier: Apache-2.0 */
/* load.c — what the soak does with a ledger that is open. */
#include "test/soak/load.h"

#include <stdio.h>
#include <string.h>

enum {
    EVENTS_MAX = 6,
    CONTENT_SIZE_MAX = 48 << 10,
    CONTENT_PIECE = 10000,
    RUN_APPENDS = 4,
    SCAN_RECORDS = 400,
    GETS = 20,
    RELEASE_NAMES = 8
};

static void need(firn_status status, const char *what, const firn_error *err)
{
    if (status != FIRN_OK) {
        violation("%s: %s: %s", what, firn_status_name(status), status < 0 ? err->text : "");
    }
}

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

/* What returned is durable, and all before it. */
static void note_durable(load *l)
{
    firn_cursor cursor;

    firn_position(l->ledger, &cursor);
    l->truth->acked_seq = cursor.seq;
}

void load_begin(load *l, firn_ledger *ledger)
{
    firn_error err;

    l->ledger = ledger;
    l->batches = 0;
    need(firn_batch_new(ledger, &l->batch, &err), "batch", &err);
}

void load_end(load *l)
{
    firn_batch_free(l->batch);
    firn_buf_free(&l->buf);
    l->batch = NULL;
    l->ledger = NULL;
}

void load_append(load *l)
{
    static uint8_t bytes[EVENTS_MAX][TRUTH_EVENT_MAX];
    size_t count = 1 + (size_t)dice_roll(&l->dice, EVENTS_MAX);
    firn_event events[EVENTS_MAX];
    firn_error err;

    for (size_t i = 0; i < count; i++) {
        size_t size = truth_event(l->truth->seed, l->events++, bytes[i]);

        events[i] = (firn_event){.kind = 1 + (uint32_t)i, .payload = {.data = bytes[i], .size = size}};
    }
    need(firn_append(l->ledger, text_of("soak"), events, count, NULL, NULL, &err), "append", &err);
    note_durable(l);
}

void load_batch(load *l)
{
    plan p = plan_of(l->truth->seed, (plan_id){.round = l->truth->round, .number = l->batches++});
    firn_receipt receipt;
    firn_error err;

    need(plan_collect(&p, l->batch, &err), "collect", &err);
    need(firn_batch_commit(l->batch, &receipt, &err), "commit", &err);
    note_durable(l);
}

/* The bytes of a content; the buffer is good until the next call. */
static firn_slice content_of(const load *l, uint64_t number)
{
    static uint8_t bytes[CONTENT_SIZE_MAX];
    dice d = dice_of(~l->truth->seed ^ number);
    size_t size = 1 + (size_t)dice_roll(&d, dice_chance(&d, 10) ? CONTENT_SIZE_MAX : 2000);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)dice_next(&d);
    }
    return (firn_slice){.data = bytes, .size = size};
}

static void write_in_pieces(load *l, firn_slice content)
{
    firn_content_writer *writer = NULL;
    firn_error err;

    need(firn_content_writer_open(l->ledger, &writer, &err), "content", &err);
    for (size_t at = 0; at < content.size; at += CONTENT_PIECE) {
        size_t size = content.size - at < CONTENT_PIECE ? content.size - at : CONTENT_PIECE;
        firn_slice piece = {.data = (const uint8_t *)content.data + at, .size = size};

        need(firn_content_writer_write(writer, piece, &err), "content", &err);
    }
    need(firn_content_writer_finish(writer, NULL, NULL, &err), "content", &err);
    firn_content_writer_close(writer);
}

void load_content(load *l)
{
    firn_slice content = content_of(l, l->contents++);
    firn_error err;

    if (dice_chance(&l->dice, 2)) {
        write_in_pieces(l, content);
    } else {
        need(firn_content_put(l->ledger, content, NULL, NULL, &err), "content", &err);
    }
    note_durable(l);
}

static firn_slice run_name(uint64_t number, char text[32])
{
    (void)snprintf(text, 32, "soak %llu", (unsigned long long)number);
    return text_of(text);
}

void load_run(load *l)
{
    uint8_t digest[FIRN_DIGEST_SIZE] = {1};
    firn_run_event event = {.auto_seq = 1, .kind = text_of("step"), .payload = text_of("{\"done\":true}")};
    firn_run_summary summary = {.total_events = RUN_APPENDS, .success = 1};
    firn_run_args args = {.struct_size = sizeof args, .spec_digest = digest, .agent_name = text_of("soak")};
    char text[32];
    firn_error err;

    args.run_id = run_name(l->runs++, text);
    need(firn_run_create(l->ledger, &args, NULL, &err), "run", &err);
    for (unsigned i = 0; i < RUN_APPENDS; i++) {
        event.timestamp.seconds = i;
        need(firn_run_append(l->ledger, args.run_id, &event, 1, NULL, NULL, &err), "run", &err);
    }
    need(firn_run_end(l->ledger, args.run_id, FIRN_RUN_COMPLETED, &summary, &err), "run", &err);
    note_durable(l);
}

static firn_slice release_name(uint64_t number, char text[32])
{
    (void)snprintf(text, 32, "soak %llu", (unsigned long long)number % RELEASE_NAMES);
    return text_of(text);
}

void load_release(load *l)
{
    uint8_t digest[FIRN_DIGEST_SIZE] = {2};
    firn_release_args args = {.struct_size = sizeof args, .spec_digest = digest, .promoted_by = text_of("soak")};
    char text[32];
    firn_error err;

    args.name = release_name(l->releases++, text);
    need(firn_release_promote(l->ledger, &args, NULL, &err), "release", &err);
    note_durable(l);
}

static void check(const load *l, const firn_record *record, uint64_t seq)
{
    const char *differs = record->seq == seq ? truth_differs(l->truth->seed, record) : "it is another";

    if (differs != NULL) {
        violation("record %llu: %s", (unsigned long long)seq, differs);
    }
}

void load_scan(load *l)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 1 << 18};
    firn_scan *scan = NULL;
    firn_record record;
    uint64_t seq;
    firn_error err;

    if (l->truth->acked_seq <= SCAN_RECORDS) {
        return;
    }
    seq = 1 + dice_roll(&l->dice, l->truth->acked_seq - SCAN_RECORDS);
    options.first_seq = seq;
    need(firn_scan_open(l->ledger, &options, &scan, &err), "scan", &err);
    for (unsigned i = 0; i < SCAN_RECORDS; i++) {
        need(firn_scan_next(scan, &record, &err), "scan", &err);
        check(l, &record, seq + i);
    }
    firn_scan_close(scan);
}

void load_get(load *l)
{
    firn_record record;
    firn_error err;

    for (unsigned i = 0; i < GETS && l->truth->acked_seq > 0; i++) {
        uint64_t seq = 1 + dice_roll(&l->dice, l->truth->acked_seq);

        need(firn_get(l->ledger, seq, &l->buf, &record, &err), "get", &err);
        check(l, &record, seq);
    }
}

static void look_at_content(load *l, firn_view *view, uint64_t number)
{
    static const firn_content_read_options with_digest = {.struct_size = sizeof with_digest, .check_digest = 1};
    firn_slice content = content_of(l, number);
    uint8_t digest[FIRN_DIGEST_SIZE];
    firn_error err;

    need(firn_digest_of(content, digest, &err), "digest", &err);
    need(firn_content_get(view, digest, &with_digest, &l->buf, &err), "content", &err);
    if (l->buf.size != content.size || memcmp(l->buf.data, content.data, content.size) != 0) {
        violation("content %llu has other bytes", (unsigned long long)number);
    }
}

void load_look(load *l)
{
    firn_view *view = NULL;
    firn_release release;
    firn_run run;
    char text[32];
    firn_error err;

    need(firn_view_open(l->ledger, &view, &err), "view", &err);
    if (l->contents > 0) {
        uint64_t back = dice_roll(&l->dice, l->contents < LOAD_CONTENTS ? l->contents : LOAD_CONTENTS);

        look_at_content(l, view, l->contents - 1 - back);
    }
    if (l->runs > 0) {
        need(firn_run_get(view, run_name(dice_roll(&l->dice, l->runs), text), &l->buf, &run, &err), "run", &err);
        if (run.status != FIRN_RUN_COMPLETED || run.event_count != RUN_APPENDS) {
            violation("run %s has %llu events", text, (unsigned long long)run.event_count);
        }
    }
    if (l->releases > 0) {
        uint64_t number = l->releases - 1;

        need(firn_release_current(view, release_name(number, text), &l->buf, &release, &err), "release", &err);
        if (release.release_number != number / RELEASE_NAMES + 1) {
            violation("release %s has number %llu", text, (unsigned long long)release.release_number);
        }
    }
    firn_view_close(view);
}

void load_read_again(load *l)
{
    truth_read_again(l->truth, l->ledger);
}
