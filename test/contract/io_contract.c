/* SPDX-License-Identifier: Apache-2.0 */
/* io_contract.c — the one test of engine/io/io.h, run over anything that claims to be a backend. */
#include "test/contract/io_contract.h"

#include "engine/base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

enum {
    DEPTH = 16,
    SECOND_NS = 1000000000
};

/* What each test starts from: an empty disk with one instance on it. */
typedef struct fixture {
    const frn_io_contract_factory *factory;
    frn_heap heap;
    frn_io *io;
    firn_error err;
    frn_io_facts facts;
    uint8_t *buffers; /* DEPTH parts of one alignment each. */
} fixture;

static void ok_at(fixture *f, firn_status status, const char *file, int line)
{
    if (status != FIRN_OK) {
        print_error("%s: %s\n", firn_status_name(status), f->err.text);
        _fail(file, line);
    }
}
#define assert_ok(f, status) ok_at(f, status, __FILE__, __LINE__)

static void fails_at(fixture *f, firn_status status, firn_status expected, const char *text, const char *file, int line)
{
    _assert_int_equal((uintmax_t)(intmax_t)status, (uintmax_t)(intmax_t)expected, file, line);
    if (strstr(f->err.text, text) == NULL) {
        print_error("no \"%s\" in \"%s\"\n", text, f->err.text);
        _fail(file, line);
    }
}
#define assert_fails(f, status, expected, text) fails_at(f, status, expected, text, __FILE__, __LINE__)

static frn_file *open_file(fixture *f, const char *name, unsigned flags)
{
    frn_file *file = NULL;

    assert_ok(f, f->io->ops->open(f->io, name, flags, &file, &f->err));
    return file;
}

static void assert_bytes(fixture *f, frn_file *file, uint64_t offset, size_t size, uint8_t expected)
{
    uint8_t *data = malloc(size);
    size_t got = 0;

    assert_non_null(data);
    assert_ok(f, f->io->ops->read(file, data, size, offset, &got, &f->err));
    assert_int_equal(got, size);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(data[i], expected);
    }
    free(data);
}

static uint64_t size_of(fixture *f, frn_file *file)
{
    uint64_t size = 0;

    assert_ok(f, f->io->ops->size(file, &size, &f->err));
    return size;
}

static uint8_t *part(fixture *f, unsigned index)
{
    return f->buffers + (size_t)index * f->facts.alignment;
}

/* A segment as the log makes one: filled with zeros, synced, the queue open. */
static frn_file *make_segment(fixture *f, const char *name, uint64_t blocks)
{
    frn_file *file = open_file(f, name, FRN_IO_CREATE | FRN_IO_QUEUE);
    uint64_t written;

    assert_ok(f, f->io->ops->fill(file, blocks * f->facts.alignment, &written, &f->err));
    assert_ok(f, f->io->ops->sync(file, &f->err));
    assert_ok(f, f->io->ops->sync_names(f->io, &f->err));
    return file;
}

static void open_queue(fixture *f, frn_file *lock)
{
    assert_ok(f, f->io->ops->queue_open(f->io, lock, f->buffers, f->facts.alignment, DEPTH, DEPTH, &f->err));
}

static void reap_one(fixture *f, uint64_t tag, int64_t result)
{
    frn_completion ended;

    while (f->io->ops->reap(f->io, &ended, 1, -1) == 0) {
        /* Allowed: a wake-up. */
    }
    assert_int_equal(ended.tag, tag);
    assert_int_equal(ended.result, result);
}

static int set_up(void **state)
{
    fixture *f = *state;
    const frn_io_contract_factory *factory = f->factory;

    *f = (fixture){.factory = factory};
    frn_heap_init(&f->heap);
    if (factory->open(factory->arg, &f->heap, &f->io, &f->err) != FIRN_OK) {
        print_error("%s: %s\n", factory->name, f->err.text);
        return -1;
    }
    f->io->ops->facts(f->io, &f->facts);
    f->buffers = aligned_alloc(f->facts.alignment, (size_t)DEPTH * f->facts.alignment);
    return f->buffers == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    f->io->ops->close(f->io);
    f->factory->close(f->factory->arg);
    free(f->buffers);
    if (atomic_load(&f->heap.live) != 0) {
        print_error("%lld allocations were not freed\n", (long long)atomic_load(&f->heap.live));
        return -1;
    }
    return 0;
}

