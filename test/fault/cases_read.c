/* SPDX-License-Identifier: Apache-2.0 */
/* cases_read.c — reads of the log and of the ledger's own rows, and figures about it; by a writer and by a reader. */
#include "engine/ledger/ledger.h"
#include "firn/history.h"
#include "test/fault/made.h"
#include "test/fault/rig.h"

static void answer_record(rig *r, const char *name, const firn_record *record)
{
    rig_answer_add(r, name, record->seq, record->body.data, record->body.size);
}

static void scan(rig *r)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 8192};
    firn_record record;
    firn_status status;
    uint64_t count = 0;

    if (!TRY_NEW(r, r->scan, firn_scan_open, r->ledger, &options, &r->scan)) {
        return;
    }
    while ((status = TRY_OUT(r, record, firn_scan_next, r->scan, &record)) == FIRN_OK) {
        answer_record(r, "scanned", &record);
        count++;
    }
    if (status == FIRN_END) {
        rig_answer_add(r, "scanned in all", 0, &count, sizeof count);
    }
    firn_scan_close(r->scan);
    r->scan = NULL;
}

static void prepare_scan(rig *r)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 4096};

    if (!TRY_NEW(r, r->scan, firn_scan_open, r->ledger, &options, &r->scan)) {
        rig_wrong(r, "no scan");
    }
}

/* What failed is asked again on the same scan: nothing is left out, nothing comes twice. */
static void scan_on(rig *r)
{
    firn_record record = {0};
    firn_status status = FIRN_OK;
    uint64_t seq = 0;
    unsigned failures = 0;

    if (r->round > 0) {
        firn_scan_close(r->scan);
        prepare_scan(r);
    }
    while (status != FIRN_END && failures < 3) {
        status = TRY_OUT(r, record, firn_scan_next, r->scan, &record);
        if (status < 0) {
            failures++;
        } else if (status == FIRN_OK) {
            if (record.seq != ++seq) {
                rig_wrong(r, "record %llu behind record %llu", (unsigned long long)record.seq,
                          (unsigned long long)seq - 1);
            }
            answer_record(r, "scanned", &record);
        }
    }
}

static void tail(rig *r)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = 20};
    firn_record record;

    if (!TRY_NEW(r, r->tail, firn_tail_open, r->ledger, &options, &r->tail)) {
        return;
    }
    while (TRY_OUT(r, record, firn_tail_next, r->tail, 0, &record) == FIRN_OK) {
        answer_record(r, "tailed", &record);
    }
    firn_tail_close(r->tail);
    r->tail = NULL;
}

static void get(rig *r)
{
    firn_buf buf = {0};
    firn_record record;

    for (uint64_t seq = 1; seq < 24; seq += 11) {
        if (TRY_OUT(r, record, firn_get, r->ledger, seq, &buf, &record) == FIRN_OK) {
            answer_record(r, "got", &record);
        }
    }
    (void)TRY_REFUSED(r, FIRN_ENOTFOUND, firn_get, r->ledger, 100000, &buf, &record);
    firn_buf_free(&buf);
}

static void streams(rig *r)
{
    firn_view *view;
    firn_stream stream;

    if (!TRY_NEW(r, view, firn_view_open, r->ledger, &view)) {
        return;
    }
    if (TRY_OUT(r, stream, firn_stream_get, view, TEXT(MADE_SEED_STREAM), &stream) == FIRN_OK) {
        rig_answer_add(r, "version", 0, &stream.version, sizeof stream.version);
    }
    if (TRY_OUT(r, stream, firn_stream_get_by_id, view, 1, &stream) == FIRN_OK) {
        rig_answer_add(r, "by id", 0, stream.name, stream.name_size);
    }
    if (TRY_OUT(r, stream, firn_stream_next, view, 0, &stream) == FIRN_OK) {
        rig_answer_add(r, "next", 0, stream.name, stream.name_size);
    }
    (void)TRY_REFUSED(r, FIRN_ENOTFOUND, firn_stream_get, view, TEXT("no such stream"), &stream);
    firn_view_close(view);
}

static void keys(rig *r)
{
    firn_view *view;
    firn_receipt receipt;

    if (!TRY_NEW(r, view, firn_view_open, r->ledger, &view)) {
        return;
    }
    if (TRY_OUT(r, receipt, firn_key_get, view, TEXT("scope"), TEXT(MADE_SEED_KEY), &receipt) == FIRN_OK) {
        rig_answer_add(r, "key", 0, &receipt.first_seq, sizeof receipt.first_seq);
    }
    (void)TRY_REFUSED(r, FIRN_ENOTFOUND, firn_key_get, view, TEXT("scope"), TEXT("no such key"), &receipt);
    firn_view_close(view);
}

