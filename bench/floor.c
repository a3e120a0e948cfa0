/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c — what this disk can do at best: durable writes, one at a time, into a file that was written before. */
#include "bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/histogram.h"
#include "tools/error.h"
#include "tools/progress.h"

enum {
    FILE_SIZE = 8 * 1024 * 1024,
    SMALL = 4096,
    LARGE = 1024 * 1024,
    WRITES_MIN = 20
};
/* Longer tells no more: a disk that is disturbed shows it in a quarter of a second. */
static const uint64_t duration_max_ns = 350000000;

static firn_status write_all(int fd, const char *data, size_t size, off_t offset, const char *path, firn_error *err)
{
    ssize_t written = pwrite(fd, data, size, offset);

    if (written < 0)
        return tool_fail_os(err, errno, "%s", path);
    if ((size_t)written != size)
        return tool_fail(err, FIRN_EIO, "%s: short write", path);
    return FIRN_OK;
}

/** Writes the file once, so that nothing has to be allocated later. */
static firn_status fill(const char *path, const char *data, firn_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    firn_status status = FIRN_OK;

    if (fd < 0)
        return tool_fail_os(err, errno, "%s", path);
    for (off_t offset = 0; offset < FILE_SIZE && status == FIRN_OK; offset += LARGE)
        status = write_all(fd, data, LARGE, offset, path, err);
    if (status == FIRN_OK && fsync(fd) != 0)
        status = tool_fail_os(err, errno, "%s", path);
    close(fd);
    return status;
}

/** Writes pieces of one size for a while; *out_rate is pieces per second. */
static firn_status measure(int fd, const char *path, const char *data, size_t size, uint64_t duration_ns,
                           bench_histogram *histogram, double *out_rate, firn_error *err)
{
    uint64_t start_ns = tool_now_ns();
    uint64_t before_ns = start_ns;
    off_t offset = 0;

    while (histogram->total < WRITES_MIN || before_ns - start_ns < duration_ns) {
        firn_status status = write_all(fd, data, size, offset, path, err);
        uint64_t after_ns = tool_now_ns();

        if (status < 0)
            return status;
        bench_histogram_add(histogram, after_ns - before_ns);
        before_ns = after_ns;
        offset = (offset + (off_t)size) % FILE_SIZE;
    }
    *out_rate = (double)histogram->total * 1e9 / (double)(before_ns - start_ns);
    return FIRN_OK;
}

static firn_status measure_file(const char *path, const char *data, uint64_t duration_ns, bench_floor *floor,
                                firn_error *err)
{
    bench_histogram *histogram = calloc(1, sizeof *histogram);
    firn_status status;
    double rate = 0;
    int fd = open(path, O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);

    floor->direct = fd >= 0;
    if (fd < 0)
        fd = open(path, O_WRONLY | O_DSYNC | O_CLOEXEC);
    if (fd < 0 || histogram == NULL) {
        status = tool_fail_os(err, fd < 0 ? errno : ENOMEM, "%s", path);
        goto out;
    }
    status = measure(fd, path, data, SMALL, duration_ns * 5 / 7, histogram, &floor->rate, err);
    if (status < 0)
        goto out;
    floor->p50_ns = bench_histogram_percentile(histogram, 0.5);
    memset(histogram, 0, sizeof *histogram);
    status = measure(fd, path, data, LARGE, duration_ns * 2 / 7, histogram, &rate, err);
    floor->bandwidth = rate * LARGE;
out:
    if (fd >= 0)
        close(fd);
    free(histogram);
    return status;
}

firn_status bench_floor_measure(const char *folder, uint64_t duration_ns, bench_floor *out_floor, firn_error *err)
{
    bench_floor floor = {0};
    char path[PATH_MAX];
    char *data = aligned_alloc(SMALL, LARGE);
    firn_status status;

    if (data == NULL)
        return tool_fail(err, FIRN_ENOMEM, "floor: out of memory");
    /* Not zeros: a device may treat those apart. */
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (char)(i * 131 + (i >> 8) * 31);
    if (duration_ns > duration_max_ns)
        duration_ns = duration_max_ns;
    snprintf(path, sizeof path, "%s/floor", folder);
    status = fill(path, data, err);
    if (status == FIRN_OK)
        status = measure_file(path, data, duration_ns, &floor, err);
    unlink(path);
    free(data);
    if (status < 0)
        return tool_wrap(err, status, "floor");
    *out_floor = floor;
    return FIRN_OK;
}
