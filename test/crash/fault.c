/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c — make the k-th allocation and the k-th operation of the disk fail, for every k, under a fixed script.
 *
 * The script goes through the public interface and carries on whatever fails. For every k: a failure is a status with
 * a text; nothing is left in the heap or open on the disk; no failed sync is tried again and nothing is queued after a
 * failure was reaped; a failure of the queue poisons the ledger; and what was acknowledged is there when the ledger is
 * opened again, after the end of the process as after a power cut.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/heap.h"
#include "engine/ledger/ledger.h"
#include "firn.h"
#include "test/crash/index_disk.h"
#include "test/disk/disk.h"

enum {
    BATCHES_MAX = 32,
    RECORDS = 3,
    PAYLOAD_SIZE = 5000,
    K_MAX = 20000,
    SEEDS = 4
};

/** One run of the script. */
typedef struct run {
    disk *d;
    frn_io *io;
    frn_heap heap;
    firn_ledger *ledger;
    const char *fault; /* For messages. */
    uint64_t k;
    uint64_t seed;    /* Of the disk: orders, parts of failed writes. */
    unsigned batches; /* Submitted so far. */
    bool acknowledged[BATCHES_MAX];
    unsigned answers; /* Of submitted calls. */
    unsigned submitted;
    uint64_t failures; /* Calls that failed. */
} run;

static void wrong(const run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void wrong(const run *r, const char *format, ...)
{
    char text[700];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_error("%s number %llu (%s): %s\n", r->fault, (unsigned long long)r->k,
                disk_counts_of(r->d)->failed > 0 ? disk_op_name(disk_counts_of(r->d)->failed_op) : "-", text);
    fail();
}

/* Every call's status passes here: a failure has a text, and its status stands in err too. */
static bool done(run *r, firn_status status, const firn_error *err)
{
    if (status >= 0) {
        return true;
    }
    r->failures++;
    if (err->status != status || strlen(err->text) < 5) {
        wrong(r, "status %s, error of %s with the text \"%s\"", firn_status_name(status), firn_status_name(err->status),
              err->text);
    }
    if ((status == FIRN_EIO || status == FIRN_EPOISONED) && err->os_errno == 0) {
        wrong(r, "%s without errno: %s", firn_status_name(status), err->text);
    }
    return false;
}

static firn_slice text_of(const char *text)
{
    return (firn_slice){.data = text, .size = strlen(text)};
}

/* Record i of batch b has a payload that starts with both. */
static void payload_of(unsigned b, unsigned i, char out[PAYLOAD_SIZE])
{
    memset(out, 'a' + (int)(b % 26), PAYLOAD_SIZE);
    (void)snprintf(out, PAYLOAD_SIZE, "batch %u record %u", b, i);
}

static firn_batch *collect(run *r, unsigned b)
{
    static char payload[PAYLOAD_SIZE];
    static const char *const streams[RECORDS] = {"one", "two", "three"};
    firn_batch *batch = NULL;
    firn_error err;
    firn_status status = firn_batch_new(r->ledger, &batch, &err);

    for (unsigned i = 0; i < RECORDS && status == FIRN_OK; i++) {
        payload_of(b, i, payload);
        status = firn_batch_event(batch, text_of(streams[i]), 1 + b, (firn_slice){payload, PAYLOAD_SIZE}, &err);
    }
    if (status == FIRN_OK && b % 4 == 1) {
        char key[16];

        (void)snprintf(key, sizeof key, "key %u", b);
        status = firn_batch_key(batch, text_of("scope"), text_of(key), NULL, &err);
    }
    if (!done(r, status, &err)) {
        firn_batch_free(batch);
        return NULL;
    }
    return batch;
}

static void commit(run *r)
{
    unsigned b = r->batches++;
    firn_batch *batch = collect(r, b);
    firn_error err;

    if (batch != NULL && done(r, firn_batch_commit(batch, NULL, &err), &err)) {
        r->acknowledged[b] = true;
    }
    firn_batch_free(batch);
}

typedef struct waiting {
    run *r;
    unsigned b;
} waiting;

static void on_done(void *arg, firn_status status, const firn_receipt *receipt, const firn_error *err)
{
    waiting *w = arg;

    (void)receipt;
    w->r->answers++;
    if (done(w->r, status, err)) {
        w->r->acknowledged[w->b] = true;
    }
}

static void submit(run *r, waiting *w)
{
    firn_submit_options options = {.struct_size = sizeof options, .done = on_done, .arg = w};
    firn_batch *batch;
    firn_status status;
    firn_error err;

    *w = (waiting){.r = r, .b = r->batches++};
    batch = collect(r, w->b);
    if (batch != NULL) {
        status = firn_batch_submit(batch, &options, NULL, &err);
        r->submitted += done(r, status, &err) && status == FIRN_OK ? 1 : 0;
    }
    firn_batch_free(batch);
}

static void read_all(run *r)
{
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 65536};
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    firn_status status;

    if (!done(r, firn_scan_open(r->ledger, &options, &scan, &err), &err)) {
        return;
    }
    do {
        status = firn_scan_next(scan, &record, &err);
        (void)done(r, status, &err);
    } while (status == FIRN_OK);
    firn_scan_close(scan);
}

