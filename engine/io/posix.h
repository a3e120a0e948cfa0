/* SPDX-License-Identifier: Apache-2.0 */
/* posix.h — what the backends on real folders share: all of the blocking side but the way a write takes. */
#ifndef FRN_IO_POSIX_H
#define FRN_IO_POSIX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "engine/base/trace.h"
#include "engine/io/io.h"

typedef struct frn_posix frn_posix;

/** Writes like pwrite(2), also with its short counts: bytes written, or -errno. Any thread. */
typedef int64_t (*frn_posix_write_fn)(frn_posix *posix, int fd, const void *data, size_t size, uint64_t offset);

/**
 * The beginning of an instance on a folder. Fixed after opening, but for the atomics and what mutex guards: the
 * notes, and lock.
 */
struct frn_posix {
    frn_io io;
    frn_heap *heap;
    frn_trace trace;
    frn_posix_write_fn write;
    int folder; /**< Descriptor of the folder. */
    bool read_only;
    bool copy_on_write; /**< The file system moves what is overwritten unless told not to. */
    uint32_t alignment;
    firn_io_path path;
    _Atomic int durable_method;  /**< firn_durable_method. */
    _Atomic bool direct_refused; /**< A file could not be opened with O_DIRECT. */
    _Atomic bool layout_moves;   /**< Copy-on-write could not be switched off. */
    _Atomic uint64_t in_flight;  /**< Queued operations that were not reaped. */
    _Atomic uint64_t ring_bytes;
    char path_note[128]; /**< Why not io_uring. */
};

/** No descriptor: not opened so far, and cannot be opened. */
enum {
    FRN_POSIX_FD_NONE = -1,
    FRN_POSIX_FD_REFUSED = -2
};

typedef struct frn_posix_file {
    frn_file file;
    int fd;                /**< Through the page cache. */
    _Atomic int direct_fd; /**< O_DIRECT, or FRN_POSIX_FD_…; opened with the file if queued writes need it. */
    int queue_fd;          /**< What queued writes go to: one of the two. */
    bool writable;
    bool locked;
    _Atomic bool grew; /**< The size changed since the last sync. */
    char name[FRN_IO_NAME_SIZE_MAX + 1];
} frn_posix_file;

/** A shorter form of path for texts. */
enum {
    FRN_POSIX_PATH_TEXT_MAX = 300
};

/** Opens the folder and fills in *posix, which is zeroed; ops, write and path are the backend's to set. */
firn_status frn_posix_open_folder(frn_posix *posix, frn_heap *heap, const char *path, const frn_io_options *options,
                                  firn_error *err) FIRN_NODISCARD;
/** Closes the folder; posix itself stays the caller's. */
void frn_posix_done(frn_posix *posix);

/** pwritev2 with RWF_DSYNC where durable is asked; pwrite and fdatasync where the kernel knows no flags. */
int64_t frn_posix_pwrite(int fd, const void *data, size_t size, uint64_t offset, bool durable);

/** Asks the file system not to move what is overwritten in an empty file; whether it agreed. */
bool frn_posix_move_never(int fd);

/* The operations, as frn_io_ops describes them. */
void frn_posix_facts(frn_io *io, frn_io_facts *out_facts);
firn_status frn_posix_open(frn_io *io, const char *name, unsigned flags, frn_file **out_file,
                           firn_error *err) FIRN_NODISCARD;
void frn_posix_file_close(frn_file *file);
firn_status frn_posix_size(frn_file *file, uint64_t *out_size, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_shrink(frn_file *file, uint64_t size, firn_error *err);
firn_status frn_posix_read(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                           firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_read_device(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                                  firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_write(frn_file *file, const void *data, size_t size, uint64_t offset,
                            firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_fill(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_sync(frn_file *file, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_sync_names(frn_io *io, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_rename(frn_io *io, const char *from, const char *to, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_remove(frn_io *io, const char *name, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_list(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err) FIRN_NODISCARD;
void frn_posix_durable_method_set(frn_io *io, firn_durable_method method);
firn_status frn_posix_lock(frn_file *file, firn_error *err) FIRN_NODISCARD;
firn_status frn_posix_lock_test(frn_file *file, bool *out_taken, firn_error *err) FIRN_NODISCARD;
int64_t frn_posix_wall_clock_ns(frn_io *io);
int64_t frn_posix_monotonic_ns(frn_io *io);
firn_status frn_posix_random(frn_io *io, void *data, size_t size, firn_error *err) FIRN_NODISCARD;

#endif
