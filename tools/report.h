/* SPDX-License-Identifier: Apache-2.0 */
/* report.h — print what a verification or a replay read. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include "firn.h"
#include "tools/commands.h"

/** verdict: one sentence about the outcome. */
void tool_report_print(const tool_call *call, const firn_report *report, const char *verdict, bool good);

#endif
