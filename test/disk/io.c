/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c — the I/O seam over a simulated disk, the blocking side and what both sides share.
 *
 * Every operation is counted first; the count is what fault injection goes by. An operation that is made to fail may
 * have had a part of its effect, as on a real disk: a write leaves some sectors behind, a sync makes nothing durable.
 */
#include "test/disk/io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"

int disk_begin_op(disk *d, disk_op op)
{
    disk_controls *c = &d->controls;

    d->counts.ops++;
    d->counts.by_op[op]++;
    if (dice_chance(&d->dice, c->land_in)) {
        (void)disk_land(d);
    }
    if (c->fail_at == 0 || (c->fail_queued && op != DISK_QUEUE_WRITE && op != DISK_QUEUE_SYNC) || --c->fail_at > 0) {
        return 0;
    }
    if (c->fail_for_ever) {
        c->fail_at = 1;
    }
    if (d->counts.failed++ == 0) {
        d->counts.failed_op = op;
    }
    return c->fail_errno == 0 ? EIO : c->fail_errno;
}

void disk_companion_stepped(disk *d)
{
    disk_stepped(d, DISK_COMPANION);
}

void disk_stepped(disk *d, disk_op op)
{
    if (d->controls.step != NULL) {
        d->controls.step(d->controls.step_arg, d, op);
    }
}

void disk_misuse(disk *d, const char *what)
{
    if (d->counts.misuses++ == 0) {
        d->counts.misuse = what;
    }
}

bool disk_take_space(disk *d, uint64_t size)
{
    if (!d->controls.space_limited) {
        return true;
    }
    if (size > d->controls.space_left) {
        return false;
    }
    d->controls.space_left -= size;
    return true;
}

const char *disk_file_name(const disk_file *file)
{
    const names *n = &file->io->disk->cache_names;

    for (size_t i = 0; i < n->count; i++) {
        if (n->list[i].inode == file->inode) {
            return n->list[i].name;
        }
    }
    return "(removed)";
}

static firn_status io_open(frn_io *base, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    disk_io *io = (disk_io *)base;
    disk *d = io->disk;
    int rc = disk_begin_op(d, DISK_OPEN);
    int i = names_find(&d->cache_names, name);
    disk_file *file;
    int node;

    if (strlen(name) > FRN_IO_NAME_SIZE_MAX || strchr(name, '/') != NULL) {
        rc = ENAMETOOLONG;
    } else if (rc == 0 && i < 0 && (flags & FRN_IO_CREATE) == 0) {
        rc = ENOENT;
    } else if (rc == 0 && i >= 0 && (flags & FRN_IO_CREATE) != 0) {
        rc = EEXIST;
    } else if (rc == 0 && i < 0 && !disk_take_space(d, IMAGE_BLOCK)) {
        rc = ENOSPC;
    }
    if (rc != 0) {
        return frn_fail_os(err, rc, "open %s", name);
    }
    file = frn_alloc(io->heap, sizeof *file);
    if (file == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open %s", name);
    }
    if (i < 0) {
        node = inode_new(d);
        names_set(&d->cache_names, name, node);
        effect_name(effect_add(d, EFFECT_CREATE, EFFECT_PENDING, node)->from, name);
    } else {
        node = d->cache_names.list[i].inode;
    }
    *file = (disk_file){.base = {.ops = base->ops, .io = base}, .io = io, .inode = node};
    file->writable = (flags & (FRN_IO_WRITE | FRN_IO_CREATE)) != 0;
    file->queued_to = (flags & FRN_IO_QUEUE) != 0;
    d->inodes[node]->handles++;
    d->handles++;
    io->files++;
    *out_file = &file->base;
    if (i < 0) {
        disk_stepped(d, DISK_OPEN);
    }
    return FIRN_OK;
}

static void io_file_close(frn_file *base)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    inode *node = d->inodes[file->inode];

    if (node->holder == file) {
        node->holder = NULL;
        node->held_by_dead = disk_in_flight(file->io) > 0;
    }
    for (size_t i = 0; i < file->io->queue_count; i++) {
        if (file->io->queue[i].file == file) {
            file->io->queue[i].file = NULL;
        }
    }
    node->handles--;
    d->handles--;
    file->io->files--;
    frn_free(file->io->heap, file);
}

static firn_status io_size(frn_file *base, uint64_t *out_size, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    int rc = disk_begin_op(file->io->disk, DISK_SIZE);

    if (rc != 0) {
        return frn_fail_os(err, rc, "size of %s", disk_file_name(file));
    }
    *out_size = image_size(file->io->disk->inodes[file->inode]->cache);
    return FIRN_OK;
}

