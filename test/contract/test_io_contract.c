/* SPDX-License-Identifier: Apache-2.0 */
/* test_io_contract.c — the contract of engine/io/io.h over io_uring, portable and memory, on a disk and on tmpfs. */
#include "test/contract/io_contract.h"

#include "engine/io/backend.h"
#include "test/contract/io_folder.h"

#include <stdio.h>
#include <string.h>

typedef enum kind {
    KIND_URING,
    KIND_URING_EVENTFD,
    KIND_PORTABLE
} kind;

typedef struct folder_disk {
    kind kind;
    const char *parent;
    char path[128];
} folder_disk;

static firn_status folder_reopen(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    folder_disk *disk = arg;
    frn_io_options options = {.path = FIRN_IO_PORTABLE};
    int missing = 0;

    if (disk->kind == KIND_PORTABLE) {
        return frn_io_open_folder(heap, disk->path, &options, out_io, err);
    }
    return frn_io_open_uring(heap, disk->path, &options,
                             disk->kind == KIND_URING ? FRN_URING_WAKE_AUTO : FRN_URING_WAKE_EVENTFD, &missing, out_io,
                             err);
}

static firn_status folder_open(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    folder_disk *disk = arg;

    io_folder_make(disk->parent, disk->path, sizeof disk->path);
    return folder_reopen(arg, heap, out_io, err);
}

static void folder_close(void *arg)
{
    io_folder_remove(((folder_disk *)arg)->path);
}

typedef struct memory_disk {
    frn_heap heap; /* Not the fixture's: the disk outlives what the fixture counts. */
    frn_memory_disk *disk;
} memory_disk;

static firn_status memory_reopen(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    return frn_io_open_memory(heap, ((memory_disk *)arg)->disk, out_io, err);
}

static firn_status memory_open(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    memory_disk *disk = arg;
    firn_status status;

    frn_heap_init(&disk->heap);
    status = frn_memory_disk_new(&disk->heap, &disk->disk, err);
    return status == FIRN_OK ? memory_reopen(arg, heap, out_io, err) : status;
}

static void memory_close(void *arg)
{
    memory_disk *disk = arg;

    frn_memory_disk_free(disk->disk);
    if (atomic_load(&disk->heap.live) != 0) {
        (void)fprintf(stderr, "the memory disk was not freed\n");
        io_folder_failed();
    }
}

int main(void)
{
    folder_disk disks[] = {
        {.kind = KIND_URING, .parent = "."},           {.kind = KIND_URING, .parent = "/dev/shm"},
        {.kind = KIND_URING_EVENTFD, .parent = "."},   {.kind = KIND_PORTABLE, .parent = "."},
        {.kind = KIND_PORTABLE, .parent = "/dev/shm"},
    };
    memory_disk memory = {.disk = NULL};
    int failed = 0;

    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
        static const char *const names[] = {"io_uring", "io_uring by eventfd", "portable"};
        char name[64];
        frn_io_contract_factory factory = {
            .name = name, .arg = &disks[i], .open = folder_open, .reopen = folder_reopen, .close = folder_close};

        (void)snprintf(name, sizeof name, "%s in %s", names[disks[i].kind], disks[i].parent);
        if (disks[i].kind != KIND_PORTABLE && !io_folder_has_uring()) {
            (void)printf("skipped: %s: no io_uring here\n", name);
        } else if (!io_folder_usable(disks[i].parent)) {
            (void)printf("skipped: %s: the folder is not there or not writable\n", name);
        } else {
            failed += frn_io_contract_run(&factory);
        }
    }
    failed += frn_io_contract_run(&(frn_io_contract_factory){
        .name = "memory", .arg = &memory, .open = memory_open, .reopen = memory_reopen, .close = memory_close});
    return failed == 0 ? 0 : 1;
}
