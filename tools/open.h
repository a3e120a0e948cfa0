/* SPDX-License-Identifier: Apache-2.0 */
/* open.h — open the ledger that a command works on. */
#ifndef TOOLS_OPEN_H
#define TOOLS_OPEN_H

#include "firn.h"
#include "tools/commands.h"

/** Options of an open: the mode, and --io-path and --durable-method where the command has them. */
firn_status tool_open_options(const tool_call *call, firn_open_mode mode, firn_options *out_options,
                              firn_error *err) FIRN_NODISCARD;

/** Open with these options, showing the progress of a long replay. */
firn_status tool_open_with(const tool_call *call, firn_options *options, firn_ledger **out_ledger,
                           firn_error *err) FIRN_NODISCARD;

/** Both, for commands that only read. What is readable may end before damage, which goes to call->damage. */
firn_status tool_open_read(const tool_call *call, firn_ledger **out_ledger, firn_error *err) FIRN_NODISCARD;

/** "uring", "direct-dsync" and the like, as the options spell them. */
const char *tool_io_path_text(firn_io_path path);
const char *tool_durable_method_text(firn_durable_method method);

#endif
