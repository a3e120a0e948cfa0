/* SPDX-License-Identifier: Apache-2.0 */
/* test_api_stores_batch.c — verbs of all stores and raw events in one batch: atomic, in order, and under every fault.
 */
#include <stdio.h>

#include "engine/io/io.h"
#include "engine/ledger/ledger.h"
#include "test/api/api.h"

static const firn_run_summary summary = {.total_events = 2, .success = 1};

/* What one batch did. */
typedef struct done {
    firn_content_put_result content;
    firn_run_created created;
    firn_run_appended appended;
    firn_release_result release;
    uint64_t event_seqs[2];
} done;

/* put + create + append + end + promote, with a raw event between them. */
static firn_status fill(firn_batch *batch, const char *run_id, done *out, firn_error *err)
{
    static const uint8_t spec[FIRN_DIGEST_SIZE];
    firn_run_args run = {.struct_size = sizeof run, .run_id = S(run_id), .spec_digest = spec, .agent_name = S("a")};
    firn_release_args release = {.struct_size = sizeof release, .name = S("agent"), .spec_digest = spec};
    firn_run_event events[2] = {{.auto_seq = 1, .kind = S("k"), .payload = S(" {\"a\":1} ")},
                                {.auto_seq = 1, .kind = S("k"), .payload = S("2")}};
    firn_status status = firn_batch_content_put(batch, S(run_id), NULL, &out->content, err);

    if (status == FIRN_OK) {
        status = firn_batch_run_create(batch, &run, &out->created, err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_run_append(batch, S(run_id), events, 2, out->event_seqs, &out->appended, err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_event(batch, S("raw"), 1, S("payload"), err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_run_end(batch, S(run_id), FIRN_RUN_COMPLETED, &summary, err);
    }
    return status == FIRN_OK ? firn_batch_release_promote(batch, &release, &out->release, err) : status;
}

/* Each verb sees what those before it did, and all of it is one batch. */
static void test_together(void **state)
{
    api_world *world = *state;
    firn_receipt receipt;
    firn_batch *batch;
    firn_view *view;
    firn_buf buf = {0};
    firn_run run;
    done out;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, fill(batch, "R", &out, &err));
    OK(err, firn_batch_commit(batch, &receipt, &err));
    firn_batch_free(batch);
    assert_int_equal(receipt.count, 7);
    assert_int_equal(out.content.existing, 0);
    assert_int_equal(out.created.created, 1);
    assert_int_equal(out.appended.appended, 2);
    assert_int_equal(out.event_seqs[1], 2);
    assert_int_equal(out.release.release_number, 1);
    assert_int_equal(out.release.seq, receipt.first_seq + 6);
    OK(err, frn_ledger_check(world->ledger, &err));
    api_reopen(world);
    OK(err, firn_view_open(world->ledger, &view, &err));
    OK(err, firn_run_get(view, S("R"), &buf, &run, &err));
    assert_int_equal(run.status, FIRN_RUN_COMPLETED);
    assert_int_equal(run.event_count, 2);
    firn_buf_free(&buf);
    firn_view_close(view);
}

/* One refusal takes back everything, the rows of verbs before it too. */
static void test_refused(void **state)
{
    api_world *world = *state;
    firn_run_event late = {.auto_seq = 1, .kind = S("late"), .payload = S("1")};
    firn_batch *batch;
    firn_view *view;
    firn_buf buf = {0};
    firn_run run;
    firn_release release;
    int has;
    done out;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    OK(err, fill(batch, "R", &out, &err));
    OK(err, firn_batch_run_append(batch, S("R"), &late, 1, NULL, NULL, &err));
    EXPECT(FIRN_ESTATE, err, "commit batch: run R is COMPLETED, expected RUNNING",
           firn_batch_commit(batch, NULL, &err));
    assert_int_equal(api_count(world->ledger), 0);
    OK(err, firn_view_open(world->ledger, &view, &err));
    assert_int_equal(firn_run_get(view, S("R"), &buf, &run, &err), FIRN_ENOTFOUND);
    assert_int_equal(firn_release_current(view, S("agent"), &buf, &release, &err), FIRN_END);
    OK(err, firn_content_has(view, out.content.digest, &has, &err));
    assert_int_equal(has, 0);
    firn_view_close(view);
    firn_batch_reset(batch);
    OK(err, fill(batch, "R", &out, &err));
    OK(err, firn_batch_commit(batch, NULL, &err));
    firn_batch_free(batch);
    firn_buf_free(&buf);
    OK(err, frn_ledger_check(world->ledger, &err));
}

/* A batch with an idempotency key does its work once, whatever stores it speaks to. */
static void test_key(void **state)
{
    api_world *world = *state;
    firn_receipt first, again;
    firn_batch *batch;
    done out;
    firn_error err;

    OK(err, firn_batch_new(world->ledger, &batch, &err));
    for (int i = 0; i < 2; i++) {
        firn_batch_reset(batch);
        OK(err, fill(batch, "R", &out, &err));
        OK(err, firn_batch_key(batch, S("scope"), S("key"), NULL, &err));
        OK(err, firn_batch_commit(batch, i == 0 ? &first : &again, &err));
    }
    assert_int_equal(again.existing, 1);
    assert_int_equal(again.first_seq, first.first_seq);
    assert_int_equal(api_count(world->ledger), 7);
    firn_batch_reset(batch);
    OK(err, fill(batch, "S", &out, &err));
    OK(err, firn_batch_key(batch, S("scope"), S("key"), NULL, &err));
    assert_int_equal(firn_batch_commit(batch, NULL, &err), FIRN_ECONFLICT);
    firn_batch_free(batch);
}

/* Reads everything that the script writes. */
static firn_status read_back(firn_ledger *ledger, firn_error *err)
{
    firn_view *view = NULL;
    firn_run_list *list = NULL;
    firn_run_events *events = NULL;
    firn_run run;
    firn_run_event event;
    firn_content content;
    firn_release release;
    firn_buf buf = {0}, bytes = {0};
    firn_status status = firn_view_open(ledger, &view, err);

    if (status == FIRN_OK) {
        status = firn_run_list_open(view, NULL, &list, err);
    }
    while (status == FIRN_OK) {
        status = firn_run_list_next(list, &run, err);
    }
    if (status == FIRN_END) {
        status = firn_run_events_open(
            view, S("R"), &(firn_run_events_options){sizeof(firn_run_events_options), .reverse = 1}, &events, err);
    }
    while (status == FIRN_OK) {
        status = firn_run_events_next(events, &event, err);
    }
    if (status == FIRN_END) {
        status = firn_content_next(view, NULL, &content, err);
    }
    if (status == FIRN_OK) {
        status = firn_content_get(view, content.digest, NULL, &bytes, err);
    }
    if (status == FIRN_OK) {
        status = firn_release_current(view, S("agent"), &buf, &release, err);
    }
    firn_buf_free(&buf);
    firn_buf_free(&bytes);
    firn_run_events_close(events);
    firn_run_list_close(list);
    firn_view_close(view);
    return status;
}

/* The script of the sweep: a batch over all stores, large content, and all reads. */
static firn_status script(firn_ledger *ledger, firn_error *err)
{
    static uint8_t large[200000];
    firn_batch *batch = NULL;
    firn_content_writer *writer = NULL;
    done out;
    firn_status status = firn_batch_new(ledger, &batch, err);

    large[0] = 1;
    if (status == FIRN_OK) {
        status = fill(batch, "R", &out, err);
    }
    if (status == FIRN_OK) {
        status = firn_batch_commit(batch, NULL, err);
        status = status == FIRN_ESTATE ? FIRN_OK : status;
    }
    firn_batch_free(batch);
    if (status == FIRN_OK) {
        status = firn_content_put(ledger, (firn_slice){large, sizeof large - 1}, NULL, NULL, err);
    }
    if (status == FIRN_OK) {
        status = firn_content_writer_open(ledger, &writer, err);
    }
    if (status == FIRN_OK) {
        status = firn_content_writer_write(writer, (firn_slice){large, sizeof large}, err);
    }
    if (status == FIRN_OK) {
        status = firn_content_writer_finish(writer, NULL, NULL, err);
    }
    firn_content_writer_close(writer);
    return status == FIRN_OK ? read_back(ledger, err) : status;
}

/* Whichever allocation fails, the call says FIRN_ENOMEM, nothing leaks, and rows and log agree. */
static void test_allocations(void **state)
{
    firn_options options = {.struct_size = sizeof options, .mode = FIRN_OPEN_NEW, .content_chunk_size = 65536};
    bool met = true;

    (void)state;
    for (int64_t at = 1; met; at++) {
        frn_heap heap;
        frn_io *io;
        frn_memory_disk *disk;
        firn_ledger *ledger;
        firn_status status;
        firn_error err;

        frn_heap_init(&heap);
        OK(err, frn_memory_disk_new(&heap, &disk, &err));
        OK(err, frn_io_open_memory(&heap, disk, &io, &err));
        OK(err, frn_ledger_open_on(&(frn_ledger_seam){&heap, io, false}, &options, &ledger, &err));
        atomic_store(&heap.fail_at, at);
        status = script(ledger, &err);
        met = atomic_load(&heap.fail_at) <= 0;
        atomic_store(&heap.fail_at, 0);
        if (status != FIRN_OK && status != FIRN_ENOMEM) {
            fail_msg("allocation %lld: %s", (long long)at, err.text);
        }
        OK(err, script(ledger, &err));
        OK(err, frn_ledger_check(ledger, &err));
        OK(err, firn_close(ledger, &err));
        io->ops->close(io);
        frn_memory_disk_free(disk);
        assert_int_equal(atomic_load(&heap.live), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_together),
        ON_BOTH(test_refused),
        ON_MEMORY(test_key),
        cmocka_unit_test(test_allocations),
    };

    return cmocka_run_group_tests_name("api_stores_batch", tests, NULL, NULL);
}
