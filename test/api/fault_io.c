/* SPDX-License-Identifier: Apache-2.0 */
/* fault_io.c — an I/O seam over another one that fails on demand. Files are those below: they know their own instance.
 */
#include "test/api/fault_io.h"

#include "engine/base/error.h"

#include <errno.h>

static frn_io *below_of(frn_io *io)
{
    return ((fault_io *)(void *)io)->below;
}

static void fault_close(frn_io *io)
{
    (void)io;
}

static void fault_facts(frn_io *io, frn_io_facts *out_facts)
{
    below_of(io)->ops->facts(below_of(io), out_facts);
}

static firn_status fault_open(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    return below_of(io)->ops->open(below_of(io), name, flags, out_file, err);
}

static firn_status fault_sync_names(frn_io *io, firn_error *err)
{
    return below_of(io)->ops->sync_names(below_of(io), err);
}

static firn_status fault_rename(frn_io *io, const char *from, const char *to, firn_error *err)
{
    return below_of(io)->ops->rename(below_of(io), from, to, err);
}

static firn_status fault_remove(frn_io *io, const char *name, firn_error *err)
{
    return below_of(io)->ops->remove(below_of(io), name, err);
}

static firn_status fault_list(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err)
{
    return below_of(io)->ops->list(below_of(io), fn, arg, err);
}

static void fault_durable_method_set(frn_io *io, firn_durable_method method)
{
    below_of(io)->ops->durable_method_set(below_of(io), method);
}

static firn_status fault_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size,
                                    unsigned buffers_count, unsigned depth, firn_error *err)
{
    return below_of(io)->ops->queue_open(below_of(io), lock, buffers, buffer_size, buffers_count, depth, err);
}

static void fault_queue_send(frn_io *io)
{
    below_of(io)->ops->queue_send(below_of(io));
}

static unsigned fault_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    fault_io *fault = (fault_io *)(void *)io;
    unsigned count = fault->below->ops->reap(fault->below, out, max, timeout_ns);
    int os_errno = atomic_load(&fault->fail_queued);

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
    return below_of(io)->ops->random(below_of(io), data, size, err);
}

/* fill() is told a file, not the instance, so there can be one faulty instance at a time. */
static fault_io *current;

static firn_status fault_fill(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err)
{
    int os_errno = atomic_load(&current->fail_fill);

    if (os_errno != 0) {
        return frn_fail_os(err, os_errno, "fill");
    }
    return current->below->ops->fill(file, size, out_written, err);
}

static frn_io_ops ops;

void fault_io_init(fault_io *fault, frn_io *below)
{
    ops = *below->ops;
    ops.close = fault_close;
    ops.facts = fault_facts;
    ops.open = fault_open;
    ops.fill = fault_fill;
    ops.sync_names = fault_sync_names;
    ops.rename = fault_rename;
    ops.remove = fault_remove;
    ops.list = fault_list;
    ops.durable_method_set = fault_durable_method_set;
    ops.queue_open = fault_queue_open;
    ops.queue_send = fault_queue_send;
    ops.reap = fault_reap;
    ops.reap_wake = fault_reap_wake;
    ops.wall_clock_ns = fault_wall_clock_ns;
    ops.monotonic_ns = fault_monotonic_ns;
    ops.random = fault_random;
    *fault = (fault_io){.io = {&ops}, .below = below};
    current = fault;
}
