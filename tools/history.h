/* SPDX-License-Identifier: Apache-2.0 */
/* history.h — tell a history, whole or part by part, by its logical digest. */
#ifndef TOOLS_HISTORY_H
#define TOOLS_HISTORY_H

#include "firn.h"
#include "tools/commands.h"

/** Whether one of the options that only go with --digest is given. */
bool tool_history_asked(const tool_call *call);

/** firn dump --digest. What lies before damage is printed before the damage is told. */
firn_status tool_history_print(const tool_call *call, firn_error *err) FIRN_NODISCARD;

#endif
