/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_faults.c — a write that fails, a disk that is full, memory that runs out: what each call says, and after. */
#include "test/api/api.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/heap.h"
#include "engine/index/lmdb.h"
#include "engine/ledger/ledger.h"
#include "test/api/fault_io.h"

/* A ledger without threads on a disk in memory that can be told to fail. */
typedef struct faulty {
    frn_heap disk_heap; /* Of the disk: never faulty. */
    frn_heap heap;      /* Of the ledger. */
    frn_memory_disk *disk;
    frn_io *below;
    fault_io io;
    firn_options options;
    firn_ledger *ledger;
    const char *index_folder; /* NULL: the index is in memory. */
} faulty;

static void faulty_begin(faulty *f, frn_heap *io_heap)
{
    firn_error err;

    memset(f, 0, sizeof *f);
    frn_heap_init(&f->disk_heap);
    frn_heap_init(&f->heap);
    OK(err, frn_memory_disk_new(&f->disk_heap, &f->disk, &err));
    OK(err, frn_io_open_memory(io_heap != NULL ? io_heap : &f->disk_heap, f->disk, &f->below, &err));
    fault_io_init(&f->io, f->below);
    f->options = (firn_options){
        .struct_size = sizeof f->options,
        .mode = FIRN_OPEN_CREATE,
        .segment_size = 65536,
        .spare_segments = 1,
        .group_size_max = 65536,
    };
}

static firn_status faulty_open(faulty *f, firn_error *err)
{
    return frn_ledger_open_on(&(frn_ledger_seam){&f->heap, &f->io.io, false, f->index_folder}, &f->options, &f->ledger,
                              err);
}

static void faulty_finish(faulty *f)
{
    f->below->ops->close(f->below);
    frn_memory_disk_free(f->disk);
    assert_int_equal(atomic_load(&f->heap.live), 0);
    assert_int_equal(atomic_load(&f->disk_heap.live), 0);
}

static const firn_event event = {1, {"x", 1}};

