/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix.c — files of a real folder, as every backend but memory reads, writes, fills, syncs and locks them.
 *
 * A file has one descriptor through the page cache and, where it is needed and allowed, a second one with O_DIRECT: the
 * queue writes to that one, and read_device reads from it. The kernel keeps the two coherent. How bytes are written is
 * the backend's (frn_posix.write), because on io_uring every write is to go through a ring.
 */
#include "engine/io/posix.h"

#include "engine/base/error.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef FALLOC_FL_WRITE_ZEROES
#define FALLOC_FL_WRITE_ZEROES 0x80 /* linux/falloc.h since 6.17 */
#endif

/* Bytes of zeros in one write: large enough that a device runs at its rate, small enough to allocate. */
enum {
    FILL_PIECE = 1 << 20,
    NO_FILE = EMEDIUMTYPE /* An errno that opening does not give otherwise. */
};

int64_t frn_posix_pwrite(int fd, const void *data, size_t size, uint64_t offset, bool durable)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    ssize_t written = TEMP_FAILURE_RETRY(pwritev2(fd, &part, 1, (off_t)offset, durable ? RWF_DSYNC : 0));

    if (written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        written = TEMP_FAILURE_RETRY(pwrite(fd, data, size, (off_t)offset));
        if (written >= 0 && durable && fdatasync(fd) != 0) {
            return -errno;
        }
    }
    return written < 0 ? -errno : written;
}

/* Opens a name that stands for a file and for nothing else: a folder of a ledger may come from a stranger, who put a
   link, a pipe or a device there. A descriptor or -errno, NO_FILE for such a thing. */
static int open_regular(const frn_posix *posix, const char *name, int flags)
{
    struct stat facts;
    int rc = 0;
    int fd = TEMP_FAILURE_RETRY(openat(posix->folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));

    if (fd < 0) {
        return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -NO_FILE : -errno;
    }
    if (fstat(fd, &facts) != 0) {
        rc = -errno;
    } else if (!S_ISREG(facts.st_mode)) {
        rc = -NO_FILE;
    } else if (fcntl(fd, F_SETFL, flags & O_DIRECT) != 0) {
        /* With O_NONBLOCK, which kept the opening of a pipe from waiting, the ring would give up where it can wait. */
        rc = -errno;
    }
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

/* Opens name with O_DIRECT and makes sure that it is still the file behind fd: names move. A descriptor or -errno. */
static int open_direct(const frn_posix *posix, const char *name, int fd, bool writable)
{
    struct stat one, other;
    int direct = open_regular(posix, name, (writable ? O_RDWR : O_RDONLY) | O_DIRECT);
    int rc = 0;

    if (direct < 0) {
        return direct;
    }
    if (fstat(fd, &one) != 0 || fstat(direct, &other) != 0) {
        rc = -errno;
    } else if (one.st_dev != other.st_dev || one.st_ino != other.st_ino) {
        rc = -ESTALE;
    }
    if (rc != 0) {
        (void)close(direct);
        return rc;
    }
    return direct;
}

static firn_status open_for_queue(frn_posix *posix, frn_posix_file *file, firn_error *err)
{
    int direct;

    if (atomic_load(&posix->durable_method) == FIRN_DURABLE_BUFFERED_SYNC || atomic_load(&posix->direct_refused)) {
        return FIRN_OK;
    }
    direct = open_direct(posix, file->name, file->fd, true);
    if (direct == -EINVAL || direct == -EOPNOTSUPP) {
        atomic_store(&posix->direct_refused, true);
        atomic_store(&file->direct_fd, FRN_POSIX_FD_REFUSED);
        return FIRN_OK;
    }
    if (direct < 0) {
        return frn_fail_os(err, -direct, "open %s past the page cache", file->name);
    }
    atomic_store(&file->direct_fd, direct);
    file->queue_fd = direct;
    return FIRN_OK;
}

firn_status frn_posix_open(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    frn_posix *posix = (frn_posix *)io;
    bool create = (flags & FRN_IO_CREATE) != 0;
    bool writable = (flags & (FRN_IO_WRITE | FRN_IO_CREATE | FRN_IO_QUEUE)) != 0;
    const char *what = create ? "create" : "open";
    frn_posix_file *file;
    firn_status status = FIRN_OK;

    assert(strlen(name) <= FRN_IO_NAME_SIZE_MAX && strchr(name, '/') == NULL);
    if (writable && posix->read_only) {
        return frn_fail_detail(err, FIRN_EACCES, FIRN_DETAIL_READ_ONLY, "%s %s: opened for reading only", what, name);
    }
    file = frn_alloc_zero(posix->heap, 1, sizeof *file);
    if (file == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "%s %s", what, name);
    }
    file->file = (frn_file){.ops = io->ops, .io = io};
    file->writable = writable;
    memcpy(file->name, name, strlen(name) + 1);
    atomic_init(&file->direct_fd, FRN_POSIX_FD_NONE);
    atomic_init(&file->grew, create);
    file->fd = open_regular(posix, name, (writable ? O_RDWR : O_RDONLY) | (create ? O_CREAT | O_EXCL : 0));
    if (file->fd < 0) {
        status = file->fd == -NO_FILE ? frn_fail(err, FIRN_ECORRUPT, "%s %s: not a regular file", what, name)
                                      : frn_fail_os(err, -file->fd, "%s %s", what, name);
        frn_free(posix->heap, file);
        return status;
    }
    file->queue_fd = file->fd;
    if (create && posix->copy_on_write && !frn_posix_move_never(file->fd)) {
        atomic_store(&posix->layout_moves, true);
    }
    if (flags & FRN_IO_QUEUE) {
        status = open_for_queue(posix, file, err);
    }
    if (status != FIRN_OK) {
        if (create) {
            (void)unlinkat(posix->folder, name, 0);
        }
        frn_posix_file_close(&file->file);
        return status;
    }
    *out_file = &file->file;
    return FIRN_OK;
}

