/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calibrate.c — measure which way of making a write durable is the fastest on this disk.
 *
 * Each method overwrites blocks of a scratch file that was filled before, one write at a time as a lone writer does, and
 * is judged by its median. What fails is left out; if everything fails, the most modest method is named, and the log's
 * own first write will say what is wrong with the disk.
 */
#include "engine/io/io.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_NAME "calibrate.tmp"

enum {
    BLOCKS = 16,            /* Blocks of the scratch file, so that writes go to changing places. */
    WRITES_WARM_UP = 3,
    WRITES_MEASURED = 15,   /* Odd: the median is one of them. */
    WRITES_ENOUGH = 5       /* Kept on a disk that is slower than the budget. */
};
/* A method that takes longer than this stops early: all three then take about a second. */
static const int64_t budget_ns = 300 * 1000 * 1000;

/* Sends what is queued and waits for its one completion. */
static bool complete(frn_io *io, int64_t expected)
{
    frn_completion completion = {.result = -1};

    io->ops->queue_send(io);
    while (io->ops->reap(io, &completion, 1, -1) == 0) {
        /* A wake-up that was meant for somebody else. */
    }
    return completion.result == expected;
}

static bool write_once(frn_io *io, frn_file *file, firn_durable_method method, const void *data, size_t size,
                       uint64_t offset)
{
    io->ops->queue_write(file, data, size, offset, method == FIRN_DURABLE_DIRECT_DSYNC, 0);
    if (!complete(io, (int64_t)size)) {
        return false;
    }
    if (method == FIRN_DURABLE_DIRECT_DSYNC) {
        return true;
    }
    io->ops->queue_sync(file, 0);
    return complete(io, 0);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The median time of one durable write, or INT64_MAX if the method fails. */
static int64_t measure(frn_io *io, firn_durable_method method, const void *data, size_t size)
{
    int64_t times[WRITES_MEASURED];
    int64_t begin_ns = io->ops->monotonic_ns(io);
    frn_file *file = NULL;
    size_t count = 0;
    bool good = true;

    io->ops->durable_method_set(io, method);
    if (io->ops->open(io, SCRATCH_NAME, FRN_IO_WRITE | FRN_IO_QUEUE, &file, NULL) != FIRN_OK) {
        return INT64_MAX;
    }
    for (size_t i = 0; good && i < WRITES_WARM_UP + WRITES_MEASURED; i++) {
        int64_t before_ns = io->ops->monotonic_ns(io);
        int64_t after_ns;

        if (count >= WRITES_ENOUGH && before_ns - begin_ns > budget_ns) {
            break;
        }
        good = write_once(io, file, method, data, size, i % BLOCKS * size);
        after_ns = io->ops->monotonic_ns(io);
        if (i >= WRITES_WARM_UP) {
            times[count++] = after_ns - before_ns;
        }
    }
    io->ops->file_close(file);
    if (!good) {
        return INT64_MAX;
    }
    qsort(times, count, sizeof times[0], compare);
    return times[count / 2];
}

static firn_status scratch_make(frn_io *io, uint64_t size, firn_error *err)
{
    frn_file *file = NULL;
    uint64_t written;
    firn_status status = io->ops->open(io, SCRATCH_NAME, FRN_IO_WRITE | FRN_IO_CREATE, &file, err);

    if (status != FIRN_OK) {
        return status;
    }
    status = io->ops->fill(file, size, &written, err);
    if (status == FIRN_OK) {
        status = io->ops->sync(file, err);
    }
    io->ops->file_close(file);
    return status;
}

firn_status frn_io_calibrate(frn_io *io, frn_heap *heap, firn_durable_method *out_method, firn_error *err)
{
    static const firn_durable_method methods[] = {FIRN_DURABLE_BUFFERED_SYNC, FIRN_DURABLE_DIRECT_SYNC,
                                                  FIRN_DURABLE_DIRECT_DSYNC};
    firn_durable_method best = FIRN_DURABLE_BUFFERED_SYNC;
    int64_t best_ns = INT64_MAX;
    frn_io_facts facts;
    firn_status status;
    uint8_t *data;

    /* One that was killed may have left its file. */
    (void)io->ops->remove(io, SCRATCH_NAME, NULL);
    io->ops->facts(io, &facts);
    if (facts.path == FIRN_IO_AUTO) {
        *out_method = best;
        return FIRN_OK;
    }
    data = frn_alloc_aligned(heap, facts.alignment, facts.alignment);
    if (data == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "calibrate");
    }
    memset(data, 0x5a, facts.alignment);
    status = scratch_make(io, (uint64_t)BLOCKS * facts.alignment, err);
    if (status == FIRN_OK) {
        status = io->ops->queue_open(io, NULL, NULL, 0, 0, 1, err);
    }
    for (size_t i = 0; status == FIRN_OK && i < sizeof methods / sizeof methods[0]; i++) {
        int64_t median_ns;

        median_ns = measure(io, methods[i], data, facts.alignment);
        io->ops->facts(io, &facts);
        if (median_ns < best_ns && (methods[i] == FIRN_DURABLE_BUFFERED_SYNC || facts.direct)) {
            best = methods[i];
            best_ns = median_ns;
        }
    }
    (void)io->ops->remove(io, SCRATCH_NAME, NULL);
    frn_free(heap, data);
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "calibrate");
    }
    io->ops->durable_method_set(io, best);
    *out_method = best;
    return FIRN_OK;
}