/* After a failed write nothing is refused any more for a reason that may be void: every answer is "unknown". */
static void test_poison(void **state)
{
    firn_append_options wrong = {.struct_size = sizeof wrong, .has_expected_version = 1, .expected_version = 9};
    firn_append_options keyed = {.struct_size = sizeof keyed, .key = S("k")};
    firn_ticket *success, *refusal, *existing;
    firn_stats stats = {.struct_size = sizeof stats};
    firn_receipt receipt;
    firn_record record;
    firn_tail *tail;
    firn_error err;
    faulty f;

    (void)state;
    faulty_begin(&f, NULL);
    OK(err, faulty_open(&f, &err));
    (void)APPEND(f.ledger, "s", 1, "durable");
    OK(err, firn_tail_open(f.ledger, NULL, &tail, &err));
    OK(err, firn_append_submit(f.ledger, S("s"), &event, 1, &keyed, NULL, &success, &err));
    OK(err, firn_append_submit(f.ledger, S("s"), &event, 1, &wrong, NULL, &refusal, &err));
    OK(err, firn_append_submit(f.ledger, S("s"), &event, 1, &keyed, NULL, &existing, &err));
    atomic_store(&f.io.fail_queued, EIO);
    while (frn_ledger_step_drive(f.ledger)) {
    }
    EXPECT(FIRN_EPOISONED, err, NULL, firn_ticket_poll(success, &receipt, &err));
    assert_int_equal(err.os_errno, EIO);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_ticket_poll(refusal, &receipt, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_ticket_wait(existing, -1, &receipt, &err));
    firn_ticket_free(success);
    firn_ticket_free(refusal);
    firn_ticket_free(existing);
    atomic_store(&f.io.fail_queued, 0);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_append(f.ledger, S("s"), &event, 1, NULL, NULL, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_append_submit(f.ledger, S("s"), &event, 1, NULL, NULL, &success, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_sync(f.ledger, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_poll(f.ledger, 0, NULL, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_wait(f.ledger, 1, 0, &err));
    OK(err, firn_stat(f.ledger, &stats, &err));
    assert_int_equal(stats.poisoned_errno, EIO);
    assert_int_equal(stats.durable_seq, 1);
    assert_int_equal(stats.allocated_seq, 2);
    assert_int_equal(stats.tickets_count, 0);
    /* Reading goes on: what was durable, and nothing else. */
    OK(err, firn_tail_next(tail, -1, &record, &err));
    assert_int_equal(record.seq, 1);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_tail_next(tail, 0, &record, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_tail_next(tail, -1, &record, &err));
    firn_tail_close(tail);
    assert_int_equal(api_count(f.ledger), 1);
    assert_int_equal(api_stream(f.ledger, "s").version, 1);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_close(f.ledger, &err));
    OK(err, faulty_open(&f, &err));
    assert_true(api_count(f.ledger) == 1 || api_count(f.ledger) == 2);
    OK(err, frn_ledger_check(f.ledger, &err));
    OK(err, firn_close(f.ledger, &err));
    faulty_finish(&f);
}

/* Once the log is poisoned the index on disk is left alone, also by the close: its disk has failed as well. */
static void test_poisoned_is_not_merged(void **state)
{
    firn_stats stats = {.struct_size = sizeof stats};
    char folder[64];
    firn_error err;
    faulty f;

    (void)state;
    (void)snprintf(folder, sizeof folder, "poisoned-%d", (int)getpid());
    faulty_begin(&f, NULL);
    f.index_folder = folder;
    OK(err, faulty_open(&f, &err));
    (void)APPEND(f.ledger, "s", 1, "durable");
    atomic_store(&f.io.fail_queued, EIO);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_append(f.ledger, S("s"), &event, 1, NULL, NULL, &err));
    atomic_store(&f.io.fail_queued, 0);
    assert_false(frn_ledger_step_merge(f.ledger));
    OK(err, firn_stat(f.ledger, &stats, &err));
    assert_int_equal(stats.merged_seq, 0);
    assert_string_equal(stats.index_note, "is not merged: the log is poisoned");
    EXPECT(FIRN_EPOISONED, err, NULL, firn_close(f.ledger, &err));
    OK(err, faulty_open(&f, &err));
    OK(err, firn_stat(f.ledger, &stats, &err));
    assert_int_equal(stats.replayed_records, stats.durable_seq);
    OK(err, firn_close(f.ledger, &err));
    OK(err, frn_index_remove_lmdb(folder, &err));
    faulty_finish(&f);
}

/* A blocking call that is refused on the ground of a write that then fails does not hear the refusal. */
static void test_blocking_refusal_poisoned(void **state)
{
    firn_append_options wrong = {.struct_size = sizeof wrong, .has_expected_version = 1, .expected_version = 9};
    firn_ticket *ground;
    firn_batch *batch;
    firn_error err;
    faulty f;

    (void)state;
    faulty_begin(&f, NULL);
    OK(err, faulty_open(&f, &err));
    OK(err, firn_append_submit(f.ledger, S("s"), &event, 1, NULL, NULL, &ground, &err));
    atomic_store(&f.io.fail_queued, ENOSPC);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_append(f.ledger, S("s"), &event, 1, &wrong, NULL, &err));
    assert_int_equal(err.os_errno, ENOSPC);
    firn_ticket_free(ground);
    OK(err, firn_batch_new(f.ledger, &batch, &err));
    OK(err, firn_batch_expect(batch, S("s"), 9, &err));
    EXPECT(FIRN_EPOISONED, err, NULL, firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
    EXPECT(FIRN_EPOISONED, err, NULL, firn_close(f.ledger, &err));
    faulty_finish(&f);
}

/* A disk on which no further segment can be made: calls say so, nothing is lost, and it goes on when there is room. */
static void test_no_space(void **state)
{
    uint8_t payload[4000] = {0};
    firn_event big = {1, {payload, sizeof payload}};
    firn_ticket *ticket = NULL;
    firn_status status = FIRN_OK;
    uint64_t appended = 0;
    firn_error err;
    faulty f;

    (void)state;
    faulty_begin(&f, NULL);
    OK(err, faulty_open(&f, &err));
    atomic_store(&f.io.fail_fill, ENOSPC);
    while (status == FIRN_OK && appended < 1000) {
        status = firn_append(f.ledger, S("s"), &big, 1, NULL, NULL, &err);
        appended += status == FIRN_OK;
    }
    assert_int_equal(status, FIRN_ENOSPC);
    assert_int_equal(err.os_errno, ENOSPC);
    status = firn_append_submit(f.ledger, S("s"), &big, 1, NULL, NULL, &ticket, &err);
    assert_true(status == FIRN_ENOSPC || status == FIRN_FULL);
    assert_null(ticket);
    assert_int_equal(api_count(f.ledger), appended);
    OK(err, frn_ledger_check(f.ledger, &err));
    atomic_store(&f.io.fail_fill, 0);
    /* The failed attempt may be said once more before the next one is made. */
    status = firn_append(f.ledger, S("s"), &big, 1, NULL, NULL, &err);
    if (status == FIRN_ENOSPC) {
        status = firn_append(f.ledger, S("s"), &big, 1, NULL, NULL, &err);
    }
    assert_int_equal(status, FIRN_OK);
    assert_int_equal(api_stream(f.ledger, "s").version, appended + 1);
    OK(err, firn_close(f.ledger, &err));
    faulty_finish(&f);
}

/* With memory that may run out: the call succeeds or says so. */
#define TRY(call)                                                \
    do {                                                         \
        status = (call);                                         \
        if (status != FIRN_OK && status != FIRN_ENOMEM) {        \
            print_error("%s: %s\n", #call, err.text);            \
        }                                                        \
        assert_true(status == FIRN_OK || status == FIRN_ENOMEM); \
    } while (0)

/* One of every read that allocates. */
static void read_everything(firn_ledger *ledger)
{
    firn_buf buf = {0};
    firn_view *view = NULL;
    firn_scan *scan = NULL;
    firn_tail *tail = NULL;
    firn_record record;
    firn_stream stream;
    firn_error err;
    firn_status status;

    TRY(firn_view_open(ledger, &view, &err));
    if (status == FIRN_OK) {
        status = firn_stream_get(view, S("s"), &stream, &err);
        assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND || status == FIRN_ENOMEM);
        firn_view_close(view);
    }
    TRY(firn_scan_open(ledger, NULL, &scan, &err));
    if (status == FIRN_OK) {
        status = firn_scan_next(scan, &record, &err);
        assert_true(status == FIRN_OK || status == FIRN_END || status == FIRN_ENOMEM);
        firn_scan_close(scan);
    }
    TRY(firn_tail_open(ledger, NULL, &tail, &err));
    if (status == FIRN_OK) {
        status = firn_tail_next(tail, 0, &record, &err);
        assert_true(status == FIRN_OK || status == FIRN_TIMEOUT || status == FIRN_ENOMEM);
        firn_tail_close(tail);
    }
    status = firn_get(ledger, 1, &buf, &record, &err);
    assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND || status == FIRN_ENOMEM);
    firn_buf_free(&buf);
    TRY(firn_replay(ledger, NULL, NULL, &err));
}