static void stat(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_cut cuts[4];
    size_t count;

    if (TRY(r, firn_stat, r->ledger, &stats) == FIRN_OK) {
        rig_answer_add(r, "durable", 0, &stats.durable_seq, sizeof stats.durable_seq);
        rig_answer_add(r, "streams", 0, &stats.streams_count, sizeof stats.streams_count);
    }
    if (TRY_OUT(r, count, firn_stat_cuts, r->ledger, cuts, 4, &count) == FIRN_OK) {
        rig_answer_add(r, "cuts", 0, &count, sizeof count);
    }
}

static void replay(rig *r)
{
    firn_report report = {.struct_size = sizeof report};

    if (TRY(r, firn_replay, r->ledger, NULL, &report) == FIRN_OK) {
        rig_answer_add(r, "replayed", 0, report.digest, sizeof report.digest);
    }
}

/* Of a part: the names of streams that are older are asked of the index. */
static void history(rig *r)
{
    firn_history_options options = {.struct_size = sizeof options, .first_seq = 2};
    firn_history told = {.struct_size = sizeof told};

    if (TRY(r, firn_history_digest, r->ledger, &options, &told) == FIRN_OK) {
        rig_answer_add(r, "history", told.records, told.digest, sizeof told.digest);
    }
}

/* ---- behind a writer elsewhere ---- */

static void append_elsewhere(rig *r)
{
    firn_error err;

    if (firn_append(r->other, TEXT("elsewhere"), made_events(3), MADE_EVENTS, NULL, NULL, &err) != FIRN_OK) {
        rig_wrong(r, "append elsewhere: %s", err.text);
    }
    r->appended_elsewhere += MADE_EVENTS;
}

static void prepare_follow(rig *r)
{
    rig_open_other(r, FIRN_OPEN_WRITE);
    if (rig_open(r, FIRN_OPEN_READ) != FIRN_OK) {
        rig_wrong(r, "no reader");
    }
    append_elsewhere(r);
}

/* A reader comes upon records that a writer appended after the reader was opened. With threads it is firn_wait() that
   looks for them. */
static void follow(rig *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_cursor cursor;
    firn_record record;
    firn_view *view;
    firn_stream stream;

    rig_before(r, NULL, 0);
    (void)rig_after(r, "firn_wait", frn_ledger_step_follow(r->ledger, &r->err), FIRN_OK, NULL, 0);
    firn_position(r->ledger, &cursor);
    (void)TRY(r, firn_wait, r->ledger, 0, 0);
    if (TRY_NEW(r, view, firn_view_open, r->ledger, &view)) {
        firn_status status = TRY_OUT(r, stream, firn_stream_next, view, 1, &stream);

        (void)status;
        firn_view_close(view);
    }
    (void)TRY(r, firn_stat, r->ledger, &stats);
    if (TRY_NEW(r, r->tail, firn_tail_open, r->ledger, NULL, &r->tail)) {
        while (TRY_OUT(r, record, firn_tail_next, r->tail, 0, &record) == FIRN_OK) {
            answer_record(r, "followed", &record);
        }
        firn_tail_close(r->tail);
        r->tail = NULL;
    }
}

/* ---- without a ledger ---- */

static void digest(rig *r)
{
    uint8_t out[FIRN_DIGEST_SIZE];

    if (TRY_OUT(r, out, firn_digest_of, TEXT("abc"), out) == FIRN_OK) {
        rig_answer_add(r, "digest", 0, out, sizeof out);
    }
}

const fault_case read_cases[] = {
    {"scan", CASE_WRITER | CASE_READER, NULL, scan, NULL},
    {"scan on after failures", CASE_WRITER | CASE_READER, prepare_scan, scan_on, NULL},
    {"tail", CASE_WRITER | CASE_READER, NULL, tail, NULL},
    {"get", CASE_WRITER | CASE_READER, NULL, get, NULL},
    {"streams", CASE_WRITER | CASE_READER, NULL, streams, NULL},
    {"keys", CASE_WRITER | CASE_READER, NULL, keys, NULL},
    {"stat", CASE_WRITER | CASE_READER, NULL, stat, NULL},
    {"replay", CASE_WRITER | CASE_READER, NULL, replay, NULL},
    {"history", CASE_WRITER | CASE_READER, NULL, history, NULL},
    {"follow a writer", CASE_CLOSED, prepare_follow, follow, NULL},
    {"digest", CASE_FREE, NULL, digest, NULL},
    {NULL},
};
