/* SPDX-License-Identifier: Apache-2.0 */
/* test_contract.c — the simulated disk keeps the contract of the I/O seam that every backend keeps. */
#include "test/contract/io_contract.h"
#include "test/disk/disk.h"

static firn_status again(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    return disk_open_io_in(*(disk **)arg, heap, out_io, err);
}

static firn_status fresh(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err)
{
    *(disk **)arg = disk_new(1);
    return again(arg, heap, out_io, err);
}

static void gone(void *arg)
{
    disk_free(*(disk **)arg);
}

int main(void)
{
    disk *d = NULL;
    const frn_io_contract_factory factory = {
        .name = "simulated disk", .arg = &d, .open = fresh, .reopen = again, .close = gone, .single_threaded = true};
    int failed = frn_io_contract_run(&factory);

    image_pool_free();
    return failed;
}
