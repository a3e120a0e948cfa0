/* SPDX-License-Identifier: Apache-2.0 */
/* fault_io.c — an I/O seam over another one that fails on demand: by kind of operation, or the k-th of all. */
#include "test/api/fault_io.h"

#include "engine/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A file of ours stands before one of those below. */
typedef struct fault_file {
    frn_file file;
    frn_file *below;
    _Atomic bool sync_failed;
    char name[FRN_IO_NAME_SIZE_MAX + 1];
} fault_file;

static fault_io *fault_of(frn_io *io)
{
    return (fault_io *)(void *)io;
}

static frn_io *below_of(frn_io *io)
{
    return fault_of(io)->below;
}

static fault_file *file_of(frn_file *file)
{
    return (fault_file *)(void *)file;
}

/* Whether this operation fails. */
static bool fails(fault_io *fault, const char *name)
{
    const char *none = NULL;
    int64_t left;

    if (atomic_load(&fault->fail_at) == 0) {
        return false;
    }
    left = atomic_fetch_sub(&fault->fail_at, 1) - 1;
    if (left > 0) {
        return false;
    }
    atomic_store(&fault->fail_at, fault->fail_for_ever ? 1 : 0);
    atomic_fetch_add(&fault->failed, 1);
    (void)atomic_compare_exchange_strong(&fault->failed_name, &none, name);
    return true;
}

/* As a backend says it: what was to be done, and to what. */
#define FAIL_IF_DUE(fault, name, what, err)                                          \
    do {                                                                             \
        if (fails((fault), (name))) {                                                \
            return frn_fail_os((err), (fault)->fail_errno, "%s %s", (name), (what)); \
        }                                                                            \
    } while (0)

/* ---- the instance ---- */

static void fault_close(frn_io *io)
{
    frn_mutex_done(&fault_of(io)->lock);
}

static void fault_facts(frn_io *io, frn_io_facts *out_facts)
{
    below_of(io)->ops->facts(below_of(io), out_facts);
}

static firn_status fault_open(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    fault_file *file;
    firn_status status;

    FAIL_IF_DUE(fault_of(io), "open", name, err);
    file = calloc(1, sizeof *file);
    assert(file != NULL);
    status = below_of(io)->ops->open(below_of(io), name, flags, &file->below, err);
    if (status != FIRN_OK) {
        free(file);
        return status;
    }
    file->file = (frn_file){.ops = io->ops, .io = io};
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    atomic_fetch_add(&fault_of(io)->files, 1);
    *out_file = &file->file;
    return FIRN_OK;
}

static firn_status fault_sync_names(frn_io *io, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "sync_names", "the folder", err);
    return below_of(io)->ops->sync_names(below_of(io), err);
}

static firn_status fault_rename(frn_io *io, const char *from, const char *to, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "rename", from, err);
    return below_of(io)->ops->rename(below_of(io), from, to, err);
}

static firn_status fault_remove(frn_io *io, const char *name, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "remove", name, err);
    return below_of(io)->ops->remove(below_of(io), name, err);
}

static firn_status fault_list(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "list", "the folder", err);
    return below_of(io)->ops->list(below_of(io), fn, arg, err);
}

static void fault_durable_method_set(frn_io *io, firn_durable_method method)
{
    below_of(io)->ops->durable_method_set(below_of(io), method);
}

static int64_t fault_wall_clock_ns(frn_io *io)
{
    return below_of(io)->ops->wall_clock_ns(below_of(io));
}

static int64_t fault_monotonic_ns(frn_io *io)
{
    return below_of(io)->ops->monotonic_ns(below_of(io));
}

static firn_status fault_random(frn_io *io, void *data, size_t size, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "random", "bytes", err);
    return below_of(io)->ops->random(below_of(io), data, size, err);
}

/* ---- files ---- */

static void fault_file_close(frn_file *file)
{
    fault_file *f = file_of(file);

    atomic_fetch_sub(&fault_of(file->io)->files, 1);
    f->below->ops->file_close(f->below);
    free(f);
}

static firn_status fault_size(frn_file *file, uint64_t *out_size, firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "size", file_of(file)->name, err);
    return file_of(file)->below->ops->size(file_of(file)->below, out_size, err);
}

static firn_status fault_read(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                              firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "read", file_of(file)->name, err);
    return file_of(file)->below->ops->read(file_of(file)->below, data, size, offset, out_read, err);
}

static firn_status fault_read_device(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                                     firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "read_device", file_of(file)->name, err);
    return file_of(file)->below->ops->read_device(file_of(file)->below, data, size, offset, out_read, err);
}

static firn_status fault_write(frn_file *file, const void *data, size_t size, uint64_t offset, firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "write", file_of(file)->name, err);
    return file_of(file)->below->ops->write(file_of(file)->below, data, size, offset, err);
}

static firn_status fault_fill(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err)
{
    int os_errno = atomic_load(&fault_of(file->io)->fail_fill);

    if (os_errno != 0) {
        return frn_fail_os(err, os_errno, "fill %s", file_of(file)->name);
    }
    FAIL_IF_DUE(fault_of(file->io), "fill", file_of(file)->name, err);
    return file_of(file)->below->ops->fill(file_of(file)->below, size, out_written, err);
}

