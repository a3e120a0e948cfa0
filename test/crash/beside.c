/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside.c — a reader beside a living writer is shown what is durable, at every moment of the writer's life.
 *
 * Writer and reader are two instances on one simulated disk, each with its view of the same cache: the reader can read
 * every group that was written, durable or not. After every step of the writer a reader opens the log, and one that
 * opened early follows it; neither may show a record that a power cut at this moment could take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/log/log.h"
#include "test/disk/disk.h"

enum {
    SEGMENT = 64 * 1024,
    BODY = 3000,
    RECORDS = 3,
    BATCHES = 60,
    SEEDS = 12
};

static firn_error err;

static void must_at(firn_status status, const char *file, int line)
{
    if (status < 0) {
        print_error("%s: %s\n", firn_status_name(status), err.text);
    }
    _assert_true(status == FIRN_OK, "status == FIRN_OK", file, line);
}
#define must(call) must_at((call), __FILE__, __LINE__)

static frn_log_options options_of(uint64_t seed, bool read_only)
{
    static const firn_durable_method methods[] = {FIRN_DURABLE_BUFFERED_SYNC, FIRN_DURABLE_DIRECT_SYNC,
                                                  FIRN_DURABLE_DIRECT_DSYNC};

    return (frn_log_options){
        .read_only = read_only,
        .durable_method = methods[seed % 3],
        .segment_size = SEGMENT,
        .spare_segments = 1,
        .groups_in_flight_max = 3,
        .group_size_max = SEGMENT,
    };
}

/* Appends a batch, if there is room for it just now. */
static void append(frn_log *log)
{
    static const uint8_t body[BODY];
    firn_slice part = {body, sizeof body};
    fmt_batch_writer writer;
    frn_log_place at;
    firn_status status;

    frn_log_lock(log);
    status = frn_log_reserve(log, 64 + RECORDS * (64 + (size_t)BODY), &at, &err);
    if (status == FIRN_OK) {
        fmt_batch_begin(&writer, at.data, at.size, at.salt, at.first_seq, at.time_ns, at.content_crc);
        for (uint64_t i = 0; i < RECORDS; i++) {
            (void)fmt_batch_add(&writer, 1, 1, at.first_seq + i, &part, 1);
        }
        (void)fmt_batch_finish(&writer, NULL, 0, NULL);
        frn_log_commit(log, &at, &writer);
        frn_log_send(log, true);
    }
    frn_log_unlock(log);
    if (status != FIRN_FULL) {
        must(status);
    }
}

/* Opens the log as another process would, and gives what it shows. */
static uint64_t shown(disk *d, frn_heap *heap, uint64_t seed, uint64_t durable)
{
    frn_log_options options = options_of(seed, true);
    frn_io *io = disk_open_io(d);
    frn_log *log = NULL;
    uint64_t there;

    must(frn_log_open(heap, io, &options, &log, &err));
    there = frn_log_durable(log);
    if (there > durable) {
        fail_msg("seed %llu: a reader is shown seq %llu, durable is %llu", (unsigned long long)seed,
                 (unsigned long long)there, (unsigned long long)durable);
    }
    must(frn_log_close(log, &err));
    io->ops->close(io);
    return there;
}

/* One history. Gives how often a reader saw something, and how often less was durable than written. */
static void live(uint64_t seed, unsigned *out_seen, unsigned *out_behind)
{
    frn_log_options options = options_of(seed, false), reading = options_of(seed, true);
    disk *d = disk_new(seed);
    frn_io *io = disk_open_io(d), *other = disk_open_io(d);
    frn_log *log = NULL, *follower = NULL;
    frn_heap heap;
    uint64_t durable;

    frn_heap_init(&heap);
    must(frn_log_create(&heap, io, &options, &err));
    must(frn_log_open(&heap, io, &options, &log, &err));
    must(frn_log_open(&heap, other, &reading, &follower, &err));
    for (unsigned i = 0; i < BATCHES; i++) {
        append(log);
        for (int steps = (int)(dice_next(disk_dice(d)) % 4); steps > 0; steps--) {
            (void)frn_log_drive(log, 0);
            (void)frn_log_step_make(log);
            *out_seen += shown(d, &heap, seed, frn_log_durable(log)) > 0;
            *out_behind += frn_log_durable(log) < frn_log_allocated(log);
            must(frn_log_refresh(follower, &durable, &err));
            assert_true(durable <= frn_log_durable(log));
            frn_log_expose(follower, durable);
        }
    }
    must(frn_log_close(follower, &err));
    other->ops->close(other);
    must(frn_log_close(log, &err));
    io->ops->close(io);
    assert_int_equal(disk_counts_of(d)->misuses, 0);
    assert_int_equal(disk_handles(d), 0);
    assert_int_equal(atomic_load(&heap.live), 0);
    disk_free(d);
}

/* Groups are written, synced and finished step by step, in the three ways of making them durable. */
static void test_nothing_undurable_is_shown(void **state)
{
    unsigned seen = 0, behind = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        live(seed, &seen, &behind);
    }
    assert_true(seen > SEEDS);
    assert_true(behind > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_undurable_is_shown)};

    return cmocka_run_group_tests_name("beside", tests, NULL, NULL);
}
