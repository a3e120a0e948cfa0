/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_get.c — records by their seq: the directory of places gives what a reader gives, and is not believed. */
#include "test/contract/log_place.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    RECORDS_MAX = 8000,
    SEED = 20
};

/* What a reader said of a record. */
typedef struct expected {
    uint64_t batch_first;
    uint32_t batch_count;
    int64_t time_ns;
    size_t body_size;
    frn_log_hint hint;
} expected;

static expected all[RECORDS_MAX + 1];

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Notes what a reader says of the records first … last. */
static void note(frn_log *log, uint64_t first, uint64_t last)
{
    frn_log_reader *reader = NULL;
    frn_log_record record;
    firn_error err = {0};

    assert_true(last <= RECORDS_MAX);
    assert_ok(frn_log_reader_open(log, first, 0, &reader, &err));
    for (uint64_t seq = first; seq <= last; seq++) {
        assert_ok(frn_log_reader_next(reader, last, &record, &err));
        all[seq] = (expected){record.batch->first_seq, record.batch->count, record.batch->time_ns,
                              record.record.body.size, record.hint};
    }
    frn_log_reader_close(reader);
}

static void expect_get(frn_log *log, uint64_t seq, firn_buf *buf)
{
    frn_log_record record;
    uint64_t batch_first;
    uint32_t batch_count;
    int64_t time_ns;
    firn_error err = {0};

    assert_ok(frn_log_get(log, seq, buf, &record, &batch_first, &batch_count, &time_ns, &err));
    assert_int_equal(record.record.seq, seq);
    assert_int_equal(record.record.version, seq);
    assert_int_equal(record.record.body.size, all[seq].body_size);
    assert_ptr_equal(record.record.body.data, buf->data);
    assert_int_equal(buf->size, all[seq].body_size);
    assert_int_equal(batch_first, all[seq].batch_first);
    assert_int_equal(batch_count, all[seq].batch_count);
    assert_int_equal(time_ns, all[seq].time_ns);
    assert_int_equal(record.hint.segment, all[seq].hint.segment);
    assert_int_equal(record.hint.offset, all[seq].hint.offset);
}

/* Batches of one record and of hundreds, records of a few bytes and of more than a segment, in groups of one batch and
   of many: each record is found by its seq, in any order, while the log grows and after it was opened again. */
static void test_any_shape(void **state)
{
    struct place *place = *state;
    frn_io *io = open_io(place);
    uint64_t random = SEED, last = 0;
    firn_buf buf = {0};
    firn_error err = {0};
    frn_log *log;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int round = 0; round < 60; round++) {
        uint64_t before = last;
        unsigned shape = (unsigned)(next_random(&random) % 8);
        bool waits = next_random(&random) % 3 == 0;

        if (round == 30) {
            last = append(log, 2, 2 * SEGMENT, true);
        } else {
            last = append(log, shape == 0 ? 300 : 1 + (uint32_t)(next_random(&random) % 6),
                          shape == 1   ? 9000
                          : shape == 2 ? 1500
                                       : 0,
                          waits);
        }
        assert_ok(frn_log_wait(log, last, -1, &err));
        note(log, before + 1, last);
        expect_get(log, last, &buf);
        expect_get(log, before + 1, &buf);
        for (int i = 0; i < 10; i++) {
            expect_get(log, 1 + next_random(&random) % last, &buf);
        }
    }
    assert_ok(frn_log_close(log, &err));
    log = open_log(io, place, &plain);
    for (uint64_t seq = last; seq > 0; seq -= seq < 7 ? 1 : 1 + next_random(&random) % 6) {
        expect_get(log, seq, &buf);
    }
    firn_buf_free(&buf);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

/* Changes a byte of a record's body where it lies on disk. */
static void damage(frn_io *io, uint64_t seq)
{
    char name[32];
    frn_file *file;
    uint8_t byte;
    size_t got;
    uint64_t offset = all[seq].hint.offset + FMT_RECORD_HEADER;
    firn_error err = {0};

    (void)snprintf(name, sizeof name, "%016" PRIx64 ".seg", all[seq].hint.segment);
    assert_ok(io->ops->open(io, name, FRN_IO_WRITE, &file, &err));
    assert_ok(io->ops->read(file, &byte, 1, offset, &got, &err));
    byte ^= 1;
    assert_ok(io->ops->write(file, &byte, 1, offset, &err));
    io->ops->file_close(file);
}

/* A record that goes bad after its place was learned is told as damage with its place; those beside it are still there.
 */
static void test_damage_behind_the_directory(void **state)
{
    struct place *place = *state;
    frn_io *io = open_io(place);
    uint64_t last = 0, batch_first;
    frn_log_record record;
    uint32_t batch_count;
    int64_t time_ns;
    firn_buf buf = {0};
    firn_error err = {0};
    frn_log *log;

    assert_ok(frn_log_create(&place->heap, io, &plain, &err));
    log = open_log(io, place, &plain);
    for (int i = 0; i < 60; i++) {
        last = append(log, i % 10 == 0 ? 40 : 2, 0, true);
    }
    note(log, 1, last);
    for (uint64_t seq = 1; seq <= last; seq++) {
        expect_get(log, seq, &buf);
    }
    for (uint64_t seq = 5; seq + 5 < last; seq += 25) {
        damage(io, seq);
        assert_int_equal(frn_log_get(log, seq, &buf, &record, &batch_first, &batch_count, &time_ns, &err),
                         FIRN_ECORRUPT);
        assert_int_equal(err.segment, all[seq].hint.segment);
        assert_int_equal(err.seq, seq);
        expect_get(log, seq - 1, &buf);
        expect_get(log, seq + 1, &buf);
        damage(io, seq);
        expect_get(log, seq, &buf);
    }
    firn_buf_free(&buf);
    assert_ok(frn_log_close(log, &err));
    io->ops->close(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_behind_the_directory, setup, teardown),
    };

    printf("seed %d\n", SEED);
    return run_everywhere(tests, sizeof tests / sizeof tests[0]);
}