static firn_status fault_shrink(frn_file *file, uint64_t size, firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "shrink", file_of(file)->name, err);
    return file_of(file)->below->ops->shrink(file_of(file)->below, size, err);
}

/* Notes a sync and how it ends. */
static bool sync_fails(fault_file *f, const char *name)
{
    fault_io *fault = fault_of(f->file.io);

    if (atomic_load(&f->sync_failed)) {
        atomic_fetch_add(&fault->syncs_after_failure, 1);
    }
    if (!fails(fault, name)) {
        return false;
    }
    atomic_store(&f->sync_failed, true);
    return true;
}

static firn_status fault_sync(frn_file *file, firn_error *err)
{
    if (sync_fails(file_of(file), "sync")) {
        return frn_fail_os(err, fault_of(file->io)->fail_errno, "sync %s", file_of(file)->name);
    }
    return file_of(file)->below->ops->sync(file_of(file)->below, err);
}

static firn_status fault_lock(frn_file *file, firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "lock", file_of(file)->name, err);
    return file_of(file)->below->ops->lock(file_of(file)->below, err);
}

static firn_status fault_lock_test(frn_file *file, bool *out_taken, firn_error *err)
{
    FAIL_IF_DUE(fault_of(file->io), "lock_test", file_of(file)->name, err);
    return file_of(file)->below->ops->lock_test(file_of(file)->below, out_taken, err);
}

/* ---- the queue ---- */

static firn_status fault_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size,
                                    unsigned buffers_count, unsigned depth, firn_error *err)
{
    FAIL_IF_DUE(fault_of(io), "queue_open", "the queue", err);
    return below_of(io)->ops->queue_open(below_of(io), lock == NULL ? NULL : file_of(lock)->below, buffers, buffer_size,
                                         buffers_count, depth, err);
}

/* An operation that ends here. */
static void end_here(fault_io *fault, uint64_t tag)
{
    frn_mutex_lock(&fault->lock);
    assert(fault->own_count < FAULT_IO_OWN_MAX);
    fault->own[fault->own_count++] = (frn_completion){.tag = tag, .result = -fault->fail_errno};
    frn_mutex_unlock(&fault->lock);
    fault->below->ops->reap_wake(fault->below);
}

static void note_queued(fault_io *fault)
{
    if (atomic_load(&fault->queue_failures) > 0) {
        atomic_fetch_add(&fault->queued_after, 1);
    }
}

static void fault_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable,
                              uint64_t tag)
{
    fault_io *fault = fault_of(file->io);
    frn_io_facts facts;

    note_queued(fault);
    if (fails(fault, "queue_write")) {
        fault_facts(file->io, &facts);
        if (!fault->fail_short || size < 2 * (size_t)facts.alignment) {
            end_here(fault, tag);
            return;
        }
        size = size / 2 / facts.alignment * facts.alignment;
    }
    file_of(file)->below->ops->queue_write(file_of(file)->below, data, size, offset, durable, tag);
}

static void fault_queue_sync(frn_file *file, uint64_t tag)
{
    fault_io *fault = fault_of(file->io);

    note_queued(fault);
    if (sync_fails(file_of(file), "queue_sync")) {
        end_here(fault, tag);
        return;
    }
    file_of(file)->below->ops->queue_sync(file_of(file)->below, tag);
}

static void fault_queue_send(frn_io *io)
{
    below_of(io)->ops->queue_send(below_of(io));
}

static unsigned fault_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    fault_io *fault = fault_of(io);
    unsigned count = 0;
    int os_errno;

    frn_mutex_lock(&fault->lock);
    while (count < max && fault->own_count > 0) {
        out[count++] = fault->own[--fault->own_count];
    }
    frn_mutex_unlock(&fault->lock);
    atomic_fetch_add(&fault->queue_failures, count);
    if (count == 0) {
        count = fault->below->ops->reap(fault->below, out, max, timeout_ns);
    }
    os_errno = atomic_load(&fault->fail_queued);
    for (unsigned i = 0; i < count && os_errno != 0; i++) {
        out[i].result = -os_errno;
    }
    atomic_fetch_add(&fault->reaps, count);
    return count;
}

static void fault_reap_wake(frn_io *io)
{
    below_of(io)->ops->reap_wake(below_of(io));
}

static const frn_io_ops ops = {
    .close = fault_close,
    .facts = fault_facts,
    .open = fault_open,
    .file_close = fault_file_close,
    .size = fault_size,
    .read = fault_read,
    .read_device = fault_read_device,
    .write = fault_write,
    .fill = fault_fill,
    .shrink = fault_shrink,
    .sync = fault_sync,
    .sync_names = fault_sync_names,
    .rename = fault_rename,
    .remove = fault_remove,
    .list = fault_list,
    .durable_method_set = fault_durable_method_set,
    .lock = fault_lock,
    .lock_test = fault_lock_test,
    .queue_open = fault_queue_open,
    .queue_write = fault_queue_write,
    .queue_sync = fault_queue_sync,
    .queue_send = fault_queue_send,
    .reap = fault_reap,
    .reap_wake = fault_reap_wake,
    .wall_clock_ns = fault_wall_clock_ns,
    .monotonic_ns = fault_monotonic_ns,
    .random = fault_random,
};

void fault_io_init(fault_io *fault, frn_io *below)
{
    *fault = (fault_io){.io = {&ops}, .below = below};
    frn_mutex_init(&fault->lock);
}
