/* SPDX-License-Identifier: Apache-2.0 */
/* withstand.c — what a writer does when the disk below it fails and it is not killed. */
#include "test/kill/withstand.h"

#include <stdio.h>
#include <string.h>

#include "test/kill/reader.h"

void withstand_note(shared *s, firn_status status, const firn_error *err)
{
    if (atomic_fetch_add(&s->stopped, 1) == 0) {
        (void)snprintf(s->stop_text, sizeof s->stop_text, "%s", err->text);
        atomic_store(&s->stop_status, status);
    }
}

/* Nothing more is appended, and the reason stays the same. */
static void look_at_appends(shared *s, firn_ledger *ledger)
{
    firn_batch *batch = NULL;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_error err = {0};
    firn_status status = firn_batch_new(ledger, &batch, &err);

    status = status == FIRN_OK ? firn_batch_event(batch, (firn_slice){.data = "after", .size = 5}, 1,
                                                  (firn_slice){.data = "x", .size = 1}, &err)
                               : status;
    status = status == FIRN_OK ? firn_batch_commit(batch, NULL, &err) : status;
    if (status != FIRN_EPOISONED) {
        shared_trouble(s, "an append to a poisoned ledger: %s: %s", firn_status_name(status),
                       status < 0 ? err.text : "");
    }
    firn_batch_free(batch);
    status = firn_stat(ledger, &stats, &err);
    if (status == FIRN_OK && stats.poisoned_errno == 0) {
        shared_trouble(s, "a poisoned ledger does not say why: %s", s->stop_text);
    }
}

/* All that is durable can be read, up to where the device cannot. */
static void look_at_records(shared *s, firn_ledger *ledger)
{
    firn_scan_options options = {.struct_size = sizeof options};
    firn_cursor position;
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    firn_status status;
    uint64_t seq = 0;

    firn_position(ledger, &position);
    status = firn_scan_open(ledger, &options, &scan, &err);
    while (status == FIRN_OK && (status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        if (record.seq != ++seq) {
            shared_trouble(s, "a ledger on a failing device shows record %llu after %llu",
                           (unsigned long long)record.seq, (unsigned long long)seq - 1);
        }
        reader_note(s, &record);
    }
    firn_scan_close(scan);
    if (status == FIRN_END ? seq != position.seq : status != FIRN_EIO) {
        shared_trouble(s, "a scan up to %llu on a failing device ends at %llu with %s: %s",
                       (unsigned long long)position.seq, (unsigned long long)seq, firn_status_name(status),
                       status < 0 ? err.text : "");
    }
}

void withstand_look(shared *s, firn_ledger *ledger)
{
    if (atomic_load(&s->stopped) == 0) {
        return;
    }
    if (atomic_load(&s->stop_status) == FIRN_EPOISONED) {
        look_at_appends(s, ledger);
    }
    look_at_records(s, ledger);
}
