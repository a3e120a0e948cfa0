/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c — the log over every backend: append, read back, roll, reopen, recover, verify. */
#include "test/contract/log_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* A hint that holds fetches the record in one read; one that does not is noticed and the record is found all the same.
 */
static void test_get_by_hint(void **state)
{
    struct place *place = *state;
    firn_error err = {0};
    frn_io *io = open_io(place);
    frn_log *log;
    frn_log_reader *reader = NULL;
    frn_log_record record;
    fmt_record found;
    firn_buf buf = {0};
    uint64_t last = 0;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 100; i++) {
        last = append(log, 3, 0, i == 99);
    }
    assert_ok(frn_log_reader_open(log, 1, 0, &reader, &err));
    for (uint64_t seq = 1; seq <= last; seq++) {
        assert_ok(frn_log_reader_next(reader, last, &record, &err));
        for (int wrong = 0; wrong < 4; wrong++) {
            frn_log_hint hint = record.hint;
            size_t guess = wrong == 0 ? body_size(seq) : wrong == 1 ? 0 : 5000;

            hint.offset += wrong == 2 ? 8 : 0;
            hint.segment += wrong == 3;
            assert_ok(frn_log_get_at(log, seq, hint, guess, &buf, &found, &err));
            assert_int_equal(found.seq, seq);
            assert_int_equal(found.body.size, record.record.body.size);
            assert_memory_equal(found.body.data, record.record.body.data, found.body.size);
        }
    }
    assert_int_equal(frn_log_get_at(log, last + 1, record.hint, 0, &buf, &found, &err), FIRN_ENOTFOUND);
    frn_log_reader_close(reader);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append_roll_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unclean_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get_by_hint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_write_through_the_ring, setup, teardown),
    };

    return run_everywhere(tests, sizeof tests / sizeof tests[0]);
}
