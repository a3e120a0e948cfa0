/* SPDX-License-Identifier: Apache-2.0 */
/* faults.h — every way in which the disk below a ledger is made to fail, and what a writer may answer to it. */
#ifndef TEST_KERNEL_FAULTS_H
#define TEST_KERNEL_FAULTS_H

#include "test/disk/dice.h"
#include "test/kernel/device.h"
#include "test/kill/history.h"

/** What becomes of the device when the round is over. */
typedef enum fault_after {
    AFTER_NOTHING,
    AFTER_AGAIN,  /**< Checked and mounted again. */
    AFTER_REPLACE /**< Its server is another one. */
} fault_after;

/** A ledger on a device, and the writer of the round. */
typedef struct stage {
    device device;
    history history;
    int writer; /**< Its process. */
} stage;

typedef struct fault {
    const char *name;
    unsigned kinds;           /**< Devices that can have it: bits 1 << device_kind. */
    void (*put)(stage *st);   /**< While the writer works. */
    void (*lift)(stage *st);  /**< While it still lives; NULL: not before it has ended. */
    void (*clear)(stage *st); /**< When it has ended; NULL: nothing to do. */
    fault_after after;
    bool brief;    /**< Lifted after some ms. */
    bool harmless; /**< Costs latency, or nothing: no error but FIRN_ENOSPC may come of it, and work goes on. */
    bool blinds;   /**< Reads fail as well. */
    bool hides;    /**< Whoever opens the ledger then, by its name, finds another folder: not before the writer has. */
} fault;

/** Whether what LMDB has mapped of the index may become unreadable, and a process end by SIGBUS (docs/durability.md).
 */
bool fault_ends_mapping(const fault *f, const device *d);

extern const fault faults[];
extern const unsigned faults_count;

/** Number n (it wraps) of those that a device of this kind can have; `only` NULL, or the name of the one to take. */
const fault *fault_of(device_kind kind, const char *only, uint64_t n);

#endif
