/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c — the backend that keeps named files in memory.
 *
 * A frn_memory_disk is the folder: it outlives the instances that are opened on it, so what one wrote the next one
 * reads. There is no difference between written and durable. Queued operations are carried out by reap().
 *
 * The disk's mutex guards the list of names, links and locks; each node's mutex guards its bytes. A node is freed
 * when it has neither a name nor an open file.
 */
#include "engine/io/io.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/heap.h"
#include "engine/base/thread.h"
#include "engine/io/deferred.h"
#include "engine/io/posix.h"

enum {
    ALIGNMENT = 4096
};

typedef struct node node;
struct node {
    node *next; /**< In the disk's list while it has a name. */
    char name[FRN_IO_NAME_SIZE_MAX + 1];
    unsigned references;    /**< Open files, and one for the name. */
    const frn_file *locker; /**< The file that holds the lock, or NULL. */
    frn_mutex mutex;
    uint8_t *data;
    size_t size, capacity;
};

struct frn_memory_disk {
    frn_heap *heap;
    frn_mutex mutex;
    node *nodes;
};

typedef struct memory_io {
    frn_io io;
    frn_heap *heap;
    frn_memory_disk *disk;
    frn_deferred queue;
} memory_io;

typedef struct memory_file {
    frn_file file;
    node *node;
    bool writable;
    char name[FRN_IO_NAME_SIZE_MAX + 1]; /**< As it was opened, for texts. */
} memory_file;

static node **find(frn_memory_disk *disk, const char *name)
{
    node **at = &disk->nodes;

    assert(strlen(name) <= FRN_IO_NAME_SIZE_MAX && strchr(name, '/') == NULL);
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

/* With the disk's mutex held. */
static void drop(frn_memory_disk *disk, node *n)
{
    if (--n->references == 0) {
        frn_mutex_done(&n->mutex);
        frn_free(disk->heap, n->data);
        frn_free(disk->heap, n);
    }
}

static void unlink_at(frn_memory_disk *disk, node **at)
{
    node *n = *at;

    *at = n->next;
    n->next = NULL;
    drop(disk, n);
}

static firn_status create(frn_memory_disk *disk, const char *name, node **out_node, firn_error *err)
{
    node *n = frn_alloc_zero(disk->heap, 1, sizeof *n);

    if (n == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "create %s", name);
    }
    memcpy(n->name, name, strlen(name) + 1);
    n->references = 1;
    frn_mutex_init(&n->mutex);
    n->next = disk->nodes;
    disk->nodes = n;
    *out_node = n;
    return FIRN_OK;
}

static firn_status memory_open(frn_io *io, const char *name, unsigned flags, frn_file **out_file, firn_error *err)
{
    memory_io *m = (memory_io *)io;
    memory_file *file = frn_alloc_zero(m->heap, 1, sizeof *file);
    firn_status status = FIRN_OK;
    node *n;

    if (file == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open %s", name);
    }
    frn_mutex_lock(&m->disk->mutex);
    n = *find(m->disk, name);
    if (flags & FRN_IO_CREATE) {
        status = n != NULL ? frn_fail_os(err, EEXIST, "create %s", name) : create(m->disk, name, &n, err);
    } else if (n == NULL) {
        status = frn_fail_os(err, ENOENT, "open %s", name);
    }
    if (status == FIRN_OK) {
        n->references++;
        *file =
            (memory_file){.file = {io->ops, io}, .node = n, .writable = (flags & (FRN_IO_WRITE | FRN_IO_CREATE)) != 0};
        memcpy(file->name, name, strlen(name) + 1);
        *out_file = &file->file;
        file = NULL;
    }
    frn_mutex_unlock(&m->disk->mutex);
    frn_free(m->heap, file);
    return status;
}

static void memory_file_close(frn_file *file)
{
    memory_file *f = (memory_file *)file;
    memory_io *m = (memory_io *)file->io;

    frn_mutex_lock(&m->disk->mutex);
    if (f->node->locker == file) {
        f->node->locker = NULL;
    }
    drop(m->disk, f->node);
    frn_mutex_unlock(&m->disk->mutex);
    frn_free(m->heap, f);
}