static void look(run *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_view *view = NULL;
    firn_tail *tail = NULL;
    firn_buf buf = {0};
    firn_receipt receipt;
    firn_record record;
    firn_stream stream;
    firn_error err;

    read_all(r);
    (void)done(r, firn_get(r->ledger, 2, &buf, &record, &err), &err);
    firn_buf_free(&buf);
    if (done(r, firn_view_open(r->ledger, &view, &err), &err)) {
        (void)done(r, firn_stream_get(view, text_of("two"), &stream, &err), &err);
        (void)done(r, firn_stream_next(view, 1, &stream, &err), &err);
        (void)done(r, firn_key_get(view, text_of("scope"), text_of("key 1"), &receipt, &err), &err);
        firn_view_close(view);
    }
    if (done(r, firn_tail_open(r->ledger, NULL, &tail, &err), &err)) {
        (void)done(r, firn_tail_next(tail, 0, &record, &err), &err);
        firn_tail_close(tail);
    }
    (void)done(r, firn_stat(r->ledger, &stats, &err), &err);
}

static bool open_ledger(run *r, firn_open_mode mode, firn_error *err)
{
    firn_options options = {
        .struct_size = sizeof options,
        .mode = mode,
        /* With syncs of their own in half of the runs. */
        .durable_method = r->seed % 2 != 0 ? FIRN_DURABLE_DIRECT_DSYNC : FIRN_DURABLE_BUFFERED_SYNC,
        .progress = FIRN_PROGRESS_MANUAL,
        .segment_size = 65536,
        .group_size_max = 65536,
        .spare_segments = 1,
    };
    frn_ledger_seam seam = {.heap = &r->heap, .threads = false};
    frn_index_place place = index_disk_place(r->d);

    r->io = disk_open_io(r->d);
    seam.io = r->io;
    seam.index_place = disk_companion_of(r->d) != NULL ? &place : NULL;
    if (!done(r, frn_ledger_open_on(&seam, &options, &r->ledger, err), err)) {
        r->io->ops->close(r->io);
        r->io = NULL;
        r->ledger = NULL;
        return false;
    }
    return true;
}

/* A failure that the queue reported poisons: it shows in stat, and nothing is taken any more. */
static void check_poison(run *r)
{
    firn_stats stats = {.struct_size = sizeof stats};
    firn_event event = {.kind = 1};
    firn_error err;
    firn_status status;

    if (firn_stat(r->ledger, &stats, &err) != FIRN_OK || stats.poisoned_errno == 0) {
        wrong(r, "a write or sync of the queue failed, and the ledger is not poisoned");
    }
    status = firn_append(r->ledger, text_of("one"), &event, 1, NULL, NULL, &err);
    if (status != FIRN_EPOISONED && status != FIRN_ENOMEM) {
        wrong(r, "append to a poisoned ledger: %s", firn_status_name(status));
    }
}

static void close_ledger(run *r)
{
    firn_error err;

    (void)done(r, firn_close(r->ledger, &err), &err);
    r->ledger = NULL;
    r->io->ops->close(r->io);
    r->io = NULL;
    if (r->answers != r->submitted) {
        wrong(r, "%u calls submitted, %u answered", r->submitted, r->answers);
    }
}