/* A file is made once; making it again and opening what is not there are refused and the text names the file. */
static void test_create_and_open(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE);
    frn_file *again = NULL;

    assert_fails(f, f->io->ops->open(f->io, "one", FRN_IO_CREATE, &again, &f->err), FIRN_EEXISTS, "one");
    assert_fails(f, f->io->ops->open(f->io, "two", 0, &again, &f->err), FIRN_ENOTFOUND, "open two: ");
    assert_fails(f, f->io->ops->open(f->io, "two", FRN_IO_WRITE, &again, &f->err), FIRN_ENOTFOUND, "open two: ");
    assert_null(again);
    assert_int_equal(size_of(f, file), 0);
    f->io->ops->file_close(file);
    file = open_file(f, "one", 0);
    f->io->ops->file_close(file);
}

/* A name may have as many bytes as the seam allows. */
static void test_longest_name(void **state)
{
    fixture *f = *state;
    char name[FRN_IO_NAME_SIZE_MAX + 1];
    frn_file *file;

    memset(name, 'n', FRN_IO_NAME_SIZE_MAX);
    name[FRN_IO_NAME_SIZE_MAX] = '\0';
    file = open_file(f, name, FRN_IO_CREATE);
    f->io->ops->file_close(file);
    assert_ok(f, f->io->ops->remove(f->io, name, &f->err));
}

/* Reading stops at the end of the file, and behind it there is nothing. */
static void test_read_at_the_end(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE);
    char data[16];
    size_t got = 99;

    assert_ok(f, f->io->ops->read(file, data, sizeof data, 0, &got, &f->err));
    assert_int_equal(got, 0);
    assert_ok(f, f->io->ops->write(file, "abcdefghij", 10, 0, &f->err));
    assert_ok(f, f->io->ops->read(file, data, sizeof data, 4, &got, &f->err));
    assert_int_equal(got, 6);
    assert_memory_equal(data, "efghij", 6);
    assert_ok(f, f->io->ops->read(file, data, sizeof data, 1000, &got, &f->err));
    assert_int_equal(got, 0);
    f->io->ops->file_close(file);
}

/* A write behind the end extends the file with zeros, and another instance reads it after a sync. */
static void test_write_extends(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE);
    frn_io *other = NULL;
    char data[8];
    size_t got;

    assert_ok(f, f->io->ops->write(file, "begin", 5, 0, &f->err));
    assert_ok(f, f->io->ops->write(file, "end", 3, 5001, &f->err));
    assert_int_equal(size_of(f, file), 5004);
    assert_bytes(f, file, 5, 4996, 0);
    assert_ok(f, f->io->ops->write(file, "B", 1, 0, &f->err));
    assert_ok(f, f->io->ops->sync(file, &f->err));
    assert_ok(f, f->io->ops->sync_names(f->io, &f->err));
    f->io->ops->file_close(file);

    assert_ok(f, f->factory->reopen(f->factory->arg, &f->heap, &other, &f->err));
    assert_ok(f, other->ops->open(other, "one", 0, &file, &f->err));
    assert_ok(f, other->ops->read(file, data, 5, 0, &got, &f->err));
    assert_memory_equal(data, "Begin", 5);
    other->ops->file_close(file);
    other->ops->close(other);
}

/* Filling makes zeros of whatever was there, sets the size, and leaves what is behind. */
static void test_fill(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE | FRN_IO_QUEUE);
    uint64_t block = f->facts.alignment;
    uint64_t written = 99;

    memset(f->buffers, 7, (size_t)block * 3);
    assert_ok(f, f->io->ops->write(file, f->buffers, 3 * block, 0, &f->err));
    assert_ok(f, f->io->ops->fill(file, 2 * block, &written, &f->err));
    assert_true(written == 0 || written == 2 * block);
    assert_int_equal(size_of(f, file), 3 * block);
    assert_bytes(f, file, 0, 2 * block, 0);
    assert_bytes(f, file, 2 * block, block, 7);
    assert_ok(f, f->io->ops->fill(file, 40 * block, &written, &f->err));
    assert_int_equal(size_of(f, file), 40 * block);
    assert_bytes(f, file, 0, 40 * block, 0);
    f->io->ops->file_close(file);
}

