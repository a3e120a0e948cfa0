/* SPDX-License-Identifier: Apache-2.0 */
/* damage_rig.c — write a small log, read it back. */
#include "test/crash/damage_rig.h"
#include "test/disk/small.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const segments[2] = {"0000000000000001.seg", "0000000000000002.seg"};

firn_error err;

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

firn_status rig_open(rig *r, disk *d, firn_open_mode mode)
{
    firn_options options = small_options(mode);
    frn_ledger_seam seam = {.heap = &r->heap, .threads = false};
    firn_status status;

    frn_heap_init(&r->heap);
    r->io = disk_open_io(d);
    seam.io = r->io;
    status = frn_ledger_open_on(&seam, &options, &r->ledger, &err);
    if (status != FIRN_OK) {
        r->io->ops->close(r->io);
        assert_int_equal(atomic_load(&r->heap.live), 0);
    }
    return status;
}

void rig_leave(rig *r, bool cleanly)
{
    if (cleanly) {
        assert_int_equal(firn_close(r->ledger, &err), FIRN_OK);
    } else {
        frn_ledger_abandon(r->ledger);
    }
    r->io->ops->close(r->io);
    assert_int_equal(atomic_load(&r->heap.live), 0);
}

void rig_append(rig *r, const char *stream, uint32_t kind, size_t size)
{
    written *w = &r->records[r->count++];
    firn_append_options options = {.struct_size = sizeof options};
    firn_event event = {.kind = kind, .payload = {.size = size}};

    *w = (written){.kind = kind, .size = size, .payload = malloc(size + 1)};
    assert_non_null(w->payload);
    for (size_t i = 0; i < size; i++) {
        w->payload[i] = (uint8_t)(kind * 31 + i * 7 + i / 256);
    }
    event.payload.data = w->payload;
    if (kind == 3) {
        options.scope = text_of("scope");
        options.key = text_of("key");
    }
    assert_int_equal(firn_append(r->ledger, text_of(stream), &event, 1, &options, NULL, &err), FIRN_OK);
}

rig rig_write(bool cleanly)
{
    rig r = {.d = disk_new(3)};

    assert_int_equal(rig_open(&r, r.d, FIRN_OPEN_NEW), FIRN_OK);
    rig_append(&r, "one", 1, 60);
    rig_append(&r, "two", 2, 0);
    rig_append(&r, "a stream with a longer name", 3, 200);
    rig_append(&r, "one", 4, LARGE);
    rig_append(&r, "two", 5, 30);
    rig_append(&r, "one", 6, 100);
    while (frn_ledger_step_drive(r.ledger) || frn_ledger_step_make(r.ledger)) {
    }
    /* Nothing that is written later knows that this one was durable. */
    rig_append(&r, "one", 7, 300);
    /* Nor is anything under way that would hold the lock. */
    while (frn_ledger_step_drive(r.ledger)) {
    }
    rig_leave(&r, cleanly);
    return r;
}

void rig_drop(rig *r)
{
    for (unsigned i = 0; i < r->count; i++) {
        free(r->records[i].payload);
    }
    disk_free(r->d);
}

/* Every record that is returned is the one that was written there. */
void rig_read_back(rig *r, outcome *out, const char *what)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = SEGMENT};
    firn_stats stats = {.struct_size = sizeof stats};
    firn_scan *scan = NULL;
    firn_record record;

    assert_int_equal(firn_stat(r->ledger, &stats, &err), FIRN_OK);
    out->damage_known = stats.damage.status < 0;
    assert_int_equal(firn_scan_open(r->ledger, &options, &scan, &err), FIRN_OK);
    while ((out->scan = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        const written *want = &r->records[out->records++];

        if (out->records > r->count || record.seq != out->records || record.kind != want->kind ||
            record.payload.size != want->size || memcmp(record.payload.data, want->payload, want->size) != 0) {
            print_error("%s: record %u came back wrong\n", what, out->records);
            fail();
        }
    }
    firn_scan_close(scan);
}

outcome rig_judge(rig *r, disk *d, const char *what)
{
    firn_verify_options options = {.struct_size = sizeof options};
    firn_report report = {.struct_size = sizeof report};
    frn_ledger_seam seam = {.heap = &r->heap, .threads = false};
    outcome out = {0};

    out.open = rig_open(r, d, FIRN_OPEN_READ);
    if (out.open == FIRN_OK) {
        rig_read_back(r, &out, what);
        rig_leave(r, true);
    } else if (err.text[0] == '\0') {
        print_error("%s: no text\n", what);
        fail();
    }
    seam.io = disk_open_io(d);
    out.verify = frn_ledger_verify_on(&seam, &options, &report, &err);
    seam.io->ops->close(seam.io);
    if (atomic_load(&r->heap.live) != 0 || (out.verify == FIRN_ECORRUPT) != (report.findings > 0 || err.status < 0)) {
        /* An error of verify itself has no report; findings and status must agree otherwise. */
        assert_int_equal(atomic_load(&r->heap.live), 0);
    }
    return out;
}

bool outcome_noticed(const outcome *out)
{
    return out->open < 0 || out->scan < 0 || out->verify < 0 || out->damage_known;
}

bool outcome_complete(const rig *r, const outcome *out)
{
    return out->open == FIRN_OK && out->scan == FIRN_END && out->records == r->count;
}

void rig_must_notice(const outcome *out, const char *what)
{
    if (!outcome_noticed(out)) {
        print_error("%s: nobody noticed\n", what);
        fail();
    }
}
