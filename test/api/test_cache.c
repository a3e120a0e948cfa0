/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cache.c — the cache: what it finds is right, whatever was done to its folder; it stays within its bounds, the
 * oldest go first; nothing that happens to it is an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cache/cache.h"
#include "firn.h"
#include "test/api/api.h"

typedef struct world {
    char parent[32];
    char folder[48];
    frn_heap heap;
    frn_cache *cache;
} world;

static void open_cache(world *w, frn_cache_options options)
{
    firn_error err;

    OK(err, frn_cache_new(&w->heap, w->folder, &options, &w->cache, &err));
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->parent, sizeof w->parent, "./cache-XXXXXX");
    assert_non_null(mkdtemp(w->parent));
    (void)snprintf(w->folder, sizeof w->folder, "%s/cache", w->parent);
    frn_heap_init(&w->heap);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;

    frn_cache_free(w->cache);
    assert_int_equal(atomic_load(&w->heap.live), 0);
    api_remove_folder(w->parent);
    free(w);
    return 0;
}

/* Content number n: bytes and digest; size bytes of it. */
static const uint8_t *digest_of(unsigned n, size_t size, uint8_t *bytes)
{
    static _Thread_local uint8_t digest[FIRN_DIGEST_SIZE];
    firn_error err;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(n * 31 + i);
    }
    OK(err, firn_digest_of((firn_slice){bytes, size}, digest, &err));
    return digest;
}

static void put(world *w, unsigned n, size_t size)
{
    uint8_t bytes[4096];
    const uint8_t *digest = digest_of(n, size, bytes);

    frn_cache_put(w->cache, digest, (firn_slice){bytes, size});
}

/* Whether content n is found; if so, it is right. */
static bool found(world *w, unsigned n, size_t size)
{
    uint8_t bytes[4096];
    const uint8_t *digest = digest_of(n, size, bytes);
    firn_buf buf = {0};
    firn_status status = frn_cache_get(w->cache, digest, &buf, NULL);

    assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND);
    if (status == FIRN_OK) {
        assert_int_equal(buf.size, size);
        assert_true(size == 0 || memcmp(buf.data, bytes, size) == 0);
    }
    firn_buf_free(&buf);
    return status == FIRN_OK;
}

static void path_of(const world *w, unsigned n, size_t size, char out[256])
{
    uint8_t bytes[4096];
    char text[FIRN_DIGEST_TEXT_SIZE];
    const struct dirent *entry;
    DIR *dir = opendir(w->folder);

    firn_digest_format(digest_of(n, size, bytes), text);
    assert_non_null(dir);
    out[0] = '\0';
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, text, strlen(text)) == 0) {
            (void)snprintf(out, 256, "%s/%.120s", w->folder, entry->d_name);
        }
    }
    (void)closedir(dir);
}

