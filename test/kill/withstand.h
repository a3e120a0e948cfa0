/* SPDX-License-Identifier: Apache-2.0 */
/*
 * withstand.h — what a writer does when the disk below it fails and it is not killed: what is documented, and is
 * checked.
 *
 * No room (FIRN_ENOSPC) costs nothing: the writer makes the call again until there is room. If no segment can be made
 * for another reason (FIRN_EIO), that costs nothing either, and it tries a few times. Any other error ends its appends.
 * A ledger that is poisoned says so with an errno, refuses every further append the same way, and lets all that is
 * durable be read, unless the device cannot be read. Closing it says that no clean mark was left.
 */
#ifndef TEST_KILL_WITHSTAND_H
#define TEST_KILL_WITHSTAND_H

#include "test/kill/shared.h"

/** An error ended the work of a thread. */
void withstand_note(shared *s, firn_status status, const firn_error *err);

/** Before the ledger is closed: is its state what it must be after these errors? */
void withstand_look(shared *s, firn_ledger *ledger);

#endif
