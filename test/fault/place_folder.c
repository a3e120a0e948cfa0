/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place_folder.c — ledgers in a real folder, with their index in LMDB, on the portable backend or on io_uring.
 *
 * What stands in the folder before a case is kept in memory and written out anew for each run. In a file system in
 * memory, if there is one, syncs cost nothing; what a power cut leaves is not asked here.
 */
#include "test/fault/place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ledger/ledger.h"
#include "test/api/fault_io.h"
#include "test/fault/interpose.h"

enum {
    FILES_MAX = 64,
    PATH_SIZE = 300,
    SEATS = 2,
    CLOSE_IN = 8 /* Every so many points all is looked at. */
};

/* Under the address sanitizer: what a sweep can do without. */
const char *__asan_default_options(void);
__attribute__((used, visibility("default"))) const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=2:max_malloc_fill_size=0";
}

const char *const place_name = "folder";
const unsigned place_for_ever_in = 3;
const fault_kind place_kinds[] = {FAULT_MALLOC, FAULT_CALL, FAULT_NONE};
const fault_kind place_kinds_long[] = {FAULT_MALLOC, FAULT_CALL, FAULT_SEAM, FAULT_NONE};

typedef struct kept_file {
    char name[64]; /* In the ledger's folder; ends with a slash: a folder. */
    uint8_t *data;
    size_t size;
    size_t used; /* Behind it are zeros only. */
} kept_file;

typedef struct kept_folder {
    kept_file files[FILES_MAX];
    unsigned count;
} kept_folder;

static char root[PATH_SIZE], ledger_path[PATH_SIZE], index_path[PATH_SIZE], cache_path[PATH_SIZE];
static kept_folder kept[3];
static bool by_ring;
static fault_io seams[SEATS];
static frn_io *seams_below[SEATS];
static bool seams_used[SEATS];
static bool seams_wanted;
static unsigned seams_files, seams_syncs, seams_writes; /* Of those that were left. */
static place_what standing;
static bool changed = true; /* What stands there may be another than it was. */
static unsigned fds_before, threads_before;

static void need(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    need(dir != NULL, path);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

/* Threads of this process, the kernel's workers for its rings not counted: they end when they like. */
static unsigned threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    const struct dirent *entry;
    unsigned count = 0;
    char path[PATH_SIZE], name[16] = "";

    need(dir != NULL, "/proc/self/task");
    while ((entry = readdir(dir)) != NULL) {
        FILE *file;

        (void)snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", entry->d_name);
        file = fopen(path, "re");
        if (file != NULL) {
            count += fgets(name, sizeof name, file) != NULL && strncmp(name, "iou-", 4) != 0;
            (void)fclose(file);
        }
    }
    (void)closedir(dir);
    return count;
}

/* ---- the folder ---- */

/* Calls fn with the name of each entry, that of a folder behind those within it. */
static void each(const char *folder, const char *prefix, void (*fn)(void *arg, const char *name, bool is_folder),
                 void *arg)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[2 * PATH_SIZE], name[2 * PATH_SIZE];
    struct stat st;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        need(lstat(path, &st) == 0, path);
        if (S_ISDIR(st.st_mode)) {
            char within[2 * PATH_SIZE + 1];

            (void)snprintf(within, sizeof within, "%s/", name);
            each(path, within, fn, arg);
        }
        fn(arg, name, S_ISDIR(st.st_mode));
    }
    (void)closedir(dir);
}

static void remove_one(void *arg, const char *name, bool is_folder)
{
    char path[3 * PATH_SIZE];

    (void)arg;
    (void)snprintf(path, sizeof path, "%s/%s", ledger_path, name);
    need((is_folder ? rmdir(path) : unlink(path)) == 0, path);
}

static void remove_ledger(void)
{
    each(ledger_path, "", remove_one, NULL);
    (void)rmdir(ledger_path);
}

