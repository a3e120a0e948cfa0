/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c — the log over every backend: append, read back, roll, reopen, recover, verify. */
#include "engine/log/log.h"
#include "test/contract/io_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SEGMENT = 64 * 1024
};

/* What a test stands on: a place for files and a way to open it. */
struct place {
    const char *name;
    firn_io_path path;
    bool memory;
    firn_durable_method method;
    frn_heap heap;
    frn_memory_disk *disk;
    char folder[64];
};

static struct place places[] = {
    {.name = "memory", .memory = true, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "memory, synced", .memory = true, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "portable", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "portable, synced", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "io_uring", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "io_uring, synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_SYNC},
    {.name = "io_uring, buffered and synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_BUFFERED_SYNC},
};

static void ok_at(firn_status status, const firn_error *err, const char *file, int line)
{
    if (status != FIRN_OK) {
        (void)fprintf(stderr, "%s: %s\n", firn_status_name(status), err->text);
        _fail(file, line);
    }
}
#define assert_ok(call) ok_at((call), &err, __FILE__, __LINE__)

static frn_io *open_io(struct place *place)
{
    frn_io_options options = {.path = place->path, .create = true};
    firn_error err = {0};
    frn_io *io = NULL;

    if (place->memory) {
        assert_ok(frn_io_open_memory(&place->heap, place->disk, &io, &err));
    } else {
        assert_ok(frn_io_open_folder(&place->heap, place->folder, &options, &io, &err));
    }
    return io;
}

static int setup(void **state)
{
    struct place *place = *state;
    firn_error err = {0};

    frn_heap_init(&place->heap);
    if (place->memory) {
        assert_ok(frn_memory_disk_new(&place->heap, &place->disk, &err));
    } else {
        (void)snprintf(place->folder, sizeof place->folder, "log-XXXXXX");
        assert_non_null(mkdtemp(place->folder));
    }
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[128];

    if (place->memory) {
        frn_memory_disk_free(place->disk);
    } else {
        (void)snprintf(command, sizeof command, "rm -rf '%s'", place->folder);
        assert_int_equal(system(command), 0);
    }
    assert_int_equal(atomic_load(&place->heap.live), 0);
    return 0;
}

static const frn_log_options plain = {
    .threads = true,
    .segment_size = SEGMENT,
    .spare_segments = 2,
    .groups_in_flight_max = 4,
    .group_size_max = SEGMENT,
};

static frn_log *open_log(frn_io *io, struct place *place, const frn_log_options *options)
{
    frn_log_options with_method = *options;
    firn_error err = {0};
    frn_log *log = NULL;

    with_method.durable_method = place->method;
    assert_ok(frn_log_open(&place->heap, io, &with_method, &log, &err));
    return log;
}

/* The body of record seq: its size and bytes follow from the seq. */
static size_t body_size(uint64_t seq)
{
    return (size_t)(seq * 37 % 700);
}

static void fill_body(uint64_t seq, uint8_t *body)
{
    for (size_t i = 0; i < body_size(seq); i++) {
        body[i] = (uint8_t)(seq * 7 + i);
    }
}

/* Appends count records as one batch; waits if asked. Returns the last seq. */
static uint64_t append(frn_log *log, uint32_t count, size_t extra, bool waits)
{
    static uint8_t body[8 * SEGMENT];
    firn_error err = {0};
    frn_log_place place;
    fmt_batch_writer writer;
    uint64_t last;
    uint32_t seen;

    frn_log_lock(log);
    for (;;) {
        firn_status status;

        seen = frn_log_room(log);
        status = frn_log_reserve(log, 28 + count * (24 + 700 + extra), &place, &err);
        if (status != FIRN_FULL) {
            assert_ok(status);
            break;
        }
        frn_log_unlock(log);
        frn_log_wait_room(log, seen);
        frn_log_lock(log);
    }
    fmt_batch_begin(&writer, place.data, place.size, place.salt, place.first_seq, place.time_ns, place.content_crc);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seq = place.first_seq + i;
        firn_slice part = {.data = body, .size = body_size(seq) + extra};

        fill_body(seq, body);
        (void)fmt_batch_add(&writer, 1, 1, seq, &part, 1);
    }
    (void)fmt_batch_finish(&writer, NULL, 0, NULL);
    frn_log_commit(log, &place, &writer);
    last = place.first_seq + count - 1;
    frn_log_send(log, waits);
    frn_log_unlock(log);
    if (waits) {
        assert_ok(frn_log_wait(log, last, -1, &err));
    }
    return last;
}

static void read_all(frn_log *log, uint64_t first, uint64_t last)
{
    static uint8_t body[1024];
    firn_error err = {0};
    frn_log_reader *reader = NULL;
    frn_log_record record;

    assert_ok(frn_log_reader_open(log, first, 0, &reader, &err));
    for (uint64_t seq = first; seq <= last; seq++) {
        assert_ok(frn_log_reader_next(reader, last, &record, &err));
        assert_int_equal(record.record.seq, seq);
        assert_true(record.record.body.size >= body_size(seq));
        fill_body(seq, body);
        assert_memory_equal(record.record.body.data, body, body_size(seq));
    }
    assert_int_equal(frn_log_reader_next(reader, last, &record, &err), FIRN_END);
    frn_log_reader_close(reader);
}

static void verify_is_healthy(struct place *place, uint64_t last)
{
    firn_error err = {0};
    firn_report report = {.struct_size = sizeof report};
    frn_io *io = open_io(place);

    assert_ok(frn_log_verify(&place->heap, io, NULL, NULL, NULL, &report, &err));
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.last_seq, last);
    assert_int_equal(report.records, last);
    io->ops->close(io);
}