/* Shrinking gives up the end; what is written there again stands behind zeros, not behind what was there. */
static void test_shrink(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE | FRN_IO_WRITE);
    uint64_t block = f->facts.alignment;

    memset(f->buffers, 7, (size_t)block * 4);
    assert_ok(f, f->io->ops->write(file, f->buffers, 4 * block, 0, &f->err));
    assert_ok(f, f->io->ops->shrink(file, 2 * block, &f->err));
    assert_ok(f, f->io->ops->sync(file, &f->err));
    assert_int_equal(size_of(f, file), 2 * block);
    assert_bytes(f, file, 0, 2 * block, 7);
    assert_ok(f, f->io->ops->write(file, f->buffers, block, 3 * block, &f->err));
    assert_int_equal(size_of(f, file), 4 * block);
    assert_bytes(f, file, 2 * block, block, 0);
    assert_bytes(f, file, 3 * block, block, 7);
    f->io->ops->file_close(file);
}

/* Renaming takes the place of what had the name; files that are open stay what they were. */
static void test_rename_replaces(void **state)
{
    fixture *f = *state;
    frn_file *old = open_file(f, "new", FRN_IO_CREATE);
    frn_file *file = open_file(f, "tmp", FRN_IO_CREATE);

    assert_ok(f, f->io->ops->write(old, "oo", 2, 0, &f->err));
    assert_ok(f, f->io->ops->write(file, "ffff", 4, 0, &f->err));
    assert_ok(f, f->io->ops->rename(f->io, "tmp", "new", &f->err));
    assert_ok(f, f->io->ops->sync_names(f->io, &f->err));
    assert_bytes(f, old, 0, 2, 'o');
    f->io->ops->file_close(old);
    f->io->ops->file_close(file);
    file = open_file(f, "new", 0);
    assert_int_equal(size_of(f, file), 4);
    assert_bytes(f, file, 0, 4, 'f');
    f->io->ops->file_close(file);
    assert_fails(f, f->io->ops->open(f->io, "tmp", 0, &file, &f->err), FIRN_ENOTFOUND, "tmp");
    assert_fails(f, f->io->ops->rename(f->io, "tmp", "new", &f->err), FIRN_ENOTFOUND, "rename tmp to new: ");
}

/* A removed name is gone, its open file is not, and removing it again says so. */
static void test_remove(void **state)
{
    fixture *f = *state;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE);
    frn_file *again = NULL;

    assert_ok(f, f->io->ops->write(file, "xx", 2, 0, &f->err));
    assert_ok(f, f->io->ops->remove(f->io, "one", &f->err));
    assert_bytes(f, file, 0, 2, 'x');
    assert_fails(f, f->io->ops->open(f->io, "one", 0, &again, &f->err), FIRN_ENOTFOUND, "one");
    assert_fails(f, f->io->ops->remove(f->io, "one", &f->err), FIRN_ENOTFOUND, "remove one: ");
    f->io->ops->file_close(file);
}

struct names {
    unsigned count;
    uint64_t sizes;
    unsigned seen;
    frn_io *io;
};

static void see_name(void *arg, const char *name, uint64_t size)
{
    struct names *names = arg;

    names->count++;
    names->sizes += size;
    if (strlen(name) == 1 && name[0] >= 'a' && name[0] <= 'c') {
        names->seen |= 1u << (name[0] - 'a');
    }
    (void)names->io->ops->remove(names->io, name, NULL);
}

/* A listing has every file once with its size, and what it tells of may be removed at once. */
static void test_list(void **state)
{
    fixture *f = *state;
    struct names names = {.io = f->io};

    assert_ok(f, f->io->ops->list(f->io, see_name, &names, &f->err));
    assert_int_equal(names.count, 0);
    for (size_t i = 0; i < 3; i++) {
        frn_file *file = open_file(f, (const char *const[]){"a", "b", "c"}[i], FRN_IO_CREATE);

        assert_ok(f, f->io->ops->write(file, "12345", i + 1, 0, &f->err));
        f->io->ops->file_close(file);
    }
    assert_ok(f, f->io->ops->list(f->io, see_name, &names, &f->err));
    assert_int_equal(names.count, 3);
    assert_int_equal(names.seen, 7);
    assert_int_equal(names.sizes, 1 + 2 + 3);
    names = (struct names){.io = f->io};
    assert_ok(f, f->io->ops->list(f->io, see_name, &names, &f->err));
    assert_int_equal(names.count, 0);
}

static bool is_taken(fixture *f, frn_file *file)
{
    bool taken = false;

    assert_ok(f, file->ops->lock_test(file, &taken, &f->err));
    return taken;
}