static firn_status memory_size(frn_file *file, uint64_t *out_size, firn_error *err)
{
    node *n = ((memory_file *)file)->node;

    (void)err;
    frn_mutex_lock(&n->mutex);
    *out_size = n->size;
    frn_mutex_unlock(&n->mutex);
    return FIRN_OK;
}

static firn_status memory_read(frn_file *file, void *data, size_t size, uint64_t offset, size_t *out_read,
                               firn_error *err)
{
    node *n = ((memory_file *)file)->node;
    size_t here = 0;

    (void)err;
    frn_mutex_lock(&n->mutex);
    if (offset < n->size) {
        here = n->size - offset < size ? n->size - offset : size;
        memcpy(data, n->data + offset, here);
    }
    frn_mutex_unlock(&n->mutex);
    *out_read = here;
    return FIRN_OK;
}

/* Makes [0, size) exist, zeros where nothing was. With the node's mutex held. */
static bool extend(frn_heap *heap, node *n, size_t size)
{
    if (size <= n->size) {
        return true;
    }
    if (n->data == NULL) {
        /* Zeroed memory that nobody touched costs nothing: a segment made ahead takes memory only as it fills. */
        n->data = frn_alloc_zero(heap, 1, size);
        n->capacity = n->data == NULL ? 0 : size;
    } else if (size > n->capacity) {
        size_t capacity = n->capacity > SIZE_MAX / 2 || size > n->capacity * 2 ? size : n->capacity * 2;
        uint8_t *grown = frn_realloc(heap, n->data, capacity);

        if (grown != NULL) {
            n->data = grown;
            n->capacity = capacity;
        }
    }
    if (size > n->capacity) {
        return false;
    }
    if (n->size > 0) {
        memset(n->data + n->size, 0, size - n->size);
    }
    n->size = size;
    return true;
}

/* Returns 0 or an errno. */
static int put(frn_heap *heap, node *n, const void *data, size_t size, uint64_t offset)
{
    bool fits;

    if (offset > SSIZE_MAX || size > SSIZE_MAX - offset) {
        return EFBIG;
    }
    frn_mutex_lock(&n->mutex);
    fits = extend(heap, n, offset + size);
    if (fits && size > 0) {
        memcpy(n->data + offset, data, size);
    }
    frn_mutex_unlock(&n->mutex);
    return fits ? 0 : ENOMEM;
}

static firn_status memory_write(frn_file *file, const void *data, size_t size, uint64_t offset, firn_error *err)
{
    memory_file *f = (memory_file *)file;
    frn_memory_disk *disk = ((memory_io *)file->io)->disk;
    int rc;

    assert(f->writable);
    rc = put(disk->heap, f->node, data, size, offset);
    return rc == 0 ? FIRN_OK : frn_fail_os(err, rc, "write %s at %llu", f->name, (unsigned long long)offset);
}

static firn_status memory_fill(frn_file *file, uint64_t size, uint64_t *out_written, firn_error *err)
{
    memory_file *f = (memory_file *)file;
    frn_memory_disk *disk = ((memory_io *)file->io)->disk;
    node *n = f->node;
    bool fits;

    assert(f->writable);
    if (size > SSIZE_MAX) {
        return frn_fail_os(err, EFBIG, "fill %s", f->name);
    }
    frn_mutex_lock(&n->mutex);
    if (n->size > 0) {
        memset(n->data, 0, n->size < size ? n->size : size);
    }
    fits = extend(disk->heap, n, size);
    frn_mutex_unlock(&n->mutex);
    if (!fits) {
        return frn_fail_os(err, ENOMEM, "fill %s", f->name);
    }
    *out_written = 0;
    return FIRN_OK;
}

static firn_status memory_shrink(frn_file *file, uint64_t size, firn_error *err)
{
    memory_file *f = (memory_file *)file;
    node *n = f->node;

    (void)err;
    assert(f->writable);
    frn_mutex_lock(&n->mutex);
    assert(size <= n->size);
    memset(n->data + size, 0, n->size - size);
    n->size = size;
    frn_mutex_unlock(&n->mutex);
    return FIRN_OK;
}

static firn_status memory_sync(frn_file *file, firn_error *err)
{
    (void)file;
    (void)err;
    return FIRN_OK;
}