/* A log is filled over many segments, read back, closed, opened again and goes on where it was. */
static void test_append_roll_reopen(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last = 0;
    bool there = true;

    assert_ok(frn_log_exists(io, &there, &err));
    assert_false(there);
    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 300; i++) {
        last = append(log, (uint32_t)(1 + i % 5), 0, i % 3 == 0);
    }
    assert_ok(frn_log_wait(log, last, -1, &err));
    read_all(log, 1, last);
    read_all(log, last / 2, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);

    io = open_io(place);
    log = open_log(io, place, &plain);
    assert_int_equal(frn_log_durable(log), last);
    assert_int_equal(frn_log_incarnation(log), 1);
    last = append(log, 3, 0, true);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* A batch larger than a segment gets a segment of its own, in its place in the order. */
static void test_large_batch(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    (void)append(log, 2, 0, true);
    (void)append(log, 1, 3 * SEGMENT, true);
    (void)append(log, 2, 0, false);
    (void)append(log, 4, SEGMENT, false);
    last = append(log, 2, 0, true);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    log = open_log(io, place, &plain);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* A log dropped without a close keeps what was acknowledged and begins a new incarnation in a fresh segment. */
static void test_unclean_stop(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    uint64_t last = 0;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    for (uint64_t round = 1; round <= 5; round++) {
        log = open_log(io, place, &options);
        assert_int_equal(frn_log_durable(log), last);
        assert_int_equal(frn_log_incarnation(log), round);
        for (int i = 0; i < 40; i++) {
            last = append(log, 3, 0, true);
        }
        read_all(log, 1, last);
        frn_log_abandon(log);
        io->ops->close(io);
        io = open_io(place);
    }
    log = open_log(io, place, &options);
    read_all(log, 1, last);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
    verify_is_healthy(place, last);
}

/* Records are found one by one, in any order, and one that does not exist is not found. */
static void test_get(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    firn_buf buf = {0};
    frn_log_record record;
    uint64_t last = 0, batch_first;
    uint32_t batch_count;
    int64_t time_ns;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 200; i++) {
        last = append(log, 4, 0, i == 199);
    }
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t seq = 1 + i * 7919 % last;

        assert_ok(frn_log_get(log, seq, &buf, &record, &batch_first, &batch_count, &time_ns, &err));
        assert_int_equal(record.record.seq, seq);
        assert_int_equal(batch_count, 4);
        assert_int_equal(batch_first, (seq - 1) / 4 * 4 + 1);
        assert_int_equal(buf.size, body_size(seq));
    }
    assert_int_equal(frn_log_get(log, last + 1, &buf, &record, &batch_first, &batch_count, &time_ns, &err),
                     FIRN_ENOTFOUND);
    assert_int_equal(frn_log_get(log, 0, &buf, &record, &batch_first, &batch_count, &time_ns, &err), FIRN_ENOTFOUND);
    firn_buf_free(&buf);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* Where the ring carries the writes, the bytes that it completed are the bytes that the log says it wrote, no more and
   no less: zeros of new segments, headers, groups, footers, manifests. */
static void test_every_write_through_the_ring(void **state)
{
    struct place *place = *state;
    frn_log_options options = plain;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_io_facts before, after;
    firn_stats stats = {0};
    frn_log *log;

    options.threads = false;
    assert_ok(frn_log_create(&place->heap, io, &options, &err));
    io->ops->facts(io, &before);
    log = open_log(io, place, &options);
    for (int i = 0; i < 200; i++) {
        (void)append(log, 2, 0, true);
    }
    while (frn_log_step_make(log) || frn_log_drive(log, 0)) {
    }
    frn_log_stat(log, &stats);
    io->ops->facts(io, &after);
    if (place->path == FIRN_IO_URING) {
        assert_int_equal(after.ring_bytes - before.ring_bytes, stats.bytes_filled + stats.bytes_written);
    } else {
        assert_int_equal(after.ring_bytes, 0);
    }
    assert_true(stats.bytes_written > 200 * 4096);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

int main(void)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate_setup_teardown(test_append_roll_reopen, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_large_batch, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_unclean_stop, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_get, setup, teardown, &places[i]),
            cmocka_unit_test_prestate_setup_teardown(test_every_write_through_the_ring, setup, teardown, &places[i]),
        };

        if (places[i].path == FIRN_IO_URING && !io_folder_has_uring()) {
            (void)printf("skipped: %s: no io_uring here, or it is switched off\n", places[i].name);
            continue;
        }
        (void)fprintf(stderr, "backend %s\n", places[i].name);
        failed += cmocka_run_group_tests_name(places[i].name, tests, NULL, NULL);
    }
    return failed;
}
