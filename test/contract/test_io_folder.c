/* SPDX-License-Identifier: Apache-2.0 */
/* test_io_folder.c — opening folders that are none, and disks that are full, limited or read-only. */
#include "engine/io/io.h"
#include "test/contract/io_child.h"
#include "test/contract/io_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    BLOCK = 4096
};

static char folder[128];
static const firn_io_path paths[] = {FIRN_IO_AUTO, FIRN_IO_PORTABLE};

/* What the next look at a file named "a" ends with; 0: as the system says. Stands before the function of the C library.
 */
static int look_errno;

int fstatat(int at, const char *name, struct stat *st, int flags)
{
    struct statx stx;

    if (look_errno != 0 && strcmp(name, "a") == 0) {
        errno = look_errno;
        look_errno = 0;
        return -1;
    }
    if (statx(at, name, flags, STATX_BASIC_STATS, &stx) != 0) {
        return -1;
    }
    *st = (struct stat){.st_mode = stx.stx_mode, .st_size = (off_t)stx.stx_size};
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    io_folder_make(".", folder, sizeof folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_folder_remove(folder);
    return 0;
}

static firn_status open_at(const char *path, const frn_io_options *options, frn_io **out_io, firn_error *err)
{
    static frn_heap heap;

    frn_heap_init(&heap);
    return frn_io_open_folder(&heap, path, options, out_io, err);
}

static void fails_to_open(const char *path, bool create, firn_status expected, const char *text)
{
    for (size_t i = 0; i < 2; i++) {
        frn_io_options options = {.path = paths[i], .create = create};
        firn_error err = {0};
        frn_io *io = NULL;

        assert_int_equal(open_at(path, &options, &io, &err), expected);
        assert_int_equal(err.status, expected);
        assert_null(io);
        if (strstr(err.text, text) == NULL || strstr(err.text, "folder ") == NULL) {
            print_error("no \"%s\" in \"%s\"\n", text, err.text);
            fail();
        }
    }
}

/* A path that leads nowhere, to a file, or is too long, is told apart, and the text names it. */
static void test_not_a_folder(void **state)
{
    char path[256], *longest = malloc(8000);
    int fd;

    (void)state;
    assert_non_null(longest);
    (void)snprintf(path, sizeof path, "%s/missing", folder);
    fails_to_open(path, false, FIRN_ENOTFOUND, path);
    (void)snprintf(path, sizeof path, "%s/missing/deeper", folder);
    fails_to_open(path, true, FIRN_ENOTFOUND, path);
    (void)snprintf(path, sizeof path, "%s/file", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    fails_to_open(path, false, FIRN_EINVAL, path);
    fails_to_open(path, true, FIRN_EINVAL, "not a folder");
    memset(longest, 'p', 7999);
    longest[7999] = '\0';
    fails_to_open(longest, false, FIRN_ETOOBIG, "ppppp");
    fails_to_open(longest, true, FIRN_ETOOBIG, "File name too long");
    free(longest);
}

/* A folder that is made, and the files in it, are for their owner only. */
static void test_create(void **state)
{
    frn_io_options options = {.create = true};
    char path[256], inner[300];
    struct stat st;
    frn_file *file = NULL;
    frn_io *io = NULL;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/made", folder);
    (void)snprintf(inner, sizeof inner, "%s/file", path);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(open_at(path, &options, &io, NULL), FIRN_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(io->ops->open(io, "file", FRN_IO_CREATE, &file, NULL), FIRN_OK);
        assert_int_equal(stat(inner, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        io->ops->file_close(file);
        assert_int_equal(io->ops->remove(io, "file", NULL), FIRN_OK);
        io->ops->close(io);
    }
    assert_int_equal(rmdir(path), 0);
}

/* An instance for reading changes nothing, reads all, and can ask for the lock. */
static void test_read_only_instance(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        frn_io_options options = {.path = paths[i]};
        frn_io *writer = NULL, *reader = NULL;
        frn_file *lock = NULL, *file = NULL, *refused = NULL;
        firn_error err;
        char data[4];
        size_t got;
        bool taken = false;

        assert_int_equal(open_at(folder, &options, &writer, NULL), FIRN_OK);
        assert_int_equal(writer->ops->open(writer, "lock", FRN_IO_CREATE, &lock, NULL), FIRN_OK);
        assert_int_equal(writer->ops->write(lock, "text", 4, 0, NULL), FIRN_OK);
        assert_int_equal(writer->ops->lock(lock, NULL), FIRN_OK);

        options.read_only = true;
        assert_int_equal(open_at(folder, &options, &reader, NULL), FIRN_OK);
        assert_int_equal(reader->ops->open(reader, "lock", 0, &file, NULL), FIRN_OK);
        assert_int_equal(reader->ops->read(file, data, 4, 0, &got, NULL), FIRN_OK);
        assert_memory_equal(data, "text", 4);
        assert_int_equal(reader->ops->lock_test(file, &taken, NULL), FIRN_OK);
        assert_true(taken);
        assert_int_equal(reader->ops->open(reader, "new", FRN_IO_CREATE, &refused, &err), FIRN_EACCES);
        assert_int_equal(err.detail, FIRN_DETAIL_READ_ONLY);
        assert_string_equal(err.text, "create new: opened for reading only");
        assert_int_equal(reader->ops->open(reader, "lock", FRN_IO_WRITE, &refused, &err), FIRN_EACCES);
        assert_int_equal(reader->ops->rename(reader, "lock", "new", &err), FIRN_EACCES);
        assert_int_equal(err.detail, FIRN_DETAIL_READ_ONLY);
        assert_int_equal(reader->ops->remove(reader, "lock", &err), FIRN_EACCES);
        assert_int_equal(err.detail, FIRN_DETAIL_READ_ONLY);
        reader->ops->file_close(file);
        reader->ops->close(reader);
        assert_int_equal(writer->ops->remove(writer, "lock", NULL), FIRN_OK);
        writer->ops->file_close(lock);
        writer->ops->close(writer);
    }
}

/* What a file was called when it was opened may be another file when the device is read: the open one is meant. */
static void test_read_device_after_rename(void **state)
{
    uint8_t *data = aligned_alloc(BLOCK, BLOCK);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < 2; i++) {
        frn_io_options options = {.path = paths[i]};
        frn_file *one = NULL, *two = NULL;
        frn_io *io = NULL;
        size_t got;

        assert_int_equal(open_at(folder, &options, &io, NULL), FIRN_OK);
        assert_int_equal(io->ops->open(io, "one", FRN_IO_CREATE, &one, NULL), FIRN_OK);
        assert_int_equal(io->ops->open(io, "two", FRN_IO_CREATE, &two, NULL), FIRN_OK);
        assert_int_equal(io->ops->write(one, "111", 3, 0, NULL), FIRN_OK);
        assert_int_equal(io->ops->write(two, "222", 3, 0, NULL), FIRN_OK);
        assert_int_equal(io->ops->rename(io, "two", "one", NULL), FIRN_OK);
        assert_int_equal(io->ops->read_device(one, data, BLOCK, 0, &got, NULL), FIRN_OK);
        assert_int_equal(got, 3);
        assert_memory_equal(data, "111", 3);
        assert_int_equal(io->ops->read_device(two, data, BLOCK, 0, &got, NULL), FIRN_OK);
        assert_int_equal(got, 3);
        assert_memory_equal(data, "222", 3);
        io->ops->file_close(one);
        io->ops->file_close(two);
        assert_int_equal(io->ops->remove(io, "one", NULL), FIRN_OK);
        io->ops->close(io);
    }
    free(data);
}

static void use_up_descriptors(void *arg)
{
    frn_io_options options = {.path = *(const firn_io_path *)arg};
    int next = dup(STDIN_FILENO);
    struct rlimit limit;
    firn_error err = {0};
    frn_file *file = NULL;
    frn_io *io = NULL;

    io_child_check(next >= 0 && close(next) == 0);
    limit = (struct rlimit){(rlim_t)next, (rlim_t)next + 64};
    io_child_check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    io_child_check(open_at(folder, &options, &io, &err) == FIRN_EIO);
    io_child_check(strstr(err.text, "open folder ") != NULL && strstr(err.text, "Too many open files") != NULL);
    limit.rlim_cur = limit.rlim_max;
    io_child_check(setrlimit(RLIMIT_NOFILE, &limit) == 0 && open_at(folder, &options, &io, NULL) == FIRN_OK);

    /* One is left: the file can be made, but not be opened for the queue as well. */
    next = dup(STDIN_FILENO);
    io_child_check(next >= 0 && close(next) == 0);
    limit.rlim_cur = (rlim_t)next + 1;
    io_child_check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, &err) == FIRN_EIO);
    io_child_check(strcmp(err.text, "open file past the page cache: Too many open files") == 0);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE, &file, NULL) == FIRN_OK);
    io->ops->file_close(file);
    io->ops->close(io);
}