static firn_status memory_sync_names(frn_io *io, firn_error *err)
{
    (void)io;
    (void)err;
    return FIRN_OK;
}

static firn_status memory_rename(frn_io *io, const char *from, const char *to, firn_error *err)
{
    frn_memory_disk *disk = ((memory_io *)io)->disk;
    firn_status status = FIRN_OK;
    node *n, **old;

    frn_mutex_lock(&disk->mutex);
    n = *find(disk, from);
    old = find(disk, to);
    if (n == NULL) {
        status = frn_fail_os(err, ENOENT, "rename %s to %s", from, to);
    } else if (n != *old) {
        if (*old != NULL) {
            unlink_at(disk, old);
        }
        memcpy(n->name, to, strlen(to) + 1);
    }
    frn_mutex_unlock(&disk->mutex);
    return status;
}

static firn_status memory_remove(frn_io *io, const char *name, firn_error *err)
{
    frn_memory_disk *disk = ((memory_io *)io)->disk;
    firn_status status = FIRN_OK;
    node **at;

    frn_mutex_lock(&disk->mutex);
    at = find(disk, name);
    if (*at == NULL) {
        status = frn_fail_os(err, ENOENT, "remove %s", name);
    } else {
        unlink_at(disk, at);
    }
    frn_mutex_unlock(&disk->mutex);
    return status;
}

/* fn gets a copy, so it may open, remove and rename. */
static firn_status memory_list(frn_io *io, frn_io_name_fn fn, void *arg, firn_error *err)
{
    memory_io *m = (memory_io *)io;
    struct entry {
        char name[FRN_IO_NAME_SIZE_MAX + 1];
        uint64_t size;
    } * entries;
    size_t count = 0;

    frn_mutex_lock(&m->disk->mutex);
    for (node *n = m->disk->nodes; n != NULL; n = n->next) {
        count++;
    }
    entries = frn_alloc_zero(m->heap, count, sizeof *entries);
    if (entries != NULL) {
        count = 0;
        for (node *n = m->disk->nodes; n != NULL; n = n->next) {
            memcpy(entries[count].name, n->name, sizeof n->name);
            frn_mutex_lock(&n->mutex);
            entries[count++].size = n->size;
            frn_mutex_unlock(&n->mutex);
        }
    }
    frn_mutex_unlock(&m->disk->mutex);
    if (entries == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "list the files");
    }
    for (size_t i = 0; i < count; i++) {
        fn(arg, entries[i].name, entries[i].size);
    }
    frn_free(m->heap, entries);
    return FIRN_OK;
}

static void memory_durable_method_set(frn_io *io, firn_durable_method method)
{
    (void)io;
    assert(method != FIRN_DURABLE_AUTO);
    (void)method;
}

static firn_status memory_lock(frn_file *file, firn_error *err)
{
    node *n = ((memory_file *)file)->node;
    frn_memory_disk *disk = ((memory_io *)file->io)->disk;
    firn_status status = FIRN_OK;

    frn_mutex_lock(&disk->mutex);
    if (n->locker != NULL && n->locker != file) {
        status = frn_fail(err, FIRN_EBUSY, "lock %s: held elsewhere", ((memory_file *)file)->name);
    } else {
        n->locker = file;
    }
    frn_mutex_unlock(&disk->mutex);
    return status;
}

static firn_status memory_lock_test(frn_file *file, bool *out_taken, firn_error *err)
{
    node *n = ((memory_file *)file)->node;
    frn_memory_disk *disk = ((memory_io *)file->io)->disk;

    (void)err;
    frn_mutex_lock(&disk->mutex);
    *out_taken = n->locker != NULL && n->locker != file;
    frn_mutex_unlock(&disk->mutex);
    return FIRN_OK;
}

static firn_status memory_queue_open(frn_io *io, frn_file *lock, void *buffers, size_t buffer_size,
                                     unsigned buffers_count, unsigned depth, firn_error *err)
{
    firn_status status = frn_deferred_open(&((memory_io *)io)->queue, depth);

    (void)lock;
    (void)buffers;
    (void)buffer_size;
    (void)buffers_count;
    return status == FIRN_OK ? FIRN_OK : frn_fail(err, status, "open the queue");
}

