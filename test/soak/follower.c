/* SPDX-License-Identifier: Apache-2.0 */
/* follower.c — a process that follows a ledger, whatever happens to its writers. */
#include <malloc.h>
#include <stdio.h>

#include "test/soak/load.h"

enum {
    PAUSE_US = 20000,
    WAIT_NS = 100000000,
    WAITS_TO_OPEN_ANEW = 30
};

static void failed(const follower *f, const char *what, firn_status status, const firn_error *err)
{
    shared_trouble(f->shared, "follower: %s: %s: %s", what, firn_status_name(status), err->text);
}

/* A look at the rows, which are those of the index on disk and what came behind its mark. */
static void look(const follower *f, firn_ledger *ledger)
{
    firn_stream stream;
    firn_view *view = NULL;
    firn_error err;
    firn_status status = firn_view_open(ledger, &view, &err);

    if (status == FIRN_OK) {
        status = firn_stream_get(view, (firn_slice){.data = "soak", .size = 4}, &stream, &err);
        firn_view_close(view);
    }
    if (status < 0 && status != FIRN_ENOTFOUND) {
        failed(f, "view", status, &err);
    }
}

/* From where it was; returns to open anew. */
static void follow(const follower *f, firn_ledger *ledger, uint64_t *seq)
{
    firn_scan_options options = {.struct_size = sizeof options, .first_seq = *seq + 1, .buffer_size = 1 << 18};
    firn_tail *tail = NULL;
    firn_record record;
    firn_error err;
    firn_status status = firn_tail_open(ledger, &options, &tail, &err);

    for (unsigned waits = 0; status >= 0 && (f->stays || waits < WAITS_TO_OPEN_ANEW);) {
        const char *differs;

        status = firn_tail_next(tail, WAIT_NS, &record, &err);
        if (status != FIRN_OK) {
            look(f, ledger);
            (void)malloc_trim(0);
            waits++;
            continue;
        }
        differs = truth_differs(f->seed, &record);
        if (record.seq != *seq + 1 || differs != NULL) {
            shared_trouble(f->shared, "follower: record %llu after %llu: %s", (unsigned long long)record.seq,
                           (unsigned long long)*seq, differs == NULL ? "a hole" : differs);
        }
        *seq = record.seq;
        atomic_store(f->seen_seq, *seq);
    }
    firn_tail_close(tail);
    if (status < 0) {
        failed(f, "follow", status, &err);
    }
}

void follower_run(void *arg)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_READ};
    const follower *f = arg;
    uint64_t seq = 0;

    for (;;) {
        firn_ledger *ledger = NULL;
        firn_error err;
        firn_status status = firn_open(f->url, &options, &ledger, &err);

        if (status == FIRN_OK) {
            follow(f, ledger, &seq);
            (void)firn_close(ledger, &err);
        } else if (status != FIRN_EBUSY && status != FIRN_ENOTFOUND) {
            failed(f, "open", status, &err);
        }
        sleep_us(PAUSE_US);
    }
}
