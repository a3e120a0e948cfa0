/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interpose.c — make the k-th allocation of this process fail, or the k-th call of libc that does I/O.
 *
 * A definition in the executable comes before that of any shared library, so what stands here is called by the engine,
 * which is linked statically, as well as by LMDB, OpenSSL, liburing and libc's own functions (fopen, opendir). Each
 * passes on to the next definition: the sanitizer's, or libc's.
 *
 * What cannot be reached so: system calls that a library makes without libc (liburing enters the ring by itself; its
 * completions are the concern of test/api/fault_io.c), memory that the dynamic loader takes for itself, and what
 * OpenSSL allocates once in a process, which is done before anything is armed.
 */
/* Both names of a call are wanted, that for files of any size as well. */
#undef _FILE_OFFSET_BITS
#include "test/fault/interpose.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FDS = 4096,
    ARENA_SIZE = 65536,
    STARTS = 64,
    KEPT_MAX = 256,
    KEPT_SIZE_MIN = 16384,
    KEPT_SIZE_MAX = 64 << 20
};

static _Atomic int armed; /* An interpose_kind. */
static _Atomic int64_t left;
static _Atomic uint64_t failed;
static bool armed_for_ever;
static int armed_errno;
static const char *_Atomic failed_name;
static _Atomic bool sync_failed[FDS];
static _Atomic uint64_t syncs_after_failure;

/* A thread counts from where its own code begins: what a sanitizer needs to start it is not ours to refuse. */
static _Thread_local bool counts;

void interpose_disarm(void)
{
    atomic_store(&armed, INTERPOSE_NOTHING);
}

uint64_t interpose_failed(void)
{
    return atomic_load(&failed);
}

const char *interpose_failed_name(void)
{
    const char *name = atomic_load(&failed_name);

    return name == NULL ? "-" : name;
}

uint64_t interpose_syncs_after_failure(void)
{
    return atomic_load(&syncs_after_failure);
}

/* Whether this call fails. */
static bool fails(interpose_kind kind, const char *name)
{
    const char *none = NULL;
    int64_t now;

    if (!counts || atomic_load_explicit(&armed, memory_order_relaxed) != (int)kind) {
        return false;
    }
    now = atomic_fetch_sub(&left, 1) - 1;
    if (now > 0 || (now < 0 && !armed_for_ever)) {
        return false;
    }
    atomic_fetch_add(&failed, 1);
    (void)atomic_compare_exchange_strong(&failed_name, &none, name);
    return true;
}

