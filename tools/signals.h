/* SPDX-License-Identifier: Apache-2.0 */
/* signals.h — interrupts as something to wait for, so that what is under way is brought to an end. */
#ifndef TOOLS_SIGNALS_H
#define TOOLS_SIGNALS_H

#include "firn.h"

/** From here on SIGINT and SIGTERM no longer end the process: *out_fd becomes readable. Before any thread starts. */
firn_status tool_signals_start(int *out_fd, firn_error *err) FIRN_NODISCARD;

/** The number of a signal that came, or 0; does not wait. */
int tool_signals_take(int fd);

#endif