/* A lock keeps every other file out, of the same instance and of another one, until its file is closed. */
static void test_lock(void **state)
{
    fixture *f = *state;
    frn_file *held = open_file(f, "lock", FRN_IO_CREATE);
    frn_file *same = open_file(f, "lock", FRN_IO_WRITE);
    frn_file *foreign = NULL;
    frn_io *other = NULL;

    assert_ok(f, f->factory->reopen(f->factory->arg, &f->heap, &other, &f->err));
    assert_ok(f, other->ops->open(other, "lock", FRN_IO_WRITE, &foreign, &f->err));
    assert_false(is_taken(f, foreign));
    assert_ok(f, f->io->ops->lock(held, &f->err));
    open_queue(f, held);
    assert_false(is_taken(f, held));
    assert_true(is_taken(f, same));
    assert_true(is_taken(f, foreign));
    assert_fails(f, f->io->ops->lock(same, &f->err), FIRN_EBUSY, "lock");
    assert_fails(f, other->ops->lock(foreign, &f->err), FIRN_EBUSY, "lock");
    f->io->ops->file_close(held);
    assert_false(is_taken(f, foreign));
    assert_ok(f, other->ops->lock(foreign, &f->err));
    assert_true(is_taken(f, same));
    f->io->ops->file_close(same);
    other->ops->file_close(foreign);
    other->ops->close(other);
}

/* Writes and syncs that are in flight together all come back, each with its tag and result, and the bytes are there. */
static void test_queue_all_come_back(void **state)
{
    fixture *f = *state;
    size_t block = f->facts.alignment;
    frn_file *file = make_segment(f, "one", DEPTH);
    frn_completion ended[DEPTH];
    unsigned seen = 0, count = 0;

    open_queue(f, NULL);
    for (unsigned i = 0; i < DEPTH; i++) {
        memset(part(f, i), (int)i + 1, block);
        if (i % 4 == 3) {
            f->io->ops->queue_sync(file, i);
        } else {
            f->io->ops->queue_write(file, part(f, i), block, i * block, i % 2 == 0, i);
        }
    }
    f->io->ops->queue_send(f->io);
    while (count < DEPTH) {
        unsigned got = f->io->ops->reap(f->io, ended, 3, -1);

        assert_true(got <= 3);
        for (unsigned i = 0; i < got; i++) {
            assert_true(ended[i].tag < DEPTH);
            assert_false(seen & 1u << ended[i].tag);
            assert_int_equal(ended[i].result, ended[i].tag % 4 == 3 ? 0 : (int64_t)block);
            seen |= 1u << ended[i].tag;
        }
        count += got;
    }
    assert_int_equal(f->io->ops->reap(f->io, ended, DEPTH, 0), 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_bytes(f, file, i * block, block, i % 4 == 3 ? 0 : (uint8_t)(i + 1));
    }
    f->io->ops->file_close(file);
}

/* Each durable method writes what it was given, and the device, read past every cache, has it. */
static void test_read_device(void **state)
{
    static const firn_durable_method methods[] = {FIRN_DURABLE_DIRECT_DSYNC, FIRN_DURABLE_DIRECT_SYNC,
                                                  FIRN_DURABLE_BUFFERED_SYNC};
    fixture *f = *state;
    size_t block = f->facts.alignment;

    for (unsigned i = 0; i < 3; i++) {
        char name[] = {'m', (char)('0' + i), '\0'};
        frn_file *file;
        size_t got;

        f->io->ops->durable_method_set(f->io, methods[i]);
        file = make_segment(f, name, 4);
        open_queue(f, NULL);
        memset(part(f, 0), 'A' + (int)i, block);
        f->io->ops->queue_write(file, part(f, 0), block, block, methods[i] == FIRN_DURABLE_DIRECT_DSYNC, i);
        f->io->ops->queue_send(f->io);
        reap_one(f, i, (int64_t)block);
        if (methods[i] != FIRN_DURABLE_DIRECT_DSYNC) {
            f->io->ops->queue_sync(file, 77);
            f->io->ops->queue_send(f->io);
            reap_one(f, 77, 0);
        }
        assert_ok(f, f->io->ops->read_device(file, part(f, 1), 2 * block, block, &got, &f->err));
        assert_int_equal(got, 2 * block);
        assert_memory_equal(part(f, 1), part(f, 0), block);
        assert_int_equal(part(f, 2)[0], 0);
        f->io->ops->file_close(file);
        /* Opened for reading only, and over the end. */
        file = open_file(f, name, 0);
        assert_ok(f, f->io->ops->read_device(file, part(f, 1), 8 * block, block, &got, &f->err));
        assert_int_equal(got, 3 * block);
        assert_memory_equal(part(f, 1), part(f, 0), block);
        f->io->ops->file_close(file);
    }
}