void frn_posix_file_close(frn_file *file)
{
    frn_posix_file *f = (frn_posix_file *)file;
    frn_posix *posix = (frn_posix *)file->io;
    int direct = atomic_load(&f->direct_fd);

    /* A ring may hold the description as well, so closing alone would not give the lock up. While writes are in
       flight that is what is wanted. */
    if (f->locked && atomic_load(&posix->in_flight) == 0) {
        struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

        (void)fcntl(f->fd, F_OFD_SETLK, &lock);
    }
    if (direct >= 0) {
        (void)close(direct);
    }
    (void)close(f->fd);
    frn_free(posix->heap, f);
}

firn_status frn_posix_size(frn_file *file, uint64_t *out_size, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    struct stat st;

    if (fstat(f->fd, &st) != 0) {
        return frn_fail_os(err, errno, "size of %s", f->name);
    }
    *out_size = (uint64_t)st.st_size;
    return FIRN_OK;
}

firn_status frn_posix_shrink(frn_file *file, uint64_t size, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;

    if (ftruncate(f->fd, (off_t)size) != 0) {
        return frn_fail_os(err, errno, "shrink %s", f->name);
    }
    return FIRN_OK;
}

/* Reads until size bytes or the end. 0 or an errno. */
static int read_all(int fd, void *data, size_t size, uint64_t offset, size_t *out_read)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = TEMP_FAILURE_RETRY(pread(fd, (uint8_t *)data + done, size - done, (off_t)(offset + done)));

        if (got < 0) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out_read = done;
    return 0;
}

firn_status frn_posix_read(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    int rc = read_all(f->fd, data, size, offset, out_read);

    return rc == 0 ? FIRN_OK : frn_fail_os(err, rc, "read %s at %llu", f->name, (unsigned long long)offset);
}

/* The descriptor for reading past the page cache, opened by the first that asks; negative where there is none. */
static int direct_for_reading(frn_posix_file *f)
{
    frn_posix *posix = (frn_posix *)f->file.io;
    int fd = atomic_load(&f->direct_fd);
    int opened;

    if (fd != FRN_POSIX_FD_NONE) {
        return fd;
    }
    opened =
        atomic_load(&posix->direct_refused) ? FRN_POSIX_FD_REFUSED : open_direct(posix, f->name, f->fd, f->writable);
    if (opened < 0) {
        opened = FRN_POSIX_FD_REFUSED;
    }
    if (!atomic_compare_exchange_strong(&f->direct_fd, &fd, opened)) {
        if (opened >= 0) {
            (void)close(opened);
        }
        return fd;
    }
    return opened;
}

/*
 * A short direct read that does not end at a block is the end of the file; read_all would go on at an offset that is no
 * multiple and get EINVAL, so this takes one read after the other only while they end at a block.
 */
static int read_direct(int fd, void *data, size_t size, uint64_t offset, uint32_t alignment, size_t *out_read)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = TEMP_FAILURE_RETRY(pread(fd, (uint8_t *)data + done, size - done, (off_t)(offset + done)));

        if (got < 0) {
            return errno;
        }
        done += (size_t)got;
        if (got == 0 || done % alignment != 0) {
            break;
        }
    }
    *out_read = done;
    return 0;
}

