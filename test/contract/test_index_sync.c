/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index_sync.c — the index on a disk without room: the file system refuses pages, or the device loses them.
 *
 * Both say ENOSPC. This program's fdatasync, fsync, pwrite and writev stand before those of the C library, for LMDB as
 * well, and answer as the kernel does: a write that is refused leaves nothing behind; pages that were lost are told to
 * each descriptor once, and then forgotten.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/contract/index_backends.h"

enum {
    DESCRIPTORS_MAX = 1024
};

/* Seen by libraries as well. */
#define IN_FRONT __attribute__((visibility("default")))

static const frn_table T = FRN_TABLE_STREAM_BY_NAME;

static frn_heap heap;
static frn_index *ix;
static frn_lmdb_options options;
static char folder[64];
static bool lost;                  /* Pages were lost; the next syncs say so. */
static bool told[DESCRIPTORS_MAX]; /* Descriptors that said so. */
static int refused;                /* Writes that find no room. */

static int sync_by(long system_call, int fd)
{
    if (lost && fd >= 0 && fd < DESCRIPTORS_MAX && !told[fd]) {
        told[fd] = true;
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(system_call, fd);
}

IN_FRONT int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

IN_FRONT int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

/* LMDB writes one page by the first, several in a row by the second. */
IN_FRONT ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (refused > 0) {
        refused--;
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

IN_FRONT ssize_t writev(int fd, const struct iovec *parts, int parts_count)
{
    if (refused > 0) {
        refused--;
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_writev, fd, parts, parts_count);
}

static void mark_nothing(void *arg, frn_index_mark *mark)
{
    (void)arg;
    (void)mark;
}

static firn_status try_merge_once(firn_error *err)
{
    frn_index_merged merged;

    return frn_index_merge(ix, mark_nothing, NULL, &merged, err);
}

static int set_up(void **state)
{
    (void)state;
    options = (frn_lmdb_options){.map_size = INDEX_TEST_MAP_SIZE, .create = true};
    index_test_folder(folder, "sync");
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    frn_heap_init(&heap);
    assert_int_equal(frn_index_open_lmdb(&heap, folder, &options, &ix, NULL), FIRN_OK);
    must_write(ix, 1, T, "a", "1");
    frn_index_durable(ix, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lost = false;
    refused = 0;
    frn_index_close(ix);
    assert_int_equal(frn_index_remove_lmdb(folder, NULL), FIRN_OK);
    return heap.live == 0 ? 0 : -1;
}

/* The file system has no room for a page: the merge costs nothing, and is done when there is room. */
static void a_write_without_room_is_made_again(void **state)
{
    firn_error err;

    (void)state;
    refused = 1;
    assert_int_equal(try_merge_once(&err), FIRN_ENOSPC);
    assert_int_equal(refused, 0);
    assert_int_equal(try_merge_once(&err), FIRN_OK);
    assert_int_equal(stats_of(ix).merged_seq, 1);
    expect_read(ix, T, "a", "1");
}

/* The device had no room for pages that the kernel had taken: a second sync would succeed and mean nothing, so there is
   none. Rows stay in memory. */
static void a_sync_without_room_is_the_last(void **state)
{
    firn_error err;

    (void)state;
    memset(told, 0, sizeof told);
    lost = true;
    assert_int_equal(try_merge_once(&err), FIRN_EIO);
    assert_non_null(strstr(err.text, "the device had no room for what it was given"));
    assert_int_equal(try_merge_once(&err), FIRN_EPOISONED);
    assert_int_equal(stats_of(ix).merged_seq, 0);
    expect_read(ix, T, "a", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_without_room_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sync_without_room_is_the_last, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
