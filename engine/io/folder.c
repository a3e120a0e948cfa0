/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.c — open a real folder, find out what its file system and disk want, and change its names.
 *
 * What the disk wants is asked of a nameless file (O_TMPFILE), so that asking leaves nothing behind; where there is no
 * such thing, or nothing may be written, of a file that is there; and of sysfs.
 */
#include "engine/io/posix.h"

#include "engine/base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* File systems that write elsewhere what is overwritten, by statfs(2) magic. */
#define MAGIC_BTRFS 0x9123683eu
#define MAGIC_BCACHEFS 0xca451a4eu
#define MAGIC_ZFS 0x2fc12fc1u
enum {
    ALIGNMENT_MIN = 4096
};

static uint32_t larger_alignment(uint32_t alignment, uint64_t candidate)
{
    bool power_of_two = candidate != 0 && (candidate & (candidate - 1)) == 0;

    return power_of_two && candidate > alignment && candidate <= FRN_IO_ALIGNMENT_MAX ? (uint32_t)candidate : alignment;
}

/* The physical block of the disk below, 0 if sysfs does not tell. A partition has its queue one folder up. */
static uint64_t physical_block(dev_t device)
{
    static const char *const steps[] = {"", "/.."};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned long long size = 0;
        char path[96];
        FILE *file;
        int fields;

        (void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u%s/queue/physical_block_size", major(device),
                       minor(device), steps[i]);
        file = fopen(path, "re");
        if (file == NULL) {
            continue;
        }
        fields = fscanf(file, "%llu", &size);
        (void)fclose(file);
        if (fields == 1) {
            return size;
        }
    }
    return 0;
}

static uint64_t direct_alignment(int fd, const char *name, int flags)
{
#ifdef STATX_DIOALIGN
    struct statx stx;

    if (statx(fd, name, flags, STATX_DIOALIGN, &stx) == 0 && (stx.stx_mask & STATX_DIOALIGN) != 0) {
        return stx.stx_dio_offset_align > stx.stx_dio_mem_align ? stx.stx_dio_offset_align : stx.stx_dio_mem_align;
    }
#else
    (void)fd;
    (void)name;
    (void)flags;
#endif
    return 0;
}

bool frn_posix_move_never(int fd)
{
    int flags = 0;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
        return false;
    }
    flags |= FS_NOCOW_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
           (flags & FS_NOCOW_FL) != 0;
}

struct widen {
    frn_posix *posix;
    bool asked;
};

static void widen_by_file(void *arg, const char *name, uint64_t size)
{
    struct widen *widen = arg;

    (void)size;
    if (!widen->asked) {
        widen->asked = true;
        widen->posix->alignment =
            larger_alignment(widen->posix->alignment, direct_alignment(widen->posix->folder, name, 0));
    }
}