static void keep_one(void *arg, const char *name, bool is_folder)
{
    kept_folder *folder = arg;
    kept_file *file = &folder->files[folder->count++];
    char path[3 * PATH_SIZE];
    struct stat st;
    int fd;

    need(folder->count <= FILES_MAX && strlen(name) + 2 <= sizeof file->name, "too many files");
    (void)snprintf(file->name, sizeof file->name, "%s%s", name, is_folder ? "/" : "");
    if (is_folder) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/%s", ledger_path, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd >= 0 && fstat(fd, &st) == 0, path);
    file->size = (size_t)st.st_size;
    file->data = malloc(file->size + 1);
    need(file->data != NULL && read(fd, file->data, file->size) == (ssize_t)file->size, path);
    (void)close(fd);
    file->used = file->size;
    while (file->used > 0 && file->data[file->used - 1] == 0) {
        file->used--;
    }
}

void place_keep(place_what what)
{
    each(ledger_path, "", keep_one, &kept[what]);
}

static void write_out(const kept_folder *folder)
{
    char path[2 * PATH_SIZE];

    need(mkdir(ledger_path, 0700) == 0, ledger_path);
    /* Folders come behind what is in them. */
    for (unsigned i = folder->count; i-- > 0;) {
        const kept_file *file = &folder->files[i];
        int fd;

        (void)snprintf(path, sizeof path, "%s/%s", ledger_path, file->name);
        if (file->name[strlen(file->name) - 1] == '/') {
            need(mkdir(path, 0700) == 0, path);
            continue;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, file->data, file->used) == (ssize_t)file->used &&
                 ftruncate(fd, (off_t)file->size) == 0,
             path);
        (void)close(fd);
    }
}

void place_restore(place_what what)
{
    if (changed || what != standing) {
        remove_ledger();
        if (what != PLACE_EMPTY) {
            write_out(&kept[what]);
        }
    }
    changed = false;
    standing = what;
    fds_before = entries("/proc/self/fd");
    threads_before = threads();
}

bool place_begin(const char *folder, bool ring)
{
    frn_io_options options = {.path = ring ? FIRN_IO_URING : FIRN_IO_PORTABLE};
    frn_heap heap;
    frn_io *io;

    by_ring = ring;
    (void)snprintf(root, sizeof root, "%s/firn-fault-XXXXXX",
                   folder != NULL                  ? folder
                   : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                   : ".");
    need(mkdtemp(root) != NULL, root);
    (void)snprintf(ledger_path, sizeof ledger_path, "%.200s/ledger", root);
    (void)snprintf(index_path, sizeof index_path, "%.200s/ledger/index", root);
    (void)snprintf(cache_path, sizeof cache_path, "%.200s/ledger/cache", root);
    frn_heap_init(&heap);
    if (frn_io_open_folder(&heap, root, &options, &io, NULL) != FIRN_OK) {
        (void)rmdir(root);
        return false;
    }
    io->ops->close(io);
    return true;
}

void place_choose(fault_kind kind)
{
    seams_wanted = kind == FAULT_SEAM;
}

void place_seed(uint64_t seed)
{
    (void)seed;
}

void place_end(void)
{
    remove_ledger();
    (void)rmdir(root);
    for (unsigned what = 0; what < 3; what++) {
        for (unsigned i = 0; i < kept[what].count; i++) {
            free(kept[what].files[i].data);
        }
    }
}

void place_mark(void)
{
}

bool place_cut(void)
{
    return false;
}

/* ---- ledgers in it ---- */

const char *place_url(void)
{
    return ledger_path;
}

static firn_status seat_open(place_seat *seat, frn_heap *heap, bool create, bool read_only, firn_error *err)
{
    frn_io_options options = {
        .path = by_ring ? FIRN_IO_URING : FIRN_IO_PORTABLE, .create = create, .read_only = read_only};
    unsigned i = 0;
    firn_status status = frn_io_open_folder(heap, ledger_path, &options, &seat->io, err);

    if (status != FIRN_OK) {
        seat->io = NULL;
        return status;
    }
    if (seams_wanted) {
        while (seams_used[i]) {
            i++;
        }
        seams_used[i] = true;
        seams_below[i] = seat->io;
        fault_io_init(&seams[i], seat->io);
        seat->io = &seams[i].io;
    }
    return FIRN_OK;
}

