/* SPDX-License-Identifier: Apache-2.0 */
/* names.h — the names of streams, looked up once. */
#ifndef TOOLS_NAMES_H
#define TOOLS_NAMES_H

#include <stdbool.h>

#include "firn.h"

/** Start with all zero. Names that were looked up stay, whatever handle they came from: a number keeps its name. */
typedef struct tool_names {
    char **by_id; /**< NULL where a name was not looked up. */
    size_t capacity;
} tool_names;

/** The name of a stream; "" for number 0, the ledger's own records. Lives as long as names. */
firn_status tool_names_get(tool_names *names, firn_view *view, uint32_t id, const char **out_name,
                           firn_error *err) FIRN_NODISCARD;

/** Whether a name was looked up before; then it is given. */
bool tool_names_known(const tool_names *names, uint32_t id, const char **out_name);

void tool_names_done(tool_names *names);

#endif