/* Lays the latent faults over what was read; EIO if one says so. */
static int overlay(const disk_file *file, uint8_t *data, size_t size, uint64_t offset)
{
    const disk *d = file->io->disk;
    const char *name = d->faults_count == 0 ? "" : disk_file_name(file);

    for (unsigned i = 0; i < d->faults_count; i++) {
        const disk_fault *f = &d->faults[i];
        uint64_t end = f->kind == DISK_FAULT_FLIP ? f->offset + 1 : f->offset + f->size;
        uint64_t from = f->offset > offset ? f->offset : offset;
        uint64_t to = end < offset + size ? end : offset + size;

        if (strcmp(f->name, name) != 0 || from >= to) {
            continue;
        }
        if (f->kind == DISK_FAULT_ERROR) {
            return EIO;
        }
        if (f->kind == DISK_FAULT_FLIP) {
            data[from - offset] ^= f->mask;
        } else if (f->bytes == NULL) {
            memset(data + (from - offset), 0, (size_t)(to - from));
        } else {
            memcpy(data + (from - offset), f->bytes + (from - f->offset), (size_t)(to - from));
        }
    }
    return 0;
}

static firn_status read_from(disk_file *file, const image *img, int rc, void *data, size_t size, uint64_t offset,
                             size_t *out_read, firn_error *err)
{
    uint64_t end = image_size(file->io->disk->inodes[file->inode]->cache);
    size_t part = offset >= end ? 0 : end - offset < size ? (size_t)(end - offset) : size;

    if (rc == 0) {
        image_read(img, data, part, offset);
        rc = overlay(file, data, part, offset);
    }
    if (rc != 0) {
        return frn_fail_os(err, rc, "read %s at %llu", disk_file_name(file), (unsigned long long)offset);
    }
    *out_read = part;
    return FIRN_OK;
}

static firn_status io_read(frn_file *base, void *data, size_t size, uint64_t offset, size_t *out_read, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    int rc = disk_begin_op(file->io->disk, DISK_READ);

    return read_from(file, file->io->disk->inodes[file->inode]->cache, rc, data, size, offset, out_read, err);
}

static firn_status io_read_device(frn_file *base, void *data, size_t size, uint64_t offset, size_t *out_read,
                                  firn_error *err)
{
    disk_file *file = (disk_file *)base;
    int rc = disk_begin_op(file->io->disk, DISK_READ_DEVICE);
    image *img;
    firn_status status;

    if ((uintptr_t)data % DISK_ALIGNMENT != 0 || size % DISK_ALIGNMENT != 0 || offset % DISK_ALIGNMENT != 0) {
        disk_misuse(file->io->disk, "unaligned read_device");
        rc = EINVAL;
    }
    img = effect_device_image(file->io->disk, file->inode);
    status = read_from(file, img, rc, data, size, offset, out_read, err);
    image_unref(img);
    return status;
}

/* A pending change of a file's bytes, cache included; extends the file if need be. */
static void change(disk *d, int node, const void *data, uint64_t size, uint64_t offset)
{
    image **cache = &d->inodes[node]->cache;
    effect *e;

    if (offset + size > image_size(*cache)) {
        e = effect_add(d, EFFECT_SIZE, EFFECT_PENDING, node);
        e->size = offset + size;
        image_resize(cache, offset + size);
    }
    if (size > 0) {
        e = effect_add(d, EFFECT_DATA, EFFECT_PENDING, node);
        effect_data(e, data, size, offset);
        effect_apply(e, cache);
    }
}

static firn_status io_write(frn_file *base, const void *data, size_t size, uint64_t offset, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    int rc = disk_begin_op(d, DISK_WRITE);
    uint64_t old = image_size(d->inodes[file->inode]->cache);

    if (!file->writable) {
        disk_misuse(d, "write to a file opened for reading");
        rc = EBADF;
    } else if (rc != 0) {
        uint64_t part = dice_roll(&d->dice, size / IMAGE_SECTOR + 2) * IMAGE_SECTOR;

        change(d, file->inode, data, part < size ? part : size, offset);
    } else if (offset + size > old && !disk_take_space(d, offset + size - old)) {
        rc = ENOSPC;
    } else {
        change(d, file->inode, data, size, offset);
    }
    disk_stepped(d, DISK_WRITE);
    return rc == 0 ? FIRN_OK
                   : frn_fail_os(err, rc, "write %s at %llu", disk_file_name(file), (unsigned long long)offset);
}