/* With nothing in flight a reap gives up when its time is over, or at once. */
static void test_reap_times_out(void **state)
{
    fixture *f = *state;
    frn_completion ended;
    int64_t before_ns;

    open_queue(f, NULL);
    assert_int_equal(f->io->ops->reap(f->io, &ended, 1, 0), 0);
    before_ns = frn_monotonic_ns();
    assert_int_equal(f->io->ops->reap(f->io, &ended, 1, 2000000), 0);
    assert_true(frn_monotonic_ns() - before_ns >= 2000000);
}

static void wake_later(void *arg)
{
    frn_io *io = arg;

    (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    io->ops->reap_wake(io);
}

/* A wake makes the reap that waits return, or the next one; many wakes are as good as one. */
static void test_reap_is_woken(void **state)
{
    fixture *f = *state;
    frn_thread thread = {0};
    frn_completion ended;

    if (f->factory->single_threaded) {
        skip();
    }
    open_queue(f, NULL);
    for (unsigned i = 0; i < 3; i++) {
        f->io->ops->reap_wake(f->io);
    }
    assert_int_equal(f->io->ops->reap(f->io, &ended, 1, -1), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frn_thread_start(&thread, "waker", wake_later, f->io), FIRN_OK);
        assert_int_equal(f->io->ops->reap(f->io, &ended, 1, -1), 0);
        frn_thread_join(&thread);
    }
}

struct pair {
    fixture *f;
    frn_file *file;
    _Atomic unsigned queued, reaped;
    frn_word moved;
};

enum {
    PAIR_WRITES = 400
};

static void queue_many(void *arg)
{
    struct pair *pair = arg;
    fixture *f = pair->f;
    size_t block = f->facts.alignment;

    for (unsigned i = 0; i < PAIR_WRITES; i++) {
        uint32_t seen = atomic_load(&pair->moved);

        while (i - atomic_load(&pair->reaped) >= DEPTH) {
            (void)frn_word_wait(&pair->moved, seen, -1);
            seen = atomic_load(&pair->moved);
        }
        if (i % 5 == 4) {
            f->io->ops->queue_sync(pair->file, i);
        } else {
            f->io->ops->queue_write(pair->file, part(f, i % DEPTH), block, i % DEPTH * block, false, i);
        }
        atomic_fetch_add(&pair->queued, 1);
        f->io->ops->queue_send(f->io);
    }
}

/* One thread queues while another reaps; nothing is lost and nothing comes twice. */
static void test_two_threads(void **state)
{
    fixture *f = *state;
    struct pair pair = {.f = f};
    frn_thread thread = {0};
    bool *seen;
    unsigned count = 0;

    if (f->factory->single_threaded) {
        skip();
    }
    seen = calloc(PAIR_WRITES, sizeof *seen);
    assert_non_null(seen);
    f->io->ops->durable_method_set(f->io, FIRN_DURABLE_BUFFERED_SYNC);
    pair.file = make_segment(f, "one", DEPTH);
    open_queue(f, NULL);
    memset(f->buffers, 3, (size_t)DEPTH * f->facts.alignment);
    assert_int_equal(frn_thread_start(&thread, "queue", queue_many, &pair), FIRN_OK);
    while (count < PAIR_WRITES) {
        frn_completion ended[4];
        unsigned got = f->io->ops->reap(f->io, ended, 4, -1);

        for (unsigned i = 0; i < got; i++) {
            assert_true(ended[i].tag < PAIR_WRITES && !seen[ended[i].tag]);
            assert_int_equal(ended[i].result, ended[i].tag % 5 == 4 ? 0 : (int64_t)f->facts.alignment);
            seen[ended[i].tag] = true;
        }
        count += got;
        atomic_fetch_add(&pair.reaped, got);
        atomic_fetch_add(&pair.moved, 1);
        frn_word_wake(&pair.moved, 1);
    }
    frn_thread_join(&thread);
    assert_int_equal(atomic_load(&pair.queued), PAIR_WRITES);
    f->io->ops->file_close(pair.file);
    free(seen);
}

