/* SPDX-License-Identifier: Apache-2.0 */
/* sender.h — keep several batches under way, and tell of each in order when it is acknowledged. */
#ifndef TOOLS_SENDER_H
#define TOOLS_SENDER_H

#include <stdbool.h>

#include "firn.h"

/** Told of each acknowledged batch, in the order in which they were sent. */
typedef void (*tool_acknowledged_fn)(void *arg, const firn_receipt *receipt);

/** Batches sent and not answered yet. One thread. */
typedef struct tool_sender tool_sender;

firn_status tool_sender_new(firn_ledger *ledger, unsigned outstanding_max, tool_acknowledged_fn acknowledged, void *arg,
                            tool_sender **out_sender, firn_error *err) FIRN_NODISCARD;

/** Everything must be answered or the ledger poisoned. NULL is accepted. */
void tool_sender_free(tool_sender *sender);

/** Send a batch; waits while too many are under way. Answers come to the callback here as well. */
firn_status tool_sender_send(tool_sender *sender, firn_batch *batch, firn_error *err) FIRN_NODISCARD;

/** Take what is answered, without waiting. Fails with the first batch that failed. */
firn_status tool_sender_take(tool_sender *sender, firn_error *err) FIRN_NODISCARD;

/** Wait until everything sent is answered. Goes on behind a failure, and returns the first one. */
firn_status tool_sender_finish(tool_sender *sender, firn_error *err) FIRN_NODISCARD;

#endif
