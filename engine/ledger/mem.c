/* SPDX-License-Identifier: Apache-2.0 */
/* mem.c — the disks in memory of this process, by name: shared by all opens of a name that overlap. */
#include "engine/ledger/mem.h"

#include "engine/base/error.h"
#include "engine/base/thread.h"

#include <string.h>

struct frn_mem_disk {
    frn_mem_disk *next; /* In the list of named ones. */
    frn_memory_disk *disk;
    unsigned users;
    char *name; /* "" is in no list. */
};

/* All zero is an initialised heap. */
static frn_heap process_heap;
static frn_mutex disks_mutex = {PTHREAD_MUTEX_INITIALIZER};
static frn_mem_disk *disks; /* Guarded by disks_mutex, like the counts in it. */

frn_heap *frn_process_heap(void)
{
    return &process_heap;
}

frn_memory_disk *frn_mem_disk_get(frn_mem_disk *disk)
{
    return disk->disk;
}

static void disk_free(frn_mem_disk *disk)
{
    if (disk != NULL) {
        frn_memory_disk_free(disk->disk);
        frn_free(&process_heap, disk->name);
        frn_free(&process_heap, disk);
    }
}

static firn_status disk_new(const char *name, frn_mem_disk **out_disk, firn_error *err)
{
    frn_mem_disk *disk = frn_alloc_zero(&process_heap, 1, sizeof *disk);
    firn_status status;

    if (disk == NULL) {
        return frn_fail(err, FIRN_ENOMEM, "disk in memory");
    }
    disk->users = 1;
    disk->name = frn_strdup(&process_heap, name);
    status = disk->name == NULL ? frn_fail(err, FIRN_ENOMEM, "disk in memory")
                                : frn_memory_disk_new(&process_heap, &disk->disk, err);
    if (status != FIRN_OK) {
        frn_free(&process_heap, disk->name);
        frn_free(&process_heap, disk);
        return status;
    }
    *out_disk = disk;
    return FIRN_OK;
}

static frn_mem_disk *disk_find(const char *name)
{
    frn_mem_disk *disk = disks;

    while (disk != NULL && strcmp(disk->name, name) != 0) {
        disk = disk->next;
    }
    return disk;
}

firn_status frn_mem_disk_take(const char *name, bool make, frn_mem_disk **out_disk, firn_error *err)
{
    frn_mem_disk *disk = NULL;
    firn_status status = FIRN_OK;

    frn_mutex_lock(&disks_mutex);
    if (name[0] != '\0') {
        disk = disk_find(name);
    }
    if (disk != NULL) {
        disk->users++;
    } else if (!make) {
        status = frn_fail_detail(err, FIRN_ENOTFOUND, FIRN_DETAIL_NOT_A_LEDGER, "there is no ledger");
    } else {
        status = disk_new(name, &disk, err);
        if (status == FIRN_OK && name[0] != '\0') {
            disk->next = disks;
            disks = disk;
        }
    }
    frn_mutex_unlock(&disks_mutex);
    if (status == FIRN_OK) {
        *out_disk = disk;
    }
    return status;
}

void frn_mem_disk_release(frn_mem_disk *disk)
{
    frn_mem_disk **at = &disks;

    if (disk == NULL) {
        return;
    }
    frn_mutex_lock(&disks_mutex);
    if (--disk->users != 0) {
        disk = NULL;
    } else {
        while (*at != NULL && *at != disk) {
            at = &(*at)->next;
        }
        if (*at == disk) {
            *at = disk->next;
        }
    }
    frn_mutex_unlock(&disks_mutex);
    disk_free(disk);
}