static firn_status io_fill(frn_file *base, uint64_t size, uint64_t *out_written, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    image **cache = &d->inodes[file->inode]->cache;
    int rc = disk_begin_op(d, DISK_FILL);
    uint64_t old = image_size(*cache);

    if (!file->writable) {
        disk_misuse(d, "fill of a file opened for reading");
        rc = EBADF;
    } else if (rc == 0 && size > old && !disk_take_space(d, size - old)) {
        rc = ENOSPC;
    }
    if (rc == 0) {
        change(d, file->inode, NULL, size < old ? size : old, 0);
        if (size > old) {
            effect_add(d, EFFECT_SIZE, EFFECT_PENDING, file->inode)->size = size;
            image_resize(cache, size);
        }
    }
    disk_stepped(d, DISK_FILL);
    if (rc != 0) {
        return frn_fail_os(err, rc, "fill %s", disk_file_name(file));
    }
    *out_written = size;
    return FIRN_OK;
}

static firn_status io_shrink(frn_file *base, uint64_t size, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    image **cache = &d->inodes[file->inode]->cache;
    int rc = disk_begin_op(d, DISK_SHRINK);

    if (!file->writable || size > image_size(*cache)) {
        disk_misuse(d, "shrink of a file opened for reading, or beyond its end");
        rc = EINVAL;
    }
    if (rc == 0) {
        effect_add(d, EFFECT_SHRINK, EFFECT_PENDING, file->inode)->size = size;
        image_resize(cache, size);
        image_trim(cache);
    }
    disk_stepped(d, DISK_SHRINK);
    return rc == 0 ? FIRN_OK : frn_fail_os(err, rc, "shrink %s", disk_file_name(file));
}

static firn_status io_sync(frn_file *base, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    inode *node = d->inodes[file->inode];
    int rc = disk_begin_op(d, DISK_SYNC);

    if (node->sync_failed == file->io->serial) {
        d->counts.syncs_after_failure++;
    }
    if (rc != 0) {
        node->sync_failed = file->io->serial;
        effect_lose_file(d, file->inode, d->stamp);
        disk_stepped(d, DISK_SYNC);
        return frn_fail_os(err, rc, "sync %s", disk_file_name(file));
    }
    effect_settle_file(d, file->inode, d->stamp);
    disk_stepped(d, DISK_SYNC);
    return FIRN_OK;
}

static firn_status io_sync_names(frn_io *base, firn_error *err)
{
    disk *d = ((disk_io *)base)->disk;
    int rc = disk_begin_op(d, DISK_SYNC_NAMES);

    if (rc != 0) {
        return frn_fail_os(err, rc, "sync the folder");
    }
    effect_settle_names(d);
    disk_stepped(d, DISK_SYNC_NAMES);
    return FIRN_OK;
}

static firn_status io_rename(frn_io *base, const char *from, const char *to, firn_error *err)
{
    disk *d = ((disk_io *)base)->disk;
    int rc = disk_begin_op(d, DISK_RENAME);
    int i = names_find(&d->cache_names, from);
    effect *e;

    if (rc != 0 || i < 0) {
        return frn_fail_os(err, rc != 0 ? rc : ENOENT, "rename %s to %s", from, to);
    }
    e = effect_add(d, EFFECT_RENAME, EFFECT_PENDING, d->cache_names.list[i].inode);
    effect_name(e->from, from);
    effect_name(e->to, to);
    effect_apply_name(e, &d->cache_names);
    disk_stepped(d, DISK_RENAME);
    return FIRN_OK;
}

static firn_status io_remove(frn_io *base, const char *name, firn_error *err)
{
    disk *d = ((disk_io *)base)->disk;
    int rc = disk_begin_op(d, DISK_REMOVE);
    int i = names_find(&d->cache_names, name);
    effect *e;

    if (rc != 0 || i < 0) {
        return frn_fail_os(err, rc != 0 ? rc : ENOENT, "remove %s", name);
    }
    e = effect_add(d, EFFECT_REMOVE, EFFECT_PENDING, d->cache_names.list[i].inode);
    effect_name(e->from, name);
    d->controls.space_left += d->controls.space_limited ? image_size(d->inodes[e->inode]->cache) : 0;
    effect_apply_name(e, &d->cache_names);
    disk_stepped(d, DISK_REMOVE);
    return FIRN_OK;
}