/* Without descriptors nothing is opened by halves: the file that could not be opened is not left behind. */
static void test_no_descriptors(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        io_child_test(use_up_descriptors, (void *)(uintptr_t)&paths[i]);
        io_folder_remove(folder);
        io_folder_make(".", folder, sizeof folder);
    }
}

/* One queued write, to its end. */
static int64_t write_queued(frn_io *io, frn_file *file, const void *data, size_t size, uint64_t offset)
{
    frn_completion ended = {0};

    io->ops->queue_write(file, data, size, offset, true, 1);
    io->ops->queue_send(io);
    while (io->ops->reap(io, &ended, 1, -1) == 0) {
        /* Woken. */
    }
    return ended.result;
}

static void limit_file_size(void *arg)
{
    frn_io_options options = {.path = *(const firn_io_path *)arg};
    struct rlimit limit = {16 * BLOCK, 16 * BLOCK};
    uint8_t *data = aligned_alloc(BLOCK, BLOCK);
    uint64_t written;
    firn_error err = {0};
    frn_file *file = NULL;
    frn_io *io = NULL;

    io_child_check(data != NULL && signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
    memset(data, 1, BLOCK);
    io_child_check(open_at(folder, &options, &io, NULL) == FIRN_OK);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, NULL, NULL, 0, 0, 2, NULL) == FIRN_OK);
    io_child_check(io->ops->fill(file, 64 * BLOCK, &written, &err) == FIRN_EIO);
    io_child_check(strcmp(err.text, "fill file with 262144 bytes: File too large") == 0 && err.os_errno == EFBIG);
    io_child_check(io->ops->write(file, "x", 1, 16 * BLOCK, &err) == FIRN_EIO);
    io_child_check(strcmp(err.text, "write file at 65536: File too large") == 0 && err.os_errno == EFBIG);
    io_child_check(write_queued(io, file, data, BLOCK, 16 * BLOCK) == -EFBIG);
    io_child_check(write_queued(io, file, data, BLOCK, 15 * BLOCK) == BLOCK);
    io->ops->file_close(file);
    io->ops->close(io);
    free(data);
}

