/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_api_rows.c — a row of the index that cannot be read or written, or makes no sense, wherever the engine wants
 * one.
 *
 * A script uses every verb and every query once or more, over an index whose k-th operation goes wrong
 * (spoilt_index.h), for every k. Whatever it meets, a call says so with a text, the script goes on, what was
 * acknowledged is in the log, and the ledger, opened again over rows made anew, holds nothing else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/heap.h"
#include "engine/io/io.h"
#include "test/api/runs.h"
#include "test/api/spoilt_index.h"

enum {
    MEMORY = SPOILT_HOWS, /* No row is spoilt; an allocation fails. */
    OPERATIONS_MAX = 5000,
    VERBS = 150,
    BIG = 70 * 1024 /* Two chunks. */
};

/** One run of the script. */
typedef struct run {
    frn_heap heap;
    frn_memory_disk *disk;
    frn_io *io;
    firn_ledger *ledger;
    spoilt_index spoilt;
    int64_t clock_ns;
    uint64_t acknowledged; /* The last seq that a receipt named. */
    unsigned failures;
    int how;
    int life; /* In the second one much is refused, for it is there. */
} run;

static firn_error err;

static int64_t clock_of(void *arg)
{
    return ((run *)arg)->clock_ns;
}

/* Every status passes here. */
static bool done(run *r, firn_status status)
{
    if (status >= 0) {
        return status == FIRN_OK;
    }
    r->failures++;
    r->spoilt.hit += r->how == MEMORY && atomic_load(&r->heap.fail_at) <= 0;
    assert_int_equal(err.status, status);
    assert_true(strlen(err.text) >= 5);
    if (r->life == 0 && r->spoilt.hit == 0) {
        fail_msg("%s: %s", firn_status_name(status), err.text);
    }
    return false;
}

static void acknowledge(run *r, firn_status status, const firn_receipt *receipt)
{
    if (done(r, status) && receipt->first_seq != 0) {
        r->acknowledged = receipt->first_seq + receipt->count - 1;
    }
}

static bool open_ledger(run *r, bool over_spoilt)
{
    firn_options options = {
        .struct_size = sizeof options,
        .mode = FIRN_OPEN_CREATE,
        .progress = FIRN_PROGRESS_MANUAL,
        .segment_size = 256 * 1024,
        .group_size_max = 64 * 1024,
        .spare_segments = 1,
        .groups_in_flight_max = 2,
        .content_chunk_size = 64 * 1024,
        .clock = clock_of,
        .clock_arg = r,
    };
    frn_index_place place = spoilt_index_place(&r->spoilt);
    frn_ledger_seam seam = {.heap = &r->heap, .index_place = over_spoilt ? &place : NULL};

    if (!done(r, frn_io_open_memory(&r->heap, r->disk, &r->io, &err))) {
        return false;
    }
    seam.io = r->io;
    if (!done(r, frn_ledger_open_on(&seam, &options, &r->ledger, &err))) {
        r->io->ops->close(r->io);
        return false;
    }
    return true;
}

static void close_ledger(run *r)
{
    OK(err, firn_close(r->ledger, &err));
    r->io->ops->close(r->io);
}

static void events(run *r)
{
    firn_append_options keyed = {.struct_size = sizeof keyed, .key = S("key"), .scope = S("scope")};
    firn_event event[] = {{.kind = 1, .payload = S("one")}, {.kind = 2, .payload = S("two")}};
    firn_receipt receipt = {0};
    firn_batch *batch = NULL;

    acknowledge(r, firn_key_age_set(r->ledger, UINT64_C(10000000000), &receipt, &err), &receipt);
    acknowledge(r, firn_append(r->ledger, S("a"), event, 2, &keyed, &receipt, &err), &receipt);
    /* The same again, then over the age of its key. */
    (void)done(r, firn_append(r->ledger, S("a"), event, 2, &keyed, &receipt, &err));
    r->clock_ns += INT64_C(20000000000);
    keyed.key = S("another");
    acknowledge(r, firn_append(r->ledger, S("b"), event, 1, &keyed, &receipt, &err), &receipt);
    keyed.key = S("key");
    acknowledge(r, firn_append(r->ledger, S("a"), event, 2, &keyed, &receipt, &err), &receipt);
    if (done(r, firn_batch_new(r->ledger, &batch, &err))) {
        (void)done(r, firn_batch_expect(batch, S("a"), 4, &err));
        (void)done(r, firn_batch_event(batch, S("b"), 3, S("three"), &err));
        (void)done(r, firn_batch_event(batch, S("a"), 4, S("four"), &err));
        acknowledge(r, firn_batch_commit(batch, &receipt, &err), &receipt);
        firn_batch_free(batch);
    }
}