static void memory_queue_write(frn_file *file, const void *data, size_t size, uint64_t offset, bool durable,
                               uint64_t tag)
{
    frn_deferred_op op = {.file = file, .data = data, .size = size, .offset = offset, .tag = tag, .durable = durable};

    assert(((memory_file *)file)->writable && data != NULL);
    frn_deferred_push(&((memory_io *)file->io)->queue, &op);
}

static void memory_queue_sync(frn_file *file, uint64_t tag)
{
    frn_deferred_push(&((memory_io *)file->io)->queue, &(frn_deferred_op){.file = file, .tag = tag});
}

static void memory_queue_send(frn_io *io)
{
    frn_deferred_send(&((memory_io *)io)->queue);
}

static unsigned memory_reap(frn_io *io, frn_completion *out, unsigned max, int64_t timeout_ns)
{
    memory_io *m = (memory_io *)io;
    frn_deferred_op op;
    unsigned count = 0;

    while (count < max && frn_deferred_take(&m->queue, &op, count == 0 ? timeout_ns : 0)) {
        int rc = 0;

        if (op.data != NULL) {
            rc = put(m->disk->heap, ((memory_file *)op.file)->node, op.data, op.size, op.offset);
        }
        out[count++] = (frn_completion){.tag = op.tag, .result = rc != 0 ? -rc : (int64_t)op.size};
    }
    return count;
}

static void memory_reap_wake(frn_io *io)
{
    frn_deferred_wake(&((memory_io *)io)->queue);
}

static void memory_facts(frn_io *io, frn_io_facts *out_facts)
{
    (void)io;
    *out_facts = (frn_io_facts){
        .path = FIRN_IO_AUTO, .alignment = ALIGNMENT, .layout_guarantee = true, .submits_are_done_by_reap = true};
}

static void memory_close(frn_io *io)
{
    memory_io *m = (memory_io *)io;

    frn_deferred_done(&m->queue);
    frn_free(m->heap, m);
}

static const frn_io_ops memory_ops = {
    .close = memory_close,
    .facts = memory_facts,
    .open = memory_open,
    .file_close = memory_file_close,
    .size = memory_size,
    .read = memory_read,
    .read_device = memory_read,
    .write = memory_write,
    .fill = memory_fill,
    .shrink = memory_shrink,
    .sync = memory_sync,
    .sync_names = memory_sync_names,
    .rename = memory_rename,
    .remove = memory_remove,
    .list = memory_list,
    .durable_method_set = memory_durable_method_set,
    .lock = memory_lock,
    .lock_test = memory_lock_test,
    .queue_open = memory_queue_open,
    .queue_write = memory_queue_write,
    .queue_sync = memory_queue_sync,
    .queue_send = memory_queue_send,
    .reap = memory_reap,
    .reap_wake = memory_reap_wake,
    .wall_clock_ns = frn_posix_wall_clock_ns,
    .monotonic_ns = frn_posix_monotonic_ns,
    .random = frn_posix_random,
};

firn_status frn_memory_disk_new(frn_heap *heap, frn_memory_disk **out_disk, firn_error *err)
{
    frn_memory_disk *disk = frn_alloc_zero(heap, 1, sizeof *disk);

    if (disk == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "memory disk");
    }
    disk->heap = heap;
    frn_mutex_init(&disk->mutex);
    *out_disk = disk;
    return FIRN_OK;
}

void frn_memory_disk_free(frn_memory_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    while (disk->nodes != NULL) {
        assert(disk->nodes->references == 1);
        unlink_at(disk, &disk->nodes);
    }
    frn_mutex_done(&disk->mutex);
    frn_free(disk->heap, disk);
}

firn_status frn_io_open_memory(frn_heap *heap, frn_memory_disk *disk, frn_io **out_io, firn_error *err)
{
    memory_io *m = frn_alloc_zero(heap, 1, sizeof *m);

    if (m == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "open memory");
    }
    m->io.ops = &memory_ops;
    m->heap = heap;
    m->disk = disk;
    frn_deferred_init(&m->queue, heap);
    *out_io = &m->io;
    return FIRN_OK;
}
