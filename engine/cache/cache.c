/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c — bytes that can be computed again, kept by their SHA-256 beside the log.
 *
 * Format. One file for each digest: its bytes and nothing else, named `{64 hex digits}.{age, 16 hex digits}`. Ages are
 * given out in order, so the lowest is the oldest file, whatever the clock said. `put-{age}` is one being written.
 *
 * Happy path. The folder is listed with the first call. A put writes beside and renames; nothing is synced, for what a
 * crash leaves of it is judged like everything else: by its digest, when it is read. A get reads the whole file, hashes
 * it, and hands it out only if the digest is right; otherwise the file is removed.
 *
 * What can fail: anything, and all of it means "not found" or "not kept". If the folder itself was removed, it is made
 * anew with the next put. Two processes may use one folder: each knows the files it listed or wrote, and meets the
 * removals of the other as files that are not there.
 *
 * Locks. `lock` guards the table and the folder in use; files are read and written without it, through a folder that
 * is counted while somebody uses it.
 */
#include "engine/cache/cache.h"

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/thread.h"
#include "engine/io/io.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SIZE_MAX_DEFAULT (UINT64_C(1) << 30)
#define PUT_WORD "put-"

enum {
    ENTRIES_MAX_DEFAULT = 65536,
    BUCKETS = 4096,
    HEX_SIZE = 2 * FIRN_DIGEST_SIZE,
    AGE_DIGITS = 16,
    NAME_SIZE = HEX_SIZE + 1 + AGE_DIGITS + 1,
    LEFT_MAX = 16 /* Files half written that one listing removes. */
};
_Static_assert((int)NAME_SIZE <= (int)FRN_IO_NAME_SIZE_MAX + 1, "the seam takes no names of this size");

/* A file of the folder: in a bucket by its digest, in a list by its age. */
typedef struct entry {
    struct entry *next;          /* In the bucket. */
    struct entry *older, *newer; /* In the list. */
    uint64_t age;
    uint64_t size;
    uint8_t digest[FIRN_DIGEST_SIZE];
} entry;

/* The folder as it was opened; it may be gone by now. */
typedef struct place {
    frn_io *io;
    unsigned users; /* Those between take and give, and the cache while it is the one in use. */
} place;

struct frn_cache {
    frn_heap *heap;
    char *folder;
    frn_cache_options options;
    frn_mutex lock;
    place *place; /* NULL: not opened, or there is none. */
    entry *buckets[BUCKETS];
    entry *oldest, *newest;
    uint64_t size;
    uint32_t entries;
    uint64_t age_next; /* Never falls, so that names are not used twice. */
};

/* ---- the table; with the lock ---- */

static entry **bucket_of(frn_cache *cache, const uint8_t *digest)
{
    return &cache->buckets[(digest[0] | (unsigned)digest[1] << 8) % BUCKETS];
}

static entry *find(frn_cache *cache, const uint8_t *digest)
{
    entry *at = *bucket_of(cache, digest);

    while (at != NULL && memcmp(at->digest, digest, FIRN_DIGEST_SIZE) != 0) {
        at = at->next;
    }
    return at;
}

static void forget(frn_cache *cache, entry *gone)
{
    entry **at = bucket_of(cache, gone->digest);

    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    *(gone->older != NULL ? &gone->older->newer : &cache->oldest) = gone->newer;
    *(gone->newer != NULL ? &gone->newer->older : &cache->newest) = gone->older;
    cache->size -= gone->size;
    cache->entries--;
    frn_free(cache->heap, gone);
}

/* Adds an entry where its age belongs: at or near the new end. */
static bool remember(frn_cache *cache, const uint8_t *digest, uint64_t age, uint64_t size)
{
    entry *fresh = frn_alloc_zero(cache->heap, 1, sizeof *fresh);
    entry **bucket = bucket_of(cache, digest), *older = cache->newest;

    if (fresh == NULL) {
        return false;
    }
    memcpy(fresh->digest, digest, FIRN_DIGEST_SIZE);
    fresh->age = age;
    fresh->size = size;
    fresh->next = *bucket;
    *bucket = fresh;
    while (older != NULL && older->age > age) {
        older = older->older;
    }
    fresh->older = older;
    fresh->newer = older != NULL ? older->newer : cache->oldest;
    *(older != NULL ? &older->newer : &cache->oldest) = fresh;
    *(fresh->newer != NULL ? &fresh->newer->older : &cache->newest) = fresh;
    cache->size += size;
    cache->entries++;
    return true;
}