static firn_slice big(void)
{
    static uint8_t bytes[BIG];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 / 7);
    }
    return (firn_slice){bytes, sizeof bytes};
}

static void contents(run *r)
{
    firn_content_writer *writer = NULL;

    (void)done(r, firn_content_put(r->ledger, S("small"), NULL, NULL, &err));
    (void)done(r, firn_content_put(r->ledger, S("small"), NULL, NULL, &err));
    if (done(r, firn_content_writer_open(r->ledger, &writer, &err))) {
        (void)done(r, firn_content_writer_write(writer, big(), &err));
        (void)done(r, firn_content_writer_finish(writer, NULL, NULL, &err));
        firn_content_writer_close(writer);
    }
}

static void runs(run *r)
{
    static const uint64_t numbers[] = {1, 2, 70, 3, 1};
    firn_run_args args = meta("run");

    (void)done(r, firn_run_create(r->ledger, &args, NULL, &err));
    (void)done(r, firn_run_create(r->ledger, &args, NULL, &err));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        firn_run_event event = ev(numbers[i], "tool");

        (void)done(r, firn_run_append(r->ledger, S("run"), &event, 1, NULL, NULL, &err));
    }
    (void)done(r, firn_run_end(r->ledger, S("run"), FIRN_RUN_COMPLETED, &sum0, &err));
    args = meta("other");
    (void)done(r, firn_run_create(r->ledger, &args, NULL, &err));
}

static void releases(run *r)
{
    firn_release_args args = {.struct_size = sizeof args, .name = S("release"), .spec_digest = spec};

    for (int i = 0; i < 2; i++) {
        (void)done(r, firn_release_promote(r->ledger, &args, NULL, &err));
    }
    args.name = S("second");
    (void)done(r, firn_release_promote(r->ledger, &args, NULL, &err));
}

/* So many verbs that the batch needs more memory now and then, in the midst of one or other of them. */
static void collect(run *r)
{
    static const char bytes[3000];
    firn_run_args args = meta("in a batch");
    firn_run_event event[] = {ev(1, "tool"), ev(2, "tool")};
    firn_release_args release = {.struct_size = sizeof release, .name = S("release"), .spec_digest = spec};
    firn_batch *batch = NULL;

    if (!done(r, firn_batch_new(r->ledger, &batch, &err))) {
        return;
    }
    for (size_t i = 0; i < VERBS; i++) {
        (void)done(r, firn_batch_content_put(batch, (firn_slice){bytes, i * 7}, NULL, NULL, &err));
        (void)done(r, firn_batch_run_create(batch, &args, NULL, &err));
        (void)done(r, firn_batch_run_append(batch, S("in a batch"), event, 2, NULL, NULL, &err));
        (void)done(r, firn_batch_run_end(batch, S("in a batch"), FIRN_RUN_FAILED, &sum0, &err));
        (void)done(r, firn_batch_release_promote(batch, &release, NULL, &err));
        (void)done(r, firn_batch_event(batch, S("a"), 5, (firn_slice){bytes, i * 3}, &err));
        (void)done(r, firn_batch_event(batch, S("a"), 5, S("five"), &err));
    }
    firn_batch_free(batch);
}

/* All of it in one batch, as a program that keeps things together. */
static void together(run *r)
{
    firn_run_args args = meta("third");
    firn_run_event event = ev(9, "tool");
    firn_release_args release = {.struct_size = sizeof release, .name = S("release"), .spec_digest = spec};
    firn_receipt receipt = {0};
    firn_batch *batch = NULL;

    if (!done(r, firn_batch_new(r->ledger, &batch, &err))) {
        return;
    }
    (void)done(r, firn_batch_content_put(batch, S("in a batch"), NULL, NULL, &err));
    (void)done(r, firn_batch_run_create(batch, &args, NULL, &err));
    (void)done(r, firn_batch_run_append(batch, S("third"), &event, 1, NULL, NULL, &err));
    (void)done(r, firn_batch_run_end(batch, S("third"), FIRN_RUN_FAILED, &sum0, &err));
    (void)done(r, firn_batch_release_promote(batch, &release, NULL, &err));
    (void)done(r, firn_batch_event(batch, S("a"), 5, S("five"), &err));
    (void)done(r, firn_batch_key(batch, S("scope"), S("together"), NULL, &err));
    acknowledge(r, firn_batch_commit(batch, &receipt, &err), &receipt);
    firn_batch_free(batch);
}

