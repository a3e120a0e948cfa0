/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush.c — what the seam calls durable has made the device flush its cache.
 *
 * A power cut of a file system takes what the kernel had not sent; what stands in the cache of the device survives it.
 * So a write that went past the page cache without a flush is not missed by such cuts. Here the kernel is asked how
 * many flushes the device was sent: each of a number of durable operations must cost one at least. A flush that
 * somebody else causes meanwhile can hide a missing one, but not all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io/io.h"
#include "test/kill/image.h"
#include "test/kill/shared.h"

enum {
    TIMES = 12,
    BLOCKS = 16,
    FLUSHES_FIELD = 16, /* Of the file stat of a block device, from one. */
    SKIPPED = 77
};

/** A backend with a folder on a device of its own. */
typedef struct device {
    firn_io_path path;
    frn_heap heap;
    frn_io *io;
    uint32_t block;
    uint8_t *data;
    char folder[32];
    char image[32];
} device;

static firn_error err;

static void must_at(firn_status status, const char *file, int line)
{
    if (status != FIRN_OK) {
        print_error("%s: %s\n", firn_status_name(status), err.text);
    }
    _assert_true(status == FIRN_OK, "status == FIRN_OK", file, line);
}
#define must(call) must_at((call), __FILE__, __LINE__)

static int up(void **state)
{
    device *p = *state;
    frn_io_options options = {.path = p->path};
    frn_io_facts facts;

    (void)snprintf(p->folder, sizeof p->folder, "flush-%d", (int)getpid());
    (void)snprintf(p->image, sizeof p->image, "flush-%d.image", (int)getpid());
    assert_int_equal(mkdir(p->folder, 0700), 0);
    image_make(p->image, "ext4");
    image_mount(p->image, "ext4", p->folder, 0, NULL);
    frn_heap_init(&p->heap);
    must(frn_io_open_folder(&p->heap, p->folder, &options, &p->io, &err));
    p->io->ops->facts(p->io, &facts);
    p->block = facts.alignment;
    p->data = frn_alloc_aligned(&p->heap, p->block, p->block);
    assert_non_null(p->data);
    memset(p->data, 7, p->block);
    return 0;
}

static int down(void **state)
{
    device *p = *state;

    p->io->ops->close(p->io);
    frn_free(&p->heap, p->data);
    image_unmount(p->folder);
    assert_int_equal(rmdir(p->folder), 0);
    assert_int_equal(unlink(p->image), 0);
    return atomic_load(&p->heap.live) == 0 ? 0 : -1;
}

/* Flushes that the device of the folder was sent since it is there. */
static unsigned long long flushes(const device *p)
{
    unsigned long long count = 0;
    char name[64];
    struct stat st;
    FILE *file;

    assert_int_equal(stat(p->folder, &st), 0);
    (void)snprintf(name, sizeof name, "/sys/dev/block/%u:%u/stat", major(st.st_dev), minor(st.st_dev));
    file = fopen(name, "re");
    assert_non_null(file);
    for (int i = 0; i < FLUSHES_FIELD; i++) {
        assert_int_equal(fscanf(file, "%llu", &count), 1);
    }
    assert_int_equal(fclose(file), 0);
    return count;
}

/* A file that was filled and synced, whose queued writes go by a method. */
static frn_file *segment(device *p, firn_durable_method method)
{
    frn_file *file;
    uint64_t written;

    p->io->ops->durable_method_set(p->io, method);
    must(p->io->ops->open(p->io, "segment", FRN_IO_WRITE | FRN_IO_CREATE | FRN_IO_QUEUE, &file, &err));
    must(p->io->ops->fill(file, (uint64_t)BLOCKS * p->block, &written, &err));
    must(p->io->ops->sync(file, &err));
    must(p->io->ops->sync_names(p->io, &err));
    must(p->io->ops->queue_open(p->io, NULL, NULL, 0, 0, 4, &err));
    return file;
}

static void reap(device *p, int64_t result)
{
    frn_completion ended;

    p->io->ops->queue_send(p->io);
    assert_int_equal(p->io->ops->reap(p->io, &ended, 1, -1), 1);
    assert_int_equal(ended.result, result);
}

