/* SPDX-License-Identifier: Apache-2.0 */
/* after.h — what must hold after a fault: in the open ledger, in each round without it, and when it is opened again. */
#ifndef TEST_FAULT_AFTER_H
#define TEST_FAULT_AFTER_H

#include "test/fault/rig.h"

/** The fault is over, the ledger still open: stat tells of a poisoning, and reading goes on. */
void after_fault(rig *r);
/** The calls were made once more: rows are those that follow from the log. */
void after_round(rig *r);
/** All is closed: the ledger opens, and acknowledged ⊆ recovered ⊆ submitted. */
void after_close(rig *r);

/** Records that the ledger holds before a case begins, of each kind of beginning. */
extern uint64_t after_records_before[3];

#endif
