/* SPDX-License-Identifier: Apache-2.0 */
/* test_io_uring.c — io_uring where it is missing, forbidden or short of memory, and a writer that is killed. */
#include "engine/base/thread.h"
#include "engine/io/backend.h"
#include "engine/io/io.h"
#include "test/contract/io_child.h"
#include "test/contract/io_folder.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    BLOCK = 4096
};

static char folder[128];

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

struct said {
    unsigned count;
    char last[512];
};

static void hear(void *arg, const char *line)
{
    struct said *said = arg;

    said->count++;
    (void)snprintf(said->last, sizeof said->last, "%s", line);
}

/* Opens the scratch folder; what the trace says goes to *said. */
static firn_status open_folder(frn_heap *heap, firn_io_path path, struct said *said, frn_io **out_io, firn_error *err)
{
    frn_io_options options = {.path = path, .trace = {hear, said}};

    *said = (struct said){0};
    frn_heap_init(heap);
    return frn_io_open_folder(heap, folder, &options, out_io, err);
}

/* Whatever the way: a block that is queued arrives. */
static void check_that_it_writes(frn_io *io)
{
    static _Alignas(BLOCK) uint8_t block[BLOCK] = "block";
    char data[5];
    frn_completion ended = {0};
    frn_file *file = NULL;
    uint64_t written;
    size_t got;

    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(io->ops->fill(file, BLOCK, &written, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, NULL, block, BLOCK, 1, 2, NULL) == FIRN_OK);
    io->ops->queue_write(file, block, BLOCK, 0, true, 9);
    io->ops->queue_send(io);
    while (io->ops->reap(io, &ended, 1, -1) == 0) {
        /* Woken. */
    }
    io_child_check(ended.tag == 9 && ended.result == BLOCK);
    io_child_check(io->ops->read(file, data, 5, 0, &got, NULL) == FIRN_OK && memcmp(data, "block", 5) == 0);
    io->ops->file_close(file);
}

/* The rest of a child after io_uring became unavailable: AUTO falls back and says so once, URING fails with a text. */
static void check_fallback(const char *reason)
{
    struct said said;
    frn_io_facts facts;
    firn_error err;
    frn_heap heap;
    frn_io *io = NULL;

    io_child_check(open_folder(&heap, FIRN_IO_AUTO, &said, &io, &err) == FIRN_OK);
    io->ops->facts(io, &facts);
    io_child_check(facts.path == FIRN_IO_PORTABLE);
    io_child_check(said.count == 1 && strstr(said.last, reason) != NULL);
    io_child_check(strstr(facts.note, reason) != NULL);
    check_that_it_writes(io);
    io->ops->close(io);
    io_child_check(atomic_load(&heap.live) == 0);

    io_child_check(open_folder(&heap, FIRN_IO_URING, &said, &io, &err) == FIRN_EIO);
    io_child_check(err.status == FIRN_EIO && strstr(err.text, "io_uring") != NULL && strstr(err.text, reason) != NULL);
    io_child_check(said.count == 0 && atomic_load(&heap.live) == 0);
}

static void without_setup(void *arg)
{
    io_child_forbid(SYS_io_uring_setup, *(const int *)arg);
    check_fallback(strerrordesc_np(*(const int *)arg));
}

static void without_enter(void *arg)
{
    io_child_forbid(SYS_io_uring_enter, *(const int *)arg);
    if (io_folder_has_uring()) {
        _exit(IO_CHILD_FAILED);
    }
    check_fallback("io_uring");
}

/* Where a container forbids io_uring, with either errno and at either call, the portable way is taken and named. */
static void test_forbidden(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int os_errno = i == 0 ? EPERM : ENOSYS;

        io_child_test(without_setup, &os_errno);
        io_folder_remove(folder);
        io_folder_make(".", folder, sizeof folder);
        io_child_test(without_enter, &os_errno);
        io_folder_remove(folder);
        io_folder_make(".", folder, sizeof folder);
    }
}