static void ask_streams(run *r, firn_view *view)
{
    firn_stream stream;
    firn_receipt receipt;
    uint32_t id = 0;

    (void)done(r, firn_stream_get(view, S("a"), &stream, &err));
    (void)done(r, firn_stream_get_by_id(view, 1, &stream, &err));
    while (done(r, firn_stream_next(view, id, &stream, &err))) {
        id = stream.id;
    }
    (void)done(r, firn_key_get(view, S("scope"), S("key"), &receipt, &err));
}

static void ask_contents(run *r, firn_view *view)
{
    uint8_t digests[2][FIRN_DIGEST_SIZE], after[FIRN_DIGEST_SIZE], piece[100];
    firn_content_reader *reader = NULL;
    firn_content content;
    firn_buf buf = {0};
    size_t size;
    int has;

    OK(err, firn_digest_of(S("small"), digests[0], &err));
    OK(err, firn_digest_of(big(), digests[1], &err));
    for (int i = 0; i < 2; i++) {
        (void)done(r, firn_content_has(view, digests[i], &has, &err));
        (void)done(r, firn_content_stat(view, digests[i], &content, &err));
        (void)done(r, firn_content_get(view, digests[i], NULL, &buf, &err));
        if (done(r, firn_content_reader_open(view, digests[i], NULL, &reader, NULL, &err))) {
            (void)done(r, firn_content_reader_read(reader, 3, piece, sizeof piece, &size, &err));
            firn_content_reader_close(reader);
        }
    }
    for (bool more = done(r, firn_content_next(view, NULL, &content, &err)); more;) {
        memcpy(after, content.digest, sizeof after);
        more = done(r, firn_content_next(view, after, &content, &err));
    }
    firn_buf_free(&buf);
}

static void ask_runs(run *r, firn_view *view)
{
    firn_run_events_options options = {.struct_size = sizeof options};
    firn_run_filter filter = {.struct_size = sizeof filter, .agent_name = meta("run").agent_name};
    firn_run_events *walk = NULL;
    firn_run_list *list = NULL;
    firn_run_event event;
    firn_run found;
    firn_buf buf = {0};

    (void)done(r, firn_run_get(view, S("run"), &buf, &found, &err));
    for (unsigned reverse = 0; reverse < 2; reverse++) {
        options.reverse = reverse;
        if (done(r, firn_run_events_open(view, S("run"), &options, &walk, &err))) {
            while (done(r, firn_run_events_next(walk, &event, &err))) {
            }
            firn_run_events_close(walk);
        }
    }
    if (done(r, firn_run_list_open(view, &filter, &list, &err))) {
        while (done(r, firn_run_list_next(list, &found, &err))) {
        }
        firn_run_list_close(list);
    }
    firn_buf_free(&buf);
}

static void ask_releases(run *r, firn_view *view)
{
    firn_buf buf = {0};
    firn_release release;
    uint64_t before = 0;
    char name[32] = "";

    (void)done(r, firn_release_current(view, S("release"), &buf, &release, &err));
    while (done(r, firn_release_history(view, S("release"), before, &buf, &release, &err))) {
        before = release.release_number;
    }
    while (done(r, firn_release_next(view, S(name), &buf, &release, &err))) {
        (void)snprintf(name, sizeof name, "%.*s", (int)release.name.size, (const char *)release.name.data);
    }
    firn_buf_free(&buf);
}

static void ask(run *r)
{
    firn_view *view = NULL;

    if (done(r, firn_view_open(r->ledger, &view, &err))) {
        ask_streams(r, view);
        ask_contents(r, view);
        ask_runs(r, view);
        ask_releases(r, view);
        firn_view_close(view);
    }
}

