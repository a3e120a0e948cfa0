/* SPDX-License-Identifier: Apache-2.0 */
/* report.h — print what a verification or a replay read. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include "firn.h"
#include "tools/commands.h"
#include "tools/progress.h"

/** A command that tells findings while it shows its progress. */
typedef struct tool_findings {
    const tool_call *call;
    tool_progress progress;
} tool_findings;

/** A firn_finding_fn whose arg is a tool_findings: findings are the result, so they go to standard output. */
void tool_report_finding(void *arg, const firn_error *finding);

/** The same for notes. */
void tool_report_note(void *arg, const firn_error *note);

/** verdict: one sentence about the outcome. */
void tool_report_print(const tool_call *call, const firn_report *report, const char *verdict, bool good);

#endif