/* A write that is to be durable by itself, into a place that was written before. */
static void test_durable_write(void **state)
{
    device *p = *state;
    frn_file *file = segment(p, FIRN_DURABLE_DIRECT_DSYNC);

    for (unsigned i = 0; i < TIMES; i++) {
        unsigned long long before = flushes(p);

        p->io->ops->queue_write(file, p->data, p->block, (uint64_t)(i % BLOCKS) * p->block, true, i);
        reap(p, p->block);
        assert_true(flushes(p) > before);
    }
    p->io->ops->file_close(file);
}

/* A queued sync behind an ordinary write, past the page cache and through it. */
static void test_queued_sync(void **state)
{
    static const firn_durable_method methods[] = {FIRN_DURABLE_DIRECT_SYNC, FIRN_DURABLE_BUFFERED_SYNC};
    device *p = *state;

    for (unsigned m = 0; m < 2; m++) {
        frn_file *file = segment(p, methods[m]);

        for (unsigned i = 0; i < TIMES; i++) {
            unsigned long long before = flushes(p);

            p->io->ops->queue_write(file, p->data, p->block, (uint64_t)(i % BLOCKS) * p->block, false, i);
            reap(p, p->block);
            p->io->ops->queue_sync(file, i);
            reap(p, 0);
            assert_true(flushes(p) > before);
        }
        p->io->ops->file_close(file);
        must(p->io->ops->remove(p->io, "segment", &err));
    }
}

/* A write that the caller waits for, and its sync: in place, and at the end of the file. */
static void test_write_and_sync(void **state)
{
    device *p = *state;
    frn_file *file = segment(p, FIRN_DURABLE_DIRECT_DSYNC);

    for (unsigned i = 0; i < TIMES; i++) {
        unsigned long long before = flushes(p);

        must(p->io->ops->write(file, p->data, p->block, (uint64_t)(i % 2 == 0 ? i : BLOCKS + i) * p->block, &err));
        must(p->io->ops->sync(file, &err));
        assert_true(flushes(p) > before);
    }
    p->io->ops->file_close(file);
}

/* A name that was given, changed or taken away, once the names are synced. */
static void test_names(void **state)
{
    device *p = *state;

    for (unsigned i = 0; i < TIMES; i++) {
        unsigned long long before = flushes(p);

        if (i % 3 == 0) {
            frn_file *file;

            must(p->io->ops->open(p->io, "one", FRN_IO_WRITE | FRN_IO_CREATE, &file, &err));
            p->io->ops->file_close(file);
        } else if (i % 3 == 1) {
            must(p->io->ops->rename(p->io, "one", "two", &err));
        } else {
            must(p->io->ops->remove(p->io, "two", &err));
        }
        must(p->io->ops->sync_names(p->io, &err));
        assert_true(flushes(p) > before);
    }
}

/* Whether this machine has the backend. */
static bool is_here(firn_io_path path)
{
    frn_io_options options = {.path = path};
    frn_heap heap;
    frn_io *io;

    frn_heap_init(&heap);
    if (frn_io_open_folder(&heap, ".", &options, &io, NULL) != FIRN_OK) {
        return false;
    }
    io->ops->close(io);
    return true;
}

int main(void)
{
    static device ring = {.path = FIRN_IO_URING}, portable = {.path = FIRN_IO_PORTABLE};
    device *devices[] = {&ring, &portable};
    const char *why = image_unavailable("ext4");
    int failed = 0;

    place = (test_place){.program = "test_flush", .folder = "."};
    if (why != NULL) {
        (void)printf("skipped: %s\n", why);
        return SKIPPED;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate_setup_teardown(test_durable_write, up, down, devices[i]),
            cmocka_unit_test_prestate_setup_teardown(test_queued_sync, up, down, devices[i]),
            cmocka_unit_test_prestate_setup_teardown(test_write_and_sync, up, down, devices[i]),
            cmocka_unit_test_prestate_setup_teardown(test_names, up, down, devices[i]),
        };

        if (!is_here(devices[i]->path)) {
            (void)printf("skipped: there is no io_uring here\n");
            continue;
        }
        failed += cmocka_run_group_tests_name(i == 0 ? "io_uring" : "portable", tests, NULL, NULL);
    }
    return failed;
}
