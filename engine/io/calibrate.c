/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calibrate.c — measure which way of making a write durable is the fastest on this disk.
 *
 * The methods take turns at overwriting blocks of a scratch file that was filled before, one write at a time as a lone
 * writer does. Each is judged by its shortest time: other work on the machine only ever adds to the times, by a whole
 * scheduler tick where a kernel thread has to wait for a processor, and the shortest is what the disk itself takes.
 * What fails is left out; if everything fails, the most modest method is named, and the log's own first write will say
 * what is wrong with the disk.
 */
#include "engine/io/io.h"

#include "engine/base/error.h"
#include "engine/base/heap.h"

#include <string.h>

#define SCRATCH_NAME "calibrate.tmp"

enum {
    BLOCKS = 16, /* Blocks of the scratch file, so that writes go to changing places. */
    ROUNDS_WARM_UP = 3,
    ROUNDS_MEASURED = 16,
    METHODS = 3
};
/* On a disk that is slower than this, what was measured until then has to do. */
static const int64_t budget_ns = 800 * 1000 * 1000;

typedef struct candidate {
    firn_durable_method method;
    frn_file *file; /* NULL: out of the race. */
    int64_t times[ROUNDS_MEASURED];
} candidate;

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

static void drop(frn_io *io, candidate *one)
{
    if (one->file != NULL) {
        io->ops->file_close(one->file);
        one->file = NULL;
    }
}

/* Opens the scratch file by the method; out of the race is what is not to be had here. */
static void enter(frn_io *io, candidate *one)
{
    frn_io_facts facts;

    io->ops->durable_method_set(io, one->method);
    if (io->ops->open(io, SCRATCH_NAME, FRN_IO_WRITE | FRN_IO_QUEUE, &one->file, NULL) != FIRN_OK) {
        one->file = NULL;
        return;
    }
    /* Where O_DIRECT is refused, the file is open, but not past the page cache. */
    io->ops->facts(io, &facts);
    if (one->method != FIRN_DURABLE_BUFFERED_SYNC && !facts.direct) {
        drop(io, one);
    }
}

/* Lets the candidates take turns. Returns the rounds that were measured, at least one. */
static size_t race(frn_io *io, candidate *candidates, const void *data, size_t size)
{
    int64_t begin_ns = io->ops->monotonic_ns(io);
    size_t count = 0;

    for (size_t round = 0; round < ROUNDS_WARM_UP + ROUNDS_MEASURED; round++) {
        if (count > 0 && io->ops->monotonic_ns(io) - begin_ns > budget_ns) {
            break;
        }
        for (size_t i = 0; i < METHODS; i++) {
            candidate *one = &candidates[i];
            int64_t before_ns = io->ops->monotonic_ns(io);
            uint64_t offset = (round * METHODS + i) % BLOCKS * size;

            if (one->file != NULL && !write_once(io, one->file, one->method, data, size, offset)) {
                drop(io, one);
            }
            one->times[count] = io->ops->monotonic_ns(io) - before_ns;
        }
        count += round >= ROUNDS_WARM_UP;
    }
    return count;
}

/* The method that is left and took least, at its best. */
static firn_durable_method winner(const candidate *candidates, size_t count)
{
    firn_durable_method winner = FIRN_DURABLE_BUFFERED_SYNC;
    int64_t winner_ns = INT64_MAX;

    for (size_t i = 0; i < METHODS; i++) {
        int64_t best_ns = INT64_MAX;

        for (size_t k = 0; k < count; k++) {
            best_ns = candidates[i].times[k] < best_ns ? candidates[i].times[k] : best_ns;
        }
        /* Disks on which it matters differ by far more than four; anything less may be the noise of a busy machine. */
        if (candidates[i].file != NULL && best_ns < winner_ns / 4) {
            winner = candidates[i].method;
            winner_ns = best_ns;
        }
    }
    return winner;
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
    /* In the order of preference: fewer operations, and no page cache that could disagree with the disk. */
    candidate candidates[METHODS] = {{.method = FIRN_DURABLE_DIRECT_DSYNC},
                                     {.method = FIRN_DURABLE_DIRECT_SYNC},
                                     {.method = FIRN_DURABLE_BUFFERED_SYNC}};
    firn_durable_method best = FIRN_DURABLE_BUFFERED_SYNC;
    frn_io_facts facts;
    firn_status status = FIRN_OK;
    uint8_t *data = NULL;

    /* One that was killed may have left its file. */
    (void)io->ops->remove(io, SCRATCH_NAME, NULL);
    io->ops->facts(io, &facts);
    if (facts.path == FIRN_IO_AUTO) {
        goto out;
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
    if (status == FIRN_OK) {
        for (size_t i = 0; i < METHODS; i++) {
            enter(io, &candidates[i]);
        }
        best = winner(candidates, race(io, candidates, data, facts.alignment));
        for (size_t i = 0; i < METHODS; i++) {
            drop(io, &candidates[i]);
        }
    }
    (void)io->ops->remove(io, SCRATCH_NAME, NULL);
    frn_free(heap, data);
out:
    if (status != FIRN_OK) {
        return frn_wrap(err, status, "calibrate");
    }
    io->ops->durable_method_set(io, best);
    *out_method = best;
    return FIRN_OK;
}