/* The rows are made anew and are those of the log, which holds what was acknowledged and passes verification. */
static void check(run *r)
{
    firn_report report = {.struct_size = sizeof report};
    frn_ledger_seam seam = {.heap = &r->heap};

    r->spoilt.at = 0;
    assert_true(open_ledger(r, false));
    OK(err, frn_ledger_check(r->ledger, &err));
    close_ledger(r);
    OK(err, frn_io_open_memory(&r->heap, r->disk, &r->io, &err));
    seam.io = r->io;
    OK(err, frn_ledger_verify_on(&seam, NULL, &report, &err));
    assert_int_equal(report.findings, 0);
    assert_true(report.last_seq >= r->acknowledged);
    r->io->ops->close(r->io);
}

/* The script over an index whose k-th operation goes wrong. False if there are fewer. The fault comes in the life that
   fills the ledger, or in the next one, which replays it first. */
static bool script(int how, uint64_t k, bool later, unsigned *failures)
{
    run r = {.clock_ns = INT64_C(1700000000000000000), .how = how};
    bool came = false;

    frn_heap_init(&r.heap);
    OK(err, frn_memory_disk_new(&r.heap, &r.disk, &err));
    for (r.life = 0; r.life < 2; r.life++) {
        if (r.life == later && how == MEMORY) {
            atomic_store(&r.heap.fail_at, (int64_t)k);
        } else if (r.life == later) {
            r.spoilt.how = (spoilt_how)how;
            r.spoilt.at = k;
        }
        if (open_ledger(&r, true)) {
            events(&r);
            contents(&r);
            runs(&r);
            releases(&r);
            together(&r);
            if (how == MEMORY && r.life == later) {
                collect(&r);
            }
            ask(&r);
            close_ledger(&r);
        }
    }
    came = how == MEMORY ? atomic_load(&r.heap.fail_at) <= 0 : r.spoilt.hit > 0;
    atomic_store(&r.heap.fail_at, 0);
    check(&r);
    spoilt_index_done(&r.spoilt);
    frn_memory_disk_free(r.disk);
    assert_int_equal(atomic_load(&r.heap.live), 0);
    *failures += r.failures;
    return came;
}

static void sweep(int how)
{
    static const char *const names[] = {
        [SPOILT_READ] = "unreadable",    [SPOILT_WRITE] = "unwritable",    [SPOILT_SHORT] = "short",
        [SPOILT_EMPTY] = "empty",        [SPOILT_KEY] = "without its key", [SPOILT_OTHER] = "of another",
        [SPOILT_SEQ] = "of another seq", [MEMORY] = "without memory",
    };
    unsigned failures = 0;
    uint64_t k = 1;

    /* In the first life and in the second one in turn. */
    for (int missed = 0; missed < 2 && k < OPERATIONS_MAX; k++) {
        missed = script(how, k, k % 2 == 0, &failures) ? 0 : missed + 1;
    }
    print_message("row %s: at %llu operations, %u calls failed\n", names[how], (unsigned long long)k - 3, failures);
    assert_true(k > 2 && k < OPERATIONS_MAX && failures > 0);
}

/* Whichever row cannot be read. */
static void test_unreadable(void **state)
{
    (void)state;
    sweep(SPOILT_READ);
}

/* Whichever row there is no memory for. */
static void test_unwritable(void **state)
{
    (void)state;
    sweep(SPOILT_WRITE);
}

/* Whichever value is shorter than it must be. */
static void test_short(void **state)
{
    (void)state;
    sweep(SPOILT_SHORT);
}

/* Whichever value is empty. */
static void test_empty(void **state)
{
    (void)state;
    sweep(SPOILT_EMPTY);
}

/* Whichever key is not one of its table's. */
static void test_without_key(void **state)
{
    (void)state;
    sweep(SPOILT_KEY);
}

/* Whichever value, as a query sees it, is the one of another row. */
static void test_of_another(void **state)
{
    (void)state;
    sweep(SPOILT_OTHER);
}

/* Whichever row, as a query sees it, names a record that is not there. */
static void test_of_another_seq(void **state)
{
    (void)state;
    sweep(SPOILT_SEQ);
}

/* Whichever allocation fails. */
static void test_no_memory(void **state)
{
    (void)state;
    sweep(MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unreadable),     cmocka_unit_test(test_unwritable),
                                       cmocka_unit_test(test_short),          cmocka_unit_test(test_without_key),
                                       cmocka_unit_test(test_empty),          cmocka_unit_test(test_of_another),
                                       cmocka_unit_test(test_of_another_seq), cmocka_unit_test(test_no_memory)};

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