/* ---- names ---- */

static void name_of(char out[NAME_SIZE], const uint8_t *digest, uint64_t age)
{
    for (size_t i = 0; i < FIRN_DIGEST_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    (void)snprintf(out + HEX_SIZE, NAME_SIZE - HEX_SIZE, ".%0*" PRIx64, AGE_DIGITS, age);
}

static bool hex_read(const char *text, size_t digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = text[i] == '\0' ? NULL : memchr("0123456789abcdef", text[i], 16);

        if (digit == NULL) {
            return false;
        }
        *out = *out << 4 | (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    }
    return true;
}

static bool name_read(const char *name, uint8_t *digest, uint64_t *out_age)
{
    uint64_t byte;

    if (strlen(name) != NAME_SIZE - 1 || name[HEX_SIZE] != '.') {
        return false;
    }
    for (size_t i = 0; i < FIRN_DIGEST_SIZE; i++) {
        if (!hex_read(name + 2 * i, 2, &byte)) {
            return false;
        }
        digest[i] = (uint8_t)byte;
    }
    return hex_read(name + HEX_SIZE + 1, AGE_DIGITS, out_age);
}

/* ---- the folder ---- */

/* What a listing is for. */
typedef struct listing {
    frn_cache *cache;
    uint64_t left[LEFT_MAX]; /* Ages of files that somebody began to write. */
    unsigned left_count;
} listing;

static void take_name(void *arg, const char *name, uint64_t size)
{
    listing *list = arg;
    frn_cache *cache = list->cache;
    uint8_t digest[FIRN_DIGEST_SIZE];
    uint64_t age;
    entry *same;

    if (strncmp(name, PUT_WORD, strlen(PUT_WORD)) == 0 && hex_read(name + strlen(PUT_WORD), AGE_DIGITS, &age)) {
        if (list->left_count < LEFT_MAX) {
            list->left[list->left_count++] = age;
        }
        return;
    }
    if (!name_read(name, digest, &age) || age == UINT64_MAX || size > cache->options.size_max) {
        return;
    }
    same = find(cache, digest);
    if (same != NULL && same->age < age) {
        forget(cache, same);
        same = NULL;
    }
    /* One that finds no memory is not found later. */
    if (same == NULL && remember(cache, digest, age, size) && cache->age_next <= age) {
        cache->age_next = age + 1;
    }
}

static firn_status remove_file(const frn_cache *cache, place *at, const char *name)
{
    return cache->options.read_only ? FIRN_OK : at->io->ops->remove(at->io, name, NULL);
}

static void beside_of(char out[NAME_SIZE], uint64_t age)
{
    (void)snprintf(out, NAME_SIZE, PUT_WORD "%0*" PRIx64, AGE_DIGITS, age);
}

/* Learns what is there, and removes what a process that died did not finish. */
static void place_list(frn_cache *cache, place *at)
{
    listing list = {.cache = cache};
    char name[NAME_SIZE];
    firn_status status = at->io->ops->list(at->io, take_name, &list, NULL);

    for (unsigned i = 0; i < list.left_count; i++) {
        beside_of(name, list.left[i]);
        status = remove_file(cache, at, name);
    }
    (void)status; /* What is not listed is not found; what is not removed stays. */
}

static void place_give(frn_cache *cache, place *used)
{
    if (used != NULL && --used->users == 0) {
        used->io->ops->close(used->io);
        frn_free(cache->heap, used);
    }
}

/* Lets go of the folder in use, and of all that was known to be in it. */
static void place_leave(frn_cache *cache)
{
    place_give(cache, cache->place);
    cache->place = NULL;
    while (cache->oldest != NULL) {
        forget(cache, cache->oldest);
    }
}

/* The folder, opened and listed if it was not; NULL: there is none. With the lock; given back with it. */
static place *place_take(frn_cache *cache, bool create)
{
    frn_io_options options = {.path = FIRN_IO_PORTABLE,
                              .create = create,
                              .read_only = cache->options.read_only,
                              .no_link = true,
                              .trace = cache->options.trace};
    place *fresh;
    firn_status status;

    if (cache->place == NULL) {
        fresh = frn_alloc_zero(cache->heap, 1, sizeof *fresh);
        if (fresh == NULL) {
            return NULL;
        }
        status = frn_io_open_folder(cache->heap, cache->folder, &options, &fresh->io, NULL);
        if (status != FIRN_OK) {
            frn_free(cache->heap, fresh);
            return NULL;
        }
        fresh->users = 1;
        cache->place = fresh;
        place_list(cache, fresh);
    }
    cache->place->users++;
    return cache->place;
}

/* The oldest go until the rest is within bounds. */
static void shrink(frn_cache *cache, place *at)
{
    char name[NAME_SIZE];
    firn_status status;

    while (cache->size > cache->options.size_max || cache->entries > cache->options.entries_max) {
        name_of(name, cache->oldest->digest, cache->oldest->age);
        status = remove_file(cache, at, name);
        (void)status; /* Somebody else removed it, or it stays until the folder is listed again. */
        forget(cache, cache->oldest);
    }
}

firn_status frn_cache_new(frn_heap *heap, const char *folder, const frn_cache_options *options, frn_cache **out_cache,
                          firn_error *err)
{
    frn_cache *cache = frn_alloc_zero(heap, 1, sizeof *cache);
    char *copy = frn_strdup(heap, folder);

    if (cache == NULL || copy == NULL) {
        frn_free(heap, cache);
        frn_free(heap, copy);
        return frn_fail(err, FIRN_ENOMEM, "cache");
    }
    cache->heap = heap;
    cache->folder = copy;
    cache->options = *options;
    if (options->size_max == 0) {
        cache->options.size_max = SIZE_MAX_DEFAULT;
    }
    if (options->entries_max == 0) {
        cache->options.entries_max = ENTRIES_MAX_DEFAULT;
    }
    frn_mutex_init(&cache->lock);
    *out_cache = cache;
    return FIRN_OK;
}

void frn_cache_free(frn_cache *cache)
{
    if (cache != NULL) {
        place_leave(cache);
        frn_mutex_done(&cache->lock);
        frn_free(cache->heap, cache->folder);
        frn_free(cache->heap, cache);
    }
}

static bool has_digest(firn_slice bytes, const uint8_t *digest)
{
    uint8_t actual[FIRN_DIGEST_SIZE];

    return EVP_Digest(bytes.size == 0 ? "" : bytes.data, bytes.size, actual, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(actual, digest, sizeof actual) == 0;
}

/* Reads a file whole. FIRN_ENOTFOUND: it is not there, of another size, or cannot be read. */
static firn_status read_file(place *at, const char *name, uint64_t size, void *data)
{
    frn_file *file;
    uint64_t there = 0;
    size_t got = 0;
    firn_status status = at->io->ops->open(at->io, name, 0, &file, NULL);

    if (status != FIRN_OK) {
        return FIRN_ENOTFOUND;
    }
    status = at->io->ops->size(file, &there, NULL);
    if (status == FIRN_OK) {
        status = at->io->ops->read(file, data, (size_t)size, 0, &got, NULL);
    }
    at->io->ops->file_close(file);
    return status == FIRN_OK && there == size && got == size ? FIRN_OK : FIRN_ENOTFOUND;
}

/* The file turned out to be none: it is not looked at again. */
static void drop(frn_cache *cache, place *at, const uint8_t *digest, uint64_t age, const char *name)
{
    entry *same;
    firn_status status;

    frn_mutex_lock(&cache->lock);
    same = cache->place == at ? find(cache, digest) : NULL;
    if (same != NULL && same->age == age) {
        forget(cache, same);
    }
    status = remove_file(cache, at, name);
    (void)status; /* If it stays, it is judged again after the next listing. */
    frn_mutex_unlock(&cache->lock);
}

firn_status frn_cache_get(frn_cache *cache, const uint8_t digest[FIRN_DIGEST_SIZE], firn_buf *buf, firn_error *err)
{
    char name[NAME_SIZE];
    const entry *found = NULL;
    uint64_t age = 0, size = 0;
    place *at;
    firn_status status = FIRN_ENOTFOUND;

    frn_mutex_lock(&cache->lock);
    at = place_take(cache, false);
    found = at == NULL ? NULL : find(cache, digest);
    if (found != NULL) {
        age = found->age;
        size = found->size;
    }
    frn_mutex_unlock(&cache->lock);
    if (found != NULL) {
        name_of(name, digest, age);
        status = frn_buf_reserve(cache->heap, buf, size == 0 ? 1 : (size_t)size);
        if (status != FIRN_OK) {
            status = frn_fail(err, FIRN_ENOMEM, "%" PRIu64 " bytes of the cache", size);
        } else {
            status = read_file(at, name, size, buf->data);
            if (status == FIRN_OK && !has_digest((firn_slice){buf->data, (size_t)size}, digest)) {
                status = FIRN_ENOTFOUND;
            }
            buf->size = (size_t)size;
        }
        if (status == FIRN_ENOTFOUND) {
            drop(cache, at, digest, age, name);
        }
    }
    frn_mutex_lock(&cache->lock);
    place_give(cache, at);
    frn_mutex_unlock(&cache->lock);
    return status;
}

/* Writes beside and renames. FIRN_ENOTFOUND: the folder is gone. */
static firn_status write_file(frn_cache *cache, place *at, const char *name, uint64_t age, firn_slice bytes)
{
    char beside[NAME_SIZE];
    frn_file *file;
    firn_status status, removed;

    beside_of(beside, age);
    status = at->io->ops->open(at->io, beside, FRN_IO_WRITE | FRN_IO_CREATE, &file, NULL);
    if (status != FIRN_OK) {
        return status;
    }
    if (bytes.size != 0) {
        status = at->io->ops->write(file, bytes.data, bytes.size, 0, NULL);
    }
    at->io->ops->file_close(file);
    if (status == FIRN_OK) {
        status = at->io->ops->rename(at->io, beside, name, NULL);
    }
    if (status != FIRN_OK) {
        removed = remove_file(cache, at, beside);
        (void)removed; /* It is overwritten by no one, and goes with the folder. */
    }
    return status;
}

/* One attempt. FIRN_ENOTFOUND: the folder is gone, another attempt makes it anew. */
static firn_status put_once(frn_cache *cache, const uint8_t *digest, firn_slice bytes)
{
    char name[NAME_SIZE];
    uint64_t age = 0;
    entry *same;
    place *at;
    firn_status status = FIRN_EEXISTS;

    frn_mutex_lock(&cache->lock);
    at = place_take(cache, true);
    same = at == NULL ? NULL : find(cache, digest);
    age = same == NULL ? cache->age_next++ : 0;
    frn_mutex_unlock(&cache->lock);
    if (at != NULL && same == NULL) {
        name_of(name, digest, age);
        status = write_file(cache, at, name, age, bytes);
    }
    frn_mutex_lock(&cache->lock);
    if (status == FIRN_OK && cache->place == at) {
        same = find(cache, digest);
        if (same != NULL) {
            /* Another thread put the same; one file is enough. */
            status = remove_file(cache, at, name);
        } else if (remember(cache, digest, age, bytes.size)) {
            shrink(cache, at);
        }
    } else if (status == FIRN_ENOTFOUND && cache->place == at) {
        place_leave(cache);
    }
    place_give(cache, at);
    frn_mutex_unlock(&cache->lock);
    return status;
}

void frn_cache_put(frn_cache *cache, const uint8_t digest[FIRN_DIGEST_SIZE], firn_slice bytes)
{
    if (cache->options.read_only || bytes.size > cache->options.size_max) {
        return;
    }
    if (put_once(cache, digest, bytes) == FIRN_ENOTFOUND && put_once(cache, digest, bytes) < 0) {
        frn_trace_say(&cache->options.trace, "the cache keeps nothing: %s cannot be written", cache->folder);
    }
}

void frn_cache_stat(frn_cache *cache, uint64_t *out_size, uint32_t *out_entries)
{
    frn_mutex_lock(&cache->lock);
    *out_size = cache->size;
    *out_entries = cache->entries;
    frn_mutex_unlock(&cache->lock);
}
