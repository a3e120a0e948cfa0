/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c — a process that reads a ledger while others write it, are killed, and lose their power. */
#include "test/kill/reader.h"

#include <unistd.h>

enum {
    PAUSE_US = 8000, /* Readers leave the processors to the writer most of the time. */
    FOLLOW_WAIT_NS = 3000000,
    FOLLOW_WAITS = 8, /* Without anything new; then the ledger is opened again. */
    OPENS_TO_LOOK = 4 /* From one look at the rows to the next. */
};

void reader_note(shared *s, const firn_record *record)
{
    unsigned long long digest = record_digest(record), before = 0;

    if (record->seq < SEEN_MAX && !atomic_compare_exchange_strong(&s->seen[record->seq], &before, digest) &&
        before != digest) {
        shared_trouble(s, "a reader was shown two different records %llu", (unsigned long long)record->seq);
    }
    atomic_fetch_add(&s->reads, 1);
}

static void failed(shared *s, const char *what, firn_status status, const firn_error *err)
{
    if (atomic_load(&s->cutting)) {
        for (;;) {
            (void)pause();
        }
    }
    shared_trouble(s, "reader: %s: %s: %s", what, firn_status_name(status), err->text);
}

static void read_all(shared *s, firn_ledger *ledger)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 1 << 18};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_scan *scan = NULL;
    firn_record record;
    uint64_t seq = 0;
    firn_error err;
    firn_status status;

    status = firn_stat(ledger, &stats, &err);
    if (status != FIRN_OK || stats.damage.status != FIRN_OK) {
        failed(s, "a healthy log", status, status == FIRN_OK ? &stats.damage : &err);
    }
    status = firn_scan_open(ledger, &options, &scan, &err);
    while (status == FIRN_OK && (status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        if (record.seq != ++seq) {
            shared_trouble(s, "a reader was shown record %llu after %llu", (unsigned long long)record.seq,
                           (unsigned long long)seq - 1);
        }
        reader_note(s, &record);
    }
    firn_scan_close(scan);
    if (status != FIRN_END) {
        failed(s, "scan", status, &err);
    }
}

/* The rows that this process reads, from the index on disk and behind its mark, must be those of the log. */
static void look_at_rows(shared *s, firn_ledger *ledger)
{
    firn_error err;
    firn_status status = firn_replay(ledger, NULL, NULL, &err);

    if (status != FIRN_OK) {
        failed(s, "rows", status, &err);
    }
    atomic_fetch_add(&s->looks, 1);
}

/* Goes on with what becomes durable, by whatever process, until nothing new has come for a while. */
static void follow(shared *s, firn_ledger *ledger)
{
    firn_scan_options options = {.struct_size = sizeof options};
    firn_tail *tail = NULL;
    unsigned waits = 0;
    firn_record record;
    firn_error err;
    firn_status status = firn_tail_open(ledger, &options, &tail, &err);

    while ((status == FIRN_OK || status == FIRN_TIMEOUT) && waits < FOLLOW_WAITS) {
        status = firn_tail_next(tail, FOLLOW_WAIT_NS, &record, &err);
        if (status == FIRN_OK) {
            reader_note(s, &record);
        }
        waits = status == FIRN_OK ? 0 : waits + 1;
    }
    firn_tail_close(tail);
    if (status < 0) {
        failed(s, "follow", status, &err);
    }
}

void reader_run(void *arg)
{
    const reader *r = arg;

    for (unsigned opens = 0;; opens++) {
        firn_ledger *ledger = NULL;
        firn_error err;
        firn_status status = firn_open(r->url, &r->options, &ledger, &err);

        if (status == FIRN_OK) {
            read_all(r->shared, ledger);
            if (opens % OPENS_TO_LOOK == 0) {
                look_at_rows(r->shared, ledger);
            }
            if (r->options.mode != FIRN_OPEN_READ) {
                /* Closing would make durable what recovery should have. */
                (void)pause();
            }
            if (r->follows) {
                follow(r->shared, ledger);
            }
            (void)firn_close(ledger, &err);
        } else if (status != FIRN_EBUSY && status != FIRN_EBEHIND && status != FIRN_ENOTFOUND) {
            failed(r->shared, "open", status, &err);
        }
        sleep_us(PAUSE_US);
    }
}