firn_status place_open(place_seat *seat, frn_heap *heap, const firn_options *options, bool by_name,
                       firn_ledger **out_ledger, firn_error *err)
{
    frn_ledger_seam seam = {.heap = heap, .threads = false, .index_folder = index_path, .cache_folder = cache_path};
    bool create = options->mode == FIRN_OPEN_CREATE || options->mode == FIRN_OPEN_NEW;
    firn_options own = *options;
    firn_status status;

    changed |= options->mode != FIRN_OPEN_READ;
    if (by_name) {
        own.io_path = by_ring ? FIRN_IO_URING : FIRN_IO_PORTABLE;
        own.progress = FIRN_PROGRESS_AUTO;
        return firn_open(ledger_path, &own, out_ledger, err);
    }
    status = seat_open(seat, heap, create, options->mode == FIRN_OPEN_READ, err);
    if (status != FIRN_OK) {
        return status;
    }
    seam.io = seat->io;
    return frn_ledger_open_on(&seam, options, out_ledger, err);
}

void place_leave(place_seat *seat)
{
    for (unsigned i = 0; i < SEATS && seat->io != NULL; i++) {
        if (seams_used[i] && seat->io == &seams[i].io) {
            seams_files += atomic_load(&seams[i].files);
            seams_syncs += atomic_load(&seams[i].syncs_after_failure);
            seams_writes += atomic_load(&seams[i].queued_after);
            seat->io->ops->close(seat->io);
            seat->io = seams_below[i];
            seams_used[i] = false;
        }
    }
    if (seat->io != NULL) {
        seat->io->ops->close(seat->io);
    }
    *seat = (place_seat){0};
}

firn_status place_verify(frn_heap *heap, firn_report *out_report, firn_error *err)
{
    place_seat seat = {0};
    firn_status status = seat_open(&seat, heap, false, true, err);

    if (status == FIRN_OK) {
        frn_ledger_seam seam = {.heap = heap, .io = seat.io, .index_folder = index_path};

        status = frn_ledger_verify_on(&seam, NULL, out_report, err);
        place_leave(&seat);
    }
    return status;
}

/* ---- faults ---- */

void place_arm(const fault *f, frn_heap *heap)
{
    (void)heap;
    /* A reader that finds the index damaged says so beside it. */
    changed |= f->kind != FAULT_MALLOC && f->kind != FAULT_NONE;
    if (f->kind == FAULT_SEAM) {
        for (unsigned i = 0; i < SEATS; i++) {
            seams[i].fail_errno = f->os_errno;
            seams[i].fail_for_ever = f->for_ever;
            seams[i].fail_short = f->is_short;
            atomic_store(&seams[i].fail_at, (int64_t)f->at);
        }
    } else if (f->kind != FAULT_NONE) {
        interpose_arm(f->kind == FAULT_MALLOC ? INTERPOSE_MEMORY : INTERPOSE_IO, f->at, f->for_ever, f->os_errno);
    }
}

bool place_came(const fault *f, const frn_heap *heap)
{
    (void)heap;
    if (f->kind == FAULT_SEAM) {
        return atomic_load(&seams[0].failed) + atomic_load(&seams[1].failed) > 0;
    }
    return f->kind != FAULT_NONE && interpose_failed() > 0;
}

void place_disarm(frn_heap *heap)
{
    (void)heap;
    interpose_disarm();
    for (unsigned i = 0; i < SEATS; i++) {
        atomic_store(&seams[i].fail_at, 0);
    }
}

const char *place_failed(void)
{
    for (unsigned i = 0; i < SEATS && seams_wanted; i++) {
        const char *name = atomic_load(&seams[i].failed_name);

        if (name != NULL) {
            return name;
        }
    }
    return interpose_failed_name();
}

bool place_looks_closely(const fault *f)
{
    return f->at % CLOSE_IN == 0;
}

const char *place_complaint(void)
{
    static char text[200];
    unsigned fds = entries("/proc/self/fd"), alive = threads();

    if (fds != fds_before || alive != threads_before) {
        (void)snprintf(text, sizeof text, "%u descriptors and %u threads, before there were %u and %u", fds, alive,
                       fds_before, threads_before);
    } else if (interpose_syncs_after_failure() > 0) {
        (void)snprintf(text, sizeof text, "%llu syncs of a descriptor whose sync had failed",
                       (unsigned long long)interpose_syncs_after_failure());
    } else if (seams_files + seams_syncs + seams_writes > 0) {
        (void)snprintf(
            text, sizeof text,
            "%u files left open, %u syncs of a file whose sync had failed, %u operations queued after a failure",
            seams_files, seams_syncs, seams_writes);
    } else {
        return NULL;
    }
    return text;
}