static firn_status io_list(frn_io *base, frn_io_name_fn fn, void *arg, firn_error *err)
{
    disk *d = ((disk_io *)base)->disk;
    int rc = disk_begin_op(d, DISK_LIST);
    names copy;

    if (rc != 0) {
        return frn_fail_os(err, rc, "list the folder");
    }
    /* A copy: fn may remove what it is told of. */
    names_copy(&copy, &d->cache_names);
    for (size_t i = 0; i < copy.count; i++) {
        fn(arg, copy.list[i].name, image_size(d->inodes[copy.list[i].inode]->cache));
    }
    free(copy.list);
    return FIRN_OK;
}

static firn_status io_lock(frn_file *base, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    disk *d = file->io->disk;
    inode *node = d->inodes[file->inode];
    int rc = disk_begin_op(d, DISK_LOCK);

    if (rc != 0) {
        return frn_fail_os(err, rc, "lock %s", disk_file_name(file));
    }
    if (node->held_by_dead || (node->holder != NULL && node->holder != file)) {
        return frn_fail(err, FIRN_EBUSY, "lock %s: held by another", disk_file_name(file));
    }
    node->holder = file;
    return FIRN_OK;
}

static firn_status io_lock_test(frn_file *base, bool *out_taken, firn_error *err)
{
    disk_file *file = (disk_file *)base;
    const inode *node = file->io->disk->inodes[file->inode];
    int rc = disk_begin_op(file->io->disk, DISK_LOCK_TEST);

    if (rc != 0) {
        return frn_fail_os(err, rc, "test the lock of %s", disk_file_name(file));
    }
    *out_taken = node->held_by_dead || (node->holder != NULL && node->holder != file);
    return FIRN_OK;
}

static void io_facts(frn_io *base, frn_io_facts *out_facts)
{
    *out_facts = (frn_io_facts){
        .path = FIRN_IO_AUTO,
        .alignment = DISK_ALIGNMENT,
        .direct = ((disk_io *)base)->direct,
        .layout_guarantee = true,
        .submits_are_done_by_reap = true,
    };
}

static void io_durable_method_set(frn_io *base, firn_durable_method method)
{
    disk_io *io = (disk_io *)base;

    if (method == FIRN_DURABLE_AUTO) {
        disk_misuse(io->disk, "durable_method_set(AUTO)");
    }
    io->direct = method != FIRN_DURABLE_BUFFERED_SYNC;
}

static int64_t io_wall_clock_ns(frn_io *base)
{
    return ((disk_io *)base)->disk->controls.wall_ns;
}

static int64_t io_monotonic_ns(frn_io *base)
{
    return ((disk_io *)base)->disk->monotonic_ns += 1000;
}

static firn_status io_random(frn_io *base, void *data, size_t size, firn_error *err)
{
    disk *d = ((disk_io *)base)->disk;
    int rc = disk_begin_op(d, DISK_RANDOM);
    uint8_t *out = data;

    if (rc != 0) {
        return frn_fail_os(err, rc, "random bytes");
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)dice_next(&d->dice);
    }
    return FIRN_OK;
}

static const frn_io_ops ops = {
    .close = disk_io_close,
    .facts = io_facts,
    .open = io_open,
    .file_close = io_file_close,
    .size = io_size,
    .read = io_read,
    .read_device = io_read_device,
    .write = io_write,
    .fill = io_fill,
    .shrink = io_shrink,
    .sync = io_sync,
    .sync_names = io_sync_names,
    .rename = io_rename,
    .remove = io_remove,
    .list = io_list,
    .durable_method_set = io_durable_method_set,
    .lock = io_lock,
    .lock_test = io_lock_test,
    .queue_open = disk_queue_open,
    .queue_write = disk_queue_write,
    .queue_sync = disk_queue_sync,
    .queue_send = disk_queue_send,
    .reap = disk_reap,
    .reap_wake = disk_reap_wake,
    .wall_clock_ns = io_wall_clock_ns,
    .monotonic_ns = io_monotonic_ns,
    .random = io_random,
};

firn_status disk_open_io_in(disk *d, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    disk_io *io = frn_alloc_zero(heap, 1, sizeof *io);

    if (io == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open the simulated disk");
    }
    io->base.ops = &ops;
    io->heap = heap;
    io->disk = d;
    io->direct = true;
    d->instances++;
    io->serial = ++d->serials;
    *out_io = &io->base;
    return FIRN_OK;
}

frn_io *disk_open_io(disk *d)
{
    frn_io *io = NULL;

    (void)disk_need(disk_open_io_in(d, &d->heap, &io, NULL) == FIRN_OK ? io : NULL);
    return io;
}
