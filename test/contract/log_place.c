/* SPDX-License-Identifier: Apache-2.0 */
/* log_place.c — places for a log on every backend, and records to fill it with. */
#include "test/contract/log_place.h"

#include "test/contract/io_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct place places[PLACES] = {
    {.name = "memory", .memory = true, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "memory, synced", .memory = true, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "portable", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "portable, synced", .path = FIRN_IO_PORTABLE, .method = FIRN_DURABLE_BUFFERED_SYNC},
    {.name = "io_uring", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_DSYNC},
    {.name = "io_uring, synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_DIRECT_SYNC},
    {.name = "io_uring, buffered and synced", .path = FIRN_IO_URING, .method = FIRN_DURABLE_BUFFERED_SYNC},
};

void ok_at(firn_status status, const firn_error *err, const char *file, int line)
{
    if (status != FIRN_OK) {
        (void)fprintf(stderr, "%s: %s\n", firn_status_name(status), err->text);
        _fail(file, line);
    }
}

frn_io *open_io(struct place *place)
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

int setup(void **state)
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

int teardown(void **state)
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

const frn_log_options plain = {
    .threads = true,
    .segment_size = SEGMENT,
    .spare_segments = 2,
    .groups_in_flight_max = 4,
    .group_size_max = SEGMENT,
};

frn_log *open_log(frn_io *io, struct place *place, const frn_log_options *options)
{
    frn_log_options with_method = *options;
    firn_error err = {0};
    frn_log *log = NULL;

    firn_status status = FIRN_EBUSY;

    with_method.durable_method = place->method;
    /* A write that was under way when a log was abandoned holds the lock until it has landed. */
    for (int tries = 0; status == FIRN_EBUSY && tries < 1000; tries++) {
        status = frn_log_open(&place->heap, io, &with_method, &log, &err);
        if (status == FIRN_EBUSY) {
            (void)usleep(1000);
        }
    }
    assert_ok(status);
    return log;
}

/* The body of record seq: its size and bytes follow from the seq. */
size_t body_size(uint64_t seq)
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
uint64_t append(frn_log *log, uint32_t count, size_t extra, bool waits)
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

void read_all(frn_log *log, uint64_t first, uint64_t last)
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

void verify_is_healthy(struct place *place, uint64_t last)
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

int run_everywhere(const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest here[16];
    int failed = 0;

    assert_true(count <= sizeof here / sizeof here[0]);
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i].path == FIRN_IO_URING && !io_folder_has_uring()) {
            (void)printf("skipped: %s: no io_uring here, or it is switched off\n", places[i].name);
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            here[k] = tests[k];
            here[k].initial_state = &places[i];
        }
        (void)fprintf(stderr, "backend %s\n", places[i].name);
        failed += _cmocka_run_group_tests(places[i].name, here, count, NULL, NULL);
    }
    return failed;
}
