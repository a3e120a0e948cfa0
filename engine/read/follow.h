/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h — wait for records, whether this process writes them or another one. */
#ifndef FRN_READ_FOLLOW_H
#define FRN_READ_FOLLOW_H

#include "engine/intake/core.h"

/** Looks for what another process wrote, if this handle is open for reading. FIRN_OK, or why it cannot go on. */
firn_status frn_follow(firn_ledger *ledger, firn_error *err) FIRN_NODISCARD;

/** Waits until seq is durable; deadline_ns < 0: for ever. FIRN_OK, FIRN_TIMEOUT, FIRN_EPOISONED, and as frn_follow().
 */
firn_status frn_follow_wait(firn_ledger *ledger, uint64_t seq, int64_t deadline_ns, firn_error *err) FIRN_NODISCARD;

#endif