/* A limit on the size of files comes out of filling, writing and the queue as an error, and does not hurt what fits. */
static void test_file_size_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        io_child_test(limit_file_size, (void *)(uintptr_t)&paths[i]);
        io_folder_remove(folder);
        io_folder_make(".", folder, sizeof folder);
    }
}

/* A file system of one MiB over the scratch folder, seen by this process only. */
static void mount_small(void)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        io_child_skip("no mount namespace for this user");
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=1m,mode=0700") != 0) {
        io_child_skip("this user cannot mount a small tmpfs");
    }
}

static void fill_up(void *arg)
{
    frn_io_options options = {.path = *(const firn_io_path *)arg};
    size_t size = (size_t)2 << 20;
    uint8_t *data = aligned_alloc(BLOCK, size);
    uint64_t written;
    int64_t result;
    firn_error err = {0};
    frn_file *file = NULL, *other = NULL;
    frn_io *io = NULL;

    mount_small();
    io_child_check(data != NULL && open_at(folder, &options, &io, NULL) == FIRN_OK);
    memset(data, 1, size);
    io_child_check(io->ops->open(io, "small", FRN_IO_CREATE | FRN_IO_QUEUE, &other, NULL) == FIRN_OK);
    io_child_check(io->ops->fill(other, 4 * BLOCK, &written, NULL) == FIRN_OK);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, NULL, NULL, 0, 0, 2, NULL) == FIRN_OK);
    io_child_check(io->ops->fill(file, size, &written, &err) == FIRN_ENOSPC);
    io_child_check(strcmp(err.text, "fill file with 2097152 bytes: No space left on device") == 0);
    io_child_check(err.os_errno == ENOSPC);
    result = write_queued(io, file, data, size, 0);
    io_child_check(result == -ENOSPC || (result >= 0 && (size_t)result < size));
    io_child_check(io->ops->write(file, data, size, 0, &err) == FIRN_ENOSPC);
    io_child_check(strstr(err.text, "write file at ") != NULL && strstr(err.text, "No space left") != NULL);
    /* What was filled before has its room. */
    io_child_check(write_queued(io, other, data, BLOCK, 3 * BLOCK) == BLOCK);
    io->ops->file_close(file);
    io->ops->file_close(other);
    io->ops->close(io);
}

