/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h — the disks in memory of this process, by name. */
#ifndef FRN_LEDGER_MEM_H
#define FRN_LEDGER_MEM_H

#include <stdbool.h>

#include "engine/io/io.h"

typedef struct frn_mem_disk frn_mem_disk;

/** The disk of this name, made if it is missing and make is set; "" is a new one that nobody else finds. Counted.
    FIRN_OK, FIRN_ENOTFOUND (detail NOT_A_LEDGER), FIRN_ENOMEM. Any thread. */
firn_status frn_mem_disk_take(const char *name, bool make, frn_mem_disk **out_disk, firn_error *err) FIRN_NODISCARD;
/** The last one to release it frees it. NULL is accepted. */
void frn_mem_disk_release(frn_mem_disk *disk);

frn_memory_disk *frn_mem_disk_get(frn_mem_disk *disk);

/** The heap of what belongs to the process and not to one ledger. */
frn_heap *frn_process_heap(void);

#endif