static void with_environment(void *arg)
{
    (void)arg;
    io_child_check(setenv("FIRN_NO_IO_URING", "1", 1) == 0);
    check_fallback("FIRN_NO_IO_URING");
}

/* The switch in the environment turns io_uring off. */
static void test_switched_off(void **state)
{
    (void)state;
    io_child_test(with_environment, NULL);
}

static void forbid_while_open(void *arg)
{
    static _Alignas(BLOCK) uint8_t block[BLOCK];
    struct said said;
    frn_completion ended = {0};
    firn_error err;
    frn_file *file = NULL;
    frn_heap heap;
    frn_io *io = NULL;

    (void)arg;
    io_child_check(open_folder(&heap, FIRN_IO_URING, &said, &io, &err) == FIRN_OK);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, NULL, NULL, 0, 0, 2, NULL) == FIRN_OK);
    io_child_forbid(SYS_io_uring_enter, EPERM);
    for (unsigned i = 0; i < 3; i++) {
        io->ops->queue_write(file, block, BLOCK, 0, true, 2 * i);
        io->ops->queue_sync(file, 2 * i + 1);
        io->ops->queue_send(io);
        for (unsigned k = 0; k < 2;) {
            if (io->ops->reap(io, &ended, 1, -1) == 1) {
                io_child_check(ended.tag == 2 * i + k && ended.result == -EPERM);
                k++;
            }
        }
    }
    io->ops->reap_wake(io);
    io_child_check(io->ops->reap(io, &ended, 1, -1) == 0);
    io_child_check(io->ops->write(file, "x", 1, 0, &err) == FIRN_EACCES &&
                   strstr(err.text, "write file at 0: ") != NULL);
    io->ops->file_close(file);
    io->ops->close(io);
    io_child_check(atomic_load(&heap.live) == 0);
}

/* A process that forbids itself io_uring with a ledger open gets errors, as completions and as statuses, and no hang.
 */
static void test_forbidden_while_open(void **state)
{
    (void)state;
    if (!io_folder_has_uring()) {
        skip();
    }
    io_child_test(forbid_while_open, NULL);
}

struct limited {
    rlim_t pinned_max;
    const char *says;
};