firn_status frn_posix_read_device(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                                  firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    uint32_t alignment = ((frn_posix *)file->io)->alignment;
    int fd = direct_for_reading(f);
    int rc = EINVAL;

    if (fd >= 0) {
        rc = read_direct(fd, data, size, offset, alignment, out_read);
    }
    if (rc == EINVAL) {
        /* No direct reads here: have the page cache written and dropped, then what is read comes from the device. */
        if (fdatasync(f->fd) != 0) {
            return frn_fail_os(err, errno, "sync %s", f->name);
        }
        (void)posix_fadvise(f->fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
        rc = read_all(f->fd, data, size, offset, out_read);
    }
    return rc == 0 ? FIRN_OK
                   : frn_fail_os(err, rc, "read %s from the device at %llu", f->name, (unsigned long long)offset);
}

/* Writes all of it by the backend's way. 0 or an errno. */
static int write_all(frn_posix_file *f, int fd, const void *data, size_t size, uint64_t offset)
{
    frn_posix *posix = (frn_posix *)f->file.io;

    for (size_t done = 0; done < size;) {
        int64_t written = posix->write(posix, fd, (const uint8_t *)data + done, size - done, offset + done);

        if (written < 0) {
            return (int)-written;
        }
        if (written == 0) {
            return ENOSPC;
        }
        done += (size_t)written;
    }
    return 0;
}

firn_status frn_posix_write(frn_file *file, const void *data, size_t size, uint64_t offset, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    int rc;

    assert(f->writable);
    atomic_store(&f->grew, true);
    rc = write_all(f, f->fd, data, size, offset);
    return rc == 0 ? FIRN_OK : frn_fail_os(err, rc, "write %s at %llu", f->name, (unsigned long long)offset);
}

/* fallocate over [0, size). *out_rc: 0 or an errno; returns whether this is known here at all. */
static bool allocate(int fd, int mode, uint64_t size, int *out_rc)
{
    *out_rc = TEMP_FAILURE_RETRY(fallocate(fd, mode, 0, (off_t)size)) == 0 ? 0 : errno;
    return *out_rc != EOPNOTSUPP && *out_rc != ENOSYS && *out_rc != EINVAL && *out_rc != EPERM;
}

/* Writes zeros over [0, size), past the page cache where that is possible: nobody is going to read them. */
static int fill_by_writing(frn_posix_file *f, uint64_t size)
{
    frn_posix *posix = (frn_posix *)f->file.io;
    uint8_t *zeros = frn_alloc_aligned(posix->heap, FRN_IO_ALIGNMENT_MAX, FILL_PIECE);
    int rc = 0;

    if (zeros == NULL) {
        return ENOMEM;
    }
    memset(zeros, 0, FILL_PIECE);
    for (uint64_t done = 0; rc == 0 && done < size;) {
        size_t piece = size - done < FILL_PIECE ? (size_t)(size - done) : FILL_PIECE;

        rc = write_all(f, piece % posix->alignment == 0 ? f->queue_fd : f->fd, zeros, piece, done);
        done += piece;
    }
    frn_free(posix->heap, zeros);
    return rc;
}

firn_status frn_posix_fill(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    uint64_t written = 0;
    int rc;

    assert(f->writable && size > 0);
    atomic_store(&f->grew, true);
    if (!allocate(f->fd, FALLOC_FL_WRITE_ZEROES, size, &rc)) {
        /* The device cannot do it. Take the room first, in one piece and before anything is written. */
        if (!allocate(f->fd, 0, size, &rc) || rc == 0) {
            rc = fill_by_writing(f, size);
        }
        written = size;
    }
    if (rc != 0) {
        return frn_fail_os(err, rc, "fill %s with %llu bytes", f->name, (unsigned long long)size);
    }
    *out_written = written;
    return FIRN_OK;
}

firn_status frn_posix_sync(frn_file *file, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    int rc = atomic_exchange(&f->grew, false) ? fsync(f->fd) : fdatasync(f->fd);

    return rc == 0 ? FIRN_OK : frn_fail_os(err, errno, "sync %s", f->name);
}

void frn_posix_durable_method_set(frn_io *io, firn_durable_method method)
{
    assert(method != FIRN_DURABLE_AUTO);
    atomic_store(&((frn_posix *)io)->durable_method, (int)method);
}

/*
 * An open file description lock: it belongs to the description, so a second instance in this process is kept out like
 * any other; it can be asked for without being taken; and it lives as long as anything holds the description.
 */
firn_status frn_posix_lock(frn_file *file, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    assert(f->writable);
    if (fcntl(f->fd, F_OFD_SETLK, &lock) != 0) {
        return errno == EAGAIN || errno == EACCES ? frn_fail(err, FIRN_EBUSY, "lock %s: held elsewhere", f->name)
                                                  : frn_fail_os(err, errno, "lock %s", f->name);
    }
    f->locked = true;
    return FIRN_OK;
}

firn_status frn_posix_lock_test(frn_file *file, bool *out_taken, firn_error *err)
{
    frn_posix_file *f = (frn_posix_file *)file;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(f->fd, F_OFD_GETLK, &lock) != 0) {
        return frn_fail_os(err, errno, "test the lock of %s", f->name);
    }
    *out_taken = lock.l_type != F_UNLCK;
    return FIRN_OK;
}