/* One call of each kind that allocates, as far as memory lasts. Returns the records that were acknowledged. */
static uint64_t use_everything(firn_ledger *ledger)
{
    firn_append_options keyed = {.struct_size = sizeof keyed, .scope = S("c"), .key = S("k")};
    firn_event events[2] = {{1, S("a")}, {2, S("b")}};
    firn_receipt receipt;
    firn_ticket *ticket = NULL;
    firn_batch *batch = NULL;
    uint64_t acknowledged = 0;
    firn_error err;
    firn_status status;

    TRY(firn_append(ledger, S("s"), events, 2, &keyed, &receipt, &err));
    acknowledged += status == FIRN_OK ? receipt.count : 0;
    TRY(firn_append_submit(ledger, S("t"), events, 1, NULL, NULL, &ticket, &err));
    if (status == FIRN_OK) {
        TRY(firn_ticket_wait(ticket, -1, &receipt, &err));
        acknowledged += status == FIRN_OK;
        firn_ticket_free(ticket);
    }
    TRY(firn_batch_new(ledger, &batch, &err));
    for (int i = 0; i < 40 && status == FIRN_OK; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "n%d", i);
        TRY(firn_batch_event(batch, S(name), 1, S("payload"), &err));
        if (status == FIRN_OK) {
            TRY(firn_batch_expect(batch, S(name), 0, &err));
        }
    }
    if (status == FIRN_OK) {
        TRY(firn_batch_commit(batch, &receipt, &err));
        acknowledged += status == FIRN_OK ? receipt.count : 0;
    }
    firn_batch_free(batch);
    read_everything(ledger);
    return acknowledged;
}

/* One round of the sweep: the at-th allocation fails. Returns whether the fault was met. */
static bool sweep_round(int64_t at, bool for_ever)
{
    uint64_t acknowledged = 0;
    firn_status status;
    firn_error err;
    bool met;
    faulty f;

    faulty_begin(&f, NULL);
    f.heap.fail_for_ever = for_ever;
    atomic_store(&f.heap.fail_at, at);
    status = faulty_open(&f, &err);
    if (status == FIRN_OK) {
        acknowledged = use_everything(f.ledger);
    } else {
        assert_int_equal(status, FIRN_ENOMEM);
        assert_int_equal(err.status, FIRN_ENOMEM);
    }
    met = for_ever ? atomic_load(&f.heap.fail_at) == 1 : atomic_load(&f.heap.fail_at) <= 0;
    atomic_store(&f.heap.fail_at, 0);
    if (status == FIRN_OK) {
        if (!for_ever) {
            OK(err, frn_ledger_check(f.ledger, &err));
        }
        (void)firn_close(f.ledger, NULL);
    }
    assert_int_equal(atomic_load(&f.heap.live), 0);
    OK(err, faulty_open(&f, &err));
    assert_int_equal(api_count(f.ledger), acknowledged);
    OK(err, frn_ledger_check(f.ledger, &err));
    OK(err, firn_close(f.ledger, &err));
    faulty_finish(&f);
    return met;
}

/* Every single allocation of an open and of one call of each kind fails once: ENOMEM, no leak, nothing half done. */
static void test_allocation_sweep(void **state)
{
    int64_t at = 1;

    (void)state;
    while (sweep_round(at, false)) {
        at++;
    }
    assert_true(at > 20);
    print_message("%d allocations failed in turn\n", (int)at - 1);
}

/* From some allocation on, none succeeds any more. */
static void test_allocation_end(void **state)
{
    (void)state;
    for (int64_t at = 1; at < 60; at++) {
        (void)sweep_round(at, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_poisoned_is_not_merged),
        cmocka_unit_test(test_blocking_refusal_poisoned),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_allocation_sweep),
        cmocka_unit_test(test_allocation_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
