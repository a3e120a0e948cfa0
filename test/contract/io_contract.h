/* SPDX-License-Identifier: Apache-2.0 */
/* io_contract.h — the one test of engine/io/io.h, run over anything that claims to be a backend. */
#ifndef FRN_TEST_IO_CONTRACT_H
#define FRN_TEST_IO_CONTRACT_H

#include "engine/base/heap.h"
#include "engine/io/io.h"

/** Makes disks for the contract to work on, one after the other. */
typedef struct frn_io_contract_factory {
    const char *name;
    void *arg;                                                                          /**< For the three below. */
    firn_status (*open)(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err);   /**< On a new, empty disk. */
    firn_status (*reopen)(void *arg, frn_heap *heap, frn_io **out_io, firn_error *err); /**< Once more on that disk. */
    bool single_threaded;     /**< Made for one thread: what takes two is skipped. */
    void (*close)(void *arg); /**< The disk goes away; all instances
                                   are closed. */
} frn_io_contract_factory;

/** Runs all of it as one group of cmocka's; returns the number of failed tests. */
int frn_io_contract_run(const frn_io_contract_factory *factory);

#endif