/* Big buffers, so that they and not the rings meet the limit where there is some room. */
static void with_little_pinned_memory(void *arg)
{
    const struct limited *limited = arg;
    struct rlimit limit = {limited->pinned_max, limited->pinned_max};
    size_t size = (size_t)4 << 20;
    uint8_t *buffer = aligned_alloc(BLOCK, size);
    frn_completion ended = {0};
    struct said said;
    frn_file *file = NULL;
    frn_heap heap;
    frn_io *io = NULL;

    io_child_check(buffer != NULL && setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    /* Root may pin what it likes. */
    if (geteuid() == 0 && (chown(folder, 65534, 65534) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) {
        io_child_skip("root cannot become anybody else here");
    }
    if (access(folder, W_OK) != 0) {
        io_child_skip("the scratch folder is out of reach for another user");
    }
    memset(buffer, 'b', size);
    io_child_check(open_folder(&heap, FIRN_IO_AUTO, &said, &io, NULL) == FIRN_OK);
    io_child_check(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, NULL, buffer, size, 1, 2, NULL) == FIRN_OK);
    io_child_check(said.count == 1 && strstr(said.last, limited->says) != NULL);
    io->ops->queue_write(file, buffer, size, 0, true, 9);
    io->ops->queue_send(io);
    while (io->ops->reap(io, &ended, 1, -1) == 0) {
        /* Woken. */
    }
    io_child_check(ended.tag == 9 && ended.result == (int64_t)size);
    io->ops->file_close(file);
    io->ops->close(io);
}

/* With room for the rings alone the buffers stay unregistered; it works, and is said once. */
static void test_little_pinned_memory(void **state)
{
    struct limited limited = {.pinned_max = (rlim_t)1 << 20, .says = "buffers are not registered: "};

    (void)state;
    if (!io_folder_has_uring()) {
        skip();
    }
    io_child_test(with_little_pinned_memory, &limited);
}

/* Without any memory that may be pinned it works one way or another: kernels differ in what they count. */
static void test_no_pinned_memory(void **state)
{
    struct limited limited = {.pinned_max = 0, .says = "io: "};

    (void)state;
    if (!io_folder_has_uring()) {
        skip();
    }
    io_child_test(with_little_pinned_memory, &limited);
}

enum {
    PIECE = 1 << 20,
    PIECES = 32,
    KILLS = 6
};

/* Writes pieces in flight for ever, round after round with another byte; tells through fd when it is under way. */
static void write_until_killed(int fd)
{
    uint8_t *buffers = aligned_alloc(BLOCK, (size_t)PIECE * 2);
    struct said said;
    frn_file *file = NULL, *lock = NULL;
    uint64_t written;
    frn_heap heap;
    frn_io *io = NULL;

    io_child_check(open_folder(&heap, FIRN_IO_URING, &said, &io, NULL) == FIRN_OK);
    io_child_check(io->ops->open(io, "lock", FRN_IO_WRITE, &lock, NULL) == FIRN_OK);
    while (io->ops->lock(lock, NULL) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
    io_child_check(io->ops->open(io, "file", FRN_IO_WRITE | FRN_IO_QUEUE, &file, NULL) == FIRN_OK);
    io_child_check(buffers != NULL && io->ops->fill(file, (uint64_t)PIECE * PIECES, &written, NULL) == FIRN_OK);
    io_child_check(io->ops->sync(file, NULL) == FIRN_OK);
    io_child_check(io->ops->queue_open(io, lock, buffers, PIECE, 2, PIECES, NULL) == FIRN_OK);
    for (unsigned round = 0;; round++) {
        memset(buffers + (size_t)PIECE * (round % 2), (int)(round % 251) + 1, PIECE);
        for (unsigned i = 0; i < PIECES; i++) {
            io->ops->queue_write(file, buffers + (size_t)PIECE * (round % 2), PIECE, (uint64_t)i * PIECE, true, i);
        }
        io->ops->queue_send(io);
        if (round == 1) {
            io_child_check(write(fd, "r", 1) == 1);
        }
        for (unsigned got = 0; got < PIECES;) {
            frn_completion ended[PIECES];

            got += io->ops->reap(io, ended, PIECES, -1);
        }
    }
}

/* The last block of every piece, the last piece first: what is written last is looked at first. */
static void read_samples(frn_file *file, uint8_t *data)
{
    for (unsigned i = PIECES; i-- > 0;) {
        size_t got;

        assert_int_equal(file->ops->read_device(file, data + (size_t)i * BLOCK, BLOCK,
                                                (uint64_t)(i + 1) * PIECE - BLOCK, &got, NULL),
                         FIRN_OK);
        assert_int_equal(got, BLOCK);
    }
}

/* When a writer is killed with writes in flight, who then gets the lock sees no byte change any more. */
static void test_killed_with_writes_in_flight(void **state)
{
    uint8_t *first = aligned_alloc(BLOCK, (size_t)BLOCK * PIECES);
    uint8_t *later = aligned_alloc(BLOCK, (size_t)BLOCK * PIECES);
    unsigned waited = 0;
    struct said said;
    frn_file *lock = NULL, *file = NULL;
    frn_heap heap;
    frn_io *io = NULL;

    (void)state;
    if (!io_folder_has_uring()) {
        skip();
    }
    assert_non_null(first);
    assert_non_null(later);
    assert_int_equal(open_folder(&heap, FIRN_IO_PORTABLE, &said, &io, NULL), FIRN_OK);
    assert_int_equal(io->ops->open(io, "lock", FRN_IO_CREATE, &lock, NULL), FIRN_OK);
    assert_int_equal(io->ops->open(io, "file", FRN_IO_CREATE, &file, NULL), FIRN_OK);
    for (unsigned i = 0; i < KILLS; i++) {
        int ends[2];
        char ready;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0) {
            (void)close(ends[0]);
            write_until_killed(ends[1]);
        }
        assert_true(child > 0);
        (void)close(ends[1]);
        assert_int_equal(read(ends[0], &ready, 1), 1);
        (void)close(ends[0]);
        (void)usleep(i * 700);
        assert_int_equal(kill(child, SIGKILL), 0);
        while (io->ops->lock(lock, NULL) == FIRN_EBUSY) {
            waited++;
        }
        read_samples(file, first);
        /* No writer is left that could be late: what was in flight has landed before the lock was to be had. */
        (void)usleep(50000);
        read_samples(file, later);
        assert_memory_equal(first, later, (size_t)BLOCK * PIECES);
        assert_int_equal(waitpid(child, NULL, 0), child);
        io->ops->file_close(lock);
        assert_int_equal(io->ops->open(io, "lock", FRN_IO_WRITE, &lock, NULL), FIRN_OK);
    }
    /* The lock was taken while the child lived, so at least one try must have been turned away. */
    assert_true(waited > 0);
    io->ops->file_close(lock);
    io->ops->file_close(file);
    io->ops->close(io);
    free(first);
    free(later);
}

/* A lock whose file is closed while writes are in flight is not to be had before they ended and the instance closed. */
static void test_lock_closed_with_writes_in_flight(void **state)
{
    uint8_t *data = aligned_alloc(BLOCK, PIECE);
    struct said said;
    frn_heap heap, other_heap;
    frn_io *io = NULL, *other = NULL;
    frn_file *lock = NULL, *foreign = NULL, *file = NULL;

    (void)state;
    if (!io_folder_has_uring()) {
        skip();
    }
    assert_non_null(data);
    memset(data, 1, PIECE);
    assert_int_equal(open_folder(&heap, FIRN_IO_URING, &said, &io, NULL), FIRN_OK);
    assert_int_equal(open_folder(&other_heap, FIRN_IO_URING, &said, &other, NULL), FIRN_OK);
    assert_int_equal(io->ops->open(io, "lock", FRN_IO_CREATE, &lock, NULL), FIRN_OK);
    assert_int_equal(io->ops->open(io, "file", FRN_IO_CREATE | FRN_IO_QUEUE, &file, NULL), FIRN_OK);
    assert_int_equal(other->ops->open(other, "lock", FRN_IO_WRITE, &foreign, NULL), FIRN_OK);
    assert_int_equal(io->ops->lock(lock, NULL), FIRN_OK);
    assert_int_equal(io->ops->queue_open(io, lock, data, PIECE, 1, PIECES, NULL), FIRN_OK);
    for (unsigned i = 0; i < PIECES; i++) {
        io->ops->queue_write(file, data, PIECE, (uint64_t)i * PIECE, true, i);
    }
    io->ops->queue_send(io);
    io->ops->file_close(lock);
    assert_int_equal(other->ops->lock(foreign, NULL), FIRN_EBUSY);
    for (unsigned got = 0; got < PIECES;) {
        frn_completion ended[PIECES];

        got += io->ops->reap(io, ended, PIECES, -1);
    }
    io->ops->file_close(file);
    io->ops->close(io);
    while (other->ops->lock(foreign, NULL) == FIRN_EBUSY) {
        (void)usleep(1000);
    }
    other->ops->file_close(foreign);
    other->ops->close(other);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forbidden, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switched_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forbidden_while_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_little_pinned_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_pinned_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_with_writes_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock_closed_with_writes_in_flight, set_up, tear_down),
    };

    if (!io_folder_has_uring()) {
        (void)printf("skipped: no io_uring here, or it is switched off\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