static void queue_and_end(void *arg)
{
    struct pair *pair = arg;
    fixture *f = pair->f;

    for (unsigned i = 0; i < DEPTH; i++) {
        if (i % 2 == 1) {
            f->io->ops->queue_sync(pair->file, i);
        } else {
            f->io->ops->queue_write(pair->file, part(f, i), f->facts.alignment, i * f->facts.alignment, true, i);
        }
    }
    f->io->ops->queue_send(f->io);
}

/* A thread may queue, send and end: what it queued is carried out all the same. */
static void test_queueing_thread_ends(void **state)
{
    fixture *f = *state;
    struct pair pair = {.f = f};

    if (f->factory->single_threaded) {
        skip();
    }
    f->io->ops->durable_method_set(f->io, FIRN_DURABLE_BUFFERED_SYNC);
    pair.file = make_segment(f, "one", DEPTH);
    open_queue(f, NULL);
    memset(f->buffers, 3, (size_t)DEPTH * f->facts.alignment);
    for (unsigned round = 0; round < 10; round++) {
        frn_thread thread = {0};
        unsigned count = 0;

        assert_int_equal(frn_thread_start(&thread, "queue", queue_and_end, &pair), FIRN_OK);
        frn_thread_join(&thread);
        while (count < DEPTH) {
            frn_completion ended[DEPTH];
            unsigned got = f->io->ops->reap(f->io, ended, DEPTH, -1);

            for (unsigned i = 0; i < got; i++) {
                assert_int_equal(ended[i].result, ended[i].tag % 2 == 1 ? 0 : (int64_t)f->facts.alignment);
            }
            count += got;
        }
    }
    f->io->ops->file_close(pair.file);
}

struct blocking {
    fixture *f;
    char name[2];
    firn_status status;
};

static void block_many(void *arg)
{
    struct blocking *blocking = arg;
    frn_io *io = blocking->f->io;
    frn_file *file = NULL;
    char data[4], back[4];
    size_t got;

    blocking->status = io->ops->open(io, blocking->name, FRN_IO_CREATE, &file, NULL);
    for (unsigned i = 0; i < 20 && blocking->status == FIRN_OK; i++) {
        memset(data, blocking->name[0] + (int)(i % 7), sizeof data);
        blocking->status = io->ops->write(file, data, sizeof data, 3 * i, NULL);
        if (blocking->status == FIRN_OK) {
            blocking->status = io->ops->read(file, back, sizeof back, 3 * i, &got, NULL);
        }
        if (blocking->status == FIRN_OK && (got != sizeof back || memcmp(data, back, sizeof back) != 0)) {
            blocking->status = FIRN_ECORRUPT;
        }
    }
    if (file != NULL) {
        io->ops->file_close(file);
    }
}

/* The blocking side serves several threads, each with a file of its own, while the queue is busy. */
static void test_blocking_side_of_many_threads(void **state)
{
    fixture *f = *state;
    struct blocking blocking[3] = {{f, "a", FIRN_OK}, {f, "b", FIRN_OK}, {f, "c", FIRN_OK}};
    frn_thread threads[3] = {{0}};
    frn_file *file;

    if (f->factory->single_threaded) {
        skip();
    }
    file = make_segment(f, "one", DEPTH);
    open_queue(f, NULL);
    memset(f->buffers, 9, (size_t)DEPTH * f->facts.alignment);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frn_thread_start(&threads[i], "block", block_many, &blocking[i]), FIRN_OK);
    }
    for (unsigned i = 0; i < 20; i++) {
        f->io->ops->queue_write(file, part(f, 0), f->facts.alignment, 0, false, i);
        f->io->ops->queue_send(f->io);
        reap_one(f, i, f->facts.alignment);
    }
    for (unsigned i = 0; i < 3; i++) {
        frn_thread_join(&threads[i]);
        assert_int_equal(blocking[i].status, FIRN_OK);
    }
    f->io->ops->file_close(file);
}

static _Atomic unsigned interruptions;

static void interrupt(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add(&interruptions, 1);
}

