/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c — a process that reads a ledger while others write it, are killed, and lose their power. */
#include "test/kill/reader.h"

#include <unistd.h>

enum {
    PAUSE_US = 1000
};

/* Two readers that were shown one seq must have been shown the same. */
static void note(shared *s, const firn_record *record)
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
        note(s, &record);
    }
    firn_scan_close(scan);
    if (status != FIRN_END) {
        failed(s, "scan", status, &err);
    }
    atomic_fetch_add(&s->reads_ended, 1);
}

void reader_run(void *arg)
{
    const reader *r = arg;
    firn_options options = r->options;

    options.mode = FIRN_OPEN_READ;
    for (;;) {
        firn_ledger *ledger = NULL;
        firn_error err;
        firn_status status = firn_open(r->url, &options, &ledger, &err);

        if (status == FIRN_OK) {
            read_all(r->shared, ledger);
            (void)firn_close(ledger, &err);
        } else if (status != FIRN_EBUSY && status != FIRN_EBEHIND && status != FIRN_ENOTFOUND) {
            failed(r->shared, "open", status, &err);
        }
        sleep_us(PAUSE_US);
    }
}