/* Asks the file system and the disk; what cannot be asked keeps the default. */
static firn_status learn(frn_posix *posix, firn_error *err)
{
    struct widen widen = {.posix = posix};
    struct statfs fs;
    struct stat st;
    int fd = -1;

    if (fstat(posix->folder, &st) != 0 || fstatfs(posix->folder, &fs) != 0) {
        return frn_fail_os(err, errno, "look at the folder");
    }
    posix->copy_on_write =
        (uint32_t)fs.f_type == MAGIC_BTRFS || (uint32_t)fs.f_type == MAGIC_BCACHEFS || (uint32_t)fs.f_type == MAGIC_ZFS;
    atomic_store(&posix->layout_moves, posix->copy_on_write);
    posix->alignment = larger_alignment(ALIGNMENT_MIN, physical_block(st.st_dev));
    if (!posix->read_only) {
        fd = openat(posix->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_DIRECT, 0600);
        if (fd < 0 && errno == EINVAL) {
            fd = openat(posix->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
            atomic_store(&posix->direct_refused, fd >= 0);
        }
    }
    if (fd < 0) {
        return frn_posix_list(&posix->io, widen_by_file, &widen, err);
    }
    posix->alignment = larger_alignment(posix->alignment, direct_alignment(fd, "", AT_EMPTY_PATH));
    if (posix->copy_on_write) {
        atomic_store(&posix->layout_moves, !frn_posix_move_never(fd));
    }
    (void)close(fd);
    return FIRN_OK;
}

/* A folder that was made is there after a crash once its own folder was synced. */
static firn_status sync_parent(int folder, firn_error *err)
{
    int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    firn_status status = FIRN_OK;

    if (parent < 0) {
        /* A folder that one may write and not read cannot be synced by any means. */
        return errno == EACCES ? FIRN_OK : frn_fail_os(err, errno, "open the parent");
    }
    if (fsync(parent) != 0) {
        status = frn_fail_os(err, errno, "sync the parent");
    }
    (void)close(parent);
    return status;
}

firn_status frn_posix_open_folder(frn_posix *posix, frn_heap *heap, const char *path, const frn_io_options *options,
                                  firn_error *err)
{
    bool made = false;
    firn_status status;

    posix->heap = heap;
    posix->trace = options->trace;
    posix->read_only = options->read_only;
    atomic_init(&posix->durable_method, FIRN_DURABLE_DIRECT_DSYNC);
    if (options->create && !options->read_only) {
        made = mkdir(path, 0700) == 0;
        if (!made && errno != EEXIST) {
            return frn_fail_os(err, errno, "create folder %.*s", FRN_POSIX_PATH_TEXT_MAX, path);
        }
    }
    posix->folder = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (posix->folder < 0) {
        if (errno == ENOTDIR) {
            return frn_fail(err, FIRN_EINVAL, "open folder %.*s: not a folder", FRN_POSIX_PATH_TEXT_MAX, path);
        }
        return frn_fail_os(err, errno, "open folder %.*s", FRN_POSIX_PATH_TEXT_MAX, path);
    }
    status = made ? sync_parent(posix->folder, err) : FIRN_OK;
    if (status == FIRN_OK) {
        status = learn(posix, err);
    }
    if (status != FIRN_OK) {
        frn_posix_done(posix);
        return frn_wrap(err, status, "open folder %.*s", FRN_POSIX_PATH_TEXT_MAX, path);
    }
    return FIRN_OK;
}

void frn_posix_done(frn_posix *posix)
{
    (void)close(posix->folder);
    posix->folder = -1;
}

void frn_posix_facts(frn_io *io, frn_io_facts *out_facts)
{
    frn_posix *posix = (frn_posix *)io;
    bool wanted = atomic_load(&posix->durable_method) != FIRN_DURABLE_BUFFERED_SYNC;
    bool refused = atomic_load(&posix->direct_refused);

    *out_facts = (frn_io_facts){
        .path = posix->path,
        .alignment = posix->alignment,
        .direct = wanted && !refused,
        .layout_guarantee = !atomic_load(&posix->layout_moves),
        .submits_are_done_by_reap = posix->path == FIRN_IO_PORTABLE,
        .ring_bytes = atomic_load(&posix->ring_bytes),
    };
    memcpy(out_facts->note, posix->path_note, sizeof posix->path_note);
    if (refused && posix->path_note[0] == '\0') {
        (void)snprintf(out_facts->note, sizeof out_facts->note, "no O_DIRECT on this file system");
    } else if (refused) {
        (void)snprintf(out_facts->note, sizeof out_facts->note, "%.80s; no O_DIRECT on this file system",
                       posix->path_note);
    }
}

firn_status frn_posix_sync_names(frn_io *io, firn_error *err)
{
    return fsync(((frn_posix *)io)->folder) == 0 ? FIRN_OK : frn_fail_os(err, errno, "sync the folder");
}

static firn_status check_writable(const frn_posix *posix, const char *what, const char *name, firn_error *err)
{
    return posix->read_only
               ? frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "%s %s: opened for reading only", what, name)
               : FIRN_OK;
}

firn_status frn_posix_rename(frn_io *io, const char *from, const char *to, firn_error *err)
{
    frn_posix *posix = (frn_posix *)io;
    firn_status status = check_writable(posix, "rename", from, err);

    if (status == FIRN_OK && renameat(posix->folder, from, posix->folder, to) != 0) {
        status = frn_fail_os(err, errno, "rename %s to %s", from, to);
    }
    return status;
}

firn_status frn_posix_remove(frn_io *io, const char *name, firn_error *err)
{
    frn_posix *posix = (frn_posix *)io;
    firn_status status = check_writable(posix, "remove", name, err);

    if (status == FIRN_OK && unlinkat(posix->folder, name, 0) != 0) {
        status = frn_fail_os(err, errno, "remove %s", name);
    }
    return status;
}

firn_status frn_posix_list(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err)
{
    frn_posix *posix = (frn_posix *)io;
    int fd = openat(posix->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    firn_status status = FIRN_OK;

    if (dir == NULL) {
        status = frn_fail_os(err, errno, "list the folder");
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    for (;;) {
        struct dirent *entry;
        struct stat st;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            break;
        }
        if (strlen(entry->d_name) > FRN_IO_NAME_SIZE_MAX) {
            continue; /* None of this library's. */
        }
        if (fstatat(posix->folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            if (S_ISREG(st.st_mode)) {
                fn(arg, entry->d_name, (uint64_t)st.st_size);
            }
        } else if (errno != ENOENT) {
            /* What vanished in between is not there. What cannot be looked at is: a ledger whose files were left out
               would be taken for none, and made anew over them. */
            break;
        }
    }
    if (errno != 0) {
        status = frn_fail_os(err, errno, "list the folder");
    }
    (void)closedir(dir);
    return status;
}

int64_t frn_posix_wall_clock_ns(frn_io *io)
{
    struct timespec at;

    (void)io;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

int64_t frn_posix_monotonic_ns(frn_io *io)
{
    (void)io;
    return frn_monotonic_ns();
}

firn_status frn_posix_random(frn_io *io, void *data, size_t size, firn_error *err)
{
    (void)io;
    for (size_t done = 0; done < size;) {
        ssize_t got = TEMP_FAILURE_RETRY(getrandom((uint8_t *)data + done, size - done, 0));

        if (got < 0) {
            return frn_fail_os(err, errno, "random");
        }
        done += (size_t)got;
    }
    return FIRN_OK;
}