static void life(run *r, firn_open_mode mode)
{
    uint64_t reaped = disk_counts_of(r->d)->failures_reaped;
    waiting waits[4];
    firn_error err;

    if (!open_ledger(r, mode, &err)) {
        return;
    }
    commit(r);
    for (unsigned i = 0; i < 4; i++) {
        submit(r, &waits[i]);
    }
    (void)done(r, firn_poll(r->ledger, 0, NULL, &err), &err);
    while (frn_ledger_step_make(r->ledger)) {
    }
    commit(r);
    (void)done(r, firn_key_age_set(r->ledger, UINT64_C(1) << 60, NULL, &err), &err);
    commit(r);
    if (r->seed % 3 == 2) {
        index_disk_spoil(r->d);
    }
    (void)frn_ledger_step_merge(r->ledger);
    (void)done(r, firn_sync(r->ledger, &err), &err);
    look(r);
    if (disk_counts_of(r->d)->failures_reaped > reaped) {
        check_poison(r);
    }
    close_ledger(r);
}

/* What is there: whole batches in the order of submission, each at most once, all that were acknowledged. */
static void check_content(const run *r, disk *d, const char *when)
{
    run again = {.d = d, .fault = r->fault, .k = r->k};
    firn_scan_options options = {.struct_size = sizeof options, .buffer_size = 65536};
    char want[PAYLOAD_SIZE];
    bool seen[BATCHES_MAX] = {false};
    firn_scan *scan = NULL;
    firn_record record;
    firn_error err;
    unsigned next = 0, i = 0;
    firn_status status;

    frn_heap_init(&again.heap);
    if (!open_ledger(&again, FIRN_OPEN_CREATE, &err)) {
        wrong(r, "the ledger does not open %s: %s", when, err.text);
    }
    if (firn_scan_open(again.ledger, &options, &scan, &err) != FIRN_OK) {
        wrong(r, "scan %s: %s", when, err.text);
    }
    while ((status = firn_scan_next(scan, &record, &err)) == FIRN_OK) {
        if (record.kind > FIRN_EVENT_KIND_MAX) {
            continue;
        }
        if (i == 0) {
            next = record.kind - 1 >= next && record.kind - 1 < r->batches ? record.kind - 1 : BATCHES_MAX;
        }
        payload_of(next, i, want);
        if (next == BATCHES_MAX || record.kind != next + 1 || record.batch_count != RECORDS ||
            record.payload.size != PAYLOAD_SIZE || memcmp(record.payload.data, want, PAYLOAD_SIZE) != 0) {
            wrong(r, "record %llu %s is not what should stand there", (unsigned long long)record.seq, when);
        }
        seen[next] = true;
        i = (i + 1) % RECORDS;
        next += i == 0 ? 1 : 0;
    }
    if (status != FIRN_END || i != 0) {
        wrong(r, "scan %s: %s", when, status == FIRN_END ? "a batch is not whole" : err.text);
    }
    firn_scan_close(scan);
    if (frn_ledger_check(again.ledger, &err) != FIRN_OK) {
        wrong(r, "rows %s: %s", when, err.text);
    }
    for (unsigned b = 0; b < r->batches; b++) {
        if (r->acknowledged[b] && !seen[b]) {
            wrong(r, "batch %u was acknowledged and is gone %s", b, when);
        }
    }
    close_ledger(&again);
}

/* The whole script under one fault, in two of three runs with an index that stays, in one of them
   until it turns out to be spoilt. Returns false if the fault did not
 * come: k is beyond the script's end. */