static unsigned files_in(const char *folder)
{
    const struct dirent *entry;
    unsigned count = 0;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

/* Bytes of every size are found again, by another cache on the folder too; what was not put is not found; nothing is
 * made before the first put; files are private. */
static void finds_what_was_put(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096};
    world *w = *state;
    char path[256];
    struct stat st;

    open_cache(w, (frn_cache_options){0});
    assert_false(found(w, 1, 10));
    assert_int_equal(access(w->folder, F_OK), -1);
    for (unsigned i = 0; i < 4; i++) {
        put(w, i, sizes[i]);
        put(w, i, sizes[i]);
    }
    assert_int_equal(files_in(w->folder), 4);
    for (int open = 0; open < 2; open++) {
        for (unsigned i = 0; i < 4; i++) {
            assert_true(found(w, i, sizes[i]));
        }
        assert_false(found(w, 77, 10));
        frn_cache_free(w->cache);
        open_cache(w, (frn_cache_options){0});
    }
    assert_int_equal(stat(w->folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    path_of(w, 3, 4096, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* A file whose bytes were changed, cut, or added to is never handed out: it is removed, and can be put again. */
static void damage_is_not_found(void **state)
{
    world *w = *state;
    char path[256];

    open_cache(w, (frn_cache_options){0});
    for (int how = 0; how < 4; how++) {
        int fd;

        put(w, 5, 300);
        assert_true(found(w, 5, 300));
        path_of(w, 5, 300, path);
        fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        if (how == 0) {
            assert_int_equal(pwrite(fd, "\xff", 1, 299), 1);
        } else if (how == 1) {
            assert_int_equal(ftruncate(fd, 299), 0);
        } else if (how == 2) {
            assert_int_equal(pwrite(fd, "x", 1, 300), 1);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(close(fd), 0);
        assert_false(found(w, 5, 300));
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* The oldest go first, in this life and in the next one; what is larger than all is not kept. */
static void stays_within_bounds(void **state)
{
    frn_cache_options options = {.size_max = 10000, .entries_max = 50};
    world *w = *state;
    uint64_t size;
    uint32_t entries;

    open_cache(w, options);
    for (unsigned i = 0; i < 25; i++) {
        put(w, i, 1000);
        frn_cache_stat(w->cache, &size, &entries);
        assert_int_equal(entries, i < 10 ? i + 1 : 10);
        assert_int_equal(size, 1000 * entries);
    }
    frn_cache_free(w->cache);
    open_cache(w, options);
    put(w, 100, 2500);
    for (unsigned i = 0; i < 25; i++) {
        assert_int_equal(found(w, i, 1000), i >= 18);
    }
    assert_true(found(w, 100, 2500));
    options.size_max = 2000;
    frn_cache_free(w->cache);
    open_cache(w, options);
    put(w, 200, 2001);
    assert_false(found(w, 200, 2001));
    put(w, 201, 1);
    assert_true(found(w, 201, 1));
    options.size_max = 0;
    frn_cache_free(w->cache);
    open_cache(w, options);
    for (unsigned i = 300; i < 380; i++) {
        put(w, i, 10);
    }
    frn_cache_stat(w->cache, &size, &entries);
    assert_int_equal(entries, 50);
    assert_int_equal(files_in(w->folder), 50);
    assert_false(found(w, 329, 10));
    assert_true(found(w, 330, 10));
}

/* The folder is removed as a whole: nothing is found, and the next put makes it anew. A file stands in its place, or
 * its parent is gone: nothing is kept, and nothing fails. */
static void folder_goes(void **state)
{
    world *w = *state;
    int fd;

    open_cache(w, (frn_cache_options){0});
    put(w, 1, 100);
    api_remove_folder(w->folder);
    assert_false(found(w, 1, 100));
    put(w, 1, 100);
    assert_true(found(w, 1, 100));
    api_remove_folder(w->folder);
    put(w, 2, 100);
    assert_true(found(w, 2, 100));
    assert_false(found(w, 1, 100));
    api_remove_folder(w->folder);
    fd = open(w->folder, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    put(w, 3, 100);
    assert_false(found(w, 3, 100));
    assert_int_equal(unlink(w->folder), 0);
    put(w, 3, 100);
    assert_true(found(w, 3, 100));
    api_remove_folder(w->parent);
    put(w, 4, 100);
    assert_false(found(w, 4, 100));
}

/* Files of others in the folder are let be; what a process that died half wrote is removed. */
static void other_files(void **state)
{
    static const char *const names[] = {"notes", "put-", "put-000000000000000z", "put-00000000000000ff",
                                        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"};
    world *w = *state;
    char path[256];

    assert_int_equal(mkdir(w->folder, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->folder, names[i]);
        assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    }
    open_cache(w, (frn_cache_options){0});
    put(w, 1, 100);
    assert_true(found(w, 1, 100));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", w->folder, names[i]);
        assert_int_equal(access(path, F_OK), i == 3 ? -1 : 0);
    }
}

/* Open for reading only it finds, keeps nothing, and removes nothing. */
static void reads_only(void **state)
{
    world *w = *state;
    char path[256];

    open_cache(w, (frn_cache_options){.read_only = true});
    put(w, 1, 100);
    assert_false(found(w, 1, 100));
    assert_int_equal(access(w->folder, F_OK), -1);
    frn_cache_free(w->cache);
    open_cache(w, (frn_cache_options){0});
    put(w, 1, 100);
    frn_cache_free(w->cache);
    open_cache(w, (frn_cache_options){.read_only = true});
    assert_true(found(w, 1, 100));
    path_of(w, 1, 100, path);
    assert_int_equal(truncate(path, 50), 0);
    assert_false(found(w, 1, 100));
    assert_int_equal(access(path, F_OK), 0);
}

/* Whichever allocation fails, bytes are found or not, or the call says FIRN_ENOMEM; nothing leaks. */
static void no_memory(void **state)
{
    world *w = *state;
    uint8_t bytes[4096];
    bool met = true;

    for (int64_t at = 1; met; at++) {
        firn_buf buf = {0};
        firn_status status;

        open_cache(w, (frn_cache_options){0});
        atomic_store(&w->heap.fail_at, at);
        put(w, 1, 100);
        put(w, 2, 100);
        status = frn_cache_get(w->cache, digest_of(1, 100, bytes), &buf, NULL);
        assert_true(status == FIRN_OK || status == FIRN_ENOTFOUND || status == FIRN_ENOMEM);
        met = atomic_load(&w->heap.fail_at) <= 0;
        atomic_store(&w->heap.fail_at, 0);
        firn_buf_free(&buf);
        put(w, 1, 100);
        assert_true(found(w, 1, 100));
        frn_cache_free(w->cache);
        w->cache = NULL;
        assert_int_equal(atomic_load(&w->heap.live), 0);
        api_remove_folder(w->folder);
    }
}

enum {
    THREADS = 3,
    ROUNDS = 400
};

typedef struct user {
    world *w;
    unsigned first, hits;
} user;

static void *use(void *arg)
{
    user *own = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = (own->first + i) % 20;

        put(own->w, n, 500 + n);
        own->hits += found(own->w, n, 500 + n);
    }
    return NULL;
}

/* Need N7: threads put and get while the folder is deleted again and again: no error, and no wrong bytes. */
static void test_need_n7_deleted_under_load(void **state)
{
    world *w = *state;
    pthread_t threads[THREADS];
    user users[THREADS];

    open_cache(w, (frn_cache_options){.size_max = 6000});
    for (unsigned i = 0; i < THREADS; i++) {
        users[i] = (user){w, i * 7, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (int i = 0; i < 60; i++) {
        api_remove_folder(w->folder);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    api_remove_folder(w->folder);
    assert_false(found(w, 1, 501));
    put(w, 1, 501);
    assert_true(found(w, 1, 501));
}

int main(void)
{
#define TEST(name)                         \
    {                                      \
#name, name, setup, teardown, NULL \
    }
    const struct CMUnitTest tests[] = {
        TEST(finds_what_was_put),  TEST(damage_is_not_found),
        TEST(stays_within_bounds), TEST(folder_goes),
        TEST(other_files),         TEST(reads_only),
        TEST(no_memory),           TEST(test_need_n7_deleted_under_load),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