/* A full disk comes out of filling, writing and the queue; overwriting what was filled goes on. */
static void test_full_disk(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        io_child_test(fill_up, (void *)(uintptr_t)&paths[i]);
    }
}

static void forbid_writing(void *arg)
{
    frn_io_options options = {.path = *(const firn_io_path *)arg, .create = true};
    char path[256];
    firn_error err = {0};
    frn_file *file = NULL;
    frn_io *io = NULL;

    mount_small();
    io_child_check(mount("none", folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    (void)snprintf(path, sizeof path, "%s/new", folder);
    io_child_check(open_at(path, &options, &io, &err) == FIRN_EACCES && err.detail == FIRN_DETAIL_READ_ONLY);
    io_child_check(open_at(folder, &options, &io, &err) == FIRN_OK);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE, &file, &err) == FIRN_EACCES);
    io_child_check(err.detail == FIRN_DETAIL_READ_ONLY && err.os_errno == EROFS);
    io_child_check(strcmp(err.text, "create file: Read-only file system") == 0);
    io->ops->close(io);
}

/* A read-only file system is told apart from missing permissions. */
static void test_read_only_file_system(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        io_child_test(forbid_writing, (void *)(uintptr_t)&paths[i]);
    }
}

static void count_file(void *arg, const char *name, uint64_t size)
{
    (void)name;
    (void)size;
    (*(unsigned *)arg)++;
}

/* A listing without a file that is there would let a ledger be taken for none: it fails; what vanished is left out. */
static void test_list_leaves_nothing_out(void **state)
{
    frn_io_options options = {.path = FIRN_IO_PORTABLE};
    unsigned count = 0;
    frn_io *io = NULL;
    frn_file *file;
    firn_error err;

    (void)state;
    assert_int_equal(open_at(folder, &options, &io, &err), FIRN_OK);
    assert_int_equal(io->ops->open(io, "a", FRN_IO_CREATE | FRN_IO_WRITE, &file, &err), FIRN_OK);
    io->ops->file_close(file);
    look_errno = ENOMEM;
    assert_int_equal(io->ops->list(io, count_file, &count, &err), FIRN_ENOMEM);
    assert_string_equal(err.text, "list the folder: Cannot allocate memory");
    look_errno = ENOENT;
    assert_int_equal(io->ops->list(io, count_file, &count, &err), FIRN_OK);
    assert_int_equal(count, 0);
    assert_int_equal(io->ops->list(io, count_file, &count, &err), FIRN_OK);
    assert_int_equal(count, 1);
    io->ops->close(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_not_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only_instance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_device_after_rename, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_size_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only_file_system, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_leaves_nothing_out, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