/* The next definition of a function; found before it is needed, for finding it may need memory. */
#define NEXT(name)                                 \
    static __typeof__(&name) real;                 \
    if (real == NULL) {                            \
        *(void **)&real = dlsym(RTLD_NEXT, #name); \
    }

/* ---- memory ---- */

static void *(*real_malloc)(size_t size);
static void *(*real_calloc)(size_t count, size_t size);
static void *(*real_realloc)(void *p, size_t size);
static int (*real_posix_memalign)(void **out, size_t alignment, size_t size);
static void *(*real_aligned_alloc)(size_t alignment, size_t size);
static void (*real_free)(void *p);
static size_t (*real_usable_size)(void *p);

/* For what the loader needs while it looks for the above. */
static uint8_t arena[ARENA_SIZE] __attribute__((aligned(16)));
static size_t arena_used;
static bool looking;

static void *from_arena(size_t size)
{
    void *p = arena + arena_used;

    arena_used += (size + 15) / 16 * 16;
    if (arena_used > ARENA_SIZE) {
        abort();
    }
    return p;
}

static bool is_of_arena(const void *p)
{
    return (const uint8_t *)p >= arena && (const uint8_t *)p < arena + ARENA_SIZE;
}

static bool find(void)
{
    if (real_free != NULL) {
        return true;
    }
    if (looking) {
        return false;
    }
    looking = true;
    *(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&real_usable_size = dlsym(RTLD_NEXT, "malloc_usable_size");
    *(void **)&real_free = dlsym(RTLD_NEXT, "free");
    looking = false;
    return true;
}

static bool lacks(const char *name)
{
    if (!fails(INTERPOSE_MEMORY, name)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

/*
 * Large blocks that come back. Under the address sanitizer each is a mapping of its own, made and given back, and that
 * would be most of the time of the sweep: instead freed ones are poisoned and kept for the next that asks for the size.
 */
extern void __asan_poison_memory_region(const volatile void *at, size_t size) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *at, size_t size) __attribute__((weak));

static struct {
    void *at;
    size_t size;
} kept[KEPT_MAX];
static bool ready; /* The sanitizer is: something was armed. */
static unsigned kept_count;
static size_t kept_size;
static atomic_flag kept_lock = ATOMIC_FLAG_INIT;

static void *take_kept(size_t alignment, size_t size)
{
    void *found = NULL;

    if (size < KEPT_SIZE_MIN || __asan_poison_memory_region == NULL) {
        return NULL;
    }
    while (atomic_flag_test_and_set(&kept_lock)) {
    }
    for (unsigned i = 0; i < kept_count && found == NULL; i++) {
        if (kept[i].size == size && (uintptr_t)kept[i].at % alignment == 0) {
            found = kept[i].at;
            kept[i] = kept[--kept_count];
            kept_size -= size;
        }
    }
    atomic_flag_clear(&kept_lock);
    if (found != NULL) {
        __asan_unpoison_memory_region(found, size);
    }
    return found;
}

static bool keep(void *p)
{
    size_t size = !ready || __asan_poison_memory_region == NULL ? 0 : real_usable_size(p);
    bool done = false;

    if (size < KEPT_SIZE_MIN) {
        return false;
    }
    while (atomic_flag_test_and_set(&kept_lock)) {
    }
    if (kept_count < KEPT_MAX && kept_size + size <= KEPT_SIZE_MAX) {
        __asan_poison_memory_region(p, size);
        kept[kept_count].at = p;
        kept[kept_count++].size = size;
        kept_size += size;
        done = true;
    }
    atomic_flag_clear(&kept_lock);
    return done;
}

#define PUBLIC __attribute__((visibility("default"), used))

PUBLIC void *malloc(size_t size)
{
    void *p;

    if (!find()) {
        return from_arena(size);
    }
    if (lacks("malloc")) {
        return NULL;
    }
    p = take_kept(1, size);
    return p != NULL ? p : real_malloc(size);
}

PUBLIC void *calloc(size_t count, size_t size)
{
    void *p;

    if (!find()) {
        return from_arena(count * size);
    }
    if (lacks("calloc")) {
        return NULL;
    }
    p = count != 0 && size <= SIZE_MAX / count ? take_kept(1, count * size) : NULL;
    return p != NULL ? memset(p, 0, count * size) : real_calloc(count, size);
}

PUBLIC void *realloc(void *p, size_t size)
{
    if (!find() || is_of_arena(p)) {
        abort();
    }
    if (lacks("realloc")) {
        return NULL;
    }
    return real_realloc(p, size);
}

PUBLIC int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p;

    if (find() && lacks("posix_memalign")) {
        return ENOMEM;
    }
    p = take_kept(alignment, size);
    if (p == NULL) {
        return real_posix_memalign(out, alignment, size);
    }
    *out = p;
    return 0;
}

PUBLIC void *aligned_alloc(size_t alignment, size_t size)
{
    return find() && lacks("aligned_alloc") ? NULL : real_aligned_alloc(alignment, size);
}

PUBLIC void free(void *p)
{
    if (p != NULL && !is_of_arena(p) && find()) {
        if (!keep(p)) {
            real_free(p);
        }
    }
}

PUBLIC void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap)
    return lacks("mmap") ? MAP_FAILED : real(at, size, protection, flags, fd, offset);
}

/* Threads on their way. */
static struct {
    _Atomic bool used;
    void *(*run)(void *);
    void *arg;
} starts[STARTS];

static void *start(void *arg)
{
    size_t i = (size_t)(uintptr_t)arg;
    void *(*run)(void *) = starts[i].run;
    void *its_arg = starts[i].arg;

    atomic_store(&starts[i].used, false);
    counts = true;
    return run(its_arg);
}

PUBLIC int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    size_t i = 0;
    int rc;

    NEXT(pthread_create)
    if (lacks("pthread_create")) {
        return EAGAIN;
    }
    while (atomic_exchange(&starts[i].used, true)) {
        i = (i + 1) % STARTS;
    }
    starts[i].run = run;
    starts[i].arg = arg;
    rc = real(thread, attr, start, (void *)(uintptr_t)i);
    if (rc != 0) {
        atomic_store(&starts[i].used, false);
    }
    return rc;
}

