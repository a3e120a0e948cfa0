/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults.c — every way in which the disk below a ledger is made to fail.
 *
 * A live file system cannot be mounted read-only while files are open for writing (EBUSY), so what an administrator or
 * a script would do by that, the file system does itself: ext4, made with errors=remount-ro, is told through sysfs that
 * it found an error, and refuses writes from then on with EROFS. xfs knows shutting down only, and answers EIO.
 */
#include "test/kernel/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/kill/image.h"

enum {
    SERVED = 1 << DEVICE_SERVED,
    CACHED = 1 << DEVICE_CACHED,
    THIN = 1 << DEVICE_THIN,
    PLAIN = 1 << DEVICE_PLAIN,
    PAGE = 4096
};

static void put_writes(stage *st)
{
    device_fail_writes(&st->device, true);
}

static void lift_writes(stage *st)
{
    device_fail_writes(&st->device, false);
}

/* What is in the page cache would hide the device. */
static void drop_cache(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            (void)close(fd);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
}

static void put_reads(stage *st)
{
    device_fail_reads(&st->device, true);
    drop_cache(st->history.url);
}

static void lift_reads(stage *st)
{
    device_fail_reads(&st->device, false);
}

static void put_both(stage *st)
{
    put_reads(st);
    put_writes(st);
}

static void lift_both(stage *st)
{
    lift_reads(st);
    lift_writes(st);
}

static void put_unplug(stage *st)
{
    device_unplug(&st->device);
}

static void put_stall(stage *st)
{
    device_stall(&st->device, true);
}

static void lift_stall(stage *st)
{
    device_stall(&st->device, false);
}

/* All but a few pages. */
static void fill(stage *st, const char *folder)
{
    device_fill(folder, dice_roll(&st->history.dice, dice_chance(&st->history.dice, 2) ? 8 : 256) * PAGE);
}

static void put_full(stage *st)
{
    fill(st, st->device.mount);
}

static void lift_full(stage *st)
{
    device_make_room(st->device.mount);
}

static void put_thin(stage *st)
{
    fill(st, st->device.store);
}

static void lift_thin(stage *st)
{
    device_make_room(st->device.store);
}

static void limit(const stage *st, rlim_t size)
{
    const struct rlimit bound = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    /* The writer may have ended. */
    (void)prlimit(st->writer, RLIMIT_FSIZE, &bound, NULL);
}

static void put_limit(stage *st)
{
    /* Mostly smaller than a segment, or there would be nothing to notice. */
    limit(st, dice_roll(&st->history.dice, 2 * st->history.options.segment_size));
}

static void lift_limit(stage *st)
{
    limit(st, RLIM_INFINITY);
}

static void put_readonly(stage *st)
{
    static const char message[] = "told by a test";
    char name[96];
    int fd = -1;

    if (strcmp(st->device.file_system, "ext4") == 0) {
        (void)snprintf(name, sizeof name, "/sys/fs/ext4/%.24s/trigger_fs_error", st->device.loop + strlen("/dev/"));
        fd = open(name, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, message, sizeof message - 1) < 0) {
            violation("%s: %s", name, strerror(errno));
        }
        (void)close(fd);
    } else {
        image_cut(st->device.mount);
    }
}

static void put_shutdown(stage *st)
{
    image_shut(st->device.mount, (uint32_t)dice_roll(&st->history.dice, 3));
}

static void put_detach(stage *st)
{
    if (umount2(st->device.mount, MNT_DETACH) != 0) {
        violation("detach %s: %s", st->device.mount, strerror(errno));
    }
}

static void clear_detach(stage *st)
{
    device_mount(&st->device);
}

const fault faults[] = {
    /* The device answers writes, or with a cache flushes, with errors, from then on. */
    {.name = "writes", .kinds = SERVED | CACHED, .put = put_writes, .clear = lift_writes, .after = AFTER_AGAIN},
    /* For some ms only: a second sync would succeed, and mean nothing. */
    {.name = "glitch",
     .kinds = SERVED | CACHED,
     .put = put_writes,
     .lift = lift_writes,
     .after = AFTER_AGAIN,
     .brief = true},
    {.name = "reads", .kinds = SERVED, .put = put_reads, .lift = lift_reads, .after = AFTER_AGAIN, .blinds = true},
    {.name = "both", .kinds = SERVED, .put = put_both, .clear = lift_both, .after = AFTER_AGAIN, .blinds = true},
    /* Nobody answers any more; of a device with a cache, what was not flushed is gone. */
    {.name = "unplug", .kinds = SERVED | CACHED, .put = put_unplug, .after = AFTER_REPLACE, .blinds = true},
    {.name = "stall", .kinds = SERVED | CACHED, .put = put_stall, .lift = lift_stall, .harmless = true},
    /* The device, not the file system, has no room. */
    {.name = "thin", .kinds = THIN, .put = put_thin, .clear = lift_thin, .after = AFTER_AGAIN},
    {.name = "thin-glitch", .kinds = THIN, .put = put_thin, .lift = lift_thin, .after = AFTER_AGAIN, .brief = true},
    {.name = "full", .kinds = PLAIN, .put = put_full, .lift = lift_full, .harmless = true},
    {.name = "limit", .kinds = PLAIN, .put = put_limit, .lift = lift_limit},
    {.name = "readonly", .kinds = PLAIN, .put = put_readonly, .after = AFTER_AGAIN},
    {.name = "shutdown", .kinds = PLAIN, .put = put_shutdown, .after = AFTER_AGAIN, .blinds = true},
    {.name = "detach", .kinds = PLAIN, .put = put_detach, .clear = clear_detach, .harmless = true, .hides = true},
};
const unsigned faults_count = sizeof faults / sizeof faults[0];

bool fault_ends_mapping(const fault *f, const device *d)
{
    /* xfs ends its work for good at the first error of its own log, and reads as well. */
    return f->blinds || (!f->harmless && strcmp(d->file_system, "xfs") == 0);
}

const fault *fault_of(device_kind kind, const char *only, uint64_t n)
{
    unsigned fitting = 0;

    for (unsigned turn = 0; turn < 2; turn++) {
        uint64_t left = turn == 0 ? 0 : n % fitting;

        for (unsigned i = 0; i < faults_count; i++) {
            bool fits = (faults[i].kinds & 1u << kind) != 0 && (only == NULL || strcmp(only, faults[i].name) == 0);

            if (turn == 1 && fits && left-- == 0) {
                return &faults[i];
            }
            fitting += turn == 0 && fits ? 1 : 0;
        }
        if (fitting == 0) {
            return NULL;
        }
    }
    return NULL;
}