static bool script(run *r, uint64_t alloc_at, bool for_ever, uint64_t io_at, int io_errno, bool io_short)
{
    disk_controls *controls;
    const disk_counts *counts;
    disk_cut_plan plan = {.how = DISK_CUT_NONE, .seed = 1};
    disk *cut;
    bool came;

    r->d = disk_new(r->seed);
    if (r->seed % 3 != 0) {
        index_disk_add(r->d, false);
    }
    controls = disk_controls_of(r->d);
    counts = disk_counts_of(r->d);
    frn_heap_init(&r->heap);
    atomic_store(&r->heap.fail_at, (int64_t)alloc_at);
    r->heap.fail_for_ever = for_ever && alloc_at != 0;
    controls->fail_at = io_at;
    controls->fail_errno = io_errno;
    controls->fail_for_ever = for_ever;
    controls->fail_short = io_short;
    life(r, FIRN_OPEN_CREATE);
    life(r, FIRN_OPEN_CREATE);
    came = alloc_at != 0 ? atomic_load(&r->heap.fail_at) <= (r->heap.fail_for_ever ? 1 : 0) : counts->failed > 0;
    if (atomic_load(&r->heap.live) != 0) {
        wrong(r, "%lld allocations are left", (long long)atomic_load(&r->heap.live));
    }
    if (disk_handles(r->d) != 0) {
        wrong(r, "%u handles are left", disk_handles(r->d));
    }
    if (counts->misuses != 0) {
        wrong(r, "the seam was misused: %s", counts->misuse);
    }
    if (counts->syncs_after_failure != 0 || counts->writes_after_failure != 0) {
        wrong(r, "%llu syncs of a file whose sync had failed, %llu operations queued after a failure",
              (unsigned long long)counts->syncs_after_failure, (unsigned long long)counts->writes_after_failure);
    }
    controls->fail_at = 0;
    cut = disk_cut(r->d, &plan);
    check_content(r, r->d, "after the process");
    check_content(r, cut, "after a power cut");
    disk_free(cut);
    disk_free(r->d);
    return came;
}

static void sweep_allocations(const char *name, bool for_ever)
{
    uint64_t failures = 0;
    bool came = true;
    uint64_t k;

    for (k = 1; came && k < K_MAX; k++) {
        run r = {.fault = name, .k = k, .seed = 3 * k + 1};

        came = script(&r, k, for_ever, 0, 0, false);
        failures += r.failures;
    }
    print_message("%s: %llu allocations, %llu calls failed\n", name, (unsigned long long)k - 2,
                  (unsigned long long)failures);
    assert_false(came);
    assert_true(failures > 0);
}

static void sweep_io(const char *name, bool for_ever, int os_errno, bool is_short)
{
    uint64_t failures = 0;
    bool came = true;
    uint64_t k;

    for (k = 1; came && k < K_MAX; k++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            run r = {.fault = name, .k = k, .seed = seed};

            came = script(&r, 0, for_ever, k, os_errno, is_short);
            failures += r.failures;
        }
    }
    print_message("%s: %llu operations, %llu calls failed\n", name, (unsigned long long)k - 2,
                  (unsigned long long)failures);
    assert_false(came);
    assert_true(failures > 0);
}

/* Whichever single allocation fails, the call says so, and all that was acknowledged before and after is kept. */
static void test_one_allocation_fails(void **state)
{
    (void)state;
    sweep_allocations("failed allocation", false);
}

/* Memory runs out for good at any allocation. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    sweep_allocations("end of memory from allocation", true);
}

/* Whichever single operation of the disk fails with EIO. */
static void test_one_operation_fails(void **state)
{
    (void)state;
    sweep_io("EIO at operation", false, EIO, false);
}

/* The disk fails for good at any operation. */
static void test_disk_fails_for_good(void **state)
{
    (void)state;
    sweep_io("EIO from operation", true, EIO, false);
}

/* Any operation finds the disk full, although its place was made before. */
static void test_disk_is_full(void **state)
{
    (void)state;
    sweep_io("ENOSPC at operation", false, ENOSPC, false);
}

/* Any queued write comes back short; other operations fail. */
static void test_writes_come_short(void **state)
{
    (void)state;
    sweep_io("short write at operation", false, EIO, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_allocation_fails), cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_one_operation_fails),  cmocka_unit_test(test_disk_fails_for_good),
        cmocka_unit_test(test_disk_is_full),         cmocka_unit_test(test_writes_come_short),
    };
    int failed = cmocka_run_group_tests_name("fault", tests, NULL, NULL);

    image_pool_free();
    return failed;
}