/* ---- I/O ---- */

static bool broken(const char *name)
{
    if (!fails(INTERPOSE_IO, name)) {
        return false;
    }
    errno = armed_errno;
    return true;
}

/* A function of libc: its type, what it returns on failure, its parameters and arguments. */
#define CALL(type, name, failure, parameters, arguments)   \
    PUBLIC type name parameters                            \
    {                                                      \
        NEXT(name)                                         \
        return broken(#name) ? (failure) : real arguments; \
    }

/* The parameter that comes if there is one. */
#define OPTIONAL(last, kind)        \
    va_list args;                   \
    va_start(args, last);           \
    kind more = va_arg(args, kind); \
    va_end(args)

/*
 * A sync after one that failed on the same descriptor would succeed and mean nothing. What the kernel says of a failure
 * it says once to each descriptor of the file that was open then, so another one hears of it too, also when the fault
 * is over.
 */
static struct {
    dev_t device;
    ino_t inode;
    int os_errno;
    uint64_t when;
} lost;
static _Atomic uint64_t clock_now; /* Counts what is opened, and syncs that fail. */
static _Atomic uint64_t opened_at[FDS];

static int note_open(int fd)
{
    if (fd >= 0 && fd < FDS) {
        atomic_store(&opened_at[fd], atomic_fetch_add(&clock_now, 1) + 1);
    }
    return fd;
}

PUBLIC int open(const char *path, int flags, ...)
{
    NEXT(open)
    OPTIONAL(flags, int);
    return broken("open") ? -1 : note_open(real(path, flags, more));
}

PUBLIC int open64(const char *path, int flags, ...)
{
    NEXT(open64)
    OPTIONAL(flags, int);
    return broken("open64") ? -1 : note_open(real(path, flags, more));
}

PUBLIC int openat64(int folder, const char *path, int flags, ...)
{
    NEXT(openat64)
    OPTIONAL(flags, int);
    return broken("openat64") ? -1 : note_open(real(folder, path, flags, more));
}

PUBLIC int fcntl(int fd, int command, ...)
{
    NEXT(fcntl)
    OPTIONAL(command, void *);
    return broken("fcntl") ? -1 : real(fd, command, more);
}

PUBLIC int fcntl64(int fd, int command, ...)
{
    NEXT(fcntl64)
    OPTIONAL(command, void *);
    return broken("fcntl64") ? -1 : real(fd, command, more);
}

PUBLIC int ioctl(int fd, unsigned long request, ...)
{
    NEXT(ioctl)
    OPTIONAL(request, void *);
    return broken("ioctl") ? -1 : real(fd, request, more);
}

CALL(FILE *, fopen64, NULL, (const char *path, const char *mode), (path, mode))
CALL(DIR *, fdopendir, NULL, (int fd), (fd))
CALL(struct dirent64 *, readdir64, NULL, (DIR * dir), (dir))
CALL(ssize_t, read, -1, (int fd, void *data, size_t size), (fd, data, size))
CALL(ssize_t, pread, -1, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
CALL(ssize_t, pread64, -1, (int fd, void *data, size_t size, off64_t offset), (fd, data, size, offset))
CALL(ssize_t, write, -1, (int fd, const void *data, size_t size), (fd, data, size))
CALL(ssize_t, writev, -1, (int fd, const struct iovec *parts, int count), (fd, parts, count))
CALL(ssize_t, pwrite, -1, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
CALL(ssize_t, pwrite64, -1, (int fd, const void *data, size_t size, off64_t offset), (fd, data, size, offset))
CALL(ssize_t, pwritev64v2, -1, (int fd, const struct iovec *parts, int count, off64_t offset, int flags),
     (fd, parts, count, offset, flags))
CALL(int, ftruncate, -1, (int fd, off_t size), (fd, size))
CALL(int, ftruncate64, -1, (int fd, off64_t size), (fd, size))
CALL(int, fallocate64, -1, (int fd, int mode, off64_t offset, off64_t size), (fd, mode, offset, size))
CALL(int, rename, -1, (const char *from, const char *to), (from, to))
CALL(int, renameat, -1, (int folder, const char *from, int other, const char *to), (folder, from, other, to))
CALL(int, renameat2, -1, (int folder, const char *from, int other, const char *to, unsigned flags),
     (folder, from, other, to, flags))
CALL(int, unlink, -1, (const char *path), (path))
CALL(int, unlinkat, -1, (int folder, const char *path, int flags), (folder, path, flags))
CALL(int, rmdir, -1, (const char *path), (path))
CALL(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
CALL(int, stat64, -1, (const char *path, struct stat64 *out), (path, out))
CALL(int, fstat64, -1, (int fd, struct stat64 *out), (fd, out))
CALL(int, fstatat64, -1, (int folder, const char *path, struct stat64 *out, int flags), (folder, path, out, flags))
CALL(int, statx, -1, (int folder, const char *path, int flags, unsigned mask, struct statx *out),
     (folder, path, flags, mask, out))
CALL(int, fstatfs, -1, (int fd, struct statfs *out), (fd, out))
CALL(int, fstatfs64, -1, (int fd, struct statfs64 *out), (fd, out))
CALL(int, msync, -1, (void *at, size_t size, int flags), (at, size, flags))
CALL(int, eventfd, -1, (unsigned value, int flags), (value, flags))
CALL(ssize_t, getrandom, -1, (void *data, size_t size, unsigned flags), (data, size, flags))
CALL(char *, realpath, NULL, (const char *path, char *out), (path, out))
CALL(int, io_uring_queue_init, -armed_errno, (unsigned entries, struct io_uring *ring, unsigned flags),
     (entries, ring, flags))
CALL(int, io_uring_queue_init_params, -armed_errno,
     (unsigned entries, struct io_uring *ring, struct io_uring_params *params), (entries, ring, params))
CALL(int, io_uring_register_buffers, -armed_errno, (struct io_uring * ring, const struct iovec *parts, unsigned count),
     (ring, parts, count))
CALL(int, io_uring_register_files, -armed_errno, (struct io_uring * ring, const int *files, unsigned count),
     (ring, files, count))

int __fxstat(int version, int fd, struct stat *out);
CALL(int, __fxstat, -1, (int version, int fd, struct stat *out), (version, fd, out))

/* Whether another descriptor's sync failed, of which this one has not heard. */
static bool hears(int fd, const struct stat *st)
{
    return lost.when > 0 && !atomic_load(&sync_failed[fd]) && st->st_dev == lost.device && st->st_ino == lost.inode &&
           atomic_load(&opened_at[fd]) < lost.when;
}

static int sync_one(int fd, const char *name, int (*real)(int fd))
{
    bool due = broken(name);
    struct stat st;

    if (fd < 0 || fd >= FDS || fstat(fd, &st) != 0) {
        return due ? -1 : real(fd);
    }
    if (due) {
        lost.device = st.st_dev;
        lost.inode = st.st_ino;
        lost.os_errno = armed_errno;
        lost.when = atomic_fetch_add(&clock_now, 1) + 1;
        errno = armed_errno;
    } else if (atomic_load(&sync_failed[fd])) {
        atomic_fetch_add(&syncs_after_failure, 1);
        return real(fd);
    } else if (hears(fd, &st)) {
        errno = lost.os_errno;
    } else {
        return real(fd);
    }
    atomic_store(&sync_failed[fd], true);
    return -1;
}

PUBLIC int fsync(int fd)
{
    NEXT(fsync)
    return sync_one(fd, "fsync", real);
}

PUBLIC int fdatasync(int fd)
{
    NEXT(fdatasync)
    return sync_one(fd, "fdatasync", real);
}

PUBLIC int close(int fd)
{
    NEXT(close)
    if (fd >= 0 && fd < FDS) {
        atomic_store(&sync_failed[fd], false);
    }
    return real(fd);
}

/* ---- arming ---- */

void interpose_arm(interpose_kind kind, uint64_t at, bool for_ever, int os_errno)
{
    atomic_store(&left, (int64_t)at);
    atomic_store(&failed, 0);
    atomic_store(&failed_name, NULL);
    armed_for_ever = for_ever;
    armed_errno = os_errno;
    lost.when = 0;
    counts = true;
    ready = true;
    atomic_store(&armed, kind);
}