/* Signals that interrupt system calls change no result. */
static void test_interrupted(void **state)
{
    fixture *f = *state;
    struct sigaction action = {.sa_handler = interrupt}, before;
    struct itimerval every = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    size_t block = f->facts.alignment;
    frn_file *file = make_segment(f, "one", DEPTH);
    uint64_t written;
    unsigned rounds = 0;

    open_queue(f, NULL);
    memset(f->buffers, 4, (size_t)DEPTH * block);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
    atomic_store(&interruptions, 0);
    while (atomic_load(&interruptions) < 20 || rounds < 5) {
        frn_completion ended;

        assert_ok(f, f->io->ops->fill(file, DEPTH * block, &written, &f->err));
        assert_ok(f, f->io->ops->write(file, f->buffers, 2 * block, 0, &f->err));
        assert_ok(f, f->io->ops->sync(file, &f->err));
        f->io->ops->queue_write(file, part(f, 0), block, 2 * block, true, rounds);
        f->io->ops->queue_send(f->io);
        reap_one(f, rounds, (int64_t)block);
        assert_int_equal(f->io->ops->reap(f->io, &ended, 1, 300000), 0);
        assert_bytes(f, file, 0, 3 * block, 4);
        assert_bytes(f, file, 3 * block, block, 0);
        rounds++;
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    f->io->ops->file_close(file);
}

/* The queue may be set up again, with another depth and other memory, when nothing is in flight. */
static void test_queue_opened_again(void **state)
{
    fixture *f = *state;
    size_t block = f->facts.alignment;
    frn_file *file = make_segment(f, "one", 4);

    for (unsigned i = 0; i < 3; i++) {
        void *buffers = i == 1 ? NULL : f->buffers;
        unsigned depth = (const unsigned[]){1, 2, 100}[i];

        assert_ok(f, f->io->ops->queue_open(f->io, NULL, buffers, block, buffers == NULL ? 0 : 2, depth, &f->err));
        memset(part(f, 3), 'x', block);
        for (unsigned k = 0; k < depth; k++) {
            f->io->ops->queue_write(file, part(f, 3), block, i * block, true, i);
        }
        f->io->ops->queue_send(f->io);
        for (unsigned k = 0; k < depth; k++) {
            reap_one(f, i, (int64_t)block);
        }
    }
    assert_bytes(f, file, 0, 3 * block, 'x');
    f->io->ops->file_close(file);
}

/* On io_uring the ring's counter has every byte that was written, on whichever side; elsewhere it stays 0. */
static void test_ring_bytes(void **state)
{
    fixture *f = *state;
    size_t block = f->facts.alignment;
    frn_file *file = open_file(f, "one", FRN_IO_CREATE | FRN_IO_QUEUE);
    uint64_t filled = 0;

    assert_int_equal(f->facts.ring_bytes, 0);
    assert_ok(f, f->io->ops->fill(file, 4 * block, &filled, &f->err));
    assert_ok(f, f->io->ops->write(file, "header", 6, 0, &f->err));
    assert_ok(f, f->io->ops->sync(file, &f->err));
    open_queue(f, NULL);
    memset(part(f, 0), 1, 2 * block);
    f->io->ops->queue_write(file, part(f, 0), block, block, true, 1);
    f->io->ops->queue_send(f->io);
    reap_one(f, 1, (int64_t)block);
    f->io->ops->queue_write(file, part(f, 0), 2 * block, 2 * block, true, 2);
    f->io->ops->queue_send(f->io);
    reap_one(f, 2, (int64_t)(2 * block));
    f->io->ops->facts(f->io, &f->facts);
    assert_int_equal(f->facts.ring_bytes, f->facts.path == FIRN_IO_URING ? filled + 6 + 3 * block : 0);
    f->io->ops->file_close(file);
}

/* The facts make sense together. */
static void test_facts(void **state)
{
    fixture *f = *state;

    assert_true(f->facts.alignment >= 4096 && f->facts.alignment <= FRN_IO_ALIGNMENT_MAX);
    assert_int_equal(f->facts.alignment & (f->facts.alignment - 1), 0);
    assert_true(memchr(f->facts.note, '\0', sizeof f->facts.note) != NULL);
    assert_int_equal(f->facts.ring_bytes, 0);
    assert_true(f->facts.path != FIRN_IO_URING || !f->facts.submits_are_done_by_reap);
    f->io->ops->durable_method_set(f->io, FIRN_DURABLE_BUFFERED_SYNC);
    f->io->ops->facts(f->io, &f->facts);
    assert_false(f->facts.direct);
}

/* Random bytes differ from call to call, and the monotonic clock never goes back. */
static void test_clock_and_random(void **state)
{
    fixture *f = *state;
    uint8_t one[16], other[16];
    int64_t last_ns = f->io->ops->monotonic_ns(f->io);

    assert_ok(f, f->io->ops->random(f->io, one, sizeof one, &f->err));
    assert_ok(f, f->io->ops->random(f->io, other, sizeof other, &f->err));
    assert_memory_not_equal(one, other, sizeof one);
    for (unsigned i = 0; i < 100; i++) {
        int64_t now_ns = f->io->ops->monotonic_ns(f->io);

        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
    assert_true(f->io->ops->wall_clock_ns(f->io) > 0);
}

/* Calibration names a method, sets it, and leaves no file behind, even over one that an earlier run left. */
static void test_calibrate(void **state)
{
    fixture *f = *state;
    struct names names = {.io = f->io};

    for (unsigned i = 0; i < 2; i++) {
        firn_durable_method method = FIRN_DURABLE_AUTO;
        frn_file *file;

        assert_ok(f, frn_io_calibrate(f->io, &f->heap, &method, &f->err));
        assert_true(method >= FIRN_DURABLE_DIRECT_DSYNC && method <= FIRN_DURABLE_BUFFERED_SYNC);
        assert_ok(f, f->io->ops->list(f->io, see_name, &names, &f->err));
        assert_int_equal(names.count, 0);
        file = open_file(f, "calibrate.tmp", FRN_IO_CREATE);
        f->io->ops->file_close(file);
    }
}

/* Whichever allocation fails, it is reported as such, nothing leaks, and the instance goes on. */
static void test_no_memory(void **state)
{
    fixture *f = *state;
    firn_status status = FIRN_ENOMEM;
    unsigned k;

    for (k = 1; status != FIRN_OK; k++) {
        frn_io *other = NULL;
        frn_file *file = NULL;
        uint64_t written;

        assert_true(k < 100);
        atomic_store(&f->heap.fail_at, k);
        status = f->factory->reopen(f->factory->arg, &f->heap, &other, &f->err);
        if (status == FIRN_OK) {
            status = other->ops->open(other, "one", FRN_IO_CREATE | FRN_IO_QUEUE, &file, &f->err);
        }
        if (status == FIRN_OK) {
            status = other->ops->fill(file, f->facts.alignment, &written, &f->err);
        }
        if (status == FIRN_OK) {
            status = other->ops->queue_open(other, NULL, f->buffers, f->facts.alignment, 2, 2, &f->err);
        }
        if (atomic_load(&f->heap.fail_at) > 0) {
            assert_ok(f, status);
        } else {
            assert_int_equal(status, FIRN_ENOMEM);
        }
        atomic_store(&f->heap.fail_at, 0);
        if (file != NULL) {
            other->ops->file_close(file);
        }
        if (other != NULL) {
            other->ops->close(other);
        }
        (void)f->io->ops->remove(f->io, "one", NULL);
    }
    assert_true(k > 2);
}

int frn_io_contract_run(const frn_io_contract_factory *factory)
{
    fixture state = {.factory = factory};
#define ROW(function)                                                                               \
    {                                                                                               \
        .name = #function, .test_func = function, .setup_func = set_up, .teardown_func = tear_down, \
        .initial_state = &state                                                                     \
    }
    const struct CMUnitTest tests[] = {
        ROW(test_create_and_open),
        ROW(test_longest_name),
        ROW(test_read_at_the_end),
        ROW(test_write_extends),
        ROW(test_fill),
        ROW(test_shrink),
        ROW(test_rename_replaces),
        ROW(test_remove),
        ROW(test_list),
        ROW(test_lock),
        ROW(test_queue_all_come_back),
        ROW(test_read_device),
        ROW(test_reap_times_out),
        ROW(test_reap_is_woken),
        ROW(test_two_threads),
        ROW(test_queueing_thread_ends),
        ROW(test_blocking_side_of_many_threads),
        ROW(test_interrupted),
        ROW(test_queue_opened_again),
        ROW(test_ring_bytes),
        ROW(test_facts),
        ROW(test_clock_and_random),
        ROW(test_calibrate),
        ROW(test_no_memory),
    };
#undef ROW

    print_message("the I/O contract on: %s\n", factory->name);
    return _cmocka_run_group_tests(factory->name, tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
